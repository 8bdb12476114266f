"""Workers that come and go while a network runs live on Ray: what moves, and what is missed.

    SDIST_DATA=… python -m benchmarks.elastic [--cameras 24] [--source VIDEO …]

On one machine: a node's workers read all cameras, a node joins and takes half of them, the coordinator is
killed, the node is drained and its cameras move back, another one joins and dies with no warning. Cameras are
files that play as if live, as JPEG images of 320 pixels. Every row is compared with what one process sees of
the same files with nothing happening. ``longest_dark_s`` is the longest time that any camera was unavailable
before the last node dies, moves or not: a machine whose cores are busy starting a node drops frames too.
``ticks_missed_while_moving`` are those within seconds of a camera's own move. ``died_dark_s`` is the longest
time that a camera whose node died was unavailable, which begins anew elsewhere.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import json
import os
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import ray
from ray.cluster_utils import Cluster

from benchmarks.machine import machine
from sdist_ray.cameras.camera import Camera
from sdist_ray.coordinator.live import Timing
from sdist_ray.detection.foreground import ForegroundSettings
from sdist_ray.exclusion.tile import Counting
from sdist_ray.jobs.live_feeds import LiveFeeds
from sdist_ray.occupancy.block import Clock, Rows
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.padding import Padding
from sdist_ray.runtime.base import Keeping
from sdist_ray.runtime.feeds import Assignment, NetworkSpec
from sdist_ray.runtime.health import NetworkHealth
from sdist_ray.runtime.network import Tally
from sdist_ray.runtime.ray.live_network import RayLiveNetwork
from sdist_ray.runtime.ray.session import ray_session
from sdist_ray.video.replicas import replicate
from sdist_ray.video.streams import Timeouts

RESULTS = Path(__file__).parent / "results"
CLIP = "scenescape/Cam_x1_0_10fps.mp4"
GRID, CLOCK, TIMING = Grid(), Clock(), Timing()
CPUS, SHARDS = 2, 1
PREEMPTION = 2
"""Why the node is drained; Ray has it that it will go whatever happens."""
# A node is taken for dead after three missed beats of 300 ms; Ray's own setting is five of 3 s.
NODE_CHECKS = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 300,
    "health_check_failure_threshold": 3,
}
Seen = dict[int, dict[int, bytes]]


class Recorder:
    """Keeps every row: what a camera, by place, saw at a tick."""

    def __init__(self) -> None:
        self.rows: Seen = {}
        self.twice = 0

    def __call__(self, rows: Rows) -> None:
        """Rows of a closed range."""
        start = 0
        for camera, tick, end in zip(rows.camera, rows.tick, rows.window_ends, strict=True):
            mine = self.rows.setdefault(int(camera), {})
            self.twice += int(tick) in mine
            mine[int(tick)] = rows.windows[start:end].tobytes()
            start = end


class Run:
    """A network that runs, who reads what, and when ranges were closed."""

    def __init__(self, network: RayLiveNetwork) -> None:
        self.network = network
        self.readers: dict[str, int | None] = {}
        self.moves = 0
        self.began = time.monotonic()
        self.moved: list[tuple[str, float]] = []

    def look(self) -> NetworkHealth:
        """See LiveNetwork; counts moves."""
        health = self.network.look()
        for camera in health.cameras:
            before = self.readers.get(camera.camera)
            if None not in (before, camera.worker) and before != camera.worker:
                self.moves += 1
                self.moved.append((camera.camera, time.time()))
            if camera.worker is not None:
                self.readers[camera.camera] = camera.worker
        return health

    def until(self, what: Callable[[NetworkHealth], bool], timeout_s: float = 120.0) -> float:
        """Look until something is so; seconds that it took."""
        began = time.monotonic()
        while not what(self.look()):
            if time.monotonic() - began > timeout_s:
                raise SystemExit(f"it did not happen within {timeout_s:g} s")
            time.sleep(0.2)
        return time.monotonic() - began

    def rest(self, seconds: float) -> None:
        """Let it run."""
        end = time.monotonic() + seconds
        self.until(lambda _: time.monotonic() > end, seconds + 60)

    def spread(self, workers: int) -> Callable[[NetworkHealth], bool]:
        """Whether so many workers are there, and each has cameras."""

        def so(health: NetworkHealth) -> bool:
            there = {worker.number for worker in health.workers}
            return len(there) == workers and {camera.worker for camera in health.cameras} == there

        return so


def expected(feeds: LiveFeeds, cameras: list[Camera], through_s: float) -> Seen:
    """What one process sees, by a clock of its own."""
    found = Recorder()
    for place, camera in enumerate(cameras):
        watched = feeds.open_camera(Assignment(camera.id, place, None, camera), None)
        assert camera.replay is not None
        now_s = camera.replay.start_s
        stream: Any = watched._stream  # type: ignore[attr-defined]
        while stream.next_s(now_s - 1) < now_s - 0.5:
            # It is being opened.
            stream.poll(now_s - 1)
            time.sleep(0.01)
        while now_s < through_s:
            steps = watched.step(now_s)
            for _ in steps or ():
                pass
            if steps is None:
                now_s += 0.05
        found(watched.take())
        watched.close()
    return found.rows


def longest_gap_s(ticks: dict[int, bytes], first: int, last: int) -> float:
    """The longest time without a row."""
    there = [first - 1, *sorted(tick for tick in ticks if first <= tick <= last), last + 1]
    return float(max(b - a - 1 for a, b in itertools.pairwise(there)) / CLOCK.fps)


def happen(run: Run, cluster: Cluster, result: dict[str, Any]) -> None:
    """All that happens."""
    network = run.network
    run.until(lambda health: len(health.cameras) > 0 and all(c.state == "live" for c in health.cameras))
    run.until(run.spread(CPUS))
    run.rest(5)
    result["began_s"], run.moves = time.time(), 0
    second = cluster.add_node(num_cpus=CPUS, object_store_memory=200 << 20)
    result["doubled_after_s"] = run.until(run.spread(2 * CPUS))
    run.rest(10)
    result["moves_when_doubled"], run.moves = run.moves, 0
    closed = network.tally.ranges
    os.kill(network.processes()["coordinator"], signal.SIGKILL)
    result["takeover_s"] = run.until(lambda _: network.tally.ranges > closed)
    run.rest(5)
    run.moves = 0
    client = ray._raylet.GcsClient(address=cluster.address)
    client.drain_node(second.node_id, PREEMPTION, "benchmark", int((time.time() + 600) * 1000))
    result["drained_after_s"] = run.until(lambda _: sum(node["Alive"] for node in ray.nodes()) == 1)
    run.until(run.spread(CPUS))
    result["moves_when_drained"] = run.moves
    run.rest(5)
    third = cluster.add_node(num_cpus=CPUS, object_store_memory=200 << 20)
    run.until(run.spread(2 * CPUS))
    run.rest(5)
    before = dict(run.readers)
    result["died_s"] = time.time()
    cluster.remove_node(third, allow_graceful=False)
    run.until(run.spread(CPUS))
    gone = set(before.values()) - set(run.readers.values())
    result["died"] = sorted(camera for camera, worker in before.items() if worker in gone)
    run.rest(15)
    result["moved"] = run.moved


def compare(
    result: dict[str, Any], seen: Seen, whole: Seen, cameras: list[Camera], newest: int
) -> dict[str, Any]:
    """What was missed, and for how long."""
    first = round(result["began_s"] * CLOCK.fps)
    died = round((result["died_s"] - 2 * TIMING.collect_s) * CLOCK.fps)
    end = (newest - 1) * CLOCK.range_ticks
    missed = changed = moving = 0
    dark: dict[str, float] = {}
    for place, camera in enumerate(cameras):
        last = died if camera.id in result["died"] else end
        mine, should = seen.get(place, {}), whole[place]
        between = {tick: windows for tick, windows in should.items() if first <= tick <= last}
        changed += sum(mine.get(tick, windows) != windows for tick, windows in between.items())
        missed += sum(tick not in mine for tick in between)
        for about in [moved_s for moved, moved_s in result["moved"] if moved == camera.id]:
            near = [tick for tick in between if about - 4 <= tick / CLOCK.fps <= about + 2]
            moving += sum(tick not in mine for tick in near)
        dark[camera.id] = longest_gap_s(mine, first, last)
    after = {
        camera.id: longest_gap_s(seen.get(place, {}), died, end)
        for place, camera in enumerate(cameras)
        if camera.id in result["died"]
    }
    return {
        "ticks_compared": sum(sum(first <= tick <= end for tick in ticks) for ticks in whole.values()),
        "ticks_missed": missed,
        "ticks_missed_while_moving": moving,
        "ticks_changed": changed,
        "longest_dark_s": max(dark.values()),
        "died_cameras": len(after),
        "died_dark_s": max(after.values(), default=None),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cameras", type=int, default=24)
    parser.add_argument("--source", help="a video; by default one of SceneScape's in SDIST_DATA")
    arguments = parser.parse_args()
    source = arguments.source or str(Path(os.environ["SDIST_DATA"]) / CLIP)
    start_s = float(np.ceil((time.time() + 40) / TIMING.range_s) * TIMING.range_s)
    cameras = replicate([Camera("c", source)], arguments.cameras, None, start_s, True, True, 320)
    cameras = [dataclasses.replace(camera, id=f"c{k:03}") for k, camera in enumerate(cameras)]
    network = NetworkSpec(tuple(camera.id for camera in cameras), GRID, CLOCK)
    feeds = LiveFeeds(network, ForegroundSettings(), Timeouts(), 2.0, 1, tuple(cameras))
    node = {"num_cpus": CPUS, "object_store_memory": 200 << 20, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=node | {"_system_config": NODE_CHECKS})
    os.environ["RAY_ADDRESS"] = cluster.address
    result: dict[str, Any] = {"cameras": arguments.cameras, "cpus_a_node": CPUS, "shards": SHARDS}
    recorder = Recorder()
    with tempfile.TemporaryDirectory() as name, ray_session():
        keeping = Keeping(Path(name) / "journal.arrow", str(Path(name) / "snapshots"), 100)
        tally = Tally(network, recorder)
        counting = Counting(Padding(GRID, CLOCK, 3))
        running = RayLiveNetwork(
            feeds, network, cameras, counting, TIMING, 0, SHARDS, keeping, tally, "elastic"
        )
        running.start()
        run = Run(running)
        try:
            happen(run, cluster, result)
            health = running.stop()
        finally:
            running.close()
    cluster.shutdown()
    assert tally.newest is not None
    result["ranges_counted"] = health.ranges_counted
    result["ranges_lost"] = health.ranges_skipped
    result["rows_told_twice"] = recorder.twice
    result["late_fraction"] = health.late_fraction
    whole = expected(feeds, cameras, (tally.newest + 1) * TIMING.range_s)
    result |= compare(result, recorder.rows, whole, cameras, tally.newest)
    for name in ("began_s", "died_s", "died", "moved"):
        del result[name]
    result["machine"] = machine()
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "elastic.json").write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
