"""One pair of cameras: the homography that their tracklets speak for most, and how much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from sdist_ray.topology.ground_plane.homography import ONE, put
from sdist_ray.topology.ground_plane.hypotheses import draw, likely_pairs
from sdist_ray.topology.ground_plane.refine import (
    collect,
    delay_of,
    make_work,
    refine_once,
    score_both,
)
from sdist_ray.topology.ground_plane.view import SAMPLE_S, Array, View, Worth

NOISES = (0.07, 0.12, 0.2, 0.35, 0.6)
"""Radii that are tried, units of noise."""
NARROWING = (0.9, 0.6, 0.35)
REFINED = 60
FINALS = 4
"""Every rough homography is refined with these radii on so many tracklets, and so many of them on all."""
DELAYED, DELAYED_LEAST = 1.5, 0.2
"""Matches that say something of clocks may be so many times the noise's radius off, and so much more."""


@dataclass(frozen=True)
class FitSettings:
    """How hard is tried for a pair."""

    draws: int = 6000
    keep: int = 30
    hit_rate: float = 0.85
    rough_hit_rate: float = 0.6
    rough_radius: float = 0.6


class Fit(NamedTuple):
    """What came of a pair.

    Attributes:
        homography: float64 (3, 3), units of a to units of b.
        score: how much speaks for it, after what its freedom costs; 0 where nothing was found.
        radius: of the noise, units.
        error: root mean square of the residuals, units of noise.
        met: visits in a that were found in b, and the other way.
        judged: visits that could have been.
        pairs: of tracklets that moved at the same time.
        tested: hypotheses that were scored.
        delay: samples by which b's clock is later than a's.
    """

    homography: npt.NDArray[np.float64]
    score: float
    radius: float
    error: float
    met: float
    judged: float
    pairs: int
    tested: int
    delay: float = 0.0

    @property
    def offset_s(self) -> float:
        """Seconds by which b's clock is later than a's."""
        return SAMPLE_S * self.delay


FREEDOM = 8.0


@numba.njit(cache=True, nogil=True)
def cost_of(radius):  # type: ignore[no-untyped-def]
    """What a homography's eight numbers cost: the finer they fit, the more choices there were."""
    return FREEDOM * np.log(0.8 / radius)


@numba.njit(cache=True, nogil=True)
def polish(rough, a, b, worth_a, worth_b, widest, homography, result, work):  # type: ignore[no-untyped-def]
    """Refine a rough homography, with several radii; the best in ``homography``, its figures in ``result``.

    Args:
        rough: float64 (3, 3).
        a, b: Views.
        worth_a, worth_b: their Worths.
        widest: radius, units of noise, of the first round.
        homography: float64 (3, 3), updated where it is bettered.
        result: float64 (5,): score, radius, error, visits met, visits judged; updated likewise.
        work: see ``make_work``.
    """
    now = rough.copy()
    out = np.zeros((2, 4))
    better = False
    if widest > 0.0:
        refine_once(now, a, b, widest, ONE, work)
    for radius in NOISES[::-1]:
        for widening in (1.5, 1.0):
            refine_once(now, a, b, radius * widening, ONE, work)
        value = score_both(now, a, b, worth_a, worth_b, radius, ONE, ONE, ONE, out) - cost_of(radius)
        if out[0, 0] > 0.0 and out[1, 0] > 0.0 and value > result[0]:
            better = True
            put(now, homography)
            result[0], result[1] = value, radius
            result[3], result[4] = out[0, 2] + out[1, 2], out[0, 1] + out[1, 1]
    if better:
        count, squares = collect(homography, a, b, result[1], ONE, 0.0, work)
        result[2] = np.sqrt(squares / max(count, 1))
    return better


@numba.njit(cache=True, nogil=True)
def refine_all(found, a, b, worth_a, worth_b, work):  # type: ignore[no-untyped-def]
    """Refine rough homographies a little, on some of the tracklets; what they score, float64 (n,).

    Args:
        found: float64 (n, 3, 3), updated.
        a, b: Views.
        worth_a, worth_b: their Worths.
        work: see ``make_work``.
    """
    stride_a, stride_b = max(1, a.first.shape[0] // REFINED), max(1, b.first.shape[0] // REFINED)
    score, out = np.zeros(found.shape[0]), np.zeros((2, 4))
    for k in range(found.shape[0]):
        for radius in NARROWING:
            refine_once(found[k], a, b, radius, stride_a, work)
        score[k] = score_both(found[k], a, b, worth_a, worth_b, NARROWING[-1], ONE, stride_a, stride_b, out)
    return score


def fit_pair(
    a: View, b: View, rough: tuple[Worth, Worth], worth: tuple[Worth, Worth], settings: FitSettings, seed: int
) -> Fit:
    """Find a homography from a to b; the same for the same views, settings and seed."""
    # Not one kernel: together they take twice as long to compile, and as long to run.
    pairs, likely = likely_pairs(a, b)
    order = np.argsort(-likely, kind="stable")
    found, tested = draw(
        a, b, *rough, pairs, order, settings.draws, settings.keep, settings.rough_radius, np.uint64(seed)
    )
    homography, result, work = np.zeros((3, 3)), np.zeros(5), make_work()
    for k in np.argsort(-refine_all(found, a, b, *worth, work), kind="stable")[:FINALS]:
        polish(found[k], a, b, *worth, 0.0, homography, result, work)
    return _fit(a, b, homography, result, work, len(pairs), tested)


def _fit(
    a: View, b: View, homography: Array, result: Array, work: tuple[Array, ...], pairs: int, tested: int
) -> Fit:
    score, radius, error, met, judged = (float(value) for value in result)
    delay = 0.0
    if score > 0:
        delay = float(delay_of(homography, a, b, DELAYED * radius + DELAYED_LEAST, work))
    return Fit(homography, score, radius, error, met, judged, pairs, tested, delay)


def fit_composed(
    rough: npt.NDArray[np.float64], a: View, b: View, worth: tuple[Worth, Worth], widest: float = 1.2
) -> Fit:
    """Refine and score a homography that is known roughly."""
    homography, result, work = np.zeros((3, 3)), np.zeros(5), make_work()
    polish(rough, a, b, *worth, widest, homography, result, work)
    return _fit(a, b, homography, result, work, 0, 1)
