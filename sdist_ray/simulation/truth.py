"""What is true of a camera network: which windows see the same ground, from the calibrations alone.

The ground is cut into square cells. Every camera lists the cells that it sees and the window each lies in;
windows that list the same cell share it. The lists are joined by sorting cell numbers, so the work grows
with the area that is seen, not with the number of pairs of windows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sdist_ray.cameras.calibration import Calibration
from sdist_ray.errors import InputError
from sdist_ray.occupancy.grid import Grid
from sdist_ray.simulation.people import Walk
from sdist_ray.simulation.site import Site, in_reach

Extent = tuple[float, float, float, float]
Array = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

CELLS_ACROSS_A_WINDOW = 8
FINEST_SHARE_OF_CELL = 0.1
SAMPLES_ACROSS_IMAGE = 100
CELLS_AT_ONCE = 1 << 20
ROWS_AT_ONCE = 1 << 21


@dataclass(frozen=True)
class GroundOverlap:
    """Which windows of different cameras see the same ground.

    One row per pair of windows, ordered by ``camera_a``, ``window_a``, ``camera_b``, ``window_b``, with
    camera_a < camera_b; and one entry per pair of cameras in the ``pair_`` arrays, ordered likewise.

    Attributes:
        camera_a: int32 (rows,), index of a camera.
        window_a: int32 (rows,).
        camera_b: int32 (rows,).
        window_b: int32 (rows,).
        overlap_a: float64 (rows,), shared ground as a fraction of window a's own ground, in (0, 1].
        overlap_b: float64 (rows,), the same of window b's.
        shared_m2: float64 (rows,), shared ground, square metres.
        pair_camera_a: int32 (pairs,).
        pair_camera_b: int32 (pairs,).
        pair_shared_m2: float64 (pairs,).
        ground_m2: float64 (cameras, windows), the ground that each window sees.
        cell_m: side of the cells that were used.
    """

    camera_a: npt.NDArray[np.int32]
    window_a: npt.NDArray[np.int32]
    camera_b: npt.NDArray[np.int32]
    window_b: npt.NDArray[np.int32]
    overlap_a: Array
    overlap_b: Array
    shared_m2: Array
    pair_camera_a: npt.NDArray[np.int32]
    pair_camera_b: npt.NDArray[np.int32]
    pair_shared_m2: Array
    ground_m2: Array
    cell_m: float


def ground_overlap(
    cameras: Sequence[Calibration],
    grid: Grid,
    cell_m: float = 0.1,
    coarsest_m_per_px: float = 0.25,
    extent: Extent | None = None,
) -> GroundOverlap:
    """Find the windows that see the same ground.

    A cell is seen by the window that its centre projects into, provided that no direction on the ground
    is coarser there than ``coarsest_m_per_px``: a view that reaches the horizon still sees a finite area.

    The cells are ``cell_m`` wide, or narrower where windows are small: an eighth of the side of the
    typical (median) window of the camera whose windows are smallest, but never under a tenth of
    ``cell_m``. ``GroundOverlap.cell_m`` says what it came to.

    Args:
        cameras: calibrated cameras of one ground plane.
        grid: the grid of their windows.
        cell_m: largest side of a cell, metres.
        coarsest_m_per_px: ground that is seen more coarsely than this is not counted as seen.
        extent: (x_min, y_min, x_max, y_max), metres: count only cells whose centres lie inside.

    Raises:
        InputError: a size that is not positive, or an extent without area.
    """
    for name, value in (("cell_m", cell_m), ("coarsest_m_per_px", coarsest_m_per_px)):
        if not 0 < value < np.inf:
            raise InputError(f"{name} is {value}, but must be a positive number of metres")
    if extent is not None and not (extent[0] < extent[2] and extent[1] < extent[3]):
        raise InputError(f"extent {extent}: must be x_min, y_min, x_max, y_max, with min below max")
    boxes = [view_box(camera, coarsest_m_per_px, extent) for camera in cameras]
    side = _cell_side(cameras, grid, cell_m, coarsest_m_per_px)
    low, high = _lattice(boxes, side)
    stride = int(high[0] - low[0]) + 1
    keys, nodes = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for index, (camera, box) in enumerate(zip(cameras, boxes, strict=True)):
        if box is None:
            continue
        for x, y, window in _seen_cells(camera, grid, box, side, coarsest_m_per_px, extent):
            keys.append((y - low[1]) * stride + (x - low[0]))
            nodes.append(index * grid.windows + window)
    cells = np.concatenate(nodes)
    ground = np.bincount(cells, minlength=len(cameras) * grid.windows)
    pairs, shared = _count_pairs(np.concatenate(keys), cells, len(ground))
    return _as_columns(pairs, shared, ground, grid.windows, side)


def joint_visits(site: Site, walk: Walk, overlap: GroundOverlap, grid: Grid) -> Ints:
    """Count the joint visits of every pair of windows that share ground.

    A joint visit is a maximal run of ticks during which somebody's true position is inside both windows.

    Args:
        site: the site whose cameras ``overlap`` was made from.
        walk: its people.
        overlap: the pairs of windows to count for.
        grid: the grid of their windows.

    Returns:
        int64 (rows,), one number per row of ``overlap``.
    """
    keys, nodes = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for index, camera in enumerate(site.cameras):
        tick, person = np.nonzero(in_reach(camera, walk.positions))
        window = _windows(camera, grid, walk.positions[tick, person].astype(np.float64))
        keys.append((tick * walk.people + person)[window >= 0])
        nodes.append(index * grid.windows + window[window >= 0])
    total = len(site.cameras) * grid.windows
    rows = (overlap.camera_a.astype(np.int64) * grid.windows + overlap.window_a) * total
    rows += overlap.camera_b.astype(np.int64) * grid.windows + overlap.window_b
    # One number per (row, tick), with a gap between rows: consecutive numbers are consecutive ticks.
    span = walk.ticks + 1
    moments = [np.empty(0, np.int64)]
    for pair, key in _pairs_in_one_cell(np.concatenate(keys), np.concatenate(nodes), total):
        row = np.searchsorted(rows, pair)
        known = (row < len(rows)) & (np.append(rows, -1)[row] == pair)
        moments.append(np.unique(row[known] * span + key[known] // max(walk.people, 1)))
    moment = np.unique(np.concatenate(moments))
    starts = moment[np.diff(moment, prepend=-2) > 1]
    return np.bincount(starts // span, minlength=len(rows)).astype(np.int64)


def view_box(camera: Calibration, coarsest_m_per_px: float, extent: Extent | None) -> Extent | None:
    """Bounding box, metres, of the ground that a camera sees finely enough; None where there is none."""
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


def _scale_at_pixels(camera: Calibration, pixels: Array, ground: Array) -> Array:
    """Metres per pixel in the coarsest direction, (n,); NaN where a pixel looks above the horizon."""
    right = camera.to_ground(pixels + [0.5, 0.0]) - ground
    down = camera.to_ground(pixels + [0.0, 0.5]) - ground
    return 2.0 * _largest_singular(right, down)


def _largest_singular(u: Array, v: Array) -> Array:
    """Largest singular values of the matrices with columns u[i], v[i]; both (n, 2)."""
    half_sum = ((u**2).sum(axis=1) + (v**2).sum(axis=1)) / 2
    determinant = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    root = np.sqrt(np.maximum(half_sum**2 - determinant**2, 0.0))
    largest: Array = np.sqrt(half_sum + root)
    return largest


def _scale_at_ground(here: Array, east: Array, north: Array, side: float) -> Array:
    """Metres per pixel in the coarsest direction, (n,), from images of neighbouring ground points."""
    u, v = (east - here) / side, (north - here) / side
    determinant = np.abs(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0])
    with np.errstate(divide="ignore", invalid="ignore"):
        # The least stretch of ground onto image is |determinant| over the greatest.
        scale: Array = _largest_singular(u, v) / determinant
    return scale


def _cell_side(
    cameras: Sequence[Calibration], grid: Grid, cell_m: float, coarsest_m_per_px: float
) -> float:
    """The side of a cell that resolves every camera's typical window."""
    smallest = np.inf
    centres = np.array([grid.centre(window) for window in range(grid.windows)])
    for camera in cameras:
        pixels = centres * camera.image_size
        across = camera.to_ground(pixels + [0.5, 0.0]) - camera.to_ground(pixels - [0.5, 0.0])
        along = camera.to_ground(pixels + [0.0, 0.5]) - camera.to_ground(pixels - [0.0, 0.5])
        window_px = np.prod(camera.image_size) / grid.windows
        area = np.abs(across[:, 0] * along[:, 1] - across[:, 1] * along[:, 0]) * window_px
        with np.errstate(invalid="ignore"):
            seen = _largest_singular(across, along) <= coarsest_m_per_px
        if seen.any():
            smallest = min(smallest, float(np.sqrt(np.median(area[seen]))))
    return float(np.clip(smallest / CELLS_ACROSS_A_WINDOW, FINEST_SHARE_OF_CELL * cell_m, cell_m))


def _lattice(boxes: Sequence[Extent | None], side: float) -> tuple[Ints, Ints]:
    """Least and greatest cell numbers (2,) along x and y; cell i is centred at (i + 0.5) · side."""
    known = np.array([box for box in boxes if box is not None]).reshape(-1, 4)
    if len(known) == 0:
        return np.zeros(2, np.int64), np.zeros(2, np.int64)
    low = np.floor(known[:, :2].min(axis=0) / side).astype(np.int64)
    high = np.floor(known[:, 2:].max(axis=0) / side).astype(np.int64)
    return low, high


def _seen_cells(
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
        scale = _scale_at_ground(
            here, image[:-1, 1:].reshape(-1, 2), image[1:, :-1].reshape(-1, 2), side
        )
        window = grid.window_of(
            here[:, 0] / camera.image_size[0], here[:, 1] / camera.image_size[1]
        )
        seen = (window >= 0) & (scale <= coarsest_m_per_px)
        if extent is not None:
            centre = places.reshape(*cell_x.shape, 2)[:-1, :-1].reshape(-1, 2)
            seen &= ((centre >= extent[:2]) & (centre <= extent[2:])).all(axis=1)
        yield cell_x[:-1, :-1].ravel()[seen], cell_y[:-1, :-1].ravel()[seen], window[seen]


def _windows(camera: Calibration, grid: Grid, ground: Array) -> Ints:
    image = camera.to_image(ground)
    return grid.window_of(image[:, 0] / camera.image_size[0], image[:, 1] / camera.image_size[1])


def _pairs_in_one_cell(keys: Ints, nodes: Ints, total: int) -> Iterator[tuple[Ints, Ints]]:
    """Every two entries with equal keys, as node_a · total + node_b (a < b), and their key.

    A camera lists a key at most once, so the two are of different cameras. The sorted list is worked
    through in stretches that end between two keys: memory does not grow with the number of pairs.
    """
    order = np.lexsort((nodes, keys))
    keys, nodes = keys[order], nodes[order]
    start = 0
    while start < len(keys):
        stop = min(start + ROWS_AT_ONCE, len(keys))
        stop = int(np.searchsorted(keys, keys[stop - 1], side="right"))
        key, node = keys[start:stop], nodes[start:stop]
        for apart in range(1, stop - start):
            first = np.flatnonzero(key[apart:] == key[:-apart])
            if len(first) == 0:
                break
            yield node[first] * total + node[first + apart], key[first]
        start = stop


def _count_pairs(keys: Ints, nodes: Ints, total: int) -> tuple[Ints, Ints]:
    """Pairs of nodes with a key in common, ascending, and the number of keys in common."""
    parts = [(np.empty(0, np.int64), np.empty(0, np.int64))]
    parts += [
        np.unique(pair, return_counts=True) for pair, _ in _pairs_in_one_cell(keys, nodes, total)
    ]
    pairs, where = np.unique(np.concatenate([pair for pair, _ in parts]), return_inverse=True)
    counts = np.bincount(
        where, weights=np.concatenate([count for _, count in parts]), minlength=len(pairs)
    )
    return pairs, counts.astype(np.int64)


def _as_columns(
    pairs: Ints, shared: Ints, ground: Ints, windows: int, side: float
) -> GroundOverlap:
    node_a, node_b = np.divmod(pairs, max(len(ground), 1))
    camera_a, window_a = np.divmod(node_a, windows)
    camera_b, window_b = np.divmod(node_b, windows)
    cameras = max(len(ground) // windows, 1)
    couple, where = np.unique(camera_a * cameras + camera_b, return_inverse=True)
    area = side * side
    return GroundOverlap(
        camera_a.astype(np.int32),
        window_a.astype(np.int32),
        camera_b.astype(np.int32),
        window_b.astype(np.int32),
        shared / ground[node_a],
        shared / ground[node_b],
        shared * area,
        (couple // cameras).astype(np.int32),
        (couple % cameras).astype(np.int32),
        np.bincount(where, weights=shared, minlength=len(couple)) * area,
        ground.reshape(-1, windows) * area,
        side,
    )
