"""sdist_ray: the activity topology of a whole camera network, from its video, on Ray.

The names in ``__all__`` are the public interface, which semantic versioning is about: ``from sdist_ray import
open_recording``. docs/api.md describes them. Each is loaded when it is first asked for, so that importing
the package costs nothing. All other modules may change with any version.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from sdist_ray.compiled import keep_compiled_code

__version__ = "0.1.0"

if TYPE_CHECKING:
    from sdist_ray.cameras.camera import Camera, Mask
    from sdist_ray.cameras.described import read_cameras
    from sdist_ray.cameras.send import send_records
    from sdist_ray.cli import main
    from sdist_ray.detection.detector import Detections, Detector
    from sdist_ray.detection.foreground import ForegroundDetector, ForegroundSettings
    from sdist_ray.errors import InputError
    from sdist_ray.occupancy.block import BlockBuilder, Clock, OccupancyRange, Rows
    from sdist_ray.occupancy.grid import Grid
    from sdist_ray.occupancy.padding import PaddedRange, Padding
    from sdist_ray.occupancy.recording import Recording, RecordingWriter, open_recording
    from sdist_ray.partition.strategy import CameraLinks, Strategy
    from sdist_ray.simulation.city import City, CitySpec, make_city
    from sdist_ray.simulation.site import Observation, Site, SiteSpec, Walk, make_site, observe, walk
    from sdist_ray.topology.transit.learner import TransitLearner
    from sdist_ray.topology.transit.model import NextCamera, Transits
    from sdist_ray.video.files import find_cameras, open_source
    from sdist_ray.video.source import Frame, FrameError, VideoSource

_HOMES = {
    "cli": ("main",),
    "errors": ("InputError",),
    "cameras.camera": ("Camera", "Mask"),
    "cameras.described": ("read_cameras",),
    "cameras.send": ("send_records",),
    "video.files": ("find_cameras", "open_source"),
    "video.source": ("Frame", "FrameError", "VideoSource"),
    "detection.detector": ("Detections", "Detector"),
    "detection.foreground": ("ForegroundDetector", "ForegroundSettings"),
    "occupancy.grid": ("Grid",),
    "occupancy.block": ("BlockBuilder", "Clock", "OccupancyRange", "Rows"),
    "occupancy.padding": ("PaddedRange", "Padding"),
    "occupancy.recording": ("Recording", "RecordingWriter", "open_recording"),
    "partition.strategy": ("CameraLinks", "Strategy"),
    "topology.transit.learner": ("TransitLearner",),
    "topology.transit.model": ("NextCamera", "Transits"),
    "simulation.site": ("Observation", "Site", "SiteSpec", "Walk", "make_site", "observe", "walk"),
    "simulation.city": ("City", "CitySpec", "make_city"),
}
_MODULES = {name: f"sdist_ray.{module}" for module, names in _HOMES.items() for name in names}

__all__ = [
    "BlockBuilder", "Camera", "CameraLinks", "City", "CitySpec", "Clock", "Detections", "Detector",
    "ForegroundDetector", "ForegroundSettings", "Frame", "FrameError", "Grid", "InputError", "Mask",
    "NextCamera", "Observation", "OccupancyRange", "PaddedRange", "Padding", "Recording", "RecordingWriter",
    "Rows", "Site", "SiteSpec", "Strategy", "TransitLearner", "Transits", "VideoSource", "Walk",
    "__version__", "find_cameras", "main", "make_city", "make_site", "observe", "open_recording",
    "open_source", "read_cameras", "send_records", "walk",
]  # fmt: skip

keep_compiled_code()


def __getattr__(name: str) -> Any:
    """A public name, from where it lives; see PEP 562."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    """What the package has, the names that are not loaded yet too."""
    return sorted({*globals(), *__all__})
