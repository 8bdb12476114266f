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
HEAD = 16
"""A row's first ticks, which mostly are enough: a cache line."""
TOGETHER = 64
"""Rows that are fetched together."""


@numba.njit(inline="always", nogil=True)
def _miss(alive, missed, p0, p1, p2, p3, planes, digits):  # type: ignore[no-untyped-def]
    """Count the windows that miss a tick: four digits straight on, the higher ones are seldom reached.

    Returns:
        The windows that have had no more than they may, and the four digits.
    """
    c0 = alive & missed
    c1 = p0 & c0
    c2 = p1 & c1
    c3 = p2 & c2
    carry = p3 & c3
    p0, p1, p2, p3 = p0 ^ c0, p1 ^ c1, p2 ^ c2, p3 ^ c3
    digit = 4
    while carry and digit < digits:
        both = planes[digit] & carry
        planes[digit] ^= carry
        carry = both
        digit += 1
    return alive & ~carry, p0, p1, p2, p3


@numba.njit(nogil=True, boundscheck=False)
def _count_misses(  # type: ignore[no-untyped-def]
    ticks, start, stop, heads, head, padded, word, spare, shift, alive, planes
):
    """Misses of one row against the windows of one region, until none of them can pass.

    Args:
        ticks: int32; the row's are from ``start`` to ``stop``.
        heads: int32 (n, HEAD); its row ``head`` has the first of the row's ticks once more. (A view of it
            would take longer to make than most rows take to look at; the same goes for ``padded``.)
        padded: y', uint64 (words, ticks); ``word`` is the region's.
        spare: misses that a window may have, at most; not negative.
        shift: the region's lowest bit.
        alive: uint64, the windows to look at, from bit 0 on.
        planes: uint64 (32,), scratch: vertical counters of misses, preset so that they overflow when one too
            many is reached.

    Returns:
        The windows that have no more, and (for misses_at) the number of planes and the preset.
    """
    digits = np.int64(4)
    while (spare + 1) >> digits:
        digits += 1
    preset = (np.int64(1) << digits) - (spare + 1)
    for digit in range(4, digits):
        planes[digit] = np.uint64(0) - np.uint64((preset >> digit) & 1)
    p0, p1 = np.uint64(0) - np.uint64(preset & 1), np.uint64(0) - np.uint64((preset >> 1) & 1)
    p2, p3 = np.uint64(0) - np.uint64((preset >> 2) & 1), np.uint64(0) - np.uint64((preset >> 3) & 1)
    alive <<= shift
    # Unsigned indices: any others are first looked at for being negative.
    row, word = np.uintp(head), np.uintp(word)
    for k in range(np.uintp(min(HEAD, stop - start))):
        missed = ~padded[word, np.uintp(heads[row, k])]
        alive, p0, p1, p2, p3 = _miss(alive, missed, p0, p1, p2, p3, planes, digits)
        if alive == 0:
            break
    if alive != 0:
        for k in range(np.uintp(start + HEAD), np.uintp(stop)):
            missed = ~padded[word, np.uintp(ticks[k])]
            alive, p0, p1, p2, p3 = _miss(alive, missed, p0, p1, p2, p3, planes, digits)
            if alive == 0:
                break
    planes[0], planes[1], planes[2], planes[3] = p0, p1, p2, p3
    return alive >> shift, digits, preset


@numba.njit(inline="always", nogil=True)
def _opportunities(ticks, start, stop, known, gaps):  # type: ignore[no-untyped-def]
    """O of a row against one camera."""
    opportunities = np.int64(stop - start)
    if gaps:
        for k in range(start, stop):
            opportunities -= not known[ticks[k]]
    return opportunities


@numba.njit(inline="always", nogil=True)
def _misses_at(planes, bit, digits, preset):  # type: ignore[no-untyped-def]
    """The counter of one bit."""
    count = np.int64(0)
    for digit in range(digits):
        count |= np.int64((planes[digit] >> bit) & ONE) << digit
    return count - preset


@numba.njit(cache=True, nogil=True, boundscheck=False)
def check_forth(  # type: ignore[no-untyped-def]
    place, region, mask, starts, ticks, padded, known, gaps, first_place, order, region_first, region_word,
    region_shift, spare, least, row, column, n, o, found,
):  # fmt: skip
    """The windows of one camera B that rows agree with often enough, with N and O.

    Args:
        place, region, mask: which rows and windows to look at, see reach.reaching_rows; of B alone.
        starts, ticks: each row's ticks; HEAD more than there are.
        padded: y' of B, uint64 (words, ticks).
        known: r of B, bool (ticks,).
        gaps: whether any of ``known`` is False.
        first_place: B's first window.
        order, region_first, region_word, region_shift: see Regions.
        spare: int32 (places,), see search.spare_misses.
        least: int64, least N by O.
        row, column: int32 (room,), places; written.
        n, o: int32 (room,), written. Room for all windows of the masks.
        found: how many there are already; new ones are put after them.

    Returns:
        How many there are now.
    """
    planes = np.empty(32, dtype=np.uint64)
    begin, end = np.empty(TOGETHER, dtype=np.int64), np.empty(TOGETHER, dtype=np.int64)
    most = np.empty(TOGETHER, dtype=np.int64)
    heads = np.empty((TOGETHER, HEAD), dtype=np.int32)
    for first in range(0, place.shape[0], TOGETHER):
        last = min(first + TOGETHER, place.shape[0])
        # Rows lie anywhere in memory. One after another each would be waited for; here many are on their way.
        for k in range(last - first):
            i = place[first + k]
            begin[k], end[k], most[k] = starts[i], starts[i + 1], spare[i]
        for k in range(last - first):
            for t in range(HEAD):
                heads[k, t] = ticks[begin[k] + t]
        for k in range(first, last):
            inside, at = region[k], k - first
            shift = region_shift[inside]
            alive, digits, preset = _count_misses(
                ticks, begin[at], end[at], heads, at, padded, region_word[inside], most[at], shift, mask[k],
                planes,
            )  # fmt: skip
            if alive == 0:
                continue
            opportunities = _opportunities(ticks, begin[at], end[at], known, gaps)
            while alive:
                bit = lowest_bit(alive)
                alive &= alive - ONE
                agreements = opportunities - _misses_at(planes, np.uint64(bit) + shift, digits, preset)
                if agreements >= least[opportunities]:
                    row[found] = place[k]
                    column[found] = first_place + order[region_first[inside] + bit]
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
    planes = np.empty(32, dtype=np.uint64)
    heads = np.empty((1, HEAD), dtype=np.int32)
    start = 0
    while start < pairs.shape[0]:
        j = column[pairs[start]]
        stop = start + 1
        while stop < pairs.shape[0] and column[pairs[stop]] == j:
            stop += 1
        for t in range(HEAD):
            heads[0, t] = ticks[starts[j] + t]
        opportunities = _opportunities(ticks, starts[j], starts[j + 1], known, gaps)
        # All windows that this one is paired with, a word at once.
        for word in range(padded.shape[0]):
            alive = np.uint64(0)
            for k in range(start, stop):
                window = row[pairs[k]] % windows
                if word_of[window] == word:
                    alive |= ONE << bit_of[window]
            if alive == 0:
                continue
            alive, digits, preset = _count_misses(
                ticks, starts[j], starts[j + 1], heads, 0, padded, word, spare[j], np.uint64(0), alive, planes
            )
            for k in range(start, stop):
                pair = pairs[k]
                window = row[pair] % windows
                if word_of[window] == word:
                    n_back[pair] = -1
                    if (alive >> bit_of[window]) & ONE:
                        agreements = opportunities - _misses_at(planes, bit_of[window], digits, preset)
                        if agreements >= least[opportunities]:
                            n_back[pair] = agreements
                            o_back[pair] = opportunities
        start = stop


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
