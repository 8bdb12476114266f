"""cameras.yaml: what the user says about each camera."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from pathlib import Path

from sdist_ray.cameras.calibrated import read_calibration
from sdist_ray.cameras.camera import Camera, Mask, check_unique, is_webcam
from sdist_ray.cameras.values import read_number, read_points, read_yaml, show
from sdist_ray.errors import InputError
from sdist_ray.occupancy.grid import Grid

KEYS = ("id", "url", "fps", "start", "grid", "mask", "calibration")


def read_cameras(path: Path) -> list[Camera]:
    """The cameras that a cameras.yaml describes, in its order.

    Paths in the file are relative to the file's folder.

    Raises:
        InputError: not readable, not such a file, two cameras with one id, or a value out of place;
            the message names the camera and the key.
    """
    content = read_yaml(path)
    if isinstance(content, Mapping) and isinstance(content.get("cameras"), list):
        content = content["cameras"]
    if not isinstance(content, list) or not content:
        raise InputError(f"{path}: must be a list of cameras, each with at least an id")
    cameras = [_camera(entry, path, number) for number, entry in enumerate(content, 1)]
    check_unique(cameras, f"{path}: ")
    return cameras


def _camera(entry: object, path: Path, number: int) -> Camera:
    if not isinstance(entry, Mapping):
        raise InputError(f"{path}: camera {number} must be a mapping with an id, not {show(entry)}")
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
        raise InputError(f"{where}: url must be a text, not {show(url)}")
    if url is not None and "://" not in url and not is_webcam(url):
        url = str(path.parent / url)
    fps = None if entry.get("fps") is None else read_number(entry["fps"], f"{where}: fps")
    if fps is not None and not 0 < fps <= 1000:
        raise InputError(f"{where}: fps must be above 0 and at most 1000, not {fps}")
    kind, calibration, perspective = read_calibration(entry.get("calibration"), path.parent, where)
    return Camera(
        id=identity,
        url=url,
        fps=fps,
        start_s=_start(entry.get("start"), where),
        grid=_grid(entry.get("grid"), where),
        mask=_mask(entry.get("mask"), path.parent, where),
        calibration=calibration,
        perspective=perspective,
        kind=kind,
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
    start = read_number(value, f"{where}: start")
    if abs(start) > 1e11:
        raise InputError(f"{where}: start must be epoch seconds, not {start}")
    return start


def _grid(value: object, where: str) -> Grid | None:
    if value is None:
        return None
    if isinstance(value, Mapping):
        value = [value.get("columns"), value.get("rows")]
    if not isinstance(value, list) or len(value) != 2 or not all(type(n) is int for n in value):
        raise InputError(f"{where}: grid must be [columns, rows], not {show(value)}")
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
        points = read_points(polygon, f"{where}: mask polygon", least=3)
        if (points < 0).any() or (points > 1).any():
            raise InputError(f"{where}: mask points are fractions of width and height, 0 to 1")
        polygons.append(tuple((float(x), float(y)) for x, y in points))
    return Mask(polygons=tuple(polygons))
