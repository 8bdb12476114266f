"""The ground that one camera sees, as numbered square cells and the windows that they lie in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from sdist_ray.cameras.calibration import Calibration
from sdist_ray.occupancy.grid import Grid

Extent = tuple[float, float, float, float]
"""x_min, y_min, x_max, y_max, metres."""
Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

CELLS_ACROSS_A_WINDOW = 8
FINEST_SHARE_OF_CELL = 0.1
SAMPLES_ACROSS_IMAGE = 100
CELLS_AT_ONCE = 1 << 20
HALF_RIGHT, HALF_DOWN = np.array([0.5, 0.0]), np.array([0.0, 0.5])


def view_box(camera: Calibration, coarsest_m_per_px: float, extent: Extent | None) -> Extent | None:
    """Bounding box, metres, of the ground that a camera sees finely enough; None if none."""
    width, height = camera.image_size
    step = max(width / SAMPLES_ACROSS_IMAGE, 1.0)
    x, y = np.meshgrid(
        np.linspace(0, width, max(2, int(width / step) + 1)),
        np.linspace(0, height, max(2, int(height / step) + 1)),
    )
    pixels = np.column_stack([x.ravel(), y.ravel()])
    ground = camera.to_ground(pixels)
    fine = _scale_at_pixels(camera, pixels, ground) <= coarsest_m_per_px
    if not fine.any():
        return None
    # The border of what is fine enough lies up to one sample beyond the last sample that is.
    margin = 2.0 * step * coarsest_m_per_px
    (x0, y0), (x1, y1) = ground[fine].min(axis=0) - margin, ground[fine].max(axis=0) + margin
    if extent is not None:
        x0, y0, x1, y1 = (
            max(x0, extent[0]),
            max(y0, extent[1]),
            min(x1, extent[2]),
            min(y1, extent[3]),
        )
    return (float(x0), float(y0), float(x1), float(y1)) if x0 < x1 and y0 < y1 else None


def cell_side(cameras: Sequence[Calibration], grid: Grid, cell_m: float, coarsest_m_per_px: float) -> float:
    """The side of a cell that resolves every camera's typical window."""
    smallest = np.inf
    centres = np.array([grid.centre(window) for window in range(grid.windows)])
    for camera in cameras:
        pixels = centres * camera.image_size
        across = camera.to_ground(pixels + HALF_RIGHT) - camera.to_ground(pixels - HALF_RIGHT)
        along = camera.to_ground(pixels + HALF_DOWN) - camera.to_ground(pixels - HALF_DOWN)
        window_px = np.prod(camera.image_size) / grid.windows
        area = np.abs(across[:, 0] * along[:, 1] - across[:, 1] * along[:, 0]) * window_px
        with np.errstate(invalid="ignore"):
            seen = _largest_singular(across, along) <= coarsest_m_per_px
        if seen.any():
            smallest = min(smallest, float(np.sqrt(np.median(area[seen]))))
    return float(np.clip(smallest / CELLS_ACROSS_A_WINDOW, FINEST_SHARE_OF_CELL * cell_m, cell_m))


def seen_cells(
    camera: Calibration,
    grid: Grid,
    box: Extent,
    side: float,
    coarsest_m_per_px: float,
    extent: Extent | None,
) -> Iterator[tuple[Ints, Ints, Ints]]:
    """Cells (their numbers along x and y) that a camera sees, and the windows that they lie in."""
    x = np.arange(int(np.floor(box[0] / side)), int(np.floor(box[2] / side)) + 1)
    first, last = int(np.floor(box[1] / side)), int(np.floor(box[3] / side))
    rows = max(1, CELLS_AT_ONCE // len(x))
    for start in range(first, last + 1, rows):
        # One more along both axes, for the local scale.
        y = np.arange(start, min(start + rows, last + 1) + 1)
        cell_x, cell_y = np.meshgrid(np.append(x, x[-1] + 1), y)
        places = (np.column_stack([cell_x.ravel(), cell_y.ravel()]) + 0.5) * side
        image = camera.to_image(places).reshape(*cell_x.shape, 2)
        here = image[:-1, :-1].reshape(-1, 2)
        scale = _scale_at_ground(here, image[:-1, 1:].reshape(-1, 2), image[1:, :-1].reshape(-1, 2), side)
        window = grid.window_of(here[:, 0] / camera.image_size[0], here[:, 1] / camera.image_size[1])
        seen = (window >= 0) & (scale <= coarsest_m_per_px)
        if extent is not None:
            centre = places.reshape(*cell_x.shape, 2)[:-1, :-1].reshape(-1, 2)
            seen &= ((centre >= extent[:2]) & (centre <= extent[2:])).all(axis=1)
        yield cell_x[:-1, :-1].ravel()[seen], cell_y[:-1, :-1].ravel()[seen], window[seen]


def _scale_at_pixels(camera: Calibration, pixels: Array, ground: Array) -> Array:
    """Metres per pixel in the coarsest direction, (n,); NaN above the horizon."""
    right = camera.to_ground(pixels + HALF_RIGHT) - ground
    down = camera.to_ground(pixels + HALF_DOWN) - ground
    return 2.0 * _largest_singular(right, down)


def _scale_at_ground(here: Array, east: Array, north: Array, side: float) -> Array:
    """Metres per pixel in the coarsest direction, (n,), from images of neighbouring places."""
    u, v = (east - here) / side, (north - here) / side
    determinant = np.abs(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0])
    with np.errstate(divide="ignore", invalid="ignore"):
        # The least stretch of ground onto image is |determinant| over the greatest.
        scale: Array = _largest_singular(u, v) / determinant
    return scale


def _largest_singular(u: Array, v: Array) -> Array:
    """Largest singular values of the matrices with columns u[i], v[i]; both (n, 2)."""
    half_sum = ((u**2).sum(axis=1) + (v**2).sum(axis=1)) / 2
    determinant = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    root = np.sqrt(np.maximum(half_sum**2 - determinant**2, 0.0))
    largest: Array = np.sqrt(half_sum + root)
    return largest
