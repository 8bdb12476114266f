"""Runs a network to its end: asks the coordinator, has the runtime act, reports back.

This loop is the same for every runtime. Ranges are collated and padded here, once, whoever counts them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

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
from sdist_ray.coordinator.state import Coordinator
from sdist_ray.exclusion.tile import Counting
from sdist_ray.occupancy.block import Rows
from sdist_ray.occupancy.collate import Collator
from sdist_ray.occupancy.padding import PaddedRange, Padder, Padding
from sdist_ray.occupancy.visits import VisitCounter
from sdist_ray.runtime.base import Advanced, Answer, Opened, Runtime
from sdist_ray.runtime.feeds import NetworkSpec, Opening


@dataclass(frozen=True)
class Progress:
    """How far a run is.

    Attributes:
        ranges: ranges closed.
        expected_ranges: how many there will be, as far as headers tell; None where none does.
        rows: camera ticks collected.
    """

    ranges: int
    expected_ranges: int | None
    rows: int


class Pipeline:
    """One off-line run.

    Attributes:
        visits: what was seen where, of all closed ranges.
        rows: camera ticks collected.
        failed: reasons of cameras that could not be opened, by id.
    """

    def __init__(
        self,
        network: NetworkSpec,
        runtime: Runtime,
        counting: Counting | None,
        on_rows: Callable[[Rows], None] | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> None:
        """Prepare a run.

        Args:
            network: cameras, grid, clock.
            runtime: has the workers and shards.
            counting: how it is counted; None where a recording is all that is wanted.
            on_rows: is given all rows of a closed range at a time.
            on_progress: is told after each range.
        """
        self._network = network
        self._runtime = runtime
        self._counting = counting
        self._coordinator = Coordinator(
            network.cameras,
            runtime.workers,
            runtime.shards,
            counting=counting is not None,
            store=counting.store if counting else "dense",
        )
        cameras, windows = len(network.cameras), network.grid.windows
        self._collator = Collator(cameras, network.grid, network.clock)
        self._padder = Padder(counting.padding if counting else Padding(network.grid, network.clock, 0))
        self._published: dict[int, Any] = {}
        self._on_rows = on_rows
        self._on_progress = on_progress
        self.visits = VisitCounter(cameras, windows, network.clock)
        self.rows = 0
        self.failed: dict[str, str] = {}
        self._ranges = 0
        self._first: int | None = None
        self._last: int | None = None

    def run(self) -> None:
        """Run to the end; returns when everything is counted."""
        events = self._carry_out(self._coordinator.start())
        while not self._coordinator.finished:
            if not events:
                events = [e for answer in self._runtime.wait() for e in self._events(answer)]
            following: list[Event] = []
            for event in events:
                following += self._carry_out(self._coordinator.handle(event))
            events = following

    def _events(self, answer: Answer) -> Iterable[Event]:
        if isinstance(answer, Opened):
            return [self._opened(answer.worker, opening) for opening in answer.openings]
        if isinstance(answer, Advanced):
            self._collator.add(answer.delivery.rows)
            return [WorkerAdvanced(answer.worker, answer.through, answer.delivery.next_range)]
        return [RangeApplied(answer.shard, answer.index)]

    def _opened(self, worker: int, opening: Opening) -> Event:
        if opening.first_range is None:
            self.failed[opening.camera] = opening.problem or "cannot be read"
            return CameraFailed(worker, opening.camera)
        first = opening.first_range
        self._first = first if self._first is None else min(self._first, first)
        if opening.last_range is not None:
            last = opening.last_range
            self._last = last if self._last is None else max(self._last, last)
        return CameraOpened(worker, opening.camera, first)

    def _carry_out(self, instructions: Iterable[Instruction]) -> list[Event]:
        """Have the instructions done; the events that followed at once."""
        events: list[Event] = []
        openings: defaultdict[int, list[str]] = defaultdict(list)
        for instruction in instructions:
            match instruction:
                case AssignCamera(worker, camera):
                    openings[worker].append(camera)
                case CreateTile(shard, rows, columns):
                    assert self._counting is not None
                    self._runtime.create_tile(shard, rows, columns, self._counting)
                case Advance(worker, through):
                    self._runtime.advance(worker, through)
                case CloseRange(index):
                    events.append(self._close(index))
                case FlushRanges():
                    events.append(self._publish(self._padder.flush(), last=True))
                case ApplyRange(shard, index):
                    handle = self._published[index]
                    self._runtime.apply(shard, index, handle, self._network.cameras)
                case ReleaseRange(index):
                    self._published.pop(index)
                case Finish():
                    pass
        for worker, cameras in openings.items():
            self._runtime.open_cameras(worker, cameras)
        return events

    def _close(self, index: int) -> Event:
        rows, closed = self._collator.close(index)
        self.rows += len(rows.tick)
        self.visits.add(closed)
        if self._on_rows is not None:
            self._on_rows(rows)
        self._ranges += 1
        if self._on_progress is not None:
            known = self._first is not None and self._last is not None
            expected = self._last - self._first + 1 if known else None  # type: ignore[operator]
            self._on_progress(Progress(self._ranges, expected, self.rows))
        return self._publish(self._padder.push(closed))

    def _publish(self, padded: list[PaddedRange], last: bool = False) -> Event:
        for entry in padded:
            counted = self._counting is not None
            self._published[entry.index] = self._runtime.publish(entry) if counted else None
        return RangesPadded(tuple(entry.index for entry in padded), last)
