"""People as figures in space: joints and body outlines, projected in bulk, drawn one by one.

A body is a stack of elliptic rings (hem, hips, waist, chest, shoulders, neck) with limbs of joints.
Its rings are hulled after projection, so a figure is right from every side and from above.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from sdist_ray.cameras.pinhole import Pinhole

Array = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]
Colour = tuple[float, float, float]

# Height (fraction of the person's), half width across and half depth (metres) of every ring.
RINGS = np.array(
    [
        (0.30, 0.19, 0.15),
        (0.49, 0.17, 0.125),
        (0.61, 0.155, 0.11),
        (0.73, 0.19, 0.125),
        (0.81, 0.20, 0.11),
        (0.86, 0.07, 0.065),
    ]
)
RING_POINTS = 8
LIMBS = 14
"""hip, knee, ankle, toe of both legs; shoulder, elbow, hand of both arms."""
HEAD, FOOT = len(RINGS) * RING_POINTS + LIMBS, len(RINGS) * RING_POINTS + LIMBS + 1
POINTS = FOOT + 1
SHIFT = 4
STRIDE_M = 1.45
"""Two steps."""

SHIRTS = (
    (52, 44, 40), (196, 198, 202), (146, 152, 156), (70, 60, 150), (150, 92, 48), (90, 118, 70),
    (62, 130, 178), (120, 78, 102), (168, 160, 132), (96, 98, 104), (38, 70, 172), (200, 176, 120),
)  # fmt: skip
TROUSERS = (
    (46, 42, 42),
    (92, 66, 48),
    (112, 104, 98),
    (98, 122, 140),
    (64, 64, 70),
    (150, 148, 146),
)
SKINS = ((150, 178, 214), (118, 146, 190), (84, 108, 152), (56, 74, 108))
HAIRS = ((30, 32, 40), (44, 62, 88), (92, 134, 168), (150, 152, 156), (36, 40, 60))
PATTERNS = ("plain", "plain", "band", "halves", "coat", "pack")


@dataclass(frozen=True)
class Look:
    """A person's clothes: colours (BGR) and a pattern of PATTERNS."""

    shirt: Colour
    second: Colour
    trousers: Colour
    skin: Colour
    hair: Colour
    pattern: str


def look_of(appearance: int) -> Look:
    """The looks that follow from a person's appearance seed."""
    rng = np.random.Generator(np.random.PCG64([appearance]))

    def pick(colours: tuple[tuple[int, int, int], ...]) -> Colour:
        b, g, r = np.array(colours[rng.integers(len(colours))]) * (0.88 + 0.24 * rng.random())
        return (min(float(b), 250.0), min(float(g), 250.0), min(float(r), 250.0))

    return Look(
        pick(SHIRTS), pick(SHIRTS), pick(TROUSERS), pick(SKINS), pick(HAIRS),
        PATTERNS[rng.integers(len(PATTERNS))],
    )  # fmt: skip


def body_points(positions: Array, heading: Array, walked_m: Array, speed: Array, height_m: Array) -> Array:
    """Points of n bodies in space, float64 (n, POINTS, 3), metres: rings, limbs, head, foot point.

    Args:
        positions: (n, 2) metres, where people stand.
        heading: (n, 2) unit vectors, where they face.
        walked_m: (n,) metres walked so far: sets the phase of the step.
        speed: (n,) metres per second.
        height_m: (n,) metres.
    """
    n = len(positions)
    across = np.column_stack([-heading[:, 1], heading[:, 0]])
    body = np.zeros((n, POINTS, 3))  # ahead, across, up; turned into the site's axes below
    angle = np.arange(RING_POINTS) * (2 * np.pi / RING_POINTS)
    for ring, (level, wide, deep) in enumerate(RINGS):
        part = body[:, ring * RING_POINTS : (ring + 1) * RING_POINTS]
        part[..., 0], part[..., 1] = deep * np.cos(angle), wide * np.sin(angle)
        part[..., 2] = level * height_m[:, None]
    phase = 2 * np.pi * walked_m / STRIDE_M
    vigour = np.clip(speed / 0.9, 0.0, 1.1)
    limbs = body[:, len(RINGS) * RING_POINTS : HEAD]
    for side, sign in enumerate((1.0, -1.0)):
        swing = sign * np.sin(phase) * vigour
        lift = np.maximum(0.0, sign * np.cos(phase)) * vigour
        _set(limbs[:, side * 4 + 0], 0.0, 0.09 * sign, 0.49 * height_m)
        _set(limbs[:, side * 4 + 1], 0.15 * swing + 0.10 * lift, 0.09 * sign, 0.27 * height_m)
        _set(limbs[:, side * 4 + 2], 0.30 * swing - 0.08 * lift, 0.08 * sign, 0.06 + 0.11 * lift)
        _set(limbs[:, side * 4 + 3], 0.30 * swing + 0.12, 0.10 * sign, 0.02 + 0.08 * lift)
        _set(limbs[:, 8 + side * 3], 0.0, 0.20 * sign, 0.80 * height_m)
        _set(limbs[:, 9 + side * 3], -0.10 * swing - 0.03, 0.25 * sign, 0.63 * height_m)
        _set(limbs[:, 10 + side * 3], -0.24 * swing + 0.08, 0.24 * sign, 0.48 * height_m)
    _set(body[:, HEAD], 0.02, 0.0, 0.93 * height_m)
    placed = np.empty_like(body)
    placed[..., :2] = positions[:, None] + body[..., :1] * heading[:, None]
    placed[..., :2] += body[..., 1:2] * across[:, None]
    placed[..., 2] = body[..., 2]
    return placed


def _set(joint: Array, ahead: Array | float, across: float, up: Array | float) -> None:
    joint[:, 0], joint[:, 1], joint[:, 2] = ahead, across, up


def project_bodies(camera: Pinhole, points: Array) -> tuple[Array, Array]:
    """Image points (n, POINTS, 2), pixels, and the depth of the feet (n,), metres; NaN behind."""
    image = camera.project(points.reshape(-1, 3)).reshape(*points.shape[:2], 2)
    depth = points[:, FOOT] @ camera.rotation[2] + camera.translation[2]
    return image, depth


def draw_figure(canvas: Image, points: npt.NDArray[np.int32], px_per_m: float, look: Look) -> None:
    """Draw one person.

    Args:
        canvas: uint8 BGR, changed in place.
        points: int32 (POINTS, 2), the body's image points in 1/16 pixels of the canvas.
        px_per_m: canvas pixels that a metre spans at the person's distance.
        look: the person's clothes.
    """
    limbs = points[len(RINGS) * RING_POINTS : HEAD]
    rings = points[: len(RINGS) * RING_POINTS].reshape(len(RINGS), RING_POINTS, 2)
    # What is higher in the image is farther from a camera that looks down.
    legs = (0, 4) if limbs[2, 1] < limbs[6, 1] else (4, 0)
    arms = (8, 11) if limbs[9, 1] < limbs[12, 1] else (11, 8)
    shirt, shade = look.shirt, _scaled(look.shirt, 0.8)
    for number, leg in enumerate(legs):
        colour = _scaled(look.trousers, 0.78 + 0.22 * number)
        _line(canvas, limbs[leg : leg + 3], 0.145 * px_per_m, colour)
        _line(canvas, limbs[leg + 2 : leg + 4], 0.10 * px_per_m, (38.0, 36.0, 36.0))
    _arm(canvas, limbs[arms[0] : arms[0] + 3], px_per_m, shade, _scaled(look.skin, 0.85))
    if look.pattern == "coat":
        _hull(canvas, rings[:3], shade)
    else:
        _hull(canvas, rings[1:3], _scaled(look.trousers, 0.95))
    lower = look.second if look.pattern == "halves" else shade
    _hull(canvas, rings[1:4], lower)
    _hull(canvas, rings[2:5] if look.pattern != "halves" else rings[3:5], shirt)
    if look.pattern == "band":
        middle = (rings[2] + rings[3]) // 2
        _hull(canvas, np.stack([middle, (middle + 3 * rings[3]) // 4]), look.second)
    _hull(canvas, rings[4:6], _scaled(shirt, 1.1))
    if look.pattern == "pack":
        # Ring point 4 is the middle of the back.
        back = (rings[2, 3:6].sum(axis=0) + rings[4, 3:6].sum(axis=0)) // 6
        _ball(canvas, back, 0.15 * px_per_m, look.second)
    _arm(canvas, limbs[arms[1] : arms[1] + 3], px_per_m, _scaled(shirt, 0.92), look.skin)
    _draw_head(canvas, points[HEAD], rings, px_per_m, look)


def _draw_head(
    canvas: Image,
    head: npt.NDArray[np.int32],
    rings: npt.NDArray[np.int32],
    px_per_m: float,
    look: Look,
) -> None:
    """Hair, and a face on the side that the person looks to."""
    radius = 0.112 * px_per_m
    _ball(canvas, head, radius, look.hair)
    ahead = rings[5, 0] - rings[5, RING_POINTS // 2]
    face = head + (ahead * 0.5).astype(np.int32) + np.array([0, int(0.35 * radius * 16)], np.int32)
    # The face of somebody who walks away, up the image, is hidden.
    if ahead[1] > -0.4 * abs(int(ahead[0])):
        _ball(canvas, face, 0.78 * radius, look.skin)


def _scaled(colour: Colour, factor: float) -> Colour:
    return (colour[0] * factor, colour[1] * factor, colour[2] * factor)


def _arm(canvas: Image, joints: npt.NDArray[np.int32], px_per_m: float, sleeve: Colour, skin: Colour) -> None:
    _line(canvas, joints, 0.095 * px_per_m, sleeve)
    _ball(canvas, joints[2], 0.05 * px_per_m, skin)


def _line(canvas: Image, joints: npt.NDArray[np.int32], thick: float, colour: Colour) -> None:
    cv2.polylines(canvas, [joints], False, colour, max(1, round(thick)), cv2.LINE_8, SHIFT)


def _hull(canvas: Image, rings: npt.NDArray[np.int32], colour: Colour) -> None:
    hull = cv2.convexHull(np.ascontiguousarray(rings).reshape(-1, 2))
    cv2.fillConvexPoly(canvas, hull, colour, cv2.LINE_8, SHIFT)


def _ball(canvas: Image, at: npt.NDArray[np.int32], radius: float, colour: Colour) -> None:
    centre = (int(at[0]), int(at[1]))
    cv2.circle(canvas, centre, max(8, round(radius * 16)), colour, -1, cv2.LINE_8, SHIFT)
