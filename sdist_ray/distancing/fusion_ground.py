"""Cameras that nobody calibrated, laid onto the ground of those that are, by what a topology has learnt.

A learnt homography takes one camera's image to another's, both as fractions of width and height. With it a
camera stands where its neighbour does; along a path of such edges, one calibrated camera lays the ground for
all that are connected with it.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sdist_ray.cameras.calibration import Calibration, append_one
from sdist_ray.cameras.homography import Homography
from sdist_ray.distancing.fusion_kernels import Floats
from sdist_ray.errors import InputError

RASTER = 16
"""Points along each side of the image that a neighbour's ground is read at."""
UNKNOWN_ERROR = 0.05
"""What an edge is taken to be off, fractions of the image, where it does not say."""
LEAST_POINTS = 8


@dataclass(frozen=True)
class LearnedEdge:
    """Two cameras that see the same ground.

    Attributes:
        camera_a, camera_b: ids.
        homography: float64 (3, 3), a's image fractions to b's.
        error: how far off, fractions of b's image; NaN where unknown.
    """

    camera_a: str
    camera_b: str
    homography: Floats
    error: float


def learned_grounds(
    sizes: Mapping[str, tuple[int, int]],
    calibrated: Mapping[str, Calibration],
    edges: Sequence[LearnedEdge],
) -> dict[str, Homography]:
    """The ground of each camera that is connected with a calibrated one, by the path of least error.

    Args:
        sizes: (width, height) in pixels of cameras without a calibration.
        calibrated: those with one.
        edges: between any of them.

    Returns:
        A homography for each that can be had; whose image does not meet its neighbour's is left out.
    """
    onto: dict[str, list[tuple[str, Floats, float]]] = {}
    for edge in edges:
        error = edge.error if np.isfinite(edge.error) and edge.error > 0 else UNKNOWN_ERROR
        onto.setdefault(edge.camera_b, []).append((edge.camera_a, edge.homography, error))
        if abs(np.linalg.det(edge.homography)) > 1e-12:
            back = np.asarray(np.linalg.inv(edge.homography), dtype=np.float64)
            onto.setdefault(edge.camera_a, []).append((edge.camera_b, back, error))
    grounds: dict[str, Calibration] = dict(calibrated)
    learned: dict[str, Homography] = {}
    steps = [(0.0, "", camera) for camera in sorted(calibrated)]
    settled: set[str] = set()
    matrix: dict[tuple[str, str], Floats] = {}
    while steps:
        total, there, here = heapq.heappop(steps)
        if here in settled:
            continue
        if here not in grounds:
            made = _laid(matrix[here, there], sizes[here], grounds[there])
            if made is None:
                continue
            grounds[here] = learned[here] = made
        settled.add(here)
        for further, homography, error in onto.get(here, []):
            if further in sizes and further not in settled:
                matrix[further, here] = homography
                heapq.heappush(steps, (total + error, here, further))
    return learned


def _laid(homography: Floats, size: tuple[int, int], neighbour: Calibration) -> Homography | None:
    """A camera's ground by its neighbour's, None where they have too little in common.

    Args:
        homography: the camera's image fractions to its neighbour's.
        size: of its images.
        neighbour: calibrated.
    """
    steps = (np.arange(RASTER) + 0.5) / RASTER
    own = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
    seen = append_one(own) @ np.asarray(homography, np.float64).T
    if np.median(seen[:, 2]) < 0:
        seen = -seen
    with np.errstate(divide="ignore", invalid="ignore"):
        at = seen[:, :2] / seen[:, 2:]
    inside = (seen[:, 2] > 1e-9) & ((at >= 0) & (at <= 1)).all(axis=1)
    # A pixel's middle is at whole numbers, half a pixel from the border that fractions count from.
    ground = neighbour.to_ground(at[inside] * neighbour.image_size - 0.5)
    known = np.isfinite(ground).all(axis=1)
    image, ground = own[inside][known] * size - 0.5, ground[known]
    if len(image) < LEAST_POINTS:
        return None
    order = _widest_first(image)
    try:
        return Homography.from_points(image[order], ground[order], size)
    except InputError:
        return None


def _widest_first(points: Floats) -> list[int]:
    """Rows of points, those at four corners first."""
    x, y = points.T
    corners = [int((sx * x + sy * y).argmax()) for sx, sy in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    return list(dict.fromkeys([*corners, *range(len(points))]))
