"""All commands, by name, and the settings of each."""

from __future__ import annotations

from typing import Any

from sdist_ray.settings import (
    CapacityJob,
    CheckJob,
    ConvertJob,
    EvaluateJob,
    RecordJob,
    SimulateJob,
    TopologyJob,
)
from sdist_ray.settings_cameras import CalibrateJob
from sdist_ray.settings_distancing import DistancingJob

COMMANDS: dict[str, Any] = {
    "topology": TopologyJob,
    "distancing": DistancingJob,
    "record": RecordJob,
    "simulate": SimulateJob,
    "evaluate": EvaluateJob,
    "capacity": CapacityJob,
    "cameras calibrate": CalibrateJob,
    "models convert": ConvertJob,
    "models check": CheckJob,
}
POSITIONAL: dict[str, tuple[str, ...]] = {
    "cameras calibrate": ("image",),
    "models convert": ("cfg", "weights"),
    "models check": ("detector.model", "image"),
}
"""Settings that a command takes as plain words, in this order."""
