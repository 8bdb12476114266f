"""Vertical counters: sums of many 0/1 vectors, one bit plane per binary digit, 64 counters to a word.

A row's counts against all columns are the sum, over the row's ticks, of the columns' bits at those ticks.
With carry-save adders (Harley and Seal's counter; Warren, Hacker's Delight, 2nd ed., 5-2) eight ticks are
added to 64 columns in some 35 word operations, where adding bytes would take 512.
"""

from __future__ import annotations

import numba


@numba.njit(nogil=True, boundscheck=False)
def add_eight(ones, twos, fours, carry, b0, b1, b2, b3, b4, b5, b6, b7):  # type: ignore[no-untyped-def]
    """Add eight bit vectors to the three lowest planes; what weighs eight is left in ``carry``.

    Args:
        ones, twos, fours: uint64 (words,), updated.
        carry: uint64 (words,), written.
        b0 ... b7: uint64 (words,).
    """
    for w in range(ones.shape[0]):
        c0, c1, c2 = ones[w], twos[w], fours[w]
        x, y = b0[w], b1[w]
        half = c0 ^ x
        t1 = (c0 & x) | (half & y)
        c0 = half ^ y
        x, y = b2[w], b3[w]
        half = c0 ^ x
        t2 = (c0 & x) | (half & y)
        c0 = half ^ y
        half = c1 ^ t1
        f1 = (c1 & t1) | (half & t2)
        c1 = half ^ t2
        x, y = b4[w], b5[w]
        half = c0 ^ x
        t1 = (c0 & x) | (half & y)
        c0 = half ^ y
        x, y = b6[w], b7[w]
        half = c0 ^ x
        t2 = (c0 & x) | (half & y)
        c0 = half ^ y
        half = c1 ^ t1
        f2 = (c1 & t1) | (half & t2)
        c1 = half ^ t2
        half = c2 ^ f1
        carry[w] = (c2 & f1) | (half & f2)
        ones[w], twos[w], fours[w] = c0, c1, half ^ f2


@numba.njit(nogil=True, boundscheck=False)
def ripple(plane, carry):  # type: ignore[no-untyped-def]
    """Add a carry to a plane; the carry to the next plane replaces it."""
    for w in range(plane.shape[0]):
        both = plane[w] & carry[w]
        plane[w] ^= carry[w]
        carry[w] = both


@numba.njit(nogil=True, boundscheck=False)
def add_ticks(planes, carry, bits, ticks, start, stop):  # type: ignore[no-untyped-def]
    """Sum the bit vectors of some ticks into planes that were zero.

    Args:
        planes: uint64 (at least as many as the count has digits and at least 3, words), updated.
        carry: uint64 (words,), scratch.
        bits: uint64 (ticks + 1, words); the last row is all zero.
        ticks: int32, rows of ``bits``.
        start, stop: which of the ticks.
    """
    zero = bits.shape[0] - 1
    for first in range(start, stop, 8):
        left = stop - first
        add_eight(
            planes[0],
            planes[1],
            planes[2],
            carry,
            bits[ticks[first]],
            bits[ticks[first + 1] if left > 1 else zero],
            bits[ticks[first + 2] if left > 2 else zero],
            bits[ticks[first + 3] if left > 3 else zero],
            bits[ticks[first + 4] if left > 4 else zero],
            bits[ticks[first + 5] if left > 5 else zero],
            bits[ticks[first + 6] if left > 6 else zero],
            bits[ticks[first + 7] if left > 7 else zero],
        )
        so_far = min(first + 8, stop) - start
        digit = 3
        while so_far >> digit:
            ripple(planes[digit], carry)
            digit += 1
