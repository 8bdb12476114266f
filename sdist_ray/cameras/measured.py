"""Points that somebody measured: whether they can be right, and how finely they measure."""

from __future__ import annotations

import numpy as np

from sdist_ray.cameras.calibration import Points
from sdist_ray.cameras.homography import Homography
from sdist_ray.cameras.values import read_numbers, read_points, read_positive, show
from sdist_ray.errors import InputError

SHORTEST_M, LONGEST_M = 0.01, 10_000.0
MOST_M = 1e8
"""Ground coordinates may be those of a map."""
LOWEST_M, HIGHEST_M = 0.1, 500.0


def read_image_points(value: object, image_size: tuple[int, int]) -> Points:
    """Four points or more of an image, (n, 2), pixels.

    Raises:
        InputError: not such points, or one of them outside the image, or two in one place.
    """
    points = read_points(value, "points", least=4)
    width, height = image_size
    for number, (x, y) in enumerate(points, 1):
        if not (-1 <= x <= width and -1 <= y <= height):
            raise InputError(
                f"point {number}, [{x:g}, {y:g}], is outside the image, which has {width}x{height} pixels"
            )
        for earlier in range(number - 1):
            if np.linalg.norm(points[earlier] - (x, y)) < 2:
                raise InputError(f"points {earlier + 1} and {number} are one point of the image")
    return points


def read_lengths(value: object) -> tuple[float, float]:
    """Two lengths, metres.

    Raises:
        InputError: not two, or not such as a camera sees.
    """
    lengths = [read_positive(n, "lengths_m") for n in read_numbers(value, "lengths_m")]
    if len(lengths) != 2:
        raise InputError(
            f"lengths_m must be two lengths, first to second and second to third corner, not {show(value)}"
        )
    for length in lengths:
        if not SHORTEST_M <= length <= LONGEST_M:
            raise InputError(f"lengths_m must be {SHORTEST_M:g} to {LONGEST_M:g} metres, not {length:g}")
    return lengths[0], lengths[1]


def read_measured(value: object, count: int) -> Points:
    """Ground points, (count, 2), metres.

    Raises:
        InputError: not so many points, or not such as a camera sees.
    """
    ground = read_points(value, "ground_points", least=4)
    if len(ground) != count:
        raise InputError(
            f"ground_points must be one per point: there are {count} points and {len(ground)} of them"
        )
    if np.abs(ground).max() > MOST_M:
        raise InputError(f"ground_points must be metres below {MOST_M:g}, not {np.abs(ground).max():g}")
    extent = float(np.ptp(ground, axis=0).max())
    if not SHORTEST_M <= extent <= LONGEST_M:
        raise InputError(f"ground_points must span {SHORTEST_M:g} to {LONGEST_M:g} metres, not {extent:g}")
    return ground


def crossing_order(points: Points) -> list[int] | None:
    """For four corners that are not in order around a rectangle: an order that is, from 1; else None."""
    if len(points) != 4 or _convex(points):
        return None
    middle = points.mean(axis=0)
    angles = np.arctan2(points[:, 1] - middle[1], points[:, 0] - middle[0])
    order = np.argsort(angles)
    order = np.roll(order, -int(np.flatnonzero(order == 0)[0]))
    return [int(n) + 1 for n in order] if _convex(points[order]) else None


def mirrored(points: Points, ground: Points) -> bool:
    """Whether the ground points go around the other way than in the image, which looks down on them."""
    # Image rows run down, so what goes around clockwise in the image has a positive area.
    return bool(_area(points[:4]) * _area(ground[:4]) > 0) and _convex(points[:4])


def metres_per_px(homography: Homography, points: Points) -> tuple[float, float]:
    """How much ground a pixel is, in its longer direction: the least and the most at the points."""
    steps = np.array([[0.5, 0.0], [-0.5, 0.0], [0.0, 0.5], [0.0, -0.5]])
    around = homography.to_ground((points[None] + steps[:, None]).reshape(-1, 2)).reshape(4, -1, 2)
    slopes = np.stack([around[0] - around[1], around[2] - around[3]], axis=2)
    longest = np.linalg.norm(slopes, ord=2, axis=(1, 2))
    return float(np.nanmin(longest)), float(np.nanmax(longest))


def fault_of_lens(
    homography: Homography, points: Points, ground: Points, focal_px: float | None
) -> str | None:
    """What makes one doubt that a camera saw these points like that: a line, or None."""
    camera = homography.camera
    if camera is None:
        lens = "no lens sees a rectangle of these lengths like that"
        if _with_exchanged_lengths(homography, points, ground):
            return f"{lens}, but one would if they were the other way round: are they exchanged?"
        if _parallel(points):
            return "the camera looks straight down, or from far: give focal_px to have its height told"
        return f"{lens}: check the points and lengths"
    if not LOWEST_M <= camera[2] <= HIGHEST_M:
        return f"the camera would be {camera[2]:.3g} m above the ground: check the points and lengths"
    return None


def _with_exchanged_lengths(homography: Homography, points: Points, ground: Points) -> bool:
    """Whether a lens would fit a rectangle whose two lengths are exchanged."""
    across, along = np.abs(np.diff(ground[:3], axis=0))
    if len(points) != 4 or min(across[0], along[1]) <= 0 or max(across[1], along[0]) > 1e-9:
        return False
    # Only the shape matters: the second side in proportion to the first as this was to it.
    exchanged = ground * (1.0, float(across[0] / along[1]) ** 2)
    return Homography.from_points(points, exchanged, homography.image_size).camera is not None


def _parallel(points: Points) -> bool:
    """Whether both pairs of opposite sides hardly converge."""
    a, b, c, d = points[:4]
    return bool(np.linalg.norm((b - a) - (c - d)) < 0.02 * np.linalg.norm(c - a))


def _area(points: Points) -> float:
    """Signed; positive where x turns towards y."""
    x, y = points.T
    return float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2


def _convex(points: Points) -> bool:
    sides = np.roll(points, -1, axis=0) - points
    after = np.roll(sides, -1, axis=0)
    turns = sides[:, 0] * after[:, 1] - sides[:, 1] * after[:, 0]
    return bool((turns > 0).all() or (turns < 0).all())
