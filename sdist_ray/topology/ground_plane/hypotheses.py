"""Rough homographies of a pair of cameras: drawn from pairs of tracklets, most likely ones first."""

from __future__ import annotations

import numba
import numpy as np

from sdist_ray.topology.ground_plane.homography import (
    NONE,
    ONE,
    UNITS_X,
    UNITS_Y,
    fit_weighted,
    orient,
    put,
    transfer,
)
from sdist_ray.topology.ground_plane.refine import score_both

LEAST_SAMPLES = 1
"""Samples from the first to the last that two tracklets must have in common."""
LEAST_WAY = 0.3
"""Units that both must have gone meanwhile."""
MOST_PAIRS = 20_000
APART = 2
"""Samples from one leg to another of the same two tracklets that make a hypothesis."""
POINTS = 4
"""Places of a pair of tracklets that a hypothesis is made of."""
CHECK = 0.8
"""Units within which they all must be transferred."""
NEW = 0.2
"""Share of draws that pay no heed to what is likely."""
TESTED = 25
"""Tracklets of each camera that a hypothesis is scored with."""


@numba.njit(cache=True, nogil=True, no_cpython_wrapper=True)
def occupancy(view, padding):  # type: ignore[no-untyped-def]
    """Which units of a view somebody stood in, at every sample: bool (samples, 108)."""
    rows, columns = int(UNITS_Y), int(UNITS_X)
    result = np.zeros((view.available.shape[0], rows * columns), np.bool_)
    for s in range(view.available.shape[0]):
        for k in range(view.sample_start[s], view.sample_start[s + 1]):
            column = min(max(int(view.place[view.by_sample[k], 0]), 0), columns - 1)
            row = min(max(int(view.place[view.by_sample[k], 1]), 0), rows - 1)
            for r in range(max(0, row - padding), min(rows, row + padding + 1)):
                for c in range(max(0, column - padding), min(columns, column + padding + 1)):
                    result[s, r * columns + c] = True
    return result


@numba.njit(cache=True, nogil=True)
def agreement(a, b):  # type: ignore[no-untyped-def]
    """The share of samples with somebody in a unit of a in which somebody was in or beside one of b.

    Returns:
        float64 (108, 108): C of units rather than windows, and of samples, times how sure we are of it.
    """
    places = int(UNITS_Y) * int(UNITS_X)
    here, there = occupancy(a, NONE), occupancy(b, ONE)
    agreements, opportunities = np.zeros((places, places)), np.zeros(places)
    for s in range(here.shape[0]):
        if not b.available[s]:
            continue
        for i in range(places):
            if here[s, i]:
                opportunities[i] += 1.0
                for j in range(places):
                    if there[s, j]:
                        agreements[i, j] += 1.0
    for i in range(places):
        for j in range(places):
            agreements[i, j] /= opportunities[i] + 2.0
    return agreements


@numba.njit(cache=True, nogil=True, no_cpython_wrapper=True)
def ascending(values):  # type: ignore[no-untyped-def]
    """The order that sorts values which almost are sorted, and the values in it; equal ones stay in order.

    NumPy's sorts take seconds to compile.

    Args:
        values: int64 (n,).
    """
    order = np.zeros(values.shape[0], np.int64)
    for i in range(values.shape[0]):
        k = i
        while k > 0 and values[order[k - 1]] > values[i]:
            order[k] = order[k - 1]
            k -= 1
        order[k] = i
    placed = np.zeros(values.shape[0], np.int64)
    for i in range(values.shape[0]):
        placed[i] = values[order[i]]
    return order, placed


@numba.njit(cache=True, nogil=True)
def likely_pairs(a, b):  # type: ignore[no-untyped-def]
    """Tracklets of a and b that moved at the same time, and how likely they are one person's.

    What two tracklets have in common is one pair; where somebody turned in a meanwhile, so is every leg.

    Returns:
        pairs: int64 (n, 4): tracklet of a, of b, first and last sample.
        likely: float64 (n,): the mean along the way of the weaker direction's agreement.
    """
    forth, back = agreement(a, b), agreement(b, a)
    pairs, likely = np.zeros((MOST_PAIRS, 4), np.int64), np.zeros(MOST_PAIRS)
    count = 0
    longest = 0
    for j in range(b.first.shape[0]):
        longest = max(longest, b.offset[j + 1] - b.offset[j])
    # Tracklets are numbered by their first foot point, so by their first sample, almost.
    order_b, first_b = ascending(b.first)
    for i in range(a.first.shape[0]):
        begin_a, end_a = a.first[i], a.first[i] + a.offset[i + 1] - a.offset[i] - 1
        start, stop = 0, first_b.shape[0]
        while start < stop:
            middle = (start + stop) // 2
            if first_b[middle] < begin_a - longest:
                start = middle + 1
            else:
                stop = middle
        for at_b in range(start, first_b.shape[0]):
            if first_b[at_b] > end_a:
                break
            j = order_b[at_b]
            begin = max(begin_a, b.first[j])
            end = min(end_a, b.first[j] + b.offset[j + 1] - b.offset[j] - 1)
            if end - begin < LEAST_SAMPLES:
                continue
            in_a = a.offset[i] - begin_a
            count = _add_pair(a, b, forth, back, i, j, begin, end, pairs, likely, count)
            turned = begin
            for s in range(begin, end + 1):
                if s == end or a.leg[in_a + s + 1] != a.leg[in_a + s]:
                    if s - turned < end - begin:
                        count = _add_pair(a, b, forth, back, i, j, turned, s, pairs, likely, count)
                    turned = s + 1
    return pairs[:count], likely[:count]


@numba.njit(cache=True, nogil=True, no_cpython_wrapper=True)
def _add_pair(a, b, forth, back, i, j, begin, end, pairs, likely, count):  # type: ignore[no-untyped-def]
    """Write one more pair where both moved enough; how many there are then."""
    in_a, in_b = a.offset[i] - a.first[i], b.offset[j] - b.first[j]
    way_a = (a.place[in_a + end, 0] - a.place[in_a + begin, 0]) ** 2
    way_a += (a.place[in_a + end, 1] - a.place[in_a + begin, 1]) ** 2
    way_b = (b.place[in_b + end, 0] - b.place[in_b + begin, 0]) ** 2
    way_b += (b.place[in_b + end, 1] - b.place[in_b + begin, 1]) ** 2
    least = LEAST_WAY * LEAST_WAY
    if end - begin < LEAST_SAMPLES or way_a < least or way_b < least or count == MOST_PAIRS:
        return count
    total, columns = 0.0, int(UNITS_X)
    for s in range(begin, end + 1):
        p = int(a.place[in_a + s, 1]) * columns + int(a.place[in_a + s, 0])
        q = int(b.place[in_b + s, 1]) * columns + int(b.place[in_b + s, 0])
        p, q = min(p, forth.shape[0] - 1), min(q, forth.shape[0] - 1)
        total += min(forth[p, q], back[q, p])
    pairs[count, 0], pairs[count, 1], pairs[count, 2], pairs[count, 3] = i, j, begin, end
    likely[count] = total / (end - begin + 1)
    return count + 1


@numba.njit(cache=True, nogil=True, no_cpython_wrapper=True)
def next_random(state):  # type: ignore[no-untyped-def]
    """The next of a sequence of numbers in [0, 1): splitmix64, the same everywhere.

    Args:
        state: uint64 (1,), updated.
    """
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    z = state[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return float(z >> np.uint64(11)) / 9007199254740992.0


@numba.njit(cache=True, nogil=True, no_cpython_wrapper=True)
def points_of(a, b, pair, at, p, q):  # type: ignore[no-untyped-def]
    """The places of two tracklets at two moments, and at two moments between.

    Args:
        a, b: Views.
        pair: int64 (4,), see ``likely_pairs``.
        at: which pair of the hypothesis this is.
        p, q: float64 (POINTS * at least (at + 1), 2), written from POINTS · at on.
    """
    i, j, begin, end = pair
    between = end - begin
    in_a, in_b = a.offset[i] - a.first[i], b.offset[j] - b.first[j]
    k = POINTS * at
    for s in (begin, begin + between // 3, end - between // 3, end):
        p[k, 0], p[k, 1] = a.place[in_a + s, 0], a.place[in_a + s, 1]
        q[k, 0], q[k, 1] = b.place[in_b + s, 0], b.place[in_b + s, 1]
        k += 1


@numba.njit(cache=True, nogil=True, no_cpython_wrapper=True)
def go_together(one, other):  # type: ignore[no-untyped-def]
    """Whether two pairs of tracklets may belong to one hypothesis.

    Nobody is two people; legs of the same tracklets say more the further they are apart.

    Args:
        one, other: int64 (4,), see ``likely_pairs``.
    """
    if one[0] == other[0] and one[1] == other[1]:
        return max(one[2], other[2]) - min(one[3], other[3]) >= APART
    return one[0] != other[0] and one[1] != other[1]


@numba.njit(cache=True, nogil=True, no_cpython_wrapper=True)
def rough_fit(a, b, chosen, p, q, scratch, homography):  # type: ignore[no-untyped-def]
    """The homography of some pairs of tracklets; False where none carries all of their points near.

    Args:
        a, b: Views.
        chosen: int64 (pairs, 4), see ``likely_pairs``.
        p, q: float64 (POINTS * pairs or more, 2), scratch.
        scratch: equal weights (points, 3), a system (9, 10), a solution (9,), ways (points, 3).
        homography: float64 (3, 3), written.
    """
    weight, system, found, way = scratch
    count = POINTS * chosen.shape[0]
    for k in range(chosen.shape[0]):
        points_of(a, b, chosen[k], k, p, q)
    if not fit_weighted(p, q, weight, count, system, found, homography, way, False):
        return False
    if not orient(homography, p, count):
        return False
    for k in range(count):
        x, y, _ = transfer(homography, p[k, 0], p[k, 1])
        if abs(x - q[k, 0]) > CHECK or abs(y - q[k, 1]) > CHECK:
            return False
    return True


@numba.njit(cache=True, nogil=True)
def draw(a, b, worth_a, worth_b, pairs, order, draws, keep, radius, seed):  # type: ignore[no-untyped-def]
    """The best of many hypotheses, each from two or three pairs of tracklets.

    Two are enough in a crowd, where the most likely pairs are right; where few people walk, three short ways
    hold a homography better than two.

    Args:
        a, b: Views.
        worth_a, worth_b: Worths for rough hypotheses.
        pairs: int64 (n, 4), see ``likely_pairs``.
        order: int64 (n,), the most likely first.
        draws: how many are drawn; the first from the most likely ten, the last from 60 times as many.
        keep: how many are kept.
        radius: units, of rough hypotheses.
        seed: of the draws.

    Returns:
        homographies, float64 (at most keep, 3, 3), best first; how many were scored.
    """
    count = pairs.shape[0]
    state = np.array([seed], np.uint64)
    best, score = np.zeros((keep, 3, 3)), np.full(keep, -np.inf)
    p, q = np.zeros((3 * POINTS, 2)), np.zeros((3 * POINTS, 2))
    equal, way = np.zeros((3 * POINTS, 3)), np.zeros((3 * POINTS, 3))
    equal[:, 0], equal[:, 2] = 1.0, 1.0
    scratch = (equal, np.zeros((9, 10)), np.zeros(9), way)
    homography, chosen = np.zeros((3, 3)), np.zeros((3, 4), np.int64)
    out = np.zeros((2, 4))
    stride_a, stride_b = max(1, a.first.shape[0] // TESTED), max(1, b.first.shape[0] // TESTED)
    tested = 0
    for number in range(draws if count >= 2 else 0):
        pool = count if number % 5 == 0 else min(count, int(10.0 * 60.0 ** (number / draws)))
        many = 2 + number % 2
        fitting = True
        for k in range(many):
            one = order[int(next_random(state) * pool)]
            for column in range(4):
                chosen[k, column] = pairs[one, column]
            for other in range(k):
                fitting = fitting and go_together(chosen[k], chosen[other])
        if not fitting or not rough_fit(a, b, chosen[:many], p, q, scratch, homography):
            continue
        tested += 1
        value = score_both(homography, a, b, worth_a, worth_b, radius, np.int64(2), stride_a, stride_b, out)
        if out[0, 0] <= 0.0 or out[1, 0] <= 0.0 or value <= score[keep - 1]:
            continue
        k = keep - 1
        while k > 0 and value > score[k - 1]:
            score[k] = score[k - 1]
            put(best[k - 1], best[k])
            k -= 1
        score[k] = value
        put(homography, best[k])
    kept = 0
    while kept < keep and score[kept] > -np.inf:
        kept += 1
    return best[:kept], tested
