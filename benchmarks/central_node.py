"""The central node: frames per second per camera against cameras (the paper's figure 6), and beyond it.

    python -m benchmarks.central_node                       everything, some 20 minutes
    python -m benchmarks.central_node --part figure6 --cameras 50,300,1000
    python -m benchmarks.central_node --part figure6 --store indexed --cameras 10000 --seconds 3600 --shards 2

Parts:
    figure6  one shard, one per core, from memory and from recordings as in the paper; the compiled per-tick
             loop over bytes of O and E as the baseline, on the rows of 100 cameras against all columns
    memory   peak memory against cameras, all stores
    scale    the indexed store from 1000 cameras on, on all cores
    hour     the indexed store, 1000 cameras for an hour, one core, a tenth of the cameras off line at times;
             and the dense store on the same hour: a tile of it, and all of it
    exact    the indexed store's links and counts against the dense store's, 300 cameras for an hour
    shards   steady counting, 1000 cameras: one shard, two in two threads, the same two as Ray actors

Made-up activity (simulation.activity), 10 FPS, 12 x 9 windows, T_r = 2 s, p = 5, C' > 0.8. Each measurement
runs in a process of its own, whose peak memory is reported, and again (six times at most) while a virtual
machine's host takes more than a twentieth of the processors; of these runs the least disturbed counts.
Results are merged into the JSON file part by part; its last printed line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.central_plots import draw
from benchmarks.central_runs import (
    PADDING,
    Network,
    compare_exactly,
    compare_on_tile,
    count_network,
    in_own_process,
    write_recording,
)
from benchmarks.central_shards import count_in_threads, count_on_ray
from benchmarks.machine import machine, undisturbed
from sdist_ray.exclusion.tile import STORES, Counting

RESULTS = Path(__file__).parent / "results"
FIGURE_6 = (50, 100, 200, 300, 400, 500, 600, 800, 1000)
MEMORY = (50, 100, 200, 300, 500)
SCALE = (1000, 2000, 3000, 5000, 10_000)
PEOPLE = (0.2, 0.5, 2.0)
SHARD_RANGES = (20, 64)
"""Ticks of a range: what a live network has, and the longest, for archived footage."""
CORES = len(os.sched_getaffinity(0))
Runs = list[dict[str, Any]]


def counting_of(store: str) -> Counting:
    """Bytes where a store can halve: a matrix of 1000 cameras needs them."""
    return Counting(PADDING, "wide" if store == "indexed" else "byte", store)


def measure(*arguments: Any) -> dict[str, Any]:
    """One run of count_network."""
    result = undisturbed(lambda: in_own_process(count_network, *arguments))
    say(
        result,
        "cameras",
        "store",
        "shards",
        "source",
        "people",
        "fps_per_camera",
        "peak_bytes",
        "stolen_share",
        "tries",
    )
    return result


def say(result: dict[str, Any], *names: str) -> None:
    """Progress, one line."""
    shown = (
        f"{name}={result[name]:.4g}" if isinstance(result[name], float) else f"{name}={result[name]}"
        for name in names
    )
    print("  " + "  ".join(shown), flush=True)


def figure6(arguments: argparse.Namespace) -> dict[str, Any]:
    runs: Runs = []
    tiles: Runs = []
    for cameras in arguments.cameras:
        network = Network(cameras, arguments.people, arguments.seconds)
        for store in arguments.store:
            for shards in arguments.shards:
                # Whoever plots the paper's figure wants counting; the indexed store has none without links.
                runs.append(measure(network, counting_of(store), shards, None, store == "indexed"))
            with tempfile.TemporaryDirectory() as folder:
                path = write_recording(network, folder)
                runs.append(measure(network, counting_of(store), 1, path, store == "indexed"))
        few = Network(cameras, arguments.people, min(arguments.seconds, 408))
        tiles.append(undisturbed(partial(in_own_process, compare_on_tile, few, 60, arguments.rounds)))
        say(tiles[-1], "cameras", "baseline_fps_per_camera", "fps_per_camera", "ratio")
    return {"runs": runs, "tiles": tiles}


def memory(arguments: argparse.Namespace) -> dict[str, Any]:
    runs = []
    for cameras in MEMORY:
        for store, policy in (("dense", "byte"), ("dense", "wide"), ("rle", "byte"), ("indexed", "wide")):
            if store in STORES:
                counting = Counting(PADDING, policy, store)
                runs.append(measure(Network(cameras, arguments.people, arguments.seconds), counting))
    runs.append(measure(Network(1000, arguments.people, arguments.seconds), counting_of("indexed")))
    return {"runs": runs}


def scale(arguments: argparse.Namespace) -> dict[str, Any]:
    cases = [(cameras, seconds) for seconds in (600.0, 3600.0) for cameras in SCALE]
    cases += [(arguments.most_cameras, 600.0)] if arguments.most_cameras > max(SCALE) else []
    return {
        "runs": [
            measure(Network(cameras, arguments.people, seconds), counting_of("indexed"), CORES)
            for cameras, seconds in cases
        ]
    }


def hour(_: argparse.Namespace) -> dict[str, Any]:
    runs = [measure(Network(1000, people, 3600, 0.1), counting_of("indexed")) for people in PEOPLE]
    # In turn with the dense store on a tile of the same network: tenfold, its time is that of all rows, once
    # their memory was touched. And with all of it, from nothing.
    dense = undisturbed(lambda: in_own_process(compare_on_tile, Network(1000, 0.5, 3600, 0.1), 60, 1))
    whole = measure(Network(1000, 0.5, 3600, 0.1), counting_of("dense"), 1, None, False)
    again = measure(Network(1000, 0.5, 3600, 0.1), counting_of("indexed"))
    best = max(again["fps_per_camera"], runs[1]["fps_per_camera"])
    worst = min(again["fps_per_camera"], runs[1]["fps_per_camera"])
    ratios = [worst / dense["fps_per_camera"], best / dense["fps_per_camera"]]
    to_whole = [worst / whole["fps_per_camera"], best / whole["fps_per_camera"]]
    say(dense, "cameras", "people", "fps_per_camera", "peak_bytes")
    print(f"  indexed to dense: {ratios[0]:.1f} to {ratios[1]:.1f} on a tile, ", end="")
    print(f"{to_whole[0]:.1f} to {to_whole[1]:.1f} of the whole network", flush=True)
    return {
        "runs": [*runs, again], "dense": dense, "indexed_to_dense": ratios,
        "whole_dense": whole, "indexed_to_whole_dense": to_whole,
    }  # fmt: skip


def exact(_: argparse.Namespace) -> dict[str, Any]:
    runs = [in_own_process(compare_exactly, Network(300, people, 3600, 0.1)) for people in PEOPLE]
    for run in runs:
        say(run, "cameras", "people", "links", "links_equal", "counts_equal", "asked_counts_equal")
    return {"runs": runs}


def shards(arguments: argparse.Namespace) -> dict[str, Any]:
    kinds = {"one": (count_in_threads, 1), "two": (count_in_threads, 2), "ray": (count_on_ray, 2)}
    result: dict[str, Any] = {"cameras": 1000}
    for ticks in SHARD_RANGES:
        network = Network(1000, arguments.people, arguments.seconds, range_ticks=ticks)
        counting = Counting(network.padding, "byte", "dense")
        runs: dict[str, list[float]] = {name: [] for name in kinds}
        for _ in range(arguments.rounds):
            # In turn, each in a process of its own: there is not room for two matrices.
            for name, (function, count) in kinds.items():
                runs[name].append(
                    undisturbed(partial(in_own_process, function, network, counting, count))["fps_per_camera"]
                )
                print(f"  ranges of {ticks} ticks, {name}: {runs[name][-1]:.0f}", flush=True)
        one, two, on_ray = (statistics.median(values) for values in runs.values())
        result[f"ranges_of_{ticks}_ticks"] = {
            "one_thread_fps_per_camera": one,
            "two_threads_fps_per_camera": two,
            "two_actors_fps_per_camera": on_ray,
            "two_threads_to_one": two / one,
            "ray_to_threads": on_ray / two,
            "runs": runs,
        }
        print(f"  two threads to one: {two / one:.2f}, Ray to threads: {on_ray / two:.2f}", flush=True)
    return result


PARTS: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "figure6": figure6,
    "memory": memory,
    "scale": scale,
    "hour": hour,
    "exact": exact,
    "shards": shards,
}


def summary(results: dict[str, Any]) -> dict[str, Any]:
    """The figures that the last line must have: one core, one shard, the most cameras."""
    part = results["figure6"]
    tile = max(part["tiles"], key=lambda run: run["cameras"])
    alone = [run for run in part["runs"] if run["shards"] == 1 and run["source"] == "memory"]
    run = max(alone, key=lambda run: run["cameras"])
    dense = run["store"] == "dense"
    speed = tile["fps_per_camera"] if dense else run["fps_per_camera"]
    return {
        "cameras": run["cameras"],
        "store": run["store"],
        "fps_per_camera": speed,
        "baseline_fps_per_camera": tile["baseline_fps_per_camera"],
        "ratio": speed / tile["baseline_fps_per_camera"],
        "peak_bytes": run["peak_bytes"],
        "whole_network_fps_per_camera": run["fps_per_camera"],
    }


def numbers(text: str) -> tuple[int, ...]:
    """A list such as 50,100."""
    found = tuple(int(part) for part in text.split(","))
    if not found or min(found) < 1:
        raise argparse.ArgumentTypeError("numbers from 1 on, such as 50,100")
    return found


def names(text: str) -> tuple[str, ...]:
    """Stores."""
    found = tuple(text.split(","))
    if not set(found) <= set(STORES):
        raise argparse.ArgumentTypeError(f"stores are {', '.join(STORES)}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--part", choices=[*PARTS, "all"], default="all")
    parser.add_argument("--cameras", type=numbers, default=FIGURE_6, help="of figure 6 (default 50 to 1000)")
    parser.add_argument("--people", type=float, default=0.5, help="in view of a camera (default 0.5)")
    parser.add_argument(
        "--store", type=names, default=("dense", "indexed"), help="of figure 6 (default dense,indexed)"
    )
    parser.add_argument(
        "--shards", type=numbers, default=(1, CORES), help="of figure 6 (default 1 and one per core)"
    )
    parser.add_argument("--seconds", type=float, default=600, help="of activity (default 600)")
    parser.add_argument("--rounds", type=int, default=3, help="of which the median is taken (default 3)")
    parser.add_argument("--most-cameras", type=int, default=10_000, help="of part scale (default 10000)")
    parser.add_argument(
        "--output", type=Path, default=RESULTS / "central_node.json", help="(default %(default)s)"
    )
    arguments = parser.parse_args()
    results: dict[str, Any] = {}
    if arguments.output.exists():
        results = json.loads(arguments.output.read_text())
    results["machine"] = machine()
    for name in PARTS if arguments.part == "all" else [arguments.part]:
        print(name, flush=True)
        results[name] = PARTS[name](arguments)
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        arguments.output.write_text(json.dumps(results, indent=1) + "\n")
        draw(results, arguments.output.parent)
    print(json.dumps(summary(results) if "figure6" in results else results[arguments.part]))


if __name__ == "__main__":
    main()
