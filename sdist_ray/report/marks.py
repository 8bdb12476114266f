"""What safe people, offenders and groups look like, on every picture alike."""

from __future__ import annotations

import functools
import math
from datetime import UTC, datetime

import cv2
import numpy as np
import numpy.typing as npt

from sdist_ray.distancing.scene import NO_GROUP, Ints, Scene

Image = npt.NDArray[np.uint8]
Points = npt.NDArray[np.int32]
Colour = tuple[int, int, int]
"""Blue, green, red, 0 to 255."""

# Told apart with any colour vision: under simulated protanopia, deuteranopia and tritanopia (Machado and
# others, 2009) every two are at least 49 CIELAB units apart, 27 or more of them in lightness between safe
# and offender, so that grey prints tell them apart too. Shapes differ besides.
SAFE, OFFENDER, GROUP = "#40dcae", "#e2420c", "#a68cff"
DARK, PALE = "#14181f", "#f2f4f7"
CLOCK_FROM_S = 366 * 86400.0
"""Capture times before 1971 are those of files without a date: they are shown as time passed."""
_ANGLES = np.arange(14) * (2 * np.pi / 14)
ROUND = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)
"""Points of a circle of radius 1, float64 (14, 2)."""
FAR = 30_000
"""Pixels; OpenCV's drawing wants coordinates well within 16 bits."""


@functools.cache
def bgr(colour: str, strength: float = 1.0) -> Colour:
    """#rrggbb as OpenCV takes it; ``strength`` below 1 mixes it into the dark ground."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    if strength == 1.0:
        return blue, green, red
    ground = bgr(DARK)
    mixed = (
        round(strength * c + (1 - strength) * g) for c, g in zip((blue, green, red), ground, strict=True)
    )
    return tuple(mixed)  # type: ignore[return-value]


SAFE_BGR, OFFENDER_BGR, GROUP_BGR = bgr(SAFE), bgr(OFFENDER), bgr(GROUP)
DARK_BGR, PALE_BGR = bgr(DARK), bgr(PALE)
TAGS = {
    SAFE_BGR: (DARK_BGR, SAFE_BGR),
    OFFENDER_BGR: (PALE_BGR, bgr(OFFENDER, 0.72)),
    GROUP_BGR: (DARK_BGR, GROUP_BGR),
}
"""Ink and ground of a label that belongs to a colour: at least 5 to 1 in contrast."""


def distance_text(distance: float, unit: str) -> str:
    """A distance as people read it: ``1.4 m``, ``143 px``."""
    return f"{distance:.1f} m" if unit == "m" else f"{distance:.0f} {unit}"


def time_text(time_s: float) -> str:
    """``hh:mm:ss``, of the day (UTC) or since the start of a file without a date."""
    if not math.isfinite(time_s):
        return "--:--:--"
    if abs(time_s) < CLOCK_FROM_S:
        minutes, seconds = divmod(int(max(time_s, 0.0)), 60)
        return f"{minutes // 60:02d}:{minutes % 60:02d}:{seconds:02d}"
    try:
        return f"{datetime.fromtimestamp(time_s, UTC):%H:%M:%S}"
    except (ValueError, OverflowError, OSError):
        return "--:--:--"


@functools.lru_cache(maxsize=2048)
def label(text: str, size: int, ink: Colour, ground: Colour) -> Image:
    """A small picture of a text, read-only uint8 (height, width, 3); kept, as most come again.

    Args:
        text: one line; letters that the font lacks become question marks.
        size: of the letters, pixels.
        ink, ground: its colours.
    """
    face = cv2.FontFace("sans")
    pad = max(2, round(0.28 * size))
    _, _, width, _ = cv2.getTextSize((0, 0), text, (0, 0), face, size, 550)
    tile = np.full((round(1.12 * size) + pad, width + 2 * pad, 3), ground, np.uint8)
    cv2.putText(tile, text, (pad, round(0.86 * size) + pad // 2), ink, face, size, 550)
    tile.flags.writeable = False
    return tile


def tag(text: str, size: int, colour: Colour) -> Image:
    """A label in one of the three colours."""
    ink, ground = TAGS[colour]
    return label(text, size, ink, ground)


def paste(image: Image, tile: Image, left: int, top: int) -> None:
    """Put a tile onto an image, what is beyond its borders left out."""
    height, width = tile.shape[:2]
    x0, y0 = max(0, left), max(0, top)
    x1, y1 = min(image.shape[1], left + width), min(image.shape[0], top + height)
    if x0 < x1 and y0 < y1:
        image[y0:y1, x0:x1] = tile[y0 - top : y1 - top, x0 - left : x1 - left]


def paste_centred(image: Image, tile: Image, centre: tuple[int, int]) -> None:
    """Put a tile's middle at a point; moved inward where it would leave the image."""
    height, width = tile.shape[:2]
    left = min(max(centre[0] - width // 2, 0), max(image.shape[1] - width, 0))
    top = min(max(centre[1] - height // 2, 0), max(image.shape[0] - height, 0))
    paste(image, tile, left, top)


def paste_between(image: Image, tile: Image, a: Points, b: Points, clear: int) -> None:
    """Put a tile halfway between two points; below them, by ``clear`` pixels, where it would hide them."""
    (ax, ay), (bx, by) = a.tolist(), b.tolist()
    x, y = (ax + bx) // 2, (ay + by) // 2
    height, width = tile.shape[:2]
    if abs(ax - bx) < width + clear and abs(ay - by) < height + clear:
        y = max(ay, by) + clear + height // 2
    if 0 <= x < image.shape[1] and 0 <= y < image.shape[0] + height:
        paste_centred(image, tile, (x, y))


def within_reach(points: npt.NDArray[np.float64]) -> Points:
    """Points (..., 2) as whole pixels that OpenCV can draw; finite ones only."""
    return np.round(np.clip(points, -FAR, FAR)).astype(np.int32)


def stroke(image: Image, start: Points, end: Points, colour: Colour, thickness: int) -> None:
    """A line with a dark rim, which shows on any ground."""
    a, b = (int(start[0]), int(start[1])), (int(end[0]), int(end[1]))
    cv2.line(image, a, b, DARK_BGR, thickness + 2)
    cv2.line(image, a, b, colour, thickness, cv2.LINE_AA)


def standing_mark(image: Image, foot: Points, radius: int, offends: bool) -> None:
    """Where somebody stands: a disc for the safe, a triangle, point up, for offenders."""
    x, y = int(foot[0]), int(foot[1])
    if offends:
        wide = radius + 2
        corners = np.array([[x, y - wide - 1], [x + wide + 1, y + wide], [x - wide - 1, y + wide]], np.int32)
        cv2.fillConvexPoly(image, corners, OFFENDER_BGR, cv2.LINE_AA)
        cv2.polylines(image, [corners], True, DARK_BGR, 1, cv2.LINE_AA)
    else:
        cv2.circle(image, (x, y), radius + 1, DARK_BGR, -1, cv2.LINE_AA)
        cv2.circle(image, (x, y), radius, SAFE_BGR, -1, cv2.LINE_AA)


def ring_around(feet: Points, radius: float, squash: float) -> Points:
    """A rounded outline around some points, int32 (k, 2).

    Args:
        feet: int32 (n, 2), n at least 1, pixels.
        radius: how far it keeps away from them, pixels.
        squash: height of a round's image by its width, as it lies on the ground.
    """
    around = within_reach((feet[:, None, :] + ROUND * (radius, radius * squash)).reshape(-1, 2))
    return np.asarray(cv2.convexHull(around), dtype=np.int32).reshape(-1, 2)


def groups_in(scene: Scene, shown: npt.NDArray[np.bool_]) -> list[tuple[int, Ints]]:
    """Groups of which two members or more are shown: number and rows of people, int64 (k,)."""
    members: dict[int, list[int]] = {}
    for row in np.flatnonzero(shown & (scene.people.group != NO_GROUP)).tolist():
        members.setdefault(int(scene.people.group[row]), []).append(row)
    return [(g, np.array(rows, np.int64)) for g, rows in sorted(members.items()) if len(rows) > 1]
