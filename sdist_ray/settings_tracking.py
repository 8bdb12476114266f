"""The settings of sdist-ray track and sdist-ray follow."""

from __future__ import annotations

from dataclasses import dataclass, field

from sdist_ray.errors import InputError
from sdist_ray.settings_detector import require
from sdist_ray.settings_distancing import DistancingJob
from sdist_ray.tracking.gaps import GapSettings


@dataclass
class TrackingSettings:
    """How tracks are joined across cameras.

    ``longest_s`` is how long somebody may be out of all views and still be the same; ``decide_s`` how long
    after somebody appeared it is told who they are; ``least`` the evidence that it takes, in nats.
    ``appearance`` is a model that tells people apart by their looks: an ONNX file, or ``module:function``;
    each track is looked at every ``look_s``.
    """

    longest_s: float = 60.0
    decide_s: float = GapSettings.decide_s
    least: float = GapSettings.least
    appearance: str | None = None
    look_s: float = 1.0

    def gaps(self) -> GapSettings:
        """As tracking takes them, checked."""
        require("tracking.longest_s", self.longest_s, 1 <= self.longest_s <= 3600, "1 to 3600 s")
        require("tracking.decide_s", self.decide_s, 0.5 <= self.decide_s <= 60, "0.5 to 60 s")
        require("tracking.least", self.least, -100 <= self.least <= 100, "-100 to 100 nats")
        require("tracking.look_s", self.look_s, 0.05 <= self.look_s <= 60, "0.05 to 60 s")
        return GapSettings(longest_s=self.longest_s, decide_s=self.decide_s, least=self.least)


@dataclass
class TrackJob(DistancingJob):
    """sdist-ray track: who is who in a whole network.

    ``run`` is the folder of a distancing run; None: one is made first, in the output's folder ``cameras``.
    ``topology`` is the folder of a topology run: where people walk between cameras, and learnt homographies.
    """

    run: str | None = None
    topology: str | None = None
    tracking: TrackingSettings = field(default_factory=TrackingSettings)
    mot: bool = True

    def check(self) -> None:
        """Raise InputError where a value is out of its range."""
        self.tracking.gaps()
        if self.run is None:
            super().check()


@dataclass
class FollowJob:
    """sdist-ray follow: a video of one person.

    ``run`` is the folder of a tracking run. The target is ``person``, or whoever is in ``camera`` at
    ``time_s`` at the pixel ``at``; with neither, whoever is seen in most cameras, and longest. ``switch``
    is what another camera must be better by, for one second of showing it, before it is shown, and
    ``shortest_s`` the time that no picture is shorter than.
    """

    run: str | None = None
    person: int | None = None
    camera: str | None = None
    time_s: float | None = None
    at: list[float] | None = None
    cameras: str | None = None
    topology: str | None = None
    output: str | None = None
    from_s: float | None = None
    until_s: float | None = None
    height: int = 720
    switch: float = 0.6
    shortest_s: float = 1.5
    ahead_s: float = 2.0
    lost_s: float = 10.0

    def check(self) -> None:
        """Raise InputError where a value is out of its range."""
        if not self.run:
            raise InputError("follow needs a tracking run's folder: sdist-ray follow RUN")
        by_place = (self.camera, self.time_s, self.at)
        if any(value is not None for value in by_place):
            if self.person is not None:
                raise InputError("follow takes person=N, or camera, time_s and at, but not both")
            if None in by_place:
                raise InputError("follow needs all of camera=ID, time_s=SECONDS and at=[x,y]")
        if self.at is not None and len(self.at) != 2:
            raise InputError(f"at is a pixel, [x,y], not {self.at}")
        require("height", self.height, 240 <= self.height <= 2160, "240 to 2160 pixels")
        require("switch", self.switch, 0 <= self.switch <= 100, "0 to 100")
        require("shortest_s", self.shortest_s, 0 <= self.shortest_s <= 60, "0 to 60 s")
        require("ahead_s", self.ahead_s, 0 <= self.ahead_s <= 60, "0 to 60 s")
        require("lost_s", self.lost_s, 0 <= self.lost_s <= 3600, "0 to 3600 s")
