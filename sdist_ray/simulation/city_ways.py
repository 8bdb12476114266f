"""The ways of a city's people: what each does next, leg by leg.

A walker's way is a sequence of straight legs and pauses in continuous time; nothing of it depends on ticks or
ranges.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from sdist_ray.simulation.city_plan import (
    AWAY,
    BUILDING_M,
    CORRIDOR_V,
    EXIT_U,
    LOT_M,
    PLAZA,
    ROOMS,
    ROOMS_M,
    STAIRS_U,
    building_corner,
    street_x,
    street_y,
)
from sdist_ray.simulation.city_programme import (
    ARRIVES_DEVIATION_H,
    ARRIVES_H,
    DAY_S,
    EARLIEST_H,
    LATEST_H,
    LEAST_DAY_H,
    WALL_M,
    choose,
    daily,
    plan_day,
)
from sdist_ray.simulation.city_random import draw, draw_exponential, moment

WALKER = np.dtype(
    [
        ("now", np.float64),  # how far the walker's time has come, seconds
        ("end", np.float64),  # of the leg or pause
        ("next_x", np.float64),  # when the leg leaves the cell along x, and along y
        ("next_y", np.float64),
        ("ix", np.int64),  # the cell
        ("iy", np.int64),
        ("step_x", np.int32),  # -1, 0, 1
        ("step_y", np.int32),
        ("lot", np.int32),
        ("floor", np.int32),  # -1 outdoors
        ("seen", np.int32),  # 0 in staircases and out of the city
        ("stage", np.int32),  # what the leg leads to
        ("start", np.float64),  # of the leg, seconds
        ("x", np.float64),  # the leg's start
        ("y", np.float64),
        ("to_x", np.float64),  # the leg's end, and where the walker is after it
        ("to_y", np.float64),
        ("speed_x", np.float64),
        ("speed_y", np.float64),
        ("speed", np.float64),
        ("lane", np.float64),  # -1 to 1, across corridors and streets
        ("until", np.float64),  # when the stay at a place ends
        ("fidget", np.float64),  # mean pause between steps on the spot, seconds
        ("spot_x", np.float64),  # where the walker stays or wants to
        ("spot_y", np.float64),
        ("leaves", np.float64),  # today, seconds
        ("place", np.int32),
        ("street", np.int32),  # the street along y that the walker is in
        ("cross", np.int32),  # the street along x that is taken
        ("to_lot", np.int32),
        ("to_floor", np.int32),
        ("to_place", np.int32),
        ("stay", np.float64),  # how long the next stay lasts, seconds
        ("home", np.int32),
        ("student", np.int32),
    ],
    align=True,
)  # fmt: skip
(
    STAYING, SETTING_OUT, AT_DOOR, IN_CORRIDOR, AT_STAIRS, AT_EXIT, IN_STREET, AT_CORNER, AT_FAR_CORNER,
    AT_FRONT, AT_ENTRANCE, BY_DOOR, INSIDE, AT_SPOT, AT_STOP, GONE,
) = np.arange(16)  # fmt: skip
"""Stages of a way: what the walker's leg or pause is over with. No Python integers, for Numba would compile
whatever is called with one of those for each of them."""

SPEED_M_S, SPEED_DEVIATION, SLOWEST, FASTEST = 1.3, 0.2, 0.7, 2.0
FLOOR_S = 8.0
"""One floor's stairs."""
LANE_M, STREET_LANE_M = 0.9, 4.5
FIDGET_M, FIDGET_SLOWER = 0.5, 0.5


@numba.njit(cache=True, nogil=True)
def pause(w, stage, seconds):  # type: ignore[no-untyped-def]
    """Stay where the walker is; then comes ``stage``."""
    w.stage = stage
    w.end = moment(w.now + max(seconds, 0.0))
    w.next_x, w.next_y = math.inf, math.inf


@numba.njit(cache=True, nogil=True)
def stand(w, ground, lot, floor, x, y):  # type: ignore[no-untyped-def]
    """Be at a point without having walked there."""
    w.lot, w.floor, w.to_x, w.to_y = lot, floor, x, y
    w.ix, w.iy = np.int64(x / ground.cell_m), np.int64(y / ground.cell_m)


@numba.njit(cache=True, nogil=True)
def crossing(x, speed, start, line):  # type: ignore[no-untyped-def]
    """When a coordinate that is x at ``start`` comes to ``line``."""
    return moment(start + (line - x) / speed)


@numba.njit(cache=True, nogil=True)
def go(w, ground, stage, x, y, slower):  # type: ignore[no-untyped-def]
    """Walk straight to a point of the same level; then comes ``stage``."""
    w.stage = stage
    w.x, w.y, w.start = w.to_x, w.to_y, w.now
    w.to_x, w.to_y = x, y
    dx, dy = x - w.x, y - w.y
    w.end = moment(w.now + max(math.hypot(dx, dy) / (w.speed * slower), 1e-3))
    w.speed_x, w.speed_y = dx / (w.end - w.now), dy / (w.end - w.now)
    w.ix, w.iy = np.int64(w.x / ground.cell_m), np.int64(w.y / ground.cell_m)
    w.step_x = 1 if w.speed_x > 0 else -1 if w.speed_x < 0 else 0
    w.step_y = 1 if w.speed_y > 0 else -1 if w.speed_y < 0 else 0
    w.next_x, w.next_y = math.inf, math.inf
    if w.step_x:
        w.next_x = crossing(w.x, w.speed_x, w.start, (w.ix + (w.step_x > 0)) * ground.cell_m)
    if w.step_y:
        w.next_y = crossing(w.y, w.speed_y, w.start, (w.iy + (w.step_y > 0)) * ground.cell_m)


@numba.njit(cache=True, nogil=True)
def door_u(place, spot_u):  # type: ignore[no-untyped-def]
    """Where along the corridor a place is entered; the hall and the corridor anywhere."""
    return (ROOMS_M[place, 0] + ROOMS_M[place, 2]) / 2 if place < ROOMS else spot_u


@numba.njit(cache=True, nogil=True)
def door_v(place):  # type: ignore[no-untyped-def]
    """Just inside a room's door."""
    return ROOMS_M[place, 3] - WALL_M if ROOMS_M[place, 1] < CORRIDOR_V else ROOMS_M[place, 1] + WALL_M


@numba.njit(cache=True, nogil=True)
def street_of(ground, lot, x):  # type: ignore[no-untyped-def]
    """The street along y that a building's exit leads to; for a plaza, the one nearer to x."""
    column = lot % ground.columns
    if ground.floors[lot] == 0:
        return column + (x - street_x(column) > LOT_M[0] / 2)
    return column + 1 - ground.turned[lot]


@numba.njit(cache=True, nogil=True)
def exit_y(ground, lot):  # type: ignore[no-untyped-def]
    """y of a building's exit."""
    return building_corner(ground, lot)[1] + CORRIDOR_V


@numba.njit(cache=True, nogil=True)
def exit_x(ground, lot):  # type: ignore[no-untyped-def]
    """x of a building's exit, on the street's side of the wall."""
    x = building_corner(ground, lot)[0]
    return x - WALL_M if ground.turned[lot] else x + BUILDING_M[0] + WALL_M


@numba.njit(cache=True, nogil=True)
def advance(w, rng, k, ground, lots, day_s):  # type: ignore[no-untyped-def]
    """The walker's leg or pause is over: begin the next.

    Args:
        w: a WALKER record, updated.
        rng: uint64 (walkers,), generators; k is the walker's.
        ground, lots: see Ground, and how many lots there are.
        day_s: time of day at time 0.
    """
    lane_v = CORRIDOR_V + LANE_M * w.lane
    while True:
        if w.stage == GONE:
            # The way into town starts where the streets cross.
            stand(w, ground, w.home, -1, street_x(w.street), street_y(w.cross))
            w.seen = 1
            choose(w, rng, k, ground, lots, (day_s + w.now) % DAY_S)
            if w.to_place == AWAY:
                w.stage = AT_STOP
            else:
                w.stage = IN_STREET
        if w.stage == STAYING:
            if w.now < w.until:
                if w.next_x == math.inf and w.next_y == math.inf:
                    reach = FIDGET_M * (2 * draw(rng, k) - 1)
                    across = FIDGET_M * (2 * draw(rng, k) - 1)
                    go(w, ground, STAYING, w.spot_x + reach, w.spot_y + across, FIDGET_SLOWER)
                else:
                    rest = min(w.fidget * draw_exponential(rng, k), w.until - w.now)
                    pause(w, STAYING, rest)
                return
            choose(w, rng, k, ground, lots, (day_s + w.now) % DAY_S)
            w.stage = SETTING_OUT
            lane_v = CORRIDOR_V + LANE_M * w.lane
        if w.stage == SETTING_OUT:
            here = w.to_lot == w.lot and w.to_floor == w.floor and w.to_place == w.place
            if here:
                go(w, ground, AT_SPOT, w.spot_x, w.spot_y, 1.0)
                return
            if w.floor < 0:
                w.street = street_of(ground, w.lot, w.to_x)
                go(w, ground, IN_STREET, street_x(w.street) + STREET_LANE_M * w.lane, w.to_y, 1.0)
                return
            if w.place < ROOMS:
                go(w, ground, AT_DOOR, door_u(w.place, 0.0), door_v(w.place), 1.0)
                return
            w.stage = AT_DOOR
        if w.stage == AT_DOOR:
            go(w, ground, IN_CORRIDOR, w.to_x, lane_v, 1.0)
            return
        if w.stage == IN_CORRIDOR:
            if w.to_lot == w.lot and w.to_floor == w.floor and w.to_place != AWAY:
                go(w, ground, BY_DOOR, door_u(w.to_place, w.spot_x), lane_v, 1.0)
            elif w.floor > 0 or (w.to_lot == w.lot and w.to_place != AWAY):
                go(w, ground, AT_STAIRS, STAIRS_U, lane_v, 1.0)
            else:
                go(w, ground, AT_EXIT, EXIT_U, lane_v, 1.0)
            return
        if w.stage == AT_STAIRS:
            if w.seen:
                target = w.to_floor if w.to_lot == w.lot and w.to_place != AWAY else 0
                climb = FLOOR_S * abs(target - w.floor)
                w.seen, w.floor = 0, target
                pause(w, AT_STAIRS, climb)
                return
            w.seen, w.stage = 1, IN_CORRIDOR
            continue
        if w.stage == AT_EXIT:
            w.street = street_of(ground, w.lot, 0.0)
            stand(w, ground, w.lot, -1, exit_x(ground, w.lot), exit_y(ground, w.lot) + LANE_M * w.lane)
            go(w, ground, IN_STREET, street_x(w.street) + STREET_LANE_M * w.lane, w.to_y, 1.0)
            return
        if w.stage == IN_STREET:
            row, to_row = w.lot // ground.columns, w.to_lot // ground.columns
            w.cross = row + 1 if to_row > row or (to_row == row and w.lane > 0) else row
            if w.to_place == AWAY:
                go(w, ground, AT_STOP, w.to_x, street_y(w.cross), 1.0)
            elif street_of(ground, w.to_lot, w.spot_x) == w.street:
                w.stage = AT_FAR_CORNER
                continue
            else:
                go(w, ground, AT_CORNER, w.to_x, street_y(w.cross) + STREET_LANE_M * w.lane, 1.0)
            return
        if w.stage == AT_CORNER:
            w.street = street_of(ground, w.to_lot, w.spot_x)
            go(w, ground, AT_FAR_CORNER, street_x(w.street) + STREET_LANE_M * w.lane, w.to_y, 1.0)
            return
        if w.stage == AT_FAR_CORNER:
            w.lot = w.to_lot
            y = w.spot_y if w.to_place == PLAZA else exit_y(ground, w.lot) + LANE_M * w.lane
            go(w, ground, AT_FRONT, w.to_x, y, 1.0)
            return
        if w.stage == AT_FRONT:
            if w.to_place == PLAZA:
                go(w, ground, AT_SPOT, w.spot_x, w.spot_y, 1.0)
            else:
                go(w, ground, AT_ENTRANCE, exit_x(ground, w.lot), w.to_y, 1.0)
            return
        if w.stage == AT_ENTRANCE:
            stand(w, ground, w.lot, 0, EXIT_U, lane_v)
            w.stage = IN_CORRIDOR
            continue
        if w.stage == BY_DOOR:
            if w.to_place < ROOMS:
                go(w, ground, INSIDE, w.to_x, door_v(w.to_place), 1.0)
            else:
                go(w, ground, AT_SPOT, w.spot_x, w.spot_y, 1.0)
            return
        if w.stage == INSIDE:
            go(w, ground, AT_SPOT, w.spot_x, w.spot_y, 1.0)
            return
        if w.stage == AT_SPOT:
            w.place = w.to_place
            w.until = w.now + w.stay
            pause(w, STAYING, min(w.fidget * draw_exponential(rng, k), w.stay))
            return
        # At the stop: the walker is back in the morning.
        midnight = math.floor((day_s + w.now) / DAY_S) * DAY_S - day_s
        arrives = daily(rng, k, ARRIVES_H, ARRIVES_DEVIATION_H, EARLIEST_H, LATEST_H - LEAST_DAY_H)
        plan_day(w, rng, k, arrives)
        w.leaves += midnight + DAY_S
        w.seen = 0
        go_home(w, ground)
        pause(w, GONE, midnight + DAY_S + arrives - w.now)
        return


@numba.njit(cache=True, nogil=True)
def go_home(w, ground):  # type: ignore[no-untyped-def]
    """Be at the stop of one's home lot, unseen."""
    w.lot, w.floor, w.place = w.home, -1, AWAY
    w.street, w.cross = w.home % ground.columns, w.home // ground.columns
