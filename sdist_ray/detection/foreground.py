"""People as moving blobs: background model, cleaning, connected components."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from sdist_ray.cameras.camera import Mask
from sdist_ray.detection.detector import NOTHING, UNAVAILABLE, Detections
from sdist_ray.detection.mixture import MODES, MixtureModel, MixtureSettings
from sdist_ray.video.source import Image

Binary = npt.NDArray[np.uint8]
Pixels = npt.NDArray[np.int32]
BACKGROUNDS = ("mixture", "mog2")
SHADOW = (0.5, 0.98)
"""A shadow's light, over that of the same place without it."""
LEAST_SOLID = 0.15
"""Rows of a blob with less of it that is no shadow are shadow."""
MOST_SHADOW = 0.3
"""Of a blob's height; what seems to have more is a dark person."""


@dataclass(frozen=True)
class ForegroundSettings:
    """Of the foreground detector; lengths are pixels of the working image.

    Attributes:
        background: "mixture" (ours) or "mog2" (OpenCV's).
        mixture: the mixture's own settings; MOG2 takes those that it has.
        working_width: images wider than this are shrunk to it before anything else.
        warmup_frames: frames that teach the background before the camera counts as available.
        sudden_share: when more than this share of the image is foreground, the tick is unavailable.
        sudden_frames: after so many such frames in a row the background is learnt anew.
        opening: side of the square that removes specks, 0 for none.
        closing_width, closing_height: rectangle that joins the parts of one person, 0 for none.
        least_area, largest_area: blob sizes that count, as shares of the image.
        trim_shadows: take shadows before the feet off a blob's lower end; the mixture only.
    """

    background: str = "mixture"
    mixture: MixtureSettings = field(default_factory=MixtureSettings)
    working_width: int = 320
    warmup_frames: int = 30
    sudden_share: float = 0.5
    sudden_frames: int = 5
    opening: int = 3
    closing_width: int = 3
    closing_height: int = 9
    least_area: float = 0.0008
    largest_area: float = 0.3
    trim_shadows: bool = False


class BackgroundModel(Protocol):
    """Learns a camera's background."""

    def apply(self, grey: Binary) -> Binary:
        """Learn a grey frame (height, width); its foreground, 255 or 0, same shape."""
        ...

    def reset(self) -> None:
        """Forget everything."""
        ...


class Mog2Model:
    """OpenCV's MOG2 with as many modes as ours, and the settings that the two share."""

    def __init__(self, settings: MixtureSettings) -> None:
        self._settings = settings
        self.reset()

    def reset(self) -> None:
        """See BackgroundModel."""
        settings = self._settings
        self._model = cv2.createBackgroundSubtractorMOG2(
            history=round(1 / settings.learning_rate), detectShadows=False
        )
        self._model.setNMixtures(MODES)
        self._model.setBackgroundRatio(settings.background_share)
        self._model.setVarThreshold(settings.match_threshold**2)
        self._model.setVarThresholdGen(settings.match_threshold**2)
        self._model.setVarMin(settings.variance_floor)

    def apply(self, grey: Binary) -> Binary:
        """See BackgroundModel."""
        return np.asarray(self._model.apply(grey), dtype=np.uint8)


class ForegroundDetector:
    """One camera's moving blobs, each taken for a person (or a group of them)."""

    def __init__(self, settings: ForegroundSettings, mask: Mask | None = None) -> None:
        self._settings = settings
        self._mask = mask or Mask()
        self._shape: tuple[int, int] | None = None
        self._model: BackgroundModel
        self._ignored: npt.NDArray[np.bool_]
        self._seen = 0
        self._sudden = 0
        side = settings.opening
        self._opening = np.ones((side, side), np.uint8) if side > 1 else None
        tall, wide = settings.closing_height, settings.closing_width
        self._closing = np.ones((tall, wide), np.uint8) if tall > 1 or wide > 1 else None

    def detect(self, image: Image) -> Detections:
        """See Detector."""
        grey = self._working(image)
        if self._shape != grey.shape:
            self._start(grey.shape)
        foreground = self._model.apply(grey)
        foreground[self._ignored] = 0
        self._seen += 1
        if self._seen <= self._settings.warmup_frames:
            return UNAVAILABLE
        if np.count_nonzero(foreground) > self._settings.sudden_share * self._watched:
            self._sudden += 1
            if self._sudden >= self._settings.sudden_frames:
                self._model.reset()
                self._seen = self._sudden = 0
            return UNAVAILABLE
        self._sudden = 0
        return Detections.of(self._blobs(foreground, grey))

    def _working(self, image: Image) -> Binary:
        """The image in grey, shrunk to the working width."""
        height, width = image.shape[:2]
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) if image.ndim == 3 else image
        if width > self._settings.working_width:
            scale = self._settings.working_width / width
            size = (self._settings.working_width, max(1, round(height * scale)))
            grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
        return np.ascontiguousarray(grey, dtype=np.uint8)

    def _start(self, shape: tuple[int, ...]) -> None:
        height, width = shape
        self._shape = (height, width)
        self._model = (
            Mog2Model(self._settings.mixture)
            if self._settings.background == "mog2"
            else MixtureModel(self._shape, self._settings.mixture)
        )
        self._ignored = self._mask.ignored(width, height)
        self._watched = max(1, int(np.count_nonzero(~self._ignored)))
        self._seen = self._sudden = 0

    def _blobs(self, foreground: Binary, grey: Binary) -> npt.NDArray[np.float32]:
        """Boxes (n, 4), fractions of the image, of the blobs that have a person's size."""
        cleaned: cv2.typing.MatLike = foreground
        if self._opening is not None:
            cleaned = cv2.morphologyEx(cleaned, cv2.MORPH_OPEN, self._opening)
        if self._closing is not None:
            cleaned = cv2.morphologyEx(cleaned, cv2.MORPH_CLOSE, self._closing)
        # Little of an image is foreground: labelling only the part that is costs a fraction.
        left, top, wide, tall = cv2.boundingRect(cleaned)
        if not wide:
            return NOTHING
        part = cleaned[top : top + tall, left : left + wide]
        _, _, stats, _ = cv2.connectedComponentsWithStats(part, connectivity=8)
        stats[:, :2] += (left, top)
        height, width = foreground.shape
        area = stats[1:, cv2.CC_STAT_AREA] / (width * height)
        fits = (area >= self._settings.least_area) & (area <= self._settings.largest_area)
        blobs = stats[1:][fits][:, :4]
        if self._settings.trim_shadows and isinstance(self._model, MixtureModel):
            for blob in blobs:
                self._trim(blob, foreground, grey, self._model)
        boxes = blobs / np.array([width, height, width, height])
        return np.asarray(boxes, dtype=np.float32)

    def _trim(self, blob: Pixels, foreground: Binary, grey: Binary, model: MixtureModel) -> None:
        """Take a shadow off the lower end of a blob: left, top, width, height, updated."""
        left, top, wide, tall = blob.tolist()
        part = np.s_[top : top + tall, left : left + wide]
        seen = foreground[part] > 0
        solid = seen & ~shadowed(grey[part], model.background(left, top, wide, tall))
        whole = solid.sum(axis=1) > LEAST_SOLID * seen.sum(axis=1)
        feet = tall - int(np.argmax(whole[::-1]))
        if not whole.any() or feet < tall * (1 - MOST_SHADOW):
            return
        columns = np.flatnonzero(seen[:feet].any(axis=0))
        blob[:] = left + columns[0], top, columns[-1] - columns[0] + 1, feet


def shadowed(grey: Binary, background: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Which pixels are somewhat darker than the background, as in a soft shadow.

    Args:
        grey: uint8, the image.
        background: float32, same shape.
    """
    light = grey / np.maximum(background, 1.0)
    low, high = SHADOW
    return np.asarray((light > low) & (light < high))
