"""The indexed store's loops over regions: which of them can hold links."""

from __future__ import annotations

import numba
import numpy as np

from sdist_ray.exclusion.kernels import lowest_bit
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

ONE = np.uint64(1)
ALL = ~np.uint64(0)


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


@numba.njit(inline="always", nogil=True)
def _plane(preset, digit):  # type: ignore[no-untyped-def]
    """A plane of a preset counter: all ones where the digit is one."""
    return all_of(np.uint64(0) - ((preset >> np.uint64(digit)) & np.uint64(1)))


@numba.njit(cache=True, nogil=True, boundscheck=False)
def rows_that_reach(starts, ticks, spare, rows, misses, passed):  # type: ignore[no-untyped-def]
    """Which regions each row misses seldom enough.

    Vertical counters of misses, up to six digits in registers and the rest in memory, are preset to
    2^K - (spare + 1): a carry out of the highest digit is one miss too many. When that has happened to all
    512 regions of a vector the row is done with them.

    Args:
        starts: int64 (places + 1,), each row's ticks.
        ticks: int32.
        spare: int32 (places,), misses that a row may have; -1 for a row that cannot be linked.
        rows: int64 (rows,), which rows.
        misses: uint64 (ticks + 1, words), a bit for every region that is not occupied at a tick; ones beyond
            the last region; the last row is all zero. Words are a multiple of 8.
        passed: uint64 (words, rows at least), written.

    Returns:
        Steps: how often 512 regions were looked at, at 8 ticks or none.
    """
    steps = 0
    words = misses.shape[1]
    stride = np.uintp(words * 8)
    zero = np.uintp(misses.shape[0] - 1)
    base = np.uintp(misses.ctypes.data)
    reached = np.empty(VECTOR_WORDS, dtype=np.uint64)
    reached_at = np.uintp(reached.ctypes.data)
    high = np.empty((32, VECTOR_WORDS), dtype=np.uint64)
    high_at = np.uintp(high.ctypes.data)
    for number in range(rows.shape[0]):
        row = rows[number]
        allowed = np.int64(spare[row])
        if allowed < 0:
            passed[:, number] = 0
            continue
        start, stop = starts[row], starts[row + 1]
        # Three digits or at least six: most rows are short.
        digits = np.int64(3 if allowed < 7 else 6)
        while (allowed + 1) >> digits:
            digits += 1
        preset = np.uint64((np.int64(1) << digits) - (allowed + 1))
        for vector in range(words // VECTOR_WORDS):
            at = base + np.uintp(vector * VECTOR_WORDS * 8)
            c0, c1, c2 = _plane(preset, 0), _plane(preset, 1), _plane(preset, 2)
            c3, c4, c5 = _plane(preset, 3), _plane(preset, 4), _plane(preset, 5)
            for digit in range(6, digits):
                store(_plane(preset, digit), high_at + np.uintp((digit - 6) * VECTOR_WORDS * 8))
            dead = all_of(np.uint64(0))
            steps += 1
            for first in range(start, stop, 8):
                if first + 8 <= stop:
                    x0, x1 = (
                        load(at + np.uintp(ticks[first]) * stride),
                        load(at + np.uintp(ticks[first + 1]) * stride),
                    )
                    x2, x3 = (
                        load(at + np.uintp(ticks[first + 2]) * stride),
                        load(at + np.uintp(ticks[first + 3]) * stride),
                    )
                    x4, x5 = (
                        load(at + np.uintp(ticks[first + 4]) * stride),
                        load(at + np.uintp(ticks[first + 5]) * stride),
                    )
                    x6, x7 = (
                        load(at + np.uintp(ticks[first + 6]) * stride),
                        load(at + np.uintp(ticks[first + 7]) * stride),
                    )
                else:
                    left = stop - first
                    x0 = load(at + np.uintp(ticks[first]) * stride)
                    x1 = load(at + (np.uintp(ticks[first + 1]) if left > 1 else zero) * stride)
                    x2 = load(at + (np.uintp(ticks[first + 2]) if left > 2 else zero) * stride)
                    x3 = load(at + (np.uintp(ticks[first + 3]) if left > 3 else zero) * stride)
                    x4 = load(at + (np.uintp(ticks[first + 4]) if left > 4 else zero) * stride)
                    x5 = load(at + (np.uintp(ticks[first + 5]) if left > 5 else zero) * stride)
                    x6 = load(at + (np.uintp(ticks[first + 6]) if left > 6 else zero) * stride)
                    x7 = load(at + zero * stride)
                c0, c1, c2, carry = add_eight(c0, c1, c2, x0, x1, x2, x3, x4, x5, x6, x7)
                if digits > 3:
                    following = both(c3, carry)
                    c3 = unlike(c3, carry)
                    carry = both(c4, following)
                    c4 = unlike(c4, following)
                    following = both(c5, carry)
                    c5 = unlike(c5, carry)
                    carry = following
                for digit in range(6, digits):
                    where = high_at + np.uintp((digit - 6) * VECTOR_WORDS * 8)
                    plane = load(where)
                    following = both(plane, carry)
                    store(unlike(plane, carry), where)
                    carry = following
                dead = either(dead, carry)
                steps += 1
                if is_full(dead):
                    break
            store(unlike(dead, all_of(ALL)), reached_at)
            for word in range(VECTOR_WORDS):
                passed[vector * VECTOR_WORDS + word, number] = reached[word]
    return steps


@numba.njit(cache=True, nogil=True, boundscheck=False)
def transpose(bits, out):  # type: ignore[no-untyped-def]
    """Transpose a bit matrix, both kept with one row of words per 64 of its columns.

    Args:
        bits: uint64 (m, 64 * n): bit c of bits[w, r] is the element (r, 64 * w + c).
        out: uint64 (n, 64 * m), written.
    """
    block = np.empty(64, dtype=np.uint64)
    for i in range(bits.shape[0]):
        for j in range(bits.shape[1] // 64):
            block[:] = bits[i, j * 64 : (j + 1) * 64]
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
            out[j, i * 64 : (i + 1) * 64] = block


@numba.njit(cache=True, nogil=True, boundscheck=False)
def any_row(passed, cameras, windows, first, size, out):  # type: ignore[no-untyped-def]
    """Which regions some row of each region reaches.

    Args:
        passed: uint64 (words, at least cameras * windows), rows camera by camera and region by region.
        cameras: how many.
        windows: windows per camera.
        first, size: int64 (regions,), where a region's rows are within a camera's.
        out: uint64 (words, at least cameras * regions), written.
    """
    regions = first.shape[0]
    for word in range(passed.shape[0]):
        row, into = passed[word], out[word]
        into[cameras * regions :] = 0
        for camera in range(cameras):
            for region in range(regions):
                start = camera * windows + first[region]
                some = np.uint64(0)
                for k in range(start, start + size[region]):
                    some |= row[k]
                into[camera * regions + region] = some


@numba.njit(inline="always", nogil=True)
def _rows_with(passed, region, start, size):  # type: ignore[no-untyped-def]
    """The rows from ``start`` on, ``size`` of them, that reach a region; as a mask."""
    row, shift = passed[region >> 6], np.uint64(region & 63)
    mask = np.uint64(0)
    for k in range(size):
        mask |= ((row[start + k] >> shift) & ONE) << np.uint64(k)
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
        forth: uint64 (B's words, rows of A at least), from rows_that_reach.
        back: uint64 (A's words, rows of B at least), the other way round.
        some_back: uint64 (B's words, A's regions), any_row(back) transposed.
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
    for word in range(-(-cameras_b * regions // 64)):
        for camera_a in range(cameras_a):
            for region_a in range(regions):
                a = camera_a * regions + region_a
                reaching = some_back[word, a]
                if reaching == 0:
                    continue
                start = camera_a * windows + region_first[region_a]
                for k in range(start, start + region_size[region_a]):
                    rest = forth[word, k] & reaching
                    while rest:
                        b = word * 64 + lowest_bit(rest)
                        rest &= rest - ONE
                        if b >= camera_of.shape[0]:
                            break
                        camera_b = camera_of[b]
                        if first_a == first_b and camera_a >= camera_b:
                            continue
                        role_a, role_b = roles[first_a + camera_a], roles[first_b + camera_b]
                        if not ((role_a & 1 and role_b & 2) or (role_a & 2 and role_b & 1)):
                            continue
                        if found < room:
                            inside = b - camera_b * regions
                            first = camera_b * windows + region_first[inside]
                            place[found] = (first_a + camera_a) * windows + order[k - camera_a * windows]
                            camera[found] = camera_b
                            region[found] = inside
                            mask[found] = _rows_with(back, a, first, region_size[inside])
                        found += 1
    return found
