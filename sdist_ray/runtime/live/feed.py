"""What a live worker hosts: many cameras, read by one thread in turn."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from sdist_ray.errors import InputError
from sdist_ray.occupancy.block import Rows
from sdist_ray.runtime.feeds import Assignment
from sdist_ray.runtime.health import CameraHealth, WorkerHealth
from sdist_ray.runtime.live.camera import CameraState
from sdist_ray.runtime.live.steps import TOGETHER, Steps, do_together
from sdist_ray.runtime.live.watched import OpenCamera, Unopened, Watched
from sdist_ray.runtime.usage import BusyMeter, rss_bytes
from sdist_ray.video.source import Image

log = logging.getLogger(__name__)
T = TypeVar("T")
WAIT_S = 0.01
"""How long nothing is looked at when no camera had anything; an order is obeyed at once."""
PAUSE_S = 5.0
RETRY_S = 30.0
"""Between two tries at a camera that cannot be opened."""
ANSWER_TIMEOUT_S = 60.0
RESTED_S = 600.0
"""What a camera showed longer ago is no background any more: it learns anew."""


class FeedClosed(Exception):
    """The feed lets go of its cameras: it does nothing more."""


@dataclass(frozen=True)
class Collected:
    """What a live worker had.

    Attributes:
        rows: of cameras in any order; of one camera, ascending in time.
        worker: how it is; its number is for the asker to say.
        cameras: how each of its cameras is.
        loads: CPU seconds a second that each camera took since the last time, by id.
        lags: least seconds from capture to arrival since the last time, of cameras that gave frames, by id.
    """

    rows: Rows
    worker: WorkerHealth
    cameras: tuple[CameraHealth, ...]
    loads: Mapping[str, float]
    lags: Mapping[str, float]


class LiveFeed:
    """Reads cameras, one after the other, all the time, in a thread of its own.

    Nobody waits for a camera: a stream that has nothing is passed over. Every other method hands its work to
    that thread and waits for the answer, so nothing of a camera is ever touched by two threads.

    A camera that cannot be opened is tried again from time to time; it says what is wrong.

    Args:
        open_camera: makes a camera, in the thread.
        wall_s: what time it is, UTC epoch seconds.
    """

    def __init__(self, open_camera: OpenCamera, wall_s: Callable[[], float] = time.time) -> None:
        self._open_camera = open_camera
        self._wall_s = wall_s
        self._cameras: dict[str, Watched] = {}
        self._retry_s: dict[str, float] = {}
        self._left: list[Rows] = []
        self._resting: dict[str, CameraState] = {}
        self._orders: queue.SimpleQueue[tuple[Callable[[], Any], Future[Any]]] = queue.SimpleQueue()
        self._ending = False
        self._ended = False
        self._told_s = time.monotonic()
        self._busy = BusyMeter()
        self._told_processed: dict[str, int] = {}
        self._thread = threading.Thread(target=self._run, name="reads cameras", daemon=True)
        self._thread.start()

    def open(
        self, cameras: Sequence[Assignment], states: Mapping[str, CameraState] | None = None
    ) -> list[CameraHealth]:
        """Read cameras from now on; what was known of them elsewhere is in ``states``, by id."""
        known = states or {}

        def do() -> list[CameraHealth]:
            for entry in cameras:
                state = known.get(entry.camera) or self._rested(entry.camera)
                self._drop(entry.camera)
                self._open(entry, state)
            return [self._cameras[entry.camera].health() for entry in cameras]

        return self._order(do)

    def _open(self, entry: Assignment, state: CameraState | None) -> None:
        try:
            self._cameras[entry.camera] = self._open_camera(entry, state)
        except Exception as error:
            if not isinstance(error, InputError):
                log.exception("camera %s cannot be opened", entry.camera)
                # It may be the state that is wrong.
                state = None
            self._cameras[entry.camera] = Unopened(entry, state, _said(error))
            self._retry_s[entry.camera] = time.monotonic() + RETRY_S

    def drop(self, camera: str, keep: bool = False) -> None:
        """Read a camera no longer; what was seen of it is still delivered.

        Where ``keep``, what is known of it stays here for when it is opened once more, or is released.
        """
        self._order(lambda: self._drop(camera, keep))

    def _drop(self, camera: str, keep: bool = False) -> None:
        watched = self._cameras.pop(camera, None)
        self._retry_s.pop(camera, None)
        if not keep:
            self._resting.pop(camera, None)
        if watched is not None:
            try:
                self._left.append(watched.take())
                state = watched.release() if keep else None
                watched.close()
            except Exception:
                log.exception("camera %s", camera)
                return
            if state is not None:
                self._resting[camera] = state

    def _rested(self, camera: str) -> CameraState | None:
        """What is still worth knowing of a camera that was not read for a while."""
        state = self._resting.pop(camera, None)
        if state is None or (state.last_s is not None and self._wall_s() - state.last_s < RESTED_S):
            return state
        return replace(state, detector=None)

    def release(self, cameras: Sequence[str]) -> dict[str, CameraState]:
        """Read cameras no longer; all that is known of them, what was not delivered included."""

        def do() -> dict[str, CameraState]:
            states = {}
            for camera in cameras:
                watched = self._cameras.pop(camera, None)
                self._retry_s.pop(camera, None)
                try:
                    state = self._rested(camera) if watched is None else watched.release()
                except Exception:
                    # It begins anew where it is read next.
                    log.exception("camera %s", camera)
                    continue
                if state is not None:
                    states[camera] = state
            return states

        return self._order(do)

    def cameras(self) -> list[str]:
        """Ids of those that are read."""
        return self._order(lambda: list(self._cameras))

    def collect(self) -> Collected:
        """What was seen since this was asked last."""
        return self._order(self._collect)

    def _collect(self) -> Collected:
        now_s = time.monotonic()
        passed_s = max(now_s - self._told_s, 1e-3)
        parts, self._left = self._left, []
        healths: list[CameraHealth] = []
        loads: dict[str, float] = {}
        lags: dict[str, float] = {}
        for camera in self._cameras.values():
            try:
                parts.append(camera.take())
                healths.append(camera.health())
                loads[camera.camera] = camera.busy_since_s() / passed_s
                if (lag := camera.least_lag_s()) is not None:
                    lags[camera.camera] = lag
            except Exception as error:
                self._failed(camera, error)
        processed = {health.camera: health.processed for health in healths}
        frames = sum(n - self._told_processed.get(camera, n) for camera, n in processed.items())
        self._told_s, self._told_processed = now_s, processed
        worker = WorkerHealth(
            number=0,
            node=socket.gethostname(),
            pid=os.getpid(),
            cameras=len(self._cameras),
            busy=self._busy.read(),
            rss_bytes=rss_bytes(),
            frames_per_s=frames / passed_s,
        )
        return Collected(Rows.concatenate(parts), worker, tuple(healths), loads, lags)

    def pictures(self, most: int) -> dict[str, Image]:
        """Of ``most`` cameras at most, the frame with the most people in it, by id."""

        def do() -> dict[str, Image]:
            found = {camera.camera: camera.picture() for camera in list(self._cameras.values())[:most]}
            return {camera: picture for camera, picture in found.items() if picture is not None}

        return self._order(do)

    def close(self) -> None:
        """Let go of every camera. Safe to call twice; one that hangs is not waited for."""
        self._ending = True
        self._orders.put((lambda: None, Future()))
        self._thread.join(1.0)
        self._refuse()

    def _order(self, do: Callable[[], T]) -> T:
        answer: Future[T] = Future()
        self._orders.put((do, answer))
        if self._ended or self._ending:
            self._refuse()
        return answer.result(ANSWER_TIMEOUT_S)

    def _refuse(self) -> None:
        """Nobody waits for what will not be done any more."""
        while not self._orders.empty():
            with contextlib.suppress(queue.Empty):
                self._orders.get_nowait()[1].set_exception(FeedClosed())

    def _run(self) -> None:
        worked = False
        while not self._ending:
            self._obey(0.0 if worked else WAIT_S)
            worked = False
            # Each has its turn, however many orders come meanwhile.
            under_way: list[tuple[Watched, Steps]] = []
            for name in list(self._cameras):
                camera = self._cameras.get(name)
                if camera is not None and not self._ending and (steps := self._step(camera)) is not None:
                    under_way.append((camera, steps))
                    worked = True
                if len(under_way) == TOGETHER or not self._orders.empty():
                    do_together(under_way, self._failed)
                    under_way = []
                    self._obey(0.0)
            do_together(under_way, self._failed)
            if self._retry_s:
                self._retry()
        for camera in self._cameras.values():
            with contextlib.suppress(Exception):
                camera.close()
        self._cameras.clear()
        self._ended = True
        self._refuse()

    def _step(self, camera: Watched) -> Steps | None:
        now_s = self._wall_s()
        try:
            return camera.step(now_s)
        except Exception as error:
            self._failed(camera, error)
            return None

    def _failed(self, camera: Watched, error: Exception) -> None:
        """Whatever is wrong with one camera must not stop the others."""
        log.error("camera %s", camera.camera, exc_info=error)
        camera.fail(_said(error), self._wall_s() + PAUSE_S)

    def _retry(self) -> None:
        due = [camera for camera, at_s in self._retry_s.items() if time.monotonic() >= at_s]
        for camera in due:
            del self._retry_s[camera]
            watched = self._cameras[camera]
            if isinstance(watched, Unopened):
                self._open(watched.entry, watched.state)

    def _obey(self, wait_s: float) -> None:
        """Do what was asked meanwhile, or is asked within so long."""
        while True:
            try:
                do, answer = self._orders.get(timeout=wait_s) if wait_s else self._orders.get_nowait()
            except queue.Empty:
                return
            wait_s = 0.0
            try:
                answer.set_result(do())
            except Exception as error:
                answer.set_exception(error)


def _said(error: Exception) -> str:
    first = (str(error).strip().splitlines() or [""])[0]
    return first if isinstance(error, InputError) else f"{type(error).__name__}: {first}"
