"""What the indexed store keeps: who was where when, and when that could be counted."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
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
    spread_windows,
    spread_words,
)
from sdist_ray.exclusion.store import State, TileRange
from sdist_ray.exclusion.vector import pad_in_time
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
        self._words: deque[SparseWords] = deque()
        self._gaps: deque[SparseWords] = deque()
        # Ranges that were forgotten but for what they pad.
        self._halo = 0
        # y is made from x again, except where x beyond the first or the last range has a part in it.
        self._head: list[tuple[int, SparseWords]] = []
        self._tail: deque[tuple[int, SparseWords | TileRange]] = deque(maxlen=max(1, padding.reach))
        self._sorted: _Sorted | None = None

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
        self._words.append(self._merge(part.row_occupied, part.column_occupied))
        if number < self.padding.reach:
            self._head.append((number, self._padded(part)))
        self._tail.append((number, part))
        self._sorted = None
        while self.keep and len(self._words) - self._halo > self.keep:
            self._forget()

    def _merge(self, rows: SparseWords, columns: SparseWords) -> SparseWords:
        if self._columns_are_all:
            return columns
        w = self.padding.grid.windows
        parts = [rows.select(self._extra_rows, w), columns.select(self._column_camera, w)]
        place = np.concatenate([part.place for part in parts])
        order = np.argsort(place)
        return SparseWords(place[order], np.concatenate([part.word for part in parts])[order])

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
            self._gaps.popleft()
            self._halo -= 1
            self._head = [(number - 1, words) for number, words in self._head if number > 0]
            self._tail = deque(((number - 1, words) for number, words in self._tail), self._tail.maxlen)

    def sorted(self) -> _Sorted:
        """All of it, window by window and camera by camera; made anew after a range was added."""
        if self._sorted is None:
            for k, (number, part) in enumerate(self._tail):
                if isinstance(part, TileRange):
                    self._tail[k] = (number, self._padded(part))
            self._sorted = _Sorted(self)
        return self._sorted

    def row_ticks(self) -> tuple[Ints, Places]:
        """Each window's occupied ticks.

        Returns:
            starts, int64 (cameras * windows + 1,), and ticks, int32, ascending in a window, and then
            HEAD zeros; ticks are numbered from the first range that is kept.
        """
        made = self.sorted()
        return made.starts, made.ticks

    def state(self) -> State:
        """See Store."""
        self.sorted()
        seams = [*self._head, *((n, w) for n, w in self._tail if isinstance(w, SparseWords))]
        state: dict[str, npt.NDArray[Any]] = {
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
        parts: dict[str, list[SparseWords]] = {}
        limits = {"words": self.cameras * self.padding.grid.windows, "gaps": self.cameras}
        limits["seam"] = limits["words"]
        try:
            for name, limit in limits.items():
                place, word, ends = (state[f"{name}_{field}"] for field in ("place", "word", "ends"))
                total = int(ends[-1]) if len(ends) else 0
                if len(place) != total or len(word) != total or (np.diff(ends, prepend=0) < 0).any():
                    raise ValueError(f"{name} that do not add up")
                if total and not 0 <= int(place.min()) <= int(place.max()) < limit:
                    raise ValueError(f"{name} of other cameras")
                bounds = zip([0, *ends[:-1]], ends, strict=True) if len(ends) else ()
                parts[name] = [SparseWords(place[a:b].copy(), word[a:b].copy()) for a, b in bounds]
            numbers = state["seams"].tolist()
            heads, self._halo = int(state["heads"][0]), int(state["halo"][0])
        except (KeyError, IndexError) as error:
            raise ValueError(f"not the state of an indexed store: {error}") from error
        if len(parts["words"]) != len(parts["gaps"]) or len(numbers) != len(parts["seam"]):
            raise ValueError("ranges that do not add up")
        seams = list(zip(numbers, parts["seam"], strict=True))
        self._words, self._gaps = deque(parts["words"]), deque(parts["gaps"])
        self._head, self._tail = seams[:heads], deque(seams[heads:], self._tail.maxlen)
        self._sorted = None

    def _rows(self) -> tuple[Ints, Places]:
        counted = range(self._halo, len(self._words))
        starts = np.zeros(self.cameras * self.padding.grid.windows + 1, dtype=np.int64)
        words = list(self._words)
        for number in counted:
            count_ticks(words[number].place, words[number].word, starts)
        np.cumsum(starts, out=starts)
        free = starts[:-1].copy()
        ticks = np.zeros(int(starts[-1]) + HEAD, dtype=np.int32)
        for number in counted:
            first = number * self.padding.clock.range_ticks
            fill_ticks(words[number].place, words[number].word, first, free, ticks)
        return starts, ticks


class _Sorted:
    """Evidence by window and by camera.

    Attributes:
        starts, ticks: each window's ticks; see Evidence.row_ticks.
        gaps: ranges and missing ticks, by camera.
        halo: ranges, places and words of x that only pad, by camera.
        seams: ranges, places and words of y that x does not explain, by camera.
    """

    def __init__(self, evidence: Evidence) -> None:
        self.starts, self.ticks = evidence._rows()
        cameras, windows = evidence.cameras, evidence.padding.grid.windows
        self.gaps = _by_camera(list(enumerate(evidence._gaps)), cameras, 1)
        halo = [(number, evidence._words[number]) for number in range(evidence._halo)]
        self.halo = _by_camera(halo, cameras, windows)
        seams = [*evidence._head, *((n, w) for n, w in evidence._tail if isinstance(w, SparseWords))]
        self.seams = _by_camera(seams, cameras, windows)


def _by_camera(
    parts: Sequence[tuple[int, SparseWords]], cameras: int, windows: int
) -> tuple[Ints, Places, Places, Words]:
    """Words of many ranges, camera by camera: starts, ranges, places, words."""
    place = np.concatenate([np.empty(0, np.int32), *(words.place for _, words in parts)])
    word = np.concatenate([np.empty(0, np.uint64), *(words.word for _, words in parts)])
    number = np.repeat(
        np.array([number for number, _ in parts], dtype=np.int32), [len(words.place) for _, words in parts]
    )
    order = np.argsort(place, kind="stable")
    place = place[order]
    starts = np.searchsorted(place, np.arange(cameras + 1) * windows)
    return starts, number[order], place, word[order]


class PaddedTicks:
    """One camera's padded windows at every tick, as bit masks. One thread's: its arrays are used again."""

    def __init__(self, evidence: Evidence, regions: Regions) -> None:
        self._sorted = evidence.sorted()
        self._padding = evidence.padding
        self._regions = regions
        room = evidence.ticks + 2 * evidence.padding.tolerance
        self._spaced = np.zeros((regions.words, room), dtype=np.uint64)
        self._padded = np.zeros((regions.words, evidence.ticks), dtype=np.uint64)
        self._known = np.ones(evidence.ticks, dtype=np.bool_)

    def of(self, camera: int) -> tuple[Words, npt.NDArray[np.bool_], bool]:
        """y' of a camera: y, and all ones where it cannot be counted.

        Returns:
            y', uint64 (words, ticks), bits as in Regions; r, bool (ticks,); whether any r is False. The
            arrays hold until the next call.
        """
        padded, known = self._padded, self._known
        made, windows = self._sorted, self._padding.grid.windows
        self._spaced[:] = 0
        first_place = camera * windows
        tolerance = self._padding.tolerance
        spread_windows(made.starts, made.ticks, first_place, self._regions.near, tolerance, self._spaced)
        ticks = self._padding.clock.range_ticks
        starts, number, place, words = made.halo
        old = slice(starts[camera], starts[camera + 1])
        spread_words(
            number[old], place[old], words[old], first_place, ticks, self._regions.near, tolerance,
            self._spaced,
        )  # fmt: skip
        for word in range(self._regions.words):
            pad_in_time(self._spaced[word], tolerance, padded[word])
        starts, number, place, words = made.seams
        seam = slice(starts[camera], starts[camera + 1])
        add_words(
            number[seam], place[seam], words[seam], first_place, ticks,
            self._regions.word, self._regions.bit, padded,
        )  # fmt: skip
        starts, number, _, words = made.gaps
        gap = slice(starts[camera], starts[camera + 1])
        known[:] = True
        open_gaps(number[gap], words[gap], ticks, padded, known)
        return padded, known, bool(gap.stop > gap.start)
