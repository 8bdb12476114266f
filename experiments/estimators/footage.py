"""Footage with its truth: simulated sites, the two scenescape videos, WILDTRACK's boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from experiments.data import SCENESCAPE_CAMERAS, WILDTRACK_CAMERAS, scenescape, wildtrack
from sdist_ray.cameras.calibration import Calibration
from sdist_ray.occupancy.block import Clock
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.padding import Padding
from sdist_ray.occupancy.recording import open_recording
from sdist_ray.occupancy.sparse import SparseRange, SparseWords
from sdist_ray.simulation.site import Observation, Site, SiteSpec, make_site, observe, walk
from sdist_ray.simulation.truth import ground_overlap

GRID = Grid(12, 9)
Pair = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Footage:
    """What some cameras saw, and what is true of them. Windows are camera * windows + window.

    Attributes:
        cameras: ids, sorted.
        padding: how it is to be counted.
        ranges: in order.
        truth: pairs of windows that share ground, each once, and the larger of both shares of a window's own.
        shared: pairs of cameras that share ground, and how much, m²; of all pairs that do.
        joint: pairs of windows in which one person was seen at once, each once, and how many ticks;
            None where people have no names.
        seen: ticks of people seen in each window, int64 (windows,); None likewise.
        feet: of every camera the tick (int64, ascending, from 0), x and y (fractions of the image) of all
            foot points.
        ticks: how long it is.
    """

    cameras: tuple[str, ...]
    padding: Padding
    ranges: list[SparseRange]
    truth: tuple[np.ndarray, np.ndarray, np.ndarray]
    shared: tuple[np.ndarray, np.ndarray, np.ndarray]
    joint: tuple[np.ndarray, np.ndarray, np.ndarray] | None
    seen: np.ndarray | None
    feet: list[tuple[np.ndarray, np.ndarray, np.ndarray]]
    ticks: int


def simulated(
    cameras: int, people: int, minutes: float, misses: float, noise_px: float, seed: int, tolerance: int = 3
) -> Footage:
    """A site with ideal detectors that miss people and have noisy feet."""
    site, seen = seen_in(cameras, people, minutes, misses, noise_px, seed)
    spec = site.spec
    return _footage(site.camera_ids, site.cameras, seen, Clock(spec.fps, 20), spec.ticks, tolerance)


def occupied(
    cameras: int, people: int, minutes: float, misses: float, noise_px: float, seed: int, tolerance: int = 3
) -> tuple[tuple[str, ...], Padding, list[SparseRange]]:
    """The same footage without its truth: cameras, how it is to be counted, ranges."""
    site, seen = seen_in(cameras, people, minutes, misses, noise_px, seed)
    clock = Clock(site.spec.fps, 20)
    place = np.concatenate(
        [n * GRID.windows + GRID.window_of(o.foot_x, o.foot_y) for n, o in enumerate(seen)]
    )
    ranges = _ranges(place, np.concatenate([o.tick for o in seen]), cameras, clock, site.spec.ticks)
    return site.camera_ids, Padding(GRID, clock, tolerance), ranges


def seen_in(
    cameras: int, people: int, minutes: float, misses: float, noise_px: float, seed: int
) -> tuple[Site, list[Observation]]:
    """A site, and what each of its cameras sees."""
    spec = SiteSpec(
        cameras=cameras, people=people, minutes=minutes, miss_probability=misses, foot_noise_px=noise_px,
        seed=seed,
    )  # fmt: skip
    site = make_site(spec)
    walked = walk(site)
    return site, [observe(site, walked, number) for number in range(cameras)]


def wildtrack_boxes(folder: Path, misses: float, noise_px: float, seed: int, tolerance: int = 0) -> Footage:
    """WILDTRACK's annotated boxes, 2 FPS; a share of them missed, and feet moved (pixels of 1920 by 1080)."""
    rng = np.random.default_rng(seed)
    sites = [wildtrack(folder, name) for name in WILDTRACK_CAMERAS]
    seen = []
    for site in sites:
        ticks = np.repeat(np.arange(len(site.views)), [len(view.boxes) for view in site.views])
        boxes = np.concatenate([view.boxes for view in site.views])
        feet = np.column_stack([boxes[:, 0] + boxes[:, 2] / 2, boxes[:, 1] + boxes[:, 3]])
        feet = (feet + rng.normal(0, 1, feet.shape) * noise_px) / (1920, 1080)
        people = np.concatenate([view.people for view in site.views])
        kept = (rng.random(len(feet)) >= misses) & ((feet >= 0) & (feet <= 1)).all(axis=1)
        x, y = feet[kept].astype(np.float32).T
        seen.append(Observation(ticks[kept], x, y, people[kept]))
    ticks = len(sites[0].views)
    cameras = [site.camera for site in sites]
    return _footage(WILDTRACK_CAMERAS, cameras, seen, Clock(2.0, 20), ticks, tolerance)


def scenescape_video(folder: Path, recording: Path, tolerance: int = 3) -> Footage:
    """The two scenescape videos, as ``sdist-ray record`` saw them; people have no names there."""
    opened = open_recording(recording)
    clock = Clock(opened.fps, 20)
    first = opened.first_tick - opened.first_tick % clock.range_ticks
    count = -(-(opened.last_tick - first + 1) // clock.range_ticks)
    cameras = len(opened.cameras)
    occupied = np.zeros((count, cameras, opened.grid.windows), np.uint64)
    available = np.zeros((count, cameras), np.uint64)
    feet = []
    for rows in opened.batches(feet=opened.has_feet):
        number, bit = np.divmod(rows.tick - first, clock.range_ticks)
        word = np.uint64(1) << bit.astype(np.uint64)
        np.bitwise_or.at(available, (number, rows.camera), word)
        each = np.diff(rows.window_ends, prepend=0)
        at = np.repeat(number, each), np.repeat(rows.camera, each), rows.windows
        np.bitwise_or.at(occupied, at, np.repeat(word, each))
        if opened.has_feet:
            points = np.diff(rows.foot_ends, prepend=0)
            ticks, who = np.repeat(rows.tick - first, points), np.repeat(rows.camera, points)
            feet.append((who, ticks, rows.foot_x, rows.foot_y))
    index = first // clock.range_ticks
    ranges = [
        SparseRange(index + n, SparseWords.of(words), there)
        for n, (words, there) in enumerate(zip(occupied, available, strict=True))
    ]
    sites = [scenescape(folder, name).camera for name in SCENESCAPE_CAMERAS]
    truth, shared = _truth(sites, opened.grid)
    padding = Padding(opened.grid, clock, tolerance)
    return Footage(
        opened.cameras, padding, ranges, truth, shared, None, None, _by_camera(feet, cameras),
        opened.last_tick - first + 1,
    )  # fmt: skip


def _by_camera(parts: list[tuple[np.ndarray, ...]], cameras: int) -> list:
    """See Footage.feet."""
    empty = (np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32), np.empty(0, np.float32))
    who, tick, x, y = (np.concatenate(column) for column in zip(empty, *parts, strict=True))
    order = np.lexsort((tick, who))
    who, tick, x, y = who[order], tick[order], x[order], y[order]
    bounds = np.searchsorted(who, np.arange(cameras + 1))
    return [(tick[begin:end], x[begin:end], y[begin:end]) for begin, end in pairwise(bounds.tolist())]


def _footage(
    names: Sequence[str],
    cameras: Sequence[Calibration],
    seen: Sequence[Observation],
    clock: Clock,
    ticks: int,
    tolerance: int,
) -> Footage:
    windows = GRID.windows
    places = [n * windows + GRID.window_of(o.foot_x, o.foot_y) for n, o in enumerate(seen)]
    place, tick = np.concatenate(places), np.concatenate([o.tick for o in seen])
    person = np.concatenate([o.person for o in seen])
    truth, shared = _truth(cameras, GRID)
    joint, often = _joint(place, tick, person, len(seen) * windows, windows)
    return Footage(
        tuple(names), Padding(GRID, clock, tolerance), _ranges(place, tick, len(seen), clock, ticks), truth,
        shared, joint, often, [(o.tick, o.foot_x, o.foot_y) for o in seen], ticks,
    )  # fmt: skip


def _ranges(place: np.ndarray, tick: np.ndarray, cameras: int, clock: Clock, ticks: int) -> list[SparseRange]:
    number, bit = np.divmod(tick, clock.range_ticks)
    key, where = np.unique(number * (cameras * GRID.windows) + place, return_inverse=True)
    word = np.zeros(len(key), np.uint64)
    np.bitwise_or.at(word, where, np.uint64(1) << bit.astype(np.uint64))
    number, place = np.divmod(key, cameras * GRID.windows)
    count = -(-ticks // clock.range_ticks)
    starts = np.searchsorted(number, np.arange(count + 1))
    ranges = []
    for n in range(count):
        part = slice(starts[n], starts[n + 1])
        there = (1 << min(clock.range_ticks, ticks - n * clock.range_ticks)) - 1
        words = SparseWords(place[part].astype(np.int32), word[part])
        ranges.append(SparseRange(n, words, np.full(cameras, there, np.uint64)))
    return ranges


def _truth(cameras: Sequence[Calibration], grid: Grid) -> tuple:
    overlap = ground_overlap(cameras, grid)
    a = overlap.camera_a.astype(np.int64) * grid.windows + overlap.window_a
    b = overlap.camera_b.astype(np.int64) * grid.windows + overlap.window_b
    most = np.maximum(overlap.overlap_a, overlap.overlap_b)
    return (a, b, most), (overlap.pair_camera_a, overlap.pair_camera_b, overlap.pair_shared_m2)


def _joint(place: np.ndarray, tick: np.ndarray, person: np.ndarray, total: int, windows: int) -> tuple:
    """See Footage.joint and Footage.seen."""
    order = np.lexsort((place, person, tick))
    place, tick, person = place[order], tick[order], person[order]
    keys = []
    ahead = 1
    while ahead < len(place):
        same = (tick[ahead:] == tick[:-ahead]) & (person[ahead:] == person[:-ahead])
        if not same.any():
            break
        a, b = place[:-ahead][same], place[ahead:][same]
        apart = a // windows != b // windows
        keys.append(a[apart] * total + b[apart])
        ahead += 1
    key, often = np.unique(np.concatenate([np.empty(0, np.int64), *keys]), return_counts=True)
    return (key // total, key % total, often), np.bincount(place, minlength=total)
