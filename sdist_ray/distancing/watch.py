"""One camera, watched: detections in, scenes, violations and groups out."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from sdist_ray.distancing.ground import Ground
from sdist_ray.distancing.groups import Group, GroupFinder, GroupSettings
from sdist_ray.distancing.scene import Floats, Scene
from sdist_ray.distancing.tracks import Tracker, TrackSettings
from sdist_ray.distancing.violations import Period, Violation, ViolationFinder, ViolationSettings


@dataclass(frozen=True)
class WatchSettings:
    """Of one camera's watch.

    Attributes:
        limit_m: the distance to keep, metres.
        limit_px: the same in pixels, for a camera whose ground is the image.
        tracks, groups: of the tracker and the group finder; no groups are looked for where that is None.
        least_s, gap_s, long_s, serious_s: see ViolationSettings.
    """

    limit_m: float = 2.0
    limit_px: float | None = None
    tracks: TrackSettings = field(default_factory=TrackSettings)
    groups: GroupSettings | None = field(default_factory=GroupSettings)
    least_s: float = 1.0
    gap_s: float = 1.0
    long_s: float = 5.0
    serious_s: float = 15.0

    def at(self, step_s: float) -> WatchSettings:
        """The same where frames are so far apart: nobody is lost, no meeting over, from one to the next."""
        least = 1.5 * step_s
        tracks = replace(
            self.tracks, coast_s=max(self.tracks.coast_s, least), forget_s=max(self.tracks.forget_s, least)
        )
        return replace(self, tracks=tracks, gap_s=max(self.gap_s, least))

    def limit(self, unit: str, image_size: tuple[int, int]) -> float:
        """The distance to keep in a ground's unit.

        For pixels that nobody chose, the report's: 400 of them in an image of 720 rows.
        """
        if unit == "m":
            return self.limit_m
        return self.limit_px or 400 / 720 * image_size[1]


class Watch:
    """One camera's tracker, group finder and violation finder."""

    def __init__(
        self, ground: Ground, settings: WatchSettings, image_size: tuple[int, int], still: bool = False
    ) -> None:
        """For a ground.

        Args:
            ground: where boxes stand.
            settings: what to look for.
            image_size: (width, height), pixels.
            still: the camera's only frame is one picture: everybody in it counts at once.
        """
        self.ground = ground
        self.limit = settings.limit(ground.unit, image_size)
        self._metre = self.limit / settings.limit_m
        tracks = replace(settings.tracks, confirm_hits=1) if still else settings.tracks
        self._tracker = Tracker(tracks, image_size, self._metre)
        self._groups = None if settings.groups is None else GroupFinder(settings.groups)
        self._settings = ViolationSettings(
            self.limit,
            0.0 if still else settings.least_s,
            settings.gap_s,
            settings.long_s,
            settings.serious_s,
        )
        self._violations = ViolationFinder(self._settings)

    def look(self, time_s: float, boxes: Floats, scores: Floats) -> Scene:
        """Take one frame's detections.

        Args:
            time_s: when it was captured, not before the last one.
            boxes: float64 (n, 4), pixels.
            scores: float64 (n,).
        """
        people = self._tracker.update(time_s, boxes, scores, self.ground.locate(boxes))
        if self._groups is not None:
            group = self._groups.update(time_s, people.track, people.ground / self._metre)
            people = replace(people, group=group)
        near, distance = self._violations.update(time_s, people)
        return Scene(time_s, people, near, distance)

    def violations(self, before_s: float = math.inf) -> list[Violation]:
        """Those that ended before a time, each given once."""
        return self._violations.take(self._excused, before_s)

    def severity(self, violation: Violation) -> str:
        """See ViolationSettings."""
        return self._settings.severity(violation.duration_s)

    def groups(self) -> list[Group]:
        """All groups so far."""
        return [] if self._groups is None else self._groups.records

    def _excused(self, a: int, b: int) -> list[Period]:
        if self._groups is None:
            return []
        return [(verdict.since_s, verdict.until_s) for verdict in self._groups.verdicts(a, b)]
