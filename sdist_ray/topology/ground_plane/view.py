"""What one camera saw, made ready to be held against another: tracklets on a slow clock, and base rates."""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from sdist_ray.topology.ground_plane import tracklets
from sdist_ray.topology.ground_plane.homography import UNITS_X, UNITS_Y

Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SAMPLE_S = 0.5
FINENESS = 3
"""Cells of the base rate's map per unit."""
BASE_RADIUS = 0.8
RADII = 0.05 * 2.0 ** (0.5 * np.arange(12))
"""Radii, in units, for which the worth of a hit and of a miss are kept: 0.05 to 2.26."""
STRAIGHT = 0.4
"""Units that somebody may stray from a straight line within one leg of the way."""
LOOKED_BACK = 24
"""Places of a leg, at most, that are held against the line."""


class View(NamedTuple):
    """One camera's tracklets at every sample (SAMPLE_S); arrays are read-only.

    Attributes:
        first: int64 (tracks,), first sample.
        offset: int64 (tracks + 1,), where each begins in ``place``.
        place: float64 (places, 2), units.
        leg: int64 (places,), which straight piece of somebody's way a place belongs to, ascending.
        sample_start: int64 (samples + 1,), where each sample begins in ``by_sample``.
        by_sample: int64 (places,), indices into ``place`` by sample.
        available: bool (samples,), whether the camera delivered anything then.
        seen: float64 (rows, columns), in how many samples somebody was within BASE_RADIUS of each cell.
    """

    first: Ints
    offset: Ints
    place: Array
    leg: Ints
    sample_start: Ints
    by_sample: Ints
    available: npt.NDArray[np.bool_]
    seen: Array

    @property
    def samples(self) -> int:
        """How long it is."""
        return len(self.available)


class Worth(NamedTuple):
    """What a hit and what a miss on a place of a view speak for: log-likelihood ratios.

    Attributes:
        hit, miss: float64 (len(RADII), rows, columns).
    """

    hit: Array
    miss: Array


def sample_step(fps: float) -> int:
    """Ticks from one sample to the next."""
    return max(1, round(SAMPLE_S * fps))


def sample_half(step: int) -> int:
    """Ticks before and after a sample that its places are means over."""
    return min(2, step // 2)


def make_view(
    tick: Ints,
    foot_x: npt.NDArray[Any],
    foot_y: npt.NDArray[Any],
    available: npt.NDArray[np.bool_],
    fps: float,
) -> View:
    """A camera's view from its foot points.

    Args:
        tick: int64 (n,), ascending, from 0.
        foot_x, foot_y: (n,), fractions of the image.
        available: bool (ticks,), whether the camera delivered the tick.
        fps: ticks per second.
    """
    step = sample_step(fps)
    x = np.asarray(foot_x, dtype=np.float64) * UNITS_X
    y = np.asarray(foot_y, dtype=np.float64) * UNITS_Y
    track, tracks = tracklets.link(tick, x, y, fps)
    first, offset, place = tracklets.sample(
        *tracklets.fill(tick, x, y, track, tracks), step, sample_half(step)
    )
    return view_of(first, offset, place, available[::step])


def view_of(first: Ints, offset: Ints, place: Array, available: npt.NDArray[np.bool_]) -> View:
    """A view from its tracklets, sampled."""
    samples = len(available)
    when = np.repeat(first - offset[:-1], np.diff(offset)) + np.arange(len(place))
    by_sample = np.argsort(when, kind="stable")
    start = np.searchsorted(when[by_sample], np.arange(samples + 1))
    seen = count_seen(place, start, by_sample)
    view = View(first, offset, place, cut_legs(offset, place), start, by_sample, available.copy(), seen)
    for array in view:
        # Kernels are compiled for what they are given: one compilation serves here and on Ray.
        array.flags.writeable = False
    return view


@numba.njit(cache=True, nogil=True)
def cut_legs(offset, place):  # type: ignore[no-untyped-def]
    """The leg of every place: int64 (places,).

    A leg ends where somebody would have strayed by STRAIGHT from the line between its first place and the
    next; who stands still stays in one leg.

    Args:
        offset, place: of a View.
    """
    leg = np.zeros(place.shape[0], np.int64)
    legs = 0
    for k in range(offset.shape[0] - 1):
        start = offset[k]
        for at in range(offset[k], offset[k + 1]):
            vx, vy = place[at, 0] - place[start, 0], place[at, 1] - place[start, 1]
            way = vx * vx + vy * vy
            for between in range(start + 1, at, 1 + (at - start) // LOOKED_BACK):
                dx, dy = place[between, 0] - place[start, 0], place[between, 1] - place[start, 1]
                share = min(max((dx * vx + dy * vy) / way, 0.0), 1.0) if way > 0.0 else 0.0
                dx, dy = dx - share * vx, dy - share * vy
                if dx * dx + dy * dy > STRAIGHT * STRAIGHT:
                    legs += 1
                    start = at
                    break
            leg[at] = legs
        legs += 1
    return leg


@numba.njit(cache=True, nogil=True)
def count_seen(place, sample_start, by_sample):  # type: ignore[no-untyped-def]
    """In how many samples somebody was within BASE_RADIUS of each cell: float64 (rows, columns)."""
    rows, columns = int(UNITS_Y) * FINENESS, int(UNITS_X) * FINENESS
    seen = np.zeros((rows, columns))
    last = np.full((rows, columns), -1, np.int64)
    reach = int(BASE_RADIUS * FINENESS) + 1
    for s in range(sample_start.shape[0] - 1):
        for k in range(sample_start[s], sample_start[s + 1]):
            x, y = place[by_sample[k], 0], place[by_sample[k], 1]
            at_x, at_y = int(x * FINENESS), int(y * FINENESS)
            for row in range(max(0, at_y - reach), min(rows, at_y + reach + 1)):
                for column in range(max(0, at_x - reach), min(columns, at_x + reach + 1)):
                    off_x, off_y = (column + 0.5) / FINENESS - x, (row + 0.5) / FINENESS - y
                    if off_x * off_x + off_y * off_y < BASE_RADIUS * BASE_RADIUS and last[row, column] != s:
                        last[row, column] = s
                        seen[row, column] += 1.0
    return seen


def worth_of(view: View, hit_rate: float) -> Worth:
    """The worth of hits and misses in a view.

    With q(z) the base rate, that somebody is near z at any time, and n(z) the samples in which somebody was,
    v = n / (n + 4) is how sure we are that z is seen at all, and h = hit_rate · v + (1 − v) · q the chance
    that whoever is at z is found there. A hit is worth ln(h / q), a miss ln((1 − h) / (1 − q)).
    """
    samples = max(int(view.available.sum()), 1)
    base = np.minimum((view.seen + 0.3) / (samples + 0.6), 0.95)
    sure = view.seen / (view.seen + 4.0)
    area = (RADII / BASE_RADIUS) ** 2
    q = np.clip(1.0 - (1.0 - base[None]) ** area[:, None, None], 1e-5, 0.9)
    h = np.maximum(hit_rate, q) * sure + (1.0 - sure) * q
    worth = Worth(np.log(h / q), np.log((1.0 - h) / (1.0 - q)))
    for array in worth:
        array.flags.writeable = False
    return worth
