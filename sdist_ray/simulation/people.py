"""People who walk: from place to place, alone or in groups, with pauses, in and out through doors.

A group has a path of knots (a time and a place each); its members keep their offsets beside it. All
paths are then sampled at the ticks and smoothed, which rounds corners and makes starts gradual.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sdist_ray.simulation.layout import SIDES, WALKWAY_WIDTH_M, Layout

SPEED_M_S = (1.3, 0.2)
"""Mean and standard deviation of walking speeds."""
GROUP_SIZES = (0.56, 0.26, 0.11, 0.07)
"""Probabilities that 1, 2, 3, 4 people walk together."""
STAY, LEAVE, WANDER = 0.36, 0.12, 0.3
"""Probabilities that the next place is in the same hall, is the way out, or is anywhere on the site; else a
neighbouring hall."""
MEAN_DWELL_S, MEAN_AWAY_S, LEAST_AWAY_S = 5.0, 30.0, 4.0
SMOOTHING_S, TURNING_S = 0.9, 2.6
"""Over how long paths are smoothed, and how long a group takes to wheel about."""
MARGIN_M = 0.05

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Walk:
    """Where everybody is at every tick.

    Attributes:
        positions: float32 (ticks, people, 2), metres on the ground; NaN while a person is absent.
        height_m: float32 (people,).
        group: int64 (people,), the same number for those who walk together.
        appearance: int64 (people,), a seed for a person's looks.
    """

    positions: npt.NDArray[np.float32]
    height_m: npt.NDArray[np.float32]
    group: npt.NDArray[np.int64]
    appearance: npt.NDArray[np.int64]

    @property
    def ticks(self) -> int:
        """Number of ticks."""
        return int(self.positions.shape[0])

    @property
    def people(self) -> int:
        """Number of people, present or not."""
        return int(self.positions.shape[1])


@dataclass
class _Path:
    """Knots of one group's way, and the stretches of time in which it is away."""

    times_s: list[float]
    points: list[Array]
    absent_s: list[tuple[float, float]]

    def reach(self, point: Array, speed: float) -> None:
        distance = float(np.hypot(*(point - self.points[-1])))
        self.times_s.append(self.times_s[-1] + max(distance / speed, 1e-3))
        self.points.append(point)

    def pause(self, seconds: float) -> None:
        self.times_s.append(self.times_s[-1] + seconds)
        self.points.append(self.points[-1])

    def reappear(self, point: Array, seconds: float) -> None:
        start, middle = self.times_s[-1], self.times_s[-1] + seconds / 2
        # The leap to the other door is in the middle of the absence, out of smoothing's reach.
        self.times_s += [middle, middle + 1e-3, start + seconds]
        self.points += [self.points[-1], point, point]
        self.absent_s.append((start, start + seconds))


def walk_people(layout: Layout, people: int, ticks: int, fps: float, seed: int) -> Walk:
    """Let ``people`` people walk on a site for ``ticks`` ticks of ``1 / fps`` seconds."""
    rng = np.random.Generator(np.random.PCG64([seed, 1]))
    group = _groups(people, rng)
    positions = np.full((ticks, people, 2), np.nan, dtype=np.float32)
    times = np.arange(ticks) / fps
    for number in range(int(group[-1]) + 1 if people else 0):
        members = np.flatnonzero(group == number)
        # A generator for each group: one group's length of stay leaves all the others' ways alone.
        own = np.random.Generator(np.random.PCG64([seed, 2, number]))
        path = _group_path(layout, float(times[-1]), len(members), own)
        positions[:, members] = _members(path, len(members), times, fps, own, layout)
    heights = np.clip(rng.normal(1.72, 0.09, people), 1.5, 1.98).astype(np.float32)
    return Walk(positions, heights, group, rng.integers(0, 2**31, people))


def _groups(people: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    sizes = 1 + rng.choice(len(GROUP_SIZES), size=people, p=GROUP_SIZES)
    return np.repeat(np.arange(people), sizes)[:people]


def _group_path(layout: Layout, end_s: float, members: int, rng: np.random.Generator) -> _Path:
    """A way that lasts at least ``end_s`` seconds, plus the time that smoothing looks ahead."""
    speed = float(np.clip(rng.normal(*SPEED_M_S), 0.7, 2.0)) * (1.0 if members == 1 else 0.9)
    hall = int(rng.integers(layout.halls))
    # Everybody is somewhere on the way already when the first tick comes.
    path = _Path([-20.0 * rng.random() - 5.0], [_place(layout, hall, rng)], [])
    if rng.random() < 0.2:
        path.absent_s.append((path.times_s[0], 30.0 * rng.random()))
        path.points[0] = layout.doors_m[hall]
        path.pause(path.absent_s[0][1] - path.times_s[0])
        _leave_door(path, layout, hall, speed, rng)
    while path.times_s[-1] < end_s + 2 * SMOOTHING_S:
        draw = rng.random()
        if draw > 1 - WANDER:
            hall = _wander(path, layout, speed, rng)
            continue
        sides = np.flatnonzero(layout.neighbours[hall] >= 0)
        if draw < LEAVE:
            hall = _out_and_in(path, layout, hall, speed, rng)
        elif draw > LEAVE + STAY and len(sides):
            side = int(sides[rng.integers(len(sides))])
            hall = _cross(path, layout, hall, side, speed, rng)
        path.reach(_place(layout, hall, rng), speed)
        path.pause(float(rng.exponential(MEAN_DWELL_S)) if rng.random() < 0.6 else 1e-3)
    return path


def _wander(path: _Path, layout: Layout, speed: float, rng: np.random.Generator) -> int:
    """Cross the grass to a spot anywhere on the site, and on to the hall nearest to it, which is returned."""
    spot = (0.04 + 0.92 * rng.random(2)) * [layout.width_m, layout.depth_m]
    path.reach(spot, speed)
    path.pause(float(rng.exponential(MEAN_DWELL_S)) if rng.random() < 0.3 else 1e-3)
    hall = int(np.hypot(*(layout.centres_m - spot).T).argmin())
    path.reach(_place(layout, hall, rng), speed)
    return hall


def _place(layout: Layout, hall: int, rng: np.random.Generator) -> Array:
    """A spot near one of a hall's places, or anywhere in the hall."""
    if rng.random() < 0.65:
        near = layout.places_m[hall, rng.integers(layout.places_m.shape[1])]
        spot = near + rng.normal(0.0, 0.6, 2)
    else:
        spot = layout.centres_m[hall] + (rng.random(2) - 0.5) * layout.hall_size_m * 0.92
    half = layout.hall_size_m * 0.48
    spot = np.clip(spot, layout.centres_m[hall] - half, layout.centres_m[hall] + half)
    return np.asarray(spot, dtype=np.float64)


def _beside(side: int, rng: np.random.Generator) -> Array:
    """An offset (2,) across a walkway on one of SIDES: people use its whole width."""
    ahead = np.array(SIDES[side], dtype=np.float64)
    return np.array([-ahead[1], ahead[0]]) * (rng.random() - 0.5) * (WALKWAY_WIDTH_M - 0.8)


def _cross(path: _Path, layout: Layout, hall: int, side: int, speed: float, rng: np.random.Generator) -> int:
    """Take the walkway on one side to the next hall, which is returned."""
    beyond = int(layout.neighbours[hall, side])
    path.reach(layout.gate_m(hall, side) + _beside(side, rng), speed)
    path.reach(layout.gate_m(beyond, (side + 2) % 4) + _beside(side, rng), speed)
    return beyond


def _out_and_in(path: _Path, layout: Layout, hall: int, speed: float, rng: np.random.Generator) -> int:
    """Leave by the hall's door, stay away, come back by any door; the hall of which is returned."""
    side = int(layout.door_sides[hall])
    if side >= 0:
        path.reach(layout.gate_m(hall, side) + _beside(side, rng), speed)
    path.reach(layout.doors_m[hall], speed)
    hall = int(rng.integers(layout.halls))
    path.reappear(layout.doors_m[hall], LEAST_AWAY_S + float(rng.exponential(MEAN_AWAY_S)))
    _leave_door(path, layout, hall, speed, rng)
    return hall


def _leave_door(path: _Path, layout: Layout, hall: int, speed: float, rng: np.random.Generator) -> None:
    side = int(layout.door_sides[hall])
    if side >= 0:
        path.reach(layout.gate_m(hall, side) + _beside(side, rng), speed)


def _members(
    path: _Path, members: int, times: Array, fps: float, rng: np.random.Generator, layout: Layout
) -> npt.NDArray[np.float32]:
    """Positions (ticks, members, 2) of those who follow one path."""
    half, turning = (max(1, round(seconds * fps / 2)) for seconds in (SMOOTHING_S, TURNING_S))
    # Sampled beyond both ends, so that smoothing has the same window everywhere.
    beyond = half + turning
    fine = times[0] + np.arange(-beyond, len(times) + beyond) / fps
    points = np.array(path.points)
    centre = np.column_stack([np.interp(fine, path.times_s, points[:, axis]) for axis in (0, 1)])
    centre = _smooth(centre, half)
    angle = _smooth(_headings(centre)[:, None], turning)
    ahead = np.hstack([np.cos(angle), np.sin(angle)])
    offsets = _offsets(members, rng)
    across = np.column_stack([-ahead[:, 1], ahead[:, 0]])
    centre = centre[turning:-turning]
    where = centre[:, None] + ahead[:, None] * offsets[None, :, :1] + across[:, None] * offsets[None, :, 1:]
    limits = np.array([layout.width_m, layout.depth_m])
    inside: npt.NDArray[np.float32] = np.clip(where, MARGIN_M, limits - MARGIN_M).astype(np.float32)
    for start, stop in path.absent_s:
        inside[(times >= start) & (times < stop)] = np.nan
    return inside


def _offsets(members: int, rng: np.random.Generator) -> Array:
    """Offsets (members, 2) ahead of and beside the path; people side by side, 0.65 m apart."""
    beside = (np.arange(members) - (members - 1) / 2) * 0.65
    offsets = np.column_stack([rng.normal(0.0, 0.18, members), beside])
    return offsets + rng.normal(0.0, 0.05, (members, 2)) if members > 1 else np.zeros((1, 2))


def _headings(centre: Array) -> Array:
    """Directions of motion (n,), radians, without leaps; while standing, the last one walked in."""
    step = np.gradient(centre, axis=0)
    moving = np.flatnonzero(np.hypot(step[:, 0], step[:, 1]) > 1e-3)
    if len(moving) == 0:
        return np.zeros(len(centre))
    last = np.searchsorted(moving, np.arange(len(centre)), side="right") - 1
    chosen = step[moving[np.maximum(last, 0)]]
    return np.unwrap(np.arctan2(chosen[:, 1], chosen[:, 0]))


def _smooth(series: Array, half: int) -> Array:
    """Moving mean over 2·half + 1 rows of (n, k); ``half`` rows shorter at each end."""
    total = np.cumsum(np.vstack([np.zeros((1, series.shape[1])), series]), axis=0)
    mean: Array = (total[2 * half + 1 :] - total[: -2 * half - 1]) / (2 * half + 1)
    return mean
