"""What topology and record share: sources found, workers made, a network run to its end."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sdist_ray.cameras.camera import (
    Camera,
    common_grid,
    without_credentials,
)
from sdist_ray.detection.detector import Detector
from sdist_ray.detection.make import AnyDetectorSettings, make_detector
from sdist_ray.errors import InputError
from sdist_ray.exclusion.tile import Counting
from sdist_ray.jobs.console import progress, say
from sdist_ray.jobs.host import Host
from sdist_ray.jobs.sources import find_videos
from sdist_ray.occupancy.block import Clock, Rows
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.recording import RecordingWriter, open_recording
from sdist_ray.partition.memory import Demand, refuse_unless_fits
from sdist_ray.partition.partitioning import place_groups
from sdist_ray.partition.plan import PlannedTile, plan_tiles
from sdist_ray.report.snapshots import write_snapshot
from sdist_ray.runtime.base import FeedFactory, Keeping
from sdist_ray.runtime.feeds import CameraReport, DetectionFeed, Feed, NetworkSpec, RecordingFeed
from sdist_ray.runtime.network import Network, Progress, Tally
from sdist_ray.runtime.snapshots import SnapshotFolder
from sdist_ray.settings import NetworkSettings, RuntimeSettings


@dataclass(frozen=True)
class VideoFeeds:
    """Makes the feed of a worker that reads video; ``threads`` are what a neural model may use there."""

    network: NetworkSpec
    cameras: tuple[Camera, ...]
    settings: AnyDetectorSettings
    threads: int = 1

    def __call__(self) -> Feed:
        """See FeedFactory."""
        return DetectionFeed(self.network, self.cameras, self._detector)

    def _detector(self, camera: Camera) -> Detector:
        return make_detector(self.settings, camera.mask, self.threads)


@dataclass(frozen=True)
class RecordingFeeds:
    """Makes the feed of the one worker that reads a recording."""

    network: NetworkSpec
    path: Path
    feet: bool

    def __call__(self) -> Feed:
        """See FeedFactory."""
        return RecordingFeed(self.network, self.path, self.feet)


@dataclass(frozen=True)
class Inputs:
    """What a run reads.

    Attributes:
        network: cameras, grid, clock.
        cameras: one per id of the network, where its video is; empty for a recording.
        recording: the recording, if that is the source.
        truth: folder with the ground truth, where the source is simulated.
    """

    network: NetworkSpec
    cameras: tuple[Camera, ...] = ()
    recording: Path | None = None
    truth: Path | None = None


def find_inputs(settings: NetworkSettings, range_s: float, folder: Path, where: Host) -> Inputs:
    """Find the cameras of a run; simulates and renders them where the source is a site.

    Raises:
        InputError: nothing to read, two cameras with one id, or a file of settings that is wrong.
    """
    grid = Grid(settings.grid.columns, settings.grid.rows)
    if settings.source.kind == "recording":
        recording = open_recording(Path(settings.source.path or ""))
        clock = Clock.of(recording.fps, range_s)
        network = NetworkSpec(recording.cameras, recording.grid, clock)
        return Inputs(network, recording=recording.path.absolute())
    clock = Clock.of(settings.fps, range_s)
    cameras, truth = find_videos(settings.source, settings.cameras, settings.fps, grid, folder, where)
    grid = common_grid(cameras, grid)
    ids = tuple(camera.id for camera in cameras)
    return Inputs(NetworkSpec(ids, grid, clock), tuple(cameras), truth=truth)


@dataclass
class Outcome:
    """What came of running a network.

    Attributes:
        network: still open, for its links; its tally has visits and rows.
        reports: one per camera, by id.
    """

    network: Network
    reports: dict[str, CameraReport] = field(default_factory=dict)


@contextlib.contextmanager
def run_network(
    settings: NetworkSettings,
    inputs: Inputs,
    where: Host,
    counting: Counting | None,
    recording: Path | None,
) -> Iterator[Outcome]:
    """Run a network to its end, writing a recording on the way where one is wanted.

    Interrupted, it closes the recording, so that what was seen so far is kept.

    Raises:
        InputError: not one camera can be read, or there is too little memory to count them.
    """
    network = inputs.network
    make_feed: FeedFactory
    if inputs.recording is not None:
        make_feed = RecordingFeeds(network, inputs.recording, feet=recording is not None)
        workers = 1
    else:
        threads = 1 if where.kind == "ray" else os.cpu_count() or 1
        make_feed = VideoFeeds(network, inputs.cameras, settings.detector.chosen(settings.fps), threads)
        workers = min(settings.runtime.workers or where.cpus, len(network.cameras))
    shards = settings.runtime.shards or 1
    if counting is not None:
        refuse_unless_fits_here(network, shards, counting, where)
    with contextlib.ExitStack() as stack:
        keeping = stack.enter_context(keep_state(settings.runtime, Path(settings.output)))
        writer = None
        if recording is not None:
            writer = RecordingWriter(recording, network.cameras, network.grid, network.clock.fps)
            stack.push(keep_on_interrupt(writer))
        update = stack.enter_context(progress("processing", None, "time ranges"))

        def on_progress(step: Progress) -> None:
            update(step.ranges, step.expected_ranges)

        def on_rows(rows: Rows) -> None:
            if writer is not None:
                writer.grow(tally.cameras)
                writer.write(rows)

        padding = None if counting is None else counting.padding
        tally = Tally(network, on_rows, on_progress, padding)
        running = where.network(make_feed, network, counting, workers, shards, keeping, tally)
        stack.callback(running.close)
        running.run()
        if len(tally.failed) == len(network.cameras):
            raise InputError(_all_failed(tally.failed))
        for camera, problem in sorted(tally.failed.items()):
            say(f"camera {camera} left out: {without_credentials(problem)}")
        outcome = Outcome(running)
        outcome.reports = {report.camera: report for report in running.reports()}
        for report in outcome.reports.values():
            for warning in report.warnings:
                say(f"camera {report.camera}: {warning}")
        for warning in detector_entry(settings, outcome).get("warnings", ()):
            say(f"warning: {warning}")
        yield outcome


def refuse_unless_fits_here(network: NetworkSpec, shards: int, counting: Counting, where: Host) -> None:
    """Raise InputError, with what would help, where the counts could not be held."""
    clock = network.clock
    demand = Demand(
        network.grid.windows, counting.policy, counting.padding.tolerance, clock.fps, clock.range_ticks
    )
    plan = plan_tiles(network.cameras, shards, counting.store)
    if network.partitioning is not None:
        groups = network.partitioning.groups
        homes = place_groups(groups, shards)
        plan = [PlannedTile(home, group, group) for home, group in zip(homes, groups, strict=True)]
    refuse_unless_fits(plan, counting.store, demand, where.free_memory(), where.kind == "ray")


@contextlib.contextmanager
def keep_state(settings: RuntimeSettings, output: Path) -> Iterator[Keeping]:
    """Where a run writes down what it needs to go on after a loss; gone when the run has ended.

    In this process nothing is lost that a journal could bring back: there, snapshots are made only where a
    place for them is named.
    """
    if settings.kind != "ray" and settings.snapshots is None:
        yield Keeping()
        return
    folder = Path(tempfile.mkdtemp(prefix=".state-", dir=output)).absolute()
    try:
        place = folder.as_posix() if settings.snapshots is None else settings.snapshots.rstrip("/")
        # A name of its own: what another run left in the same place is not this run's.
        place = f"{place}/{folder.name.removeprefix('.')}"
        snapshots = SnapshotFolder(place)
        every = settings.snapshot_ranges
        if every:
            snapshots.prepare()
        try:
            yield Keeping(folder / "journal.arrow", place if every else None, every)
        finally:
            with contextlib.suppress(OSError):
                snapshots.clear()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def keep_on_interrupt(writer: RecordingWriter) -> Any:
    """An exit function: closes the recording at the end and on Ctrl-C, leaves nothing after an error."""

    def leave(kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> None:
        if kind is None:
            writer.__exit__(None, None, None)
        elif issubclass(kind, Exception):
            writer.abandon()
        else:
            partial = writer.path.with_stem(f"{writer.path.stem}.interrupted")
            writer.close()
            if not writer.rows:
                writer.path.unlink()
                return
            os.replace(writer.path, partial)
            if error is not None:
                error.add_note(
                    f"kept {writer.rows} camera ticks in {partial} "
                    f"(continue with source=recording source.path={partial})"
                )

    return leave


def _all_failed(failed: dict[str, str]) -> str:
    problems = [without_credentials(problem) for _, problem in sorted(failed.items())]
    if len(set(problems)) == 1:
        return problems[0]
    return f"none of the {len(problems)} cameras can be read; the first: {problems[0]}"


def camera_entries(inputs: Inputs, outcome: Outcome) -> list[dict[str, Any]]:
    """The cameras' part of summary.json."""
    tally, network = outcome.network.tally, inputs.network
    visits = tally.visits
    seen_by_any = int(visits.available_ticks.max(initial=0))
    entries = []
    for place, camera in enumerate(network.cameras):
        report = outcome.reports.get(camera, CameraReport(camera))
        problem = tally.failed.get(camera)
        available = int(visits.available_ticks[place])
        entries.append(
            {
                "id": camera,
                "status": "failed" if problem else "ok",
                "message": None if problem is None else without_credentials(problem),
                "frames": report.frames,
                "bad_frames": report.bad_frames,
                "detections": report.detections,
                "ticks_available": available,
                "ticks_unavailable": max(0, max(seen_by_any, report.frames) - available),
                "warnings": report.warnings,
            }
        )
    return entries


def detector_entry(settings: NetworkSettings, outcome: Outcome) -> dict[str, Any]:
    """The detector's part of summary.json: what really ran, and where."""
    runs = [report.runs_on for report in outcome.reports.values() if report.runs_on is not None]
    if not runs:
        return {"kind": settings.detector.kind, "device": "cpu"}
    return {
        "kind": settings.detector.kind,
        "device": ", ".join(sorted({run.device for run in runs})),
        "backend": ", ".join(sorted({run.backend for run in runs})),
        "model": Path(getattr(settings.detector, "model", "")).name,
        "warnings": sorted({warning for run in runs for warning in run.warnings}),
    }


def write_snapshots(folder: Path, outcome: Outcome) -> None:
    """A picture of every camera that had one."""
    for camera, report in outcome.reports.items():
        if report.snapshot is not None:
            write_snapshot(folder, camera, report.snapshot)
