"""The indexed store's loops over windows: N and O of pairs, without counting all of them.

Words: x's ticks of a row; y' = y or not r, the padded windows of a column camera with every tick that cannot
be counted taken for agreement. A miss of (i, j) is a tick of i that can be counted against j's camera and at
which j is not padded-occupied: misses = O - N = E. docs/indexed.md proves that nothing that passes is lost.
"""

from __future__ import annotations

import numba
import numpy as np

from sdist_ray.exclusion.kernels import lowest_bit

ONE = np.uint64(1)


@numba.njit(nogil=True, boundscheck=False)
def _count_misses(ticks, start, stop, padded, known, gaps, shift, alive, least, planes):  # type: ignore[no-untyped-def]
    """Misses of one row against the windows of one region, until none of them can pass.

    Args:
        ticks: int32; the row's are from ``start`` to ``stop``.
        padded: y', uint64 (ticks,), the word of the region.
        known: bool (ticks,), r of the column camera.
        gaps: whether any of ``known`` is False.
        shift: the region's lowest bit.
        alive: uint64, the windows to look at, from bit 0 on.
        least: int64, least N by O.
        planes: uint64 (32,), scratch: vertical counters of misses, preset so that they overflow when one too
            many is reached.

    Returns:
        The windows that pass, O, and (for misses_at) the number of planes and the preset.
    """
    opportunities = np.int64(stop - start)
    if gaps:
        opportunities = np.int64(0)
        for k in range(start, stop):
            opportunities += known[ticks[k]]
    spare = opportunities - least[opportunities]
    if spare < 0:
        return np.uint64(0), opportunities, np.int64(0), np.int64(0)
    digits = np.int64(4)
    while (spare + 1) >> digits:
        digits += 1
    preset = (np.int64(1) << digits) - (spare + 1)
    for digit in range(4, digits):
        planes[digit] = np.uint64(0) - np.uint64((preset >> digit) & 1)
    p0, p1 = np.uint64(0) - np.uint64(preset & 1), np.uint64(0) - np.uint64((preset >> 1) & 1)
    p2, p3 = np.uint64(0) - np.uint64((preset >> 2) & 1), np.uint64(0) - np.uint64((preset >> 3) & 1)
    alive <<= shift
    for k in range(start, stop):
        # Four digits in registers, straight on; the higher ones are seldom reached.
        c0 = alive & ~padded[ticks[k]]
        c1 = p0 & c0
        p0 ^= c0
        c2 = p1 & c1
        p1 ^= c1
        c3 = p2 & c2
        p2 ^= c2
        carry = p3 & c3
        p3 ^= c3
        digit = 4
        while carry and digit < digits:
            both = planes[digit] & carry
            planes[digit] ^= carry
            carry = both
            digit += 1
        alive &= ~carry
        if alive == 0:
            break
    planes[0], planes[1], planes[2], planes[3] = p0, p1, p2, p3
    return alive >> shift, opportunities, digits, preset


@numba.njit(inline="always", nogil=True)
def _misses_at(planes, bit, digits, preset):  # type: ignore[no-untyped-def]
    """The counter of one bit."""
    count = np.int64(0)
    for digit in range(digits):
        count |= np.int64((planes[digit] >> bit) & ONE) << digit
    return count - preset


@numba.njit(cache=True, nogil=True, boundscheck=False)
def check_forth(  # type: ignore[no-untyped-def]
    order, pairs, masks, starts, ticks, padded, known, gaps, window, region_word, region_shift, windows,
    least, record, row, column, n, o,
):  # fmt: skip
    """The windows of one column camera that rows agree with often enough, with N and O.

    Args:
        order: int64, the pairs of regions whose B is of this camera.
        pairs, masks: see pair_regions.
        starts, ticks: each row's ticks.
        padded: y' of the camera, uint64 (words, ticks).
        known: r of the camera, bool (ticks,).
        gaps: whether any of ``known`` is False.
        window, region_word, region_shift: see Regions.
        windows: windows per camera.
        least: int64, least N by O.
        record: int64 (room,), the pair of regions; written.
        row, column: int32 (room,), places; written.
        n, o: int32 (room,), written. Room for all windows of the masks.

    Returns:
        How many pairs of windows pass in this direction.
    """
    regions = window.shape[0]
    planes = np.empty(32, dtype=np.uint64)
    found = 0
    for k in range(order.shape[0]):
        at = order[k]
        a, b = pairs[at, 0], pairs[at, 1]
        inside = b % regions
        word = padded[region_word[inside]]
        shift = region_shift[inside]
        rows = masks[at, 0]
        while rows:
            i = a // regions * windows + window[a % regions, lowest_bit(rows)]
            rows &= rows - ONE
            alive, opportunities, digits, preset = _count_misses(
                ticks, starts[i], starts[i + 1], word, known, gaps, shift, masks[at, 1], least, planes
            )
            while alive:
                bit = lowest_bit(alive)
                alive &= alive - ONE
                record[found] = at
                row[found] = i
                column[found] = b // regions * windows + window[inside, bit]
                n[found] = opportunities - _misses_at(planes, np.uint64(bit) + shift, digits, preset)
                o[found] = opportunities
                found += 1
    return found


@numba.njit(cache=True, nogil=True, boundscheck=False)
def check_back(  # type: ignore[no-untyped-def]
    order, first, last, row, column, starts, ticks, padded, known, gaps, word_of, bit_of, windows, least,
    n_back, o_back,
):  # fmt: skip
    """The other direction of pairs that pass in one: rows are now the columns' windows.

    Args:
        order: int64, those whose A is of this camera.
        first, last: int64, where check_forth left each one's windows.
        row, column: int32, from check_forth.
        starts, ticks: each row's ticks.
        padded, known, gaps: as for check_forth, of A's camera.
        word_of, bit_of: see Regions.
        windows: windows per camera.
        least: int64, least N by O.
        n_back, o_back: int32, N and O of (column, row); -1 in n_back where it does not pass. Written.
    """
    planes = np.empty(32, dtype=np.uint64)
    for k in range(order.shape[0]):
        start, stop = first[order[k]], last[order[k]]
        for pair in range(start, stop):
            n_back[pair] = -2
        for pair in range(start, stop):
            if n_back[pair] != -2:
                continue
            # All windows of the region that this one is paired with, at once.
            j = column[pair]
            word = word_of[row[pair] % windows]
            alive = np.uint64(0)
            for other in range(pair, stop):
                if column[other] == j:
                    alive |= ONE << bit_of[row[other] % windows]
            alive, opportunities, digits, preset = _count_misses(
                ticks, starts[j], starts[j + 1], padded[word], known, gaps, np.uint64(0), alive, least, planes
            )
            for other in range(pair, stop):
                if column[other] == j:
                    bit = bit_of[row[other] % windows]
                    n_back[other] = -1
                    o_back[other] = opportunities
                    if (alive >> bit) & ONE:
                        n_back[other] = opportunities - _misses_at(planes, bit, digits, preset)


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
