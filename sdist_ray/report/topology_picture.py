"""The topology over the cameras' own views: windows, and the links between them."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PatchCollection, PathCollection
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle
from matplotlib.path import Path as Curve
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from sdist_ray.report.arrange import Arrangement, arrange
from sdist_ray.report.colours import INK, MUTED, heat, pair_colours, palette_colour, quieten
from sdist_ray.report.run_folder import Run
from sdist_ray.report.snapshots import read_snapshot, write_aside

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Box = tuple[float, float, float, float]
"""Left, top, width, height of a camera's view, in inches from the figure's top left."""

MOST_PANELS = 240
MOST_CURVES = 700
LEAST_PER_EDGE = 3
DOTS_PER_INCH = 170
WIDTH = 14.0
LABEL = 0.24
GUTTER = 0.26


@dataclass(frozen=True)
class Drawn:
    """What a picture shows of what there is.

    ``cameras`` and ``links`` are drawn ones, ``all_cameras`` and ``all_links`` those of the run.
    """

    cameras: int
    all_cameras: int
    links: int
    all_links: int


def components(run: Run) -> Ints:
    """The connected component of every camera, int64 (cameras,), the largest is 0; -1 without edges."""
    cameras, edges = len(run.cameras), run.edges
    component = np.full(cameras, -1, dtype=np.int64)
    if cameras == 0 or len(edges.links) == 0:
        return component
    ones = np.ones(len(edges.links))
    graph = coo_array((ones, (edges.camera_a, edges.camera_b)), shape=(cameras, cameras))
    found = connected_components(graph, directed=False)[1]
    size = np.bincount(found)
    for number, which in enumerate(np.argsort(-size, kind="stable")):
        if size[which] > 1:
            component[found == which] = number
    return component


def edge_weights(run: Run, cameras: Ints) -> Floats:
    """How near cameras want to be, (chosen, chosen): the number of links, at least 1 for an edge."""
    place = np.full(len(run.cameras), -1, dtype=np.int64)
    place[cameras] = np.arange(len(cameras))
    a, b = place[run.edges.camera_a], place[run.edges.camera_b]
    inside = (a >= 0) & (b >= 0)
    weights = np.zeros((len(cameras), len(cameras)))
    np.add.at(weights, (a[inside], b[inside]), np.maximum(run.edges.links[inside], 1))
    return np.asarray(weights + weights.T)


def most_linked(run: Run, most: int) -> Ints:
    """At most ``most`` cameras, in the run's order: those with most links when there are more."""
    cameras = len(run.cameras)
    ends = np.concatenate([run.edges.camera_a, run.edges.camera_b])
    links = np.bincount(ends, weights=np.tile(run.edges.links + 1, 2), minlength=cameras)
    return np.sort(np.argsort(-links, kind="stable")[:most]).astype(np.int64)


def draw_topology(run: Run, path: Path) -> Drawn:
    """Draw the cameras' views, related ones near each other, with the links between their windows.

    Args:
        run: what to draw.
        path: the PNG to write; it appears whole or not at all.

    Returns:
        How much of the run is on the picture.
    """
    chosen = most_linked(run, MOST_PANELS)
    component = components(run)
    images = {int(c): _view(run, int(c)) for c in chosen}
    aspect = float(np.median([i.shape[1] / i.shape[0] for i in images.values()])) if images else 4 / 3
    places = arrange(edge_weights(run, chosen), panel_aspect=aspect)
    figure, boxes, scale = _sheet(places, chosen, images, aspect)
    axes = figure.axes[0]
    tiny = scale < 0.55
    for camera, box in boxes.items():
        colour = palette_colour(int(component[camera])) if component[camera] >= 0 else None
        _panel(figure, run, camera, box, images[camera], colour, scale)
    rows = _links_drawn(run, boxes)
    colours = pair_colours(run.edges.camera_a, run.edges.camera_b)
    _tint_windows(figure, run, boxes, rows, colours)
    _draw_transits(figure, run, boxes, colours)
    for edge, which in rows.items():
        curves = _curves(run, which, boxes)
        alpha = 0.9 * max(0.35, min(1.0, 6 / math.sqrt(max(len(which), 1)) / 2))
        width = (0.65 if tiny else 1.0) * max(scale, 0.5)
        under = PathCollection(curves, facecolors="none", edgecolors="white", linewidths=width + 1.1)
        under.set(alpha=0.35, capstyle="round", zorder=4)
        over = PathCollection(curves, facecolors="none", edgecolors=colours[edge], linewidths=width)
        over.set(alpha=alpha, capstyle="round", zorder=5)
        axes.add_collection(under, autolim=False)
        axes.add_collection(over, autolim=False)
    _save(figure, path)
    drawn = sum(len(which) for which in rows.values())
    return Drawn(len(chosen), len(run.cameras), drawn, len(run.links.score))


def _view(run: Run, camera: int) -> npt.NDArray[np.uint8]:
    """The camera's snapshot; without one, its occupancy; without that, an empty ground."""
    image = read_snapshot(run.folder, run.cameras[camera].id)
    if image is not None:
        height = min(image.shape[0], 480)
        width = max(1, round(image.shape[1] * height / image.shape[0]))
        return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)
    grid = run.grid
    row = np.zeros(grid.windows, np.int64) if run.occupied is None else run.occupied[camera]
    most = float(np.quantile(row, 0.98)) if row.any() else 1.0
    panel = heat(row, grid.columns, most)
    # Without a picture nothing says how wide the view is: 4:3, as most cameras'.
    return cv2.resize(panel, (480, 360), interpolation=cv2.INTER_NEAREST).astype(np.uint8)


def _sheet(
    places: Arrangement, chosen: Ints, images: dict[int, npt.NDArray[np.uint8]], aspect: float
) -> tuple[Figure, dict[int, Box], float]:
    """An empty figure, every camera's box on it, and the size of a panel against a usual one."""
    columns, rows = max(places.columns, 1), max(places.rows, 1)
    # Few cameras would get huge panels: the sheet shrinks instead.
    width = min(WIDTH, 4.2 * columns)
    gutter = GUTTER * min(1.0, 6 / columns) + 0.05
    label = LABEL * max(0.55, min(1.0, 7 / columns))
    panel = (width - gutter) / columns - gutter
    tall = panel / aspect
    height = rows * (tall + label + gutter) + gutter
    figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH, facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0), aspect="auto")
    axes.axis("off")
    boxes = {}
    for camera, column, row in zip(chosen, places.column, places.row, strict=True):
        image = images[int(camera)]
        own = min(max(image.shape[1] / image.shape[0], 0.2), 5.0)
        wide, high = (panel, panel / own) if own >= aspect else (tall * own, tall)
        left = gutter + column * (panel + gutter) + (panel - wide) / 2
        top = gutter + label + row * (tall + label + gutter) + (tall - high) / 2
        boxes[int(camera)] = (left, top, wide, high)
    return figure, boxes, panel / 3.0


def _panel(
    figure: Figure,
    run: Run,
    camera: int,
    box: Box,
    image: npt.NDArray[np.uint8],
    colour: str | None,
    scale: float,
) -> None:
    """One camera: its view, its grid, its name. A camera without edges (no colour) stays in the back."""
    axes, state = figure.axes[0], run.cameras[camera]
    left, top, wide, high = box
    ground = quieten(image, 0.45, 0.12) if colour else quieten(image, 0.1, 0.62)
    extent = (left, left + wide, top + high, top)
    axes.imshow(ground, extent=extent, aspect="auto", interpolation="bilinear", zorder=1)
    if scale > 0.3:
        axes.add_collection(_grid_lines(run, box, 0.28 if colour else 0.16), autolim=False)
    edge = colour or "#cfd5dc"
    line = 1.5 * max(scale, 0.4) if colour else 0.8
    axes.add_patch(Rectangle((left, top), wide, high, fill=False, ec=edge, lw=line, zorder=3))
    size = max(4.2, min(9.5, 9.5 * scale + 2.2))
    inch = size / 72
    indent = 0.0
    if colour:
        dot = (left + 0.32 * inch, top - 0.72 * inch)
        axes.add_patch(Circle(dot, 0.3 * inch, fc=colour, ec="none", zorder=6))
        indent = 0.95 * inch
    failed = " · failed" if state.status == "failed" else ""
    name = shorten(state.id, max(4, int((wide - indent) / (0.6 * inch)) - len(failed)))
    axes.text(
        left + indent,
        top - 0.32 * inch,
        name + failed,
        size=size,
        color=INK if colour else MUTED,
        weight="bold" if colour else "normal",
        va="baseline",
        parse_math=False,
        zorder=6,
    )


def _grid_lines(run: Run, box: Box, alpha: float) -> LineCollection:
    left, top, wide, high = box
    xs = left + wide * np.arange(1, run.grid.columns) / run.grid.columns
    ys = top + high * np.arange(1, run.grid.rows) / run.grid.rows
    lines = [[(x, top), (x, top + high)] for x in xs] + [[(left, y), (left + wide, y)] for y in ys]
    return LineCollection(lines, colors="white", linewidths=0.5, alpha=alpha, zorder=2)


def shorten(text: str, most: int) -> str:
    """A name on one line, its middle left out when it is longer than ``most`` characters."""
    text = "".join(c if c.isprintable() else " " for c in text)
    if len(text) <= most:
        return text
    head = (most - 1) // 2
    return f"{text[:head]}…{text[len(text) - (most - 1 - head) :]}"


def _links_drawn(run: Run, boxes: dict[int, Box]) -> dict[int, Ints]:
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

    The control points lie between each link's own line and the middle line of all, set off to one side
    so that curves between panels in one row or column do not hide each other.
    """
    start = _window_centres(run, run.links.camera_a[rows], run.links.window_a[rows], boxes)
    end = _window_centres(run, run.links.camera_b[rows], run.links.window_b[rows], boxes)
    from_, to = start.mean(axis=0), end.mean(axis=0)
    way = to - from_
    bow = np.array([way[1], -way[0]]) * 0.13
    third, two_thirds = from_ + way * 0.34 + bow, from_ + way * 0.66 + bow
    one = 0.7 * third + 0.3 * (start + (end - start) * 0.34)
    two = 0.7 * two_thirds + 0.3 * (start + (end - start) * 0.66)
    codes = [Curve.MOVETO, Curve.CURVE4, Curve.CURVE4, Curve.CURVE4]
    return [Curve(np.array(points), codes) for points in zip(start, one, two, end, strict=True)]


def _tint_windows(
    figure: Figure,
    run: Run,
    boxes: dict[int, Box],
    rows: dict[int, Ints],
    colours: tuple[str, ...],
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
    fill = PatchCollection(patches, facecolors=list(owner.values()), edgecolors="none", alpha=0.3)
    outline = PatchCollection(patches, facecolors="none", edgecolors=list(owner.values()))
    fill.set(zorder=2.2)
    outline.set(zorder=2.3, linewidth=0.7, alpha=0.85)
    figure.axes[0].add_collection(fill, autolim=False)
    figure.axes[0].add_collection(outline, autolim=False)


def _draw_transits(figure: Figure, run: Run, boxes: dict[int, Box], colours: tuple[str, ...]) -> None:
    """A dashed line between the middles of two views for every edge that people walk."""
    for edge in np.flatnonzero(run.edges.transit).tolist():
        a, b = int(run.edges.camera_a[edge]), int(run.edges.camera_b[edge])
        if a in boxes and b in boxes:
            (la, ta, wa, ha), (lb, tb, wb, hb) = boxes[a], boxes[b]
            ends = [(la + wa / 2, ta + ha / 2), (lb + wb / 2, tb + hb / 2)]
            line = LineCollection([ends], colors=colours[edge], linewidths=1.6, linestyles="dashed")
            line.set(zorder=4.5, alpha=0.9)
            figure.axes[0].add_collection(line, autolim=False)


def _save(figure: Figure, path: Path) -> None:
    canvas = FigureCanvasAgg(figure)
    with warnings.catch_warnings():
        # An id in a script that the font lacks is drawn as boxes; that is no reason to end a run.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        warnings.filterwarnings("ignore", message="Matplotlib currently does not support")
        canvas.draw()  # type: ignore[no-untyped-call]
    pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    pixels = pixels[..., :3]
    _, data = cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    write_aside(path, data.tobytes())
