"""A live network on Ray, as its driver sees it: it makes the actors, and reads what is closed."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayActorError, RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from sdist_ray.cameras.camera import Camera
from sdist_ray.coordinator.live import Timing
from sdist_ray.coordinator.shards import MAX_LOSSES
from sdist_ray.errors import InputError
from sdist_ray.exclusion.tile import Counting
from sdist_ray.runtime.base import Keeping
from sdist_ray.runtime.feeds import NetworkSpec
from sdist_ray.runtime.health import NetworkHealth
from sdist_ray.runtime.hosts import Stale
from sdist_ray.runtime.journal import JournalReader
from sdist_ray.runtime.live.feed import LiveFeed
from sdist_ray.runtime.network import Requests, Tally
from sdist_ray.runtime.ray.actors import ExclusionShard
from sdist_ray.runtime.ray.fleet import Fleet
from sdist_ray.runtime.ray.live import LiveSetup
from sdist_ray.runtime.ray.live_actors import LiveCoordinatorActor
from sdist_ray.runtime.ray.network import (
    ACTOR_OPTIONS,
    CLEAR_TIMEOUT_S,
    NAMESPACE,
    SHARDS_SHARE,
    shard_options,
)
from sdist_ray.runtime.ray.nodes import cpus_to_use, least_cpus
from sdist_ray.runtime.ray.runtime import UNTIL_IT_IS_THERE
from sdist_ray.runtime.screens import Asked
from sdist_ray.topology.links import DirectedLinks
from sdist_ray.topology.screening import Screening
from sdist_ray.video.source import Image

ANSWER_TIMEOUT_S = 10.0
LOOK_TIMEOUT_S = 2.0
LINKS_TIMEOUT_S = 300.0
STOP_TIMEOUT_S = 120.0
BACK_TIMEOUT_S = 120.0
RECONCILE_S = 2.0
PICTURES_TIMEOUT_S = 5.0
HUNG_S = 20.0
"""A coordinator that says nothing for so long is made anew."""
# Its process died, it was made anew and knows nothing yet, or something in it went wrong.
LOST_COORDINATOR = (RayActorError, RayTaskError, Stale)


def coordinator_name(network: str) -> str:
    """The name of the actor that coordinates a live network."""
    return f"network:{network}"


def find_coordinator(network: str) -> Any:
    """The coordinator of a live network of this cluster.

    Raises:
        InputError: there is no such network.
    """
    try:
        return ray.get_actor(coordinator_name(network), NAMESPACE)
    except ValueError as error:
        there = ", ".join(networks()) or "none"
        raise InputError(f"no live network {network!r} runs on this cluster; there are: {there}") from error


def networks() -> list[str]:
    """Names of the live networks of this cluster."""
    names = [entry["name"] for entry in ray.util.list_named_actors(all_namespaces=True)]
    return sorted(name.partition(":")[2] for name in names if name.startswith("network:"))


class RayLiveNetwork:
    """A live network on Ray. See LiveNetwork. Needs a ray_session around it, and a journal.

    Raises:
        InputError: a network of that name runs on the cluster already.
    """

    name = "ray"

    def __init__(
        self,
        make_feed: Callable[[], LiveFeed],
        network: NetworkSpec,
        cameras: Sequence[Camera],
        counting: Counting | None,
        timing: Timing,
        workers: int,
        shards: int,
        keeping: Keeping,
        tally: Tally,
        called: str,
    ) -> None:
        assert keeping.journal is not None
        self.shards = shards
        self.tally = tally
        self._requests = Requests(network.cameras)
        self._journal = JournalReader(keeping.journal)
        self._health = NetworkHealth()
        self._looked: Any = None
        self._running: Any = None
        self._looked_s = 0.0
        self._reconciled_s = 0.0
        self._told: set[int] = set()
        self._losses, self._lost_at = 0, -1
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        try:
            self._coordinator: Any = (
                ray.remote(LiveCoordinatorActor)
                .options(
                    **ACTOR_OPTIONS,
                    name=coordinator_name(called),
                    namespace=NAMESPACE,
                    num_cpus=0,
                    max_concurrency=8,
                    scheduling_strategy=here,
                )
                .remote()
            )
        except ValueError as error:
            raise InputError(
                f"a live network {called!r} runs on this cluster already; "
                "live.name=… would give this one another name"
            ) from error
        # Workers fill every node but for the shards' share: one that lost its node must fit there.
        shard = shard_options(SHARDS_SHARE * min(cpus_to_use() / max(shards, 1), least_cpus()))
        self._shards = tuple(
            ray.remote(ExclusionShard).options(**shard).remote(counting, keeping.snapshots)
            for _ in range(shards)
        )
        self._fleet = Fleet(network.clock, 1 - SHARDS_SHARE, workers)
        setup = LiveSetup(network, tuple(cameras), self._shards, make_feed, counting, timing, keeping)
        # Kept: whoever is made anew needs it again.
        self._setup = ray.put(setup)

    def start(self) -> None:
        """See LiveNetwork."""
        self._fleet.reconcile()
        self._begin()
        self._running = self._coordinator.run.remote()

    def _begin(self, timeout_s: float = BACK_TIMEOUT_S) -> None:
        """Have the coordinator, whoever that is by now, know all that is known here."""
        begin = self._coordinator.begin.options(**UNTIL_IT_IS_THERE)
        workers, leaving = self._fleet.workers, self._fleet.leaving
        ray.get(begin.remote([self._setup], self._requests.all, workers, leaving), timeout=timeout_s)
        self._told = set(workers)

    def look(self) -> NetworkHealth:
        """See LiveNetwork."""
        try:
            self._end_of_run()
            if self._hear():
                self._reconcile()
        except LOST_COORDINATOR as error:
            self._take_over(error)
        self.tally.read(self._journal)
        return self._health

    def _end_of_run(self) -> None:
        if self._running is not None and ray.wait([self._running], timeout=0)[0]:
            problem = ray.get(self._running)
            self._running = None
            if problem is not None:
                raise InputError(problem)

    def _hear(self) -> bool:
        """Whether the coordinator said how the network is; one that does not for long is made anew."""
        if self._looked is None:
            self._looked = self._coordinator.look.remote(len(self._requests.all))
            self._looked_s = time.monotonic()
        if not ray.wait([self._looked], timeout=LOOK_TIMEOUT_S)[0]:
            if time.monotonic() - self._looked_s > HUNG_S:
                # The call will say that it is lost, once it is.
                ray.kill(self._coordinator, no_restart=False)
                self._looked_s = time.monotonic()
            return False
        looked, self._looked = self._looked, None
        self._health, requests, gone = ray.get(looked)
        self._requests.take([*self._requests.all, *requests])
        self._fleet.gone(gone)
        return True

    def _reconcile(self) -> None:
        if self._running is None or 0 <= time.monotonic() - self._reconciled_s < RECONCILE_S:
            return
        self._reconciled_s = time.monotonic()
        self._fleet.reconcile()
        if self._fleet.leaving or not self._fleet.workers.keys() <= self._told:
            with contextlib.suppress(GetTimeoutError):
                self._begin(LOOK_TIMEOUT_S)

    def _take_over(self, error: Exception) -> None:
        """The coordinator died: Ray has made it anew, or will; it goes on from the journal."""
        self.tally.read(self._journal)
        self._losses = self._losses + 1 if self.tally.ranges == self._lost_at else 1
        self._lost_at = self.tally.ranges
        if self._losses > MAX_LOSSES:
            cause = str(error).strip().splitlines()[-1]
            raise InputError(
                f"the coordinator was lost {self._losses} times at one place: {cause}"
            ) from error
        if not isinstance(error, (RayActorError, Stale)):
            # It lives, but went wrong in a way that nobody foresaw: it is not to be trusted any more.
            ray.kill(self._coordinator, no_restart=False)
        self._looked = None
        try:
            self._begin()
        except GetTimeoutError as late:
            raise InputError(f"the coordinator did not come back within {BACK_TIMEOUT_S:g} s") from late
        self._running = self._coordinator.run.remote()

    def _ask(self, method: str, *arguments: Any, timeout: float = ANSWER_TIMEOUT_S) -> Any:
        try:
            return ray.get(getattr(self._coordinator, method).remote(*arguments), timeout=timeout)
        except RayTaskError as error:
            if isinstance(error.cause, InputError):
                raise error.cause from error
            raise
        except GetTimeoutError as error:
            raise InputError(f"the coordinator did not answer within {timeout:g} s") from error

    def _request(self, method: str, *arguments: Any) -> None:
        try:
            self._ask(method, *arguments)
        except (RayActorError, Stale) as error:
            raise InputError("the coordinator is being made anew; try again in a few seconds") from error

    def add_cameras(self, cameras: Sequence[Camera]) -> None:
        """See LiveNetwork."""
        self._request("add_cameras", list(cameras))

    def remove_cameras(self, cameras: Sequence[str]) -> None:
        """See LiveNetwork."""
        self._request("remove_cameras", list(cameras))

    def pause_cameras(self, cameras: Sequence[str], paused: bool) -> None:
        """See LiveNetwork."""
        self._request("pause_cameras", list(cameras), paused)

    def directed_links(
        self,
        network: Sequence[str],
        estimator: str,
        threshold: float,
        follow: bool = False,
        screening: Screening | None = None,
    ) -> list[DirectedLinks] | None:
        """See LiveNetwork. What died since the end is made anew, so that there are links."""
        question = Asked(network, estimator, threshold, follow, screening)
        while True:
            links, lost = None, Stale()
            try:
                links = self._links(question)
            except LOST_COORDINATOR as error:
                lost = error
            if links is not None or self._running is not None:
                # While it runs, the next look takes over.
                return links
            ray.kill(self._coordinator, no_restart=False)
            self._take_over(lost)
            self.stop()

    def _links(self, question: Asked) -> list[DirectedLinks] | None:
        """Ask for links; the network is looked after meanwhile."""
        asked = self._coordinator.directed_links.remote(question)
        end_s = time.monotonic() + LINKS_TIMEOUT_S
        while not ray.wait([asked], timeout=1.0)[0] and time.monotonic() < end_s:
            if self._running is not None:
                self.look()
        links: list[DirectedLinks] | None = ray.get(asked) if ray.wait([asked], timeout=0)[0] else None
        return links

    def processes(self) -> dict[str, int]:
        """Ids of the actors' processes, by kind and number, on whatever node they are."""
        calls = {f"worker {number}": actor.where.remote() for number, actor in self._fleet.workers.items()}
        found = {}
        for name, reference in calls.items():
            try:
                found[name] = ray.get(reference, timeout=ANSWER_TIMEOUT_S)[1]
            except RayError:
                continue
        for number, shard in enumerate(self._shards):
            found[f"shard {number}"] = ray.get(shard.pid.options(**UNTIL_IT_IS_THERE).remote())
        found["coordinator"] = ray.get(self._coordinator.pid.options(**UNTIL_IT_IS_THERE).remote())
        return found

    def pictures(self, most: int) -> dict[str, Image]:
        """See LiveNetwork."""
        found: dict[str, Image] = {}
        calls = [worker.pictures.remote(most) for worker in self._fleet.workers.values()]
        # One that waits for room, or hangs, has none.
        ready, _ = ray.wait(calls, num_returns=len(calls), timeout=PICTURES_TIMEOUT_S) if calls else ([], [])
        for reference in ready:
            with contextlib.suppress(RayError):
                found |= ray.get(reference)
        return found

    def stop(self) -> NetworkHealth:
        """See LiveNetwork."""
        end_s = time.monotonic() + STOP_TIMEOUT_S
        while self._running is not None:
            try:
                ray.wait([self._coordinator.stop.remote(), self._running], num_returns=2, timeout=1.0)
                self._end_of_run()
                self._hear()
            except LOST_COORDINATOR as error:
                self._take_over(error)
            if time.monotonic() > end_s:
                raise InputError(f"the network did not end within {STOP_TIMEOUT_S:g} s")
        with contextlib.suppress(*LOST_COORDINATOR):
            # How it was a moment ago is known, should it die now.
            self._looked = None
            self._hear()
        self.tally.read(self._journal)
        return self._health

    def close(self) -> None:
        """See LiveNetwork."""
        clearing = [shard.clear.remote() for shard in self._shards]
        ray.kill(self._coordinator)
        self._fleet.close()
        if clearing:
            ray.wait(clearing, num_returns=len(clearing), timeout=CLEAR_TIMEOUT_S)
        for actor in self._shards:
            ray.kill(actor)
        self._shards = ()
