"""What every calibrated camera can do: image to ground and back.

Image points are pixels (origin top left, a pixel's middle at whole numbers), ground points metres on the
plane z = 0.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]


class Calibration(Protocol):
    """What every calibrated camera can do."""

    @property
    def image_size(self) -> tuple[int, int]:
        """(width, height) in pixels of the images that the calibration was made for."""
        ...

    def to_ground(self, image_points: Points) -> Points:
        """Ground points, metres, shape (n, 2), under image points, pixels, shape (n, 2).

        NaN where the pixel looks above the horizon.
        """
        ...

    def to_image(self, ground_points: Points) -> Points:
        """Image points, pixels, shape (n, 2), of ground points, metres, shape (n, 2).

        NaN where the point is behind the camera. Points outside the image are returned as they are.
        """
        ...

    def to_image_above(self, ground_points: Points, height_m: float) -> Points:
        """Image points, pixels, shape (n, 2), of what is ``height_m`` metres above ground points (n, 2).

        NaN where that is behind the camera, or where the calibration does not tell what is above the ground.
        """
        ...


def divide(homogeneous: Points) -> Points:
    """(n, 3) homogeneous to (n, 2); NaN where the last coordinate is not positive."""
    w = homogeneous[:, 2:3]
    with np.errstate(divide="ignore", invalid="ignore"):
        points: Points = np.where(w > 1e-12, homogeneous[:, :2] / w, np.nan)
    return points


def append_one(points: Points) -> Points:
    """(n, 2) to (n, 3) homogeneous."""
    points = np.asarray(points, dtype=np.float64).reshape(-1, 2)
    return np.column_stack([points, np.ones(len(points))])
