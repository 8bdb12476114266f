"""How strongly counts speak for a link: one function per estimator, one signature.

An estimator takes what is known of pairs of windows and returns scores, float64, 0 to 1, never lower for a
greater N. It reads counts and never changes them. Scores are 0 where N is 0. docs/evidence.md compares them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from sdist_ray.topology.least import least_agreements

Scores = npt.NDArray[np.float64]
Integers = npt.NDArray[np.integer[Any]]

O_REF = 20
# A table rather than a logarithm of each count: the same bits on every machine and in every order.
_CONFIDENCE = np.array([0.0] + [math.log(o) / math.log(O_REF) for o in range(1, O_REF)] + [1.0])
FLOOR = 0.3
"""Windows that agree at a smaller share of opportunities are no link to those estimators that have no other
bound: whatever their score were, most of what one sees is not what the other sees."""
LEAST_RATE = 1e-6
HIT = 0.85
"""How often a window of a true link agrees, at a typical visit: where chance alone does as much, nothing can
be told."""
AGREEING = (8.0, 1.5)
"""How often true links agree: a beta distribution, with HIT in its middle."""
PRIOR = 1e-3
"""The share of pairs of windows that are links, before anything is known."""


@dataclass(frozen=True)
class PairEvidence:
    """What is known of pairs (i, j) of windows, i's camera being a and j's b; all arrays have one shape.

    Attributes:
        agreements: N, ticks at which i is occupied, b can be counted, and the padded j is on.
        opportunities: O, ticks at which i is occupied and b can be counted; N <= O.
        visits: float64, visits that these opportunities are of; from above 0 to O.
        base_rate: float64, the share of i's opportunities at which j would be on if the two had nothing to do
            with each other, 0 to 1.
        occupied: float64, the share of b's countable ticks at which i is occupied, 0 to 1.
    """

    agreements: Integers
    opportunities: Integers
    visits: Scores
    base_rate: Scores
    occupied: Scores

    def where(self, chosen: npt.NDArray[np.bool_]) -> PairEvidence:
        """Of some of the pairs, in their order."""
        return PairEvidence(*(column[chosen] for column in vars(self).values()))


def raw(agreements: Integers, opportunities: Integers) -> Scores:
    """C = (O - E) / O, the paper's equation 1; 0 where O is 0."""
    return agreements / np.maximum(opportunities.astype(np.float64), 1.0)


def nonexclusion(agreements: Integers, opportunities: Integers) -> Scores:
    """C' = C * min(1, ln O / ln O_ref), O_ref = 20, the paper's equation 2; 0 where O is 0."""
    confidence: Scores = _CONFIDENCE[np.minimum(opportunities, O_REF)]
    return raw(agreements, opportunities) * confidence


def corrected(pairs: PairEvidence) -> Scores:
    """Agreement beyond chance, (C - q) / (1 - q) with q the base rate, times V / (V + 1) for V visits.

    (C - q) / (1 - q) is Cohen's kappa of one class. The last factor is what one more visit, of which nothing
    is known but the base rate, makes of it.
    """
    rate = np.minimum(pairs.base_rate, 1 - LEAST_RATE)
    beyond = (raw(pairs.agreements, pairs.opportunities) - rate) / (1 - rate)
    scores: Scores = np.maximum(beyond, 0.0) * (pairs.visits / (pairs.visits + 1))
    return scores


def corrected_bound(agreements: Integers, opportunities: Integers) -> Scores:
    """What ``corrected`` is at most: nobody else is ever there, and every tick is a visit."""
    bound: Scores = raw(agreements, opportunities) * (opportunities / (opportunities + 1.0))
    return bound


def floor_bound(agreements: Integers, opportunities: Integers) -> Scores:
    """1 where C is FLOOR at least."""
    return ((raw(agreements, opportunities) >= FLOOR) & (agreements > 0)).astype(np.float64)


def lift(pairs: PairEvidence) -> Scores:
    """1 - 1 / lift, the lift being C / q."""
    agreement = raw(pairs.agreements, pairs.opportunities)
    return _above_floor(pairs, 1 - _rate(pairs) / np.maximum(agreement, LEAST_RATE))


def information(pairs: PairEvidence) -> Scores:
    """Mutual information of x[i] and y[j] at a tick, over the square root of both entropies' product."""
    mutual, of_x, of_y = _information(pairs)
    return _above_floor(pairs, mutual / np.sqrt(np.maximum(of_x * of_y, LEAST_RATE**2)))


def conditional_entropy(pairs: PairEvidence) -> Scores:
    """1 - H(x[i] | y[j]) / H(x[i]): how much of what is not known of x[i] is known once y[j] is."""
    mutual, of_x, _ = _information(pairs)
    return _above_floor(pairs, mutual / np.maximum(of_x, LEAST_RATE))


def likelihood_ratio(pairs: PairEvidence) -> Scores:
    """Posterior of a link, which agrees with probability HIT at a visit, against the base rate; see PRIOR."""
    hits = raw(pairs.agreements, pairs.opportunities) * pairs.visits
    rate = _rate(pairs)
    ratio = hits * np.log(HIT / rate) + (pairs.visits - hits) * np.log((1 - HIT) / (1 - rate))
    return np.where(rate < HIT, _above_floor(pairs, _posterior(ratio)), 0.0)


def bayes(pairs: PairEvidence) -> Scores:
    """Posterior of a link, how often it agrees being beta distributed (see AGREEING), against the base rate.

    The Bayes factor is that of a beta-binomial model of visits against a binomial one.
    """
    from scipy.special import betaln  # As in significance.py: not in every process.

    hits = raw(pairs.agreements, pairs.opportunities) * pairs.visits
    misses, rate = pairs.visits - hits, _rate(pairs)
    linked = betaln(hits + AGREEING[0], misses + AGREEING[1]) - betaln(*AGREEING)
    ratio = linked - hits * np.log(rate) - misses * np.log1p(-rate)
    return np.where(rate < HIT, _above_floor(pairs, _posterior(ratio)), 0.0)


def _rate(pairs: PairEvidence) -> Scores:
    rate: Scores = np.clip(pairs.base_rate, LEAST_RATE, 1 - LEAST_RATE)
    return rate


def _posterior(log_ratio: Scores) -> Scores:
    from scipy.special import expit

    posterior: Scores = expit(log_ratio + math.log(PRIOR / (1 - PRIOR)))
    return posterior


def _above_floor(pairs: PairEvidence, scores: Scores) -> Scores:
    """Scores where windows agree beyond chance, and often enough; 0 elsewhere."""
    n, o = pairs.agreements, pairs.opportunities
    holds = (floor_bound(n, o) > 0) & (raw(n, o) > pairs.base_rate)
    return np.where(holds, np.clip(scores, 0.0, 1.0), 0.0)


def _information(pairs: PairEvidence) -> tuple[Scores, Scores, Scores]:
    """I(x; y), H(x) and H(y) in nats."""
    x, y = np.clip(pairs.occupied, 0.0, 1.0), _rate(pairs)
    both = np.minimum(x * raw(pairs.agreements, pairs.opportunities), y)
    cells = (both, x - both, y - both, np.maximum(1 - x - y + both, 0.0))
    joint = sum((_surprise(cell) for cell in cells), np.zeros_like(both))
    of_x, of_y = _surprise(x) + _surprise(1 - x), _surprise(y) + _surprise(1 - y)
    return np.maximum(of_x + of_y - joint, 0.0), of_x, of_y


def _surprise(share: Scores) -> Scores:
    """-p ln p; 0 for 0."""
    return -share * np.log(np.where(share > 0, share, 1.0))


@dataclass(frozen=True)
class Estimator:
    """A way to score pairs.

    Attributes:
        score: of pairs of which everything is known.
        bound: what the score is at most where N and O are known alone; never lower for a greater N. Stores
            are asked for the pairs whose bound passes, so nothing that passes is lost.
        exact: whether the bound is the score.
    """

    score: Callable[[PairEvidence], Scores]
    bound: Callable[[Integers, Integers], Scores]
    exact: bool = False

    @classmethod
    def of_counts(cls, function: Callable[[Integers, Integers], Scores]) -> Estimator:
        """One that needs N and O alone."""
        return cls(lambda pairs: function(pairs.agreements, pairs.opportunities), function, exact=True)


ESTIMATORS: Mapping[str, Estimator] = MappingProxyType(
    {
        "nonexclusion": Estimator.of_counts(nonexclusion),
        "raw": Estimator.of_counts(raw),
        "corrected": Estimator(corrected, corrected_bound),
        "lift": Estimator(lift, floor_bound),
        "information": Estimator(information, floor_bound),
        "conditional_entropy": Estimator(conditional_entropy, floor_bound),
        "likelihood_ratio": Estimator(likelihood_ratio, floor_bound),
        "bayes": Estimator(bayes, floor_bound),
    }
)


@dataclass(frozen=True)
class Criterion:
    """What makes a pair of windows pass: a bound of the score above C*; see following.Criterion.

    Attributes:
        estimator: a key of ESTIMATORS.
        threshold: C*, at least 0.
    """

    estimator: str
    threshold: float

    def bound(self, agreements: Integers, opportunities: Integers) -> Scores:
        """What the estimator's score is at most."""
        return ESTIMATORS[self.estimator].bound(agreements, opportunities)

    def least(self, most: int) -> npt.NDArray[np.int64]:
        """See least_agreements."""
        return least_agreements(ESTIMATORS[self.estimator].bound, self.threshold, most)

    def passes(self, agreements: Integers, opportunities: Integers) -> npt.NDArray[np.bool_]:
        """Whether the bound is above the threshold."""
        return self.bound(agreements, opportunities) > self.threshold
