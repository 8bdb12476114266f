"""Where people stand: boxes to ground points with their uncertainty, in metres or, failing that, in pixels.

Boxes are left, top, width, height in pixels of the image, whose left border is at 0; calibrations put a
pixel's middle at whole numbers, half a pixel away from that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from sdist_ray.cameras.calibration import Calibration
from sdist_ray.cameras.perspective import Perspective

Floats = npt.NDArray[np.float64]

PERSON_M = 1.7
TALLEST_M = 3.0
"""With arms raised, on someone's shoulders; what seems taller is a vehicle, a shadow or a statue."""
ACROSS, DOWN = 0.08, 0.03
"""Standard deviation of a box's middle over its width, and of its lower edge over its height."""
LEAST_PX = 0.7
CUT_ACROSS, CUT_DOWN = 0.5, 0.3
"""The same for boxes that the image's border cuts, which do not show the feet."""
HEIGHT_SPREAD = 0.06
"""Standard deviation of people's heights over their mean."""
REPORT_FOOT = 0.99
"""The report's foot point: boxes overshoot the shoes."""
FARTHEST_M_PER_PX = 0.15
FARTHEST_M = 30.0


@dataclass(frozen=True)
class Located:
    """Where boxes stand.

    Attributes:
        points: float64 (n, 2), in the ground's unit; NaN where a box is above the horizon, or too tall to be
            a person there.
        covariance: float64 (n, 2, 2), of the points, from the boxes' own uncertainty.
    """

    points: Floats
    covariance: Floats

    @property
    def sigma(self) -> Floats:
        """Standard deviation along an axis (root mean square of the two), float64 (n,)."""
        variance: Floats = np.trace(self.covariance, axis1=1, axis2=2) / 2
        return np.sqrt(variance)


class Ground(Protocol):
    """Turns boxes into places."""

    @property
    def method(self) -> str:
        """pixel, perspective, homography or pinhole."""
        ...

    @property
    def unit(self) -> str:
        """m or px."""
        ...

    @property
    def view(self) -> Floats:
        """Corners of what the camera sees, float64 (k, 2), in ``unit``."""
        ...

    def locate(self, boxes: Floats) -> Located:
        """Places of boxes, float64 (n, 4)."""
        ...


@dataclass(frozen=True)
class PixelGround:
    """No ground at all: foot points in the image, the report's first prototype."""

    image_size: tuple[int, int]
    method: str = "pixel"
    unit: str = "px"

    @property
    def view(self) -> Floats:
        """See Ground."""
        width, height = self.image_size
        return np.array([[0, 0], [width, 0], [width, height], [0, height]], dtype=np.float64)

    def locate(self, boxes: Floats) -> Located:
        """See Ground; y runs down, as in the image."""
        points = np.column_stack([boxes[:, 0] + boxes[:, 2] / 2, boxes[:, 1] + REPORT_FOOT * boxes[:, 3]])
        across, down = box_noise(boxes, self.image_size)
        covariance = np.zeros((len(boxes), 2, 2))
        covariance[:, 0, 0], covariance[:, 1, 1] = across**2, down**2
        return Located(points, covariance)


@dataclass(frozen=True)
class PerspectiveGround:
    """Metres from body heights: a box of h pixels is a person of H metres, f H / h away.

    The camera is at the origin and looks along y. How it is tilted is not asked for: the method holds where
    it looks ahead more than down.
    """

    image_size: tuple[int, int]
    perspective: Perspective
    method: str = "perspective"
    unit: str = "m"

    @property
    def view(self) -> Floats:
        """See Ground."""
        across = FARTHEST_M / 2 / self.perspective.focal_share
        return np.array([[0.0, 0.0], [across, FARTHEST_M], [-across, FARTHEST_M]])

    def locate(self, boxes: Floats) -> Located:
        """See Ground."""
        focal = self.perspective.focal_share * self.image_size[0]
        offset = boxes[:, 0] + boxes[:, 2] / 2 - self.image_size[0] / 2
        distance = focal * self.perspective.person_height_m / np.maximum(boxes[:, 3], 1.0)
        points = np.column_stack([offset / focal * distance, distance])
        across, down = box_noise(boxes, self.image_size)
        # The height is the difference of two edges; people's own heights vary more than that.
        spread = np.hypot(HEIGHT_SPREAD, np.sqrt(2) * down / np.maximum(boxes[:, 3], 1.0))
        along = points * spread[:, None]
        covariance = along[:, :, None] * along[:, None, :]
        covariance[:, 0, 0] += (across / focal * distance) ** 2
        return Located(points, covariance)


class PlaneGround:
    """Metres on a calibrated ground plane."""

    unit = "m"

    def __init__(self, calibration: Calibration, method: str) -> None:
        self.method = method
        self.calibration = calibration
        self.view = ground_view(calibration)

    def locate(self, boxes: Floats) -> Located:
        """See Ground."""
        across, down = box_noise(boxes, self.calibration.image_size)
        foot, height = self._feet(boxes)
        points = self.calibration.to_ground(foot)
        points[height > TALLEST_M] = np.nan
        # Columns of the projection's derivative, by differences of a pixel.
        steps = np.array([[0.5, 0.0], [-0.5, 0.0], [0.0, 0.5], [0.0, -0.5]])
        around = self.calibration.to_ground((foot[None] + steps[:, None]).reshape(-1, 2)).reshape(4, -1, 2)
        right, below = (around[0] - around[1]) * across[:, None], (around[2] - around[3]) * down[:, None]
        covariance = right[:, :, None] * right[:, None, :] + below[:, :, None] * below[:, None, :]
        points[~np.isfinite(covariance).all(axis=(1, 2))] = np.nan
        return Located(points, covariance)

    def _feet(self, boxes: Floats) -> tuple[Floats, Floats]:
        """Foot points, pixels, (n, 2), and how tall who stands there would be, metres, (n,).

        Seen from above, a person leans outwards in the image, and the box's middle is the middle of head and
        feet: half the lean is taken back. On WILDTRACK's boxes that leaves a fifth of the error.
        """
        middle = boxes[:, 0] + boxes[:, 2] / 2 - 0.5
        foot = np.column_stack([middle, boxes[:, 1] + boxes[:, 3] - 0.5])
        ground = self.calibration.to_ground(foot)
        base = self.calibration.to_image(ground)
        rise = self.calibration.to_image_above(ground, PERSON_M) - base
        with np.errstate(divide="ignore", invalid="ignore"):
            lean = rise[:, 0] / rise[:, 1] * boxes[:, 3] / 2
            # Where it is not known which way is up, NaN, and nobody is too tall.
            height = PERSON_M * boxes[:, 3] / np.linalg.norm(rise, axis=1)
        within = boxes[:, 2] / 2
        foot[:, 0] += np.clip(np.nan_to_num(lean, nan=0.0, posinf=0.0, neginf=0.0), -within, within)
        return foot, height


def box_noise(boxes: Floats, image_size: tuple[int, int]) -> tuple[Floats, Floats]:
    """Standard deviations, pixels, (n,) each, of foot points: across and down.

    Args:
        boxes: float64 (n, 4).
        image_size: (width, height); a box that touches the border is taken for cut.
    """
    width, height = image_size
    left, top, wide, tall = boxes.T
    cut_across = (left <= 1) | (left + wide >= width - 1)
    cut_down = top + tall >= height - 1
    across = np.maximum(LEAST_PX, np.where(cut_across, CUT_ACROSS, ACROSS) * wide)
    down = np.maximum(LEAST_PX, np.where(cut_down, CUT_DOWN, DOWN) * tall)
    return across, down


def ground_view(calibration: Calibration) -> Floats:
    """The ground that a camera sees: corners (k, 2), metres, as far as a pixel tells something."""
    width, height = calibration.image_size
    rows = np.linspace(height - 1, 0, 50)
    left, right = (calibration.to_ground(np.column_stack([np.full(50, x), rows])) for x in (0.0, width - 1.0))
    step = (height - 1) / 49
    with np.errstate(invalid="ignore"):
        per_px = np.maximum(*(np.linalg.norm(np.diff(side, axis=0), axis=1) / step for side in (left, right)))
        near = np.concatenate([np.isfinite(left[:1, 0] + right[:1, 0]), per_px < FARTHEST_M_PER_PX])
    if not near[0]:
        return np.empty((0, 2))
    count = int(np.argmin(near)) if not near.all() else len(near)
    return np.concatenate([left[:count], right[:count][::-1]])
