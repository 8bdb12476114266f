"""One ground plane of a live network: learnt beside it by somebody else, of what it tells here."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from sdist_ray.jobs.console import say
from sdist_ray.jobs.host import Host
from sdist_ray.occupancy.block import Rows
from sdist_ray.runtime.feeds import NetworkSpec
from sdist_ray.runtime.ground_plane import Batch, ProcessStage, Stage, StageLost, StageSettings
from sdist_ray.settings_ground_plane import GroundPlaneSettings
from sdist_ray.topology.ground_plane.placed import Placed

STATE = "ground_plane.npz"
MOST_WAITING_S = 600.0
"""Footage that waits for somebody who learns; where it is more, the oldest is left out."""
SHARE = 0.25
"""Of the time, at most so much is spent on learning, but for the first look."""
FIRST_S = 10.0
"""Footage of which something may be learnt."""
PAUSE_S, MOST_PAUSE_S = 1.0, 300.0
"""Before somebody takes the place of one who was lost, doubled each time in a row."""
FINAL_S = 120.0
"""How long the last look may take."""


class GroundPlaneWatch:
    """Has one ground plane learnt of what a live network sees. It is told by one thread, asked by another.

    Who tells never waits, and whatever becomes of who learns, the network goes on.

    Args:
        settings: see GroundPlaneSettings.
        network: cameras, grid, clock.
        make_stage: makes somebody who learns.
    """

    def __init__(
        self, settings: GroundPlaneSettings, network: NetworkSpec, make_stage: Callable[[], Stage]
    ) -> None:
        self._every_s = settings.every_s
        self._clock = network.clock
        self._make_stage = make_stage
        self._waiting: deque[Batch] = deque()
        self._most = max(1, round(MOST_WAITING_S * network.clock.fps / network.clock.range_ticks))
        self._lost_ranges = 0
        self._placed: Placed | None = None
        self._stage: Stage | None = None
        self._changed = threading.Condition()
        self._ending = self._closed = False
        self._thread = threading.Thread(target=self._run, name="ground plane", daemon=True)
        self._thread.start()

    def add(self, rows: Rows, cameras: tuple[str, ...]) -> None:
        """A range was closed; ``camera`` of its rows are indices into ``cameras``."""
        if not len(rows.tick):
            return
        ticks = self._clock.range_ticks
        until = (int(rows.tick.max()) // ticks + 1) * ticks
        with self._changed:
            self._waiting.append(Batch(rows, cameras, until))
            while len(self._waiting) > self._most:
                self._waiting.popleft()
                self._lost_ranges += 1
            self._changed.notify()

    @property
    def placed(self) -> Placed | None:
        """What is known now; None before the first look."""
        return self._placed

    def pids(self) -> list[int]:
        """Processes that learn at the moment."""
        stage = self._stage
        return [] if stage is None else stage.pids()

    def finish(self, timeout_s: float = FINAL_S) -> Placed | None:
        """All has been told: what is known once the rest of it was looked at, or after ``timeout_s``."""
        with self._changed:
            self._ending = True
            self._changed.notify()
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            say("the ground plane is that of a while ago: the last look took too long")
        self.close()
        return self._placed

    def close(self) -> None:
        """Learn no more. Safe to call twice."""
        with self._changed:
            self._closed = True
            self._changed.notify()
            stage, self._stage = self._stage, None
        if stage is not None:
            stage.close()
        self._thread.join()

    def _run(self) -> None:
        due, pause_s = 0.0, PAUSE_S
        taken: list[Batch] = []
        while (batches := self._next(due, taken)) is not None:
            began = time.monotonic()
            taken = batches
            try:
                stage = self._stage or self._begin()
                found = stage.look(taken)
            except Exception as error:
                self._give_up(error, pause_s)
                with self._changed:
                    self._changed.wait_for(lambda: self._closed, pause_s)
                due, pause_s = 0.0, min(2 * pause_s, MOST_PAUSE_S)
                # What was told to who was lost is told to the next, as far as there is room.
                taken = taken[-self._most :]
                continue
            for note in found.notes:
                say(f"ground plane: {note}")
            self._placed, pause_s = found.placed, PAUSE_S
            # What was not written down would be lost with the process.
            taken = [] if found.kept else taken[-self._most :]
            spent_s = time.monotonic() - began
            due = began + max(self._every_s, spent_s / SHARE)

    def _next(self, due: float, taken: list[Batch]) -> list[Batch] | None:
        """What is to be looked at next, once it is due; None where nothing is any more."""
        with self._changed:
            while not self._closed and not self._ending:
                wait_s = due - time.monotonic()
                if wait_s <= 0 and (taken or self._enough()):
                    break
                self._changed.wait(wait_s if wait_s > 0 else None)
            if self._closed or (self._ending and not self._waiting and not taken):
                return None
            batches = [*taken, *self._waiting]
            self._waiting.clear()
            lost, self._lost_ranges = self._lost_ranges, 0
        if lost:
            say(f"ground plane: {lost} time ranges came faster than they could be looked at, and were not")
        return batches

    def _enough(self) -> bool:
        footage_s = len(self._waiting) * self._clock.range_ticks / self._clock.fps
        return footage_s >= FIRST_S if self._placed is None else bool(self._waiting)

    def _begin(self) -> Stage:
        with self._changed:
            if self._closed:
                raise StageLost("it is closed")
            self._stage = self._make_stage()
            return self._stage

    def _give_up(self, error: Exception, pause_s: float) -> None:
        with self._changed:
            stage, self._stage = self._stage, None
            if self._closed:
                return
        what = str(error) if isinstance(error, StageLost) else f"{type(error).__name__}: {error}"
        say(f"ground plane: who learns it was lost ({what}); another one goes on in {pause_s:g} s")
        if stage is not None:
            stage.close()


def watch_ground_plane(
    settings: GroundPlaneSettings, network: NetworkSpec, where: Host, folder: Path
) -> GroundPlaneWatch | None:
    """Who has a live network's ground plane learnt; None where it is not wanted."""
    if not settings.enabled:
        return None
    clock, place = network.clock, (folder / STATE).absolute()
    stage = StageSettings(clock.fps, network.grid, settings.minutes, settings.learn_settings(), place)

    def make_stage() -> Stage:
        if where.kind == "ray":
            from sdist_ray.runtime.ray.ground_plane import RayStage

            return RayStage(stage)
        return ProcessStage(stage)

    return GroundPlaneWatch(settings, network, make_stage)
