"""Places for cameras on a picture, so that related cameras are near each other."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment
from scipy.sparse.csgraph import connected_components, shortest_path

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MAJORIZATIONS = 120
COHESION = 0.15
"""What it is worth to have two cameras of one component near each other, in strongest edges."""


@dataclass(frozen=True)
class Arrangement:
    """A slot of a grid for every camera, each slot given once.

    Attributes:
        columns, rows: the grid; columns * rows is at least the number of cameras.
        column, row: int64 (cameras,), row 0 at the top.
    """

    columns: int
    rows: int
    column: Ints
    row: Ints


def arrange(weights: Floats, panel_aspect: float = 4 / 3, picture_aspect: float = 1.6) -> Arrangement:
    """Slots for cameras: related ones near each other, unrelated ones in the last slots.

    A layout in the plane is snapped to the grid by the cheapest assignment; swaps then lower the sum of
    weight times distance until none does. The same weights give the same arrangement.

    Args:
        weights: (cameras, cameras), symmetric, at least 0; 0 where two cameras are unrelated.
        panel_aspect: width over height of one slot.
        picture_aspect: width over height wanted of the whole.

    Returns:
        The arrangement, in the order of the weights' rows.
    """
    weights = _checked(weights)
    cameras = len(weights)
    columns, rows = grid_shape(cameras, panel_aspect, picture_aspect)
    related = np.flatnonzero(weights.any(axis=1))
    alone = np.flatnonzero(~weights.any(axis=1))
    slot = np.empty(cameras, dtype=np.int64)
    slot[related] = _related_slots(weights[np.ix_(related, related)], columns, panel_aspect)
    slot[alone] = np.arange(len(related), cameras)
    return Arrangement(columns, rows, slot % max(columns, 1), slot // max(columns, 1))


def grid_shape(cameras: int, panel_aspect: float, picture_aspect: float) -> tuple[int, int]:
    """Columns and rows for a number of panels: near the aspect wanted, with few empty slots."""
    if cameras == 0:
        return 0, 0

    def badness(columns: int) -> float:
        rows = math.ceil(cameras / columns)
        aspect = abs(math.log(columns * panel_aspect / rows / picture_aspect))
        return aspect + 1.5 * (columns * rows - cameras) / cameras

    columns = min(range(1, cameras + 1), key=badness)
    return columns, math.ceil(cameras / columns)


def layout(weights: Floats) -> Floats:
    """Positions in the plane: linked cameras near each other, components apart.

    Stress majorization (SMACOF; de Leeuw 1977, Gansner et al. 2004) of distances along the graph, from
    classical scaling. Deterministic: the start's signs are fixed, ties are broken by a fixed jitter.

    Args:
        weights: (cameras, cameras), symmetric, at least 0.

    Returns:
        (cameras, 2), in units of one strong edge's length.
    """
    weights = _checked(weights)
    if len(weights) < 2:
        return np.zeros((len(weights), 2))
    distance = _distances(weights)
    position = _classical_scaling(distance)
    stress_weights = np.where(distance > 0, 1 / np.maximum(distance, 1e-9) ** 2, 0.0)
    laplacian = np.diag(stress_weights.sum(axis=1)) - stress_weights
    solve = np.linalg.pinv(laplacian, hermitian=True)
    for _ in range(MAJORIZATIONS):
        gap = np.linalg.norm(position[:, None] - position[None], axis=2)
        pull = -stress_weights * distance / np.maximum(gap, 1e-9)
        np.fill_diagonal(pull, 0.0)
        np.fill_diagonal(pull, -pull.sum(axis=1))
        position = solve @ (pull @ position)
    return position


def _checked(weights: Floats) -> Floats:
    weights = np.array(weights, dtype=np.float64)
    if weights.ndim != 2 or weights.shape[0] != weights.shape[1]:
        raise ValueError(f"weights are (cameras, cameras), got {weights.shape}")
    if not (np.isfinite(weights).all() and (weights >= 0).all() and np.allclose(weights, weights.T)):
        raise ValueError("weights are finite, symmetric and at least 0")
    np.fill_diagonal(weights, 0.0)
    return weights


def _distances(weights: Floats) -> Floats:
    """Distances to lay out: along the graph within a component, room for both between two."""
    strongest = weights.max() or 1.0
    length = np.where(weights > 0, 2 - np.sqrt(weights / strongest), 0.0)
    distance = shortest_path(length, directed=False)
    component = connected_components(weights, directed=False)[1]
    radius = 0.5 + 0.75 * np.sqrt(np.bincount(component)[component])
    apart = component[:, None] != component[None]
    return np.where(apart, radius[:, None] + radius[None], distance)


def _classical_scaling(distance: Floats) -> Floats:
    centred = distance**2
    centred -= centred.mean(axis=0)
    centred -= centred.mean(axis=1, keepdims=True)
    values, vectors = np.linalg.eigh(-0.5 * centred)
    axes = vectors[:, ::-1][:, :2] * np.sqrt(np.maximum(values[::-1][:2], 0.0))
    axes *= np.where(axes[np.abs(axes).argmax(axis=0), np.arange(2)] < 0, -1.0, 1.0)
    # Equal distances (a clique) leave points on one spot, from where majorization cannot part them.
    return np.asarray(axes + np.random.default_rng(0).normal(0.0, 0.05, axes.shape))


def _related_slots(weights: Floats, columns: int, panel_aspect: float) -> Ints:
    """A slot, in reading order, for every camera that has an edge."""
    cameras = len(weights)
    if cameras == 0:
        return np.empty(0, dtype=np.int64)
    slot = np.arange(cameras)
    place = np.stack([slot % columns * panel_aspect, -(slot // columns)], axis=1).astype(np.float64)
    between = np.linalg.norm(place[:, None] - place[None], axis=2)
    component = connected_components(weights, directed=False)[1]
    together = component[:, None] == component[None]
    wanted = np.sqrt(weights / weights.max()) + COHESION * together
    np.fill_diagonal(wanted, 0.0)
    best, least = slot, math.inf
    for position in _orientations(layout(weights)):
        fitted = _spread(position, place)
        cost = ((fitted[:, None] - place[None]) ** 2).sum(axis=2)
        candidate = _improve(linear_sum_assignment(cost)[1].astype(np.int64), wanted, between)
        total = float((wanted * between[np.ix_(candidate, candidate)]).sum())
        if total < least - 1e-9:
            best, least = candidate, total
    return best


def _orientations(position: Floats) -> list[Floats]:
    """The layout upright and turned: the grid is wider than high, and a layout has no up."""
    return [position, position[:, ::-1] * [1, -1]]


def _spread(position: Floats, place: Floats) -> Floats:
    """Positions stretched over the grid: half by rank, which leaves no slot far from all, half by size."""
    low, high = position.min(axis=0), position.max(axis=0)
    scaled = (position - low) / np.maximum(high - low, 1e-9)
    order = position.argsort(axis=0, kind="stable").argsort(axis=0, kind="stable")
    rank = order / max(len(position) - 1, 1)
    low, high = place.min(axis=0), place.max(axis=0)
    return np.asarray(low + (0.5 * scaled + 0.5 * rank) * (high - low))


def _improve(slot: Ints, wanted: Floats, between: Floats) -> Ints:
    """Swap pairs of cameras, the best swap first, while the sum of weight times distance falls.

    Args:
        slot: (cameras,), a permutation.
        wanted: (cameras, cameras), symmetric, zero diagonal.
        between: (cameras, cameras), distances of slots.
    """
    slot = slot.copy()
    cameras = len(slot)
    # cost[i, s]: what camera i pays in slot s while the others stay.
    cost = wanted @ between[slot]
    for _ in range(4 * cameras):
        moved = cost[:, slot]
        own = np.diag(moved)
        change = moved + moved.T - own[:, None] - own[None]
        change += 2 * wanted * between[np.ix_(slot, slot)]
        i, j = np.unravel_index(change.argmin(), change.shape)
        if change[i, j] > -1e-9:
            break
        nearer = between[slot[j]] - between[slot[i]]
        cost += np.outer(wanted[:, i] - wanted[:, j], nearer)
        slot[[i, j]] = slot[[j, i]]
    return slot
