"""Places for the cameras of a large graph: linked ones near each other, components side by side.

``report.arrange`` lays small graphs out over all pairs of cameras; here pairs are those of the graph's edges,
and of every camera with a few pivots, so that ten thousand cameras take seconds. The same graph gives the
same places.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components, dijkstra

from sdist_ray.report.arrange import layout

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Graph = Any
"""A csr_array of edges' lengths, both ways."""

MOST_DENSE = 120
"""Cameras of a component that is laid out over all pairs."""
PIVOTS = 48
ROUNDS, ROUNDS_AGAIN = 120, 30
ASPECT = 1.5
GAP = 2.0
"""Between components, in lengths of a strong edge."""


def place(count: int, a: Ints, b: Ints, weight: Floats, before: Floats | None = None) -> Floats:
    """Positions in the plane for ``count`` cameras.

    Args:
        count: of cameras, numbered from 0.
        a, b: the edges' ends; each pair once.
        weight: of the edges, above 0: how near its ends want to be.
        before: (count, 2), where cameras were in an earlier picture, NaN for new ones: components that were
            there stay turned as they were.

    Returns:
        (count, 2), in units of some strong edge's length; the middle of the whole is near 0.
    """
    if count == 0:
        return np.zeros((0, 2))
    length = 2 - np.sqrt(weight / max(float(weight.max(initial=0.0)), 1e-12))
    graph = csr_array(coo_array((np.r_[length, length], (np.r_[a, b], np.r_[b, a])), shape=(count, count)))
    component = connected_components(graph, directed=False)[1].astype(np.int64)
    members = np.split(np.argsort(component, kind="stable"), np.cumsum(np.bincount(component))[:-1])
    members.sort(key=lambda part: (-len(part), int(part[0])))
    parts = []
    for part in members:
        known = None if before is None else before[part]
        parts.append(_turned(_component(graph, part, known), known))
    return _packed(members, parts, count)


def _component(graph: Graph, part: Ints, known: Floats | None) -> Floats:
    """Places of one component's cameras, around 0."""
    size = len(part)
    if size == 1:
        return np.zeros((1, 2))
    inside = csr_array(graph[part][:, part])
    if size <= MOST_DENSE:
        dense = inside.toarray()
        return np.asarray(layout(np.where(dense > 0, (2 - dense) ** 2 + 1e-6, 0.0)))
    pivots, distance = _pivots(inside)
    start, rounds = _pivot_scaling(distance), ROUNDS
    if known is not None and np.isfinite(known[:, 0]).mean() > 0.8:
        fresh = ~np.isfinite(known[:, 0])
        moved = _turned(start, known)
        start, rounds = np.where(fresh[:, None], moved, known), ROUNDS_AGAIN
    return _refined(start, inside, pivots, distance, rounds)


def _pivots(inside: Graph) -> tuple[Ints, Floats]:
    """Cameras far from each other, and the distances (cameras, pivots) along the graph from them."""
    size, many = inside.shape[0], min(PIVOTS, inside.shape[0])
    chosen, columns = [0], []
    nearest = np.full(size, np.inf)
    while True:
        columns.append(np.asarray(dijkstra(inside, directed=False, indices=[chosen[-1]]))[0])
        nearest = np.minimum(nearest, columns[-1])
        if len(chosen) == many:
            return np.array(chosen, dtype=np.int64), np.stack(columns, axis=1)
        chosen.append(int(nearest.argmax()))


def _pivot_scaling(distance: Floats) -> Floats:
    """Classical scaling of the distances to pivots alone (Brandes and Pich 2006)."""
    squared = distance**2
    centred = -0.5 * (squared - squared.mean(axis=0) - squared.mean(axis=1, keepdims=True) + squared.mean())
    vectors = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :2]
    axes = centred @ vectors
    axes *= np.where(axes[np.abs(axes).argmax(axis=0), np.arange(2)] < 0, -1.0, 1.0)
    # As wide as the distances say, not as their products.
    spread = np.abs(axes).max() or 1.0
    axes *= distance.max() / 2 / spread
    return np.asarray(axes + np.random.default_rng(0).normal(0.0, 0.1, axes.shape))


def _refined(position: Floats, inside: Graph, pivots: Ints, distance: Floats, rounds: int) -> Floats:
    """Stress majorization over edges and pivots (after Ortmann, Klimenta and Brandes 2016)."""
    size, many = distance.shape
    edges = coo_array(inside)
    a, b, length = edges.row, edges.col, edges.data
    edge_weight = 1 / length**2
    # A pivot stands for all cameras that are nearest to it.
    share = np.bincount(distance.argmin(axis=1), minlength=many) / 4
    pivot_weight = np.where(distance > 0, share / np.maximum(distance, 1e-9) ** 2, 0.0)
    total = np.bincount(a, weights=edge_weight, minlength=size) + pivot_weight.sum(axis=1)
    # Everybody moves at once, half of the way: at the whole of it, two could change places for ever.
    for _ in range(rounds):
        gap = position[a] - position[b]
        reach = length / np.maximum(np.hypot(gap[:, 0], gap[:, 1]), 1e-9)
        wanted = edge_weight[:, None] * (position[b] + reach[:, None] * gap)
        away = position[:, None] - position[pivots][None]
        far = distance / np.maximum(np.hypot(away[..., 0], away[..., 1]), 1e-9)
        pulled = position[pivots][None] + far[..., None] * away
        target = (pivot_weight[..., None] * pulled).sum(axis=1)
        for axis in range(2):
            target[:, axis] += np.bincount(a, weights=wanted[:, axis], minlength=size)
        position = 0.5 * position + 0.5 * target / total[:, None]
    return position


def _turned(position: Floats, known: Floats | None) -> Floats:
    """The component turned and mirrored to lie as it lay before, where enough of it was there."""
    if known is None:
        return np.asarray(position - position.mean(axis=0))
    was = np.isfinite(known).all(axis=1)
    if was.sum() < 3:
        return np.asarray(position - position.mean(axis=0))
    here, there = position[was], known[was]
    left, _, right = np.linalg.svd((here - here.mean(axis=0)).T @ (there - there.mean(axis=0)))
    return np.asarray((position - here.mean(axis=0)) @ (left @ right))


def _packed(members: list[Ints], parts: list[Floats], count: int) -> Floats:
    """Components on shelves, the largest first."""
    sizes = [part.max(axis=0) - part.min(axis=0) + GAP for part in parts]
    width = math.sqrt(sum(float(size[0] * size[1]) for size in sizes) * ASPECT)
    width = max(width, max(float(size[0]) for size in sizes))
    placed = np.zeros((count, 2))
    x = y = tall = 0.0
    for part, cameras, size in zip(parts, members, sizes, strict=True):
        if x > 0 and x + size[0] > width * 1.001:
            x, y, tall = 0.0, y + tall, 0.0
        placed[cameras] = part - part.min(axis=0) + (x + GAP / 2, y + GAP / 2)
        x, tall = x + float(size[0]), max(tall, float(size[1]))
    return np.asarray(placed - (placed.max(axis=0) + placed.min(axis=0)) / 2)
