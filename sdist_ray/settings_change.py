"""The settings of changes: cameras that begin and cease to see the same ground."""

from __future__ import annotations

from dataclasses import dataclass

from sdist_ray.settings_detector import require
from sdist_ray.topology.change import ChangeSpec


@dataclass
class ChangeSettings:
    """See topology.change.ChangeSpec. ``enabled`` is whether changes are looked for at all."""

    enabled: bool = False
    recent_s: float = 600.0
    period_s: float = 120.0
    evidence: float = 15.0
    settle_s: float = 1200.0

    def check(self) -> None:
        """Raise InputError where a value is out of its range."""
        for name, least, most in (
            ("recent_s", 10.0, 1e6),
            ("period_s", 1.0, 1e6),
            ("evidence", 1.0, 1000.0),
            ("settle_s", 0.0, 1e9),
        ):
            value = getattr(self, name)
            require(f"topology.change.{name}", value, least <= value <= most, f"{least:g} to {most:g}")

    def spec(self, tolerance: int, threshold: float, least_links: int) -> ChangeSpec:
        """What the monitor is given; links are proposed as the topology's own are."""
        return ChangeSpec(
            tolerance=tolerance,
            threshold=threshold,
            least_links=least_links,
            recent_s=self.recent_s,
            period_s=self.period_s,
            evidence=self.evidence,
            settle_s=self.settle_s,
        )
