"""Which frame of a replayed file is due when: exact, so that two runs agree tick for tick."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence

UNITS_PER_S = 1 << 16
"""Times within a file are whole numbers of 1/65 536 s. Such a time added to whole epoch seconds is exact in a
float, and so is its product with a frame rate: a frame falls into the same tick in every run."""


def to_units(seconds: float) -> int:
    """Seconds as the nearest number of units."""
    return round(seconds * UNITS_PER_S)


class Timeline:
    """The frames of a file, played from an offset, once or for ever.

    Args:
        times: when each frame comes, in units from the file's beginning; ascending.
        length: how long the file plays, in units, more than the last time.
        start_s: wall time at which it begins.
        offset: where in the file it begins, in units, modulo the length.
        loop: whether it begins anew at the end.
    """

    def __init__(self, times: Sequence[int], length: int, start_s: float, offset: int, loop: bool) -> None:
        self._times = times
        self._length = length
        self._start_s = start_s
        self._offset = offset % length
        self._first = bisect_left(times, self._offset)
        self._loop = loop

    def index(self, number: int) -> int:
        """Which of the file's frames the replay's ``number``-th is, from 0."""
        return (self._first + number) % len(self._times)

    def time_s(self, number: int) -> float:
        """When the replay's ``number``-th frame is due, UTC epoch seconds; infinite beyond its end."""
        loops, index = divmod(self._first + number, len(self._times))
        if loops and not self._loop:
            return math.inf
        return self._start_s + (loops * self._length + self._times[index] - self._offset) / UNITS_PER_S

    def first_at(self, time_s: float) -> int:
        """The number of the first frame due at a time or later."""
        passed = math.ceil((time_s - self._start_s) * UNITS_PER_S) + self._offset
        loops, rest = divmod(passed, self._length)
        number = loops * len(self._times) + bisect_left(self._times, rest) - self._first
        return max(0, number if self._loop else min(number, len(self._times) - self._first))
