"""Tables of a distancing run, what its cameras saw and what fusion makes of it together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from sdist_ray.cameras.camera import Camera
from sdist_ray.distancing.fusion_views import Views, shared_ground
from sdist_ray.jobs.fusing import FILES, Network, fuse
from sdist_ray.jobs.outputs import write_json, write_text
from sdist_ray.jobs.people import Found, violations_of, write_groups, write_people, write_violations
from sdist_ray.report.snapshots import file_name
from sdist_ray.runtime.watched import Watched
from sdist_ray.settings_distancing import DistancingJob


def fuse_run(
    settings: DistancingJob,
    views: Views | None,
    results: Sequence[Watched],
    placed: Mapping[str, dict[str, str]],
    folder: Path,
) -> Network | None:
    """Fuse what the cameras reported; their sightings are removed. None where nothing is fused."""
    for name in FILES:
        (folder / name).unlink(missing_ok=True)
    files = {camera: paths.pop("sightings") for camera, paths in placed.items() if "sightings" in paths}
    try:
        if views is None or not files:
            return None
        fps = {w.camera: min(settings.fps or np.inf, w.fps or np.inf) for w in results}
        drawing = settings.drawing
        network = fuse(
            views, files, {camera: rate if np.isfinite(rate) else 1.0 for camera, rate in fps.items()},
            settings.distancing.watch(settings.start_score), folder,
            video=drawing.video and drawing.panel != "none",
            still=all(w.frames <= 1 for w in results),
        )  # fmt: skip
    finally:
        for path in files.values():
            Path(path).unlink(missing_ok=True)
    write_json(folder / "overlaps.json", overlaps(views))
    return network


def overlaps(views: Views) -> dict[str, Any]:
    """Of every camera, those that see some of the same ground, so that one person may be in both at once, and
    those that do not, where the same person at the same time would be a conflict."""
    area = {(a, b): m2 for a, b, m2 in shared_ground(views.view_starts, views.corners, views.boxes)}
    beside: list[set[int]] = [set() for _ in views.cameras]
    for a, b in views.pairs:
        beside[a].add(b)
        beside[b].add(a)
    return {
        "cameras": [
            {
                "id": camera,
                "overlap": [
                    {"id": views.cameras[b], "shared_m2": round(area.get((min(a, b), max(a, b)), 0.0), 1)}
                    for b in sorted(beside[a])
                ],
                "conflict": [
                    other for b, other in enumerate(views.cameras) if b != a and b not in beside[a]
                ],
            }
            for a, camera in enumerate(views.cameras)
        ]
    }  # fmt: skip


def found_by_all(results: Sequence[Watched], network: Network | None) -> list[Found]:
    """Violations, each once: the network's, and those of cameras that are not fused."""
    fused = set() if network is None else set(network.views.cameras)
    found = [entry for w in results if w.camera not in fused for entry in violations_of(w)]
    if network is not None:
        rows = zip(network.violations, network.severities, network.seen_by, strict=True)
        found += [(violation, severity, cameras, True) for violation, severity, cameras in rows]
    return found


def write_tables(
    settings: DistancingJob,
    folder: Path,
    results: Sequence[Watched],
    placed: Mapping[str, dict[str, str]],
    network: Network | None,
    cameras: Sequence[Camera],
) -> None:
    """people.parquet, violations.parquet and .csv, groups.parquet, and tracks for other programs."""
    whose = None if network is None else [network.whose.get(w.camera) for w in results]
    write_people(folder / "people.parquet", [placed[w.camera].pop("people", None) for w in results], whose)
    write_violations(folder, found_by_all(results, network))
    groups = [(w.camera, w.groups) for w in results]
    write_groups(folder / "groups.parquet", groups if network is None else [*groups, (None, network.groups)])
    for old in (folder / "mot").glob("*.txt"):
        old.unlink()
    if settings.distancing.mot:
        fused = set() if network is None else set(network.views.cameras)
        begins = {camera.id: camera.start_s for camera in cameras}
        write_mot(folder, results, fused, begins, settings.fps)


def write_mot(
    folder: Path, results: Sequence[Watched], fused: set[str], begins: Mapping[str, float], fps: float | None
) -> None:
    """Tracks as MOTChallenge text, a file for each camera, from people.parquet.

    ``frame,id,left,top,width,height,confidence,x,y,z``: frames from 1 on; the id is the network's where the
    camera is fused, else the camera's own; confidence 0 where a track is carried on; -1 for places that are
    not known in metres.
    """
    table = pq.read_table(folder / "people.parquet")
    camera_of = table["camera"].to_numpy(zero_copy_only=False)
    (folder / "mot").mkdir(exist_ok=True)
    for watched in results:
        if watched.problem is not None:
            continue
        own = table.filter(camera_of == watched.camera)
        rate = fps or watched.fps or 1.0
        first = first_frame(begins.get(watched.camera, 0.0), rate)
        lines = []
        for row in own.to_pylist():
            name = row["person"] if watched.camera in fused else row["track"]
            if name is None:
                continue
            box = [row[key] for key in ("x", "y", "width", "height")]
            at = row["ground_x_m"], row["ground_y_m"]
            lines.append(mot_line(row["tick"] - first + 1, name, box, row["score"], at))
        write_text(folder / "mot" / f"{file_name(watched.camera)}.txt", "".join(lines))


def mot_line(
    frame: int, name: int, box: Sequence[float], score: float | None, at: tuple[float | None, float | None]
) -> str:
    """One line of MOTChallenge text; ``at``: place, metres, None where that is not known."""
    x, y = ((-1.0 if value is None else value) for value in at)
    corners = ",".join(f"{value:.2f}" for value in box)
    return f"{frame},{name},{corners},{score or 0.0:.4f},{x:.3f},{y:.3f},{-1 if at[0] is None else 0}\n"


def first_frame(start_s: float, rate: float) -> int:
    """The tick of a camera's first frame."""
    return int(np.floor(start_s * rate + 0.5 + 1e-6))


def fusion_summary(network: Network) -> dict[str, Any]:
    """What summary.json says of fusion."""
    views = network.views
    return {
        "cameras": list(views.cameras), "pairs": len(views.pairs), "instants": network.instants,
        "people": network.people, "violations": len(network.violations), "groups": len(network.groups),
        "seen_by_several": sum(len(cameras) > 1 for cameras in network.seen_by),
        "found": None if network.found is None else [round(float(share), 3) for share in network.found],
        "offset_m": None if network.offset is None else [
            [round(float(value), 3) for value in offset] for offset in network.offset
        ],
        "picture": network.files.get("picture"), "heat_map": network.files.get("heat"),
        "video": network.files.get("video"),
    }  # fmt: skip
