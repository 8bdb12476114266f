"""What was occupied, range by range, and turned to one list per window: the evidence behind all counts."""

from __future__ import annotations

from collections import deque

import numba
import numpy as np
import numpy.typing as npt

from sdist_ray.occupancy.block import Words
from sdist_ray.occupancy.sparse import SparseWords


@numba.njit(cache=True, nogil=True, boundscheck=False)
def count_places(place, counts):  # type: ignore[no-untyped-def]
    """counts[place + 1] += 1 for every place of one range."""
    for k in range(place.shape[0]):
        counts[place[k] + 1] += 1


@numba.njit(cache=True, nogil=True, boundscheck=False)
def sort_by_place(place, word, index, free, visit_range, visit_word):  # type: ignore[no-untyped-def]
    """Put one range's words where their windows' lists go on.

    Args:
        place: int32 (n,).
        word: uint64 (n,).
        index: the range's number.
        free: int64 (places,), the next free entry of each list, updated.
        visit_range: int32 (visits,), written.
        visit_word: uint64 (visits,), written.
    """
    for k in range(place.shape[0]):
        at = free[place[k]]
        visit_range[at] = index
        visit_word[at] = word[k]
        free[place[k]] = at + 1


class VisitLog:
    """Occupied words in order of time.

    Attributes:
        places: windows of all cameras.
        parts: one per range.
    """

    def __init__(self, places: int) -> None:
        self.places = places
        self.parts: deque[SparseWords] = deque()

    @property
    def nbytes(self) -> int:
        """Bytes of the words."""
        return sum(part.place.nbytes + part.word.nbytes for part in self.parts)

    def add(self, part: SparseWords) -> None:
        """Append a range."""
        self.parts.append(part)

    def by_place(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], Words]:
        """Each window's visits, a visit being an occupied word of one range.

        Returns:
            starts, int64 (places + 1,); the ranges, int32 (visits,), numbered from the first that was
            added and ascending in a window; the words, uint64 (visits,).
        """
        starts = np.zeros(self.places + 1, dtype=np.int64)
        for part in self.parts:
            count_places(part.place, starts)
        np.cumsum(starts, out=starts)
        free = starts[:-1].copy()
        visit_range = np.empty(int(starts[-1]), dtype=np.int32)
        visit_word = np.empty(int(starts[-1]), dtype=np.uint64)
        for index, part in enumerate(self.parts):
            sort_by_place(part.place, part.word, index, free, visit_range, visit_word)
        return starts, visit_range, visit_word

    def clear(self) -> None:
        """Forget everything."""
        self.parts.clear()
