"""The indexed store's loops: which pairs can be linked, found without counting all of them.

Words: x's ticks of a row; y' = y or not r, the padded windows of a column camera with every tick that cannot
be counted taken for agreement. A miss of (i, j) is a tick of i that can be counted against j's camera and at
which j is not padded-occupied: misses = O - N = E. docs/indexed.md proves that nothing that passes is lost.
"""

from __future__ import annotations

import numba
import numpy as np

from sdist_ray.exclusion.kernels import lowest_bit, popcount

ONE = np.uint64(1)
ALL = ~np.uint64(0)


@numba.njit(cache=True, nogil=True, boundscheck=False)
def count_ticks(place, word, ends):  # type: ignore[no-untyped-def]
    """ends[place + 1] += the ticks of one range's words."""
    for k in range(place.shape[0]):
        x = word[k]
        while x:
            ends[place[k] + 1] += 1
            x &= x - ONE


@numba.njit(cache=True, nogil=True, boundscheck=False)
def fill_ticks(place, word, first, free, ticks):  # type: ignore[no-untyped-def]
    """Append one range's ticks to their windows' lists.

    Args:
        place: int32 (n,).
        word: uint64 (n,).
        first: the range's first tick.
        free: int64 (places,), next free entries, updated.
        ticks: int32, written.
    """
    for k in range(place.shape[0]):
        x = word[k]
        at = free[place[k]]
        while x:
            ticks[at] = first + lowest_bit(x)
            at += 1
            x &= x - ONE
        free[place[k]] = at


@numba.njit(cache=True, nogil=True, boundscheck=False)
def spread_windows(starts, ticks, first_place, near, offset, spaced):  # type: ignore[no-untyped-def]
    """One camera's windows and their neighbours, tick by tick.

    Args:
        starts: int64 (places + 1,), each window's ticks.
        ticks: int32.
        first_place: the camera's first window.
        near: uint64 (windows, words), see Regions.
        offset: added to ticks.
        spaced: uint64 (words, ticks), all zero; written.
    """
    for window in range(near.shape[0]):
        for word in range(near.shape[1]):
            mask = near[window, word]
            if mask == 0:
                continue
            row = spaced[word]
            for k in range(starts[first_place + window], starts[first_place + window + 1]):
                row[ticks[k] + offset] |= mask


@numba.njit(cache=True, nogil=True, boundscheck=False)
def spread_words(number, place, word, first_place, range_ticks, near, offset, spaced):  # type: ignore[no-untyped-def]
    """The same for words of ranges; see add_words and spread_windows."""
    for k in range(place.shape[0]):
        window = place[k] - first_place
        x = word[k]
        while x:
            tick = number[k] * range_ticks + lowest_bit(x) + offset
            for at in range(near.shape[1]):
                spaced[at, tick] |= near[window, at]
            x &= x - ONE


@numba.njit(cache=True, nogil=True, boundscheck=False)
def region_misses(padded, mask, shift, bits):  # type: ignore[no-untyped-def]
    """Clear one bit of bits[t] where anything of a region is in padded[t].

    Args:
        padded: uint64 (ticks,), the word that holds the region.
        mask: uint64, the region's bits in it.
        shift: uint64, the bit.
        bits: uint64 (ticks,), updated.
    """
    for t in range(padded.shape[0]):
        bits[t] ^= np.uint64((padded[t] & mask) != 0) << shift


@numba.njit(cache=True, nogil=True, boundscheck=False)
def transpose(bits, out):  # type: ignore[no-untyped-def]
    """Transpose a bit matrix.

    Args:
        bits: uint64 (64 * n, m).
        out: uint64 (64 * m, n), written.
    """
    block = np.empty(64, dtype=np.uint64)
    for i in range(bits.shape[0] // 64):
        for j in range(bits.shape[1]):
            for k in range(64):
                block[k] = bits[i * 64 + k, j]
            # Hacker's Delight, 7-3: swap ever smaller off-diagonal squares.
            width = 32
            mask = np.uint64(0x00000000FFFFFFFF)
            while width:
                k = 0
                while k < 64:
                    swap = ((block[k] >> np.uint64(width)) ^ block[k + width]) & mask
                    block[k + width] ^= swap
                    block[k] ^= swap << np.uint64(width)
                    k = (k + width + 1) & ~width
                width >>= 1
                mask ^= mask << np.uint64(width)
            for k in range(64):
                out[j * 64 + k, i] = block[k]


@numba.njit(cache=True, nogil=True, boundscheck=False)
def any_row(passed, windows, window, out):  # type: ignore[no-untyped-def]
    """Which regions some row of each region reaches.

    Args:
        passed: uint64 (cameras * windows, words).
        windows: windows per camera.
        window: int64 (regions, largest region), see Regions.
        out: uint64 (at least cameras * regions, words), written.
    """
    regions = window.shape[0]
    out[:] = 0
    for camera in range(passed.shape[0] // windows):
        for region in range(regions):
            into = out[camera * regions + region]
            for k in range(window.shape[1]):
                if window[region, k] >= 0:
                    row = passed[camera * windows + window[region, k]]
                    for word in range(out.shape[1]):
                        into[word] |= row[word]


@numba.njit(cache=True, nogil=True, boundscheck=False)
def pair_regions(  # type: ignore[no-untyped-def]
    forth, back, some_forth, some_back, windows, window, first_a, first_b, roles, found_a, found_b, mask_a,
    mask_b,
):  # fmt: skip
    """Pairs of regions (A, B) in which some row of A reaches B and some row of B reaches A.

    Args:
        forth: uint64 (rows of A's block, words), from rows_that_reach against B's block.
        back: uint64 (rows of B's block, words), against A's block.
        some_forth: uint64 (A's regions, words), from any_row(forth).
        some_back: uint64 (A's regions, words), any_row(back) transposed.
        windows: windows per camera.
        window: see Regions.
        first_a, first_b: the blocks' first cameras.
        roles: uint8 (cameras,), bit 0 a row camera, bit 1 a column camera: a pair needs one of each.
        found_a, found_b: int32 (room,), regions of the network; written.
        mask_a, mask_b: uint64 (room,), the rows of A that reach B, the rows of B that reach A; written.

    Returns:
        How many there are; those beyond the room are counted only.
    """
    regions = window.shape[0]
    cameras_a, cameras_b = forth.shape[0] // windows, back.shape[0] // windows
    found = 0
    for a in range(cameras_a * regions):
        camera_a = first_a + a // regions
        for word in range(some_forth.shape[1]):
            both = some_forth[a, word] & some_back[a, word]
            while both:
                b = word * 64 + lowest_bit(both)
                both &= both - ONE
                camera_b = first_b + b // regions
                if b >= cameras_b * regions or (first_a == first_b and camera_a >= camera_b):
                    continue
                role_a, role_b = roles[camera_a], roles[camera_b]
                if camera_a == camera_b or not ((role_a & 1 and role_b & 2) or (role_a & 2 and role_b & 1)):
                    continue
                if found < found_a.shape[0]:
                    of_a = _rows_with(forth, a, b, windows, window)
                    of_b = _rows_with(back, b, a, windows, window)
                    region_a, region_b = first_a * regions + a, first_b * regions + b
                    # The side with fewer rows is called A: its rows are looked at first.
                    if popcount(of_b) < popcount(of_a):
                        of_a, of_b, region_a, region_b = of_b, of_a, region_b, region_a
                    found_a[found], mask_a[found] = region_a, of_a
                    found_b[found], mask_b[found] = region_b, of_b
                found += 1
    return found


@numba.njit(nogil=True, boundscheck=False)
def _rows_with(passed, region, bit, windows, window):  # type: ignore[no-untyped-def]
    """The rows of a region that have a bit, as a mask."""
    regions = window.shape[0]
    first = region // regions * windows
    mask = np.uint64(0)
    for k in range(window.shape[1]):
        inside = window[region % regions, k]
        if inside >= 0:
            has = (passed[first + inside, bit >> 6] >> np.uint64(bit & 63)) & ONE
            mask |= has << np.uint64(k)
    return mask


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
    order, region_a, region_b, mask_a, mask_b, starts, ticks, padded, known, gaps, window, region_word,
    region_shift, windows, least, record, row, column, n, o,
):  # fmt: skip
    """The windows of one column camera that rows agree with often enough, with N and O.

    Args:
        order: int64, the pairs of regions whose B is of this camera.
        region_a, region_b, mask_a, mask_b: see pair_regions.
        starts, ticks: each row's ticks.
        padded: y' of the camera, uint64 (words, ticks).
        known: r of the camera, bool (ticks,).
        gaps: whether any of ``known`` is False.
        window, region_word, region_shift: see Regions.
        windows: windows per camera.
        least: int64, least N by O.
        record: int64 (room,), the pair of regions; written.
        row, column: int64 (room,), places; written.
        n, o: int32 (room,), written. Room for all windows of the masks.

    Returns:
        How many pairs of windows pass in this direction.
    """
    regions = window.shape[0]
    planes = np.empty(32, dtype=np.uint64)
    found = 0
    for k in range(order.shape[0]):
        at = order[k]
        a, b = region_a[at], region_b[at]
        inside = b % regions
        word = padded[region_word[inside]]
        shift = region_shift[inside]
        rows = mask_a[at]
        while rows:
            i = a // regions * windows + window[a % regions, lowest_bit(rows)]
            rows &= rows - ONE
            alive, opportunities, digits, preset = _count_misses(
                ticks, starts[i], starts[i + 1], word, known, gaps, shift, mask_b[at], least, planes
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
        order: int64, the pairs of regions whose A is of this camera.
        first, last: int64 (pairs of regions,), where check_forth left each one's windows.
        row, column: int64, from check_forth.
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
def add_words(number, place, word, first_place, range_ticks, word_of, bit_of, padded):  # type: ignore[no-untyped-def]
    """Set the padded bits of one camera's words.

    Args:
        number: int32 (n,), ranges.
        place: int32 (n,).
        word: uint64 (n,).
        first_place: the camera's first window.
        range_ticks: ticks of a range.
        word_of, bit_of: see Regions.
        padded: uint64 (words, ticks), updated.
    """
    for k in range(place.shape[0]):
        window = place[k] - first_place
        mask = ONE << bit_of[window]
        row = padded[word_of[window]]
        x = word[k]
        while x:
            row[number[k] * range_ticks + lowest_bit(x)] |= mask
            x &= x - ONE


@numba.njit(cache=True, nogil=True, boundscheck=False)
def open_gaps(number, missing, range_ticks, padded, known):  # type: ignore[no-untyped-def]
    """Take the ticks of one camera that cannot be counted for agreement.

    Args:
        number: int32 (n,), ranges.
        missing: uint64 (n,), not r.
        range_ticks: ticks of a range.
        padded: uint64 (words, ticks), updated.
        known: bool (ticks,), updated.
    """
    for k in range(number.shape[0]):
        x = missing[k]
        while x:
            tick = number[k] * range_ticks + lowest_bit(x)
            known[tick] = False
            for word in range(padded.shape[0]):
                padded[word, tick] = ALL
            x &= x - ONE


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
