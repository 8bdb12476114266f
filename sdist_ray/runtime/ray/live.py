"""Live workers and shards as Ray actors, as the coordinator of a live network sees them."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import RayError

from sdist_ray.cameras.camera import Camera
from sdist_ray.coordinator.events import WorkerJoined, WorkerLost
from sdist_ray.coordinator.live import Timing
from sdist_ray.exclusion.tile import Counting
from sdist_ray.runtime.base import Keeping
from sdist_ray.runtime.feeds import Assignment, NetworkSpec
from sdist_ray.runtime.hosts import Stale
from sdist_ray.runtime.live.base import Delivered, LiveAnswer
from sdist_ray.runtime.live.feed import LiveFeed
from sdist_ray.runtime.ray.runtime import Actors, RayRuntime

log = logging.getLogger(__name__)
ATTACH_TIMEOUT_S = 4.0


@dataclass(frozen=True)
class LiveSetup:
    """What a coordinator of a live network needs to know; see ``runtime.Setup``."""

    network: NetworkSpec
    cameras: tuple[Camera, ...]
    shards: tuple[Any, ...]
    make_feed: Callable[[], LiveFeed]
    counting: Counting | None
    timing: Timing
    keeping: Keeping


@dataclass
class _Move:
    """Cameras that one worker is letting go of, for another one.

    Attributes:
        source, target: the workers.
        cameras: by id.
        states: reference to what is known of them, and maybe of more.
        until_s: monotonic time from which on they begin anew.
    """

    source: int
    target: int
    cameras: dict[str, Assignment]
    states: Any
    until_s: float


class RayLiveRuntime(RayRuntime):
    """See LiveRuntime. The driver makes the workers and says who they are; it also ends them.

    No answer is waited for here, nor does one worker ever wait for another: what is known of a camera that
    moves goes from actor to actor once the first has let go of it.

    Args:
        shards: actors.
        setup: reference to what they need to begin, in a list.
        move_s: see Timing.

    Attributes:
        gone: workers that were lost or dismissed, for the driver to end and to replace.
    """

    # Whatever goes wrong within a worker or shard: it is not what it should be, and another one is.
    losses = (RayError, Stale)

    def __init__(self, shards: Sequence[Any], setup: Sequence[Any], move_s: float) -> None:
        super().__init__(Actors((), tuple(shards)), setup)
        self._move_s = move_s
        self._handles: dict[int, Any] = {}
        self._met: set[int] = set()
        self._unmet: list[int] = []
        self._moves: list[_Move] = []
        self._arriving: dict[Any, int] = {}
        self._dismissed: set[int] = set()
        self.gone: list[int] = []

    def meet(self, workers: Mapping[int, Any]) -> None:
        """All workers that there are, by number. From any thread."""
        for number, handle in workers.items():
            if number not in self._met:
                self._met.add(number)
                self._handles[number] = handle
                self._unmet.append(number)

    def attach_workers(self) -> dict[int, list[str]]:
        """See LiveRuntime."""
        unmet, self._unmet = self._unmet, []
        calls = {number: self._start(number) for number in unmet}
        if calls:
            ray.wait(list(calls.values()), num_returns=len(calls), timeout=ATTACH_TIMEOUT_S)
        there: dict[int, list[str]] = {}
        for number, reference in calls.items():
            if ray.wait([reference], timeout=0)[0]:
                try:
                    there[number] = ray.get(reference)
                except self.losses:
                    self.dismiss(number)
            else:
                # Still starting, or it hangs: it is heard when it answers.
                self._ask_worker(number, reference, _joined(number))
        return there

    def newcomers(self) -> list[int]:
        """See LiveRuntime."""
        new = []
        while self._unmet:
            number = self._unmet.pop(0)
            if number in self._handles:
                self._ask_worker(number, self._start(number), _joined(number))
                new.append(number)
        return new

    def _start(self, number: int) -> Any:
        session = self._worker_session[number] = secrets.token_hex(8)
        return self._handles[number].begin.remote(self._setup, session)

    def open_cameras(self, worker: int, cameras: Sequence[Assignment]) -> None:
        """See LiveRuntime."""
        for entry in cameras:
            self._on_the_way(entry.camera)
        self._open(worker, cameras, [])

    def _open(self, worker: int, cameras: Sequence[Assignment], states: Sequence[Any]) -> Any:
        """Have a worker read cameras; the call, None where that is gone, as will be heard."""
        if worker not in self._handles:
            return None
        session = self._worker_session[worker]
        reference = self._handles[worker].open_with.remote(session, list(cameras), list(states))
        self._ask_worker(worker, reference, None)
        return reference

    def _on_the_way(self, camera: str) -> _Move | None:
        """The move that a camera is in, which it is taken out of."""
        for move in self._moves:
            if move.cameras.pop(camera, None) is not None:
                return move
        return None

    def move_cameras(self, source: int, target: int, cameras: Sequence[Assignment]) -> None:
        """See LiveRuntime. What is known of the cameras goes from actor to actor."""
        there: dict[str, Assignment] = {}
        for entry in cameras:
            move = self._on_the_way(entry.camera)
            if move is None:
                there[entry.camera] = entry
            else:
                # It never reached the source.
                cameras_on = {entry.camera: entry}
                self._moves.append(_Move(move.source, target, cameras_on, move.states, move.until_s))
        if not there:
            return
        if source not in self._handles:
            self._open(target, list(there.values()), [])
            return
        states = self._handles[source].release.remote(self._worker_session[source], list(there))
        until_s = time.monotonic() + self._move_s
        self._moves.append(_Move(source, target, there, states, until_s))

    def _go_on_with_moves(self) -> None:
        """Those that were let go of are opened where they move to."""
        references = list(dict.fromkeys(move.states for move in self._moves))
        ready: set[Any] = set()
        if references:
            # What is known of them is no business of this process: it is not fetched.
            done, _ = ray.wait(references, num_returns=len(references), timeout=0, fetch_local=False)
            ready = set(done)
        now_s = time.monotonic()
        for move in [m for m in self._moves if m.states in ready or now_s >= m.until_s or not m.cameras]:
            self._moves.remove(move)
            if move.cameras:
                states = [move.states] if move.states in ready else []
                reference = self._open(move.target, list(move.cameras.values()), states)
                if reference is not None:
                    self._arriving[reference] = move.source
        self._arriving = {ref: source for ref, source in self._arriving.items() if ref in self._pending}
        # Its node may end with it, and what it handed over with its node.
        handing_over = {move.source for move in self._moves} | set(self._arriving.values())
        for worker in self._dismissed - handing_over:
            self._dismissed.discard(worker)
            self.gone.append(worker)

    def drop_camera(self, worker: int, camera: str, keep: bool = False) -> None:
        """See LiveRuntime."""
        for move in self._moves:
            if camera in move.cameras and worker in (move.source, move.target):
                # The source lets go of it already.
                if worker == move.target:
                    del move.cameras[camera]
                return
        if worker in self._handles:
            session = self._worker_session[worker]
            self._ask_worker(worker, self._handles[worker].drop.remote(session, camera, keep), None)

    def collect(self, worker: int, closed: int | None) -> None:
        """See LiveRuntime."""
        if worker in self._handles:
            reference = self._handles[worker].collect.remote(self._worker_session[worker], closed)
            self._ask_worker(worker, reference, lambda collected: Delivered(worker, collected))

    def dismiss(self, worker: int) -> None:
        """See LiveRuntime."""
        self._met.add(worker)
        if self._handles.pop(worker, None) is not None:
            self._dismissed.add(worker)
        self._pending = {ref: call for ref, call in self._pending.items() if call.worker != worker}
        self._moves = [move for move in self._moves if move.target != worker]

    def wait_for(self, seconds: float) -> list[LiveAnswer]:
        """See LiveRuntime."""
        self._go_on_with_moves()
        if not self._pending:
            time.sleep(seconds)
            return []
        done, _ = ray.wait(list(self._pending), num_returns=1, timeout=seconds)
        answers: list[LiveAnswer] = self._answers(done) if done else []
        for answer in answers:
            if isinstance(answer, WorkerLost):
                self.dismiss(answer.worker)
        return answers

    def close(self) -> None:
        """See LiveRuntime. The actors are the driver's."""
        super().close()
        self._handles.clear()
        self._moves.clear()


def _joined(number: int) -> Callable[[list[str]], WorkerJoined | WorkerLost]:
    """A worker that answers so late has cameras that others read by now: it may not go on."""
    return lambda cameras: WorkerLost(number) if cameras else WorkerJoined(number)
