"""A camera's frame with what distancing found drawn onto it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from sdist_ray.distancing.scene import Scene
from sdist_ray.report.faces import hide_heads
from sdist_ray.report.marks import (
    DARK_BGR,
    GROUP_BGR,
    OFFENDER_BGR,
    PALE_BGR,
    SAFE_BGR,
    Colour,
    Image,
    Points,
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
    time_text,
    within_reach,
)

MOST_LABELS = 30
"""Of distances: in a crowd more would hide the people."""
FLATTENED = 0.45
"""How round a circle on the ground looks from a usual camera."""


@dataclass(frozen=True)
class Look:
    """How frames are drawn.

    Attributes:
        unit: of distances, ``m`` or ``px``.
        limit: how far apart people should be, in that unit.
        blur_faces: pixelate the heads of whoever was found; see ``hide_heads`` for what that hides.
        pictures: False draws onto a dark ground: no pixel of the camera's picture is used.
    """

    unit: str
    limit: float
    blur_faces: bool = False
    pictures: bool = True


class Annotator:
    """Draws scenes onto the frames of one camera; keeps nothing between frames.

    Who keeps their distance has a thin box and a disc at the feet; who does not, a box with heavy corners,
    a triangle at the feet and lines with distances; who was not detected in this frame, a dashed box.
    Groups have a common ring. Lines and letters grow with the image.

    Args:
        size: (width, height) of the frames, pixels.
        look: how to draw.

    Raises:
        ValueError: the size is not positive.
    """

    def __init__(self, size: tuple[int, int], look: Look) -> None:
        if min(size) < 1:
            raise ValueError(f"an image has at least one pixel, not {size[0]}x{size[1]}")
        self._size = size
        self._look = look
        height = size[1]
        self._blank: Image = np.full((height, size[0], 3), DARK_BGR, np.uint8)
        self._thin = max(1, round(height / 400))
        self._thick = max(3, round(height / 110))
        self._dot = max(2, round(height / 130))
        self._letters = max(9, round(0.018 * height + 4))
        self._strip = round(1.75 * self._letters)

    def draw(self, image: Image, scene: Scene, in_place: bool = False) -> Image:
        """The frame with the scene on it.

        Args:
            image: uint8 (height, width, 3), BGR, of the annotator's size; may be read-only.
            scene: of the same instant.
            in_place: draw onto ``image`` itself (which then must be writeable) and return it. Without
                pictures the image is left alone all the same.

        Returns:
            uint8 (height, width, 3), BGR.

        Raises:
            ValueError: the image has another size or type.
        """
        width, height = self._size
        if image.shape != (height, width, 3) or image.dtype != np.uint8:
            raise ValueError(f"a frame is uint8 {(height, width, 3)}, got {image.dtype} {image.shape}")
        if not self._look.pictures:
            canvas = self._blank.copy()
        else:
            canvas = image if in_place else image.copy()
            if self._look.blur_faces:
                hide_heads(canvas, scene.people.box)
        box = scene.people.box
        shown = np.isfinite(box).all(axis=1) & (box[:, 2] > 0) & (box[:, 3] > 0)
        safe_box = np.where(shown[:, None], box, 0.0)
        low = within_reach(safe_box[:, :2])
        high = within_reach(safe_box[:, :2] + safe_box[:, 2:])
        foot = np.stack([(low[:, 0] + high[:, 0]) // 2, high[:, 1]], axis=1)
        shown &= ((high > 0) & (low < self._size)).all(axis=1)
        self._groups(canvas, scene, foot, shown)
        offends = scene.offends
        near = self._lines(canvas, scene, foot, shown)
        self._people(canvas, scene, low, high, foot, np.flatnonzero(shown), offends)
        self._distances(canvas, scene, foot, near)
        self._header(canvas, len(scene.people), int(offends.sum()), scene.time_s)
        return canvas

    def _groups(self, canvas: Image, scene: Scene, foot: Points, shown: npt.NDArray[np.bool_]) -> None:
        for number, rows in groups_in(scene, shown):
            radius = 0.62 * float(np.median(scene.people.box[rows, 2])) + self._dot
            ring = ring_around(foot[rows], min(radius, self._size[0]), FLATTENED)
            cv2.polylines(canvas, [ring], True, DARK_BGR, self._thin + 3)
            cv2.polylines(canvas, [ring], True, GROUP_BGR, self._thin + 1, cv2.LINE_AA)
            tile = tag(f"group {number}", self._letters, GROUP_BGR)
            below = int(ring[:, 1].max()) + tile.shape[0] // 2
            paste_centred(canvas, tile, (int(ring[:, 0].mean()), below))

    def _lines(
        self, canvas: Image, scene: Scene, foot: Points, shown: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.int64]:
        """Lines between those too close; returns the rows of ``near`` that are drawn, closest first."""
        rows = np.flatnonzero(shown[scene.near].all(axis=1)) if len(scene.near) else np.empty(0, np.int64)
        for a, b in scene.near[rows].tolist():
            stroke(canvas, foot[a], foot[b], OFFENDER_BGR, self._thin + 1)
        return rows[np.argsort(scene.distance[rows], kind="stable")]

    def _people(
        self,
        canvas: Image,
        scene: Scene,
        low: Points,
        high: Points,
        foot: Points,
        rows: npt.NDArray[np.int64],
        offends: npt.NDArray[np.bool_],
    ) -> None:
        carried = np.isnan(scene.people.score)
        names: list[tuple[int, Colour]] = []
        # Who stands nearer to the camera is drawn later, in front.
        for row in rows[np.argsort(high[rows, 1], kind="stable")].tolist():
            start, end = tuple(low[row].tolist()), tuple(high[row].tolist())
            colour = OFFENDER_BGR if offends[row] else SAFE_BGR
            if carried[row]:
                self._dashed(canvas, start, end, colour)
            else:
                cv2.rectangle(canvas, start, end, DARK_BGR, self._thin + 2)
                cv2.rectangle(canvas, start, end, colour, self._thin)
            if offends[row]:
                self._corners(canvas, low[row], high[row])
            standing_mark(canvas, foot[row], self._dot, bool(offends[row]))
            names.append((row, colour))
        self._names(canvas, scene, low, names)

    def _names(self, canvas: Image, scene: Scene, low: Points, names: list[tuple[int, Colour]]) -> None:
        """Numbers above their boxes, or higher where another has the place."""
        taken: list[tuple[int, int, int, int]] = []
        for row, colour in reversed(names):
            tile = tag(str(int(scene.people.track[row])), self._letters, colour)
            high, wide = tile.shape[:2]
            left, top = int(low[row, 0]) - self._thin, int(low[row, 1]) - high
            for _ in range(3):
                if not any(
                    x < left + wide and left < r and y < top + high and top < b for x, y, r, b in taken
                ):
                    break
                top -= high + 1
            # Under the strip at the top a number would not be read: then it stands inside its box.
            top = max(top, self._strip)
            taken.append((left, top, left + wide, top + high))
            paste(canvas, tile, left, top)

    def _corners(self, canvas: Image, low: Points, high: Points) -> None:
        """Heavy corners: what tells an offender's box apart without colour."""
        # Someone far away shall not vanish behind the corners.
        thick = min(self._thick, max(2 * self._thin, int(high[0] - low[0]) // 9))
        (x0, y0), (x1, y1) = low.tolist(), high.tolist()
        dx, dy = (max(1, min(side // 4, 8 * self._thick)) for side in (x1 - x0, y1 - y0))
        lines = np.array(
            [
                [[x, y + v * dy], [x, y], [x + u * dx, y]]
                for x, u in ((x0, 1), (x1, -1))
                for y, v in ((y0, 1), (y1, -1))
            ],
            np.int32,
        )
        cv2.polylines(canvas, list(lines), False, OFFENDER_BGR, thick)

    def _dashed(self, canvas: Image, start: tuple[int, int], end: tuple[int, int], colour: Colour) -> None:
        width, height = self._size
        step = 5 * self._thin + max(width, height) // 300
        # Only the part in view: a box may be endless.
        x0, x1 = max(start[0], -step), min(end[0], width + step)
        y0, y1 = max(start[1], -step), min(end[1], height + step)
        xs, ys = range(x0, x1, 2 * step), range(y0, y1, 2 * step)
        lines = [
            np.array([[x, y], [min(x + step, x1), y]], np.int32) for y in (start[1], end[1]) for x in xs
        ] + [np.array([[x, y], [x, min(y + step, y1)]], np.int32) for x in (start[0], end[0]) for y in ys]
        cv2.polylines(canvas, lines, False, DARK_BGR, self._thin + 2)
        cv2.polylines(canvas, lines, False, colour, self._thin)

    def _distances(self, canvas: Image, scene: Scene, foot: Points, near: npt.NDArray[np.int64]) -> None:
        # The closest last: where labels overlap, it is the one to read.
        for row in near[:MOST_LABELS][::-1].tolist():
            a, b = foot[scene.near[row]]
            text = distance_text(float(scene.distance[row]), self._look.unit)
            paste_between(canvas, tag(text, self._letters, OFFENDER_BGR), a, b, 2 * self._dot)

    def _header(self, canvas: Image, people: int, offenders: int, time_s: float) -> None:
        strip = canvas[: self._strip]
        strip[:] = cv2.convertScaleAbs(strip, alpha=0.28)
        limit = f"{self._look.limit:g} {self._look.unit}"
        left = 0
        for text, ink in (
            (time_text(time_s), PALE_BGR),
            (f"{people} {'person' if people == 1 else 'people'}", PALE_BGR),
            (f"{offenders} closer than {limit}", OFFENDER_TEXT if offenders else PALE_BGR),
        ):
            tile = label(text, self._letters, ink, (0, 0, 0))
            part = strip[(self._strip - tile.shape[0]) // 2 :, left:][: tile.shape[0], : tile.shape[1]]
            if part.size:
                part[:] = cv2.max(part, np.ascontiguousarray(tile[: part.shape[0], : part.shape[1]]))
            left += tile.shape[1] + self._letters // 2


OFFENDER_TEXT: Colour = (110, 150, 255)
"""The offenders' colour, lighter, as letters on a dark strip."""
