"""Where rows of occupancy come from: cameras with a detector each, or a recording.

A feed is what a worker hosts. It is asked for everything up to a range, again and again, and keeps its place.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from sdist_ray.cameras.camera import Camera
from sdist_ray.detection.detector import Detector, RunsOn
from sdist_ray.detection.people import PeopleDetector
from sdist_ray.errors import InputError
from sdist_ray.occupancy.block import BlockBuilder, Clock, Rows
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.recording import Recording, open_recording
from sdist_ray.partition.make import StrategyChoice
from sdist_ray.partition.partitioning import Partitioning
from sdist_ray.video.files import open_source
from sdist_ray.video.source import FrameError, Image, VideoSource


@dataclass(frozen=True)
class Opening:
    """What came of opening a camera.

    Attributes:
        camera: its id.
        first_range: where it begins; None when it cannot be read.
        last_range: where it will end, as far as its header tells.
        problem: why it cannot be read.
    """

    camera: str
    first_range: int | None
    last_range: int | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Delivery:
    """Rows up to a range, and the next range in which there may be more; None at the end."""

    rows: Rows
    next_range: int | None


@dataclass
class CameraReport:
    """What became of a camera, at the end of a run.

    Attributes:
        camera: its id.
        problem: why it could not be read at all.
        warnings: what was wrong with it, one line each.
        frames: frames that were decoded and looked at.
        bad_frames: frames that could not be decoded.
        detections: people found in all frames.
        snapshot: the frame with the most people in it, BGR.
        runs_on: where its detector's model runs; None where the detector has no model.
    """

    camera: str
    problem: str | None = None
    warnings: list[str] = field(default_factory=list)
    frames: int = 0
    bad_frames: int = 0
    detections: int = 0
    snapshot: Image | None = None
    runs_on: RunsOn | None = None


@dataclass(frozen=True)
class Assignment:
    """A camera that a feed is to read.

    Attributes:
        camera: its id.
        place: its place in the network, which its rows say.
        since: ranges up to this one are not wanted of it; None where all are.
        described: where its video is, if the feed was not made with it.
    """

    camera: str
    place: int
    since: int | None = None
    described: Camera | None = None


class Feed(Protocol):
    """What a worker hosts."""

    def open(self, cameras: Sequence[Assignment]) -> list[Opening]:
        """Open cameras; one answer each, in order."""
        ...

    def drop(self, camera: str) -> None:
        """Read a camera no longer."""
        ...

    def advance(self, through: int) -> Delivery:
        """All rows in ranges after those delivered before, up to and including ``through``."""
        ...

    def report(self) -> list[CameraReport]:
        """What became of the cameras that were opened here."""
        ...


@dataclass(frozen=True)
class NetworkSpec:
    """What every worker must agree on.

    Attributes:
        cameras: ids of all cameras of the network; rows name cameras by their place here. Sorted, but for
            those that joined while it ran, which are last.
        grid: the windows.
        clock: ticks and ranges.
        partitioning: which cameras are counted together from the first range on; None for all of them.
        strategy: what decides it later; None where it stays as it is.
    """

    cameras: tuple[str, ...]
    grid: Grid
    clock: Clock
    partitioning: Partitioning | None = None
    strategy: StrategyChoice | None = None


class DetectionFeed:
    """Many cameras' videos, each with a detector of its own, read in step."""

    def __init__(
        self,
        network: NetworkSpec,
        cameras: Sequence[Camera],
        make_detector: Callable[[Camera], Detector],
    ) -> None:
        self._network = network
        self._cameras = {camera.id: camera for camera in cameras}
        self._make_detector = make_detector
        self._readers: list[_CameraReader] = []
        self._reports: list[CameraReport] = []

    def open(self, cameras: Sequence[Assignment]) -> list[Opening]:
        """See Feed."""
        return [self._open(entry.described or self._cameras[entry.camera], entry.place) for entry in cameras]

    def drop(self, camera: str) -> None:
        """See Feed."""
        for reader in [reader for reader in self._readers if reader.camera == camera]:
            self._readers.remove(reader)
            reader.close()

    def _open(self, camera: Camera, place: int) -> Opening:
        report = CameraReport(camera.id)
        self._reports.append(report)
        try:
            source = open_source(camera)
            grid, (width, height) = self._network.grid, source.size
            if grid.columns > width or grid.rows > height:
                source.close()
                raise InputError(
                    f"{camera.url}: the {grid} grid is finer than the image of {width}x{height} pixels"
                )
            detector = self._make_detector(camera)
            report.runs_on = detector.runs_on if isinstance(detector, PeopleDetector) else None
        except InputError as error:
            report.problem = str(error)
            return Opening(camera.id, None, problem=report.problem)
        reader = _CameraReader(self._network, place, source, detector, report)
        first_tick = reader.peek()
        if first_tick is None:
            report.problem = f"{camera.url}: not one frame can be decoded"
            return Opening(camera.id, None, problem=report.problem)
        self._readers.append(reader)
        clock = self._network.clock
        last = None if source.frames is None else source.frames / source.fps * clock.fps
        return Opening(
            camera.id,
            clock.range_of(first_tick),
            None if last is None else clock.range_of(first_tick + int(last)),
        )

    def advance(self, through: int) -> Delivery:
        """See Feed."""
        parts = [reader.advance(through) for reader in self._readers]
        upcoming = [index for reader in self._readers if (index := reader.next_range) is not None]
        return Delivery(Rows.concatenate(parts), min(upcoming, default=None))

    def report(self) -> list[CameraReport]:
        """See Feed."""
        return self._reports


class _CameraReader:
    """One camera's source, detector and block builder."""

    def __init__(
        self,
        network: NetworkSpec,
        place: int,
        source: VideoSource,
        detector: Detector,
        report: CameraReport,
    ) -> None:
        self.camera = report.camera
        self._clock = network.clock
        self._source = source
        self._detector = detector
        self._report = report
        # One missing frame is jitter, more are a gap: a frame stands for up to 1.5 of its own intervals.
        hold = max(1, round(1.5 * self._clock.fps / source.fps))
        self._builder = BlockBuilder(place, network.grid, self._clock, hold)
        self._peeked: tuple[int, Image] | None = None
        self._last_tick: int | None = None
        self._ended = False
        self._most_people = -1

    @property
    def next_range(self) -> int | None:
        tick = self._builder.first_tick
        if tick is None and self._peeked is not None:
            tick = self._peeked[0]
        return None if tick is None else self._clock.range_of(tick)

    def peek(self) -> int | None:
        """Tick of the next frame that will be looked at; None at the end."""
        while self._peeked is None and not self._ended:
            time_s = self._source.grab()
            if time_s is None:
                self._end()
                break
            tick = self._clock.tick(time_s)
            if self._last_tick is not None and tick <= self._last_tick:
                continue
            try:
                self._peeked = (tick, self._source.decode())
            except FrameError:
                self._report.bad_frames += 1
        return None if self._peeked is None else self._peeked[0]

    def advance(self, through: int) -> Rows:
        # One frame beyond the range is looked at: whether the last frame is held depends on it.
        end = (through + 1) * self._clock.range_ticks
        while (self._last_tick is None or self._last_tick < end) and self.peek() is not None:
            self._look()
            self.peek()
        return self._builder.take(through)

    def _look(self) -> None:
        assert self._peeked is not None
        tick, image = self._peeked
        self._peeked = None
        self._last_tick = tick
        seen = self._detector.detect(image)
        self._report.frames += 1
        self._report.detections += len(seen.boxes)
        self._builder.add(tick, seen.available, seen.foot_x, seen.foot_y)
        people = len(seen.boxes) if seen.available else -1
        if people > self._most_people or self._report.snapshot is None:
            self._most_people = people
            self._report.snapshot = image

    def close(self) -> None:
        """Let go of the source."""
        if not self._ended:
            self._end()

    def _end(self) -> None:
        self._ended = True
        if self._source.complaint:
            self._report.warnings.append(self._source.complaint)
        elif self._report.bad_frames:
            self._report.warnings.append(f"{self._report.bad_frames} frames could not be decoded")
        self._source.close()


class RecordingFeed:
    """A recording, those cameras of it that are opened."""

    def __init__(self, network: NetworkSpec, path: Path, feet: bool = False) -> None:
        self._network = network
        self._recording: Recording = open_recording(path)
        self._batches = self._recording.batches(feet)
        self._kept: deque[Rows] = deque()
        self._taken = 0
        self._newest: int | None = None
        self._reports: list[CameraReport] = []
        self._places = np.full(len(self._recording.cameras), -1, dtype=np.int32)
        self._all_in_place = False

    def open(self, cameras: Sequence[Assignment]) -> list[Opening]:
        """See Feed."""
        clock, openings = self._network.clock, []
        first = clock.range_of(self._recording.first_tick)
        last = clock.range_of(self._recording.last_tick)
        for entry in cameras:
            report = CameraReport(entry.camera)
            self._reports.append(report)
            if entry.camera in self._recording.cameras:
                self._places[self._recording.cameras.index(entry.camera)] = entry.place
                openings.append(Opening(entry.camera, first, last))
            else:
                report.problem = f"{self._recording.path}: it has no camera {entry.camera!r}"
                openings.append(Opening(entry.camera, None, problem=report.problem))
        self._look_at_places()
        return openings

    def drop(self, camera: str) -> None:
        """See Feed."""
        if camera in self._recording.cameras:
            self._places[self._recording.cameras.index(camera)] = -1
            self._look_at_places()

    def _look_at_places(self) -> None:
        self._all_in_place = bool((self._places == np.arange(len(self._places))).all())

    def advance(self, through: int) -> Delivery:
        """See Feed."""
        end = (through + 1) * self._network.clock.range_ticks
        while self._newest is None or self._newest < end:
            rows = next(self._batches, None)
            if rows is None:
                break
            if len(rows.tick):
                self._kept.append(rows)
                self._newest = int(rows.tick[-1])
        out: list[Rows] = []
        while self._kept and int(self._kept[0].tick[self._taken]) < end:
            head = self._kept[0]
            cut = int(np.searchsorted(head.tick, end))
            out.append(self._of_network(head.slice(self._taken, cut)))
            # A batch holds many ranges: what is left of it stays where it is.
            self._taken = cut
            if cut == len(head.tick):
                self._kept.popleft()
                self._taken = 0
        upcoming = None
        if self._kept:
            upcoming = self._network.clock.range_of(int(self._kept[0].tick[self._taken]))
        return Delivery(Rows.concatenate(out), upcoming)

    def _of_network(self, rows: Rows) -> Rows:
        """The rows of cameras that were opened, with their places in the network."""
        if self._all_in_place:
            return rows
        places = self._places[rows.camera]
        kept = np.flatnonzero(places >= 0)
        return replace(rows.take(kept), camera=places[kept])

    def report(self) -> list[CameraReport]:
        """See Feed."""
        return self._reports
