"""sdist-ray simulate: a site's videos, recording and ground truth, or a city's without the videos."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import yaml

from sdist_ray.cameras.camera import Camera
from sdist_ray.folders import make_folder
from sdist_ray.jobs.console import progress, say
from sdist_ray.jobs.host import Host, host
from sdist_ray.jobs.outputs import (
    write_blind_ground,
    write_json,
    write_text,
    write_true_transits,
    write_truth,
)
from sdist_ray.jobs.simulate_city import write_city
from sdist_ray.occupancy.block import Rows
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.recording import RecordingWriter
from sdist_ray.settings import SimulateJob
from sdist_ray.settings_site import CitySettings, SiteSettings
from sdist_ray.simulation.render import render_camera
from sdist_ray.simulation.site import Observation, Site, SiteSpec, Walk, make_site, observe, walk
from sdist_ray.simulation.truth import ground_overlap, joint_visits
from sdist_ray.simulation.truth_blind import blind_ground
from sdist_ray.simulation.truth_transits import sharing_cameras, true_transits


@dataclass(frozen=True)
class RenderTask:
    """One camera's video to render."""

    spec: SiteSpec
    camera: int
    path: Path


def run(settings: SimulateJob, config: str) -> None:
    """Simulate a site or a city into the output folder."""
    folder = make_folder(settings.output)
    grid = Grid(settings.grid.columns, settings.grid.rows)
    if isinstance(settings.site, CitySettings):
        write_city(folder, settings.site, settings.fps, grid)
    elif isinstance(settings.site, SiteSettings):
        _simulate_site(folder, settings, settings.site.spec(settings.fps), grid)
    write_text(folder / "config.yaml", config)
    print(f"site: {folder}")


def _simulate_site(folder: Path, settings: SimulateJob, spec: SiteSpec, grid: Grid) -> None:
    site = make_site(spec)
    say(f"simulating {spec.cameras} cameras, {spec.people} people, {spec.minutes:g} minutes")
    people = walk(site)
    write_site(folder, site, people, grid)
    write_observed(folder / "occupancy.parquet", site, people, grid)
    if settings.video:
        with host(settings.runtime.kind) as where:
            render_videos(folder, site, where)


def write_site(folder: Path, site: Site, people: Walk, grid: Grid) -> None:
    """cameras.yaml and the ground truth."""
    overlap = ground_overlap(site.cameras, grid)
    write_truth(folder, site.camera_ids, overlap, joint_visits(site, people, overlap, grid))
    sharing = sharing_cameras(overlap, len(site.cameras))
    write_true_transits(folder, site.camera_ids, true_transits(site, people, sharing))
    write_blind_ground(folder, blind_ground(site, people))
    cameras = [
        {
            "id": name,
            "url": f"videos/{name}.mp4",
            "calibration": {
                "kind": "pinhole",
                "image_size": list(camera.image_size),
                "camera_matrix": camera.matrix.tolist(),
                "rvec": [float(v) for v in cv2.Rodrigues(camera.rotation)[0].ravel()],
                "tvec": camera.translation.tolist(),
            },
        }
        for name, camera in zip(site.camera_ids, site.cameras, strict=True)
    ]
    write_text(folder / "cameras.yaml", yaml.safe_dump(cameras, sort_keys=False))


def render_videos(folder: Path, site: Site, where: Host) -> list[Camera]:
    """Render the videos that are not there yet; the site's cameras with their paths."""
    videos = make_folder(str(folder / "videos"))
    # Videos of an interrupted run are whole, and used again if they show this very site.
    spec_file, spec = videos / "site.json", asdict(site.spec)
    if not spec_file.is_file() or _read(spec_file) != spec:
        for stale in videos.glob("*.mp4"):
            stale.unlink()
        write_json(spec_file, spec)
    paths = [videos / f"{name}.mp4" for name in site.camera_ids]
    tasks = [
        RenderTask(site.spec, number, path.absolute())
        for number, path in enumerate(paths)
        if not path.exists()
    ]
    if tasks:
        try:
            with progress("rendering", len(tasks), "videos") as update:
                where.map(render_task, tasks, lambda done: update(done, len(tasks)))
        except BaseException as error:
            for partial in videos.glob(".partial-*"):
                partial.unlink(missing_ok=True)
            whole = sum(path.exists() for path in paths)
            error.add_note(f"kept {whole} of {len(paths)} videos in {videos} (the same output=… goes on)")
            raise
    return [
        Camera(id=name, url=str(path), calibration=calibration)
        for name, path, calibration in zip(site.camera_ids, paths, site.cameras, strict=True)
    ]


def render_task(task: RenderTask) -> None:
    """Render one camera; also runs as a Ray task."""
    cv2.setNumThreads(1)
    site = make_site(task.spec)
    render_camera(site, walk(site), task.camera, task.path)


def _read(path: Path) -> object:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError, RecursionError):
        return None


def write_observed(path: Path, site: Site, people: Walk, grid: Grid) -> None:
    """The occupancy recording of what ideal detectors would see, in order of time."""
    with (
        progress("observing", len(site.cameras), "cameras") as update,
        RecordingWriter(path, site.camera_ids, grid, site.spec.fps) as writer,
    ):
        parts = []
        for number in range(len(site.cameras)):
            seen = observe(site, people, number)
            parts.append(observed_rows(seen, number, people.ticks, grid))
            update(number + 1, len(site.cameras))
        rows = Rows.concatenate(parts)
        writer.write(rows.take(np.lexsort((rows.camera, rows.tick))))


def observed_rows(seen: Observation, camera: int, ticks: int, grid: Grid) -> Rows:
    """Rows of one camera for every tick, from foot points in order of tick."""
    window = grid.window_of(seen.foot_x, seen.foot_y)
    distinct = np.unique(np.column_stack([seen.tick, window]), axis=0)
    every = np.arange(ticks)
    return Rows(
        np.full(ticks, camera, np.int32),
        every.astype(np.int64),
        distinct[:, 1].astype(np.uint16),
        np.searchsorted(distinct[:, 0], every, side="right"),
        seen.foot_x,
        seen.foot_y,
        np.searchsorted(seen.tick, every, side="right"),
    )
