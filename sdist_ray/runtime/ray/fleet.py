"""The live workers of a network: one for every CPU of every node, or as many as were asked for.

Numbers are never used again: a worker that is gone is replaced by another one, where there is room.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from sdist_ray.occupancy.block import Clock
from sdist_ray.runtime.ray.live_actors import LiveWorker
from sdist_ray.runtime.ray.nodes import cpus_to_use, draining_nodes, living_nodes


@dataclass
class _Berth:
    """A worker.

    Attributes:
        handle: of the actor.
        node: that it was made for, or is on; None as long as Ray has not told which.
        where: the call that says where it is, answered once it is there; None once it was.
    """

    handle: Any
    node: str | None
    where: Any


class Fleet:
    """Makes workers, and ends those that are gone.

    Args:
        clock: of the network.
        share: of a node's CPUs, for all of its workers together.
        workers: how many; 0 for one a CPU, on nodes that join later as well.

    Attributes:
        leaving: workers whose node is to go.
    """

    def __init__(self, clock: Clock, share: float, workers: int = 0) -> None:
        self._clock = clock
        self._share = share
        self._wanted = workers
        self._berths: dict[int, _Berth] = {}
        self._next = 0
        self.leaving: set[int] = set()

    @property
    def workers(self) -> dict[int, Any]:
        """Handles of all workers that there should be, by number. Some may wait for room."""
        return {number: berth.handle for number, berth in self._berths.items()}

    def gone(self, numbers: Iterable[int]) -> None:
        """Workers were lost, or are not needed any more."""
        for number in numbers:
            berth = self._berths.pop(number, None)
            self.leaving.discard(number)
            if berth is not None:
                ray.kill(berth.handle)

    def reconcile(self) -> None:
        """End what is lost with its node, make the workers that are missing, find those that are to leave."""
        nodes, draining = living_nodes(), draining_nodes()
        self._find_out_where()
        self.gone([n for n, berth in self._berths.items() if berth.node and berth.node not in nodes])
        self.leaving = {number for number, berth in self._berths.items() if berth.node in draining}
        if self._wanted:
            # As many as were asked for, wherever Ray has room; those of a node that goes are made elsewhere.
            for _ in range(self._wanted - len(self._berths.keys() - self.leaving)):
                self._make(self._share * cpus_to_use() / self._wanted, None)
            return
        there = Counter(berth.node for berth in self._berths.values())
        for node, cpus in nodes.items():
            wanted = max(1, int(cpus)) if cpus > 0 and node not in draining else 0
            for _ in range(wanted - there[node]):
                self._make(self._share * cpus / wanted, node)

    def _find_out_where(self) -> None:
        for number, berth in list(self._berths.items()):
            if berth.where is None or not ray.wait([berth.where], timeout=0)[0]:
                continue
            where, berth.where = berth.where, None
            try:
                berth.node = ray.get(where)[0]
            except RayError:
                # It died, or its node was gone before it was there.
                self.gone([number])

    def _make(self, cpus: float, node: str | None) -> None:
        options: dict[str, Any] = {"num_cpus": int(min(1.0, cpus) * 10_000) / 10_000, "max_restarts": 0}
        if node is None:
            options["scheduling_strategy"] = "SPREAD"
        else:
            options["scheduling_strategy"] = NodeAffinitySchedulingStrategy(node, soft=False)
        handle = ray.remote(LiveWorker).options(**options).remote(self._clock)
        self._berths[self._next] = _Berth(handle, node, handle.where.remote())
        self._next += 1

    def close(self) -> None:
        """End all workers."""
        self.gone(list(self._berths))
