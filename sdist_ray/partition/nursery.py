"""The paper's scheme (its section 8): a nursery, union exclusion, partitions that are reverted now and then.

1. Cameras that no bootstrap placed are in the nursery: a group of their own, counted like any other.
2. Each window of the nursery is held against the union of every partition: union exclusion.
3. Every cycle the nursery is cleared. Its cameras that exclusion links strongly found new partitions. Every
   other joins the partition from which it is least strongly excluded.
4. Then some partitions, chosen at random, are reverted: their cameras are the next cycle's nursery.

``nursery`` is faithful to it. ``against`` changes one thing: what a camera of the nursery is held against.
A large partition's union is hardly ever empty and excludes nobody, so that all newcomers go there; "base"
asks how far the union agrees beyond its own base rate, "camera" has a union for every single camera.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sdist_ray.exclusion.union import count_unions, union_words
from sdist_ray.occupancy.padding import PaddedRange, Padding
from sdist_ray.partition.grouping import Floats, Ints, Labels, bounded_groups, group_sizes, numbered
from sdist_ray.partition.strategy import CameraLinks, require
from sdist_ray.topology.estimators import nonexclusion

AGAINST = ("partition", "base", "camera")


@dataclass(frozen=True)
class NurserySettings:
    """The paper leaves all of these open.

    Attributes:
        cycle_s: seconds between two clearings.
        reverted: the share of partitions that is reverted each time, 0 to 1.
        least_links: pairs of windows that link two cameras strongly.
        most: cameras that a partition has at most when it is founded; 0 for no limit. Those that join later
            are not counted: reverting is what breaks large ones.
        against: what a nursery camera is held against; "partition" is the paper's.
    """

    cycle_s: float = 7200.0
    reverted: float = 0.25
    least_links: int = 3
    most: int = 0
    against: str = "partition"

    def __post_init__(self) -> None:
        if self.against not in AGAINST:
            raise ValueError(f"against must be one of {', '.join(AGAINST)}, not {self.against!r}")
        require("cycle_s", self.cycle_s, 0 < self.cycle_s <= 1e9, "above 0")
        require("reverted", self.reverted, 0 <= self.reverted <= 1, "0 to 1")
        require("least_links", self.least_links, self.least_links >= 1, "1 or more")
        require("most", self.most, self.most >= 0, "0 (no limit) or more")


class Nursery:
    """See Strategy. Its memory is that of a nursery's windows times the unions.

    Args:
        cameras: of the network.
        padding: grid, clock, tolerance.
        settings: what the paper leaves open.
        seed: of which partitions are reverted.
    """

    asks_links = True

    def __init__(
        self, cameras: int, padding: Padding, settings: NurserySettings | None = None, seed: int = 0
    ) -> None:
        self._settings = settings or NurserySettings()
        self._padding = padding
        self._random = np.random.default_rng(seed)
        self._cycle = max(1, round(self._settings.cycle_s * padding.clock.fps / padding.clock.range_ticks))
        self._cameras = cameras
        self._nursery = np.ones(cameras, np.bool_)
        self._partition: Labels = np.full(cameras, -1, np.int32)
        self._row_of: Labels
        self._union_of: Labels
        self.work = 0
        self._begin()

    def begin(self, labels: Labels) -> Labels:
        """See Strategy. Cameras that nobody placed are in the nursery."""
        self._partition = numbered(labels)
        self._nursery = self._partition < 0
        self._begin()
        return self.labels

    @property
    def due(self) -> bool:
        """See Strategy."""
        return self._ranges >= self._cycle

    @property
    def labels(self) -> Labels:
        """Partitions, and the nursery as one more group."""
        nursery = int(self._partition.max(initial=-1)) + 1
        return numbered(np.where(self._nursery, nursery, self._partition))

    def watch(self, padded: PaddedRange) -> None:
        """See Strategy."""
        self._ranges += 1
        unions = len(self._on)
        if not self._nursery.any() or not unions:
            return
        occupied, known = union_words(padded, self._union_of, unions)
        self._on += np.bitwise_count(occupied & known)
        self._known += np.bitwise_count(known)
        words = padded.occupied
        self.work += count_unions(
            words.place,
            words.word,
            self._padding.grid.windows,
            self._row_of,
            occupied,
            known,
            self._agreements,
            self._opportunities,
        )

    def plan(self, now: Labels, links: CameraLinks) -> Labels:
        """See Strategy."""
        self._clear(links)
        self._revert()
        self._begin()
        return self.labels

    def grow(self, cameras: int) -> None:
        """See Strategy. Newcomers are in the nursery, and held against the unions from the next cycle on."""
        more = cameras - self._cameras
        self._cameras = cameras
        self._nursery = np.concatenate([self._nursery, np.ones(more, np.bool_)])
        self._partition = np.concatenate([self._partition, np.full(more, -1, np.int32)])
        self._row_of = np.concatenate([self._row_of, np.full(more, -1, np.int32)])
        self._union_of = np.concatenate([self._union_of, np.full(more, -1, np.int32)])

    def _begin(self) -> None:
        """Count anew: the nursery's windows, and the unions that they are held against."""
        self._ranges = 0
        if self._settings.against == "camera":
            self._union_of = numbered(np.where(self._nursery, -1, np.arange(self._cameras)))
        else:
            self._union_of = self._partition
        unions = int(self._union_of.max(initial=-1)) + 1
        self._row_of = numbered(np.where(self._nursery, np.arange(self._cameras), -1))
        rows = int(self._nursery.sum()) * self._padding.grid.windows
        self._agreements, self._opportunities = np.zeros((2, rows, unions), np.int64)
        self._on, self._known = np.zeros((2, unions), np.int64)

    def _clear(self, links: CameraLinks) -> None:
        """Found partitions of nursery cameras that are linked; the others join where they may."""
        strong = (
            (links.links >= self._settings.least_links)
            & self._nursery[links.first]
            & self._nursery[links.second]
        )
        first, second, score = links.first[strong], links.second[strong], links.score[strong]
        linked = np.zeros(self._cameras, np.bool_)
        linked[first] = linked[second] = True
        founded = bounded_groups(self._cameras, first, second, score, self._settings.most or self._cameras)
        partitions = int(self._partition.max(initial=-1)) + 1
        self._partition[linked] = partitions + founded[linked]
        others = np.flatnonzero(self._nursery & (self._row_of >= 0) & ~linked)
        if len(self._on):
            best = self._scores()[self._row_of[others]]
            self._partition[others] = self._place_of_union(best.argmax(axis=1))
        else:
            # Nobody to join: each is alone until it is reverted.
            self._partition[others] = partitions + self._cameras + np.arange(len(others))
        self._nursery = self._partition < 0
        self._partition = numbered(self._partition)

    def _place_of_union(self, union: Ints) -> Labels:
        """The partitions that unions stand for."""
        if self._settings.against != "camera":
            return union.astype(np.int32)
        camera_of = np.flatnonzero(self._union_of >= 0)
        return np.asarray(self._partition[camera_of[union]])

    def _scores(self) -> Floats:
        """How little each nursery camera is excluded from each union, float64 (nursery cameras, unions)."""
        n, o = self._agreements, self._opportunities
        if self._settings.against == "partition":
            score = nonexclusion(n, o)
        else:
            base = np.clip(self._on / np.maximum(self._known, 1), 1e-9, 1 - 1e-9)
            with np.errstate(divide="ignore", invalid="ignore"):
                agree = np.where(n > 0, n * np.log(n / (o * base)), 0.0)
                differ = np.where(o > n, (o - n) * np.log((o - n) / (o * (1 - base))), 0.0)
            score = np.where(n > o * base, agree + differ, 0.0)
        # Its windows that were occupied, together.
        by_camera = score.reshape(-1, self._padding.grid.windows, score.shape[1])
        return np.asarray(by_camera.sum(axis=1))

    def _revert(self) -> None:
        """Some partitions go back to the nursery."""
        partitions = len(group_sizes(self._partition))
        count = round(self._settings.reverted * partitions)
        chosen = self._random.choice(partitions, count, replace=False) if count else np.empty(0, np.int64)
        back = np.isin(self._partition, chosen) & (self._partition >= 0)
        self._partition[back] = -1
        self._nursery |= back
        self._partition = numbered(self._partition)
