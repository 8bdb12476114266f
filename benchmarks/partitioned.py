"""Many cameras counted in groups that a strategy finds, on Ray: frame rate, memory and CPU time by part.

    python -m benchmarks.partitioned [--cameras 1000 10000 30000 100000] [--minutes 25] [--dense 10000]

A simulated city's occupancy is padded, published to two shards on Ray, watched by the strategy, and counted
in the groups that it says; plans take each other's place while counting goes on, as in a run. What is before
occupancy (decoding, detection) is not here, and neither is the journal. Every size runs in a process of its
own. Writes benchmarks/results/partitioned.json and partitioned.png, and prints the JSON as its last line.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import ray
from matplotlib.figure import Figure

from benchmarks.machine import machine
from benchmarks.processes import family
from benchmarks.timed_strategy import TimedScreening
from experiments.charts import COLOURS, tidy
from sdist_ray.coordinator.instructions import Instruction
from sdist_ray.coordinator.ledger import ShardLedger
from sdist_ray.exclusion.tile import Counting
from sdist_ray.occupancy.block import Clock
from sdist_ray.occupancy.padding import Padding
from sdist_ray.occupancy.sparse import SparseRange
from sdist_ray.partition.make import StrategyChoice
from sdist_ray.partition.partitioning import Partitioning
from sdist_ray.runtime.keeper import RangeKeeper
from sdist_ray.runtime.planner import Planner, labels_of
from sdist_ray.runtime.ray.actors import ExclusionShard
from sdist_ray.runtime.ray.runtime import Actors, RayRuntime
from sdist_ray.runtime.ray.session import ray_session
from sdist_ray.simulation.city import City, CitySpec, make_city

CLOCK = Clock(10.0, 60)
TOLERANCE = 3
SHARDS = 2
RESULTS = Path(__file__).parent / "results"


class Peak(threading.Thread):
    """The most memory that this process and all that it started have had, looked at every second."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.total = 0
        self.parts: dict[str, int] = {}
        self._ended = threading.Event()
        self.start()

    def run(self) -> None:
        """See Thread."""
        while not self._ended.wait(1.0):
            self.look()

    def look(self) -> None:
        """Look once."""
        processes = family(os.getpid())
        # The object store is shared: whoever has looked at most of it has most of it.
        store = max((process.shared_bytes for process in processes), default=0)
        parts: dict[str, int] = {"object store": store}
        for process in processes:
            parts[process.name] = parts.get(process.name, 0) + process.rss_bytes
        for name, size in parts.items():
            self.parts[name] = max(size, self.parts.get(name, 0))
        self.total = max(self.total, sum(parts.values()))

    def end(self) -> None:
        """Look no more."""
        self.look()
        self._ended.set()


class Engine:
    """Ranges in, counts out: the half of a run that comes after occupancy."""

    def __init__(self, network: tuple[str, ...], counting: Counting, strategy: StrategyChoice) -> None:
        self._network = network
        actor = ray.remote(ExclusionShard).options(num_cpus=1)
        shards = tuple(actor.remote(counting, None) for _ in range(SHARDS))
        self._runtime = RayRuntime(Actors((), shards), [])
        self._runtime.attach([[]] * SHARDS)
        self.planner = Planner(strategy, network, counting.padding, None)
        self._ledger = ShardLedger(SHARDS, 0, counting.store)
        self._keeper = RangeKeeper(self._runtime, counting.padding, True, self.planner)
        self._ledger.plan_due(self.planner.partitioning)
        self._do(self._ledger.plan_network(network))
        self.plans: list[Partitioning] = []

    def count(self, ranges: Iterable[SparseRange]) -> None:
        """Count all of them."""
        for entry in ranges:
            self._do(self._ledger.published(self._keeper.push(entry, self._network).ranges))
            for due in self.planner.next(self._runtime, self._ledger):
                self.plans.append(due.partitioning)
                self._do(self._ledger.handle(due))
            while self._ledger.full:
                self._hear()
        self._do(self._ledger.published(self._keeper.flush(self._network).ranges))
        while not self._ledger.settled:
            self._hear()

    def links(self) -> int:
        """How many directed links there are."""
        answers = self._runtime.directed_links(self._network, "nonexclusion", 0.8, self._ledger.tiles)
        return sum(len(links.row) for part in answers for links in part or ())

    def _hear(self) -> None:
        for answer in self._runtime.wait():
            self._do(self._ledger.handle(answer))

    def _do(self, instructions: Iterable[Instruction]) -> None:
        for instruction in instructions:
            assert self._keeper.do(instruction), instruction


class Source:
    """A city's ranges, and the CPU seconds that they take to make."""

    def __init__(self, city: City, ticks: int) -> None:
        self._ranges = city.ranges(CLOCK, ticks)
        self.cpu_s = self.occupied = 0.0

    def __iter__(self) -> Source:
        return self

    def __next__(self) -> SparseRange:
        began = time.thread_time()
        try:
            entry = next(self._ranges)
        finally:
            self.cpu_s += time.thread_time() - began
        self.occupied += int(np.bitwise_count(entry.occupied.word).sum())
        return entry


def measure(cameras: int, minutes: float, store: str, cycle_s: int) -> dict[str, Any]:
    """One network, from its first tick to its links."""
    city = make_city(CitySpec(cameras=cameras, minutes=minutes))
    network, ticks = city.camera_ids, round(minutes * 60 * CLOCK.fps)
    counting = Counting(Padding(city.spec.grid, CLOCK, TOLERANCE), "wide", store)
    choice = StrategyChoice("benchmarks.timed_strategy:TimedScreening", {"cycle_s": cycle_s})
    warm_up(counting)
    TimedScreening.watch_s = TimedScreening.plan_s = 0.0
    before = family(os.getpid())[0].rss_bytes
    with ray_session():
        engine, source, peak = Engine(network, counting, choice), Source(city, ticks), Peak()
        began = time.perf_counter(), time.thread_time()
        engine.count(source)
        wall_s, main_s = time.perf_counter() - began[0], time.thread_time() - began[1]
        shards_s = sum(p.cpu_s for p in family(os.getpid()) if p.name == "ExclusionShard")
        links_began = time.perf_counter()
        links = engine.links()
        links_s = time.perf_counter() - links_began
        peak.end()
    held = engine.planner.partitioning
    first, second, area, from_s, until_s = city.shared
    now = (area >= 4.0) & (from_s <= minutes * 60) & (minutes * 60 < until_s)
    labels = labels_of(held, network)
    return {
        "cameras": cameras,
        "minutes": minutes,
        "store": store,
        "cycle_s": cycle_s,
        "wall_s": wall_s,
        "fps_per_camera": ticks / wall_s,
        "fps_without_source": ticks / (wall_s - source.cpu_s),
        "cpu_s": {
            "source (the city)": source.cpu_s,
            "watching": TimedScreening.watch_s,
            "planning": TimedScreening.plan_s,
            "padding, publishing, deciding": main_s
            - source.cpu_s
            - TimedScreening.watch_s
            - TimedScreening.plan_s,
            "shards": shards_s,
        },
        "peak_bytes": peak.total,
        "peak_parts": peak.parts,
        "city_bytes": before,
        "occupied_share": source.occupied / (ticks * cameras * city.spec.grid.windows),
        "plans": len(engine.plans),
        "groups": len(held.groups),
        "largest": held.largest,
        "cost_share": held.pairs / cameras**2,
        "coverage": float((labels[first] == labels[second])[now].mean()),
        "links": links,
        "links_s": links_s,
    }


def warm_up(counting: Counting) -> None:
    """Have everything compiled that this process runs."""
    city = make_city(CitySpec(cameras=2100, minutes=1.5))
    planner = Planner(StrategyChoice("screening", {"cycle_s": 60}), city.camera_ids, counting.padding, None)
    keeper = RangeKeeper(None, counting.padding, False, planner)  # type: ignore[arg-type]
    for entry in city.ranges(CLOCK):
        keeper.push(entry, city.camera_ids)
        planner.next(None, None)


def draw(runs: list[dict[str, Any]], path: Path) -> None:
    figure = Figure(figsize=(10, 3.6), layout="constrained")
    rate, memory, cpu = figure.subplots(1, 3)
    indexed = sorted((r for r in runs if r["store"] == "indexed"), key=lambda r: r["cameras"])
    dense = [r for r in runs if r["store"] == "dense"]
    cameras = [r["cameras"] for r in indexed]
    rate.plot(cameras, [r["fps_per_camera"] for r in indexed], "o-", color=COLOURS[0], label="indexed")
    rate.plot(
        cameras,
        [r["fps_without_source"] for r in indexed],
        "o:",
        color=COLOURS[0],
        label="less the city's time",
    )
    rate.axhline(10, color="#2e8b57", linewidth=1)
    memory.plot(cameras, [r["peak_bytes"] / r["cameras"] / 1e3 for r in indexed], "o-", color=COLOURS[0])
    for run in dense:
        rate.plot(run["cameras"], run["fps_per_camera"], "s", color=COLOURS[1], label="dense")
        memory.plot(run["cameras"], run["peak_bytes"] / run["cameras"] / 1e3, "s", color=COLOURS[1])
    bottom = np.zeros(len(indexed))
    for part, colour in zip(indexed[0]["cpu_s"], COLOURS, strict=False):
        each = [1e6 * r["cpu_s"][part] / (r["cameras"] * r["minutes"] * 60 * CLOCK.fps) for r in indexed]
        cpu.bar(range(len(indexed)), each, bottom=bottom, color=colour, label=part, width=0.6)
        bottom += each
    for axes in (rate, memory):
        axes.set_xscale("log")
        axes.set_yscale("log")
    cpu.set_xticks(range(len(indexed)), [f"{n:,}" for n in cameras])
    tidy(rate, "Frames per second per camera", "cameras")
    tidy(memory, "Peak memory, kB per camera", "cameras")
    tidy(cpu, "CPU time, µs per camera and frame", "cameras")
    rate.legend(frameon=False, fontsize=8)
    cpu.legend(frameon=False, fontsize=7)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cameras", type=int, nargs="*", default=[1000, 10_000, 30_000, 100_000])
    parser.add_argument("--dense", type=int, nargs="*", default=[10_000], help="sizes counted densely, too")
    parser.add_argument("--minutes", type=float, default=25.0, help="of footage (default 25)")
    parser.add_argument("--cycle_s", type=int, default=600, help="between two plans (default 600)")
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        cameras, store = arguments.one.split(":")
        print(json.dumps(measure(int(cameras), arguments.minutes, store, arguments.cycle_s)))
        return
    path = arguments.output / "partitioned.json"
    sizes = [(n, "indexed") for n in arguments.cameras] + [(n, "dense") for n in arguments.dense]
    # What was measured before, of other sizes, stays.
    before = json.loads(path.read_text())["runs"] if path.exists() else []
    runs = [run for run in before if (run["cameras"], run["store"]) not in sizes]
    for cameras, store in sizes:
        words = [
            f"--one={cameras}:{store}",
            f"--minutes={arguments.minutes}",
            f"--cycle_s={arguments.cycle_s}",
        ]
        command = [sys.executable, "-m", "benchmarks.partitioned", *words]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        runs.append(json.loads(done.stdout.splitlines()[-1]))
        print(json.dumps(runs[-1]), flush=True)
    result = {"machine": machine(), "fps": CLOCK.fps, "shards": SHARDS, "runs": runs}
    arguments.output.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n")
    draw(runs, arguments.output / "partitioned.png")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
