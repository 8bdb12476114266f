"""Where somebody who was lost walks on: who sees the ground ahead of them, and when they get there.

Most people go on as they went. From the place and the velocity with which somebody was lost, PATHS ways of
going on are followed over the ground, each a little to the side of the next, a little faster or slower, and
with a turn now and then; cameras are as likely to see the person next as there are paths on which they do.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sdist_ray.errors import InputError
from sdist_ray.topology.handover.parts import KINDS, Floats, Ints, Timeline

SQUARE_M = 0.25
"""Side of the squares of ground by which it is known who sees what."""
MOST_SQUARES = 40_000_000
PATHS = 512
STEP_S, LONGEST_S = 0.2, 45.0
ASIDE_RAD = 0.25
"""Standard deviation of the direction in which somebody goes on."""
ANYWHERE = 0.1
"""Share of those who turn at once, to anywhere."""
TURNS_PER_S = 0.06
"""How often somebody on the way turns to anywhere."""
FASTER = 0.25
"""Speeds are up to so much lower or higher than they were."""
STANDING_M_S, USUAL_M_S = 0.3, 1.3
"""Who was slower stood, and may go anywhere at the usual speed."""
RESTS_S = 2.0
"""Mean of how long who stood stands on."""
SMOOTH_S = 1.0
"""Standard deviation of when they come, beyond what the paths differ by."""
TRUST = 0.8
"""How much the paths weigh against what is known of all who left there."""

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Motion:
    """Where somebody was lost, and how they moved: metres and metres a second, on the cameras' one ground."""

    x_m: float
    y_m: float
    x_m_s: float
    y_m_s: float


@dataclass(frozen=True)
class Ground:
    """Which cameras see which square of the ground.

    Attributes:
        corner_m: float64 (2,), of the first square.
        seen_by: int32 (columns, rows), for every square the number of a set of cameras.
        members: of each set, its cameras, ascending; the first is empty.
        known: bool (cameras,), whether it is known what they see.
    """

    corner_m: Floats
    seen_by: npt.NDArray[np.int32]
    members: tuple[tuple[int, ...], ...]
    known: Bools

    def sets_at(self, places: npt.NDArray[np.complex128]) -> npt.NDArray[np.int32]:
        """The set of every place x + iy, metres; the empty one beyond the last square."""
        columns, rows = self.seen_by.shape
        column = np.clip((places.real - self.corner_m[0]) // SQUARE_M, -1, columns).astype(np.int64)
        row = np.clip((places.imag - self.corner_m[1]) // SQUARE_M, -1, rows).astype(np.int64)
        inside = (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
        return np.where(inside, self.seen_by[np.where(inside, column, 0), np.where(inside, row, 0)], 0)


def ground_of(polygons: Sequence[Floats]) -> Ground:
    """The ground of cameras, from what each sees of it.

    Args:
        polygons: float64 (k, 2), metres, one for each camera; of no corners where that is not known.

    Raises:
        InputError: the ground is not finite, or too large for squares.
    """
    known = np.array([len(polygon) >= 3 for polygon in polygons], dtype=np.bool_)
    corners = np.concatenate([np.empty((0, 2)), *polygons])
    if not len(corners):
        return Ground(np.zeros(2), np.zeros((1, 1), np.int32), ((),), known)
    low = corners.min(axis=0)
    size = corners.max(axis=0) - low
    if not np.isfinite(size).all() or (size / SQUARE_M + 1).prod() > MOST_SQUARES:
        seen = f"{size[0]:.0f} x {size[1]:.0f} m"
        raise InputError(f"the ground that the cameras see is {seen}: are they calibrated onto one ground?")
    columns, rows = (int(n) for n in np.ceil(size / SQUARE_M).astype(np.int64) + 1)
    seen_by = np.zeros((columns, rows), dtype=np.int32)
    members: list[tuple[int, ...]] = [()]
    numbers: dict[tuple[int, ...], int] = {(): 0}
    for camera, polygon in enumerate(polygons):
        if len(polygon) < 3:
            continue
        first = np.floor((polygon.min(axis=0) - low) / SQUARE_M).astype(np.int64)
        end = np.floor((polygon.max(axis=0) - low) / SQUARE_M).astype(np.int64) + 1
        part = seen_by[first[0] : end[0], first[1] : end[1]]
        middles = [low[k] + (np.arange(first[k], end[k]) + 0.5) * SQUARE_M for k in (0, 1)]
        inside = _inside(polygon, middles[0], middles[1])
        sets, which = np.unique(part[inside], return_inverse=True)
        grown = np.empty(len(sets), dtype=np.int32)
        for k, before in enumerate(sets.tolist()):
            both = (*members[before], camera)
            if both not in numbers:
                numbers[both] = len(members)
                members.append(both)
            grown[k] = numbers[both]
        part[inside] = grown[which]
    return Ground(low, seen_by, tuple(members), known)


def _inside(polygon: Floats, x: Floats, y: Floats) -> Bools:
    """Which of the places (x, y) are inside, bool (len(x), len(y)): crossings of a ray along x are odd."""
    inside = np.zeros((len(x), len(y)), dtype=np.bool_)
    for (ax, ay), (bx, by) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        crosses = (ay > y) != (by > y)
        if crosses.any():
            at = ax + (y[crosses] - ay) / (by - ay) * (bx - ax)
            inside[:, crosses] ^= x[:, None] < at
    return inside


@functools.cache
def _ways_on() -> tuple[npt.NDArray[np.complex128], npt.NDArray[np.complex128]]:
    """Ways on of who goes along x at 1 m/s, and of who stands first: x + iy, complex128 (steps, PATHS), m."""
    rng = np.random.default_rng(0)
    steps = round(LONGEST_S / STEP_S)
    turned = rng.random((steps, PATHS)) < TURNS_PER_S * STEP_S
    anywhere = rng.uniform(-np.pi, np.pi, (steps, PATHS))
    newest = np.maximum.accumulate(np.where(turned, np.arange(steps)[:, None], -1), axis=0)
    directions = np.take_along_axis(anywhere, np.maximum(newest, 0), axis=0)
    speeds = rng.uniform(1 - FASTER, 1 + FASTER, PATHS)
    at_once = np.where(rng.random(PATHS) < ANYWHERE, anywhere[-1], rng.normal(0.0, ASIDE_RAD, PATHS))
    ways = []
    for first, rests_s in ((at_once, np.zeros(PATHS)), (anywhere[-2], rng.exponential(RESTS_S, PATHS))):
        heading = np.where(newest < 0, first, directions)
        going = (np.arange(steps)[:, None] + 1) * STEP_S > rests_s
        ways.append(np.cumsum(np.exp(1j * heading) * going * speeds * STEP_S, axis=0, dtype=np.complex128))
    return ways[0], ways[1]


@dataclass(frozen=True)
class Arrivals:
    """Who sees somebody next, and when, if they walk on.

    Attributes:
        camera: int64 (n,), ascending.
        chance: float64 (n, bins), by time; of cameras that see them at the same time, each.
        someone: float64 (bins,), that anybody does.
        now: bins within the gap.
    """

    camera: Ints
    chance: Floats
    someone: Floats
    now: int

    @property
    def alone(self) -> float:
        """The probability that no other camera sees them within the gap."""
        return 1.0 - float(self.someone[: self.now].sum())


def arrivals(ground: Ground, own: int, motion: Motion, bins: int, bin_s: float, gap_s: float) -> Arrivals:
    """Let somebody walk on.

    Args:
        ground: who sees what.
        own: the camera that lost them: what it sees counts only after the gap.
        motion: where they were lost, and how they moved.
        bins, bin_s: of the times.
        gap_s: somebody has left a view once they have not been in it for so long, seconds.

    Raises:
        InputError: a motion that is not finite.
    """
    if not np.isfinite([motion.x_m, motion.y_m, motion.x_m_s, motion.y_m_s]).all():
        raise InputError(f"{motion}: metres and metres a second, all of them finite")
    walking, standing = _ways_on()
    velocity = complex(motion.x_m_s, motion.y_m_s)
    ways = standing * USUAL_M_S if abs(velocity) < STANDING_M_S else walking * velocity
    sets = ground.sets_at(complex(motion.x_m, motion.y_m) + ways)
    anybody = np.array([len(members) > 0 for members in ground.members])
    others = np.array([any(camera != own for camera in members) for members in ground.members])
    now = min(int(np.ceil(gap_s / bin_s - 1e-9)), bins)
    early = round(now * bin_s / STEP_S)
    seen = np.concatenate([others[sets[:early]], anybody[sets[early:]]])
    first = seen.argmax(axis=0)
    found = np.flatnonzero(seen[first, np.arange(PATHS)])
    at = ((first[found] + 0.5) * STEP_S / bin_s).astype(np.int64)
    found, at = found[at < bins], at[at < bins]
    key, count = np.unique(sets[first[found], found] * np.int64(bins) + at, return_counts=True)
    chances: dict[int, Floats] = {}
    for one, share in zip(key.tolist(), (count / PATHS).tolist(), strict=True):
        which, when = divmod(one, bins)
        for camera in ground.members[which]:
            if camera != own or when >= now:
                chances.setdefault(camera, np.zeros(bins))[when] += share
    cameras = sorted(chances)
    by_time = np.array([np.bincount(at, minlength=bins) / PATHS, *(chances[camera] for camera in cameras)])
    # Who sees them within the gap does so now: only what comes later may come earlier or later than that.
    by_time[:, now:] = _smooth(by_time[:, now:], SMOOTH_S / bin_s)
    return Arrivals(np.array(cameras, dtype=np.int64), by_time[1:], by_time[0], now)


def _smooth(chance: Floats, sigma: float) -> Floats:
    """Spread over time; what would come before the first bin comes in it, and likewise at the end."""
    bins = chance.shape[1]
    if bins == 0:
        return chance
    reach = int(np.ceil(3 * sigma))
    bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    spread = np.array([np.convolve(row, bell / bell.sum()) for row in chance])
    smooth = spread[:, reach : reach + bins].copy()
    smooth[:, 0] += spread[:, :reach].sum(axis=1)
    smooth[:, -1] += spread[:, reach + bins :].sum(axis=1)
    return smooth


def with_arrivals(found: Timeline, then: Arrivals, ground: Ground, own: int) -> Timeline:
    """What is known of all who left there, and of this one's way on, TRUST to the latter.

    What comes within the gap is added to overlaps, what comes later to the row of that camera; cameras of
    which nothing was known have rows of kind "ahead" at the end, and what was a guess is "ahead" where the
    way says more. Of cameras whose views are not known the way says nothing: what is known of them stays.
    """
    now = found.kind == KINDS.index("overlap")
    unknown = ~ground.known[found.camera]
    # Whom cameras of unknown views see at once nobody sees later for the first time; of the others some go
    # where only those see them.
    unseen = 1.0 - min(1.0, float(found.density[now & unknown].sum()))
    aside = found.density * (~now & unknown)[:, None] / max(found.alone, 1e-9)
    ahead = unseen * (1.0 - min(1.0, float(aside.sum())))
    aside *= unseen * then.alone
    kept = np.where(now & unknown, 1.0, 1 - TRUST)[:, None] * found.density + TRUST * aside
    times = np.arange(found.density.shape[1]) < then.now
    at_once, first, _ = _added(found.camera[now], kept[now], then, np.where(times, TRUST, 0.0))
    later, after, more = _added(found.camera[~now], kept[~now], then, np.where(times, 0.0, TRUST * ahead))
    kind = np.full(len(later), KINDS.index("ahead"))
    kind[later == own] = KINDS.index("return")
    before = found.kind[~now]
    guess = before == KINDS.index("guess")
    kind[: len(before)] = np.where(
        guess & (2 * more[: len(before)] > after[: len(before)].sum(axis=1)), kind[: len(before)], before
    )
    someone = aside.sum(axis=0) + ahead * then.someone * ~times
    return Timeline(
        np.concatenate([at_once, later]),
        np.concatenate([np.full(len(at_once), KINDS.index("overlap")), kind]),
        np.concatenate([first, after]),
        TRUST * unseen * then.alone + (1 - TRUST) * found.alone,
        TRUST * someone + (1 - TRUST) * found.someone,
        found.zones,
    )


def _added(known: Ints, density: Floats, then: Arrivals, weight: Floats) -> tuple[Ints, Floats, Floats]:
    """Rows of cameras with what the arrivals have, by time weighted, and how much that is; new ones last."""
    chance = then.chance * weight
    there = chance.any(axis=1)
    cameras = np.concatenate([known, then.camera[there & ~np.isin(then.camera, known)]])
    row = {camera: number for number, camera in enumerate(cameras.tolist())}
    more = np.zeros((len(cameras), density.shape[1]))
    for number in np.flatnonzero(there).tolist():
        more[row[int(then.camera[number])]] = chance[number]
    both = more.copy()
    both[: len(known)] += density
    return cameras, both, more.sum(axis=1)
