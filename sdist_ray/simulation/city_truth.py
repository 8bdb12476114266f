"""What is true of a city's cameras: which windows and which cameras share ground, from the table of cells."""

from __future__ import annotations

from collections.abc import Iterator

import numba
import numpy as np
import numpy.typing as npt

from sdist_ray.simulation.city_cells import CellTable
from sdist_ray.simulation.city_plan import Array, Ints
from sdist_ray.simulation.city_views import Views
from sdist_ray.simulation.truth import GroundOverlap, as_columns

ROWS_AT_ONCE = 1 << 20


@numba.njit(cache=True, nogil=True, boundscheck=False)
def pair_up(starts, nodes, first, last, total, out):  # type: ignore[no-untyped-def]
    """Every two entries of a row, as lesser node * total + greater node; nodes of -1 are passed over.

    Args:
        starts: int32, where rows begin.
        nodes: int64 (entries,).
        first, last: rows, from first to before last.
        total: above all nodes.
        out: int64 (room,), written; of no length to count only.

    Returns:
        How many pairs there are.
    """
    count = 0
    for row in range(first, last):
        for i in range(starts[row], starts[row + 1]):
            for j in range(i + 1, starts[row + 1]):
                if nodes[i] >= 0 and nodes[j] >= 0:
                    if out.shape[0]:
                        out[count] = min(nodes[i], nodes[j]) * total + max(nodes[i], nodes[j])
                    count += 1
    return count


def overlap_at(views: Views, table: CellTable, windows: int, cell_m: float, at_s: float) -> GroundOverlap:
    """Which windows of different cameras see the same ground at a time, seconds."""
    now = (views.from_s <= at_s) & (at_s < views.until_s)
    view = table.places // windows
    nodes = np.where(now[view], views.camera[view] * windows + table.places - view * windows, -1)
    total = views.cameras * windows
    ground = np.bincount(nodes[nodes >= 0], minlength=total)
    pairs, cells = _count_pairs(table.starts, nodes, total)
    return as_columns(pairs, cells, ground, windows, cell_m)


def shared_ground(
    views: Views, table: CellTable, windows: int, cell_m: float
) -> tuple[Ints, Ints, Array, Array, Array]:
    """Pairs of cameras that share ground: camera_a, camera_b, shared_m2, from_s, until_s; see City.shared."""
    total = len(views)
    pairs, cells = _count_pairs(table.starts, (table.places // windows).astype(np.int64), total)
    one, other = np.divmod(pairs, total)
    from_s = np.maximum(views.from_s[one], views.from_s[other])
    until_s = np.minimum(views.until_s[one], views.until_s[other])
    camera_a = np.minimum(views.camera[one], views.camera[other])
    camera_b = np.maximum(views.camera[one], views.camera[other])
    real = np.flatnonzero((from_s < until_s) & (camera_a < camera_b))
    order = real[np.lexsort((from_s[real], camera_b[real], camera_a[real]))]
    area = np.asarray(cells[order] * cell_m**2, dtype=np.float64)
    return camera_a[order], camera_b[order], area, from_s[order], until_s[order]


def _count_pairs(starts: npt.NDArray[np.int32], nodes: Ints, total: int) -> tuple[Ints, Ints]:
    """Pairs of nodes that are together in a row, ascending, and in how many rows."""
    nothing = np.empty(0, np.int64)
    parts = [(nothing, nothing), *_pairs_in_stretches(starts, nodes, total)]
    pair = np.concatenate([pair for pair, _ in parts])
    count = np.concatenate([count for _, count in parts])
    del parts
    order = np.argsort(pair, kind="stable")
    pair, count = pair[order], count[order]
    first = np.flatnonzero(np.diff(pair, prepend=-1))
    return pair[first], np.add.reduceat(count, first) if len(first) else count


def _pairs_in_stretches(
    starts: npt.NDArray[np.int32], nodes: Ints, total: int
) -> Iterator[tuple[Ints, Ints]]:
    """Pairs and their counts of some rows at a time: memory does not grow with the number of cells."""
    nothing = np.empty(0, np.int64)
    for first in range(0, len(starts) - 1, ROWS_AT_ONCE):
        last = min(first + ROWS_AT_ONCE, len(starts) - 1)
        pairs = np.empty(pair_up(starts, nodes, first, last, total, nothing), np.int64)
        if len(pairs):
            pair_up(starts, nodes, first, last, total, pairs)
            yield np.unique(pairs, return_counts=True)
