"""What tests of one ground plane share: two halls of cameras, what they see, and who searches."""

import functools
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from sdist_ray.occupancy.block import Rows
from sdist_ray.occupancy.grid import Grid
from sdist_ray.simulation.site import SiteSpec, make_site, observe, walk
from sdist_ray.simulation.truth import ground_overlap
from sdist_ray.topology.ground_plane.pair import FitSettings
from sdist_ray.topology.ground_plane.search import Prepared
from sdist_ray.topology.ground_plane.view import make_view

CAMERAS = 8
TICKS = 1800


@functools.cache
def hall():
    """Four cameras round a hall, next to it four round another: the site, views, m² that they share."""
    site, seen = observed()
    views = [make_view(o.tick, o.foot_x, o.foot_y, np.ones(TICKS, np.bool_), 10.0) for o in seen]
    overlap = ground_overlap(site.cameras, Grid())
    shared = np.zeros((CAMERAS, CAMERAS))
    shared[overlap.pair_camera_a, overlap.pair_camera_b] = overlap.pair_shared_m2
    return site, views, shared


@functools.cache
def observed():
    """The site, and what its cameras saw in three minutes at 10 FPS."""
    site = make_site(SiteSpec(cameras=CAMERAS, people=16, minutes=3.0, miss_probability=0.1, seed=100))
    walked = walk(site)
    assert walked.ticks == TICKS
    return site, [observe(site, walked, number) for number in range(CAMERAS)]


def rows_of(first, last, at=None, cameras=range(CAMERAS)):
    """What cameras saw from tick ``first`` up to ``last``, as if it were at tick ``at``, without windows."""
    _, seen = observed()
    parts = []
    for place, camera in enumerate(cameras):
        own = seen[camera]
        a, b = np.searchsorted(own.tick, [first, last])
        ticks = np.arange(first, last)
        parts.append(
            Rows(
                np.full(len(ticks), place, np.int32),
                ticks - first + (first if at is None else at),
                np.empty(0, np.uint16),
                np.zeros(len(ticks), np.int64),
                np.asarray(own.foot_x[a:b], np.float32),
                np.asarray(own.foot_y[a:b], np.float32),
                np.searchsorted(own.tick[a:b], ticks, side="right"),
            )
        )
    return Rows.concatenate(parts)


def run_with(views, threads, tasks_of=None):
    """Runs tasks in some threads; ``tasks_of`` is a list that learns of every task."""
    prepared = Prepared(views, FitSettings(draws=2000), 0)

    def run(tasks):
        if tasks_of is not None:
            tasks_of.extend(tasks)
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(prepared.run, tasks))

    return run
