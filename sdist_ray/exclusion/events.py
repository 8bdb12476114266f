"""Evidence by window and by camera: what searches and counts read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sdist_ray.exclusion.regions import Regions
from sdist_ray.exclusion.spread import Evidenced, Room, WordLists, pad_camera
from sdist_ray.exclusion.vertical import TICKS_TOGETHER
from sdist_ray.occupancy.block import Words
from sdist_ray.occupancy.padding import Padding
from sdist_ray.occupancy.sparse import SparseWords

Ints = npt.NDArray[np.int64]
Places = npt.NDArray[np.int32]


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

    @classmethod
    def sorted(cls, parts: Sequence[tuple[int, SparseWords]], cameras: int, windows: int) -> CameraWords:
        """Words of some ranges, each with its number, that have places camera * windows + window."""
        place = np.concatenate([np.empty(0, np.int32), *(words.place for _, words in parts)])
        word = np.concatenate([np.empty(0, np.uint64), *(words.word for _, words in parts)])
        number = np.repeat(
            np.array([number for number, _ in parts], dtype=np.int32),
            [len(words.place) for _, words in parts],
        )
        order = np.argsort(place, kind="stable")
        place = place[order]
        starts = np.searchsorted(place, np.arange(cameras + 1) * windows)
        return cls(starts, number[order], place % windows, word[order])

    def of(self, camera: int) -> tuple[Places, Places, Words]:
        """Ranges, places and words of one camera."""
        part = slice(self.starts[camera], self.starts[camera + 1])
        return self.number[part], self.place[part], self.word[part]

    def lists(self) -> WordLists:
        """The same, as loops take it."""
        return WordLists(self.starts, self.number, self.place, self.word)

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
        row_ticks: int32, ascending in a window, and then TICKS_TOGETHER zeros.
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
            np.concatenate(
                [*(self.row_ticks[b[0] : b[-1]] for b in bounds), np.zeros(TICKS_TOGETHER, np.int32)]
            ),
            self.gaps.select(cameras), self.halo.select(cameras), self.seams.select(cameras),
        )  # fmt: skip


class PaddedTicks:
    """One camera's padded windows at every tick, as bit masks.

    Attributes:
        evidenced: what they are made of, for loops over many cameras.
    """

    def __init__(self, events: Events, regions: Regions) -> None:
        self._shape = regions.words, events.ticks
        self.evidenced = Evidenced(
            events.starts, events.row_ticks, events.gaps.lists(), events.halo.lists(), events.seams.lists(),
            regions.near, regions.word, regions.bit,
            events.padding.tolerance, events.padding.clock.range_ticks,
        )  # fmt: skip
        self._room = self.room()

    def room(self) -> Room:
        """What a thread needs for itself."""
        words, ticks = self._shape
        return Room(
            np.zeros((words, ticks + 2 * self.evidenced.tolerance), dtype=np.uint64),
            np.zeros(self._shape, dtype=np.uint64),
            np.ones(ticks, dtype=np.bool_),
        )

    def of(self, camera: int) -> tuple[Words, npt.NDArray[np.bool_], bool]:
        """y' of a camera: y, and all ones where it cannot be counted.

        Returns:
            y', uint64 (words, ticks), bits as in Regions; r, bool (ticks,); whether any r is False. The
            arrays hold until the next call.
        """
        gaps = bool(pad_camera(self.evidenced, camera, self._room))
        return self._room.padded, self._room.known, gaps
