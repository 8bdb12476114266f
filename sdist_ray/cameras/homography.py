"""Cameras that are known by four points or more of the ground: homographies."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np

from sdist_ray.cameras.calibration import Points, append_one, divide
from sdist_ray.errors import InputError

MOST = 1e9
"""Pixels, or metres: maps have coordinates of some millions; the areas of far greater ones are no numbers."""


@dataclass(frozen=True)
class Homography:
    """A plane-to-plane map.

    Attributes:
        matrix: (3, 3), takes ground metres to image pixels, w > 0 in view.
        image_size: (width, height) in pixels.
        upright: (3,), what a metre of height adds to a ground point's homogeneous pixels; None where that
            is not known.
        focal_px: the lens's focal length, pixels, as given or as the matrix tells; None where unknown.
    """

    matrix: Points
    image_size: tuple[int, int]
    upright: Points | None = None
    focal_px: float | None = None

    @property
    def camera(self) -> Points | None:
        """Where the camera is, (3,): on the ground, and its height, metres; None where that is not known."""
        if self.upright is None:
            return None
        # The one point whose homogeneous pixels are all zero.
        seen = np.column_stack([self.matrix[:, :2], self.upright])
        return np.asarray(np.linalg.solve(seen, -self.matrix[:, 2]), dtype=np.float64)

    @classmethod
    def from_points(
        cls,
        image_points: Points,
        ground_points: Points,
        image_size: tuple[int, int],
        focal_px: float | None = None,
    ) -> Homography:
        """Fit a homography to four or more pairs of image and ground points (least squares).

        Args:
            image_points: (n, 2) pixels, n >= 4, no three of four on one line.
            ground_points: (n, 2) metres, in the same order.
            image_size: (width, height) in pixels.
            focal_px: the lens's focal length, pixels; None to take it from the homography, where that tells.

        Raises:
            InputError: fewer than four pairs, collinear points, or an order in which the two sets
                cannot be views of one plane (as when two points are swapped).
        """
        image = np.asarray(image_points, dtype=np.float64)
        ground = np.asarray(ground_points, dtype=np.float64)
        if image.ndim != 2 or image.shape[1:] != (2,) or len(image) < 4:
            raise InputError("a homography needs at least four image points [x, y], in pixels")
        if ground.shape != image.shape:
            raise InputError(
                f"a homography needs one ground point [x, y] per image point: "
                f"got {len(image)} image and {len(ground)} ground points"
            )
        if not ((np.abs(image) < MOST).all() and (np.abs(ground) < MOST).all()):
            raise InputError(f"a homography's points must be numbers below {MOST:g}")
        for name, points in (("image", image), ("ground", ground)):
            if _nearly_collinear(points):
                raise InputError(f"three of the {name} points lie on one line: choose a wider four")
        # OpenCV fits in single precision, which coordinates of a map would not survive.
        x, y = ground.mean(axis=0)
        found, _ = cv2.findHomography(ground - (x, y), image, 0)
        if found is None or not np.isfinite(found).all():
            raise InputError("no homography fits the point pairs: check their order")
        matrix: Points = np.asarray(found, dtype=np.float64) @ [[1, 0, -x], [0, 1, -y], [0, 0, 1]]
        w = append_one(ground) @ matrix[2]
        if w.mean() < 0:
            matrix, w = -matrix, -w
        if (w <= 0).any():
            raise InputError(
                "the image and ground points are not views of one plane: two of them are swapped"
            )
        return cls(matrix, image_size, *_upright(matrix, image_size, focal_px))

    def to_image(self, ground_points: Points) -> Points:
        """See Calibration."""
        return divide(append_one(ground_points) @ self.matrix.T)

    def to_ground(self, image_points: Points) -> Points:
        """See Calibration."""
        ground = append_one(image_points) @ np.linalg.inv(self.matrix).T
        # A pixel above the horizon has a ground point too, behind the camera: its w in the forward
        # direction is 1 / (w of the inverse), so the signs agree.
        return divide(ground)

    def to_image_above(self, ground_points: Points, height_m: float) -> Points:
        """See Calibration."""
        ground = append_one(ground_points)
        if self.upright is None:
            return np.full((len(ground), 2), np.nan)
        return divide(ground @ self.matrix.T + height_m * self.upright)


def _nearly_collinear(points: Points) -> bool:
    """Whether any three of the first four points span (almost) no area."""
    quad = points[:4]
    scale = float(np.ptp(quad, axis=0).max()) ** 2
    for skip in range(4):
        a, b, c = np.delete(quad, skip, axis=0)
        area = abs((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))
        if area <= 1e-6 * scale:
            return True
    return False


def _upright(
    matrix: Points, image_size: tuple[int, int], focal_px: float | None
) -> tuple[Points | None, float | None]:
    """Upright and focal length, see Homography.

    For square pixels and a lens whose axis meets the middle of the image.

    The ground's axes are orthogonal and of one length: that gives two equations for the focal length, and
    then the third axis (Zhang, A flexible new technique for camera calibration, 2000, section 3.1).
    """
    width, height = image_size
    centre = np.array([[1, 0, -(width - 1) / 2], [0, 1, -(height - 1) / 2], [0, 0, 1.0]])
    axes = centre @ matrix
    focal = focal_px or _focal_length(axes, max(image_size))
    if focal is None:
        return None, None
    lens = np.diag([focal, focal, 1.0])
    rays = np.linalg.inv(lens) @ axes
    scale = math.sqrt(float(np.linalg.norm(rays[:, 0]) * np.linalg.norm(rays[:, 1])))
    up = np.cross(rays[:, 0], rays[:, 1]) / scale
    # The camera is above the ground: what rises comes nearer to it.
    if up @ rays[:, 2] > 0:
        up = -up
    points: Points = np.linalg.inv(centre) @ lens @ up
    return points, focal


def _focal_length(axes: Points, image_side: int) -> float | None:
    """From a homography whose origin is the image's middle; None where it does not tell.

    The two equations, weighted by how much each tells. A lens sees between 10 and 150 degrees.
    """
    a, b = (axes / np.linalg.norm(axes[:, :2]))[:, :2].T
    left = np.array([a[2] * b[2], a[2] ** 2 - b[2] ** 2])
    right = -np.array([a[:2] @ b[:2], a[:2] @ a[:2] - b[:2] @ b[:2]])
    weight = float(left @ left)
    if weight <= 1e-18:
        return None
    square = float(left @ right) / weight
    least, most = (image_side / 2 / math.tan(math.radians(angle) / 2) for angle in (150, 10))
    return math.sqrt(square) if least**2 <= square <= most**2 else None
