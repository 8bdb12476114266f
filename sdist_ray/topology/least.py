"""The least N that passes a threshold, for every O: how stores are asked for links."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Bound = Callable[[npt.NDArray[np.integer[Any]], npt.NDArray[np.integer[Any]]], npt.NDArray[np.float64]]
Ints = npt.NDArray[np.int64]

BLOCK, KNOT = 1 << 16, 1 << 12
"""So many O are looked at together, and of them every so many by themselves: it runs smoothly between."""
STEPS = 4


def least_agreements(bound: Bound, threshold: float, most: int) -> Ints:
    """The least N that can pass the threshold, for every O.

    A network that runs for a month has windows with ten million opportunities, and its links are asked for
    every minute: what was found once is kept, 8 bytes for each O.

    Args:
        bound: of a score where N and O are known, never lower for a greater N; of module level.
        threshold: C*; a score must be above it.
        most: the greatest O that is asked for.

    Returns:
        int64 (most + 1,), at least 1; O + 1 where not even N = O passes. Not to be written to.
    """
    return _table(bound, threshold).until(most)


class _Table:
    def __init__(self, bound: Bound, threshold: float) -> None:
        self._bound, self._threshold = bound, threshold
        self._least = np.empty(0, dtype=np.int64)
        self._known = 0
        self._lock = threading.Lock()

    def until(self, most: int) -> Ints:
        with self._lock:
            if most >= len(self._least):
                # A tenth more than is asked for: it is not copied again each time.
                grown = np.empty(most + most // 10 + 1, dtype=np.int64)
                grown[: self._known] = self._least[: self._known]
                self._least = grown
            while self._known <= most:
                end = min(self._known + BLOCK, len(self._least))
                self._least[self._known : end] = self._block(self._known, end)
                self._known = end
            return self._least[: most + 1]

    def _block(self, first: int, end: int) -> Ints:
        opportunities = np.arange(first, end, dtype=np.int64)
        knots = np.unique(np.append(opportunities[::KNOT], end - 1))
        between = np.interp(opportunities, knots, self._bisect(knots))
        guess = np.clip(np.rint(between).astype(np.int64), 1, opportunities + 1)
        for _ in range(STEPS):
            # The least is the one that passes where the one below does not.
            short = (guess <= opportunities) & ~self._passes(guess, opportunities)
            beyond = (guess > 1) & self._passes(guess - 1, opportunities)
            if not (short | beyond).any():
                return guess
            guess += short.astype(np.int64) - beyond
        wrong = short | beyond
        guess[wrong] = self._bisect(opportunities[wrong])
        return guess

    def _bisect(self, opportunities: Ints) -> Ints:
        # All O at once: below ``low`` nothing passes, from ``high`` on everything does.
        low, high = np.ones_like(opportunities), opportunities + 1
        while (low < high).any():
            middle = (low + high) // 2
            passes = self._passes(middle, opportunities)
            undecided = low < high
            high = np.where(undecided & passes, middle, high)
            low = np.where(undecided & ~passes, middle + 1, low)
        return np.maximum(high, 1)

    def _passes(self, agreements: Ints, opportunities: Ints) -> npt.NDArray[np.bool_]:
        return self._bound(agreements, opportunities) > self._threshold


@functools.lru_cache(maxsize=2)
def _table(bound: Bound, threshold: float) -> _Table:
    return _Table(bound, threshold)
