"""The coordinator of an off-line run: events in, instructions out, no I/O, no clock.

Off line a range closes when every camera has passed it or has ended, so nothing is ever late and the result
is the same on every run. Workers run a few ranges ahead of the slowest of them, and of the shards, at most.
What is lost is made anew: a worker reads its inputs again, a shard takes its last good snapshot and counts
what came since, and a coordinator takes over from what the journal and the shards know.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from sdist_ray.coordinator.changes import Era, Plans
from sdist_ray.coordinator.events import (
    CameraFailed,
    CameraOpened,
    CameraRemoved,
    CamerasAdded,
    Event,
    RangesPadded,
    ShardLost,
    WorkerAdvanced,
    WorkerLost,
)
from sdist_ray.coordinator.instructions import (
    CloseRange,
    CreateTile,
    Finish,
    FlushRanges,
    Instruction,
    ReleaseRange,
    Seat,
)
from sdist_ray.coordinator.ledger import ShardLedger
from sdist_ray.coordinator.shards import ShardFound
from sdist_ray.coordinator.workers import WorkerPool
from sdist_ray.partition.partitioning import Partitioning


@dataclass(frozen=True)
class TakenOver:
    """What a coordinator that takes over starts from.

    Attributes:
        horizon: the last range that was closed; None where none was.
        seats: who reads what; empty where no camera had been opened yet.
        tiles: all tiles, and who counts them.
        shards: every shard as it was found; None where it is gone.
        eras, due: see Plans.
        ended: whether no range comes any more: the last ones were padded as if nothing followed them.
    """

    horizon: int | None
    seats: tuple[Seat, ...]
    tiles: tuple[CreateTile, ...]
    shards: tuple[ShardFound | None, ...]
    eras: tuple[Era, ...] = ()
    due: Partitioning | None = None
    ended: bool = False

    @property
    def plans(self) -> Plans:
        """Who counts what."""
        return Plans(self.tiles, self.eras, self.due)


class Coordinator:
    """Decides who reads which camera, when a range is closed, who counts it, and what is written down.

    Args:
        cameras: ids of the cameras that the network begins with.
        workers: how many there are.
        shards: how many there are.
        counting: False for a network that is recorded only: ranges are closed and released, never counted.
        snapshot_ranges: see ShardLedger.
        store: what tiles count in, which decides how the network is cut into them.
        taken: what was going on, where another coordinator was lost.
        partitioning: groups that are counted from the first range on; None where all cameras are together.
    """

    def __init__(
        self,
        cameras: Sequence[str],
        workers: int,
        shards: int,
        counting: bool = True,
        snapshot_ranges: int = 0,
        store: str = "dense",
        taken: TakenOver | None = None,
        partitioning: Partitioning | None = None,
    ) -> None:
        self._taken = taken
        self._horizon = taken.horizon if taken else None
        self._cameras = list(cameras)
        self._unanswered: set[str] = set()
        self._joining: set[str] = set()
        self._opened: set[str] = set()
        # Cameras that have tiles; one that left and comes back is counted on by those it had.
        self._planned: dict[str, None] = {}
        self._workers = WorkerPool(workers, self._horizon)
        self._ledger = ShardLedger(shards if counting else 0, snapshot_ranges, store)
        if partitioning is not None and taken is None:
            self._ledger.plan_due(partitioning)
        self._closing: deque[int] = deque()
        self._begun = False
        self._flushing = False
        self._flushed = False
        self.finished = False

    @property
    def restoring(self) -> bool:
        """Whether a shard has yet to come back."""
        return self._ledger.restoring

    @property
    def crowded(self) -> bool:
        """Whether no more ranges should be padded for now."""
        return self._ledger.full

    @property
    def opening(self) -> bool:
        """Whether a camera has yet to answer."""
        return bool(self._unanswered) or not self._begun

    @property
    def ending(self) -> bool:
        """Whether no camera can join any more."""
        return self._flushing or self.finished

    @property
    def plans(self) -> Plans:
        """Who counts what; to be written down, before what follows is done, when ``version`` is another."""
        return self._ledger.plans

    @property
    def version(self) -> int:
        """Of the plans."""
        return self._ledger.version

    @property
    def tiles(self) -> frozenset[int]:
        """The tiles that have what is counted, each pair of cameras once."""
        return self._ledger.tiles

    def seats(self) -> list[Seat]:
        """Who reads what."""
        return self._workers.seats()

    def adopt(self) -> list[Instruction]:
        """The first instructions after taking over: shards that are gone are made anew.

        What follows is RangesPadded for the journal's ranges, and then ``start``.
        """
        assert self._taken is not None
        for tile in self._taken.tiles:
            self._planned |= dict.fromkeys((*tile.plan.columns, *tile.plan.rows))
        return self._ledger.adopt(self._taken.plans, self._taken.shards)

    def begin_replay(self) -> int | None:
        """The range after which the journal's ranges are needed again; None: all of them are."""
        return self._ledger.begin_replay()

    def start(self) -> list[Instruction]:
        """Every camera to a worker: the one that had it, or in turn."""
        known = {seat.camera: seat for seat in self._taken.seats} if self._taken else {}
        instructions: list[Instruction] = [
            self._workers.seat(known[camera]) if camera in known else self._workers.assign(camera)
            for camera in self._cameras
        ]
        self._unanswered = set(self._cameras)
        if self._taken is not None:
            instructions += self._ledger.replayed()
        return instructions or self._end()

    def handle(self, event: Event) -> list[Instruction]:
        """Take note of an event; what is to be done now, in order."""
        match event:
            case CameraOpened(worker, camera, first_range):
                return self._camera_opened(worker, camera, first_range)
            case CameraFailed(_, camera):
                self._workers.leave(camera)
                return self._camera_answered(camera)
            case WorkerAdvanced(worker, through, next_range):
                self._workers.advanced(worker, through, next_range)
                return self._go_on()
            case WorkerLost(worker):
                self.finished = False
                return self._workers.lost(worker) + self._finish_when_counted()
            case RangesPadded(ranges, last):
                return self._ranges_padded(ranges, last)
            case CamerasAdded(cameras):
                return self._cameras_added(cameras)
            case CameraRemoved(camera):
                return self._camera_removed(camera)
            case _:
                self.finished = self.finished and not isinstance(event, ShardLost)
                instructions = self._ledger.handle(event)
                return instructions + self._advance() + self._finish_when_counted()

    def _camera_opened(self, worker: int, camera: str, first_range: int) -> list[Instruction]:
        if camera not in self._unanswered:
            # A worker made anew has it again, or it was removed meanwhile.
            return []
        self._workers.opened(worker, first_range)
        self._opened.add(camera)
        return self._camera_answered(camera)

    def _camera_answered(self, camera: str) -> list[Instruction]:
        self._unanswered.discard(camera)
        if self._unanswered:
            return []
        network = [camera for camera in self._cameras if camera in self._opened]
        if not network and not self._begun:
            return self._end()
        instructions: list[Instruction] = []
        if not self._begun:
            self._begun = True
            if self._ledger.counts and not self._ledger.planned:
                instructions += self._ledger.plan_network(network)
                self._planned |= dict.fromkeys(network)
        elif self._joining:
            new = [camera for camera in network if camera in self._joining]
            instructions += self._ledger.plan_added(list(self._planned), new, self._horizon)
            self._planned |= dict.fromkeys(new)
        self._joining.clear()
        return instructions + self._go_on()

    def _cameras_added(self, cameras: Sequence[str]) -> list[Instruction]:
        """They join after the newest range that was asked for; until they answer no other is."""
        assert not self.ending
        assert not set(cameras) & set(self._cameras)
        self._cameras += cameras
        self._unanswered |= set(cameras)
        if self._begun:
            self._joining |= {camera for camera in cameras if camera not in self._planned}
        return [self._workers.assign(camera, self._horizon) for camera in cameras]

    def _camera_removed(self, camera: str) -> list[Instruction]:
        self._cameras.remove(camera)
        self._opened.discard(camera)
        self._joining.discard(camera)
        instructions = self._workers.remove(camera)
        if camera in self._unanswered:
            instructions += self._camera_answered(camera)
        return instructions

    def _go_on(self) -> list[Instruction]:
        # Advance before closing: the workers are kept busy while the range is collated here.
        instructions = self._advance()
        while self._closing and self._workers.have_passed(self._closing[0]):
            instructions.append(CloseRange(self._closing.popleft()))
        return instructions + self._flush() + self._finish_when_counted()

    def _advance(self) -> list[Instruction]:
        instructions: list[Instruction] = []
        while self._begun and not self._unanswered and not self._flushing and not self._ledger.full:
            index = self._workers.upcoming()
            if index is None:
                break
            if self._horizon is not None:
                index = max(index, self._horizon + 1)
            self._horizon = index
            self._closing.append(index)
            instructions += self._workers.ask(index)
        return instructions

    def _flush(self) -> list[Instruction]:
        idle = self._begun and not self._unanswered and self._workers.ended
        if idle and not self._closing and not self._flushing:
            self._flushing = True
            return [FlushRanges()]
        return []

    def _ranges_padded(self, ranges: tuple[int, ...], last: bool) -> list[Instruction]:
        self._flushed = last
        if self._ledger.counts:
            instructions = self._ledger.published(ranges)
        else:
            instructions = [ReleaseRange(index) for index in ranges]
        return instructions + self._finish_when_counted()

    def _finish_when_counted(self) -> list[Instruction]:
        return self._end() if self._flushed and self._ledger.settled and self._workers.ended else []

    def _end(self) -> list[Instruction]:
        if self.finished:
            return []
        self.finished = True
        return [Finish()]

    def validate(self) -> None:
        """Raise AssertionError when the state contradicts itself (tests call it after every event)."""
        self._workers.validate()
        self._ledger.validate()
        assert self._joining <= self._unanswered, "a camera that has answered is still to join"
        if self._closing:
            assert self._horizon == self._closing[-1], "a range beyond the horizon waits to close"
            assert list(self._closing) == sorted(set(self._closing)), "ranges close out of order"
        if self.finished:
            assert self._ledger.settled, "finished with ranges that are not counted"
