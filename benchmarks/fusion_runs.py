"""What benchmarks.fusion runs: WILDTRACK's boxes, scenescape's videos, simulated networks."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.fusion_score import Score
from experiments.data import (
    SCENESCAPE_CAMERAS,
    SCENESCAPE_SIZE,
    WILDTRACK_CAMERAS,
    scenescape,
    wildtrack,
)
from experiments.matching import assign
from experiments.scenescape_tracks.found import plane
from sdist_ray.detection.neural import NeuralSettings, load_people_model
from sdist_ray.detection.people import PeopleDetector
from sdist_ray.distancing.fusion import Fuser, FusionSettings
from sdist_ray.distancing.fusion_feed import gathered, own_tracks
from sdist_ray.distancing.fusion_views import make_views
from sdist_ray.distancing.ground import ACROSS, DOWN, Located, PlaneGround, ground_view
from sdist_ray.distancing.tracks import TrackSettings
from sdist_ray.distancing.watch import Watch, WatchSettings
from sdist_ray.simulation.site import SiteSpec, make_site, observe, walk

WILDTRACK_FPS, SCENESCAPE_FPS = 2.0, 10.0
TUNED_FROM = 180
"""Settings were chosen on WILDTRACK's instants from here on; those before played no part."""
NOBODYS = -1


def on_wildtrack(data: Path, drop: float, noise: float, seed: int) -> dict[str, Any]:
    """Fused people, and each camera's own, against everybody on the square.

    Args:
        data: WILDTRACK's folder.
        drop: share of boxes taken away, in each camera for itself.
        noise: what is added to boxes, in standard deviations of what the ground believes of them.
        seed: of both.
    """
    sites = [wildtrack(data, name) for name in WILDTRACK_CAMERAS]
    grounds = [PlaneGround(site.camera, "pinhole") for site in sites]
    views = make_views([site.name for site in sites], [ground.view for ground in grounds])
    fuser = Fuser(views, FusionSettings().at(1 / WILDTRACK_FPS))
    rng = np.random.default_rng(seed)
    whole, tuned, held_out = Score(), Score(), Score()
    alone, own_part = [Score() for _ in sites], [Score() for _ in sites]
    for instant in range(len(sites[0].views)):
        reports = []
        truth = sites[0].views[instant].everybody
        for number, (site, ground) in enumerate(zip(sites, grounds, strict=True)):
            boxes = site.views[instant].boxes
            boxes = boxes[rng.random(len(boxes)) >= drop].copy()
            if noise:
                boxes[:, 0] += rng.normal(0, noise * ACROSS, len(boxes)) * boxes[:, 2]
                boxes[:, 3] *= 1 + rng.normal(0, noise * DOWN, len(boxes))
            located = ground.locate(boxes)
            reports.append((number, located, np.full(len(boxes), NOBODYS)))
            places = located.points[np.isfinite(located.points).all(axis=1)]
            alone[number].add(places, truth)
            seen = site.views[instant].places
            mine = np.flatnonzero((np.abs(truth[:, None] - seen[None]).sum(axis=2) < 1e-6).any(axis=1))
            own_part[number].add(places, truth, mine)
        found = fuser.update(instant / WILDTRACK_FPS, gathered(reports)).ground
        for score in (whole, tuned if instant >= TUNED_FROM else held_out):
            score.add(found, truth)
    return {
        "fused": whole.figures(), "fused, tuned on": tuned.figures(), "fused, held out": held_out.figures(),
        **{f"{site.name} alone": score.figures() for site, score in zip(sites, alone, strict=True)},
        **{f"{site.name} alone, of whom it sees": score.figures()
           for site, score in zip(sites, own_part, strict=True)},
    }  # fmt: skip


def on_scenescape(data: Path, model: Path, frames: int, start: float, faint: float) -> dict[str, Any]:
    """Both cameras' tracks fused, and each by itself, against whoever stands where either camera sees them.

    Args:
        data: scenescape's folder.
        model: a people detector.
        frames: of the videos that are looked at.
        start, faint: scores that begin a track, and that continue one.
    """
    sites = [scenescape(data, name) for name in SCENESCAPE_CAMERAS]
    grounds = [
        plane(site.image_points, site.ground_points, SCENESCAPE_SIZE)
        for site in sites
        if site.image_points is not None and site.ground_points is not None
    ]
    settings = WatchSettings(tracks=TrackSettings(start_score=start)).at(1 / SCENESCAPE_FPS)
    watches = [Watch(ground, settings, SCENESCAPE_SIZE) for ground in grounds]
    views = make_views(SCENESCAPE_CAMERAS, [ground.view for ground in grounds])
    fuser = Fuser(views, FusionSettings().at(1 / SCENESCAPE_FPS))
    detector = PeopleDetector(load_people_model(NeuralSettings(model, score=faint), 2))
    videos = [cv2.VideoCapture(str(data / f"{name}_10fps.mp4")) for name in SCENESCAPE_CAMERAS]
    names = ("fused", *(f"{name} alone" for name in SCENESCAPE_CAMERAS))
    scores = {name: Score(gate_m=1.0) for name in names}
    errors: dict[str, list[dict[tuple[int, int], float]]] = {name: [] for name in names}
    for frame in range(frames):
        reports, places = [], []
        for number, (video, watch) in enumerate(zip(videos, watches, strict=True)):
            read, image = video.read()
            if not read:
                return _of_both(scores, errors, frame)
            seen = detector.detect(image)
            boxes = seen.boxes.astype(np.float64) * [*SCENESCAPE_SIZE, *SCENESCAPE_SIZE]
            people = watch.look(frame / SCENESCAPE_FPS, boxes, seen.scores.astype(np.float64)).people
            places.append(people.ground[np.isfinite(people.ground).all(axis=1)])
            reports.append((number, watch.ground.locate(boxes), own_tracks(boxes, people)))
        fused = fuser.update(frame / SCENESCAPE_FPS, gathered(reports)).ground
        everybody = sites[0].views[frame].everybody
        seen_by_any = sorted({
            int(np.linalg.norm(everybody - place, axis=1).argmin())
            for site in sites for place in site.views[frame].places if np.isfinite(place).all()
        })  # fmt: skip
        for name, found in zip(names, (fused, *places), strict=True):
            scores[name].add(found, everybody, np.array(seen_by_any, np.int64))
            errors[name].append(_matched(frame, found, everybody))
    return _of_both(scores, errors, frames)


def _matched(frame: int, found: np.ndarray, truth: np.ndarray) -> dict[tuple[int, int], float]:
    """Error of each person that is found."""
    off = np.linalg.norm(found[:, None] - truth[None], axis=2)
    row, column = assign(off, 1.0)
    return {(frame, who): float(off[at, who]) for at, who in zip(row.tolist(), column.tolist(), strict=True)}


def _of_both(
    scores: dict[str, Score], errors: dict[str, list[dict[tuple[int, int], float]]], frames: int
) -> dict[str, Any]:
    """Figures of each way, and of each camera those of fusion at the positions that both found."""
    result: dict[str, Any] = {name: score.figures() | {"positions_missed": score.missed, "frames": frames}
                              for name, score in scores.items()}  # fmt: skip
    every = {name: {key: e for of in parts for key, e in of.items()} for name, parts in errors.items()}
    for name in scores:
        common = [key for key in every[name] if key in every["fused"]]
        result[name]["at_common_positions"] = {
            "positions": len(common),
            "median_m": float(np.median([every[name][key] for key in common])),
            "fused_median_m": float(np.median([every["fused"][key] for key in common])),
        }
    return result


def on_simulation(cameras: int, seconds: float, seed: int) -> dict[str, Any]:
    """Milliseconds per instant of a simulated network at 10 FPS, and how well people are found there."""
    site = make_site(SiteSpec(cameras=cameras, people=5 * cameras // 2, minutes=seconds / 60, seed=seed))
    walked, ticks = walk(site), site.spec.ticks
    views = make_views(site.camera_ids, [ground_view(camera) for camera in site.cameras])
    reports: list[list[tuple[int, Located, np.ndarray]]] = [[] for _ in range(ticks)]
    covered: list[list[np.ndarray]] = [[] for _ in range(ticks)]
    for number, camera in enumerate(site.cameras):
        seen = observe(site, walked, number)
        pixels = np.column_stack([seen.foot_x, seen.foot_y]).astype(np.float64) * camera.image_size
        steps = np.array([[0.5, 0.0], [-0.5, 0.0], [0.0, 0.5], [0.0, -0.5]])
        around = camera.to_ground((pixels[None] + steps[:, None]).reshape(-1, 2)).reshape(4, -1, 2)
        right, below = (around[a] - around[b] for a, b in ((0, 1), (2, 3)))
        covariance = right[:, :, None] * right[:, None, :] + below[:, :, None] * below[:, None, :]
        covariance *= site.spec.foot_noise_px**2
        places = camera.to_ground(pixels)
        for tick, rows in enumerate(
            np.split(np.arange(len(pixels)), np.searchsorted(seen.tick, range(1, ticks)))
        ):
            reports[tick].append(
                (number, Located(places[rows], covariance[rows]), np.full(len(rows), NOBODYS))
            )
            covered[tick].append(seen.person[rows])
    fuser, score, spent = Fuser(views, FusionSettings().at(0.1)), Score(), []
    sightings = [gathered(of) for of in reports]
    for tick in range(ticks):
        start = time.process_time()
        found = fuser.update(tick / 10, sightings[tick])
        spent.append(time.process_time() - start)
        truth = walked.positions[tick].astype(np.float64)
        there = np.flatnonzero(np.isfinite(truth).all(axis=1))
        ought = np.flatnonzero(np.isin(there, np.concatenate(covered[tick])))
        if tick >= 10:
            score.add(found.ground, truth[there], ought)
    # The first seconds compile and learn.
    late = np.array(spent[20:]) * 1e3
    return {
        "cameras": cameras, "edges": len(views.pairs), "seconds": ticks / 10,
        "sightings_per_instant": float(np.mean([len(of) for of in sightings])),
        "ms_per_instant": float(np.median(late)), "ms_per_instant_p99": float(np.quantile(late, 0.99)),
        "ms_per_camera": float(np.median(late)) / cameras, "fps": 1e3 / float(np.median(late)),
        **score.figures(),
    }  # fmt: skip
