"""Who is too close to whom, and for how long."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
from scipy.spatial import cKDTree

from sdist_ray.distancing.scene import NO_GROUP, Floats, Ints, People

Pair = tuple[int, int]
Period = tuple[float, float]


@dataclass(frozen=True)
class ViolationSettings:
    """What is a violation; lengths in the ground's unit.

    Attributes:
        limit: people closer than this are too close.
        least_s: for at least so long.
        gap_s: when they part, or are lost from sight, for no longer than this, it is the same violation.
        long_s, serious_s: durations from which a violation is not brief but long, not long but serious.
    """

    limit: float
    least_s: float = 1.0
    gap_s: float = 1.0
    long_s: float = 5.0
    serious_s: float = 15.0

    def severity(self, duration_s: float) -> str:
        """brief, long or serious."""
        if duration_s >= self.serious_s:
            return "serious"
        return "long" if duration_s >= self.long_s else "brief"


@dataclass(frozen=True)
class Violation:
    """Two people closer than the limit for at least a minimum time.

    Attributes:
        person_a, person_b: their tracks, a < b.
        start_s, end_s: first and last instant at which they were too close, UTC epoch seconds.
        least_distance, mean_distance: over these instants, in the ground's unit.
        place: (x, y), mean of the middles between them.
    """

    person_a: int
    person_b: int
    start_s: float
    end_s: float
    least_distance: float
    mean_distance: float
    place: tuple[float, float]

    @property
    def duration_s(self) -> float:
        """From the first to the last instant."""
        return self.end_s - self.start_s


@dataclass
class _Encounter:
    """Every instant at which two people were too close: time, distance, x and y of the place."""

    pair: Pair
    instants: list[tuple[float, float, float, float]] = field(default_factory=list)

    @property
    def end_s(self) -> float:
        return self.instants[-1][0]

    def violations(self, settings: ViolationSettings, excused: Iterable[Period]) -> list[Violation]:
        """What is left of it, and lasts, when the excused periods are taken out."""
        instants = np.array(self.instants)
        for since_s, until_s in excused:
            instants = instants[(instants[:, 0] < since_s) | (instants[:, 0] > until_s)]
        breaks = np.flatnonzero(np.diff(instants[:, 0]) > settings.gap_s) + 1
        parts = [part for part in np.split(instants, breaks) if len(part)]
        return [self._violation(p) for p in parts if p[-1, 0] - p[0, 0] >= settings.least_s]

    def _violation(self, instants: Floats) -> Violation:
        times, distances = instants[:, 0], instants[:, 1]
        start_s, end_s, least, mean = map(float, (times[0], times[-1], distances.min(), distances.mean()))
        x, y = instants[:, 2:].mean(axis=0).tolist()
        return Violation(*self.pair, start_s, end_s, least, mean, (x, y))


class ViolationFinder:
    """One camera's violations.

    That two people are a group is known only after they have kept together for seconds, and excuses what they
    did since they began to. So violations are final only when they are taken.
    """

    def __init__(self, settings: ViolationSettings) -> None:
        self._settings = settings
        self._open: dict[Pair, _Encounter] = {}
        self._ended: list[_Encounter] = []

    def update(self, time_s: float, people: People) -> tuple[Ints, Floats]:
        """Take a frame.

        Returns:
            Rows of people that are too close and not of one group, int64 (m, 2), and how close, float64 (m,).
        """
        near, distance = close_pairs(people, self._settings.limit)
        group = people.group[near]
        counts = (group[:, 0] != group[:, 1]) | (group[:, 0] == NO_GROUP)
        near, distance = near[counts], distance[counts]
        middles = people.ground[near].mean(axis=1)
        for (a, b), apart, (x, y) in zip(
            people.track[near].tolist(), distance.tolist(), middles.tolist(), strict=True
        ):
            pair = (min(a, b), max(a, b))
            encounter = self._open.get(pair)
            if encounter is None or time_s - encounter.end_s > self._settings.gap_s:
                self._end(pair)
                encounter = self._open.setdefault(pair, _Encounter(pair))
            encounter.instants.append((time_s, apart, x, y))
        return near, distance

    def take(
        self, excused: Callable[[int, int], Iterable[Period]], before_s: float = math.inf
    ) -> list[Violation]:
        """Violations that ended before a time, by their start; each is given once.

        Args:
            excused: when two people were together, from and until, seconds.
            before_s: UTC epoch seconds.
        """
        for pair in [pair for pair, encounter in self._open.items() if encounter.end_s < before_s]:
            self._end(pair)
        taken = [encounter for encounter in self._ended if encounter.end_s < before_s]
        self._ended = [encounter for encounter in self._ended if encounter.end_s >= before_s]
        found = [v for e in taken for v in e.violations(self._settings, excused(*e.pair))]
        return sorted(found, key=lambda v: (v.start_s, v.person_a, v.person_b))

    def _end(self, pair: Pair) -> None:
        if pair in self._open:
            self._ended.append(self._open.pop(pair))


def close_pairs(people: People, limit: float) -> tuple[Ints, Floats]:
    """Rows of people closer than a limit, int64 (m, 2), first < second, ascending; and how close.

    Who stands too far away to tell (a standard deviation above half the limit) is left out.
    """
    able = np.flatnonzero(np.isfinite(people.ground).all(axis=1) & (people.sigma <= limit / 2))
    if len(able) < 2:
        return np.empty((0, 2), dtype=np.int64), np.empty(0)
    pairs = cKDTree(people.ground[able]).query_pairs(limit, output_type="ndarray")
    near = np.sort(able[pairs.astype(np.int64).reshape(-1, 2)], axis=1)
    near = near[np.lexsort((near[:, 1], near[:, 0]))]
    distance = np.linalg.norm(people.ground[near[:, 0]] - people.ground[near[:, 1]], axis=1)
    within = distance < limit
    return near[within], distance[within]
