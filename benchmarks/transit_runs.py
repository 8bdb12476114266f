"""What benchmarks.transit runs, each in a process of its own: a site, shifted footage, the learner alone."""

from __future__ import annotations

import resource
import time
from typing import Any

import numpy as np

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
from sdist_ray.topology.null import shift_ranges
from sdist_ray.topology.transit.baseline import histogram_edges
from sdist_ray.topology.transit.events import SpreadLinks
from sdist_ray.topology.transit.learner import TransitLearner
from sdist_ray.topology.transit.model import Transits

GRID, CLOCK = Grid(), Clock()
CAMERAS, PEOPLE, SIZE_M = 24, 30, (120.0, 72.0)
OFTEN_PER_HOUR, SELDOM_PER_HOUR = 60.0, 10.0
DEVIATIONS = (3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0)
NULL_CAMERAS, NULL_PEOPLE, NULL_SIZE_M = 100, 125, (240.0, 150.0)
GROUPS = 16


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
    learner.link(SpreadLinks.between(links, links.cameras, GRID))
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


def shifted(cameras: int, minutes: float, seed: int) -> dict[str, Any]:
    """Edges of footage in which cameras are in groups, each turned round by its share of the time.

    Edges across groups are false. Cameras are those of a site of 100, each as often as it takes, in another
    group every time. No links are given: what they would tell is of cameras of one group.
    """
    width, depth = NULL_SIZE_M
    site = make_site(
        SiteSpec(
            cameras=NULL_CAMERAS, people=NULL_PEOPLE, minutes=minutes, width_m=width, depth_m=depth,
            miss_probability=0.1, seed=seed,
        )
    )  # fmt: skip
    original, copies = ranges_of(site, walk(site)), -(-cameras // NULL_CAMERAS)
    windows, number = GRID.windows, np.arange(cameras)
    group = np.random.default_rng(seed).integers(0, GROUPS, NULL_CAMERAS)[number % NULL_CAMERAS]
    group = (group + number // NULL_CAMERAS) % GROUPS
    ranges = []
    for entry in original:
        words = np.tile(entry.occupied.dense(NULL_CAMERAS, windows), (copies, 1))[:cameras]
        available = np.full(cameras, (1 << CLOCK.range_ticks) - 1, dtype=np.uint64)
        ranges.append(SparseRange.of(OccupancyRange(entry.index, words, available)))
    learner = TransitLearner(cameras, GRID, CLOCK)
    start = time.process_time()
    for entry in shift_ranges(ranges, group * len(ranges) // GROUPS, windows):
        learner.add(entry)
    transits = learner.learn()
    pairs = pairs_of(transits.source, transits.target)
    return {
        "cameras": cameras,
        "minutes": minutes,
        "seed": seed,
        "pairs": cameras * (cameras - 1) // 2,
        "promised": learner.spec.false_share,
        "found": len(pairs),
        "false": sum(bool(group[a] != group[b]) for a, b in pairs),
        "cpu_s": round(time.process_time() - start, 1),
    }


def cost(cameras: int, minutes: float) -> dict[str, Any]:
    """Time and memory of a learner of many cameras."""
    ticks = round(minutes * 60 * CLOCK.fps)
    learner = TransitLearner(cameras, GRID, CLOCK)
    warm = TransitLearner(4, GRID, CLOCK)
    for entry in activity_ranges(4, 0.5, 600, GRID, CLOCK):
        warm.add(entry)
    warm.learn()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    watch = 0.0
    for entry in activity_ranges(cameras, 0.5, ticks, GRID, CLOCK):
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
