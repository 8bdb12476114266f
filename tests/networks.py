"""Small networks for tests: activity in a recording, and all that a network counted of it."""

import numpy as np

from sdist_ray.exclusion.tile import Counting
from sdist_ray.jobs.network import RecordingFeeds
from sdist_ray.occupancy.block import Clock, Rows
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.padding import Padding
from sdist_ray.occupancy.recording import RecordingWriter
from sdist_ray.runtime.feeds import NetworkSpec

GRID = Grid(4, 3)
CLOCK = Clock(10, 4)


def activity(cameras, ranges, seed=1):
    """Rows of every camera: people who walk through pairs of cameras, and outages."""
    rng = np.random.default_rng(seed)
    ticks = ranges * CLOCK.range_ticks
    at = rng.integers(0, GRID.windows, (cameras // 2 + 1, 2)).repeat(ticks, 0).reshape(-1, ticks, 2)
    at = (at + rng.integers(0, 2, at.shape).cumsum(axis=1)) % GRID.windows
    camera, tick, windows = [], [], []
    for t in range(ticks):
        for c in range(cameras):
            if rng.random() < 0.03:
                continue
            seen = at[c // 2, t][rng.random(2) < 0.4]
            camera.append(c)
            tick.append(t)
            windows.append(np.unique(seen))
    ends = np.cumsum([len(w) for w in windows])
    nothing = np.zeros(0, np.float32)
    return Rows(
        np.array(camera, np.int32), np.array(tick, np.int64), np.concatenate(windows).astype(np.uint16), ends,
        nothing, nothing, np.zeros(len(ends), np.int64),
    )  # fmt: skip


def names(cameras):
    return tuple(f"c{number:02}" for number in range(cameras))


def record(path, rows, cameras):
    with RecordingWriter(path, names(cameras), GRID, CLOCK.fps) as writer:
        writer.write(rows)
    return path


def spec(cameras):
    return NetworkSpec(names(cameras), GRID, CLOCK)


def counting(policy="wide", store="dense", tolerance=3):
    return Counting(Padding(GRID, CLOCK, tolerance), policy, store)


def feeds(path, cameras):
    return RecordingFeeds(spec(cameras), path, feet=False)


def agreements(network):
    """Every pair of windows that ever agreed: (row, column) to (N, O)."""
    everyone = sorted(network.tally.cameras)
    found = {}
    for part in network.directed_links(everyone, "raw", 0.0):
        for row, column, n, o in zip(part.row, part.column, part.agreements, part.opportunities, strict=True):
            key = (everyone[row // GRID.windows], row % GRID.windows, everyone[column // GRID.windows],
                   column % GRID.windows)  # fmt: skip
            assert found.setdefault(key, (n, o)) == (n, o)
    return found
