"""sdist-ray cameras list: the cameras of a network that runs live, and how each is."""

from __future__ import annotations

import json
import time
from typing import Any

from sdist_ray.jobs.console import table
from sdist_ray.jobs.remote import printable, remote_network
from sdist_ray.runtime.live.commands import RemoteNetwork
from sdist_ray.settings_cameras import ListJob

LOOK_S = 0.2
COLUMNS = ("camera", "state", "worker", "fps", "delay", "late", "problem")
MOST_ID = 60


def run(settings: ListJob, config: str) -> None:
    """Print the cameras of a network."""
    with remote_network(settings) as network:
        looked = measured(network, settings.wait_s)
    if settings.json:
        print(json.dumps(looked, indent=2))
        return
    rows = [_row(camera) for camera in looked["cameras"]]
    for line in table(COLUMNS, rows):
        print(line)
    live = sum(camera["state"] == "live" for camera in looked["cameras"])
    print(f"{live} of {len(rows)} cameras live")


def measured(network: RemoteNetwork, wait_s: float) -> dict[str, Any]:
    """How a network is; its cameras with ``frames_per_s``, None where ``wait_s`` is too short to tell."""
    first = network.look()
    until = time.monotonic() + wait_s
    looked = first
    while time.monotonic() < until and _passed_s(first, looked) <= 0:
        time.sleep(LOOK_S)
        looked = network.look()
        if first["time_s"] is None:
            first = looked
    passed_s = _passed_s(first, looked)
    before = {camera["id"]: camera["processed"] for camera in first["cameras"]}
    for camera in looked["cameras"]:
        more = camera["processed"] - before.get(camera["id"], camera["processed"])
        camera["frames_per_s"] = round(max(0, more) / passed_s, 2) if passed_s > 0 else None
    return looked


def _passed_s(first: dict[str, Any], looked: dict[str, Any]) -> float:
    return (looked["time_s"] or 0.0) - (first["time_s"] or 0.0)


def _row(camera: dict[str, Any]) -> tuple[str, ...]:
    name = printable(camera["id"])
    delay, rate, worker = camera["delay_p50_s"], camera["frames_per_s"], camera["worker"]
    return (
        name if len(name) <= MOST_ID else f"{name[: MOST_ID - 1]}…",
        camera["state"],
        "–" if worker is None else str(worker),
        "–" if rate is None else f"{rate:.1f}",
        "–" if delay is None else f"{delay:.1f} s",
        str(camera["late"]),
        printable(camera["problem"] or ""),
    )
