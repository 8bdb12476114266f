"""Everybody in a network, followed: one number for one person, in all cameras and across gaps.

First who is who at once, on the ground that several cameras see (distancing.fusion); then who is seen again
after nobody saw them (gaps). Memory is bounded by the people of the last minute, and who somebody is, is told
a few seconds after they were seen.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sdist_ray.distancing.fusion import Fuser, FusionSettings, Sightings
from sdist_ray.distancing.fusion_views import Views
from sdist_ray.tracking.doubts import Doubt, View, Watch, keep_looks
from sdist_ray.tracking.gaps import GapJoiner, GapSettings
from sdist_ray.tracking.looks import of_length_one
from sdist_ray.tracking.passages import Passages
from sdist_ray.tracking.segments import UNDECIDED, Segment

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

NOBODY = -1
SETTLE_S = 1.0
"""A track that begins is somebody by then."""


@dataclass(frozen=True)
class Tracked:
    """One instant, once it is known who everybody is.

    Attributes:
        tick: of the network.
        time_s: when it was.
        person: int64 (sightings,), the network's numbers from 1 on, NOBODY for what is nobody; in the order
            of the sightings that were given.
        ground: float64 (sightings, 2), metres: where the person is by all cameras together.
        sigma: float64 (sightings,), metres.
    """

    tick: int
    time_s: float
    person: Ints
    ground: Floats
    sigma: Floats


@dataclass
class _Held:
    tick: int
    time_s: float
    segment: Ints
    camera: Ints
    track: Ints
    ground: Floats
    sigma: Floats


class NetworkTracker:
    """The people of a network, instant by instant."""

    def __init__(
        self,
        views: Views,
        step_s: float,
        passages: Passages | None = None,
        gaps: GapSettings | None = None,
        fusion: FusionSettings | None = None,
    ) -> None:
        """For a network.

        Args:
            views: its cameras and which of them see the same ground.
            step_s: from one instant to the next, at most.
            passages: what is known of ways between cameras that do not.
            gaps, fusion: see there.
        """
        self._gaps = gaps or GapSettings()
        self._fuser = Fuser(views, (fusion or FusionSettings()).at(step_s))
        self._joiner = GapJoiner(_areas(views), passages, self._gaps)
        self._held: deque[_Held] = deque()
        self._segments: dict[int, Segment] = {}
        self._parts: dict[int, int] = {}
        self._next = 1
        self._owner: dict[tuple[int, int], tuple[int, float]] = {}
        self._watch = Watch(self._joiner.looks)
        self._hold_s = self._gaps.decide_s + SETTLE_S

    @property
    def delay_s(self) -> float:
        """How much later it is told who somebody is."""
        return self._hold_s

    def update(
        self,
        tick: int,
        time_s: float,
        sightings: Sightings,
        available: Bools | None = None,
        looks: Mapping[int, Floats] | None = None,
    ) -> list[Tracked]:
        """Take an instant; those that are settled by now, in order.

        Args:
            tick, time_s: not before the last ones.
            sightings: of all cameras.
            available: see Fuser.update.
            looks: embeddings of some sightings, by row: (d,) each.
        """
        fused = self._fuser.update(time_s, sightings, available)
        where = {person: row for row, person in enumerate(fused.person.tolist())}
        ground, sigma = sightings.points.copy(), np.sqrt(np.trace(sightings.covariance, axis1=1, axis2=2) / 2)
        segment = np.full(len(sightings), NOBODY)
        for row, number in enumerate(fused.sighting.tolist()):
            if number > 0:
                segment[row] = self._part(number)
                if number in where:
                    ground[row], sigma[row] = fused.ground[where[number]], fused.sigma[where[number]]
        held = _Held(tick, time_s, segment, sightings.camera, sightings.track, ground, sigma)
        self._held.append(held)
        self._see(held)
        if looks:
            self._look(held, looks)
        for lost, doubt in self._watch.lost(time_s, self._segments):
            self._cut(time_s, lost, doubt)
        self._joiner.decide(time_s, list(self._segments.values()))
        settled = []
        while self._held and self._held[0].time_s <= time_s - self._hold_s:
            settled.append(self._settle(self._held.popleft()))
        self._forget(time_s)
        return settled

    def finish(self) -> list[Tracked]:
        """What is left, when nothing more comes."""
        if self._held:
            self._joiner.decide(self._held[-1].time_s, list(self._segments.values()), all_of_them=True)
        settled = [self._settle(held) for held in self._held]
        self._held.clear()
        return settled

    def _part(self, number: int) -> int:
        """The segment that somebody who is followed on the ground is now; another one after each cut."""
        if number not in self._parts:
            self._parts[number], self._next = self._next, self._next + 1
        return self._parts[number]

    def _see(self, held: _Held, only: int | None = None) -> None:
        """Move segments on by an instant; all of them, or only one."""
        rows_of: dict[int, list[int]] = {}
        for row, number in enumerate(held.segment.tolist()):
            if number > 0 and only in (None, number):
                rows_of.setdefault(number, []).append(row)
        for number, rows in rows_of.items():
            cameras = tuple(dict.fromkeys(held.camera[rows].tolist()))
            keys = zip(held.camera[rows].tolist(), held.track[rows].tolist(), strict=True)
            tracks = [key for key in keys if key[1] >= 0]
            at = held.ground[rows[0]]
            segment = self._segments.get(number)
            if segment is None:
                begin_s = held.time_s
                segment = Segment(number, begin_s, begin_s, cameras, at.copy(), first_tracks=set(tracks))
                self._segments[number] = segment
            segment.see(held.time_s, cameras, tracks, at, float(held.sigma[rows[0]]))
            for key in tracks:
                self._owner[key] = (number, held.time_s)

    def _look(self, held: _Held, looks: Mapping[int, Floats]) -> None:
        """Keep embeddings, and cut who turns out to be two."""
        now: dict[int, list[View]] = {}
        for row, given in looks.items():
            look, number = of_length_one(given), int(held.segment[row])
            if look is not None and number in self._segments:
                now.setdefault(number, []).append((int(held.camera[row]), look))
        for segment, doubt in self._watch.look(held.time_s, self._segments, now):
            self._cut(held.time_s, segment, doubt)

    def _cut(self, time_s: float, old: Segment, doubt: Doubt) -> None:
        """What a segment is since its looks no longer agree is another one."""
        number, self._next = self._next, self._next + 1
        doubt.cut(old)
        self._parts = {key: number if part == old.number else part for key, part in self._parts.items()}
        for held in self._held:
            if held.time_s >= doubt.since_s:
                held.segment[held.segment == old.number] = number
                self._see(held, number)
        new = self._segments[number]
        new.cut_s, new.cut_from, new.until_then = time_s, old.number, old.person
        for views in doubt.since:
            keep_looks(new, views)

    def _settle(self, held: _Held) -> Tracked:
        person = np.full(len(held.segment), NOBODY)
        for row, number in enumerate(held.segment.tolist()):
            if number < 0 and held.track[row] >= 0:
                # What a track was before it counted, it was then already.
                number, _ = self._owner.get((int(held.camera[row]), int(held.track[row])), (NOBODY, 0.0))
            segment = self._segments.get(number)
            if segment is not None and segment.known != UNDECIDED:
                person[row] = segment.known
        return Tracked(held.tick, held.time_s, person, held.ground, held.sigma)

    def _forget(self, time_s: float) -> None:
        limit = time_s - max(self._gaps.longest_s, self._hold_s) - SETTLE_S
        over = [number for number, s in self._segments.items() if s.end_s < limit]
        for number in over:
            del self._segments[number]
        if over:
            self._owner = {key: entry for key, entry in self._owner.items() if entry[1] >= limit}
            self._watch.keep(self._segments.keys())
            self._parts = {key: part for key, part in self._parts.items() if part in self._segments}


def _areas(views: Views) -> list[float]:
    """Ground that each camera sees, square metres; NaN where that is not known."""
    areas = []
    for camera in range(len(views.cameras)):
        x, y = views.of(camera).T
        area = abs(float(x @ np.roll(y, 1) - y @ np.roll(x, 1))) / 2 if len(x) >= 3 else math.nan
        areas.append(area)
    return areas
