"""What is remembered of pairs of cameras while footage grows, and which of them have new evidence.

Evidence of a pair are the samples in which somebody moved in both of its views. A pair that was accepted is
refined once a quarter more has come, one that was not is searched again once it has doubled, and both when
nothing of what was looked at is in the window any more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sdist_ray.topology.ground_plane.closure import Pair
from sdist_ray.topology.ground_plane.pair import Fit
from sdist_ray.topology.ground_plane.view import Array, Ints

REFINED_AFTER = 0.25
"""More evidence, as a share of what there was, after which an accepted pair is refined."""
SEARCHED_AFTER = 1.0
GROWN = 0.25
"""More footage, likewise, after which candidates are chosen anew."""
Words = npt.NDArray[np.uint64]


class Look(NamedTuple):
    """The last time that a pair was looked at.

    Attributes:
        until: the sample after the last of the footage then.
        evidence: of the window then.
        fit: what came of it.
    """

    until: int
    evidence: int
    fit: Fit


@dataclass
class Composed:
    """What closure has tried; see ``learn``.

    Attributes:
        tried: (a, b, c): a and b through c.
        best: of every pair that was tried.
        chance: the best score of the same on footage turned in time.
    """

    tried: set[tuple[int, int, int]] = field(default_factory=set)
    best: dict[Pair, Fit] = field(default_factory=dict)
    chance: dict[Pair, float] = field(default_factory=dict)

    def forget(self, changed: set[Pair]) -> None:
        """Pairs are not what they were: what goes along them is to be tried anew, with all its ways."""
        again = {way[:2] for way in self.tried if not changed.isdisjoint(pairs_of(way))}
        self._leave({way for way in self.tried if way[:2] not in again})

    def keep(self, placed: set[Pair]) -> None:
        """Forget ways along pairs that are not placed any more."""
        self._leave({way for way in self.tried if placed.issuperset(pairs_of(way)[1:])})

    def _leave(self, tried: set[tuple[int, int, int]]) -> None:
        self.tried = tried
        pairs = {way[:2] for way in tried}
        self.best = {pair: fit for pair, fit in self.best.items() if pair in pairs}
        self.chance = {pair: score for pair, score in self.chance.items() if pair in pairs}


def pairs_of(way: tuple[int, int, int]) -> tuple[Pair, Pair, Pair]:
    """The pair that a way is for, and those that it goes along."""
    a, b, c = way
    return (a, b), (min(a, c), max(a, c)), (min(b, c), max(b, c))


class Moved:
    """In which samples somebody moved, for every camera.

    Args:
        bits: uint64 (cameras, blocks, words), see ``block_bits``.
        since: the first sample, as numbered since the beginning.
        until: the sample after the last.
    """

    def __init__(self, bits: Words, since: int, until: int) -> None:
        self._moved: Words = np.bitwise_or.reduce(bits, axis=1)
        self.since, self.until = since, until

    def together(self, pairs: Sequence[Pair], since: Ints | None = None) -> Ints:
        """Samples in which somebody moved in both: int64 (pairs,).

        Args:
            pairs: of cameras.
            since: int64 (pairs,), only from these samples on.
        """
        if not len(pairs):
            return np.empty(0, np.int64)
        a, b = np.array(pairs, np.int64).T
        both = self._moved[a] & self._moved[b]
        if since is not None:
            ahead = np.clip(since - self.since, 0, self.until - self.since)[:, None]
            bits = np.clip(ahead - 64 * np.arange(both.shape[1])[None], 0, 64)
            # A shift by 64 is none.
            gone = np.where(bits == 64, 0, bits).astype(np.uint64)
            both = np.where(bits == 64, np.uint64(0), both >> gone << gone)
        counts: Ints = np.bitwise_count(both).sum(axis=1).astype(np.int64)
        return counts


@dataclass
class Known:
    """What is known of a network's pairs; bounded by its candidates and by the pairs that were accepted.

    Attributes:
        looks: at pairs that are candidates or were accepted.
        candidates: the pairs that are worth a search, the best first.
        placed: pairs that were accepted.
        closed: those of them that were accepted through common neighbours.
        chance: float64, scores on footage turned in time.
        chosen: the sample up to which candidates were chosen and chance was asked, and the samples that
            there were; 0 where they were not.
        least, least_closed: the scores that were needed last.
        composed: what closure has tried.
        late: float64 (cameras,), samples by which clocks are late; none before anything was looked at.
    """

    looks: dict[Pair, Look] = field(default_factory=dict)
    candidates: list[Pair] = field(default_factory=list)
    placed: set[Pair] = field(default_factory=set)
    closed: set[Pair] = field(default_factory=set)
    chance: Array = field(default_factory=lambda: np.empty(0))
    chosen: tuple[int, int] = (0, 0)
    least: float = np.inf
    least_closed: float = np.inf
    composed: Composed = field(default_factory=Composed)
    late: Array = field(default_factory=lambda: np.empty(0))

    def start_again(self, late: Array) -> None:
        """Clocks are other ones: nothing holds that was looked at."""
        self.__dict__.update(Known(late=late).__dict__)

    def choose(self, moved: Moved) -> bool:
        """Whether candidates are to be chosen anew; then they are taken to be."""
        until, samples = self.chosen
        if samples and moved.until < until + GROWN * samples:
            return False
        self.chosen = moved.until, moved.until - moved.since
        return True

    def take(self, candidates: Sequence[Pair]) -> None:
        """Other pairs are worth a search now."""
        self.candidates = list(candidates)
        wanted = {*candidates, *self.placed}
        self.looks = {pair: look for pair, look in self.looks.items() if pair in wanted}

    def due(self, moved: Moved) -> tuple[list[Pair], list[Pair]]:
        """Pairs to be searched, the best first, and accepted ones to be refined: they have new evidence."""
        pairs = [*self.candidates, *sorted(self.placed.difference(self.candidates))]
        last = np.array([self.looks[p].until if p in self.looks else 0 for p in pairs], np.int64)
        fresh = moved.together(pairs, last).tolist()
        searched: list[Pair] = []
        refined: list[Pair] = []
        for pair, new in zip(pairs, fresh, strict=True):
            if pair not in self.looks:
                searched.append(pair)
                continue
            until, evidence, _ = self.looks[pair]
            after = REFINED_AFTER if pair in self.placed else SEARCHED_AFTER
            if new and (until <= moved.since or new >= after * evidence):
                (refined if pair in self.placed else searched).append(pair)
        return searched, refined

    @property
    def searched(self) -> list[Pair]:
        """Pairs that were searched and may be accepted for what came of it, ascending."""
        return sorted(pair for pair in {*self.candidates, *self.placed - self.closed} if pair in self.looks)

    def looked(self, pairs: Sequence[Pair], fits: Sequence[Fit], moved: Moved) -> None:
        """Pairs were looked at."""
        for pair, fit, evidence in zip(pairs, fits, moved.together(pairs).tolist(), strict=True):
            self.looks[pair] = Look(moved.until, evidence, fit)

    def pass_over(self, pairs: Sequence[Pair]) -> None:
        """These are not worth a search after all, unless they were searched before."""
        passed = {pair for pair in pairs if pair not in self.looks}
        self.candidates = [pair for pair in self.candidates if pair not in passed]

    def place(self, fits: Mapping[Pair, Fit], closed: set[Pair], moved: Moved) -> None:
        """These pairs are accepted now, and no others; their fits may be better than what was looked at."""
        self.placed, self.closed = set(fits), closed
        unknown = [pair for pair in fits if pair not in self.looks]
        self.looked(unknown, [fits[pair] for pair in unknown], moved)
        for pair, fit in fits.items():
            self.looks[pair] = self.looks[pair]._replace(fit=fit)
        self.composed.keep(self.placed)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """All that is known, but for what closure tried, to be kept somewhere; see ``restore``."""
        pairs = sorted(self.looks)
        names = Fit._fields[1:]
        return {
            "chosen": np.array(self.chosen, np.int64),
            "chance": self.chance,
            "late": self.late,
            "least": np.array([self.least, self.least_closed]),
            "candidates": _as_array(self.candidates),
            "placed": _as_array(sorted(self.placed)),
            "closed": _as_array(sorted(self.closed)),
            "pairs": _as_array(pairs),
            "looked": np.array([self.looks[pair][:2] for pair in pairs], np.int64).reshape(-1, 2),
            "homography": np.array([self.looks[p].fit.homography for p in pairs]).reshape(-1, 3, 3),
            **{f"fit.{name}": np.array([getattr(self.looks[p].fit, name) for p in pairs]) for name in names},
        }

    def restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Know what another one knew."""
        until, samples = arrays["chosen"].tolist()
        self.chosen, self.chance = (until, samples), arrays["chance"]
        self.least, self.least_closed = arrays["least"].tolist()
        self.late = arrays["late"]
        self.candidates = _as_pairs(arrays["candidates"])
        self.placed, self.closed = set(_as_pairs(arrays["placed"])), set(_as_pairs(arrays["closed"]))
        figures = [arrays[f"fit.{name}"].tolist() for name in Fit._fields[1:]]
        for number, pair in enumerate(_as_pairs(arrays["pairs"])):
            fit = Fit(arrays["homography"][number], *(column[number] for column in figures))
            until, evidence = arrays["looked"][number].tolist()
            self.looks[pair] = Look(until, evidence, fit)


def _as_array(pairs: Sequence[Pair]) -> Ints:
    return np.array(pairs, np.int64).reshape(-1, 2)


def _as_pairs(array: npt.NDArray[Any]) -> list[Pair]:
    return [(a, b) for a, b in array.tolist()]
