"""How strong each route is, and how long it takes: expectation and maximisation over all routes at once.

Every entry is shared out among the exits that it may have come from, every exit among the entries that it may
have gone to: who walked from a to b by way of c is explained by the routes a to c and c to b, and nothing is
left for a to b. A route's score is what entries say for it given all others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sdist_ray.topology.transit.kernels import share_entries
from sdist_ray.topology.transit.nodes import Log
from sdist_ray.topology.transit.scan import Peaks
from sdist_ray.topology.transit.spec import TransitSpec

Floats = npt.NDArray[np.float64]

FIRST_STRENGTH = 0.2
LEAST_GONE = 0.02
"""Some exits are never seen again."""
ANY_TIME = 0.02
"""Share of a route's transits that may take any time."""
TAIL = 0.03
"""Bins with less than this share of the highest do not belong to the peak."""
SLOWEST_RATE = 1e-9


@dataclass(frozen=True)
class Routes:
    """Routes and what was shared out to them.

    Attributes:
        peaks: where they lead.
        strength: float64 (routes, bins), of the last round: entries per exit and tick.
        histogram: float64 (routes, bins), transits by the time that they took, without the background.
        score: float64 (routes,), what entries say for the route, given all others.
        bin_ticks: width of a bin.
    """

    peaks: Peaks
    strength: Floats
    histogram: Floats
    score: Floats
    bin_ticks: int

    @property
    def transits(self) -> Floats:
        """How many each has, float64 (routes,)."""
        total: Floats = self.histogram.sum(axis=1)
        return total


def fit_routes(log: Log, peaks: Peaks, spec: TransitSpec, fps: float, before: Routes | None = None) -> Routes:
    """Share all entries out.

    Args:
        log: exits and entries.
        peaks: the routes, and where each stands out.
        spec: see there.
        fps: ticks a second.
        before: what was found the last time, to begin with.
    """
    bin_ticks = max(1, round(spec.bin_s * fps))
    bins = max(1, round(spec.longest_s * fps / bin_ticks))
    deviation = spec.smooth_s * fps / bin_ticks
    start = np.searchsorted(peaks.target, np.arange(log.nodes + 1)).astype(np.int64)
    of = log.exits_of(peaks.source, peaks.target)
    strength = _first_strength(peaks, bins, bin_ticks)
    _take_over(strength, peaks, before)
    watched = np.repeat(np.maximum(log.end - log.begins, 1), log.zones)
    unexplained = np.bincount(log.entry_node, minlength=log.nodes) / watched * 0.7 + SLOWEST_RATE
    sizes = np.diff(log.exit_start)
    exit_node = log.exit_node
    gone = np.full(log.nodes, 0.5)
    free, alone = np.ones(len(log.exit_tick)), np.empty(len(log.entry_tick))
    histogram, score = np.zeros((len(peaks), bins)), np.zeros(len(peaks))
    peak = np.zeros_like(histogram)
    # What each bin alone becomes: all rows are smoothed by one product.
    bells = smooth(np.eye(bins), deviation)
    for _ in range(spec.rounds):
        histogram[:], score[:] = 0.0, 0.0
        claims = np.zeros(len(log.exit_tick))
        share_entries(
            log.entry_tick, log.entry_node, log.exit_start, log.exit_tick, start, peaks.source, peaks.shift,
            bin_ticks, strength, unexplained, free, histogram, score, claims, alone,
        )  # fmt: skip
        smoothed = histogram @ bells
        floor = np.maximum(np.median(smoothed, axis=1), TAIL * smoothed.max(axis=1, initial=0.0))
        peak = np.maximum(smoothed - floor[:, None], 0.0)
        density = peak / np.maximum(peak.sum(axis=1), 1e-12)[:, None] * (1 - ANY_TIME) + ANY_TIME / bins
        strength = density * (histogram.sum(axis=1) / of / bin_ticks)[:, None]
        rates = np.bincount(log.entry_node, weights=alone, minlength=log.nodes)
        unexplained = rates / watched + SLOWEST_RATE
        before_gone = gone[exit_node]
        free = 1 / (before_gone + claims)
        gone = np.bincount(exit_node, weights=before_gone * free, minlength=log.nodes)
        gone = np.maximum(gone / np.maximum(sizes, 1), LEAST_GONE)
    share = np.divide(peak, smoothed, out=np.zeros_like(peak), where=smoothed > 0) if spec.rounds else peak
    return Routes(peaks, strength, histogram * share, score, bin_ticks)


def _first_strength(peaks: Peaks, bins: int, bin_ticks: int) -> Floats:
    """A bell over the stretch that stands out."""
    lag = (np.arange(bins) + 0.5) * bin_ticks
    middle, half = peaks.lag + peaks.width / 2, np.maximum(peaks.width / 2, bin_ticks * 2)
    bell = np.exp(-0.5 * ((lag[None] - middle[:, None]) / half[:, None]) ** 2) + 1e-6
    return np.asarray(FIRST_STRENGTH * bell / bell.sum(axis=1, keepdims=True) / bin_ticks, dtype=np.float64)


def _take_over(strength: Floats, peaks: Peaks, before: Routes | None) -> None:
    """Begin where the last search ended, with the routes that it knew."""
    if before is None or before.strength.shape[1:] != strength.shape[1:]:
        return
    known = {
        key: k
        for k, key in enumerate(
            zip(
                before.peaks.source.tolist(),
                before.peaks.target.tolist(),
                before.peaks.shift.tolist(),
                strict=True,
            )
        )
    }
    keys = zip(peaks.source.tolist(), peaks.target.tolist(), peaks.shift.tolist(), strict=True)
    for k, key in enumerate(keys):
        if key in known:
            strength[k] = before.strength[known[key]]


def smooth(histogram: Floats, deviation: float) -> Floats:
    """Each row with a bell over it, of a deviation in bins; what would fall beyond an end stays there."""
    reach = int(4 * deviation) + 1
    bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(deviation, 1e-9)) ** 2)
    bell /= bell.sum()
    padded = np.pad(histogram, ((0, 0), (reach, reach)), mode="symmetric")
    out = np.zeros_like(histogram)
    for k, weight in enumerate(bell):
        out += weight * padded[:, k : k + histogram.shape[1]]
    return out
