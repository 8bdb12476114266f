"""What a handover is made of, and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Kind = Literal["overlap", "transit", "return", "guess", "ahead"]
KINDS: tuple[Kind, ...] = ("overlap", "transit", "return", "guess", "ahead")

WINDOWS_SHARE = 0.95
"""Windows of a candidate are listed, likeliest first, until they hold this much."""


@dataclass(frozen=True)
class Candidate:
    """A camera that may see the target next.

    Attributes:
        camera: its id.
        kind: why it may, see above.
        probability: that it does, 0 to 1.
        from_s, median_s, until_s: seconds after the target was lost, between which it is seen there with a
            probability of 0.9: the 5th, 50th and 95th percentile. An overlap sees it at once: 0, 0, and how
            long after an exit it is looked for.
        windows: windows of that camera in which it appears, likeliest first; none where that is not known.
        shares: of each of these windows, 0 to 1.
    """

    camera: str
    kind: Kind
    probability: float
    from_s: float
    median_s: float
    until_s: float
    windows: tuple[int, ...]
    shares: tuple[float, ...]


@dataclass(frozen=True)
class Rows:
    """Rows of numbers for each of many places, as sparse matrices have them.

    Attributes:
        start: int64 (places + 1,), where the rows of a place begin.
        column: int64 (rows,).
        value: float64 (rows,).
    """

    start: Ints
    column: Ints
    value: Floats

    @classmethod
    def of(cls, place: Ints, column: Ints, value: Floats, places: int) -> Rows:
        """From any order; values of the same place and column are added."""
        width = np.int64(max(int(column.max(initial=0)) + 1, 1))
        keys, which = np.unique(place * width + column, return_inverse=True)
        summed = np.bincount(which, weights=value, minlength=len(keys))
        start = np.searchsorted(keys // width, np.arange(places + 1)).astype(np.int64)
        return cls(start, keys % width, np.asarray(summed, dtype=np.float64))

    def at(self, place: int) -> tuple[Ints, Floats]:
        """Columns and values of a place."""
        rows = slice(int(self.start[place]), int(self.start[place + 1]))
        return self.column[rows], self.value[rows]


@dataclass(frozen=True)
class Ways:
    """Where those who are in nobody's view are seen next, by the zone that they left.

    Attributes:
        zone: int64 (windows,), the zone of every window.
        start: int64 (nodes + 1,), where the ways from a node begin; node = camera * zones + zone.
        target: int64 (ways,), nodes.
        probability: float64 (ways,), share of the node's exits; at most 1 in all.
        histogram: float64 (ways, bins), by the time it takes.
        bin_s: width of a bin, seconds.
    """

    zone: Ints
    start: Ints
    target: Ints
    probability: Floats
    histogram: Floats
    bin_s: float

    @property
    def zones(self) -> int:
        """Zones of a camera."""
        return int(self.zone.max(initial=0)) + 1


@dataclass(frozen=True)
class Timeline:
    """Where and when a target that left may be seen next; one row per camera and kind.

    Attributes:
        camera: int64 (rows,), numbers of cameras: overlaps first, then transits and returns, then guesses
            and what lies ahead.
        kind: int64 (rows,), of KINDS.
        density: float64 (rows, bins), the probability by the time that it takes.
        alone: the probability that no camera sees the target at once.
        someone: float64 (bins,), the probability by time that somebody sees it who did not at once.
        zones: float64 (transits and returns, zones), by which zone of the camera it comes into view.
    """

    camera: Ints
    kind: Ints
    density: Floats
    alone: float
    someone: Floats
    zones: Floats


def likeliest(worth: Floats) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Windows by their worth, likeliest first, until they hold WINDOWS_SHARE of it; and their shares."""
    total = float(worth.sum())
    if total <= 0:
        return (), ()
    order = np.argsort(-worth, kind="stable")
    share = worth[order] / total
    count = min(int(np.searchsorted(np.cumsum(share), WINDOWS_SHARE)) + 1, int(np.count_nonzero(share)))
    return tuple(order[:count].tolist()), tuple(share[:count].tolist())
