"""How likely chance alone is behind a link, and how many false ones a set of links holds.

The trials are visits, not ticks: somebody who stands in a window for a second agrees ten times, or never. N
of O ticks in V visits count as V * N / O of V agreements; the chance of as many at the base rate is the tail
of a binomial distribution, here of real numbers (the regularised incomplete beta function).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sdist_ray.topology.estimators import PairEvidence, raw

Floats = npt.NDArray[np.float64]

BOTH_WAYS = 1.25
"""On shifted footage (see topology.null) the greater p-value is below p for about p^1.5 of the pairs. This
leaves room: there were at most 0.15 p pairs at any p down to 1e-6, from 20 people for 2.5 minutes to 250."""


def chance(pairs: PairEvidence) -> Floats:
    """The p-value of each pair in one direction; 1 where N is 0. Never higher for a greater N."""
    # Takes half a second, in every process of a cluster; only those that judge links need it.
    from scipy.special import betainc

    hits = raw(pairs.agreements, pairs.opportunities) * pairs.visits
    rate = np.clip(pairs.base_rate, 0.0, 1.0)
    # The function has no value for no hits: there, as in the limit, it is 1.
    tail = betainc(np.where(hits > 0, hits, 1.0), np.maximum(pairs.visits - hits, 0.0) + 1.0, rate)
    p_values: Floats = np.where(hits > 0, tail, 1.0)
    return p_values


def chance_both_ways(forth: Floats, back: Floats) -> Floats:
    """The p-value of each pair in both directions: the greater one, to the power BOTH_WAYS.

    The greater one alone would be right whatever the directions share, but is far from it: one agrees by
    chance without the other, as y[j] is on nine times as often as x[j].
    """
    found: Floats = np.maximum(forth, back) ** BOTH_WAYS
    return found


def confidence(p_values: Floats, tested: int) -> Floats:
    """1 - the least false-discovery rate at which each pair is found (Benjamini and Hochberg).

    Those of at least 1 - a are expected to hold a share of at most a that is due to chance.

    Args:
        p_values: of some pairs; all others' are taken to be greater than these.
        tested: how many pairs there are in all, these included.

    Returns:
        float64, 0 to 1, the shape of p_values; equal p-values have equal confidence.
    """
    # Equal ones in any order: all have what the last of them has.
    order = np.argsort(p_values)
    ranked = p_values[order] * max(tested, len(order)) / np.arange(1, len(order) + 1)
    rates = np.minimum(np.minimum.accumulate(ranked[::-1])[::-1], 1.0)
    found = np.empty(len(order))
    found[order] = 1.0 - rates
    return found
