"""The indexed store: exact links without the matrix.

It keeps the events, which are few, and when it is asked for links it counts only pairs of windows that can
still be linked: first rows against regions of windows, bit-sliced, then what is left of both directions
window by window. docs/indexed.md has the bounds and their proof.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sdist_ray.exclusion.evidence import Evidence, PaddedTicks
from sdist_ray.exclusion.misses import count_pairs
from sdist_ray.exclusion.regions import WORD_BITS, Regions, make_regions
from sdist_ray.exclusion.search import COLUMN, ROW, Ints, Search, grouped
from sdist_ray.exclusion.sizing import choose_regions
from sdist_ray.exclusion.store import Counts, Pairs, State, TileRange
from sdist_ray.occupancy.padding import Padding


class IndexedStore:
    """Events of the tile's cameras; N and O are found when they are asked for, exactly (wide)."""

    def __init__(
        self, rows: Sequence[str], columns: Sequence[str], padding: Padding, policy: str, recent: int = 0
    ) -> None:
        """For a tile's cameras; ``recent``, see Counting."""
        if policy != "wide":
            raise ValueError(f"the indexed store counts exactly: counters wide, not {policy}")
        self._windows = padding.grid.windows
        both = set(rows) & set(columns)
        # Cameras of one role lie together: a block of cameras then has one role.
        cameras = [c for c in rows if c not in both]
        cameras += [c for c in rows if c in both]
        cameras += [c for c in columns if c not in both]
        number = {camera: n for n, camera in enumerate(cameras)}
        self._row_camera = np.array([number[c] for c in rows], dtype=np.int32)
        self._column_camera = np.array([number[c] for c in columns], dtype=np.int32)
        self._roles = np.zeros(len(cameras), dtype=np.uint8)
        self._roles[self._row_camera] |= ROW
        self._roles[self._column_camera] |= COLUMN
        self.evidence = Evidence(padding, len(cameras), self._row_camera, self._column_camera, recent)
        self._followed: tuple[int, int, Pairs] | None = None
        self._regions: Regions | None = None
        self._sized_ticks = 0

    @property
    def nbytes(self) -> int:
        """See Store."""
        return self.evidence.nbytes

    def apply(self, part: TileRange) -> None:
        """See Store."""
        self.evidence.add(part)

    def most_opportunities(self) -> int:
        """See Store: no O is above the row's occupied ticks."""
        return int(np.diff(self.evidence.events().starts).max(initial=0))

    def pairs(self, least: Ints, threads: int = 1) -> Pairs:
        """See Store. Each unordered pair that passes in both directions, once, with both counts."""
        search = Search(self.evidence.events(), self._roles, self._sized(least), least, threads)
        return self._in_tile(search.run())

    def follow(self, least: Ints, threads: int = 1) -> Pairs:
        """Links for a run that does not end, at a cost that stays in proportion to its events.

        What the last search found is counted anew and is exact. What it did not find is looked for in the
        next search, which is due when there is twice the evidence, or (where only recent ranges count) when
        all of it has been replaced. So all searches of a run together cost about twice what the last does.
        """
        added, ticks = self.evidence.added, self.evidence.ticks // self.evidence.padding.clock.range_ticks
        if self._followed is None or added - self._followed[0] >= self._followed[1]:
            self._followed = added, ticks, self.pairs(least, threads)
            return self._followed[2]
        known = self._followed[2]
        forth, back = self.counts(known.row, known.column), self._counts_back(known)
        passes = (forth.agreements >= least[forth.opportunities]) & (
            back.agreements >= least[back.opportunities]
        )
        fields = (
            known.row,
            known.column,
            forth.agreements,
            forth.opportunities,
            back.agreements,
            back.opportunities,
        )
        return Pairs(*(field[passes] for field in fields))

    def _sized(self, least: Ints) -> Regions:
        """The regions to search with, chosen anew when there is twice the evidence."""
        ticks = self.evidence.ticks
        if self._regions is None or not self._sized_ticks / 2 < ticks < self._sized_ticks * 2:
            self._regions = choose_regions(self.evidence.events(), self._roles, least)
            self._sized_ticks = ticks
        return self._regions

    def _in_tile(self, found: Pairs) -> Pairs:
        """Pairs in the tile's own numbers, the row's camera being one of its rows."""
        w = self._windows
        assert found.agreements_back is not None
        assert found.opportunities_back is not None
        turned = (self._roles[found.row // w] & ROW == 0) | (self._roles[found.column // w] & COLUMN == 0)
        row = np.where(turned, found.column, found.row)
        column = np.where(turned, found.row, found.column)
        row_of, column_of = self._inverse(self._row_camera), self._inverse(self._column_camera)
        return Pairs(
            row_of[row // w] * w + row % w,
            column_of[column // w] * w + column % w,
            np.where(turned, found.agreements_back, found.agreements),
            np.where(turned, found.opportunities_back, found.opportunities),
            np.where(turned, found.agreements, found.agreements_back),
            np.where(turned, found.opportunities, found.opportunities_back),
        )

    def _inverse(self, cameras: npt.NDArray[np.int32]) -> Ints:
        numbers = np.full(len(self._roles), -1, dtype=np.int64)
        numbers[cameras] = np.arange(len(cameras))
        return numbers

    def counts(self, row: Ints, column: Ints) -> Pairs:
        """See Store."""
        return Pairs(row, column, *self._count(*self._places(row, column)))

    def _counts_back(self, pairs: Pairs) -> Pairs:
        """N and O of (column, row)."""
        i, j = self._places(pairs.row, pairs.column)
        return Pairs(pairs.column, pairs.row, *self._count(j, i))

    def _places(self, row: Ints, column: Ints) -> tuple[Ints, Ints]:
        """Rows and columns of the tile as windows of the store's cameras."""
        w = self._windows
        i = self._row_camera[row // w].astype(np.int64) * w + row % w
        return i, self._column_camera[column // w].astype(np.int64) * w + column % w

    def _count(self, i: Ints, j: Ints) -> tuple[Ints, Ints]:
        """N and O of pairs of the store's windows."""
        events, w = self.evidence.events(), self._windows
        regions = make_regions(events.padding.grid, WORD_BITS)
        padded = PaddedTicks(events, regions)
        n, o = np.zeros_like(i), np.zeros_like(i)
        for camera, order in grouped(j // w):
            words, known, _ = padded.of(camera)
            count_pairs(
                order, i, j, events.starts, events.row_ticks, words, known, regions.word, regions.bit, w, n, o
            )
        return n, o

    def cut(self, row: int, column: int) -> tuple[Counts, Counts]:
        """See Store."""
        raise NotImplementedError("the indexed store keeps events, which belong to no pair of cameras")

    def paste(self, row: int, column: int, agreements: Counts, opportunities: Counts) -> None:
        """See Store."""
        raise NotImplementedError("the indexed store keeps events, which belong to no pair of cameras")

    def state(self) -> State:
        """See Store."""
        return self.evidence.state()

    def load(self, state: State) -> None:
        """See Store."""
        self.evidence.load(state)
