"""Live networks for tests: scripted cameras, a clock that does as it is told, and real workers."""

from __future__ import annotations

import threading
from concurrent.futures import wait
from dataclasses import replace

import numpy as np

from sdist_ray.cameras.camera import Camera
from sdist_ray.coordinator.live import Timing
from sdist_ray.errors import InputError
from sdist_ray.occupancy.block import Rows
from sdist_ray.runtime.base import Keeping
from sdist_ray.runtime.health import CameraHealth
from sdist_ray.runtime.live.feed import LiveFeed
from sdist_ray.runtime.live.local import LocalLiveRuntime
from sdist_ray.runtime.live.pipeline import LivePipeline
from sdist_ray.runtime.network import Tally
from sdist_ray.runtime.screens import Asked
from tests import networks
from tests.live import until

PATIENCE_S = 120.0
"""Of real time: how long threads may take that have all they need."""
HUNG_S = 0.05
TIMING = Timing(range_s=0.4, lateness_s=1.0, collect_s=0.5, silent_s=4.0, balance_s=2.0, stop_s=1.0)


class Wall:
    """What time it is."""

    def __init__(self, now_s=0.0):
        self.now_s = now_s

    def __call__(self):
        return self.now_s


class Scripted:
    """A camera that gives the rows of a recording, each as its time comes. See Watched.

    ``world`` says what is wrong with it: seconds that it is behind, a clock that is off, or that it hangs,
    and with it the thread that reads it.
    """

    def __init__(self, entry, state, world):
        self.camera, self.place, self.world = entry.camera, entry.place, world
        self.next = state[0] if state else None
        self.rows, self.before = (state[1], state[2]) if state else ([], 0)
        self.mine = world.mine[entry.camera]
        self.given, self.problem, self.closed, self.resting_s = 0, None, False, -1.0
        self.thread = threading.get_ident()
        world.opened.append(self)

    def step(self, now_s):
        if now_s < self.resting_s:
            return None
        fault = self.world.faults.get(self.camera, {})
        if fault.get("hang"):
            self.world.hanging.add(self.thread)
            self.world.release.wait(600)
        if fault.get("raise"):
            raise RuntimeError("a bug")
        ticks = self.mine.tick
        if self.next is None:
            self.next = int(np.searchsorted(ticks, now_s * networks.CLOCK.fps - 1e-6))
        return self.tell(fault) if self.next < self.due(now_s, fault) else None

    def due(self, now_s, fault):
        ticks = self.mine.tick
        return int(np.searchsorted(ticks, (now_s - fault.get("behind_s", 0.0)) * networks.CLOCK.fps + 1e-6))

    def seen(self, now_s):
        """Whether all that is to be seen of it was seen; of one that cannot be seen, it is."""
        fault = self.world.faults.get(self.camera, {})
        if self.closed or now_s < self.resting_s or fault.get("raise") or fault.get("hang"):
            return True
        if self.thread in self.world.hanging:
            return True
        return self.next is not None and self.next >= self.due(now_s, fault)

    def tell(self, fault):
        row = self.mine.slice(self.next, self.next + 1)
        shift = round(fault.get("off_s", 0.0) * networks.CLOCK.fps)
        place = np.full(1, self.place, np.int32)
        self.rows.append(replace(row, camera=place, tick=row.tick + shift))
        self.next += 1
        self.given += 1
        yield

    def take(self):
        rows, self.rows = self.rows, []
        return Rows.concatenate(rows)

    def health(self):
        return CameraHealth(
            self.camera, state="live", problem=self.problem, frames_in=self.before + self.given,
            processed=self.before + self.given,
        )  # fmt: skip

    def busy_since_s(self):
        return self.world.costs.get(self.camera, 0.01)

    def least_lag_s(self):
        return None

    def picture(self):
        return None

    def fail(self, problem, until_s):
        self.problem, self.resting_s = problem, until_s

    def release(self):
        self.closed = True
        return self.next, self.rows, self.before + self.given

    def close(self):
        self.closed = True


class World:
    """Workers and shards in this process, and pipelines one after the other. Time goes by as it is told."""

    def __init__(self, rows, cameras, counting, folder=None, workers=2, shards=2, every=3, known=None):
        self.wall = Wall()
        self.rows = rows
        names = networks.names(cameras)
        self.mine = {name: rows.take(np.flatnonzero(rows.camera == k)) for k, name in enumerate(names)}
        self.faults, self.costs = {}, {}
        self.release = threading.Event()
        self.hanging, self.opened = set(), []
        self.spec = networks.spec(known or cameras)
        self.described = [Camera(name) for name in names[: known or cameras]]
        self.counting = counting
        self.keeping = Keeping() if folder is None else Keeping(folder / "journal.arrow", str(folder), every)
        self.written = []
        self.tally = Tally(self.spec, self.written.append)
        self.runtime = LocalLiveRuntime(self.feed, self.spec, counting, workers, shards)
        self.more = workers
        self.requests = []
        self.begin()

    def feed(self):
        return LiveFeed(self.open, self.wall)

    def open(self, entry, state):
        if self.faults.get(entry.camera, {}).get("closed"):
            raise InputError(f"camera {entry.camera!r} cannot be opened")
        return Scripted(entry, state, self)

    def begin(self):
        """A pipeline, which takes over where there was another."""
        self.pipeline = LivePipeline(
            self.spec,
            self.described,
            self.runtime,
            self.counting,
            TIMING,
            self.keeping,
            self.tally,
            self.wall,
        )
        self.pipeline.request(self.requests)
        self.pipeline._begin()

    def settle(self):
        """Whoever was asked answers, unless it hangs."""
        for _ in range(3):
            wait(self.runtime._asked, HUNG_S if self.hanging else PATIENCE_S)
            self.pipeline._turn(0.0)

    def look(self):
        """Threads look at their cameras at their own pace: wait for them."""
        until(lambda: all(camera.seen(self.wall.now_s) for camera in self.opened), PATIENCE_S)

    def run(self, seconds, step_s=0.25):
        for _ in range(round(seconds / step_s)):
            self.wall.now_s += step_s
            self.look()
            self.opened = [camera for camera in self.opened if not camera.closed]
            self.settle()

    def stop(self):
        self.pipeline.stop()
        for _ in range(200):
            self.settle()
            if self.pipeline._coordinator.finished and not self.pipeline._events:
                break
            self.wall.now_s += 0.05
        assert self.pipeline._coordinator.finished, "it does not end"
        self.pipeline._look_after(self.wall(), True)

    def kill_coordinator(self, away_s=0.0):
        """Another takes over from the journal, the shards and the workers; what was asked is lost."""
        self.pipeline._journal.close()
        self.runtime._calls.clear()
        self.wall.now_s += away_s
        # They go on while nobody asks them.
        self.look()
        self.begin()

    def directed_links(self, *arguments):
        return self.pipeline.directed_links(Asked(*arguments))

    def counted_rows(self):
        return Rows.concatenate(self.written)

    def close(self):
        self.release.set()
        self.pipeline.close()
