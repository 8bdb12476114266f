"""A city in time: its walkers and everything that fails, moved on range by range."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sdist_ray.occupancy.block import Clock, Words
from sdist_ray.occupancy.sparse import SparseWords
from sdist_ray.simulation.city_plan import Ints
from sdist_ray.simulation.city_programme import HOUR_S
from sdist_ray.simulation.city_random import QUANTUM
from sdist_ray.simulation.city_walkers import VISIT, settle, walk
from sdist_ray.simulation.city_watch import (
    RUN,
    alternate,
    clear_runs,
    look,
    merge_keys,
    sort_keys,
)
from sdist_ray.simulation.city_ways import WALKER

if TYPE_CHECKING:
    from sdist_ray.simulation.city import City

VISITS_AT_ONCE = 1 << 16
FALSE_S, STUCK_S, LEAST_STUCK_S, OUTAGE_S = 1.0, 2400.0, 60.0, 600.0
"""How long, on average, a false detection, a stuck window and an outage last; and a stuck window at least."""
FAVOURITE_SHARE = 0.5
"""How many of a camera's false detections are in one and the same window: a reflection, a tree."""

Runs = npt.NDArray[np.void]


class Faults:
    """Things of cameras that are on and off in turn; see ``alternate``.

    Args:
        camera: int64 (things,), whose they are.
        on_s, least_on_s, off_s: mean and least seconds on, mean seconds off.
        favourite: how often it is the camera's favourite window.
        windows: of a camera; 1 where it is the whole camera.
        rng: what the generators of all things are made from.
    """

    def __init__(
        self,
        camera: Ints,
        on_s: float,
        least_on_s: float,
        off_s: float,
        favourite: float,
        windows: int,
        rng: np.random.Generator,
    ) -> None:
        things = len(camera)
        self.runs = np.empty(1024, RUN)
        self._generators = rng.integers(0, 1 << 63, things).astype(np.uint64)
        self._camera = camera.astype(np.int64)
        self._lengths = (on_s, least_on_s, off_s)
        self._favourite, self._windows = favourite, windows
        self._on = rng.random(things) < on_s / (on_s + off_s)
        self._window = rng.integers(0, windows, things)
        left = rng.exponential(size=things) * np.where(self._on, on_s, off_s)
        self._until = np.floor(left * QUANTUM) / QUANTUM

    def next(self, first: int, end: int, fps: float) -> int:
        """Go on to tick ``end``; how many of ``runs``, within the ticks from ``first`` on, are on."""
        thing = done = 0
        while True:
            thing, done = alternate(
                self._generators, self._camera, self._on, self._until, self._window, self._favourite,
                self._windows, *self._lengths, end, fps, first, thing, done, self.runs,
            )  # fmt: skip
            if thing == len(self._camera):
                return int(done)
            grown = np.empty(2 * len(self.runs), RUN)
            grown[:done] = self.runs[:done]
            self.runs = grown


class CityRun:
    """A city from its first tick on."""

    def __init__(self, city: City, clock: Clock) -> None:
        spec = city.spec
        rng = np.random.Generator(np.random.PCG64([spec.seed, 2]))
        self._city, self._clock = city, clock
        self._tick = 0
        self._day_s = spec.start_h * HOUR_S
        skew = rng.uniform(-spec.skew_s, spec.skew_s, spec.cameras)
        self.skew_s = np.rint(skew * QUANTUM) / QUANTUM
        self._ahead_s = float(np.abs(self.skew_s).max())
        self._walkers = np.zeros(spec.people, WALKER)
        # Whoever has a home lives near a camera: lots have people as they have cameras.
        camera = rng.integers(0, spec.cameras, spec.people)
        self._walkers["home"] = city.views.lot[camera]
        self._generators = rng.integers(0, 1 << 63, spec.people).astype(np.uint64)
        settle(self._walkers, self._generators, city.plan.ground, city.plan.lots, -self._ahead_s, self._day_s)
        every = np.arange(spec.cameras)
        windows = spec.grid.windows
        self._false = self._stuck = self._outages = None
        if spec.false_per_hour:
            between = max(HOUR_S / spec.false_per_hour - FALSE_S, 1e-3)
            self._false = Faults(every, FALSE_S, 0.0, between, FAVOURITE_SHARE, windows, rng)
        stuck = np.sort(rng.choice(spec.cameras, round(spec.cameras * spec.stuck_share), replace=False))
        if len(stuck):
            self._stuck = Faults(stuck, STUCK_S, LEAST_STUCK_S, STUCK_S, 0.0, windows, rng)
        if spec.offline_share:
            between = OUTAGE_S * (1 - spec.offline_share) / spec.offline_share
            self._outages = Faults(every, OUTAGE_S, 0.0, between, 0.0, 1, rng)
        self._visits = np.empty(VISITS_AT_ONCE, VISIT)
        self._runs = np.empty(1 << 16, RUN)
        self._kept = 0

    def visits(self, until_s: float) -> npt.NDArray[np.void]:
        """Everybody's visits to cells up to a moment, VISIT (visits,), by walker and then by time.

        For those who ask about people; ``next`` takes them itself.
        """
        parts, first = [np.empty(0, VISIT)], 0
        while first < len(self._walkers):
            first, count = self._walk(first, until_s)
            parts.append(self._visits[:count].copy())
        return np.concatenate(parts)

    def next(self, ticks: int) -> tuple[SparseWords, Words]:
        """What is reported of the next ticks, at most 64: occupied words, and uint64 (cameras,) available."""
        spec, fps = self._city.spec, self._clock.fps
        first, end = self._tick, self._tick + ticks
        self._tick = end
        available: Words = np.full(spec.cameras, (1 << ticks) - 1, dtype=np.uint64)
        if self._outages is not None:
            count = self._outages.next(first, end, fps)
            clear_runs(self._outages.runs, count, first, end, available)
        until_s = end / fps + self._ahead_s
        walker = 0
        while walker < len(self._walkers):
            walker, count = self._walk(walker, until_s)
            self._look(count)
        for faults in (self._false, self._stuck):
            if faults is not None:
                count = faults.next(first, end, fps)
                self._make_room(count)
                self._runs[self._kept : self._kept + count] = faults.runs[:count]
                self._kept += count
        keys = np.empty(self._kept, np.int64)
        found, self._kept = sort_keys(self._runs, self._kept, first, end, keys)
        keys = keys[:found]
        keys.sort()
        place, word = np.empty(found, np.int32), np.empty(found, np.uint64)
        words = merge_keys(keys, available, spec.grid.windows, place, word)
        return SparseWords(place[:words].copy(), word[:words].copy()), available

    def _walk(self, first: int, until_s: float) -> tuple[int, int]:
        """Move walkers from ``first`` on until nobody is left or ``_visits`` is full; see ``walk``."""
        walker, count = walk(
            self._walkers, self._generators, first, self._city.plan.ground, self._city.plan.lots,
            until_s, self._day_s, self._visits,
        )  # fmt: skip
        return int(walker), int(count)

    def _look(self, count: int) -> None:
        """Add the runs of so many visits."""
        city, spec = self._city, self._city.spec
        done = 0
        while True:
            done, written = look(
                self._visits, count, done, city.table, spec.grid.windows, city.views.camera,
                city.views.from_s, city.views.until_s, self.skew_s, spec.miss_probability, spec.miss_s,
                spec.seed, self._clock.fps, self._runs[self._kept :],
            )  # fmt: skip
            self._kept += int(written)
            if done == count:
                return
            self._make_room(len(self._runs))

    def _make_room(self, more: int) -> None:
        if self._kept + more > len(self._runs):
            grown = np.empty(max(2 * len(self._runs), self._kept + more), RUN)
            grown[: self._kept] = self._runs[: self._kept]
            self._runs = grown
