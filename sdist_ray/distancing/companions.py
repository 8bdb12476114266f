"""What two people's positions and motion say about whether they belong together."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sdist_ray.distancing.scene import Floats, Ints

NEW = (math.nan, math.nan, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class GroupSettings:
    """When people are held to be together. Evidence is a log-likelihood ratio, in nats.

    Distances and speeds are round figures from the literature. ``recognise``, ``settle_s``, ``reach_m`` and
    ``joint_s`` were set by looking at annotated pedestrians, in the middle of what serves, and so was how
    little standing says (experiments/groups).

    A companion is compared with a stranger who walks the same way: somebody who walks another way is
    refused by the same numbers, only faster.

    Attributes:
        smoothing_s: time constant of a person's position and velocity. A step takes half a second and sways
            the body by some centimetres; two steps smooth that away.
        settle_s: a velocity needs positions over at least this time.
        distance_m: companions' median distance. Walking pairs keep 0.7 to 0.8 m from centre to centre, people
            in larger groups slightly more (Zanlungo et al. 2014; Costa 2010).
        distance_spread: standard deviation of the logarithm of that distance: two in three companions are
            0.56 to 1.14 m apart, one in twenty more than 1.4 m. Closer than the median is no less together.
        strangers_per_m2: how densely strangers stand around a person: a pavement with free flow, 20 m2 each.
            With the two above, distance alone speaks for companions below 1.25 m, the border of Hall's
            personal distance (1966), and against them beyond.
        companion_mps: standard deviation of companions' velocity difference, along an axis: they adapt their
            pace, and sway by 0.1 to 0.2 m/s.
        stranger_mps: the same of two strangers who walk one way. Walking speeds spread by 0.26 m/s
            (Weidmann 1993), so differences by 0.26 * sqrt(2) = 0.37; their ways are not
            quite parallel either.
        standing_mps: who is slower stands. A stroll is faster, swaying on the spot slower.
        walking_memory_s: one instant's evidence counts once in so many seconds of walking: what follows
            sooner is not independent of it.
        standing_memory_s: the same where both stand. A stranger who has stopped beside me stays there, so a
            second look says little: standing 0.8 m apart makes a group in about a minute.
        strongest: bounds of one instant's evidence, so that a slip of a track cannot decide.
        recognise: together from this much evidence on: odds of 55 to 1.
        dissolve: no longer together below this.
        lowest: bound of the evidence against: two who pass each other may still turn out to be together.
        highest: bound of the evidence for: two who part are seen to have parted in seconds.
        reach_m: who is further apart cannot become a pair, nor be together by way of others.
        joint_s: two who are not close to each other are together by way of others after being in one group
            for so long.
        longest_step_s: a gap between two looks counts as no more than this.
        forget_s: a track that was not seen for so long is gone.
        kept: how many groups, and how many pairs, that have ended are remembered.
    """

    smoothing_s: float = 1.0
    settle_s: float = 0.7
    distance_m: float = 0.8
    distance_spread: float = 0.35
    strangers_per_m2: float = 0.05
    companion_mps: float = 0.2
    stranger_mps: float = 0.4
    standing_mps: float = 0.4
    walking_memory_s: float = 1.0
    standing_memory_s: float = 30.0
    strongest: float = 2.0
    recognise: float = 4.0
    dissolve: float = 0.0
    lowest: float = -3.0
    highest: float = 6.0
    reach_m: float = 3.0
    joint_s: float = 1.0
    longest_step_s: float = 1.0
    forget_s: float = 3.0
    kept: int = 10_000

    def __post_init__(self) -> None:
        positive = (
            "smoothing_s distance_m distance_spread strangers_per_m2 companion_mps stranger_mps "
            "walking_memory_s standing_memory_s strongest reach_m longest_step_s forget_s"
        )
        for name in positive.split():
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)}")
        if not self.companion_mps < self.stranger_mps:
            raise ValueError("companion_mps must be below stranger_mps")
        if not self.lowest <= self.dissolve < self.recognise <= self.highest:
            raise ValueError("lowest <= dissolve < recognise <= highest must hold")


@dataclass(frozen=True)
class Walkers:
    """People whose motion is known.

    Attributes:
        track: int64 (n,), ascending.
        position: float64 (n, 2), metres, smoothed.
        velocity: float64 (n, 2), metres per second.
        since_s: float64 (n,), when each was first seen.
    """

    track: Ints
    position: Floats
    velocity: Floats
    since_s: Floats


class Motion:
    """Each track's position and velocity: a straight line through its past, which fades exponentially.

    A weighted least-squares line with weights exp(-(t - t_i) / smoothing_s), kept as seven sums relative to
    the latest instant: no window to store, any spacing in time.
    """

    def __init__(self, settings: GroupSettings) -> None:
        self._settings = settings
        # Track to: last seen, first seen, then the sums of w, w t, w t t, w x, w y, w t x, w t y.
        self._sums: dict[int, tuple[float, ...]] = {}

    def __len__(self) -> int:
        return len(self._sums)

    def __contains__(self, track: int) -> bool:
        return track in self._sums

    def forget(self, time_s: float) -> set[int]:
        """Drops the tracks that are gone, and names them."""
        gone = {t for t, sums in self._sums.items() if time_s - sums[0] > self._settings.forget_s}
        for track in gone:
            del self._sums[track]
        return gone

    def observe(self, time_s: float, track: Ints, ground: Floats) -> Walkers:
        """Takes one instant's positions.

        Args:
            time_s: seconds, not before the last.
            track: int64 (n,), ascending, each once.
            ground: float64 (n, 2), metres, finite.

        Returns:
            Those of them who were seen for long enough.
        """
        names = track.tolist()
        rows = np.array([self._sums.get(name, NEW) for name in names]).reshape(-1, len(NEW))
        last, first = (np.where(np.isnan(rows[:, k]), time_s, rows[:, k]) for k in (0, 1))
        step = time_s - last
        w, wt, wtt, wx, wy, wtx, wty = (rows[:, 2:] * np.exp(-step / self._settings.smoothing_s)[:, None]).T
        wtx, wty = wtx - step * wx, wty - step * wy
        wtt = wtt - 2 * step * wt + step**2 * w
        wt = wt - step * w
        w, wx, wy = w + 1, wx + ground[:, 0], wy + ground[:, 1]
        after = np.stack([np.full(len(w), time_s), first, w, wt, wtt, wx, wy, wtx, wty], axis=1)
        self._sums.update(zip(names, map(tuple, after.tolist()), strict=True))
        spread = w * wtt - wt**2
        known = (time_s - first >= self._settings.settle_s) & (spread > 1e-9 * w)
        spread = np.where(known, spread, 1.0)
        velocity = np.stack([w * wtx - wt * wx, w * wty - wt * wy], axis=1) / spread[:, None]
        position = (np.stack([wx, wy], axis=1) - velocity * wt[:, None]) / w[:, None]
        return Walkers(track[known], position[known], velocity[known], first[known])


@dataclass(frozen=True)
class Looks:
    """One instant's evidence on some pairs.

    Attributes:
        distance: float64 (m,), metres.
        difference: float64 (m,), of their velocities, m/s.
        together: float64 (m,), nats per second that they are together.
        alike: float64 (m,), nats per second that they move as companions do, however far apart.
    """

    distance: Floats
    difference: Floats
    together: Floats
    alike: Floats


def look(
    walkers: Walkers, a: npt.NDArray[np.intp], b: npt.NDArray[np.intp], settings: GroupSettings
) -> Looks:
    """How much more likely what is seen of pairs is among companions than among strangers.

    Distance r: log-normal over the plane around a companion, an even density of strangers; velocity
    difference: two normal distributions around zero. Where both stand, velocity says nothing.

    Args:
        walkers: people.
        a: rows of ``walkers``, one person of each pair.
        b: the other person of each pair.
        settings: the distributions.
    """
    s = settings
    distance = np.hypot(*(walkers.position[b] - walkers.position[a]).T)
    difference = np.hypot(*(walkers.velocity[b] - walkers.velocity[a]).T)
    speed = np.hypot(*walkers.velocity.T)
    r = np.maximum(distance, s.distance_m)
    z = np.log(r / s.distance_m) / s.distance_spread
    companion = -(z**2) / 2 - np.log(r * s.distance_spread * math.sqrt(2 * math.pi) * 2 * math.pi * r)
    near = companion - math.log(s.strangers_per_m2)
    sharper = s.companion_mps**-2 - s.stranger_mps**-2
    alike = 2 * math.log(s.stranger_mps / s.companion_mps) - difference**2 / 2 * sharper
    standing = np.maximum(speed[a], speed[b]) < s.standing_mps
    alike = np.where(standing, 0.0, alike)
    memory = np.where(standing, s.standing_memory_s, s.walking_memory_s)
    bound = s.strongest
    return Looks(
        distance,
        difference,
        np.clip(near + alike, -bound, bound) / memory,
        np.clip(alike, -bound, bound) / memory,
    )
