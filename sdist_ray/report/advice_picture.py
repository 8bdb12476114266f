"""Advice on where cameras hang, as a picture: over the map where it is known, else over the graph."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from sdist_ray.report.arrange import layout
from sdist_ray.report.colours import INK, MUTED
from sdist_ray.report.network import Floats, edge_weights, shorten
from sdist_ray.report.run_folder import Run
from sdist_ray.report.topology_picture import save_figure
from sdist_ray.topology.placement import Advice

MOST_CAMERAS = 600
MOST_NAMES = 150
COLOURS = {
    "between": "#d7265e", "blind": "#e0a100", "idle": "#2f6fde", "alone": "#e4572e", "redundant": "#6a4fd0",
}  # fmt: skip
WORDS = {
    "between": "put a camera between", "blind": "people walk here, nobody sees them",
    "idle": "hardly anybody in view", "alone": "no edge", "redundant": "others see what it sees",
}  # fmt: skip


@dataclass(frozen=True)
class Ground:
    """Where views lie.

    Attributes:
        boxes: float64 (cameras, 4), least x, least y, most x, most y of each view, metres; NaN: not known.
    """

    boxes: Floats


def draw_advice(run: Run, advice: Sequence[Advice], path: Path, ground: Ground | None = None) -> None:
    """Draw the network with what is advised.

    Args:
        run: the network.
        advice: what is drawn.
        path: the PNG to write; it appears whole or not at all.
        ground: where views lie; None: cameras are laid out by their edges, and blind ground is not drawn.
    """
    shown = _shown(run, advice, ground)
    place = _places(run, shown, ground)
    wide, high = np.maximum(np.ptp(place[shown], axis=0), 1e-6) if len(shown) else (1.0, 1.0)
    tall = min(max(9.0 * high / wide, 3.0), 8.0) + 1.2
    figure = Figure(figsize=(10, tall), dpi=140, facecolor="white", layout="constrained")
    axes = figure.subplots()
    axes.set_aspect("equal")
    if ground is None:
        axes.axis("off")
    else:
        axes.set_xlabel("m", color=MUTED)
        axes.tick_params(colors=MUTED, labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
        _draw_views(axes, ground, shown)
    _draw_edges(axes, run, place, set(shown.tolist()))
    of = {one.camera: one for one in advice if one.camera >= 0 and one.kind != "between"}
    marked = np.array([camera in of for camera in shown.tolist()], dtype=np.bool_)
    plain = place[shown[~marked]]
    axes.scatter(plain[:, 0], plain[:, 1], s=26, color="#9aa5b1", zorder=3, linewidths=0)
    named = shown.tolist() if len(shown) <= MOST_NAMES else [c for c in shown.tolist() if c in of]
    for one in of.values():
        x, y = place[one.camera].tolist()
        axes.scatter(x, y, s=110, color=COLOURS[one.kind], zorder=5, edgecolors="white")
    ends = {camera for one in advice if one.kind == "between" for camera in (one.camera, *one.others)}
    for camera in sorted(set(named) | ends):
        weight = "bold" if camera in of or camera in ends else "normal"
        above = (0, 8 if camera in of else 5)
        axes.annotate(
            shorten(run.cameras[camera].id, 14), place[camera], above, textcoords="offset points", size=7,
            ha="center", color=INK if weight == "bold" else MUTED, weight=weight, zorder=7, parse_math=False,
        )  # fmt: skip
    for one in advice:
        if one.kind == "between":
            _draw_between(axes, place, one)
        elif one.kind == "blind" and ground is not None:
            _draw_blind(axes, one)
    kinds = [kind for kind in COLOURS if any(one.kind == kind for one in advice)]
    if ground is None:
        kinds = [kind for kind in kinds if kind != "blind"]
    handles = [_handle(kind) for kind in [*kinds, ""]]
    figure.legend(handles=handles, frameon=False, fontsize=8, loc="outside lower center", ncols=3)
    axes.margins(0.06)
    save_figure(figure, path)


def _shown(run: Run, advice: Sequence[Advice], ground: Ground | None) -> np.ndarray:
    """Cameras that are drawn: all of them, or those that advice is about and their neighbours."""
    known = np.ones(len(run.cameras), np.bool_) if ground is None else np.isfinite(ground.boxes[:, 0])
    if known.sum() > MOST_CAMERAS:
        about = np.zeros(len(run.cameras), np.bool_)
        about[[c for one in advice for c in (one.camera, *one.others) if c >= 0]] = True
        near = about.copy()
        near[run.edges.camera_b[about[run.edges.camera_a]]] = True
        near[run.edges.camera_a[about[run.edges.camera_b]]] = True
        known &= about if (near & known).sum() > MOST_CAMERAS else near
    return np.flatnonzero(known)[:MOST_CAMERAS]


def _places(run: Run, shown: np.ndarray, ground: Ground | None) -> Floats:
    """Where each camera is drawn, float64 (cameras, 2); NaN where it is not."""
    place = np.full((len(run.cameras), 2), np.nan)
    if ground is not None:
        place[shown] = (ground.boxes[shown, :2] + ground.boxes[shown, 2:]) / 2
        return place
    weights = edge_weights(run, shown)
    linked = weights.any(axis=1)
    place[shown[linked]] = layout(weights[np.ix_(linked, linked)])
    # Cameras without edges in a row below.
    alone = shown[~linked]
    low, high = (
        (place[shown[linked]].min(axis=0), place[shown[linked]].max(axis=0))
        if linked.any() else (np.zeros(2), np.ones(2))
    )  # fmt: skip
    columns = max(1, min(len(alone), 12))
    step = max(float((high - low).max()), 1.0) / 12
    for number, camera in enumerate(alone.tolist()):
        row, column = divmod(number, columns)
        place[camera] = low[0] + column * step, low[1] - (row + 1.5) * step
    return place


def _draw_views(axes: Axes, ground: Ground, shown: np.ndarray) -> None:
    for x0, y0, x1, y1 in ground.boxes[shown].tolist():
        axes.add_patch(Rectangle((x0, y0), x1 - x0, y1 - y0, fc="#2f6fde", alpha=0.06, ec="none", zorder=0))


def _draw_edges(axes: Axes, run: Run, place: Floats, shown: set[int]) -> None:
    edges = run.edges
    for transit, colour, style in ((False, "#b8c2cc", "solid"), (True, "#d3d9df", (0, (2, 3)))):
        lines = [
            [place[a], place[b]]
            for a, b, kind in zip(
                edges.camera_a.tolist(), edges.camera_b.tolist(), edges.transit.tolist(), strict=True
            )
            if kind == transit and a in shown and b in shown
        ]
        axes.add_collection(
            LineCollection(lines, colors=colour, linestyles=[style], linewidths=1.0, zorder=1)
        )


def _draw_between(axes: Axes, place: Floats, one: Advice) -> None:
    a, b = place[one.camera], place[one.others[0]]
    if not np.isfinite([a, b]).all():
        return
    colour = COLOURS["between"]
    axes.plot(*np.array([a, b]).T, color=colour, lw=1.4 + min(math.sqrt(one.numbers["per_hour"]) / 8, 2.5),
              ls=(0, (4, 2)), zorder=2)  # fmt: skip
    middle = (a + b) / 2
    axes.scatter(middle[0], middle[1], s=70, marker="P", color=colour, edgecolors="white", zorder=6)
    axes.annotate(
        f"{one.numbers['per_hour']:.0f}/h, {one.numbers['transit_mean_s']:.0f} s", middle, (6, -9),
        textcoords="offset points", size=7, color=colour, zorder=7,
    )  # fmt: skip


def _draw_blind(axes: Axes, one: Advice) -> None:
    side = one.numbers["side_m"]
    corner = one.numbers["x_m"] - side / 2, one.numbers["y_m"] - side / 2
    axes.add_patch(
        Rectangle(corner, side, side, fc=COLOURS["blind"], alpha=0.45, ec=COLOURS["blind"], zorder=1)
    )
    axes.text(
        one.numbers["x_m"], one.numbers["y_m"], f"{one.numbers['unseen_s_per_hour']:.0f} s/h", size=6,
        ha="center", va="center", color="#6b4e00", zorder=2,
    )  # fmt: skip


def _handle(kind: str) -> Line2D | Patch:
    if kind == "blind":
        return Patch(color=COLOURS[kind], alpha=0.45, label=WORDS[kind])
    if kind == "between":
        return Line2D([], [], color=COLOURS[kind], ls=(0, (4, 2)), marker="P", label=WORDS[kind])
    if kind:
        return Line2D([], [], color=COLOURS[kind], marker="o", ls="", ms=8, label=WORDS[kind])
    return Line2D([], [], color="#b8c2cc", marker="o", mfc="#9aa5b1", mec="#9aa5b1", ms=4,
                  label="cameras, views that overlap (dotted: people walk)")  # fmt: skip
