"""What benchmarks.ground_plane measures on: foot points with the truth beside them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from experiments.data import (
    SCENESCAPE_CAMERAS,
    SCENESCAPE_SIZE,
    WILDTRACK_CAMERAS,
    Site,
    scenescape,
    wildtrack,
)
from sdist_ray.cameras.pinhole import Pinhole
from sdist_ray.detection.foreground import ForegroundDetector, ForegroundSettings
from sdist_ray.exclusion.tile import Counting, Tile
from sdist_ray.occupancy.block import Clock, OccupancyRange
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.padding import Padding, pad_ranges
from sdist_ray.simulation.site import SiteSpec, in_reach, make_site, walk
from sdist_ray.simulation.truth import ground_overlap
from sdist_ray.topology.graph import camera_edges
from sdist_ray.topology.ground_plane.homography import UNITS_X, UNITS_Y
from sdist_ray.topology.ground_plane.implied import shared_windows
from sdist_ray.topology.ground_plane.plane import GroundPlane
from sdist_ray.topology.links import directed_links, mutual_links

Feet = tuple[np.ndarray, np.ndarray, np.ndarray]
LEAST_TICKS, LEAST_OVERLAP = 10, 0.1


@dataclass(frozen=True)
class Footage:
    """Foot points of several cameras.

    Attributes:
        feet: per camera tick (int64, ascending), x and y (fractions of the image).
        ticks, fps: of all cameras.
        cameras: calibrated.
        shared_m2: (cameras, cameras), ground that two of them share.
        people: per camera where on the ground, metres, and who stood at (tick, person): for transfer errors.
    """

    feet: list[Feet]
    ticks: int
    fps: float
    cameras: list[Pinhole]
    shared_m2: np.ndarray
    people: list[dict[tuple[int, int], tuple[float, float, float, float]]]


def shared_ground(cameras: list[Pinhole]) -> np.ndarray:
    """(cameras, cameras), m²."""
    overlap = ground_overlap(cameras, Grid())
    shared = np.zeros((len(cameras), len(cameras)))
    shared[overlap.pair_camera_a, overlap.pair_camera_b] = overlap.pair_shared_m2
    return shared + shared.T


def plain(rng: np.random.Generator, seen: np.ndarray, tick: np.ndarray, person: np.ndarray) -> np.ndarray:
    """10 % of what is seen is missed, one tick independent of the next."""
    return seen & (rng.random(len(tick)) >= 0.1)


def thirty(rng: np.random.Generator, seen: np.ndarray, tick: np.ndarray, person: np.ndarray) -> np.ndarray:
    """30 % missed."""
    return seen & (rng.random(len(tick)) >= 0.3)


def lasting(rng: np.random.Generator, seen: np.ndarray, tick: np.ndarray, person: np.ndarray) -> np.ndarray:
    """10 % missed for a second or two at a time: one stretch of 15 ticks in ten of every person."""
    draws = np.random.default_rng(int(rng.integers(1 << 31))).random((person.max(initial=0) + 1, 4096))
    return seen & (draws[person, (tick + 7 * person) // 15 % 4096] >= 0.1)


SPOILS: dict[str, str] = {
    "nothing": "as the simulation is",
    "30 % missed": "at every tick on its own",
    "10 % missed, 1.5 s at a time": "misses that last",
    "occlusion": "whoever stands behind somebody else is missed",
    "clocks ±0.2 s": "every camera's clock is off by its own, up to 0.2 s",
    "clocks ±0.5 s": "up to 0.5 s",
    "clocks ±2.0 s": "up to 2 s",
    "lens k1 -0.1": "barrel distortion, 16 % at the corners",
    "lens k1 -0.25": "39 % at the corners",
    "two floors": "everybody east of every hall's middle stands 1 m higher",
    "stairs": "from every hall's middle to 4 m east of it the ground rises by 2 m",
    "noise 3 px": "foot points off by 3 px rather than 1",
}


def simulated(cameras: int, people: int, minutes: float, seed: int, spoil: str = "nothing") -> Footage:
    """The site of sdist-ray simulate, seen by ideal detectors with 10 % misses and a pixel of noise."""
    site = make_site(
        SiteSpec(cameras=cameras, people=people, minutes=minutes, seed=seed, miss_probability=0.1)
    )
    walked = walk(site)
    feet, where = [], []
    clocks = clocks_s(spoil, seed, cameras, site.spec.fps)
    for number, camera in enumerate(site.cameras):
        rng = np.random.default_rng([seed, 9, number])
        tick, person = np.nonzero(in_reach(camera, walked.positions))
        ground = walked.positions[tick, person].astype(np.float64)
        height = _height(site, ground, spoil)
        exact = camera.project(np.column_stack([ground, height]))
        if spoil.startswith("lens"):
            exact = _bent(camera, exact, float(spoil.split()[-1]))
        noise = 3.0 if spoil == "noise 3 px" else site.spec.foot_noise_px
        x, y = ((exact + rng.normal(0, 1, exact.shape) * noise) / camera.image_size).T
        inside = (x >= 0) & (x <= 1) & (y >= 0) & (y <= 1)
        miss = {"30 % missed": thirty, "10 % missed, 1.5 s at a time": lasting}.get(spoil, plain)
        seen = miss(rng, inside, tick, person)
        if spoil == "occlusion":
            seen &= ~_hidden(tick, exact, camera)
        late = tick + round(clocks[number] * site.spec.fps)
        seen &= (late >= 0) & (late < walked.ticks)
        feet.append((late[seen].astype(np.int64), x[seen].astype(np.float32), y[seen].astype(np.float32)))
        sparse = inside & (tick % 10 == 0)
        fraction = exact / camera.image_size
        where.append({
            (int(t), int(p)): (float(u), float(v), float(gx), float(gy))
            for t, p, (u, v), (gx, gy) in zip(
                tick[sparse], person[sparse], fraction[sparse], ground[sparse], strict=True
            )
        })  # fmt: skip
    return Footage(feet, walked.ticks, 10.0, list(site.cameras), shared_ground(list(site.cameras)), where)


def _height(site: Any, ground: np.ndarray, spoil: str) -> np.ndarray:
    """How high the ground is, metres."""
    if spoil not in ("two floors", "stairs"):
        return np.zeros(len(ground))
    centres = site.layout.centres_m
    nearest = np.linalg.norm(ground[:, None] - centres[None], axis=2).argmin(axis=1)
    east = ground[:, 0] - centres[nearest, 0]
    return np.where(east > 0, 1.0, 0.0) if spoil == "two floors" else np.clip(east / 4, 0, 1) * 2.0


def clocks_s(spoil: str, seed: int, cameras: int, fps: float) -> np.ndarray:
    """Seconds by which every camera's clock is late, whole ticks."""
    if not spoil.startswith("clocks"):
        return np.zeros(cameras)
    most = float(spoil[8:11]) * fps
    drawn = [np.random.default_rng([seed, 8, number]).uniform(-most, most) for number in range(cameras)]
    return np.round(drawn) / fps


def _bent(camera: Pinhole, pixels: np.ndarray, k1: float) -> np.ndarray:
    """Pixels as a lens with this radial distortion would have them; 1 is half the image's width."""
    middle = np.array(camera.image_size) / 2
    off = (pixels - middle) / middle[0]
    return middle + off * (1 + k1 * (off**2).sum(axis=1, keepdims=True)) * middle[0]


def _hidden(tick: np.ndarray, pixels: np.ndarray, camera: Pinhole) -> np.ndarray:
    """Whose feet are behind somebody who stands nearer: in a box of a sixth of the image above their feet."""
    width, height = camera.image_size[0] / 24, camera.image_size[1] / 5
    hidden = np.zeros(len(tick), np.bool_)
    bounds = np.flatnonzero(np.diff(tick, prepend=-1, append=-1))
    for begin, end in pairwise(bounds.tolist()):
        x, y = pixels[begin:end].T
        behind = (np.abs(x[:, None] - x[None]) < width) & (y[None] > y[:, None])
        hidden[begin:end] = (behind & (y[None] - height < y[:, None])).any(axis=1)
    return hidden


def linked(seen: Footage) -> Iterator[tuple[float, list[tuple[int, int]]]]:
    """Pairs of cameras with at least 3 links, for many C*: the paper's rule."""
    grid, names = Grid(), [f"c{number:05}" for number in range(len(seen.feet))]
    padding = Padding(grid, Clock(), 3)
    span = padding.clock.range_ticks
    tile = Tile(names, names, Counting(padding, "wide", "dense"))
    windows = [grid.window_of(x, y) for _, x, y in seen.feet]

    def ranges() -> Iterator[OccupancyRange]:
        for first in range(0, seen.ticks, span):
            count = min(span, seen.ticks - first)
            occupied = np.zeros((len(names), grid.windows), np.uint64)
            for own, window, (tick, _, _) in zip(occupied, windows, seen.feet, strict=True):
                begin, end = np.searchsorted(tick, [first, first + count])
                bits = np.uint64(1) << (tick[begin:end] - first).astype(np.uint64)
                np.bitwise_or.at(own, window[begin:end], bits)
            available = np.full(len(names), (1 << count) - 1, np.uint64)
            yield OccupancyRange(first // span, occupied, available)

    for entry in pad_ranges(ranges(), padding):
        tile.apply(entry, names)
    for threshold in np.round(np.arange(0.5, 1.0, 0.05), 2).tolist():
        links = mutual_links(directed_links(tile, names, "nonexclusion", threshold), names, grid.windows)
        edges = camera_edges(links, 3)
        yield threshold, list(zip(edges.camera_a.tolist(), edges.camera_b.tolist(), strict=True))


def transfer_error_m(seen: Footage, pair: tuple[int, int], homography: np.ndarray) -> float:
    """Median distance on the ground from where people stood to where a's foot points are carried to in b."""
    a, b = (seen.people[number] for number in pair)
    both = sorted(set(a) & set(b))
    if not both:
        return float("nan")
    from_a = np.array([a[key][:2] for key in both])
    truth = np.array([b[key][2:] for key in both])
    carried = np.column_stack([from_a * [UNITS_X, UNITS_Y], np.ones(len(both))]) @ homography.T
    camera = seen.cameras[pair[1]]
    with np.errstate(all="ignore"):
        pixels = carried[:, :2] / carried[:, 2:] / [UNITS_X, UNITS_Y] * camera.image_size
    off = np.linalg.norm(camera.to_ground(pixels) - truth, axis=1)
    return float(np.median(np.where(np.isfinite(off), off, np.inf)))


def window_ranking(plane: GroundPlane, seen: Footage, grid: Grid) -> tuple[np.ndarray, np.ndarray, int]:
    """Eligible pairs of windows by the larger share that the homographies imply, and whether each is true.

    Returns:
        the shares, float64 (pairs,), 0 for those that no homography implies; bool (pairs,); how many.
    """
    ticks = np.zeros((len(seen.feet), grid.windows), np.int64)
    for own, (tick, x, y) in zip(ticks, seen.feet, strict=True):
        stood = np.unique(np.column_stack([tick, grid.window_of(x, y)]), axis=0)
        np.add.at(own, stood[:, 1], 1)
    eligible = ticks >= LEAST_TICKS
    overlap = ground_overlap(seen.cameras, grid)
    shape = (len(seen.feet), grid.windows, len(seen.feet), grid.windows)
    true = np.zeros(shape, np.bool_)
    enough = np.maximum(overlap.overlap_a, overlap.overlap_b) >= LEAST_OVERLAP
    true[overlap.camera_a, overlap.window_a, overlap.camera_b, overlap.window_b] = enough
    share = np.zeros(shape)
    for (a, b), fit in plane.fits.items():
        pairs = shared_windows(fit.homography, grid)
        share[a, pairs.window_a, b, pairs.window_b] = np.maximum(pairs.overlap_a, pairs.overlap_b)
    keep = eligible[:, :, None, None] & eligible[None, None]
    keep &= np.arange(len(ticks))[:, None, None, None] < np.arange(len(ticks))[None, None, :, None]
    return share[keep], true[keep], int(keep.sum())


def data_folder() -> Path:
    """SDIST_DATA."""
    return Path(os.environ.get("SDIST_DATA", "data"))


def _of_sites(sites: list[Site], feet: list[Feet], ticks: int, fps: float) -> Footage:
    cameras = [site.camera for site in sites]
    where = []
    for site in sites:
        own = {}
        for number, view in enumerate(site.views):
            for person, box, place in zip(view.people, view.boxes, view.places, strict=True):
                if person >= 0 and np.isfinite(place).all():
                    x = (box[0] + box[2] / 2) / site.camera.image_size[0]
                    y = (box[1] + box[3]) / site.camera.image_size[1]
                    own[number, int(person)] = (float(x), float(y), float(place[0]), float(place[1]))
        where.append(own)
    return Footage(feet, ticks, fps, cameras, shared_ground(cameras), where)


def wildtrack_boxes(missing: float, noise: float) -> Footage:
    """WILDTRACK's annotated boxes at 2 FPS; noise is a share of a box's height."""
    rng = np.random.default_rng(0)
    sites = [wildtrack(data_folder() / "wildtrack", name) for name in WILDTRACK_CAMERAS]
    feet = []
    for site in sites:
        count = np.array([len(view.boxes) for view in site.views])
        boxes = np.concatenate([view.boxes for view in site.views])
        off = rng.normal(0, 1, (len(boxes), 2)) * noise * boxes[:, 3:]
        x = (boxes[:, 0] + boxes[:, 2] / 2 + off[:, 0]) / site.camera.image_size[0]
        y = (boxes[:, 1] + boxes[:, 3] + off[:, 1]) / site.camera.image_size[1]
        kept = (x >= 0) & (x <= 1) & (y >= 0) & (y <= 1) & (rng.random(len(x)) >= missing)
        tick = np.repeat(np.arange(len(count)), count)
        feet.append((tick[kept], x[kept].astype(np.float32), y[kept].astype(np.float32)))
    return _of_sites(sites, feet, len(sites[0].views), 2.0)


def scenescape_video() -> Footage:
    """What the foreground detector finds in the two 10 FPS videos."""
    folder = data_folder() / "scenescape"
    sites = [scenescape(folder, name) for name in SCENESCAPE_CAMERAS]
    feet, lengths = [], []
    for name in SCENESCAPE_CAMERAS:
        video = cv2.VideoCapture(str(next(folder.glob(f"{name}*10fps.mp4"))))
        detector = ForegroundDetector(ForegroundSettings())
        tick, x, y, number = [], [], [], 0
        while True:
            read, image = video.read()
            if not read:
                break
            found = detector.detect(image)
            if found.available:
                tick += [number] * len(found.foot_x)
                x += found.foot_x.tolist()
                y += found.foot_y.tolist()
            number += 1
        lengths.append(number)
        feet.append((np.array(tick, np.int64), np.array(x, np.float32), np.array(y, np.float32)))
    ticks = min(lengths)
    feet = [tuple(column[tick < ticks] for column in (tick, x, y)) for tick, x, y in feet]
    assert sites[0].camera.image_size == SCENESCAPE_SIZE
    return _of_sites(sites, feet, ticks, 10.0)
