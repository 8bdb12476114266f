"""What is true of a camera network: which windows see the same ground, from the calibrations alone.

The ground is cut into square cells. Every camera lists the cells that it sees and the window each
lies in; windows that list the same cell share it. The lists are joined by sorting cell numbers, so
the work grows with the area that is seen, not with the number of pairs of windows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sdist_ray.cameras.calibration import Calibration
from sdist_ray.errors import InputError
from sdist_ray.occupancy.grid import Grid
from sdist_ray.simulation.footprint import (
    Array,
    Extent,
    Ints,
    cell_side,
    seen_cells,
    view_box,
)
from sdist_ray.simulation.people import Walk
from sdist_ray.simulation.site import Site, in_reach

ROWS_AT_ONCE = 1 << 21


@dataclass(frozen=True)
class GroundOverlap:
    """Which windows of different cameras see the same ground.

    One row per pair of windows, ordered by ``camera_a``, ``window_a``, ``camera_b``, ``window_b``,
    with camera_a < camera_b; one entry per pair of cameras in the ``pair_`` arrays, also ordered.

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

    A cell is seen by the window that its centre projects into, provided that no direction on the
    ground is coarser there than ``coarsest_m_per_px``: a view that reaches the horizon still sees a
    finite area.

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
    side = cell_side(cameras, grid, cell_m, coarsest_m_per_px)
    low, high = _lattice(boxes, side)
    stride = int(high[0] - low[0]) + 1
    keys, nodes = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for index, (camera, box) in enumerate(zip(cameras, boxes, strict=True)):
        if box is None:
            continue
        for x, y, window in seen_cells(camera, grid, box, side, coarsest_m_per_px, extent):
            keys.append((y - low[1]) * stride + (x - low[0]))
            nodes.append(index * grid.windows + window)
    cells = np.concatenate(nodes)
    ground = np.bincount(cells, minlength=len(cameras) * grid.windows)
    pairs, shared = _count_pairs(np.concatenate(keys), cells, len(ground))
    return as_columns(pairs, shared, ground, grid.windows, side)


def joint_visits(site: Site, walk: Walk, overlap: GroundOverlap, grid: Grid) -> Ints:
    """Count the joint visits of every pair of windows that share ground.

    A joint visit is a maximal run of ticks during which somebody truly stands inside both windows.

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
    # One number per (row, tick), with a gap between rows: where numbers run on, so do ticks.
    span = walk.ticks + 1
    moments = [np.empty(0, np.int64)]
    for pair, key in _pairs_in_one_cell(np.concatenate(keys), np.concatenate(nodes), total):
        row = np.searchsorted(rows, pair)
        known = (row < len(rows)) & (np.append(rows, -1)[row] == pair)
        moments.append(np.unique(row[known] * span + key[known] // max(walk.people, 1)))
    moment = np.unique(np.concatenate(moments))
    starts = moment[np.diff(moment, prepend=-2) > 1]
    return np.bincount(starts // span, minlength=len(rows)).astype(np.int64)


def _lattice(boxes: Sequence[Extent | None], side: float) -> tuple[Ints, Ints]:
    """Least and greatest cell numbers (2,) along x and y; cell i is centred at (i + 0.5) · side."""
    known = np.array([box for box in boxes if box is not None]).reshape(-1, 4)
    if len(known) == 0:
        return np.zeros(2, np.int64), np.zeros(2, np.int64)
    low = np.floor(known[:, :2].min(axis=0) / side).astype(np.int64)
    high = np.floor(known[:, 2:].max(axis=0) / side).astype(np.int64)
    return low, high


def _windows(camera: Calibration, grid: Grid, ground: Array) -> Ints:
    image = camera.to_image(ground)
    return grid.window_of(image[:, 0] / camera.image_size[0], image[:, 1] / camera.image_size[1])


def _pairs_in_one_cell(keys: Ints, nodes: Ints, total: int) -> Iterator[tuple[Ints, Ints]]:
    """Every two entries with equal keys, as node_a · total + node_b (a < b), and their key.

    A camera lists a key at most once, so the two are of different cameras. The sorted list is taken
    in stretches that end between two keys: memory does not grow with the number of pairs.
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
    parts += [np.unique(pair, return_counts=True) for pair, _ in _pairs_in_one_cell(keys, nodes, total)]
    pairs, where = np.unique(np.concatenate([pair for pair, _ in parts]), return_inverse=True)
    counts = np.bincount(where, weights=np.concatenate([count for _, count in parts]), minlength=len(pairs))
    return pairs, counts.astype(np.int64)


def as_columns(pairs: Ints, shared: Ints, ground: Ints, windows: int, side: float) -> GroundOverlap:
    """Cells that windows share, as a GroundOverlap.

    Args:
        pairs: int64 (rows,), ascending: node_a * nodes + node_b, where a node is camera * windows + window.
        shared: int64 (rows,), cells that both see.
        ground: int64 (nodes,), cells that each sees.
        windows: of a camera.
        side: of a cell, metres.
    """
    node_a, node_b = np.divmod(pairs, max(len(ground), 1))
    camera_a, window_a = np.divmod(node_a, windows)
    camera_b, window_b = np.divmod(node_b, windows)
    cameras = max(len(ground) // windows, 1)
    couple, where = np.unique(camera_a * cameras + camera_b, return_inverse=True)
    area = side * side
    pair_shared = np.bincount(where, weights=shared, minlength=len(couple)) * area
    return GroundOverlap(
        camera_a.astype(np.int32),
        window_a.astype(np.int32),
        camera_b.astype(np.int32),
        window_b.astype(np.int32),
        np.asarray(shared / ground[node_a], dtype=np.float64),
        np.asarray(shared / ground[node_b], dtype=np.float64),
        np.asarray(shared * area, dtype=np.float64),
        (couple // cameras).astype(np.int32),
        (couple % cameras).astype(np.int32),
        np.asarray(pair_shared, dtype=np.float64),
        np.asarray(ground.reshape(-1, windows) * area, dtype=np.float64),
        side,
    )
