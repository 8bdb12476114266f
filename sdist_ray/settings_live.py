"""The settings of live networks."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sdist_ray.errors import InputError
from sdist_ray.settings_detector import require


@dataclass
class LiveSettings:
    """A network without an end; see coordinator.live and video.replicas.

    ``name`` is what other commands call it by. It ends after ``duration_s``; None: when it is interrupted. A
    range is open for ``lateness_s`` after its end. Frames older than ``patience_s`` are dropped undecoded.
    The topology is published every ``publish_s``. Files play as if live, ``replicas`` of each, ``offset_s``
    apart (None: spread over the file, 0: in step), from ``start_in_s`` after the start on; ``transcode``
    turns them into JPEG images of ``width`` pixels first, in memory. ``recording`` names a file for all
    occupancy, which grows for as long as the network runs; None: there is none.
    """

    name: str = "default"
    duration_s: float | None = None
    lateness_s: float = 5.0
    patience_s: float = 3.5
    publish_s: float = 30.0
    open_timeout_s: float = 5.0
    read_timeout_s: float = 5.0
    start_in_s: float = 3.0
    replicas: int = 1
    offset_s: float | None = None
    loop: bool = True
    transcode: bool = False
    width: int = 320
    recording: str | None = None

    def check(self) -> None:
        """Raise InputError where a value is out of its range."""
        named = re.fullmatch(r"[\w.-]{1,60}", self.name) is not None
        require("live.name", self.name, named, "1 to 60 letters, digits, dots, dashes and underscores")
        if self.duration_s is not None:
            require("live.duration_s", self.duration_s, 0 < self.duration_s < 1e9, "above 0 s, or null")
        if self.offset_s is not None:
            require("live.offset_s", self.offset_s, 0 <= self.offset_s < 1e9, "0 or more s, or null")
        for name, least, most in (
            ("lateness_s", 0.0, 600.0),
            ("patience_s", 0.1, 600.0),
            ("publish_s", 1.0, 1e9),
            ("open_timeout_s", 0.1, 600.0),
            ("read_timeout_s", 0.1, 600.0),
            ("start_in_s", 0.0, 3600.0),
        ):
            value = getattr(self, name)
            require(f"live.{name}", value, least <= value <= most, f"{least:g} to {most:g} s")
        require("live.replicas", self.replicas, 1 <= self.replicas <= 10_000, "1 to 10000")
        require("live.width", self.width, 16 <= self.width <= 8192, "16 to 8192 pixels")
        if self.recording is not None and ("/" in self.recording or not self.recording.strip(".")):
            raise InputError(f"live.recording={self.recording!r} must be a name within the output folder")
