"""What topology and record share where cameras are live: a network that runs until it is told to stop."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

from sdist_ray.coordinator.live import Timing
from sdist_ray.errors import InputError
from sdist_ray.exclusion.tile import Counting
from sdist_ray.jobs.console import say
from sdist_ray.jobs.host import Host, Metrics
from sdist_ray.jobs.live_feeds import LiveFeeds
from sdist_ray.jobs.live_inputs import LiveInputs
from sdist_ray.jobs.live_notes import LiveNotes
from sdist_ray.jobs.live_table import LiveTable
from sdist_ray.jobs.network import keep_state, refuse_unless_fits_here
from sdist_ray.occupancy.block import OccupancyRange, Rows
from sdist_ray.occupancy.recording import RecordingWriter
from sdist_ray.runtime.health import CameraHealth, NetworkHealth
from sdist_ray.runtime.live.commands import Commands
from sdist_ray.runtime.live.control import ControlServer
from sdist_ray.runtime.live.network import LiveNetwork
from sdist_ray.runtime.memory import GivingBack
from sdist_ray.runtime.network import Tally
from sdist_ray.settings import NetworkSettings
from sdist_ray.video.source import Image
from sdist_ray.video.streams import Timeouts

LOOK_S = 1.0
MEASURE_S = 5.0
"""Between two pictures for Prometheus, which looks every ten to sixty seconds."""
NICEST = 19
PUBLISH_SHARE = 0.25
"""Of the time, at most so much is spent on publishing: with millions of links it takes a while."""
MOST_PICTURES = 50
"""Cameras of a worker of which a picture is kept for the report."""
Publish = Callable[[LiveNetwork, NetworkHealth], tuple[int, int] | None]


class Interrupt:
    """Ctrl-C and SIGTERM as a wish to end, once; the second time they interrupt as ever."""

    def __init__(self) -> None:
        self.wanted = threading.Event()

    def __enter__(self) -> Interrupt:
        """Take the signals over, where this is the main thread."""
        self._before = {}
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._wish)
        return self

    def __exit__(self, *_: object) -> None:
        """Give the signals back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _wish(self, number: int, frame: FrameType | None) -> None:
        self.wanted.set()
        signal.signal(number, self._before[signal.Signals(number)])


@dataclass
class LiveOutcome:
    """What came of a live network.

    Attributes:
        network: ended, and still open for its links.
        health: how it was at the end.
        cameras: its cameras, those that joined last.
        began_s, ended_s: UTC epoch seconds.
        pictures: of some cameras, the frame with the most people in it, by id.
    """

    network: LiveNetwork
    health: NetworkHealth
    cameras: tuple[str, ...]
    began_s: float
    ended_s: float
    pictures: dict[str, Image]

    @property
    def seconds(self) -> float:
        """How long it ran."""
        return self.ended_s - self.began_s


class Watcher(Protocol):
    """Who learns from what a live network sees. Is told of every range by one thread, and must not wait."""

    def on_range(self, entry: OccupancyRange) -> None:
        """A range was closed."""
        ...

    def on_rows(self, rows: Rows, cameras: tuple[str, ...]) -> None:
        """What was seen in it; ``camera`` of the rows are indices into ``cameras``."""
        ...


@dataclass
class _Latest:
    """How the network was when it was looked at last; None before the first time. ``tell`` whom else."""

    health: NetworkHealth | None = None
    tell: Callable[[NetworkHealth], None] = lambda health: None


@contextlib.contextmanager
def run_live(
    settings: NetworkSettings,
    inputs: LiveInputs,
    where: Host,
    counting: Counting | None,
    timing: Timing,
    recording: Path | None,
    publish: Publish,
    watcher: Watcher | None = None,
) -> Iterator[LiveOutcome]:
    """Run a live network until its time is over or it is interrupted, publishing on the way.

    Args:
        settings: of the command.
        inputs: its cameras.
        where: it runs.
        counting: how it is counted; None for a recording only.
        timing: when ranges close.
        recording: a file for all occupancy; None for none.
        publish: called every ``live.publish_s``; how many links and edges there are, where that is known.
        watcher: is told of every closed range.

    Raises:
        InputError: it cannot go on, or there is too little memory to count the cameras.
    """
    network, live = inputs.network, settings.live
    threads = 1 if where.kind == "ray" else os.cpu_count() or 1
    timeouts = Timeouts(live.open_timeout_s, live.read_timeout_s)
    detector = settings.detector.chosen(settings.fps)
    make_feed = LiveFeeds(network, detector, timeouts, live.patience_s, threads, inputs.cameras)
    shards = 0 if counting is None else settings.runtime.shards or 1
    if counting is not None:
        refuse_unless_fits_here(network, shards, counting, where)
    with contextlib.ExitStack() as stack:
        if where.kind == "ray":
            stack.enter_context(standing_back())
        keeping = stack.enter_context(keep_state(settings.runtime, Path(settings.output)))
        writer = None
        if recording is not None:
            writer = RecordingWriter(recording, network.cameras, network.grid, network.clock.fps, keep=True)
            stack.enter_context(writer)

        def on_rows(rows: Rows) -> None:
            if writer is not None:
                writer.grow(tally.cameras)
                writer.write(rows)
            if watcher is not None:
                watcher.on_rows(rows, tally.cameras)

        on_range = None if watcher is None else watcher.on_range
        padding = None if counting is None else counting.padding
        tally = Tally(network, on_rows, padding=padding, on_range=on_range)
        running = where.live_network(
            make_feed,
            network,
            inputs.cameras,
            counting,
            timing,
            settings.runtime.workers,
            shards,
            keeping,
            tally,
            live.name,
        )
        stack.callback(running.close)
        notes = LiveNotes(Path(settings.output), live.name, lambda: running.pictures(MOST_PICTURES))
        latest = _Latest(tell=stack.enter_context(notes).tell)
        commands = Commands(network, running, lambda: latest.health)
        about = {"network": live.name, "runtime": where.kind}
        stack.enter_context(ControlServer(Path(settings.output), commands.answer, about))
        began_s = time.time()
        with Interrupt() as interrupt:
            running.start()
            _watch(running, settings, interrupt, publish, where.metrics(), latest)
            say("ending: counting what was seen")
            pictures = running.pictures(MOST_PICTURES)
            latest.tell(health := running.stop())
        yield LiveOutcome(running, health, tally.cameras, began_s, time.time(), pictures)


@contextlib.contextmanager
def standing_back() -> Iterator[None]:
    """Take the processor from nobody else: Ray's workers are nicer than other processes, and what writes a
    topology down would take it from those that read cameras.

    Only this thread, and those that it begins, stand back.
    """
    nice, policy = os.getpriority(os.PRIO_PROCESS, 0), _policy()
    os.setpriority(os.PRIO_PROCESS, 0, NICEST)
    if sys.platform == "linux":
        # Linux knows who runs when nobody else wants to, and a little when somebody does.
        _schedule(os.SCHED_IDLE)
    try:
        yield
    finally:
        # Only root may go back all the way; others end soon.
        _schedule(policy)
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, 0, nice)


def _policy() -> int:
    return os.sched_getscheduler(0) if sys.platform == "linux" else 0


def _schedule(policy: int) -> None:
    """Have this thread scheduled by a policy, where the system has any and a sandbox lets it be chosen."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, policy, os.sched_param(0))


def _watch(
    running: LiveNetwork,
    settings: NetworkSettings,
    interrupt: Interrupt,
    publish: Publish,
    metrics: Metrics | None,
    latest: _Latest,
) -> None:
    """Look at the network about once a second until it is to end."""
    live, began = settings.live, time.monotonic()
    ends = math.inf if live.duration_s is None else began + live.start_in_s + live.duration_s
    publish_at, measure_at = began + live.publish_s, began
    links, edges, lost = None, None, 0
    giving_back = GivingBack()
    with LiveTable(f"sdist-ray {live.name}") as table:
        while (now := time.monotonic()) < ends and not interrupt.wanted.is_set():
            health = running.look()
            if now >= publish_at:
                try:
                    links, edges = publish(running, health) or (links, edges)
                except InputError as error:
                    # A disk that is full for a while must not end what counts for days.
                    say(f"nothing was published: {error}; it is tried again in {live.publish_s:g} s")
                publish_at = now + max(live.publish_s, (time.monotonic() - now) / PUBLISH_SHARE)
            if health.workers_lost > lost:
                lost = health.workers_lost
                say(f"a worker was lost, {lost} so far: others read its cameras")
            latest.health = health = replace(health, links=links, edges=edges)
            latest.tell(health)
            table.update(health)
            giving_back()
            if metrics is not None and now >= measure_at:
                measure_at = now + MEASURE_S
                metrics.publish(health)
            interrupt.wanted.wait(min(LOOK_S, max(0.0, ends - now)))


def camera_states(tally: Tally, health: NetworkHealth) -> list[dict[str, Any]]:
    """The cameras' part of summary.json, as off line; how they are now is in ``health``."""
    known = {camera.camera: camera for camera in health.cameras}
    ticks = tally.visits.available_ticks
    most = int(ticks.max(initial=0))
    entries: list[dict[str, Any]] = []
    # A network that runs has more cameras from one moment to the next.
    for place, camera in enumerate(tally.cameras[: len(ticks)]):
        found = known.get(camera, CameraHealth(camera, state="ended", problem="it left the network"))
        available = int(ticks[place])
        entries.append(
            {
                "id": camera,
                "status": "ok" if available else "failed",
                "message": None if available else found.problem or f"never seen: {found.state}",
                "frames": found.processed,
                "bad_frames": found.bad,
                "ticks_available": available,
                "ticks_unavailable": most - available,
                "warnings": [found.problem] if available and found.problem else [],
            }
        )
    return entries
