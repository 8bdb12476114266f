"""What the user says about each camera, and cameras.yaml, where it is said."""

from __future__ import annotations

import datetime
import math
import reprlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import cv2
import numpy as np
import numpy.typing as npt
import yaml

from sdist_ray.cameras.calibration import (
    Calibration,
    Homography,
    make_pinhole,
    pinhole_from_xml,
)
from sdist_ray.errors import InputError
from sdist_ray.occupancy.grid import Grid

MAX_YAML_BYTES = 32 << 20
KEYS = ("id", "url", "fps", "start", "grid", "mask", "calibration")
CALIBRATIONS = ("pixel", "perspective", "homography", "pinhole")

Polygon = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Mask:
    """Regions of a camera's image that detection ignores.

    Attributes:
        polygons: corner points as fractions of the image's width and height.
        image: an image file; pixels that are not black are ignored. Scaled to the camera's image.
    """

    polygons: tuple[Polygon, ...] = ()
    image: Path | None = None

    def ignored(self, width: int, height: int) -> npt.NDArray[np.bool_]:
        """Which pixels of a (height, width) image are ignored.

        Raises:
            InputError: the mask's image cannot be read.
        """
        ignored = np.zeros((height, width), dtype=np.uint8)
        for polygon in self.polygons:
            corners = np.array([[x * width, y * height] for x, y in polygon])
            cv2.fillPoly(ignored, [np.rint(corners).astype(np.int32)], 1)
        if self.image is not None:
            image = cv2.imread(str(self.image), cv2.IMREAD_GRAYSCALE)
            if image is None:
                raise InputError(f"mask {self.image}: not a readable image")
            ignored |= cv2.resize(image, (width, height), interpolation=cv2.INTER_NEAREST) > 0
        return ignored.astype(np.bool_)


@dataclass(frozen=True)
class Camera:
    """One camera.

    Attributes:
        id: unique in the network; a file's stem unless cameras.yaml says otherwise.
        url: where its video is (a path, or an address), None for cameras of a recording.
        fps: frames per second; None takes the stream's own.
        start_s: capture time of the first frame of a file, UTC epoch seconds.
        grid: its grid of windows, None for the network's.
        mask: what detection ignores.
        calibration: image to ground, None where unknown.
    """

    id: str
    url: str | None = None
    fps: float | None = None
    start_s: float = 0.0
    grid: Grid | None = None
    mask: Mask = field(default_factory=Mask)
    calibration: Calibration | None = None


def without_credentials(url: str) -> str:
    """The address as it may be shown: no user name, no password, no query values."""
    if "://" not in url:
        return url
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        query = "…" if parts.query else ""
        return urlunsplit((parts.scheme, host, parts.path, query, ""))
    except ValueError:
        return url.partition("://")[0] + "://…"


def read_cameras(path: Path) -> list[Camera]:
    """The cameras that a cameras.yaml describes, in its order.

    Paths in the file are relative to the file's folder.

    Raises:
        InputError: not readable, not such a file, two cameras with one id, or a value out of place;
            the message names the camera and the key.
    """
    try:
        if path.stat().st_size > MAX_YAML_BYTES:
            raise InputError(f"{path}: larger than {MAX_YAML_BYTES >> 20} MB, not a cameras file")
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise InputError(f"{path}: not valid YAML ({_first_line(error)})") from error
    if isinstance(content, Mapping) and isinstance(content.get("cameras"), list):
        content = content["cameras"]
    if not isinstance(content, list) or not content:
        raise InputError(f"{path}: must be a list of cameras, each with at least an id")
    cameras = [_camera(entry, path, number) for number, entry in enumerate(content, 1)]
    check_unique(cameras, f"{path}: ")
    return cameras


def check_unique(cameras: Iterable[Camera], where: str = "") -> None:
    """Raise InputError when two cameras have one id."""
    seen: dict[str, Camera] = {}
    for camera in cameras:
        other = seen.setdefault(camera.id, camera)
        if other is not camera:
            places = [without_credentials(c.url or "no url") for c in (other, camera)]
            raise InputError(
                f"{where}two cameras have the id {camera.id!r} ({places[0]} and {places[1]}): "
                "give each its own id, in cameras.yaml for files of one name"
            )


def common_grid(cameras: Iterable[Camera], default: Grid) -> Grid:
    """The network's grid: the one that cameras name, or the default.

    Raises:
        InputError: two cameras name different grids; counts of all cameras share one shape.
    """
    named = {camera.grid: camera.id for camera in cameras if camera.grid is not None}
    if len(named) > 1:
        (first, a), (second, b), *_ = named.items()
        raise InputError(f"camera {a!r} has the grid {first} and {b!r} {second}: a network has one grid")
    return next(iter(named), default)


def merge(described: Iterable[Camera], found: Iterable[Camera]) -> list[Camera]:
    """Cameras found as files, with what cameras.yaml says about those ids."""
    by_id = {camera.id: camera for camera in described}
    return [replace(by_id[camera.id], url=camera.url) if camera.id in by_id else camera for camera in found]


def _camera(entry: object, path: Path, number: int) -> Camera:
    if not isinstance(entry, Mapping):
        raise InputError(f"{path}: camera {number} must be a mapping with an id, not {_show(entry)}")
    identity = entry.get("id")
    if isinstance(identity, int) and not isinstance(identity, bool):
        identity = str(identity)
    if not isinstance(identity, str) or not identity or len(identity) > 200:
        raise InputError(f"{path}: camera {number} needs an id, a text of 1 to 200 characters")
    where = f"{path}: camera {identity!r}"
    unknown = sorted(str(key) for key in entry if key not in KEYS)
    if unknown:
        raise InputError(f"{where}: unknown key {unknown[0]!r}; known are {', '.join(KEYS)}")
    url = entry.get("url")
    if url is not None and not isinstance(url, str):
        raise InputError(f"{where}: url must be a text, not {_show(url)}")
    if url is not None and "://" not in url:
        url = str(path.parent / url)
    fps = None if entry.get("fps") is None else _number(entry["fps"], f"{where}: fps")
    if fps is not None and not 0 < fps <= 1000:
        raise InputError(f"{where}: fps must be above 0 and at most 1000, not {fps}")
    return Camera(
        id=identity,
        url=url,
        fps=fps,
        start_s=_start(entry.get("start"), where),
        grid=_grid(entry.get("grid"), where),
        mask=_mask(entry.get("mask"), path.parent, where),
        calibration=_calibration(entry.get("calibration"), path.parent, where),
    )


def _start(value: object, where: str) -> float:
    if value is None:
        return 0.0
    if isinstance(value, str):
        try:
            value = datetime.datetime.fromisoformat(value)
        except ValueError as error:
            raise InputError(f"{where}: start must be epoch seconds or like 2026-01-31T12:00:00Z") from error
    if isinstance(value, datetime.datetime):
        return (value if value.tzinfo else value.replace(tzinfo=datetime.UTC)).timestamp()
    start = _number(value, f"{where}: start")
    if abs(start) > 1e11:
        raise InputError(f"{where}: start must be epoch seconds, not {start}")
    return start


def _grid(value: object, where: str) -> Grid | None:
    if value is None:
        return None
    if isinstance(value, Mapping):
        value = [value.get("columns"), value.get("rows")]
    if not isinstance(value, list) or len(value) != 2 or not all(type(n) is int for n in value):
        raise InputError(f"{where}: grid must be [columns, rows], not {_show(value)}")
    try:
        return Grid(*value)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error


def _mask(value: object, folder: Path, where: str) -> Mask:
    if value is None:
        return Mask()
    if isinstance(value, str):
        image = folder / value
        if not image.is_file():
            raise InputError(f"{where}: mask {image} is not a file")
        return Mask(image=image)
    if not isinstance(value, list):
        raise InputError(f"{where}: mask must be an image file or a list of polygons")
    polygons = []
    for polygon in value:
        points = _points(polygon, f"{where}: mask polygon", least=3)
        if (points < 0).any() or (points > 1).any():
            raise InputError(f"{where}: mask points are fractions of width and height, 0 to 1")
        polygons.append(tuple((float(x), float(y)) for x, y in points))
    return Mask(polygons=tuple(polygons))


def _calibration(value: object, folder: Path, where: str) -> Calibration | None:
    if value is None:
        return None
    kind = value.get("kind") if isinstance(value, Mapping) else None
    if not isinstance(value, Mapping) or kind not in CALIBRATIONS:
        raise InputError(f"{where}: calibration needs a kind, one of {', '.join(CALIBRATIONS)}")
    where = f"{where}: calibration"
    try:
        if kind == "homography":
            return Homography.from_points(
                _points(value.get("image_points"), "image_points", least=4),
                _points(value.get("ground_points"), "ground_points", least=4),
                _image_size(value),
            )
        if kind == "pinhole":
            return _pinhole(value, folder)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    # pixel and perspective measure without a ground plane: they say nothing about shared ground.
    return None


def _pinhole(value: Mapping[Any, Any], folder: Path) -> Calibration:
    size = _image_size(value)
    unit_m = _number(value.get("unit_m", 1.0), "unit_m")
    if "intrinsic" in value or "extrinsic" in value:
        files = [value.get("intrinsic"), value.get("extrinsic")]
        if not all(isinstance(file, str) for file in files):
            raise InputError("intrinsic and extrinsic must both be paths of XML files")
        return pinhole_from_xml(folder / str(files[0]), folder / str(files[1]), size, unit_m)
    numbers = {
        key: np.array([_number(n, key) for n in _flat(value.get(key), key)])
        for key in ("camera_matrix", "rvec", "tvec")
    }
    distortion = [_number(n, "distortion") for n in _flat(value.get("distortion", [0.0] * 5), "distortion")]
    return make_pinhole(
        numbers["camera_matrix"],
        np.array(distortion),
        numbers["rvec"],
        numbers["tvec"],
        size,
        unit_m,
    )


def _flat(value: object, key: str) -> list[object]:
    if not isinstance(value, list) or len(value) > 100:
        raise InputError(f"{key} must be a list of numbers (or give intrinsic and extrinsic files)")
    return [n for row in value for n in (row if isinstance(row, list) else [row])]


def _image_size(value: Mapping[Any, Any]) -> tuple[int, int]:
    size = value.get("image_size")
    if not isinstance(size, list) or len(size) != 2 or not all(type(n) is int for n in size):
        raise InputError("image_size must be [width, height] in pixels")
    if not all(0 < n <= 100_000 for n in size):
        raise InputError(f"image_size must be positive, not {size}")
    return size[0], size[1]


def _points(value: object, key: str, least: int) -> npt.NDArray[np.float64]:
    if not isinstance(value, list) or not least <= len(value) <= 10_000:
        raise InputError(f"{key} must be a list of at least {least} points [x, y]")
    for point in value:
        if not isinstance(point, list) or len(point) not in (2, 3):
            raise InputError(f"{key} must be points [x, y], not {_show(point)}")
    return np.array([[_number(n, key) for n in point[:2]] for point in value])


def _number(value: object, key: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InputError(f"{key} must be a number, not {_show(value)}")
    return float(value)


def _show(value: object) -> str:
    return reprlib.repr(value)


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:200]
