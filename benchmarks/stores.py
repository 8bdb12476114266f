"""When each count store pays: memory and time against people, cameras and length.

    python -m benchmarks.stores [--rounds 3] [--counters wide|byte] [--quick]

Made-up activity at 10 FPS, tolerance 3. Around one centre (100 cameras, 0.3 people each, 10 minutes) one
number at a time is varied. Time is the processor time of one thread, the stores in turn in one process,
medians: to count everything, and to find the links once. Memory is by how much the resident set grows at
most, in a process of its own for each store, from an empty tile to the links.
"""

from __future__ import annotations

import argparse
import dataclasses
import gc
import json
import multiprocessing
import statistics
import time
from collections.abc import Iterable, Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from benchmarks.machine import machine
from sdist_ray.exclusion.tile import STORES, Counting, Tile
from sdist_ray.occupancy.block import Clock
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.padding import PaddedRange, Padding, pad_ranges
from sdist_ray.simulation.activity import activity_ranges
from sdist_ray.topology.links import directed_links, join_directed, mutual_links

RESULTS = Path(__file__).parent / "results"
PADDING = Padding(Grid(), Clock(), 3)
CENTRE = {"people": 0.3, "cameras": 100, "minutes": 10}
SWEEPS: dict[str, tuple[float, ...]] = {
    "people": (0.05, 0.1, 0.3, 1, 3),
    "cameras": (50, 100, 200, 300),
    "minutes": (3, 10, 30, 60),
}
AXES = {"people": "people in view of a camera", "cameras": "cameras", "minutes": "minutes"}
COLOURS = {"dense": "#4d4d4d", "rle": "#d1601f", "indexed": "#1f77b4"}


@dataclasses.dataclass(frozen=True)
class Point:
    """One network."""

    people: float
    cameras: float
    minutes: float

    @property
    def names(self) -> list[str]:
        """Its cameras."""
        return [f"c{number:05}" for number in range(int(self.cameras))]

    def ranges(self) -> Iterator[PaddedRange]:
        """All that is seen."""
        clock = PADDING.clock
        ticks = round(self.minutes * 60 * clock.fps)
        return pad_ranges(
            activity_ranges(int(self.cameras), self.people, ticks, PADDING.grid, clock, seed=6), PADDING
        )


def count(point: Point, counting: Counting, ranges: Iterable[PaddedRange]) -> Tile:
    """A tile that has counted everything."""
    tile = Tile(point.names, point.names, counting)
    for entry in ranges:
        # A copy, whose padded words go when it goes: each store pays for those that it needs.
        tile.apply(dataclasses.replace(entry), point.names)
    tile.store.most_opportunities()
    return tile


def links(point: Point, tile: Tile) -> int:
    """How many links there are."""
    found = directed_links(tile, point.names, "nonexclusion", 0.8)
    return len(mutual_links(join_directed([found]), point.names, PADDING.grid.windows))


def resident(field: str) -> int:
    """VmRSS or VmHWM of this process, bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/self/status has no {field}")


def peak_growth(point: Point, counting: Counting) -> tuple[int, int]:
    """Run in a process of its own: bytes by which it grew at most, and links."""
    tiny = Point(1, 4, 0.2)
    # The kernels' code is no part of the store.
    links(tiny, count(tiny, counting, tiny.ranges()))
    gc.collect()
    before = resident("VmRSS")
    found = links(point, count(point, counting, point.ranges()))
    return max(0, resident("VmHWM") - before), found


def measure(point: Point, stores: list[str], counters: str, rounds: int) -> dict[str, Any]:
    """Times and memory of one network in every store."""
    ranges = list(point.ranges())
    ticks = round(point.minutes * 60 * PADDING.clock.fps)
    seen = sum(int(np.bitwise_count(entry.occupied.word).sum()) for entry in ranges)
    result: dict[str, Any] = {
        **dataclasses.asdict(point),
        "people_seen": seen / ticks / point.cameras,
        "words": sum(len(entry.occupied.word) for entry in ranges),
    }
    times: dict[str, list[tuple[float, float]]] = {store: [] for store in stores}
    for _ in range(rounds):
        for store in stores:
            counting = Counting(PADDING, counters, store)
            start = time.process_time()
            tile = count(point, counting, ranges)
            counted = time.process_time()
            found = links(point, tile)
            times[store].append((counted - start, time.process_time() - counted))
            result[store] = {"nbytes": tile.store.nbytes, "links": found}
            if store == "dense":
                filled = tile.store.agreements  # type: ignore[attr-defined]
                result["filled"] = np.count_nonzero(filled) / filled.size
            del tile
    for store in stores:
        counting = Counting(PADDING, counters, store)
        # A forked process would find its parent's freed memory resident, and use it unnoticed.
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            peak, found = pool.apply(peak_growth, (point, counting))
        assert found == result[store]["links"]
        result[store] |= {
            "count_s": statistics.median(a for a, _ in times[store]),
            "links_s": statistics.median(b for _, b in times[store]),
            "peak_bytes": peak,
        }
    result["ratios"] = {f"{a}/{b}": ratios(result[a], result[b]) for a, b in combinations(stores, 2)}
    if counters == "wide":
        assert len({result[store]["links"] for store in stores}) == 1
    return result


def ratios(one: dict[str, float], other: dict[str, float]) -> dict[str, float]:
    """Of memory, and of time to count and to find links."""
    seconds = [store["count_s"] + store["links_s"] for store in (one, other)]
    return {"memory": one["peak_bytes"] / max(other["peak_bytes"], 1), "time": seconds[0] / seconds[1]}


def plot(points: dict[str, list[dict[str, Any]]], counters: str) -> Figure:
    """Memory above, time below; a column for every number that is varied."""
    figure = Figure(figsize=(9.6, 5.6), layout="constrained")
    rows = (("peak_bytes", "memory, MB", 1e6), ("seconds", "processor time, s", 1.0))
    grid = figure.subplots(2, len(points), sharey="row", sharex="col", squeeze=False)
    for column, (name, results) in enumerate(points.items()):
        x = [r["people_seen"] if name == "people" else r[name] for r in results]
        for row, (key, label, unit) in enumerate(rows):
            axes: Axes = grid[row][column]
            for store, colour in COLOURS.items():
                if store not in results[0]:
                    continue
                values = [r[store] | {"seconds": r[store]["count_s"] + r[store]["links_s"]} for r in results]
                y = [max(value[key], 1) / unit if row == 0 else value[key] for value in values]
                axes.plot(x, y, "o-", color=colour, markersize=4, linewidth=1.6, label=store)
            axes.set_xscale("log")
            axes.set_yscale("log")
            axes.xaxis.set_minor_formatter(NullFormatter())
            axes.set_xticks([round(value, 2) for value in x], minor=False)
            axes.set_xticks([], minor=True)
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axes.grid(True, which="major", color="#e4e4e4", linewidth=0.7)
            axes.spines[["top", "right"]].set_visible(False)
            if column == 0:
                axes.set_ylabel(label)
            if row == len(rows) - 1:
                axes.set_xlabel(AXES[name])
        held = [f"{CENTRE[other]:g} {other}" for other in points if other != name]
        grid[0][column].set_title(", ".join(held), fontsize=9, color="#555555")
    grid[0][0].legend(frameon=False, loc="best")
    figure.suptitle(f"Count stores, {counters} counters: all counted, links found once", fontsize=11)
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3, help="how often time is taken")
    parser.add_argument(
        "--counters", choices=("wide", "byte"), default="wide", help="byte: of dense and rle only"
    )
    parser.add_argument("--quick", action="store_true", help="tiny networks; nothing is written")
    arguments = parser.parse_args()
    # The indexed store counts exactly, and is of no use to who wants halved counters.
    stores = [store for store in STORES if store != "indexed" or arguments.counters == "wide"]
    # Compiled, or read from Numba's cache, before anything is measured.
    measure(Point(1, 4, 0.2), stores, arguments.counters, 1)
    points: dict[str, list[dict[str, Any]]] = {}
    measured: dict[Point, dict[str, Any]] = {}
    for name, values in SWEEPS.items():
        points[name] = []
        for value in values[: 2 if arguments.quick else None]:
            point = Point(**(CENTRE | {name: value}))
            if arguments.quick:
                point = Point(10 * point.people, point.cameras // 10, point.minutes / 10)
            if point not in measured:
                measured[point] = measure(point, stores, arguments.counters, arguments.rounds)
            found = measured[point]
            points[name].append(found)
            figures = ", ".join(
                f"{store} {found[store]['peak_bytes'] / 1e6:.1f} MB "
                f"{found[store]['count_s']:.2f} + {found[store]['links_s']:.2f} s"
                for store in stores
            )
            print(f"{point.cameras:g} cameras, {found['people_seen']:.2g} people, "
                  f"{point.minutes:g} min, {found['filled']:.2%} filled: {figures}", flush=True)  # fmt: skip
    result = {
        "machine": machine(),
        "counters": arguments.counters,
        "rounds": arguments.rounds,
        "sweeps": points,
    }
    if not arguments.quick:
        suffix = "" if arguments.counters == "wide" else "_byte"
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"stores{suffix}.json").write_text(json.dumps(result, indent=2) + "\n")
        plot(points, arguments.counters).savefig(RESULTS / f"stores{suffix}.png", dpi=130)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
