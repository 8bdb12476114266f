"""The topology over the cameras' own views: windows, and the links between them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle

from sdist_ray.report.arrange import Arrangement, arrange
from sdist_ray.report.colours import INK, MUTED, heat, pair_colours, palette_colour, quieten
from sdist_ray.report.link_picture import (
    Box,
    draw_links,
    draw_transits,
    links_to_draw,
    tint_windows,
)
from sdist_ray.report.network import components, edge_weights, most_linked, shorten
from sdist_ray.report.run_folder import Run
from sdist_ray.report.snapshots import read_snapshot, write_aside

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
MOST_PANELS = 240
DOTS_PER_INCH = 170
WIDTH = 14.0
LABEL = 0.24
GUTTER = 0.26


@dataclass(frozen=True)
class Drawn:
    """What a picture shows of what there is.

    ``cameras`` and ``links`` are drawn ones, ``all_cameras`` and ``all_links`` those of the run;
    at ``width_inches`` its letters have the size meant for reading.
    """

    cameras: int
    all_cameras: int
    links: int
    all_links: int
    width_inches: float


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
    for camera, box in boxes.items():
        colour = palette_colour(int(component[camera])) if component[camera] >= 0 else None
        _panel(figure, run, camera, box, images[camera], colour, scale)
    rows = links_to_draw(run, boxes)
    colours = pair_colours(run.edges.camera_a, run.edges.camera_b)
    tint_windows(axes, run, boxes, rows, colours)
    draw_links(axes, run, boxes, rows, colours)
    draw_transits(axes, run, boxes, colours)
    save_figure(figure, path)
    drawn = sum(len(which) for which in rows.values())
    width = float(figure.get_figwidth())
    return Drawn(len(chosen), len(run.cameras), drawn, len(run.links.score), width)


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
    ground = quieten(image, 0.6, 0.2) if colour else quieten(image, 0.1, 0.62)
    extent = (left, left + wide, top + high, top)
    axes.imshow(ground, extent=extent, aspect="auto", interpolation="bilinear", zorder=1)
    if scale > 0.3:
        axes.add_collection(_grid_lines(run, box, 0.28 if colour else 0.16), autolim=False)
    edge, line = ("#46525f", 0.9 * max(scale, 0.5)) if colour else ("#cfd5dc", 0.8)
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


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as a PNG, whole or not at all."""
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
