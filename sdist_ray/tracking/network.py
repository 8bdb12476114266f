"""Everybody in a network, followed: one number for one person, in all cameras and across gaps.

First who is who at once, on the ground that several cameras see (distancing.fusion); then who is seen again
after nobody saw them (gaps). Memory is bounded by the people of the last minute, and who somebody is, is told
a few seconds after they were seen.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from sdist_ray.distancing.fusion import Fuser, FusionSettings, Sightings
from sdist_ray.distancing.fusion_views import Views
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
AGAIN_S = 2.0
"""Two looks at one person by one camera are as if at different times when they are so far apart."""
FORGET_LOOK = 0.8


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


@dataclass
class _Look:
    time_s: float
    look: Floats = field(repr=False)


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
        self._owner: dict[tuple[int, int], tuple[int, float]] = {}
        self._looked: dict[tuple[int, int], _Look] = {}
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
        rows_of: dict[int, list[int]] = {}
        for row, number in enumerate(fused.sighting.tolist()):
            if number > 0:
                rows_of.setdefault(number, []).append(row)
                if number in where:
                    ground[row], sigma[row] = fused.ground[where[number]], fused.sigma[where[number]]
        for number, rows in rows_of.items():
            self._see(time_s, number, rows, sightings, ground, sigma)
        if looks:
            self._look(time_s, fused.sighting, sightings.camera, looks)
        self._joiner.decide(time_s, list(self._segments.values()))
        self._held.append(
            _Held(tick, time_s, fused.sighting, sightings.camera, sightings.track, ground, sigma)
        )
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

    def _see(
        self, time_s: float, number: int, rows: list[int], sightings: Sightings, ground: Floats, sigma: Floats
    ) -> None:
        cameras = tuple(dict.fromkeys(sightings.camera[rows].tolist()))
        keys = zip(sightings.camera[rows].tolist(), sightings.track[rows].tolist(), strict=True)
        tracks = [key for key in keys if key[1] >= 0]
        at = ground[rows[0]]
        segment = self._segments.get(number)
        if segment is None:
            segment = Segment(number, time_s, time_s, cameras, at.copy(), first_tracks=set(tracks))
            self._segments[number] = segment
        segment.see(time_s, cameras, tracks, at, float(sigma[rows[0]]))
        for key in tracks:
            self._owner[key] = (number, time_s)

    def _look(self, time_s: float, segment: Ints, camera: Ints, looks: Mapping[int, Floats]) -> None:
        """Keep embeddings, and learn what their similarities are worth."""
        now: dict[int, list[tuple[int, Floats]]] = {}
        worth = self._joiner.looks
        for row, given in looks.items():
            look, number, here = of_length_one(given), int(segment[row]), int(camera[row])
            if look is None or number not in self._segments:
                continue
            for there, other in now.get(number, []):
                if there != here:
                    worth.same_across.add(float(look @ other))
            key = (number, here)
            before = self._looked.get(key)
            if before is None or time_s - before.time_s >= AGAIN_S:
                if before is not None:
                    worth.same_again.add(float(look @ before.look))
                self._looked[key] = _Look(time_s, look)
            kept = self._segments[number].looks
            kept[here] = kept[here] * FORGET_LOOK + look if here in kept else look
            now.setdefault(number, []).append((here, look))
        # Of many people only neighbours in the list: pairs would be many, and tell the same.
        numbers = list(now)
        for one, two in itertools.pairwise(numbers):
            worth.different.add(float(now[one][0][1] @ now[two][0][1]))

    def _settle(self, held: _Held) -> Tracked:
        person = np.full(len(held.segment), NOBODY)
        for row, number in enumerate(held.segment.tolist()):
            if number < 0 and held.track[row] >= 0:
                # What a track was before it counted, it was then already.
                number, _ = self._owner.get((int(held.camera[row]), int(held.track[row])), (NOBODY, 0.0))
            segment = self._segments.get(number)
            if segment is not None and segment.person != UNDECIDED:
                person[row] = segment.person
        return Tracked(held.tick, held.time_s, person, held.ground, held.sigma)

    def _forget(self, time_s: float) -> None:
        limit = time_s - max(self._gaps.longest_s, self._hold_s) - SETTLE_S
        over = [number for number, s in self._segments.items() if s.end_s < limit]
        for number in over:
            del self._segments[number]
        if over:
            self._owner = {key: entry for key, entry in self._owner.items() if entry[1] >= limit}
            self._looked = {key: look for key, look in self._looked.items() if key[0] in self._segments}


def _areas(views: Views) -> list[float]:
    """Ground that each camera sees, square metres; NaN where that is not known."""
    areas = []
    for camera in range(len(views.cameras)):
        x, y = views.of(camera).T
        area = abs(float(x @ np.roll(y, 1) - y @ np.roll(x, 1))) / 2 if len(x) >= 3 else math.nan
        areas.append(area)
    return areas
