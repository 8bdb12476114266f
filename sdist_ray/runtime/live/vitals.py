"""How a live network is, as its coordinator sees it: what workers say, and what only it knows."""

from __future__ import annotations

import math
import os
import socket
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sdist_ray.coordinator.live import LiveCoordinator
from sdist_ray.occupancy.block import Clock, Rows
from sdist_ray.runtime.delays import DelayTracker
from sdist_ray.runtime.health import CameraHealth, NetworkHealth, ProcessHealth, WorkerHealth, merged
from sdist_ray.runtime.lateness import LateCounter, SkewEstimator
from sdist_ray.runtime.live.feed import Collected
from sdist_ray.runtime.usage import BusyMeter, MemorySlopes, rss_bytes

LOOK_S = 1.0
"""Between two pictures of the network."""


class Vitals:
    """Keeps what is known of cameras, workers and delays; makes a NetworkHealth of it about once a second.

    Args:
        cameras: ids by place.
        clock: of the network.
        tolerance: p; clocks that are off by more ticks are reported.
        used_s: CPU seconds of the coordinator so far.
    """

    def __init__(
        self,
        cameras: Sequence[str],
        clock: Clock,
        tolerance: int,
        used_s: Callable[[], float] = time.process_time,
    ) -> None:
        self._cameras = tuple(cameras)
        self._clock = clock
        self._limit_s = max(tolerance, 1) / clock.fps
        self._busy = BusyMeter(used_s)
        self._delays = DelayTracker(len(cameras))
        self._late = LateCounter()
        self._early = LateCounter(minutes=1)
        self._skew = SkewEstimator()
        self._slopes = MemorySlopes()
        self._newest: dict[str, CameraHealth] = {}
        self._earlier: dict[str, CameraHealth] = {}
        self._workers: dict[int, WorkerHealth] = {}
        # Rows of ranges that are not counted yet, and those of the ranges that may be by now.
        self._uncounted: dict[int, tuple[npt.NDArray[Any], npt.NDArray[Any]]] = {}
        self._padded: dict[int, None] = {}
        self._closed = self._counted = self._rows = self._skipped = 0
        self._looked_s = -math.inf

    def grow(self, cameras: Sequence[str], new: Sequence[str]) -> None:
        """The network has these cameras now; of those that are new nothing is known."""
        self._cameras = tuple(cameras)
        for camera in new:
            self.removed(camera)

    def removed(self, camera: str) -> None:
        """A camera left."""
        self._newest.pop(camera, None)
        self._earlier.pop(camera, None)

    def heard(
        self,
        worker: int,
        collected: Collected,
        places: Mapping[str, int],
        reads: Collection[str],
        now_s: float,
    ) -> None:
        """A worker delivered, who is to read the cameras ``reads``: others know better of the rest."""
        known = replace(collected.worker, number=worker)
        self._workers[worker] = known
        self._slopes.add(f"worker {worker} (pid {known.pid})", known.rss_bytes, now_s)
        for health in collected.cameras:
            camera = health.camera
            if camera not in reads:
                continue
            before = self._newest.get(camera)
            if before is not None and health.frames_in < before.frames_in:
                # It began anew: what it had done was lost, or it was not read for a while.
                self._keep(camera)
            self._newest[camera] = replace(health, worker=worker)
        lags = {places[camera]: lag for camera, lag in collected.lags.items() if camera in places}
        self._skew.add(np.array(list(lags), np.int64), np.array(list(lags.values()), np.float64), now_s)

    def moved(self, camera: str, worker: int) -> None:
        """A camera goes to another worker, with what it had done."""
        if camera in self._newest:
            self._newest[camera] = replace(self._newest[camera], worker=worker)

    def lost(self, worker: int) -> None:
        """A worker is gone; what it had done with its cameras was done."""
        gone = self._workers.pop(worker, None)
        if gone is not None:
            self._slopes.forget(f"worker {worker} (pid {gone.pid})")
        for camera in [c for c, health in self._newest.items() if health.worker == worker]:
            self._keep(camera)

    def _keep(self, camera: str) -> None:
        """What was done with a camera was done; what is done next comes on top."""
        earlier = {camera: self._earlier[camera]} if camera in self._earlier else {}
        (self._earlier[camera],) = merged([self._newest.pop(camera)], earlier)

    def late(self, cameras: npt.NDArray[np.int32], now_s: float) -> None:
        """Rows came after their range was closed: the places of their cameras."""
        self._late.add(cameras, now_s)

    def early(self, cameras: npt.NDArray[np.int32], now_s: float) -> None:
        """Rows of the future came: the places of their cameras."""
        self._early.add(cameras, now_s)

    def closed(self, index: int, rows: Rows) -> None:
        """A range was closed with these rows."""
        self._closed += 1
        self._rows += len(rows.tick)
        self._uncounted[index] = (rows.camera, rows.tick)

    def skipped(self, index: int, rows: int) -> None:
        """A range was closed and will not be counted."""
        self._skipped += 1

    def padded(self, ranges: Iterable[int]) -> None:
        """Ranges can be counted from now on."""
        self._padded |= dict.fromkeys(ranges)

    def count(self, counted: Callable[[int], bool], now_s: float) -> None:
        """Some ranges may have been counted by all shards: ``counted`` says which."""
        for index in [index for index in self._padded if counted(index)]:
            del self._padded[index]
            known = self._uncounted.pop(index, None)
            if known is not None:
                self._counted += 1
                self._delays.counted(known[0], known[1] / self._clock.fps, now_s)

    def look(self, coordinator: LiveCoordinator, now_s: float, now: bool = False) -> NetworkHealth | None:
        """How the network is, unless that was told a moment ago and is not wanted ``now``."""
        if not now and 0 <= now_s - self._looked_s < LOOK_S:
            return None
        self._looked_s = now_s
        rss = rss_bytes()
        self._slopes.add("coordinator", rss, now_s)
        return NetworkHealth(
            time_s=now_s,
            cameras=tuple(self._camera_healths(coordinator)),
            workers=tuple(self._workers[number] for number in sorted(self._workers)),
            workers_lost=coordinator.lost,
            coordinator=ProcessHealth(socket.gethostname(), os.getpid(), self._busy.read(), rss),
            ranges_closed=self._closed,
            ranges_counted=self._counted,
            ranges_skipped=self._skipped,
            rows=self._rows,
            delay_p50_s=self._delays.network(0.5),
            delay_p99_s=self._delays.network(0.99),
            run_p99_s=self._delays.run.quantile(0.99),
            late_minutes=self._late.table(self._cameras),
            memory_slopes=self._slopes.by_process(),
        )

    def _camera_healths(self, coordinator: LiveCoordinator) -> list[CameraHealth]:
        there, paused, waiting = coordinator.cameras, coordinator.paused, set(coordinator.waiting)
        places = {camera: place for place, camera in enumerate(self._cameras)}
        count = len(self._cameras)
        late, early = self._late.totals(count), self._early.totals(count)
        p50, p99 = (_padded(self._delays.by_camera(p), count) for p in (0.5, 0.99))
        skew = _padded(self._skew.skews_s(), count)
        off = self._skew.beyond(self._limit_s)
        found = {health.camera: health for health in merged(self._newest.values(), self._earlier)}
        healths = []
        for camera in sorted(there):
            place = places[camera]
            health = found.get(camera, CameraHealth(camera))
            state, problem = health.state, health.problem or off.get(place)
            if camera in paused:
                state, problem = "paused", None
            elif camera in waiting:
                ended = coordinator.ending
                state, problem = ("ended", None) if ended else ("starting", "no worker is there to read it")
            healths.append(
                replace(
                    health,
                    worker=None if camera in paused or camera in waiting else health.worker,
                    state=state,
                    problem=problem,
                    late=int(late[place]),
                    early=int(early[place]),
                    delay_p50_s=_known(p50[place]),
                    delay_p99_s=_known(p99[place]),
                    skew_s=_known(skew[place]),
                )
            )
        return healths


def _padded(values: npt.NDArray[np.float64], count: int) -> npt.NDArray[np.float64]:
    """As many as there are cameras, NaN for those of which nothing is known."""
    all_of_them = np.full(count, np.nan)
    all_of_them[: len(values)] = values[:count]
    return all_of_them


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
