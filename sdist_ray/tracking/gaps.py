"""Who is seen again after nobody saw them: segments of people's ways joined across gaps.

Whoever appears is held against everybody who was lost within the last minute. What speaks for one person
is how likely somebody who was lost there is seen here after that time, by the topology's transits and by
how people walk, over how often somebody new appears here; how alike they look, where somebody says how to
tell; and a camera's own track that was that person before. Who appears is told a few seconds later, with all
that appeared meanwhile in view, by the assignment of greatest total evidence: after the data association
of Reid (1979) with a horizon of one decision, and of Pasula and others (1999) for cameras without overlap.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from sdist_ray.tracking.looks import Looks
from sdist_ray.tracking.passages import Passages
from sdist_ray.tracking.segments import UNDECIDED, WAY_S, Segment

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

PRIOR_S = 60.0
"""What is believed of a camera before it has shown how often somebody new appears: once in so long."""
RATE_MEMORY_S = 1800.0
MOST_LOST = 2000
"""People who may be seen again, at once; of more, those who were lost first are forgotten."""
EVERY_S = 0.5
"""How often it is decided: what is due meanwhile is decided together."""
NEAR_M, FASTEST = 5.0, 3.0
"""Nobody runs farther than this in a second, in metres, but for some metres that places are off."""
CUT_S = 1.0
"""Who was cut from somebody else by their looks waits so long for the one that they were exchanged with to be
cut too."""
SPREAD_M2 = 0.04
"""Of places, beyond what they are said to be off: nobody's foot is a point."""
ANYWHERE = 0.02
"""Share of those who are lost who are seen again anywhere, whatever is known of ways and times."""


@dataclass(frozen=True)
class GapSettings:
    """Of what happens where nobody sees somebody.

    Attributes:
        longest_s: who was lost for longer is somebody new.
        decide_s: so long after somebody appeared it is told who they are.
        least: evidence that it takes to be somebody who was known, nats.
        again: share of those lost who are seen again on the same ground.
        pause_s: mean time until then.
        same_track: what a camera's own track says that was this person before, nats.
        speed, persistence_s: of people who walk out of sight: standard deviation of the velocity along an
            axis, m/s, and how long it stays the same.
    """

    longest_s: float = 60.0
    decide_s: float = 2.5
    least: float = 1.0
    again: float = 0.5
    pause_s: float = 8.0
    same_track: float = 4.0
    speed: float = 0.8
    persistence_s: float = 4.0


class GapJoiner:
    """The people of a network by their segments."""

    def __init__(
        self, areas_m2: Sequence[float], passages: Passages | None = None, settings: GapSettings | None = None
    ) -> None:
        """For a network.

        Args:
            areas_m2: ground that each camera sees, square metres.
            passages: what is known of ways between cameras.
            settings: see there.
        """
        self._settings = settings or GapSettings()
        self._passages = passages or Passages()
        self._areas = np.maximum(np.nan_to_num(areas_m2, nan=100.0, posinf=100.0), 1.0)
        self._new = np.zeros(len(areas_m2))
        self._watched_s = 0.0
        self._time_s: float | None = None
        self._next = 1
        self._decided_s = -math.inf
        self.looks = Looks()

    def decide(self, time_s: float, segments: Sequence[Segment], all_of_them: bool = False) -> list[Segment]:
        """Give a person to those who appeared long enough ago; the segments that were given one.

        Args:
            time_s: now, not before the last time.
            segments: those that go on, and those that ended within ``longest_s``.
            all_of_them: there is nothing to wait for.
        """
        settings = self._settings
        step = 0.0 if self._time_s is None else time_s - self._time_s
        self._time_s = time_s
        kept = math.exp(-step / RATE_MEMORY_S)
        self._new *= kept
        self._watched_s = self._watched_s * kept + step
        waiting = [s for s in segments if s.person == UNDECIDED]
        due = [s for s in waiting if all_of_them or time_s >= self._when(s)]
        if not due or (time_s - self._decided_s < EVERY_S and not all_of_them):
            return []
        self._decided_s = time_s
        lost = _lost(time_s, segments)
        ends = np.array([old.end_s for old in lost])
        places = np.array([old.end_at for old in lost]).reshape(-1, 2)
        evidence = np.full((len(waiting), len(lost)), -np.inf)
        for row, new in enumerate(waiting):
            for column in np.flatnonzero(self._in_reach(new, lost, ends, places)).tolist():
                evidence[row, column] = self.evidence(lost[column], new, time_s)
        gain = np.maximum(evidence - settings.least, 0.0)
        rows, columns = linear_sum_assignment(gain, maximize=True)
        match = {int(r): int(c) for r, c in zip(rows, columns, strict=True) if gain[r, c] > 0}
        ready = {id(s) for s in due}
        for row, new in enumerate(waiting):
            if id(new) not in ready:
                continue
            odds = float(np.exp(np.minimum(evidence[row], 50.0)).sum())
            self._new[list(new.first)] += 1 / (1 + odds) / len(new.first)
            if row in match:
                old = lost[match[row]]
                new.person = old.person
                for camera, look in old.looks.items():
                    new.looks.setdefault(camera, look)
            else:
                new.person, self._next = self._next, self._next + 1
        return due

    def _when(self, new: Segment) -> float:
        when_s = new.begin_s + self._settings.decide_s
        return when_s if new.cut_s is None else max(when_s, new.cut_s + CUT_S)

    def _in_reach(self, new: Segment, lost: Sequence[Segment], ends: Floats, places: Floats) -> Bools:
        """Of whom it may be asked at all whether they are ``new``, bool (lost,)."""
        after_s = new.begin_s - ends
        lasts = (after_s > -WAY_S) & (after_s <= self._settings.longest_s)
        far = np.linalg.norm(places - new.begin_at, axis=1)
        reach: Bools = lasts & (far <= NEAR_M + FASTEST * np.abs(after_s))
        for row in np.flatnonzero(lasts & ~reach).tolist():
            old = lost[row]
            reach[row] = (
                (bool(old.looks) and bool(new.looks))
                or not new.first_tracks.isdisjoint(old.tracks)
                or self._passages.known(old.last, new.first)
            )
        return reach

    def evidence(self, old: Segment, new: Segment, time_s: float) -> float:
        """Nats for ``new`` being who ``old`` was, rather than somebody new; -inf where that cannot be.

        Args:
            old: was lost.
            new: appeared.
            time_s: now.
        """
        settings = self._settings
        after_s = new.begin_s - old.end_s
        if not -WAY_S < after_s <= settings.longest_s or (after_s <= 0 and _seen_twice(old, new)):
            return -math.inf
        alike = self.looks.evidence(old.look, new.look)
        if new.cut_from == old.number and alike < 0:
            # Where they were and which tracks they had is what misled.
            return -math.inf
        rate = (self._new[list(new.first)] + 1).sum() / len(new.first) / (PRIOR_S + self._watched_s)
        crowd = rate / float(self._areas[list(new.first)].mean())
        last = old.last
        odds = ANYWHERE / settings.longest_s / rate
        odds += self._passages.at(last, new.first, max(after_s, 0.0)) / rate
        # A walker whose velocity forgets itself (Ornstein and Uhlenbeck): where they come by then.
        when = settings.again * math.exp(-max(after_s, 0.0) / settings.pause_s) / settings.pause_s
        odds += when * self._walk(old, new, after_s) / crowd
        # Of those who were lost so long ago, few are still to come.
        gone_s = time_s - old.end_s
        seen = max(
            settings.again * (1 - math.exp(-gone_s / settings.pause_s)), self._passages.until(last, gone_s)
        )
        nats = math.log(odds) - math.log(max(1 - seen, 0.05)) + alike
        if new.first_tracks & old.tracks.keys():
            nats += settings.same_track
        return nats

    def _walk(self, old: Segment, new: Segment, after_s: float) -> float:
        """Density of the place, per square metre."""
        settings = self._settings
        if after_s <= 0:
            # Two ways of one person side by side: as far apart as places are off.
            off = new.begin_at - old.place(new.begin_s)
            return _density(off, old.sigma**2 + new.sigma**2 + SPREAD_M2)
        lasts = settings.persistence_s
        ratio = after_s / lasts
        fading = math.exp(-ratio)
        spread = (settings.speed * lasts) ** 2 * (2 * ratio - 3 + 4 * fading - fading**2)
        off = new.begin_at - old.end_at - old.velocity * lasts * (1 - fading)
        return _density(off, max(spread, 0.0) + old.sigma**2 + new.sigma**2 + SPREAD_M2)


def _density(off: Floats, variance: float) -> float:
    return math.exp(-0.5 * float(off @ off) / variance) / (2 * math.pi * variance)


def _lost(time_s: float, segments: Sequence[Segment]) -> list[Segment]:
    """Where everybody who is not seen now was seen last: MOST_LOST at most, the latest first."""
    last: dict[int, Segment] = {}
    for segment in segments:
        if segment.person != UNDECIDED:
            there = last.get(segment.person)
            # Whoever was taken for somebody else may be seen again where they were.
            if there is None or segment.end_s >= there.end_s:
                last[segment.person] = segment
    lost = [segment for segment in last.values() if segment.end_s < time_s]
    return sorted(lost, key=lambda segment: -segment.end_s)[:MOST_LOST]


def _seen_twice(old: Segment, new: Segment) -> bool:
    """Whether a camera saw both at once, so that they are two."""
    return any(old.seen_by.get(camera, -math.inf) >= since_s for camera, since_s in new.seen_since.items())
