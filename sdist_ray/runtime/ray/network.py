"""A network on Ray, as its driver sees it: it makes the actors, and reads what the coordinator closes.

The driver owns the actors, so those of the coordinator outlive it. Ray makes an actor anew whose process or
node died; a call is never made again by Ray, unless it is one that begins anew.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

import ray
from ray.exceptions import RayActorError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from sdist_ray.cameras.camera import Camera
from sdist_ray.coordinator.shards import MAX_LOSSES
from sdist_ray.errors import InputError
from sdist_ray.exclusion.tile import Counting
from sdist_ray.partition.partitioning import Partitioning
from sdist_ray.runtime.base import FeedFactory, Keeping
from sdist_ray.runtime.feeds import CameraReport, NetworkSpec
from sdist_ray.runtime.hosts import Stale
from sdist_ray.runtime.journal import JournalReader
from sdist_ray.runtime.network import Requests, Tally
from sdist_ray.runtime.ray.actors import CoordinatorActor, DetectionWorker, ExclusionShard
from sdist_ray.runtime.ray.nodes import SHARDS, cpus_to_use, offer_shards
from sdist_ray.runtime.ray.runtime import UNTIL_IT_IS_THERE, Actors, Setup
from sdist_ray.runtime.screens import Asked
from sdist_ray.topology.links import DirectedLinks
from sdist_ray.topology.screening import Screening

SHARDS_SHARE = 0.25
"""Of the CPUs, for all shards together; workers, which decode and detect, get the rest."""
NAMESPACE = "sdist_ray"
SHARD_SLICE = 0.001
"""Of what a node offers for shards, that one takes: any number of them fits."""
LOOK_S = 0.1
CLEAR_TIMEOUT_S = 2.0
# A call that were made again would count twice.
ACTOR_OPTIONS = {"max_restarts": -1, "max_task_retries": 0}


class RayNetwork:
    """A network on Ray. See Network. Needs a ray_session around it, and a journal.

    Attributes:
        coordinator: the name of its actor.
    """

    name = "ray"

    def __init__(
        self,
        make_feed: FeedFactory,
        network: NetworkSpec,
        counting: Counting | None,
        workers: int,
        shards: int,
        keeping: Keeping,
        tally: Tally,
    ) -> None:
        assert keeping.journal is not None
        self.workers = workers
        self.shards = shards
        self.tally = tally
        self.coordinator = f"coordinator-{secrets.token_hex(4)}"
        self._requests = Requests(network.cameras)
        self._journal = JournalReader(keeping.journal)
        cpus = cpus_to_use()
        worker = actor_options(cpus * (1 - SHARDS_SHARE) / workers)
        shard = shard_options(cpus * SHARDS_SHARE / max(shards, 1))
        self._actors = Actors(
            tuple(
                ray.remote(DetectionWorker).options(**worker).remote(network.clock) for _ in range(workers)
            ),
            tuple(
                ray.remote(ExclusionShard).options(**shard).remote(counting, keeping.snapshots)
                for _ in range(shards)
            ),
        )
        # Beside the driver: the journal is on this node's disk.
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        self._coordinator: Any = (
            ray.remote(CoordinatorActor)
            .options(
                **ACTOR_OPTIONS,
                name=self.coordinator,
                namespace=NAMESPACE,
                num_cpus=0,
                max_concurrency=2,
                scheduling_strategy=here,
            )
            .remote()
        )
        # Kept: whoever is made anew needs it again.
        self._setup = ray.put(Setup(network, self._actors, make_feed, counting, keeping))

    def run(self) -> None:
        """See Network."""
        try:
            problem, newest = self._ask("run")
        finally:
            # Also of a run that was interrupted.
            self.tally.read(self._journal)
        if problem is not None:
            raise InputError(problem)
        if self.tally.newest != newest:
            raise InputError(
                "the coordinator's journal cannot be read here; output must be a folder that the driver and "
                "the node it is connected to share"
            )

    def add_cameras(self, cameras: Sequence[Camera]) -> None:
        """See Network."""
        self._requests.add(cameras)
        self._coordinator.begin.remote([self._setup], self._requests.all)

    def remove_camera(self, camera: str) -> None:
        """See Network."""
        self._requests.remove(camera)
        self._coordinator.begin.remote([self._setup], self._requests.all)

    def partition(self, partitioning: Partitioning) -> None:
        """See Network."""
        self._requests.partition(partitioning)
        self._coordinator.begin.remote([self._setup], self._requests.all)

    def directed_links(
        self, network: Sequence[str], estimator: str, threshold: float, screening: Screening | None = None
    ) -> list[DirectedLinks]:
        """See Network."""
        asked = Asked(network, estimator, threshold, screening=screening)
        links: list[DirectedLinks] = self._ask("directed_links", asked)
        return links

    def reports(self) -> list[CameraReport]:
        """See Network."""
        reports: list[CameraReport] = self._ask("reports")
        return reports

    def processes(self) -> dict[str, int]:
        """Ids of the actors' processes, by kind and number, on whatever node they are."""
        actors = {f"worker {number}": actor for number, actor in enumerate(self._actors.workers)}
        actors |= {f"shard {number}": actor for number, actor in enumerate(self._actors.shards)}
        actors["coordinator"] = self._coordinator
        pids = [actor.pid.options(**UNTIL_IT_IS_THERE).remote() for actor in actors.values()]
        return dict(zip(actors, ray.get(pids), strict=True))

    def close(self) -> None:
        """See Network."""
        clearing = [shard.clear.remote() for shard in self._actors.shards]
        ray.kill(self._coordinator)
        if clearing:
            ray.wait(clearing, num_returns=len(clearing), timeout=CLEAR_TIMEOUT_S)
        for actor in [*self._actors.workers, *self._actors.shards]:
            ray.kill(actor)
        self._actors = Actors((), ())

    def _ask(self, method: str, *arguments: Any) -> Any:
        """Ask the coordinator, whoever that is by then: one that was made anew takes over first."""
        losses, ranges = 0, self.tally.ranges
        while True:
            begin = self._coordinator.begin.options(**UNTIL_IT_IS_THERE)
            ray.get(begin.remote([self._setup], self._requests.all))
            answer = getattr(self._coordinator, method).remote(*arguments)
            try:
                while not ray.wait([answer], timeout=LOOK_S)[0]:
                    self.tally.read(self._journal)
                return ray.get(answer)
            except (RayActorError, Stale) as error:
                losses = losses + 1 if self.tally.ranges == ranges else 1
                ranges = self.tally.ranges
                if losses > MAX_LOSSES:
                    raise InputError(
                        f"the coordinator was lost {losses} times at one place in the run"
                    ) from error


def actor_options(cpus: float) -> dict[str, Any]:
    """Of an actor that is to have so many CPUs, one at most."""
    # Spread over the nodes: one that dies takes few with it.
    return ACTOR_OPTIONS | {"num_cpus": _share(min(1.0, cpus)), "scheduling_strategy": "SPREAD"}


def shard_options(cpus: float) -> dict[str, Any]:
    """Of a shard that is to have so many CPUs; where nodes offer to host shards, it is on one of them."""
    options = actor_options(cpus)
    if offer_shards():
        # No CPUs are set aside there: any one of these nodes must be able to host all shards.
        options |= {"num_cpus": 0, "resources": {SHARDS: SHARD_SLICE}}
    return options


def _share(cpus: float) -> float:
    """CPUs as Ray counts them: rounded down to four digits, so that all the shares fit."""
    return int(cpus * 10_000) / 10_000
