"""Links with what is known of their windows: scores of any estimator, confidence, how many were tested."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from sdist_ray.occupancy.rates import Rates
from sdist_ray.topology.estimators import ESTIMATORS, PairEvidence
from sdist_ray.topology.links import DirectedLinks, Links, mutual_links
from sdist_ray.topology.significance import chance, chance_both_ways, confidence

AT_ONCE = 1 << 17
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class NetworkEvidence:
    """What is known of pairs of a network's windows; these are numbered camera * windows + window."""

    def __init__(self, rates: Rates) -> None:
        self._windows = rates.visits.shape[1]
        self._visits = rates.visits.reshape(-1)
        self._occupied = rates.occupied.reshape(-1, len(self._visits))
        self._padded = rates.padded.reshape(-1, len(self._visits))
        self._countable = rates.countable
        self._occupied_ticks = self._occupied.sum(axis=0, dtype=np.int64)
        self._countable_ticks = self._countable.sum(axis=0)

    def pairs(self, row: Ints, column: Ints, agreements: Ints, opportunities: Ints) -> PairEvidence:
        """What is known of pairs with these counts; int64 arrays of one length."""
        camera = column // self._windows
        visits = self._visits[row] * opportunities / np.maximum(self._occupied_ticks[row], 1)
        occupied = self._occupied_ticks[row] / np.maximum(self._countable_ticks[row // self._windows], 1)
        parts = [slice(first, first + AT_ONCE) for first in range(0, len(row), AT_ONCE)]
        rates = [self._base_rate(row[part], column[part], camera[part]) for part in parts]
        return PairEvidence(
            agreements,
            opportunities,
            np.minimum(np.where(visits > 0, visits, 1.0), opportunities),
            np.concatenate([np.empty(0), *rates]),
            np.minimum(occupied, 1.0),
        )

    def _base_rate(self, row: Ints, column: Ints, camera: Ints) -> Floats:
        """The columns' rates by slot, weighted by when the rows are occupied; 1 where nothing is known."""
        countable, padded = self._countable[:, camera], self._padded[:, column]
        known = countable > 0
        rate = padded / np.maximum(countable, 1)
        weight = np.where(known, self._occupied[:, row], 0)
        total = weight.sum(axis=0)
        # Never together in one slot: by all that is known of the column.
        overall = np.where(known.any(axis=0), padded.sum(axis=0) / np.maximum(countable.sum(axis=0), 1), 1.0)
        mean: Floats = np.where(total > 0, (weight * rate).sum(axis=0) / np.maximum(total, 1), overall)
        return np.minimum(mean, 1.0)

    def tested(self, groups: Sequence[Sequence[int]] | None = None) -> int:
        """Pairs of windows of different cameras, both visited; where given, of cameras in one group.

        Those that a partitioned network does not count are tested too: which it counts was chosen by the
        same footage, and that was a test.
        """
        seen = (self._visits > 0).reshape(-1, self._windows).sum(axis=1)
        parts = [seen] if groups is None else [seen[list(group)] for group in groups]
        return int(sum((int(part.sum()) ** 2 - int((part**2).sum())) // 2 for part in parts))


def judged_links(
    directed: DirectedLinks,
    network: Sequence[str],
    evidence: NetworkEvidence,
    windows: int,
    estimator: str,
    threshold: float,
    fdr: float | None = None,
) -> Links:
    """The pairs that pass in both directions, with their scores and confidence.

    Args:
        directed: of all tiles, each ordered pair at most once: at least all that pass.
        network: all camera ids, sorted.
        evidence: of these cameras, in this order.
        windows: windows per camera.
        estimator: a key of ESTIMATORS.
        threshold: C*; the scores of both directions must be above it.
        fdr: the share of links that may be due to chance; None where the threshold alone decides.
    """
    links = mutual_links(directed, network, windows)
    a, b = links.camera_a * windows + links.window_a, links.camera_b * windows + links.window_b
    score_of = ESTIMATORS[estimator].score
    counts_ab = links.opportunities_ab - links.exclusions_ab, links.opportunities_ab
    counts_ba = links.opportunities_ba - links.exclusions_ba, links.opportunities_ba
    forth, back, p_values = np.empty((3, len(links)))
    # In pieces: what is worked on takes many times the memory of what comes of it.
    for first in range(0, len(links), AT_ONCE):
        part = slice(first, first + AT_ONCE)
        there = evidence.pairs(a[part], b[part], *(column[part] for column in counts_ab))
        here = evidence.pairs(b[part], a[part], *(column[part] for column in counts_ba))
        forth[part], back[part] = score_of(there), score_of(here)
        p_values[part] = chance_both_ways(chance(there), chance(here))
    links = replace(links, score_ab=forth, score_ba=back)
    passes = (forth > threshold) & (back > threshold)
    # A pair that fails the threshold is one that chance could always explain.
    links = replace(links.where(passes), confidence=confidence(p_values[passes], evidence.tested()))
    return links if fdr is None else links.where(links.confidence >= 1 - fdr)
