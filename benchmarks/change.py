"""Changes: how soon it shows that a camera was moved, and how often that is said of cameras that were not.

    python -m benchmarks.change [--seeds 21 22 23] [--cameras 40] [--people 60] [--minutes 90]
        [--parts moves doors] [--door-seeds 31 32 33 34 35] [--door-minutes 180]

Sites of halls; in the middle of the time a tenth of the cameras get another view, at once. An edge between
two cameras that shared more than 4 square metres of ground, and share none any more, should be told as
vanished; one between two that share more than that now, and shared none before, as appeared. Whatever is told
before anybody was moved, or of two cameras that nobody moved, is a false alarm. Edges of the first 20 minutes
are those that were there from the beginning, and no changes.

Doors: sites as those of benchmarks.transit, with 60 people who keep to the walkways. In the middle of the
time one walkway between two halls is opened and another one closed. A transit (known by then) that at least
20 parties an hour walked and a tenth of it does afterwards should be told as vanished, and one the other way
round as appeared, where at least 20 exits an hour from its first camera are seen. Whatever is told before, or
of cameras of other halls, is a false alarm; the rest, between cameras of halls at these walkways, is beside.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from benchmarks.change_doors import measure_doors
from benchmarks.machine import machine
from sdist_ray.occupancy.block import Clock, OccupancyRange
from sdist_ray.occupancy.grid import Grid
from sdist_ray.simulation.site import Site, SiteSpec, make_site, observe, walk
from sdist_ray.simulation.truth import ground_overlap
from sdist_ray.topology.change import VANISHED, ChangeMonitor, ChangeSpec

RESULTS = Path(__file__).parent / "results"
GRID, CLOCK = Grid(), Clock()
LEAST_M2 = 4.0
MOVED_SHARE = 0.1

Pairs = dict[tuple[int, int], float]


def moved_site(site: Site, rng: np.random.Generator) -> tuple[Site, list[int]]:
    """The site with a tenth of its cameras elsewhere, and which those are."""
    cameras = list(site.cameras)
    moved = sorted(
        rng.choice(len(cameras), max(1, round(MOVED_SHARE * len(cameras))), replace=False).tolist()
    )
    # Views of a site of the same plan with cameras hung by another hand, at other halls.
    elsewhere = make_site(replace(site.spec, seed=site.spec.seed + 1000)).cameras
    for camera in moved:
        cameras[camera] = elsewhere[(camera + len(cameras) // 2) % len(cameras)]
    return replace(site, cameras=tuple(cameras)), moved


def shared(site: Site) -> Pairs:
    """Square metres that pairs of cameras share."""
    ground = ground_overlap(site.cameras, GRID)
    ends = zip(ground.pair_camera_a.tolist(), ground.pair_camera_b.tolist(), strict=True)
    return dict(zip(ends, ground.pair_shared_m2.tolist(), strict=True))


def measure(seed: int, cameras: int, people: int, minutes: float) -> dict[str, Any]:
    """One site."""
    site = make_site(
        SiteSpec(cameras=cameras, people=people, minutes=minutes, miss_probability=0.1, seed=seed)
    )
    after, moved = moved_site(site, np.random.default_rng(seed))
    ways = walk(site)
    count = ways.ticks // CLOCK.range_ticks
    at = count // 2
    words = np.zeros((count, cameras, GRID.windows), dtype=np.uint64)
    for camera in range(cameras):
        for view, first, last in ((site, 0, at), (after, at, count)):
            if view is after and camera not in moved and first:
                view = site
            seen = observe(view, ways, camera)
            index = seen.tick // CLOCK.range_ticks
            here = (index >= first) & (index < last)
            window = GRID.window_of(seen.foot_x[here], seen.foot_y[here])
            bit = np.uint64(1) << (seen.tick[here] % CLOCK.range_ticks).astype(np.uint64)
            np.bitwise_or.at(words, (index[here], np.full(len(window), camera), window), bit)
    available = np.full(cameras, (1 << CLOCK.range_ticks) - 1, dtype=np.uint64)
    monitor = ChangeMonitor(cameras, GRID, CLOCK)
    before_m2, after_m2 = shared(site), shared(after)
    start = time.process_time()
    known: set[tuple[int, int]] = set()
    for index in range(count):
        if index == at:
            known = {pair for pair, edge in monitor.edges.items() if edge.known}
        monitor.add(OccupancyRange(index, words[index], available))
    seconds = time.process_time() - start
    lost = {p for p in known if before_m2.get(p, 0) > LEAST_M2 and after_m2.get(p, 0) == 0}
    new = {p for p, m2 in after_m2.items() if m2 > LEAST_M2 and before_m2.get(p, 0) == 0}
    at_tick = at * CLOCK.range_ticks
    delays: dict[str, list[float]] = {"vanished": [], "appeared": []}
    false = 0
    told: set[tuple[str, int, int]] = set()
    for change in monitor.changes:
        pair, delay = (change.camera_a, change.camera_b), (change.tick - at_tick) / CLOCK.fps
        right = lost if change.kind == VANISHED else new
        if delay > 0 and pair in right and (change.kind, *pair) not in told:
            told.add((change.kind, *pair))
            delays[change.kind].append(delay)
        elif delay <= 0 or not set(pair) & set(moved):
            false += 1
    watched_s = minutes * 60 - ChangeSpec().settle_s
    return {
        "seed": seed,
        "known": len(known),
        "lost": len(lost),
        "new": len(new),
        "vanished_s": delays["vanished"],
        "appeared_s": delays["appeared"],
        "false": false,
        "camera_days": cameras * watched_s / 86_400,
        "times_as_fast_as_live": minutes * 60 / seconds,
    }


def draw(runs: list[dict[str, Any]], path: Path) -> None:
    """Share of changes told by then."""
    figure = Figure(figsize=(5, 3), layout="constrained")
    axes = figure.subplots()
    for name, of, colour in (("vanished_s", "lost", "#d62728"), ("appeared_s", "new", "#1f77b4")):
        delays = np.sort([delay for run in runs for delay in run[name]]) / 60
        total = max(sum(run[of] for run in runs), 1)
        axes.step(delays, np.arange(1, len(delays) + 1) / total, where="post", color=colour, label=name[:-2])
    axes.set_ylim(0, 1.05)
    axes.set_xlabel("minutes after cameras were moved")
    axes.set_title("Share of changed edges that were told", loc="left", fontsize=9)
    axes.legend(frameon=False, fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=130)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="*", default=[21, 22, 23])
    parser.add_argument("--cameras", type=int, default=40)
    parser.add_argument("--people", type=int, default=60)
    parser.add_argument("--minutes", type=float, default=90.0)
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--parts", nargs="*", choices=["moves", "doors"], default=["moves", "doors"])
    parser.add_argument("--door-seeds", type=int, nargs="*", default=[31, 32, 33, 34, 35])
    parser.add_argument("--door-minutes", type=float, default=180.0)
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--one-door", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    size = (arguments.cameras, arguments.people, arguments.minutes)
    if arguments.one is not None:
        print(json.dumps(measure(arguments.one, *size)))
        return
    if arguments.one_door is not None:
        print(json.dumps(measure_doors(arguments.one_door, arguments.door_minutes)))
        return
    path = arguments.output / "change.json"
    content = json.loads(path.read_text()) if path.exists() else {}
    content["machine"] = machine()
    arguments.output.mkdir(parents=True, exist_ok=True)
    if "moves" in arguments.parts:
        words = [f"--cameras={size[0]}", f"--people={size[1]}", f"--minutes={size[2]}"]
        runs = each(arguments.seeds, "one", words)
        content |= {**summed(runs), "runs": runs}
        draw(runs, arguments.output / "change.png")
    if "doors" in arguments.parts:
        runs = each(arguments.door_seeds, "one-door", [f"--door-minutes={arguments.door_minutes}"])
        more = {name: sum(run[name] for run in runs) for name in ("truly_lost", "truly_new", "beside")}
        content["doors"] = {**summed(runs), **more, "minutes": arguments.door_minutes, "runs": runs}
    path.write_text(json.dumps(content, indent=1) + "\n")
    told = {name: value for name, value in content.items() if name not in ("machine", "runs")}
    print(json.dumps(told | {"doors": {k: v for k, v in content.get("doors", {}).items() if k != "runs"}}))


def each(seeds: list[int], name: str, words: list[str]) -> list[dict[str, Any]]:
    """One run for every seed, each in a process of its own."""
    runs = []
    for seed in seeds:
        command = [sys.executable, "-m", "benchmarks.change", *words, f"--{name}={seed}"]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        runs.append(json.loads(done.stdout.splitlines()[-1]))
        print(json.dumps(runs[-1]), flush=True)
    return runs


def summed(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """All seeds together."""

    def median(name: str) -> float | None:
        delays = [delay for run in runs for delay in run[name]]
        return statistics.median(delays) if delays else None

    total = {name: sum(run[name] for run in runs) for name in ("lost", "new", "false", "camera_days")}
    return {
        "vanished_median_s": median("vanished_s"),
        "vanished_share": sum(len(run["vanished_s"]) for run in runs) / max(total["lost"], 1),
        "appeared_median_s": median("appeared_s"),
        "appeared_share": sum(len(run["appeared_s"]) for run in runs) / max(total["new"], 1),
        "false_per_camera_day": total["false"] / total["camera_days"],
        **total,
    }


if __name__ == "__main__":
    main()
