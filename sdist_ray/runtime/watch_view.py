"""A camera while it is watched, and its frames on their way from thread to thread."""

from __future__ import annotations

import math
from concurrent.futures import Future
from dataclasses import dataclass

from sdist_ray.cameras.camera import Camera
from sdist_ray.detection.detector import Detections, Detector
from sdist_ray.detection.neural import Found, Prepared
from sdist_ray.distancing.scene import Scene
from sdist_ray.distancing.watch import Watch
from sdist_ray.errors import InputError
from sdist_ray.runtime.watched import Watched, WatchFiles
from sdist_ray.video.source import Image, VideoSource


@dataclass
class View:
    """One camera while it is watched."""

    camera: Camera
    source: VideoSource
    watch: Watch
    files: WatchFiles
    detector: Detector
    report: Watched
    fps: float
    """Ticks per second."""
    last_tick: int | None = None
    scene: Scene | None = None
    settled_s: float = -math.inf
    failed: bool = False


@dataclass
class Item:
    """A frame on its way: read, then detected, then drawn."""

    view: View
    time_s: float
    tick: int | None
    """None for a frame that is not looked at."""
    image: Image
    prepared: Prepared | None = None
    found: Future[list[Found]] | None = None
    """What the network finds in its batch, and which of that is this frame's."""
    place: int = 0
    seen: Detections | None = None


def told(error: Exception) -> str:
    """What was wrong, in one line: a user's own mistake needs no name of ours before it."""
    text = (str(error) or type(error).__name__).splitlines()[0]
    return text if isinstance(error, InputError | OSError) else f"{type(error).__name__}: {text}"
