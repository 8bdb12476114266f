"""A camera's ground from the people on it, where nobody calibrated: roughly in metres, enough to join tracks.

People of one height stand taller in the image the nearer they are, and how much so tells how far a camera
with a usual lens looks down, and from what height (after Hoiem, Efros and Hebert, 2006).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares

from sdist_ray.cameras.calibration import Calibration
from sdist_ray.cameras.homography import Homography
from sdist_ray.cameras.perspective import TYPICAL_VIEW_DEG, Perspective
from sdist_ray.distancing.fusion_ground import LearnedEdge, learned_grounds
from sdist_ray.distancing.ground import PERSON_M

Floats = npt.NDArray[np.float64]

SPREAD = 0.1
"""Of boxes' heights, over their means: people differ, and so do a detector's boxes."""
TILT, TILT_SPREAD, ROLL_SPREAD = 0.5, 0.4, 0.1
"""What is believed before anybody is seen, radians: how far a camera looks down, and how crooked it is."""
UP_M, UP_SPREAD = 4.0, 0.7
"""How high it hangs, and by what factor (the logarithm's deviation) that may differ."""
MOST_BOXES = 1500
APART_M = 10_000.0
"""Between grounds of which nobody knows how they lie to each other."""


def rough_ground(boxes: Floats, image_size: tuple[int, int]) -> Homography:
    """The ground under boxes.

    Args:
        boxes: float64 (n, 4), left, top, width, height, pixels, of upright people; those that the image's
            border cuts are left out.
        image_size: (width, height), pixels.
    """
    width, height = image_size
    left, top, wide, tall = np.asarray(boxes, np.float64).reshape(-1, 4).T
    whole = (left > 1) & (top > 1) & (left + wide < width - 1) & (top + tall < height - 1) & (tall > 4)
    focal = Perspective.of_view(TYPICAL_VIEW_DEG).focal_share * width
    lens = np.diag([focal, focal, 1.0])
    step = max(1, int(whole.sum()) // MOST_BOXES)
    foot = np.column_stack([left + wide / 2 - width / 2, top + tall - height / 2])[whole][::step] / focal
    tilt, roll, log_up = _fitted(foot, tall[whole][::step] / focal)
    normal, up_m = _down(tilt, roll), math.exp(log_up)
    # Two directions on the ground: the image's right, and away.
    right = np.array([1.0, 0.0, 0.0]) - normal[0] * normal
    right /= np.linalg.norm(right)
    away = np.cross(right, normal)
    away *= 1.0 if away[2] > 0 else -1.0
    centred = lens @ np.column_stack([right, away, normal * up_m])
    # Homographies count from pixels' middles.
    shift = np.array([[1, 0, width / 2 - 0.5], [0, 1, height / 2 - 0.5], [0, 0, 1.0]])
    return Homography(shift @ centred, image_size, shift @ lens @ -normal, focal)


def _down(tilt: float, roll: float) -> Floats:
    """The direction down, (3,), as a camera sees it that looks down by ``tilt``, turned by ``roll``."""
    level = math.cos(tilt)
    return np.array([level * math.sin(roll), level * math.cos(roll), math.sin(tilt)])


def _fitted(foot: Floats, tall: Floats) -> Floats:
    """Tilt, roll and the logarithm of the height, (3,), that tell people's heights best.

    Args:
        foot: float64 (n, 2), over the focal length, from the image's middle.
        tall: float64 (n,), heights of boxes, likewise.
    """
    rays = np.column_stack([foot, np.ones(len(foot))])
    first = np.array([TILT, 0.0, math.log(UP_M)])
    spread = np.array([TILT_SPREAD, ROLL_SPREAD, UP_SPREAD])

    def off(values: Floats) -> Floats:
        normal = _down(values[0], values[1])
        depth = math.exp(values[2]) / np.maximum(rays @ normal, 1e-3)
        head = rays * depth[:, None] - PERSON_M * normal
        seen = foot[:, 1] - head[:, 1] / np.maximum(head[:, 2], 0.1)
        # Few boxes say little, and many of one person say no more than some.
        told = (seen / tall - 1) / SPREAD
        return np.concatenate([np.clip(told, -1e3, 1e3), (values - first) / spread])

    low, high = np.array([0.0, -0.5, math.log(1.0)]), np.array([1.5, 0.5, math.log(60.0)])
    return np.asarray(least_squares(off, first, bounds=(low, high), loss="soft_l1").x, np.float64)


def lay_grounds(
    sizes: Mapping[str, tuple[int, int]],
    calibrated: Mapping[str, Calibration],
    edges: Sequence[LearnedEdge],
    boxes: Mapping[str, Floats],
) -> tuple[dict[str, Calibration], set[str]]:
    """A ground for every camera: its own, its neighbours' by learnt homographies, or a rough one.

    Args:
        sizes: (width, height), pixels, of cameras without a calibration.
        calibrated: those with one.
        edges: learnt homographies.
        boxes: (n, 4) of people, of cameras without a calibration.

    Returns:
        All grounds, and which cameras lie on the calibrated ones' ground. Others lie far from it and from
        each other, but for those that edges connect.
    """
    grounds: dict[str, Calibration] = dict(calibrated)
    grounds.update(learned_grounds(sizes, calibrated, edges))
    metric = set(grounds)
    number = 0
    # Who has seen most knows its ground best.
    for camera in sorted(sizes, key=lambda name: (-len(boxes.get(name, ())), name)):
        if camera in grounds:
            continue
        number += 1
        made = _moved(rough_ground(boxes.get(camera, np.empty((0, 4))), sizes[camera]), number * APART_M)
        grounds[camera] = made
        grounds.update(
            learned_grounds({n: s for n, s in sizes.items() if n not in grounds}, {camera: made}, edges)
        )
    return grounds, metric


def _moved(ground: Homography, along_m: float) -> Homography:
    back = np.array([[1.0, 0.0, -along_m], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    return replace(ground, matrix=ground.matrix @ back)
