"""The settings of sdist-ray cameras."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sdist_ray.errors import InputError
from sdist_ray.settings_detector import require

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
