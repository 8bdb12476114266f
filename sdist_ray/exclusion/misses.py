"""The indexed store's loops over windows: N and O of pairs, without counting all of them.

Words: x's ticks of a row; y' = y or not r, the padded windows of a column camera with every tick that cannot
be counted taken for agreement. A miss of (i, j) is a tick of i that can be counted against j's camera and at
which j is not padded-occupied: misses = O - N = E. docs/indexed.md proves that nothing that passes is lost.
"""

from __future__ import annotations

import numba
import numpy as np

from sdist_ray.exclusion.vector import (
    VECTOR_WORDS,
    add,
    all_of,
    below,
    both,
    either,
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
START, LENGTH, WORD, PRESET, MASK, ALIVE = range(6)
"""What is known of rows that are counted together, see count_together."""


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
def count_together(ticks, padded, rows, spare, planes):  # type: ignore[no-untyped-def]
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
