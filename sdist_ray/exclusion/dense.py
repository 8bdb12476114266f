"""The dense count store: one counter per pair of windows."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sdist_ray.exclusion.kernels import count_agreements, count_opportunities, find_pairs, set_column_bits
from sdist_ray.exclusion.store import POLICIES, Counts, Pairs, State, TileRange
from sdist_ray.exclusion.vector import VECTOR_WORDS, aligned_zeros
from sdist_ray.exclusion.visits import VisitLog
from sdist_ray.occupancy.block import Words

BATCH_BYTES = 64 << 20
BATCH_TICKS = 4096
BLOCK_WORDS = 4 * VECTOR_WORDS
"""Bits of columns that are looked at together, in words: those of a batch, 1 MB, stay in the cache."""
PAIRS_AT_ONCE = 1 << 20


class DenseStore:
    """N and O of some row cameras against some column cameras.

    Ranges are collected in a batch and counted together, when it is full or somebody asks. Counts do not
    depend on it. Pages of N that no agreement ever touched cost no memory.

    Attributes:
        policy: "byte" (halved at 255, the paper's) or "wide" (exact).
    """

    def __init__(self, rows: int, columns: int, windows: int, policy: str) -> None:
        if policy not in POLICIES:
            raise ValueError(f"counter policy {policy!r}, not one of {POLICIES}")
        self.policy = policy
        self._windows = windows
        self._columns = columns
        words = -(-columns * windows // 64)
        self._blocks = max(1, -(-words // BLOCK_WORDS))
        self._block_words = BLOCK_WORDS if self._blocks > 1 else -(-words // VECTOR_WORDS) * VECTOR_WORDS
        self._padded = self._blocks * self._block_words * 64
        dtype = np.uint8 if policy == "byte" else np.uint16
        self._agreements: Counts = aligned_zeros((rows * windows, self._padded), dtype)
        self._opportunities: Counts = np.zeros((rows * windows, columns), dtype=dtype)
        room = BATCH_BYTES // max(1, self._padded // 8)
        self._batch_ticks = min(BATCH_TICKS, room)
        self._visits = VisitLog(rows * windows)
        self._countable: list[Words] = []
        self._bits = aligned_zeros((self._blocks, 1, self._block_words))
        self._range_ticks = 1

    @property
    def agreements(self) -> Counts:
        """N, (row cameras * windows, column cameras * windows); uint8 in byte policy, else uint16, and
        uint32 from the batch on in which a count could pass 65 535."""
        self.settle()
        return self._agreements[:, : self._columns * self._windows]

    @property
    def opportunities(self) -> Counts:
        """O, (row cameras * windows, column cameras), same dtype."""
        self.settle()
        return self._opportunities

    @property
    def nbytes(self) -> int:
        """See Store. N is counted whole; what was never touched is not resident."""
        arrays = (self._agreements, self._opportunities, self._bits)
        return sum(array.nbytes for array in arrays) + self._visits.nbytes

    @property
    def _lanes(self) -> int:
        return 8 // self._agreements.itemsize

    def apply(self, part: TileRange) -> None:
        """See Store."""
        ticks = part.padding.clock.range_ticks
        if not self._countable:
            self._begin_batch(ticks)
        first = len(self._countable) * ticks
        set_column_bits(part.column_padded, part.column_countable, first, self._lanes, self._bits)
        self._visits.add(part.row_occupied)
        self._countable.append(part.column_countable.copy())
        if first + 2 * ticks >= self._bits.shape[1]:
            self.settle()

    def _begin_batch(self, range_ticks: int) -> None:
        self._range_ticks = range_ticks
        ticks = max(1, self._batch_ticks // range_ticks) * range_ticks
        if self._bits.shape[1] != ticks + 1:
            self._bits = aligned_zeros((self._blocks, ticks + 1, self._block_words))
        # Widened before the batch begins: its bits are laid out for the counters' width.
        if self._opportunities.dtype == np.uint16:
            most = int(self._opportunities.max(initial=0))
            if most + ticks > np.iinfo(np.uint16).max:
                self._widen()

    def _widen(self) -> None:
        self._agreements = self._agreements.astype(np.uint32)
        self._opportunities = self._opportunities.astype(np.uint32)

    def settle(self) -> None:
        """Count what was collected."""
        if not self._countable:
            return
        plan = self._count_opportunities()
        words = self._agreements.view(np.uint64)
        for block in range(self._blocks):
            count_agreements(
                block, self._bits[block], *plan, self._windows, self._lanes, self._agreements, words
            )
        self._bits[:] = 0
        self._visits.clear()
        self._countable.clear()

    def _count_opportunities(self) -> tuple[npt.NDArray[Any], ...]:
        """Add the batch to O; what N needs to follow."""
        starts, visit_range, visit_word = self._visits.by_place()
        countable = np.array(self._countable, dtype=np.uint64)
        full = np.uint64((1 << self._range_ticks) - 1)
        gap_range, gap_camera = np.nonzero(countable != full)
        gap_starts = np.searchsorted(gap_range, np.arange(len(countable) + 1))
        rows = len(starts) - 1
        ends = np.concatenate([[0], np.cumsum(np.bitwise_count(visit_word), dtype=np.int64)])
        row_ticks = np.diff(ends[starts])
        halvings = self._most_halvings(row_ticks)
        ticks = np.empty(ends[-1], dtype=np.int32)
        tick_starts = np.empty(rows + 1, dtype=np.int64)
        part_starts = np.empty(rows + 1, dtype=np.int64)
        part_end = np.empty(rows + halvings, dtype=np.int64)
        part_halved = np.empty(rows + halvings, dtype=np.int64)
        halved = np.empty((halvings, self._columns), dtype=np.uint8)
        count_opportunities(
            starts, visit_range, visit_word, self._range_ticks, countable,
            gap_starts.astype(np.int64), gap_camera.astype(np.int32), self.policy == "byte",
            self._opportunities, ticks, tick_starts, part_end, part_halved, part_starts, halved,
        )  # fmt: skip
        return ticks, tick_starts, part_end, part_halved, part_starts, halved

    def _most_halvings(self, row_ticks: npt.NDArray[np.int64]) -> int:
        """A bound of how many rows the batch will halve, and how often.

        A halving leaves no O above 127, and one range adds at most 64: the next is at least 65 ticks away.
        """
        if self.policy != "byte" or not self._opportunities.size:
            return 0
        often = self._opportunities.max(axis=1) + row_ticks > 255
        return int((1 + row_ticks[often] // 65).sum())

    def most_opportunities(self) -> int:
        """See Store."""
        return int(self.opportunities.max(initial=0))

    def pairs(self, least: npt.NDArray[np.int64], threads: int = 1) -> Pairs:
        """See Store."""
        agreements, opportunities = self.agreements, self.opportunities
        room = max(PAIRS_AT_ONCE, self._columns * self._windows)
        row, column, n, o = (np.empty(room, dtype=np.int64) for _ in range(4))
        parts: list[Pairs] = []
        at = 0
        while at < len(opportunities):
            found, at = find_pairs(agreements, opportunities, self._windows, least, at, row, column, n, o)
            parts.append(Pairs(*(array[:found].copy() for array in (row, column, n, o))))
        return Pairs.concatenate(parts)

    def counts(self, row: npt.NDArray[np.int64], column: npt.NDArray[np.int64]) -> Pairs:
        """See Store."""
        n = self.agreements[row, column].astype(np.int64)
        return Pairs(row, column, n, self.opportunities[row, column // self._windows].astype(np.int64))

    def cut(self, row: int, column: int) -> tuple[Counts, Counts]:
        """See Store."""
        rows, columns = self._slices(row, column)
        agreements, opportunities = self.agreements, self.opportunities
        taken = agreements[rows, columns].copy(), opportunities[rows, column].copy()
        agreements[rows, columns] = 0
        opportunities[rows, column] = 0
        return taken

    def paste(self, row: int, column: int, agreements: Counts, opportunities: Counts) -> None:
        """See Store."""
        w = self._windows
        if agreements.shape != (w, w) or opportunities.shape != (w,):
            raise ValueError(f"counts of {agreements.shape} for {w} windows")
        self.settle()
        most = int(opportunities.max(initial=0))
        if most > np.iinfo(self._opportunities.dtype).max:
            if self.policy == "byte":
                raise ValueError(f"a count of {most} in byte policy")
            self._widen()
        rows, columns = self._slices(row, column)
        self._agreements[rows, columns] = agreements
        self._opportunities[rows, column] = opportunities

    def _slices(self, row: int, column: int) -> tuple[slice, slice]:
        w = self._windows
        return slice(row * w, (row + 1) * w), slice(column * w, (column + 1) * w)

    def state(self) -> State:
        """See Store."""
        return {"agreements": self.agreements, "opportunities": self.opportunities}

    def load(self, state: State) -> None:
        """See Store."""
        agreements, opportunities = state["agreements"], state["opportunities"]
        if agreements.shape != self.agreements.shape or opportunities.shape != self._opportunities.shape:
            raise ValueError(f"counts of {agreements.shape}, not {self.agreements.shape}")
        if agreements.dtype != opportunities.dtype or (agreements.dtype == np.uint8) != (
            self.policy == "byte"
        ):
            raise ValueError(f"counters of {agreements.dtype} in {self.policy} policy")
        self._agreements = aligned_zeros((len(agreements), self._padded), agreements.dtype)
        self._agreements[:, : agreements.shape[1]] = agreements
        self._opportunities = opportunities.copy()
