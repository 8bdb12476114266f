"""Where people stood, and where they were too close."""

from __future__ import annotations

import math
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure

from sdist_ray.distancing.scene import Floats, Scene
from sdist_ray.report.colours import INK, MUTED
from sdist_ray.report.marks import Image
from sdist_ray.report.snapshots import write_aside

LONGEST_STEP_S = 1.0
"""Between scenes further apart nobody is known to have stood anywhere."""
MOST_CELLS = 4_000_000
DOTS_PER_INCH = 160


class HeatMap:
    """Seconds that people, and pairs too close, spent in each cell of the ground of one camera.

    Args:
        extent: (x_min, y_min, x_max, y_max) of the ground mapped, in its unit.
        cell: side of a cell, in that unit.
        unit: of the ground, ``m`` (y runs up) or ``px`` (y runs down, as in the image).

    Raises:
        ValueError: the extent is empty or not finite, or has more than four million cells.
    """

    def __init__(self, extent: tuple[float, float, float, float], cell: float, unit: str = "m") -> None:
        x_min, y_min, x_max, y_max = extent
        if not (np.isfinite(extent).all() and x_min < x_max and y_min < y_max):
            raise ValueError(f"an extent is (x_min, y_min, x_max, y_max), not {extent}")
        if not (math.isfinite(cell) and cell > 0):
            raise ValueError(f"a cell's side must be above 0, not {cell}")
        columns, rows = (x_max - x_min) / cell, (y_max - y_min) / cell
        if not (columns + 1) * (rows + 1) <= MOST_CELLS:
            raise ValueError(f"cells of {cell} {unit} are too small for {extent}")
        self._shape = (max(1, math.ceil(rows - 1e-9)), max(1, math.ceil(columns - 1e-9)))
        self._low = np.array([x_min, y_min])
        self._cell, self._unit = cell, unit
        self._last_s: float | None = None
        self._people = np.zeros(self._shape)
        self._violations = np.zeros(self._shape)

    @property
    def people_s(self) -> Floats:
        """Person-seconds per cell, float64 (rows, columns); row 0 has the least y."""
        return self._people

    @property
    def violations_s(self) -> Floats:
        """Pair-seconds of people too close, at the middle between them; as ``people_s``."""
        return self._violations

    def add(self, scene: Scene) -> None:
        """Count a scene for the time since the last one, at most a second; the first counts for nothing.

        People outside the extent, or whose ground is unknown, are left out.
        """
        since = 0.0 if self._last_s is None else scene.time_s - self._last_s
        self._last_s = scene.time_s
        if since > 0:
            since = min(since, LONGEST_STEP_S)
            ground = scene.people.ground
            self._count(self._people, ground, since)
            if len(scene.near):
                self._count(self._violations, ground[scene.near].mean(axis=1), since)

    def _count(self, seconds: Floats, places: Floats, since: float) -> None:
        cell = (places - self._low) / self._cell
        rows, columns = self._shape
        # Compared as they are: NaN and numbers too large for an integer fall out here.
        inside = (cell >= 0).all(axis=1) & (cell[:, 0] < columns) & (cell[:, 1] < rows)
        x, y = cell[inside].astype(np.int64).T
        np.add.at(seconds, (y, x), since)

    def picture(self) -> Image:
        """Both maps side by side with axes and scales, uint8 (height, width, 3), BGR."""
        rows, columns = self._shape
        aspect = min(max(columns / rows, 0.4), 3.0)
        tall = min(3.4, 4.2 / aspect)
        figure = Figure(figsize=(2 * (tall * aspect + 1.3), tall + 0.8), dpi=DOTS_PER_INCH, layout="tight")
        figure.set_facecolor("white")
        left, right = figure.subplots(1, 2)
        self._draw(left, self._people, "Where people stood", "person-seconds", "nobody was seen")
        empty = "nobody was too close" if self._people.any() else "nobody was seen"
        self._draw(right, self._violations, "Where they were too close", "pair-seconds", empty)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()  # type: ignore[no-untyped-call]
        pixels = np.asarray(canvas.buffer_rgba())[..., :3]  # type: ignore[no-untyped-call]
        return np.ascontiguousarray(pixels[..., ::-1])

    def write(self, path: Path) -> Path:
        """Write the picture as PNG; it appears whole or not at all.

        Args:
            path: in a folder that exists.

        Raises:
            OSError: it cannot be written.
        """
        _, data = cv2.imencode(".png", self.picture())
        write_aside(path, data.tobytes())
        return path

    def _draw(self, axes: Axes, seconds: npt.NDArray[np.float64], title: str, name: str, empty: str) -> None:
        rows, columns = self._shape
        x, y = self._low
        wide, high = columns * self._cell, rows * self._cell
        down = self._unit != "m"
        axes.set_title(title, fontsize=11, color=INK, loc="left", weight="bold")
        axes.set_xlabel(f"x, {self._unit}", color=MUTED, fontsize=9)
        axes.set_ylabel(f"y, {self._unit}", color=MUTED, fontsize=9)
        axes.tick_params(colors=MUTED, labelsize=8)
        for side in axes.spines.values():
            side.set_color("#cfd5dc")
        extent = (x, x + wide, y + high, y) if down else (x, x + wide, y, y + high)
        axes.set(xlim=extent[:2], ylim=extent[2:], facecolor="#f4f6f8")
        axes.set_aspect("equal" if 0.25 <= wide / high <= 4 else "auto")
        if not seconds.any():
            axes.text(0.5, 0.5, empty, transform=axes.transAxes, ha="center", color=MUTED, fontsize=11)
            return
        # The root of the time, up to what nearly all cells have: a bench where somebody sat for an hour does
        # not hide where others walked.
        most = float(np.quantile(seconds[seconds > 0], 0.99))
        shown = np.ma.masked_equal(seconds, 0.0)
        image = axes.imshow(
            shown,
            extent=extent,
            origin="upper" if down else "lower",
            aspect=axes.get_aspect(),
            cmap="viridis",
            norm=PowerNorm(0.5, vmin=0.0, vmax=most),
            interpolation="nearest",
        )
        bar = axes.figure.colorbar(
            image, ax=axes, fraction=0.045, pad=0.03, extend="max" if seconds.max() > most else "neither"
        )
        bar.set_label(name, color=MUTED, fontsize=9)
        bar.ax.tick_params(colors=MUTED, labelsize=8)
        bar.outline.set_edgecolor("#cfd5dc")
