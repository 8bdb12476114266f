"""The coordinator of a live network: events in, instructions out, no I/O, no clock of its own.

Range k closes at wall time (k + 1) * T_r + T_d, whoever has delivered by then; what comes later is late.
Workers are asked again and again for what they have. One that does not answer is given up, and its cameras
are read by others; the rest of the network never waits for it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sdist_ray.coordinator.changes import Plans
from sdist_ray.coordinator.events import (
    CameraRemoved,
    CamerasAdded,
    CamerasPaused,
    LiveEvent,
    RangesPadded,
    ShardLost,
    Stopping,
    TimePassed,
    WorkerAnswered,
    WorkerJoined,
    WorkerLeaving,
    WorkerLost,
)
from sdist_ray.coordinator.hearing import Hearing
from sdist_ray.coordinator.instructions import (
    CloseRange,
    Collect,
    DismissWorker,
    DropCamera,
    Finish,
    FlushRanges,
    Instruction,
    ReleaseRange,
    Seat,
    SkipRange,
)
from sdist_ray.coordinator.ledger import ShardLedger
from sdist_ray.coordinator.placement import Placement
from sdist_ray.coordinator.state import TakenOver
from sdist_ray.coordinator.timing import JOINING_S, within
from sdist_ray.coordinator.timing import Timing as Timing
from sdist_ray.partition.partitioning import Partitioning

MOST_BEHIND = 32
"""Ranges that are closed late, after a pause of the coordinator's own; those before them never are."""


class LiveCoordinator:
    """Decides who reads which camera, when a range is closed, who counts it, and what is written down.

    Args:
        cameras: of the network.
        timing: see Timing.
        shards: how many there are; none where nothing is counted.
        snapshot_ranges: see ShardLedger.
        store: see ShardLedger.
        taken: where this one takes over.
        partitioning: groups that are counted from the first range on; None where all cameras are together.
    """

    def __init__(
        self,
        cameras: Sequence[str],
        timing: Timing,
        shards: int,
        snapshot_ranges: int = 0,
        store: str = "dense",
        taken: TakenOver | None = None,
        partitioning: Partitioning | None = None,
    ) -> None:
        self._timing = timing
        self._taken = taken
        self._cameras = dict.fromkeys(cameras)
        self._paused: set[str] = set()
        # Cameras that have tiles; one that left and comes back is counted on by those it had.
        self._planned: dict[str, None] = {}
        self._placement = Placement()
        self._hearing = Hearing(timing.collect_s, timing.silent_s, timing.stop_s)
        self._ledger = ShardLedger(shards, snapshot_ranges, store, recounts=False)
        if partitioning is not None and taken is None:
            self._ledger.plan_due(partitioning)
        self._horizon = taken.horizon if taken else None
        self._now_s = 0.0
        self._joined_s: float | None = None
        self._balanced_s: float | None = None
        self._stopping_s: float | None = None
        self._flushing = self._flushed = False
        self.finished, self.lost = False, 0

    @property
    def restoring(self) -> bool:
        """Whether a shard has yet to come back."""
        return self._ledger.restoring

    @property
    def crowded(self) -> bool:
        """Whether no more ranges can be taken for now."""
        return self._ledger.full

    @property
    def ending(self) -> bool:
        """Whether no camera can join any more."""
        return self._stopping_s is not None or self.finished

    @property
    def cameras(self) -> list[str]:
        """The network's cameras, those that are paused included."""
        return list(self._cameras)

    @property
    def paused(self) -> set[str]:
        """Cameras that are not read for now."""
        return set(self._paused)

    @property
    def waiting(self) -> list[str]:
        """Cameras that have no worker."""
        return self._placement.waiting

    @property
    def horizon(self) -> int | None:
        """The last range that was closed, or the one before the first; None before ``start``."""
        return self._horizon

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
        return self._placement.seats()

    def reads(self, worker: int) -> Collection[str]:
        """Cameras that a worker reads."""
        return self._placement.reads(worker)

    def counted(self, index: int) -> bool:
        """Whether every shard has counted the range."""
        return self._ledger.counted(index)

    def adopt(self) -> list[Instruction]:
        """The first instructions after taking over: shards that are gone are made anew."""
        assert self._taken is not None
        for tile in self._taken.tiles:
            self._planned |= dict.fromkeys((*tile.plan.columns, *tile.plan.rows))
        self._placement.adopt(self._taken.seats)
        return self._ledger.adopt(self._taken.plans, self._taken.shards)

    def begin_replay(self) -> int | None:
        """The range after which the journal's ranges are needed again; None: all of them are."""
        return self._ledger.begin_replay()

    def start(self, now_s: float, paused: Sequence[str] = ()) -> list[Instruction]:
        """Plan the tiles, and have every camera wait for a worker that reads it.

        What workers that were taken over have is heard before any range is closed. Where the network had
        ended, none is closed any more.
        """
        self._now_s, self._paused = now_s, set(paused)
        instructions: list[Instruction] = self._ledger.replayed() if self._taken is not None else []
        seated = {seat.camera for seat in self._placement.seats()}
        rest = [camera for camera in self._cameras if camera not in seated | self._paused]
        if self._taken is not None and self._taken.ended:
            self._stopping_s = now_s
            self._placement.wait(rest)
            return instructions + self._hear_all() + self._end_when_delivered()
        if self._horizon is None:
            # The range that is under way now is the first that can be whole, or nearly.
            self._horizon = self._timing.range_at(now_s) - 1
        if self._ledger.counts and not self._ledger.planned and self._cameras:
            instructions += self._ledger.plan_network(list(self._cameras))
            self._planned |= self._cameras
        return instructions + self._placement.place(rest) + self._hear_all()

    def handle(self, event: LiveEvent) -> list[Instruction]:
        """Take note of an event; what is to be done now, in order."""
        match event:
            case TimePassed(now_s):
                return self._time_passed(now_s)
            case WorkerJoined(worker):
                return self._worker_joined(worker)
            case WorkerLeaving(worker):
                return [] if self.ending else self._placement.leave(worker, self._now_s)
            case WorkerAnswered(worker, loads):
                return self._worker_answered(worker, loads)
            case WorkerLost(worker):
                return self._worker_lost(worker)
            case CamerasAdded(cameras):
                return self._cameras_added(cameras)
            case CameraRemoved(camera):
                self._cameras.pop(camera, None)
                self._paused.discard(camera)
                return self._placement.remove(camera)
            case CamerasPaused(cameras, paused):
                return self._cameras_paused(cameras, paused)
            case RangesPadded(ranges, last):
                self._flushed = self._flushed or last
                return self._ranges_padded(ranges)
            case Stopping():
                return self._stop()
            case _:
                self.finished = self.finished and not isinstance(event, ShardLost)
                return self._ledger.handle(event) + self._finish_when_counted()

    def _time_passed(self, now_s: float) -> list[Instruction]:
        passed_s, self._now_s = now_s - self._now_s, now_s
        if self._flushing:
            return []
        instructions: list[Instruction] = []
        if not 0 <= passed_s < self._timing.silent_s / 2:
            # It was this process that was away, or the clock was set: nobody else is to blame, and what
            # workers have from meanwhile is heard before its ranges are closed.
            self._hearing.excuse(now_s)
            instructions += [] if self.ending else self._hear_all()
        if not self.ending and self._hearing.complete(now_s):
            instructions += self._close(self._timing.newest_due(now_s))
        for worker in self._placement.workers:
            instructions += self._ask(worker, now_s)
        if not self.ending:
            instructions += self._place(now_s)
        return instructions + self._end_when_delivered()

    def _place(self, now_s: float) -> list[Instruction]:
        """Cameras that wait to workers that joined; and balance the loads from time to time."""
        instructions: list[Instruction] = []
        if self._placement.waiting and not within(self._joined_s, now_s, JOINING_S):
            instructions += self._placement.place_waiting()
        if not within(self._balanced_s, now_s, self._timing.balance_s):
            self._balanced_s = now_s
            instructions += self._placement.balance(now_s, self._hearing.slow(now_s))
        return instructions

    def _ask(self, worker: int, now_s: float) -> list[Instruction]:
        if self._hearing.silent(worker, now_s):
            return [DismissWorker(worker), *self._worker_lost(worker)]
        if self.ending or not self._hearing.due(worker, now_s):
            return []
        return self._collect([worker])

    def _collect(self, workers: Sequence[int]) -> list[Instruction]:
        for worker in workers:
            self._hearing.ask(worker, self._now_s)
        return [Collect(worker) for worker in workers]

    def _hear_all(self) -> list[Instruction]:
        return self._collect(self._hearing.want_all(self._placement.workers, self._now_s))

    def _worker_joined(self, worker: int) -> list[Instruction]:
        if not self.ending:
            self._joined_s = self._now_s
            self._placement.join(worker)
        return []

    def _worker_answered(self, worker: int, loads: Mapping[str, float]) -> list[Instruction]:
        if worker not in self._placement.workers:
            return []
        instructions: list[Instruction] = []
        if not self.ending:
            self._placement.measured(worker, loads)
            # What nobody knows of any more: its order was lost, or another reads the camera now.
            read = self._placement.reads(worker)
            rests = self._placement.rests
            instructions += [DropCamera(worker, c, keep=rests(worker, c)) for c in loads if c not in read]
            if self._placement.parted(worker):
                self._hearing.forget(worker)
                return [*instructions, DismissWorker(worker)]
        if self._hearing.answered(worker):
            return instructions + self._collect([worker])
        return instructions + self._end_when_delivered()

    def _worker_lost(self, worker: int) -> list[Instruction]:
        self.lost += 1
        self._hearing.forget(worker)
        if self.ending:
            self._placement.forget(worker)
            return self._end_when_delivered()
        return self._placement.lost(worker)

    def _close(self, newest: int) -> list[Instruction]:
        assert self._horizon is not None
        instructions: list[Instruction] = []
        for index in range(max(self._horizon + 1, newest - MOST_BEHIND + 1), newest + 1):
            self._horizon = index
            instructions.append(SkipRange(index) if self._ledger.full else CloseRange(index))
        return instructions

    def _cameras_added(self, cameras: Sequence[str]) -> list[Instruction]:
        assert not self.ending
        new = [camera for camera in cameras if camera not in self._planned]
        instructions: list[Instruction] = []
        if self._ledger.planned:
            instructions += self._ledger.plan_added(list(self._planned), new, self._horizon)
        elif self._ledger.counts:
            instructions += self._ledger.plan_network(new)
        self._cameras |= dict.fromkeys(cameras)
        self._planned |= dict.fromkeys(new)
        return instructions + self._placement.place(cameras)

    def _cameras_paused(self, cameras: Sequence[str], paused: bool) -> list[Instruction]:
        instructions: list[Instruction] = []
        for camera in filter(self._cameras.__contains__, cameras):
            if paused and camera not in self._paused:
                self._paused.add(camera)
                instructions += self._placement.rest(camera)
            elif not paused and camera in self._paused:
                self._paused.remove(camera)
                instructions += self._placement.resume(camera, self._now_s or 0.0)
        return instructions

    def _ranges_padded(self, ranges: tuple[int, ...]) -> list[Instruction]:
        if self._ledger.counts:
            return self._ledger.published(ranges) + self._finish_when_counted()
        return [*(ReleaseRange(index) for index in ranges), *self._finish_when_counted()]

    def _stop(self) -> list[Instruction]:
        """Nothing new is read from now on; everyone is asked for what there is."""
        if self.ending:
            return []
        self._stopping_s = self._now_s
        drops: list[Instruction] = [DropCamera(seat.worker, seat.camera) for seat in self.seats()]
        return drops + self._hear_all() + self._end_when_delivered()

    def _end_when_delivered(self) -> list[Instruction]:
        if self._stopping_s is None or self._flushing or not self._hearing.complete(self._now_s):
            return []
        self._flushing = True
        if self._taken is not None and self._taken.ended:
            return [FlushRanges()]
        return [*self._close(self._timing.range_at(self._stopping_s)), FlushRanges()]

    def _finish_when_counted(self) -> list[Instruction]:
        if self._flushed and self._ledger.settled and not self.finished:
            self.finished = True
            return [Finish()]
        return []

    def validate(self) -> None:
        """Raise AssertionError when the state contradicts itself (tests call it after every event)."""
        self._placement.validate()
        self._ledger.validate()
        there = {seat.camera for seat in self.seats()} | set(self.waiting)
        assert not there & self._paused, "a camera that is paused is read"
        assert there | self._paused == set(self._cameras), "a camera is neither read, nor paused, nor waits"
        self._hearing.validate(self._placement.workers)
        if self.finished:
            assert self._ledger.settled, "finished with ranges that are not counted"
