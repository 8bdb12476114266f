"""What is known about each camera."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import cv2
import numpy as np
import numpy.typing as npt

from sdist_ray.cameras.calibration import Calibration
from sdist_ray.cameras.perspective import Perspective
from sdist_ray.errors import InputError
from sdist_ray.occupancy.grid import Grid

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
class Replay:
    """A file that stands in for a live camera, paced by its own timestamps.

    Attributes:
        start_s: wall time at which it begins to play, UTC epoch seconds; may be to come.
        offset_s: where in the file it begins, seconds, modulo the file's duration. Copies differ in it.
        loop: whether it begins anew at its end, for ever; else its camera ends there.
        transcode: a video that is no JPEG is decoded once, when it is opened, and kept as JPEG images in
            memory, shared by all copies in the process: each then costs what a JPEG camera would. Else
            every copy decodes the video itself, in a thread of its own.
        width: transcoded images that are wider are shrunk to it, pixels.
        period_s: seconds from the beginning of one loop to that of the next, or the file's duration where
            that is longer: files that show the same time may loop together. None for the duration.

    Raises:
        InputError: a value that no replay can have.
    """

    start_s: float
    offset_s: float = 0.0
    loop: bool = True
    transcode: bool = False
    width: int = 320
    period_s: float | None = None

    def __post_init__(self) -> None:
        if self.period_s is not None and not 0 <= self.period_s < 1e9:
            raise InputError(f"replay: period_s must be seconds, not {self.period_s}")
        if not (math.isfinite(self.start_s) and abs(self.start_s) < 1e11):
            raise InputError(f"replay: start_s must be epoch seconds, not {self.start_s}")
        if not (math.isfinite(self.offset_s) and abs(self.offset_s) < 1e9):
            raise InputError(f"replay: offset_s must be seconds, not {self.offset_s}")
        if not 16 <= self.width <= 8192:
            raise InputError(f"replay: width must be 16 to 8192 pixels, not {self.width}")


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
        perspective: how far a person is, from how tall the box is; None where unknown.
        kind: which of "pixel", "perspective", "homography" and "pinhole" was said; None for none.
        replay: how its file is played where it stands in for a live camera; None where it does not.
        written: its calibration as it was written down, JSON values with absolute paths; None where none was.
    """

    id: str
    url: str | None = None
    fps: float | None = None
    start_s: float = 0.0
    grid: Grid | None = None
    mask: Mask = field(default_factory=Mask)
    calibration: Calibration | None = None
    perspective: Perspective | None = None
    kind: str | None = None
    replay: Replay | None = None
    written: Mapping[str, Any] | None = field(default=None, compare=False, repr=False)


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


def is_webcam(url: str) -> bool:
    """Whether an address is a camera at this machine: ``webcam:0``, or a device such as ``/dev/video0``."""
    return re.match(r"webcam:|/dev/(video\d+$|v4l/)", url) is not None


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
