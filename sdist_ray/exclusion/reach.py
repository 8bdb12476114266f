"""The indexed store's loops over regions: which of them can hold links.

Rows are counted against regions by vector.rows_that_reach.
"""

from __future__ import annotations

import numba
import numpy as np

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
def rows_with(passed, region, start, size):  # type: ignore[no-untyped-def]
    """The rows from ``start`` on, ``size`` of them, that reach a region; as a mask."""
    row, shift = passed[region >> 6], np.uint64(region & 63)
    mask = np.uint64(0)
    for k in range(size):
        mask |= ((row[start + k] >> shift) & ONE) << np.uint64(k)
    return mask
