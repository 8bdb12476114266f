"""The indexed store's loops over windows: N and O of pairs, without counting all of them.

Words: x's ticks of a row; y' = y or not r, the padded windows of a column camera with every tick that cannot
be counted taken for agreement. A miss of (i, j) is a tick of i that can be counted against j's camera and at
which j is not padded-occupied: misses = O - N = E. docs/indexed.md proves that nothing that passes is lost.
"""

from __future__ import annotations

import numba
import numpy as np

from sdist_ray.exclusion.kernels import lowest_bit
from sdist_ray.exclusion.reach import rows_with

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
    first_a, cameras_a, first_b, cameras_b, roles, forth, back, some_back, starts, ticks, padded, known, gaps,
    order, region_first, region_size, region_word, region_shift, least, row, column, n, o, found,
):  # fmt: skip
    """The windows of a block of cameras B that rows of a block A agree with often enough, with N and O.

    Looked at are only windows that reach the row's region in their turn, and only a row of a region that they
    reach.

    Args:
        first_a, cameras_a, first_b, cameras_b: the blocks, as numbers of cameras.
        roles: uint8 (cameras,), bit 0 a row camera, bit 1 a column camera: a pair needs one of each.
        forth: uint64 (B's words, rows of A at least), from vector.rows_that_reach.
        back: uint64 (A's words, rows of B at least), the other way round.
        some_back: uint64 (B's words, A's regions), any_row(back) transposed.
        starts, ticks: each row's ticks.
        padded: y' of B, uint64 (B's cameras, words, ticks).
        known: r of B, bool (B's cameras, ticks).
        gaps: bool (B's cameras,), whether any of ``known`` is False.
        order, region_first, region_size, region_word, region_shift: see Regions.
        least: int64, least N by O.
        row, column: int32 (room,), places; written.
        n, o: int32 (room,), written.
        found: how many there are already; new ones are put after them.

    Returns:
        How many there are now; those beyond the room are counted only.
    """
    regions, windows, room = region_first.shape[0], order.shape[0], row.shape[0]
    planes = np.empty(32, dtype=np.uint64)
    # Word by word of B: what is looked up of so few cameras stays in the cache.
    for word in range(-(-cameras_b * regions // 64)):
        for a in range(cameras_a * regions):
            reaching = some_back[word, a]
            if reaching == 0:
                continue
            camera_a, region_a = a // regions, a % regions
            start = camera_a * windows + region_first[region_a]
            for k in range(start, start + region_size[region_a]):
                both = forth[word, k] & reaching
                if both == 0:
                    continue
                i = (first_a + camera_a) * windows + order[k - camera_a * windows]
                while both:
                    b = word * 64 + lowest_bit(both)
                    both &= both - ONE
                    camera_b, region_b = b // regions, b % regions
                    if camera_b >= cameras_b or (first_a == first_b and camera_a >= camera_b):
                        continue
                    role_a, role_b = roles[first_a + camera_a], roles[first_b + camera_b]
                    if not ((role_a & 1 and role_b & 2) or (role_a & 2 and role_b & 1)):
                        continue
                    inside = region_first[region_b]
                    alive = rows_with(back, a, camera_b * windows + inside, region_size[region_b])
                    shift = region_shift[region_b]
                    alive, opportunities, digits, preset = _count_misses(
                        ticks, starts[i], starts[i + 1], padded[camera_b, region_word[region_b]],
                        known[camera_b], gaps[camera_b], shift, alive, least, planes,
                    )  # fmt: skip
                    while alive:
                        bit = lowest_bit(alive)
                        alive &= alive - ONE
                        if found < room:
                            row[found] = i
                            column[found] = (first_b + camera_b) * windows + order[inside + bit]
                            n[found] = opportunities - _misses_at(
                                planes, np.uint64(bit) + shift, digits, preset
                            )
                            o[found] = opportunities
                        found += 1
    return found


@numba.njit(cache=True, nogil=True, boundscheck=False)
def check_back(  # type: ignore[no-untyped-def]
    pairs, row, column, starts, ticks, padded, known, gaps, word_of, bit_of, least, n_back, o_back
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
        least: int64, least N by O.
        n_back, o_back: int32, N and O of (column, row); -1 in n_back where it does not pass. Written.
    """
    windows = word_of.shape[0]
    planes = np.empty(32, dtype=np.uint64)
    start = 0
    while start < pairs.shape[0]:
        j = column[pairs[start]]
        stop = start + 1
        while stop < pairs.shape[0] and column[pairs[stop]] == j:
            stop += 1
        # All windows that this one is paired with, a word at once.
        for word in range(padded.shape[0]):
            alive = np.uint64(0)
            for k in range(start, stop):
                window = row[pairs[k]] % windows
                if word_of[window] == word:
                    alive |= ONE << bit_of[window]
            if alive == 0:
                continue
            alive, opportunities, digits, preset = _count_misses(
                ticks, starts[j], starts[j + 1], padded[word], known, gaps, np.uint64(0), alive, least, planes
            )
            for k in range(start, stop):
                pair = pairs[k]
                window = row[pair] % windows
                if word_of[window] == word:
                    o_back[pair] = opportunities
                    n_back[pair] = -1
                    if (alive >> bit_of[window]) & ONE:
                        n_back[pair] = opportunities - _misses_at(planes, bit_of[window], digits, preset)
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
