"""The links of a topology as curves over the cameras' views."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection, PathCollection
from matplotlib.patches import Circle, Rectangle
from matplotlib.path import Path as Curve

from sdist_ray.report.run_folder import Run

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Box = tuple[float, float, float, float]
"""Left, top, width, height of a camera's view, in inches from the figure's top left."""

MOST_CURVES = 400
LEAST_PER_EDGE = 3
MOST_EDGES = 600
"""Of more edges, those with the most links are drawn: the others could not be told apart."""


def links_to_draw(run: Run, boxes: dict[int, Box]) -> dict[int, Ints]:
    """For each edge the rows of links to draw: the strongest, windows not yet used first."""
    links, cameras = run.links, len(run.cameras)
    key = links.camera_a * cameras + links.camera_b
    order = np.lexsort((-links.score, key))
    ends = run.edges.camera_a, run.edges.camera_b
    wanted = np.minimum(*ends) * cameras + np.maximum(*ends)
    swapped = links.camera_a > links.camera_b
    if swapped.any():
        key = np.where(swapped, links.camera_b * cameras + links.camera_a, key)
        order = np.lexsort((-links.score, key))
    start = np.searchsorted(key[order], wanted, side="left")
    stop = np.searchsorted(key[order], wanted, side="right")
    shown = [e for e in range(len(wanted)) if int(ends[0][e]) in boxes and int(ends[1][e]) in boxes]
    shown = shown[:MOST_EDGES]
    per_edge = max(LEAST_PER_EDGE, MOST_CURVES // max(len(shown), 1))
    rows = {e: _spread_links(run, order[start[e] : stop[e]], per_edge) for e in shown}
    return {e: which for e, which in rows.items() if len(which)}


def _spread_links(run: Run, rows: Ints, most: int) -> Ints:
    """Of links sorted strongest first, ``most``: those whose windows no stronger one uses come first."""
    if len(rows) <= most:
        return rows
    used_a: set[int] = set()
    used_b: set[int] = set()
    first: list[int] = []
    rest: list[int] = []
    for row in rows.tolist():
        a, b = int(run.links.window_a[row]), int(run.links.window_b[row])
        fresh = a not in used_a and b not in used_b
        (first if fresh else rest).append(row)
        used_a.add(a)
        used_b.add(b)
    return np.array((first + rest)[:most], dtype=np.int64)


def _window_centres(run: Run, camera: Ints, window: Ints, boxes: dict[int, Box]) -> Floats:
    box = np.array([boxes[int(c)] for c in camera]).reshape(-1, 4)
    x = (window % run.grid.columns + 0.5) / run.grid.columns
    y = (window // run.grid.columns + 0.5) / run.grid.rows
    return np.stack([box[:, 0] + x * box[:, 2], box[:, 1] + y * box[:, 3]], axis=1)


def _curves(run: Run, rows: Ints, boxes: dict[int, Box]) -> list[Curve]:
    """One edge's links as Bézier curves, drawn together on the way as cables are.

    The control points lie between each link's own line and the middle line of all, set off to one side:
    further for views that are not neighbours, so that the bundle passes beside what lies between.
    """
    start = _window_centres(run, run.links.camera_a[rows], run.links.window_a[rows], boxes)
    end = _window_centres(run, run.links.camera_b[rows], run.links.window_b[rows], boxes)
    third, two_thirds = _middle_line(start.mean(axis=0), end.mean(axis=0), boxes)
    one = 0.7 * third + 0.3 * (start + (end - start) * 0.34)
    two = 0.7 * two_thirds + 0.3 * (start + (end - start) * 0.66)
    codes = [Curve.MOVETO, Curve.CURVE4, Curve.CURVE4, Curve.CURVE4]
    return [Curve(np.array(points), codes) for points in zip(start, one, two, end, strict=True)]


def tint_windows(
    axes: Axes, run: Run, boxes: dict[int, Box], rows: dict[int, Ints], colours: tuple[str, ...]
) -> None:
    """Tint every window at a drawn link's end in the colour of the strongest edge that it serves."""
    owner: dict[tuple[int, int], str] = {}
    for edge in sorted(rows):
        which = rows[edge]
        for camera, window in (
            (run.links.camera_a, run.links.window_a),
            (run.links.camera_b, run.links.window_b),
        ):
            for end in zip(camera[which].tolist(), window[which].tolist(), strict=True):
                owner.setdefault(end, colours[edge])
    patches = []
    for camera_number, window_number in owner:
        left, top, wide, high = boxes[camera_number]
        row, column = divmod(window_number, run.grid.columns)
        w, h = wide / run.grid.columns, high / run.grid.rows
        patches.append(Rectangle((left + column * w, top + row * h), w, h))
    fill = PatchCollection(patches, facecolors=list(owner.values()), edgecolors="none", alpha=0.22)
    outline = PatchCollection(patches, facecolors="none", edgecolors=list(owner.values()))
    fill.set(zorder=2.2)
    outline.set(zorder=2.3, linewidth=0.7, alpha=0.85)
    axes.add_collection(fill, autolim=False)
    axes.add_collection(outline, autolim=False)


def draw_links(
    axes: Axes, run: Run, boxes: dict[int, Box], rows: dict[int, Ints], colours: tuple[str, ...]
) -> None:
    """Draw the chosen links, thinner the more there are, on a pale rim that parts them from the views.

    Args:
        axes: in inches, as the boxes are.
        run: the links.
        boxes: of the cameras on the picture.
        rows: of ``links_to_draw``.
        colours: one for every edge of the run.
    """
    small = min(1.0, max(0.45, _reach(boxes) / 3.2))
    for edge, which in rows.items():
        curves = _curves(run, which, boxes)
        alpha = min(0.95, max(0.5, 4.5 / math.sqrt(len(which))))
        rim = PathCollection(curves, facecolors="none", edgecolors="white", linewidths=2.1 * small)
        rim.set(alpha=0.3, capstyle="round", zorder=4)
        line = PathCollection(curves, facecolors="none", edgecolors=colours[edge])
        line.set(alpha=alpha, capstyle="round", linewidth=1.05 * small, zorder=5)
        axes.add_collection(rim, autolim=False)
        axes.add_collection(line, autolim=False)


def draw_transits(axes: Axes, run: Run, boxes: dict[int, Box], colours: tuple[str, ...]) -> None:
    """A dashed curve between the middles of two views for every edge that people walk."""
    for edge in np.flatnonzero(run.edges.transit).tolist():
        a, b = int(run.edges.camera_a[edge]), int(run.edges.camera_b[edge])
        if a in boxes and b in boxes:
            ends = np.array([(left + w / 2, top + h / 2) for left, top, w, h in (boxes[a], boxes[b])])
            middle = _middle_line(ends[0], ends[1], boxes)
            codes = [Curve.MOVETO, Curve.CURVE4, Curve.CURVE4, Curve.CURVE4]
            curve = Curve(np.array([ends[0], *middle, ends[1]]), codes)
            for colour, width, order in (("white", 4.2, 5.5), (colours[edge], 2.0, 5.6)):
                line = PathCollection([curve], facecolors="none", edgecolors=colour)
                line.set(linewidth=width, zorder=order, alpha=0.95)
                if colour != "white":
                    line.set_linestyle((0, (3, 2)))
                axes.add_collection(line, autolim=False)
            for x, y in ends:
                dot = Circle((x, y), 0.05, fc=colours[edge], ec="white", lw=1.2, zorder=5.7)
                axes.add_patch(dot)


def _reach(boxes: dict[int, Box]) -> float:
    """The usual width of a view, in inches."""
    return float(np.median([box[2] for box in boxes.values()]))


def _middle_line(start: Floats, end: Floats, boxes: dict[int, Box]) -> tuple[Floats, Floats]:
    """Control points of the curve that an edge follows from start to end.

    Between neighbours it is bowed a little. Where a third view lies half way, it is bowed past that view,
    on the side of the picture's middle, so that nobody takes the links for that view's own.
    """
    way = end - start
    normal = np.array([way[1], -way[0]]) / max(float(np.hypot(*way)), 1e-9)
    spans = np.array(list(boxes.values()))
    half_way = (start + end) / 2
    inside = (half_way > spans[:, :2]) & (half_way < spans[:, :2] + spans[:, 2:])
    own = ((start > spans[:, :2]) & (start < spans[:, :2] + spans[:, 2:])).all(axis=1)
    own |= ((end > spans[:, :2]) & (end < spans[:, :2] + spans[:, 2:])).all(axis=1)
    between = np.flatnonzero(inside.all(axis=1) & ~own)
    side = normal * 0.12 * float(np.hypot(*way))
    if len(between):
        left, top, wide, high = spans[between[0]]
        middle = (spans[:, :2] + spans[:, 2:] / 2).mean(axis=0)
        if normal @ (middle - half_way) < 0:
            normal = -normal
        beyond = np.abs(normal) @ [wide, high] / 2 - normal @ (half_way - [left + wide / 2, top + high / 2])
        # A cubic's middle is three quarters as far out as its control points.
        side = normal * (beyond + 0.12) / 0.75
    return start + way * 0.3 + side, start + way * 0.7 + side
