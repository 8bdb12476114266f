"""The settings of sdist-ray cameras."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sdist_ray.errors import InputError
from sdist_ray.settings_detector import require
from sdist_ray.settings_live import LiveSettings

MOST_FRAME = 10_000_000


@dataclass
class CalibrateJob:
    """sdist-ray cameras calibrate: four points of an image and their lengths to a calibration.

    ``points`` and ``ground_points`` are lists of [x, y], ``lengths_m`` of two numbers; they are checked as
    those of a calibration file are.
    """

    image: str | None = None
    points: Any = None
    lengths_m: Any = None
    ground_points: Any = None
    focal_px: float | None = None
    frame: int = 0
    output: str | None = None

    def check(self) -> None:
        """Raise InputError where a value is out of its range."""
        if not self.image:
            raise InputError("cameras calibrate needs a picture: sdist-ray cameras calibrate IMAGE_OR_VIDEO")
        require("frame", self.frame, 0 <= self.frame <= MOST_FRAME, f"0 to {MOST_FRAME}")
        if self.focal_px is not None:
            require("focal_px", self.focal_px, 1 <= self.focal_px <= 1e6, "1 to 1e6 pixels, or null")
        measured = [name for name in ("lengths_m", "ground_points") if getattr(self, name) is not None]
        if self.points is None and measured:
            raise InputError(f"{measured[0]} needs points=[[x,y],…], the image points that were measured")
        if self.points is not None and len(measured) != 1:
            raise InputError(
                "points needs one of lengths_m=[first to second, second to third] and "
                "ground_points=[[x,y],…], in metres"
            )


@dataclass
class RemoteSettings:
    """Which live network is meant: by its run's folder, or by its name; neither, where there is but one.

    A command waits up to ``wait_s`` for what it asked for to be done.
    """

    run: str | None = None
    network: str | None = None
    wait_s: float = 10.0

    def check(self) -> None:
        """Raise InputError where a value is out of its range."""
        if self.run and self.network:
            raise InputError("run=DIR and network=NAME both say which network is meant: one of them would do")
        require("wait_s", self.wait_s, 0 <= self.wait_s <= 3600, "0 to 3600 s")


@dataclass
class ListJob(RemoteSettings):
    """sdist-ray cameras list."""

    json: bool = False


@dataclass
class MembersJob(RemoteSettings):
    """sdist-ray cameras remove, pause and resume."""

    ids: list[str] = field(default_factory=list)

    def check(self) -> None:
        """See RemoteSettings."""
        super().check()
        if not self.ids:
            raise InputError("no camera is named: sdist-ray cameras remove ID … (or pause, or resume)")
        self.ids = list(dict.fromkeys(self.ids))


@dataclass
class AddJob(RemoteSettings):
    """sdist-ray cameras add.

    ``id`` and ``fps`` are those of the camera at ``paths``; the others are those of LiveSettings, for files.
    """

    paths: list[str] = field(default_factory=list)
    cameras: str | None = None
    id: str | None = None
    fps: float | None = None
    replicas: int = 1
    offset_s: float | None = None
    loop: bool = True
    transcode: bool = False
    width: int = 320
    start_in_s: float = 1.0

    def check(self) -> None:
        """See RemoteSettings."""
        super().check()
        self.live().check()
        if not self.paths and not self.cameras:
            raise InputError("cameras add needs a camera: sdist-ray cameras add URL, or cameras=cameras.yaml")
        if self.id is not None:
            require("id", self.id, 1 <= len(self.id) <= 200, "1 to 200 characters")
        if self.fps is not None:
            require("fps", self.fps, 0 < self.fps <= 1000, "above 0, at most 1000, or null")

    def live(self) -> LiveSettings:
        """How files play."""
        return LiveSettings(
            replicas=self.replicas,
            offset_s=self.offset_s,
            loop=self.loop,
            transcode=self.transcode,
            width=self.width,
            start_in_s=self.start_in_s,
        )
