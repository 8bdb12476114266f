"""The grounds that are compared, made for one camera."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np

from experiments.data import Site
from sdist_ray.cameras.homography import Homography
from sdist_ray.cameras.perspective import TYPICAL_VIEW_DEG, Perspective
from sdist_ray.cameras.pinhole import Pinhole
from sdist_ray.distancing.ground import Ground, PerspectiveGround, PixelGround, PlaneGround

CLICK_PX = 3.0
"""Standard deviation of a careless user's clicks, along each axis."""
ROOM = 40
"""Pixels that a clicked rectangle keeps from the image's border."""
SIDES_M = (3.0, 4.0, 6.0, 8.0, 10.0)


@dataclass(frozen=True)
class Method:
    """A ground, and how its places are laid onto the site's plan.

    Attributes:
        name: of the method, and how it was made.
        ground: as the product has it.
        pose: the camera, where the ground's places are relative to it; None where they are the plan's own.
    """

    name: str
    ground: Ground
    pose: Pinhole | None = None

    def locate(self, boxes: np.ndarray) -> np.ndarray:
        """Places (n, 2), on the plan where the ground is in metres, else in pixels."""
        points = self.ground.locate(boxes).points
        if self.pose is None:
            return points
        ahead = self.pose.rotation[2, :2] / np.linalg.norm(self.pose.rotation[2, :2])
        right = np.array([ahead[1], -ahead[0]])
        return self.pose.position_m[:2] + points[:, :1] * right + points[:, 1:] * ahead


def methods(site: Site) -> list[Method]:
    """All ways to measure with one camera."""
    camera, size = site.camera, site.camera.image_size
    true = Perspective(float(camera.matrix[0, 0]) / size[0])
    image, ground = site.image_points, site.ground_points
    if image is None or ground is None:
        ground = clicked_rectangle(site)
        image = camera.to_image(ground).round()
    homography = Homography.from_points(image, ground, size)
    rng = np.random.default_rng(5)
    careless = Homography.from_points(image + rng.normal(0, CLICK_PX, image.shape), ground, size)
    flat = replace(homography, upright=None)
    return [
        Method("pixel", PixelGround(size)),
        Method(
            "perspective, default lens", _perspective(size, Perspective.of_view(TYPICAL_VIEW_DEG)), camera
        ),
        Method("perspective", _perspective(size, true), camera),
        Method("homography, no lean", PlaneGround(flat, "homography")),
        Method("homography, careless", PlaneGround(careless, "homography")),
        Method("homography", PlaneGround(homography, "homography")),
        Method("pinhole", PlaneGround(camera, "pinhole")),
    ]


def _perspective(size: tuple[int, int], lens: Perspective) -> PerspectiveGround:
    return PerspectiveGround(size, lens)


def clicked_rectangle(site: Site) -> np.ndarray:
    """Corners (4, 2), metres, of a rectangle on the ground such as a user would click.

    Of those with sides of 3 to 10 m along the plan's axes, on a raster of a metre over where people are, that
    the image shows whole, the one with the largest area in the image.
    """
    walked = np.concatenate([view.places for view in site.views])
    low, high = np.floor(walked.min(axis=0)), np.ceil(walked.max(axis=0))
    width, height = site.camera.image_size
    best, corners = 0.0, np.empty((0, 2))
    for across, along in itertools.product(SIDES_M, SIDES_M):
        x, y = np.meshgrid(np.arange(low[0], high[0] - across + 1), np.arange(low[1], high[1] - along + 1))
        shape = np.array([[0, 0], [across, 0], [across, along], [0, along]])
        moved = np.stack([x.ravel(), y.ravel()], axis=1)[:, None] + shape
        image = site.camera.to_image(moved.reshape(-1, 2)).reshape(moved.shape)
        whole = ((image >= ROOM) & (image <= [width - ROOM, height - ROOM])).all(axis=(1, 2))
        following = np.roll(image, -1, axis=1)
        area = np.abs((image[..., 0] * following[..., 1] - following[..., 0] * image[..., 1]).sum(axis=1)) / 2
        area = np.where(whole, area, 0.0)
        if area.max(initial=0.0) > best:
            best, corners = float(area.max()), moved[int(area.argmax())]
    if not len(corners):
        raise ValueError(f"{site.name}: no rectangle of the ground is in view")
    return corners
