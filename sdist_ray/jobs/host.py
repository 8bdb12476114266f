"""Where a command's work is done: in this process, or on Ray."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sdist_ray.runtime.local import LocalNetwork
from sdist_ray.runtime.memory import free_memory
from sdist_ray.runtime.network import Network


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
