"""The run at a glance, and one camera of it, from all that was published."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sdist_ray import __version__
from sdist_ray.serve.topology import finite
from sdist_ray.serve.watcher import Seen, live_cameras


def status(
    name: str, seen: Seen, now_s: float, writable: bool, boot: str, webhooks: list[dict[str, Any]]
) -> dict[str, Any]:
    """See answers.Status."""
    state, message = seen.state(now_s)
    health: Mapping[str, Any] = (seen.health or {}).get("health") or {}
    parts = {"topology": seen.topology, "health": seen.health, "distances": seen.distances}
    topology, distances = seen.topology, seen.distances
    known = len(topology.run.cameras) if topology is not None else 0
    watched = len(distances.cameras) if distances is not None else 0
    cameras = live_cameras(seen)
    published = None if topology is None else topology.run.summary.get("time_s")
    return {
        "name": name,
        "state": state,
        "message": message,
        "time_s": now_s,
        "published_s": finite(published),
        "boot": boot,
        "versions": dict(seen.numbers),
        "has": [part for part, found in parts.items() if found is not None],
        "cameras": max(known, watched, len(cameras)),
        "live": sum(camera["state"] == "live" for camera in cameras) if state == "live" else None,
        "edges": None if topology is None else len(topology.run.edges.links),
        "links": None if topology is None else len(topology.run.links.score),
        "frames_per_s": finite(health.get("frames_per_s")) if state == "live" else None,
        "delay_p99_s": finite(health.get("delay_p99_s")),
        "late_fraction": finite(health.get("late_fraction")),
        "violations": None if distances is None else len(distances.violations),
        "problems": list(seen.problems),
        "writable": writable,
        "webhooks": webhooks,
        "server": __version__,
    }


def camera_detail(camera: str, seen: Seen, picture: bool) -> dict[str, Any] | None:
    """See answers.CameraDetail; None where nobody knows the camera."""
    found = None if seen.topology is None else seen.topology.camera(camera)
    health = next((entry for entry in live_cameras(seen) if entry["id"] == camera), None)
    if found is None and health is None:
        return None
    if found is None:
        found = {
            "id": camera, "status": "ok", "message": None, "warnings": [], "frames": None,
            "ticks_available": None, "ticks_unavailable": None, "component": -1, "group": -1, "grid": None,
            "occupied_ticks": None, "edges": [],
            "links": {"window": [], "other": [], "other_window": [], "score": []},
        }  # fmt: skip
    return {**found, "health": health, "picture": picture}
