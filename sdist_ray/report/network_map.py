"""A small map of a network: what its cameras see, which of them is shown, and where somebody has gone."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from sdist_ray.report.arrange import layout
from sdist_ray.report.marks import DARK_BGR, PALE, Colour, Image, bgr, label, paste_centred, within_reach

Floats = npt.NDArray[np.float64]

TRAIL_S = 30.0
MARGIN = 0.06
TARGET = "#ffc83d"
"""Of whoever is followed: unlike any person's or camera's colour, and light on dark."""


class NetworkMap:
    """Draws onto a panel of one size.

    Args:
        names: of the cameras.
        colours: of each, #rrggbb.
        outlines: float64 (k, 2), metres: the ground that each sees, corners nearest to the camera first and
            last; of fewer than three where that is not known.
        places: float64 (cameras, 2), where a schematic has them; None where the ground is known.
        edges: pairs of cameras that the schematic joins.
        size: (width, height) of the panel, pixels.
    """

    def __init__(
        self,
        names: Sequence[str],
        colours: Sequence[str],
        outlines: Sequence[Floats],
        places: Floats | None,
        edges: Sequence[tuple[int, int]],
        size: tuple[int, int],
    ) -> None:
        self._names, self._colours, self._size = names, colours, size
        self._letters = max(10, round(size[1] / 34))
        self.schematic = places is not None
        known = [np.asarray(outline) for outline in outlines if len(outline) >= 3]
        points = places if places is not None else np.concatenate([*known, np.empty((0, 2))])
        if not len(points):
            points = np.zeros((1, 2))
        low, high = points.min(axis=0), points.max(axis=0)
        extent = np.maximum(high - low, 1e-6)
        room = np.array(size) * (1 - 2 * MARGIN)
        if places is not None:
            # Names need room around the outermost.
            room = room * 0.8
        self._scale = float((room / extent).min()) if len(points) > 1 else 1.0
        self._middle = (low + high) / 2
        self._outlines = [
            within_reach(self._at(np.asarray(outline))) if len(outline) >= 3 else np.empty((0, 2), np.int32)
            for outline in outlines
        ]
        self._places = None if places is None else within_reach(self._at(places))
        self._edges = edges
        self._ground = self._drawn()

    def _at(self, points: Floats) -> Floats:
        flip = np.array([1.0, -1.0])
        return np.asarray((points - self._middle) * flip * self._scale + np.array(self._size) / 2)

    def _drawn(self) -> Image:
        canvas = np.full((self._size[1], self._size[0], 3), DARK_BGR, np.uint8)
        if self._places is not None:
            for a, b in self._edges:
                ends = self._places[a].tolist(), self._places[b].tolist()
                cv2.line(canvas, ends[0], ends[1], bgr(PALE, 0.35), 2, cv2.LINE_AA)
            for place, colour in zip(self._places.tolist(), self._colours, strict=True):
                cv2.circle(canvas, place, self._dot, bgr(colour, 0.55), -1, cv2.LINE_AA)
        for outline, colour in zip(self._outlines, self._colours, strict=True):
            if self._places is None and len(outline):
                tint = canvas.copy()
                cv2.fillPoly(tint, [outline], bgr(colour, 0.3))
                canvas = np.asarray(cv2.addWeighted(tint, 0.35, canvas, 0.65, 0), np.uint8)
                cv2.polylines(canvas, [outline], True, bgr(colour, 0.6), 1, cv2.LINE_AA)
        if self._places is None and self._scale > 0:
            self._draw_scale(canvas)
        return canvas

    @property
    def _dot(self) -> int:
        return max(5, self._size[1] // 45)

    def _draw_scale(self, canvas: Image) -> None:
        """A bar of a round number of metres, a fifth of the panel or less."""
        most = self._size[0] / 5 / self._scale
        power = 10.0 ** math.floor(math.log10(most))
        metres = max(n * power for n in (1, 2, 5) if n * power <= most)
        left, bottom = 12, self._size[1] - 12
        cv2.line(canvas, (left, bottom), (left + round(metres * self._scale), bottom), bgr(PALE, 0.8), 2)
        tile = label(f"{metres:g} m", self._letters, bgr(PALE, 0.8), DARK_BGR)
        canvas[bottom - 4 - tile.shape[0] : bottom - 4, left : left + tile.shape[1]] = tile

    def draw(
        self, shown: int, sees: Sequence[int], trail: Floats, ages_s: Floats, visited: Sequence[int]
    ) -> Image:
        """The map at one instant, a new uint8 (height, width, 3), BGR.

        Args:
            shown: the camera that is shown.
            sees: cameras that see the person now.
            trail: float64 (n, 2), metres, where the person was, oldest first; NaN where that is not known.
            ages_s: float64 (n,), how long ago.
            visited: cameras that were shown, oldest first, for schematics.
        """
        canvas = self._ground.copy()
        if self._places is None:
            for camera in sees:
                self._outline(canvas, camera, 1)
            self._outline(canvas, shown, 3)
            self._trail(canvas, trail, ages_s)
        else:
            ink = bgr(TARGET)
            for number, (a, b) in enumerate(itertools.pairwise(visited)):
                fresh = 1 - (len(visited) - 2 - number) / 8
                if a != b and fresh > 0:
                    ends = self._places[a].tolist(), self._places[b].tolist()
                    cv2.arrowedLine(canvas, ends[0], ends[1], bgr(TARGET, 0.3 + 0.6 * fresh), 2, cv2.LINE_AA,
                                    tipLength=0.12)  # fmt: skip
            for camera in sees:
                cv2.circle(canvas, self._places[camera].tolist(), self._dot + 3, ink, 1, cv2.LINE_AA)
            cv2.circle(canvas, self._places[shown].tolist(), self._dot + 1, ink, -1, cv2.LINE_AA)
        self._name_cameras(canvas, shown, set(sees))
        return canvas

    def _outline(self, canvas: Image, camera: int, thickness: int) -> None:
        if len(self._outlines[camera]):
            ink = bgr(self._colours[camera])
            cv2.polylines(canvas, [self._outlines[camera]], True, ink, thickness, cv2.LINE_AA)

    def _name_cameras(self, canvas: Image, shown: int, sees: set[int]) -> None:
        order = sorted(range(len(self._names)), key=lambda c: (c == shown, c in sees))
        if len(self._names) > 24:
            order = [camera for camera in order if camera == shown or camera in sees]
        for camera in order:
            if self._places is not None:
                x, y = self._places[camera].tolist()
                y += self._dot + self._letters
            elif len(self._outlines[camera]):
                # Where the view begins, which is where the camera hangs: the person's place stays free.
                near = self._outlines[camera][[0, -1]].mean(axis=0)
                middle = self._outlines[camera].mean(axis=0)
                away = max(float(np.linalg.norm(near - middle)), 1.0)
                out = near + (near - middle) * (0.6 * self._letters / away)
                x, y = out.round().astype(int).tolist()
            else:
                continue
            plain = camera != shown and camera not in sees
            ink: Colour = bgr(PALE, 0.7) if plain else bgr(PALE)
            ground = DARK_BGR if plain else bgr(self._colours[camera], 0.6)
            paste_centred(canvas, label(self._names[camera], self._letters, ink, ground), (x, y))

    def _trail(self, canvas: Image, trail: Floats, ages_s: Floats) -> None:
        kept = np.isfinite(trail).all(axis=1) & (ages_s <= TRAIL_S)
        if not kept.any():
            return
        at, ages = within_reach(self._at(trail[kept])), ages_s[kept]
        for a, b, age in zip(at[:-1].tolist(), at[1:].tolist(), ages[1:].tolist(), strict=True):
            cv2.line(canvas, a, b, bgr(TARGET, 0.25 + 0.75 * (1 - age / TRAIL_S)), 2, cv2.LINE_AA)
        here = at[-1].tolist()
        cv2.circle(canvas, here, 7, DARK_BGR, -1, cv2.LINE_AA)
        # Where they were seen last is hollow while nobody sees them.
        cv2.circle(canvas, here, 6, bgr(TARGET), -1 if ages[-1] < 0.5 else 2, cv2.LINE_AA)


def schematic(cameras: int, edges: Sequence[tuple[int, int]]) -> Floats:
    """Places of cameras in the plane, float64 (cameras, 2): those with an edge between them side by side."""
    weights = np.zeros((cameras, cameras))
    for a, b in edges:
        weights[a, b] = weights[b, a] = 1.0
    return layout(weights)
