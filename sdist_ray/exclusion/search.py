"""One search for links: regions against regions, bit-sliced, then what is left window by window.

docs/indexed.md has the bounds and their proof.
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
from sdist_ray.exclusion.misses import check_back, check_forth, group
from sdist_ray.exclusion.reach import any_row, pair_regions, region_misses, transpose
from sdist_ray.exclusion.regions import Regions
from sdist_ray.exclusion.store import Pairs
from sdist_ray.exclusion.vector import VECTOR_WORDS, rows_that_reach
from sdist_ray.occupancy.block import Words

BLOCK_REGIONS = 1024
ROW, COLUMN = 1, 2
ALL = ~np.uint64(0)
Ints = npt.NDArray[np.int64]
Share = Callable[[Callable[[Any], Any], Iterable[Any]], list[Any]]


class Search:
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
        total = len(roles) * regions.count
        block_regions = BLOCK_REGIONS if total > 8 * BLOCK_REGIONS else BLOCK_REGIONS // 2
        per_block = max(1, block_regions // regions.count)
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

            bits = share(self._region_misses, self._blocks)
            # The later blocks have more to be paired with: they go first.
            numbers = range(len(self._blocks) - 1, -1, -1)
            found = share(lambda number: self._columns(bits, number), numbers)
            return self._check_back(_Found.join(found), share)

    def _region_misses(self, block: tuple[int, int]) -> Words:
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

    def _columns(self, bits: list[Words], b: int) -> _Found:
        """What passes of the earlier blocks' rows against the windows of one block's cameras."""
        room = 1 << 16
        pairs, masks = np.empty((room, 2), dtype=np.int32), np.empty((room, 2), dtype=np.uint64)
        count = 0
        for a in range(b + 1):
            if not self._can_pair(a, b):
                continue
            so_far, count = count, self._pair_blocks(bits, a, b, pairs, masks, count)
            if count > len(pairs):
                room = max(count, 2 * len(pairs))
                pairs, masks = _longer(pairs[:so_far], room), _longer(masks[:so_far], room)
                count = self._pair_blocks(bits, a, b, pairs, masks, so_far)
        return self._check_forth(pairs[:count], masks[:count])

    def _can_pair(self, a: int, b: int) -> bool:
        one, other = self._roles[self._blocks[a][0]], self._roles[self._blocks[b][0]]
        return bool((one & ROW and other & COLUMN) or (one & COLUMN and other & ROW))

    def _pair_blocks(
        self, bits: list[Words], a: int, b: int, pairs: npt.NDArray[np.int32], masks: Words, count: int
    ) -> int:
        """Append the pairs of regions of two blocks that may hold links; how many there are then."""
        regions = self._regions
        forth = self._reach("forth", self._blocks[a], bits[b])
        back = forth if a == b else self._reach("back", self._blocks[b], bits[a])
        some_forth, some_back = self._some("forth", a, forth), self._some("back", b, back)
        turned = self._scratch("turned", some_back.shape[1] // 64, some_back.shape[0] * 64)
        transpose(some_back, turned)
        found: int = pair_regions(
            forth, back, some_forth, turned, self._windows, regions.first, regions.size,
            self._blocks[a][0], self._blocks[b][0], self._roles, pairs, masks, count,
        )  # fmt: skip
        return found

    def _scratch(self, name: str, *shape: int) -> Words:
        """A thread's array, used again: fresh memory for every two blocks costs as much as filling it."""
        size = math.prod(shape)
        kept: Words | None = getattr(self._kept, name, None)
        if kept is None or len(kept) < size:
            kept = np.empty(size, dtype=np.uint64)
            setattr(self._kept, name, kept)
        return kept[:size].reshape(shape)

    def _reach(self, way: str, block: tuple[int, int], bits: Words) -> Words:
        rows = (np.arange(*block)[:, None] * self._windows + self._regions.order).reshape(-1)
        passed = self._scratch(f"passed {way}", bits.shape[1], len(rows))
        rows_that_reach(self._starts, self._ticks, self._spare, rows, bits, passed)
        return passed

    def _some(self, way: str, block: int, passed: Words) -> Words:
        some = self._scratch(f"some {way}", len(passed), self._words(self._blocks[block]) * 64)
        any_row(passed, self._windows, self._regions.first, self._regions.size, some)
        return some

    def _check_forth(self, pairs: npt.NDArray[np.int32], masks: Words) -> _Found:
        """Window by window, A's rows against B's windows."""
        regions = self._regions
        padded = PaddedTicks(self._evidence, regions)
        bound = np.bitwise_count(masks[:, 0]).astype(np.int64) * np.bitwise_count(masks[:, 1])
        found = []
        for camera, order in grouped(pairs[:, 1] // regions.count):
            words, known, gaps = padded.of(camera)
            room = int(bound[order].sum())
            out = _Found.empty(room)
            count = check_forth(
                order, pairs, masks, self._starts, self._ticks, words, known, gaps, regions.window,
                regions.region_word, regions.region_shift, self._windows, self._least,
                out.record, out.row, out.column, out.n, out.o,
            )  # fmt: skip
            found.append(out.first(count))
        return _Found.join(found)

    def _check_back(self, found: _Found, share: Share) -> Pairs:
        """The other way round, for what has passed so far."""
        # A pair of regions was looked at in one go: what it left lies together.
        first = np.flatnonzero(np.diff(found.record, prepend=-1))
        last = np.append(first[1:], len(found.record))[: len(first)]
        n_back = np.full(len(found.row), -1, dtype=np.int32)
        o_back = np.zeros(len(found.row), dtype=np.int32)

        def check(part: list[tuple[int, Ints]]) -> None:
            padded = PaddedTicks(self._evidence, self._regions)
            for camera, order in part:
                words, known, gaps = padded.of(camera)
                check_back(
                    order, first, last, found.row, found.column, self._starts, self._ticks, words, known,
                    gaps, self._regions.word, self._regions.bit, self._windows, self._least, n_back, o_back,
                )  # fmt: skip

        share(check, _shares(grouped(found.row[first] // self._windows), self._threads))
        both = n_back >= 0
        fields = (found.row, found.column, found.n, found.o, n_back, o_back)
        return Pairs(*(field[both].astype(np.int64) for field in fields))


@dataclass
class _Found:
    """Pairs of windows that pass in one direction; see search.check_forth.

    Attributes:
        record: int64, the pair of regions.
        row, column: int32, places.
        n, o: int32.
    """

    record: Ints
    row: npt.NDArray[np.int32]
    column: npt.NDArray[np.int32]
    n: npt.NDArray[np.int32]
    o: npt.NDArray[np.int32]

    @classmethod
    def empty(cls, room: int) -> _Found:
        return cls(np.empty(room, dtype=np.int64), *(np.empty(room, dtype=np.int32) for _ in range(4)))

    def first(self, count: int) -> _Found:
        return _Found(*(array[:count].copy() for array in vars(self).values()))

    @classmethod
    def join(cls, parts: Sequence[_Found]) -> _Found:
        """All of them, records told apart."""
        none = cls.empty(0)
        joined = [np.concatenate([getattr(p, name) for p in (none, *parts)]) for name in vars(none)]
        out = cls(*joined)
        new = np.diff(out.record, prepend=-1) != 0
        at = np.cumsum([len(part.row) for part in parts[:-1]], dtype=np.int64)
        new[at[at < len(new)]] = True
        out.record = np.cumsum(new)
        return out


def _longer(array: npt.NDArray[Any], length: int) -> npt.NDArray[Any]:
    """A copy with room for more rows."""
    out = np.empty((length, *array.shape[1:]), dtype=array.dtype)
    out[: len(array)] = array
    return out


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


def grouped(keys: npt.NDArray[np.integer[Any]]) -> list[tuple[int, Ints]]:
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
