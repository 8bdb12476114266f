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
    """

    corner_m: Floats
    seen_by: npt.NDArray[np.int32]
    members: tuple[tuple[int, ...], ...]

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
        InputError: the ground is too large for squares.
    """
    corners = np.concatenate([np.empty((0, 2)), *polygons])
    if not len(corners):
        return Ground(np.zeros(2), np.zeros((1, 1), np.int32), ((),))
    low = corners.min(axis=0)
    columns, rows = (int(n) for n in np.ceil((corners.max(axis=0) - low) / SQUARE_M).astype(np.int64) + 1)
    if columns * rows > MOST_SQUARES:
        size = f"{columns * SQUARE_M:.0f} x {rows * SQUARE_M:.0f} m"
        raise InputError(f"the ground that the cameras see is {size}: are they calibrated onto one ground?")
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
    return Ground(low, seen_by, tuple(members))


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
        alone: the probability that no other camera sees them within the gap.
    """

    camera: Ints
    chance: Floats
    alone: float


def arrivals(ground: Ground, own: int, motion: Motion, bins: int, bin_s: float, gap_s: float) -> Arrivals:
    """Let somebody walk on.

    Args:
        ground: who sees what.
        own: the camera that lost them: what it sees counts only after the gap.
        motion: where they were lost, and how they moved.
        bins, bin_s: of the times.
        gap_s: somebody has left a view once they have not been in it for so long, seconds.
    """
    walking, standing = _ways_on()
    velocity = complex(motion.x_m_s, motion.y_m_s)
    ways = standing * USUAL_M_S if abs(velocity) < STANDING_M_S else walking * velocity
    sets = ground.sets_at(complex(motion.x_m, motion.y_m) + ways)
    anybody = np.array([len(members) > 0 for members in ground.members])
    others = np.array([any(camera != own for camera in members) for members in ground.members])
    early = round(gap_s / STEP_S)
    seen = np.concatenate([others[sets[:early]], anybody[sets[early:]]])
    first = seen.argmax(axis=0)
    found = np.flatnonzero(seen[first, np.arange(PATHS)])
    at = np.minimum(((first[found] + 0.5) * STEP_S / bin_s).astype(np.int64), bins)
    key, count = np.unique(sets[first[found], found] * np.int64(bins + 1) + at, return_counts=True)
    chances: dict[int, Floats] = {}
    for one, share in zip(key.tolist(), (count / PATHS).tolist(), strict=True):
        which, when = divmod(one, bins + 1)
        for camera in ground.members[which]:
            if when < bins and (camera != own or when * bin_s >= gap_s):
                chances.setdefault(camera, np.zeros(bins))[when] += share
    cameras = sorted(chances)
    chance = np.array([chances[camera] for camera in cameras]).reshape(-1, bins)
    # What is seen at once is known to be.
    chance[:, 1:] = _smooth(chance[:, 1:], SMOOTH_S / bin_s)
    alone = 1.0 - float((first[found] < early).sum()) / PATHS
    return Arrivals(np.array(cameras, dtype=np.int64), chance, alone)


def _smooth(chance: Floats, sigma: float) -> Floats:
    """Spread over time; what would come before the first bin comes in it, and likewise at the end."""
    reach = int(np.ceil(3 * sigma))
    bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    bell /= bell.sum()
    bins = chance.shape[1]
    spread = np.array([np.convolve(row, bell) for row in chance]).reshape(len(chance), bins + 2 * reach)
    smooth = spread[:, reach : reach + bins].copy()
    smooth[:, 0] += spread[:, :reach].sum(axis=1)
    smooth[:, -1] += spread[:, reach + bins :].sum(axis=1)
    return smooth


def with_arrivals(found: Timeline, arrivals: Arrivals, own: int, bin_s: float, gap_s: float) -> Timeline:
    """What is known of all who left there, and of this one's way on, TRUST to the latter.

    What comes within the gap is added to overlaps, what comes later to the row of that camera; cameras of
    which nothing was known have rows of kind "ahead" at the end.
    """
    early = np.arange(found.density.shape[1]) * bin_s < gap_s
    now = found.kind == KINDS.index("overlap")
    at_once, first = _added(found.camera[now], found.density[now], arrivals, early)
    later, then = _added(found.camera[~now], found.density[~now], arrivals, ~early)
    kind = np.full(len(later), KINDS.index("ahead"))
    kind[later == own] = KINDS.index("return")
    kind[: int((~now).sum())] = found.kind[~now]
    return Timeline(
        np.concatenate([at_once, later]),
        np.concatenate([np.full(len(at_once), KINDS.index("overlap")), kind]),
        np.concatenate([first, then]),
        TRUST * arrivals.alone + (1 - TRUST) * found.alone,
        found.zones,
    )


def _added(known: Ints, density: Floats, arrivals: Arrivals, times: Bools) -> tuple[Ints, Floats]:
    """Rows of cameras with what the arrivals have of some times; those that are new come last."""
    chance = arrivals.chance * times
    there = chance.any(axis=1)
    new = there & ~np.isin(arrivals.camera, known)
    cameras = np.concatenate([known, arrivals.camera[new]])
    both = np.concatenate([(1 - TRUST) * density, np.zeros((int(new.sum()), density.shape[1]))])
    row = {camera: number for number, camera in enumerate(cameras.tolist())}
    for number in np.flatnonzero(there).tolist():
        both[row[int(arrivals.camera[number])]] += TRUST * chance[number]
    return cameras, both
