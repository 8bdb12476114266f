"""What the user says about each camera: cameras.yaml, and the same as JSON values on the way to a network."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sdist_ray.cameras.calibrated import read_calibration
from sdist_ray.cameras.camera import Camera, Mask, Replay, check_unique, is_webcam
from sdist_ray.cameras.values import read_number, read_points, read_yaml, show
from sdist_ray.errors import InputError
from sdist_ray.occupancy.grid import Grid

KEYS = ("id", "url", "fps", "start", "grid", "mask", "calibration", "replay")
REPLAY = {"loop": bool, "transcode": bool, "width": int}
MOST_CAMERAS = 100_000
MOST_URL = 4000
DROP = "drop:"
"""Begins the address of a folder into which a smart camera drops its records."""


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
    return described(content, path.parent, f"{path}: ")


def described(content: object, folder: Path, where: str = "") -> list[Camera]:
    """The cameras that plain values describe: a list of what cameras.yaml says about each.

    Args:
        content: lists, mappings, texts and numbers, as YAML and JSON have them; anything may be wrong.
        folder: where paths are relative to.
        where: what to say first about anything wrong.

    Raises:
        InputError: see read_cameras.
    """
    if not isinstance(content, list) or not content:
        raise InputError(f"{where}must be a list of cameras, each with at least an id")
    if len(content) > MOST_CAMERAS:
        raise InputError(f"{where}{len(content)} cameras; {MOST_CAMERAS} at a time")
    cameras = [_camera(entry, folder, where, number) for number, entry in enumerate(content, 1)]
    check_unique(cameras, where)
    return cameras


def describe(camera: Camera) -> dict[str, Any]:
    """A camera as JSON values, from which ``described`` makes the same one, whatever the folder."""
    content: dict[str, Any] = {"id": camera.id, "url": camera.url, "fps": camera.fps}
    if camera.url is not None and "://" not in camera.url and not is_webcam(camera.url):
        start = DROP if camera.url.startswith(DROP) else ""
        content["url"] = f"{start}{Path(camera.url.removeprefix(start)).absolute()}"
    if camera.start_s:
        content["start"] = camera.start_s
    if camera.grid is not None:
        content["grid"] = [camera.grid.columns, camera.grid.rows]
    if camera.mask.image is not None:
        content["mask"] = str(camera.mask.image.absolute())
    elif camera.mask.polygons:
        content["mask"] = [[list(point) for point in polygon] for polygon in camera.mask.polygons]
    if camera.written is not None:
        content["calibration"] = dict(camera.written)
    if camera.replay is not None:
        content["replay"] = {k: v for k, v in asdict(camera.replay).items() if v is not None}
    return content


def _camera(entry: object, folder: Path, start: str, number: int) -> Camera:
    if not isinstance(entry, Mapping):
        raise InputError(f"{start}camera {number} must be a mapping with an id, not a {type(entry).__name__}")
    identity = entry.get("id")
    if isinstance(identity, int) and not isinstance(identity, bool):
        identity = str(identity)
    if not isinstance(identity, str) or not identity or len(identity) > 200:
        raise InputError(f"{start}camera {number} needs an id, a text of 1 to 200 characters")
    where = f"{start}camera {identity!r}"
    unknown = sorted(str(key) for key in entry if key not in KEYS)
    if unknown:
        raise InputError(f"{where}: unknown key {unknown[0]!r}; known are {', '.join(KEYS)}")
    url = _url(entry.get("url"), folder, where)
    fps = None if entry.get("fps") is None else read_number(entry["fps"], f"{where}: fps")
    if fps is not None and not 0 < fps <= 1000:
        raise InputError(f"{where}: fps must be above 0 and at most 1000, not {fps}")
    read = read_calibration(entry.get("calibration"), folder, where)
    return Camera(
        id=identity,
        url=url,
        fps=fps,
        start_s=_start(entry.get("start"), where),
        grid=_grid(entry.get("grid"), where),
        mask=_mask(entry.get("mask"), folder, where),
        calibration=read.calibration,
        perspective=read.perspective,
        kind=read.kind,
        replay=_replay(entry.get("replay"), where),
        written=read.written,
    )


def _url(value: object, folder: Path, where: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise InputError(f"{where}: url must be a text, not {show(value)}")
    if len(value) > MOST_URL:
        raise InputError(f"{where}: a url of {len(value)} characters; {MOST_URL} at most")
    if "://" in value or is_webcam(value):
        return value
    if value.startswith(DROP):
        place = value.removeprefix(DROP)
        return f"{DROP}{folder / place}" if place else value
    return str(folder / value)


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


def _replay(value: object, where: str) -> Replay | None:
    if value is None:
        return None
    if not isinstance(value, Mapping) or "start_s" not in value:
        raise InputError(f"{where}: replay must be a mapping with a start_s, not {show(value)}")
    known: dict[str, Any] = {}
    for key, item in value.items():
        if key in ("start_s", "offset_s", "period_s"):
            known[key] = read_number(item, f"{where}: replay: {key}")
        elif REPLAY.get(key) is type(item):
            known[key] = item
        else:
            raise InputError(f"{where}: replay: {show(key)} cannot be {show(item)}")
    try:
        return Replay(**known)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error


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
        try:
            there = image.is_file()
        except OSError:
            # Some names no file can have.
            there = False
        if not there:
            raise InputError(f"{where}: mask {show(str(image))} is not a file")
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
