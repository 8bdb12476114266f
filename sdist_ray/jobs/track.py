"""sdist-ray track: cameras' own tracks in; who is who in the whole network out."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from sdist_ray import __version__
from sdist_ray.detection.embedding import load_embedding
from sdist_ray.distancing.fusion_feed import gathered
from sdist_ray.distancing.ground import Located
from sdist_ray.errors import InputError
from sdist_ray.folders import make_folder
from sdist_ray.jobs import distancing
from sdist_ray.jobs.console import progress
from sdist_ray.jobs.instants import instants
from sdist_ray.jobs.outputs import write_json, write_text
from sdist_ray.jobs.run_cameras import cameras_of
from sdist_ray.jobs.track_feed import PeopleFile, Rows, network_tick
from sdist_ray.jobs.track_looks import Looker
from sdist_ray.jobs.track_plan import NetworkPlan, plan_tracking
from sdist_ray.jobs.track_tables import TrackTables
from sdist_ray.report.run_folder import rate
from sdist_ray.settings_tracking import TrackJob
from sdist_ray.tracking.network import NetworkTracker, Tracked

DEFAULT_FPS = 10.0
MOST_FRAMES = 1 << 53


def run(settings: TrackJob, config: str) -> None:
    """Follow everybody through a network."""
    start = time.time()
    topology = None if settings.topology is None else Path(settings.topology)
    if topology is not None and not (topology / "edges.parquet").is_file():
        raise InputError(f"topology={topology}: not a topology run's folder: it has no edges.parquet")
    if settings.run is not None and not (Path(settings.run) / "people.parquet").is_file():
        raise InputError(f"run={settings.run}: not a distancing run's folder: it has no people.parquet")
    name = settings.tracking.appearance
    embed = None if name is None else load_embedding(name)
    folder = make_folder(settings.output)
    watched = Path(settings.run) if settings.run else folder / "cameras"
    if settings.run is None:
        distancing.run(replace(settings, output=str(watched)), config)
    people = PeopleFile(watched / "people.parquet")
    cameras = cameras_of(watched, settings.cameras if settings.run else None)
    plan = plan_tracking(cameras, people, topology)
    looker = None if embed is None else Looker(plan.cameras, embed, settings.tracking.look_s)
    rates, ticks, spans = _cameras_of_summary(watched, plan)
    tables = TrackTables(folder, plan, ticks, settings.mot)
    try:
        count = _track(settings, plan, people, rates, spans, looker, tables)
        tables.close()
    except BaseException:
        tables.abandon()
        raise
    finally:
        if looker is not None:
            looker.close()
    write_text(folder / "config.yaml", config)
    summary = {
        "version": __version__, "command": "track", "run": str(watched.absolute()), "instants": count,
        "cameras": [
            {"id": c.id, "in_metres": metric, "view_m": plan.views.of(k).tolist() if metric else []}
            for k, (c, metric) in enumerate(zip(plan.cameras, plan.metric, strict=True))
        ],
        "edges": sorted({*plan.views.pairs, *((min(p), max(p)) for p in plan.passages.between)}),
        "fps": max(rates.values(), default=DEFAULT_FPS),
        "overlaps": len(plan.views.pairs), "passages": len(plan.passages.between),
        "people": len(tables.people), "sightings": tables.sightings, "started": start,
        "seconds": time.time() - start,
        "topology": None if topology is None else str(topology.absolute()),
    }  # fmt: skip
    write_json(folder / "summary.json", summary)
    print(
        f"{len(plan.cameras)} cameras, {len(tables.people)} people, {tables.sightings} sightings, "
        f"{summary['seconds']:.0f} s"
    )
    print(f"results: {folder}")


def _track(
    settings: TrackJob, plan: NetworkPlan, people: PeopleFile, rates: Mapping[str, float],
    spans: Mapping[str, tuple[float, float]], looker: Looker | None, tables: TrackTables,
) -> int:  # fmt: skip
    """Everything, instant by instant; how many there were."""
    fps = max(rates.values(), default=DEFAULT_FPS)
    tracker = NetworkTracker(
        plan.views, 1 / min(rates.values(), default=DEFAULT_FPS), plan.passages, settings.tracking.gaps()
    )
    feeds = {
        number: _feed(people, camera.id, fps)
        for number, camera in enumerate(plan.cameras)
    }  # fmt: skip
    waiting: deque[list[tuple[int, Rows]]] = deque()
    first_s, last_s = np.array([spans[camera.id] for camera in plan.cameras]).reshape(-1, 2).T
    count = 0

    def take(settled: list[Tracked]) -> None:
        for tracked in settled:
            tables.add(tracked, waiting.popleft())

    with progress("tracking", None, "instants") as update:
        for tick, frames in instants(feeds):
            time_s = tick / fps
            reports = []
            for number, rows in frames:
                located = plan.grounds[number].locate(rows.box)
                # Who is carried on is not seen.
                points = np.where(np.isfinite(rows.score)[:, None], located.points, np.nan)
                reports.append((number, Located(points, located.covariance), rows.track))
            available = (first_s <= time_s + 1 / fps) & (time_s - 1 / fps <= last_s)
            looks = None if looker is None else looker.look(frames)
            waiting.append(frames)
            take(tracker.update(tick, time_s, gathered(reports), available, looks))
            count += 1
            update(count, None)
        take(tracker.finish())
    return count


def _feed(people: PeopleFile, camera: str, fps: float) -> Iterator[tuple[int, Rows]]:
    return ((network_tick(rows.time_s, fps), rows) for rows in people.ticks(camera))


def _cameras_of_summary(
    folder: Path, plan: NetworkPlan
) -> tuple[dict[str, float], dict[str, float], dict[str, tuple[float, float]]]:
    """Looks and ticks a second of each camera, and from when to when it was watched."""
    path = folder / "summary.json"
    try:
        summary: Any = json.loads(path.read_text())
        asked = {entry["camera"]: entry for entry in summary["cameras"]}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{path}: not a distancing run's summary") from error
    rates, ticks, spans = {}, {}, {}
    for camera in plan.cameras:
        entry = asked.get(camera.id, {})
        fps, frames = rate(entry.get("fps") or DEFAULT_FPS), entry.get("frames") or 0
        # Every frame was looked at by whoever did not say.
        per_s = rate(entry.get("ticks_per_s") or fps)
        if (
            fps is None
            or per_s is None
            or not isinstance(frames, int | float)
            or not 0 <= frames <= MOST_FRAMES
        ):
            raise InputError(f"{path}: camera {camera.id!r} has no fps and frames that can be")
        rates[camera.id], ticks[camera.id] = min(per_s, fps), per_s
        spans[camera.id] = (camera.start_s, camera.start_s + frames / fps)
    return rates, ticks, spans
