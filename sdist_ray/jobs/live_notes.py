"""What a live network leaves in its run's folder for others to look at: health.json, and pictures."""

from __future__ import annotations

import contextlib
import json
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sdist_ray.errors import InputError
from sdist_ray.jobs.outputs import write_bytes
from sdist_ray.report.snapshots import write_snapshot
from sdist_ray.runtime.health import NetworkHealth
from sdist_ray.video.source import Image

HEALTH = "health.json"
EVERY_S = 2.0
SHARE = 0.02
"""Of the time, at most so much is spent on health.json."""
HISTORY_EVERY_S = 10.0
MOST_HISTORY = 360
PICTURES_FIRST_S, PICTURES_EVERY_S = 30.0, 300.0
HISTORY: Mapping[str, Callable[[NetworkHealth], float | int | None]] = {
    "time_s": lambda health: round(health.time_s, 1),
    "live": lambda health: health.live,
    "cameras": lambda health: len(health.cameras),
    "workers": lambda health: sum(worker.alive for worker in health.workers),
    "frames_per_s": lambda health: round(health.frames_per_s, 2),
    "delay_p50_s": lambda health: health.delay_p50_s,
    "delay_p99_s": lambda health: health.delay_p99_s,
    "rows": lambda health: health.rows,
    "late": lambda health: health.late,
    "rss_bytes": lambda health: health.rss_bytes,
    "edges": lambda health: health.edges,
}
"""What is kept of the last hour."""


class LiveNotes:
    """Writes a live network's health down every two seconds, and pictures of its cameras now and then.

    A context manager: at its end health.json says that the network runs no more. A disk that is full stops
    nothing.

    Args:
        folder: the run's.
        name: the network's.
        pictures: see LiveNetwork.pictures.
    """

    def __init__(self, folder: Path, name: str, pictures: Callable[[], Mapping[str, Image]]) -> None:
        self._folder = folder
        self._name = name
        self._pictures = pictures
        self._history: deque[tuple[float | int | None, ...]] = deque(maxlen=MOST_HISTORY)
        self._health: NetworkHealth | None = None
        began = time.monotonic()
        self._due, self._history_due, self._pictures_due = began, began, began + PICTURES_FIRST_S

    def __enter__(self) -> LiveNotes:
        """Nothing is written yet."""
        return self

    def __exit__(self, *_: object) -> None:
        """Say that it has ended."""
        self._write(False)

    def tell(self, health: NetworkHealth) -> None:
        """How the network is; may be said as often as one likes."""
        self._health = health
        now = time.monotonic()
        if now >= self._history_due:
            self._history_due = now + HISTORY_EVERY_S
            self._history.append(tuple(of(health) for of in HISTORY.values()))
        if now >= self._due:
            self._write(True)
            spent_s = time.monotonic() - now
            self._due = now + max(EVERY_S, spent_s / SHARE)
        if now >= self._pictures_due:
            self._pictures_due = now + PICTURES_EVERY_S
            with contextlib.suppress(OSError):
                for camera, picture in self._pictures().items():
                    write_snapshot(self._folder, camera, picture)

    def _write(self, running: bool) -> None:
        content = as_content(self._name, running, self._health, self._history)
        data = json.dumps(content, separators=(",", ":"), allow_nan=False).encode()
        with contextlib.suppress(InputError):
            write_bytes(self._folder / HEALTH, data)


def as_content(
    name: str,
    running: bool,
    health: NetworkHealth | None,
    history: deque[tuple[float | int | None, ...]],
) -> dict[str, Any]:
    """health.json: ``name, running, time_s``, ``health`` as in summary.json, and ``history`` by column.

    Late rows are summed over cameras for each minute.
    """
    content: dict[str, Any] = {"name": name, "running": running, "time_s": time.time(), "health": None}
    if health is not None:
        found = health.content()
        minutes = {minute: sum(counts.values()) for minute, counts in health.late_minutes.items()}
        content["health"] = found | {
            "time_s": health.time_s,
            "late_minutes": minutes,
            "links": health.links,
            "edges": health.edges,
        }
    columns = list(zip(*history, strict=True)) or [()] * len(HISTORY)
    content["history"] = {key: list(column) for key, column in zip(HISTORY, columns, strict=True)}
    return content
