"""Runs a network to its end: asks the coordinator, has the runtime act, reports back.

This loop is the same for every runtime. Ranges are collated and padded here, once, whoever counts them. What
is needed to go on after this process is lost is in the journal before it is acted upon.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from sdist_ray.cameras.camera import Camera, without_credentials
from sdist_ray.coordinator.events import (
    CameraFailed,
    CameraOpened,
    CameraRemoved,
    CamerasAdded,
    Event,
    PlanDue,
    RangeApplied,
    ShardLost,
    WorkerAdvanced,
    WorkerLost,
)
from sdist_ray.coordinator.instructions import (
    Advance,
    AssignCamera,
    CloseRange,
    DropCamera,
    FlushRanges,
    GiveUp,
    Instruction,
    RestartWorker,
    Rewind,
    Seat,
)
from sdist_ray.coordinator.shards import MAX_LOSSES
from sdist_ray.coordinator.state import Coordinator, TakenOver
from sdist_ray.errors import InputError
from sdist_ray.exclusion.tile import NEVER, Counting
from sdist_ray.occupancy.collate import Collator
from sdist_ray.occupancy.padding import Padding
from sdist_ray.runtime.base import Advanced, Answer, Keeping, Opened, Runtime
from sdist_ray.runtime.feeds import Assignment, CameraReport, NetworkSpec, Opening
from sdist_ray.runtime.journal import Journal, ranges_again
from sdist_ray.runtime.keeper import RangeKeeper
from sdist_ray.runtime.network import AddCameras, RemoveCamera, Repartition, Request, Tally
from sdist_ray.runtime.notes import NetworkNote, newest_note
from sdist_ray.runtime.planner import planner_of
from sdist_ray.runtime.recoveries import Recovery, Watch
from sdist_ray.runtime.screens import Asked, links_of_shards
from sdist_ray.topology.links import DirectedLinks


class _Rewound(Exception):
    """What a shard needs was released: all begins anew, from the journal."""


class Pipeline:
    """One off-line run.

    Args:
        network: cameras, grid, clock.
        runtime: has the workers and shards.
        counting: how it is counted; None for a recording only.
        keeping: what is written down. Where the journal has ranges, the run goes on after them.
        tally: is told of what happens here; None where someone else reads the journal.

    Attributes:
        newest: the last range that was closed.
    """

    def __init__(
        self,
        network: NetworkSpec,
        runtime: Runtime,
        counting: Counting | None,
        keeping: Keeping | None = None,
        tally: Tally | None = None,
    ) -> None:
        self._network = network
        self._runtime = runtime
        self._counting = counting
        self._padding = counting.padding if counting else Padding(network.grid, network.clock, 0)
        self._keeping = keeping or Keeping()
        self._tally = tally
        self._journal = Journal(self._keeping.journal) if self._keeping.journal else None
        self._requests: list[Request] = []
        self._described: dict[str, Camera] = {}
        self._coordinator: Coordinator | None = None
        self._events: deque[Event] = deque()
        self._watch = Watch()
        self.newest: int | None = None
        self._farthest = self._rewound_at = NEVER
        self._rewinds = 0

    def request(self, requests: Sequence[Request]) -> None:
        """Say what is wanted: all requests so far, in order. May be called from another thread."""
        for request in requests[len(self._requests) :]:
            for camera in request.cameras if isinstance(request, AddCameras) else ():
                self._described[camera.id] = camera
            self._requests.append(request)

    def run(self) -> None:
        """Run to the end, or take up again what is missing there; returns when everything is counted.

        Raises:
            InputError: it cannot go on.
        """
        while True:
            try:
                self._run(self._coordinator or self._begin())
                break
            except _Rewound:
                self._coordinator = None
        self._refuse_requests()

    def _run(self, coordinator: Coordinator) -> None:
        self._pump(lambda: coordinator.finished and not self._events)

    def directed_links(self, asked: Asked) -> list[DirectedLinks]:
        """Every tile's directed links."""
        while True:
            self.run()
            assert self._coordinator is not None
            answers = links_of_shards(self._runtime, asked, self._coordinator.tiles)
            self._events += [ShardLost(number) for number, links in enumerate(answers) if links is None]
            if not self._events:
                return [links for part in answers for links in part or ()]

    def reports(self) -> list[CameraReport]:
        """Every camera's report."""
        while True:
            self.run()
            answers = self._runtime.reports()
            self._events += [WorkerLost(number) for number, reports in enumerate(answers) if reports is None]
            if not self._events:
                return [report for part in answers for report in part or ()]

    def close(self) -> None:
        """Let go of the journal."""
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    def _begin(self) -> Coordinator:
        """Begin at the first range, or after the journal's last."""
        note, self.newest = newest_note(self._keeping.journal)
        self._note = note or NetworkNote(self._network.cameras)
        self._places = {camera: place for place, camera in enumerate(self._note.cameras)}
        self._changed = True
        self._collator = Collator(len(self._places), self._network.grid, self._network.clock)
        self._planner = planner_of(self._network, self._note.cameras, self._counting)
        self._keeper = RangeKeeper(self._runtime, self._padding, self._counting is not None, self._planner)
        self._events.clear()
        self._started: set[int] = set()
        self._noted = note
        self._version = 0
        found = tuple(self._runtime.attach(self._note.plans(self._runtime.shards)))
        taken = None
        if note is not None:
            shards = found if self._counting else ()
            taken = TakenOver(self.newest, note.seats, note.tiles, shards, note.eras, note.partitioning)
        coordinator = self._coordinator = Coordinator(
            self._note.cameras if taken is None else [seat.camera for seat in taken.seats],
            self._runtime.workers,
            self._runtime.shards,
            counting=self._counting is not None,
            snapshot_ranges=self._keeping.snapshot_ranges,
            store=self._counting.store if self._counting else "dense",
            taken=taken,
            partitioning=self._planner.partitioning,
        )
        if taken is not None:
            self._watch.begun_anew("rewind" if self._rewinds else "coordinator", self.newest)
            self._carry_out(coordinator.adopt())
            self._pump(lambda: not coordinator.restoring and not self._events)
            self._replay(coordinator)
        self._carry_out(coordinator.start())
        return coordinator

    def _replay(self, coordinator: Coordinator) -> None:
        """Publish once more what some shard may not have, with what is around it."""
        assert self._keeping.journal is not None
        floor = coordinator.begin_replay()
        if self._counting is None:
            return
        first = NEVER if floor is None else floor + 1
        journal, cameras = self._keeping.journal, len(self._note.cameras)
        every = ranges_again(journal, NEVER, cameras, self._padding)
        self._events += self._planner.watch_again(every, self._note.held)
        for occupancy in ranges_again(journal, first - self._padding.reach, cameras, self._padding):
            self._events.append(self._keeper.push(occupancy, self._note.cameras, first))
            self._pump(lambda: not coordinator.crowded and not self._events)

    def _pump(self, until: Callable[[], bool]) -> None:
        while not until():
            if not self._events:
                self._carry_out_requests()
            if not self._events:
                self._events += [e for answer in self._runtime.wait() for e in self._of_answer(answer)]
            while self._events:
                event = self._events.popleft()
                self._tell(self._watch.saw(event))
                if isinstance(event, RangeApplied):
                    self._farthest = max(event.index, self._farthest)
                assert self._coordinator is not None
                self._carry_out(self._coordinator.handle(event))

    def _of_answer(self, answer: Answer) -> Iterable[Event]:
        if isinstance(answer, Opened):
            return [self._opened(answer.worker, opening) for opening in answer.openings]
        if isinstance(answer, Advanced):
            self._collator.add(answer.delivery.rows)
            return [WorkerAdvanced(answer.worker, answer.through, answer.delivery.next_range)]
        return [answer]

    def _opened(self, worker: int, opening: Opening) -> Event:
        self._changed = True
        if opening.first_range is None:
            problem = without_credentials(opening.problem or "cannot be read")
            self._note = replace(self._note, failed=self._note.failed | {opening.camera: problem})
            return CameraFailed(worker, opening.camera)
        first, last = self._note.first, self._note.last
        first = opening.first_range if first is None else min(first, opening.first_range)
        if opening.last_range is not None:
            last = opening.last_range if last is None else max(last, opening.last_range)
        self._note = replace(self._note, first=first, last=last)
        return CameraOpened(worker, opening.camera, opening.first_range)

    def _carry_out_requests(self) -> None:
        """What was asked of the network, once every camera before has answered."""
        coordinator = self._coordinator
        assert coordinator is not None
        while len(self._requests) > self._note.requests and not (coordinator.opening or coordinator.ending):
            request = self._requests[self._note.requests]
            failed = dict(self._note.failed)
            if isinstance(request, AddCameras):
                ids = [camera.id for camera in request.cameras]
                failed = {camera: problem for camera, problem in failed.items() if camera not in ids}
                for camera in ids:
                    self._places.setdefault(camera, len(self._places))
                self._note = replace(self._note, cameras=tuple(self._places))
                self._collator.grow(len(self._places))
                self._keeper.grow(self._note.cameras)
                event: Event = CamerasAdded(tuple(ids))
            elif isinstance(request, Repartition):
                event = PlanDue(request.partitioning)
            else:
                assert isinstance(request, RemoveCamera)
                event = CameraRemoved(request.camera)
            self._note = replace(self._note, failed=failed, requests=self._note.requests + 1)
            self._changed = True
            if self._tally is not None:  # The next range has room for the new ones already.
                self._tally.noted(self._note)
            # A camera that could not be read has no seat to leave.
            if not (isinstance(request, RemoveCamera) and request.camera in failed):
                self._carry_out(coordinator.handle(event))

    def _refuse_requests(self) -> None:
        """It is too late for what was asked and not carried out."""
        while len(self._requests) > self._note.requests:
            request = self._requests[self._note.requests]
            late = request.cameras if isinstance(request, AddCameras) else ()
            failed = self._note.failed | {camera.id: "it was added when the run had ended" for camera in late}
            self._note = replace(self._note, failed=failed, requests=self._note.requests + 1)
            self._write_note()

    def _write_note(self) -> None:
        assert self._coordinator is not None
        self._changed = False
        self._note = replace(self._note, seats=tuple(self._coordinator.seats()))
        self._write(self._note)

    def _write(self, note: NetworkNote) -> None:
        self._noted = note
        if self._journal is not None:
            self._journal.note(note.content())
        if self._tally is not None:
            self._tally.noted(note)

    def _tell(self, recoveries: Iterable[Recovery]) -> None:
        for recovery in recoveries:
            if self._journal is not None:
                self._journal.note(recovery.content())
            if self._tally is not None:
                self._tally.recoveries.append(recovery)

    def _assignment(self, seat: Seat) -> Assignment:
        return Assignment(
            seat.camera, self._places[seat.camera], seat.since, self._described.get(seat.camera)
        )

    def _carry_out(self, instructions: Sequence[Instruction]) -> None:
        """Have the instructions done; what follows at once is among the events."""
        assert self._coordinator is not None
        if self._coordinator.version != self._version:
            self._version = self._coordinator.version
            self._note = self._note.with_plans(self._coordinator.plans)
            if self._noted is not None:
                # As the network was before, if cameras have yet to answer.
                self._write(self._noted.with_plans(self._coordinator.plans))
        if self._changed and (not self._coordinator.opening or self._coordinator.finished):
            self._write_note()
        openings: defaultdict[int, list[Assignment]] = defaultdict(list)
        for instruction in instructions:
            if isinstance(instruction, AssignCamera):
                openings[instruction.seat.worker].append(self._assignment(instruction.seat))
            else:
                self._do(instruction)
        for worker, cameras in openings.items():
            if worker in self._started:
                self._runtime.open_cameras(worker, cameras)
            else:
                self._started.add(worker)
                self._runtime.restart_worker(worker, cameras, self.newest)

    def _do(self, instruction: Instruction) -> None:
        runtime = self._runtime
        if self._keeper.do(instruction):
            return
        match instruction:
            case DropCamera(worker, camera):
                runtime.drop_camera(worker, camera)
            case RestartWorker(worker, seats, after):
                self._started.add(worker)
                runtime.restart_worker(worker, [self._assignment(seat) for seat in seats], after)
            case Advance(worker, through):
                runtime.advance(worker, through)
            case CloseRange(index):
                self._close(index)
            case FlushRanges():
                self._events.append(self._keeper.flush(self._note.cameras))
            case Rewind(shard):
                self._rewind(shard)
            case GiveUp(reason):
                raise InputError(reason)

    def _rewind(self, shard: int) -> None:
        """Begin anew from the journal, but not for ever."""
        if self._journal is None:
            raise InputError(f"shard {shard} was lost, and nothing was written down to begin anew from")
        self._rewinds = 1 if self._farthest > self._rewound_at else self._rewinds + 1
        self._rewound_at = self._farthest
        if self._rewinds > MAX_LOSSES:
            raise InputError(f"shard {shard} was lost {self._rewinds} times at one place in the run")
        raise _Rewound

    def _close(self, index: int) -> None:
        rows, closed = self._collator.close(index)
        if self._journal is not None:
            self._journal.close_range(index, rows)
        if self._tally is not None:
            self._tally.closed(index, rows, closed)
        self.newest = index
        self._events.append(self._keeper.push(closed, self._note.cameras))
        self._events += self._planner.next(self._runtime, self._coordinator)
        self._tell(self._watch.closed(index))
