"""What a city's people decide: when to come and go, where to go next, and how long to stay.

Everybody has a home lot. Three in five attend lectures, which begin a quarter past every hour and end on the
hour; the rest go about their work. People come in the morning and leave in the evening.
"""

from __future__ import annotations

import numba

from sdist_ray.simulation.city_plan import (
    AWAY,
    BUILDING_M,
    CORRIDOR,
    HALL,
    PLAZA,
    ROOMS,
    ROOMS_M,
    building_corner,
)
from sdist_ray.simulation.city_random import draw, draw_exponential, draw_normal

DAY_S, HOUR_S, QUARTER_S = 86_400.0, 3600.0, 900.0
STUDENT_SHARE = 0.6
ARRIVES_H, ARRIVES_DEVIATION_H, LEAVES_H, LEAVES_DEVIATION_H = 8.5, 0.75, 17.5, 1.5
EARLIEST_H, LATEST_H, LEAST_DAY_H = 6.5, 22.0, 2.0
WORK_S, BREAK_S, LINGER_S = 90.0, 240.0, 240.0
"""Mean stays at work and between lectures; how long after the hour the last ones leave."""
FIDGET_STANDING_S, FIDGET_SITTING_S = 15.0, 90.0
BREAK_SHARE, LECTURE_AT_HOME_SHARE, STAY_AT_HOME_SHARE, LOTS_AWAY = 0.3, 0.4, 0.9, 1.5
WALL_M = 0.5
"""How far from walls people stay."""


@numba.njit(cache=True, nogil=True)
def daily(rng, k, hour, deviation, least, most):  # type: ignore[no-untyped-def]
    """A time of day in seconds, normal, clipped to hours from ``least`` to ``most``."""
    return min(max(hour + deviation * draw_normal(rng, k), least), most) * HOUR_S


@numba.njit(cache=True, nogil=True)
def plan_day(w, rng, k, arrives):  # type: ignore[no-untyped-def]
    """Say when the walker, who comes at a time of day, leaves; both since midnight of that day."""
    w.leaves = daily(
        rng, k, LEAVES_H, LEAVES_DEVIATION_H, max(arrives / HOUR_S + LEAST_DAY_H, EARLIEST_H), LATEST_H
    )


@numba.njit(cache=True, nogil=True)
def near_lot(w, rng, k, ground, lots, home_share):  # type: ignore[no-untyped-def]
    """The walker's home, or a lot around it."""
    if draw(rng, k) < home_share:
        return w.home
    column = w.home % ground.columns + round(draw_normal(rng, k) * LOTS_AWAY)
    row = w.home // ground.columns + round(draw_normal(rng, k) * LOTS_AWAY)
    column, row = min(max(column, 0), ground.columns - 1), min(max(row, 0), ground.rows - 1)
    return min(row * ground.columns + column, lots - 1)


@numba.njit(cache=True, nogil=True)
def choose(w, rng, k, ground, lots, time_of_day):  # type: ignore[no-untyped-def]
    """Choose where to go next, and for how long."""
    w.lane = 2 * draw(rng, k) - 1
    if w.now >= w.leaves:
        w.to_lot, w.to_floor, w.to_place = w.lot, 0, AWAY
        return
    into_hour = time_of_day % HOUR_S
    pick = draw(rng, k)
    lecture = w.student and into_hour < QUARTER_S and pick >= BREAK_SHARE
    lot = near_lot(w, rng, k, ground, lots, LECTURE_AT_HOME_SHARE if lecture else STAY_AT_HOME_SHARE)
    if lecture:
        w.stay = HOUR_S - into_hour + LINGER_S * draw(rng, k)
        w.fidget = FIDGET_SITTING_S
        place = int(draw(rng, k) * (ROOMS + 0.5))
    elif w.student:
        w.stay = BREAK_S * draw_exponential(rng, k)
        if into_hour >= QUARTER_S:
            # Whoever has no lecture is back in the corridors when the next ones are about to begin.
            w.stay = min(w.stay, HOUR_S - into_hour + LINGER_S * draw(rng, k))
        w.fidget = FIDGET_STANDING_S
        place = HALL if pick < 0.6 else CORRIDOR if pick < 0.75 else int(draw(rng, k) * ROOMS)
    else:
        w.stay = WORK_S * draw_exponential(rng, k)
        w.fidget = FIDGET_STANDING_S
        place = HALL if pick < 0.2 else CORRIDOR if pick < 0.4 else int(draw(rng, k) * ROOMS)
    w.to_lot, w.to_place = lot, place
    u, v = draw(rng, k), draw(rng, k)
    if ground.floors[lot] == 0:
        x, y = building_corner(ground, lot)
        w.to_place, w.to_floor = PLAZA, -1
        w.spot_x, w.spot_y = x + u * BUILDING_M[0], y + v * BUILDING_M[1]
        w.stay, w.fidget = min(w.stay, BREAK_S), FIDGET_STANDING_S
    else:
        w.to_floor = int(draw(rng, k) * ground.floors[lot])
        u0, v0, u1, v1 = ROOMS_M[place]
        w.spot_x = u0 + WALL_M + u * (u1 - u0 - 2 * WALL_M)
        w.spot_y = v0 + WALL_M + v * (v1 - v0 - 2 * WALL_M)
