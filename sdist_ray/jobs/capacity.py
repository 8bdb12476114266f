"""sdist-ray capacity: what a network would take of memory, processors and bandwidth."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from sdist_ray.exclusion.tile import STORES
from sdist_ray.jobs.calibrate import calibrate
from sdist_ray.jobs.outputs import write_json
from sdist_ray.occupancy.block import Clock
from sdist_ray.partition.effort import (
    MEASURED_ON,
    Machine,
    coordination_cores,
    counting_cores,
    detection_cores,
    links_s,
    occupancy_bytes_per_s,
    range_bytes_per_s,
)
from sdist_ray.partition.memory import Demand, readable, tile_bytes
from sdist_ray.partition.plan import tile_sizes
from sdist_ray.settings import CapacityJob

WIDTH = 100
PROGRAM_BYTES = 150_000_000
"""Of a process before it counts anything: Python and what is imported."""


def run(settings: CapacityJob, config: str) -> None:
    """Print the figures."""
    machine = calibrate() if settings.calibrate else Machine()
    figures = capacity(settings, machine)
    if settings.file:
        write_json(Path(settings.file), figures)
    _print(settings, figures, machine)


def capacity(settings: CapacityJob, machine: Machine) -> dict[str, Any]:
    """What the network would take.

    Args:
        settings: checked.
        machine: how much slower than the one that was measured.

    Returns:
        Of everybody's, and under "stores" of each store's; bytes, cores, seconds.
    """
    assert settings.cameras is not None
    cameras = settings.cameras
    demand = Demand(
        settings.windows,
        settings.counters,
        settings.tolerance,
        settings.fps,
        Clock.of(settings.fps, settings.range_s).range_ticks,
        settings.people,
        settings.seconds,
    )
    stores = [
        store
        for store in STORES
        if settings.store in ("all", store) and (store != "indexed" or demand.counters == "wide")
    ]
    return {
        "settings": {name: value for name, value in vars(settings).items() if name != "file"},
        "machine": {"measured_on": MEASURED_ON, "calibrated": settings.calibrate} | vars(machine),
        "detection_cores": detection_cores(cameras, demand, machine),
        "coordination_cores": coordination_cores(cameras, demand, machine),
        "occupancy_bytes_per_s": occupancy_bytes_per_s(cameras, demand),
        "range_bytes_per_s_per_shard": range_bytes_per_s(cameras, demand),
        "filled": demand.filled,
        "stores": {store: _store(store, cameras, settings.shards, demand, machine) for store in stores},
    }


def _store(store: str, cameras: int, shards: int, demand: Demand, machine: Machine) -> dict[str, float]:
    """What counting in one store takes."""
    sizes = tile_sizes(cameras, shards, store)

    def of_tiles(function: Callable[..., float]) -> list[float]:
        return [function(store, *size, demand, machine) for size in sizes]

    memory = [tile_bytes(store, *size, demand) for size in sizes]
    return {
        "bytes": sum(memory),
        "largest_shard_bytes": max(memory),
        "cores": sum(of_tiles(counting_cores)),
        "busiest_shard_cores": max(of_tiles(counting_cores)),
        "links_s": max(of_tiles(links_s)),
    }


def _print(settings: CapacityJob, figures: dict[str, Any], machine: Machine) -> None:
    console = Console(width=WIDTH, highlight=False)
    shards = f"{settings.shards} shard" + "s" * (settings.shards != 1)
    console.print(
        f"\n{settings.cameras:,} cameras of {settings.windows} windows at {settings.fps:g} FPS, "
        f"{settings.people:g} people in view of each, {_length(settings.seconds)}, {shards}\n",
        soft_wrap=True,
    )
    stores: dict[str, dict[str, float]] = figures["stores"]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("counting, by store", min_width=46)
    for store in stores:
        table.add_column(store, justify="right", min_width=10)

    def row(name: str, key: str, shown: Callable[[float], str]) -> None:
        table.add_row(name, *(shown(values[key]) for values in stores.values()))

    row("memory, all shards", "bytes", readable)
    if settings.shards > 1:
        row("memory, largest shard", "largest_shard_bytes", readable)
    row("cores, live, all shards", "cores", _cores)
    if settings.shards > 1:
        row("cores, live, busiest shard", "busiest_shard_cores", _cores)
    row("finding the links once, all shards at a time", "links_s", _seconds)
    console.print(table)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("whatever the store", min_width=46)
    table.add_column("", justify="right", min_width=10)
    for name, value in _common(settings, figures):
        table.add_row(name, value)
    console.print(table)
    console.print("\n".join(_notes(settings, machine)), soft_wrap=True)


def _common(settings: CapacityJob, figures: dict[str, Any]) -> Iterable[tuple[str, str]]:
    yield "detection, cores, 320×240 JPEG", _cores(figures["detection_cores"])
    yield "coordinator, cores", _cores(figures["coordination_cores"])
    yield "occupancy, workers to coordinator", f"{readable(figures['occupancy_bytes_per_s'])}/s"
    each = figures["range_bytes_per_s_per_shard"]
    yield "ranges, coordinator to a machine with shards", f"{readable(each)}/s"
    if settings.shards > 1:
        yield f"the same, {settings.shards} machines", f"{readable(settings.shards * each)}/s"


def _notes(settings: CapacityJob, machine: Machine) -> Iterable[str]:
    yield f"Memory is the counts' alone; each process takes some {readable(PROGRAM_BYTES)} more."
    if settings.calibrate:
        yield (
            f"This machine, measured now: detection takes {machine.detecting:.2f} times, counting "
            f"{machine.counting:.2f} times as long as on {MEASURED_ON}."
        )
    else:
        yield f"Cores and seconds as on {MEASURED_ON}; calibrate=true measures this machine."
    if settings.store == "all" and settings.counters != "wide":
        yield "The indexed store is not shown: it counts exactly, counters=wide."


def _cores(cores: float) -> str:
    if cores < 0.001:
        return "< 0.001"
    return f"{cores:.2g}" if cores < 10 else f"{cores:,.0f}"


def _seconds(seconds: float) -> str:
    if seconds < 0.01:
        return "< 0.01 s"
    return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:,.0f} s"


def _length(seconds: float) -> str:
    for unit, size in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= (2 * size if unit == "days" else size):
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:g} s"
