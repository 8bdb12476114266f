"""What workers that watch cameras are told, and what they answer."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sdist_ray.detection.foreground import ForegroundSettings
from sdist_ray.detection.make import AnyDetectorSettings
from sdist_ray.distancing.watch import WatchSettings
from sdist_ray.runtime.watched import Drawing, Watched


@dataclass(frozen=True)
class WatchPlan:
    """What a worker must know.

    Attributes:
        detector: of the detector.
        watch: what to look for.
        method: see distancing.method.
        fps: how often to look, frames per second; None for every frame.
        warmup_s: seconds that teach a foreground detector the background.
        standing_s: for how long it sees who stands still; None: as its settings say.
        drawing: what to draw.
        threads: that a worker's detector may use.
        sightings: whether all that is detected on a calibrated ground is written down, for fusion.
    """

    detector: AnyDetectorSettings
    watch: WatchSettings
    method: str
    fps: float | None
    warmup_s: float
    standing_s: float | None
    drawing: Drawing
    threads: int = 1
    sightings: bool = False


@dataclass
class Progress:
    """Frames drawn, of how many there will be (0 where nobody knows)."""

    frames: int = 0
    expected: int = 0


Result = tuple[Watched, int]
"""What became of a camera, and which worker has its files."""


class Interrupted(Exception):
    """A run was asked to end before its cameras did.

    Attributes:
        results: what there was by then.
        cause: how it was asked.
    """

    def __init__(self, results: list[Result], cause: BaseException) -> None:
        super().__init__("interrupted")
        self.results, self.cause = results, cause


def paced(settings: ForegroundSettings, plan: WatchPlan, fps: float) -> ForegroundSettings:
    """A detector's settings for a frame rate."""
    mixture = settings.mixture
    if plan.standing_s is not None:
        # A new mode is background when the others no longer hold the background share.
        rate = (1 - mixture.background_share) / (plan.standing_s * fps)
        mixture = replace(mixture, learning_rate=min(1.0, max(1e-6, rate)))
    return replace(settings, mixture=mixture, warmup_frames=max(1, round(plan.warmup_s * fps)))
