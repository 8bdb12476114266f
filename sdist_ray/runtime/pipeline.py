"""Runs a network to its end: asks the coordinator, has the runtime act, reports back.

This loop is the same for every runtime. Ranges are collated and padded here, once, whoever counts them. What
is needed to go on after this process is lost is in the journal before it is acted upon.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

from sdist_ray.cameras.camera import Camera, without_credentials
from sdist_ray.coordinator.events import (
    CameraFailed,
    CameraOpened,
    CameraRemoved,
    CamerasAdded,
    Event,
    RangeApplied,
    RangesPadded,
    ShardLost,
    WorkerAdvanced,
    WorkerLost,
)
from sdist_ray.coordinator.instructions import (
    Advance,
    ApplyRange,
    AssignCamera,
    CloseRange,
    CreateTile,
    DropCamera,
    FlushRanges,
    GiveUp,
    Instruction,
    ReleaseRange,
    RestartWorker,
    RestoreShard,
    Rewind,
    Seat,
    TakeSnapshot,
)
from sdist_ray.coordinator.shards import MAX_LOSSES
from sdist_ray.coordinator.state import Coordinator, TakenOver
from sdist_ray.errors import InputError
from sdist_ray.exclusion.tile import NEVER, Counting
from sdist_ray.occupancy.collate import Collator, range_of_rows
from sdist_ray.occupancy.padding import PaddedRange, Padder, Padding
from sdist_ray.runtime.base import Advanced, Answer, Keeping, Opened, Runtime
from sdist_ray.runtime.feeds import Assignment, CameraReport, NetworkSpec, Opening
from sdist_ray.runtime.journal import Closed, Journal, JournalReader
from sdist_ray.runtime.network import AddCameras, NetworkNote, Request, Tally, newest_note
from sdist_ray.runtime.recoveries import Recovery, Watch
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

    def directed_links(self, network: Sequence[str], estimator: str, threshold: float) -> list[DirectedLinks]:
        """Every tile's directed links."""
        while True:
            self.run()
            answers = self._runtime.directed_links(network, estimator, threshold)
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
        self._padder = Padder(self._padding)
        self._published: dict[int, tuple[Any, tuple[str, ...]]] = {}
        self._events.clear()
        self._started: set[int] = set()
        found = tuple(self._runtime.attach(self._note.plans(self._runtime.shards)))
        taken = None
        if note is not None:
            taken = TakenOver(self.newest, note.seats, note.tiles, found if self._counting else ())
        coordinator = self._coordinator = Coordinator(
            self._note.cameras if taken is None else [seat.camera for seat in taken.seats],
            self._runtime.workers,
            self._runtime.shards,
            counting=self._counting is not None,
            snapshot_ranges=self._keeping.snapshot_ranges,
            store=self._counting.store if self._counting else "dense",
            taken=taken,
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
        grid, clock = self._network.grid, self._network.clock
        first = NEVER if floor is None else floor + 1
        for entry in JournalReader(self._keeping.journal).entries():
            if not isinstance(entry, Closed) or entry.index < first - self._padding.reach:
                continue
            occupancy = range_of_rows(entry.rows, entry.index, len(self._note.cameras), grid, clock)
            self._publish([padded for padded in self._padder.push(occupancy) if padded.index >= first])
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
                self._padder.grow(len(self._places))
                event: Event = CamerasAdded(tuple(ids))
            else:
                event = CameraRemoved(request.camera)
            self._note = replace(self._note, failed=failed, requests=self._note.requests + 1)
            self._changed = True
            if self._tally is not None:  # The next range has room for the new ones already.
                self._tally.noted(self._note)
            # A camera that could not be read has no seat to leave.
            if isinstance(request, AddCameras) or request.camera not in failed:
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
        if self._journal is not None:
            self._journal.note(self._note.content())
        if self._tally is not None:
            self._tally.noted(self._note)

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
        tiles = tuple(instruction for instruction in instructions if isinstance(instruction, CreateTile))
        self._note = replace(self._note, tiles=self._note.tiles + tiles) if tiles else self._note
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
        match instruction:
            case DropCamera(worker, camera):
                runtime.drop_camera(worker, camera)
            case RestartWorker(worker, seats, after):
                self._started.add(worker)
                runtime.restart_worker(worker, [self._assignment(seat) for seat in seats], after)
            case CreateTile(shard, plan):
                runtime.create_tile(shard, plan)
            case RestoreShard(shard, plans):
                runtime.restore_shard(shard, plans)
            case Advance(worker, through):
                runtime.advance(worker, through)
            case CloseRange(index):
                self._close(index)
            case FlushRanges():
                self._publish(self._padder.flush(), last=True)
            case ApplyRange(shard, index, after):
                handle, network = self._published[index]
                runtime.apply(shard, index, handle, network, after)
            case TakeSnapshot(shard):
                runtime.take_snapshot(shard)
            case ReleaseRange(index):
                self._published.pop(index)
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
        self._publish(self._padder.push(closed))
        self._tell(self._watch.closed(index))

    def _publish(self, padded: list[PaddedRange], last: bool = False) -> None:
        for entry in padded:
            handle = self._runtime.publish(entry) if self._counting else None
            self._published[entry.index] = (handle, self._note.cameras)
        self._events.append(RangesPadded(tuple(entry.index for entry in padded), last))
