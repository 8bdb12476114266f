"""How alike two people look, as evidence that they are one: the user's embeddings, weighed by themselves.

What a similarity is worth differs from model to model and from site to site, so it is learnt while
tracking goes on: from pairs that are one person (a person whom several cameras see, or who is seen again
by the camera that follows them) and from pairs that are not (two people at the same instant). The evidence is
the ratio of the two densities.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

ENOUGH = 30
"""Pairs of each kind, below which looks say nothing."""
MOST = 2000.0
"""What is older than so many pairs is forgotten."""
MOST_NATS = 6.0
LEAST_SPREAD = 0.01


@dataclass
class Spread:
    """Mean and variance of similarities that come one by one."""

    count: float = 0.0
    mean: float = 0.0
    variance: float = 0.0

    def add(self, value: float) -> None:
        """One more."""
        self.count = min(self.count + 1, MOST)
        off = value - self.mean
        self.mean += off / self.count
        self.variance += (off * (value - self.mean) - self.variance) / self.count

    def log_density(self, value: float) -> float:
        """Of a normal distribution."""
        spread = max(math.sqrt(self.variance), LEAST_SPREAD)
        return -0.5 * ((value - self.mean) / spread) ** 2 - math.log(spread)


@dataclass
class Looks:
    """What similarities are worth.

    Attributes:
        same_across: of one person as several cameras see them.
        same_again: of one person as one camera sees them at different times.
        different: of two people.
    """

    same_across: Spread = field(default_factory=Spread)
    same_again: Spread = field(default_factory=Spread)
    different: Spread = field(default_factory=Spread)

    def evidence(self, one: Floats | None, other: Floats | None) -> float:
        """Nats for one person rather than two; 0 where looks are not known, or not yet worth anything.

        Args:
            one, other: (d,), of length 1, or None.
        """
        if one is None or other is None or self.different.count < ENOUGH:
            return 0.0
        same = self.same_across if self.same_across.count >= ENOUGH else self.same_again
        if same.count < ENOUGH or same.mean <= self.different.mean:
            return 0.0
        # More alike than one person usually is says no less than that; the same for two.
        value = min(max(float(one @ other), self.different.mean), same.mean)
        nats = same.log_density(value) - self.different.log_density(value)
        return min(max(nats, -MOST_NATS), MOST_NATS)


def of_length_one(look: Floats) -> Floats | None:
    """An embedding scaled to length 1, float64; None for one that is zero or not finite."""
    look = np.asarray(look, dtype=np.float64)
    length = float(np.linalg.norm(look))
    if not math.isfinite(length) or length < 1e-12:
        return None
    scaled: Floats = look / length
    return scaled
