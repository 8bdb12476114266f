"""Ground that people walk on and no camera sees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sdist_ray.simulation.people import Walk
from sdist_ray.simulation.site import Site
from sdist_ray.simulation.truth_transits import Floats, true_sights


@dataclass(frozen=True)
class BlindGround:
    """Cells of the ground, by place, on which somebody was in nobody's view.

    Attributes:
        x_m, y_m: float64 (cells,), their middles.
        person_s: float64 (cells,), for how long, all people together.
        cell_m: their side.
        hours: that were simulated.
    """

    x_m: Floats
    y_m: Floats
    person_s: Floats
    cell_m: float
    hours: float


def blind_ground(site: Site, walk: Walk, cell_m: float = 1.0) -> BlindGround:
    """Where a site's people are when no camera sees them."""
    fps = site.spec.fps
    present = ~np.isnan(walk.positions[..., 0]).T.reshape(-1)
    present[true_sights(site, walk)[0]] = False
    key = np.flatnonzero(present)
    place = walk.positions[key % walk.ticks, key // walk.ticks]
    cell = np.floor(place / cell_m).astype(np.int64).reshape(-1, 2)
    cells, count = np.unique(cell, axis=0, return_counts=True)
    middle = (cells + 0.5) * cell_m
    return BlindGround(middle[:, 0], middle[:, 1], count / fps, cell_m, walk.ticks / fps / 3600)
