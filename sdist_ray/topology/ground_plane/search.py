"""Many pairs searched: what there is to do, as tasks that depend on their views and themselves alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from sdist_ray.topology.ground_plane.null import shifted
from sdist_ray.topology.ground_plane.pair import Fit, FitSettings, fit_composed, fit_pair
from sdist_ray.topology.ground_plane.view import Array, View, Worth, worth_of

SHARD = 32
"""Tasks that travel together."""


class Task(NamedTuple):
    """One pair of cameras to be searched, or a homography of theirs to be refined and scored.

    Attributes:
        a, b: indices of the cameras.
        shift: samples by which b's time is turned in a circle; 0 for what really was.
        rough: float64 (3, 3) to start from, units of a to units of b; None for a search.
    """

    a: int
    b: int
    shift: int = 0
    rough: Array | None = None


Runner = Callable[[Sequence[Task]], list[Fit]]
"""Runs tasks somewhere; fits in the order of the tasks."""


class Prepared:
    """Views, with what is derived from them made when it is first asked for."""

    def __init__(self, views: Sequence[View], settings: FitSettings, seed: int) -> None:
        self._views = views
        self._settings = settings
        self._seed = seed
        self._worth: dict[tuple[int, float], Worth] = {}
        self._shifted: dict[tuple[int, int], View] = {}

    def run(self, task: Task) -> Fit:
        """One task's fit: the same wherever it runs."""
        a, b = self._views[task.a], self._view(task.b, task.shift)
        settings = self._settings
        # The base rates of a view that is turned in time are those that it had.
        worth = self._of(task.a, settings.hit_rate), self._of(task.b, settings.hit_rate)
        if task.rough is not None:
            # A copy, for Ray hands out read-only arrays, which would be compiled for anew.
            return fit_composed(task.rough.copy(), a, b, worth)
        rough = self._of(task.a, settings.rough_hit_rate), self._of(task.b, settings.rough_hit_rate)
        seed = (self._seed * 1_000_003 + task.a * 65_537 + task.b) * 8_191 + task.shift
        return fit_pair(a, b, rough, worth, settings, seed % (1 << 63))

    def _view(self, camera: int, shift: int) -> View:
        if not shift:
            return self._views[camera]
        if (camera, shift) not in self._shifted:
            self._shifted[camera, shift] = shifted(self._views[camera], shift)
        return self._shifted[camera, shift]

    def _of(self, camera: int, hit_rate: float) -> Worth:
        if (camera, hit_rate) not in self._worth:
            self._worth[camera, hit_rate] = worth_of(self._views[camera], hit_rate)
        return self._worth[camera, hit_rate]


def shards_of(tasks: Sequence[Task]) -> list[Sequence[Task]]:
    """Tasks cut into pieces of about equal work."""
    return [tasks[start : start + SHARD] for start in range(0, len(tasks), SHARD)]
