"""The dense store's loops. They take arrays and numbers, and count.

What bounds counting is memory: a row of N is 108 kB at 1000 cameras, and 2500 rows are occupied in every two
seconds. So ranges are collected in a batch, and each row is read and written once per batch, by blocks of
columns whose bits stay in the cache.
"""

from __future__ import annotations

import numba
import numpy as np

from sdist_ray.exclusion.vertical import add_ticks

MOST_PER_SUM = 255
"""Ticks that eight planes can count."""


@numba.njit(inline="always", nogil=True)
def popcount(word):  # type: ignore[no-untyped-def]
    """Number of set bits of a uint64 (LLVM knows this idiom and makes it one instruction)."""
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (word * np.uint64(0x0101010101010101)) >> np.uint64(56)


@numba.njit(inline="always", nogil=True)
def lowest_bit(word):  # type: ignore[no-untyped-def]
    """Number of the lowest set bit of a uint64 that is not zero."""
    return np.int64(popcount((word & (~word + np.uint64(1))) - np.uint64(1)))


@numba.njit(cache=True, nogil=True, boundscheck=False)
def set_column_bits(padded, countable, first, lanes, bits):  # type: ignore[no-untyped-def]
    """Put one range's y and r into the batch's bits, tick by tick.

    The bits of a block of columns are ordered so that counters of 64 / lanes bits come out of them by a
    shift and a mask: column c of the block is lane l = c % lanes of word k = c // lanes of the row of N, and
    its bit is number k // words + (64 / lanes) * l of word k % words.

    Args:
        padded: y, uint64 (cameras, windows).
        countable: r, uint64 (cameras,).
        first: the range's first tick in the batch.
        lanes: counters per word of N: 8, 4 or 2.
        bits: uint64 (blocks, ticks + 1, words), updated.
    """
    windows = padded.shape[1]
    words = bits.shape[2]
    block_columns = words * 64
    width = 64 // lanes
    for camera in range(padded.shape[0]):
        r = countable[camera]
        for window in range(windows):
            y = padded[camera, window] & r
            if y == 0:
                continue
            column = camera * windows + window
            block, c = column // block_columns, column % block_columns
            k = c // lanes
            mask = np.uint64(1) << np.uint64(k // words + width * (c % lanes))
            w = k % words
            while y:
                bits[block, first + lowest_bit(y), w] |= mask
                y &= y - np.uint64(1)


@numba.njit(cache=True, nogil=True, boundscheck=False)
def count_opportunities(  # type: ignore[no-untyped-def]
    starts, visit_range, visit_word, range_ticks, countable, gap_starts, gap_camera, byte,
    opportunities, ticks, tick_starts, part_end, part_halved, part_starts, halved,
):  # fmt: skip
    """Add a batch to O, and say how N is to follow: each row's ticks, in parts with a halving after each.

    A visit is an occupied word: one row in one range. The byte policy: where adding a range would take some
    O[i,b] over 255, every O[i,b] above 127 in that row is halved first, and the E of all its windows.

    Args:
        starts: int64 (rows + 1,), each row's visits.
        visit_range: int32 (visits,), ascending in a row.
        visit_word: uint64 (visits,), x.
        range_ticks: ticks of a range.
        countable: r, uint64 (ranges, column cameras).
        gap_starts: int64 (ranges + 1,), into ``gap_camera``.
        gap_camera: int32, the cameras whose r is not full in a range.
        byte: bool, the byte policy.
        opportunities: O, unsigned (rows, column cameras), updated.
        ticks: int32, room for all ticks of all rows; written.
        tick_starts: int64 (rows + 1,); written.
        part_end: int64, room for a part per row and halving: where the part ends in ``ticks``; written.
        part_halved: int64, which row of ``halved`` follows the part, -1 at a row's end; written.
        part_starts: int64 (rows + 1,); written.
        halved: O before the halving, uint8 (room, column cameras); written.
    """
    cameras = opportunities.shape[1]
    filled = 0
    parts = 0
    halvings = 0
    for row in range(opportunities.shape[0]):
        tick_starts[row] = filled
        part_starts[row] = parts
        if starts[row] == starts[row + 1]:
            continue
        counts = opportunities[row]
        # A bound of the row's greatest O, so that it is looked for only when it matters.
        most = np.int64(0)
        if byte:
            for camera in range(cameras):
                most = max(most, np.int64(counts[camera]))
        for visit in range(starts[row], starts[row + 1]):
            x, k = visit_word[visit], visit_range[visit]
            more = np.int64(popcount(x))
            if byte and most + more > 255:
                most = np.int64(0)
                fits = True
                for camera in range(cameras):
                    count = np.int64(counts[camera])
                    most = max(most, count)
                    if count + np.int64(popcount(x & countable[k, camera])) > 255:
                        fits = False
                if not fits:
                    halved[halvings] = counts
                    for camera in range(cameras):
                        if counts[camera] > 127:
                            counts[camera] //= 2
                    part_end[parts] = filled
                    part_halved[parts] = halvings
                    parts += 1
                    halvings += 1
                    most = np.int64(0)
                    for camera in range(cameras):
                        most = max(most, np.int64(counts[camera]))
            # Nearly all cameras can count nearly always: add to all, then take back from the few. In
            # between a byte may pass 255 and come back.
            for camera in range(cameras):
                counts[camera] += more
            for gap in range(gap_starts[k], gap_starts[k + 1]):
                camera = gap_camera[gap]
                counts[camera] -= popcount(x & ~countable[k, camera])
            most += more
            while x:
                ticks[filled] = k * range_ticks + lowest_bit(x)
                filled += 1
                x &= x - np.uint64(1)
        part_end[parts] = filled
        part_halved[parts] = -1
        parts += 1
    tick_starts[opportunities.shape[0]] = filled
    part_starts[opportunities.shape[0]] = parts


@numba.njit(cache=True, nogil=True, boundscheck=False)
def count_agreements(  # type: ignore[no-untyped-def]
    block, bits, ticks, tick_starts, part_end, part_halved, part_starts, halved, windows, lanes,
    agreements, words,
):  # fmt: skip
    """Add a batch to N, one block of columns.

    Args:
        block: which.
        bits: the block's, uint64 (ticks + 1, words); the last row is all zero.
        ticks, tick_starts, part_end, part_halved, part_starts, halved: see count_opportunities.
        windows: windows per camera.
        lanes: counters per word of N: 8, 4 or 2.
        agreements: N, unsigned (rows, padded columns), updated.
        words: the same memory as uint64 (rows, padded columns / lanes), updated.
    """
    width = bits.shape[1]
    row_words = 64 // lanes * width
    planes = np.zeros((8, width), dtype=np.uint64)
    carry = np.zeros(width, dtype=np.uint64)
    spread = np.zeros((16, width), dtype=np.uint64)
    first_column = block * width * 64
    for row in range(words.shape[0]):
        start = tick_starts[row]
        here = words[row, block * row_words : (block + 1) * row_words]
        for part in range(part_starts[row], part_starts[row + 1]):
            while start < part_end[part]:
                stop = min(start + MOST_PER_SUM, part_end[part])
                planes[:] = 0
                add_ticks(planes, carry, bits, ticks, start, stop)
                add_planes(planes, stop - start, lanes, spread, here)
                start = stop
            if part_halved[part] >= 0:
                before = halved[part_halved[part]]
                last = min(first_column + width * 64, before.shape[0] * windows)
                halve(agreements[row], before, windows, first_column, last)


@numba.njit(nogil=True, boundscheck=False)
def halve(counts, before, windows, first, last):  # type: ignore[no-untyped-def]
    """Halve E of the columns whose O was above 127: N = O - E becomes O // 2 - (O - N) // 2.

    Args:
        counts: N of a row, uint8, updated from column ``first`` up to ``last``.
        before: O before the halving, uint8 (cameras,).
        windows: windows per camera.
        first, last: columns.
    """
    column = first
    while column < last:
        camera = column // windows
        stop = min(last, (camera + 1) * windows)
        had = np.int64(before[camera])
        if had > 127:
            for j in range(column, stop):
                counts[j] = had // 2 - (had - np.int64(counts[j])) // 2
        column = stop


@numba.njit(nogil=True, boundscheck=False)
def add_planes(planes, most, lanes, spread, here):  # type: ignore[no-untyped-def]
    """Add vertical counters to the counters of a row of N; set_column_bits says which bit is whose.

    Planes of single bits are merged to pairs, to nibbles and to bytes, each step halving how many words a
    counter's digits are spread over.

    Args:
        planes: uint64 (8, words), digits beyond those of ``most`` zero.
        most: the greatest count that the planes may hold.
        lanes: counters per word of ``here``: 8, 4 or 2.
        spread: uint64 (16, words), scratch.
        here: uint64 (64 / lanes * words,), updated.
    """
    n = planes.shape[1]
    nibbles(planes[0], planes[1], planes[2], planes[3], spread, 0)
    if most > 15:
        nibbles(planes[4], planes[5], planes[6], planes[7], spread, 4)
    for s in range(4):
        low, high = spread[s], spread[4 + s]
        if lanes == 8:
            first, second = here[s * n : (s + 1) * n], here[(s + 4) * n : (s + 5) * n]
            if most > 15:
                add_bytes(first, second, low, high)
            else:
                add_low_bytes(first, second, low)
        else:
            if most <= 15:
                high[:] = 0
            byte_first, byte_second = spread[8 + s], spread[12 + s]
            byte_first[:] = 0
            byte_second[:] = 0
            add_bytes(byte_first, byte_second, low, high)
    if lanes == 8:
        return
    for s in range(8):
        bytes_ = spread[8 + s]
        if lanes == 4:
            add_halves(here[s * n : (s + 1) * n], here[(s + 8) * n : (s + 9) * n], bytes_)
        else:
            for quarter in range(4):
                z = s + 8 * quarter
                add_quarter(here[z * n : (z + 1) * n], bytes_, np.uint64(8 * quarter))


@numba.njit(nogil=True, boundscheck=False)
def nibbles(p0, p1, p2, p3, spread, first):  # type: ignore[no-untyped-def]
    """Four planes to four words of nibbles: nibble m of word s is the counter of bit 4 * m + s."""
    m1, m2 = np.uint64(0x5555555555555555), np.uint64(0x3333333333333333)
    one, two = np.uint64(1), np.uint64(2)
    n0, n1, n2, n3 = spread[first], spread[first + 1], spread[first + 2], spread[first + 3]
    for w in range(p0.shape[0]):
        even_low = (p0[w] & m1) | ((p1[w] & m1) << one)
        odd_low = ((p0[w] >> one) & m1) | (p1[w] & ~m1)
        even_high = (p2[w] & m1) | ((p3[w] & m1) << one)
        odd_high = ((p2[w] >> one) & m1) | (p3[w] & ~m1)
        n0[w] = (even_low & m2) | ((even_high & m2) << two)
        n2[w] = ((even_low >> two) & m2) | (even_high & ~m2)
        n1[w] = (odd_low & m2) | ((odd_high & m2) << two)
        n3[w] = ((odd_low >> two) & m2) | (odd_high & ~m2)


@numba.njit(nogil=True, boundscheck=False)
def add_low_bytes(first, second, low):  # type: ignore[no-untyped-def]
    """Nibbles to bytes, added: the even nibbles to ``first``, the odd ones to ``second``."""
    mask, four = np.uint64(0x0F0F0F0F0F0F0F0F), np.uint64(4)
    for w in range(low.shape[0]):
        first[w] += low[w] & mask
        second[w] += (low[w] >> four) & mask


@numba.njit(nogil=True, boundscheck=False)
def add_bytes(first, second, low, high):  # type: ignore[no-untyped-def]
    """Low and high nibbles to bytes, added."""
    mask, four = np.uint64(0x0F0F0F0F0F0F0F0F), np.uint64(4)
    for w in range(low.shape[0]):
        first[w] += (low[w] & mask) | ((high[w] & mask) << four)
        second[w] += ((low[w] >> four) & mask) | (high[w] & ~mask)


@numba.njit(nogil=True, boundscheck=False)
def add_halves(first, second, bytes_):  # type: ignore[no-untyped-def]
    """Bytes to 16-bit counters, added: the even bytes to ``first``, the odd ones to ``second``."""
    mask, eight = np.uint64(0x00FF00FF00FF00FF), np.uint64(8)
    for w in range(bytes_.shape[0]):
        first[w] += bytes_[w] & mask
        second[w] += (bytes_[w] >> eight) & mask


@numba.njit(nogil=True, boundscheck=False)
def add_quarter(here, bytes_, shift):  # type: ignore[no-untyped-def]
    """Every fourth byte to 32-bit counters, added."""
    mask = np.uint64(0x000000FF000000FF)
    for w in range(bytes_.shape[0]):
        here[w] += (bytes_[w] >> shift) & mask


@numba.njit(cache=True, nogil=True, boundscheck=False)
def find_pairs(agreements, opportunities, windows, least, first_row, row, column, n, o):  # type: ignore[no-untyped-def]
    """The pairs with N at least ``least[O]``, from ``first_row`` on, while there is room.

    Args:
        agreements: N, unsigned (rows, columns or more).
        opportunities: O, unsigned (rows, column cameras).
        windows: windows per camera.
        least: int64 (greatest O + 1,), at least 1.
        first_row: where to begin.
        row, column, n, o: int64 (room,), written; room for at least one row.

    Returns:
        How many were found, and the row to go on from; the number of rows at the end.
    """
    found = 0
    for i in range(first_row, opportunities.shape[0]):
        if found + opportunities.shape[1] * windows > row.shape[0]:
            return found, i
        for camera in range(opportunities.shape[1]):
            opportunity = np.int64(opportunities[i, camera])
            enough = least[opportunity]
            if enough > opportunity:
                continue
            counts = agreements[i, camera * windows : (camera + 1) * windows]
            most = np.int64(0)
            for j in range(windows):
                most = max(most, np.int64(counts[j]))
            if most < enough:
                continue
            for j in range(windows):
                if np.int64(counts[j]) >= enough:
                    row[found] = i
                    column[found] = camera * windows + j
                    n[found] = counts[j]
                    o[found] = opportunity
                    found += 1
    return found, opportunities.shape[0]
