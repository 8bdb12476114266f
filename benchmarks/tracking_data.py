"""What benchmarks.tracking and benchmarks.virtual_camera take: cameras' own tracks, and who is who."""

from __future__ import annotations

import functools
import itertools
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.transit_runs import GRID, learner_of, learnt_links, ranges_of, site_of
from experiments.data import WILDTRACK_CAMERAS, wildtrack
from sdist_ray.distancing.fusion import Sightings
from sdist_ray.distancing.fusion_feed import gathered, own_tracks
from sdist_ray.distancing.fusion_views import Views, make_views
from sdist_ray.distancing.ground import PlaneGround
from sdist_ray.distancing.tracks import Tracker, TrackSettings
from sdist_ray.simulation.people import Walk, walk_people
from sdist_ray.simulation.site import Site, SiteSpec, in_reach, make_site, walk
from sdist_ray.simulation.truth import ground_overlap
from sdist_ray.topology.transit.model import Transits
from sdist_ray.tracking.passages import Passage, Passages

FPS = 10.0
BODY_WIDTH = 0.34
"""Of a box, over its height."""
HIDDEN = 0.6
"""Who is covered so far by somebody nearer is not detected."""
ACROSS, DOWN = 0.04, 0.02
"""Noise of a box's middle over its width, and of its lower edge over its height."""
OTHER_WALK = 5000
"""Seed of the walk that is tracked, beyond that of the walk that the topology is learnt from."""
LOOK = 16
"""Numbers of a made-up embedding."""
SMALL = SiteSpec(cameras=8, people=6, minutes=1.2, image_width=480, image_height=360)
SITES = range(15, 21)
"""Seeds of small sites that nobody looked at when settings were chosen; those were 2 and 4 to 14."""


@dataclass(frozen=True)
class Seen:
    """One camera's detections, by tick.

    Attributes:
        tick: int64 (n,).
        box: float64 (n, 4), pixels.
        person: int64 (n,), who it truly is.
        track: int64 (n,), the camera's own track where it counts, else -1.
        in_view: bool (ticks, people), whose foot is in the image and whose body is not hidden.
    """

    tick: np.ndarray
    box: np.ndarray
    person: np.ndarray
    track: np.ndarray
    in_view: np.ndarray


@dataclass(frozen=True)
class Scene:
    """A network's cameras and what they saw.

    Attributes:
        views: on one ground.
        grounds: of each camera.
        seen: by each camera.
        place: float64 (ticks, people, 2), where everybody is, metres; NaN where somebody is absent.
        fps: ticks a second.
    """

    views: Views
    grounds: list[PlaneGround]
    seen: list[Seen]
    place: np.ndarray
    fps: float

    @property
    def visible(self) -> np.ndarray:
        """Whom any camera has in view, bool (ticks, people)."""
        return np.any([seen.in_view for seen in self.seen], axis=0)

    def rows(self, camera: int) -> np.ndarray:
        """Where each tick's detections of a camera begin, int64 (ticks + 1,)."""
        return np.searchsorted(self.seen[camera].tick, np.arange(len(self.place) + 1))

    @functools.cached_property
    def instants(self) -> list[tuple[Sightings, np.ndarray]]:
        """Sightings of each tick, and who each truly is, in their order."""
        starts = [self.rows(camera) for camera in range(len(self.seen))]
        found = []
        for tick in range(len(self.place)):
            reports, who = [], [np.empty(0, np.int64)]
            for camera, (seen, ground) in enumerate(zip(self.seen, self.grounds, strict=True)):
                rows = slice(starts[camera][tick], starts[camera][tick + 1])
                if rows.start < rows.stop:
                    reports.append((camera, ground.locate(seen.box[rows]), seen.track[rows]))
                    who.append(seen.person[rows])
            found.append((gathered(reports), np.concatenate(who)))
        return found


def boxes_of(site: Site, walk: Walk, camera: int, noise: np.random.Generator, miss: float) -> Seen:
    """Boxes of whoever is in a camera's view and not hidden, less those that are missed."""
    calibration, spec = site.cameras[camera], site.spec
    tick, person = np.nonzero(in_reach(calibration, walk.positions))
    place = walk.positions[tick, person].astype(np.float64)
    foot = calibration.to_image(place)
    width, height = calibration.image_size
    heights = walk.height_m[person].astype(np.float64)
    up = calibration.to_image_above(place, 1.7) - foot
    head = foot + up * (heights / 1.7)[:, None]
    tall = np.maximum(foot[:, 1] - head[:, 1], 1.0)
    wide = BODY_WIDTH * tall + np.abs(foot[:, 0] - head[:, 0])
    box = np.column_stack([(foot[:, 0] + head[:, 0]) / 2 - wide / 2, head[:, 1], wide, tall])
    inside = (foot >= 0).all(axis=1) & (foot[:, 0] <= width - 1) & (foot[:, 1] <= height - 1)
    tick, person, box = tick[inside], person[inside], box[inside]
    shown = ~_hidden(tick, box)
    in_view = np.zeros(walk.positions.shape[:2], dtype=bool)
    in_view[tick[shown], person[shown]] = True
    # Where the image's upper border cuts somebody who leans, the box is that of the part below it.
    cut = (np.clip(-head[:, 1] / tall, 0, 1) * (head[:, 0] - foot[:, 0]))[inside]
    box[:, 0] -= np.minimum(cut, 0)
    box[:, 2] -= np.abs(cut)
    kept = shown & (noise.random(len(tick)) >= miss)
    tick, person, box = tick[kept], person[kept], box[kept]
    box[:, 0] += noise.normal(0, ACROSS, len(box)) * box[:, 2]
    box[:, 3] *= 1 + noise.normal(0, DOWN, len(box))
    right, below = np.minimum(box[:, :2] + box[:, 2:], (width, height)).T
    box[:, :2] = np.maximum(box[:, :2], 0.0)
    box[:, 2:] = np.maximum(np.column_stack([right, below]) - box[:, :2], 1.0)
    ground = PlaneGround(calibration, "pinhole")
    track = _tracks(ground, calibration.image_size, tick, box, walk.ticks, spec.fps)
    return Seen(tick, box, person, track, in_view)


def _hidden(tick: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Whose box is mostly covered by one that stands lower in the image, bool (n,)."""
    hidden = np.zeros(len(tick), dtype=bool)
    bounds = np.append(np.flatnonzero(np.diff(tick, prepend=-1)), len(tick))
    for first, last in itertools.pairwise(bounds.tolist()):
        if last - first < 2:
            continue
        part = box[first:last]
        low = np.maximum(part[:, None, :2], part[None, :, :2])
        high = np.minimum(part[:, None, :2] + part[:, None, 2:], part[None, :, :2] + part[None, :, 2:])
        shared = np.maximum(high - low, 0).prod(axis=2) / part[:, 2:].prod(axis=1)[:, None]
        bottom = part[:, 1] + part[:, 3]
        nearer = bottom[None] > bottom[:, None]
        hidden[first:last] = ((shared > HIDDEN) & nearer).any(axis=1)
    return hidden


def _tracks(
    ground: PlaneGround, size: tuple[int, int], tick: np.ndarray, box: np.ndarray, ticks: int, fps: float
) -> np.ndarray:
    """A camera's own tracks."""
    tracker = Tracker(TrackSettings(), size)
    track = np.full(len(tick), -1)
    starts = np.searchsorted(tick, np.arange(ticks + 1))
    for at in range(ticks):
        rows = slice(starts[at], starts[at + 1])
        boxes = box[rows]
        people = tracker.update(at / fps, boxes, np.ones(len(boxes)), ground.locate(boxes))
        track[rows] = own_tracks(boxes, people)
    return track


def simulated(site: Site, walk: Walk, miss: float = 0.05) -> Scene:
    """A simulated site's cameras, with boxes as unsteady as a good detector's."""
    views = make_views(site.camera_ids, [PlaneGround(c, "pinhole").view for c in site.cameras])
    seen = [
        boxes_of(site, walk, camera, np.random.default_rng([site.spec.seed, 9, camera]), miss)
        for camera in range(len(site.cameras))
    ]
    grounds = [PlaneGround(camera, "pinhole") for camera in site.cameras]
    return Scene(views, grounds, seen, walk.positions.astype(np.float64), site.spec.fps)


def small_site(seed: int) -> tuple[Scene, Passages]:
    """Eight cameras in two halls, six people, 72 s; nothing is known of ways."""
    site = make_site(replace(SMALL, seed=seed))
    return simulated(site, walk(site)), Passages()


@functools.cache
def halls_apart(seed: int, minutes: float, learn_minutes: float, people: int) -> tuple[Scene, Passages]:
    """benchmarks.transit's site (24 cameras in halls 40 m apart): its topology learnt from one walk, and
    another walk to be tracked."""
    site = site_of(seed, learn_minutes)
    first = walk_people(site.layout, site.spec.people, site.spec.ticks, FPS, seed)
    passages = passages_of(learn(site, first))
    other = walk_people(site.layout, people, round(minutes * 60 * FPS), FPS, seed + OTHER_WALK)
    return simulated(site, other), passages


def learn(site: Site, walk: Walk) -> Transits:
    """Transits from a walk's occupancy, the links too."""
    ranges = ranges_of(site, walk)
    learner = learner_of(ranges, learnt_links(ranges, site.camera_ids))
    overlap = ground_overlap(site.cameras, GRID)
    pairs = zip(overlap.pair_camera_a.tolist(), overlap.pair_camera_b.tolist(), strict=True)
    return learner.learn(sorted(set(pairs)))


def passages_of(transits: Transits) -> Passages:
    """As tracking takes them."""
    rows = range(len(transits))
    return Passages({
        (int(transits.source[k]), int(transits.target[k])): Passage.of_histogram(
            transits.probability[k], transits.histogram[k].tolist(), transits.bin_s
        )
        for k in rows
    })  # fmt: skip


def on_wildtrack(data: Path, drop: float, seed: int) -> Scene:
    """WILDTRACK's boxes, some of each camera's taken away, 2 FPS."""
    sites = [wildtrack(data, name) for name in WILDTRACK_CAMERAS]
    grounds = [PlaneGround(site.camera, "pinhole") for site in sites]
    views = make_views([site.name for site in sites], [ground.view for ground in grounds])
    rng = np.random.default_rng(seed)
    ticks = len(sites[0].views)
    names = sorted({p for site in sites for view in site.views for p in view.people.tolist()})
    number = {name: at for at, name in enumerate(names)}
    place = np.full((ticks, len(names), 2), np.nan)
    seen = []
    for site, ground in zip(sites, grounds, strict=True):
        tick, box, person = [], [], []
        in_view = np.zeros((ticks, len(names)), dtype=bool)
        for at, view in enumerate(site.views):
            who = np.array([number[p] for p in view.people.tolist()], np.int64)
            in_view[at, who] = True
            place[at, who] = view.places
            kept = rng.random(len(who)) >= drop
            tick.append(np.full(kept.sum(), at))
            box.append(view.boxes[kept])
            person.append(who[kept])
        tick, box, person = (np.concatenate(parts) for parts in (tick, box, person))
        settings = TrackSettings(coast_s=1.0, forget_s=2.0)
        track = _tracks_seldom(ground, tick, box, ticks, 2.0, settings)
        seen.append(Seen(tick, box, person, track, in_view))
    return Scene(views, grounds, seen, place, 2.0)


def _tracks_seldom(
    ground: PlaneGround, tick: np.ndarray, box: np.ndarray, ticks: int, fps: float, settings: TrackSettings
) -> np.ndarray:
    tracker = Tracker(settings, (1920, 1080))
    track = np.full(len(tick), -1)
    starts = np.searchsorted(tick, np.arange(ticks + 1))
    for at in range(ticks):
        rows = slice(starts[at], starts[at + 1])
        people = tracker.update(at / fps, box[rows], np.ones(len(box[rows])), ground.locate(box[rows]))
        track[rows] = own_tracks(box[rows], people)
    return track


def made_up_looks(people: int, alike: float, rng: np.random.Generator) -> Any:
    """An embedding model that tells people apart only so far: a function of persons, (n,) to (n, LOOK).

    Args:
        people: how many there are.
        alike: noise of each look over the spread of people.
        rng: of both.
    """
    true = rng.normal(size=(people, LOOK)) / math.sqrt(LOOK)

    def look(person: np.ndarray) -> np.ndarray:
        noise = rng.normal(size=(len(person), LOOK)) * alike / math.sqrt(LOOK)
        return np.asarray(true[person] + noise)

    return look
