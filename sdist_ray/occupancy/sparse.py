"""Words of the few windows that are not empty: how a range of a whole network is kept and sent."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from sdist_ray.occupancy.block import OccupancyRange, Words


@numba.njit(cache=True, nogil=True, boundscheck=False)
def take_words(dense, place, word):  # type: ignore[no-untyped-def]
    """The words that are not zero (in an eighth of the time of NumPy's nonzero).

    Args:
        dense: uint64 (n,).
        place: int32 (n,), written.
        word: uint64 (n,), written.

    Returns:
        How many there are.
    """
    found = 0
    for at in range(dense.shape[0]):
        if dense[at] != 0:
            place[found] = at
            word[found] = dense[at]
            found += 1
    return found


@dataclass(frozen=True)
class SparseWords:
    """The words that are not zero.

    Attributes:
        place: int32 (n,), camera * windows + window, ascending.
        word: uint64 (n,), none of them zero.
    """

    place: npt.NDArray[np.int32]
    word: Words

    @classmethod
    def of(cls, dense: Words) -> SparseWords:
        """The non-zero words of a (cameras, windows) array."""
        flat = dense.reshape(-1)
        place, word = np.empty(flat.shape, dtype=np.int32), np.empty(flat.shape, dtype=np.uint64)
        found = take_words(flat, place, word)
        return cls(place[:found].copy(), word[:found].copy())

    def masked(self, camera_bits: Words, windows: int) -> SparseWords:
        """Only the bits that a camera has in ``camera_bits``, uint64 (cameras,)."""
        word = self.word & camera_bits[self.place // windows]
        left = word != 0
        return SparseWords(self.place[left], word[left]) if not left.all() else SparseWords(self.place, word)

    def dense(self, cameras: int, windows: int) -> Words:
        """All words, uint64 (cameras, windows)."""
        out = np.zeros((cameras, windows), dtype=np.uint64)
        out.reshape(-1)[self.place] = self.word
        return out

    def select(self, camera_to: npt.NDArray[np.int32], windows: int) -> SparseWords:
        """The words of some cameras, numbered anew.

        Args:
            camera_to: int32 (cameras,), a camera's new number, -1 where it is left out. Cameras that
                are kept may change their order.
            windows: windows per camera.
        """
        camera = self.place // windows
        new = camera_to[camera]
        place = new * windows + (self.place - camera * windows)
        kept = new >= 0
        if not kept.all():
            place, word = place[kept], self.word[kept]
        else:
            word = self.word
        if len(place) and (np.diff(place) < 0).any():
            order = np.argsort(place)
            place, word = place[order], word[order]
        return SparseWords(place.astype(np.int32), word)


@dataclass(frozen=True)
class SparseRange:
    """What some cameras saw in one range: an OccupancyRange of a network of mostly empty windows.

    Attributes:
        index: the range.
        occupied: a bit is set where the window was occupied at that tick.
        available: uint64 (cameras,); a bit is set where the camera delivered data for that tick.
    """

    index: int
    occupied: SparseWords
    available: Words

    @classmethod
    def of(cls, dense: OccupancyRange) -> SparseRange:
        """The same range without its zeros."""
        return cls(dense.index, SparseWords.of(dense.occupied), dense.available)

    def dense(self, windows: int) -> OccupancyRange:
        """The same range with all words."""
        return OccupancyRange(self.index, self.occupied.dense(len(self.available), windows), self.available)
