"""The calibration of a camera as a user writes it down, in cameras.yaml or in a file of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sdist_ray.cameras.calibration import Calibration, Points
from sdist_ray.cameras.homography import Homography
from sdist_ray.cameras.perspective import TYPICAL_VIEW_DEG, Perspective
from sdist_ray.cameras.pinhole import make_pinhole, pinhole_from_xml
from sdist_ray.cameras.values import (
    read_image_size,
    read_numbers,
    read_points,
    read_positive,
    read_yaml,
)
from sdist_ray.errors import InputError

CALIBRATIONS = ("pixel", "perspective", "homography", "pinhole")
FILES = ("intrinsic", "extrinsic")


@dataclass(frozen=True)
class ReadCalibration:
    """What was written down about a camera's calibration.

    Attributes:
        kind: one of CALIBRATIONS; None where nothing was.
        calibration: image to ground; None where that is unknown.
        perspective: what stands in for it; None where nothing does.
        written: JSON values that read as the same calibration from any folder; None where nothing was.
    """

    kind: str | None = None
    calibration: Calibration | None = None
    perspective: Perspective | None = None
    written: Mapping[str, Any] | None = None


def read_calibration(value: object, folder: Path, where: str) -> ReadCalibration:
    """What kind of calibration it is, and the ground map, or what stands in for one.

    Args:
        value: a mapping with a ``kind``, or the path of a YAML file that holds one.
        folder: where paths are relative to.
        where: what to say first about anything wrong.

    Raises:
        InputError: not such a mapping, or its numbers cannot be.
    """
    if value is None:
        return ReadCalibration()
    if isinstance(value, str):
        path = folder / value
        value, folder, where = read_yaml(path), path.parent, f"{where}: {path}"
    kind = value.get("kind") if isinstance(value, Mapping) else None
    if not isinstance(value, Mapping) or kind not in CALIBRATIONS:
        raise InputError(f"{where}: calibration needs a kind, one of {', '.join(CALIBRATIONS)}")
    written = _plain(value, folder)
    try:
        if kind == "homography":
            return ReadCalibration(kind, _homography(value), None, written)
        if kind == "pinhole":
            return ReadCalibration(kind, _pinhole(value, folder), None, written)
        if kind == "perspective":
            return ReadCalibration(kind, None, _perspective(value), written)
    except InputError as error:
        raise InputError(f"{where}: calibration: {error}") from error
    return ReadCalibration(kind, None, None, written)


def _plain(value: Mapping[Any, Any], folder: Path) -> Mapping[str, Any]:
    """The same as JSON values; YAML knows others, such as dates, which no calibration reads."""
    content: dict[str, Any] = json.loads(json.dumps(dict(value), default=str, skipkeys=True))
    files = {
        key: str((folder / content[key]).absolute()) for key in FILES if isinstance(content.get(key), str)
    }
    return content | files


def rectangle(lengths_m: tuple[float, float], image_points: Points) -> Points:
    """Corners (4, 2), metres, of a rectangle: from the first to the second, then on to the third.

    Args:
        lengths_m: of these two sides.
        image_points: (4, 2) pixels. They say which way round the corners go, so that the ground is
            never its own mirror image.
    """
    across, along = lengths_m
    x, y = np.asarray(image_points, dtype=np.float64).T
    clockwise = float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) > 0
    first, second = (along, 0.0) if clockwise else (0.0, along)
    return np.array([[0.0, first], [across, first], [across, second], [0.0, second]])


def _homography(value: Mapping[Any, Any]) -> Calibration:
    image = read_points(value.get("image_points"), "image_points", least=4)
    if "lengths_m" in value:
        lengths = [read_positive(n, "lengths_m") for n in read_numbers(value["lengths_m"], "lengths_m")]
        if len(lengths) != 2 or len(image) != 4:
            raise InputError(
                "lengths_m must be two lengths, first to second and second to third of four image_points"
            )
        ground = rectangle((lengths[0], lengths[1]), image)
    else:
        ground = read_points(value.get("ground_points"), "ground_points", least=4)
    focal = None if value.get("focal_px") is None else read_positive(value["focal_px"], "focal_px")
    return Homography.from_points(image, ground, read_image_size(value), focal)


def _pinhole(value: Mapping[Any, Any], folder: Path) -> Calibration:
    size = read_image_size(value)
    unit_m = read_positive(value.get("unit_m", 1.0), "unit_m")
    if "intrinsic" in value or "extrinsic" in value:
        files = [value.get(key) for key in FILES]
        if not all(isinstance(file, str) for file in files):
            raise InputError("intrinsic and extrinsic must both be paths of XML files")
        return pinhole_from_xml(folder / str(files[0]), folder / str(files[1]), size, unit_m)
    numbers = {key: np.array(read_numbers(value.get(key), key)) for key in ("camera_matrix", "rvec", "tvec")}
    distortion = np.array(read_numbers(value.get("distortion", [0.0] * 5), "distortion"))
    return make_pinhole(numbers["camera_matrix"], distortion, numbers["rvec"], numbers["tvec"], size, unit_m)


def _perspective(value: Mapping[Any, Any]) -> Perspective:
    height = read_positive(value.get("person_height_m", 1.7), "person_height_m")
    if not 0.3 <= height <= 3:
        raise InputError(f"person_height_m must be 0.3 to 3 m, not {height:g}")
    if value.get("focal_px") is not None:
        return Perspective(read_positive(value["focal_px"], "focal_px") / read_image_size(value)[0], height)
    view = read_positive(value.get("view_deg", TYPICAL_VIEW_DEG), "view_deg")
    if not 1 <= view <= 170:
        raise InputError(f"view_deg must be 1 to 170 degrees, not {view:g}")
    return Perspective.of_view(view, height)
