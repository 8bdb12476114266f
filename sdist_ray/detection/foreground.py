"""People as moving blobs: background model, cleaning, connected components."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import cv2
import numpy as np
import numpy.typing as npt

from sdist_ray.cameras.camera import Mask
from sdist_ray.detection.bits import Binary, Bits, keep_watched, pack, unpack, words_of
from sdist_ray.detection.blobs import Blobs, Cleaning, find_blobs
from sdist_ray.detection.detector import NOBODY, UNAVAILABLE, Detections
from sdist_ray.detection.mixture import MixtureModel, MixtureSettings, MixtureState
from sdist_ray.detection.mixture_kernels import MODES
from sdist_ray.video.source import Image

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

    def learn(self, grey: Binary, opening: int = 1) -> Bits:
        """Learn a grey frame, uint8 (height, width); its foreground, see detection.bits.

        Specks that an opening with a square of that side clears may be left out.
        """
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
        """Learn a grey frame; its foreground, uint8 of the same shape, 255 or 0."""
        return np.asarray(self._model.apply(grey), dtype=np.uint8)

    def learn(self, grey: Binary, opening: int = 1) -> Bits:
        """See BackgroundModel."""
        return packed(self.apply(grey))


@dataclass(frozen=True)
class DetectorState:
    """What a foreground detector has learnt, to be taken to another process.

    Attributes:
        mixture: its background.
        seen: frames since the background was begun.
        sudden: frames in a row of which most was foreground.
    """

    mixture: MixtureState
    seen: int
    sudden: int


class Foreground(NamedTuple):
    """What moves in an image.

    Attributes:
        bits: see detection.bits.
        grey: the image, as it was learnt: uint8 (height, width).
    """

    bits: Bits
    grey: Binary


class ForegroundDetector:
    """One camera's moving blobs, each taken for a person (or a group of them)."""

    def __init__(self, settings: ForegroundSettings, mask: Mask | None = None) -> None:
        self._settings = settings
        self._mask = mask or Mask()
        self._shape: tuple[int, int] | None = None
        self._model: BackgroundModel
        self._watched: Bits
        self._watched_pixels = 0
        self._seen = 0
        self._sudden = 0
        # A shadow is told by all of its foreground, specks too.
        self._opening = 1 if settings.trim_shadows else max(1, settings.opening)
        self._cleaning = Cleaning(settings.opening, settings.closing_width, settings.closing_height)

    def detect(self, image: Image) -> Detections:
        """See Detector; a grey image, uint8 (height, width), will do as well.

        Raises:
            InputError: the image of the camera's mask cannot be read.
        """
        return self.people(self.learn(image))

    def learn(self, image: Image) -> Foreground:
        """The first half of ``detect``: the background learns the image.

        Raises:
            InputError: the image of the camera's mask cannot be read.
        """
        grey = self._working(image)
        if self._shape != grey.shape:
            self._start(grey.shape)
        return Foreground(self._model.learn(grey, self._opening), grey)

    def people(self, found: Foreground) -> Detections:
        """The second half of ``detect``, of the image that was learnt last."""
        bits = found.bits
        foreground = keep_watched(bits, self._watched)
        self._seen += 1
        if self._seen <= self._settings.warmup_frames:
            return UNAVAILABLE
        if foreground > self._settings.sudden_share * self._watched_pixels:
            self._sudden += 1
            if self._sudden >= self._settings.sudden_frames:
                self._model.reset()
                self._seen = self._sudden = 0
            return UNAVAILABLE
        self._sudden = 0
        return self._people(bits, found.grey) if foreground else NOBODY

    def snapshot(self) -> DetectorState | None:
        """What was learnt so far, copied; None before the first frame, and of MOG2, which keeps it."""
        if self._shape is None or not isinstance(self._model, MixtureModel):
            return None
        return DetectorState(self._model.state(), self._seen, self._sudden)

    def restore(self, state: DetectorState) -> None:
        """Go on from a snapshot of a detector with the same settings and mask, bit for bit.

        Raises:
            ValueError: the settings are not of a mixture.
            InputError: the image of the camera's mask cannot be read.
        """
        self._start(state.mixture.shape)
        if not isinstance(self._model, MixtureModel):
            raise ValueError(f"a {self._settings.background} background cannot be restored")
        self._model.restore(state.mixture)
        self._seen, self._sudden = state.seen, state.sudden

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
        watched = ~self._mask.ignored(width, height)
        self._watched = packed(watched.view(np.uint8))
        self._size = np.array([width, height, width, height], np.float64)
        self._watched_pixels = max(1, int(np.count_nonzero(watched)))
        self._seen = self._sudden = 0

    def _people(self, bits: Bits, grey: Binary) -> Detections:
        """The blobs that have a person's size."""
        height, width = grey.shape
        pixels = width * height
        least, largest = self._settings.least_area * pixels, self._settings.largest_area * pixels
        blobs = find_blobs(bits, width, self._cleaning, least, largest)
        if not len(blobs):
            return NOBODY
        if self._settings.trim_shadows and isinstance(self._model, MixtureModel):
            for blob in blobs:
                self._trim(blob, bits, grey, self._model)
        return Detections.of((blobs[:, :4] / self._size).astype(np.float32))

    def _trim(self, blob: Blobs, bits: Bits, grey: Binary, model: MixtureModel) -> None:
        """Take a shadow off the lower end of a blob: left, top, width, height and area, updated."""
        left, top, wide, tall, _ = blob.tolist()
        part = np.s_[top : top + tall, left : left + wide]
        foreground = np.empty((tall, wide), np.uint8)
        unpack(bits, left, top, foreground)
        seen = foreground > 0
        solid = seen & ~shadowed(grey[part], model.background(left, top, wide, tall))
        whole = solid.sum(axis=1) > LEAST_SOLID * seen.sum(axis=1)
        feet = tall - int(np.argmax(whole[::-1]))
        if not whole.any() or feet < tall * (1 - MOST_SHADOW):
            return
        columns = np.flatnonzero(seen[:feet].any(axis=0))
        blob[:4] = left + columns[0], top, columns[-1] - columns[0] + 1, feet


def packed(binary: Binary) -> Bits:
    """A binary image, uint8 (height, width), as bits; what is not 0 is set."""
    bits = np.empty((words_of(binary.shape[1]), len(binary)), np.uint64)
    pack(np.ascontiguousarray(binary), bits)
    return bits


def shadowed(grey: Binary, background: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Which pixels are somewhat darker than the background, as in a soft shadow.

    Args:
        grey: uint8, the image.
        background: float32, same shape.
    """
    light = grey / np.maximum(background, 1.0)
    low, high = SHADOW
    return np.asarray((light > low) & (light < high))
