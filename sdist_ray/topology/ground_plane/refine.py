"""A rough homography made exact: matches near it, a weighted fit, again with less patience."""

from __future__ import annotations

import numba
import numpy as np

from sdist_ray.topology.ground_plane.homography import (
    ONE,
    UNITS_X,
    UNITS_Y,
    fit_weighted,
    invert,
    orient,
    put,
    spread_of,
    transfer,
)
from sdist_ray.topology.ground_plane.scoring import score_one_way
from sdist_ray.topology.ground_plane.view import Array

LEAST_MATCHES = 8
MOST_MATCHES = 4000
DELAY_ROUNDS = 3
MOST_DELAY = 3.0
"""Samples beyond which people do not go on as they went."""


@numba.njit(cache=True, nogil=True, no_cpython_wrapper=True)
def pace(view, at):  # type: ignore[no-untyped-def]
    """How far somebody moves in a sample, x and y, units: along the straight piece at place ``at``."""
    before, after = at, at
    if at > 0 and view.leg[at - 1] == view.leg[at]:
        before = at - 1
    if at + 1 < view.leg.shape[0] and view.leg[at + 1] == view.leg[at]:
        after = at + 1
    samples = max(after - before, 1)
    dx, dy = view.place[after, 0] - view.place[before, 0], view.place[after, 1] - view.place[before, 1]
    return dx / samples, dy / samples


@numba.njit(cache=True, nogil=True, no_cpython_wrapper=True)
def collect(homography, a, b, radius, stride, delay, work):  # type: ignore[no-untyped-def]
    """Matches of a's places with the nearest foot points of b, within ``radius``, and their weights.

    Args:
        homography: float64 (3, 3), a to b.
        a, b: Views.
        radius: units of noise, see ``score_one_way``.
        stride: only every so many tracklets of a.
        delay: samples by which b's clock is later than a's.
        work: see ``make_work``; matches, their weights and ``way`` are written.

    Returns:
        the number of matches, and the sum of their squared residuals, each in units of noise squared.
    """
    from_a, to_b, weight, way, _, _, _ = work
    limit = radius * radius
    count, squares = 0, 0.0
    for k in range(0, a.first.shape[0], stride):
        begin = a.first[k]
        for at in range(a.offset[k], a.offset[k + 1]):
            s = begin + at - a.offset[k]
            x, y, w = transfer(homography, a.place[at, 0], a.place[at, 1])
            if w <= 0.0 or x < -radius or y < -radius or x > UNITS_X + radius or y > UNITS_Y + radius:
                continue
            xx, xy, yy, det = spread_of(homography, x, y, w)
            best, best_j = limit * det, -1
            for j in range(b.sample_start[s], b.sample_start[s + 1]):
                i = b.by_sample[j]
                dx, dy = b.place[i, 0] - x, b.place[i, 1] - y
                if delay != 0.0:
                    vx, vy = pace(b, i)
                    dx, dy = dx + delay * vx, dy + delay * vy
                distance = yy * dx * dx - 2.0 * xy * dx * dy + xx * dy * dy
                if distance < best:
                    best, best_j = distance, i
            if best_j >= 0 and count < MOST_MATCHES:
                error = best / det
                from_a[count, 0], from_a[count, 1] = a.place[at, 0], a.place[at, 1]
                to_b[count, 0], to_b[count, 1] = b.place[best_j, 0], b.place[best_j, 1]
                way[count, 0], way[count, 1] = pace(b, best_j)
                way[count, 2] = w
                # What is near the radius' end may be somebody else.
                doubt = 1.0 / (1.0 + 4.0 * error / limit)
                share = doubt / (w * w * det)
                weight[count, 0], weight[count, 1], weight[count, 2] = yy * share, -xy * share, xx * share
                count += 1
                squares += error
    return count, squares


@numba.njit(cache=True, nogil=True, no_cpython_wrapper=True)
def refine_once(homography, a, b, radius, stride, work):  # type: ignore[no-untyped-def]
    """One weighted fit to the matches within ``radius``; False leaves the homography as it was.

    Args:
        homography: float64 (3, 3), updated.
        a, b: Views.
        radius: units of noise.
        stride: only every so many tracklets of a.
        work: see ``make_work``.
    """
    return _refit(homography, a, b, radius, stride, 0.0, False, work)


@numba.njit(cache=True, nogil=True, no_cpython_wrapper=True)
def _refit(homography, a, b, radius, stride, delay, timed, work):  # type: ignore[no-untyped-def]
    from_a, to_b, weight, way, system, found, better = work
    count, _ = collect(homography, a, b, radius, stride, delay, work)
    if count < LEAST_MATCHES:
        return False
    if not fit_weighted(from_a, to_b, weight, count, system, found, better, way, timed):
        return False
    if not orient(better, from_a, count):
        return False
    put(better, homography)
    return True


@numba.njit(cache=True, nogil=True)
def delay_of(homography, a, b, radius, work):  # type: ignore[no-untyped-def]
    """By how many samples b's clock is later than a's, by what is near the homography; 0 where nothing says.

    Homography and delay are fitted together, for each can do some of the other's work.

    Args:
        homography: float64 (3, 3), a to b.
        a, b: Views.
        radius: units of noise that matches may be off.
        work: see ``make_work``.
    """
    now, delay = homography.copy(), 0.0
    for _ in range(DELAY_ROUNDS):
        if not _refit(now, a, b, radius, ONE, delay, True, work):
            return 0.0
        delay = work[5][8]
        if not abs(delay) < MOST_DELAY:
            return 0.0
    return delay


def make_work() -> tuple[Array, ...]:
    """Scratch space: matches in a and in b, weights, ways (see ``fit_weighted``), system, solution, fit."""
    return (
        np.zeros((MOST_MATCHES, 2)),
        np.zeros((MOST_MATCHES, 2)),
        np.zeros((MOST_MATCHES, 3)),
        np.zeros((MOST_MATCHES, 3)),
        np.zeros((9, 10)),
        np.zeros(9),
        np.zeros((3, 3)),
    )


@numba.njit(cache=True, nogil=True, no_cpython_wrapper=True)
def score_both(homography, a, b, worth_a, worth_b, radius, every, stride_a, stride_b, out):  # type: ignore[no-untyped-def]
    """The score of both directions, and its parts.

    Args:
        homography: float64 (3, 3), a to b.
        a, b: Views.
        worth_a, worth_b: their Worths.
        radius, every: see ``score_one_way``.
        stride_a, stride_b: only every so many tracklets of each.
        out: float64 (2, 4), written: a to b, b to a; see ``score_one_way``.
    """
    back = np.zeros((3, 3))
    if not invert(homography, back):
        out[:] = 0.0
        return -np.inf
    score_one_way(homography, a, b, worth_b.hit, worth_b.miss, radius, every, stride_a, out[0])
    score_one_way(back, b, a, worth_a.hit, worth_a.miss, radius, every, stride_b, out[1])
    return out[0, 0] + out[1, 0]
