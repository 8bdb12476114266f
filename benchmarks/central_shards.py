"""Shards as Ray actors, for ``benchmarks.central_node``."""

from __future__ import annotations

import itertools
import time
from collections import deque
from typing import Any

import ray

from benchmarks.central_runs import PADDING, THRESHOLD, Network, warm_up
from sdist_ray.coordinator.instructions import TilePlan
from sdist_ray.exclusion.tile import Counting
from sdist_ray.occupancy.padding import Padder
from sdist_ray.partition.plan import row_stripes
from sdist_ray.runtime.ray.actors import ExclusionShard
from sdist_ray.runtime.ray.session import ray_session

IN_FLIGHT = 3
"""Ranges that a shard may have unanswered, as in a run."""


def count_on_ray(network: Network, counting: Counting, shards: int) -> dict[str, Any]:
    """What central_runs.count_network does with a thread per shard, with an actor per shard.

    Ranges are put into the object store once and given to every shard by reference.
    """
    names = network.names
    warm_up(counting)
    with ray_session():
        actor = ray.remote(ExclusionShard).options(num_cpus=1)
        actors = [actor.remote(counting, None) for _ in range(shards)]
        ray.get([each.attach.remote("benchmark", []) for each in actors])
        for number, rows in enumerate(row_stripes(names, shards)):
            ray.get(actors[number].create_tile.remote("benchmark", TilePlan(number, rows, names)))
        padder, source = Padder(PADDING), network.ranges()
        seconds, made_up, ended = 0.0, 0.0, False
        waiting: deque[list[Any]] = deque()
        after: int | None = None
        begun = time.perf_counter()
        while not ended:
            start = time.perf_counter()
            entries = list(itertools.islice(source, network.chunk))
            made_up += time.perf_counter() - start
            ended = len(entries) < network.chunk
            padded = [ready for entry in entries for ready in padder.push(entry)]
            for entry in padded + (padder.flush() if ended else []):
                handle = ray.put(entry)
                waiting.append([a.apply.remote("benchmark", handle, names, after) for a in actors])
                after = entry.index
                if len(waiting) > IN_FLIGHT:
                    ray.get(waiting.popleft())
        ray.get([each for group in waiting for each in group])
        asked = [a.directed_links.remote("benchmark", names, "nonexclusion", THRESHOLD) for a in actors]
        links = sum(len(part.row) for parts in ray.get(asked) for part in parts)
        seconds = time.perf_counter() - begun - made_up
    return {
        "cameras": network.cameras,
        "shards": shards,
        "fps_per_camera": network.ticks / seconds,
        "links": links,
    }
