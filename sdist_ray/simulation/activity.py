"""Occupancy of a made-up network, as fast as it can be counted: for benchmarks, and for plans of capacity.

There are no images and no ground here: walkers cross views in image coordinates. Cameras come in pairs that
look at the same place, k and k + cameras // 2, so that there is something to find; whoever leaves a view
goes on in another one, at random.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numba
import numpy as np

from sdist_ray.errors import InputError
from sdist_ray.occupancy.block import Clock, OccupancyRange, Words
from sdist_ray.occupancy.grid import Grid

MISS_PROBABILITY = 0.05
"""That a camera does not detect a walker at one tick; each camera for itself."""
SPEED_X = 0.125
SPEED_Y = 0.11
"""Standard deviations of a walker's velocity, image widths and heights a second: 8 s cross a view."""
OUTAGE_S = 120.0
"""Mean length of an outage (exponential)."""


@dataclass(frozen=True)
class Activity:
    """Walkers in image coordinates.

    Attributes:
        cameras: in pairs k, k + cameras // 2 with one view; the last of an odd number is alone.
        people: that are in a camera's view, on average.
        grid: windows of every camera.
        clock: ticks and ranges.
        seed: of everything random.
        offline_share: the share of its time that a camera is off line, in outages of some minutes.

    Raises:
        InputError: a number is out of its range.
    """

    cameras: int
    people: float
    grid: Grid
    clock: Clock
    seed: int = 0
    offline_share: float = 0.0

    def __post_init__(self) -> None:
        if self.cameras < 1:
            raise InputError(f"activity needs at least 1 camera, not {self.cameras}")
        if not 0 <= self.people <= 1000:
            raise InputError(f"people per camera must be 0 to 1000, not {self.people}")
        if not 0 <= self.offline_share < 1:
            raise InputError(f"the share of cameras off line must be 0 to below 1, not {self.offline_share}")
        if self.seed < 0:
            raise InputError(f"a seed must be 0 or more, not {self.seed}")

    @property
    def views(self) -> int:
        """Places that are looked at: one for every pair of cameras, and one for an odd camera."""
        return self.cameras - self.cameras // 2

    def ranges(self, ticks: int) -> Iterator[OccupancyRange]:
        """The ranges that hold the ticks 0 to ``ticks`` - 1; what the last one lacks is unavailable."""
        rng = np.random.default_rng(self.seed)
        walkers = rng.poisson(self.people * self.views)
        view = rng.integers(0, self.views, walkers)
        x, y = rng.random(walkers), rng.random(walkers)
        velocity_x = rng.normal(0, SPEED_X / self.clock.fps, walkers)
        velocity_y = rng.normal(0, SPEED_Y / self.clock.fps, walkers)
        offline = rng.random(self.cameras) < self.offline_share
        outage, between = self._lengths()
        until = rng.exponential(np.where(offline, outage, between))
        for first in range(0, ticks, self.clock.range_ticks):
            count = min(self.clock.range_ticks, ticks - first)
            available: Words = np.full(self.cameras, (1 << count) - 1, dtype=np.uint64)
            if self.offline_share:
                take_offline(rng, first, count, outage, between, offline, until, available)
            occupied: Words = np.zeros((self.cameras, self.grid.windows), dtype=np.uint64)
            walk(
                rng, count, self.grid.columns, self.grid.rows, self.cameras // 2, self.views,
                view, x, y, velocity_x, velocity_y, available, occupied,
            )  # fmt: skip
            yield OccupancyRange(first // self.clock.range_ticks, occupied, available)

    def _lengths(self) -> tuple[float, float]:
        """Mean ticks of an outage, and from one to the next."""
        outage = OUTAGE_S * self.clock.fps
        share = self.offline_share
        return outage, outage * (1 - share) / share if share else np.inf


def activity_ranges(
    cameras: int,
    people: float,
    ticks: int,
    grid: Grid,
    clock: Clock,
    seed: int = 0,
    offline_share: float = 0.0,
) -> Iterator[OccupancyRange]:
    """The ranges of an Activity, in order; the same for the same arguments.

    Args:
        cameras: in pairs k, k + cameras // 2 with one view.
        people: per camera, on average.
        ticks: from tick 0 on.
        grid: windows of every camera.
        clock: ticks and ranges.
        seed: of everything random.
        offline_share: the share of its time that a camera is off line.

    Raises:
        InputError: a number is out of its range.
    """
    return Activity(cameras, people, grid, clock, seed, offline_share).ranges(ticks)


@numba.njit(cache=True, nogil=True, boundscheck=False)
def walk(  # type: ignore[no-untyped-def]
    rng, count, columns, rows, half, views, view, x, y, velocity_x, velocity_y, available, occupied
):
    """Move everybody for the ticks of a range, and set the bits of the windows that they occupy.

    Args:
        rng: numpy Generator.
        count: ticks.
        columns, rows: the grid.
        half: pairs of cameras; camera v + half has view v too.
        views: places that are looked at.
        view: int64 (walkers,), updated.
        x, y: float64 (walkers,), fractions of the image, updated.
        velocity_x, velocity_y: float64 (walkers,), per tick.
        available: uint64 (cameras,), read.
        occupied: uint64 (cameras, windows), updated.
    """
    for tick in range(count):
        bit = np.uint64(1) << np.uint64(tick)
        for k in range(view.shape[0]):
            x[k] += velocity_x[k]
            y[k] += velocity_y[k]
            if not (0 <= x[k] < 1 and 0 <= y[k] < 1):
                view[k] = np.int64(rng.random() * views)
                x[k] = rng.random()
                y[k] = rng.random()
            window = np.int64(y[k] * rows) * columns + np.int64(x[k] * columns)
            if rng.random() >= MISS_PROBABILITY:
                # The view beyond the pairs is that of the last, odd camera.
                camera = view[k] if view[k] < half else available.shape[0] - 1
                occupied[camera, window] |= bit & available[camera]
            if view[k] < half and rng.random() >= MISS_PROBABILITY:
                camera = view[k] + half
                occupied[camera, window] |= bit & available[camera]


@numba.njit(cache=True, nogil=True, boundscheck=False)
def take_offline(rng, first, count, outage, between, offline, until, available):  # type: ignore[no-untyped-def]
    """Clear the bits of the ticks at which cameras are off line.

    Args:
        rng: numpy Generator.
        first, count: the range's ticks.
        outage, between: mean lengths, ticks.
        offline: bool (cameras,), updated.
        until: float64 (cameras,), the tick at which that changes, updated.
        available: uint64 (cameras,), updated.
    """
    for camera in range(available.shape[0]):
        for tick in range(count):
            while until[camera] <= first + tick:
                offline[camera] = not offline[camera]
                until[camera] += rng.standard_exponential() * (outage if offline[camera] else between)
            if offline[camera]:
                available[camera] &= ~(np.uint64(1) << np.uint64(tick))
