"""Searches of pairs of cameras as Ray tasks: the views are put once, shards of pairs are handed out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import ray

from sdist_ray.topology.ground_plane.learn import LearnSettings
from sdist_ray.topology.ground_plane.pair import Fit
from sdist_ray.topology.ground_plane.search import Prepared, Runner, Task, shards_of
from sdist_ray.topology.ground_plane.view import View


def run_shard(views: Sequence[View], settings: LearnSettings, tasks: Sequence[Task]) -> list[Fit]:
    """The fits of some tasks."""
    prepared = Prepared(views, settings.fit, settings.seed)
    return [prepared.run(task) for task in tasks]


def ray_runner(views: Sequence[View], settings: LearnSettings, on_done: Callable[[int], None]) -> Runner:
    """Runs tasks on the cluster; a task that is lost with its node is run again, for it changes nothing."""
    shared = ray.put(list(views))
    shard_task = ray.remote(num_cpus=1, max_retries=3)(run_shard)

    def run(tasks: Sequence[Task]) -> list[Fit]:
        shards = shards_of(tasks)
        references = [shard_task.remote(shared, settings, shard) for shard in shards]
        pending, sizes = list(references), dict(zip(references, map(len, shards), strict=True))
        while pending:
            done, pending = ray.wait(pending)
            for reference in done:
                on_done(sizes[reference])
        return [fit for part in ray.get(references) for fit in part]

    return run
