"""Thin actors of a live network: each holds an object of the core and forwards to it."""

from __future__ import annotations

import copy
import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from sdist_ray.cameras.camera import Camera
from sdist_ray.errors import InputError
from sdist_ray.occupancy.block import Clock
from sdist_ray.runtime.feeds import Assignment
from sdist_ray.runtime.health import NetworkHealth
from sdist_ray.runtime.hosts import Stale, use_one_thread
from sdist_ray.runtime.live.camera import CameraState
from sdist_ray.runtime.live.commands import Answer, Commands
from sdist_ray.runtime.live.host import LiveHost
from sdist_ray.runtime.live.pipeline import LivePipeline
from sdist_ray.runtime.network import Request, Requests
from sdist_ray.runtime.ray.live import LiveSetup, RayLiveRuntime
from sdist_ray.runtime.screens import Asked
from sdist_ray.topology.links import DirectedLinks

BEHIND = 4
"""By how much a worker is nicer than other actors."""


class LiveWorker(LiveHost):
    """Hosts many cameras that are read live."""

    def __init__(self, clock: Clock) -> None:
        use_one_thread()
        # Frames can wait for a moment, a range that is due cannot: shards and the coordinator go first.
        os.nice(BEHIND)
        self._move_s = 0.0
        super().__init__(clock)

    def begin(self, setup: Sequence[Any], session: str) -> list[str]:
        """See ``start``; what makes its feed comes with the setup, a reference in a list."""
        found: LiveSetup = ray.get(setup[0])
        self._move_s = found.timing.move_s
        return self.start(session, found.make_feed)

    def open_with(self, session: str, cameras: Sequence[Assignment], states: Sequence[Any]) -> None:
        """See ``open``; what is known of the cameras comes from another worker, a reference in a list."""
        known: dict[str, CameraState] = {}
        for reference in states:
            try:
                known |= ray.get(reference, timeout=self._move_s)
            except RayError:
                # It died, or knows nothing any more: the cameras begin anew.
                continue
        wanted = {entry.camera for entry in cameras}
        # What Ray hands out cannot be written to, and stays in the object store for as long as it is used.
        mine = {camera: copy.deepcopy(state) for camera, state in known.items() if camera in wanted}
        self.open(session, cameras, mine)

    def where(self) -> tuple[str, int]:
        """This node's id and this process."""
        return ray.get_runtime_context().get_node_id(), os.getpid()


class LiveCoordinatorActor:
    """Runs a live network. Made anew, it takes over from what the journal, shards and workers know.

    ``run`` is one call that lasts; the others go on beside it.
    """

    def __init__(self) -> None:
        use_one_thread()
        self._pipeline: LivePipeline | None = None
        self._runtime: RayLiveRuntime
        self._requests: Requests
        self._commands: Commands
        self._asking = threading.Lock()
        self._running = threading.Lock()
        self._outcome: tuple[str | None] | None = None

    def begin(
        self,
        setup: Sequence[Any],
        requests: Sequence[Request],
        workers: Mapping[int, Any],
        leaving: Iterable[int] = (),
    ) -> None:
        """Be ready to run, and hear of all requests so far, of all workers, and of those that are to go."""
        with self._asking:
            if self._pipeline is None:
                found: LiveSetup = ray.get(setup[0])
                self._runtime = RayLiveRuntime(found.shards, setup, found.timing.move_s)
                self._requests = Requests(found.network.cameras)
                self._requests.take(requests)
                pipeline = LivePipeline(
                    found.network, found.cameras, self._runtime, found.counting, found.timing, found.keeping
                )
                pipeline.request(requests)
                self._commands = Commands(found.network, self, lambda: pipeline.health)
                self._pipeline = pipeline
            self._runtime.meet(workers)
            for worker in leaving:
                self._pipeline.leave(worker)

    def _begun(self) -> LivePipeline:
        if self._pipeline is None:
            raise Stale
        return self._pipeline

    def run(self) -> str | None:
        """See LivePipeline. Answers why it cannot go on, where it cannot.

        A driver that lost sight of it may ask for it once more.
        """
        with self._running:
            if self._outcome is None:
                try:
                    self._begun().run()
                    self._outcome = (None,)
                except InputError as error:
                    cause = error.cause if isinstance(error, RayTaskError) else error
                    self._outcome = (str(cause),)
            return self._outcome[0]

    def look(self, known: int) -> tuple[NetworkHealth, list[Request], list[int]]:
        """How the network is, the requests after the first ``known``, and workers that are gone.

        A request is carried out once the driver, which outlives this process, knows of it.
        """
        pipeline = self._begun()
        with self._asking:
            pipeline.request(self._requests.all[:known])
            return pipeline.health, self._requests.all[known:], list(self._runtime.gone)

    def add_cameras(self, cameras: Sequence[Camera]) -> None:
        """See LiveNetwork. They join when the driver has heard of it."""
        self._begun()
        with self._asking:
            self._requests.add(cameras)

    def remove_cameras(self, cameras: Sequence[str]) -> None:
        """See LiveNetwork. They leave when the driver has heard of it."""
        self._begun()
        with self._asking:
            self._requests.remove(*cameras)

    def pause_cameras(self, cameras: Sequence[str], paused: bool) -> None:
        """See LiveNetwork. It is done when the driver has heard of it."""
        self._begun()
        with self._asking:
            self._requests.pause(cameras, paused)

    def command(self, request: object) -> Answer:
        """What came of a request that another process makes; see Commands."""
        self._begun()
        return self._commands.answer(request)

    def directed_links(self, asked: Asked) -> list[DirectedLinks] | None:
        """See LiveNetwork."""
        return self._begun().directed_links(asked)

    def stop(self) -> None:
        """See LivePipeline."""
        pipeline = self._begun()
        self._requests.close()
        pipeline.stop()

    def pid(self) -> int:
        """This process."""
        return os.getpid()
