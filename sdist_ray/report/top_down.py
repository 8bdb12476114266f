"""The ground seen from above, people on it."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from sdist_ray.distancing.scene import Floats, Scene
from sdist_ray.report.marks import (
    DARK_BGR,
    GROUP_BGR,
    OFFENDER,
    OFFENDER_BGR,
    PALE,
    SAFE,
    Colour,
    Image,
    Points,
    bgr,
    distance_text,
    groups_in,
    label,
    paste,
    paste_between,
    paste_centred,
    ring_around,
    standing_mark,
    stroke,
    tag,
    within_reach,
)

TRAIL_S, TRAIL_STEP_S = 4.0, 0.2
SHADES = 4
WIDEST = 4.0
"""Width by height, and height by width, that a panel may have."""
MOST_LABELS = 30
MOST_GRID_LINES = 240
"""In each direction."""


class TopDown:
    """Draws scenes of one camera from above; remembers the last seconds for the trails.

    People are discs with half the limit as radius: two that touch are at the limit. x runs to the right;
    metres run up the panel, pixels down it, as in the camera's image.

    Args:
        extent: (x_min, y_min, x_max, y_max) of the ground shown, in its unit.
        height_px: of the panel, at least 32.
        limit: how far apart people should be, in the ground's unit.
        unit: of the ground, ``m`` or ``px``.
        visible: float64 (k, 2), corners of what the camera sees of the ground; None draws no outline.
        outlines: the same of several cameras, of which only the border is drawn.

    Raises:
        ValueError: the extent is empty or not finite, or the height or limit is not positive.
    """

    def __init__(
        self,
        extent: tuple[float, float, float, float],
        height_px: int,
        limit: float,
        unit: str,
        visible: Floats | None = None,
        outlines: Sequence[Floats] = (),
    ) -> None:
        x_min, y_min, x_max, y_max = extent
        if not (np.isfinite(extent).all() and x_min < x_max and y_min < y_max):
            raise ValueError(f"an extent is (x_min, y_min, x_max, y_max), not {extent}")
        if height_px < 32 or not (math.isfinite(limit) and limit > 0):
            raise ValueError(f"a panel has 32 rows at least and a limit above 0, got {height_px} and {limit}")
        aspect = (x_max - x_min) / (y_max - y_min)
        width_px = round(height_px * min(max(aspect, 1 / WIDEST), WIDEST))
        width_px += width_px % 2
        # The scale is one for both directions; what is left over is shown all around.
        self._scale = min(width_px / (x_max - x_min), height_px / (y_max - y_min))
        self._middle = np.array([(x_min + x_max) / 2, (y_min + y_max) / 2])
        self._flip = np.array([1.0, -1.0 if unit == "m" else 1.0])
        self._size = (width_px, height_px)
        self._limit, self._unit = limit, unit
        self._letters = max(9, round(0.018 * height_px + 4))
        self._dot = max(3, round(height_px / 110))
        self._discs = {colour: self._disc(bgr(colour)) for colour in (SAFE, OFFENDER)}
        self._background = self._draw_background(visible)
        for outline in outlines:
            if len(outline) >= 3 and np.isfinite(outline).all():
                corners = within_reach(self._to_panel(np.asarray(outline, np.float64)))
                cv2.polylines(self._background, [corners], True, bgr(PALE, 0.4), 1, cv2.LINE_AA)
        self._trails: dict[int, deque[tuple[float, int, int]]] = {}

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the panel, pixels; the width is even."""
        return self._size

    def draw(self, scene: Scene) -> Image:
        """The scene from above, a new uint8 (height_px, width, 3), BGR.

        Scenes are drawn in order of time; one that is earlier than the last starts new trails. People whose
        ground is unknown (NaN) or outside the extent are counted below.
        """
        canvas = self._background.copy()
        people = scene.people
        known = np.asarray(np.isfinite(people.ground).all(axis=1))
        at = within_reach(self._to_panel(np.where(known[:, None], people.ground, self._middle)))
        shown = known & ((at >= 0) & (at < self._size)).all(axis=1)
        offends = scene.offends
        self._draw_trails(canvas, scene, at, known, offends)
        rows = np.flatnonzero(shown).tolist()
        for row in rows:
            self._add_disc(canvas, at[row], OFFENDER if offends[row] else SAFE)
        for number, members in groups_in(scene, shown):
            ring = ring_around(at[members], 2.6 * self._dot, 1.0)
            cv2.polylines(canvas, [ring], True, GROUP_BGR, 2, cv2.LINE_AA)
            tile = tag(f"group {number}", self._letters, GROUP_BGR)
            paste_centred(canvas, tile, (int(ring[:, 0].mean()), int(ring[:, 1].max()) + tile.shape[0] // 2))
        near = np.flatnonzero(known[scene.near].all(axis=1)) if len(scene.near) else np.empty(0, np.int64)
        for a, b in scene.near[near].tolist():
            stroke(canvas, at[a], at[b], OFFENDER_BGR, 2)
        for row in rows:
            self._draw_person(canvas, scene, row, at[row], bool(offends[row]))
        # The closest last: where labels overlap, it is the one to read.
        closest = near[np.argsort(scene.distance[near], kind="stable")][:MOST_LABELS][::-1]
        for pair in closest.tolist():
            a, b = at[scene.near[pair]]
            text = distance_text(float(scene.distance[pair]), self._unit)
            paste_between(canvas, tag(text, self._letters, OFFENDER_BGR), a, b, 2 * self._dot)
        missing = len(people) - len(rows)
        if missing:
            tile = label(f"{missing} not on this map", self._letters, bgr(PALE, 0.75), DARK_BGR)
            paste(canvas, tile, self._size[0] - tile.shape[1] - 4, self._size[1] - tile.shape[0] - 4)
        return canvas

    def _to_panel(self, ground: Floats) -> Floats:
        half = np.array(self._size) / 2
        return np.asarray((ground - self._middle) * self._flip * self._scale + half)

    def _disc(self, colour: Colour) -> Image:
        """What a disc adds to the ground below it: two that overlap show brighter."""
        radius = max(2, min(round(self._limit / 2 * self._scale), max(self._size)))
        tile = np.zeros((2 * radius + 1, 2 * radius + 1, 3), np.uint8)
        cv2.circle(tile, (radius, radius), radius, tuple(c // 6 for c in colour), -1, cv2.LINE_AA)
        cv2.circle(tile, (radius, radius), radius, tuple(c // 2 for c in colour), 1, cv2.LINE_AA)
        return tile

    def _add_disc(self, canvas: Image, at: Points, colour: str) -> None:
        tile = self._discs[colour]
        radius = tile.shape[0] // 2
        left, top = int(at[0]) - radius, int(at[1]) - radius
        x0, y0 = max(0, left), max(0, top)
        x1, y1 = min(self._size[0], left + tile.shape[1]), min(self._size[1], top + tile.shape[0])
        if x0 < x1 and y0 < y1:
            part = canvas[y0:y1, x0:x1]
            cv2.add(part, tile[y0 - top : y1 - top, x0 - left : x1 - left], dst=part)

    def _draw_person(self, canvas: Image, scene: Scene, row: int, at: Points, offends: bool) -> None:
        sigma = float(scene.people.sigma[row]) * self._scale
        if math.isfinite(sigma) and self._dot + 1 < sigma < max(self._size):
            cv2.circle(canvas, (int(at[0]), int(at[1])), round(sigma), bgr(PALE, 0.55), 1, cv2.LINE_AA)
        standing_mark(canvas, at, self._dot, offends)
        name = label(str(int(scene.people.track[row])), self._letters, bgr(PALE), bgr(PALE, 0.12))
        paste(canvas, name, int(at[0]) + self._dot + 3, int(at[1]) - self._dot - name.shape[0] + 2)

    def _draw_trails(
        self,
        canvas: Image,
        scene: Scene,
        at: Points,
        known: npt.NDArray[np.bool_],
        offends: npt.NDArray[np.bool_],
    ) -> None:
        now, trails = scene.time_s, self._trails
        for row in np.flatnonzero(known).tolist():
            trail = trails.setdefault(int(scene.people.track[row]), deque())
            if trail and trail[-1][0] > now:
                trail.clear()
            if not trail or now - trail[-1][0] >= TRAIL_STEP_S - 1e-6:
                trail.append((now, int(at[row, 0]), int(at[row, 1])))
        for track in [t for t, trail in trails.items() if not now - TRAIL_S <= trail[-1][0] <= now]:
            del trails[track]
        colours = {
            int(scene.people.track[row]): OFFENDER if offends[row] else SAFE for row in np.flatnonzero(known)
        }
        for track, trail in trails.items():
            while trail[0][0] < now - TRAIL_S:
                trail.popleft()
            if len(trail) > 1:
                _fade(canvas, trail, now, colours.get(track, PALE))

    def _draw_background(self, visible: Floats | None) -> Image:
        width, height = self._size
        canvas = np.full((height, width, 3), DARK_BGR, np.uint8)
        if visible is not None and len(visible) >= 3 and np.isfinite(visible).all():
            outline = within_reach(self._to_panel(np.asarray(visible, np.float64)))
            cv2.fillPoly(canvas, [outline], bgr(PALE, 0.05))
        step = self._grid_step()
        half = np.array(self._size) / 2 / self._scale
        low, high = self._middle - half, self._middle + half
        for axis in (0, 1):
            first, last = math.ceil(low[axis] / step), math.floor(high[axis] / step)
            for number in range(first, min(last, first + MOST_GRID_LINES) + 1):
                ends = np.stack([low, high])
                ends[:, axis] = number * step
                a, b = within_reach(self._to_panel(ends)).tolist()
                cv2.line(canvas, a, b, bgr(PALE, 0.16 if number % 5 else 0.26), 1)
        if visible is not None and len(visible) >= 3 and np.isfinite(visible).all():
            cv2.polylines(canvas, [outline], True, bgr(PALE, 0.5), 1, cv2.LINE_AA)
        self._draw_scale_bar(canvas, step)
        return canvas

    def _grid_step(self) -> float:
        """1, 2 or 5 times a power of ten: lines some 40 to 100 pixels apart on a panel of 480."""
        least = self._size[1] / 14 / self._scale
        power = 10.0 ** math.floor(math.log10(least))
        return next(n * power for n in (1, 2, 5, 10) if n * power >= least * (1 - 1e-9))

    def _draw_scale_bar(self, canvas: Image, step: float) -> None:
        length = round(step * self._scale)
        left, bottom = 10, self._size[1] - 10
        cv2.rectangle(canvas, (left, bottom - 3), (left + length, bottom), bgr(PALE, 0.8), -1)
        tile = label(f"{step:g} {self._unit}", self._letters, bgr(PALE, 0.85), DARK_BGR)
        paste(canvas, tile, left, bottom - 5 - tile.shape[0])


def _fade(canvas: Image, trail: deque[tuple[float, int, int]], now: float, colour: str) -> None:
    """A line in a few shades, the oldest part the faintest."""
    points = np.array([(x, y) for _, x, y in trail], np.int32)
    shades = [min(int((now - time_s) / TRAIL_S * SHADES), SHADES - 1) for time_s, _, _ in trail]
    first = 0
    for last in range(1, len(shades) + 1):
        if last == len(shades) or shades[last] != shades[first]:
            # One point more on the newer side, so that the parts join.
            ink = bgr(colour, 0.6 * (1 - shades[first] / SHADES))
            cv2.polylines(canvas, [points[first : last + 1]], False, ink, 1, cv2.LINE_AA)
            first = last


def beside(image: Image, panel: Image) -> Image:
    """A frame with a panel to its right, tops level; the lower one is filled up with dark.

    Args:
        image, panel: uint8 (height, width, 3), BGR.

    Returns:
        uint8 (the larger height, both widths, 3), BGR.
    """
    height, width = max(image.shape[0], panel.shape[0]), image.shape[1]
    both = np.empty((height, width + panel.shape[1], 3), np.uint8)
    both[: image.shape[0], :width] = image
    both[: panel.shape[0], width:] = panel
    both[image.shape[0] :, :width] = DARK_BGR
    both[panel.shape[0] :, width:] = DARK_BGR
    return both
