"""Learning one ground plane beside a live network, in a process of its own that takes time from nobody."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Protocol

import numpy as np

from sdist_ray.occupancy.block import Rows
from sdist_ray.occupancy.grid import Grid
from sdist_ray.topology.ground_plane.growing import GrowingPlane
from sdist_ray.topology.ground_plane.placed import Placed
from sdist_ray.topology.ground_plane.plane import LearnSettings
from sdist_ray.topology.ground_plane.search import Prepared, Runner
from sdist_ray.topology.ground_plane.view import View

NICEST = 19


@dataclass(frozen=True)
class StageSettings:
    """What the stage is given.

    Attributes:
        fps: ticks per second.
        grid: of the network.
        minutes: of footage that are kept.
        learn: see LearnSettings.
        place: the file that keeps what is known, so that whoever comes next goes on from there.
        idle: whether it runs only when nobody else wants to.
    """

    fps: float
    grid: Grid
    minutes: float
    learn: LearnSettings
    place: Path
    idle: bool = True


@dataclass(frozen=True)
class Batch:
    """What was seen in some ranges.

    Attributes:
        rows: ``camera`` are indices into ``cameras``.
        cameras: ids.
        until: the tick that comes after these.
    """

    rows: Rows
    cameras: tuple[str, ...]
    until: int


@dataclass(frozen=True)
class Look:
    """What came of one look.

    Attributes:
        placed: what is known now.
        kept: whether it was written down.
        nbytes: of tracklets that are kept in memory.
        notes: what somebody should be told.
    """

    placed: Placed
    kept: bool
    nbytes: int
    notes: tuple[str, ...] = ()


class StageLost(Exception):
    """The stage's process died; what it had written down is there for the next."""


class Stage(Protocol):
    """Someone who learns; see GroundPlaneStage."""

    def look(self, batches: Sequence[Batch]) -> Look:
        """Take what was seen, and say what is known now; returns when that is done.

        Raises:
            StageLost: nobody is there any more.
        """
        ...

    def pids(self) -> list[int]:
        """Of the processes that do it."""
        ...

    def close(self) -> None:
        """End it, whatever it does. From any thread; safe to call twice."""
        ...


class GroundPlaneStage:
    """Learns one ground plane from batches of what was seen, and writes down what it knows.

    Args:
        settings: see StageSettings.
        runner: runs searches of views somewhere.
    """

    def __init__(self, settings: StageSettings, runner: Callable[[Sequence[View]], Runner]) -> None:
        self._settings = settings
        self._runner = runner
        self._notes: list[str] = []
        self._plane = self._new()
        if settings.place.is_file():
            try:
                with np.load(settings.place, allow_pickle=False) as arrays:
                    self._plane.restore(arrays)
            except (OSError, ValueError, TypeError, LookupError, zipfile.BadZipFile) as error:
                self._plane = self._new()
                self._notes.append(f"{settings.place}: {error or type(error).__name__}: learnt anew")

    def _new(self) -> GrowingPlane:
        return GrowingPlane(self._settings.fps, self._settings.minutes, self._settings.learn)

    def look(self, batches: Sequence[Batch]) -> Look:
        """See Stage."""
        start = time.monotonic()
        for batch in batches:
            self._plane.add(batch.rows, batch.cameras, batch.until)
        found = self._plane.learn(self._runner)
        kept = self._keep()
        notes, self._notes = tuple(self._notes), []
        plane, seconds = self._plane, time.monotonic() - start
        placed = Placed.of(plane.cameras, found, self._settings.grid, seconds, plane.footage_s)
        return Look(placed, kept, plane.nbytes, notes)

    def _keep(self) -> bool:
        place = self._settings.place
        partial = place.with_name(f".partial-{place.name}")
        try:
            with partial.open("wb") as file:
                np.savez(file, **self._plane.arrays())  # type: ignore[arg-type]
            os.replace(partial, place)
        except OSError as error:
            self._notes.append(f"{place}: cannot be written: {error.strerror or error}")
            return False
        finally:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
        return True


def stand_back() -> None:
    """Have this thread, and those that it starts, run when nobody else wants to."""
    with contextlib.suppress(AttributeError, OSError):
        # Only Linux has it. Workers that read cameras are as nice as can be already: this is behind them.
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, NICEST)


class ProcessStage:
    """The stage in another process of this machine. See Stage."""

    def __init__(self, settings: StageSettings) -> None:
        # Not forked: this process has threads.
        context = multiprocessing.get_context("spawn")
        self._line, there = context.Pipe()
        self._process = context.Process(target=_serve, args=(settings, there), daemon=True)
        self._process.start()
        # With the process the last end there is closed, and this end hears of it.
        there.close()

    def look(self, batches: Sequence[Batch]) -> Look:
        """See Stage."""
        try:
            self._line.send(batches)
            found = self._line.recv()
        except (EOFError, OSError) as error:
            raise StageLost(f"process {self._process.pid} ended") from error
        if isinstance(found, str):
            raise StageLost(found)
        answer: Look = found
        return answer

    def pids(self) -> list[int]:
        """See Stage."""
        return [self._process.pid] if self._process.pid is not None else []

    def close(self) -> None:
        """See Stage."""
        self._process.kill()
        self._process.join()


def _serve(settings: StageSettings, line: Connection) -> None:
    """Answer until nobody asks any more."""
    # Ctrl-C is for the one that runs the network, which ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if settings.idle:
        stand_back()
    stage = GroundPlaneStage(settings, lambda views: runner_here(views, settings.learn))
    with contextlib.suppress(EOFError, OSError):
        while True:
            batches = line.recv()
            try:
                answer: Look | str = stage.look(batches)
            except Exception as error:
                answer = f"{type(error).__name__}: {error}"
            line.send(answer)
            if isinstance(answer, str):
                return


def runner_here(views: Sequence[View], settings: LearnSettings) -> Runner:
    """Runs tasks in this thread, one after the other."""
    prepared = Prepared(views, settings.fit, settings.seed)
    return lambda tasks: [prepared.run(task) for task in tasks]
