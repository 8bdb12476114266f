"""Whom to follow, and where they are in each camera at each instant: read from a tracking run."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc

from sdist_ray.distancing.scene import Floats, Ints
from sdist_ray.errors import InputError
from sdist_ray.jobs.rows_file import RowsFile
from sdist_ray.jobs.track_feed import network_tick
from sdist_ray.report.run_folder import LEAST_FPS, MOST_FPS
from sdist_ray.settings_tracking import FollowJob
from sdist_ray.tracking.follow import fill_gaps, view_worth

COLUMNS = (
    "person", "camera", "time_s", "x", "y", "width", "height", "score", "ground_x_m", "ground_y_m",
)  # fmt: skip
MOST_VIEWS = 40_000_000
"""Of instants and cameras at once: a day of forty cameras."""
NEAR_S = 0.6
"""Who is asked for at a time was there so shortly before or after."""


@dataclass(frozen=True)
class TrackedRun:
    """A tracking run's summary.

    Attributes:
        folder: of the run.
        watched: of the distancing run that it joined.
        topology: of the topology run that it used; None for none.
        fps: ticks of the network a second.
        cameras: ids.
        views: float64 (k, 2) of each camera, the ground that it sees, metres; empty where that is not known.
        edges: pairs of cameras that see the same, or that people walk between.
    """

    folder: Path
    watched: Path
    topology: Path | None
    fps: float
    cameras: tuple[str, ...]
    views: tuple[Floats, ...]
    edges: tuple[tuple[int, int], ...]

    @classmethod
    def read(cls, folder: Path) -> TrackedRun:
        """From its folder.

        Raises:
            InputError: it is not one.
        """
        try:
            summary: Any = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
            if summary["command"] != "track":
                raise ValueError
            topology = summary["topology"]
            topology = None if topology is None else Path(topology)
            fps = float(summary["fps"])
            cameras = tuple(str(camera["id"]) for camera in summary["cameras"])
            views = tuple(np.array(c["view_m"], np.float64).reshape(-1, 2) for c in summary["cameras"])
            edges = tuple((int(a), int(b)) for a, b in summary["edges"])
            if not LEAST_FPS <= fps <= MOST_FPS or not all(np.isfinite(view).all() for view in views):
                raise ValueError
            if not all(0 <= end < len(cameras) for edge in edges for end in edge):
                raise ValueError
            return cls(folder, Path(summary["run"]), topology, fps, cameras, views, edges)
        except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise InputError(
                f"run={folder}: not a tracking run's folder (sdist-ray track makes one)"
            ) from error


@dataclass(frozen=True)
class Target:
    """One person in all cameras.

    Attributes:
        person: their number.
        tick: int64 (instants,), of the network, every one from the first to the last.
        worth: float64 (instants, cameras), of each view; see tracking.follow.
        box: float64 (instants, cameras, 4), pixels; NaN where a camera does not see them.
        detected: bool (instants, cameras).
        ground: float64 (instants, 2), metres; NaN where that is not known.
    """

    person: int
    tick: Ints
    worth: Floats
    box: Floats
    detected: np.ndarray
    ground: Floats


def find_person(run: TrackedRun, settings: FollowJob) -> int:
    """The number of whom the settings mean.

    Raises:
        InputError: nobody is there.
    """
    data = _tracks(run)
    if settings.person is not None:
        if not len(data.rows(("person",), pc.field("person") == settings.person)["person"]):
            raise InputError(f"person={settings.person}: {run.folder} has nobody of that number")
        return settings.person
    if settings.camera is not None and settings.time_s is not None and settings.at is not None:
        if settings.camera not in run.cameras:
            raise InputError(
                f"camera={settings.camera}: {run.folder} has cameras {', '.join(run.cameras[:8])}"
            )
        time_s, (x, y) = settings.time_s, settings.at
        near = (pc.field("time_s") >= time_s - NEAR_S) & (pc.field("time_s") <= time_s + NEAR_S)
        table = data.rows(COLUMNS, near & (pc.field("camera") == settings.camera))
        left, top, wide, tall, when = (table[n] for n in ("x", "y", "width", "height", "time_s"))
        inside = (left <= x) & (x <= left + wide) & (top <= y) & (y <= top + tall)
        if not inside.any():
            raise InputError(
                f"nobody is tracked in camera {settings.camera!r} at {time_s:g} s and pixel {x:g}, {y:g}"
            )
        # Of several the one nearest in time, then the one who stands in front.
        rows = np.flatnonzero(inside)
        best = rows[np.lexsort((-(top + tall)[rows], np.abs(when[rows] - time_s)))[0]]
        return int(table["person"][best])
    seen: Counter[tuple[int, str]] = Counter()
    for batch in data.batches(("person", "camera")):
        seen.update(zip(batch["person"].astype(np.int64).tolist(), batch["camera"].tolist(), strict=True))
    if not seen:
        raise InputError(f"run={run.folder}: nobody was tracked")
    by_person: dict[int, list[int]] = {}
    for (person, _), count in seen.items():
        by_person.setdefault(person, []).append(count)
    # Of all the one whom most cameras saw, and most often.
    return max(by_person, key=lambda person: (len(by_person[person]), sum(by_person[person]), -person))


def read_target(
    run: TrackedRun, person: int, sizes: Mapping[str, tuple[int, int]], from_s: float | None,
    until_s: float | None,
) -> Target:  # fmt: skip
    """Everything that is known of a person.

    Args:
        run: a tracking run.
        person: their number.
        sizes: (width, height) of each camera's images; cameras that are left out cannot show anything.
        from_s, until_s: what part is wanted.

    Raises:
        InputError: nobody of that number is there then.
    """
    where = pc.field("person") == person
    if from_s is not None:
        where = where & (pc.field("time_s") >= from_s)
    if until_s is not None:
        where = where & (pc.field("time_s") <= until_s)
    data = _tracks(run)
    own = data.rows(COLUMNS, where)
    if not len(own["person"]):
        raise InputError(f"person {person} is not seen between from_s and until_s")
    tick = np.array([network_tick(t, run.fps) for t in own["time_s"].tolist()])
    first, last = int(tick.min()), int(tick.max())
    strange = set(own["camera"].tolist()) - set(run.cameras)
    if strange:
        raise InputError(f"{data.path}: camera {min(strange)!r} is none of the run's summary.json")
    if (last - first + 1) * len(run.cameras) > MOST_VIEWS:
        raise InputError(
            f"person {person} is seen over {(last - first) / run.fps:.0f} s, too long for one video; "
            "say from_s and until_s"
        )
    place = {camera: number for number, camera in enumerate(run.cameras)}
    instants, cameras = last - first + 1, len(run.cameras)
    box = np.full((instants, cameras, 4), np.nan)
    worth, ground = np.zeros((instants, cameras)), np.full((instants, 2), np.nan)
    detected = np.zeros((instants, cameras), dtype=bool)
    others = _others(data, own, person, run.fps)
    boxes = np.column_stack([own[n] for n in ("x", "y", "width", "height")])
    seen = np.isfinite(own["score"])
    at = np.column_stack([own["ground_x_m"], own["ground_y_m"]])
    for row, camera in enumerate(own["camera"].tolist()):
        here, number = int(tick[row]) - first, place[camera]
        if np.isfinite(at[row]).all():
            ground[here] = at[row]
        if camera not in sizes:
            continue
        value = view_worth(
            boxes[row], sizes[camera], bool(seen[row]), others.get((camera, int(tick[row])), np.empty((0, 4)))
        )
        # Two of a camera's tracks may be the person: the better seen one.
        if value > worth[here, number]:
            worth[here, number], box[here, number], detected[here, number] = value, boxes[row], seen[row]
    for camera in range(cameras):
        fill_gaps(worth[:, camera], box[:, camera], run.fps)
    return Target(person, np.arange(first, last + 1), worth, box, detected, ground)


def _others(
    data: RowsFile, own: Mapping[str, np.ndarray], person: int, fps: float
) -> dict[tuple[str, int], Floats]:
    """Boxes of everybody else in the cameras and instants of somebody, by camera and tick."""
    first, last = float(own["time_s"].min()), float(own["time_s"].max())
    wanted = {
        (camera, network_tick(time_s, fps))
        for camera, time_s in zip(own["camera"].tolist(), own["time_s"].tolist(), strict=True)
    }
    where = pc.field("camera").isin(sorted({camera for camera, _ in wanted})) & (pc.field("person") != person)
    where = where & (pc.field("time_s") >= first) & (pc.field("time_s") <= last)
    found: dict[tuple[str, int], list[list[float]]] = {}
    columns = ("camera", "time_s", "x", "y", "width", "height")
    for batch in data.batches(columns, where):
        for row in zip(*(batch[name].tolist() for name in columns), strict=True):
            key = (row[0], network_tick(row[1], fps))
            if key in wanted:
                found.setdefault(key, []).append(list(row[2:]))
    return {key: np.array(boxes, dtype=np.float64) for key, boxes in found.items()}


def _tracks(run: TrackedRun) -> RowsFile:
    return RowsFile(run.folder / "tracks.parquet", COLUMNS)
