"""One self-contained HTML page of a run, for people."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sdist_ray.report.colours import heat, pair_colours, palette_colour
from sdist_ray.report.graph_picture import draw_graph
from sdist_ray.report.network import components
from sdist_ray.report.parts import about, number, picture_uri, settings_rows, share, uri, within, write_page
from sdist_ray.report.run_folder import Run, read_run, show
from sdist_ray.report.topology_picture import Drawn, draw_topology

TEMPLATE = "topology.html.j2"
MOST_EDGE_ROWS = 400
MOST_CAMERA_ROWS = 1000
CSS_PIXELS_PER_INCH = 96


def write_report(folder: Path) -> Path:
    """Write ``topology.png`` and ``report.html`` into a topology run's folder.

    Args:
        folder: the folder that the run wrote.

    Returns:
        The page's path. Both files appear whole or not at all; old ones are replaced.

    Raises:
        InputError: the folder is not a topology run's, or one of its files is damaged.
    """
    folder = Path(folder)
    run = read_run(folder)
    drawn = draw_topology(run, folder / "topology.png")
    return write_page(
        TEMPLATE,
        folder / "report.html",
        title=show(str(run.summary.get("name") or folder.resolve().name)),
        about=about(run.summary),
        figures=_figures(run),
        failed=[camera for camera in run.cameras if camera.status == "failed"],
        evaluation=_evaluation(run.summary.get("evaluation")),
        topology=picture_uri(folder / "topology.png"),
        topology_width=round(drawn.width_inches * CSS_PIXELS_PER_INCH),
        caption=_caption(drawn),
        graph=draw_graph(run),
        edges=_edge_rows(run),
        all_edges=len(run.edges.links),
        cameras=_camera_rows(run),
        all_cameras=len(run.cameras),
        settings=settings_rows(run.summary),
        config=run.config,
        version=str(run.summary.get("version") or ""),
    )


def _figures(run: Run) -> list[dict[str, str]]:
    """Key figures: value, what it is, and a remark."""
    ok = sum(camera.status != "failed" for camera in run.cameras)
    failed = len(run.cameras) - ok
    component = components(run)
    alone = int((component < 0).sum())
    available = [c.available for c in run.cameras if c.available is not None]
    unavailable = sum(c.unavailable or 0 for c in run.cameras)
    rate = within(run.summary, "rates", "frames_per_s")
    figures = [
        ("cameras", number(ok), f"{failed} failed" if failed else "none failed"),
        ("camera ticks", number(sum(available)) if available else "–",
         f"{share(sum(available), unavailable)} available" if available else ""),
        ("window links", number(len(run.links.score)), ""),
        ("camera edges", number(len(run.edges.links)),
         f"{int(run.edges.transit.sum())} by transit" if run.edges.transit.any() else ""),
        ("components", number(int(component.max(initial=-1)) + 1),
         f"{alone} camera{'s' if alone != 1 else ''} alone" if alone else ""),
    ]  # fmt: skip
    plan = [within(run.summary, "partition", key) for key in ("groups", "largest_group", "cost_share")]
    if all(isinstance(value, int | float) and np.isfinite(value) for value in plan):
        groups, largest, cost = plan
        remark = f"of up to {number(largest)} cameras, {100 * cost:.2g} % of all pairs"
        figures.append(("groups", number(groups), remark))
    if rate is not None:
        figures.append(("frames / s", number(rate), ""))
    return [{"name": n, "value": v, "remark": r} for n, v, r in figures]


def _caption(drawn: Drawn) -> str:
    """What the reader of the topology picture sees, and how much of the run is on it."""
    part = drawn.links < drawn.all_links
    shown = (
        f"{number(drawn.links)} of {number(drawn.all_links)} links are drawn:"
        " strong ones, spread over the windows."
    )
    sentences = [
        "Related cameras are near each other.",
        "A curve joins two windows that see the same place; each pair of cameras has one colour.",
        shown if part else "All links are drawn." if drawn.links else "No links were found.",
    ]
    if drawn.cameras < drawn.all_cameras:
        sentences.append(f"The {drawn.cameras} most linked of {number(drawn.all_cameras)} cameras are shown.")
    sentences += [
        "The dot beside a name tells the connected component; cameras related to none are pale.",
        "A dashed curve is a way that people walk between views that share nothing.",
        "A view without a picture shows how often its windows were occupied.",
    ]
    return " ".join(sentences)


def _evaluation(evaluation: object) -> list[dict[str, Any]]:
    """Precision and recall of whatever was evaluated, windows and cameras first."""
    if not isinstance(evaluation, Mapping):
        return []
    rows = []
    for name, title in (("windows", "Windows"), ("cameras", "Cameras")):
        scores = evaluation.get(name)
        if isinstance(scores, Mapping):
            bars = [
                {"name": key, "text": f"{value:.3f}", "percent": round(100 * min(max(value, 0), 1), 1)}
                for key in ("precision", "recall")
                if isinstance(value := scores.get(key), int | float) and np.isfinite(value)
            ]
            others = [
                f"{key.replace('_', ' ')} {number(value)}"
                for key, value in scores.items()
                if key not in ("precision", "recall") and isinstance(value, int | float)
            ]
            rows.append({"title": title, "bars": bars, "remark": " · ".join(others)})
    return rows


def _edge_rows(run: Run) -> list[dict[str, Any]]:
    edges, rows = run.edges, []
    colours = pair_colours(edges.camera_a, edges.camera_b)
    most = max(int(edges.links.max(initial=0)), 1)
    for edge in range(min(len(edges.links), MOST_EDGE_ROWS)):
        mean = float(edges.transit_mean_s[edge])
        rows.append(
            {
                "colour": colours[edge],
                "a": run.cameras[int(edges.camera_a[edge])].id,
                "b": run.cameras[int(edges.camera_b[edge])].id,
                "kind": "transit" if edges.transit[edge] else "overlap",
                "time": f"{mean:.1f} s" if np.isfinite(mean) else "",
                "links": number(int(edges.links[edge])),
                "percent": round(100 * int(edges.links[edge]) / most, 1),
                "score": f"{float(edges.score[edge]):.3f}",
            }
        )
    return rows


def _camera_rows(run: Run) -> list[dict[str, Any]]:
    """Rows of the table of cameras: failed ones and those with warnings first, as they want a look."""
    component = components(run)
    order = sorted(
        range(len(run.cameras)),
        key=lambda c: (run.cameras[c].status != "failed", not run.cameras[c].warnings),
    )
    ends = np.concatenate([run.edges.camera_a, run.edges.camera_b])
    degree = np.bincount(ends, minlength=len(run.cameras))
    positive = run.occupied[run.occupied > 0] if run.occupied is not None else np.empty(0)
    most = float(np.quantile(positive, 0.98)) if len(positive) else 1.0
    rows = []
    for place in order[:MOST_CAMERA_ROWS]:
        camera, part = run.cameras[place], int(component[place])
        known = camera.available is not None
        total = (camera.available or 0) + (camera.unavailable or 0)
        percent = 100 * (camera.available or 0) / total if total else 0.0
        rows.append(
            {
                "state": camera,
                "colour": palette_colour(part) if part >= 0 else "#cfd5dc",
                "component": str(part + 1) if part >= 0 else "–",
                "neighbours": int(degree[place]),
                "frames": number(camera.frames),
                "available": f"{percent:.1f} %" if known and total else "–",
                "percent": round(percent, 1),
                "heat": None
                if run.occupied is None
                else uri(heat(run.occupied[place], run.grid.columns, most), ".png"),
            }
        )
    return rows
