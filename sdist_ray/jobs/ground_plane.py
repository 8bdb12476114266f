"""One ground plane out of a recording's foot points: the stage of sdist-ray topology after counting."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sdist_ray.jobs.console import progress, say
from sdist_ray.jobs.host import Host
from sdist_ray.jobs.outputs import write_table
from sdist_ray.occupancy.block import Rows
from sdist_ray.occupancy.recording import Recording, open_recording
from sdist_ray.settings_ground_plane import GroundPlaneSettings
from sdist_ray.topology.ground_plane.learn import learn
from sdist_ray.topology.ground_plane.pair import Fit
from sdist_ray.topology.ground_plane.placed import Placed
from sdist_ray.topology.ground_plane.plane import GroundPlane, LearnSettings
from sdist_ray.topology.ground_plane.search import Prepared, Runner, Task, shards_of
from sdist_ray.topology.ground_plane.view import View, make_view


def place_cameras(path: Path, settings: GroundPlaneSettings, where: Host) -> Placed | None:
    """Learn the homographies of a recording's cameras; None, and a word why, where it has no foot points."""
    start = time.time()
    recording = open_recording(path)
    if not recording.has_feet:
        say(f"{path}: no foot points, so no ground plane is learnt")
        return None
    views, ticks = read_views(recording, settings.minutes)
    plane = learn_here(views, settings.learn_settings(), where)
    footage_s = ticks / recording.fps
    return Placed.of(recording.cameras, plane, recording.grid, time.time() - start, footage_s)


def learn_here(views: Sequence[View], settings: LearnSettings, where: Host) -> GroundPlane:
    """See ``learn``, on all CPUs of this machine or of the cluster, with progress."""
    with progress("ground plane", None, "pairs of cameras") as update:
        done = 0

        def on_done(more: int) -> None:
            nonlocal done
            done += more
            update(done)

        if where.kind == "ray":
            from sdist_ray.runtime.ray.ground_plane import ray_runner

            return learn(views, ray_runner(views, settings, on_done), settings)
        prepared = Prepared(views, settings.fit, settings.seed)

        def run_all(tasks: Sequence[Task]) -> list[Fit]:
            return [prepared.run(task) for task in tasks]

        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            # Kernels let go of the interpreter; results are in the order of the tasks.
            def run(tasks: Sequence[Task]) -> list[Fit]:
                fits: list[Fit] = []
                for part in pool.map(run_all, shards_of(tasks)):
                    fits += part
                    on_done(len(part))
                return fits

            runner: Runner = run
            return learn(views, runner, settings)


def read_views(recording: Recording, minutes: float) -> tuple[list[View], int]:
    """The view of every camera over the newest so many minutes, and how many ticks that is."""
    first = max(recording.first_tick, recording.last_tick + 1 - round(minutes * 60 * recording.fps))
    ticks = recording.last_tick + 1 - first
    count = len(recording.cameras)
    available = np.zeros((count, ticks), np.bool_)
    parts: list[tuple[npt.NDArray[Any], ...]] = []
    for rows in recording.batches(feet=True):
        now = rows.tick >= first
        available[rows.camera[now], rows.tick[now] - first] = True
        camera, tick = np.repeat(np.stack([rows.camera, rows.tick - first]), _feet(rows), axis=1)
        kept = tick >= 0
        parts.append((camera[kept], tick[kept], rows.foot_x[kept], rows.foot_y[kept]))
    camera, tick, x, y = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.lexsort((tick, camera))
    camera, tick, x, y = camera[order], tick[order].astype(np.int64), x[order], y[order]
    bounds = np.searchsorted(camera, np.arange(count + 1))

    def view(number: int) -> View:
        own = slice(int(bounds[number]), int(bounds[number + 1]))
        return make_view(tick[own], x[own], y[own], available[number], recording.fps)

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return list(pool.map(view, range(count))), ticks


def _feet(rows: Rows) -> npt.NDArray[np.int64]:
    return np.diff(rows.foot_ends, prepend=0)


def write_ground_links(path: Path, placed: Placed) -> None:
    """ground_links.parquet: the windows that share ground, by the homographies."""
    names: dict[str, list[Any]] = {"camera_a": [], "camera_b": []}
    parts: dict[str, list[npt.NDArray[Any]]] = {
        name: [] for name in ("window_a", "window_b", "overlap_a", "overlap_b")
    }
    for (a, b), shared in sorted(placed.shared.items()):
        names["camera_a"] += [placed.cameras[a]] * len(shared.window_a)
        names["camera_b"] += [placed.cameras[b]] * len(shared.window_a)
        for name, values in shared._asdict().items():
            parts[name].append(values.astype(np.uint16) if name.startswith("window") else values)
    empty = {"window_a": np.uint16, "window_b": np.uint16, "overlap_a": np.float64, "overlap_b": np.float64}
    flat = {name: np.concatenate([np.empty(0, kind), *parts[name]]) for name, kind in empty.items()}
    write_table(
        path,
        {
            "camera_a": pa.array(names["camera_a"], pa.string()),
            "window_a": flat["window_a"],
            "camera_b": pa.array(names["camera_b"], pa.string()),
            "window_b": flat["window_b"],
            "overlap_a": flat["overlap_a"],
            "overlap_b": flat["overlap_b"],
        },
    )
