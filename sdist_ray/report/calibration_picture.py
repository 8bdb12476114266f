"""What a camera's calibration means: the still with a metre grid on its ground, and the ground from above."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from sdist_ray.cameras.homography import Homography
from sdist_ray.distancing.ground import PERSON_M, ground_view
from sdist_ray.report.marks import (
    DARK,
    DARK_BGR,
    FAR,
    GROUP_BGR,
    PALE,
    PALE_BGR,
    SAFE_BGR,
    Image,
    bgr,
    label,
    paste,
    paste_centred,
    stroke,
    tag,
    within_reach,
)

Floats = npt.NDArray[np.float64]

WIDTH, HEIGHT = 1280, 900
"""What the still is scaled to, at most; smaller ones are made larger, too."""
WIDEST_ABOVE = 1.2
"""Width of the view from above over its height, at most."""
BEYOND = 1.0
"""How far around the points the view from above reaches, in their own extent."""
FINEST_PX, FULL_PX = 6.0, 14.0
"""Grid cells below the first are not drawn, and fade in up to the second."""
LEGEND = 40


@dataclass(frozen=True)
class _Panel:
    """A picture of some ground.

    Attributes:
        canvas: the picture, drawn upon.
        to_panel: (3, 3), ground metres to its pixels.
        ground: (height, width, 2), metres under its pixels, NaN where there is none.
        letters: size of texts, pixels.
    """

    canvas: Image
    to_panel: Floats
    ground: Floats
    letters: int

    def at(self, ground: Floats) -> Floats:
        """Pixels of ground points (n, 2)."""
        points = np.column_stack([ground, np.ones(len(ground))]) @ self.to_panel.T
        return np.asarray(points[:, :2] / points[:, 2:])


def draw_calibration(image: Image, homography: Homography, image_points: Floats, ground: Floats) -> Image:
    """The still and, to its right, the same ground from above; one grid, rectangle and numbering on both.

    Args:
        image: uint8 (height, width, 3), BGR.
        homography: of the camera.
        image_points: (n, 2) pixels, as they were chosen.
        ground: (n, 2) metres, as they were measured.
    """
    step = _grid_step(ground)
    still = _still_panel(image, homography)
    above = _above_panel(image, homography, ground, still.canvas.shape[0])
    around = _round_trip(ground)
    for panel in (still, above):
        _fill(panel, ground[around])
        _draw_grid(panel, step)
        _draw_outline(panel, ground[around])
    _draw_posts(still, homography, ground[around], image.shape[1])
    for panel in (still, above):
        _draw_lengths(panel, ground, around)
    _draw_points(still, (image_points + 0.5) * (still.canvas.shape[1] / image.shape[1]) - 0.5, around)
    _draw_axes(above, step)
    _draw_points(above, above.at(ground), around)
    _draw_camera(above, homography)
    gap = np.full((still.canvas.shape[0], 6, 3), DARK_BGR, np.uint8)
    both = np.concatenate([still.canvas, gap, above.canvas], axis=1)
    return np.concatenate([both, _legend(both.shape[1], homography, step)])


def _still_panel(image: Image, homography: Homography) -> _Panel:
    height, width = image.shape[:2]
    scale = min(WIDTH / width, HEIGHT / height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    canvas = np.asarray(cv2.resize(image, size, interpolation=how), dtype=np.uint8)
    across, down = size[0] / width, size[1] / height
    # A pixel's middle is at whole numbers, before and after.
    shift = np.array([[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2], [0, 0, 1.0]])
    pixels = np.stack(np.meshgrid(np.arange(size[0]), np.arange(size[1])), axis=2).astype(np.float64)
    own = (pixels - shift[:2, 2]) / (across, down)
    ground = homography.to_ground(own.reshape(-1, 2)).reshape(pixels.shape)
    return _Panel(canvas, shift @ homography.matrix, ground, max(13, size[1] // 50))


def _above_panel(image: Image, homography: Homography, ground: Floats, height: int) -> _Panel:
    low, high = _extent(homography, ground)
    scale = min(height / (high[1] - low[1]), WIDEST_ABOVE * height / (high[0] - low[0]))
    width = max(height // 3, math.ceil((high[0] - low[0]) * scale))
    middle = (low + high) / 2
    matrix = np.array(
        [
            [scale, 0, width / 2 - scale * middle[0]],
            [0, -scale, height / 2 + scale * middle[1]],
            [0, 0, 1.0],
        ]
    )
    pixels = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=2).astype(np.float64)
    places = (pixels - matrix[:2, 2]) / (scale, -scale)
    at = homography.to_image(places.reshape(-1, 2)).reshape(pixels.shape).astype(np.float32)
    # What is beyond the image's border, or behind the camera, stays dark.
    source = np.nan_to_num(at, nan=-FAR)
    canvas = cv2.remap(
        image, source[..., 0], source[..., 1], cv2.INTER_LINEAR, None, cv2.BORDER_CONSTANT, DARK_BGR
    )
    return _Panel(np.asarray(canvas, dtype=np.uint8), matrix, places, max(13, height // 50))


def _extent(homography: Homography, ground: Floats) -> tuple[Floats, Floats]:
    """Corners of the ground to show from above: what the camera sees, but not far beyond the points."""
    low, high = ground.min(axis=0), ground.max(axis=0)
    more = BEYOND * (high - low).max()
    seen = ground_view(homography)
    if len(seen) >= 3:
        low, high = (
            np.minimum(low, np.maximum(seen.min(axis=0), low - more)),
            np.maximum(high, np.minimum(seen.max(axis=0), high + more)),
        )
    camera = homography.camera
    if camera is not None and ((camera[:2] > low - more) & (camera[:2] < high + more)).all():
        low, high = np.minimum(low, camera[:2]), np.maximum(high, camera[:2])
    edge = 0.05 * (high - low).max()
    return low - edge, high + edge


def _grid_step(ground: Floats) -> float:
    """A metre, for most; for what is small or large, 1, 2 or 5 times a power of ten."""
    extent = float(np.ptp(ground, axis=0).max())
    if 1.5 <= extent <= 40:
        return 1.0
    power = 10.0 ** math.floor(math.log10(extent / 8))
    return next(n * power for n in (1, 2, 5, 10) if n * power >= extent / 8 * (1 - 1e-9))


def _draw_grid(panel: _Panel, step: float) -> None:
    """Lines at whole steps, every fifth stronger; each pixel is shaded by how near it is to a line."""
    shade = np.zeros(panel.canvas.shape[:2])
    with np.errstate(invalid="ignore", divide="ignore"):
        cells = panel.ground / step
        for axis in (0, 1):
            for every, strength in ((1, 0.45), (5, 0.9)):
                value = cells[..., axis] / every
                down, right = np.gradient(value)
                per_px = np.hypot(down, right)
                off = np.abs(value - np.round(value)) / per_px
                line = np.clip(1.5 - off, 0, 1)
                fade = np.clip((1 / per_px - FINEST_PX) / (FULL_PX - FINEST_PX), 0, 1)
                np.maximum(shade, np.nan_to_num(strength * fade * line), out=shade)
    # Where the camera sees nothing, the grid only leads on.
    shade[(panel.canvas == DARK_BGR).all(axis=2)] *= 0.3
    alpha = shade[..., None]
    # A dark rim first, for bright floors.
    rim = cv2.dilate(shade, np.ones((3, 3)))[..., None] * 0.45
    canvas = panel.canvas * (1 - rim) + np.array(DARK_BGR) * rim
    panel.canvas[:] = np.rint(canvas * (1 - alpha) + np.array(PALE_BGR) * alpha).astype(np.uint8)


def _round_trip(ground: Floats) -> list[int]:
    """The points that enclose all, in order around them: the first four where they are the only ones."""
    found = cv2.convexHull((ground - ground.mean(axis=0)).astype(np.float32), returnPoints=False)
    hull = [int(n) for n in found.ravel()]
    first = hull.index(min(hull))
    order = hull[first:] + hull[:first]
    # From the first point towards its own successor.
    return order if len(order) < 3 or order[1] < order[-1] else [order[0], *order[:0:-1]]


def _fill(panel: _Panel, corners: Floats) -> None:
    tint = panel.canvas.copy()
    cv2.fillPoly(tint, [within_reach(panel.at(corners))], SAFE_BGR)
    cv2.addWeighted(tint, 0.13, panel.canvas, 0.87, 0, dst=panel.canvas)


def _draw_outline(panel: _Panel, corners: Floats) -> None:
    at = within_reach(panel.at(corners))
    for a, b in zip(at, np.roll(at, -1, axis=0), strict=True):
        stroke(panel.canvas, a, b, SAFE_BGR, 2)


def _draw_lengths(panel: _Panel, ground: Floats, around: list[int]) -> None:
    """How long the sides are."""
    corners = within_reach(panel.at(ground[around]))
    middle = corners.mean(axis=0)
    for number, (a, b) in enumerate(zip(corners, np.roll(corners, -1, axis=0), strict=True)):
        # Two sides tell the lengths of a rectangle; more may be a mistake that is to be seen.
        i, j = around[number], around[(number + 1) % len(around)]
        length = float(np.linalg.norm(ground[i] - ground[j]))
        if number < 2 or len(ground) > 4 or not _is_rectangle(ground[around]):
            _draw_length(panel, a, b, f"{length:.4g} m", middle)


def _is_rectangle(corners: Floats) -> bool:
    sides = np.linalg.norm(corners - np.roll(corners, -1, axis=0), axis=1)
    return len(corners) == 4 and bool(np.allclose(sides[:2], sides[2:], rtol=1e-3))


def _draw_length(
    panel: _Panel, a: npt.NDArray[np.int32], b: npt.NDArray[np.int32], text: str, middle: Floats
) -> None:
    """An arrow with two heads beside a side, outside the rectangle, and its length."""
    along = (b - a).astype(np.float64)
    length = float(np.linalg.norm(along))
    if length < 3 * panel.letters:
        return
    along /= length
    out = np.array([-along[1], along[0]])
    out *= math.copysign(1.0, float(out @ ((a + b) / 2 - middle)))
    gap = 0.8 * panel.letters
    height, width = panel.canvas.shape[:2]
    # Where the side is at the image's border, there is room inside only.
    outer = (a + b) / 2 + out * (gap + panel.letters)
    if not ((outer > 0) & (outer < (width, height))).all():
        out = -out
    start, end = a + out * gap + along * gap, b + out * gap - along * gap
    low, high = within_reach(start), within_reach(end)
    stroke(panel.canvas, low, high, PALE_BGR, 1)
    for tip, back in ((start, along), (end, -along)):
        for side in (-1, 1):
            wing = tip + (back + side * 0.45 * np.array([-back[1], back[0]])) * 0.7 * panel.letters
            stroke(panel.canvas, within_reach(tip), within_reach(wing), PALE_BGR, 1)
    x, y = ((start + end) / 2).astype(int).tolist()
    paste_centred(panel.canvas, label(text, panel.letters + 2, DARK_BGR, PALE_BGR), (x, y))


def _draw_points(panel: _Panel, points: Floats, around: list[int]) -> None:
    """A small cross at each point, its number beside it, away from the middle."""
    middle = points.mean(axis=0)
    for number, point in enumerate(points, 1):
        x, y = within_reach(point).tolist()
        for dx, dy in ((6, 0), (0, 6)):
            stroke(panel.canvas, np.array([x - dx, y - dy]), np.array([x + dx, y + dy]), SAFE_BGR, 1)
        out = (point - middle) / max(1.0, float(np.linalg.norm(point - middle)))
        place = within_reach(point + out * 1.6 * panel.letters).tolist()
        paste_centred(panel.canvas, tag(str(number), panel.letters + 4, SAFE_BGR), (place[0], place[1]))


def _draw_posts(panel: _Panel, homography: Homography, ground: Floats, own_width: int) -> None:
    """Upright posts as tall as people, at the corners and between them: they would look wrong at once."""
    middle = ground.mean(axis=0)
    feet = np.concatenate([ground, [middle], (ground + np.roll(ground, -1, axis=0)) / 2])
    scale = panel.canvas.shape[1] / own_width
    ends = [(homography.to_image_above(feet, h) + 0.5) * scale - 0.5 for h in (0.0, PERSON_M)]
    for number, (foot, head) in enumerate(zip(*ends, strict=True)):
        if not (np.isfinite(foot).all() and np.isfinite(head).all()):
            continue
        a, b = within_reach(foot), within_reach(head)
        stroke(panel.canvas, a, b, GROUP_BGR, 2)
        cv2.circle(panel.canvas, (int(b[0]), int(b[1])), 4, DARK_BGR, -1, cv2.LINE_AA)
        cv2.circle(panel.canvas, (int(b[0]), int(b[1])), 3, GROUP_BGR, -1, cv2.LINE_AA)
        if number == len(ground):
            tile = tag(f"{PERSON_M:g} m", panel.letters, GROUP_BGR)
            x, y = ((a + b) // 2).tolist()
            paste_centred(panel.canvas, tile, (x + tile.shape[1] // 2 + 6, y))


def _draw_axes(panel: _Panel, step: float) -> None:
    """Metres along the lower and the left border."""
    height, width = panel.canvas.shape[:2]
    ink, ground = bgr(PALE, 0.9), DARK_BGR
    for axis in (0, 1):
        values = panel.ground[-1, :, 0] if axis == 0 else panel.ground[:, 0, 1]
        low, high = sorted((float(values[0]), float(values[-1])))
        px = abs(panel.to_panel[axis, axis])
        every = next(n for n in (1, 2, 5, 10, 20, 50, 100, 1000) if n * step * px > 3.2 * panel.letters)
        spacing = every * step
        for number in range(math.ceil(low / spacing), math.floor(high / spacing) + 1):
            place = number * spacing * panel.to_panel[axis, axis] + panel.to_panel[axis, 2]
            tile = label(f"{number * spacing:.6g}", panel.letters, ink, ground)
            if axis == 0:
                left = round(place) - tile.shape[1] // 2
                if 3 * panel.letters < left < width - 4 * panel.letters:
                    paste(panel.canvas, tile, left, height - tile.shape[0])
            elif panel.letters < place < height - 2.5 * panel.letters:
                paste(panel.canvas, tile, 0, round(place) - tile.shape[0] // 2)
    for text, left, top in (("y, m", 0, 0), ("x, m", width - 3 * panel.letters, height)):
        tile = label(text, panel.letters, ink, ground)
        paste(panel.canvas, tile, min(left, width - tile.shape[1]), min(top, height - tile.shape[0]))


def _draw_camera(panel: _Panel, homography: Homography) -> None:
    """Where the camera is, if it is known and on the panel."""
    camera = homography.camera
    if camera is None:
        return
    place = panel.at(camera[None, :2])[0]
    height, width = panel.canvas.shape[:2]
    if not ((place >= 0) & (place < (width, height))).all():
        return
    x, y = within_reach(place).tolist()
    cv2.circle(panel.canvas, (x, y), 7, DARK_BGR, -1, cv2.LINE_AA)
    cv2.circle(panel.canvas, (x, y), 6, GROUP_BGR, -1, cv2.LINE_AA)
    tile = tag(f"camera, {camera[2]:.1f} m up", panel.letters, GROUP_BGR)
    below = y + tile.shape[0] + 4 if y < height / 2 else y - tile.shape[0] - 4
    paste_centred(panel.canvas, tile, (x, below))


def _legend(width: int, homography: Homography, step: float) -> Image:
    strip = np.full((LEGEND, width, 3), DARK_BGR, np.uint8)
    texts = [(f"grid: {step:g} m", bgr(PALE, 0.9)), ("your points", SAFE_BGR)]
    if homography.upright is not None:
        texts.append((f"posts: {PERSON_M:g} m tall, upright", GROUP_BGR))
    texts.append(("right: the same ground from above", bgr(PALE, 0.9)))
    left = 10
    for text, ink in texts:
        tile = label(text, 17, ink, bgr(DARK))
        paste(strip, tile, left, (LEGEND - tile.shape[0]) // 2)
        left += tile.shape[1] + 28
    return strip
