"""What is known of pairs of cameras, from cycle to cycle; few pairs of all, so that it is kept sparsely."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sdist_ray.occupancy.block import Words
from sdist_ray.partition.blocks import BlockLog
from sdist_ray.partition.grouping import Floats, Ints, Labels, bounded_groups, distinct
from sdist_ray.partition.screening_kernels import PERIOD, keep_changes, score_pairs, sum_up
from sdist_ray.partition.strategy import require

OLD = 0.25
"""How much evidence from before the last stretch counts for who is joined first."""
STRONG = 2.0
"""Weights of strong evidence are above it."""
STAY = 1.5
"""What counts for two cameras that are counted together already is worth so many times as much."""


@dataclass(frozen=True)
class EvidenceSettings:
    """When cameras belong together.

    Attributes:
        kept_s: seconds of footage that evidence is taken from.
        cycle_s: seconds after which it is taken anew, until there are ``kept_s`` of it.
        later_cycle_s: the same, from then on.
        least_gain: of two blocks, nats; less is chance.
        keep: the share of its evidence that a pair keeps from one ``kept_s`` to the next.
        certain: nats; more is as good.
        least_evidence: of an edge, nats, beyond the logarithm of how often a camera might find one by chance:
            the network's cameras times the stretches of footage that are remembered.
        weak_evidence: nats; a pair of more is joined too where that makes a group of few.
        few: cameras of such a group.
        neighbours: an edge is among so many of the strongest of both its cameras.
        remembered: of a camera, its strongest pairs; others are forgotten.
        most: cameras of a group.
    """

    kept_s: int = 7200
    cycle_s: int = 1200
    later_cycle_s: int = 2400
    least_gain: float = 4.0
    keep: float = 0.8
    certain: float = 50.0
    least_evidence: float = 0.0
    weak_evidence: float = 2.0
    few: int = 10
    neighbours: int = 16
    remembered: int = 24
    most: int = 30

    def __post_init__(self) -> None:
        # Samples of a log are numbered in 16 bits.
        require("kept_s", self.kept_s, 1 <= self.kept_s <= 65_000, "1 to 65000")
        for name in ("cycle_s", "later_cycle_s", "few", "neighbours", "remembered", "most"):
            value = getattr(self, name)
            require(name, value, 1 <= value <= 1_000_000_000, "1 or more")
        require("keep", self.keep, 0 <= self.keep <= 1, "0 to 1")
        for name in ("least_gain", "certain", "least_evidence", "weak_evidence"):
            value = getattr(self, name)
            require(name, value, 0 <= value <= 1e9, "0 or more")


class Moving(NamedTuple):
    """When people come and go, as a log shows it; words are in the order of time, and grouped in periods.

    The words in which anyone does are there a second time, camera by camera, word by word, block by block.

    Attributes:
        dense: uint64 (cameras, blocks, words).
        begins: int64 (cameras * words + 1,), where a camera's word begins in the next two.
        block: int16 (n,).
        bits: uint64 (n,), none of them zero.
        occupied: int32 (cameras, blocks, periods), set bits.
        visits: int32, same shape, see visits_of.
        known: uint64 (cameras, words), see BlockLog.
    """

    dense: Words
    begins: Ints
    block: npt.NDArray[np.int16]
    bits: Words
    occupied: npt.NDArray[np.int32]
    visits: npt.NDArray[np.int32]
    known: Words


def moving(log: BlockLog) -> Moving:
    """What a log shows of who comes and goes; a copy."""
    dense, known = log.in_time(PERIOD)
    cameras, blocks, words = dense.shape
    keep_changes(dense.reshape(-1, words))
    by_word = dense.transpose(0, 2, 1)
    camera, word, block = np.nonzero(by_word)
    begins = np.zeros(cameras * words + 1, np.int64)
    np.cumsum(np.bincount(camera * words + word, minlength=cameras * words), out=begins[1:])
    bits = by_word[camera, word, block]
    occupied, visits = np.zeros((2, cameras, blocks, -(-words // PERIOD)), np.int32)
    sum_up(begins, block, bits, occupied, visits)
    return Moving(dense, begins, block.astype(np.int16), bits, occupied, visits, known)


class Edges(NamedTuple):
    """Pairs of cameras to be joined.

    Attributes:
        first, second: int64 (edges,).
        weight: float64, what they are joined by.
        most: int64, how many cameras to, at most.
    """

    first: Ints
    second: Ints
    weight: Floats
    most: Ints


def stay(staying: Labels | None, first: Ints, second: Ints) -> Floats:
    """STAY for pairs that are in one group, 1 for others, float64 (pairs,)."""
    if staying is None:
        return np.ones(len(first))
    return np.where((staying[first] == staying[second]) & (staying[first] >= 0), STAY, 1.0)


class PairEvidence:
    """Evidence that pairs of cameras see the same ground.

    Attributes:
        pairs: int64, lower * cameras + higher, ascending.
        nats: float64, of each.

    Footage is taken in stretches as long as a log. What the last one and this one show overlaps, since a log
    moves on with time, so the more of both counts; what was before them is added.
    """

    def __init__(self, cameras: int, settings: EvidenceSettings) -> None:
        self._cameras = cameras
        self._settings = settings
        self.pairs: Ints = np.empty(0, np.int64)
        self.nats: Floats = np.empty(0)
        self._before, self._last, self._this = np.empty((3, 0))
        self._stretches = 1.0

    def grow(self, cameras: int) -> None:
        """The network has more cameras; the others keep their places."""
        first, second = np.divmod(self.pairs, self._cameras)
        self._cameras = cameras
        self.pairs = first * cameras + second

    def take(self, pairs: Ints, seen: Moving, begins: bool) -> int:
        """See what the last hours show of pairs.

        Args:
            pairs: lower * cameras + higher, ascending.
            seen: the last hours.
            begins: whether a stretch of footage ended the last time, and another begins.

        Returns:
            Increments that it took, see score_pairs.
        """
        if begins:
            self._before = np.minimum(self._settings.keep * self._before + self._last, self._settings.certain)
            self._last, self._this = self._this, np.zeros(len(self.pairs))
            self._stretches = 1 + self._settings.keep * self._stretches
        first, second = np.divmod(pairs, self._cameras)
        scores = np.empty(len(pairs))
        work = score_pairs(first, second, *seen[1:], self._settings.least_gain, scores)
        there = scores > 0
        self._add(pairs[there], scores[there])
        return int(work)

    def _add(self, pairs: Ints, scores: Floats) -> None:
        known = distinct(np.concatenate([self.pairs, pairs]))
        parts = np.zeros((3, len(known)))
        parts[:, np.searchsorted(known, self.pairs)] = self._before, self._last, self._this
        place = np.searchsorted(known, pairs)
        parts[2, place] = np.maximum(parts[2, place], scores)
        nats = np.minimum(parts[0] + np.maximum(parts[1], parts[2]), self._settings.certain)
        self.pairs, self.nats = known, nats
        ranks = self._ranks()
        worth = (nats >= 1.0) & (ranks.min(axis=0, initial=0) < self._settings.remembered)
        self.pairs, self.nats = known[worth], nats[worth]
        self._before, self._last, self._this = parts[:, worth]

    def _ranks(self) -> Ints:
        """Each pair's place among its lower and among its higher camera's, strongest first: (2, pairs)."""
        place = np.concatenate(np.divmod(self.pairs, self._cameras))
        order = np.lexsort((-np.tile(self.nats, 2), place))
        begins = np.searchsorted(place[order], np.arange(self._cameras))
        ranks = np.empty(len(place), np.int64)
        ranks[order] = np.arange(len(place)) - begins[place[order]]
        return ranks.reshape(2, -1)

    def edges(self, staying: Labels | None) -> Edges:
        """Pairs that belong together; weights of strong evidence are above STRONG, of weak up to STAY.

        They are joined by their evidence over the mean of both cameras' strongest, where what is no longer
        seen counts little: a camera that was moved is to join its new neighbours before its old ones. Weak
        evidence comes last, and makes small groups only: most of it is chance, but those cost little.
        """
        settings = self._settings
        first, second = np.divmod(self.pairs, self._cameras)
        recent = np.minimum(OLD * self._before + np.maximum(self._last, self._this), settings.certain)
        strongest = np.zeros(self._cameras)
        np.maximum.at(strongest, first, recent)
        np.maximum.at(strongest, second, recent)
        weight = recent / np.sqrt(strongest[first] * strongest[second])
        weight *= stay(staying, first, second)
        near = (self._ranks() < settings.neighbours).all(axis=0)
        chances = math.log(self._cameras * self._stretches)
        strong = self.nats > settings.least_evidence + chances
        edge = near & (strong | (self.nats > settings.weak_evidence))
        most = np.where(strong, settings.most, min(settings.few, settings.most))
        return Edges(first[edge], second[edge], np.where(strong, STRONG + weight, weight)[edge], most[edge])

    def groups(self, staying: Labels | None = None, near: Edges | None = None) -> Labels:
        """Cameras that belong together.

        Args:
            staying: who is counted together, and stays so where others are not STAY times as good; None where
                nobody need stay.
            near: more edges, of pairs that are near each other, as it seems; they are joined after those of
                strong evidence, and before those of weak.
        """
        edges = self.edges(staying)
        if near is not None:
            edges = Edges(*(np.concatenate(parts) for parts in zip(edges, near, strict=True)))
        return bounded_groups(self._cameras, *edges)
