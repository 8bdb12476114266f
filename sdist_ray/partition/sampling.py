"""Sampling: each cycle some of all pairs of cameras are screened, in turn, and those that were found.

A budget for what is asked, without an index: it takes more cycles until all pairs had their turn, and each
costs as much as it may. What a large network loses by it is time; see screening for what does not.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from sdist_ray.occupancy.padding import Padding
from sdist_ray.partition.asking import Asking
from sdist_ray.partition.evidence import EvidenceSettings, Moving
from sdist_ray.partition.grouping import Ints
from sdist_ray.partition.strategy import require


@dataclass(frozen=True)
class SamplingSettings:
    """Which pairs of cameras are asked.

    Attributes:
        evidence: when they belong together.
        share: of all pairs, that is asked in a cycle; above 0, at most 1.
    """

    evidence: EvidenceSettings = field(default_factory=EvidenceSettings)
    share: float = 0.1

    def __post_init__(self) -> None:
        require("share", self.share, 0 < self.share <= 1, "above 0, at most 1")


class Sampling(Asking):
    """See Strategy.

    Args:
        cameras: of the network.
        padding: of the network.
        settings: which pairs are asked.
        seed: of their order.
    """

    def __init__(
        self, cameras: int, padding: Padding, settings: SamplingSettings | None = None, seed: int = 0
    ) -> None:
        self._settings = settings or SamplingSettings()
        super().__init__(cameras, padding, self._settings.evidence, seed)
        self._order = self._random.permutation(cameras)
        self._turn = 0.0

    def _candidates(self, seen: Moving) -> Ints:
        """See Asking."""
        return np.union1d(self._evidence.pairs, self._next_pairs())

    def grow(self, cameras: int) -> None:
        """See Strategy."""
        super().grow(cameras)
        self._order = self._random.permutation(cameras)

    def _next_pairs(self) -> Ints:
        """The pairs whose turn it is: of a ring of all cameras, those so many places apart."""
        cameras = len(self._order)
        distances = cameras // 2
        count = max(1, round(self._settings.share * distances))
        apart = (round(self._turn * distances) + np.arange(count)) % distances + 1
        self._turn = (self._turn + count / max(1, distances)) % 1.0
        first = np.repeat(np.arange(cameras), len(apart))
        second = (first + np.tile(apart, cameras)) % cameras
        a, b = self._order[first], self._order[second]
        return np.unique(np.minimum(a, b) * cameras + np.maximum(a, b))
