"""The indexed store's loops over regions: which of them can hold links."""

from __future__ import annotations

import numba
import numpy as np

from sdist_ray.exclusion.spread import pad_camera
from sdist_ray.exclusion.vector import (
    VECTOR_WORDS,
    all_of,
    both,
    either,
    is_full,
    load,
    store,
    unlike,
)
from sdist_ray.exclusion.vertical import add_eight
from sdist_ray.occupancy.bits import lowest_bit

ONE = np.uint64(1)
ALL = ~np.uint64(0)


@numba.njit(cache=True, nogil=True, boundscheck=False)
def region_misses(  # type: ignore[no-untyped-def]
    evidenced, room, first, stop, region_word, region_shift, region_mask, by_word, bits
):
    """Which regions of some cameras are not occupied.

    Args:
        evidenced, room: see spread.pad_camera.
        first, stop: the cameras.
        region_word, region_shift, region_mask: see Regions.
        by_word: uint64 (words, ticks), written.
        bits: uint64 (ticks + 1, words), written: a bit for each region that is not occupied at a tick; ones
            beyond the last region; the last row is all zero.
    """
    by_word[:] = ALL
    bit = 0
    for camera in range(first, stop):
        pad_camera(evidenced, camera, room)
        for region in range(region_word.shape[0]):
            padded, into = room.padded[region_word[region]], by_word[bit >> 6]
            mask, shift = region_mask[region] << region_shift[region], np.uint64(bit & 63)
            for t in range(into.shape[0]):
                into[t] ^= np.uint64((padded[t] & mask) != 0) << shift
            bit += 1
    for t in range(by_word.shape[1]):
        for word in range(by_word.shape[0]):
            bits[t, word] = by_word[word, t]
    bits[by_word.shape[1]] = 0


@numba.njit(inline="always", nogil=True)
def _plane(preset, digit):  # type: ignore[no-untyped-def]
    """A plane of a preset counter: all ones where the digit is one."""
    return all_of(np.uint64(0) - ((preset >> np.uint64(digit)) & np.uint64(1)))


@numba.njit(inline="always", nogil=True)
def _add_one(c3, c4, c5, carry):  # type: ignore[no-untyped-def]
    """Add a carry to three planes; they, and the carry out of them."""
    second = both(c3, carry)
    third = both(c4, second)
    return unlike(c3, carry), unlike(c4, second), unlike(c5, third), both(c5, third)


@numba.njit(inline="always", nogil=True)
def _until(k, left, tick, zero):  # type: ignore[no-untyped-def]
    """The tick if k < left, else ``zero``; without a branch, as no processor foresees how a row ends."""
    return zero ^ ((zero ^ tick) & (np.uintp(0) - np.uintp(np.uintp(k) < left)))


@numba.njit(cache=True, nogil=True, boundscheck=False)
def rows_that_reach(starts, ticks, spare, rows, misses, passed):  # type: ignore[no-untyped-def]
    """Which regions each row misses seldom enough.

    Vertical counters of misses, up to six digits in registers and the rest in memory, are preset to
    2^K - (spare + 1): a carry out of the highest digit is one miss too many. When that has happened to all
    1024 regions of two vectors the row is done with them. (Two at once: what is to be done for each tick, and
    the end of a row that no processor foresees, are there once for both.)

    Args:
        starts: int64 (places + 1,), each row's ticks.
        ticks: int32; 7 more than there are.
        spare: int32 (places,), misses that a row may have; -1 for a row that cannot be linked.
        rows: int64 (rows,), which rows.
        misses: uint64 (ticks + 1, words), a bit for every region that is not occupied at a tick; ones beyond
            the last region; the last row is all zero. Words are a multiple of 8.
        passed: uint64 (rows at least, words), written.

    Returns:
        Steps: how often 512 regions were looked at, at 8 ticks or none.
    """
    steps = 0
    words = misses.shape[1]
    stride, line = np.uintp(words * 8), np.uintp(VECTOR_WORDS * 8)
    zero = np.uintp(misses.shape[0] - 1)
    base, out = np.uintp(misses.ctypes.data), np.uintp(passed.ctypes.data)
    high = np.empty((2 * 32, VECTOR_WORDS), dtype=np.uint64)
    high_at = np.uintp(high.ctypes.data)
    for number in range(rows.shape[0]):
        row = rows[number]
        allowed = np.int64(spare[row])
        if allowed < 0:
            passed[number] = 0
            continue
        # Unsigned, here and below: any other index is first looked at for being negative.
        start, stop = np.uintp(starts[row]), np.uintp(starts[row + 1])
        # Three digits or at least six: most rows are short.
        digits = np.int64(3 if allowed < 7 else 6)
        while (allowed + 1) >> digits:
            digits += 1
        preset = np.uint64((np.int64(1) << digits) - (allowed + 1))
        for vector in range(0, words // VECTOR_WORDS, 2):
            at = base + np.uintp(vector) * line
            beside = at + line
            # The last one may be alone.
            paired = words > (vector + 1) * VECTOR_WORDS
            c0, c1, c2 = _plane(preset, 0), _plane(preset, 1), _plane(preset, 2)
            c3, c4, c5 = _plane(preset, 3), _plane(preset, 4), _plane(preset, 5)
            d0, d1, d2, d3, d4, d5 = c0, c1, c2, c3, c4, c5
            for digit in range(6, digits):
                where = high_at + np.uintp(digit - 6) * line * np.uintp(2)
                store(_plane(preset, digit), where)
                store(_plane(preset, digit), where + line)
            dead = all_of(np.uint64(0))
            dead_beside = all_of(np.uint64(0) if paired else ALL)
            steps += 1 + paired
            first = start
            while first < stop:
                t0, t1 = np.uintp(ticks[first]), np.uintp(ticks[first + np.uintp(1)])
                t2, t3 = np.uintp(ticks[first + np.uintp(2)]), np.uintp(ticks[first + np.uintp(3)])
                t4, t5 = np.uintp(ticks[first + np.uintp(4)]), np.uintp(ticks[first + np.uintp(5)])
                t6, t7 = np.uintp(ticks[first + np.uintp(6)]), np.uintp(ticks[first + np.uintp(7)])
                left = stop - first
                if left < np.uintp(8):
                    t1 = _until(1, left, t1, zero)
                    t2 = _until(2, left, t2, zero)
                    t3 = _until(3, left, t3, zero)
                    t4 = _until(4, left, t4, zero)
                    t5 = _until(5, left, t5, zero)
                    t6 = _until(6, left, t6, zero)
                    t7 = zero
                a0, a1, a2, a3 = t0 * stride, t1 * stride, t2 * stride, t3 * stride
                a4, a5, a6, a7 = t4 * stride, t5 * stride, t6 * stride, t7 * stride
                c0, c1, c2, carry = add_eight(
                    c0, c1, c2, load(at + a0), load(at + a1), load(at + a2), load(at + a3),
                    load(at + a4), load(at + a5), load(at + a6), load(at + a7),
                )  # fmt: skip
                carry_beside = dead_beside
                if paired:
                    d0, d1, d2, carry_beside = add_eight(
                        d0, d1, d2, load(beside + a0), load(beside + a1), load(beside + a2),
                        load(beside + a3), load(beside + a4), load(beside + a5), load(beside + a6),
                        load(beside + a7),
                    )  # fmt: skip
                if digits > 3:
                    c3, c4, c5, carry = _add_one(c3, c4, c5, carry)
                    d3, d4, d5, carry_beside = _add_one(d3, d4, d5, carry_beside)
                for digit in range(6, digits):
                    where = high_at + np.uintp(digit - 6) * line * np.uintp(2)
                    plane, plane_beside = load(where), load(where + line)
                    store(unlike(plane, carry), where)
                    store(unlike(plane_beside, carry_beside), where + line)
                    carry, carry_beside = both(plane, carry), both(plane_beside, carry_beside)
                dead, dead_beside = either(dead, carry), either(dead_beside, carry_beside)
                steps += 1 + paired
                if is_full(both(dead, dead_beside)):
                    break
                first += np.uintp(8)
            into = out + np.uintp(number) * stride + np.uintp(vector) * line
            store(unlike(dead, all_of(ALL)), into)
            if paired:
                store(unlike(dead_beside, all_of(ALL)), into + line)
    return steps


@numba.njit(cache=True, nogil=True, boundscheck=False)
def transpose(bits, out):  # type: ignore[no-untyped-def]
    """Transpose a bit matrix.

    Args:
        bits: uint64 (64 * n, m): bit c of bits[r, w] is the element (r, 64 * w + c).
        out: uint64 (64 * m, n), written.
    """
    block = np.empty(64, dtype=np.uint64)
    for i in range(bits.shape[0] // 64):
        for j in range(bits.shape[1]):
            block[:] = bits[i * 64 : (i + 1) * 64, j]
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
            out[j * 64 : (j + 1) * 64, i] = block


@numba.njit(cache=True, nogil=True, boundscheck=False)
def any_row(passed, cameras, windows, first, size, out):  # type: ignore[no-untyped-def]
    """Which regions some row of each region reaches.

    Args:
        passed: uint64 (at least cameras * windows, words), rows camera by camera and region by region.
        cameras: how many.
        windows: windows per camera.
        first, size: int64 (regions,), where a region's rows are within a camera's.
        out: uint64 (at least cameras * regions, words), written.
    """
    regions = first.shape[0]
    out[cameras * regions :] = 0
    for camera in range(cameras):
        for region in range(regions):
            start = camera * windows + first[region]
            into = out[camera * regions + region]
            into[:] = passed[start]
            for k in range(start + 1, start + size[region]):
                row = passed[k]
                for word in range(passed.shape[1]):
                    into[word] |= row[word]


@numba.njit(inline="always", nogil=True)
def _rows_with(passed, region, start, size):  # type: ignore[no-untyped-def]
    """The rows from ``start`` on, ``size`` of them, that reach a region; as a mask."""
    word, shift = np.uintp(region >> 6), np.uint64(region & 63)
    mask = np.uint64(0)
    for k in range(size):
        mask |= ((passed[np.uintp(start + k), word] >> shift) & ONE) << np.uint64(k)
    return mask


@numba.njit(cache=True, nogil=True, boundscheck=False)
def reaching_rows(  # type: ignore[no-untyped-def]
    first_a, cameras_a, first_b, cameras_b, roles, forth, back, some_back, order, region_first, region_size,
    place, camera, region, mask, found,
):  # fmt: skip
    """Rows of a block of cameras A, and the regions of a block B that they reach and that reach theirs.

    Args:
        first_a, cameras_a, first_b, cameras_b: the blocks, as numbers of cameras.
        roles: uint8 (cameras,), bit 0 a row camera, bit 1 a column camera: a pair needs one of each.
        forth: uint64 (rows of A at least, B's words), from rows_that_reach.
        back: uint64 (rows of B at least, A's words), the other way round.
        some_back: uint64 (A's regions, B's words), any_row(back) transposed.
        order, region_first, region_size: see Regions.
        place: int32 (room,), the row; written.
        camera: int32 (room,), the region's camera, from B's first; written.
        region: int32 (room,), which of the camera's regions; written.
        mask: uint64 (room,), its windows that reach the row's region; written.
        found: how many there are already; new ones are put after them.

    Returns:
        How many there are now; those beyond the room are counted only.
    """
    regions, windows, room = region_first.shape[0], order.shape[0], place.shape[0]
    # Looked up, because a division takes as long as all else that is done for a row and a region.
    camera_of = np.repeat(np.arange(cameras_b), regions)
    words = np.uintp(-(-cameras_b * regions // 64))
    # The mask is that of two regions: rows of one that reach the same have it made once.
    made, made_for = np.empty(camera_of.shape[0], np.uint64), np.full(camera_of.shape[0], -1)
    for camera_a in range(cameras_a):
        role_a = roles[first_a + camera_a]
        for region_a in range(regions):
            a = camera_a * regions + region_a
            start = camera_a * windows + region_first[region_a]
            for k in range(start, start + region_size[region_a]):
                for word in range(words):
                    rest = forth[np.uintp(k), word] & some_back[np.uintp(a), word]
                    while rest:
                        b = np.int64(word) * 64 + lowest_bit(rest)
                        rest &= rest - ONE
                        if b >= camera_of.shape[0]:
                            break
                        camera_b = camera_of[b]
                        if first_a == first_b and camera_a >= camera_b:
                            continue
                        role_b = roles[first_b + camera_b]
                        if not ((role_a & 1 and role_b & 2) or (role_a & 2 and role_b & 1)):
                            continue
                        if found < room:
                            inside = b - camera_b * regions
                            if made_for[b] != a:
                                made_for[b] = a
                                first = camera_b * windows + region_first[inside]
                                made[b] = _rows_with(back, a, first, region_size[inside])
                            place[found] = (first_a + camera_a) * windows + order[k - camera_a * windows]
                            camera[found] = camera_b
                            region[found] = inside
                            mask[found] = made[b]
                        found += 1
    return found
