"""The frames of a virtual camera: one person's picture, which camera it is from, and where that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from sdist_ray.report.marks import (
    DARK_BGR,
    PALE,
    PALE_BGR,
    Image,
    bgr,
    label,
    paste,
    paste_centred,
    time_text,
)
from sdist_ray.report.network_map import TARGET
from sdist_ray.tracking.follow import Shot

Floats = npt.NDArray[np.float64]

PANEL, BAR = 0.62, 0.075
"""Width of the panel with the map, and height of the bar with the pictures' times, over the height of all."""
ANNOUNCED_S = 1.2
"""So long a cut is announced."""
GLOW_S = 0.5


@dataclass(frozen=True)
class Moment:
    """What one frame shows.

    Attributes:
        at: the instant's number.
        time_s: when it was.
        camera: the one that is shown.
        since_s: for how long it has been.
        before: the camera that was shown before; None at the beginning.
        box: float64 (4,), of the person in the picture, pixels; None where they are not in it.
        detected: False where they are only expected there.
        unseen_s: for how long no camera has seen them; 0 while one does.
        sees: cameras that see them.
        notes: lines for the panel.
    """

    at: int
    time_s: float
    camera: int
    since_s: float
    before: int | None
    box: Floats | None
    detected: bool
    unseen_s: float
    sees: tuple[int, ...]
    notes: tuple[str, ...] = ()


class VirtualCamera:
    """Composes frames of one size.

    Args:
        person: whom it follows.
        names, colours: of the cameras.
        shots: all pictures that there will be.
        instants: how many there are.
        height: of a frame, pixels.
        aspect: width over height of the cameras' images, of the widest.
    """

    def __init__(
        self,
        person: int,
        names: Sequence[str],
        colours: Sequence[str],
        shots: Sequence[Shot],
        instants: int,
        height: int,
        aspect: float,
    ) -> None:
        self._person, self._names, self._colours = person, names, colours
        self._bar = round(BAR * height)
        self._main = (round((height - self._bar) * aspect) // 2 * 2, height - self._bar)
        self._panel = round(PANEL * height) // 2 * 2
        self._letters = max(11, round(height / 40))
        self._instants = max(instants, 1)
        self._timeline = self._drawn_timeline(shots)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of a frame, pixels."""
        return self._main[0] + self._panel, self._main[1] + self._bar

    @property
    def map_size(self) -> tuple[int, int]:
        """(width, height) of the map, pixels."""
        return self._panel, self._main[1] - 7 * round(1.5 * self._letters)

    def draw(self, picture: Image | None, moment: Moment, above: Image) -> Image:
        """One frame, uint8 (height, width, 3), BGR.

        Args:
            picture: of the camera that is shown; None where it has none.
            moment: what it shows.
            above: the map, of ``map_size``.
        """
        width, height = self.size
        canvas = np.full((height, width, 3), DARK_BGR, np.uint8)
        canvas[: self._main[1], : self._main[0]] = self._picture(picture, moment)
        canvas[: above.shape[0], self._main[0] :] = above
        self._notes(canvas, moment, above.shape[0])
        canvas[self._main[1] :] = self._timeline
        left = round(moment.at / self._instants * width)
        cv2.line(canvas, (left, self._main[1]), (left, height), PALE_BGR, 2)
        return canvas

    def _picture(self, picture: Image | None, moment: Moment) -> Image:
        width, height = self._main
        area = np.full((height, width, 3), DARK_BGR, np.uint8)
        letters, colour = self._letters, self._colours[moment.camera]
        if picture is not None:
            scale = min(width / picture.shape[1], height / picture.shape[0])
            size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
            method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
            shown = cv2.resize(picture, size, interpolation=method)
            left, top = (width - size[0]) // 2, (height - size[1]) // 2
            if moment.unseen_s > 0:
                shown = cv2.convertScaleAbs(shown, alpha=0.55)
            area[top : top + size[1], left : left + size[0]] = shown
            if moment.box is not None:
                self._mark(area, moment.box * scale + (left, top, 0, 0), moment.detected)
        else:
            tile = label("no picture", letters, bgr(PALE, 0.7), DARK_BGR)
            paste_centred(area, tile, (width // 2, height // 2))
        name = label(self._names[moment.camera], round(1.35 * letters), PALE_BGR, bgr(colour, 0.75))
        clock = label(time_text(moment.time_s), round(1.35 * letters), PALE_BGR, DARK_BGR)
        paste(area, name, 0, 0)
        paste(area, clock, name.shape[1], 0)
        if moment.before is not None and moment.since_s < ANNOUNCED_S:
            text = f"now {self._names[moment.camera]}, before {self._names[moment.before]}"
            paste_centred(area, label(text, letters, DARK_BGR, bgr(TARGET)), (width // 2, 3 * letters))
        if moment.unseen_s > 0:
            text = f"out of sight for {moment.unseen_s:.0f} s"
            tile = label(text, round(1.4 * letters), PALE_BGR, DARK_BGR)
            paste_centred(area, tile, (width // 2, height - 2 * letters))
        if moment.since_s < GLOW_S:
            cv2.rectangle(area, (3, 3), (width - 4, height - 4), bgr(TARGET), 6)
        return area

    def _mark(self, area: Image, box: Floats, detected: bool) -> None:
        """Corners around the person, and their number; faint where they are only expected."""
        left, top, right, bottom = (round(v) for v in (box[0], box[1], box[0] + box[2], box[1] + box[3]))
        arm = max(6, round(min(box[2], box[3]) * 0.28))
        ink = bgr(TARGET) if detected else bgr(TARGET, 0.6)
        thick = 3 if min(box[2], box[3]) >= 30 else 2
        for dark in (True, False):
            for x, step_x in ((left, 1), (right, -1)):
                for y, step_y in ((top, 1), (bottom, -1)):
                    for end in ((x + step_x * arm, y), (x, y + step_y * arm)):
                        cv2.line(area, (x, y), end, DARK_BGR if dark else ink, thick + 2 * dark, cv2.LINE_AA)
        text = f"person {self._person}" if detected else f"person {self._person}?"
        tile = label(text, self._letters, DARK_BGR, ink)
        above = top - tile.shape[0] - 4
        x = min(max(left, 0), self._main[0] - tile.shape[1])
        paste(area, tile, x, above if above > 2 * self._letters else bottom + 4)

    def _notes(self, canvas: Image, moment: Moment, top: int) -> None:
        left, step = self._main[0] + 8, round(1.5 * self._letters)
        others = [self._names[camera] for camera in moment.sees if camera != moment.camera]
        seen = "seen by no camera" if not moment.sees else "seen by no other camera"
        seen = f"also seen by: {_listed(others)}" if others else seen
        lines = [
            (f"person {self._person}", bgr(TARGET)),
            (f"shown: {self._names[moment.camera]}, for {moment.since_s:.0f} s", PALE_BGR),
            (seen, bgr(PALE, 0.75)),
            *((note, bgr(PALE, 0.75)) for note in moment.notes),
        ]
        for number, (text, ink) in enumerate(lines[:7]):
            paste(canvas, label(text, self._letters, ink, DARK_BGR), left, top + 4 + number * step)

    def _drawn_timeline(self, shots: Sequence[Shot]) -> Image:
        width = self.size[0]
        bar = np.full((self._bar, width, 3), DARK_BGR, np.uint8)
        letters = round(0.85 * self._letters)
        for shot in shots:
            left = round(shot.first / self._instants * width)
            right = max(left + 1, round((shot.last + 1) / self._instants * width))
            cv2.rectangle(
                bar, (left, 4), (right - 1, self._bar - 5), bgr(self._colours[shot.camera], 0.7), -1
            )
            tile = label(self._names[shot.camera], letters, PALE_BGR, bgr(self._colours[shot.camera], 0.7))
            if tile.shape[1] + 4 < right - left:
                paste_centred(bar, tile, ((left + right) // 2, self._bar // 2))
            cv2.line(bar, (left, 0), (left, self._bar), DARK_BGR, 2)
        return bar


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{', '.join(names[:3])} and {len(names) - 3} more"
