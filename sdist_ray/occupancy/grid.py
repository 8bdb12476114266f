"""The grid of windows that every camera's image is divided into."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sdist_ray.errors import InputError

MAX_WINDOWS = 65_535
"""A recording stores window indices as uint16."""


@dataclass(frozen=True)
class Grid:
    """A camera's image cut into ``columns`` x ``rows`` windows of equal size.

    The window in column c and row r has the index ``r * columns + c``; row 0 is the image's top.
    One network has one grid: counts of different cameras share one shape.

    Raises:
        InputError: a side is below 1, or there are more than 65 535 windows.
    """

    columns: int = 12
    rows: int = 9

    def __post_init__(self) -> None:
        if self.columns < 1 or self.rows < 1:
            raise InputError(f"grid {self}: columns and rows must be at least 1")
        if self.windows > MAX_WINDOWS:
            raise InputError(f"grid {self}: at most {MAX_WINDOWS} windows fit a recording")

    def __str__(self) -> str:
        return f"{self.columns}x{self.rows}"

    @property
    def windows(self) -> int:
        """Number of windows in one camera's view."""
        return self.columns * self.rows

    def window_of(self, x: npt.NDArray[np.floating], y: npt.NDArray[np.floating]) -> npt.NDArray[np.int64]:
        """Windows that image points lie in.

        Args:
            x: fractions of the image's width, any shape; 0 is the left border, 1 the right one.
            y: fractions of its height, same shape; 0 is the top.

        Returns:
            Window indices, int64, same shape; -1 where the point is outside the image or not finite.
            The right and lower borders (exactly 1) belong to the last column and row.
        """
        x = np.asarray(x, dtype=np.float64)
        y = np.asarray(y, dtype=np.float64)
        inside = (x >= 0) & (x <= 1) & (y >= 0) & (y <= 1)
        column = np.minimum(np.where(inside, x, 0.0) * self.columns, self.columns - 1)
        row = np.minimum(np.where(inside, y, 0.0) * self.rows, self.rows - 1)
        window = row.astype(np.int64) * self.columns + column.astype(np.int64)
        return np.where(inside, window, -1)

    def centre(self, window: int) -> tuple[float, float]:
        """Centre of a window as fractions of the image's width and height."""
        row, column = divmod(window, self.columns)
        return (column + 0.5) / self.columns, (row + 0.5) / self.rows
