"""The run-length store: rows of counts are packed, and unpacked to be worked on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from sdist_ray.exclusion.batch import Batch, BatchEvidence
from sdist_ray.exclusion.kernels import find_pairs
from sdist_ray.exclusion.packing import are_packed
from sdist_ray.exclusion.pool import RowPool
from sdist_ray.exclusion.store import POLICIES, Counts, Pairs, Part, State, TileRange
from sdist_ray.exclusion.vector import aligned_zeros

HOT_BYTES = 64 << 20
HOT_SHARE = 1 / 32
"""Unpacked rows take at most HOT_BYTES, and at most this share of what all rows would."""
GROUP_BYTES = 4 << 20
"""Cold rows that are unpacked together."""
KEEP = 2.0
"""A hot row gives way to one that is this much busier: a swap costs packing and unpacking."""
PAIRS_AT_ONCE = 1 << 20
Rows = npt.NDArray[np.int64]


class RleStore:
    """N and O of some row cameras against some column cameras, as run-length encoded rows.

    Ranges are collected in a batch; when it is full or somebody asks, each row that it touches is unpacked,
    counted, and packed. The busiest rows stay unpacked from batch to batch. Counts equal the dense store's.

    Attributes:
        policy: "byte" (halved at 255, the paper's) or "wide" (exact).
    """

    def __init__(self, rows: int, columns: int, windows: int, policy: str) -> None:
        if policy not in POLICIES:
            raise ValueError(f"counter policy {policy!r}, not one of {POLICIES}")
        self.policy = policy
        self._windows = windows
        self._columns = columns
        self._rows = rows * windows
        self._batch = Batch(rows, columns, windows)
        self._pool = RowPool(self._rows, columns, columns * windows)
        self._most = 0
        self._heat = np.zeros(self._rows, dtype=np.float32)
        self._slot = np.full(self._rows, -1, dtype=np.int32)
        self._become(np.dtype(np.uint8 if policy == "byte" else np.uint16))

    def _become(self, dtype: np.dtype[np.unsignedinteger]) -> None:
        """Hold unpacked counts as ``dtype``; no row is hot."""
        self._dtype = dtype
        self._slot[:] = -1
        room = min(HOT_BYTES, HOT_SHARE * self._rows * self._row_bytes)
        slots = int(room // max(1, self._row_bytes))
        self._hot_row: Rows = np.full(slots, -1, dtype=np.int64)
        self._hot_opportunities, self._hot_agreements = self._blank(slots)

    @property
    def _row_bytes(self) -> int:
        return (self._batch.padded_columns + self._columns) * self._dtype.itemsize

    def _blank(self, rows: int) -> tuple[Counts, Counts]:
        """O and N of unpacked rows, zero."""
        return (
            np.zeros((rows, self._columns), dtype=self._dtype),
            aligned_zeros((rows, self._batch.padded_columns), self._dtype),
        )

    @property
    def agreements(self) -> Counts:
        """N unpacked whole, (row cameras * windows, column cameras * windows); see DenseStore."""
        return self._unpacked(np.arange(self._rows))[1][:, : self._columns * self._windows]

    @property
    def opportunities(self) -> Counts:
        """O unpacked whole, (row cameras * windows, column cameras), same dtype."""
        return self._unpacked(np.arange(self._rows))[0]

    @property
    def nbytes(self) -> int:
        """See Store."""
        arrays = (self._heat, self._slot, self._hot_row, self._hot_opportunities, self._hot_agreements)
        return self._pool.nbytes + self._batch.nbytes + sum(array.nbytes for array in arrays)

    @property
    def packed_bytes(self) -> int:
        """Bytes of the packed rows alone."""
        return int(self._pool.size.sum())

    def apply(self, part: TileRange) -> None:
        """See Store."""
        if self._batch.empty:
            ticks = part.padding.clock.range_ticks
            # Widened before the batch begins: its bits are laid out for the counters' width.
            if self._most + self._batch.ticks(ticks) > np.iinfo(np.uint16).max and self.policy == "wide":
                self._widen()
            self._batch.begin(ticks, self._dtype.itemsize)
        self._batch.add(part)
        if self._batch.full:
            self.settle()

    def _widen(self) -> None:
        if self._dtype == np.uint16:
            self._cool(np.flatnonzero(self._hot_row >= 0))
            self._become(np.dtype(np.uint32))

    def settle(self) -> None:
        """Count what was collected."""
        if self._batch.empty:
            return
        evidence = self._batch.evidence()
        cold = np.flatnonzero((evidence.row_ticks > 0) & (self._slot < 0))
        self._count_hot(evidence)
        hot = self._choose_hot(evidence.row_ticks)
        self._cool(np.flatnonzero((self._hot_row >= 0) & ~hot[self._hot_row]))
        for rows in self._groups(cold):
            opportunities, agreements = self._unpacked_cold(rows)
            evidence.count(opportunities, agreements, rows)
            self._most = max(self._most, int(opportunities.max(initial=0)))
            self._warm(rows[hot[rows]], opportunities[hot[rows]], agreements[hot[rows]])
            staying = ~hot[rows]
            if staying.all():
                self._pool.put(rows, opportunities, agreements)
            else:
                self._pool.put(rows[staying], opportunities[staying], agreements[staying])
        self._pool.compact()
        self._batch.clear()

    def _count_hot(self, evidence: BatchEvidence) -> None:
        slots = np.flatnonzero(self._hot_row >= 0)
        if not len(slots):
            return
        end = int(slots[-1]) + 1
        evidence.count(self._hot_opportunities[:end], self._hot_agreements[:end], self._hot_row[:end])
        self._most = max(self._most, int(self._hot_opportunities[:end].max(initial=0)))

    def _choose_hot(self, row_ticks: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """The busiest rows, as many as there are slots; what is long past weighs little."""
        self._heat *= 0.5
        self._heat += row_ticks
        weight = np.where(self._slot >= 0, KEEP * self._heat, self._heat)
        hot = np.zeros(self._rows, dtype=np.bool_)
        slots = len(self._hot_row)
        if slots:
            busiest = np.argpartition(weight, -slots)[-slots:]
            hot[busiest[weight[busiest] >= 1]] = True
        return hot

    def _cool(self, slots: npt.NDArray[np.intp]) -> None:
        """Pack the rows in some slots, which are then free."""
        if len(slots):
            rows = self._hot_row[slots]
            self._pool.put(rows, self._hot_opportunities[slots], self._hot_agreements[slots])
            self._slot[rows] = -1
            self._hot_row[slots] = -1
            self._hot_opportunities[slots] = 0
            self._hot_agreements[slots] = 0

    def _warm(self, rows: Rows, opportunities: Counts, agreements: Counts) -> None:
        """Put unpacked rows into free slots."""
        if len(rows):
            slots = np.flatnonzero(self._hot_row < 0)[: len(rows)]
            self._hot_row[slots] = rows
            self._slot[rows] = slots
            self._hot_opportunities[slots] = opportunities
            self._hot_agreements[slots] = agreements
            self._pool.drop(rows)

    def _groups(self, rows: Rows) -> Iterator[Rows]:
        step = max(1, GROUP_BYTES // max(1, self._row_bytes))
        for first in range(0, len(rows), step):
            yield rows[first : first + step]

    def _unpacked_cold(self, rows: Rows) -> tuple[Counts, Counts]:
        opportunities, agreements = self._blank(len(rows))
        self._pool.get(rows, opportunities, agreements)
        return opportunities, agreements

    def _unpacked(self, rows: Rows) -> tuple[Counts, Counts]:
        """Copies of rows, hot ones or not, with all that was collected counted."""
        self.settle()
        opportunities, agreements = self._unpacked_cold(rows)
        hot = self._slot[rows] >= 0
        slots = self._slot[rows[hot]]
        opportunities[hot], agreements[hot] = self._hot_opportunities[slots], self._hot_agreements[slots]
        return opportunities, agreements

    def _put(self, rows: Rows, opportunities: Counts, agreements: Counts) -> None:
        """Put changed rows back to where they are, hot or cold."""
        hot = self._slot[rows] >= 0
        slots = self._slot[rows[hot]]
        self._hot_opportunities[slots], self._hot_agreements[slots] = opportunities[hot], agreements[hot]
        if not hot.all():
            self._pool.put(rows[~hot], opportunities[~hot], agreements[~hot])

    def most_opportunities(self) -> int:
        """See Store; a bound."""
        self.settle()
        return self._most

    def pairs(self, least: npt.NDArray[np.int64], threads: int = 1) -> Pairs:
        """See Store."""
        self.settle()
        room = max(PAIRS_AT_ONCE, self._columns * self._windows)
        row, column, n, o = (np.empty(room, dtype=np.int64) for _ in range(4))
        parts: list[Pairs] = []
        # A row that was never touched has O = 0, which is not enough for anything.
        for rows in self._groups(np.flatnonzero((self._pool.size > 0) | (self._slot >= 0))):
            opportunities, agreements = self._unpacked(rows)
            at = 0
            while at < len(rows):
                found, at = find_pairs(agreements, opportunities, self._windows, least, at, row, column, n, o)
                parts.append(Pairs(rows[row[:found]], *(array[:found].copy() for array in (column, n, o))))
        return Pairs.concatenate(parts)

    def counts(self, row: npt.NDArray[np.int64], column: npt.NDArray[np.int64]) -> Pairs:
        """See Store."""
        agreements, opportunities = np.zeros(len(row), np.int64), np.zeros(len(row), np.int64)
        order = np.argsort(row, kind="stable")
        for rows in self._groups(np.unique(row)):
            o, n = self._unpacked(rows)
            first, last = np.searchsorted(row[order], [rows[0], rows[-1] + 1])
            asked = order[first:last]
            place = np.searchsorted(rows, row[asked])
            agreements[asked] = n[place, column[asked]]
            opportunities[asked] = o[place, column[asked] // self._windows]
        return Pairs(row, column, agreements, opportunities)

    def cut(self, row: int, column: int) -> tuple[Counts, Counts]:
        """See Store."""
        rows, columns = self._place(row, column)
        opportunities, agreements = self._unpacked(rows)
        taken = agreements[:, columns].copy(), opportunities[:, column].copy()
        agreements[:, columns] = 0
        opportunities[:, column] = 0
        self._put(rows, opportunities, agreements)
        return taken

    def paste(self, row: int, column: int, agreements: Counts, opportunities: Counts) -> None:
        """See Store."""
        w = self._windows
        if agreements.shape != (w, w) or opportunities.shape != (w,):
            raise ValueError(f"counts of {agreements.shape} for {w} windows")
        self.settle()
        most = max(int(counts.max(initial=0)) for counts in (agreements, opportunities))
        if most > np.iinfo(self._dtype).max:
            if self.policy == "byte":
                raise ValueError(f"a count of {most} in byte policy")
            self._widen()
        rows, columns = self._place(row, column)
        o, n = self._unpacked(rows)
        n[:, columns] = agreements
        o[:, column] = opportunities
        self._most = max(self._most, most)
        self._put(rows, o, n)
        self._pool.compact()

    def part(self, rows: Sequence[int], columns: Sequence[int]) -> State:
        """See Store."""
        part = RleStore(len(rows), len(columns), self._windows, self.policy)
        theirs, windows = self._windows_of(rows), self._windows_of(columns)
        for places in self._groups(np.arange(len(theirs))):
            whole, agreements = self._unpacked(theirs[places])
            opportunities = whole.take(columns, axis=1)
            seen = np.flatnonzero(opportunities.any(axis=1))
            taken = agreements[seen].take(windows, axis=1)
            part._pool.put(places[seen], opportunities[seen], taken)
        part._most = self._most
        return part.state()

    def join(self, parts: Sequence[Part]) -> None:
        """See Store."""
        for rows, columns, state in parts:
            part = RleStore(len(rows), len(columns), self._windows, self.policy)
            part.load(state)
            self._most = max(self._most, part._most)
            if self._most > np.iinfo(self._dtype).max:
                self._widen()
            mine, windows = self._windows_of(rows), self._windows_of(columns)
            for places in self._groups(np.flatnonzero(part._pool.size > 0)):
                o, n = part._unpacked(places)
                opportunities, agreements = self._unpacked(mine[places])
                opportunities[:, columns] = o
                agreements[:, windows] = n[:, : len(windows)]
                self._put(mine[places], opportunities, agreements)
        self._pool.compact()

    def _windows_of(self, cameras: Sequence[int]) -> Rows:
        first = np.asarray(cameras, dtype=np.int64)[:, None] * self._windows
        return (first + np.arange(self._windows)).reshape(-1)

    def _place(self, row: int, column: int) -> tuple[Rows, slice]:
        w = self._windows
        return np.arange(row * w, (row + 1) * w), slice(column * w, (column + 1) * w)

    def state(self) -> State:
        """See Store: the packed rows, one after another."""
        self.settle()
        self._cool(np.flatnonzero(self._hot_row >= 0))
        data, starts = self._pool.data()
        return {"packed": data, "starts": starts, "greatest": np.array(self._most)}

    def load(self, state: State) -> None:
        """See Store."""
        if set(state) != {"packed", "starts", "greatest"}:
            raise ValueError(f"a state of {', '.join(sorted(state))} is not one of packed rows")
        data, starts = state["packed"], state["starts"]
        if state["greatest"].shape != ():
            raise ValueError(f"a greatest count of shape {state['greatest'].shape}, not a number")
        most = int(state["greatest"])
        fits = data.dtype == np.uint8 and data.ndim == 1
        fits = fits and starts.dtype == np.int64 and starts.shape == (self._rows + 1,)
        limit = np.iinfo(np.uint8 if self.policy == "byte" else np.uint32).max
        if not fits or starts[0] != 0 or starts[-1] != len(data) or (np.diff(starts) < 0).any():
            raise ValueError(f"not the packed rows of {self._rows} windows")
        if not 0 <= most <= limit:
            raise ValueError(f"a count of {most} in {self.policy} policy")
        if not are_packed(data, starts, self._columns, self._columns * self._windows, most):
            raise ValueError("packed rows that cannot be unpacked")
        self._batch.clear()
        wide = np.uint16 if most <= np.iinfo(np.uint16).max else np.uint32
        self._become(np.dtype(np.uint8 if self.policy == "byte" else wide))
        self._heat[:] = 0
        self._pool.load(data, starts)
        self._most = most
