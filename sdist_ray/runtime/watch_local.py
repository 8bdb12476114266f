"""Distancing in this process."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from sdist_ray.cameras.camera import Camera
from sdist_ray.runtime.watch_plan import Progress, Result, WatchPlan
from sdist_ray.runtime.watching import WatchWorker


class LocalWatch:
    """A run's one worker in this process."""

    def __init__(self, plan: WatchPlan, cameras: Sequence[Camera], folder: Path) -> None:
        """See WatchWorker; ``folder`` exists."""
        self._cameras = cameras
        self._worker = WatchWorker(plan, folder)
        self.where = [{"node": "this process", "gpus": [], **self._worker.runs_on}]

    def run(self, on_frames: Callable[[Progress], None]) -> list[Result]:
        """See RayWatch."""
        return [(watched, 0) for watched in self._worker.run(self._cameras, on_frames)]

    def fetch(self, worker: int, path: str, into: Path) -> None:
        """See RayWatch."""
        shutil.move(path, into)

    def close(self) -> None:
        """See RayWatch; the folder is its maker's."""
