"""The settings of commands that put a topology to use: handover and advise."""

from __future__ import annotations

from dataclasses import dataclass

from sdist_ray.errors import InputError
from sdist_ray.settings_detector import require


@dataclass
class HandoverJob:
    """sdist-ray handover: where a target that left is seen next.

    Attributes:
        run: the folder of a topology run.
        camera: that saw the target last; None: all cameras, each as a whole.
        window: in which it was seen last; None: not known.
        after_s: seconds since then in which no camera has seen it.
        within_s: seconds from then on that probabilities are of; None: any time.
        most: cameras that are listed, for each camera that was left.
        cameras: cameras.yaml with calibrations onto one ground; needed for ``foot``.
        foot: where it stood when it was seen last, x and y as fractions of the image; None: not known.
        before: where it stood a second before that.
        json: print JSON rather than a table.
    """

    run: str | None = None
    camera: str | None = None
    window: int | None = None
    after_s: float = 0.0
    within_s: float | None = None
    most: int = 10
    cameras: str | None = None
    foot: list[float] | None = None
    before: list[float] | None = None
    json: bool = False

    def check(self) -> None:
        """Raise InputError where a value is out of its range."""
        if not self.run:
            raise InputError("handover needs run=DIR, the folder of a topology run")
        if self.window is not None and self.camera is None:
            raise InputError("window is one of a camera: name that too, camera=ID")
        require("after_s", self.after_s, 0 <= self.after_s <= 86400, "0 to 86400 s")
        if self.within_s is not None:
            require("within_s", self.within_s, 0 < self.within_s <= 86400, "above 0, to 86400 s, or null")
        require("most", self.most, 1 <= self.most <= 1000, "1 to 1000")
        for name in ("foot", "before"):
            place = getattr(self, name)
            if place is not None:
                inside = len(place) == 2 and all(0 <= part <= 1 for part in place)
                require(name, place, inside, "x and y, each 0 to 1 of the image, as in [0.4,0.9]")
        if (self.foot is None) != (self.before is None):
            raise InputError("foot and before go together: where it stood last, and a second before that")
        if self.foot is not None and (self.camera is None or self.cameras is None):
            raise InputError("foot needs camera=ID, whose image it is in, and cameras=cameras.yaml")


@dataclass
class AdviseJob:
    """sdist-ray advise: where cameras are missing, and which are of little use.

    Attributes:
        run: the folder of a topology run.
        truth: the folder of a simulation: what it knows of ground that nobody sees; None: not known.
        cameras: cameras.yaml with calibrations: the picture is then a map in metres.
        per_hour, mean_people, covered, blind_person_s_per_hour: see topology.placement.Limits.
        square_m: side of the squares that blind ground is told in.
        most: lines of each kind that are printed and drawn; the tables have all.
        output: where the tables and the picture go; None: into the run's folder.
    """

    run: str | None = None
    truth: str | None = None
    cameras: str | None = None
    per_hour: float = 10.0
    mean_people: float = 0.01
    covered: float = 0.95
    blind_person_s_per_hour: float = 60.0
    square_m: float = 6.0
    most: int = 8
    output: str | None = None

    def check(self) -> None:
        """Raise InputError where a value is out of its range."""
        if not self.run:
            raise InputError("advise needs run=DIR, the folder of a topology run")
        for name in ("per_hour", "mean_people", "blind_person_s_per_hour"):
            value = getattr(self, name)
            require(name, value, 0 <= value < 1e9, "0 or more")
        require("covered", self.covered, 0 < self.covered <= 1, "above 0, to 1")
        require("square_m", self.square_m, 1 <= self.square_m <= 1000, "1 to 1000 m")
        require("most", self.most, 1 <= self.most <= 1000, "1 to 1000")
