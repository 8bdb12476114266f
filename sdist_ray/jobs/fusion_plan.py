"""Which of a run's cameras are fused, and what each of them sees."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from sdist_ray.cameras.camera import Camera
from sdist_ray.distancing.fusion_ground import LearnedEdge, learned_grounds
from sdist_ray.distancing.fusion_views import Views, make_views
from sdist_ray.distancing.ground import ground_view
from sdist_ray.errors import InputError
from sdist_ray.jobs.columns import numbers, read_table
from sdist_ray.jobs.console import say
from sdist_ray.settings_distancing import DistanceSettings
from sdist_ray.video.files import open_source

NEEDED = (
    "distancing.fuse=true needs two cameras that are calibrated onto one ground and share some of it: "
    "calibrate them in cameras.yaml (sdist-ray cameras calibrate), or name a run in distancing.topology "
    "whose edges link them"
)


def plan_fusion(cameras: list[Camera], settings: DistanceSettings) -> tuple[list[Camera], Views | None]:
    """The cameras, with what a topology says of those that nobody calibrated; the views to fuse, or None.

    Raises:
        InputError: fusion is wanted and cannot be had, or the topology cannot be read.
    """
    if settings.fuse is False:
        return cameras, None
    edges = None if settings.topology is None else read_edges(Path(settings.topology))
    if edges:
        cameras = _with_learned(cameras, edges)
    chosen = [camera for camera in cameras if _on_one_ground(camera, settings.method)]
    polygons = [ground_view(camera.calibration) for camera in chosen if camera.calibration is not None]
    links = None
    if edges is not None:
        number = {camera.id: at for at, camera in enumerate(chosen)}
        links = [
            (number[e.camera_a], number[e.camera_b])
            for e in edges
            if e.camera_a in number and e.camera_b in number
        ]
    views = make_views([camera.id for camera in chosen], polygons, links)
    if views.pairs:
        return cameras, views
    if settings.fuse:
        raise InputError(NEEDED)
    if settings.topology is not None:
        say(f"{settings.topology}: no edge links two calibrated cameras of this run; nothing is fused")
    return cameras, None


def read_edges(folder: Path) -> list[LearnedEdge]:
    """The overlaps of a topology run; their homography is NaN where it has none.

    Raises:
        InputError: there is no edges.parquet that can be read.
    """
    path = folder / "edges.parquet" if folder.is_dir() else folder
    table = read_table(path, ("camera_a", "camera_b", "kind"))
    edges = []
    for row in table.to_pylist():
        if row["kind"] != "overlap":
            continue
        entries = numbers(path, row.get("homography") or [], "homography")
        matrix = np.full((3, 3), np.nan)
        if len(entries) == 9 and np.isfinite(entries).all():
            matrix = entries.reshape(3, 3)
        [error] = numbers(path, [row.get("homography_error")], "homography_error")
        edges.append(LearnedEdge(row["camera_a"], row["camera_b"], matrix, float(error)))
    return edges


def _with_learned(cameras: list[Camera], edges: list[LearnedEdge]) -> list[Camera]:
    """Cameras that nobody calibrated, with the ground that learnt homographies give them."""
    useful = [edge for edge in edges if np.isfinite(edge.homography).all()]
    known = {camera.id: camera.calibration for camera in cameras if camera.calibration is not None}
    named = {name for edge in useful for name in (edge.camera_a, edge.camera_b)}
    if not useful or not known:
        return cameras
    sizes = {}
    for camera in cameras:
        if camera.id in named and camera.calibration is None and camera.kind is None:
            try:
                source = open_source(camera)
                sizes[camera.id] = source.size
                source.close()
            except (InputError, OSError):
                # What is wrong with it is said where it is watched.
                continue
    learned = learned_grounds(sizes, known, useful)
    for name in sorted(learned):
        say(f"camera {name}: its ground is learnt, by way of the topology's homographies")
    return [
        replace(camera, calibration=learned[camera.id], kind="homography") if camera.id in learned else camera
        for camera in cameras
    ]


def _on_one_ground(camera: Camera, method: str) -> bool:
    if camera.calibration is None or camera.kind in ("pixel", "perspective"):
        return False
    return method == "auto" or method == (camera.kind or type(camera.calibration).__name__.lower())
