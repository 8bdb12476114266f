"""A grid's windows in groups: regions, and the words that hold a camera's windows at one tick.

A camera's padded windows at a tick are one bit mask. Its windows are ordered region by region, so that a
region is a run of bits in one word, and "is anything in this region occupied" is one AND.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sdist_ray.occupancy.block import Words
from sdist_ray.occupancy.grid import Grid

WORD_BITS = 64


@dataclass(frozen=True)
class Regions:
    """How a grid's windows are grouped.

    Attributes:
        word: int64 (windows,), the word of a window.
        bit: uint64 (windows,), its bit there.
        region: int64 (windows,), its region.
        near: uint64 (windows, words), the bits of the window and its 8 neighbours.
        region_word: int64 (regions,), the word of a region.
        region_shift: uint64 (regions,), its lowest bit.
        region_mask: uint64 (regions,), its bits, from bit 0 on.
        window: int64 (regions, largest region), the window at each bit of a region; -1 beyond its end.
        order: int64 (windows,), the windows region by region.
        first, size: int64 (regions,), where a region's windows are in that order.
    """

    word: npt.NDArray[np.int64]
    bit: Words
    region: npt.NDArray[np.int64]
    near: Words
    region_word: npt.NDArray[np.int64]
    region_shift: Words
    region_mask: Words
    window: npt.NDArray[np.int64]
    order: npt.NDArray[np.int64]
    first: npt.NDArray[np.int64]
    size: npt.NDArray[np.int64]

    @property
    def count(self) -> int:
        """Regions per camera."""
        return len(self.region_word)

    @property
    def words(self) -> int:
        """Words per camera and tick."""
        return int(self.near.shape[1])


@functools.cache
def make_regions(grid: Grid, most_windows: int) -> Regions:
    """Cut a grid into rectangles of at most ``most_windows`` windows (and 64), as square as may be."""
    width, height = _rectangle(grid, min(most_windows, WORD_BITS))
    columns_of_regions = -(-grid.columns // width)
    window = np.arange(grid.windows)
    row, column = window // grid.columns, window % grid.columns
    region = (row // height) * columns_of_regions + column // width
    count = int(region.max()) + 1
    members = [np.flatnonzero(region == number) for number in range(count)]
    region_word, region_shift = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.uint64)
    word, filled = 0, 0
    for number, inside in enumerate(members):
        if filled + len(inside) > WORD_BITS:
            word, filled = word + 1, 0
        region_word[number], region_shift[number] = word, filled
        filled += len(inside)
    bit = np.zeros(grid.windows, dtype=np.uint64)
    table = np.full((count, max(map(len, members))), -1, dtype=np.int64)
    for number, inside in enumerate(members):
        bit[inside] = region_shift[number] + np.arange(len(inside), dtype=np.uint64)
        table[number, : len(inside)] = inside
    near = np.zeros((grid.windows, word + 1), dtype=np.uint64)
    for i in window:
        beside = (abs(row - row[i]) <= 1) & (abs(column - column[i]) <= 1)
        for j in np.flatnonzero(beside):
            near[i, region_word[region[j]]] |= np.uint64(1) << bit[j]
    mask = np.array([(1 << len(inside)) - 1 for inside in members], dtype=np.uint64)
    size = np.array([len(inside) for inside in members], dtype=np.int64)
    return Regions(
        region_word[region], bit, region, near, region_word, region_shift, mask, table,
        np.concatenate(members), np.cumsum(size) - size, size,
    )  # fmt: skip


def _rectangle(grid: Grid, most: int) -> tuple[int, int]:
    """Width and height of the rectangles: fewest regions first, then the least perimeter."""
    best: tuple[tuple[int, int, int], tuple[int, int]] | None = None
    for width in range(1, min(grid.columns, most) + 1):
        height = min(grid.rows, most // width)
        # Rows shared out evenly, rather than a thin rest at the end.
        height = -(-grid.rows // -(-grid.rows // height))
        regions = -(-grid.columns // width) * -(-grid.rows // height)
        rank = (regions, width + height, width)
        if best is None or rank < best[0]:
            best = rank, (width, height)
    assert best is not None
    return best[1]
