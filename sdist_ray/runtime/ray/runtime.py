"""Workers and shards as Ray actors, as the coordinator sees them."""

from __future__ import annotations

import logging
import secrets
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import ray
from ray.exceptions import ObjectLostError, RayActorError

from sdist_ray.coordinator.events import (
    PiecesHandedOut,
    RangeApplied,
    ShardLost,
    ShardRestored,
    SnapshotTaken,
    TilesBuilt,
    WorkerLost,
)
from sdist_ray.coordinator.instructions import BuildTiles, HandOut, TilePlan
from sdist_ray.coordinator.shards import ShardFound
from sdist_ray.exclusion.tile import Counting
from sdist_ray.occupancy.padding import PaddedRange
from sdist_ray.runtime.base import Advanced, Answer, FeedFactory, Keeping, Opened
from sdist_ray.runtime.feeds import Assignment, CameraReport, NetworkSpec
from sdist_ray.runtime.hosts import Stale
from sdist_ray.runtime.ray.published import Due, Published, put_together, take_together
from sdist_ray.topology.links import DirectedLinks
from sdist_ray.topology.screening import Screening

log = logging.getLogger(__name__)
# Its process died, or an answer was lost with its node, or it does not know this session any more.
LOST = (RayActorError, ObjectLostError, Stale)
MOST_TOGETHER = 16
"""Ranges that a shard is given with one call, of which it has two at most."""
# What makes an actor anew may be asked again and again, of the process that Ray starts in its place.
UNTIL_IT_IS_THERE = {"max_task_retries": -1}


@dataclass(frozen=True)
class Actors:
    """Handles of a network's actors."""

    workers: tuple[Any, ...]
    shards: tuple[Any, ...]


@dataclass(frozen=True)
class Setup:
    """What a coordinator needs to know; the driver keeps it in the object store of its own node.

    It is handed over by calls: what an actor's constructor is given Ray keeps only if it is small.
    """

    network: NetworkSpec
    actors: Actors
    make_feed: FeedFactory
    counting: Counting | None
    keeping: Keeping


@dataclass(frozen=True)
class _Call:
    """A call under way: whose, and what its result means; None where it means nothing.

    ``ranges`` are those that a shard is to count with it. ``begins`` says that a worker begins anew with it.
    """

    worker: int | None
    shard: int | None
    answer: Callable[[Any], Any] | None
    ranges: tuple[int, ...] = ()
    begins: bool = False


class RayRuntime:
    """See Runtime. Lives with the coordinator; the actors are the driver's and outlive it."""

    name = "ray"
    losses: tuple[type[BaseException], ...] = LOST

    def __init__(self, actors: Actors, setup: Sequence[Any]) -> None:
        self._setup = setup
        self.workers = len(actors.workers)
        self.shards = len(actors.shards)
        self._workers = actors.workers
        self._shards = actors.shards
        self._worker_session: dict[int, str] = {}
        # What a worker that begins anew is asked next. Where its node is gone, every call fails at once until
        # Ray has noticed, but for those that are made again: each would be one more loss.
        self._held: dict[int, list[tuple[str, Any, Callable[[Any], Any] | None]]] = {}
        self._shard_session: dict[int, str] = {}
        self._pending: dict[Any, _Call] = {}
        self._due: list[deque[Due]] = [deque() for _ in actors.shards]
        self._handed: dict[tuple[int, int, int], Any] = {}
        self._network: tuple[Sequence[str], Any] | None = None

    def attach(self, plans: Sequence[Sequence[TilePlan]]) -> list[ShardFound | None]:
        """See Runtime."""
        self._pending.clear()
        self._held.clear()
        self._handed.clear()
        for due in self._due:
            due.clear()
        self._worker_session.clear()
        for number in range(self.shards):
            self._shard_session[number] = secrets.token_hex(8)
        references = [
            shard.attach.options(**UNTIL_IT_IS_THERE).remote(self._shard_session[number], mine)
            for number, (shard, mine) in enumerate(zip(self._shards, plans, strict=True))
        ]
        found: list[ShardFound | None] = ray.get(references)
        return found

    def restart_worker(self, worker: int, cameras: Sequence[Assignment], after: int | None) -> None:
        """See Runtime."""
        session = self._worker_session[worker] = secrets.token_hex(8)
        method = self._workers[worker].begin.options(**UNTIL_IT_IS_THERE)
        reference = method.remote(self._setup, session, cameras, after)
        self._held[worker] = []
        self._pending[reference] = _Call(worker, None, lambda found: Opened(worker, found), begins=True)

    def open_cameras(self, worker: int, cameras: Sequence[Assignment]) -> None:
        """See Runtime."""
        self._ask_begun(worker, "open", cameras, lambda found: Opened(worker, found))

    def drop_camera(self, worker: int, camera: str) -> None:
        """See Runtime."""
        self._ask_begun(worker, "drop", camera, None)

    def advance(self, worker: int, through: int) -> None:
        """See Runtime."""
        self._ask_begun(worker, "advance", through, lambda delivery: Advanced(worker, through, delivery))

    def create_tile(self, shard: int, plan: TilePlan) -> None:
        """See Runtime."""
        self._count(shard, 0)
        reference = self._shards[shard].create_tile.remote(self._shard_session[shard], plan)
        self._ask_shard(shard, reference, None)

    def restore_shard(self, shard: int, plans: Sequence[TilePlan]) -> None:
        """See Runtime."""
        session = self._shard_session[shard] = secrets.token_hex(8)
        reference = self._shards[shard].restore.options(**UNTIL_IT_IS_THERE).remote(session, plans)
        self._ask_shard(shard, reference, lambda found: ShardRestored(shard, found.last, found.snapshots))

    def hand_out(self, instruction: HandOut) -> None:
        """See Runtime. What is handed out goes from actor to actor."""
        change, shard, target = instruction.change, instruction.shard, instruction.target
        self._count(shard, 0)
        method = self._shards[shard].hand_out_apart.options(num_returns=2)
        done, parcels = method.remote(self._shard_session[shard], instruction.pieces, instruction.until)
        self._handed[change, shard, target] = parcels
        self._ask_shard(shard, done, lambda _: PiecesHandedOut(change, shard, target))

    def build_tiles(self, instruction: BuildTiles) -> None:
        """See Runtime."""
        change, shard = instruction.change, instruction.shard
        self._count(shard, 0)
        handed = [self._handed.pop((change, source, shard)) for source in instruction.sources]
        reference = self._shards[shard].build_of.remote(
            self._shard_session[shard], instruction.plans, instruction.pieces, handed, instruction.until
        )
        self._ask_shard(shard, reference, lambda _: TilesBuilt(change, shard))

    def drop_tiles(self, shard: int, tiles: Sequence[int]) -> None:
        """See Runtime."""
        self._count(shard, 0)
        reference = self._shards[shard].drop_tiles.remote(self._shard_session[shard], tiles)
        self._ask_shard(shard, reference, None)

    def publish(self, padded: PaddedRange) -> Published:
        """See Runtime: one copy in the object store, whoever reads it."""
        return Published(padded)

    def apply(
        self, shard: int, index: int, handle: Published, network: Sequence[str], after: int | None
    ) -> None:
        """See Runtime. A call costs as much as counting a small range: a busy shard is given several."""
        self._due[shard].append(Due(index, handle, network, after))
        self._count(shard)

    def _count(self, shard: int, few: int = MOST_TOGETHER) -> None:
        """Have a shard count what is due, if it is idle, or if there are ``few`` and it has but one call."""
        due = self._due[shard]
        if not due:
            return
        calls = sum(call.shard == shard and bool(call.ranges) for call in self._pending.values())
        while due and (not calls or not few or (calls == 1 and len(due) >= few)):
            network, together = due[0].network, take_together(due, MOST_TOGETHER)
            published = [d.handle for d in together]
            put_together(published)
            stored = list(dict.fromkeys(entry.reference for entry in published))
            places = [(stored.index(entry.reference), entry.place) for entry in published]
            reference = self._shards[shard].apply_all.remote(
                self._shard_session[shard], [self._handle_of(network), *stored], places, together[0].after
            )
            self._pending[reference] = _Call(None, shard, None, tuple(d.index for d in together))
            calls += 1

    def _handle_of(self, network: Sequence[str]) -> Any:
        """Of the ids of a network's cameras: of a large one, too much to say with every call."""
        if self._network is None or self._network[0] != network:
            self._network = (network, ray.put(tuple(network)))
        return self._network[1]

    def take_snapshot(self, shard: int) -> None:
        """See Runtime."""
        self._count(shard, 0)
        reference = self._shards[shard].take_snapshot.remote(self._shard_session[shard])
        self._ask_shard(shard, reference, lambda index: SnapshotTaken(shard, index))

    def _ask_begun(self, worker: int, method: str, what: Any, answer: Callable[[Any], Any] | None) -> None:
        """Ask a worker, once it has begun."""
        if worker in self._held:
            self._held[worker].append((method, what, answer))
            return
        reference = getattr(self._workers[worker], method).remote(self._worker_session[worker], what)
        self._ask_worker(worker, reference, answer)

    def _ask_worker(self, worker: int, reference: Any, answer: Callable[[Any], Any] | None) -> None:
        self._pending[reference] = _Call(worker, None, answer)

    def _ask_shard(self, shard: int, reference: Any, answer: Callable[[Any], Answer] | None) -> None:
        self._pending[reference] = _Call(None, shard, answer)

    def wait(self) -> list[Answer]:
        """See Runtime."""
        assert self._pending, "nothing is under way that could be waited for"
        done, _ = ray.wait(list(self._pending), num_returns=1)
        return self._answers(done)

    def _answers(self, done: Sequence[Any]) -> list[Any]:
        """What the calls that are done, and others that are by now, answered."""
        # An actor answers in order of its calls: take them in the order they were made.
        also, _ = ray.wait(list(self._pending), num_returns=len(self._pending), timeout=0)
        ready = {*done, *also}
        answers: list[Answer] = []
        for reference in [called for called in self._pending if called in ready]:
            call = self._pending.pop(reference, None)
            if call is None:
                # Asked of one that was found to be gone just now.
                continue
            try:
                result = ray.get(reference)
            except self.losses as error:
                who = f"shard {call.shard}" if call.worker is None else f"worker {call.worker}"
                log.warning("%s is lost: %s: %s", who, type(error).__name__, error)
                answers.append(self._forget(call))
                continue
            if call.answer is not None:
                answers.append(call.answer(result))
            if call.begins and call.worker is not None:
                for asked in self._held.pop(call.worker, ()):
                    self._ask_begun(call.worker, *asked)
            if call.shard is not None:
                answers += [RangeApplied(call.shard, index) for index in call.ranges]
                self._count(call.shard)
        return answers

    def _forget(self, lost: _Call) -> Answer:
        """One that is gone answers nothing more."""
        self._pending = {
            reference: call
            for reference, call in self._pending.items()
            if (call.worker, call.shard) != (lost.worker, lost.shard)
        }
        if lost.worker is not None:
            # What it is asked before it is made anew would be one more loss.
            self._held[lost.worker] = []
            return WorkerLost(lost.worker)
        assert lost.shard is not None
        self._due[lost.shard].clear()
        return ShardLost(lost.shard)

    def directed_links(
        self,
        network: Sequence[str],
        estimator: str,
        threshold: float,
        tiles: Collection[int] | None = None,
        follow: bool = False,
    ) -> list[list[DirectedLinks] | None]:
        """See Runtime."""
        asked = network, estimator, threshold, tiles, follow
        references = [
            shard.directed_links.remote(self._shard_session[number], *asked)
            for number, shard in enumerate(self._shards)
        ]
        return [self._unless_lost(reference) for reference in references]

    def screen(
        self,
        network: Sequence[str],
        screening: Screening,
        tiles: Collection[int] | None = None,
        follow: bool = False,
    ) -> list[npt.NDArray[np.int64] | None]:
        """See Screens."""
        # Once for all shards: rates are some megabytes.
        asked = network, ray.put(screening), tiles, follow
        references = [
            shard.screen.remote(self._shard_session[number], *asked)
            for number, shard in enumerate(self._shards)
        ]
        return [self._unless_lost(reference) for reference in references]

    def screened(self, last: int) -> list[list[DirectedLinks] | None]:
        """See Screens."""
        sessions = self._shard_session
        references = [s.screened.remote(sessions[number], last) for number, s in enumerate(self._shards)]
        return [self._unless_lost(reference) for reference in references]

    def reports(self) -> list[list[CameraReport] | None]:
        """See Runtime."""
        # A worker that was given no camera has nothing to report.
        references = [
            worker.report.options(**UNTIL_IT_IS_THERE).remote(self._worker_session[number])
            if number in self._worker_session
            else None
            for number, worker in enumerate(self._workers)
        ]
        return [[] if reference is None else self._unless_lost(reference) for reference in references]

    def _unless_lost(self, reference: Any) -> Any:
        try:
            return ray.get(reference)
        except self.losses:
            return None

    def close(self) -> None:
        """See Runtime. The actors are the driver's."""
        self._pending.clear()
