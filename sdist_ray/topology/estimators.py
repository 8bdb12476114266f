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
