"""How fast this machine is, against the one whose figures capacity is computed from."""

from __future__ import annotations

import statistics
import time

import cv2
import numpy as np

from sdist_ray.detection.foreground import ForegroundDetector, ForegroundSettings
from sdist_ray.exclusion.tile import Counting, Tile
from sdist_ray.occupancy.block import Clock
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.padding import Padding, pad_ranges
from sdist_ray.partition.effort import FRAME_S, Machine, counting_s
from sdist_ray.partition.memory import Demand
from sdist_ray.runtime.hosts import use_one_thread
from sdist_ray.simulation.activity import activity_ranges

FRAMES = 300
CAMERAS, PEOPLE, SECONDS = 60, 1.0, 300
ROUNDS = 3


def calibrate() -> Machine:
    """Detect and count for some seconds, on one thread."""
    use_one_thread()
    frame_s = statistics.median(_detect())
    demand = Demand(Grid().windows, people=PEOPLE, seconds=SECONDS)
    said = counting_s("dense", CAMERAS, CAMERAS, demand, Machine())
    # The first round compiles.
    counted_s = statistics.median([_count() for _ in range(ROUNDS + 1)][1:])
    return Machine(frame_s / FRAME_S, counted_s / said)


def _detect() -> list[float]:
    """Seconds of each frame of two people who cross a still, noisy view."""
    rng = np.random.default_rng(0)
    noise = rng.integers(40, 200, (240, 320, 3), dtype=np.uint8)
    still = np.asarray(cv2.GaussianBlur(noise, (9, 9), 3), dtype=np.uint8)
    detector = ForegroundDetector(ForegroundSettings(warmup_frames=FRAMES // 3))
    seconds = []
    for number in range(FRAMES):
        image = still + rng.integers(0, 8, still.shape, dtype=np.uint8)
        for top, step in ((60, 2), (130, -3)):
            left = (number * step) % 300
            image[top : top + 50, left : left + 20] = 230
        _, jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 80])
        start = time.process_time()
        detector.detect(np.asarray(cv2.imdecode(jpeg, cv2.IMREAD_COLOR), dtype=np.uint8))
        seconds.append(time.process_time() - start)
    return seconds[FRAMES // 3 :]


def _count() -> float:
    """Seconds to count some minutes of a made-up network in the dense store."""
    names = [f"c{number}" for number in range(CAMERAS)]
    padding = Padding(Grid(), Clock(), 3)
    ranges = list(
        pad_ranges(activity_ranges(CAMERAS, PEOPLE, SECONDS * 10, padding.grid, padding.clock, 1), padding)
    )
    start = time.process_time()
    tile = Tile(names, names, Counting(padding))
    for entry in ranges:
        tile.apply(entry, names)
    tile.store.most_opportunities()
    return time.process_time() - start
