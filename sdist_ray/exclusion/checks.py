"""The indexed store's loops over what is left of a search: window by window, forth and back.

docs/indexed.md proves that nothing that passes is lost.
"""

from __future__ import annotations

import numba
import numpy as np

from sdist_ray.exclusion.misses import ALIVE, LENGTH, MASK, PLANES, PRESET, START, WORD, count_together
from sdist_ray.exclusion.spread import pad_camera
from sdist_ray.exclusion.vector import VECTOR_WORDS, fetch
from sdist_ray.occupancy.bits import lowest_bit

ONE = np.uint64(1)
AHEAD = 24
"""How long before its turn a row is fetched: rows lie anywhere in memory."""


@numba.njit(inline="always", nogil=True)
def _opportunities(ticks, start, stop, known, gaps):  # type: ignore[no-untyped-def]
    """O of a row against one camera."""
    opportunities = np.int64(stop - start)
    if gaps:
        for k in range(start, stop):
            opportunities -= not known[ticks[k]]
    return opportunities


@numba.njit(inline="always", nogil=True)
def _misses_at(planes, lane, bit, digits, preset):  # type: ignore[no-untyped-def]
    """The counter of one bit."""
    count = np.int64(0)
    for digit in range(digits):
        count |= np.int64((planes[digit, lane] >> bit) & ONE) << digit
    return count - np.int64(preset)


@numba.njit(cache=True, nogil=True, boundscheck=False)
def check_forth(  # type: ignore[no-untyped-def]
    bounds, place, region, mask, evidenced, room, first_camera, region_word, region_shift, spare, least,
    row, column, n, o,
):  # fmt: skip
    """The windows of a block of cameras that rows agree with often enough, with N and O.

    Args:
        bounds: int64 (cameras + 1,), where each camera's part of the next three is.
        place, region, mask: which rows and windows to look at, see reach.reaching_rows.
        evidenced, room: see spread.pad_camera.
        first_camera: the block's.
        region_word, region_shift: see Regions.
        spare: int32 (places,), see search.spare_misses.
        least: int64, least N by O.
        row, column: int32 (room,), places; written.
        n, o: int32 (room,), written. Room for all windows of the masks.

    Returns:
        How many there are.
    """
    found = 0
    for number in range(bounds.shape[0] - 1):
        part = slice(bounds[number], bounds[number + 1])
        if part.start == part.stop:
            continue
        camera = first_camera + number
        gaps = pad_camera(evidenced, camera, room)
        found = _check_camera(
            place[part], region[part], mask[part], evidenced.starts, evidenced.ticks, room.padded, room.known,
            gaps, camera * evidenced.near.shape[0], evidenced.word_of, evidenced.bit_of, region_word,
            region_shift, spare, least, row, column, n, o, found,
        )  # fmt: skip
    return found


@numba.njit(nogil=True, boundscheck=False)
def _check_camera(  # type: ignore[no-untyped-def]
    place, region, mask, starts, ticks, padded, known, gaps, first_place, word_of, bit_of, region_word,
    region_shift, spare, least, row, column, n, o, found,
):  # fmt: skip
    """check_forth for one camera B.

    Args:
        place, region, mask: which rows and windows to look at, see reach.reaching_rows; of B alone.
        starts, ticks: each row's ticks.
        padded: y' of B, uint64 (words, ticks).
        known: r of B, bool (ticks,).
        gaps: whether any of ``known`` is False.
        first_place: B's first window.
        word_of, bit_of, region_word, region_shift: see Regions.
        spare: int32 (places,), see search.spare_misses.
        least: int64, least N by O.
        row, column: int32 (room,), places; written.
        n, o: int32 (room,), written. Room for all windows of the masks.
        found: how many there are already; new ones are put after them.

    Returns:
        How many there are now.
    """
    window_of = np.empty((padded.shape[0], 64), dtype=np.int64)
    for window in range(word_of.shape[0]):
        window_of[word_of[window], np.int64(bit_of[window])] = window
    planes, rows = np.empty((PLANES, VECTOR_WORDS), np.uint64), np.empty((6, VECTOR_WORDS), np.uint64)
    places, words = np.empty(VECTOR_WORDS, np.int64), np.empty(VECTOR_WORDS, np.int64)
    spares = np.empty(VECTOR_WORDS, np.int64)
    starts_at, ticks_at = np.uintp(starts.ctypes.data), np.uintp(ticks.ctypes.data)
    spare_at = np.uintp(spare.ctypes.data)
    item, last = 0, place.shape[0] - 1
    while item <= last:
        lane = -1
        while item <= last:
            i, inside = np.int64(place[item]), region[item]
            word, windows = region_word[inside], mask[item] << region_shift[inside]
            if lane >= 0 and places[lane] == i and words[lane] == word:
                # A row often reaches neighbouring regions: those of one word are counted at once.
                rows[MASK, lane] |= windows
                item += 1
                continue
            if lane == VECTOR_WORDS - 1:
                break
            lane += 1
            places[lane], words[lane], spares[lane] = i, word, spare[i]
            rows[START, lane], rows[LENGTH, lane] = starts[i], starts[i + 1] - starts[i]
            rows[WORD, lane], rows[MASK, lane] = word * padded.shape[1], windows
            later = np.uintp(place[min(item + 2 * AHEAD, last)])
            fetch(starts_at + later * np.uintp(8))
            fetch(spare_at + later * np.uintp(4))
            soon = ticks_at + np.uintp(starts[place[min(item + AHEAD, last)]]) * np.uintp(4)
            fetch(soon)
            fetch(soon + np.uintp(64))
            item += 1
        for unused in range(lane + 1, VECTOR_WORDS):
            rows[:, unused] = 0
            spares[unused] = 0
        digits = count_together(ticks, padded, rows, spares, planes)
        for k in range(lane + 1):
            alive = rows[ALIVE, k]
            if alive == 0:
                continue
            i = places[k]
            opportunities = _opportunities(ticks, starts[i], starts[i + 1], known, gaps)
            while alive:
                bit = lowest_bit(alive)
                alive &= alive - ONE
                agreements = opportunities - _misses_at(planes, k, np.uint64(bit), digits, rows[PRESET, k])
                if agreements >= least[opportunities]:
                    row[found] = i
                    column[found] = first_place + window_of[words[k], bit]
                    n[found] = agreements
                    o[found] = opportunities
                    found += 1
    return found


@numba.njit(cache=True, nogil=True, boundscheck=False)
def check_back(  # type: ignore[no-untyped-def]
    bounds, first, stop, pairs, row, column, evidenced, room, spare, least, n_back, o_back
):
    """The other direction of pairs that pass in one: rows are now the columns' windows.

    Args:
        bounds: int64 (cameras + 1,), where each camera's pairs are: those whose row is its.
        first, stop: the cameras to look at.
        pairs: int64, camera by camera.
        row, column: int32, from check_forth.
        evidenced, room: see spread.pad_camera.
        spare: int32 (places,), see search.spare_misses.
        least: int64, least N by O.
        n_back, o_back: int32, N and O of (column, row); -1 in n_back where it does not pass. Written.
    """
    for camera in range(first, stop):
        of_camera = pairs[bounds[camera] : bounds[camera + 1]]
        if of_camera.shape[0] == 0:
            continue
        # Those with the same column are looked at together.
        of_camera = of_camera[np.argsort(column[of_camera])]
        gaps = pad_camera(evidenced, camera, room)
        _check_camera_back(
            of_camera, row, column, evidenced.starts, evidenced.ticks, room.padded, room.known, gaps,
            evidenced.word_of, evidenced.bit_of, spare, least, n_back, o_back,
        )  # fmt: skip


@numba.njit(nogil=True, boundscheck=False)
def _check_camera_back(  # type: ignore[no-untyped-def]
    pairs, row, column, starts, ticks, padded, known, gaps, word_of, bit_of, spare, least, n_back, o_back
):
    """check_back for the pairs whose row is of one camera A.

    Args:
        pairs: int64, with the same column next to each other.
        row, column: int32, from check_forth.
        starts, ticks: each row's ticks.
        padded: y' of A, uint64 (words, ticks).
        known: r of A, bool (ticks,).
        gaps: whether any of ``known`` is False.
        word_of, bit_of: see Regions.
        spare: int32 (places,), see search.spare_misses.
        least: int64, least N by O.
        n_back, o_back: int32, N and O of (column, row); -1 in n_back where it does not pass. Written.
    """
    windows = word_of.shape[0]
    planes, rows = np.empty((PLANES, VECTOR_WORDS), np.uint64), np.empty((6, VECTOR_WORDS), np.uint64)
    first, after = np.empty(VECTOR_WORDS, np.int64), np.empty(VECTOR_WORDS, np.int64)
    words, spares = np.empty(VECTOR_WORDS, np.int64), np.empty(VECTOR_WORDS, np.int64)
    starts_at, ticks_at = np.uintp(starts.ctypes.data), np.uintp(ticks.ctypes.data)
    start, last = 0, pairs.shape[0] - 1
    word = 0
    while start <= last:
        lanes = 0
        while lanes < VECTOR_WORDS and start <= last:
            j = np.int64(column[pairs[start]])
            stop = start + 1
            while stop <= last and column[pairs[stop]] == j:
                stop += 1
            # All windows that this one is paired with, a word at once.
            alive = np.uint64(0)
            for k in range(start, stop):
                window = row[pairs[k]] % windows
                if word_of[window] == word:
                    alive |= ONE << bit_of[window]
            if alive != 0:
                first[lanes], after[lanes], words[lanes], spares[lanes] = start, stop, word, spare[j]
                rows[START, lanes], rows[LENGTH, lanes] = starts[j], starts[j + 1] - starts[j]
                rows[WORD, lanes], rows[MASK, lanes] = word * padded.shape[1], alive
                lanes += 1
            later = column[pairs[min(start + 2 * AHEAD, last)]]
            fetch(starts_at + np.uintp(later) * np.uintp(8))
            fetch(ticks_at + np.uintp(starts[column[pairs[min(start + AHEAD, last)]]]) * np.uintp(4))
            word += 1
            if word == padded.shape[0]:
                word, start = 0, stop
        for unused in range(lanes, VECTOR_WORDS):
            rows[:, unused] = 0
            spares[unused] = 0
        digits = count_together(ticks, padded, rows, spares, planes)
        for lane in range(lanes):
            j = np.int64(column[pairs[first[lane]]])
            opportunities = _opportunities(ticks, starts[j], starts[j + 1], known, gaps)
            for k in range(first[lane], after[lane]):
                pair = pairs[k]
                window = row[pair] % windows
                if (rows[MASK, lane] >> bit_of[window]) & ONE and word_of[window] * padded.shape[1] == rows[
                    WORD, lane
                ]:
                    n_back[pair] = -1
                    if (rows[ALIVE, lane] >> bit_of[window]) & ONE:
                        misses = _misses_at(planes, lane, bit_of[window], digits, rows[PRESET, lane])
                        if opportunities - misses >= least[opportunities]:
                            n_back[pair] = opportunities - misses
                            o_back[pair] = opportunities
