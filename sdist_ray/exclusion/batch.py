"""Ranges that are collected to be counted together, so that each row is read and written once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sdist_ray.exclusion.kernels import count_agreements, count_opportunities, set_column_bits
from sdist_ray.exclusion.store import Counts, TileRange
from sdist_ray.exclusion.vector import VECTOR_WORDS, aligned_zeros
from sdist_ray.exclusion.visits import VisitLog
from sdist_ray.occupancy.block import Words

BATCH_BYTES = 64 << 20
BATCH_TICKS = 4096
BLOCK_WORDS = 4 * VECTOR_WORDS
"""Bits of columns that are looked at together, in words: those of a batch, 1 MB, stay in the cache."""


def padded_columns(columns: int) -> int:
    """Columns of N with what fills the last block."""
    blocks, block_words = _layout(columns)
    return blocks * block_words * 64


def most_ticks(columns: int) -> int:
    """Ticks that a batch of so many columns may hold."""
    return min(BATCH_TICKS, BATCH_BYTES // max(1, padded_columns(columns) // 8))


def _layout(columns: int) -> tuple[int, int]:
    """Blocks, all equally long, and the words of one."""
    vectors = -(-columns // (64 * VECTOR_WORDS))
    blocks = max(1, -(-vectors * VECTOR_WORDS // BLOCK_WORDS))
    return blocks, BLOCK_WORDS if blocks > 1 else max(1, vectors) * VECTOR_WORDS


class Batch:
    """The bits and visits of some ranges.

    Attributes:
        padded_columns: columns of N with what fills the last block; rows to be counted have as many.
    """

    def __init__(self, rows: int, columns: int, windows: int) -> None:
        self._windows = windows
        self._blocks, self._block_words = _layout(columns * windows)
        self.padded_columns = padded_columns(columns * windows)
        self._most_ticks = most_ticks(columns * windows)
        self._bits: Words = aligned_zeros((self._blocks, 1, self._block_words))
        self._visits = VisitLog(rows * windows)
        self._countable: list[Words] = []
        self._range_ticks = 1
        self._lanes = 8

    @property
    def nbytes(self) -> int:
        """Bytes of bits and visits."""
        return self._bits.nbytes + self._visits.nbytes + sum(r.nbytes for r in self._countable)

    @property
    def empty(self) -> bool:
        """Nothing was collected."""
        return not self._countable

    @property
    def full(self) -> bool:
        """There is no room for another range."""
        return bool((len(self._countable) + 1) * self._range_ticks >= self._bits.shape[1])

    def ticks(self, range_ticks: int) -> int:
        """What it will hold of such ranges, a whole number of them."""
        return max(1, self._most_ticks // range_ticks) * range_ticks

    def begin(self, range_ticks: int, itemsize: int) -> None:
        """Make ready for ranges of so many ticks, and for counters of so many bytes."""
        self._range_ticks = range_ticks
        self._lanes = 8 // itemsize
        ticks = self.ticks(range_ticks)
        if self._bits.shape[1] != ticks + 1:
            self._bits = aligned_zeros((self._blocks, ticks + 1, self._block_words))

    def add(self, part: TileRange) -> None:
        """Collect a range."""
        first = len(self._countable) * self._range_ticks
        set_column_bits(part.column_padded, part.column_countable, first, self._lanes, self._bits)
        self._visits.add(part.row_occupied)
        self._countable.append(part.column_countable.copy())

    def clear(self) -> None:
        """Forget what was collected."""
        self._bits[:] = 0
        self._visits.clear()
        self._countable.clear()

    def evidence(self) -> BatchEvidence:
        """What was collected, by row."""
        starts, visit_range, visit_word = self._visits.by_place()
        countable = np.array(self._countable, dtype=np.uint64)
        full = np.uint64((1 << self._range_ticks) - 1)
        gap_range, gap_camera = np.nonzero(countable != full)
        gap_starts = np.searchsorted(gap_range, np.arange(len(countable) + 1)).astype(np.int64)
        ends = np.concatenate([[0], np.cumsum(np.bitwise_count(visit_word), dtype=np.int64)])
        return BatchEvidence(
            starts, visit_range, visit_word, np.diff(ends[starts]), self._range_ticks, countable,
            gap_starts, gap_camera.astype(np.int32), self._bits, self._windows, self._lanes,
        )  # fmt: skip


@dataclass(frozen=True)
class BatchEvidence:
    """A batch, sorted by row; see count_opportunities for the arrays.

    Attributes:
        row_ticks: int64 (rows,), in how many ticks each row was occupied.
        bits: the columns', uint64 (blocks, ticks + 1, words).
    """

    starts: npt.NDArray[np.int64]
    visit_range: npt.NDArray[np.int32]
    visit_word: Words
    row_ticks: npt.NDArray[np.int64]
    range_ticks: int
    countable: Words
    gap_starts: npt.NDArray[np.int64]
    gap_camera: npt.NDArray[np.int32]
    bits: Words
    windows: int
    lanes: int

    def count(
        self, opportunities: Counts, agreements: Counts, rows: npt.NDArray[np.int64] | None = None
    ) -> None:
        """Add the batch to rows of counts.

        Args:
            opportunities: O, (n, column cameras), updated; uint8 counts are halved (byte policy).
            agreements: N, (n, padded columns), C-contiguous, updated.
            rows: int64 (n,), which rows these are, -1 for one that saw nothing; None for all, in order.
        """
        mine = self if rows is None else self._of(rows)
        byte = opportunities.dtype == np.uint8
        halvings = _most_halvings(opportunities, mine.row_ticks) if byte else 0
        n = len(opportunities)
        ticks = np.empty(int(mine.row_ticks.sum()), dtype=np.int32)
        tick_starts = np.empty(n + 1, dtype=np.int64)
        part_starts = np.empty(n + 1, dtype=np.int64)
        part_end = np.empty(n + halvings, dtype=np.int64)
        part_halved = np.empty(n + halvings, dtype=np.int64)
        halved = np.empty((halvings, opportunities.shape[1]), dtype=np.uint8)
        count_opportunities(
            mine.starts, mine.visit_range, mine.visit_word, self.range_ticks, self.countable,
            self.gap_starts, self.gap_camera, byte,
            opportunities, ticks, tick_starts, part_end, part_halved, part_starts, halved,
        )  # fmt: skip
        words: npt.NDArray[Any] = agreements.view(np.uint64)
        count_agreements(
            self.bits, ticks, tick_starts, part_end, part_halved, part_starts, halved,
            self.windows, self.lanes, agreements, words,
        )  # fmt: skip

    def _of(self, rows: npt.NDArray[np.int64]) -> BatchEvidence:
        """The same of some rows, in their order; -1 is a row that saw nothing."""
        there = rows >= 0
        first, last = self.starts[rows] * there, self.starts[rows + 1] * there
        starts = np.concatenate([[0], np.cumsum(last - first)])
        visits = np.arange(starts[-1]) + np.repeat(first - starts[:-1], last - first)
        return replace(
            self,
            starts=starts,
            visit_range=self.visit_range[visits],
            visit_word=self.visit_word[visits],
            row_ticks=self.row_ticks[rows] * there,
        )


def _most_halvings(opportunities: Counts, row_ticks: npt.NDArray[np.int64]) -> int:
    """A bound of how many rows a batch will halve, and how often.

    A halving leaves no O above 127, and one range adds at most 64: the next is at least 65 ticks away.
    """
    often = opportunities.max(axis=1, initial=0) + row_ticks > 255
    return int((1 + row_ticks[often] // 65).sum())
