"""The dense store's loops. They take arrays and numbers, and count.

What bounds counting is memory: a row of N is 108 kB at 1000 cameras, and 2500 rows are occupied in every two
seconds. So ranges are collected in a batch, and each row is read and written once per batch, by blocks of
columns whose bits stay in the cache.
"""

from __future__ import annotations

import numba
import numpy as np

from sdist_ray.exclusion.vector import LINE_BYTES, prefetch
from sdist_ray.exclusion.vertical import MOST_PER_SUM, add_ticks
from sdist_ray.occupancy.bits import lowest_bit, popcount


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
    width = 64 // lanes
    # Of the column: its block, k // words and k % words of its word of N, its lane.
    block = high = low = lane = 0
    for camera in range(padded.shape[0]):
        r = countable[camera]
        for window in range(windows):
            y = padded[camera, window] & r
            if y != 0:
                mask = np.uint64(1) << np.uint64(high + width * lane)
                while y:
                    bits[block, first + lowest_bit(y), low] |= mask
                    y &= y - np.uint64(1)
            lane += 1
            if lane == lanes:
                lane, low = 0, low + 1
                if low == words:
                    low, high = 0, high + 1
                    if high == width:
                        high, block = 0, block + 1


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
            more = popcount(x)
            if byte and most + more > 255:
                most = np.int64(0)
                fits = True
                for camera in range(cameras):
                    count = np.int64(counts[camera])
                    most = max(most, count)
                    if count + popcount(x & countable[k, camera]) > 255:
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
    all_bits,
    ticks,
    tick_starts,
    part_end,
    part_halved,
    part_starts,
    halved,
    windows,
    lanes,
    agreements,
    words,
):
    """Add a batch to N, one block of columns after the other.

    Args:
        all_bits: uint64 (blocks, ticks + 1, words); the last tick is all zero.
        ticks, tick_starts, part_end, part_halved, part_starts, halved: see count_opportunities.
        windows: windows per camera.
        lanes: counters per word of N: 8, 4 or 2.
        agreements: N, unsigned (rows, padded columns), C-contiguous, updated.
        words: the same memory as uint64 (rows, padded columns / lanes), updated.
    """
    width = all_bits.shape[2]
    row_bytes, block_bytes = words.shape[1] * 8, width * 64 // lanes * 8
    for block in range(all_bits.shape[0]):
        bits = all_bits[block]
        first_column = block * width * 64
        first_address = np.uintp(words.ctypes.data + block * block_bytes)
        for row in range(words.shape[0]):
            start = tick_starts[row]
            here = first_address + np.uintp(row * row_bytes)
            # A row's part of a block is too short for the machine to see what comes next.
            for line in range(0, block_bytes, LINE_BYTES):
                prefetch(here + np.uintp(row_bytes + line))
            for part in range(part_starts[row], part_starts[row + 1]):
                while start < part_end[part]:
                    stop = min(start + MOST_PER_SUM, part_end[part])
                    add_ticks(bits, ticks, start, stop, lanes, here)
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


@numba.njit(cache=True, nogil=True, boundscheck=False)
def find_mutual_pairs(  # type: ignore[no-untyped-def]
    agreements, opportunities, windows, least, first, row, column, n, o, n_back, o_back
):
    """The pairs with N at least ``least[O]`` in both directions, where rows and columns are the same cameras.

    Two cameras' counts of each other are looked at together: what is read of one direction is near what is
    read of the other.

    Args:
        agreements: N, unsigned (cameras * windows, columns or more).
        opportunities: O, unsigned (cameras * windows, cameras).
        windows: windows per camera.
        least: int64 (greatest O + 1,), at least 1.
        first: number of the pair of cameras to begin with: that of (a, b), a < b, is b * (b - 1) / 2 + a.
        row, column, n, o, n_back, o_back: int64 (room,), written; row < column, and the counts of (column,
            row) come back. Room for at least windows * windows.

    Returns:
        How many were found, and the pair of cameras to go on from; the number of such pairs at the end.
    """
    found = 0
    cameras = opportunities.shape[1]
    pair = 0
    for b in range(1, cameras):
        if pair + b <= first:
            pair += b
            continue
        for a in range(b):
            pair += 1
            if pair <= first:
                continue
            if found + windows * windows > row.shape[0]:
                return found, pair - 1
            for j in range(b * windows, (b + 1) * windows):
                opportunity_back = np.int64(opportunities[j, a])
                enough_back = least[opportunity_back]
                if enough_back > opportunity_back:
                    continue
                counts = agreements[j, a * windows : (a + 1) * windows]
                most = np.int64(0)
                for k in range(windows):
                    most = max(most, np.int64(counts[k]))
                if most < enough_back:
                    continue
                for k in range(windows):
                    if np.int64(counts[k]) < enough_back:
                        continue
                    i = a * windows + k
                    count, opportunity = np.int64(agreements[i, j]), np.int64(opportunities[i, b])
                    if count < least[opportunity]:
                        continue
                    row[found], column[found] = i, j
                    n[found], o[found] = count, opportunity
                    n_back[found], o_back[found] = counts[k], opportunity_back
                    found += 1
    return found, cameras * (cameras - 1) // 2
