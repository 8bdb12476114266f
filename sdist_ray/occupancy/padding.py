"""Spatial and temporal padding, exact across the borders of ranges.

s[j,t] = OR of x over j and its 8 neighbours in the same camera
y[j,t] = OR of s[j,t+d], |d| <= p
r[b,t] = AND of available[b,t+d], |d| <= p          (nothing is available outside the ranges)
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numba
import numpy as np

from sdist_ray.errors import InputError
from sdist_ray.occupancy.block import Clock, OccupancyRange, Words
from sdist_ray.occupancy.grid import Grid

MAX_TOLERANCE = 4096


@dataclass(frozen=True)
class PaddedRange:
    """A range ready to be counted.

    Attributes:
        index: the range.
        occupied: x, uint64 (cameras, windows).
        padded: y, uint64 (cameras, windows).
        countable: r, uint64 (cameras,).
    """

    index: int
    occupied: Words
    padded: Words
    countable: Words


@numba.njit(cache=True, nogil=True, boundscheck=False)
def pad_space(occupied, columns, rows, out):  # type: ignore[no-untyped-def]
    """OR of each window and its 8 neighbours in the same camera.

    Args:
        occupied: uint64 (cameras, rows * columns).
        columns, rows: the grid.
        out: uint64, same shape, all zero; written.
    """
    for camera in range(occupied.shape[0]):
        for window in range(occupied.shape[1]):
            word = occupied[camera, window]
            if word == 0:
                continue
            row, column = window // columns, window % columns
            for y in range(max(row - 1, 0), min(row + 2, rows)):
                for x in range(max(column - 1, 0), min(column + 2, columns)):
                    out[camera, y * columns + x] |= word


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
        word = words[i] & full
        if word == 0:
            continue
        spread = np.uint64(0)
        for shift in range(offset - tolerance, offset + tolerance + 1):
            if 0 <= shift < 64:
                spread |= word << np.uint64(shift)
            elif -64 < shift < 0:
                spread |= word >> np.uint64(-shift)
        out[i] |= spread & full


class Padder:
    """Pads a sequence of ranges; lags behind it by the tolerance."""

    def __init__(self, grid: Grid, clock: Clock, tolerance: int) -> None:
        """Pad by ``tolerance`` ticks (p) before and after.

        Raises:
            InputError: the tolerance is negative or beyond 4096.
        """
        if not 0 <= tolerance <= MAX_TOLERANCE:
            raise InputError(f"the tolerance must be 0 to {MAX_TOLERANCE} ticks, not {tolerance}")
        self._grid = grid
        self._ticks = clock.range_ticks
        self._tolerance = tolerance
        self._reach = -(-tolerance // clock.range_ticks)
        self._ranges: deque[tuple[OccupancyRange, Words]] = deque()
        self._next = 0

    def push(self, new: OccupancyRange) -> list[PaddedRange]:
        """Take the next range (indices ascend; one that is left out was unavailable everywhere).

        Returns:
            The ranges whose surroundings are now known, in order.
        """
        if self._ranges and new.index <= self._ranges[-1][0].index:
            raise ValueError(f"range {new.index} after {self._ranges[-1][0].index}")
        # What an unavailable camera seems to see is not known: it pads nothing and counts nothing.
        known = OccupancyRange(new.index, new.occupied & new.available[:, None], new.available)
        spaced = np.zeros_like(known.occupied)
        pad_space(known.occupied, self._grid.columns, self._grid.rows, spaced)
        self._ranges.append((known, spaced))
        return self._ready(new.index - self._reach)

    def flush(self) -> list[PaddedRange]:
        """The ranges that were waiting for what comes after them: nothing does."""
        return self._ready(self._ranges[-1][0].index) if self._ranges else []

    def _ready(self, through: int) -> list[PaddedRange]:
        ready = []
        while self._next < len(self._ranges) and self._ranges[self._next][0].index <= through:
            ready.append(self._pad(self._ranges[self._next][0]))
            self._next += 1
            following = self._ranges[self._next][0].index if self._next < len(self._ranges) else through + 1
            while self._next > 0 and self._ranges[0][0].index < following - self._reach:
                self._ranges.popleft()
                self._next -= 1
        return ready

    def _pad(self, centre: OccupancyRange) -> PaddedRange:
        full = np.uint64((1 << self._ticks) - 1)
        padded = np.zeros_like(centre.occupied)
        missing = np.zeros_like(centre.available)
        nearby = {entry.index: (entry, spaced) for entry, spaced in self._ranges}
        silent = np.full_like(centre.available, full)
        for index in range(centre.index - self._reach, centre.index + self._reach + 1):
            offset = (index - centre.index) * self._ticks
            if index in nearby:
                entry, spaced = nearby[index]
                smear(spaced.reshape(-1), offset, self._tolerance, self._ticks, padded.reshape(-1))
                smear(~entry.available, offset, self._tolerance, self._ticks, missing)
            else:
                smear(silent, offset, self._tolerance, self._ticks, missing)
        return PaddedRange(centre.index, centre.occupied, padded, ~missing & full)


def pad_ranges(
    ranges: Iterable[OccupancyRange], grid: Grid, clock: Clock, tolerance: int
) -> Iterator[PaddedRange]:
    """All of a finite sequence of ranges, padded."""
    padder = Padder(grid, clock, tolerance)
    for entry in ranges:
        yield from padder.push(entry)
    yield from padder.flush()
