"""Vertical counters: sums of many 0/1 vectors, one bit plane per binary digit, 512 counters to a vector.

A row's counts against all columns are the sum, over the row's ticks, of the columns' bits at those ticks.
With carry-save adders (Harley and Seal's counter; Warren, Hacker's Delight, 2nd ed., 5-2) eight ticks are
added to 512 columns in some 40 operations, where adding bytes would take 64 loads and 64 additions.
"""

from __future__ import annotations

import numba
import numpy as np

from sdist_ray.exclusion.vector import (
    VECTOR_WORDS,
    add,
    all_of,
    both,
    carry_bit,
    either,
    load,
    shift_left,
    shift_right,
    store,
    sum_bit,
    unlike,
)

TICKS_TOGETHER = 8
"""Ticks that are added at once."""
MOST_PER_SUM = 63
"""Ticks that six planes can hold."""
ALL = ~np.uint64(0)


@numba.njit(inline="always", nogil=True)
def add_eight(c0, c1, c2, x0, x1, x2, x3, x4, x5, x6, x7):  # type: ignore[no-untyped-def]
    """Add eight vectors of bits to the three lowest planes; they, and the carry to the fourth."""
    t1 = carry_bit(x0, x1, c0)
    c0 = sum_bit(x0, x1, c0)
    t2 = carry_bit(x2, x3, c0)
    c0 = sum_bit(x2, x3, c0)
    t3 = carry_bit(x4, x5, c0)
    c0 = sum_bit(x4, x5, c0)
    t4 = carry_bit(x6, x7, c0)
    c0 = sum_bit(x6, x7, c0)
    f1 = carry_bit(t1, t2, c1)
    c1 = sum_bit(t1, t2, c1)
    f2 = carry_bit(t3, t4, c1)
    c1 = sum_bit(t3, t4, c1)
    carry = carry_bit(f1, f2, c2)
    c2 = sum_bit(f1, f2, c2)
    return c0, c1, c2, carry


@numba.njit(nogil=True, boundscheck=False)
def add_ticks(bits, ticks, start, stop, lanes, row):  # type: ignore[no-untyped-def]
    """Add the bit vectors of some ticks to a row's counters; kernels.set_column_bits says which is whose.

    Args:
        bits: uint64 (ticks + 1, words), C-contiguous; the last row is all zero. Words are a multiple of 8.
        ticks: int32, rows of ``bits``.
        start, stop: which of the ticks, at most MOST_PER_SUM.
        lanes: counters per word of the row: 8, 4 or 2.
        row: address of the counters, 64 / lanes * words words; updated.
    """
    words = bits.shape[1]
    stride, base = np.uintp(words * 8), np.uintp(bits.ctypes.data)
    zero = np.uintp(bits.shape[0] - 1)
    width = 64 // lanes
    lowest = ALL // np.uint64((1 << width) - 1)
    nibble, pair = all_of(lowest * np.uint64(15)), all_of(lowest * np.uint64(3))
    for vector in range(words // VECTOR_WORDS):
        at = base + np.uintp(vector * VECTOR_WORDS * 8)
        c0 = all_of(np.uint64(0))
        c1, c2, c3, c4, c5 = c0, c0, c0, c0, c0
        for first in range(start, stop, 8):
            left = stop - first
            x0 = load(at + np.uintp(ticks[first]) * stride)
            x1 = load(at + (np.uintp(ticks[first + 1]) if left > 1 else zero) * stride)
            x2 = load(at + (np.uintp(ticks[first + 2]) if left > 2 else zero) * stride)
            x3 = load(at + (np.uintp(ticks[first + 3]) if left > 3 else zero) * stride)
            x4 = load(at + (np.uintp(ticks[first + 4]) if left > 4 else zero) * stride)
            x5 = load(at + (np.uintp(ticks[first + 5]) if left > 5 else zero) * stride)
            x6 = load(at + (np.uintp(ticks[first + 6]) if left > 6 else zero) * stride)
            x7 = load(at + (np.uintp(ticks[first + 7]) if left > 7 else zero) * stride)
            c0, c1, c2, carry = add_eight(c0, c1, c2, x0, x1, x2, x3, x4, x5, x6, x7)
            following = both(c3, carry)
            c3 = unlike(c3, carry)
            carry = both(c4, following)
            c4 = unlike(c4, following)
            c5 = unlike(c5, carry)
        here = row + np.uintp(vector * VECTOR_WORDS * 8)
        # Single bits are merged to pairs, and pairs to nibbles: each step halves how many vectors a counter's
        # digits are spread over.
        p0, p1 = _interleave(c0, c1, np.uint64(0x5555555555555555), np.uint64(1))
        q0, q1 = _interleave(c2, c3, np.uint64(0x5555555555555555), np.uint64(1))
        n0, n2 = _interleave(p0, q0, np.uint64(0x3333333333333333), np.uint64(2))
        n1, n3 = _interleave(p1, q1, np.uint64(0x3333333333333333), np.uint64(2))
        if stop - start < 16:
            for field in range(0, width, 4):
                down = all_of(np.uint64(field))
                _put(both(shift_right(n0, down), nibble), here + np.uintp(field) * stride)
                _put(both(shift_right(n1, down), nibble), here + np.uintp(field + 1) * stride)
                _put(both(shift_right(n2, down), nibble), here + np.uintp(field + 2) * stride)
                _put(both(shift_right(n3, down), nibble), here + np.uintp(field + 3) * stride)
        else:
            h0, h1 = _interleave(c4, c5, np.uint64(0x5555555555555555), np.uint64(1))
            four = all_of(np.uint64(4))
            for field in range(0, width, 4):
                down, further = all_of(np.uint64(field)), all_of(np.uint64(field + 2))
                u0 = shift_left(both(shift_right(h0, down), pair), four)
                u1 = shift_left(both(shift_right(h1, down), pair), four)
                u2 = shift_left(both(shift_right(h0, further), pair), four)
                u3 = shift_left(both(shift_right(h1, further), pair), four)
                v0 = either(both(shift_right(n0, down), nibble), u0)
                v1 = either(both(shift_right(n1, down), nibble), u1)
                v2 = either(both(shift_right(n2, down), nibble), u2)
                v3 = either(both(shift_right(n3, down), nibble), u3)
                _put(v0, here + np.uintp(field) * stride)
                _put(v1, here + np.uintp(field + 1) * stride)
                _put(v2, here + np.uintp(field + 2) * stride)
                _put(v3, here + np.uintp(field + 3) * stride)


@numba.njit(inline="always", nogil=True)
def _interleave(low, high, mask, distance):  # type: ignore[no-untyped-def]
    """Fields of two planes side by side: those at even places, and those at odd places."""
    even, shift = all_of(mask), all_of(distance)
    odd = all_of(~mask)
    return (
        either(both(low, even), shift_left(both(high, even), shift)),
        either(shift_right(both(low, odd), shift), both(high, odd)),
    )


@numba.njit(inline="always", nogil=True)
def _put(counts, address):  # type: ignore[no-untyped-def]
    """Add to the counters at an address."""
    store(add(load(address), counts), address)
