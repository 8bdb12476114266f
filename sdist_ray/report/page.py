"""One self-contained page about a run."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import cv2
import jinja2
import numpy as np
import numpy.typing as npt

from sdist_ray.report.colours import heat, palette_colour
from sdist_ray.report.graph_picture import graph_svg
from sdist_ray.report.run_folder import Run, read_run
from sdist_ray.report.snapshots import read_snapshot, write_aside
from sdist_ray.report.topology_picture import components, draw_topology

THUMBNAIL_WIDTH = 160


def write_report(folder: Path) -> Path:
    """Write topology.png and report.html from what a run's folder holds; the page's path.

    Raises:
        InputError: the folder is not a run's.
    """
    run = read_run(folder)
    picture = folder / "topology.png"
    drawn = draw_topology(run, picture)
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True)
    page = environment.get_template("template.html.j2").render(
        picture=_data_uri(picture.read_bytes(), "png"),
        drawn=drawn,
        graph=graph_svg(run),
        figures=_figures(run),
        evaluation=_evaluation(run.summary),
        cameras=_cameras(run),
        edges=_edges(run),
        seconds=run.summary.get("seconds"),
        version=run.summary.get("version", ""),
        config=run.config,
        summary=json.dumps(run.summary, indent=2),
    )
    path = folder / "report.html"
    write_aside(path, page.encode())
    return path


def _figures(run: Run) -> list[tuple[str, str]]:
    """The key figures: label and value."""
    good = sum(camera.status == "ok" for camera in run.cameras)
    topology = run.summary.get("topology", {})
    rates = run.summary.get("rates", {})
    figures = [
        ("cameras", f"{good} of {len(run.cameras)}"),
        ("links", f"{topology.get('links', len(run.links.camera_a)):,}"),
        ("edges", f"{topology.get('edges', len(run.edges.camera_a)):,}"),
        ("components", f"{topology.get('components', '–')}"),
        ("camera ticks", f"{run.summary.get('camera_ticks', 0):,}"),
    ]
    if rates.get("frames_per_s"):
        figures.append(("frames a second", f"{rates['frames_per_s']:,.0f}"))
    return figures


def _evaluation(summary: Any) -> list[dict[str, Any]]:
    found = summary.get("evaluation") or {}
    return [
        {"level": level, **found[level]}
        for level in ("windows", "cameras")
        if isinstance(found.get(level), dict)
    ]


def _cameras(run: Run) -> list[dict[str, Any]]:
    component = components(run)
    most = 1.0 if run.occupied is None else float(max(1, run.occupied.max(initial=1)))
    entries = []
    for place, camera in enumerate(run.cameras):
        total = (camera.available or 0) + (camera.unavailable or 0)
        entries.append(
            {
                "camera": camera,
                "colour": palette_colour(int(component[place])),
                "component": int(component[place]),
                "share": None if not total else (camera.available or 0) / total,
                "thumbnail": _thumbnail(run, place, most),
            }
        )
    return entries


def _thumbnail(run: Run, place: int, most: float) -> str | None:
    """The camera's snapshot, tinted by how often its windows were occupied."""
    image = read_snapshot(run.folder, run.cameras[place].id)
    tint: npt.NDArray[np.uint8] | None = None
    if run.occupied is not None:
        tint = heat(run.occupied[place], run.grid.columns, most)
    if image is None and tint is None:
        return None
    if image is None:
        assert tint is not None
        image = tint
    height = max(1, round(image.shape[0] * THUMBNAIL_WIDTH / image.shape[1]))
    small = cv2.resize(image, (THUMBNAIL_WIDTH, height), interpolation=cv2.INTER_AREA)
    if tint is not None:
        layer = cv2.resize(tint, (THUMBNAIL_WIDTH, height), interpolation=cv2.INTER_LINEAR)
        small = cv2.addWeighted(small, 0.55, layer, 0.45, 0)
    _, data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 85])
    return _data_uri(data.tobytes(), "jpeg")


def _edges(run: Run) -> list[dict[str, Any]]:
    edges = run.edges
    order = np.argsort(-edges.links, kind="stable")
    return [
        {
            "a": run.cameras[edges.camera_a[k]].id,
            "b": run.cameras[edges.camera_b[k]].id,
            "links": int(edges.links[k]),
            "score": float(edges.score[k]),
        }
        for k in order
    ]


def _data_uri(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
