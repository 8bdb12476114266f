"""The indexed store's loops over regions: which of them can hold links.

Rows are counted against regions by vector.rows_that_reach.
"""

from __future__ import annotations

import numba
import numpy as np

from sdist_ray.exclusion.kernels import lowest_bit

ONE = np.uint64(1)


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
def any_row(passed, windows, first, size, out):  # type: ignore[no-untyped-def]
    """Which regions some row of each region reaches.

    Args:
        passed: uint64 (words, rows), rows camera by camera and region by region.
        windows: windows per camera.
        first, size: int64 (regions,), where a region's rows are within a camera's.
        out: uint64 (words, at least cameras * regions), written.
    """
    regions = first.shape[0]
    for word in range(passed.shape[0]):
        row, into = passed[word], out[word]
        into[passed.shape[1] // windows * regions :] = 0
        for camera in range(passed.shape[1] // windows):
            for region in range(regions):
                start = camera * windows + first[region]
                some = np.uint64(0)
                for k in range(start, start + size[region]):
                    some |= row[k]
                into[camera * regions + region] = some


@numba.njit(cache=True, nogil=True, boundscheck=False)
def pair_regions(  # type: ignore[no-untyped-def]
    forth, back, some_forth, some_back, windows, first, size, first_a, first_b, roles, pairs, masks, found
):
    """Pairs of regions (A, B) in which some row of A reaches B and some row of B reaches A.

    Args:
        forth: uint64 (B's words, rows of A's block), from rows_that_reach.
        back: uint64 (A's words, rows of B's block).
        some_forth: uint64 (B's words, A's regions), from any_row(forth).
        some_back: uint64 (B's words, A's regions), any_row(back) transposed.
        windows: windows per camera.
        first, size: int64 (regions,), where a region's rows are within a camera's.
        first_a, first_b: the blocks' first cameras.
        roles: uint8 (cameras,), bit 0 a row camera, bit 1 a column camera: a pair needs one of each.
        pairs: int32 (room, 2), A and B as regions of the network; written.
        masks: uint64 (room, 2), the rows of A that reach B, the rows of B that reach A; written.
        found: how many there are already; new ones are put after them.

    Returns:
        How many there are now; those beyond the room are counted only.
    """
    regions = first.shape[0]
    cameras_a, cameras_b = forth.shape[1] // windows, back.shape[1] // windows
    for a in range(cameras_a * regions):
        camera_a = first_a + a // regions
        for word in range(some_forth.shape[0]):
            both = some_forth[word, a] & some_back[word, a]
            while both:
                b = word * 64 + lowest_bit(both)
                both &= both - ONE
                camera_b = first_b + b // regions
                if b >= cameras_b * regions or (first_a == first_b and camera_a >= camera_b):
                    continue
                role_a, role_b = roles[camera_a], roles[camera_b]
                if camera_a == camera_b or not ((role_a & 1 and role_b & 2) or (role_a & 2 and role_b & 1)):
                    continue
                if found < pairs.shape[0]:
                    pairs[found, 0] = first_a * regions + a
                    pairs[found, 1] = first_b * regions + b
                    masks[found, 0] = _rows_with(forth, a, b, windows, first, size)
                    masks[found, 1] = _rows_with(back, b, a, windows, first, size)
                found += 1
    return found


@numba.njit(nogil=True, boundscheck=False)
def _rows_with(passed, region, bit, windows, first, size):  # type: ignore[no-untyped-def]
    """The rows of a region that have a bit, as a mask."""
    regions = first.shape[0]
    start = region // regions * windows + first[region % regions]
    row, shift = passed[bit >> 6], np.uint64(bit & 63)
    mask = np.uint64(0)
    for k in range(size[region % regions]):
        mask |= ((row[start + k] >> shift) & ONE) << np.uint64(k)
    return mask
