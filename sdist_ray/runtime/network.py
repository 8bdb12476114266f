"""A network that runs: what commands hold, whatever carries it out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from sdist_ray.cameras.camera import Camera
from sdist_ray.coordinator.changes import Era
from sdist_ray.errors import InputError
from sdist_ray.occupancy.block import OccupancyRange, Rows
from sdist_ray.occupancy.collate import range_of_rows
from sdist_ray.occupancy.padding import Padding
from sdist_ray.occupancy.rates import RateCounter
from sdist_ray.occupancy.sparse import SparseRange
from sdist_ray.occupancy.visits import VisitCounter
from sdist_ray.partition.partitioning import Partitioning
from sdist_ray.runtime.feeds import CameraReport, NetworkSpec
from sdist_ray.runtime.journal import Closed, JournalReader
from sdist_ray.runtime.notes import NetworkNote
from sdist_ray.runtime.recoveries import Recovery
from sdist_ray.topology.links import DirectedLinks
from sdist_ray.topology.screening import Screening


@dataclass(frozen=True)
class AddCameras:
    """A request: cameras join the network."""

    cameras: tuple[Camera, ...]


@dataclass(frozen=True)
class RemoveCamera:
    """A request: a camera leaves the network."""

    camera: str


@dataclass(frozen=True)
class PauseCameras:
    """A request: cameras of a live network are not read for a while, or are read again."""

    cameras: tuple[str, ...]
    paused: bool


@dataclass(frozen=True)
class Repartition:
    """A request: cameras are counted in these groups from now on."""

    partitioning: Partitioning


Request = AddCameras | RemoveCamera | PauseCameras | Repartition


class Requests:
    """What was asked of a running network, in order. From any thread.

    Attributes:
        all: every request so far.
    """

    def __init__(self, cameras: Sequence[str]) -> None:
        self._present = set(cameras)
        self._asking = threading.RLock()
        self._ending = False
        self.all: list[Request] = []

    def close(self) -> None:
        """The network is ending: nothing more can be asked of it."""
        with self._asking:
            self._ending = True

    def _ask(self, *requests: Request) -> Request:
        if self._ending:
            raise InputError("the network is ending: its cameras stay as they are")
        for request in requests:
            self._take(request)
        return requests[-1]

    def _take(self, request: Request) -> None:
        match request:
            case AddCameras(cameras):
                self._present |= {camera.id for camera in cameras}
            case RemoveCamera(camera):
                self._present.discard(camera)
        self.all.append(request)

    def add(self, cameras: Sequence[Camera]) -> Request:
        """Cameras are to join.

        Raises:
            InputError: the network has one of them already, one comes twice, or it is ending.
        """
        with self._asking:
            ids = [camera.id for camera in cameras]
            for number, camera in enumerate(ids):
                if camera in self._present or camera in ids[:number]:
                    raise InputError(f"camera {camera!r} is in the network already; give it another id")
            return self._ask(AddCameras(tuple(cameras)))

    def remove(self, *cameras: str) -> Request:
        """Cameras are to leave.

        Raises:
            InputError: the network does not have one of them, or it is ending; then none leaves.
        """
        with self._asking:
            for camera in cameras:
                self._check(camera, ", so it cannot be removed")
            return self._ask(*(RemoveCamera(camera) for camera in dict.fromkeys(cameras)))

    def pause(self, cameras: Sequence[str], paused: bool = True) -> Request:
        """Cameras are not to be read for a while, or to be read again.

        Raises:
            InputError: the network does not have one of them, or it is ending.
        """
        with self._asking:
            for camera in cameras:
                self._check(camera)
            return self._ask(PauseCameras(tuple(dict.fromkeys(cameras)), paused))

    def partition(self, partitioning: Partitioning) -> Request:
        """Cameras are to be counted in other groups; see Network.

        Raises:
            InputError: the network is ending.
        """
        with self._asking:
            return self._ask(Repartition(partitioning))

    def take(self, requests: Sequence[Request]) -> None:
        """Requests that were made of someone else, after those that are known."""
        with self._asking:
            for request in requests[len(self.all) :]:
                self._take(request)

    def _check(self, camera: str, so: str = "") -> None:
        if camera not in self._present:
            raise InputError(f"camera {camera!r} is not in the network{so}")


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


@dataclass(frozen=True)
class PlanHeld:
    """What is told of a plan that has held.

    Attributes:
        after: the last range before it; None where it began with the first.
        groups: how many.
        largest: cameras of the largest.
        pairs: ordered pairs of cameras that are counted.
    """

    after: int | None
    groups: int
    largest: int
    pairs: int


class Tally:
    """What is known of a run where its results are wanted: of every closed range, once.

    Args:
        network: cameras, grid, clock.
        on_rows: is given all rows of a closed range at a time.
        on_progress: is told after each range.
        padding: what pairs are counted with; None where they are not, and there are no rates.
        on_range: is given every closed range.

    Attributes:
        cameras: ids by place; those that joined are last.
        visits: what was seen where.
        rates: what links are judged by; None where there are none.
        rows: camera ticks collected.
        ranges: ranges closed.
        newest: the last of them.
        failed: reasons of cameras that could not be opened, by id.
        recoveries: what was lost and is back.
        held: the plan that holds; None where all cameras are counted together.
        plans: those that have held so far.
    """

    def __init__(
        self,
        network: NetworkSpec,
        on_rows: Callable[[Rows], None] | None = None,
        on_progress: Callable[[Progress], None] | None = None,
        padding: Padding | None = None,
        on_range: Callable[[OccupancyRange], None] | None = None,
    ) -> None:
        self._on_range = on_range
        self._grid = network.grid
        self._clock = network.clock
        self._on_rows = on_rows
        self._on_progress = on_progress
        self._note = NetworkNote(network.cameras)
        self.newest: int | None = None
        self.cameras = network.cameras
        self.visits = VisitCounter(len(network.cameras), network.grid.windows, network.clock)
        self.rates = RateCounter(len(network.cameras), padding) if padding else None
        self.rows = 0
        self.ranges = 0
        self.failed: dict[str, str] = {}
        self.recoveries: list[Recovery] = []
        self.held: Era | None = None
        self.plans: list[PlanHeld] = []

    def noted(self, note: NetworkNote) -> None:
        """The network is now like this."""
        self._note = note
        self.failed = dict(note.failed)
        for era in note.eras:
            # Several plans may have begun since the last note, and old ones may be forgotten in this one.
            if self.held is None or _turn(era) > _turn(self.held):
                self.held = era
                sizes = [len(group) for group in era.groups]
                pairs = sum(size**2 for size in sizes)
                self.plans.append(PlanHeld(era.after, len(sizes), max(sizes, default=0), pairs))
        if len(note.cameras) > len(self.cameras):
            # First of all: whoever asks for links meanwhile finds rates of all cameras.
            if self.rates is not None:
                self.rates.grow(len(note.cameras))
            self.cameras = note.cameras
            self.visits.grow(len(note.cameras))

    def closed(self, index: int, rows: Rows, occupancy: OccupancyRange | None = None) -> None:
        """A range was closed; one that was known already is passed over."""
        if self.newest is not None and index <= self.newest:
            return
        self.newest = index
        if occupancy is None:
            occupancy = range_of_rows(rows, index, len(self.cameras), self._grid, self._clock)
        self.rows += len(rows.tick)
        self.ranges += 1
        sparse = SparseRange.of(occupancy)
        self.visits.add(sparse)
        if self.rates is not None:
            self.rates.add(sparse)
        if self._on_range is not None:
            self._on_range(occupancy)
        if self._on_rows is not None:
            self._on_rows(rows)
        if self._on_progress is not None:
            first, last = self._note.first, self._note.last
            expected = last - first + 1 if first is not None and last is not None else None
            self._on_progress(Progress(self.ranges, expected, self.rows))

    def read(self, journal: JournalReader) -> None:
        """What the journal of someone else has since it was read last."""
        for entry in journal.entries():
            if isinstance(entry, Closed):
                self.closed(entry.index, entry.rows)
            elif "network" in entry:
                self.noted(NetworkNote.of(entry))
            else:
                self.recoveries.append(Recovery.of(entry))


def _turn(era: Era) -> tuple[int, int]:
    """What puts plans in order; one without tiles of its own has the number of the next."""
    return era.number, -1 if era.after is None else era.after


class Network(Protocol):
    """A network, from its first range to its last.

    Attributes:
        name: of the runtime.
        workers, shards: how many there are.
        tally: what is known of it.
    """

    name: str
    workers: int
    shards: int
    tally: Tally

    def run(self) -> None:
        """Run to the end; returns when everything is counted.

        Raises:
            InputError: it cannot go on.
        """
        ...

    def add_cameras(self, cameras: Sequence[Camera]) -> None:
        """Have cameras join while it runs, within a few ranges; nobody else's counts are touched.

        Of their video or recording, what lies before the range that they join in is not counted. One that
        cannot be read is among ``tally.failed``. May be called from ``on_progress`` or another thread.

        Raises:
            InputError: the network has one of them already.
        """
        ...

    def remove_camera(self, camera: str) -> None:
        """Have a camera leave while it runs; what was counted of it until then is kept.

        Raises:
            InputError: the network does not have it.
        """
        ...

    def partition(self, partitioning: Partitioning) -> None:
        """Have cameras be counted in other groups, from some range on; see docs/partitions.md.

        Counts of cameras that stay together are what they would be if nothing had changed. May be called
        from ``on_progress`` or another thread.

        Raises:
            InputError: the network is ending.
        """
        ...

    def directed_links(
        self, network: Sequence[str], estimator: str, threshold: float, screening: Screening | None = None
    ) -> list[DirectedLinks]:
        """Every tile's directed links, once it has run. Windows are numbered as in ``network``.

        Where they are screened, only those that may be links by that; see topology.screening.
        """
        ...

    def reports(self) -> list[CameraReport]:
        """What became of the cameras, once it has run."""
        ...

    def close(self) -> None:
        """Let go of everything. Safe to call twice."""
        ...
