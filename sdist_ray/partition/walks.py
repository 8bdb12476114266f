"""Where people walk from one camera's view to another's: who is near, though nobody was seen in both at once.

Whoever leaves a view comes into those around it some seconds later. So cameras that are near each other have
more comings and goings within half a minute of each other than chance gives them. That tells nothing of what
overlaps; but of cameras that overlap where hardly anybody walks, it brings most together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np

from sdist_ray.occupancy.bits import popcount
from sdist_ray.partition.evidence import Moving
from sdist_ray.partition.grouping import Floats, Ints, Labels
from sdist_ray.partition.screening_kernels import PERIOD
from sdist_ray.partition.strategy import require

BIN = 4
"""Samples; comings and goings are counted in bins of so many."""
BINS = 64 // BIN
"""Of a word."""
NEARNESS = np.rint(16 * np.exp(-np.abs(np.arange(-16, 17)) * BIN / 20)).astype(np.int64)
"""What two are worth that are so many bins apart: a third at 20 s; whole numbers, so that sums are exact."""
FADES = 0.95
"""What is left of a pair's nearness when it is not asked again."""
NOTHING = 1e-6
SMALLEST = 12
"""Cameras; a group of no more is not too large for any network."""


@dataclass(frozen=True)
class WalkSettings:
    """Which cameras are near each other, and what comes of it.

    Attributes:
        least_walks: standard deviations beyond chance, above which a pair is near.
        near: cameras of a group that nearness makes.
        near_at_first: the same, until there is footage enough for other evidence.
        near_share: a group that nearness makes has this share of all cameras at most, at first twice that, or
            12 cameras: groups of so many are a like share of what counting all pairs costs.
        district: cameras that are held against each other; in a network of more, districts change every time.
        walks_up_to: cameras; in a network of more, nobody is asked: districts would seldom hold neighbours.
    """

    least_walks: float = 3.5
    near: int = 24
    near_at_first: int = 60
    near_share: float = 0.03
    district: int = 2000
    walks_up_to: int = 5000

    def __post_init__(self) -> None:
        require("least_walks", self.least_walks, 0 <= self.least_walks <= 1e9, "0 or more")
        for name in ("near", "near_at_first"):
            value = getattr(self, name)
            require(name, value, 1 <= value <= 1_000_000_000, "1 or more")
        require("near_share", self.near_share, 0 <= self.near_share <= 1, "0 to 1")
        require("walks_up_to", self.walks_up_to, self.walks_up_to >= 0, "0 or more")
        require("district", self.district, 2 <= self.district <= 10_000, "2 to 10000")

    def most(self, cameras: int, at_first: bool) -> int:
        """Cameras of a group that nearness makes, in a network of so many."""
        size, share = (self.near_at_first, 2.0) if at_first else (self.near, 1.0)
        return min(size, max(SMALLEST, round(share * self.near_share * cameras)))


class Walks:
    """Pairs of cameras that are near each other, as far as people's walks tell.

    Args:
        cameras: of the network.
        settings: which are.
        random: draws districts.

    Attributes:
        pairs: int64, lower * cameras + higher, ascending.
        deviations: float64, of each, see ``nearness``; those that were not asked again fade.
    """

    def __init__(self, cameras: int, settings: WalkSettings, random: np.random.Generator) -> None:
        self._cameras, self._settings, self._random = cameras, settings, random
        self.pairs: Ints = np.empty(0, np.int64)
        self.deviations: Floats = np.empty(0)

    def grow(self, cameras: int) -> None:
        """The network has more cameras; the others keep their places."""
        first, second = np.divmod(self.pairs, self._cameras)
        self._cameras = cameras
        self.pairs = first * cameras + second

    def take(self, seen: Moving, groups: Labels) -> int:
        """See what the last hours show.

        Args:
            seen: the last hours.
            groups: of cameras; those of one are in one district, as a rule.

        Returns:
            Increments that it took: bins in which somebody comes or goes, times the cameras each is held
            against.
        """
        work, pairs, deviations = 0, [], []
        district_of = np.empty(self._cameras, np.int64)
        for number, district in enumerate(self._districts(groups)):
            district_of[district] = number
            comings = np.zeros((len(district), seen.known.shape[1] * BINS))
            count_comings(seen.begins, seen.bits, district, comings)
            near = nearness(comings, PERIOD * BINS)
            first, second = np.nonzero(np.triu(near > self._settings.least_walks, 1))
            a, b = district[first], district[second]
            pairs.append(np.minimum(a, b) * self._cameras + np.maximum(a, b))
            deviations.append(near[first, second])
            work += int(np.count_nonzero(comings) * (len(district) - 1)) // 2
        lower, higher = np.divmod(self.pairs, self._cameras)
        # What was found in other districts fades, so that it goes unless it is found again.
        apart = district_of[lower] != district_of[higher]
        faded = FADES * self.deviations
        apart &= faded > self._settings.least_walks
        found = np.concatenate([*pairs, self.pairs[apart]])
        order = np.argsort(found)
        self.pairs = found[order]
        self.deviations = np.concatenate([*deviations, faded[apart]])[order]
        return work

    def _districts(self, groups: Labels) -> list[Ints]:
        """All cameras, in parts of ``district`` at most; groups one after another, in an order by chance."""
        if self._cameras <= self._settings.district:
            return [np.arange(self._cameras)]
        turn = self._random.permutation(int(groups.max(initial=0)) + 2)
        order = np.argsort(turn[groups], kind="stable")
        return np.array_split(order, -(-self._cameras // self._settings.district))


def nearness(comings: Floats, period: int) -> Floats:
    """How much more than by chance people come and go at about the same time in two cameras.

    Args:
        comings: float64 (cameras, bins), whole numbers.
        period: bins; chance is taken within so many.

    Returns:
        float64 (cameras, cameras), symmetric: in standard deviations of what both have with all others; 0
        of a camera with itself, and where nobody comes or goes.
    """
    around = np.zeros_like(comings)
    middle = len(NEARNESS) // 2
    for apart in range(-middle, middle + 1):
        into = slice(max(0, -apart), comings.shape[1] - max(0, apart))
        of = slice(max(0, apart), comings.shape[1] - max(0, -apart))
        if of.start < comings.shape[1] and into.start < comings.shape[1]:
            around[:, into] += NEARNESS[middle + apart] * comings[:, of]
    begins = np.arange(0, comings.shape[1], period)
    length = np.diff(np.append(begins, comings.shape[1]))
    mine, others = (np.add.reduceat(part, begins, axis=1) for part in (comings, around))
    more = comings @ around.T - (mine / length) @ others.T
    spread = np.sqrt(np.maximum((comings**2).sum(axis=1) - (mine**2 / length).sum(axis=1), 0.0))
    more = _by_scale((more + more.T) / 2, spread)
    np.fill_diagonal(more, 0.0)
    return _by_scale(more, np.sqrt(more.std(axis=1)))


def _by_scale(values: Floats, scale: Floats) -> Floats:
    """Values over both their cameras' scales; 0 where those are nothing but rounding."""
    both = np.outer(scale, scale)
    return np.divide(values, both, out=np.zeros_like(values), where=both > NOTHING)


@numba.njit(cache=True, nogil=True, boundscheck=False)
def count_comings(begins, bits, cameras, comings):  # type: ignore[no-untyped-def]
    """How often somebody comes into or goes from one of a camera's blocks: runs of bits that begin in a bin.

    A run that goes on in another word counts once more.

    Args:
        begins, bits: see Moving.
        cameras: int64 (some,), which are looked at.
        comings: float64 (some, words * BINS), zeros; written.
    """
    words = comings.shape[1] // BINS
    bin_bits = np.uint64((1 << BIN) - 1)
    for row in range(cameras.shape[0]):
        for word in range(words):
            place = cameras[row] * words + word
            for k in range(begins[place], begins[place + 1]):
                starts = bits[k] & ~(bits[k] << np.uint64(1))
                for j in range(BINS):
                    comings[row, word * BINS + j] += popcount((starts >> np.uint64(BIN * j)) & bin_bits)
