"""Links by evidence of a network whose counts are in many places: only what may be a link is gathered.

Each place judges its own directed pairs, keeps those whose score passes, and tells how their p-values are
spread: a histogram. The sum of all histograms says which p-values a pair may have at most to be a link at the
promised false-discovery rate; then only the pairs up to there are gathered, and judged exactly
(evidence.judged_links). Nothing of the size of all candidates ever is in one place, and the result is the
same however the counts are cut.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sdist_ray.occupancy.rates import Rates
from sdist_ray.topology.estimators import ESTIMATORS
from sdist_ray.topology.evidence import AT_ONCE, NetworkEvidence
from sdist_ray.topology.links import DirectedLinks, join_directed
from sdist_ray.topology.significance import BOTH_WAYS, chance

Ints = npt.NDArray[np.int64]

PER_DECADE, DECADES = 32, 60
BINS = PER_DECADE * DECADES + 1
"""Bin 0 has all p-values up to 10^-DECADES; bin b those above the bin before, up to 10^(b / PER_DECADE -
DECADES)."""


@dataclass(frozen=True)
class Screening:
    """How directed pairs are judged where they are counted.

    Attributes:
        estimator: a key of ESTIMATORS.
        threshold: C*; a score must be above it.
        fdr: the share of links that may be due to chance; None where the threshold alone decides.
        rates: of the network's cameras, in the order that numbers them.
    """

    estimator: str
    threshold: float
    fdr: float | None
    rates: Rates

    def screen(self, directed: DirectedLinks) -> Screened:
        """The pairs whose score passes, and their p-values' bins."""
        evidence, score = NetworkEvidence(self.rates), ESTIMATORS[self.estimator].score
        kept, bins = [], [np.empty(0, np.int16)]
        for first in range(0, len(directed.row), AT_ONCE):
            part = directed.where(slice(first, first + AT_ONCE))
            pairs = evidence.pairs(part.row, part.column, part.agreements, part.opportunities)
            passes = score(pairs) > self.threshold
            kept.append(part.where(passes))
            bins.append(bins_of(chance(pairs.where(passes))))
        return Screened(join_directed(kept), np.concatenate(bins))

    def last_bin(self, histogram: Ints) -> int:
        """The last bin that may have a link, of the sum of all places' histograms.

        A link's p-value is that of both directions, the greater one's to a power; so of pairs of which one
        direction is in some bin or below there are at least twice as many as links, and the bin that
        Benjamini and Hochberg's procedure ends in lies no later than for that number of links.
        """
        if self.fdr is None:
            return BINS - 1
        tested = NetworkEvidence(self.rates).tested()
        lower = np.append(0.0, 10.0 ** ((np.arange(BINS - 1) / PER_DECADE - DECADES) * BOTH_WAYS))
        # Rounding must not lose a link that is just so found.
        possible = lower * tested * (1 - 1e-6) <= self.fdr * (np.cumsum(histogram) // 2)
        possible &= histogram > 0
        return int(np.flatnonzero(possible)[-1]) if possible.any() else -1


@dataclass(frozen=True)
class Screened:
    """Directed pairs that were judged where they are counted.

    Attributes:
        directed: those whose score passes.
        bins: int16 (pairs,), of their p-values.
    """

    directed: DirectedLinks
    bins: npt.NDArray[np.int16]

    def histogram(self) -> Ints:
        """How many pairs are in each bin, int64 (BINS,)."""
        return np.bincount(self.bins, minlength=BINS).astype(np.int64)

    def up_to(self, last: int) -> DirectedLinks:
        """The pairs of all bins up to this one."""
        return self.directed.where(self.bins <= last)


def bins_of(p_values: npt.NDArray[np.float64]) -> npt.NDArray[np.int16]:
    """The bin of each p-value, int16; 0 to 1 are in bins 0 to BINS - 1."""
    decades = np.log10(np.maximum(p_values, 10.0**-DECADES)) + DECADES
    bins: npt.NDArray[np.int16] = np.clip(np.ceil(decades * PER_DECADE), 0, BINS - 1).astype(np.int16)
    return bins
