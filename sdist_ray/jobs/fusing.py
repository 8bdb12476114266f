"""Fusion of a distancing run: the cameras' sightings, merged by time, become the network's people."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sdist_ray.distancing.fusion import Fused
from sdist_ray.distancing.fusion_feed import gathered
from sdist_ray.distancing.fusion_views import Views
from sdist_ray.distancing.fusion_watch import NetworkWatch
from sdist_ray.distancing.ground import Located
from sdist_ray.distancing.groups import Group
from sdist_ray.distancing.scene import NO_GROUP, Floats, Scene
from sdist_ray.distancing.violations import Violation
from sdist_ray.distancing.watch import WatchSettings
from sdist_ray.jobs.instants import instants
from sdist_ray.jobs.outputs import write_bytes
from sdist_ray.report.heat_map import HeatMap
from sdist_ray.report.top_down import TopDown
from sdist_ray.runtime.watching import SETTLE_S
from sdist_ray.video.writer import VideoWriter

PERSONS_SCHEMA = pa.schema(
    [
        ("tick", pa.int64()), ("time_s", pa.float64()), ("person", pa.int64()),
        ("ground_x_m", pa.float64()), ("ground_y_m", pa.float64()), ("sigma_m", pa.float64()),
        ("group", pa.int64()), ("cameras", pa.list_(pa.string())),
    ]
)  # fmt: skip
FILES = ("persons.parquet", "network.png", "network_heat.png", "network.mp4", "overlaps.json")
PANEL_PX = 720
MARGIN_M = 1.0
HEAT_CELLS = 60
ROWS_TOGETHER = 20_000


@dataclass
class Network:
    """What became of a network's people.

    Attributes:
        views: of the cameras that were fused.
        violations, severities, seen_by: what was found, and the cameras that saw either of the two then.
        groups: of people, by their numbers.
        people: how many there were.
        instants: that were looked at.
        whose: camera to whose tracks were whose: int64 (n, 3), track, tick from which on, person.
        found, offset: see Fuser.
        files: "persons", "picture", "heat" and "video", by their names in the run's folder.
    """

    views: Views
    violations: list[Violation] = field(default_factory=list)
    severities: list[str] = field(default_factory=list)
    seen_by: list[list[str]] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    people: int = 0
    instants: int = 0
    whose: dict[str, np.ndarray] = field(default_factory=dict)
    found: Floats | None = None
    offset: Floats | None = None
    files: dict[str, str] = field(default_factory=dict)


def fuse(
    views: Views, files: Mapping[str, str], fps: Mapping[str, float], settings: WatchSettings, folder: Path,
    video: bool, still: bool = False,
) -> Network:  # fmt: skip
    """Fuse a run's sightings.

    Args:
        views: what is fused.
        files: camera to its sightings; cameras that failed have none.
        fps: camera to how often it was looked at, per second. The network is looked at as often as its
            fastest camera; where others deliver nothing, that says nothing.
        settings: what to look for.
        folder: the run's, where tables, pictures and the video go.
        video: whether the view from above becomes a video.
        still: every source is one picture.
    """
    network = Network(views)
    rates = [fps[camera] for camera in views.cameras if camera in files]
    rate = max(rates, default=1.0)
    settings = settings.at(1 / min(rates, default=1.0))
    watch = NetworkWatch(views, settings, 1 / min(rates, default=1.0), still)
    whose: dict[str, dict[int, int]] = {camera: {} for camera in views.cameras}
    changes: dict[str, list[tuple[int, int, int]]] = {camera: [] for camera in views.cameras}
    settled_s, people = -math.inf, 0
    with contextlib.ExitStack() as stack:
        table = stack.enter_context(_Persons(folder / "persons.parquet"))
        above = _Above(views, settings.limit_m, folder, rate if video and not still else None)
        for tick, frames in _instants(views, files, rate):
            time_s = tick / rate
            reports = [(number, *_report(rows)) for number, rows in frames]
            sightings = gathered(reports)
            available = np.zeros(len(views.cameras), dtype=np.bool_)
            available[[number for number, _ in frames]] = True
            scene, fused = watch.look(time_s, sightings, available)
            network.instants += 1
            people = max(people, int(fused.person.max(initial=0)))
            first = 0
            for number, rows in frames:
                camera = views.cameras[number]
                for track, person in zip(
                    rows[:, 2].astype(np.int64).tolist(),
                    fused.sighting[first : first + len(rows)].tolist(),
                    strict=True,
                ):
                    if track >= 0 and person >= 0 and whose[camera].get(track) != person:
                        whose[camera][track] = person
                        changes[camera].append((track, int(rows[0, 0]), person))
                first += len(rows)
            table.add(tick, scene, fused, sightings.camera, views.cameras)
            above.add(scene)
            if time_s >= settled_s + SETTLE_S:
                settled_s = time_s
                _take(network, watch, time_s - SETTLE_S)
        network.files = {"persons": "persons.parquet"} | above.close()
    _take(network, watch, math.inf)
    network.people, network.groups = people, watch.groups()
    network.whose = {
        camera: np.array(rows, dtype=np.int64).reshape(-1, 3) for camera, rows in changes.items()
    }
    network.found, network.offset = watch.found, watch.offset
    return network


def _take(network: Network, watch: NetworkWatch, before_s: float) -> None:
    for violation, cameras in watch.violations(before_s):
        network.violations.append(violation)
        network.severities.append(watch.severity(violation))
        network.seen_by.append(cameras)


def _report(rows: Floats) -> tuple[Located, np.ndarray]:
    covariance = rows[:, (5, 6, 6, 7)].reshape(-1, 2, 2)
    return Located(rows[:, 3:5], covariance), rows[:, 2].astype(np.int64)


def _instants(
    views: Views, files: Mapping[str, str], rate: float
) -> Iterator[tuple[int, list[tuple[int, Floats]]]]:
    """Ticks of the network, and what each camera that has a frame there saw, by its number."""
    return instants(
        {at: _frames(files[camera], rate) for at, camera in enumerate(views.cameras) if camera in files}
    )


def _frames(path: str, rate: float) -> Iterator[tuple[int, Floats]]:
    """Frames of one camera: the network's tick, and rows as SIGHTINGS_SCHEMA has them, float64 (n, 8)."""
    rest = np.empty((0, 8))
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(ROWS_TOGETHER):
            rows = np.column_stack([column.to_numpy(zero_copy_only=False) for column in batch.columns])
            rows = np.concatenate([rest, rows.astype(np.float64)])
            *parts, rest = np.split(rows, np.flatnonzero(np.diff(rows[:, 0])) + 1)
            for part in parts:
                yield _tick(part, rate), part
    if len(rest):
        yield _tick(rest, rate), rest


def _tick(rows: Floats, rate: float) -> int:
    # Half a tick rounds up, whatever is lost in the last digit.
    return math.floor(float(rows[0, 1]) * rate + 0.5 + 1e-6)


class _Persons:
    """Writes persons.parquet."""

    def __init__(self, path: Path) -> None:
        self._path, self._partial = path, path.with_name(f".partial-{path.name}")

    def __enter__(self) -> _Persons:
        self._writer = pq.ParquetWriter(self._partial, PERSONS_SCHEMA, compression="zstd")
        self._rows: dict[str, list[Any]] = {name: [] for name in PERSONS_SCHEMA.names}
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        self._flush()
        self._writer.close()
        if kind is None:
            self._partial.replace(self._path)
        else:
            self._partial.unlink(missing_ok=True)

    def add(self, tick: int, scene: Scene, fused: Fused, camera: np.ndarray, names: tuple[str, ...]) -> None:
        """One instant; ``camera``: int64 (sightings,), that of each sighting."""
        people = scene.people
        seen: dict[int, list[int]] = {}
        for person, number in zip(fused.sighting.tolist(), camera.tolist(), strict=True):
            seen.setdefault(person, []).append(number)
        values = {
            "tick": [tick] * len(people), "time_s": [scene.time_s] * len(people),
            "person": people.track.tolist(),
            "ground_x_m": people.ground[:, 0].tolist(), "ground_y_m": people.ground[:, 1].tolist(),
            "sigma_m": people.sigma.tolist(),
            "group": [None if group == NO_GROUP else group for group in people.group.tolist()],
            "cameras": [[names[at] for at in seen.get(person, [])] for person in people.track.tolist()],
        }  # fmt: skip
        for name, column in values.items():
            self._rows[name] += column
        if len(self._rows["tick"]) >= ROWS_TOGETHER:
            self._flush()

    def _flush(self) -> None:
        self._writer.write_table(pa.table(self._rows, schema=PERSONS_SCHEMA))
        self._rows = {name: [] for name in PERSONS_SCHEMA.names}


class _Above:
    """The network from above: a picture of its fullest instant, a map, and a video."""

    def __init__(self, views: Views, limit_m: float, folder: Path, fps: float | None) -> None:
        """``fps`` of the video, None for none."""
        low = views.boxes[:, :2].min(axis=0) - MARGIN_M
        high = views.boxes[:, 2:].max(axis=0) + MARGIN_M
        extent = (*low.tolist(), *high.tolist())
        outlines = [views.of(camera) for camera in range(len(views.cameras))]
        self._folder = folder
        self._drawn = TopDown(extent, PANEL_PX, limit_m, "m", outlines=outlines)
        self._heat = HeatMap(extent, float((high - low).max()) / HEAT_CELLS, "m")
        self._video = None if fps is None else VideoWriter(folder / "network.mp4", fps, self._drawn.size)
        self._best: tuple[int, Any] = (-1, None)

    def add(self, scene: Scene) -> None:
        """One instant."""
        self._heat.add(scene)
        worth = 2 * len(scene.near) + len(scene.people)
        if self._video is None and worth <= self._best[0]:
            return
        picture = self._drawn.draw(scene)
        if worth > self._best[0]:
            self._best = (worth, picture)
        if self._video is not None:
            self._video.write(picture)

    def close(self) -> dict[str, str]:
        """Write the files; their names."""
        files = {}
        if self._best[1] is not None:
            write_bytes(self._folder / "network.png", cv2.imencode(".png", self._best[1])[1].tobytes())
            files["picture"] = "network.png"
        files["heat"] = self._heat.write(self._folder / "network_heat.png").name
        if self._video is not None:
            self._video.close()
            if self._video.path.exists():
                files["video"] = self._video.path.name
        return files
