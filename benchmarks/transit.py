"""Transit edges: how many are right, how long they say it takes, and what they cost at 1000 cameras.

    python -m benchmarks.transit [--seeds 11 12 13 14 15] [--minutes 30 60 120 240] [--cameras 1000]

Quality: sites of halls that lie 40 by 36 m apart, with ground between them that no camera sees (24 cameras,
30 people, 10 FPS, one detection in ten missed), on seeds that nothing was tuned on. Everything is learnt from
the occupancy, the links between overlapping cameras as well. A pair of cameras that share no ground is truly
adjacent where people walk straight from one's view into the other's at least ``often`` times an hour, in both
directions together; an edge is right where they do so at least ``seldom`` times. The histogram method of
Ellis, Makris and Black, at the number of deviations that is best for it on these very seeds, is given the
same links and events.

Null: the same occupancy, each camera's moved in time by another amount: every edge is false.

Cost: the learner on made-up occupancy of many cameras, half a person in view of each, all pairs searched.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from benchmarks.machine import machine
from sdist_ray.exclusion.tile import Counting, Tile
from sdist_ray.occupancy.block import Clock, OccupancyRange
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.padding import Padding, pad_ranges
from sdist_ray.occupancy.sparse import SparseRange
from sdist_ray.simulation.activity import activity_ranges
from sdist_ray.simulation.site import Site, SiteSpec, Walk, make_site, observe, walk
from sdist_ray.simulation.truth import ground_overlap
from sdist_ray.simulation.truth_transits import TrueTransits, true_transits
from sdist_ray.topology.graph import Edges, camera_edges
from sdist_ray.topology.links import Links, directed_links, mutual_links
from sdist_ray.topology.transit.baseline import histogram_edges
from sdist_ray.topology.transit.learner import TransitLearner
from sdist_ray.topology.transit.model import Transits
from sdist_ray.topology.transit.spec import TransitSpec

RESULTS = Path(__file__).parent / "results"
GRID, CLOCK = Grid(), Clock()
CAMERAS, PEOPLE, SIZE_M = 24, 30, (120.0, 72.0)
OFTEN_PER_HOUR, SELDOM_PER_HOUR = 60.0, 10.0
DEVIATIONS = (3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0)


def site_of(seed: int, minutes: float) -> Site:
    """One of the sites that are looked at."""
    width, depth = SIZE_M
    spec = SiteSpec(
        cameras=CAMERAS, people=PEOPLE, minutes=minutes, width_m=width, depth_m=depth, miss_probability=0.1,
        seed=seed,
    )  # fmt: skip
    return make_site(spec)


def ranges_of(site: Site, people: Walk) -> list[SparseRange]:
    """What ideal detectors report."""
    count = -(-people.ticks // CLOCK.range_ticks)
    cameras = len(site.cameras)
    words = np.zeros((count, cameras, GRID.windows), dtype=np.uint64)
    for camera in range(cameras):
        seen = observe(site, people, camera)
        window = GRID.window_of(seen.foot_x, seen.foot_y)
        bit = np.uint64(1) << (seen.tick % CLOCK.range_ticks).astype(np.uint64)
        np.bitwise_or.at(words, (seen.tick // CLOCK.range_ticks, np.full(len(window), camera), window), bit)
    available = np.full(cameras, (1 << CLOCK.range_ticks) - 1, dtype=np.uint64)
    return [SparseRange.of(OccupancyRange(index, words[index], available)) for index in range(count)]


def learnt_links(ranges: list[SparseRange], names: tuple[str, ...]) -> Links:
    """The links that exclusion finds."""
    padding = Padding(GRID, CLOCK, 3)
    tile = Tile(names, names, Counting(padding, "wide", "indexed"))
    for padded in pad_ranges((entry.dense(GRID.windows) for entry in ranges), padding):
        tile.apply(padded, names)
    return mutual_links(directed_links(tile, names, "nonexclusion", 0.8), names, GRID.windows)


def learner_of(ranges: list[SparseRange], links: Links) -> TransitLearner:
    """A learner that has seen everything."""
    learner = TransitLearner(len(links.cameras), GRID, CLOCK)
    windows = GRID.windows
    here, there = links.camera_a * windows + links.window_a, links.camera_b * windows + links.window_b
    learner.link(np.column_stack([here, there]))
    for entry in ranges:
        learner.add(entry)
    return learner


def pairs_of(source: np.ndarray, target: np.ndarray) -> set[tuple[int, int]]:
    """Unordered pairs."""
    ends = zip(source.tolist(), target.tolist(), strict=True)
    return {(min(a, b), max(a, b)) for a, b in ends}


class Truth:
    """Unordered pairs of cameras by how many people walked between them."""

    def __init__(self, found: TrueTransits, minutes: float) -> None:
        self.people: dict[tuple[int, int], int] = {}
        self.mean_s: dict[tuple[int, int], float] = {}
        for a, b, people, mean in zip(
            found.source.tolist(),
            found.target.tolist(),
            found.people.tolist(),
            found.mean_s.tolist(),
            strict=True,
        ):
            pair = (min(a, b), max(a, b))
            self.people[pair] = self.people.get(pair, 0) + people
            self.mean_s[a, b] = mean
        self.hours = minutes / 60

    def at_least(self, per_hour: float) -> set[tuple[int, int]]:
        """Pairs between which so many walk."""
        return {pair for pair, people in self.people.items() if people >= per_hour * self.hours}


def quality(found: set[tuple[int, int]], truth: Truth) -> dict[str, int]:
    """Counts that precision and recall are made of."""
    often, seldom = truth.at_least(OFTEN_PER_HOUR), truth.at_least(SELDOM_PER_HOUR)
    return {
        "found": len(found),
        "found_seldom": len(found & seldom),
        "found_ever": len(found & set(truth.people)),
        "true": len(often),
        "found_true": len(found & often),
    }


def time_errors(transits: Transits, truth: Truth) -> list[float]:
    """Relative errors of mean transit times, of right edges."""
    often = truth.at_least(OFTEN_PER_HOUR)
    errors = []
    for a, b, mean in zip(
        transits.source.tolist(), transits.target.tolist(), transits.mean_s.tolist(), strict=True
    ):
        if (min(a, b), max(a, b)) in often and (a, b) in truth.mean_s:
            errors.append(abs(mean / truth.mean_s[a, b] - 1))
    return errors


def overlapping(edges: Edges) -> list[tuple[int, int]]:
    """The pairs of cameras that the links say overlap."""
    return list(zip(edges.camera_a.tolist(), edges.camera_b.tolist(), strict=True))


def measure(seed: int, minutes: float) -> dict[str, Any]:
    """One site for so long."""
    site = site_of(seed, minutes)
    people = walk(site)
    ranges = ranges_of(site, people)
    ground = ground_overlap(site.cameras, GRID)
    sharing = np.zeros((CAMERAS, CAMERAS), dtype=np.bool_)
    sharing[ground.pair_camera_a, ground.pair_camera_b] = True
    sharing |= sharing.T
    truth = Truth(true_transits(site, people, sharing), minutes)
    links = learnt_links(ranges, site.camera_ids)
    edges = camera_edges(links, 3)
    over = overlapping(edges)
    start = time.process_time()
    learner = learner_of(ranges, links)
    watched = time.process_time()
    transits = learner.learn(over)
    learnt = time.process_time()
    apart = np.ones((CAMERAS, CAMERAS), dtype=np.bool_)
    np.fill_diagonal(apart, False)
    for a, b in over:
        apart[a, b] = apart[b, a] = False
    histogram = {
        deviations: histogram_edges(learner.log(), apart, 60.0, CLOCK.fps, deviations)
        for deviations in DEVIATIONS
    }
    # Pairs that share a little ground without an edge are nobody's mistake.
    right = {
        name: {pair for pair in found if not sharing[pair]}
        for name, found in (
            ("ours", pairs_of(transits.source, transits.target)),
            *((str(d), pairs_of(h.source, h.target)) for d, h in histogram.items()),
        )
    }
    return {
        "seed": seed,
        "minutes": minutes,
        "ours": quality(right["ours"], truth),
        "histogram": {str(d): quality(right[str(d)], truth) for d in DEVIATIONS},
        "errors": time_errors(transits, truth),
        "null_found": null_edges(ranges, seed),
        "watch_s": watched - start,
        "learn_s": learnt - watched,
    }


def null_edges(ranges: list[SparseRange], seed: int) -> int:
    """Pairs found where each camera's occupancy was moved in time, all of them false."""
    rng = np.random.default_rng(seed)
    shifts = rng.permutation(CAMERAS) * (len(ranges) // CAMERAS)
    words = np.stack([entry.occupied.dense(CAMERAS, GRID.windows) for entry in ranges])
    for camera in range(CAMERAS):
        words[:, camera] = np.roll(words[:, camera], shifts[camera], axis=0)
    learner = TransitLearner(CAMERAS, GRID, CLOCK)
    for index, entry in enumerate(ranges):
        learner.add(OccupancyRange(index, words[index], entry.available))
    transits = learner.learn([])
    return len(pairs_of(transits.source, transits.target))


def rates(parts: list[dict[str, int]]) -> dict[str, float]:
    """Precision and recall over several sites."""
    total = {name: sum(part[name] for part in parts) for name in parts[0]}
    return {
        "precision": total["found_seldom"] / max(total["found"], 1),
        "precision_often": total["found_true"] / max(total["found"], 1),
        "precision_ever": total["found_ever"] / max(total["found"], 1),
        "recall": total["found_true"] / max(total["true"], 1),
        "found": total["found"],
        "true": total["true"],
    }


def summed(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """All seeds of one length together."""
    histogram = {d: rates([run["histogram"][d] for run in runs]) for d in runs[0]["histogram"]}

    def f1(rate: dict[str, float]) -> float:
        p, r = rate["precision"], rate["recall"]
        return 2 * p * r / max(p + r, 1e-9)

    best = max(histogram, key=lambda d: f1(histogram[d]))
    errors = [error for run in runs for error in run["errors"]]
    return {
        "minutes": runs[0]["minutes"],
        **rates([run["ours"] for run in runs]),
        "median_time_error": float(np.median(errors)) if errors else None,
        "histogram": {"deviations": float(best), **histogram[best]},
        "null_found": sum(run["null_found"] for run in runs),
    }


def cost(cameras: int, minutes: float) -> dict[str, Any]:
    """Time and memory of a learner of many cameras."""
    ticks = round(minutes * 60 * CLOCK.fps)
    learner = TransitLearner(cameras, GRID, CLOCK, replace(TransitSpec(), rounds=25))
    warm = TransitLearner(4, GRID, CLOCK)
    for entry in activity_ranges(4, 0.5, 600, GRID, CLOCK):
        warm.add(entry)
    warm.learn()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    watch = 0.0

    def ranges() -> Iterator[OccupancyRange]:
        yield from activity_ranges(cameras, 0.5, ticks, GRID, CLOCK)

    for entry in ranges():
        start = time.process_time()
        learner.add(entry)
        watch += time.process_time() - start
    held = learner.nbytes
    start = time.process_time()
    learner.learn()
    first = time.process_time() - start
    start = time.process_time()
    learner.learn()
    again = time.process_time() - start
    return {
        "cameras": cameras,
        "minutes": minutes,
        "watch_s": watch,
        "learn_s": first,
        "learn_again_s": again,
        "held_bytes": held,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "before_bytes": before,
        "times_as_fast_as_live": minutes * 60 / (watch + first),
    }


def draw(lengths: list[dict[str, Any]], path: Path) -> None:
    """Precision and recall against footage."""
    figure = Figure(figsize=(7, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    minutes = [length["minutes"] for length in lengths]
    for name, colour in (("precision", "#1f77b4"), ("recall", "#d62728")):
        left.plot(minutes, [length[name] for length in lengths], "o-", color=colour, label=name)
        known = [length["histogram"][name] for length in lengths]
        left.plot(minutes, known, "o:", color=colour, label=f"{name}, histogram method")
    left.axhline(0.9, color="#9a9a9a", lw=0.8)
    left.set_ylim(0, 1.05)
    left.legend(frameon=False, fontsize=7)
    right.plot(
        minutes, [100 * (length["median_time_error"] or 0) for length in lengths], "o-", color="#1f77b4"
    )
    right.axhline(10, color="#9a9a9a", lw=0.8)
    right.set_ylim(0, None)
    for axes, title in ((left, "Pairs of cameras"), (right, "Median error of mean transit times, %")):
        axes.set_title(title, loc="left", fontsize=9)
        axes.set_xlabel("minutes of footage")
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=130)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="*", default=[11, 12, 13, 14, 15])
    parser.add_argument("--minutes", type=float, nargs="*", default=[30.0, 60.0, 120.0, 240.0])
    parser.add_argument("--cameras", type=int, default=1000, help="whose cost is measured (0: none)")
    parser.add_argument("--cost_minutes", type=float, default=30.0)
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        kind, first, second = arguments.one.split(":")
        one = measure(int(first), float(second)) if kind == "site" else cost(int(first), float(second))
        print(json.dumps(one))
        return

    def apart(one: str) -> dict[str, Any]:
        # In a process of its own: peak memory is a process's.
        command = [sys.executable, "-m", "benchmarks.transit", f"--one={one}"]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    runs, lengths = [], []
    for minutes in arguments.minutes:
        of_length = [apart(f"site:{seed}:{minutes}") for seed in arguments.seeds]
        runs += of_length
        lengths.append(summed(of_length))
        print(json.dumps(lengths[-1]), flush=True)
    costs = apart(f"cost:{arguments.cameras}:{arguments.cost_minutes}") if arguments.cameras else None
    result = {
        "machine": machine(),
        "often_per_hour": OFTEN_PER_HOUR,
        "seldom_per_hour": SELDOM_PER_HOUR,
        "lengths": lengths,
        "cost": costs,
        "runs": runs,
    }
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "transit.json").write_text(json.dumps(result, indent=1) + "\n")
    if lengths:
        draw(lengths, arguments.output / "transit.png")
    longest = lengths[-1] if lengths else {}
    names = ("minutes", "precision", "recall", "median_time_error", "null_found")
    line = {name: longest.get(name) for name in names}
    print(json.dumps({**line, "cost": costs}))


if __name__ == "__main__":
    main()
