"""A camera's detector, of whichever kind."""

from __future__ import annotations

import functools
from contextlib import suppress

from sdist_ray.cameras.camera import Mask
from sdist_ray.detection.detector import Detector
from sdist_ray.detection.foreground import ForegroundDetector, ForegroundSettings
from sdist_ray.detection.neural import NeuralModel, NeuralSettings, load_people_model
from sdist_ray.detection.people import PeopleDetector

AnyDetectorSettings = ForegroundSettings | NeuralSettings


def make_detector(settings: AnyDetectorSettings, mask: Mask | None = None, threads: int = 1) -> Detector:
    """A detector for one camera. Neural detectors of one process share their model.

    Args:
        settings: which detector, and how.
        mask: what it ignores of the camera's image.
        threads: that a neural model may use, at least 1.

    Raises:
        InputError: see load_people_model.
    """
    if isinstance(settings, NeuralSettings):
        return PeopleDetector(shared_model(settings, threads), mask)
    return ForegroundDetector(settings, mask)


def shared_model(settings: NeuralSettings, threads: int) -> NeuralModel:
    """The model that all cameras of this process share; read again when its file has changed.

    Raises:
        InputError: see load_people_model.
    """
    stamp = (0, 0)
    with suppress(OSError):
        status = settings.model.stat()
        stamp = (status.st_mtime_ns, status.st_size)
    return _shared_model(settings, threads, stamp)


@functools.lru_cache(maxsize=4)
def _shared_model(settings: NeuralSettings, threads: int, stamp: tuple[int, int]) -> NeuralModel:
    return load_people_model(settings, threads)
