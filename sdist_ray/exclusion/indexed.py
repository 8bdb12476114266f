"""The indexed store: exact links without the matrix.

It keeps the events, which are few, and when it is asked for links it counts only pairs of windows that can
still be linked: first rows against regions of windows, bit-sliced, then what is left of both directions
window by window. docs/indexed.md has the bounds and their proof.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from sdist_ray.exclusion.evidence import Evidence, PaddedTicks
from sdist_ray.exclusion.regions import Regions, make_regions
from sdist_ray.exclusion.search import (
    any_row,
    check_back,
    check_forth,
    count_pairs,
    group,
    pair_regions,
    region_misses,
    transpose,
)
from sdist_ray.exclusion.store import Counts, Pairs, State, TileRange
from sdist_ray.exclusion.vector import VECTOR_WORDS, rows_that_reach
from sdist_ray.occupancy.block import Words
from sdist_ray.occupancy.padding import Padding

BLOCK_REGIONS = 1024
ROW, COLUMN = 1, 2
ALL = ~np.uint64(0)
Ints = npt.NDArray[np.int64]
Share = Callable[[Callable[[Any], Any], Iterable[Any]], list[Any]]


class IndexedStore:
    """Events of the tile's cameras; N and O are found when they are asked for, exactly (wide)."""

    def __init__(self, rows: Sequence[str], columns: Sequence[str], padding: Padding, policy: str) -> None:
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
        self.evidence = Evidence(padding, len(cameras), self._row_camera, self._column_camera)
        self.region_windows = 0

    @property
    def nbytes(self) -> int:
        """See Store."""
        return self.evidence.nbytes

    def apply(self, part: TileRange) -> None:
        """See Store."""
        self.evidence.add(part)

    def most_opportunities(self) -> int:
        """See Store: no O is above the row's occupied ticks."""
        return int(np.diff(self.evidence.row_ticks()[0]).max(initial=0))

    def pairs(self, least: Ints, threads: int = 1) -> Pairs:
        """See Store. Each unordered pair that passes in both directions, once, with both counts."""
        regions = make_regions(self.evidence.padding.grid, self.region_windows or 18)
        search = _Search(self.evidence, self._roles, regions, least, threads)
        found = search.run()
        return self._in_tile(found)

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
        w = self._windows
        i = self._row_camera[row // w].astype(np.int64) * w + row % w
        j = self._column_camera[column // w].astype(np.int64) * w + column % w
        regions = make_regions(self.evidence.padding.grid, self.region_windows or 18)
        starts, ticks = self.evidence.row_ticks()
        padded = PaddedTicks(self.evidence, regions)
        n, o = np.zeros_like(i), np.zeros_like(i)
        for camera, order in _grouped(j // w):
            words, known, _ = padded.of(camera)
            count_pairs(order, i, j, starts, ticks, words, known, regions.word, regions.bit, w, n, o)
        return Pairs(row, column, n, o)

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


@dataclass
class _RegionPairs:
    """Pairs of regions that may hold links; see search.pair_regions."""

    a: npt.NDArray[np.int32]
    b: npt.NDArray[np.int32]
    mask_a: Words
    mask_b: Words

    @classmethod
    def empty(cls, room: int) -> _RegionPairs:
        return cls(
            np.empty(room, dtype=np.int32),
            np.empty(room, dtype=np.int32),
            np.empty(room, dtype=np.uint64),
            np.empty(room, dtype=np.uint64),
        )


class _Search:
    """One search for links, over all evidence that there is."""

    def __init__(
        self, evidence: Evidence, roles: npt.NDArray[np.uint8], regions: Regions, least: Ints, threads: int
    ) -> None:
        self._evidence = evidence
        self._roles = roles
        self._regions = regions
        self._least = least
        self._threads = threads
        self._windows = evidence.padding.grid.windows
        self._starts, self._ticks = evidence.row_ticks()
        self._spare = spare_misses(np.diff(self._starts), least)
        self._kept = threading.local()
        per_block = max(1, BLOCK_REGIONS // regions.count)
        edges = [0, *(np.flatnonzero(np.diff(roles)) + 1).tolist(), len(roles)]
        self._blocks = [
            (first, min(first + per_block, stop))
            for start, stop in pairwise(edges)
            for first in range(start, stop, per_block)
        ]

    def run(self) -> Pairs:
        """All links."""
        with ThreadPoolExecutor(self._threads) as pool:

            def share(function: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
                return list(map(function, items) if self._threads == 1 else pool.map(function, items))

            return self._check(self._region_pairs(share), share)

    def _region_pairs(self, share: Share) -> _RegionPairs:
        """The pairs of regions that may hold links."""
        bits = share(self._region_bits, self._blocks)
        tasks = [(a, b) for b in range(len(self._blocks)) for a in range(b + 1) if self._can_pair(a, b)]
        return _join(share(lambda task: self._pair_blocks(bits, *task), tasks))

    def _can_pair(self, a: int, b: int) -> bool:
        one, other = self._roles[self._blocks[a][0]], self._roles[self._blocks[b][0]]
        return bool((one & ROW and other & COLUMN) or (one & COLUMN and other & ROW))

    def _region_bits(self, block: tuple[int, int]) -> Words:
        """Which regions of a block's cameras are not occupied, uint64 (ticks + 1, words)."""
        regions, ticks = self._regions, self._evidence.ticks
        words = self._words(block)
        by_word = np.full((words, ticks), ALL, dtype=np.uint64)
        padded = PaddedTicks(self._evidence, regions)
        bit = 0
        for camera in range(*block):
            masks, _, _ = padded.of(camera)
            for region in range(regions.count):
                shift = regions.region_shift[region]
                region_misses(
                    masks[regions.region_word[region]],
                    regions.region_mask[region] << shift,
                    np.uint64(bit & 63),
                    by_word[bit >> 6],
                )
                bit += 1
        bits = np.zeros((ticks + 1, words), dtype=np.uint64)
        bits[:-1] = by_word.T
        return bits

    def _words(self, block: tuple[int, int]) -> int:
        """Words for a bit per region of a block, in whole vectors."""
        vector = 64 * VECTOR_WORDS
        return -(-(block[1] - block[0]) * self._regions.count // vector) * VECTOR_WORDS

    def _pair_blocks(self, bits: list[Words], a: int, b: int) -> _RegionPairs:
        forth = self._reach("forth", self._blocks[a], bits[b])
        back = forth if a == b else self._reach("back", self._blocks[b], bits[a])
        some_forth, some_back = self._some("forth", a, forth), self._some("back", b, back)
        turned = self._scratch("turned", some_back.shape[1] * 64, len(some_back) // 64)
        transpose(some_back, turned)
        room = 1024
        while True:
            pairs = _RegionPairs.empty(room)
            found = pair_regions(
                forth, back, some_forth, turned, self._windows, self._regions.window,
                self._blocks[a][0], self._blocks[b][0], self._roles,
                pairs.a, pairs.b, pairs.mask_a, pairs.mask_b,
            )  # fmt: skip
            if found <= room:
                return _RegionPairs(*(array[:found].copy() for array in vars(pairs).values()))
            room = found

    def _scratch(self, name: str, *shape: int) -> Words:
        """A thread's array, used again: fresh memory for every two blocks costs as much as filling it."""
        size = math.prod(shape)
        kept: Words | None = getattr(self._kept, name, None)
        if kept is None or len(kept) < size:
            kept = np.empty(size, dtype=np.uint64)
            setattr(self._kept, name, kept)
        return kept[:size].reshape(shape)

    def _reach(self, way: str, block: tuple[int, int], bits: Words) -> Words:
        first, rows = block[0] * self._windows, (block[1] - block[0]) * self._windows
        passed = self._scratch(f"passed {way}", rows, bits.shape[1])
        rows_that_reach(self._starts, self._ticks, self._spare, first, rows, bits, passed)
        return passed

    def _some(self, way: str, block: int, passed: Words) -> Words:
        some = self._scratch(f"some {way}", self._words(self._blocks[block]) * 64, passed.shape[1])
        any_row(passed, self._windows, self._regions.window, some)
        return some

    def _check(self, pairs: _RegionPairs, share: Share) -> Pairs:
        """Window by window, first A's rows against B's windows, then the other way round."""
        regions, w = self._regions, self._windows
        bound = np.bitwise_count(pairs.mask_a).astype(np.int64) * np.bitwise_count(pairs.mask_b)
        groups = _grouped(pairs.b // regions.count)

        def forth(part: list[tuple[int, Ints]]) -> list[npt.NDArray[Any]]:
            padded = PaddedTicks(self._evidence, regions)
            found: list[list[npt.NDArray[Any]]] = []
            for camera, order in part:
                words, known, gaps = padded.of(camera)
                room = int(bound[order].sum())
                out = [np.empty(room, dtype=kind) for kind in (np.int64,) * 3 + (np.int32,) * 2]
                count = check_forth(
                    order, pairs.a, pairs.b, pairs.mask_a, pairs.mask_b, self._starts, self._ticks,
                    words, known, gaps, regions.window, regions.region_word, regions.region_shift, w,
                    self._least, *out,
                )  # fmt: skip
                found.append([array[:count].copy() for array in out])
            return [np.concatenate(arrays) for arrays in zip(*found, strict=True)]

        parts = [part for part in share(forth, _shares(groups, self._threads)) if part]
        if not parts:
            none = np.empty(0, dtype=np.int64)
            return Pairs(none, none, none, none, none, none)
        record, row, column, n, o = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        # A pair of regions was looked at in one go: what it left lies together.
        first = np.zeros(len(pairs.a), dtype=np.int64)
        last = np.zeros(len(pairs.a), dtype=np.int64)
        edges = np.flatnonzero(np.diff(record, prepend=-1))
        first[record[edges]] = edges
        last[record[edges]] = np.append(edges[1:], len(record))
        alive = np.flatnonzero(last > first)
        n_back, o_back = np.full(len(row), -1, dtype=np.int32), np.zeros(len(row), dtype=np.int32)

        def back(part: list[tuple[int, Ints]]) -> None:
            padded = PaddedTicks(self._evidence, regions)
            for camera, order in part:
                words, known, gaps = padded.of(camera)
                check_back(
                    alive[order], first, last, row, column, self._starts, self._ticks, words, known, gaps,
                    regions.word, regions.bit, w, self._least, n_back, o_back,
                )  # fmt: skip

        share(back, _shares(_grouped(pairs.a[alive] // regions.count), self._threads))
        both = n_back >= 0
        return Pairs(row, column, *(x.astype(np.int64) for x in (n, o, n_back, o_back))).where(both)


def spare_misses(opportunities: Ints, least: Ints) -> npt.NDArray[np.int32]:
    """How many misses a row may have with a region while some of its windows can still pass.

    A pair passes with at most m(O) = O - least[O] misses. O is at most the row's ticks, and where it is less
    the bound is the greatest m up to there; ticks that cannot be counted are taken for agreement.

    Args:
        opportunities: the rows' ticks, int64.
        least: int64, least N by O.

    Returns:
        int32, -1 for a row that no O lets pass.
    """
    spare = np.maximum.accumulate(np.arange(len(least)) - least)[opportunities]
    return np.maximum(spare, -1).astype(np.int32)


def _grouped(keys: npt.NDArray[np.integer[Any]]) -> list[tuple[int, Ints]]:
    """Indices by key, ascending."""
    starts = np.zeros(int(keys.max(initial=-1)) + 2, dtype=np.int64)
    order = np.empty(len(keys), dtype=np.int64)
    group(keys.astype(np.int32), starts, order)
    return [(key, order[starts[key] : starts[key + 1]]) for key in np.flatnonzero(np.diff(starts)).tolist()]


def _shares(groups: list[tuple[int, Ints]], threads: int) -> list[list[tuple[int, Ints]]]:
    """The groups in a few runs per thread, in order, so that a slow one holds up little."""
    runs = 1 if threads == 1 else 8 * threads
    bounds = np.linspace(0, len(groups), runs + 1).round().astype(int)
    return [groups[a:b] for a, b in pairwise(bounds) if b > a]


def _join(parts: Sequence[_RegionPairs]) -> _RegionPairs:
    names = ("a", "b", "mask_a", "mask_b")
    kinds = (np.int32, np.int32, np.uint64, np.uint64)
    return _RegionPairs(
        *(
            np.concatenate([np.empty(0, kind), *(getattr(part, name) for part in parts)])
            for name, kind in zip(names, kinds, strict=True)
        )
    )
