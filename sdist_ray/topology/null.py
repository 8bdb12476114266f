"""Footage in which cameras have nothing to do with each other: what is found there is found by chance.

Each camera's stream is turned round by an offset of its own, in whole ranges. All that one camera has seen
stays as it was: how often, for how long, how clustered. Only that it happened together with what others saw
is lost; so links between cameras of different offsets are false, whatever they look like.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from sdist_ray.occupancy.sparse import SparseRange, SparseWords


def shift_ranges(
    ranges: Sequence[SparseRange], offsets: npt.NDArray[np.int64], windows: int
) -> list[SparseRange]:
    """The same footage, each camera's turned round by its offset.

    Args:
        ranges: ascending; one that is left out was unavailable to all.
        offsets: int64 (cameras,), in ranges, of any size: what would come after the end comes first.
        windows: windows per camera.

    Returns:
        Every range from the first to the last.
    """
    if not ranges:
        return []
    first, count = ranges[0].index, ranges[-1].index - ranges[0].index + 1
    place = np.concatenate([entry.occupied.place for entry in ranges])
    word = np.concatenate([entry.occupied.word for entry in ranges])
    number = np.repeat([entry.index - first for entry in ranges], [len(e.occupied.place) for e in ranges])
    number = (number + offsets[place // windows]) % count
    order = np.lexsort((place, number))
    place, word = place[order], word[order]
    starts = np.searchsorted(number[order], np.arange(count + 1))
    available = np.zeros((count, len(offsets)), dtype=np.uint64)
    cameras = np.arange(len(offsets))
    for entry in ranges:
        available[(entry.index - first + offsets) % count, cameras] = entry.available
    return [
        SparseRange(first + n, SparseWords(place[a:b], word[a:b]), available[n])
        for n, (a, b) in enumerate(pairwise(starts))
    ]
