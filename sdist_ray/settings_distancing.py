"""The settings of sdist-ray distancing."""

from __future__ import annotations

from dataclasses import dataclass, field

from omegaconf import MISSING

from sdist_ray.distancing.groups import GroupSettings
from sdist_ray.distancing.method import METHODS
from sdist_ray.distancing.tracks import TrackSettings
from sdist_ray.distancing.watch import WatchSettings
from sdist_ray.errors import InputError
from sdist_ray.settings import RUNTIMES, SourceSettings
from sdist_ray.settings_detector import DetectorSettings, YoloDetectorSettings, require

UNCALIBRATED = ("out", "pixel")
PANELS = ("beside", "apart", "none")


@dataclass
class DistanceSettings:
    """What is too close, and who is exempt; lengths in metres, times in seconds.

    ``method`` is how distances are measured, "auto" by each camera's calibration. ``limit_px`` is the limit
    where they are measured in pixels; None for the report's. Detections with a score of
    ``continue_score`` or more continue a track, those with the detector's own score begin one. ``fuse`` makes
    what several calibrated cameras see of one person one person; None: where two of them share ground.
    ``topology`` is the folder of a topology run: its edges say which cameras see the same. ``mot`` writes
    tracks as MOTChallenge text, too. ``uncalibrated`` says what becomes of cameras without a calibration
    where ``method`` is "auto": they are left "out", or measure by "pixel".
    """

    method: str = "auto"
    limit_m: float = 2.0
    limit_px: float | None = None
    least_s: float = 1.0
    gap_s: float = 1.0
    long_s: float = 5.0
    serious_s: float = 15.0
    groups: bool = True
    continue_score: float = 0.25
    coast_s: float = 0.7
    fuse: bool | None = None
    topology: str | None = None
    mot: bool = False
    uncalibrated: str = "out"

    def watch(self, start_score: float) -> WatchSettings:
        """As a camera's watch takes them, checked."""
        require("distancing.method", self.method, self.method in METHODS, METHODS)
        require("distancing.limit_m", self.limit_m, 0 < self.limit_m <= 100, "above 0, at most 100 m")
        require("distancing.uncalibrated", self.uncalibrated, self.uncalibrated in UNCALIBRATED, UNCALIBRATED)
        if self.limit_px is not None:
            fits = 0 < self.limit_px <= 100_000
            require("distancing.limit_px", self.limit_px, fits, "above 0, in pixels, or null")
        for name in ("least_s", "gap_s", "long_s", "serious_s"):
            value = getattr(self, name)
            require(f"distancing.{name}", value, 0 <= value <= 86_400, "0 to 86400 s")
        fits = 0 < self.continue_score <= 1
        require("distancing.continue_score", self.continue_score, fits, "above 0 and at most 1")
        require("distancing.coast_s", self.coast_s, 0 <= self.coast_s <= 60, "0 to 60 s")
        fits = self.long_s <= self.serious_s
        require("distancing.long_s", self.long_s, fits, f"at most serious_s, {self.serious_s:g}")
        tracks = TrackSettings(
            start_score=start_score, coast_s=self.coast_s, forget_s=max(2.0, 2 * self.coast_s)
        )
        return WatchSettings(
            self.limit_m, self.limit_px, tracks, GroupSettings() if self.groups else None,
            self.least_s, self.gap_s, self.long_s, self.serious_s,
        )  # fmt: skip


@dataclass
class DrawingSettings:
    """What is drawn. ``pictures=false`` keeps no pixel of any camera; ``blur_faces`` pixelates heads."""

    video: bool = True
    panel: str = "beside"
    pictures: bool = True
    blur_faces: bool = False


@dataclass
class WatchRuntimeSettings:
    """Where it runs. A worker takes ``num_cpus`` and ``num_gpus`` of the cluster, which may be fractions.

    ``workers`` of 0: as many as there is room for, at most one per camera. ``num_cpus`` of None: an even
    share of the cluster's CPUs. Where GPUs are asked for and there are none, ``cpu_instead`` goes on without.
    """

    kind: str = MISSING
    workers: int = 0
    num_cpus: float | None = None
    num_gpus: float = 0.0
    cpu_instead: bool = False


@dataclass
class DistancingJob:
    """sdist-ray distancing. ``fps`` is how often to look; None for every frame."""

    output: str = MISSING
    fps: float | None = None
    cameras: str | None = None
    source: SourceSettings = field(default_factory=SourceSettings)
    detector: DetectorSettings = field(default_factory=DetectorSettings)
    distancing: DistanceSettings = field(default_factory=DistanceSettings)
    drawing: DrawingSettings = field(default_factory=DrawingSettings)
    runtime: WatchRuntimeSettings = field(default_factory=WatchRuntimeSettings)

    def check(self) -> None:
        """Raise InputError where a value is out of its range."""
        kinds = ("site", "files")
        require("source", self.source.kind, self.source.kind in kinds, kinds)
        runtime = self.runtime
        require("runtime", runtime.kind, runtime.kind in RUNTIMES, RUNTIMES)
        require("runtime.workers", runtime.workers, 0 <= runtime.workers <= 10_000, "0 (automatic) or more")
        if runtime.num_cpus is not None:
            fits = 0.001 <= runtime.num_cpus <= 1024
            require("runtime.num_cpus", runtime.num_cpus, fits, "0.001 to 1024, or null")
        gpus = runtime.num_gpus
        require("runtime.num_gpus", gpus, gpus == 0 or 0.001 <= gpus <= 64, "0, or 0.001 to 64")
        if runtime.num_gpus and runtime.kind == "local":
            raise InputError(
                "runtime.num_gpus is for runtime=ray; in one process, detector.device says what to use"
            )
        if self.fps is not None:
            require("fps", self.fps, 0.5 <= self.fps <= 1000, "0.5 to 1000, or null for every frame")
            if self.drawing.blur_faces:
                raise InputError(
                    "drawing.blur_faces needs every frame looked at: leave fps out, or drawing.pictures=false"
                )
        require("drawing.panel", self.drawing.panel, self.drawing.panel in PANELS, PANELS)
        self.detector.check()
        self.distancing.watch(self.start_score)
        if self.source.kind == "site" and (self.source.paths or self.cameras):
            raise InputError("source.paths and cameras need source=files: a site has cameras of its own")
        if self.source.kind == "files" and not self.source.paths and not self.cameras:
            raise InputError("source=files needs source.paths=[…] or cameras=cameras.yaml")

    @property
    def start_score(self) -> float:
        """What a detection needs to begin a track."""
        return self.detector.score if isinstance(self.detector, YoloDetectorSettings) else 1.0
