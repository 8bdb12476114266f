"""A live network in this process: workers are threads, shards are objects."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from sdist_ray.cameras.camera import Camera
from sdist_ray.coordinator.events import WorkerJoined, WorkerLost
from sdist_ray.coordinator.instructions import TilePlan
from sdist_ray.coordinator.live import Timing
from sdist_ray.errors import InputError
from sdist_ray.exclusion.tile import Counting
from sdist_ray.occupancy.padding import Padding
from sdist_ray.runtime.base import Keeping
from sdist_ray.runtime.feeds import Assignment, Feed, NetworkSpec
from sdist_ray.runtime.health import NetworkHealth
from sdist_ray.runtime.hosts import Stale
from sdist_ray.runtime.live.base import Delivered, LiveAnswer
from sdist_ray.runtime.live.camera import CameraState
from sdist_ray.runtime.live.feed import FeedClosed, LiveFeed
from sdist_ray.runtime.live.host import LiveHost
from sdist_ray.runtime.live.pipeline import LivePipeline
from sdist_ray.runtime.local import SESSION, LocalRuntime
from sdist_ray.runtime.network import Requests, Tally
from sdist_ray.runtime.screens import Asked
from sdist_ray.runtime.snapshots import SnapshotFolder
from sdist_ray.runtime.warm import warm_up_tally, warm_up_tiles
from sdist_ray.topology.links import DirectedLinks
from sdist_ray.topology.screening import Screening
from sdist_ray.video.source import Image

T = TypeVar("T")
MOST_REPLACED = 100
STOP_TIMEOUT_S = 60.0
ATTACH_TIMEOUT_S = 3.0


log = logging.getLogger(__name__)


def _no_feed() -> Feed:
    raise Stale


class _Worker:
    """A live worker, and the thread that it does in what it is asked, one after the other."""

    def __init__(self, number: int, network: NetworkSpec) -> None:
        self.host = LiveHost(network.clock)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"worker {number}")

    def ask(self, do: Callable[[], T]) -> Future[T]:
        return self._thread.submit(do)

    def close(self) -> None:
        """Let go of its cameras; one that hangs is not waited for."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        self.host.close()


class LocalLiveRuntime(LocalRuntime):
    """Live workers as threads, shards as objects. See LiveRuntime.

    Calls are made by the thread that waits for their answers; only ``directed_links`` may come from others.
    """

    def __init__(
        self,
        make_feed: Callable[[], LiveFeed],
        network: NetworkSpec,
        counting: Counting | None,
        workers: int,
        shards: int,
        snapshots: SnapshotFolder | None = None,
    ) -> None:
        super().__init__(_no_feed, network, counting, 0, shards, snapshots)
        # Before any camera is read: these would wait.
        warm_up_tally(counting.padding if counting else Padding(network.grid, network.clock, 0))
        if counting is not None:
            warm_up_tiles(counting)
        self._make_feed = make_feed
        self._live = {number: _Worker(number, network) for number in range(workers)}
        self._new = list(self._live)
        self._spec, self._numbers = network, workers - 1
        # What was asked: of whom, and what the answer means; None where it means nothing.
        self._asked: dict[Future[Any], tuple[int, Callable[[Any], LiveAnswer] | None]] = {}
        self._counting_now = threading.Lock()
        self._replaced = 0
        self._closing = False

    def attach_workers(self) -> dict[int, list[str]]:
        """See LiveRuntime."""
        self._asked.clear()
        there = {}
        for number, worker in list(self._live.items()):
            if number in self._new:
                continue
            try:
                there[number] = worker.ask(self._start(worker)).result(ATTACH_TIMEOUT_S)
            except (TimeoutError, FeedClosed):
                self.dismiss(number)
        return there

    def _start(self, worker: _Worker) -> Callable[[], list[str]]:
        return lambda: worker.host.start(SESSION, self._make_feed)

    def newcomers(self) -> list[int]:
        """See LiveRuntime."""
        new, self._new = self._new, []
        for number in new:
            self._ask_worker(number, self._start(self._live[number]), _joined(number))
        return new

    def _ask_worker(
        self, number: int, do: Callable[[], Any], answer: Callable[[Any], LiveAnswer] | None = None
    ) -> None:
        self._asked[self._live[number].ask(do)] = number, answer

    def open_cameras(self, worker: int, cameras: Sequence[Assignment]) -> None:
        """See LiveRuntime."""
        host = self._live[worker].host
        self._ask_worker(worker, lambda: host.open(SESSION, cameras))

    def move_cameras(self, source: int, target: int, cameras: Sequence[Assignment]) -> None:
        """See LiveRuntime."""
        released: Future[dict[str, CameraState]] | None = None
        if source in self._live:
            giver = self._live[source]
            names = [entry.camera for entry in cameras]
            released = giver.ask(lambda: giver.host.release(SESSION, names))
        taker = self._live[target].host

        def open_them() -> None:
            states: dict[str, CameraState] = {}
            if released is not None:
                # What it knows is lost if it is dismissed meanwhile: the cameras begin anew.
                with contextlib.suppress(CancelledError, TimeoutError, FeedClosed, Stale):
                    states = released.result()
            taker.open(SESSION, cameras, states)

        self._ask_worker(target, open_them)

    def drop_camera(self, worker: int, camera: str, keep: bool = False) -> None:
        """See LiveRuntime."""
        if worker in self._live:
            host = self._live[worker].host
            self._ask_worker(worker, lambda: host.drop(SESSION, camera, keep))

    def collect(self, worker: int, closed: int | None) -> None:
        """See LiveRuntime."""
        host = self._live[worker].host
        self._ask_worker(
            worker, lambda: host.collect(SESSION, closed), lambda found: Delivered(worker, found)
        )

    def create_tile(self, shard: int, plan: TilePlan) -> None:
        """See LiveRuntime."""
        with self._counting_now:
            super().create_tile(shard, plan)

    def dismiss(self, worker: int) -> None:
        """See LiveRuntime. One that owes an answer hangs, and another takes its place; others go."""
        owes = any(number == worker for number, _ in self._asked.values())
        self._asked = {call: asked for call, asked in self._asked.items() if asked[0] != worker}
        gone = self._live.pop(worker, None)
        if gone is not None:
            gone.close()
            if owes:
                self._replace(worker)

    def _replace(self, worker: int) -> None:
        """Another worker in the place of one that hung or broke; its threads may never end: not too many."""
        if self._closing or self._replaced == MOST_REPLACED:
            return
        self._replaced += 1
        number = self._numbers + self._replaced
        log.warning("worker %d takes the place of worker %d", number, worker)
        self._live[number] = _Worker(number, self._spec)
        self._new.append(number)

    def wait_for(self, seconds: float) -> list[LiveAnswer]:
        """See LiveRuntime."""
        answers: list[LiveAnswer] = []
        if not self._calls and self._asked:
            wait(self._asked, seconds, FIRST_COMPLETED)
        elif not self._calls:
            time.sleep(seconds)
        for call in [call for call in self._asked if call.done()]:
            # Whose earlier answer said that it is gone answers nothing more.
            if call in self._asked:
                answers += self._answer(call, *self._asked.pop(call))
        with self._counting_now:
            while self._calls:
                answers += self.wait()  # type: ignore[arg-type]
        return answers

    def _answer(
        self, call: Future[Any], worker: int, answer: Callable[[Any], LiveAnswer] | None
    ) -> list[LiveAnswer]:
        try:
            found = call.result()
        except Exception as error:
            log.warning("worker %d is given up: %s: %s", worker, type(error).__name__, error)
            self.dismiss(worker)
            self._replace(worker)
            return [WorkerLost(worker)]
        return [] if answer is None else [answer(found)]

    def directed_links(
        self,
        network: Sequence[str],
        estimator: str,
        threshold: float,
        tiles: Collection[int] | None = None,
        follow: bool = False,
    ) -> list[list[DirectedLinks] | None]:
        """See LiveRuntime."""
        with self._counting_now:
            return super().directed_links(network, estimator, threshold, tiles, follow)

    def screen(
        self,
        network: Sequence[str],
        screening: Screening,
        tiles: Collection[int] | None = None,
        follow: bool = False,
    ) -> list[npt.NDArray[np.int64] | None]:
        """See LiveRuntime."""
        with self._counting_now:
            return super().screen(network, screening, tiles, follow)

    def pictures(self, most: int) -> dict[str, Image]:
        """See LiveNetwork. From any thread."""
        found: dict[str, Image] = {}
        for worker in list(self._live.values()):
            # One that hangs has none.
            with contextlib.suppress(FeedClosed, TimeoutError):
                found |= worker.host.pictures(most)
        return found

    def close(self) -> None:
        """See LiveRuntime."""
        self._closing = True
        super().close()
        for number in list(self._live):
            self.dismiss(number)


def _joined(number: int) -> Callable[[Any], LiveAnswer]:
    return lambda _: WorkerJoined(number)


class LocalLiveNetwork:
    """A live network in this process. See LiveNetwork."""

    name = "local"

    def __init__(
        self,
        make_feed: Callable[[], LiveFeed],
        network: NetworkSpec,
        cameras: Sequence[Camera],
        counting: Counting | None,
        timing: Timing,
        workers: int,
        shards: int,
        keeping: Keeping,
        tally: Tally,
    ) -> None:
        self.shards = shards
        self.tally = tally
        snapshots = SnapshotFolder(keeping.snapshots) if keeping.snapshots else None
        self._runtime = LocalLiveRuntime(make_feed, network, counting, workers, shards, snapshots)
        self._requests = Requests(network.cameras)
        self._pipeline = LivePipeline(network, cameras, self._runtime, counting, timing, keeping, tally)
        self._problem: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="network", daemon=True)

    def _run(self) -> None:
        try:
            self._pipeline.run()
        except BaseException as error:
            self._problem = error

    def start(self) -> None:
        """See LiveNetwork."""
        self._thread.start()

    def look(self) -> NetworkHealth:
        """See LiveNetwork."""
        if self._problem is not None:
            raise self._problem
        return self._pipeline.health

    def add_cameras(self, cameras: Sequence[Camera]) -> None:
        """See LiveNetwork."""
        self._requests.add(cameras)
        self._pipeline.request(self._requests.all)

    def remove_cameras(self, cameras: Sequence[str]) -> None:
        """See LiveNetwork."""
        self._requests.remove(*cameras)
        self._pipeline.request(self._requests.all)

    def pause_cameras(self, cameras: Sequence[str], paused: bool) -> None:
        """See LiveNetwork."""
        self._requests.pause(cameras, paused)
        self._pipeline.request(self._requests.all)

    def directed_links(
        self,
        network: Sequence[str],
        estimator: str,
        threshold: float,
        follow: bool = False,
        screening: Screening | None = None,
    ) -> list[DirectedLinks] | None:
        """See LiveNetwork."""
        return self._pipeline.directed_links(Asked(network, estimator, threshold, follow, screening))

    def pictures(self, most: int) -> dict[str, Image]:
        """See LiveNetwork."""
        return self._runtime.pictures(most)

    def stop(self) -> NetworkHealth:
        """See LiveNetwork."""
        self._requests.close()
        self._pipeline.stop()
        self._thread.join(STOP_TIMEOUT_S)
        if self._thread.is_alive():
            raise InputError(f"the network did not end within {STOP_TIMEOUT_S:g} s")
        return self.look()

    def close(self) -> None:
        """See LiveNetwork."""
        if self._thread.is_alive():
            self._pipeline.stop()
            self._thread.join(STOP_TIMEOUT_S)
        self._pipeline.close()
