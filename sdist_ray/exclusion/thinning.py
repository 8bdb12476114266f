"""Which ranges of a log without an end still count: the newest all, older ones ever fewer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

CHUNK = 64
"""At most so many ranges stay or go together (two minutes of 2 s): what only pads a chunk is small beside it,
and chunks that stay are spread over all hours of a day for years."""
TIMES = 8
"""So often is the log thinned while as many ranges come as are kept whole; links are then searched anew."""
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Thinning:
    """Of ranges older than ``whole`` every second chunk stays, of those twice as old every fourth, and so on.

    What counts is then ``whole`` ranges and half as many again each time that their age doubles: a log grows
    with the logarithm of time. Each age is thinned evenly, so N / O stays an estimate of the same share; what
    is old weighs less. Whether a range counts follows from its index and the newest one's alone: all tiles
    of a network forget the same, wherever and since whenever they count.

    Attributes:
        whole: how many of the newest ranges all count, at least 1.
    """

    whole: int

    @cached_property
    def chunk(self) -> int:
        """Ranges that stay or go together."""
        return max(1, min(CHUNK, self.whole // TIMES))

    def time(self, newest: int) -> int:
        """Which thinning it is, when the newest range has this index; a log changes only where this does."""
        return newest // max(self.chunk, self.whole // TIMES)

    def counts(self, indexes: Ints, newest: int) -> npt.NDArray[np.bool_]:
        """Which ranges count. What counts no longer never does so again.

        Args:
            indexes: int64 (n,), of ranges.
            newest: the newest range's index, not before them.

        Returns:
            bool (n,).
        """
        now = self.time(newest) * max(self.chunk, self.whole // TIMES)
        number = indexes // self.chunk
        age = np.maximum(now - (number + 1) * self.chunk, 0) // self.whole
        # 0 for those that are younger than ``whole``, then one more for each doubling: the length in bits.
        level = np.frexp(age.astype(np.float64))[1].astype(np.int64)
        stays: npt.NDArray[np.bool_] = number % (np.int64(1) << level) == 0
        return stays
