"""The coordinator of an off-line run: events in, instructions out, no I/O, no clock.

Off line a range closes when every camera has passed it or has ended, so nothing is ever late and the result
is the same on every run. Workers run a few ranges ahead of the slowest of them, and of the shards, at most.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from sdist_ray.coordinator.events import (
    CameraFailed,
    CameraOpened,
    Event,
    RangeApplied,
    RangesPadded,
    WorkerAdvanced,
)
from sdist_ray.coordinator.instructions import (
    Advance,
    ApplyRange,
    AssignCamera,
    CloseRange,
    CreateTile,
    Finish,
    FlushRanges,
    Instruction,
    ReleaseRange,
)
from sdist_ray.partition.plan import plan_tiles

MAX_IN_FLIGHT = 3
"""Calls that one worker or shard may have unanswered."""
MAX_UNCOUNTED = 16
"""Padded ranges that may wait for the slowest shard before workers are held back."""


@dataclass
class _Worker:
    """What is known of a worker.

    Attributes:
        cameras: its cameras that have not answered, or that it reads.
        asked: ranges it was told to advance through and has not answered, ascending.
        done: the last range it has answered for.
        next_range: the next range in which it may have something; None before it opened a camera and
            after all of its cameras ended.
    """

    cameras: list[str] = field(default_factory=list)
    asked: deque[int] = field(default_factory=deque)
    done: int | None = None
    next_range: int | None = None


@dataclass
class _Shard:
    """Ranges that wait for a shard, and those that it was given and has not answered for."""

    waiting: deque[int] = field(default_factory=deque)
    given: deque[int] = field(default_factory=deque)


class Coordinator:
    """Decides who reads which camera, when a range is closed, and who counts it.

    ``counting`` False is a network that is recorded only: ranges are closed and released, never counted.
    ``store`` is what tiles count in, which decides how the network is cut into them.
    """

    def __init__(
        self,
        cameras: Sequence[str],
        workers: int,
        shards: int,
        counting: bool = True,
        store: str = "dense",
    ) -> None:
        self._store = store
        self._cameras = tuple(cameras)
        self._unanswered = set(cameras)
        self._opened: set[str] = set()
        self._workers = [_Worker() for _ in range(workers)]
        self._shards = [_Shard() for _ in range(shards if counting else 0)]
        self._closing: deque[int] = deque()
        self._horizon: int | None = None
        self._uncounted: dict[int, int] = {}
        self._flushing = False
        self._flushed = False
        self.finished = False

    def start(self) -> list[Instruction]:
        """The first instructions: every camera to a worker, in turn."""
        instructions: list[Instruction] = []
        for number, camera in enumerate(self._cameras):
            worker = number % len(self._workers)
            self._workers[worker].cameras.append(camera)
            instructions.append(AssignCamera(worker, camera))
        return instructions or self._finish()

    def handle(self, event: Event) -> list[Instruction]:
        """Take note of an event; what is to be done now, in order."""
        match event:
            case CameraOpened(worker, camera, first_range):
                return self._camera_opened(worker, camera, first_range)
            case CameraFailed(worker, camera):
                self._workers[worker].cameras.remove(camera)
                return self._camera_answered(camera)
            case WorkerAdvanced(worker, through, next_range):
                return self._worker_advanced(worker, through, next_range)
            case RangesPadded(ranges, last):
                return self._ranges_padded(ranges, last)
            case RangeApplied(shard, index):
                return self._range_applied(shard, index)

    def _camera_opened(self, number: int, camera: str, first_range: int) -> list[Instruction]:
        worker = self._workers[number]
        known = worker.next_range
        worker.next_range = first_range if known is None else min(known, first_range)
        self._opened.add(camera)
        return self._camera_answered(camera)

    def _camera_answered(self, camera: str) -> list[Instruction]:
        self._unanswered.remove(camera)
        if self._unanswered:
            return []
        network = tuple(camera for camera in self._cameras if camera in self._opened)
        if not network:
            return self._finish()
        instructions: list[Instruction] = []
        if self._shards:
            plan = plan_tiles(network, len(self._shards), self._store)
            self._shards = self._shards[: len(plan)]
            instructions += [CreateTile(*tile) for tile in plan]
        return instructions + self._advance()

    def _worker_advanced(self, number: int, through: int, next_range: int | None) -> list[Instruction]:
        worker = self._workers[number]
        worker.asked.remove(through)
        worker.done = through
        worker.next_range = next_range
        instructions: list[Instruction] = []
        # Advance before closing: the workers are kept busy while the range is collated here.
        instructions += self._advance()
        while self._closing and all(self._has_passed(w, self._closing[0]) for w in self._workers):
            instructions.append(CloseRange(self._closing.popleft()))
        return instructions + self._flush()

    def _has_passed(self, worker: _Worker, index: int) -> bool:
        if worker.asked:
            return worker.asked[0] > index
        return worker.next_range is None or (worker.done is not None and worker.done >= index)

    def _advance(self) -> list[Instruction]:
        instructions: list[Instruction] = []
        while len(self._uncounted) < MAX_UNCOUNTED:
            live = [w for w in self._workers if w.next_range is not None]
            if not live or any(len(worker.asked) >= MAX_IN_FLIGHT for worker in live):
                break
            index = min(w.next_range for w in live if w.next_range is not None)
            if self._horizon is not None:
                index = max(index, self._horizon + 1)
            self._horizon = index
            self._closing.append(index)
            for number, worker in enumerate(self._workers):
                if worker.next_range is not None:
                    worker.asked.append(index)
                    instructions.append(Advance(number, index))
        return instructions

    def _flush(self) -> list[Instruction]:
        ended = all(w.next_range is None and not w.asked for w in self._workers)
        if ended and not self._closing and not self._flushing:
            self._flushing = True
            return [FlushRanges()]
        return []

    def _ranges_padded(self, ranges: tuple[int, ...], last: bool) -> list[Instruction]:
        self._flushed = last
        instructions: list[Instruction] = []
        for index in ranges:
            if not self._shards:
                instructions.append(ReleaseRange(index))
                continue
            self._uncounted[index] = len(self._shards)
            for shard in self._shards:
                shard.waiting.append(index)
        for number in range(len(self._shards)):
            instructions += self._apply(number)
        return instructions + self._finish_when_counted()

    def _apply(self, number: int) -> list[Instruction]:
        shard = self._shards[number]
        instructions: list[Instruction] = []
        while shard.waiting and len(shard.given) < MAX_IN_FLIGHT:
            shard.given.append(shard.waiting.popleft())
            instructions.append(ApplyRange(number, shard.given[-1]))
        return instructions

    def _range_applied(self, number: int, index: int) -> list[Instruction]:
        self._shards[number].given.remove(index)
        instructions = self._apply(number)
        self._uncounted[index] -= 1
        if not self._uncounted[index]:
            del self._uncounted[index]
            instructions.append(ReleaseRange(index))
            instructions += self._advance()
        return instructions + self._finish_when_counted()

    def _finish_when_counted(self) -> list[Instruction]:
        return self._finish() if self._flushed and not self._uncounted else []

    def _finish(self) -> list[Instruction]:
        if self.finished:
            return []
        self.finished = True
        return [Finish()]

    def validate(self) -> None:
        """Raise AssertionError when the state contradicts itself (tests call it after every event)."""
        for worker in self._workers:
            assert len(worker.asked) <= MAX_IN_FLIGHT, "a worker has too many calls in flight"
            assert list(worker.asked) == sorted(worker.asked), "a worker was asked out of order"
        for shard in self._shards:
            assert len(shard.given) <= MAX_IN_FLIGHT, "a shard has too many calls in flight"
            missing = set(shard.waiting) | set(shard.given)
            assert missing <= set(self._uncounted), "a shard has a range that was released"
        for index, left in self._uncounted.items():
            holders = [s for s in self._shards if index in s.waiting or index in s.given]
            assert len(holders) == left, f"range {index} waits for {left} shards, not {len(holders)}"
        if self._closing:
            assert self._horizon == self._closing[-1], "a range beyond the horizon waits to close"
        if self.finished:
            assert not self._uncounted, "finished with ranges that are not counted"
