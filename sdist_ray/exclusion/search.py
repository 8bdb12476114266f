"""One search for links: regions against regions, bit-sliced, then what is left window by window.

docs/indexed.md has the bounds and their proof.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations_with_replacement, pairwise
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from sdist_ray.exclusion.checks import check_back, check_forth
from sdist_ray.exclusion.events import Events, PaddedTicks
from sdist_ray.exclusion.misses import group
from sdist_ray.exclusion.reach import any_row, reaching_rows, region_misses, rows_that_reach, transpose
from sdist_ray.exclusion.regions import Regions
from sdist_ray.exclusion.store import Pairs
from sdist_ray.exclusion.vector import VECTOR_WORDS, aligned_zeros
from sdist_ray.occupancy.block import Words

BLOCK_REGIONS = 1024
MOST_REACHING = 1 << 22
"""Rows and regions that are kept before they are looked at."""
HUGE_PAGES = 1 << 19
"""Words from which on NumPy asks for huge pages."""
ROW, COLUMN = 1, 2
Ints = npt.NDArray[np.int64]
Share = Callable[[Callable[[Any], Any], Iterable[Any]], list[Any]]


class Search:
    """One search for links, over all events that there are."""

    def __init__(
        self, events: Events, roles: npt.NDArray[np.uint8], regions: Regions, least: Ints, threads: int
    ) -> None:
        self._events = events
        self._roles = roles
        self._regions = regions
        self._least = least
        self._threads = threads
        self._padded = PaddedTicks(events, regions)
        self._windows = events.padding.grid.windows
        self._starts, self._ticks = events.starts, events.row_ticks
        self._spare = spare_misses(np.diff(self._starts), least)
        self._kept = threading.local()
        total = len(roles) * regions.count
        block_regions = BLOCK_REGIONS if total > 4 * BLOCK_REGIONS else BLOCK_REGIONS // 2
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

            try:
                bits = self._all_misses(share)
                # The later blocks have more to be paired with: they go first.
                numbers = range(len(self._blocks) - 1, -1, -1)
                found = share(lambda number: self._columns(bits, number), numbers)
                return self._check_back(_Found.join(found), share)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def work(self) -> Work:
        """What a search has to do, without doing the last of it."""
        bits = self._all_misses(lambda function, items: list(map(function, items)))
        nothing = _Reaching.empty(0)
        blocks = range(len(self._blocks))
        total = Work(0, 0, bits.shape[0] * bits.shape[2])
        for a, b in combinations_with_replacement(blocks, 2):
            if not self._can_pair(a, b):
                continue
            rows, steps = self._pair_blocks(bits, a, b, nothing, 0)
            total = Work(total.steps + steps, total.rows + rows, total.words)
        return total

    def _all_misses(self, share: Share) -> Words:
        """See _region_misses: uint64 (blocks, ticks + 1, words)."""
        # One array: from 4 MB on NumPy asks for huge pages, without which every other look is a TLB miss.
        words = max(map(self._words, self._blocks), default=0)
        bits = aligned_zeros((len(self._blocks), self._events.ticks + 1, words))
        share(lambda number: self._region_misses(self._blocks[number], bits[number]), range(len(bits)))
        return bits

    def _region_misses(self, block: tuple[int, int], bits: Words) -> None:
        """Which regions of a block are not occupied, into ``bits``, uint64 (ticks + 1, words)."""
        regions = self._regions
        by_word = self._scratch("by word", bits.shape[1], self._events.ticks)
        region_misses(
            self._padded.evidenced, self._padded.room(), *block, regions.region_word, regions.region_shift,
            regions.region_mask, by_word, bits,
        )  # fmt: skip

    def _words(self, block: tuple[int, int]) -> int:
        """Words for a bit per region of a block, in whole vectors."""
        vector = 64 * VECTOR_WORDS
        return -(-(block[1] - block[0]) * self._regions.count // vector) * VECTOR_WORDS

    def _columns(self, bits: Words, b: int) -> _Found:
        """What passes of the earlier blocks' rows against the windows of one block's cameras."""
        rows, count = _Reaching.empty(1 << 16), 0
        found = []
        for a in range(b + 1):
            if not self._can_pair(a, b):
                continue
            so_far, count = count, self._pair_blocks(bits, a, b, rows, count)[0]
            if count > len(rows.place):
                rows = rows.longer(so_far, max(count, 2 * len(rows.place)))
                count = self._pair_blocks(bits, a, b, rows, so_far)[0]
            if count > MOST_REACHING:
                found.append(self._check_forth(b, rows.first(count)))
                count = 0
        return _Found.join([*found, self._check_forth(b, rows.first(count))])

    def _can_pair(self, a: int, b: int) -> bool:
        one, other = self._roles[self._blocks[a][0]], self._roles[self._blocks[b][0]]
        return bool((one & ROW and other & COLUMN) or (one & COLUMN and other & ROW))

    def _pair_blocks(self, bits: Words, a: int, b: int, rows: _Reaching, count: int) -> tuple[int, int]:
        """Append block a's rows and the regions of block b that they reach.

        Returns:
            How many there are then, and steps of rows_that_reach.
        """
        regions, block_a, block_b = self._regions, self._blocks[a], self._blocks[b]
        forth, steps = self._reach("forth", block_a, bits[b])
        back, more = (forth, 0) if a == b else self._reach("back", block_b, bits[a])
        some = self._scratch("some", 64 * bits.shape[2], bits.shape[2])
        any_row(back, block_b[1] - block_b[0], self._windows, regions.first, regions.size, some)
        turned = self._scratch("turned", *some.shape)
        transpose(some, turned)
        total: int = reaching_rows(
            block_a[0], block_a[1] - block_a[0], block_b[0], block_b[1] - block_b[0], self._roles,
            forth, back, turned, regions.order, regions.first, regions.size,
            rows.place, rows.camera, rows.region, rows.mask, count,
        )  # fmt: skip
        return total, steps + more

    def _check_forth(self, b: int, rows: _Reaching) -> _Found:
        """Window by window."""
        regions = self._regions
        bounds, order = ordered(rows.camera)
        # Put in order, not looked up: what is of one camera is read one after another.
        place, region, mask = rows.place[order], rows.region[order], rows.mask[order]
        found = _Found.empty(int(np.bitwise_count(mask).sum()))
        count = check_forth(
            bounds, place, region, mask, self._padded.evidenced, self._padded.room(), self._blocks[b][0],
            regions.region_word, regions.region_shift, self._spare, self._least,
            found.row, found.column, found.n, found.o,
        )  # fmt: skip
        return found.longer(count, count)

    def _scratch(self, name: str, *shape: int) -> Words:
        """A thread's array, used again: fresh memory for every two blocks costs as much as filling it."""
        size = math.prod(shape)
        kept: Words | None = getattr(self._kept, name, None)
        if kept is None or len(kept) < size:
            kept = np.empty(max(size, HUGE_PAGES), dtype=np.uint64)
            setattr(self._kept, name, kept)
        return kept[:size].reshape(shape)

    def _reach(self, way: str, block: tuple[int, int], bits: Words) -> tuple[Words, int]:
        rows = (np.arange(*block)[:, None] * self._windows + self._regions.order).reshape(-1)
        passed = self._scratch(f"passed {way}", len(rows), bits.shape[1])
        steps = rows_that_reach(self._starts, self._ticks, self._spare, rows, bits, passed)
        return passed, steps

    def _check_back(self, found: _Found, share: Share) -> Pairs:
        """The other way round, for what has passed so far."""
        n_back, o_back = np.empty_like(found.n), np.empty_like(found.o)

        bounds, pairs = ordered(found.row // self._windows)

        def check(cameras: tuple[int, int]) -> None:
            check_back(
                bounds, *cameras, pairs, found.row, found.column, self._padded.evidenced, self._padded.room(),
                self._spare, self._least, n_back, o_back,
            )  # fmt: skip

        # In a few runs per thread, so that a slow one holds up little.
        runs = 1 if self._threads == 1 else 8 * self._threads
        share(check, pairwise(np.linspace(0, len(bounds) - 1, runs + 1).round().astype(int).tolist()))
        both = n_back >= 0
        fields = (found.row, found.column, found.n, found.o, n_back, o_back)
        return Pairs(*(field[both].astype(np.int64) for field in fields))


@dataclass(frozen=True)
class Work:
    """What a search does.

    Attributes:
        steps: see reach.rows_that_reach.
        rows: rows and regions that are looked at window by window.
        words: 64 regions at all ticks.
    """

    steps: int
    rows: int
    words: int


class _Table:
    """Columns that grow together."""

    @classmethod
    def empty(cls, room: int) -> Self:
        raise NotImplementedError

    def longer(self, count: int, room: int) -> Self:
        """A copy of the first ``count``, with room for more."""
        out = self.empty(room)
        for into, array in zip(vars(out).values(), vars(self).values(), strict=True):
            into[:count] = array[:count]
        return out

    def first(self, count: int) -> Self:
        """A view of the first ``count``."""
        return type(self)(*(array[:count] for array in vars(self).values()))


@dataclass
class _Reaching(_Table):
    """Rows and the regions that they reach; see reach.reaching_rows."""

    place: npt.NDArray[np.int32]
    camera: npt.NDArray[np.int32]
    region: npt.NDArray[np.int32]
    mask: Words

    @classmethod
    def empty(cls, room: int) -> Self:
        place, camera, region = (np.empty(room, dtype=np.int32) for _ in range(3))
        return cls(place, camera, region, np.empty(room, dtype=np.uint64))


@dataclass
class _Found(_Table):
    """Pairs of windows that pass in one direction: places, N and O, all int32."""

    row: npt.NDArray[np.int32]
    column: npt.NDArray[np.int32]
    n: npt.NDArray[np.int32]
    o: npt.NDArray[np.int32]

    @classmethod
    def empty(cls, room: int) -> Self:
        return cls(*(np.empty(room, dtype=np.int32) for _ in range(4)))

    @classmethod
    def join(cls, parts: Sequence[_Found]) -> _Found:
        none = cls.empty(0)
        return cls(*(np.concatenate([getattr(p, name) for p in (none, *parts)]) for name in vars(none)))


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


def ordered(keys: npt.NDArray[np.integer[Any]]) -> tuple[Ints, Ints]:
    """Where each key's indices begin, int64 (greatest key + 2,), and the indices by key, ascending."""
    starts = np.zeros(int(keys.max(initial=-1)) + 2, dtype=np.int64)
    order = np.empty(len(keys), dtype=np.int64)
    group(keys.astype(np.int32, copy=False), starts, order)
    return starts, order


def grouped(keys: npt.NDArray[np.integer[Any]]) -> list[tuple[int, Ints]]:
    """Keys that there are, and their indices, both ascending."""
    starts, order = ordered(keys)
    return [(key, order[starts[key] : starts[key + 1]]) for key in np.flatnonzero(np.diff(starts)).tolist()]
