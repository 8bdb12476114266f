"""Searches of pairs of cameras on Ray: the views are put once, shards of pairs are handed out."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from typing import Any

import ray
from ray.exceptions import RayActorError, RayError
from ray.util import ActorPool
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from sdist_ray.runtime.ground_plane import (
    Batch,
    GroundPlaneStage,
    Look,
    StageLost,
    StageSettings,
    runner_here,
    stand_back,
)
from sdist_ray.runtime.hosts import use_one_thread
from sdist_ray.runtime.ray.nodes import living_nodes
from sdist_ray.topology.ground_plane.pair import Fit
from sdist_ray.topology.ground_plane.plane import LearnSettings
from sdist_ray.topology.ground_plane.search import Prepared, Runner, Task, shards_of
from sdist_ray.topology.ground_plane.view import View

PIDS_TIMEOUT_S = 30.0


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


class Searcher:
    """Searches shards of pairs when nobody else wants the processor."""

    def __init__(self, settings: StageSettings) -> None:
        use_one_thread()
        if settings.idle:
            stand_back()
        self._settings = settings.learn
        self._shared = ""
        self._run: Runner = lambda tasks: []

    def search(self, views: Sequence[Any], tasks: Sequence[Task]) -> list[Fit]:
        """The fits of some tasks; ``views`` are a reference in a list."""
        if self._shared != views[0].hex():
            self._run = runner_here(ray.get(views[0]), self._settings)
            self._shared = views[0].hex()
        return self._run(tasks)

    def forget(self) -> None:
        """Views are not kept: the object store has room for those of one look."""
        self._shared, self._run = "", lambda tasks: []

    def pid(self) -> int:
        """This process."""
        return os.getpid()


class GroundPlaneActor:
    """Holds a GroundPlaneStage whose shards others search."""

    def __init__(self, settings: StageSettings, searchers: Sequence[Any]) -> None:
        use_one_thread()
        if settings.idle:
            stand_back()
        self._searchers = list(searchers)
        self._stage = GroundPlaneStage(settings, self._runner)

    def _runner(self, views: Sequence[View]) -> Runner:
        shared = [ray.put(list(views))]
        pool = ActorPool(self._searchers)

        def run(tasks: Sequence[Task]) -> list[Fit]:
            parts = pool.map(lambda searcher, shard: searcher.search.remote(shared, shard), shards_of(tasks))
            return [fit for part in parts for fit in part]

        return run

    def look(self, batches: Sequence[Batch]) -> Look:
        """See Stage."""
        found = self._stage.look(batches)
        for searcher in self._searchers:
            searcher.forget.remote()
        return found

    def pid(self) -> int:
        """This process."""
        return os.getpid()


class RayStage:
    """The stage as an actor of this node, with one on every node that searches. See Stage.

    They ask for no CPU, for all are taken by who reads cameras, and run when these wait. A searcher that is
    lost is made anew, and what it was asked is asked again: it changes nothing.
    """

    def __init__(self, settings: StageSettings) -> None:
        searcher = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(Searcher)
        self._searchers = [
            searcher.options(scheduling_strategy="SPREAD").remote(settings) for _ in living_nodes()
        ]
        # What is known is written down in this node's folder.
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        actor = ray.remote(num_cpus=0, scheduling_strategy=here)(GroundPlaneActor)
        self._actor: Any = actor.remote(settings, self._searchers)

    def look(self, batches: Sequence[Batch]) -> Look:
        """See Stage."""
        try:
            found: Look = ray.get(self._actor.look.remote(batches))
        except RayActorError as error:
            raise StageLost(str(error).splitlines()[0]) from error
        return found

    def pids(self) -> list[int]:
        """See Stage."""
        calls = [actor.pid.remote() for actor in (self._actor, *self._searchers)]
        return [int(pid) for pid in ray.get(calls, timeout=PIDS_TIMEOUT_S)]

    def close(self) -> None:
        """See Stage."""
        for actor in (self._actor, *self._searchers):
            with contextlib.suppress(RayError, ValueError):
                ray.kill(actor)
