"""Many pairs searched: what there is to do, as tasks that depend on their views and themselves alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from sdist_ray.topology.ground_plane.clocks import retimed
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
        late_a, late_b: samples by which the cameras' clocks are late; that is undone.
    """

    a: int
    b: int
    shift: int = 0
    rough: Array | None = None
    late_a: float = 0.0
    late_b: float = 0.0


Runner = Callable[[Sequence[Task]], list[Fit]]
"""Runs tasks somewhere; fits in the order of the tasks."""


class Remembered:
    """A runner that does not search the same twice.

    Args:
        run: runs tasks.
    """

    def __init__(self, run: Runner) -> None:
        self._run = run
        self._found: dict[tuple[int, int, int, float, float], Fit] = {}

    def __call__(self, tasks: Sequence[Task]) -> list[Fit]:
        """The fits of some tasks, in their order."""
        keys = [(task.a, task.b, task.shift, task.late_a, task.late_b) for task in tasks]
        new = [n for n, task in enumerate(tasks) if task.rough is not None or keys[n] not in self._found]
        fits = dict(zip(new, self._run([tasks[n] for n in new]), strict=True))
        for n, fit in fits.items():
            if tasks[n].rough is None:
                self._found[keys[n]] = fit
        return [fits[n] if n in fits else self._found[key] for n, key in enumerate(keys)]


class OnTime:
    """A runner that undoes how late cameras' clocks are.

    Args:
        run: runs tasks.
        late: float64 (cameras,), samples.
    """

    def __init__(self, run: Runner, late: Array) -> None:
        self._run = run
        self.late = late

    def __call__(self, tasks: Sequence[Task]) -> list[Fit]:
        """The fits of some tasks, in their order."""
        # Only how much later one is than the other says anything, but both may run out of the footage.
        return self._run([
            task._replace(late_a=float(self.late[task.a]), late_b=float(self.late[task.b])) for task in tasks
        ])  # fmt: skip


class Prepared:
    """Views, with what is derived from them made when it is first asked for."""

    def __init__(self, views: Sequence[View], settings: FitSettings, seed: int) -> None:
        self._views = views
        self._settings = settings
        self._seed = seed
        self._worth: dict[tuple[int, float], Worth] = {}
        self._changed: dict[tuple[int, int, float], View] = {}

    def run(self, task: Task) -> Fit:
        """One task's fit: the same wherever it runs."""
        a, b = self._view(task.a, 0, task.late_a), self._view(task.b, task.shift, task.late_b)
        settings = self._settings
        # The base rates of a view that is turned in time are those that it had.
        worth = self._of(task.a, settings.hit_rate), self._of(task.b, settings.hit_rate)
        if task.rough is not None:
            # A copy, for Ray hands out read-only arrays, which would be compiled for anew.
            return fit_composed(task.rough.copy(), a, b, worth)
        rough = self._of(task.a, settings.rough_hit_rate), self._of(task.b, settings.rough_hit_rate)
        seed = (self._seed * 1_000_003 + task.a * 65_537 + task.b) * 8_191 + task.shift
        return fit_pair(a, b, rough, worth, settings, seed % (1 << 63))

    def _view(self, camera: int, shift: int, late: float) -> View:
        if not shift and not late:
            return self._views[camera]
        if (camera, shift, late) not in self._changed:
            view = retimed(self._views[camera], late) if late else self._views[camera]
            self._changed[camera, shift, late] = shifted(view, shift) if shift else view
        return self._changed[camera, shift, late]

    def _of(self, camera: int, hit_rate: float) -> Worth:
        if (camera, hit_rate) not in self._worth:
            self._worth[camera, hit_rate] = worth_of(self._views[camera], hit_rate)
        return self._worth[camera, hit_rate]


def shards_of(tasks: Sequence[Task]) -> list[Sequence[Task]]:
    """Tasks cut into pieces of about equal work."""
    return [tasks[start : start + SHARD] for start in range(0, len(tasks), SHARD)]
