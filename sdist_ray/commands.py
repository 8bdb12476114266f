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
from sdist_ray.settings_cameras import AddJob, CalibrateJob, ListJob, MembersJob
from sdist_ray.settings_distancing import DistancingJob
from sdist_ray.settings_serve import ServeJob
from sdist_ray.settings_tracking import FollowJob, TrackJob
from sdist_ray.settings_uses import AdviseJob, HandoverJob

COMMANDS: dict[str, Any] = {
    "topology": TopologyJob,
    "distancing": DistancingJob,
    "track": TrackJob,
    "follow": FollowJob,
    "record": RecordJob,
    "simulate": SimulateJob,
    "evaluate": EvaluateJob,
    "handover": HandoverJob,
    "advise": AdviseJob,
    "capacity": CapacityJob,
    "serve": ServeJob,
    "cameras calibrate": CalibrateJob,
    "cameras list": ListJob,
    "cameras add": AddJob,
    "cameras remove": MembersJob,
    "cameras pause": MembersJob,
    "cameras resume": MembersJob,
    "models convert": ConvertJob,
    "models check": CheckJob,
}
POSITIONAL: dict[str, tuple[str, ...]] = {
    "serve": ("run",),
    "track": ("run",),
    "follow": ("run",),
    "cameras calibrate": ("image",),
    "cameras list": ("run",),
    "cameras add": ("paths*",),
    "cameras remove": ("ids*",),
    "cameras pause": ("ids*",),
    "cameras resume": ("ids*",),
    "models convert": ("cfg", "weights"),
    "models check": ("detector.model", "image"),
}
"""Settings that a command takes as plain words, in this order; one with a star takes all that are left."""
