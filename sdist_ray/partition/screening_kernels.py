"""Screening's loops: how strongly two cameras' blocks go together, and which cameras are worth asking."""

from __future__ import annotations

import numba
import numpy as np

from sdist_ray.occupancy.bits import lowest_bit, popcount

STAY_GAP = 5
"""Samples from one at which a block is occupied to the next, at most, within one stay: people are missed."""
STAY_ENDS = 3
"""Samples of a stay's beginning, and of its end, that count."""
PERIOD = 8
"""Words, of 64 samples: within so many, when people come and go is taken for chance."""
NEAR = 2
"""Samples."""
LEAST_TOGETHER = 2
"""Visits; one that coincides says nothing."""


@numba.njit(cache=True, nogil=True, boundscheck=False)
def keep_changes(bits):  # type: ignore[no-untyped-def]
    """Keep the beginnings and the ends of stays: who sits somewhere, or what sticks, coincides with anything.

    Args:
        bits: uint64 (blocks, words), occupied samples in the order of time; updated.
    """
    for row in range(bits.shape[0]):
        begin = last = np.int64(-1 - STAY_GAP)
        for k in range(bits.shape[1]):
            word = bits[row, k]
            while word:
                sample = k * 64 + lowest_bit(word)
                word &= word - np.uint64(1)
                if sample - last > STAY_GAP:
                    _clear(bits[row], begin + STAY_ENDS, last + 1 - STAY_ENDS)
                    begin = sample
                last = sample
        _clear(bits[row], begin + STAY_ENDS, last + 1 - STAY_ENDS)


@numba.njit(nogil=True, boundscheck=False)
def _clear(row, begin, end):  # type: ignore[no-untyped-def]
    for sample in range(begin, end):
        row[sample // 64] &= ~(np.uint64(1) << np.uint64(sample % 64))


@numba.njit(cache=True, nogil=True, boundscheck=False)
def visits_of(word):  # type: ignore[no-untyped-def]
    """Runs of set bits; those at most two clear bits apart are one."""
    word |= word << np.uint64(1)
    word |= word << np.uint64(1)
    return popcount(word & ~(word << np.uint64(1)))


@numba.njit(cache=True, nogil=True, boundscheck=False)
def sum_up(begins, block, bits, occupied, visits):  # type: ignore[no-untyped-def]
    """How long, and how often, every block is occupied in every period.

    Args:
        begins, block, bits: see Moving.
        occupied, visits: int32 (cameras, blocks, periods), zeros; written.
    """
    words = (begins.shape[0] - 1) // occupied.shape[0]
    for place in range(begins.shape[0] - 1):
        camera, period = place // words, place % words // PERIOD
        for k in range(begins[place], begins[place + 1]):
            occupied[camera, block[k], period] += popcount(bits[k])
            visits[camera, block[k], period] += visits_of(bits[k])


@numba.njit(cache=True, nogil=True, boundscheck=False)
def score_pairs(  # type: ignore[no-untyped-def]
    first, second, begins, block, bits, occupied, visits, known, least, scores
):
    """How strongly pairs of cameras go together, nats: of all their blocks' pairs, what is above ``least``.

    Of two blocks, the visits that coincide are counted, n, give or take a sample. If the two had nothing to
    do with each other, visits of lengths a and b would coincide in a period of t samples in (a + b - 1) / t
    of all cases; summed over all visits of a period, and over periods, these are e. The evidence is
    n log(n / e) - (n - e), Poisson's likelihood ratio. Periods are short, so that what goes up and down for
    hours, as the day does, is no evidence; and a visit counts once, however long it takes.

    Args:
        first, second: int64 (pairs,), cameras.
        begins, block, bits, occupied, visits, known: see Moving.
        least: nats.
        scores: float64 (pairs,), written.

    Returns:
        Increments that counting one by one would have taken: one block's occupied samples in a minute, for
        each block of the other camera that is occupied in it.
    """
    blocks, periods, words = occupied.shape[1], occupied.shape[2], known.shape[1]
    together = np.empty((blocks, blocks), np.int64)
    share = np.empty(periods)
    work = np.int64(0)
    for pair in range(first.shape[0]):
        a, b = first[pair], second[pair]
        together[:] = 0
        most = np.int64(0)
        for k in range(words):
            begin, end = begins[b * words + k], begins[b * words + k + 1]
            if begin == end:
                continue
            for x in range(begins[a * words + k], begins[a * words + k + 1]):
                work += popcount(bits[x]) * (end - begin)
                wide = bits[x] | (bits[x] << np.uint64(1)) | (bits[x] >> np.uint64(1))
                for y in range(begin, end):
                    both = wide & bits[y]
                    if both:
                        together[block[x], block[y]] += visits_of(both)
                        most = max(most, together[block[x], block[y]])
        total = 0.0
        if most >= LEAST_TOGETHER:
            _known_share(known[a], known[b], share)
            for i in range(blocks):
                for j in range(blocks):
                    if together[i, j] >= LEAST_TOGETHER:
                        n = np.float64(together[i, j])
                        e = _by_chance(occupied[a, i], visits[a, i], occupied[b, j], visits[b, j], share)
                        if n > e:
                            total += max(n * np.log(n / e) - (n - e) - least, 0.0)
        scores[pair] = total
    return work


@numba.njit(nogil=True, boundscheck=False)
def _known_share(one, other, share):  # type: ignore[no-untyped-def]
    """Of every period: samples that both cameras know, over the product of those that each does."""
    for period in range(share.shape[0]):
        begin, end = period * PERIOD, min((period + 1) * PERIOD, one.shape[0])
        this = that = both = 0
        for k in range(begin, end):
            this += popcount(one[k])
            that += popcount(other[k])
            both += popcount(one[k] & other[k])
        share[period] = both / max(1, this * that)


@numba.njit(nogil=True, boundscheck=False)
def _by_chance(occupied, visits, others_occupied, others_visits, share):  # type: ignore[no-untyped-def]
    """Visits of two blocks that would coincide by chance, one of them a sample longer either way."""
    total = 0.0
    for k in range(share.shape[0]):
        u, v = np.float64(visits[k]), np.float64(others_visits[k])
        total += share[k] * ((occupied[k] + 2.0 * u) * v + others_occupied[k] * u - u * v)
    return total


@numba.njit(cache=True, nogil=True, boundscheck=False)
def sketch(bits, rows, ranks, firsts):  # type: ignore[no-untyped-def]
    """For every block and every order of the samples: the place of its first sample, occupied or nearly so.

    Two cameras see somebody come some tenths of a second apart: samples are set as well that are NEAR or less
    from an occupied one of the same word.

    Args:
        bits: uint64 (blocks, words).
        rows: int64 (some,), the blocks that are looked at.
        ranks: uint16 (samples, orders), the place of every sample in each order.
        firsts: uint16 (some, orders), written; 65535 where nothing is occupied.

    Returns:
        How many comparisons that took.
    """
    orders = ranks.shape[1]
    work = 0
    for k in range(rows.shape[0]):
        for j in range(orders):
            firsts[k, j] = 65535
        for w in range(bits.shape[1]):
            word = bits[rows[k], w]
            for _ in range(NEAR):
                word |= (word << np.uint64(1)) | (word >> np.uint64(1))
            while word:
                sample = w * 64 + lowest_bit(word)
                word &= word - np.uint64(1)
                work += orders
                for j in range(orders):
                    firsts[k, j] = min(firsts[k, j], ranks[sample, j])
    return work
