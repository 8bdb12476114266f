"""What a homography says of windows: which of them see the same ground."""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

from sdist_ray.occupancy.grid import Grid
from sdist_ray.topology.ground_plane.closure import inverse
from sdist_ray.topology.ground_plane.homography import UNITS_X, UNITS_Y, transfer
from sdist_ray.topology.ground_plane.view import Array, Ints

ACROSS = 8
"""Points along each side of a window that are transferred."""
COARSE = Grid(6, 5)
"""Windows by which it is judged how much two images share."""
UNITS = np.diag([UNITS_X, UNITS_Y, 1.0])


class WindowPairs(NamedTuple):
    """Windows of two cameras that share ground.

    Attributes:
        window_a, window_b: int64 (pairs,), ascending.
        overlap_a, overlap_b: float64 (pairs,), the share of each window's image that lies in the other.
    """

    window_a: Ints
    window_b: Ints
    overlap_a: Array
    overlap_b: Array


def in_fractions(homography: Array) -> Array:
    """A homography between units as one between fractions of the images, H[2, 2] = 1 where it can be."""
    own = np.linalg.inv(UNITS) @ homography @ UNITS
    scaled: Array = own / (own[2, 2] if abs(own[2, 2]) > 1e-9 * np.abs(own).max() else np.abs(own).max())
    return scaled


@numba.njit(cache=True, nogil=True)
def count_shared(homography, columns, rows, across, counts):  # type: ignore[no-untyped-def]
    """Count the points of every window of a that lie in each window of b.

    Args:
        homography: float64 (3, 3), units.
        columns, rows: of the grid.
        across: points along each side of a window.
        counts: int64 (windows, windows), zeros, written.
    """
    for y in range(rows * across):
        for x in range(columns * across):
            at_x = (x + 0.5) / across * UNITS_X / columns
            at_y = (y + 0.5) / across * UNITS_Y / rows
            u, v, w = transfer(homography, at_x, at_y)
            if w <= 0.0 or not (0.0 <= u < UNITS_X and 0.0 <= v < UNITS_Y):
                continue
            there = int(v * rows / UNITS_Y) * columns + int(u * columns / UNITS_X)
            counts[y // across * columns + x // across, there] += 1


def shared_windows(homography: Array, grid: Grid) -> WindowPairs:
    """The windows of two cameras that see the same ground, by a homography between units."""
    forth = np.zeros((grid.windows, grid.windows), np.int64)
    back = np.zeros_like(forth)
    count_shared(np.ascontiguousarray(homography), grid.columns, grid.rows, ACROSS, forth)
    count_shared(inverse(homography), grid.columns, grid.rows, ACROSS, back)
    a, b = np.nonzero((forth > 0) | (back.T > 0))
    points = ACROSS * ACROSS
    return WindowPairs(a, b, forth[a, b] / points, back[b, a] / points)


def shared_share(homography: Array) -> float:
    """The greater of the shares of two images that lie in the other."""
    pairs = shared_windows(homography, COARSE)
    return float(max(pairs.overlap_a.sum(), pairs.overlap_b.sum())) / COARSE.windows
