"""One ground plane as an estimator: pairs of cameras by the score of their homography, windows by overlap."""

from __future__ import annotations

import numpy as np

from experiments.estimators.footage import Footage
from experiments.estimators.score import LEAST_M2, LEAST_OVERLAP, LEAST_TICKS, Counted, curve
from sdist_ray.jobs.ground_plane import learn_here
from sdist_ray.jobs.host import Host
from sdist_ray.topology.ground_plane.implied import shared_windows
from sdist_ray.topology.ground_plane.plane import GroundPlane, LearnSettings
from sdist_ray.topology.ground_plane.view import make_view
from sdist_ray.topology.quality import pair_keys

NAME = "ground_plane"


def place(footage: Footage) -> GroundPlane:
    """The ground plane of some footage, with default settings."""
    there = np.ones(footage.ticks, np.bool_)
    fps = footage.padding.clock.fps
    views = [make_view(tick, x, y, there, fps) for tick, x, y in footage.feet]
    return learn_here(views, LearnSettings(), Host("local", 1))


def ground_levels(footage: Footage, counted: Counted) -> dict:
    """Average precision and curves of windows and cameras; what is not placed is not found."""
    plane = place(footage)
    windows, cameras = footage.padding.grid.windows, len(footage.cameras)
    eligible = counted.rates.occupied.sum(axis=0).reshape(-1) >= LEAST_TICKS
    a, b, rank = [], [], []
    for (one, other), fit in plane.fits.items():
        pairs = shared_windows(fit.homography, footage.padding.grid)
        a.append(one * windows + pairs.window_a)
        b.append(other * windows + pairs.window_b)
        rank.append(np.maximum(pairs.overlap_a, pairs.overlap_b))
    ours, theirs = (np.concatenate([np.empty(0, np.int64), *part]) for part in (a, b))
    overlap = np.concatenate([np.empty(0), *rank])
    kept = eligible[ours] & eligible[theirs]
    true_a, true_b, share = footage.truth
    true = eligible[true_a] & eligible[true_b] & (share >= LEAST_OVERLAP)
    known = pair_keys(true_a[true], true_b[true], len(eligible))
    is_true = np.isin(pair_keys(ours[kept], theirs[kept], len(eligible)), known)
    edges = np.array(sorted(plane.fits), np.int64).reshape(-1, 2)
    key = pair_keys(edges[:, 0], edges[:, 1], cameras)
    score = np.array([plane.score[one, other] for one, other in edges.tolist()])
    shared = pair_keys(footage.shared[0].astype(np.int64), footage.shared[1].astype(np.int64), cameras)
    large = shared[footage.shared[2] > LEAST_M2]
    return {
        "windows": curve(overlap[kept], is_true, int(true.sum())),
        "cameras": curve(score, np.isin(key, shared), len(large), np.isin(key, large)),
    }
