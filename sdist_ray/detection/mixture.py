"""The Stauffer-Grimson mixture of Gaussians per pixel, grey, three modes, as one fused kernel.

C. Stauffer and W. Grimson, "Adaptive background mixture models for real-time tracking", CVPR 1999, with
two customary changes: a matched mode's mean and variance learn at alpha / weight rather than at
alpha * density (the density makes them all but stand still), and alpha starts as 1 / frames, so that a few
frames make a background.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

MODES = 3
INITIAL_VARIANCE = 225.0
"""Of a mode made from a single value, grey levels squared."""


@dataclass(frozen=True)
class MixtureSettings:
    """Of the mixture model.

    Attributes:
        learning_rate: alpha, the share of the newest frame in a weight; 0 to 1.
        match_threshold: a value within this many standard deviations of a mode belongs to it.
        background_share: the fittest modes that together hold this share of the weight are background.
        variance_floor: least variance of a mode, grey levels squared.
    """

    learning_rate: float = 0.005
    match_threshold: float = 2.5
    background_share: float = 0.85
    variance_floor: float = 16.0


@numba.njit(cache=True, nogil=True, error_model="numpy", boundscheck=False)
def update_mixture(  # type: ignore[no-untyped-def]
    grey, weights, means, variances, foreground, alpha, match_variance, share, floor, initial
):
    """Learn one frame and mark its foreground, in one pass over the pixels, without branches.

    A pixel's modes are ranked by fitness weight / sigma. The fittest mode within the match threshold takes
    the value; where none does, the least fit is replaced. The value is foreground when it made a new mode,
    or when the modes fitter than its own already hold the background share.

    Args:
        grey: uint8 (pixels,), the frame.
        weights: float32 (3, pixels), sums of 1; updated.
        means: float32 (3, pixels), grey levels; updated.
        variances: float32 (3, pixels), grey levels squared; updated.
        foreground: uint8 (pixels,), written: 255 foreground, 0 background.
        alpha: float32, learning rate of this frame, 0 < alpha <= 1.
        match_variance: float32, square of the match threshold.
        share: float32, background share.
        floor: float32, least variance.
        initial: float32, variance of a new mode.
    """
    zero = np.float32(0)
    one = np.float32(1)
    for p in range(grey.shape[0]):
        x = np.float32(grey[p])
        w0, w1, w2 = weights[0, p], weights[1, p], weights[2, p]
        v0, v1, v2 = variances[0, p], variances[1, p], variances[2, p]
        d0, d1, d2 = x - means[0, p], x - means[1, p], x - means[2, p]
        s0, s1, s2 = d0 * d0, d1 * d1, d2 * d2

        # a fitter than b: w_a / sigma_a >= w_b / sigma_b, without the roots and divisions.
        f01 = w0 * w0 * v1 >= w1 * w1 * v0
        f02 = w0 * w0 * v2 >= w2 * w2 * v0
        f12 = w1 * w1 * v2 >= w2 * w2 * v1
        in0 = (s0 < match_variance * v0) & (w0 > zero)
        in1 = (s1 < match_variance * v1) & (w1 > zero)
        in2 = (s2 < match_variance * v2) & (w2 > zero)
        m0 = in0 & ((not in1) | f01) & ((not in2) | f02)
        m1 = in1 & ((not in0) | (not f01)) & ((not in2) | f12)
        m2 = in2 & ((not in0) | (not f02)) & ((not in1) | (not f12))
        new = not (m0 | m1 | m2)
        n0 = new & (not f01) & (not f02)
        n1 = new & f01 & (not f12)
        n2 = new & (not n0) & (not n1)

        fitter = (w1 if m0 & (not f01) else zero) + (w2 if m0 & (not f02) else zero)
        fitter += (w0 if m1 & f01 else zero) + (w2 if m1 & (not f12) else zero)
        fitter += (w0 if m2 & f02 else zero) + (w1 if m2 & f12 else zero)
        foreground[p] = np.uint8(255) if new | (fitter >= share) else np.uint8(0)

        keep = one - alpha
        u0 = alpha if n0 else keep * w0 + (alpha if m0 else zero)
        u1 = alpha if n1 else keep * w1 + (alpha if m1 else zero)
        u2 = alpha if n2 else keep * w2 + (alpha if m2 else zero)
        scale = one / (u0 + u1 + u2)
        weights[0, p] = u0 * scale
        weights[1, p] = u1 * scale
        weights[2, p] = u2 * scale

        matched = u0 if m0 else (u1 if m1 else (u2 if m2 else one))
        rate = alpha / max(matched, alpha)
        means[0, p] = x if n0 else means[0, p] + (rate * d0 if m0 else zero)
        means[1, p] = x if n1 else means[1, p] + (rate * d1 if m1 else zero)
        means[2, p] = x if n2 else means[2, p] + (rate * d2 if m2 else zero)
        variances[0, p] = initial if n0 else max(floor, v0 + (rate * (s0 - v0) if m0 else zero))
        variances[1, p] = initial if n1 else max(floor, v1 + (rate * (s1 - v1) if m1 else zero))
        variances[2, p] = initial if n2 else max(floor, v2 + (rate * (s2 - v2) if m2 else zero))


class MixtureModel:
    """The background of one camera, for grey images of one size."""

    def __init__(self, shape: tuple[int, int], settings: MixtureSettings) -> None:
        self._settings = settings
        pixels = shape[0] * shape[1]
        self.weights = np.zeros((MODES, pixels), dtype=np.float32)
        self.means = np.zeros((MODES, pixels), dtype=np.float32)
        self.variances = np.zeros((MODES, pixels), dtype=np.float32)
        self._foreground = np.zeros(shape, dtype=np.uint8)
        self.frames = 0
        self.reset()

    def reset(self) -> None:
        """Forget everything: the next frame is the first."""
        self.frames = 0
        self.weights[:] = 0
        self.means[:] = 0
        self.variances[:] = INITIAL_VARIANCE

    def apply(self, grey: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Learn a frame.

        Args:
            grey: uint8 (height, width), C-contiguous.

        Returns:
            uint8 (height, width), 255 where foreground; overwritten by the next call.
        """
        settings = self._settings
        self.frames += 1
        update_mixture(
            grey.reshape(-1),
            self.weights,
            self.means,
            self.variances,
            self._foreground.reshape(-1),
            np.float32(max(settings.learning_rate, 1 / self.frames)),
            np.float32(settings.match_threshold**2),
            np.float32(settings.background_share),
            np.float32(settings.variance_floor),
            np.float32(INITIAL_VARIANCE),
        )
        return self._foreground

    def background(self, left: int, top: int, width: int, height: int) -> npt.NDArray[np.float32]:
        """What a part of the image looks like when nobody is there: the weightiest modes, grey levels.

        Returns:
            float32 (height, width).
        """
        shape = (MODES, *self._foreground.shape)
        part = (slice(None), slice(top, top + height), slice(left, left + width))
        weightiest = self.weights.reshape(shape)[part].argmax(axis=0)
        grey: npt.NDArray[np.float32] = np.take_along_axis(
            self.means.reshape(shape)[part], weightiest[None], axis=0
        )[0]
        return grey
