"""A smart camera of a live worker: its rows are taken as they are, but for time that was told already."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import numpy as np

from sdist_ray.cameras.smart import RecordStream
from sdist_ray.occupancy.block import Clock, Rows
from sdist_ray.runtime.health import CameraHealth
from sdist_ray.runtime.live.steps import Steps
from sdist_ray.video.source import Image


class LiveRecords:
    """See Watched. Everything is called by one thread.

    Args:
        camera: its id.
        clock: of the network.
        stream: its rows, with its place in the network.
        last_tick: the last tick that is known of it already; None where none is.
    """

    def __init__(self, camera: str, clock: Clock, stream: RecordStream, last_tick: int | None = None) -> None:
        self.camera = camera
        self._clock = clock
        self._stream = stream
        self._last_tick = last_tick
        self._parts: list[Rows] = []
        self._rows = self._repeated = self._occupied = 0
        self._busy_s = self._told_busy_s = 0.0
        self._lag_s = math.inf
        self._problem: str | None = None
        self._due_s = 0.0

    def step(self, now_s: float) -> Steps | None:
        """Take the rows that wait. See Watched."""
        found = () if now_s < self._due_s else self._stream.poll(now_s)
        return self._take_all(found, now_s) if found else None

    def _take_all(self, found: Sequence[Rows], now_s: float) -> Steps:
        began_s = time.thread_time()
        for rows in found:
            self._take_in(rows, now_s)
        self._busy_s += time.thread_time() - began_s
        yield

    def _take_in(self, rows: Rows, now_s: float) -> None:
        if not len(rows.tick):
            return
        self._lag_s = min(self._lag_s, now_s - float(rows.tick[-1]) / self._clock.fps)
        newest = np.maximum.accumulate(rows.tick)
        before = np.concatenate(([-(2**62) if self._last_tick is None else self._last_tick], newest[:-1]))
        # A tick is told once: a camera that sends the same again, or set its clock back, is not believed.
        fresh = rows.tick > np.maximum(before, before[0])
        self._repeated += int((~fresh).sum())
        if not fresh.all():
            rows = rows.take(np.flatnonzero(fresh))
        if len(rows.tick):
            self._last_tick = int(rows.tick[-1])
            self._rows += len(rows.tick)
            self._occupied += int(np.count_nonzero(np.diff(rows.window_ends, prepend=0)))
            self._parts.append(rows)

    def take(self) -> Rows:
        """See Watched."""
        parts, self._parts = self._parts, []
        return Rows.concatenate(parts)

    def health(self) -> CameraHealth:
        """How it is; its frames are rows."""
        status = self._stream.status()
        return CameraHealth(
            self.camera,
            state=status.state,
            problem=status.problem or self._problem,
            frames_in=self._rows + self._repeated + status.dropped,
            processed=self._rows,
            dropped=self._repeated + status.dropped,
            reconnects=status.reconnects,
            last_frame_s=status.arrived_s,
            available_ticks=self._rows,
            occupied_ticks=self._occupied,
            busy_s=self._busy_s,
        )

    def busy_since_s(self) -> float:
        """See Watched."""
        told, self._told_busy_s = self._told_busy_s, self._busy_s
        return self._busy_s - told

    def least_lag_s(self) -> float | None:
        """See Watched."""
        lag_s, self._lag_s = self._lag_s, math.inf
        return lag_s if math.isfinite(lag_s) else None

    def picture(self) -> Image | None:
        """None: it sends no pixels."""
        return None

    def fail(self, problem: str, until_s: float) -> None:
        """See Watched."""
        self._problem, self._due_s = problem, until_s

    def release(self) -> None:
        """Stop reading it; where it is read next, it is asked anew."""
        self.close()

    def close(self) -> None:
        """Stop reading it."""
        self._stream.close()
