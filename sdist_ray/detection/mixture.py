"""The Stauffer-Grimson mixture of Gaussians per pixel, grey, three modes: one camera's background.

C. Stauffer and W. Grimson, "Adaptive background mixture models for real-time tracking", CVPR 1999, with
two customary changes: a matched mode's mean and variance learn at alpha / weight rather than at
alpha * density (the density makes them all but stand still), and alpha starts as 1 / frames, so that a few
frames make a background.

With hundreds of cameras no model stays in a cache: what counts is how many bytes a frame touches, and how
many pixels a vector holds. So all is in 16-bit numbers, see ``mixture_kernels``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sdist_ray.detection.bits import Binary, Bits, unpack, words_of
from sdist_ray.detection.mixture_kernels import (
    BLOCK,
    LIMIT_UNITS,
    MEAN_UNITS,
    MODES,
    look_at_mixture,
    update_mixture,
)

INITIAL_VARIANCE = 25.0
"""Of a mode made from a single value, grey levels squared: about a camera's noise."""
LARGEST_VARIANCE = 255.0
"""That 16 bits hold at any match threshold."""
LARGEST_MATCH_THRESHOLD = 4.0
FIRST_TOTAL = 1 << 15
"""Weight of the first frame; the weights are shares of a total of 15 to 16 bits ever after."""
MOST = 65535
ALL_AT_FIRST = 64
"""Frames that are all learnt from."""
DITHERS = (0.6180339887498949, 0.41421356237309503)
"""Multiples of them, less their whole part, fill 0 to 1 evenly however few or many are taken."""


@dataclass(frozen=True)
class MixtureSettings:
    """Of the mixture model.

    Attributes:
        learning_rate: alpha, the share of the newest frame in a weight; above 0, at most 1.
        match_threshold: a value within this many standard deviations of a mode belongs to it; at most 4.
        background_share: the fittest modes that together hold this share of the weight are background.
        variance_floor: least variance of a mode, grey levels squared; at most 255.
        learn_every: all frames are looked at, but after the first 64 only one in so many is learnt from, at a
            rate that much higher: learning moves three times the bytes of looking.
    """

    learning_rate: float = 0.005
    match_threshold: float = 2.5
    background_share: float = 0.85
    variance_floor: float = 16.0
    learn_every: int = 3


@dataclass(frozen=True)
class MixtureState:
    """All that a mixture has learnt, to be taken elsewhere. Rows are padded to whole blocks of 16 pixels.

    Attributes:
        shape: height and width of its images.
        frames: how many it has learnt since it was made or reset.
        total: what the weights are shares of, 0 to 65535.
        fittest: uint16 (3, height, blocks * 16): mean, limit (threshold² * variance) and weight of every
            pixel's fittest mode.
        others: uint16 (height, blocks, 6, 16): the same of the second mode and of the third.
    """

    shape: tuple[int, int]
    frames: int
    total: int
    fittest: npt.NDArray[np.uint16]
    others: npt.NDArray[np.uint16]


@dataclass(frozen=True)
class Step:
    """What is the same for all pixels of one frame; all 0 to 65535.

    Attributes:
        gain: what the frame adds to the weight of the mode that takes its value, and to the total.
        total: what the weights are shares of, this frame's among them.
        rate: alpha, in 1/65536.
        more_rate: twice alpha / total, in 1/65536², or the largest number where that is larger: a fittest
            mode of weight w learns at alpha (3 - 2 w), the chord of alpha / w from w = 1/2 to 1.
        dither: added to what is cut off when a change is rounded down.
    """

    gain: int
    total: int
    rate: int
    more_rate: int
    dither: int

    def numbers(self) -> tuple[np.uint16, ...]:
        """As the kernel takes them."""
        numbers = (self.gain, self.total, self.rate, self.more_rate, self.dither)
        return tuple(np.uint16(number) for number in numbers)


class MixtureModel:
    """The background of one camera, for grey images of one size: 18 bytes a pixel.

    Raises:
        ValueError: a setting is out of its range.
    """

    def __init__(self, shape: tuple[int, int], settings: MixtureSettings) -> None:
        if not (0 < settings.learning_rate <= 1 and 0 < settings.match_threshold <= LARGEST_MATCH_THRESHOLD):
            raise ValueError(f"out of range: {settings}")
        self._learning_rate = settings.learning_rate
        self._every = max(1, settings.learn_every)
        height, width = shape
        blocks = (width + BLOCK - 1) // BLOCK
        self._shape = shape
        self._fittest = np.empty((MODES, height, blocks * BLOCK), dtype=np.uint16)
        self._others = np.empty((height, blocks, 2 * MODES, BLOCK), dtype=np.uint16)
        self._padded = np.zeros((height, blocks * BLOCK), np.uint8) if width % BLOCK else None
        reach = max(1, round(settings.match_threshold**2 * LIMIT_UNITS))
        # The least limit is one that a value at the mean itself is within.
        floor = max(LIMIT_UNITS, round(min(settings.variance_floor, LARGEST_VARIANCE) * reach))
        self._numbers = (
            np.uint16(reach),
            np.float32(settings.background_share),
            np.uint16(floor),
            np.uint16(max(floor, round(INITIAL_VARIANCE * reach))),
        )
        self.reset()

    def reset(self) -> None:
        """Forget everything: the next frame is the first."""
        self.frames = 0
        self._total = 0
        # Nothing is within a limit of 0, and any other is fitter than one without weight.
        self._fittest[:] = 0
        self._others[:] = 0

    def state(self) -> MixtureState:
        """What was learnt so far, copied."""
        fittest, others = self._fittest.copy(), self._others.copy()
        return MixtureState(self._shape, self.frames, self._total, fittest, others)

    def restore(self, state: MixtureState) -> None:
        """Go on from a state, bit for bit.

        Raises:
            ValueError: it is of images of another size.
        """
        if state.shape != self._shape:
            raise ValueError(f"a state of images of {state.shape}, not {self._shape} pixels")
        self.frames, self._total = state.frames, state.total
        self._fittest[:] = state.fittest
        self._others[:] = state.others

    def learn(self, grey: Binary, opening: int = 1) -> Bits:
        """Learn a frame.

        Args:
            grey: uint8 (height, width), C-contiguous.
            opening: side of the square that the foreground will be opened with, pixels; more than 1 spares
                the work on specks that would not outlast it.

        Returns:
            uint64 (words, height), its foreground, see detection.bits; without some of its specks where
            ``opening`` is more than 1, but equal to all of it once both are opened.
        """
        step = self.next_step()
        height, width = self._shape
        if self._padded is not None:
            self._padded[:, :width] = grey
            grey = self._padded
        bits = np.empty((words_of(width), height), np.uint64)
        fittest, others, (reach, share, floor, initial) = self._fittest, self._others, self._numbers
        if step is None:
            look_at_mixture(grey, width, fittest, others, bits, share, opening)
        else:
            numbers = step.numbers()
            update_mixture(grey, width, fittest, others, bits, *numbers, reach, share, floor, initial)
        return bits

    def next_step(self) -> Step | None:
        """Count a frame, and make room for its weight; None where it is not learnt from.

        ``learn`` calls it; tests do instead.
        """
        self.frames += 1
        every = self._every if self.frames > ALL_AT_FIRST else 1
        if self.frames % every:
            return None
        dither, other = (self.frames // every * dither % 1.0 for dither in DITHERS)
        alpha = min(1.0, max(1 - (1 - self._learning_rate) ** every, every / self.frames))
        if alpha == 1:
            self._shift(16)
            gain = self._total = FIRST_TOTAL
        else:
            shift = 0
            while (self._total >> shift) > (MOST - 1) * (1 - alpha):
                shift += 1
            if shift:
                self._shift(shift)
            gain = int(self._total * alpha / (1 - alpha) + other)
            self._total += gain
        rate = min(MOST, int(alpha * 65536 + other))
        more_rate = min(MOST, int(2 * alpha * 65536**2 / self._total + other))
        return Step(gain, self._total, rate, more_rate, int(dither * 65536))

    def _shift(self, bits: int) -> None:
        self._total >>= bits
        for weights in (self._fittest[2], self._others[:, :, 2::3]):
            if bits < 16:
                np.right_shift(weights, bits, out=weights)
            else:
                weights.fill(0)

    def apply(self, grey: Binary) -> Binary:
        """Learn a frame, see ``learn``; its foreground as uint8 (height, width), 255 or 0."""
        foreground = np.empty(grey.shape, np.uint8)
        unpack(self.learn(grey), 0, 0, foreground)
        return foreground

    def background(self, left: int, top: int, width: int, height: int) -> npt.NDArray[np.float32]:
        """What a part of the image looks like when nobody is there: the weightiest modes, grey levels.

        Returns:
            float32 (height, width).
        """
        rows = slice(top, top + height)
        modes = self.modes(rows)[..., left : left + width]
        weightiest = modes[:, 2].argmax(axis=0)[None]
        means = np.take_along_axis(modes[:, 0], weightiest, axis=0)[0]
        return np.asarray(means / np.float32(MEAN_UNITS), dtype=np.float32)

    def modes(self, rows: slice = slice(None)) -> npt.NDArray[np.uint16]:
        """Some rows' modes, uint16 (3 modes, 3, rows, width): means, limits and weights, fittest first."""
        fittest = self._fittest[:, rows]
        others = self._others[rows].transpose(2, 0, 1, 3).reshape(2, 3, *fittest.shape[1:])
        return np.concatenate([fittest[None], others])[..., : self._shape[1]]
