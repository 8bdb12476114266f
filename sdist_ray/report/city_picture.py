"""A simulated city from above: lots, what cameras see of the streets, and the floors of one building."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from sdist_ray.simulation.city import City
from sdist_ray.simulation.city_plan import BUILDING_M, LOT_M, ROOMS, ROOMS_M, STREET_M, TILE

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MOST_LOTS = 8
"""Along each side of the plan; a larger city is cut there."""
MOST_FLOORS = 4
WALL, CLOSED = "#555555", "#e9e4da"


def city_picture(city: City) -> bytes:
    """A PNG: on the left the plan, on the right the floors of the building with the most cameras shown.

    All is as at tick 0.
    """
    cameras = city.spec.cameras
    columns = min(city.plan.ground.columns, MOST_LOTS)
    rows = min(city.plan.ground.rows, MOST_LOTS)
    lot = np.arange(city.plan.lots)
    shown = (lot % city.plan.ground.columns < columns) & (lot // city.plan.ground.columns < rows)
    inside = np.bincount(city.views.lot[:cameras][city.views.floor[:cameras] >= 0], minlength=city.plan.lots)
    building = int(np.argmax(np.where(shown, inside, -1)))
    floors = int(min(city.plan.ground.floors[building], MOST_FLOORS))
    figure = Figure(figsize=(17, 9), dpi=90, layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(max(floors, 1), 2, width_ratios=[1.25, 1])
    _draw_plan(figure.add_subplot(grid[:, 0]), city, columns, rows, building)
    for floor in range(floors):
        _draw_floor(figure.add_subplot(grid[floors - 1 - floor, 1]), city, building, floor)
    out = io.BytesIO()
    figure.savefig(out, format="png")
    return out.getvalue()


def _seen(city: City, first_tile: int, tiles: int, tiles_x: int) -> tuple[Ints, Ints, Ints]:
    """Cells (ix, iy) of a level and the views of tick 0 that see each, one entry per view."""
    table = city.table
    block = table.block[first_tile : first_tile + tiles].astype(np.int64)
    tile = np.flatnonzero(block >= 0)
    row = (block[tile][:, None] * 64 + np.arange(64)).ravel()
    start, stop = table.starts[row].astype(np.int64), table.starts[row + 1].astype(np.int64)
    lengths = stop - start
    entry = np.arange(lengths.sum()) + np.repeat(start - (np.cumsum(lengths) - lengths), lengths)
    view = table.places[entry].astype(np.int64) // city.spec.grid.windows
    cell = np.repeat((tile[:, None] * 64 + np.arange(64)).ravel(), lengths)
    now = city.views.from_s[view] <= 0
    view, cell = view[now], cell[now]
    ix = cell // 64 % tiles_x * TILE + cell % TILE
    iy = cell // 64 // tiles_x * TILE + cell % 64 // TILE
    return ix, iy, view


def _draw_plan(axes: Axes, city: City, columns: int, rows: int, building: int) -> None:
    ground = city.plan.ground
    cell_m = ground.cell_m
    width, depth = columns * LOT_M[0] + STREET_M[0], rows * LOT_M[1] + STREET_M[1]
    ix, iy, _ = _seen(city, 0, int(ground.first_tile[0]), ground.tiles_x)
    nx, ny = int(width / cell_m), int(depth / cell_m)
    here = (ix < nx) & (iy < ny)
    count = np.zeros((ny, nx))
    np.add.at(count, (iy[here], ix[here]), 1)
    cameras = city.spec.cameras
    image = axes.imshow(
        np.where(count > 0, np.minimum(count, 5), np.nan), origin="lower", cmap="YlGnBu", vmin=0, vmax=5,
        extent=(0, nx * cell_m, 0, ny * cell_m), interpolation="nearest",
    )  # fmt: skip
    axes.figure.colorbar(image, ax=axes, shrink=0.5, label="cameras that see the street (5: 5 or more)")
    per_lot = np.bincount(city.views.lot[:cameras], minlength=city.plan.lots)
    for lot in range(city.plan.lots):
        column, row = lot % ground.columns, lot // ground.columns
        if column >= columns or row >= rows:
            continue
        x, y = STREET_M[0] + column * LOT_M[0], STREET_M[1] + row * LOT_M[1]
        middle = x + BUILDING_M[0] / 2, y + BUILDING_M[1] / 2
        if ground.floors[lot] == 0:
            axes.text(
                *middle, f"plaza {lot}\n{per_lot[lot]} cameras", ha="center", va="center", fontsize=7,
                bbox={"facecolor": "white", "alpha": 0.8, "lw": 0, "pad": 1},
            )  # fmt: skip
            continue
        edge = "#b3261e" if lot == building else WALL
        axes.add_patch(Rectangle((x, y), *BUILDING_M, facecolor=CLOSED, edgecolor=edge, lw=1.5))
        label = f"b{lot}: {ground.floors[lot]} floors\n{per_lot[lot]} cameras"
        axes.text(*middle, label, ha="center", va="center", fontsize=7)
        exit_x = x if ground.turned[lot] else x + BUILDING_M[0]
        axes.plot([exit_x], [y + BUILDING_M[1] / 2], "s", color=edge, ms=4)
    outside = (city.views.floor[:cameras] < 0) & (city.views.pose[:cameras, 0] < width)
    outside &= city.views.pose[:cameras, 1] < depth
    _arrows(axes, city.views.pose[:cameras][outside], "black", 4.0)
    axes.set(xlim=(0, width), ylim=(0, depth), xlabel="m", ylabel="m", aspect="equal")
    axes.set_title(f"{cameras} cameras, {city.plan.lots} lots; squares: exits", fontsize=10)


def _draw_floor(axes: Axes, city: City, building: int, floor: int) -> None:
    ground, views = city.plan.ground, city.views
    first = int(ground.first_tile[building]) + floor * ground.floor_tiles
    ix, iy, view = _seen(city, first, ground.floor_tiles, ground.floor_tiles_x)
    cell_m = ground.cell_m
    nx, ny = int(np.ceil(BUILDING_M[0] / cell_m)), int(np.ceil(BUILDING_M[1] / cell_m))
    picture = np.ones((ny, nx, 3))
    colours = colormaps["tab10"].colors  # type: ignore[attr-defined]
    there = np.flatnonzero((views.lot == building) & (views.floor == floor) & (views.from_s <= 0))
    for number, one in enumerate(there):
        own = view == one
        picture[iy[own], ix[own]] *= 1 - 0.45 * (1 - np.array(colours[number % 10]))
    extent = (0, nx * cell_m, 0, ny * cell_m)
    axes.imshow(picture, origin="lower", extent=extent, interpolation="nearest")
    for u0, v0, u1, v1 in ROOMS_M[:ROOMS].tolist():
        axes.add_patch(Rectangle((u0, v0), u1 - u0, v1 - v0, fill=False, edgecolor=WALL, lw=1.5))
    axes.add_patch(Rectangle((0, 0), *BUILDING_M, fill=False, edgecolor=WALL, lw=2))
    for number, one in enumerate(there):
        _arrows(axes, views.pose[one : one + 1], colours[number % 10], 1.6)
        name = city.camera_ids[views.camera[one]]
        u, v = views.pose[one, :2]
        right, high = u > BUILDING_M[0] / 2, v > BUILDING_M[1] / 2
        axes.annotate(
            name, (u, v), (-3 if right else 3, -8 if high else 4), textcoords="offset points", fontsize=6,
            ha="right" if right else "left",
        )  # fmt: skip
    axes.set(xlim=(-0.5, BUILDING_M[0] + 0.5), ylim=(-0.5, BUILDING_M[1] + 0.5), aspect="equal")
    axes.set_title(f"b{building}, floor {floor}: {len(there)} cameras inside", fontsize=9)


def _arrows(axes: Axes, pose: Floats, colour: object, length_m: float) -> None:
    """Cameras as arrows that point where they look; ``pose`` as in Views."""
    axes.quiver(
        pose[:, 0], pose[:, 1], np.cos(pose[:, 2]) * length_m, np.sin(pose[:, 2]) * length_m, color=colour,
        angles="xy", scale_units="xy", scale=1, width=0.004, zorder=5,
    )  # fmt: skip
