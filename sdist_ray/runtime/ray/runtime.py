"""Workers and shards as Ray actors."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

import ray

from sdist_ray.cameras.camera import without_credentials
from sdist_ray.errors import InputError
from sdist_ray.exclusion.tile import Counting
from sdist_ray.occupancy.padding import PaddedRange
from sdist_ray.runtime.base import Advanced, Answer, Applied, FeedFactory, Opened
from sdist_ray.runtime.feeds import CameraReport
from sdist_ray.runtime.ray.actors import DetectionWorker, ExclusionShard
from sdist_ray.topology.links import DirectedLinks

SHARDS_SHARE = 0.25
"""Of the CPUs, for all shards together; workers, which decode and detect, get the rest."""
CONNECT_TIMEOUT_S = 5.0
OBJECT_STORE_BYTES = 512 << 20
# A call that were made again would count twice.
ACTOR_OPTIONS = {"max_restarts": 0, "max_task_retries": 0}


@contextlib.contextmanager
def ray_session() -> Iterator[int]:
    """Connect to the cluster that RAY_ADDRESS names, or start one in this machine; yields its CPUs.

    A cluster that was started here ends with the session.

    Raises:
        InputError: no cluster answers at RAY_ADDRESS.
    """
    options: dict[str, Any] = {
        "log_to_driver": False,
        "logging_level": logging.ERROR,
        "configure_logging": True,
    }
    address = os.environ.get("RAY_ADDRESS")
    if address:
        _check_answers(address)
    else:
        # Nothing here needs accelerators, and Ray would warn of how it hides them in a later version.
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        options |= {
            "address": "local",
            "include_dashboard": False,
            "object_store_memory": OBJECT_STORE_BYTES,
        }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ray.init(**options)
        except (ConnectionError, ValueError, RuntimeError) as error:
            where = os.environ.get("RAY_ADDRESS", "this machine")
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise InputError(f"no Ray cluster at {where}: {reason}") from error
    try:
        yield max(1, int(ray.cluster_resources().get("CPU", 1)))
    finally:
        ray.shutdown()


def _check_answers(address: str) -> None:
    """Raise InputError when nothing listens at host:port; Ray itself would try for minutes."""
    parts = urlsplit(address if "://" in address else f"ray://{address}")
    try:
        if parts.hostname and parts.port:
            socket.create_connection((parts.hostname, parts.port), CONNECT_TIMEOUT_S).close()
    except (OSError, ValueError) as error:
        raise InputError(
            f"no Ray cluster at RAY_ADDRESS={without_credentials(address)} ({error}); "
            "start one, or unset it to run on this machine"
        ) from error


def node_memory() -> list[int]:
    """Bytes that each node of the cluster has for actors, its object store left out."""
    return [int(node["Resources"].get("memory", 0)) for node in ray.nodes() if node["Alive"]]


def parallel_map(
    function: Callable[[Any], Any], items: Sequence[Any], on_done: Callable[[int], None]
) -> list[Any]:
    """``function`` of every item, one CPU each, in any order; results in order."""
    task = ray.remote(num_cpus=1, max_retries=0)(function)
    references = [task.remote(item) for item in items]
    pending = list(references)
    while pending:
        _, pending = ray.wait(pending)
        on_done(len(references) - len(pending))
    results: list[Any] = ray.get(references)
    return results


class RayRuntime:
    """See Runtime. Needs a ray_session around it."""

    name = "ray"

    def __init__(self, make_feed: FeedFactory, workers: int, shards: int, cpus: int) -> None:
        self.workers = workers
        self.shards = shards
        worker_cpus = min(1.0, cpus * (1 - SHARDS_SHARE) / workers)
        shard_cpus = min(1.0, cpus * SHARDS_SHARE / max(shards, 1))
        factory = ray.put(make_feed)
        self._workers = [
            ray.remote(DetectionWorker).options(num_cpus=_share(worker_cpus), **ACTOR_OPTIONS).remote(factory)
            for _ in range(workers)
        ]
        self._shards = [
            ray.remote(ExclusionShard).options(num_cpus=_share(shard_cpus), **ACTOR_OPTIONS).remote()
            for _ in range(shards)
        ]
        self._pending: dict[Any, Callable[[Any], Answer]] = {}

    def open_cameras(self, worker: int, cameras: Sequence[str]) -> None:
        """See Runtime."""
        reference = self._workers[worker].open.remote(cameras)
        self._pending[reference] = lambda openings: Opened(worker, openings)

    def advance(self, worker: int, through: int) -> None:
        """See Runtime."""
        reference = self._workers[worker].advance.remote(through)
        self._pending[reference] = lambda delivery: Advanced(worker, through, delivery)

    def create_tile(
        self, shard: int, rows: Sequence[str], columns: Sequence[str], counting: Counting
    ) -> None:
        """See Runtime."""
        self._shards[shard].create_tile.remote(rows, columns, counting)

    def publish(self, padded: PaddedRange) -> Any:
        """See Runtime: one copy in the object store, whoever reads it."""
        return ray.put(padded)

    def apply(self, shard: int, index: int, handle: Any, network: Sequence[str]) -> None:
        """See Runtime."""
        reference = self._shards[shard].apply.remote(handle, network)
        self._pending[reference] = lambda _: Applied(shard, index)

    def wait(self) -> list[Answer]:
        """See Runtime."""
        done, _ = ray.wait(list(self._pending), num_returns=1)
        # An actor answers in order of its calls: take them in the order they were made.
        also, _ = ray.wait(list(self._pending), num_returns=len(self._pending), timeout=0)
        ready = {*done, *also}
        return [
            self._pending.pop(reference)(ray.get(reference))
            for reference in list(self._pending)
            if reference in ready
        ]

    def directed_links(self, network: Sequence[str], estimator: str, threshold: float) -> list[DirectedLinks]:
        """See Runtime."""
        references = [s.directed_links.remote(network, estimator, threshold) for s in self._shards]
        return [links for links in ray.get(references) if links is not None]

    def reports(self) -> list[CameraReport]:
        """See Runtime."""
        answers = ray.get([worker.report.remote() for worker in self._workers])
        return [report for reports in answers for report in reports]

    def close(self) -> None:
        """See Runtime."""
        for actor in [*self._workers, *self._shards]:
            ray.kill(actor)
        self._workers, self._shards = [], []


def _share(cpus: float) -> float:
    """CPUs as Ray counts them: rounded down to four digits, so that all the shares fit."""
    return int(cpus * 10_000) / 10_000
