"""People of a city in time: where each of them is from moment to moment, as visits to cells."""

from __future__ import annotations

import math

import numba
import numpy as np

from sdist_ray.simulation.city_plan import cell_number
from sdist_ray.simulation.city_programme import (
    ARRIVES_DEVIATION_H,
    ARRIVES_H,
    DAY_S,
    EARLIEST_H,
    FIDGET_SITTING_S,
    HOUR_S,
    LATEST_H,
    LEAST_DAY_H,
    LINGER_S,
    QUARTER_S,
    STUDENT_SHARE,
    choose,
    daily,
    plan_day,
)
from sdist_ray.simulation.city_random import draw, draw_exponential, draw_normal
from sdist_ray.simulation.city_ways import (
    AT_STOP,
    FASTEST,
    GONE,
    SLOWEST,
    SPEED_DEVIATION,
    SPEED_M_S,
    STAYING,
    advance,
    crossing,
    go_home,
    pause,
    stand,
)

VISIT = np.dtype(
    [("start", np.float64), ("end", np.float64), ("walker", np.int32), ("cell", np.int32)], align=True
)
"""A walker is in a cell from ``start`` to before ``end``."""


@numba.njit(cache=True, nogil=True)
def settle(walkers, rng, ground, lots, start, day_s):  # type: ignore[no-untyped-def]
    """Put everybody where they are at ``start``: at their places by day, out of the city by night.

    Args:
        walkers: WALKER (n,), zeros but for ``home``; updated.
        rng: uint64 (n,), updated.
        ground, lots: see Ground.
        start: the first moment, seconds.
        day_s: time of day at time 0.
    """
    midnight = math.floor((day_s + start) / DAY_S) * DAY_S - day_s
    for k in range(walkers.shape[0]):
        w = walkers[k]
        w.now = w.end = start
        w.student = draw(rng, k) < STUDENT_SHARE
        w.speed = min(max(SPEED_M_S + SPEED_DEVIATION * draw_normal(rng, k), SLOWEST), FASTEST)
        arrives = daily(rng, k, ARRIVES_H, ARRIVES_DEVIATION_H, EARLIEST_H, LATEST_H - LEAST_DAY_H)
        plan_day(w, rng, k, arrives)
        w.leaves += midnight
        go_home(w, ground)
        if start < midnight + arrives:
            pause(w, GONE, midnight + arrives - start)
        elif start >= w.leaves:
            w.stage = AT_STOP
        else:
            # Who is at a lecture chose it on the hour; the others' stays are met in the middle.
            into_hour = (day_s + start) % HOUR_S
            choose(w, rng, k, ground, lots, (day_s + start - into_hour) % DAY_S)
            w.place, w.seen = w.to_place, 1
            stand(w, ground, w.to_lot, w.to_floor, w.spot_x, w.spot_y)
            if w.fidget != FIDGET_SITTING_S:
                w.until = start + w.stay * draw(rng, k)
            elif into_hour >= QUARTER_S:
                w.until = start - into_hour + w.stay
            else:
                w.until = start + LINGER_S * draw(rng, k)
            pause(w, STAYING, min(w.fidget * draw_exponential(rng, k), w.until - start))


@numba.njit(cache=True, nogil=True)
def walk(walkers, rng, first, ground, lots, until, day_s, visits):  # type: ignore[no-untyped-def]
    """Move walkers on to a moment, and write down the cells that they visit on the way.

    Args:
        walkers: WALKER (n,), updated.
        rng: uint64 (n,), updated.
        first: the walker to begin with.
        ground, lots: see Ground.
        until: seconds; a visit that goes on is cut there.
        day_s: time of day at time 0.
        visits: VISIT (room,), written.

    Returns:
        The walker that there was no more room for (call again with that one; or n), and how many visits were
        written.
    """
    count = 0
    for k in range(first, walkers.shape[0]):
        w = walkers[k]
        while w.now < until:
            if count == visits.shape[0]:
                return k, count
            cross = min(w.next_x, w.next_y)
            stop = min(min(cross, w.end), until)
            if stop > w.now:
                if w.seen:
                    visit = visits[count]
                    visit.start, visit.end, visit.walker = w.now, stop, k
                    visit.cell = cell_number(ground, w.lot, w.floor, w.ix, w.iy)
                    count += 1
                w.now = stop
            if w.end <= stop:
                advance(w, rng, k, ground, lots, day_s)
            elif cross <= stop:
                if w.next_x <= w.next_y:
                    w.ix += w.step_x
                    line = w.ix + (w.step_x > 0)
                    w.next_x = crossing(w.x, w.speed_x, w.start, line * ground.cell_m)
                else:
                    w.iy += w.step_y
                    line = w.iy + (w.step_y > 0)
                    w.next_y = crossing(w.y, w.speed_y, w.start, line * ground.cell_m)
    return walkers.shape[0], count
