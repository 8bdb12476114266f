"""The histogram method of Ellis, Makris and Black, for comparison.

"Learning a Multi-Camera Topology" (VS-PETS 2003): for every ordered pair of zones all pairs of an exit and
a later entry are counted by the time between them, whoever they were; there is a transit where the histogram
has a bin above its mean plus some deviations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sdist_ray.topology.transit.kernels import count_lags
from sdist_ray.topology.transit.nodes import Ints, Log

DEVIATIONS = 4.0
BIN_S = 2.0
LEAST = 5
"""Entries below which a bin says nothing."""


@dataclass(frozen=True)
class HistogramEdges:
    """Directed edges between cameras.

    Attributes:
        source, target: int64 (edges,), cameras.
        peak_s: float64 (edges,), the middle of the highest bin.
        score: float64 (edges,), deviations above the mean of the strongest pair of zones.
    """

    source: Ints
    target: Ints
    peak_s: npt.NDArray[np.float64]
    score: npt.NDArray[np.float64]


def histogram_edges(
    log: Log, apart: npt.NDArray[np.bool_], longest_s: float, fps: float, deviations: float = DEVIATIONS
) -> HistogramEdges:
    """The edges between cameras that do not overlap.

    Args:
        log: exits and entries; memory grows with the square of their nodes.
        apart: bool (cameras, cameras), which do not overlap.
        longest_s: the longest transit.
        fps: ticks a second.
        deviations: above the mean that a bin must be.
    """
    width = max(1, round(BIN_S * fps))
    bins = max(2, round(longest_s * fps / width))
    found: list[tuple[int, int, float, float]] = []
    for camera in range(log.cameras):
        counts = np.zeros((log.zones, bins, log.nodes), dtype=np.float32)
        for zone, of_zone in enumerate(counts):
            node = camera * log.zones + zone
            tick = log.exit_tick[log.exit_start[node] : log.exit_start[node + 1]]
            count_lags(tick, log.entry_tick, log.entry_node, 0, width, of_zone)
        mean, spread = counts.mean(axis=1), counts.std(axis=1)
        highest = counts.max(axis=1)
        above = np.where(highest >= LEAST, (highest - mean) / np.maximum(spread, 1e-9), 0.0)
        above = above.reshape(log.zones, log.cameras, log.zones)
        peak = counts.argmax(axis=1).reshape(above.shape)
        for other in np.flatnonzero(apart[camera]).tolist():
            best = np.unravel_index(above[:, other].argmax(), (log.zones, log.zones))
            score = float(above[best[0], other, best[1]])
            if score > deviations:
                found.append(
                    (camera, other, (float(peak[best[0], other, best[1]]) + 0.5) * width / fps, score)
                )
    columns = np.array(found, dtype=np.float64).reshape(-1, 4)
    return HistogramEdges(
        columns[:, 0].astype(np.int64), columns[:, 1].astype(np.int64), columns[:, 2], columns[:, 3]
    )
