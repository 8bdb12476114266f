"""The settings of what is simulated: one schema for each, chosen by site=halls or site=city."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sdist_ray.errors import InputError
from sdist_ray.occupancy.grid import Grid
from sdist_ray.settings_detector import require
from sdist_ray.simulation.city import CitySpec
from sdist_ray.simulation.site import SiteSpec


@dataclass
class SimulatedSettings:
    """What all simulated sites' settings have."""

    def check(self, fps: float, grid: Grid) -> None:
        """Raise InputError where a value is out of its range."""
        raise InputError(f"site must be {' or '.join(SITES)}")


@dataclass
class SiteSettings(SimulatedSettings):
    """A simulated site; see simulation.site.SiteSpec."""

    cameras: int = 12
    people: int = 12
    minutes: float = 6.0
    width_m: float | None = None
    depth_m: float | None = None
    image_width: int = 320
    image_height: int = 240
    miss_probability: float = 0.1
    foot_noise_px: float = 1.0
    seed: int = 1

    def check(self, fps: float, grid: Grid) -> None:
        """See SimulatedSettings."""
        self.spec(fps)

    def spec(self, fps: float) -> SiteSpec:
        """The site; its video has the network's frame rate."""
        return SiteSpec(fps=fps, **vars(self))


@dataclass
class CitySettings(SimulatedSettings):
    """A simulated city; see simulation.city.CitySpec.

    ``wrong_groups`` is the share of cameras that groups.csv has in another camera's group.
    """

    cameras: int = 480
    people_per_camera: float = 0.5
    minutes: float = 60.0
    start_h: float = 9.0
    cameras_per_building: float = 12.0
    miss_probability: float = 0.1
    miss_s: float = 1.0
    false_per_hour: float = 20.0
    stuck_share: float = 0.03
    offline_share: float = 0.01
    skew_s: float = 0.2
    moved_share: float = 0.02
    cell_m: float = 0.5
    wrong_groups: float = 0.0
    seed: int = 1

    def check(self, fps: float, grid: Grid) -> None:
        """See SimulatedSettings."""
        self.spec(grid)
        require("wrong_groups", self.wrong_groups, 0 <= self.wrong_groups <= 1, "0 to 1")

    def spec(self, grid: Grid) -> CitySpec:
        """The city; cameras have the network's grid."""
        own = {name: value for name, value in vars(self).items() if name != "wrong_groups"}
        return CitySpec(grid=grid, **own)


SITES: dict[str, Any] = {"halls": SiteSettings, "city": CitySettings}
