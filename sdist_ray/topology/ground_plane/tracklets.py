"""Foot points to tracklets: who is the same person from one tick to the next, within one camera.

Greedy and local: a tracklet is carried on at constant velocity, the nearest foot point continues it, nearest
pairs first. Short gaps are filled. A tracklet that is cut in two costs little, one that jumps from person
to person costs a wrong hypothesis or two.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

GATE, GATE_KNOWN, GATE_NEW = 0.2, 1.2, 2.5
"""How far, in units, a foot point may be from where it is expected, and how much more for every second since
the last: of a tracklet of three points or more, and of a new one, whose velocity is not known yet."""
VELOCITY_S = 0.4
"""Time constant of the velocity's smoothing."""
GAP_S, GAP_TICKS = 0.6, 3
"""The longest gap that is filled: the longer of the two."""


def link(
    tick: npt.NDArray[np.int64], x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], fps: float
) -> tuple[npt.NDArray[np.int64], int]:
    """The tracklet of every foot point.

    Args:
        tick: int64 (n,), ascending.
        x, y: float64 (n,), units.
        fps: ticks per second.

    Returns:
        int64 (n,), tracklets are numbered by their first foot point; and their number.
    """
    track, tracks, _, _ = link_on(tick, x, y, fps, *nothing_open(), 0)
    return track, tracks


def nothing_open() -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """What is open before the first foot point; see ``link_on``."""
    return np.zeros((0, 3), np.int64), np.zeros((0, 4))


@numba.njit(cache=True, nogil=True)
def link_on(tick, x, y, fps, before, state_before, tracks):  # type: ignore[no-untyped-def]
    """The tracklet of every foot point, where others came before: the same as if all were linked at once.

    Args:
        tick, x, y, fps: see ``link``; later than what came before.
        before: int64 (open, 3), of the tracklets that may go on: number, length, last tick.
        state_before: float64 (open, 4), where they were last, and their velocity per second.
        tracks: how many there were so far.

    Returns:
        int64 (n,); the number of tracklets with those before; ``before`` and ``state_before`` of what comes.
    """
    count = tick.shape[0]
    track = np.full(count, -1, np.int64)
    most_gap = max(round(GAP_S * fps), GAP_TICKS)
    opened = before.shape[0]
    room = max(64, 2 * opened)
    # What is open: its number, length, last tick, place and velocity (per second).
    number, length, last = np.zeros(room, np.int64), np.zeros(room, np.int64), np.zeros(room, np.int64)
    state = np.zeros((room, 4))
    for k in range(opened):
        number[k], length[k], last[k] = before[k, 0], before[k, 1], before[k, 2]
        # Not a slice: what checks shapes takes longer to compile than all else here.
        for i in range(4):
            state[k, i] = state_before[k, i]
    begin = 0
    while begin < count:
        end = begin
        while end < count and tick[end] == tick[begin]:
            end += 1
        now = tick[begin]
        kept = 0
        for k in range(opened):
            if now - last[k] <= most_gap:
                number[kept], length[kept], last[kept] = number[k], length[k], last[k]
                for i in range(4):
                    state[kept, i] = state[k, i]
                kept += 1
        opened = kept
        # A foot point is taken when it has a tracklet; a tracklet when its last tick is now.
        while True:
            best, best_k, best_i = np.inf, -1, -1
            for k in range(opened):
                if last[k] == now:
                    continue
                dt = (now - last[k]) / fps
                gate = GATE + dt * (GATE_KNOWN if length[k] >= 3 else GATE_NEW)
                at_x, at_y = state[k, 0] + state[k, 2] * dt, state[k, 1] + state[k, 3] * dt
                for i in range(begin, end):
                    if track[i] < 0:
                        distance = (x[i] - at_x) ** 2 + (y[i] - at_y) ** 2
                        if distance < best and distance < gate * gate:
                            best, best_k, best_i = distance, k, i
            if best_k < 0:
                break
            k, i = best_k, best_i
            dt = (now - last[k]) / fps
            share = dt / (dt + VELOCITY_S)
            state[k, 2] += share * ((x[i] - state[k, 0]) / dt - state[k, 2])
            state[k, 3] += share * ((y[i] - state[k, 1]) / dt - state[k, 3])
            state[k, 0], state[k, 1] = x[i], y[i]
            last[k] = now
            length[k] += 1
            track[i] = number[k]
        for i in range(begin, end):
            if track[i] < 0:
                if opened == number.shape[0]:
                    wider, wider_state = np.zeros((3, 2 * opened), np.int64), np.zeros((2 * opened, 4))
                    for k in range(opened):
                        wider[0, k], wider[1, k], wider[2, k] = number[k], length[k], last[k]
                        for j in range(4):
                            wider_state[k, j] = state[k, j]
                    number, length, last, state = wider[0], wider[1], wider[2], wider_state
                track[i] = tracks
                number[opened], length[opened], last[opened] = tracks, 1, now
                state[opened, 0], state[opened, 1], state[opened, 2], state[opened, 3] = x[i], y[i], 0.0, 0.0
                opened += 1
                tracks += 1
        begin = end
    after, state_after = np.zeros((opened, 3), np.int64), np.zeros((opened, 4))
    for k in range(opened):
        after[k, 0], after[k, 1], after[k, 2] = number[k], length[k], last[k]
        for i in range(4):
            state_after[k, i] = state[k, i]
    return track, tracks, after, state_after


@numba.njit(cache=True, nogil=True)
def fill(tick, x, y, track, tracks):  # type: ignore[no-untyped-def]
    """Tracklets with a place at every tick between their first and last, gaps filled along straight lines.

    Args:
        tick, x, y, track, tracks: see ``link``.

    Returns:
        first: int64 (tracks,), first tick of each.
        offset: int64 (tracks + 1,), where each begins in ``place``.
        place: float64 (ticks of all tracklets, 2).
    """
    first, last = np.full(tracks, -1, np.int64), np.zeros(tracks, np.int64)
    for i in range(tick.shape[0]):
        k = track[i]
        if first[k] < 0:
            first[k] = tick[i]
        last[k] = tick[i]
    offset = np.zeros(tracks + 1, np.int64)
    for k in range(tracks):
        offset[k + 1] = offset[k] + last[k] - first[k] + 1
    place = np.zeros((offset[tracks], 2))
    before = np.full(tracks, -1, np.int64)
    for i in range(tick.shape[0]):
        k = track[i]
        at = offset[k] + tick[i] - first[k]
        place[at, 0], place[at, 1] = x[i], y[i]
        since = before[k]
        if since >= 0:
            for j in range(since + 1, at):
                share = (j - since) / (at - since)
                place[j, 0] = (1.0 - share) * place[since, 0] + share * x[i]
                place[j, 1] = (1.0 - share) * place[since, 1] + share * y[i]
        before[k] = at
    return first, offset, place


@numba.njit(cache=True, nogil=True)
def sample(first, offset, place, step, half):  # type: ignore[no-untyped-def]
    """Tracklets at every ``step``-th tick, each place the mean of the ticks around it.

    Args:
        first, offset, place: see ``fill``.
        step: ticks from one sample to the next; sample s is at tick s · step.
        half: ticks before and after that are averaged, fewer (equally many on both sides) near the ends.

    Returns:
        first sample, int64 (kept,), of the tracklets that have any; offset, int64 (kept + 1,); place, float64
        (samples of all, 2).
    """
    tracks = first.shape[0]
    kept, total = 0, 0
    for k in range(tracks):
        end = first[k] + offset[k + 1] - offset[k]
        inside = (end + step - 1) // step - (first[k] + step - 1) // step
        total += inside
        kept += 1 if inside > 0 else 0
    starts, offsets, places = np.zeros(kept, np.int64), np.zeros(kept + 1, np.int64), np.zeros((total, 2))
    kept, at = 0, 0
    for k in range(tracks):
        length = offset[k + 1] - offset[k]
        begin = (first[k] + step - 1) // step
        end = (first[k] + length + step - 1) // step
        if end <= begin:
            continue
        starts[kept] = begin
        for s in range(begin, end):
            middle = s * step - first[k]
            reach = min(half, middle, length - 1 - middle)
            sum_x, sum_y = 0.0, 0.0
            for i in range(offset[k] + middle - reach, offset[k] + middle + reach + 1):
                sum_x += place[i, 0]
                sum_y += place[i, 1]
            places[at, 0], places[at, 1] = sum_x / (2 * reach + 1), sum_y / (2 * reach + 1)
            at += 1
        kept += 1
        offsets[kept] = at
    return starts, offsets, places
