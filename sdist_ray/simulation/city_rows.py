"""A sparse range as the rows of a recording."""

from __future__ import annotations

import numba
import numpy as np

from sdist_ray.occupancy.block import Clock, Rows
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.sparse import SparseRange


@numba.njit(cache=True, nogil=True, boundscheck=False)
def fill_rows(place, word, available, windows, ticks, camera_out, tick_out, window_out, ends):  # type: ignore[no-untyped-def]
    """Write the rows of a range, by tick and then by camera.

    Args:
        place, word: see SparseWords.
        available: uint64 (cameras,), with all bits of ``word``.
        windows: of a camera.
        ticks: of the range.
        camera_out: int32 (rows,), written.
        tick_out: int64 (rows,), written: from 0 on.
        window_out: uint16 (entries,), written.
        ends: int64 (rows,), written.
    """
    row = entry = 0
    one = np.uint64(1)
    for tick in range(ticks):
        bit = one << np.uint64(tick)
        k = 0
        for camera in range(available.shape[0]):
            past = (camera + 1) * windows
            if available[camera] & bit:
                while k < place.shape[0] and place[k] < past:
                    if word[k] & bit:
                        window_out[entry] = place[k] - camera * windows
                        entry += 1
                    k += 1
                camera_out[row], tick_out[row], ends[row] = camera, tick, entry
                row += 1
            else:
                while k < place.shape[0] and place[k] < past:
                    k += 1


def rows_of_range(entry: SparseRange, grid: Grid, clock: Clock) -> Rows:
    """The rows of a range, by tick and then by camera; foot points are the middles of windows."""
    rows = int(np.bitwise_count(entry.available).sum())
    known = entry.occupied.masked(entry.available, grid.windows)
    entries = int(np.bitwise_count(known.word).sum())
    camera, tick = np.empty(rows, np.int32), np.empty(rows, np.int64)
    windows, ends = np.empty(entries, np.uint16), np.empty(rows, np.int64)
    fill_rows(
        known.place, known.word, entry.available, grid.windows, clock.range_ticks, camera, tick, windows, ends
    )
    foot_y, foot_x = np.divmod(windows.astype(np.float32), np.float32(grid.columns))
    return Rows(
        camera,
        tick + entry.index * clock.range_ticks,
        windows,
        ends,
        (foot_x + np.float32(0.5)) / np.float32(grid.columns),
        (foot_y + np.float32(0.5)) / np.float32(grid.rows),
        ends,
    )
