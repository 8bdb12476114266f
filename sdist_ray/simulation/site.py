"""A simulated site: its cameras, its people, and what an ideal detector would report of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sdist_ray.cameras.pinhole import Pinhole
from sdist_ray.errors import InputError
from sdist_ray.simulation.layout import Layout, make_layout, mount_cameras, size_for
from sdist_ray.simulation.people import Walk, walk_people

__all__ = ["Observation", "Site", "SiteSpec", "Walk", "in_reach", "make_site", "observe", "walk"]

SMALLEST_SITE_M = 6.0
MOST_STEPS = 100_000_000
"""Ticks of all people, or of all cameras: what somebody does in all of them is in memory at once."""


@dataclass(frozen=True)
class SiteSpec:
    """What to simulate.

    Attributes:
        cameras: number of cameras.
        people: number of people who come and go.
        minutes: how long.
        fps: ticks (and video frames) in a second.
        width_m: the site's size along x; None for a size that suits the number of cameras.
        depth_m: the site's size along y; None likewise.
        image_width: pixels, even.
        image_height: pixels, even.
        miss_probability: how often ``observe`` misses somebody who is in view.
        foot_noise_px: standard deviation of ``observe``'s foot points.
        seed: everything follows from it.

    Raises:
        InputError: a number out of its range.
    """

    cameras: int = 12
    people: int = 60
    minutes: float = 2.5
    fps: float = 10.0
    width_m: float | None = None
    depth_m: float | None = None
    image_width: int = 320
    image_height: int = 240
    miss_probability: float = 0.05
    foot_noise_px: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("cameras", 1), ("people", 0), ("seed", 0)):
            _require(name, getattr(self, name), getattr(self, name) >= least, f"{least} or more")
        for name in ("minutes", "fps"):
            value = getattr(self, name)
            _require(name, value, 0 < value < math.inf, "a positive number")
        steps = self.minutes * 60 * self.fps * max(self.people, self.cameras)
        _require(
            "minutes", self.minutes, steps <= MOST_STEPS, f"fewer, {MOST_STEPS} ticks of all people at most"
        )
        for name in ("width_m", "depth_m"):
            value = getattr(self, name)
            fits = value is None or SMALLEST_SITE_M <= value < math.inf
            _require(name, value, fits, f"{SMALLEST_SITE_M:g} metres or more, or not given")
        for name in ("image_width", "image_height"):
            value = getattr(self, name)
            fits = 32 <= value <= 4096 and value % 2 == 0
            _require(name, value, fits, "an even number of pixels from 32 to 4096")
        chance = self.miss_probability
        _require("miss_probability", chance, 0 <= chance <= 1, "between 0 and 1")
        noise = self.foot_noise_px
        _require("foot_noise_px", noise, 0 <= noise < math.inf, "0 or more pixels")

    @property
    def ticks(self) -> int:
        """Number of ticks; at least one."""
        return max(1, round(self.minutes * 60 * self.fps))


@dataclass(frozen=True)
class Site:
    """A site and its calibrated cameras.

    Attributes:
        spec: what it was made from.
        layout: its ground plan.
        camera_ids: "cam00", "cam01", ...
        cameras: one calibration per camera, in the order of ``camera_ids``.
    """

    spec: SiteSpec
    layout: Layout
    camera_ids: tuple[str, ...]
    cameras: tuple[Pinhole, ...]


@dataclass(frozen=True)
class Observation:
    """What one camera's detector reports, flat, ordered by tick and then by person.

    Attributes:
        tick: int64 (n,), from 0.
        foot_x: float32 (n,), fractions of the image's width, within [0, 1].
        foot_y: float32 (n,), fractions of its height, within [0, 1].
        person: int64 (n,), index of the person in the walk.
    """

    tick: npt.NDArray[np.int64]
    foot_x: npt.NDArray[np.float32]
    foot_y: npt.NDArray[np.float32]
    person: npt.NDArray[np.int64]


def make_site(spec: SiteSpec) -> Site:
    """Lay out a site and hang its cameras."""
    rng = np.random.Generator(np.random.PCG64([spec.seed, 0]))
    width, depth = size_for(spec.cameras)
    layout = make_layout(spec.cameras, spec.width_m or width, spec.depth_m or depth, rng)
    size = (spec.image_width, spec.image_height)
    mounts = mount_cameras(layout, spec.cameras, size[1] / size[0], rng)
    cameras = tuple(
        Pinhole.looking_at(mount.position_m, mount.target_m, size, mount.horizontal_view_deg)
        for mount in mounts
    )
    digits = max(2, len(str(spec.cameras - 1)))
    ids = tuple(f"cam{index:0{digits}d}" for index in range(spec.cameras))
    return Site(spec, layout, ids, cameras)


def walk(site: Site) -> Walk:
    """Let the site's people walk; see Walk. Depends on nothing but the site's spec."""
    spec = site.spec
    return walk_people(site.layout, spec.people, spec.ticks, spec.fps, spec.seed)


def in_reach(camera: Pinhole, positions: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Which ground points a camera could see at all; spares projecting a whole site.

    Args:
        camera: a camera.
        positions: (..., 2) metres; NaN for nowhere, which is out of reach.

    Returns:
        bool (...): True at least wherever the point is inside the camera's image.
    """
    width, height = camera.image_size
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]], dtype=np.float64)
    ground = camera.to_ground(corners)
    if np.isnan(ground).any():
        reachable: npt.NDArray[np.bool_] = ~np.isnan(positions[..., 0])
        return reachable
    low = (ground.min(axis=0) - 0.01).astype(np.float32)
    high = (ground.max(axis=0) + 0.01).astype(np.float32)
    x, y = positions[..., 0], positions[..., 1]
    inside: npt.NDArray[np.bool_] = (x >= low[0]) & (x <= high[0]) & (y >= low[1]) & (y <= high[1])
    return inside


def observe(site: Site, walk: Walk, camera_index: int) -> Observation:
    """Foot points that an ideal detector would report for one camera.

    Depends on the seed and the camera only, not on which cameras were asked before.

    Args:
        site: the site.
        walk: its people.
        camera_index: index of the camera in the site.

    Returns:
        The people whose foot points, with noise, lie inside the image, less those that are missed.
    """
    spec, camera = site.spec, site.cameras[camera_index]
    rng = np.random.Generator(np.random.PCG64([spec.seed, 3, camera_index]))
    tick, person = np.nonzero(in_reach(camera, walk.positions))
    pixels = camera.to_image(walk.positions[tick, person].astype(np.float64))
    pixels += rng.normal(0.0, 1.0, pixels.shape) * spec.foot_noise_px
    missed = rng.random(len(tick)) < spec.miss_probability
    x, y = (pixels / camera.image_size).astype(np.float32).T
    seen = ~missed & (x >= 0) & (x <= 1) & (y >= 0) & (y <= 1)
    return Observation(tick[seen], x[seen], y[seen], person[seen])


def _require(name: str, value: object, holds: bool, right: str) -> None:
    if not holds:
        raise InputError(f"site: {name} is {value}, but must be {right}")
