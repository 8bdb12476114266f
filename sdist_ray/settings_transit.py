"""The settings of transits: who walks between cameras that do not overlap."""

from __future__ import annotations

from dataclasses import dataclass

from sdist_ray.settings_detector import require
from sdist_ray.topology.transit.spec import TransitSpec


@dataclass
class TransitSettings:
    """See topology.transit.spec.TransitSpec.

    ``enabled`` is whether transits are looked for at all; networks of more than ``most_cameras`` go without.
    """

    enabled: bool = True
    longest_s: float = 60.0
    false_share: float = 0.05
    least: float = 5.0
    events: int = 2000
    most_cameras: int = 2000

    def check(self) -> None:
        """Raise InputError where a value is out of its range."""
        require("topology.transit.longest_s", self.longest_s, 2 <= self.longest_s <= 3600, "2 to 3600 s")
        share = self.false_share
        require("topology.transit.false_share", share, 0 < share < 1, "between 0 and 1")
        require("topology.transit.least", self.least, 1 <= self.least <= 1e9, "1 or more")
        require("topology.transit.events", self.events, 10 <= self.events <= 1_000_000, "10 to 1000000")
        most = self.most_cameras
        require("topology.transit.most_cameras", most, 0 <= most <= 20_000, "0 to 20000")

    def spec(self, scan_cameras: int = 1_000_000) -> TransitSpec:
        """What the learner is given."""
        return TransitSpec(
            longest_s=self.longest_s,
            false_share=self.false_share,
            least=self.least,
            events=self.events,
            scan_cameras=scan_cameras,
        )
