"""What the indexed store keeps: who was where when, and when that could be counted."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from sdist_ray.exclusion.misses import HEAD
from sdist_ray.exclusion.regions import Regions
from sdist_ray.exclusion.spread import (
    add_words,
    count_ticks,
    fill_ticks,
    open_gaps,
    pad_in_time,
    spread_windows,
    spread_words,
)
from sdist_ray.exclusion.store import State, TileRange
from sdist_ray.occupancy.block import Words
from sdist_ray.occupancy.padding import Padding
from sdist_ray.occupancy.sparse import SparseWords

Ints = npt.NDArray[np.int64]
Places = npt.NDArray[np.int32]


class Evidence:
    """Occupied words and gaps of some cameras, range by range.

    Attributes:
        padding: grid, clock, tolerance.
        cameras: how many.
        keep: how many of the newest ranges count; 0 for all.
        added: how many ranges there have been.
    """

    def __init__(
        self, padding: Padding, cameras: int, row_camera: Places, column_camera: Places, keep: int = 0
    ) -> None:
        """For a tile's cameras.

        Args:
            padding: grid, clock, tolerance.
            cameras: row and column cameras together, each once.
            row_camera: int32, the number of each of the tile's rows.
            column_camera: int32, the number of each of the tile's columns.
            keep: how many of the newest ranges count; 0 for all.
        """
        self.padding = padding
        self.cameras = cameras
        self.keep = keep
        self._row_camera = row_camera
        self._column_camera = column_camera
        in_columns = np.isin(row_camera, column_camera)
        self._extra_rows = np.where(in_columns, -1, row_camera).astype(np.int32)
        self._columns_are_all = np.array_equal(column_camera, np.arange(cameras))
        self.added = 0
        self._words: deque[SparseWords] = deque()
        self._gaps: deque[SparseWords] = deque()
        self._indexes: deque[int] = deque()
        # Ranges that were forgotten but for what they pad.
        self._halo = 0
        # y is made from x again, except where x beyond the first or the last range has a part in it.
        self._head: list[tuple[int, SparseWords]] = []
        self._tail: deque[tuple[int, SparseWords | TileRange]] = deque(maxlen=max(1, padding.reach))
        self._events: Events | None = None

    @property
    def ticks(self) -> int:
        """Ticks of all ranges, forgotten ones that still pad included."""
        return len(self._words) * self.padding.clock.range_ticks

    @property
    def nbytes(self) -> int:
        """Bytes of the log."""
        parts = [*self._words, *self._gaps]
        return sum(part.place.nbytes + part.word.nbytes for part in parts)

    def add(self, part: TileRange) -> None:
        """Append a range, and forget what is too old."""
        number = len(self._words)
        full = np.uint64((1 << self.padding.clock.range_ticks) - 1)
        missing = np.zeros(self.cameras, dtype=np.uint64)
        missing[self._row_camera] = ~part.row_countable & full
        missing[self._column_camera] = ~part.column_countable & full
        self._gaps.append(SparseWords.of(missing))
        self.added += 1
        self._indexes.append(part.index)
        self._words.append(self._narrow(self._merge(part.row_occupied, part.column_occupied)))
        if number < self.padding.reach:
            self._head.append((number, self._padded(part)))
        self._tail.append((number, part))
        self._events = None
        # By their time, not by how many there are: ranges in which nobody was there at all never come.
        while self.keep and part.index - self._indexes[self._halo] >= self.keep:
            self._forget()

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
        if self._halo > self.padding.reach:
            self._words.popleft()
            self._indexes.popleft()
            self._gaps.popleft()
            self._halo -= 1
            self._head = [(number - 1, words) for number, words in self._head if number > 0]
            self._tail = deque(((number - 1, words) for number, words in self._tail), self._tail.maxlen)

    def events(self) -> Events:
        """All of it, window by window and camera by camera; made anew after a range was added."""
        if self._events is None:
            for k, (number, part) in enumerate(self._tail):
                if isinstance(part, TileRange):
                    self._tail[k] = (number, self._padded(part))
            self._events = self._sort()
        return self._events

    def state(self) -> State:
        """See Store."""
        self.events()
        seams = [*self._head, *((n, w) for n, w in self._tail if isinstance(w, SparseWords))]
        state: dict[str, npt.NDArray[Any]] = {
            "added": np.array([self.added], dtype=np.int64),
            "indexes": np.array(self._indexes, dtype=np.int64),
            "halo": np.array([self._halo], dtype=np.int64),
            "heads": np.array([len(self._head)], dtype=np.int64),
            "seams": np.array([number for number, _ in seams], dtype=np.int64),
        }
        for name, parts in (("words", self._words), ("gaps", self._gaps), ("seam", [w for _, w in seams])):
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
        indexes, numbers = state["indexes"].tolist(), state["seams"].tolist()
        heads, halo, added = (int(state[name][0]) for name in ("heads", "halo", "added"))
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
        seams = list(zip(numbers, parts["seam"], strict=True))
        self._words, self._gaps = deque(map(self._narrow, parts["words"])), deque(parts["gaps"])
        self._head, self._tail = seams[:heads], deque(seams[heads:], self._tail.maxlen)
        self._events = None

    def _loaded(self, state: State, name: str, limit: int) -> list[SparseWords]:
        """Sparse words of some ranges, places below ``limit``."""
        place, word, ends = (state[f"{name}_{field}"] for field in ("place", "word", "ends"))
        kinds = [array.dtype.name for array in (place, word, ends)]
        if kinds != ["int32", "uint64", "int64"]:
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

    def _sort(self) -> Events:
        windows, ticks = self.padding.grid.windows, self.padding.clock.range_ticks
        counted = [(number, self._words[number]) for number in range(self._halo, len(self._words))]
        starts = np.zeros(self.cameras * windows + 1, dtype=np.int64)
        for _, words in counted:
            count_ticks(words.place, words.word, starts)
        np.cumsum(starts, out=starts)
        free = starts[:-1].copy()
        of_rows = np.zeros(int(starts[-1]) + HEAD, dtype=np.int32)
        for number, words in counted:
            fill_ticks(words.place, words.word, number * ticks, free, of_rows)
        halo = [(number, self._words[number]) for number in range(self._halo)]
        seams = [*self._head, *((n, w) for n, w in self._tail if isinstance(w, SparseWords))]
        return Events(
            self.padding, self.ticks, starts, of_rows,
            _by_camera(list(enumerate(self._gaps)), self.cameras, 1),
            _by_camera(halo, self.cameras, windows), _by_camera(seams, self.cameras, windows),
        )  # fmt: skip


@dataclass(frozen=True)
class CameraWords:
    """Words of many ranges, camera by camera.

    Attributes:
        starts: int64 (cameras + 1,), where each camera's are.
        number: int32 (n,), their ranges.
        place: int32 (n,), their windows, from the camera's first on (0 where a word is a whole camera's).
        word: uint64 (n,).
    """

    starts: Ints
    number: Places
    place: Places
    word: Words

    def of(self, camera: int) -> tuple[Places, Places, Words]:
        """Ranges, places and words of one camera."""
        part = slice(self.starts[camera], self.starts[camera + 1])
        return self.number[part], self.place[part], self.word[part]

    def select(self, cameras: Sequence[int]) -> CameraWords:
        """Those of some cameras, which are numbered anew."""
        parts = [self.of(camera) for camera in cameras]
        starts = np.cumsum([0, *(len(number) for number, _, _ in parts)], dtype=np.int64)
        return CameraWords(starts, *(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


@dataclass(frozen=True)
class Events:
    """Evidence by window and by camera.

    Attributes:
        padding: grid, clock, tolerance.
        ticks: of all ranges, numbered from the first that is kept.
        starts: int64 (cameras * windows + 1,), where each window's ticks are.
        row_ticks: int32, ascending in a window, and then HEAD zeros.
        gaps: missing ticks.
        halo: words of x that only pad.
        seams: words of y that x does not explain.
    """

    padding: Padding
    ticks: int
    starts: Ints
    row_ticks: Places
    gaps: CameraWords
    halo: CameraWords
    seams: CameraWords

    def select(self, cameras: Sequence[int]) -> Events:
        """Those of some cameras, at least one, which are numbered anew."""
        windows = self.padding.grid.windows
        bounds = [self.starts[camera * windows : (camera + 1) * windows + 1] for camera in cameras]
        lengths = np.concatenate([np.diff(bound) for bound in bounds])
        return Events(
            self.padding, self.ticks, np.concatenate([[0], np.cumsum(lengths)]),
            np.concatenate([*(self.row_ticks[b[0] : b[-1]] for b in bounds), np.zeros(HEAD, np.int32)]),
            self.gaps.select(cameras), self.halo.select(cameras), self.seams.select(cameras),
        )  # fmt: skip


def _by_camera(parts: Sequence[tuple[int, SparseWords]], cameras: int, windows: int) -> CameraWords:
    place = np.concatenate([np.empty(0, np.int32), *(words.place for _, words in parts)])
    word = np.concatenate([np.empty(0, np.uint64), *(words.word for _, words in parts)])
    number = np.repeat(
        np.array([number for number, _ in parts], dtype=np.int32), [len(words.place) for _, words in parts]
    )
    order = np.argsort(place, kind="stable")
    place = place[order]
    starts = np.searchsorted(place, np.arange(cameras + 1) * windows)
    return CameraWords(starts, number[order], place % windows, word[order])


class PaddedTicks:
    """One camera's padded windows at every tick, as bit masks. One thread's: its arrays are used again."""

    def __init__(self, events: Events, regions: Regions) -> None:
        self._events = events
        self._regions = regions
        room = events.ticks + 2 * events.padding.tolerance
        self._spaced = np.zeros((regions.words, room), dtype=np.uint64)
        self._padded = np.zeros((regions.words, events.ticks), dtype=np.uint64)
        self._known = np.ones(events.ticks, dtype=np.bool_)

    def of(self, camera: int) -> tuple[Words, npt.NDArray[np.bool_], bool]:
        """y' of a camera: y, and all ones where it cannot be counted.

        Returns:
            y', uint64 (words, ticks), bits as in Regions; r, bool (ticks,); whether any r is False. The
            arrays hold until the next call.
        """
        events, regions, padded, known = self._events, self._regions, self._padded, self._known
        tolerance, ticks = events.padding.tolerance, events.padding.clock.range_ticks
        self._spaced[:] = 0
        first_place = camera * events.padding.grid.windows
        spread_windows(events.starts, events.row_ticks, first_place, regions.near, tolerance, self._spaced)
        spread_words(*events.halo.of(camera), ticks, regions.near, tolerance, self._spaced)
        for word in range(regions.words):
            pad_in_time(self._spaced[word], tolerance, padded[word])
        add_words(*events.seams.of(camera), ticks, regions.word, regions.bit, padded)
        number, _, missing = events.gaps.of(camera)
        known[:] = True
        open_gaps(number, missing, ticks, padded, known)
        return padded, known, len(number) > 0
