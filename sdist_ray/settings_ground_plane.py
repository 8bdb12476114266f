"""The settings of learning one ground plane for all cameras."""

from __future__ import annotations

from dataclasses import dataclass

from sdist_ray.settings_detector import require
from sdist_ray.topology.ground_plane.plane import LearnSettings


@dataclass
class GroundPlaneSettings:
    """Whether and how homographies between cameras are learnt from foot points; see docs/ground_plane.md.

    ``partners`` is how many cameras each camera is searched with, ``rate`` the share of pairs accepted by
    search that may be there by chance, ``minutes`` how much of the footage is used, the newest, ``clock_s``
    how late a camera's clock may be, 0 where all are right. While a live network runs, what is new is looked
    at every ``every_s`` seconds.
    """

    enabled: bool = False
    partners: int = 16
    rate: float = 0.005
    minutes: float = 30.0
    clock_s: float = 2.0
    every_s: float = 60.0
    seed: int = 0

    def check(self) -> None:
        """Raise InputError where a value is out of its range."""
        name = "topology.ground_plane"
        require(f"{name}.partners", self.partners, 1 <= self.partners <= 10_000, "1 to 10000 cameras")
        require(f"{name}.rate", self.rate, 0 < self.rate < 1, "above 0, below 1")
        require(f"{name}.minutes", self.minutes, 0 < self.minutes <= 1e6, "above 0")
        require(f"{name}.clock_s", self.clock_s, 0 <= self.clock_s <= 10, "0 to 10 s")
        require(f"{name}.every_s", self.every_s, 1 <= self.every_s <= 1e6, "1 s or more")
        require(f"{name}.seed", self.seed, 0 <= self.seed < 1 << 31, "0 or more")

    def learn_settings(self) -> LearnSettings:
        """As the algorithm takes them."""
        return LearnSettings(partners=self.partners, rate=self.rate, seed=self.seed, clock_s=self.clock_s)
