"""The indexed store: exact links without the matrix.

It keeps the events, which are few, and when it is asked for links it counts only pairs of windows that can
still be linked: first rows against regions of windows, bit-sliced, then what is left of both directions
window by window. docs/indexed.md has the bounds and their proof.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sdist_ray.exclusion.events import Events, PaddedTicks
from sdist_ray.exclusion.evidence import Evidence
from sdist_ray.exclusion.following import Criterion, Known, enough
from sdist_ray.exclusion.misses import count_pairs
from sdist_ray.exclusion.parts import join_evidence, part_of_evidence
from sdist_ray.exclusion.regions import WORD_BITS, Regions, make_regions
from sdist_ray.exclusion.search import COLUMN, ROW, Ints, Search, grouped
from sdist_ray.exclusion.sizing import choose_regions
from sdist_ray.exclusion.store import Counts, Pairs, Part, State, TileRange
from sdist_ray.exclusion.thinning import Thinning
from sdist_ray.occupancy.padding import Padding


class IndexedStore:
    """Events of the tile's cameras; N and O are found when they are asked for, exactly (wide)."""

    def __init__(
        self, rows: Sequence[str], columns: Sequence[str], padding: Padding, policy: str,
        recent: int = 0, whole: int = 0,
    ) -> None:  # fmt: skip
        """For a tile's cameras; ``recent`` and ``whole``, see Counting."""
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
        # A tile of cameras against themselves has the pairs' numbers already.
        in_order = np.arange(len(cameras))
        self._numbered = np.array_equal(self._row_camera, in_order) and np.array_equal(
            self._column_camera, in_order
        )
        self.evidence = Evidence(
            padding, len(cameras), self._row_camera, self._column_camera, recent,
            Thinning(whole) if whole else None,
        )  # fmt: skip
        self._known: Known | None = None
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

    def follow(self, criterion: Criterion, threads: int = 1) -> Pairs:
        """Links for a run that does not end, at a cost that stays in proportion to what is new.

        What the last search found is exact: it is counted on with the ranges since. What it did not find is
        looked for in the next search, see Known.
        """
        evidence, known = self.evidence, self._known
        if known is None or known.criterion != criterion or known.is_due(evidence):
            # What is forgotten from now on is there to be taken off, until the next search.
            evidence.held = enough(evidence.keep) if evidence.keep else 0
            found = self.pairs(criterion.least(self.most_opportunities()), threads)
            self._known = Known.of(found, criterion, evidence)
            return found
        # Ranges that count no longer, and those that do so now.
        for sign, first, stop in (
            (-1, known.first, evidence.forgotten),
            (1, known.end, evidence.added),
        ):
            if first < stop:
                self._count_on(known, evidence.between(first, stop), sign)
        known.first, known.end = evidence.forgotten, evidence.added
        return known.passing()

    def _count_on(self, known: Known, events: Events, sign: int) -> None:
        i, j = self._places(known.row.astype(np.int64), known.column.astype(np.int64))
        for at, (one, other) in enumerate(((i, j), (j, i))):
            known.counts[2 * at : 2 * at + 2] += sign * np.array(self._count(one, other, events), np.int32)

    def _sized(self, least: Ints) -> Regions:
        """The regions to search with, chosen anew when there is twice the evidence."""
        ticks = self.evidence.ticks
        if self._regions is None or not self._sized_ticks / 2 < ticks < self._sized_ticks * 2:
            self._regions = choose_regions(self.evidence.events(), self._roles, least)
            self._sized_ticks = ticks
        return self._regions

    def _in_tile(self, found: Pairs) -> Pairs:
        """Pairs in the tile's own numbers, the row's camera being one of its rows."""
        if self._numbered:
            return found
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
        return Pairs(row, column, *self._count(*self._places(row, column), self.evidence.events()))

    def _places(self, row: Ints, column: Ints) -> tuple[Ints, Ints]:
        """Rows and columns of the tile as windows of the store's cameras."""
        w = self._windows
        i = self._row_camera[row // w].astype(np.int64) * w + row % w
        return i, self._column_camera[column // w].astype(np.int64) * w + column % w

    def _count(self, i: Ints, j: Ints, events: Events) -> tuple[Ints, Ints]:
        """N and O of pairs of the store's windows."""
        w = self._windows
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

    def part(self, rows: Sequence[int], columns: Sequence[int]) -> State:
        """See Store."""
        cameras = [*self._row_camera[list(rows)].tolist(), *self._column_camera[list(columns)].tolist()]
        return part_of_evidence(self.evidence.state(), list(dict.fromkeys(cameras)), self._windows)

    def join(self, parts: Sequence[Part]) -> None:
        """See Store; of a tile of cameras against themselves.

        Pairs that were not together count from the range on from which both bring evidence.
        """
        numbered = [
            (list(dict.fromkeys([*self._row_camera[list(rows)], *self._column_camera[list(columns)]])), state)
            for rows, columns, state in parts
        ]
        evidence = self.evidence
        self._known = None
        evidence.load(join_evidence(numbered, evidence.cameras, evidence.padding, evidence.keep))

    def state(self) -> State:
        """See Store."""
        return self.evidence.state()

    def load(self, state: State) -> None:
        """See Store."""
        self._known = None
        self.evidence.load(state)
