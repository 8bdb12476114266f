"""A network that runs: what commands hold, whatever carries it out."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from sdist_ray.cameras.camera import Camera
from sdist_ray.coordinator.instructions import CreateTile, Seat, TilePlan
from sdist_ray.errors import InputError
from sdist_ray.occupancy.block import OccupancyRange, Rows
from sdist_ray.occupancy.collate import range_of_rows
from sdist_ray.occupancy.visits import VisitCounter
from sdist_ray.runtime.feeds import CameraReport, NetworkSpec
from sdist_ray.runtime.journal import Closed, JournalReader
from sdist_ray.runtime.recoveries import Recovery
from sdist_ray.topology.links import DirectedLinks


@dataclass(frozen=True)
class AddCameras:
    """A request: cameras join the network."""

    cameras: tuple[Camera, ...]


@dataclass(frozen=True)
class RemoveCamera:
    """A request: a camera leaves the network."""

    camera: str


Request = AddCameras | RemoveCamera


class Requests:
    """What was asked of a running network, in order.

    Attributes:
        all: every request so far.
    """

    def __init__(self, cameras: Sequence[str]) -> None:
        self._present = set(cameras)
        self.all: list[Request] = []

    def add(self, cameras: Sequence[Camera]) -> Request:
        """Cameras are to join.

        Raises:
            InputError: the network has one of them already, or one comes twice.
        """
        ids = [camera.id for camera in cameras]
        for number, camera in enumerate(ids):
            if camera in self._present or camera in ids[:number]:
                raise InputError(f"camera {camera!r} is in the network already; give it another id")
        self._present |= set(ids)
        self.all.append(AddCameras(tuple(cameras)))
        return self.all[-1]

    def remove(self, camera: str) -> Request:
        """A camera is to leave.

        Raises:
            InputError: the network does not have it.
        """
        if camera not in self._present:
            raise InputError(f"camera {camera!r} is not in the network, so it cannot be removed")
        self._present.remove(camera)
        self.all.append(RemoveCamera(camera))
        return self.all[-1]


@dataclass(frozen=True)
class NetworkNote:
    """What the journal says about a network; the newest note holds.

    Attributes:
        cameras: ids by place; those that failed or left keep theirs.
        failed: why cameras could not be read, by id, without credentials.
        first, last: the ranges that it runs from and to, as far as headers tell.
        seats: who reads what.
        tiles: all tiles, and who counts them.
        requests: how many requests were carried out.
    """

    cameras: tuple[str, ...]
    failed: dict[str, str] = field(default_factory=dict)
    first: int | None = None
    last: int | None = None
    seats: tuple[Seat, ...] = ()
    tiles: tuple[CreateTile, ...] = ()
    requests: int = 0

    def plans(self, shards: int) -> list[list[TilePlan]]:
        """Every shard's tiles."""
        return [[tile.plan for tile in self.tiles if tile.shard == number] for number in range(shards)]

    def content(self) -> dict[str, Any]:
        """As JSON values."""
        content: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return {"network": content}

    @classmethod
    def of(cls, content: dict[str, Any]) -> NetworkNote:
        """From JSON values."""
        values = dict(content["network"])
        values["cameras"] = tuple(values["cameras"])
        values["seats"] = tuple(Seat(**seat) for seat in values["seats"])
        values["tiles"] = tuple(_tile(entry["shard"], **entry["plan"]) for entry in values["tiles"])
        return cls(**values)


def _tile(shard: int, tile: int, rows: list[str], columns: list[str], since: int | None) -> CreateTile:
    return CreateTile(shard, TilePlan(tile, tuple(rows), tuple(columns), since))


def newest_note(journal: Path | None) -> tuple[NetworkNote | None, int | None]:
    """The newest note of a journal and the last range that it has; None where it has none."""
    note, horizon = None, None
    if journal is not None:
        for entry in JournalReader(journal).entries():
            if isinstance(entry, Closed):
                horizon = entry.index
            elif "network" in entry:
                note = NetworkNote.of(entry)
    return note, horizon


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


class Tally:
    """What is known of a run where its results are wanted: of every closed range, once.

    Args:
        network: cameras, grid, clock.
        on_rows: is given all rows of a closed range at a time.
        on_progress: is told after each range.

    Attributes:
        cameras: ids by place; those that joined are last.
        visits: what was seen where.
        rows: camera ticks collected.
        ranges: ranges closed.
        newest: the last of them.
        failed: reasons of cameras that could not be opened, by id.
        recoveries: what was lost and is back.
    """

    def __init__(
        self,
        network: NetworkSpec,
        on_rows: Callable[[Rows], None] | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> None:
        self._grid = network.grid
        self._clock = network.clock
        self._on_rows = on_rows
        self._on_progress = on_progress
        self._note = NetworkNote(network.cameras)
        self.newest: int | None = None
        self.cameras = network.cameras
        self.visits = VisitCounter(len(network.cameras), network.grid.windows, network.clock)
        self.rows = 0
        self.ranges = 0
        self.failed: dict[str, str] = {}
        self.recoveries: list[Recovery] = []

    def noted(self, note: NetworkNote) -> None:
        """The network is now like this."""
        self._note = note
        self.failed = dict(note.failed)
        if len(note.cameras) > len(self.cameras):
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
        self.visits.add(occupancy)
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

    def directed_links(self, network: Sequence[str], estimator: str, threshold: float) -> list[DirectedLinks]:
        """Every tile's directed links, once it has run. Windows are numbered as in ``network``."""
        ...

    def reports(self) -> list[CameraReport]:
        """What became of the cameras, once it has run."""
        ...

    def close(self) -> None:
        """Let go of everything. Safe to call twice."""
        ...
