"""Screening: who belongs together shows in coarse blocks, for all cameras at once and at little cost.

Every few minutes the blocks of candidate pairs of cameras are held against each other: how often do people
come and go in both at once, and how often would they by chance? What is beyond chance is the pair's evidence,
which fades. Strong evidence makes an edge, edges make groups. In a small network every pair is a candidate.
In a large one an index finds those that are worth asking: two blocks with much in common have the same first
samples in many random orders (MinHash; A. Broder, "On the resemblance and containment of documents", 1997),
and cameras once found are asked again. Cameras that are near each other, as people's walks tell, are then
counted together as well. So work and memory grow with cameras, not with their square.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from sdist_ray.occupancy.block import Words
from sdist_ray.occupancy.padding import Padding
from sdist_ray.partition.asking import Asking
from sdist_ray.partition.evidence import STRONG, Edges, EvidenceSettings, Moving, stay
from sdist_ray.partition.grouping import Ints, Labels, distinct
from sdist_ray.partition.index import MOST_TIMES, group_keys, meet
from sdist_ray.partition.screening_kernels import sketch
from sdist_ray.partition.strategy import require
from sdist_ray.partition.walks import Walks, WalkSettings

Places = npt.NDArray[np.int32]

CHANCE = 0.016
"""How much two blocks that have nothing to do with each other have in common, of all that either has."""
LEAST_ON = 4
"""Samples; a block that was hardly ever occupied has nothing in common with any other."""
ORDERS_AT_ONCE = 32
LONGEST_KEY = 4
"""Samples; 16 bits of each make a key."""


@dataclass(frozen=True)
class ScreeningSettings:
    """Which pairs of cameras are asked.

    Attributes:
        evidence: when they belong together.
        walks: when they are near each other.
        all_up_to: cameras; in a network of no more, every pair is a candidate.
        orders: random orders of the index; a multiple of 32.
        orders_at_first: the same for as long as ``kept_s``: what is found is remembered.
        by_chance: candidates of a camera, about, at most: so many first samples make a key that no more are
            found by chance, and of those that are found the ones found most often are asked.
    """

    evidence: EvidenceSettings = field(default_factory=EvidenceSettings)
    walks: WalkSettings = field(default_factory=WalkSettings)
    all_up_to: int = 500
    orders: int = 256
    orders_at_first: int = 512
    by_chance: float = 300.0

    def __post_init__(self) -> None:
        require("all_up_to", self.all_up_to, self.all_up_to >= 0, "0 or more")
        for name in ("orders", "orders_at_first"):
            orders = getattr(self, name)
            fits = orders > 0 and orders % ORDERS_AT_ONCE == 0
            require(name, orders, fits, f"a multiple of {ORDERS_AT_ONCE}")
        require("by_chance", self.by_chance, 0 < self.by_chance <= 100_000, "above 0, at most 100000")


class Screening(Asking):
    """See Strategy.

    Args:
        cameras: of the network.
        padding: of the network.
        settings: which pairs are asked.
        seed: of the index's orders.
    """

    def __init__(
        self,
        cameras: int,
        padding: Padding,
        settings: ScreeningSettings | None = None,
        seed: int = 0,
    ) -> None:
        self._settings = settings or ScreeningSettings()
        super().__init__(cameras, padding, self._settings.evidence, seed)
        self._walks = Walks(cameras, self._settings.walks, self._random)

    def _candidates(self, seen: Moving) -> Ints:
        """See Asking."""
        cameras = len(seen.known)
        if cameras > self._settings.all_up_to:
            return distinct(np.concatenate([self._evidence.pairs, self._found(seen)]))
        first, second = np.triu_indices(cameras, 1)
        return np.asarray(first.astype(np.int64) * cameras + second)

    def _near(self, seen: Moving, now: Labels, staying: Labels | None) -> Edges | None:
        """See Asking. Nearness is joined after strong evidence, and before weak."""
        cameras = len(seen.known)
        if cameras > self._settings.walks.walks_up_to:
            return None
        self.work += self._walks.take(seen, now)
        first, second = np.divmod(self._walks.pairs, cameras)
        weight = STRONG - 0.1 / (1.0 + self._walks.deviations * stay(staying, first, second))
        most = self._settings.walks.most(cameras, self._at_first)
        return Edges(first, second, weight, np.full(len(first), most, np.int64))

    def grow(self, cameras: int) -> None:
        """See Strategy."""
        super().grow(cameras)
        self._walks.grow(cameras)

    def _found(self, seen: Moving) -> Ints:
        """Pairs of cameras with blocks that are alike in most of the orders, ascending.

        Whoever goes together is found in many orders; most of what is found but once is chance.
        """
        cameras, blocks, words = seen.dense.shape
        bits = seen.dense.reshape(cameras * blocks, words)
        used = np.flatnonzero(seen.occupied.sum(axis=2).reshape(-1) >= LEAST_ON)
        orders = self._settings.orders_at_first if self._at_first else self._settings.orders
        length = self._key_length(len(used), cameras, orders)
        crowd = crowd_of(bits, used)
        camera = (used // blocks).astype(np.int32)
        rounds, keys_each = orders // ORDERS_AT_ONCE, ORDERS_AT_ONCE // length
        member = np.empty((rounds * keys_each, len(used)), np.int32)
        place = np.empty((len(used), len(member)), np.int32)
        # A power of two, twice as many as there are keys.
        ends = np.empty(1 << max(8, (2 * len(used)).bit_length()), np.int64)
        order, firsts = np.empty(len(used), np.int32), np.empty((len(used), ORDERS_AT_ONCE), np.uint16)
        for number in range(len(member)):
            key = number % keys_each
            if key == 0:
                self.work += sketch(bits, used, self._orders(crowd), firsts)
            keys = np.zeros(len(used), np.uint64)
            for j in range(key * length, (key + 1) * length):
                keys = (keys << np.uint64(16)) | firsts[:, j].astype(np.uint64)
            group_keys(keys, camera, ends, order, member[number], place[:, number])
        begins = np.searchsorted(camera, np.arange(cameras + 1))
        return often(member, place, begins, round(self._settings.by_chance * cameras))

    def _key_length(self, used: int, cameras: int, orders: int) -> int:
        """Samples of a key, so that not too many blocks have one in common by chance."""
        for length in range(1, LONGEST_KEY):
            keys = orders // ORDERS_AT_ONCE * (ORDERS_AT_ONCE // length)
            if used**2 / 2 * keys * CHANCE**length <= self._settings.by_chance * cameras:
                return length
        return LONGEST_KEY

    def _orders(self, crowd: Ints) -> npt.NDArray[np.uint16]:
        """Random orders of the samples, in which those come early at which few others are anywhere.

        Returns:
            uint16 (samples, orders), the place of every sample in each order.
        """
        draws = self._random.exponential(size=(len(crowd), ORDERS_AT_ONCE)) * (1 + crowd[:, None])
        return np.asarray(np.argsort(np.argsort(draws, axis=0), axis=0), np.uint16)


def often(member: Places, place: Places, begins: Ints, most: int) -> Ints:
    """The pairs of cameras that meet most often, about ``most`` of them: lower * cameras + higher, ascending.

    Of those that meet equally often, all or none.

    Args:
        member, place, begins: see index.meet.
        most: pairs.
    """
    times = np.zeros(MOST_TIMES + 1, np.int64)
    meet(member, place, begins, 0, times, np.empty(0, np.int64))
    # At least so often: ascending, the fewer the more often.
    at_least = np.cumsum(times[::-1])[::-1]
    least = min(int(np.count_nonzero(at_least[1:] > most)) + 1, MOST_TIMES)
    pairs = np.empty(int(at_least[least]), np.int64)
    meet(member, place, begins, least, times, pairs)
    return pairs


def crowd_of(bits: Words, used: Ints) -> Ints:
    """How many of the blocks ``used`` are occupied at every sample, int64 (samples,)."""
    crowd = np.zeros(bits.shape[1] * 64, np.int64)
    for begin in range(0, len(used), 4096):
        part = np.ascontiguousarray(bits[used[begin : begin + 4096]])
        crowd += np.unpackbits(part.view(np.uint8), axis=1, bitorder="little").sum(axis=0, dtype=np.int64)
    return crowd
