"""A city of up to a hundred thousand cameras and more: who is where, what cameras report, and what is true.

For networks that are too large for pixels: occupancy only, as fast as it can be counted, and sparse all the
way. Buildings of some floors stand between streets and plazas; people go to lectures, to work and home;
cameras overlap, adjoin or stand alone; they miss people for a while, see some who are not there, have windows
that are stuck, clocks that are off, outages, and are moved. Nothing depends on how time is cut into ranges,
and a city at 1 FPS is one tick in ten of that city at 10 FPS.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from sdist_ray.errors import InputError
from sdist_ray.occupancy.block import Clock
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.sparse import SparseRange
from sdist_ray.simulation.city_cells import CellTable, see_cells
from sdist_ray.simulation.city_plan import CityPlan, Ints, plan_city
from sdist_ray.simulation.city_random import QUANTUM
from sdist_ray.simulation.city_run import CityRun
from sdist_ray.simulation.city_truth import overlap_at, shared_ground
from sdist_ray.simulation.city_views import Views, hang_cameras
from sdist_ray.simulation.truth import GroundOverlap

MOST_CAMERAS = 1_000_000


@dataclass(frozen=True)
class CitySpec:
    """What to simulate.

    Attributes:
        cameras: number of cameras.
        people_per_camera: of the city's whole population; not all of them are in view.
        minutes: how long; cameras are moved within it.
        start_h: time of day at tick 0; lectures begin a quarter past every hour and end on the hour.
        cameras_per_building: on average.
        miss_probability: how often somebody who is in view is missed for a spell of ``miss_s``.
        miss_s: how long a spell lasts, seconds.
        false_per_hour: false detections of a camera, a second long each on average.
        stuck_share: the share of cameras that have a window stuck on, half of the time, for minutes to hours.
        offline_share: the share of its time that a camera is off line, ten minutes on average.
        skew_s: cameras' clocks are off by up to this, either way.
        moved_share: the share of cameras that get another view, once, between a quarter and three quarters of
            the time.
        cell_m: side of the cells of the ground.
        grid: of every camera.
        seed: everything follows from it.

    Raises:
        InputError: a number out of its range.
    """

    cameras: int = 480
    people_per_camera: float = 0.5
    minutes: float = 60.0
    start_h: float = 9.0
    cameras_per_building: float = 12.0
    miss_probability: float = 0.1
    miss_s: float = 1.0
    false_per_hour: float = 20.0
    stuck_share: float = 0.03
    offline_share: float = 0.01
    skew_s: float = 0.2
    moved_share: float = 0.02
    cell_m: float = 0.5
    grid: Grid = field(default_factory=Grid)
    seed: int = 1

    def __post_init__(self) -> None:
        require = _require
        require("cameras", self.cameras, 1 <= self.cameras <= MOST_CAMERAS, f"1 to {MOST_CAMERAS}")
        require("people_per_camera", self.people_per_camera, 0 <= self.people_per_camera <= 100, "0 to 100")
        require("minutes", self.minutes, 0 < self.minutes < math.inf, "a positive number")
        require("start_h", self.start_h, 0 <= self.start_h < 24, "hours from 0 to below 24")
        fits = 2 <= self.cameras_per_building <= 100
        require("cameras_per_building", self.cameras_per_building, fits, "2 to 100")
        for name in ("miss_probability", "stuck_share", "moved_share"):
            value = getattr(self, name)
            require(name, value, 0 <= value <= 1, "between 0 and 1")
        require("miss_s", self.miss_s, 0.01 <= self.miss_s <= 3600, "0.01 to 3600 s")
        require("false_per_hour", self.false_per_hour, 0 <= self.false_per_hour <= 3000, "0 to 3000")
        require("offline_share", self.offline_share, 0 <= self.offline_share < 1, "0 to below 1")
        require("skew_s", self.skew_s, 0 <= self.skew_s <= 60, "0 to 60 s")
        require("cell_m", self.cell_m, 0.1 <= self.cell_m <= 2, "0.1 to 2 m")
        require("seed", self.seed, 0 <= self.seed < 1 << 63, "0 or more")
        most = (1 << 31) // self.grid.windows
        # Views, of which a moved camera has two, and their windows are numbered in 31 bits.
        require("cameras", self.cameras, self.cameras * (1 + self.moved_share) < most, f"below {most} views")

    @property
    def people(self) -> int:
        """The whole population."""
        return round(self.cameras * self.people_per_camera)

    def ticks(self, clock: Clock) -> int:
        """Number of ticks in ``minutes``; at least one."""
        return max(1, round(self.minutes * 60 * clock.fps))


def _require(name: str, value: float, fits: bool, right: str) -> None:
    if not fits:
        raise InputError(f"{name} is {value}, but must be {right}")


@dataclass(frozen=True)
class City:
    """A city and its cameras.

    Attributes:
        spec: what it was made from.
        plan: lots and buildings.
        views: what cameras look at, and when.
        table: which windows see which cell.
    """

    spec: CitySpec
    plan: CityPlan
    views: Views
    table: CellTable

    @property
    def camera_ids(self) -> tuple[str, ...]:
        """The cameras' ids, in order; they say nothing of where cameras are."""
        digits = len(str(self.spec.cameras - 1))
        return tuple(f"cam{number:0{digits}}" for number in range(self.spec.cameras))

    def ranges(self, clock: Clock, ticks: int | None = None) -> Iterator[SparseRange]:
        """The ranges that hold the ticks 0 to ``ticks`` - 1 (None: all minutes), from the beginning.

        What the last range lacks is unavailable. Ticks do not depend on how they are cut into ranges; whole
        frames per second that divide each other give the same city, more or less often looked at.
        """
        ticks = self.spec.ticks(clock) if ticks is None else ticks
        run = CityRun(self, clock)
        for first in range(0, ticks, clock.range_ticks):
            words, available = run.next(min(clock.range_ticks, ticks - first))
            yield SparseRange(first // clock.range_ticks, words, available)

    def truth(self, at_s: float = 0.0) -> GroundOverlap:
        """Which windows of different cameras see the same ground at a time, seconds from tick 0."""
        return overlap_at(self.views, self.table, self.spec.grid.windows, self.spec.cell_m, at_s)

    @functools.cached_property
    def shared(self) -> tuple[Ints, Ints, np.ndarray, np.ndarray, np.ndarray]:
        """Pairs of cameras that share ground at any time.

        Returns:
            camera_a, camera_b (camera_a < camera_b), shared_m2, and from when until when, seconds; ordered by
            cameras and time. A pair has as many rows as it had views of common ground.
        """
        return shared_ground(self.views, self.table, self.spec.grid.windows, self.spec.cell_m)

    @property
    def moves_s(self) -> np.ndarray:
        """When cameras are moved, float64, ascending: truth is constant from one to the next."""
        return np.sort(self.views.from_s[self.spec.cameras :])

    def groups(self, wrong_share: float = 0.0) -> list[str]:
        """Each camera's building and floor at tick 0, as the ports of switches would tell: b0012/f1.

        Cameras outdoors hang on the ground floor's switch. ``wrong_share`` of them are said to be on another
        camera's switch.

        Raises:
            InputError: the share is not between 0 and 1.
        """
        _require("the share of wrong groups", wrong_share, 0 <= wrong_share <= 1, "between 0 and 1")
        cameras = self.spec.cameras
        digits = len(str(self.plan.lots - 1))
        lot, floor = self.views.lot[:cameras], np.maximum(self.views.floor[:cameras], 0)
        names = [f"b{a:0{digits}}/f{b}" for a, b in zip(lot.tolist(), floor.tolist(), strict=True)]
        rng = np.random.Generator(np.random.PCG64([self.spec.seed, 3]))
        wrong = rng.choice(cameras, round(cameras * wrong_share), replace=False)
        of = rng.integers(0, cameras, len(wrong))
        for camera, other in zip(wrong.tolist(), of.tolist(), strict=True):
            names[camera] = names[other]
        return names


def make_city(spec: CitySpec) -> City:
    """Lay out a city, hang its cameras, and find what they see."""
    rng = np.random.Generator(np.random.PCG64([spec.seed, 1]))
    plan = plan_city(spec.cameras, spec.cameras_per_building, spec.cell_m, rng)
    order = rng.permutation(spec.cameras)
    # Of its own: a city in which nobody moves a camera is the same city otherwise.
    own = np.random.Generator(np.random.PCG64([spec.seed, 4]))
    moved = own.choice(spec.cameras, round(spec.cameras * spec.moved_share), replace=False)
    moved_s = np.floor((0.25 + 0.5 * own.random(len(moved))) * spec.minutes * 60 * QUANTUM) / QUANTUM
    views = hang_cameras(plan, moved, moved_s, order, rng)
    return City(spec, plan, views, see_cells(plan, views, spec.grid))
