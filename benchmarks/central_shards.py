"""Shards in threads and as Ray actors, for ``benchmarks.central_node``."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import ray

from benchmarks.central_runs import Network, warm_up
from sdist_ray.coordinator.events import RangeApplied
from sdist_ray.coordinator.instructions import TilePlan
from sdist_ray.coordinator.shards import MAX_IN_FLIGHT
from sdist_ray.exclusion.batch import BATCH_TICKS
from sdist_ray.exclusion.tile import Counting, Tile
from sdist_ray.occupancy.padding import PaddedRange, Padder
from sdist_ray.partition.plan import plan_tiles
from sdist_ray.runtime.ray.actors import ExclusionShard
from sdist_ray.runtime.ray.runtime import Actors, RayRuntime
from sdist_ray.runtime.ray.session import ray_session

BATCHES = 2
"""Timed, after one in which memory is touched for the first time."""
Wait = Callable[[], Any]


def count_in_threads(network: Network, counting: Counting, shards: int) -> dict[str, Any]:
    """Steady counting with a thread per shard; see _count_steadily."""
    names = network.names
    warm_up(counting)
    tiles = [Tile(plan.rows, plan.columns, counting) for plan in plan_tiles(names, shards)]
    with ThreadPoolExecutor(1) as first, ThreadPoolExecutor(1) as second:
        # A thread of its own for each tile: its ranges come in order.
        threads = [first, second][: len(tiles)]
        assert len(threads) == len(tiles)

        def apply(padded: PaddedRange, after: int | None) -> list[Wait]:
            return [
                thread.submit(tile.apply, padded, names).result
                for thread, tile in zip(threads, tiles, strict=True)
            ]

        return _count_steadily(network, apply) | {"shards": shards}


def count_on_ray(network: Network, counting: Counting, shards: int) -> dict[str, Any]:
    """Steady counting with an actor per shard, as a run on Ray has them; see _count_steadily."""
    names = network.names
    with ray_session():
        actor = ray.remote(ExclusionShard).options(num_cpus=1)
        actors = Actors((), tuple(actor.remote(counting, None) for _ in range(shards)))
        runtime = RayRuntime(actors, [])
        runtime.attach([[]] * shards)
        for number, (shard, rows, columns) in enumerate(plan_tiles(names, shards)):
            runtime.create_tile(shard, TilePlan(number, rows, columns))
        counted: set[tuple[int, int]] = set()

        def apply(padded: PaddedRange, after: int | None) -> list[Wait]:
            handle = runtime.publish(padded)
            for shard in range(shards):
                runtime.apply(shard, padded.index, handle, names, after)
            return [lambda: wait_for(padded.index)]

        def wait_for(index: int) -> None:
            while not all((shard, index) in counted for shard in range(shards)):
                counted.update((a.shard, a.index) for a in runtime.wait() if isinstance(a, RangeApplied))

        return _count_steadily(network, apply) | {"shards": shards}


def _count_steadily(
    network: Network, apply: Callable[[PaddedRange, int | None], Sequence[Wait]]
) -> dict[str, Any]:
    """Frames per second per camera over whole batches, once all memory has been touched.

    Args:
        network: what is seen, again and again for as long as it takes.
        apply: has every shard count a range on top of another; what to wait for.
    """
    ticks = network.range_ticks
    batch = BATCH_TICKS // ticks
    padder = Padder(network.padding)
    seconds = (1 + BATCHES) * batch * ticks / network.padding.clock.fps + 60
    source = replace(network, seconds=seconds).ranges()
    padded = [ready for entry in source for ready in padder.push(entry)][: (1 + BATCHES) * batch]
    waiting: deque[Sequence[Wait]] = deque()
    begun, after = 0.0, None
    for number, entry in enumerate(padded):
        if number == batch:
            _wait(waiting, 0)
            begun = time.perf_counter()
        waiting.append(apply(entry, after))
        after = entry.index
        _wait(waiting, MAX_IN_FLIGHT)
    _wait(waiting, 0)
    spent = time.perf_counter() - begun
    return {"cameras": network.cameras, "fps_per_camera": BATCHES * batch * ticks / spent}


def _wait(waiting: deque[Sequence[Wait]], most: int) -> None:
    while len(waiting) > most:
        for wait in waiting.popleft():
            wait()
