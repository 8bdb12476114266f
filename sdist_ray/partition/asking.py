"""What strategies share that ask some pairs of cameras, now and then, what the last hours show of them."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from sdist_ray.occupancy.padding import PaddedRange, Padding
from sdist_ray.partition.blocks import BlockLog, Blocks
from sdist_ray.partition.evidence import Edges, EvidenceSettings, Moving, PairEvidence, moving
from sdist_ray.partition.grouping import Ints, Labels, with_neighbours
from sdist_ray.partition.strategy import CameraLinks

SIZE_AT_FIRST = 12


class Asking(ABC):
    """See Strategy.

    Args:
        cameras: of the network.
        padding: of the network.
        settings: when cameras belong together.
        seed: of what is random.
    """

    asks_links = False

    def __init__(self, cameras: int, padding: Padding, settings: EvidenceSettings, seed: int) -> None:
        self._timing = settings
        self._log = BlockLog(cameras, Blocks(padding.grid), padding.clock, settings.kept_s)
        self._evidence = PairEvidence(cameras, settings)
        self._random = np.random.default_rng(seed)
        self._planned = self._began = 0
        self.work = 0

    @abstractmethod
    def _candidates(self, seen: Moving) -> Ints:
        """Pairs to be asked, each lower * cameras + higher, ascending."""

    def _near(self, seen: Moving, now: Labels, staying: Labels | None) -> Edges | None:
        """More pairs that are joined, if there are any.

        Args:
            seen: the last hours.
            now: who is counted together.
            staying: see PairEvidence.groups.
        """
        return None

    def begin(self, labels: Labels) -> Labels:
        """See Strategy. What is asked does not depend on it."""
        return with_neighbours(labels, SIZE_AT_FIRST)

    @property
    def _at_first(self) -> bool:
        """Whether there is no more footage than is kept."""
        return self._log.seen <= self._timing.kept_s

    @property
    def due(self) -> bool:
        """See Strategy."""
        wait_s = self._timing.cycle_s if self._at_first else self._timing.later_cycle_s
        return self._log.seen - self._planned >= wait_s

    def watch(self, padded: PaddedRange) -> None:
        """See Strategy."""
        self._log.add(padded.index, padded.occupied, padded.countable)

    def plan(self, now: Labels, links: CameraLinks) -> Labels:
        """See Strategy."""
        seen = moving(self._log)
        candidates = self._candidates(seen)
        begins = self._planned - self._began >= self._timing.kept_s
        self._began = self._planned if begins else self._began
        self.work += self._evidence.take(candidates, seen, begins)
        self._planned = self._log.seen
        # At first there is more to be learnt than to be kept.
        staying = None if self._at_first else now
        near = self._near(seen, now, staying)
        return self._evidence.groups(staying, near)

    def grow(self, cameras: int) -> None:
        """See Strategy."""
        self._log.grow(cameras)
        self._evidence.grow(cameras)
