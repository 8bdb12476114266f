"""The settings of detectors: one schema for each, chosen by detector=foreground or detector=yolo."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import MISSING

from sdist_ray.detection.engines import BACKENDS, DEVICES
from sdist_ray.detection.foreground import BACKGROUNDS, ForegroundSettings
from sdist_ray.detection.heads import HEADS
from sdist_ray.detection.make import AnyDetectorSettings
from sdist_ray.detection.mixture import LARGEST_MATCH_THRESHOLD, LARGEST_VARIANCE, MixtureSettings
from sdist_ray.detection.neural import MAX_SIZE, NeuralSettings
from sdist_ray.errors import InputError


@dataclass
class DetectorSettings:
    """What every detector's settings have."""

    kind: str = MISSING

    def check(self) -> None:
        """Raise InputError where a value is out of its range."""
        raise InputError(f"detector is {self.kind!r}, but must be {' or '.join(DETECTORS)}")

    def chosen(self, fps: float) -> AnyDetectorSettings:
        """The chosen detector's own settings, checked; ``fps`` is the network's."""
        raise InputError(f"detector is {self.kind!r}, but must be {' or '.join(DETECTORS)}")


LEARNING_RATE = 0.005


@dataclass
class ForegroundDetectorSettings(DetectorSettings):
    """The foreground detector; see detection.foreground and detection.mixture.

    ``learning_rate`` of None: 0.005, or where metres are measured so little that people may stand for half a
    minute. ``trim_shadows`` of None: where metres are measured.
    """

    background: str = "mixture"
    learning_rate: float | None = None
    match_threshold: float = 2.5
    background_share: float = 0.85
    variance_floor: float = 16.0
    working_width: int = 320
    warmup_s: float = 3.0
    sudden_share: float = 0.5
    sudden_frames: int = 5
    opening: int = 3
    closing_width: int = 3
    closing_height: int = 9
    least_area: float = 0.0008
    largest_area: float = 0.3
    trim_shadows: bool | None = None

    def check(self) -> None:
        """See DetectorSettings."""
        require("detector.background", self.background, self.background in BACKGROUNDS, BACKGROUNDS)
        for name in ("learning_rate", "background_share", "sudden_share", "largest_area"):
            value = getattr(self, name)
            if value is None:
                continue
            require(f"detector.{name}", value, 0 < value <= 1, "above 0 and at most 1")
        for name, most in (
            ("match_threshold", LARGEST_MATCH_THRESHOLD),
            ("variance_floor", LARGEST_VARIANCE),
        ):
            value = getattr(self, name)
            require(f"detector.{name}", value, 0 < value <= most, f"above 0 and at most {most:g}")
        for name in ("opening", "closing_width", "closing_height"):
            value = getattr(self, name)
            require(f"detector.{name}", value, 0 <= value <= 101, "0 to 101 pixels")
        require("detector.least_area", self.least_area, 0 <= self.least_area < 1, "0 to 1")
        width = self.working_width
        require("detector.working_width", width, 16 <= width <= 8192, "16 to 8192 pixels")
        require("detector.warmup_s", self.warmup_s, 0 <= self.warmup_s <= 3600, "0 to 3600 s")
        require("detector.sudden_frames", self.sudden_frames, self.sudden_frames >= 1, "1 or more")

    def chosen(self, fps: float) -> ForegroundSettings:
        """See DetectorSettings."""
        self.check()
        return ForegroundSettings(
            background=self.background,
            mixture=MixtureSettings(
                self.learning_rate or LEARNING_RATE,
                self.match_threshold,
                self.background_share,
                self.variance_floor,
            ),
            working_width=self.working_width,
            warmup_frames=max(1, round(self.warmup_s * fps)),
            sudden_share=self.sudden_share,
            sudden_frames=self.sudden_frames,
            opening=self.opening,
            closing_width=self.closing_width,
            closing_height=self.closing_height,
            least_area=self.least_area,
            largest_area=self.largest_area,
            trim_shadows=bool(self.trim_shadows),
        )


@dataclass
class YoloDetectorSettings(DetectorSettings):
    """The neural detector; see detection.neural."""

    model: str | None = None
    score: float = 0.3
    nms: float = 0.45
    backend: str = "auto"
    device: str = "auto"
    head: str = "auto"
    classes: list[int] = field(default_factory=lambda: [0])
    size: int | None = None

    def check(self) -> None:
        """See DetectorSettings."""
        if not self.model:
            raise InputError(
                "detector=yolo needs detector.model=FILE, an ONNX model; "
                "'sdist-ray models convert' makes one of Darknet's files"
            )
        require("detector.score", self.score, 0 < self.score < 1, "between 0 and 1")
        require("detector.nms", self.nms, 0 < self.nms <= 1, "above 0 and at most 1")
        require("detector.backend", self.backend, self.backend in BACKENDS, BACKENDS)
        require("detector.device", self.device, self.device in DEVICES, DEVICES)
        require("detector.head", self.head, self.head in HEADS, HEADS)
        for number in self.classes:
            require("detector.classes", number, 0 <= number < 100_000, "numbers of classes, 0 or more")
        if self.size is not None:
            fits = 32 <= self.size <= MAX_SIZE and self.size % 32 == 0
            require("detector.size", self.size, fits, f"a multiple of 32, up to {MAX_SIZE}, or null")

    def chosen(self, fps: float = 0.0) -> NeuralSettings:
        """See DetectorSettings; nothing here depends on the frame rate."""
        self.check()
        return NeuralSettings(
            model=Path(self.model or "").absolute(),
            score=self.score,
            nms=self.nms,
            backend=self.backend,
            device=self.device,
            head=self.head,
            classes=tuple(self.classes),
            size=self.size,
        )


DETECTORS: dict[str, Any] = {"foreground": ForegroundDetectorSettings, "yolo": YoloDetectorSettings}


def require(name: str, value: object, holds: bool, right: str | tuple[str, ...]) -> None:
    """Raise InputError, with what would be right, unless the condition holds."""
    if isinstance(value, float) and not math.isfinite(value):
        holds = False
    if not holds:
        expected = right if isinstance(right, str) else " or ".join(right)
        raise InputError(f"{name} is {value!r}, but must be {expected}")
