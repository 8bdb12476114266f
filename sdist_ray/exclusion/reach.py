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
        forth: uint64 (B's words, rows of A at least), from vector.rows_that_reach.
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
                    both = forth[word, k] & reaching
                    while both:
                        b = word * 64 + lowest_bit(both)
                        both &= both - ONE
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
