"""Where a command's work is done: in this process, or on Ray."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sdist_ray.cameras.camera import Camera
from sdist_ray.coordinator.live import Timing
from sdist_ray.exclusion.tile import Counting
from sdist_ray.runtime.base import Keeping
from sdist_ray.runtime.feeds import NetworkSpec
from sdist_ray.runtime.health import NetworkHealth
from sdist_ray.runtime.live.local import LocalLiveNetwork
from sdist_ray.runtime.live.network import LiveNetwork
from sdist_ray.runtime.local import LocalNetwork
from sdist_ray.runtime.memory import free_memory
from sdist_ray.runtime.network import Network, Tally


class Metrics(Protocol):
    """Where figures are published for others to watch."""

    def publish(self, health: NetworkHealth) -> None:
        """Make this what they see."""
        ...


@dataclass(frozen=True)
class Host:
    """Where workers and shards live, chosen once for a run."""

    kind: str
    cpus: int

    def network(self, *arguments: Any) -> Network:
        """A network, ready to run; see LocalNetwork for the arguments."""
        if self.kind == "ray":
            from sdist_ray.runtime.ray.network import RayNetwork

            return RayNetwork(*arguments)
        return LocalNetwork(*arguments)

    def live_network(
        self,
        make_feed: Any,
        network: NetworkSpec,
        cameras: Sequence[Camera],
        counting: Counting | None,
        timing: Timing,
        workers: int,
        shards: int,
        keeping: Keeping,
        tally: Tally,
        called: str,
    ) -> LiveNetwork:
        """A live network, ready to start; ``called`` is its name on a cluster."""
        if self.kind == "ray":
            from sdist_ray.runtime.ray.live_network import RayLiveNetwork

            return RayLiveNetwork(
                make_feed, network, cameras, counting, timing, workers, shards, keeping, tally, called
            )
        workers = workers or os.cpu_count() or 1
        return LocalLiveNetwork(
            make_feed, network, cameras, counting, timing, workers, shards, keeping, tally
        )

    def metrics(self) -> Metrics | None:
        """For Prometheus; None where nothing could be asked for it."""
        if self.kind == "ray":
            from sdist_ray.runtime.ray.metrics import Metrics as RayMetrics

            return RayMetrics()
        return None

    def free_memory(self) -> list[int]:
        """Bytes that each machine has free."""
        if self.kind == "ray":
            from sdist_ray.runtime.ray.session import node_memory

            return node_memory()
        return [free_memory()]

    def map(
        self, function: Callable[[Any], Any], items: Sequence[Any], on_done: Callable[[int], None]
    ) -> None:
        """``function`` of every item, on all CPUs."""
        if self.kind == "ray":
            from sdist_ray.runtime.ray.session import parallel_map

            parallel_map(function, items, on_done)
            return
        for number, item in enumerate(items, 1):
            function(item)
            on_done(number)


@contextlib.contextmanager
def host(kind: str) -> Iterator[Host]:
    """This process, or Ray for as long as the block runs."""
    if kind == "ray":
        from sdist_ray.runtime.ray.session import ray_session

        with ray_session() as cpus:
            yield Host(kind, cpus)
    else:
        yield Host(kind, 1)
