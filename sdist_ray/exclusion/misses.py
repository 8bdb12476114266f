"""The indexed store's loops over windows: N and O of pairs, without counting all of them.

Words: x's ticks of a row; y' = y or not r, the padded windows of a column camera with every tick that cannot
be counted taken for agreement. A miss of (i, j) is a tick of i that can be counted against j's camera and at
which j is not padded-occupied: misses = O - N = E. docs/indexed.md proves that nothing that passes is lost.
"""

from __future__ import annotations

import numba
import numpy as np

from sdist_ray.exclusion.kernels import lowest_bit
from sdist_ray.exclusion.vector import (
    VECTOR_WORDS,
    add,
    all_of,
    below,
    both,
    either,
    fetch,
    gather,
    gather_numbers,
    is_full,
    load,
    shift_right,
    store,
    unlike,
)

ONE = np.uint64(1)
ALL = ~np.uint64(0)
PLANES = 32
AHEAD = 24
"""How long before its turn a row is fetched: rows lie anywhere in memory."""
START, LENGTH, WORD, PRESET, MASK, ALIVE = range(6)
"""What is known of rows that are counted together, see _count_together."""


@numba.njit(inline="always", nogil=True)
def _half_add(plane, carry):  # type: ignore[no-untyped-def]
    """A plane with a carry added to it, and the carry out of it."""
    return unlike(plane, carry), both(plane, carry)


@numba.njit(inline="always", nogil=True)
def _digit(preset, digit):  # type: ignore[no-untyped-def]
    """A plane of counters that are preset: all ones in the lanes where that digit is one."""
    one = all_of(ONE)
    return add(unlike(both(shift_right(preset, all_of(np.uint64(digit))), one), all_of(ALL)), one)


@numba.njit(nogil=True, boundscheck=False)
def _count_together(ticks, padded, rows, spare, planes):  # type: ignore[no-untyped-def]
    """Misses of eight rows, each against the windows of a word, until none of them can pass.

    Vertical counters of misses, four digits in registers and the others in memory, are preset so that they
    overflow when one too many is reached.

    Args:
        ticks: int32; a row's are LENGTH from START on.
        padded: y', uint64 (words, ticks).
        rows: uint64 (6, 8): START, LENGTH (0 for no row), WORD and MASK, the windows to look at, of each row;
            PRESET and ALIVE, the windows that have no more misses than they may, are written.
        spare: int64 (8,), misses that a window may have, not negative; 0 where there is no row.
        planes: uint64 (PLANES, 8), written: the counters, see _misses_at.

    Returns:
        How many planes.
    """
    digits, most, longest = np.int64(4), np.int64(0), np.int64(0)
    for lane in range(VECTOR_WORDS):
        most, longest = max(most, spare[lane]), max(longest, np.int64(rows[LENGTH, lane]))
    while (most + 1) >> digits:
        digits += 1
    for lane in range(VECTOR_WORDS):
        rows[PRESET, lane] = np.uint64((np.int64(1) << digits) - (spare[lane] + 1))
    ticks_at, padded_at = np.uintp(ticks.ctypes.data), np.uintp(padded.ctypes.data)
    rows_at, planes_at = np.uintp(rows.ctypes.data), np.uintp(planes.ctypes.data)
    line = np.uintp(VECTOR_WORDS * 8)
    every = all_of(ALL)
    start, length = load(rows_at + np.uintp(START) * line), load(rows_at + np.uintp(LENGTH) * line)
    word, preset = load(rows_at + np.uintp(WORD) * line), load(rows_at + np.uintp(PRESET) * line)
    dead = unlike(load(rows_at + np.uintp(MASK) * line), every)
    p0, p1, p2, p3 = _digit(preset, 0), _digit(preset, 1), _digit(preset, 2), _digit(preset, 3)
    for digit in range(4, digits):
        store(_digit(preset, digit), planes_at + np.uintp(digit) * line)
    for k in range(longest):
        step = all_of(np.uint64(k))
        going_on = below(step, length)
        # Of a row that is over, its first tick once more, and no miss.
        tick = gather_numbers(ticks_at, add(start, both(step, going_on)))
        carry = both(unlike(gather(padded_at, add(word, tick)), every), going_on)
        p0, carry = _half_add(p0, carry)
        p1, carry = _half_add(p1, carry)
        p2, carry = _half_add(p2, carry)
        p3, carry = _half_add(p3, carry)
        for digit in range(4, digits):
            at = planes_at + np.uintp(digit) * line
            plane, carry = _half_add(load(at), carry)
            store(plane, at)
        dead = either(dead, carry)
        if is_full(dead):
            break
    store(p0, planes_at)
    store(p1, planes_at + line)
    store(p2, planes_at + np.uintp(2) * line)
    store(p3, planes_at + np.uintp(3) * line)
    store(unlike(dead, every), rows_at + np.uintp(ALIVE) * line)
    return digits


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
    place, region, mask, starts, ticks, padded, known, gaps, first_place, word_of, bit_of, region_word,
    region_shift, spare, least, row, column, n, o, found,
):  # fmt: skip
    """The windows of one camera B that rows agree with often enough, with N and O.

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
        digits = _count_together(ticks, padded, rows, spares, planes)
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
    pairs, row, column, starts, ticks, padded, known, gaps, word_of, bit_of, spare, least, n_back, o_back
):
    """The other direction of pairs that pass in one: rows are now the columns' windows.

    Args:
        pairs: int64, those whose row is of one camera A, with the same column next to each other.
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
        digits = _count_together(ticks, padded, rows, spares, planes)
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


@numba.njit(cache=True, nogil=True, boundscheck=False)
def count_pairs(  # type: ignore[no-untyped-def]
    order, row, column, starts, ticks, padded, known, word_of, bit_of, windows, n, o
):
    """N and O of asked pairs whose column is of one camera.

    Args:
        order: int64, which of the pairs.
        row, column: int64 (pairs,), places.
        starts, ticks: each row's ticks.
        padded, known: see check_forth, of the column's camera.
        word_of, bit_of: see Regions.
        windows: windows per camera.
        n, o: int64 (pairs,), written.
    """
    for k in range(order.shape[0]):
        at = order[k]
        i, j = row[at], column[at] % windows
        word, bit = padded[word_of[j]], bit_of[j]
        agreements, opportunities = np.int64(0), np.int64(0)
        for t in range(starts[i], starts[i + 1]):
            if known[ticks[t]]:
                opportunities += 1
                agreements += np.int64((word[ticks[t]] >> bit) & ONE)
        n[at] = agreements
        o[at] = opportunities


@numba.njit(cache=True, nogil=True, boundscheck=False)
def group(keys, starts, order):  # type: ignore[no-untyped-def]
    """Sort small numbers by counting.

    Args:
        keys: int32 (n,), from 0 to m - 1.
        starts: int64 (m + 1,), all zero; where each key's indices begin, written.
        order: int64 (n,), indices by key, ascending within a key; written.
    """
    for k in range(keys.shape[0]):
        starts[keys[k] + 1] += 1
    for m in range(1, starts.shape[0]):
        starts[m] += starts[m - 1]
    free = starts[:-1].copy()
    for k in range(keys.shape[0]):
        order[free[keys[k]]] = k
        free[keys[k]] += 1
