"""Cameras' clocks: how late each is, from the pairs that can say, and views with that undone."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.sparse import csr_array, diags_array
from scipy.sparse.linalg import lsqr

from sdist_ray.topology.graph import components
from sdist_ray.topology.ground_plane.closure import Pair
from sdist_ray.topology.ground_plane.view import Array, View, view_of

ROUNDS = 20
"""Of reweighting: what a pair says far from what others say counts for less every time."""
DOUBT = 0.2
"""Samples from which what a pair says is doubted."""

LEAST_LATE, LEAST_ALONE = 0.2, 1.0
"""Samples from which a clock is corrected, and where one pair alone speaks for it."""


def retimed(view: View, late: float) -> View:
    """A view whose clock is ``late`` samples late, as it would be by a true clock.

    What it has at sample s is what the view had at s + ``late``, on straight lines between samples; what
    falls out of the footage is gone.
    """
    samples, lengths = view.samples, np.diff(view.offset)
    begin = np.maximum(np.ceil(view.first - late - 1e-9), 0).astype(np.int64)
    end = np.minimum(np.floor(view.first + lengths - 1 - late + 1e-9), samples - 1).astype(np.int64)
    kept = np.flatnonzero(end >= begin)
    order = kept[np.argsort(begin[kept], kind="stable")]
    first, count = begin[order], (end - begin + 1)[order]
    offset = np.concatenate([[0], np.cumsum(count)])
    when = np.repeat(first - offset[:-1], count) + np.arange(offset[-1])
    last = np.repeat(lengths[order] - 1, count)
    since = np.clip(when + late - np.repeat(view.first[order], count), 0, last)
    before = np.floor(since).astype(np.int64)
    after = np.minimum(before + 1, last)
    start, share = np.repeat(view.offset[:-1][order], count), (since - before)[:, None]
    place = (1 - share) * view.place[start + before] + share * view.place[start + after]
    there = np.round(np.arange(samples) + late).astype(np.int64)
    inside = (there >= 0) & (there < samples)
    available = np.zeros(samples, np.bool_)
    available[inside] = view.available[there[inside]]
    return view_of(first, offset, place, available)


def clocks_of(cameras: int, delays: Mapping[Pair, float], weights: Mapping[Pair, float]) -> Array:
    """How late every camera's clock is, from how much later one of a pair is than the other.

    Least squares over the graph, reweighted so that a pair that is wrong does not matter where others speak
    against it. Every component's clocks have a median of 0, for only differences can be seen.

    Args:
        cameras: how many.
        delays: of pairs (a, b): samples by which b's clock is later than a's.
        weights: of the same pairs.

    Returns:
        float64 (cameras,), samples; 0 for a camera of which nothing is said.
    """
    late = np.zeros(cameras)
    if not delays:
        return late
    pairs = np.array(sorted(delays))
    said = np.array([delays[a, b] for a, b in pairs.tolist()])
    weight = np.array([weights[a, b] for a, b in pairs.tolist()])
    signs = np.tile([-1.0, 1.0], len(pairs))
    system = csr_array((signs, pairs.ravel(), 2 * np.arange(len(pairs) + 1)), (len(pairs), cameras))
    trust = np.sqrt(weight / weight.max())
    for number in range(ROUNDS):
        late = lsqr(diags_array(trust) @ system, said * trust, atol=1e-9, btol=1e-9)[0]
        off = np.abs(system @ late - said) / DOUBT
        # First what has one solution, from wherever it begins; then what is wrong is all but left out.
        trust = np.sqrt(weight / weight.max() / np.maximum(off if number < ROUNDS // 2 else off**3, 1.0))
    component = components(cameras, pairs[:, 0], pairs[:, 1])
    for number in np.unique(component):
        own = component == number
        late[own] -= np.median(late[own])
    return late


def corrected(late: Array, delays: Mapping[Pair, float], weights: Mapping[Pair, float]) -> Array:
    """How late every camera's clock is, as pairs have it now; what is all but the same stays as it was.

    Args:
        late: float64 (cameras,), samples, as it was taken to be.
        delays, weights: see ``clocks_of``.
    """
    now = clocks_of(len(late), delays, weights)
    pairs = np.bincount(np.array(sorted(delays), np.int64).ravel(), minlength=len(late))
    least = np.where(pairs > 1, LEAST_LATE, LEAST_ALONE)
    return np.where(np.abs(now - late) < least, late, now)
