"""Spatial and temporal padding, exact across the borders of ranges.

s[j,t] = OR of x over j and its 8 neighbours in the same camera
y[j,t] = OR of s[j,t+d], |d| <= p
r[b,t] = AND of available[b,t+d], |d| <= p          (nothing is available outside the ranges)
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np

from sdist_ray.errors import InputError
from sdist_ray.occupancy.block import Clock, OccupancyRange, Words
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.sparse import SparseRange, SparseWords

MAX_TOLERANCE = 4096


@dataclass(frozen=True)
class Padding:
    """How far an occupied window reaches: to its neighbours on the grid, and ``tolerance`` ticks (p).

    Raises:
        InputError: the tolerance is negative or beyond 4096.
    """

    grid: Grid
    clock: Clock
    tolerance: int

    def __post_init__(self) -> None:
        if not 0 <= self.tolerance <= MAX_TOLERANCE:
            raise InputError(f"the tolerance must be 0 to {MAX_TOLERANCE} ticks, not {self.tolerance}")

    @property
    def reach(self) -> int:
        """Ranges before and after that the tolerance reaches into."""
        return -(-self.tolerance // self.clock.range_ticks)


@dataclass(frozen=True)
class PaddedRange:
    """A range ready to be counted, with what surrounds it.

    What travels is sparse, and under a tenth of the padded words; who needs those makes them.

    Attributes:
        index: the range.
        padding: grid, clock, tolerance.
        occupied: x.
        countable: r, uint64 (cameras,).
        nearby: the ranges within reach, this one included, as (index, x).
    """

    index: int
    padding: Padding
    occupied: SparseWords
    countable: Words
    nearby: tuple[tuple[int, SparseWords], ...]

    @property
    def cameras(self) -> int:
        """Cameras of the network."""
        return len(self.countable)

    @functools.cached_property
    def padded(self) -> Words:
        """y, uint64 (cameras, windows)."""
        grid, ticks = self.padding.grid, self.padding.clock.range_ticks
        padded = np.zeros((self.cameras, grid.windows), dtype=np.uint64)
        flat = padded.reshape(-1)
        for index, words in self.nearby:
            offset = (index - self.index) * ticks
            pad(words.place, words.word, grid.columns, grid.rows, offset, self.padding.tolerance, ticks, flat)
        return padded

    def __getstate__(self) -> dict[str, Any]:
        """What is sent: all but the padded words."""
        return {name: value for name, value in self.__dict__.items() if name != "padded"}


@numba.njit(cache=True, nogil=True, boundscheck=False)
def spread(word, first, last):  # type: ignore[no-untyped-def]
    """A word's bits at every shift from ``first`` to ``last``, to the left where positive; uint64.

    The one nearest to no shift first, and from there on twice as many with every step.
    """
    if first <= 0 <= last:
        return spread_left(word, last) | spread_right(word, -first)
    if first > 0:
        return spread_left(word << np.uint64(first), last - first) if first < 64 else np.uint64(0)
    return spread_right(word >> np.uint64(-last), last - first) if last > -64 else np.uint64(0)


@numba.njit(cache=True, nogil=True, boundscheck=False)
def spread_left(word, most):  # type: ignore[no-untyped-def]
    """A word's bits at every shift to the left, up to ``most``."""
    done = 0
    while done < min(most, 63):
        step = min(done + 1, most - done)
        word |= word << np.uint64(step)
        done += step
    return word


@numba.njit(cache=True, nogil=True, boundscheck=False)
def spread_right(word, most):  # type: ignore[no-untyped-def]
    """A word's bits at every shift to the right, up to ``most``."""
    done = 0
    while done < min(most, 63):
        step = min(done + 1, most - done)
        word |= word >> np.uint64(step)
        done += step
    return word


@numba.njit(cache=True, nogil=True, boundscheck=False)
def smear(words, offset, tolerance, ticks, out):  # type: ignore[no-untyped-def]
    """OR into ``out`` the bits of a neighbouring range, each spread over +-tolerance ticks.

    Args:
        words: uint64 (n,), bits of a range that begins ``offset`` ticks after the range of ``out``.
        offset: int, negative for earlier ranges.
        tolerance: int, p >= 0.
        ticks: int, ticks of a range; bits from there on are neither read nor written.
        out: uint64 (n,), updated.
    """
    full = ~np.uint64(0) >> np.uint64(64 - ticks)
    for i in range(words.shape[0]):
        if words[i] != 0:
            out[i] |= spread(words[i] & full, offset - tolerance, offset + tolerance) & full


@numba.njit(cache=True, nogil=True, boundscheck=False)
def pad(place, word, columns, rows, offset, tolerance, ticks, out):  # type: ignore[no-untyped-def]
    """OR into ``out`` what a range has in a neighbouring one: in its windows, the 8 around each, and in time.

    Args:
        place: int32 (n,), camera * windows + window.
        word: uint64 (n,).
        columns, rows: the grid.
        offset, tolerance, ticks: see ``smear``.
        out: uint64 (cameras * rows * columns,), updated.
    """
    full = ~np.uint64(0) >> np.uint64(64 - ticks)
    for k in range(place.shape[0]):
        bits = spread(word[k] & full, offset - tolerance, offset + tolerance) & full
        if bits == 0:
            continue
        at = np.int64(place[k])
        row = at // columns
        column = at - row * columns
        row %= rows
        first = at - columns if row > 0 else at
        last = at + columns if row < rows - 1 else at
        for middle in range(first, last + 1, columns):
            out[middle] |= bits
            if column > 0:
                out[middle - 1] |= bits
            if column < columns - 1:
                out[middle + 1] |= bits


class Padder:
    """Pads a sequence of ranges; lags behind it by the tolerance."""

    def __init__(self, padding: Padding) -> None:
        self._padding = padding
        self._ranges: deque[tuple[int, SparseWords, Words]] = deque()
        self._next = 0

    def push(self, new: OccupancyRange | SparseRange) -> list[PaddedRange]:
        """Take the next range (indices ascend; one that is left out was unavailable everywhere).

        Returns:
            The ranges whose surroundings are now known, in order.
        """
        if self._ranges and new.index <= self._ranges[-1][0]:
            raise ValueError(f"range {new.index} after {self._ranges[-1][0]}")
        # What an unavailable camera seems to see is not known: it pads nothing and counts nothing.
        occupied = SparseWords.of(new.occupied) if isinstance(new, OccupancyRange) else new.occupied
        full = np.uint64((1 << self._padding.clock.range_ticks) - 1)
        known = (
            occupied
            if (new.available == full).all()
            else occupied.masked(new.available, self._padding.grid.windows)
        )
        self._ranges.append((new.index, known, new.available))
        return self._ready(new.index - self._padding.reach)

    def grow(self, cameras: int) -> None:
        """The network has more cameras from the next range on; they were unavailable before."""
        for number, (index, words, available) in enumerate(self._ranges):
            grown = np.zeros(cameras, dtype=np.uint64)
            grown[: len(available)] = available
            self._ranges[number] = (index, words, grown)

    def flush(self) -> list[PaddedRange]:
        """The ranges that were waiting for what comes after them: nothing does."""
        return self._ready(self._ranges[-1][0]) if self._ranges else []

    def _ready(self, through: int) -> list[PaddedRange]:
        ready = []
        while self._next < len(self._ranges) and self._ranges[self._next][0] <= through:
            ready.append(self._pad(self._next))
            self._next += 1
            following = self._ranges[self._next][0] if self._next < len(self._ranges) else through + 1
            while self._next > 0 and self._ranges[0][0] < following - self._padding.reach:
                self._ranges.popleft()
                self._next -= 1
        return ready

    def _pad(self, number: int) -> PaddedRange:
        centre, occupied, available = self._ranges[number]
        ticks, tolerance, reach = (
            self._padding.clock.range_ticks,
            self._padding.tolerance,
            self._padding.reach,
        )
        full = np.uint64((1 << ticks) - 1)
        missing = np.zeros_like(available)
        nearby = {index: (words, there) for index, words, there in self._ranges}
        silent = np.full_like(available, full)
        for index in range(centre - reach, centre + reach + 1):
            there = nearby[index][1] if index in nearby else None
            unknown = silent if there is None else ~there
            smear(unknown, (index - centre) * ticks, tolerance, ticks, missing)
        around = tuple((index, words) for index, (words, _) in nearby.items() if abs(index - centre) <= reach)
        return PaddedRange(centre, self._padding, occupied, ~missing & full, around)


def pad_ranges(ranges: Iterable[OccupancyRange | SparseRange], padding: Padding) -> Iterator[PaddedRange]:
    """All of a finite sequence of ranges, padded."""
    padder = Padder(padding)
    for entry in ranges:
        yield from padder.push(entry)
    yield from padder.flush()
