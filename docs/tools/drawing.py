"""Parts of the pictures of docs/algorithm.md: views with windows, and strips of ticks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from sdist_ray.occupancy.grid import Grid

Bools = npt.NDArray[np.bool_]


def neighbours(grid: Grid, window: int) -> list[int]:
    """A window and those around it."""
    row, column = divmod(window, grid.columns)
    return [
        r * grid.columns + c
        for r in range(max(0, row - 1), min(grid.rows, row + 2))
        for c in range(max(0, column - 1), min(grid.columns, column + 2))
    ]


def draw_strips(axis: Axes, fps: float, start: int, stop: int, strips: list[tuple[str, Bools, str]]) -> None:
    """Rows of ticks, those that are on filled, against seconds."""
    for number, (_, values, colour) in enumerate(strips):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], values[start:stop], [0]]).astype(int)))
        runs = [(on / fps, (off - on) / fps) for on, off in edges.reshape(-1, 2).tolist()]
        axis.broken_barh(runs, (number - 0.38, 0.76), color=colour, linewidth=0)
    axis.set_yticks(range(len(strips)), [name for name, _, _ in strips])
    axis.set_ylim(len(strips) - 0.4, -0.6)
    axis.set_xlim(0, (stop - start) / fps)
    axis.set_xlabel("seconds")
    axis.spines[["top", "right", "left"]].set_visible(False)
    axis.tick_params(left=False)


def draw_view(axis: Axes, picture: npt.NDArray[np.uint8], title: str) -> None:
    """An image without axes, and what it is."""
    axis.imshow(picture, cmap="gray" if picture.ndim == 2 else None)
    axis.set_title(title, fontsize=10, loc="left")
    axis.set_axis_off()


def draw_grid(axis: Axes, grid: Grid, width: int, height: int) -> None:
    """The borders between windows."""
    for column in range(1, grid.columns):
        axis.axvline(column * width / grid.columns, color="white", linewidth=0.5, alpha=0.6)
    for row in range(1, grid.rows):
        axis.axhline(row * height / grid.rows, color="white", linewidth=0.5, alpha=0.6)


def draw_window(
    axis: Axes, grid: Grid, window: int, width: int, height: int, colour: str, fill: bool = True
) -> None:
    """One window, filled or framed."""
    row, column = divmod(window, grid.columns)
    size = width / grid.columns, height / grid.rows
    place = (column * size[0], row * size[1]), *size
    if fill:
        axis.add_patch(Rectangle(*place, color=colour, alpha=0.45, linewidth=0))
    axis.add_patch(Rectangle(*place, fill=False, edgecolor=colour, linewidth=1.4))
