"""One strategy on one city: how many of the pairs that overlap are counted together, and what that costs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from experiments.partitioning.visits import SharedVisits
from sdist_ray.exclusion.tile import Counting, Tile
from sdist_ray.occupancy.block import Clock
from sdist_ray.occupancy.padding import PaddedRange, Padder, Padding
from sdist_ray.partition.grouping import Labels, group_sizes, members, numbered
from sdist_ray.partition.strategy import NO_LINKS, CameraLinks, Strategy
from sdist_ray.simulation.city import City
from sdist_ray.topology.links import directed_links, join_directed, mutual_links

LEAST_M2 = 4.0
"""Ground that two cameras share before they count as overlapping."""
STARTS = ("perfect", "wrong_10", "wrong_30", "wrong_50", "random", "adversarial")
VISITS = 2
"""People in common ground, without which nothing tells overlap from chance."""
TOLERANCE = 1


@dataclass(frozen=True)
class Cycle:
    """How the network is partitioned from the end of a cycle on.

    Attributes:
        hours: since the beginning.
        coverage: of the pairs that overlap, the share that is counted together.
        findable: of the pairs that overlap, the share in whose common ground VISITS people or more have been.
        findable_coverage: of these, the share that is counted together.
        moved_coverage: of the overlapping pairs of cameras that were moved; None before the first.
        cost: increments of counting within the groups, over those of counting all pairs, during the cycle.
        work: increments of the strategy's own counting, over the same.
        pairs: sum of squared group sizes over the square of all cameras.
        largest: cameras of the largest group.
        groups: of two cameras and more.
        migrations: cameras that are in the cycle's new plan with others than before.
        all_pairs: increments of counting all pairs during the cycle.
    """

    hours: float
    coverage: float
    findable: float
    findable_coverage: float
    moved_coverage: float | None
    cost: float
    work: float
    pairs: float
    largest: int
    groups: int
    migrations: int
    all_pairs: int


class Truth:
    """Which cameras overlap, and when.

    Args:
        city: whose cameras.
        hours: how long.
    """

    def __init__(self, city: City, hours: float) -> None:
        self._a, self._b, area, self._from_s, self._until_s = city.shared
        self._counts = area >= LEAST_M2
        moved = np.zeros(city.spec.cameras, np.bool_)
        moved[city.views.camera[city.spec.cameras :]] = True
        self._new = self._counts & (self._from_s > 0) & (moved[self._a] | moved[self._b])
        self._visits = SharedVisits(city, hours)

    def coverage(self, labels: Labels, at_s: float) -> tuple[float, float, float, float | None]:
        """Coverage, findable, findable_coverage and moved_coverage of a Cycle."""
        now = self._counts & (self._from_s <= at_s) & (at_s < self._until_s)
        together = self.together(labels)
        findable = now & (self._visits.until(at_s) >= VISITS)
        new = now & self._new
        moved = float(together[new].mean()) if new.any() else None
        return (
            float(together[now].mean()),
            float(findable.sum() / now.sum()),
            _mean(together[findable]),
            moved,
        )

    def together(self, labels: Labels) -> npt.NDArray[np.bool_]:
        """Of every pair that ever overlaps, whether it is counted together."""
        return np.asarray(labels[self._a] == labels[self._b])

    def recovered(
        self, at_s: npt.NDArray[np.float64], together: npt.NDArray[np.bool_], hours: float
    ) -> dict[str, float]:
        """Of the pairs that moved cameras came to be in, how many were counted together some time after.

        Args:
            at_s: float64 (plans,), when each came.
            together: bool (plans, pairs), see ``together``.
            hours: after the move; pairs that there is less of are left out.
        """
        then = self._from_s + hours * 3600
        rows = np.flatnonzero(self._new & (then <= at_s[-1]) & (then < self._until_s))
        plan = np.searchsorted(at_s, then[rows], side="right") - 1
        found = together[np.maximum(plan, 0), rows] & (plan >= 0)
        findable = self._visits.until(np.where(np.isfinite(then), then, 0.0))[rows] >= VISITS
        return {
            "hours": hours,
            "pairs": len(rows),
            "together": _mean(found),
            "findable": _mean(findable),
            "findable_together": _mean(found[findable]),
        }


def _mean(those: npt.NDArray[np.bool_]) -> float:
    """A share; 0 of none."""
    return float(those.mean()) if len(those) else 0.0


def start_labels(city: City, kind: str, seed: int, size: int = 12) -> Labels:
    """A partitioning to begin with.

    Args:
        city: with its cameras' floors.
        kind: see STARTS. Perfect: those of a building. Wrong: so many cameras' buildings are others'.
            Random: groups of ``size``. Adversarial: one camera of every building together.
        seed: of what is random.
        size: cameras of a group, where groups are not buildings.
    """
    random = np.random.default_rng(seed)
    cameras = city.spec.cameras
    if kind == "random":
        return numbered(random.permutation(cameras) // size)
    wrong = float(kind.split("_")[1]) / 100 if kind.startswith("wrong") else 0.0
    names = [name.split("/")[0] for name in city.groups(wrong)]
    building = np.unique(names, return_inverse=True)[1]
    if kind != "adversarial":
        return numbered(building)
    # By each camera's number within its building: all first ones together, all second ones, and so on.
    order = np.argsort(building, kind="stable")
    begins = np.searchsorted(building[order], np.arange(building.max() + 1))
    within = np.empty(cameras, np.int64)
    within[order] = np.arange(cameras) - begins[building[order]]
    place = np.empty(cameras, np.int64)
    place[np.lexsort((building, within))] = np.arange(cameras)
    return numbered(place // size)


def run_trial(
    city: City, truth: Truth, strategy: Strategy, start: Labels, clock: Clock, ranges: Iterable[PaddedRange]
) -> tuple[list[Cycle], list[dict[str, float]]]:
    """What became of a network after each cycle, and of the pairs of moved cameras some hours after.

    Args:
        city: who is where.
        truth: who overlaps.
        strategy: decides.
        start: who is counted together at first.
        clock: of the network.
        ranges: the footage, see ``footage``.
    """
    windows = city.spec.grid.windows
    labels = strategy.begin(start)
    cycles, together = [], []
    counter = Counter(city.camera_ids, Padding(city.spec.grid, clock, TOLERANCE))
    ticks = np.zeros(city.spec.cameras, np.int64)
    work, end_s = 0, 0.0
    counter.count(labels if strategy.asks_links else None)
    for padded in ranges:
        words = padded.occupied
        np.add.at(ticks, words.place // windows, np.bitwise_count(words.word))
        strategy.watch(padded)
        counter.add(padded)
        end_s = (padded.index + 1) * clock.range_ticks / clock.fps
        if not strategy.due:
            continue
        sizes = np.append(group_sizes(labels), 1)
        every = max(1, int(ticks.sum())) * len(labels) * windows
        cost = float((ticks * sizes[labels]).sum() * windows / every)
        before, labels = labels, strategy.plan(labels, counter.links())
        share = (strategy.work - work) / every
        work = strategy.work
        ticks[:] = 0
        counter.count(labels if strategy.asks_links else None)
        together.append(truth.together(labels))
        seen, moved = truth.coverage(labels, end_s), migrations(before, labels)
        cycles.append(Cycle(end_s / 3600, *seen, cost, share, *_shape(labels), moved, every))
    at_s = np.array([cycle.hours * 3600 for cycle in cycles])
    after = [truth.recovered(at_s, np.array(together), float(hour)) for hour in (1, 2, 3, 4)]
    return cycles, [entry for entry in after if entry["pairs"]]


def footage(city: City, clock: Clock, hours: float) -> Iterator[PaddedRange]:
    """What a city's cameras report, from the beginning."""
    padder = Padder(Padding(city.spec.grid, clock, TOLERANCE))
    for occupancy in city.ranges(clock, round(hours * 3600 * clock.fps)):
        yield from padder.push(occupancy)
    yield from padder.flush()


def _shape(labels: Labels) -> tuple[float, int, int]:
    sizes = group_sizes(labels)
    pairs = float((sizes.astype(float) ** 2).sum()) / len(labels) ** 2
    return pairs, int(sizes.max(initial=0)), int((sizes > 1).sum())


def migrations(before: Labels, after: Labels) -> int:
    """Cameras that do not stay with most of those that they were with.

    Each new group goes on from the old one that it has most cameras of; its other cameras have moved.
    """
    staying = 0
    for group in members(after):
        staying += int(np.bincount(before[group][before[group] >= 0], minlength=1).max())
    return len(after) - staying


class Counter:
    """Exclusion within groups, for those strategies that ask what it finds."""

    def __init__(self, cameras: tuple[str, ...], padding: Padding) -> None:
        self._cameras = cameras
        self._counting = Counting(padding, "wide", "indexed")
        self._tiles: list[Tile] = []

    def count(self, labels: npt.NDArray[np.int32] | None) -> None:
        """Begin anew, with these groups."""
        groups = [] if labels is None else [group for group in members(labels) if len(group) > 1]
        names = [[self._cameras[camera] for camera in group] for group in groups]
        self._tiles = [Tile(group, group, self._counting) for group in names]

    def add(self, padded: PaddedRange) -> None:
        """Count a range."""
        for tile in self._tiles:
            tile.apply(padded, self._cameras)

    def links(self) -> CameraLinks:
        """What the groups have in common."""
        if not self._tiles:
            return NO_LINKS
        parts = [directed_links(tile, self._cameras, "nonexclusion", 0.8) for tile in self._tiles]
        windows = self._counting.padding.grid.windows
        return CameraLinks.of(mutual_links(join_directed(parts), self._cameras, windows))
