"""How strongly counts speak for a link: one function per estimator, one signature.

An estimator takes agreements N and opportunities O (arrays of one shape, N <= O) and returns scores, float64,
0 to 1. It reads counts and never changes them. Scores are 0 where N is 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.float64]
Integers = npt.NDArray[np.integer[Any]]
Estimator = Callable[[Integers, Integers], Scores]

O_REF = 20
# A table rather than a logarithm of each count: the same bits on every machine and in every order.
_CONFIDENCE = np.array([0.0] + [math.log(o) / math.log(O_REF) for o in range(1, O_REF)] + [1.0])


def raw(agreements: Integers, opportunities: Integers) -> Scores:
    """C = (O - E) / O, the paper's equation 1; 0 where O is 0."""
    return agreements / np.maximum(opportunities.astype(np.float64), 1.0)


def nonexclusion(agreements: Integers, opportunities: Integers) -> Scores:
    """C' = C * min(1, ln O / ln O_ref), O_ref = 20, the paper's equation 2; 0 where O is 0."""
    confidence: Scores = _CONFIDENCE[np.minimum(opportunities, O_REF)]
    return raw(agreements, opportunities) * confidence


ESTIMATORS: Mapping[str, Estimator] = MappingProxyType({"nonexclusion": nonexclusion, "raw": raw})


def least_agreements(estimator: Estimator, threshold: float, most: int) -> npt.NDArray[np.int64]:
    """The least N that passes the threshold, for every O; how stores are asked for links.

    Args:
        estimator: never lower for a greater N.
        threshold: C*; a score must be above it.
        most: the greatest O that is asked for.

    Returns:
        int64 (most + 1,), at least 1; O + 1 where not even N = O passes.
    """
    opportunities = np.arange(most + 1, dtype=np.int64)
    # Bisection for all O at once: below ``low`` nothing passes, from ``high`` on everything does.
    low, high = np.ones_like(opportunities), opportunities + 1
    while (low < high).any():
        middle = (low + high) // 2
        passes = estimator(middle, opportunities) > threshold
        undecided = low < high
        high = np.where(undecided & passes, middle, high)
        low = np.where(undecided & ~passes, middle + 1, low)
    return np.maximum(high, 1)
