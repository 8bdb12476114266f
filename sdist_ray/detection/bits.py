"""Binary images as bits: 64 pixels in a word, a column of words after the other.

Word [k, y] holds the pixels 64 k to 64 k + 63 of row y, the leftmost in its lowest bit; what lies beyond the
image's right border is zero. A column of words is contiguous, so that what is done to all rows alike is
vector code, and an image of 320x240 takes 9.6 kB.
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from sdist_ray.occupancy.bits import popcount

Bits = npt.NDArray[np.uint64]
"""uint64 (words, height), see above."""
Binary = npt.NDArray[np.uint8]
"""uint8 (height, width), 255 or 0."""

_GATHER = np.uint64(0x0102040810204080)


def words_of(width: int) -> int:
    """Words in a row of so many pixels."""
    return (width + 63) // 64


@numba.njit(inline="always", nogil=True)
def gather(eight):  # type: ignore[no-untyped-def]
    """The 8 lowest bits of a uint64 from its 8 bytes, each of which is 1 or 0."""
    return (eight * _GATHER) >> np.uint64(56)


@numba.njit(cache=True, nogil=True, boundscheck=False)
def pack(binary, bits):  # type: ignore[no-untyped-def]
    """Make bits of a binary image.

    Args:
        binary: uint8 (height, width); what is not 0 is set.
        bits: uint64 (words, height), written.
    """
    height, width = binary.shape
    words = bits.shape[0]
    eight = np.zeros(words * 8, np.uint64)
    flags = eight.view(np.uint8)
    for y in range(height):
        for x in range(width):
            flags[x] = np.uint8(binary[y, x] != 0)
        for k in range(words):
            word = np.uint64(0)
            for part in range(8):
                word |= gather(eight[8 * k + part]) << np.uint64(8 * part)
            bits[k, y] = word


@numba.njit(cache=True, nogil=True, boundscheck=False)
def unpack(bits, left, top, binary):  # type: ignore[no-untyped-def]
    """Make a binary image of a part of the bits: the part that begins at (left, top) and has its size.

    Args:
        bits: uint64 (words, height).
        left, top: where the part begins, pixels.
        binary: uint8 (part's height, part's width), written: 255 or 0.
    """
    for y in range(binary.shape[0]):
        for x in range(binary.shape[1]):
            word = bits[(left + x) >> 6, top + y] >> np.uint64((left + x) & 63)
            binary[y, x] = np.uint8(255) if word & np.uint64(1) else np.uint8(0)


@numba.njit(cache=True, nogil=True, boundscheck=False)
def keep_watched(bits, watched):  # type: ignore[no-untyped-def]
    """Clear the pixels that are not watched, and count those that are left.

    Args:
        bits: uint64 (words, height), updated.
        watched: uint64 (words, height).
    """
    count = np.int64(0)
    for k in range(bits.shape[0]):
        for y in range(bits.shape[1]):
            word = bits[k, y] & watched[k, y]
            bits[k, y] = word
            count += popcount(word)
    return count
