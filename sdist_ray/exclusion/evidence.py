"""What the indexed store keeps: who was where when, and when that could be counted."""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from sdist_ray.exclusion.events import CameraWords, Events, Places
from sdist_ray.exclusion.spread import count_ticks, fill_ticks
from sdist_ray.exclusion.store import State, TileRange
from sdist_ray.exclusion.thinning import Thinning
from sdist_ray.exclusion.vertical import TICKS_TOGETHER
from sdist_ray.occupancy.padding import Padding
from sdist_ray.occupancy.sparse import SparseWords


class Evidence:
    """Occupied words and gaps of some cameras, range by range.

    Attributes:
        padding: grid, clock, tolerance.
        cameras: how many.
        keep: how many of the newest ranges count; 0 for all.
        thinning: which of the older ones count where all of the newest do; None for all. Not with ``keep``.
        added: how many ranges there have been.
        held: how many ranges that count no longer are kept all the same, for ``between``.
    """

    def __init__(
        self, padding: Padding, cameras: int, row_camera: Places, column_camera: Places,
        keep: int = 0, thinning: Thinning | None = None,
    ) -> None:  # fmt: skip
        """For a tile's cameras.

        Args:
            padding: grid, clock, tolerance.
            cameras: row and column cameras together, each once.
            row_camera: int32, the number of each of the tile's rows.
            column_camera: int32, the number of each of the tile's columns.
            keep, thinning: see above.
        """
        if keep and thinning is not None:
            raise ValueError("ranges are either forgotten or thinned")
        self.padding = padding
        self.cameras = cameras
        self.keep = keep
        self.thinning = thinning
        self._row_camera = row_camera
        self._column_camera = column_camera
        in_columns = np.isin(row_camera, column_camera)
        self._extra_rows = np.where(in_columns, -1, row_camera).astype(np.int32)
        self._columns_are_all = np.array_equal(column_camera, np.arange(cameras))
        self.added = 0
        self.held = 0
        self._words: deque[SparseWords] = deque()
        self._gaps: deque[SparseWords] = deque()
        self._indexes: deque[int] = deque()
        # Ranges that were forgotten but for what they pad.
        self._halo = 0
        # And those among the others, where they are thinned.
        self._pads: set[int] = set()
        # y is made from x again, except where x beyond the first or the last range has a part in it.
        # Some cameras' x is known from a later range on than the first: there, too.
        self._head: list[tuple[int, SparseWords]] = []
        self._head_end = padding.reach
        self._tail: deque[tuple[int, SparseWords | TileRange]] = deque(maxlen=max(1, padding.reach))
        self._events: Events | None = None

    @property
    def ticks(self) -> int:
        """Ticks of all ranges, forgotten ones that still pad included."""
        return (len(self._words) - self._unused) * self.padding.clock.range_ticks

    @property
    def forgotten(self) -> int:
        """How many ranges count no longer."""
        return self.added - len(self._words) + self._halo + len(self._pads)

    @property
    def _unused(self) -> int:
        """Of the ranges that are kept, how many do not even pad."""
        return max(0, self._halo - self.padding.reach)

    @property
    def nbytes(self) -> int:
        """Bytes of the log."""
        parts = [*self._words, *self._gaps]
        return sum(part.place.nbytes + part.word.nbytes for part in parts)

    def add(self, part: TileRange) -> None:
        """Append a range, and forget what is too old."""
        number = len(self._words)
        # All before this one may be forgotten below.
        last = self._indexes[-1] if self._indexes else part.index
        full = np.uint64((1 << self.padding.clock.range_ticks) - 1)
        missing = np.zeros(self.cameras, dtype=np.uint64)
        missing[self._row_camera] = ~part.row_countable & full
        missing[self._column_camera] = ~part.column_countable & full
        self._gaps.append(SparseWords.of(missing))
        self.added += 1
        self._indexes.append(part.index)
        self._words.append(self._narrow(self._merge(part.row_occupied, part.column_occupied)))
        if number < self._head_end:
            self._head.append((number, self._padded(part)))
        self._tail.append((number, part))
        self._events = None
        # By their time, not by how many there are: ranges in which nobody was there at all never come.
        while self.keep and part.index - self._indexes[self._halo] >= self.keep:
            self._forget()
        thinning = self.thinning
        if thinning is not None and thinning.time(part.index) != thinning.time(last):
            self._thin(thinning)

    def _merge(self, rows: SparseWords, columns: SparseWords) -> SparseWords:
        if self._columns_are_all:
            return columns
        w = self.padding.grid.windows
        parts = [rows.select(self._extra_rows, w), columns.select(self._column_camera, w)]
        place = np.concatenate([part.place for part in parts])
        order = np.argsort(place)
        return SparseWords(place[order], np.concatenate([part.word for part in parts])[order])

    def _narrow(self, words: SparseWords) -> SparseWords:
        """Half the bits, where they are enough for a range."""
        if self.padding.clock.range_ticks > 32:
            return words
        return SparseWords(words.place, words.word.astype(np.uint32))

    def _padded(self, part: TileRange) -> SparseWords:
        padded = np.zeros((self.cameras, self.padding.grid.windows), dtype=np.uint64)
        padded[self._row_camera] = part.row_padded
        padded[self._column_camera] = part.column_padded
        return SparseWords.of(padded)

    def _forget(self) -> None:
        """The oldest range that counts does so no longer."""
        self._halo += 1
        if self._halo > self.padding.reach + self.held:
            self._words.popleft()
            self._indexes.popleft()
            self._gaps.popleft()
            self._halo -= 1
            self._head_end -= 1
            self._head = [(number - 1, words) for number, words in self._head if number > 0]
            self._tail = deque(((number - 1, words) for number, words in self._tail), self._tail.maxlen)

    def _thin(self, thinning: Thinning) -> None:
        """Let go of the ranges that count no longer, but for what pads others."""
        counts = self._thinned(thinning)
        kept, reach = counts.copy(), self.padding.reach
        for away in range(1, reach + 1):
            kept[:-away] |= counts[away:]
            kept[away:] |= counts[:-away]
        number = np.cumsum(kept) - 1
        for log in (self._words, self._gaps, self._indexes):
            entries = [entry for entry, stays in zip(log, kept, strict=True) if stays]
            log.clear()
            log.extend(entries)  # type: ignore[arg-type]
        self._head = [(int(number[n]), words) for n, words in self._head if kept[n]]
        self._tail = deque(((int(number[n]), words) for n, words in self._tail if kept[n]), self._tail.maxlen)
        self._head_end -= int((~kept).sum())
        self._pads = set(np.flatnonzero(~counts[kept]).tolist())

    def _thinned(self, thinning: Thinning) -> npt.NDArray[np.bool_]:
        """Which of the ranges that are kept count."""
        return thinning.counts(np.array(self._indexes, dtype=np.int64), self._indexes[-1])

    def events(self) -> Events:
        """All of it, window by window and camera by camera; made anew after a range was added."""
        if self._events is None:
            self._events = self._sort(self._halo, len(self._words))
        return self._events

    def between(self, first: int, stop: int) -> Events:
        """Those of some ranges only, with what pads them.

        Args:
            first, stop: how many ranges came before the first of them, and up to the last; not before
                ``forgotten - held``.
        """
        dropped = self.added - len(self._words)
        return self._sort(first - dropped, stop - dropped)

    def _seams(self) -> tuple[list[tuple[int, SparseWords]], list[tuple[int, SparseWords]]]:
        """y of the first and of the last ranges."""
        for k, (number, part) in enumerate(self._tail):
            if isinstance(part, TileRange):
                self._tail[k] = (number, self._padded(part))
        return self._head, [(n, w) for n, w in self._tail if isinstance(w, SparseWords)]

    def state(self) -> State:
        """See Store."""
        unused = self._unused
        head, tail = ([(n - unused, w) for n, w in part if n >= unused] for part in self._seams())
        kept = range(unused, len(self._words))
        state: dict[str, npt.NDArray[Any]] = {
            "added": np.array([self.added], dtype=np.int64),
            "indexes": np.array([self._indexes[number] for number in kept], dtype=np.int64),
            "halo": np.array([self._halo - unused], dtype=np.int64),
            "heads": np.array([len(head), self._head_end - unused], dtype=np.int64),
            "seams": np.array([number for number, _ in head + tail], dtype=np.int64),
        }
        words, gaps = ([log[number] for number in kept] for log in (self._words, self._gaps))
        for name, parts in (("words", words), ("gaps", gaps), ("seam", [w for _, w in head + tail])):
            state[f"{name}_place"] = np.concatenate([np.empty(0, np.int32), *(p.place for p in parts)])
            state[f"{name}_word"] = np.concatenate([np.empty(0, np.uint64), *(p.word for p in parts)])
            state[f"{name}_ends"] = np.cumsum([len(p.place) for p in parts], dtype=np.int64)
        return state

    def load(self, state: State) -> None:
        """See Store.

        Raises:
            ValueError: not the state of such a store, or of other cameras.
        """
        try:
            self._load(state)
        except (KeyError, IndexError, TypeError) as error:
            raise ValueError(f"not the state of an indexed store: {error}") from error

    def _load(self, state: State) -> None:
        # What the kernels, which do not look at bounds, are given later is checked here.
        windows = self.cameras * self.padding.grid.windows
        limits = {"words": windows, "gaps": self.cameras, "seam": windows}
        parts = {name: self._loaded(state, name, limit) for name, limit in limits.items()}
        if any(state[name].ndim != 1 for name in ("indexes", "seams", "heads", "halo", "added")):
            raise ValueError("not the state of an indexed store: arrays of other shapes")
        indexes, numbers = state["indexes"].tolist(), state["seams"].tolist()
        heads, head_end = (int(value) for value in state["heads"])
        halo, added = (int(state[name][0]) for name in ("halo", "added"))
        ranges = len(parts["words"])
        if not ranges == len(parts["gaps"]) == len(indexes) or len(numbers) != len(parts["seam"]):
            raise ValueError("ranges that do not add up")
        if not (
            0 <= heads <= len(numbers) and 0 <= halo <= min(self.padding.reach, ranges) and ranges <= added
        ):
            raise ValueError("ranges that cannot be")
        if not all(0 <= number < ranges for number in numbers) or sorted(set(indexes)) != indexes:
            raise ValueError("ranges out of order")
        self.added, self._halo, self._indexes = added, halo, deque(indexes)
        self._head_end = min(head_end, ranges + self.padding.reach)
        if self.thinning is not None and ranges:
            self._pads = set(np.flatnonzero(~self._thinned(self.thinning)).tolist())
        seams = list(zip(numbers, parts["seam"], strict=True))
        self._words, self._gaps = deque(map(self._narrow, parts["words"])), deque(parts["gaps"])
        self._head, self._tail = seams[:heads], deque(seams[heads:], self._tail.maxlen)
        self._events = None

    def _loaded(self, state: State, name: str, limit: int) -> list[SparseWords]:
        """Sparse words of some ranges, places below ``limit``."""
        place, word, ends = (state[f"{name}_{field}"] for field in ("place", "word", "ends"))
        kinds = [(array.dtype.name, array.ndim) for array in (place, word, ends)]
        if kinds != [("int32", 1), ("uint64", 1), ("int64", 1)]:
            raise ValueError(f"{name} of {kinds}")
        bounds = [0, *ends.tolist()]
        if any(a > b for a, b in pairwise(bounds)) or not bounds[-1] == len(place) == len(word):
            raise ValueError(f"{name} that do not add up")
        if len(place) and not 0 <= int(place.min()) <= int(place.max()) < limit:
            raise ValueError(f"{name} of other cameras")
        ticks = self.padding.clock.range_ticks
        if ticks < 64 and (word >> np.uint64(ticks)).any():
            raise ValueError(f"{name} of ranges that are longer than {ticks} ticks")
        parts = [SparseWords(place[a:b].copy(), word[a:b].copy()) for a, b in pairwise(bounds)]
        if any((np.diff(part.place) <= 0).any() for part in parts):
            raise ValueError(f"{name} out of order")
        return parts

    def _sort(self, first: int, stop: int) -> Events:
        """Of the ranges that are kept, those from ``first`` to before ``stop``, with what pads them."""
        windows, ticks, reach = self.padding.grid.windows, self.padding.clock.range_ticks, self.padding.reach
        begin, end = max(0, first - reach), min(len(self._words), stop + reach)
        counts = [number for number in range(first, stop) if number not in self._pads]
        counted = [(number - begin, self._words[number]) for number in counts]
        starts = np.zeros(self.cameras * windows + 1, dtype=np.int64)
        for _, words in counted:
            count_ticks(words.place, words.word, starts)
        np.cumsum(starts, out=starts)
        free = starts[:-1].copy()
        of_rows = np.zeros(int(starts[-1]) + TICKS_TOGETHER, dtype=np.int32)
        for number, words in counted:
            fill_ticks(words.place, words.word, number * ticks, free, of_rows)
        only_pad = sorted(set(range(begin, end)) - set(counts))
        halo = [(number - begin, self._words[number]) for number in only_pad]
        gaps = [(number - begin, self._gaps[number]) for number in range(begin, end)]
        seams = [(n - begin, w) for part in self._seams() for n, w in part if begin <= n < end]
        return Events(
            self.padding, (end - begin) * ticks, starts, of_rows,
            CameraWords.sorted(gaps, self.cameras, 1),
            CameraWords.sorted(halo, self.cameras, windows), CameraWords.sorted(seams, self.cameras, windows),
        )  # fmt: skip
