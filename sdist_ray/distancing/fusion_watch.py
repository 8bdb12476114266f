"""A whole network, watched: what its cameras report in; scenes, violations and groups of its people out."""

from __future__ import annotations

import math

import numpy as np

from sdist_ray.distancing.fusion import Fused, Fuser, FusionSettings, Sightings
from sdist_ray.distancing.fusion_kernels import Bools
from sdist_ray.distancing.fusion_views import Views
from sdist_ray.distancing.groups import Group, GroupFinder
from sdist_ray.distancing.scene import NO_GROUP, Floats, People, Scene
from sdist_ray.distancing.violations import Period, Violation, ViolationFinder, ViolationSettings
from sdist_ray.distancing.watch import WatchSettings


class NetworkWatch:
    """The fuser, group finder and violation finder of cameras on one ground, in metres."""

    def __init__(self, views: Views, settings: WatchSettings, step_s: float, still: bool = False) -> None:
        """For a network.

        Args:
            views: its cameras.
            settings: what to look for, in metres.
            step_s: from one instant to the next, at most.
            still: there is only one instant: everybody in it counts at once.
        """
        tracks = settings.tracks
        fusion = FusionSettings(
            acceleration=tracks.acceleration, speed=tracks.speed, coast_s=tracks.coast_s,
            forget_s=tracks.forget_s,
        )  # fmt: skip
        self.views, self._gap_s = views, settings.gap_s
        self._fuser = Fuser(views, fusion.at(step_s))
        self._groups = None if settings.groups is None else GroupFinder(settings.groups)
        self._settings = ViolationSettings(
            settings.limit_m, 0.0 if still else settings.least_s, settings.gap_s, settings.long_s,
            settings.serious_s,
        )  # fmt: skip
        self._violations = ViolationFinder(self._settings)
        self._seen: dict[int, dict[int, list[list[float]]]] = {}

    def look(
        self, time_s: float, sightings: Sightings, available: Bools | None = None
    ) -> tuple[Scene, Fused]:
        """Take one instant; see Fuser.update. People have no boxes; the score of whom nobody sees is NaN."""
        fused = self._fuser.update(time_s, sightings, available)
        count = len(fused.person)
        group = np.full(count, NO_GROUP, dtype=np.int64)
        if self._groups is not None:
            group = self._groups.update(time_s, fused.person, fused.ground)
        people = People(
            fused.person, np.full((count, 4), np.nan), np.where(fused.seen, 1.0, np.nan), fused.ground,
            fused.sigma, group,
        )  # fmt: skip
        self._note(time_s, fused, sightings)
        near, distance = self._violations.update(time_s, people)
        return Scene(time_s, people, near, distance), fused

    def violations(self, before_s: float = math.inf) -> list[tuple[Violation, list[str]]]:
        """Those that ended before a time, each given once, with all cameras that saw either of the two."""
        found = [(v, self._cameras(v)) for v in self._violations.take(self._excused, before_s)]
        if math.isfinite(before_s):
            for person in list(self._seen):
                spans = [span for of in self._seen[person].values() for span in of]
                if max(last for _, last in spans) < before_s:
                    del self._seen[person]
        return found

    def severity(self, violation: Violation) -> str:
        """See ViolationSettings."""
        return self._settings.severity(violation.duration_s)

    def groups(self) -> list[Group]:
        """All groups so far."""
        return [] if self._groups is None else self._groups.records

    @property
    def found(self) -> Floats:
        """See Fuser."""
        return self._fuser.found

    @property
    def offset(self) -> Floats:
        """See Fuser."""
        return self._fuser.offset

    def _note(self, time_s: float, fused: Fused, sightings: Sightings) -> None:
        """Who saw whom from when to when."""
        for person, camera in zip(fused.sighting.tolist(), sightings.camera.tolist(), strict=True):
            if person < 0:
                continue
            spans = self._seen.setdefault(person, {}).setdefault(camera, [])
            if spans and time_s - spans[-1][1] <= self._gap_s:
                spans[-1][1] = time_s
            else:
                spans.append([time_s, time_s])

    def _cameras(self, violation: Violation) -> list[str]:
        cameras = {
            camera
            for person in (violation.person_a, violation.person_b)
            for camera, spans in self._seen.get(person, {}).items()
            if any(first <= violation.end_s and last >= violation.start_s for first, last in spans)
        }
        return [self.views.cameras[camera] for camera in sorted(cameras)]

    def _excused(self, a: int, b: int) -> list[Period]:
        if self._groups is None:
            return []
        return [(verdict.since_s, verdict.until_s) for verdict in self._groups.verdicts(a, b)]
