"""Runs a live network: tells the coordinator what time it is, has the runtime act, reports back."""

from __future__ import annotations

import queue
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from sdist_ray.cameras.camera import Camera
from sdist_ray.coordinator.events import (
    CameraRemoved,
    CamerasAdded,
    CamerasPaused,
    LiveEvent,
    PlanDue,
    RangeApplied,
    RangesPadded,
    ShardRestored,
    Stopping,
    TimePassed,
    WorkerAnswered,
    WorkerJoined,
    WorkerLeaving,
    WorkerLost,
)
from sdist_ray.coordinator.instructions import (
    AssignCamera,
    CloseRange,
    Collect,
    DismissWorker,
    DropCamera,
    FlushRanges,
    GiveUp,
    Instruction,
    MoveCamera,
    Rewind,
    Seat,
    SkipRange,
)
from sdist_ray.coordinator.live import LiveCoordinator, Timing
from sdist_ray.errors import InputError
from sdist_ray.exclusion.tile import Counting
from sdist_ray.occupancy.collate import Collator
from sdist_ray.occupancy.padding import Padding
from sdist_ray.runtime.base import Keeping
from sdist_ray.runtime.feeds import Assignment, NetworkSpec
from sdist_ray.runtime.health import NetworkHealth
from sdist_ray.runtime.keeper import RangeKeeper
from sdist_ray.runtime.live.base import Delivered, LiveAnswer, LiveRuntime
from sdist_ray.runtime.live.intake import Intake
from sdist_ray.runtime.live.record import LiveJournal
from sdist_ray.runtime.live.takeover import Beginning, look_around, replay
from sdist_ray.runtime.live.vitals import Vitals
from sdist_ray.runtime.network import AddCameras, PauseCameras, Repartition, Request, Tally
from sdist_ray.runtime.planner import planner_of
from sdist_ray.runtime.screens import Asked, links_of_shards
from sdist_ray.runtime.warm import warm_up_ranges
from sdist_ray.topology.links import DirectedLinks

LOOK_S = 0.1
"""Between two looks at the clock."""


class LivePipeline:
    """One live network.

    Everything but ``run`` may be called from other threads.

    Args:
        network: its cameras at first, grid, clock.
        cameras: what those cameras are.
        runtime: has the workers and shards.
        counting: how it is counted; None for a recording only.
        timing: when ranges close.
        keeping: what is written down. Where the journal has ranges, the network goes on after them.
        tally: is told of what happens here; None where someone else reads the journal.
        wall_s: what time it is, UTC epoch seconds.

    Attributes:
        health: how the network is, about once a second.
        requests: everything that was asked of it, in order.
    """

    def __init__(
        self,
        network: NetworkSpec,
        cameras: Sequence[Camera],
        runtime: LiveRuntime,
        counting: Counting | None,
        timing: Timing,
        keeping: Keeping | None = None,
        tally: Tally | None = None,
        wall_s: Callable[[], float] = time.time,
    ) -> None:
        self._network = network
        self._runtime = runtime
        self._counting = counting
        self._timing = timing
        self._keeping = keeping or Keeping()
        self._tally = tally
        self._wall_s = wall_s
        self._described = {camera.id: camera for camera in cameras}
        self._journal = LiveJournal(self._keeping.journal)
        self._orders: queue.SimpleQueue[LiveEvent] = queue.SimpleQueue()
        self._events: deque[LiveEvent] = deque()
        self._coordinator: LiveCoordinator | None = None
        self._gone: set[int] = set()
        self._asking = threading.Lock()
        self.requests: list[Request] = []
        self.health = NetworkHealth()

    def request(self, requests: Sequence[Request]) -> None:
        """Say what is wanted: all requests so far, in order."""
        with self._asking:
            for request in requests[len(self.requests) :]:
                for camera in request.cameras if isinstance(request, AddCameras) else ():
                    self._described[camera.id] = camera
                self.requests.append(request)

    def leave(self, worker: int) -> None:
        """A worker is to go."""
        self._orders.put(WorkerLeaving(worker))

    def stop(self) -> None:
        """Count what was seen, and end."""
        self._orders.put(Stopping())

    @property
    def cameras(self) -> tuple[str, ...]:
        """Ids by place; those that left keep theirs."""
        return self._note.cameras

    def run(self) -> None:
        """Run until it is told to stop, and everything is counted.

        Raises:
            InputError: it cannot go on.
        """
        coordinator = self._begin()
        while not (coordinator.finished and not self._events):
            self._turn()
        self._look_after(self._wall_s(), True)

    def _turn(self, seconds: float = LOOK_S) -> None:
        assert self._coordinator is not None
        self._runtime.newcomers()
        self._carry_out_requests()
        while not self._orders.empty():
            self._events.append(self._orders.get())
        for answer in self._runtime.wait_for(0.0 if self._events else seconds):
            self._heard(answer)
        self._events.append(TimePassed(self._wall_s()))
        while self._events:
            self._handle(self._coordinator, self._events.popleft())
        self._look_after(self._wall_s())

    def _handle(self, coordinator: LiveCoordinator, event: LiveEvent) -> None:
        self._carry_out(coordinator.handle(event))
        if isinstance(event, WorkerLost):
            self._gone.discard(event.worker)
        if isinstance(event, RangesPadded):
            self._vitals.padded(event.ranges)
        if isinstance(event, RangesPadded | RangeApplied | ShardRestored):
            self._vitals.count(coordinator.counted, self._wall_s())

    def _heard(self, answer: LiveAnswer) -> None:
        if not isinstance(answer, Delivered):
            if isinstance(answer, WorkerLost):
                self._gone.add(answer.worker)
                self._vitals.lost(answer.worker)
            self._events.append(answer)
            return
        worker, collected, now_s = answer.worker, answer.collected, self._wall_s()
        assert self._coordinator is not None
        self._intake.add(worker, collected.rows, now_s)
        self._vitals.heard(worker, collected, self._places, self._coordinator.reads(worker), now_s)
        self._events.append(WorkerAnswered(worker, collected.loads))

    def directed_links(self, asked: Asked) -> list[DirectedLinks] | None:
        """Every tile's directed links as they are now; None where a shard is not there."""
        tiles = None if self._coordinator is None else self._coordinator.tiles
        answers = links_of_shards(self._runtime, asked, tiles)
        if any(links is None for links in answers):
            return None
        return [links for part in answers for links in part or ()]

    def close(self) -> None:
        """Let go of the journal and the runtime."""
        self._runtime.close()
        self._journal.close()

    def _begin(self) -> LiveCoordinator:
        """Begin now, or after the journal's last range with the workers that are there."""
        spec, journal = self._network, self._keeping.journal
        found = look_around(spec, self._runtime, self._counting, journal, self.requests, self._described)
        note = self._note = found.note
        self._places = {camera: place for place, camera in enumerate(note.cameras)}
        padding = self._counting.padding if self._counting else Padding(spec.grid, spec.clock, 0)
        warm_up_ranges(padding)
        self._collator = Collator(len(self._places), spec.grid, spec.clock, once=True)
        self._planner = planner_of(spec, note.cameras, self._counting, behind=True)
        self._keeper = RangeKeeper(self._runtime, padding, self._counting is not None, self._planner)
        self._vitals = Vitals(note.cameras, spec.clock, padding.tolerance)
        self._intake = Intake(self._collator, spec.clock, self._timing, self._vitals)
        coordinator = self._coordinator = LiveCoordinator(
            found.cameras,
            self._timing,
            self._runtime.shards if self._counting else 0,
            snapshot_ranges=self._keeping.snapshot_ranges,
            store=self._counting.store if self._counting else "dense",
            taken=found.taken,
            partitioning=self._planner.partitioning,
        )
        self._version = 0
        if found.taken is not None:
            self._take_over(coordinator, found, padding)
        for worker, camera in found.strays:
            self._runtime.drop_camera(worker, camera)
        for worker in found.workers:
            coordinator.handle(WorkerJoined(worker))
        self._carry_out(coordinator.start(self._wall_s(), note.paused))
        if self._note.first is None:
            assert coordinator.horizon is not None
            self._note = replace(self._note, first=coordinator.horizon + 1)
        self._write_note()
        return coordinator

    def _take_over(self, coordinator: LiveCoordinator, found: Beginning, padding: Padding) -> None:
        self._events += self._planner.go_on(found.note.held)
        self._carry_out(coordinator.adopt())
        while coordinator.restoring:
            self._turn_shards()
        journal, cameras = self._keeping.journal, found.note.cameras
        assert journal is not None

        def publish(padded: RangesPadded) -> None:
            self._carry_out(coordinator.handle(padded))
            while coordinator.crowded:
                self._turn_shards()

        replay(journal, coordinator.begin_replay(), cameras, self._keeper, padding, publish)
        if found.horizon is not None:
            self._collator.close(found.horizon)
            self._intake.expect_again(found.workers, found.horizon)

    def _turn_shards(self) -> None:
        """Hear of shards alone: workers were not asked for anything yet."""
        assert self._coordinator is not None
        for answer in self._runtime.wait_for(LOOK_S):
            self._heard(answer)
        while self._events:
            self._handle(self._coordinator, self._events.popleft())

    def _carry_out_requests(self) -> None:
        coordinator = self._coordinator
        assert coordinator is not None
        while len(self.requests) > self._note.requests and not coordinator.ending:
            request = self.requests[self._note.requests]
            if isinstance(request, AddCameras):
                if coordinator.restoring:
                    # A shard that is being made anew is told of its tiles once, at its beginning.
                    return
                ids = [camera.id for camera in request.cameras]
                for camera in ids:
                    self._places.setdefault(camera, len(self._places))
                self._note = replace(self._note, cameras=tuple(self._places))
                self._collator.grow(len(self._places))
                self._keeper.grow(self._note.cameras)
                self._vitals.grow(self._note.cameras, ids)
                event: LiveEvent = CamerasAdded(tuple(ids))
            elif isinstance(request, Repartition):
                event = PlanDue(request.partitioning)
            elif isinstance(request, PauseCameras):
                event = CamerasPaused(request.cameras, request.paused)
            else:
                self._vitals.removed(request.camera)
                event = CameraRemoved(request.camera)
            self._note = replace(self._note, requests=self._note.requests + 1)
            self._carry_out(coordinator.handle(event))
            self._write_note()

    def _write_note(self, ended: bool = False) -> None:
        assert self._coordinator is not None
        seats, paused = tuple(self._coordinator.seats()), tuple(sorted(self._coordinator.paused))
        self._note = replace(self._note, seats=seats, paused=paused, ended=ended or self._note.ended)
        self._journal.note(self._note)
        if self._tally is not None:
            self._tally.noted(self._note)

    def _assignment(self, seat: Seat) -> Assignment:
        return Assignment(seat.camera, self._places[seat.camera], None, self._described[seat.camera])

    def _carry_out(self, instructions: Sequence[Instruction]) -> None:
        """Have the instructions done; what follows at once is among the events."""
        assert self._coordinator is not None
        if self._coordinator.version != self._version:
            self._version = self._coordinator.version
            self._note = self._note.with_plans(self._coordinator.plans)
            self._write_note()
        openings: defaultdict[int, list[Assignment]] = defaultdict(list)
        moves: defaultdict[tuple[int, int], list[Assignment]] = defaultdict(list)
        for instruction in instructions:
            if isinstance(instruction, AssignCamera):
                openings[instruction.seat.worker].append(self._assignment(instruction.seat))
            elif isinstance(instruction, MoveCamera):
                seat = instruction.seat
                moves[instruction.source, seat.worker].append(self._assignment(seat))
                self._vitals.moved(seat.camera, seat.worker)
            else:
                self._do(instruction)
        # One that was lost at the same time as another is told of next; its cameras are placed again then.
        for worker, cameras in openings.items():
            if worker not in self._gone:
                self._runtime.open_cameras(worker, cameras)
        for (source, target), cameras in moves.items():
            if target not in self._gone:
                self._runtime.move_cameras(source, target, cameras)

    def _do(self, instruction: Instruction) -> None:
        if self._keeper.do(instruction):
            return
        match instruction:
            case Collect(worker) if worker in self._gone:
                pass
            case Collect(worker):
                self._runtime.collect(worker, self._collator.closed)
            case DropCamera(worker, camera, keep):
                self._runtime.drop_camera(worker, camera, keep)
            case DismissWorker(worker):
                self._vitals.lost(worker)
                self._runtime.dismiss(worker)
            case CloseRange(index):
                self._close(index)
            case SkipRange(index):
                rows, _ = self._collator.close(index)
                self._vitals.skipped(index, len(rows.tick))
            case FlushRanges():
                # What is padded as if nothing followed may be counted from now on: nothing may follow.
                self._write_note(ended=True)
                self._events.append(self._keeper.flush(self._note.cameras))
            case Rewind(shard) | GiveUp(reason=shard):
                raise InputError(f"shard {shard}: what was counted is lost, and so is what it was counted of")

    def _close(self, index: int) -> None:
        rows, closed = self._collator.close(index)
        self._journal.close_range(index, rows, self._keeper.needs(index))
        if self._tally is not None:
            self._tally.closed(index, rows, closed)
        self._vitals.closed(index, rows)
        self._events.append(self._keeper.push(closed, self._note.cameras))
        self._events += self._planner.next(self._runtime, self._coordinator)

    def _look_after(self, now_s: float, now: bool = False) -> None:
        assert self._coordinator is not None
        found = self._vitals.look(self._coordinator, now_s, now)
        if found is not None:
            self.health = found
