"""Has a strategy watch a network while it is counted, and say who is to be counted together."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

import numpy as np

from sdist_ray.coordinator.events import PlanDue
from sdist_ray.errors import InputError
from sdist_ray.exclusion.tile import NEVER, Counting
from sdist_ray.occupancy.block import OccupancyRange
from sdist_ray.occupancy.padding import PaddedRange, Padder, Padding
from sdist_ray.partition.grouping import Labels, members, numbered
from sdist_ray.partition.make import StrategyChoice
from sdist_ray.partition.partitioning import Partitioning
from sdist_ray.partition.strategy import NO_LINKS, CameraLinks, Strategy
from sdist_ray.runtime.feeds import NetworkSpec
from sdist_ray.runtime.warm import warm_up_ranges
from sdist_ray.topology.links import DirectedLinks, join_directed, mutual_links

log = logging.getLogger(__name__)
T = TypeVar("T")
MOST_WAITING = 4096
"""Ranges that wait for a plan that is being made; what is older the strategy does not see."""
STRONG = "nonexclusion", 0.8
"""Which links a strategy is told of: the estimator, and its threshold."""


class Linking(Protocol):
    """Shards that can be asked; see Runtime."""

    def directed_links(
        self, network: Sequence[str], estimator: str, threshold: float, tiles: Collection[int] | None = None
    ) -> list[list[DirectedLinks] | None]:
        """See Runtime."""
        ...


class Tiles(Protocol):
    """Knows which tiles hold; see ShardLedger."""

    @property
    def tiles(self) -> frozenset[int]:
        """See ShardLedger."""
        ...


class Planner:
    """What a strategy sees and says of one network, whose cameras have names.

    Args:
        choice: which strategy.
        network: camera ids by place.
        padding: of the network.
        first: groups to begin with; None where nobody has grouped cameras.
        behind: whether plans are made in a thread of their own, so that nobody waits for them; else they hold
            from the range on after which they are due. Where a strategy fails the run ends, but behind: there
            the groups stay as they are.

    Attributes:
        partitioning: who is counted together, as far as the strategy has said.

    Raises:
        InputError: the strategy fails.
    """

    def __init__(
        self,
        choice: StrategyChoice,
        network: Sequence[str],
        padding: Padding,
        first: Partitioning | None,
        behind: bool = False,
    ) -> None:
        self._network = tuple(network)
        self._padding = padding
        self._kind = choice.kind
        self._behind = behind
        self._failed = False
        self._making: _Making | None = None
        self._waiting: deque[PaddedRange] = deque(maxlen=MOST_WAITING)
        self._seen = NEVER
        try:
            self._strategy: Strategy = choice.make(len(network), padding)
            self._labels = self._begun(first)
            if behind:
                _warm_up(choice, len(network), padding)
        except Exception as error:
            raise InputError(self._problem(error)) from error
        self.partitioning = self._named()

    def grow(self, network: Sequence[str]) -> None:
        """Cameras have joined: until the next plan they are counted with nobody."""
        more = len(network) - len(self._network)
        self._network = tuple(network)
        self._labels = np.concatenate([self._labels, np.full(more, -1, np.int32)])
        if self._making is None and not self._failed:
            self._try(lambda: self._strategy.grow(len(network)))

    def watch(self, padded: PaddedRange) -> None:
        """See a range; they come in order, and one that was seen is passed over."""
        if padded.index <= self._seen or self._failed:
            return
        self._seen = padded.index
        if self._making is not None:
            self._waiting.append(padded)
        else:
            self._try(lambda: self._strategy.watch(padded))

    def next(self, shards: Linking | None, ledger: Tiles | None) -> list[PlanDue]:
        """A plan that is to hold from now on; none where it is that of before, or none is due.

        Args:
            shards: know what exclusion has linked so far; None where nobody does any more.
            ledger: knows which tiles hold.

        Raises:
            InputError: the strategy has failed, and is not behind.
        """
        if self._failed:
            return []
        if self._making is not None:
            return self._made(self._making) if self._making.ready else []
        if not self._try(lambda: self._strategy.due):
            return []
        found = self._linked(shards, ledger) if self._strategy.asks_links else NO_LINKS
        if found is None:
            return []
        making = _Making(self._strategy, self._labels, found)
        if self._behind:
            self._making = making
            making.start()
            return []
        making.run()
        return self._made(making)

    def _made(self, making: _Making) -> list[PlanDue]:
        self._making = None
        labels = self._try(lambda: _checked(making.take(), len(making.now)))
        if labels is None:
            return []
        if len(self._network) > len(labels):
            self._try(lambda: self._strategy.grow(len(self._network)))
        while self._waiting and not self._failed:
            padded = self._waiting.popleft()
            self._try(lambda: self._strategy.watch(padded))  # noqa: B023
        # Cameras that have joined since it was asked are in none of its groups.
        self._labels = np.full(len(self._network), -1, np.int32)
        self._labels[: len(labels)] = labels
        before, self.partitioning = self.partitioning, self._named()
        return self._said(before)

    def _try(self, ask: Callable[[], T]) -> T | None:
        """What a strategy answers; None where it fails."""
        try:
            return ask()
        except Exception as error:
            if not self._behind:
                raise InputError(self._problem(error)) from error
            self._failed = True
            log.warning("%s; cameras stay in the groups that they have", self._problem(error))
            return None

    def _problem(self, error: Exception) -> str:
        said = (str(error) or type(error).__name__).splitlines()[0]
        return (
            said
            if isinstance(error, InputError)
            else (f"partition={self._kind}: the strategy fails: {type(error).__name__}: {said}")
        )

    def _linked(self, shards: Linking | None, ledger: Tiles | None) -> CameraLinks | None:
        """What is linked so far; None where a shard is not there: the next range will do."""
        assert shards is not None
        assert ledger is not None
        parts: list[DirectedLinks] = []
        for answer in shards.directed_links(self._network, *STRONG, ledger.tiles):
            if answer is None:
                return None
            parts += answer
        windows = self._padding.grid.windows
        return CameraLinks.of(mutual_links(join_directed(parts), self._network, windows))

    def _said(self, before: Partitioning | None) -> list[PlanDue]:
        return [] if self.partitioning == before else [PlanDue(self.partitioning)]

    def _begun(self, partitioning: Partitioning | None) -> Labels:
        labels = self._strategy.begin(labels_of(partitioning, self._network))
        return _checked(labels, len(self._network))

    def _named(self) -> Partitioning:
        return Partitioning(
            tuple(tuple(self._network[place] for place in group) for group in members(self._labels))
        )

    def go_on(self, held: Partitioning | None) -> list[PlanDue]:
        """Begin with the groups that another planner has left, knowing nothing of what it saw."""
        labels = self._try(lambda: self._begun(held))
        self._labels = labels_of(held, self._network) if labels is None else labels
        self.partitioning = self._named()
        return self._said(held)

    def watch_again(self, ranges: Iterable[OccupancyRange], held: Partitioning | None) -> list[PlanDue]:
        """See all that a planner before this one has seen.

        A strategy that asks for links sees nothing: what was linked then is not known any more. It goes on
        from the groups that there are.

        Args:
            ranges: all that were closed.
            held: the groups that there are.

        Returns:
            What it has said last, if it has said ``held`` before; what somebody else has said stays.
        """
        if self._strategy.asks_links:
            return self.go_on(held)
        said = {self.partitioning}
        padder = Padder(self._padding)
        for occupancy in ranges:
            for padded in padder.push(occupancy):
                self.watch(padded)
            self.next(None, None)
            said.add(self.partitioning)
        return self._said(held) if held is None or held in said else []


class _Making(threading.Thread):
    """A plan that is being made. Nobody waits for its thread, not even the interpreter's end.

    Attributes:
        now: who is counted together, as it was asked.
    """

    def __init__(self, strategy: Strategy, now: Labels, links: CameraLinks) -> None:
        super().__init__(name="planner", daemon=True)
        self.now = now
        self._strategy, self._links = strategy, links
        self._labels: Labels | None = None
        self._problem: Exception | None = None

    def run(self) -> None:
        """See Thread."""
        try:
            self._labels = self._strategy.plan(self.now, self._links)
        except Exception as error:
            self._problem = error

    @property
    def ready(self) -> bool:
        """Whether it is made, or has failed."""
        return not self.is_alive()

    def take(self) -> Labels | None:
        """What was made; raises what the strategy raised."""
        if self._problem is not None:
            raise self._problem
        return self._labels


def _checked(labels: object, cameras: int) -> Labels:
    """What a strategy has said, numbered anew; raises ValueError where that cannot be."""
    found = np.asarray(labels)
    if found.shape != (cameras,) or found.dtype.kind not in "iu":
        raise ValueError(
            f"the groups are {found.dtype} of shape {found.shape}; integers, one for each of {cameras} "
            "cameras, would be right"
        )
    return numbered(found)


class Unplanned:
    """Of a network whose groups stay as they are: nobody watches it. Else as a Planner.

    Args:
        partitioning: those groups; None where all cameras are counted together.
    """

    def __init__(self, partitioning: Partitioning | None) -> None:
        self.partitioning = partitioning

    def grow(self, network: Sequence[str]) -> None:
        """See Planner."""

    def watch(self, padded: PaddedRange) -> None:
        """See Planner."""

    def next(self, shards: Linking | None, ledger: Tiles | None) -> list[PlanDue]:
        """See Planner."""
        return []

    def go_on(self, held: Partitioning | None) -> list[PlanDue]:
        """See Planner."""
        return []

    def watch_again(self, ranges: Iterable[OccupancyRange], held: Partitioning | None) -> list[PlanDue]:
        """See Planner."""
        return []


AnyPlanner = Planner | Unplanned


def labels_of(partitioning: Partitioning | None, network: Sequence[str]) -> Labels:
    """The group of every camera, int32 (cameras,); -1 for those in none."""
    group_of: Mapping[str, int] = {}
    if partitioning is not None:
        group_of = {camera: number for number, group in enumerate(partitioning.groups) for camera in group}
    return numbered(np.array([group_of.get(camera, -1) for camera in network], np.int32))


def _warm_up(choice: StrategyChoice, cameras: int, padding: Padding) -> None:
    """Have compiled all that a strategy needs for so many cameras, before anyone waits for it."""
    strategy = choice.make(cameras, padding)
    labels = strategy.begin(np.full(cameras, -1, np.int32))
    for padded in warm_up_ranges(padding):
        strategy.watch(replace(padded, countable=np.zeros(cameras, np.uint64)))
    strategy.plan(labels, NO_LINKS)


def planner_of(
    network: NetworkSpec, cameras: Sequence[str], counting: Counting | None, behind: bool = False
) -> AnyPlanner:
    """Whoever plans a network, if anyone counts it.

    Args:
        network: as it was meant to begin.
        cameras: ids by place, as it is now.
        counting: how it is counted.
        behind: see Planner.
    """
    if network.strategy is None or counting is None:
        return Unplanned(network.partitioning)
    return Planner(network.strategy, cameras, counting.padding, network.partitioning, behind)
