"""Small live networks for tests: JPEG cameras that play for ever, and what they must be seen to see."""

import threading
import time
from collections import defaultdict

import cv2
import numpy as np

from sdist_ray.cameras.camera import Camera
from sdist_ray.coordinator.live import Timing
from sdist_ray.detection.foreground import ForegroundSettings
from sdist_ray.exclusion.tile import Counting
from sdist_ray.jobs.live_feeds import LiveFeeds
from sdist_ray.occupancy.block import Clock
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.padding import Padding
from sdist_ray.runtime.base import Keeping
from sdist_ray.runtime.feeds import Assignment, NetworkSpec
from sdist_ray.runtime.live.local import LocalLiveNetwork
from sdist_ray.runtime.network import Tally
from sdist_ray.video.replicas import replicate
from sdist_ray.video.streams import Timeouts
from tests.live_runs import step_whole

CLOCK = Clock(10.0, 20)
GRID = Grid(12, 9)
DETECTOR = ForegroundSettings(warmup_frames=10)
TIMING = Timing(lateness_s=6.0, collect_s=0.25)
PATIENCE_S = 5.0
"""Tests' machines are busy at times: a frame that waits is not to be dropped for that."""


def write_clip(folder, seconds=7.3, size=(160, 120), seed=0):
    """A folder of JPEG images: two people walk over noise."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    width, height = size
    base = rng.integers(60, 120, (height, width), np.uint8)
    for number in range(round(seconds * CLOCK.fps)):
        image = cv2.add(base, rng.integers(0, 6, base.shape, np.uint8))
        for person in range(2):
            x = int((number * (2 + person) + 70 * person) % (width - 14))
            y = int(20 + 40 * person + 10 * np.sin(number / 9))
            cv2.rectangle(image, (x, y), (x + 9, y + 27), 235, -1)
        cv2.imwrite(str(folder / f"{number:05}.jpg"), image)
    return folder


def playing(clip, count, start_s):
    """``count`` cameras that play a clip from different places on."""
    return replicate([Camera("play", str(clip), CLOCK.fps)], count, 1.7, start_s)


def next_start(in_s=2.0):
    """A time at which a range begins."""
    return np.ceil((time.time() + in_s) / 2) * 2


def expected_rows(cameras, seconds):
    """What each camera must be seen to see: windows by tick, without waiting for it to happen."""
    network = NetworkSpec(tuple(camera.id for camera in cameras), GRID, CLOCK)
    feeds = LiveFeeds(network, DETECTOR, Timeouts(), PATIENCE_S)
    found = {}
    for camera in cameras:
        watched = feeds.open_camera(Assignment(camera.id, 0, None, camera), None)
        # Opened in a thread; from then on it knows when its first frame is due.
        before = camera.replay.start_s - 1
        wait_until(lambda: step_whole(watched, before) or watched.due_s > before)  # noqa: B023
        for step in range(int(seconds * 20)):
            step_whole(watched, camera.replay.start_s + step / 20)
        found[camera.id] = windows_by_tick(watched.take())
        watched.close()
    return found


def windows_by_tick(rows):
    """Of one camera's rows: the windows of each tick."""
    starts = np.concatenate(([0], rows.window_ends))[: len(rows.tick)]
    return {
        int(tick): tuple(rows.windows[a:b].tolist())
        for tick, a, b in zip(rows.tick, starts, rows.window_ends, strict=True)
    }


class Seen(Tally):
    """A tally that keeps every closed row, by camera and tick."""

    def __init__(self, network):
        super().__init__(network, self._keep)
        self.by_camera = defaultdict(dict)
        self._lock = threading.Lock()

    def _keep(self, rows):
        with self._lock:
            for place, camera in enumerate(self.cameras):
                mine = rows.take(np.flatnonzero(rows.camera == place))
                self.by_camera[camera] |= windows_by_tick(mine)

    def ticks(self, camera):
        """Ticks at which a camera was available so far."""
        with self._lock:
            return sorted(self.by_camera[camera])


def local_network(cameras, workers=2, read_s=2.0, counting=True, strategy=None, shards=1, store="dense"):
    """A network in this process that has not begun, and what it sees."""
    cameras = sorted(cameras, key=lambda camera: camera.id)
    network = NetworkSpec(tuple(camera.id for camera in cameras), GRID, CLOCK, strategy=strategy)
    seen = Seen(network)
    feeds = LiveFeeds(network, DETECTOR, Timeouts(2.0, read_s), PATIENCE_S)
    counts = Counting(Padding(GRID, CLOCK, 3), store=store) if counting else None
    running = LocalLiveNetwork(
        feeds, network, cameras, counts, TIMING, workers, shards if counting else 0, Keeping(), seen
    )
    return running, seen


def wait_until(what, seconds=240.0):
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.1)
