"""What is known of transits: directed edges between cameras, and where somebody who left is seen next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sdist_ray.topology.transit.fit import Routes
from sdist_ray.topology.transit.nodes import Ints, Log
from sdist_ray.topology.transit.spec import TransitSpec

Floats = npt.NDArray[np.float64]

LEAST_EXITS = 10
"""Exits of a zone below which the whole camera is asked."""
TAIL_FROM = 1.0


@dataclass(frozen=True)
class NextCamera:
    """Where somebody may be seen next.

    Attributes:
        camera: index of a camera.
        probability: that it is this one.
        mean_s, from_s, until_s: seconds after leaving: the mean, and the 10th and 90th percentile.
    """

    camera: int
    probability: float
    mean_s: float
    from_s: float
    until_s: float


@dataclass(frozen=True)
class Transits:
    """Directed edges, sorted by source and target, and a Markov model over the cameras.

    Attributes:
        source, target: int64 (edges,), indices of cameras that do not overlap.
        transits: float64 (edges,), parties that walked, as far as they were told apart.
        probability: float64 (edges,), share of the source's exits that come to the target next.
        per_hour: float64 (edges,), of the time that both cameras were available.
        mean_s, p10_s, p90_s: float64 (edges,), how long it takes, from the last sight to the first.
        score: float64 (edges,), what entries say for both directions, given all other edges, in nats.
        p_value: float64 (edges,), how often chance gives that score to a pair of cameras.
        histogram: float64 (edges, bins), transits by the time that they took.
        bin_s: width of a bin, seconds.
        bin_ticks: the same, ticks.
        returns: float64 (cameras,), share of exits that come back to the same camera next.
        zone: int64 (windows,), the zone of every window.
        zone_exits: float64 (cameras * zones,), exits from every zone.
        zone_source: int64 (ways,), zones that people leave from, camera * zones + zone.
        zone_target: int64 (ways,), zones that they come to.
        zone_transits: float64 (ways,); zone_histogram: float64 (ways, bins).
    """

    source: Ints
    target: Ints
    transits: Floats
    probability: Floats
    per_hour: Floats
    mean_s: Floats
    p10_s: Floats
    p90_s: Floats
    score: Floats
    p_value: Floats
    histogram: Floats
    bin_s: float
    bin_ticks: int
    returns: Floats
    zone: Ints
    zone_exits: Floats
    zone_source: Ints
    zone_target: Ints
    zone_transits: Floats
    zone_histogram: Floats

    def __len__(self) -> int:
        return len(self.source)

    @property
    def cameras(self) -> int:
        """How many there are."""
        return len(self.returns)

    def transition_matrix(self) -> Floats:
        """float64 (cameras, cameras + 1): where exits lead next; the last column is out of the network.

        Rows sum to 1. The diagonal has those who come back to the camera that they left.
        """
        matrix = np.zeros((self.cameras, self.cameras + 1))
        matrix[self.source, self.target] = self.probability
        matrix[np.arange(self.cameras), np.arange(self.cameras)] = self.returns
        total = matrix.sum(axis=1)
        matrix /= np.maximum(total, 1.0)[:, None]
        matrix[:, -1] = np.maximum(1 - matrix.sum(axis=1), 0.0)
        return matrix

    def next_cameras(self, camera: int, window: int | None = None) -> list[NextCamera]:
        """Where somebody who left a camera, by a window if that is known, may be seen next; likeliest first.

        What is missing to a probability of 1 are those who come back, or are not seen again in time.
        """
        zones = int(self.zone.max()) + 1
        node = -1 if window is None else camera * zones + int(self.zone[window])
        if node < 0 or self.zone_exits[node] < LEAST_EXITS:
            rows = np.flatnonzero(self.source == camera)
            found = [(int(self.target[k]), self.probability[k], self.histogram[k]) for k in rows]
        else:
            rows = np.flatnonzero(self.zone_source == node)
            to, which = np.unique(self.zone_target[rows] // zones, return_inverse=True)
            histograms = np.zeros((len(to), self.zone_histogram.shape[1]))
            np.add.at(histograms, which, self.zone_histogram[rows])
            found = [
                (target, histogram.sum() / self.zone_exits[node], histogram)
                for target, histogram in zip(to.tolist(), histograms, strict=True)
            ]
        nexts = []
        for next_camera, share, histogram in found:
            mean, p10, p90 = transit_times(histogram[None], self.bin_s, self.bin_ticks)
            nexts.append(
                NextCamera(next_camera, min(float(share), 1.0), float(mean[0]), float(p10[0]), float(p90[0]))
            )
        return sorted(nexts, key=lambda one: (-one.probability, one.camera))


def transit_times(histogram: Floats, bin_s: float, bin_ticks: int) -> tuple[Floats, Floats, Floats]:
    """Mean, 10th and 90th percentile, seconds, of histograms (n, bins).

    A bin stands for whole ticks: its middle is that of its ticks.
    """
    bins = histogram.shape[1]
    middle = (np.arange(bins) + (bin_ticks - 1) / (2 * bin_ticks)) * bin_s
    total = np.maximum(histogram.sum(axis=1), 1e-12)
    mean: Floats = histogram @ middle / total
    p10, p90 = transit_quantiles(histogram, bin_s, (0.1, 0.9))
    return mean, p10, p90


def transit_quantiles(histogram: Floats, bin_s: float, shares: Sequence[float]) -> Floats:
    """Times that shares of the transits take at most: float64 (shares, n), seconds.

    Args:
        histogram: float64 (n, bins), transits by the time that they took.
        bin_s: width of a bin, seconds.
        shares: 0 to 1.
    """
    rows, bins = np.arange(len(histogram)), histogram.shape[1]
    total = np.maximum(histogram.sum(axis=1), 1e-12)
    cumulative = np.cumsum(histogram, axis=1) / total[:, None]
    found = np.empty((len(shares), len(histogram)))
    for k, share in enumerate(shares):
        at = np.minimum((cumulative < share).sum(axis=1), bins - 1)
        below = np.where(at > 0, cumulative[rows, at - 1], 0.0)
        inside = (share - below) / np.maximum(cumulative[rows, at] - below, 1e-12)
        found[k] = (at + np.clip(inside, 0.0, 1.0)) * bin_s
    return found


def chance(score: Floats, null: Floats, tried: int) -> Floats:
    """How often chance gives a pair a score, from scores of pairs whose exits were moved in time.

    Beyond what was seen, the null's tail is taken to be exponential, at least as heavy as a likelihood
    ratio's.

    Args:
        score: float64 (n,).
        null: float64 (m,), the null's scores that are not 0.
        tried: how many pairs the null has, those with a score of 0 among them.
    """
    tail = null[null > TAIL_FROM] - TAIL_FROM
    mean = max(1.0, float(tail.mean()) if len(tail) else 0.0)
    share = (len(tail) + 1) / (tried + 1)
    p: Floats = np.where(score > TAIL_FROM, share * np.exp(-(score - TAIL_FROM) / mean), 1.0)
    return np.minimum(p, 1.0)


def passes(p_value: Floats, tried: int, false_share: float) -> npt.NDArray[np.bool_]:
    """Benjamini and Hochberg: which p values, of ``tried`` in all, pass at a false discovery rate."""
    order = np.argsort(p_value, kind="stable")
    rank = np.arange(1, len(p_value) + 1)
    good = np.flatnonzero(p_value[order] <= false_share * rank / max(tried, 1))
    found = np.zeros(len(p_value), dtype=np.bool_)
    if len(good):
        found[order[: good[-1] + 1]] = True
    return found


def _sums(group: Ints, values: Floats, groups: int) -> Floats:
    return np.asarray(np.bincount(group, weights=values, minlength=groups), dtype=np.float64)


def make_transits(
    log: Log,
    routes: Routes,
    apart: npt.NDArray[np.bool_],
    shifts: Sequence[int],
    available_ticks: Ints,
    spec: TransitSpec,
    fps: float,
) -> Transits:
    """Edges between cameras out of routes between nodes.

    Args:
        log: exits and entries.
        routes: what was shared out to them.
        apart: bool (cameras, cameras), which do not overlap.
        shifts: of the null.
        available_ticks: int64 (cameras,), for what an hour is.
        spec: see there.
        fps: ticks a second.
    """
    peaks, cameras = routes.peaks, log.cameras
    source, target = peaks.source // log.zones, peaks.target // log.zones
    pair = np.minimum(source, target) * cameras + np.maximum(source, target)
    between = apart[source, target]
    # Both directions speak for a pair: who goes usually comes back.
    real = between & (peaks.shift == 0)
    pairs, of_pair = np.unique(pair[real], return_inverse=True)
    score = _sums(of_pair, np.maximum(routes.score[real], 0.0), len(pairs))
    moved = between & (peaks.shift > 0)
    key = pair[moved] * (max(shifts, default=0) + 1) + peaks.shift[moved]
    _, of_null = np.unique(key, return_inverse=True)
    null = _sums(of_null, np.maximum(routes.score[moved], 0.0), 0)
    tried = int(np.count_nonzero(apart)) // 2
    p_value = chance(score, null, tried * len(shifts))
    found = passes(p_value, tried, spec.false_share)
    walked = np.bincount(of_pair, weights=routes.transits[real], minlength=len(pairs))
    # What is left of a pair that others explain is chance of another kind than the null's.
    found &= (walked >= spec.least) & (score >= spec.peak)
    kept = np.flatnonzero(real)[found[of_pair]]
    by = source[kept] * cameras + target[kept]
    edges, of_edge = np.unique(by, return_inverse=True)
    a, b = edges // max(cameras, 1), edges % max(cameras, 1)
    histogram = np.zeros((len(edges), routes.histogram.shape[1]))
    np.add.at(histogram, of_edge, routes.histogram[kept])
    exits = log.exits_of_cameras(a, b)
    transits = histogram.sum(axis=1)
    place = np.searchsorted(pairs, np.minimum(a, b) * cameras + np.maximum(a, b))
    since = np.maximum(log.begins[a], log.begins[b])
    share = np.minimum(available_ticks[a], available_ticks[b]) / max(log.end - log.first, 1)
    hours = np.maximum((log.end - since) * share, 1) / fps / 3600
    bin_s = routes.bin_ticks / fps
    mean, p10, p90 = transit_times(histogram, bin_s, routes.bin_ticks)
    again = (source == target) & (peaks.shift == 0)
    back = np.bincount(source[again], weights=routes.transits[again], minlength=cameras)
    all_exits = np.add.reduceat(np.diff(log.exit_start), np.arange(0, log.nodes, log.zones))
    return Transits(
        source=a,
        target=b,
        transits=transits,
        probability=np.minimum(transits / exits, 1.0),
        per_hour=transits / hours,
        mean_s=mean,
        p10_s=p10,
        p90_s=p90,
        score=score[place],
        p_value=p_value[place],
        histogram=histogram,
        bin_s=bin_s,
        bin_ticks=routes.bin_ticks,
        returns=np.minimum(back / np.maximum(all_exits, 1), 1.0),
        zone=log.zone,
        zone_exits=np.diff(log.exit_start).astype(np.float64),
        zone_source=peaks.source[kept],
        zone_target=peaks.target[kept],
        zone_transits=routes.transits[kept],
        zone_histogram=routes.histogram[kept],
    )
