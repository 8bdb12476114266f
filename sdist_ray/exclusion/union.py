"""Union exclusion: windows against the union of all windows of a partition (or of a camera).

To place one camera among thousands takes no count for each of their windows: when nobody is anywhere in a
partition while somebody is in a window, that window sees nothing that the partition does. In the union of a
whole camera spatial padding has no effect, so only time is padded.
"""

from __future__ import annotations

import numba
import numpy as np

from sdist_ray.occupancy.bits import popcount
from sdist_ray.occupancy.block import Words
from sdist_ray.occupancy.padding import PaddedRange, smear


def union_words(padded: PaddedRange, union_of: np.ndarray, unions: int) -> tuple[Words, Words]:
    """Every union's occupied ticks, padded in time, and its known ones.

    Args:
        padded: a range.
        union_of: int32 (cameras,), the union that a camera belongs to; -1 for none.
        unions: how many there are.

    Returns:
        Both uint64 (unions,). A union is known where any of its cameras is countable: of a large one some
        camera is always off line.
    """
    clock, windows = padded.padding.clock, padded.padding.grid.windows
    occupied, known = np.zeros(unions, np.uint64), np.zeros(unions, np.uint64)
    for index, words in padded.nearby:
        word = np.zeros_like(words.word)
        offset = (index - padded.index) * clock.range_ticks
        smear(words.word, offset, padded.padding.tolerance, clock.range_ticks, word)
        unite(words.place // windows, word, union_of, occupied)
    unite(np.arange(padded.cameras), padded.countable, union_of, known)
    return occupied, known


@numba.njit(cache=True, nogil=True, boundscheck=False)
def unite(camera, word, union_of, out):  # type: ignore[no-untyped-def]
    """OR words into their cameras' unions.

    Args:
        camera: int (n,).
        word: uint64 (n,).
        union_of: int32 (cameras,), -1 for none.
        out: uint64 (unions,), updated.
    """
    for k in range(camera.shape[0]):
        union = union_of[camera[k]]
        if union >= 0:
            out[union] |= word[k]


@numba.njit(cache=True, nogil=True, boundscheck=False)
def count_unions(place, word, windows, row_of, occupied, known, agreements, opportunities):  # type: ignore[no-untyped-def]
    """Count windows against unions: N and O of section 3 of the design, with a union in a window's place.

    Args:
        place: int32 (n,), camera * windows + window, occupied windows of the network.
        word: uint64 (n,), their occupied ticks.
        windows: of a camera.
        row_of: int32 (cameras,), the row of a camera whose windows are counted; -1 for others.
        occupied, known: uint64 (unions,), see union_words.
        agreements, opportunities: int64 (rows * windows, unions), updated.

    Returns:
        Occupied ticks times unions that they were held against.
    """
    work = 0
    for k in range(place.shape[0]):
        camera = place[k] // windows
        if row_of[camera] < 0:
            continue
        row = row_of[camera] * windows + place[k] - camera * windows
        work += popcount(word[k]) * occupied.shape[0]
        for union in range(occupied.shape[0]):
            there = word[k] & known[union]
            opportunities[row, union] += popcount(there)
            agreements[row, union] += popcount(there & occupied[union])
    return work
