"""The dense count store: one counter per pair of windows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sdist_ray.exclusion.batch import Batch
from sdist_ray.exclusion.kernels import find_mutual_pairs, find_pairs
from sdist_ray.exclusion.store import POLICIES, Counts, Pairs, Part, State, TileRange
from sdist_ray.exclusion.vector import aligned_zeros

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
        self._batch = Batch(rows, columns, windows)
        dtype = np.uint8 if policy == "byte" else np.uint16
        self._agreements: Counts = aligned_zeros((rows * windows, self._batch.padded_columns), dtype)
        self._opportunities: Counts = np.zeros((rows * windows, columns), dtype=dtype)

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
        return self._agreements.nbytes + self._opportunities.nbytes + self._batch.nbytes

    def apply(self, part: TileRange) -> None:
        """See Store."""
        if self._batch.empty:
            ticks = part.padding.clock.range_ticks
            # Widened before the batch begins: its bits are laid out for the counters' width.
            if self._opportunities.dtype == np.uint16:
                most = int(self._opportunities.max(initial=0))
                if most + self._batch.ticks(ticks) > np.iinfo(np.uint16).max:
                    self._widen()
            self._batch.begin(ticks, self._agreements.itemsize)
        self._batch.add(part)
        if self._batch.full:
            self.settle()

    def _widen(self) -> None:
        self._agreements = self._agreements.astype(np.uint32)
        self._opportunities = self._opportunities.astype(np.uint32)

    def settle(self) -> None:
        """Count what was collected."""
        if not self._batch.empty:
            self._batch.evidence().count(self._opportunities, self._agreements)
            self._batch.clear()

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

    def mutual_pairs(self, least: npt.NDArray[np.int64]) -> Pairs:
        """See Store.pairs; of a square store, each unordered pair of different cameras that passes in both
        directions, once, with both counts. A fraction of what ``pairs`` would find.
        """
        agreements, opportunities = self.agreements, self.opportunities
        room = max(PAIRS_AT_ONCE, self._windows**2)
        columns = tuple(np.empty(room, dtype=np.int64) for _ in range(6))
        parts: list[Pairs] = []
        at, end = 0, self._columns * (self._columns - 1) // 2
        while at < end:
            found, at = find_mutual_pairs(agreements, opportunities, self._windows, least, at, *columns)
            parts.append(Pairs(*(column[:found].copy() for column in columns)))
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

    def part(self, rows: Sequence[int], columns: Sequence[int]) -> State:
        """See Store."""
        w, taken = self._windows, np.ix_(rows, columns)
        agreements = self._by_pair()[taken[0], :, taken[1], :].transpose(0, 2, 1, 3)
        opportunities = self.opportunities.reshape(-1, w, self._columns)[taken[0], :, taken[1]]
        return {
            "agreements": agreements.reshape(len(rows) * w, len(columns) * w),
            "opportunities": opportunities.transpose(0, 2, 1).reshape(len(rows) * w, len(columns)),
        }

    def join(self, parts: Sequence[Part]) -> None:
        """See Store."""
        w = self._windows
        for rows, columns, state in parts:
            agreements, opportunities = _counts_of(state)
            if agreements.shape != (len(rows) * w, len(columns) * w):
                raise ValueError(f"counts of {agreements.shape} for {len(rows)} by {len(columns)} cameras")
            if opportunities.max(initial=0) > np.iinfo(self._opportunities.dtype).max:
                if self.policy == "byte":
                    raise ValueError(f"a count of {opportunities.max()} in byte policy")
                self._widen()
            by_pair = agreements.reshape(len(rows), w, len(columns), w).transpose(0, 2, 1, 3)
            # Pages of pairs that never agreed stay untouched.
            row, column = np.nonzero(by_pair.any(axis=(2, 3)))
            mine, other = np.asarray(rows)[row], np.asarray(columns)[column]
            self._by_pair()[mine, :, other, :] = by_pair[row, column]
            places = np.ix_(rows, columns)
            view = self.opportunities.reshape(-1, w, self._columns)
            view[places[0], :, places[1]] = opportunities.reshape(len(rows), w, -1).transpose(0, 2, 1)

    def _by_pair(self) -> Counts:
        """N, (row cameras, windows, column cameras, windows)."""
        return self.agreements.reshape(-1, self._windows, self._columns, self._windows)

    def _slices(self, row: int, column: int) -> tuple[slice, slice]:
        w = self._windows
        return slice(row * w, (row + 1) * w), slice(column * w, (column + 1) * w)

    def state(self) -> State:
        """See Store."""
        return {"agreements": self.agreements, "opportunities": self.opportunities}

    def load(self, state: State) -> None:
        """See Store."""
        agreements, opportunities = _counts_of(state)
        if agreements.shape != self.agreements.shape or opportunities.shape != self._opportunities.shape:
            raise ValueError(f"counts of {agreements.shape}, not {self.agreements.shape}")
        kinds = (np.uint8,) if self.policy == "byte" else (np.uint16, np.uint32)
        if agreements.dtype != opportunities.dtype or agreements.dtype not in kinds:
            raise ValueError(f"counters of {agreements.dtype} in {self.policy} policy")
        self._batch.clear()
        self._agreements = aligned_zeros((len(agreements), self._batch.padded_columns), agreements.dtype)
        self._agreements[:, : agreements.shape[1]] = agreements
        self._opportunities = opportunities.copy()


def _counts_of(state: State) -> tuple[Counts, Counts]:
    if set(state) != {"agreements", "opportunities"}:
        raise ValueError(f"a state of {', '.join(sorted(state))} is not one of a matrix")
    return state["agreements"], state["opportunities"]
