"""Cameras that are known by their lens and their place: pinholes with lens distortion."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import numpy.typing as npt

from sdist_ray.cameras.calibration import Points, append_one
from sdist_ray.errors import InputError, refuse_endless

MAX_XML_BYTES = 1 << 20


@dataclass(frozen=True)
class Pinhole:
    """A camera with lens distortion (OpenCV's model) above the plane z = 0.

    A world point X, metres, is at ``rotation @ X + translation`` in the camera's frame.

    Attributes:
        matrix: (3, 3) intrinsic matrix, pixels.
        distortion: (4,), (5,) or (8,) coefficients, as in OpenCV; zeros for none.
        rotation: (3, 3) world to camera.
        translation: (3,) metres.
        image_size: (width, height) in pixels.
    """

    matrix: Points
    distortion: Points
    rotation: Points
    translation: Points
    image_size: tuple[int, int]

    @classmethod
    def looking_at(
        cls,
        position_m: tuple[float, float, float],
        target_m: tuple[float, float, float],
        image_size: tuple[int, int],
        horizontal_view_deg: float,
    ) -> Pinhole:
        """An upright camera without distortion at ``position_m`` that looks at ``target_m``."""
        position = np.asarray(position_m, dtype=np.float64)
        forward = np.asarray(target_m, dtype=np.float64) - position
        forward /= np.linalg.norm(forward)
        right = np.cross(forward, [0.0, 0.0, 1.0])
        right /= np.linalg.norm(right)
        down = np.cross(forward, right)
        rotation = np.stack([right, down, forward])
        width, height = image_size
        focal = width / 2 / math.tan(math.radians(horizontal_view_deg) / 2)
        matrix = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1.0]])
        return cls(matrix, np.zeros(5), rotation, -rotation @ position, image_size)

    @property
    def position_m(self) -> Points:
        """The camera's place, (3,), metres."""
        place: Points = -self.rotation.T @ self.translation
        return place

    def project(self, points: Points) -> Points:
        """Image points (n, 2), pixels, of world points (n, 3), metres; NaN behind the camera."""
        points = np.asarray(points, dtype=np.float64).reshape(-1, 3)
        depth = points @ self.rotation[2] + self.translation[2]
        if len(points) == 0:
            return np.empty((0, 2))
        rotation_vector, _ = cv2.Rodrigues(self.rotation)
        image, _ = cv2.projectPoints(points, rotation_vector, self.translation, self.matrix, self.distortion)
        pixels: Points = np.where(depth[:, None] > 1e-6, image.reshape(-1, 2), np.nan)
        # Far outside the image the distortion polynomial folds back into it: such points are not seen.
        if self.distortion.any():
            pixels[~self._within_lens(points)] = np.nan
        return pixels

    def _within_lens(self, points: Points) -> npt.NDArray[np.bool_]:
        """Whether a point's undistorted direction is one that the image's pixels look along."""
        camera = points @ self.rotation.T + self.translation
        with np.errstate(divide="ignore", invalid="ignore"):
            radius = np.linalg.norm(camera[:, :2] / camera[:, 2:3], axis=1)
        width, height = self.image_size
        border = np.array([[0, 0], [width, 0], [0, height], [width, height]], dtype=np.float64)
        rays = cv2.undistortPoints(border.reshape(-1, 1, 2), self.matrix, self.distortion)
        inside: npt.NDArray[np.bool_] = radius <= 1.1 * np.linalg.norm(rays.reshape(-1, 2), axis=1).max()
        return inside

    def to_image(self, ground_points: Points) -> Points:
        """See Calibration."""
        return self.to_image_above(ground_points, 0.0)

    def to_image_above(self, ground_points: Points, height_m: float) -> Points:
        """See Calibration."""
        ground = np.asarray(ground_points, dtype=np.float64).reshape(-1, 2)
        return self.project(np.column_stack([ground, np.full(len(ground), height_m)]))

    def to_ground(self, image_points: Points) -> Points:
        """See Calibration."""
        pixels = np.asarray(image_points, dtype=np.float64).reshape(-1, 1, 2)
        if len(pixels) == 0:
            return np.empty((0, 2))
        undistorted = np.asarray(
            cv2.undistortPoints(pixels, self.matrix, self.distortion), dtype=np.float64
        ).reshape(-1, 2)
        rays = append_one(undistorted) @ self.rotation
        position = self.position_m
        with np.errstate(divide="ignore", invalid="ignore"):
            reach = -position[2] / rays[:, 2]
            ground: Points = position[:2] + reach[:, None] * rays[:, :2]
        ground[~(reach > 0)] = np.nan
        return ground


def read_matrix_xml(path: Path, name: str) -> Points:
    """The numbers of one element of an OpenCV XML file, flat, float64.

    Reads both OpenCV's own ``<name type_id="opencv-matrix">`` and WILDTRACK's bare lists.

    Raises:
        InputError: not readable, not such a file, or the element is missing or holds no numbers.
    """
    try:
        refuse_endless(path)
        with path.open("rb") as file:
            raw = file.read(MAX_XML_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    except ValueError as error:
        raise InputError(f"no file can have the name {str(path)!r}") from error
    # Entities are how a small XML file grows to gigabytes; a calibration has none.
    if len(raw) > MAX_XML_BYTES or b"<!DOCTYPE" in raw or b"<!ENTITY" in raw:
        raise InputError(f"{path}: not a calibration file (too large, or declares a DOCTYPE)")
    try:
        root = ElementTree.fromstring(raw)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise InputError(f"{path}: not a readable XML file ({error})") from error
    element = root.find(name)
    if element is None:
        raise InputError(f"{path}: has no element <{name}>")
    data = element.find("data")
    text = (element if data is None else data).text or ""
    try:
        numbers = np.array([float(word) for word in text.split()])
    except ValueError as error:
        raise InputError(f"{path}: <{name}> holds something that is no number") from error
    if len(numbers) == 0 or not np.isfinite(numbers).all():
        raise InputError(f"{path}: <{name}> must hold finite numbers")
    return numbers


def pinhole_from_xml(
    intrinsic: Path, extrinsic: Path, image_size: tuple[int, int], unit_m: float = 1.0
) -> Pinhole:
    """A pinhole camera from OpenCV/WILDTRACK XML files.

    Args:
        intrinsic: file with ``camera_matrix`` and ``distortion_coefficients``.
        extrinsic: file with ``rvec`` (Rodrigues) and ``tvec``.
        image_size: (width, height) in pixels.
        unit_m: length of the files' unit in metres (WILDTRACK: 0.01).

    Raises:
        InputError: see read_matrix_xml; or a wrong count of numbers.
    """
    return make_pinhole(
        read_matrix_xml(intrinsic, "camera_matrix"),
        read_matrix_xml(intrinsic, "distortion_coefficients"),
        read_matrix_xml(extrinsic, "rvec"),
        read_matrix_xml(extrinsic, "tvec"),
        image_size,
        unit_m,
    )


def make_pinhole(
    matrix: Points,
    distortion: Points,
    rvec: Points,
    tvec: Points,
    image_size: tuple[int, int],
    unit_m: float = 1.0,
) -> Pinhole:
    """A pinhole camera from OpenCV's numbers (flat arrays; ``tvec`` in ``unit_m`` metres).

    Raises:
        InputError: a wrong count of numbers, a focal length that is not positive, or no such unit.
    """
    counts = {"camera_matrix": (matrix, {9}), "rvec": (rvec, {3}), "tvec": (tvec, {3})}
    counts["distortion_coefficients"] = (distortion, {4, 5, 8, 12, 14})
    for name, (numbers, allowed) in counts.items():
        if np.size(numbers) not in allowed:
            expected = " or ".join(str(n) for n in sorted(allowed))
            raise InputError(f"{name} must hold {expected} numbers, not {np.size(numbers)}")
    intrinsic = np.asarray(matrix, dtype=np.float64).reshape(3, 3)
    if intrinsic[0, 0] <= 0 or intrinsic[1, 1] <= 0:
        raise InputError("camera_matrix: focal lengths must be positive")
    if not unit_m > 0:
        raise InputError(f"unit_m must be positive, not {unit_m}")
    rotation, _ = cv2.Rodrigues(np.asarray(rvec, dtype=np.float64).reshape(3, 1))
    return Pinhole(
        intrinsic,
        np.asarray(distortion, dtype=np.float64).ravel(),
        np.asarray(rotation, dtype=np.float64),
        np.asarray(tvec, dtype=np.float64).ravel() * unit_m,
        image_size,
    )
