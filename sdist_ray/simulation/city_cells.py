"""Which cells of a city's ground each window sees: perspective, walls, and the table of all of it.

A camera has a pinhole's perspective: near rows of windows cover less ground than far ones. Walls hide what is
behind them: rooms are closed, the hall is open to the corridor, buildings stand in the way outdoors.

The cells that some camera sees are kept in a table of rows: for each such cell the views that see it and the
window that it lies in.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from sdist_ray.errors import InputError
from sdist_ray.occupancy.grid import Grid
from sdist_ray.simulation.city_plan import (
    BUILDING_M,
    ROOMS,
    ROOMS_M,
    CityPlan,
    building_corner,
    cell_number,
)
from sdist_ray.simulation.city_views import Views

ASPECT = 4 / 3
"""Width by height of the images."""
MOST_CELLS_OF_A_VIEW = 1 << 22
CELLS_AT_ONCE = 1 << 24


class CellTable(NamedTuple):
    """Which windows see a cell, for kernels.

    Cells whose tile nobody sees have no row: ``block`` leads from tiles to blocks of 64 rows.

    Attributes:
        block: int32 (tiles,), -1 where nobody sees any of the tile's cells.
        starts: int32 (blocks * 64 + 1,), where a row's entries begin.
        places: int32 (entries,), view * windows + window, ascending in a row; a view is there at most once.
    """

    block: npt.NDArray[np.int32]
    starts: npt.NDArray[np.int32]
    places: npt.NDArray[np.int32]


def see_cells(plan: CityPlan, views: Views, grid: Grid) -> CellTable:
    """The table of all cells that some view sees.

    Raises:
        InputError: they are more than can be numbered.
    """
    room = min(CELLS_AT_ONCE, len(views) * 8192 + MOST_CELLS_OF_A_VIEW)
    cell, place = np.empty(room, np.int32), np.empty(room, np.int32)
    seen = np.zeros(plan.tiles, dtype=np.bool_)
    parts: list[tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]] = []
    first = 0
    while first < len(views):
        last, count = footprints(
            plan.ground, len(plan.cameras), ROOMS_M[:ROOMS], first, views.lot, views.floor, views.room,
            views.pose, grid.columns, grid.rows, cell, place,
        )  # fmt: skip
        if last == first:
            raise ValueError(f"a view of more than {room} cells")
        parts.append((cell[:count].copy(), place[:count].copy()))
        seen[parts[-1][0] >> 6] = True
        first = last
    del cell, place
    if sum(len(cell) for cell, _ in parts) >= 1 << 31:
        raise InputError(
            f"{len(views)} views see too many cells of {plan.ground.cell_m} m: make cell_m larger"
        )
    block = np.full(plan.tiles, -1, dtype=np.int32)
    block[seen] = np.arange(np.count_nonzero(seen))
    starts = np.zeros(np.count_nonzero(seen) * 64 + 2, dtype=np.int32)
    for cell, _ in parts:
        count_by_cell(cell, block, starts[2:])
    np.cumsum(starts, dtype=np.int32, out=starts)
    out = np.empty(starts[-1], dtype=np.int32)
    # starts[row + 1] is where the row's next entry goes: in the end that is where the row after it begins.
    for cell, place in parts:
        place_by_cell(cell, place, block, starts[1:], out)
    return CellTable(block, starts[:-1], out)


@numba.njit(cache=True, nogil=True, boundscheck=False)
def count_by_cell(cell, block, counts):  # type: ignore[no-untyped-def]
    """Count the entries of every row of a CellTable.

    Args:
        cell: int32 (entries,).
        block: see CellTable.
        counts: int32 (rows,), updated.
    """
    for k in range(cell.shape[0]):
        counts[(block[cell[k] >> 6] << 6) + (cell[k] & 63)] += 1


@numba.njit(cache=True, nogil=True, boundscheck=False)
def place_by_cell(cell, place, block, following, out):  # type: ignore[no-untyped-def]
    """Put entries into their rows, in the order in which they come.

    Args:
        cell, place: int32 (entries,).
        block: see CellTable.
        following: int32 (rows + 1,), where each row's next entry goes, updated.
        out: int32, written.
    """
    for k in range(cell.shape[0]):
        row = (block[cell[k] >> 6] << 6) + (cell[k] & 63)
        out[following[row]] = place[k]
        following[row] += 1


@numba.njit(cache=True, nogil=True)
def crosses(x0, y0, x1, y1, left, low, right, high):  # type: ignore[no-untyped-def]
    """Whether the segment from (x0, y0) to (x1, y1) meets the inside of a rectangle."""
    enter, leave = 0.0, 1.0
    for start, step, least, most in ((x0, x1 - x0, left, right), (y0, y1 - y0, low, high)):
        if step == 0:
            if not least < start < most:
                return False
        else:
            a, b = (least - start) / step, (most - start) / step
            enter, leave = max(enter, min(a, b)), min(leave, max(a, b))
    return enter < leave


@numba.njit(cache=True, nogil=True)
def hidden(ground, lots, rooms, lot, floor, room, x0, y0, x1, y1):  # type: ignore[no-untyped-def]
    """Whether something stands between a camera and a point of the ground of its level."""
    if floor >= 0:
        if room >= 0:
            return False
        for k in range(rooms.shape[0]):
            if crosses(x0, y0, x1, y1, rooms[k, 0], rooms[k, 1], rooms[k, 2], rooms[k, 3]):
                return True
        return False
    column, row = lot % ground.columns, lot // ground.columns
    for r in range(max(row - 1, 0), row + 2):
        for c in range(max(column - 1, 0), min(column + 2, ground.columns)):
            other = r * ground.columns + c
            if other < lots and ground.floors[other] > 0:
                x, y = building_corner(ground, other)
                if crosses(x0, y0, x1, y1, x, y, x + BUILDING_M[0], y + BUILDING_M[1]):
                    return True
    return False


@numba.njit(cache=True, nogil=True, boundscheck=False)
def footprints(  # type: ignore[no-untyped-def]
    ground, lots, rooms, first, lot, floor, room, pose, columns, rows, cell_out, place_out
):
    """The cells that views see, and the windows that their centres lie in.

    Args:
        ground: see Ground.
        lots: how many there are.
        rooms: float64 (rooms, 4), closed rooms of a floor.
        first: the first view to look at.
        lot, floor, room, pose: see Views.
        columns, rows: the grid.
        cell_out, place_out: int32 (room,), written.

    Returns:
        The view that there was no more room for (or the number of views), and how many entries were written.
    """
    cell_m = ground.cell_m
    count = 0
    for view in range(first, lot.shape[0]):
        x, y, heading, height, near, far = pose[view]
        angle_near, angle_far = math.atan2(height, near), math.atan2(height, far)
        tilt, half = (angle_near + angle_far) / 2, (angle_near - angle_far) / 2
        tall = math.tan(half)
        wide = tall * ASPECT
        ahead_x, ahead_y, down, level = math.cos(heading), math.sin(heading), math.sin(tilt), math.cos(tilt)
        reach = (far * level + height * down) * wide
        nearest = (near * level + height * down) * wide
        left, low, right, high = 0.0, 0.0, ground.width_m, ground.depth_m
        if floor[view] >= 0:
            right, high = BUILDING_M
            if room[view] >= 0:
                left, low, right, high = rooms[room[view]]
        x0, y0, x1, y1 = math.inf, math.inf, -math.inf, -math.inf
        for d, s in ((near, nearest), (near, -nearest), (far, reach), (far, -reach)):
            corner_x, corner_y = x + d * ahead_x - s * ahead_y, y + d * ahead_y + s * ahead_x
            x0, y0, x1, y1 = min(x0, corner_x), min(y0, corner_y), max(x1, corner_x), max(y1, corner_y)
        ix0, iy0 = int(max(x0, left) / cell_m), int(max(y0, low) / cell_m)
        ix1, iy1 = int(min(x1, right) / cell_m) + 1, int(min(y1, high) / cell_m) + 1
        if count + max(ix1 - ix0, 0) * max(iy1 - iy0, 0) > cell_out.shape[0]:
            return view, count
        for iy in range(iy0, iy1):
            cy = (iy + 0.5) * cell_m
            for ix in range(ix0, ix1):
                cx = (ix + 0.5) * cell_m
                if not (left <= cx < right and low <= cy < high):
                    continue
                d = (cx - x) * ahead_x + (cy - y) * ahead_y
                side = (cy - y) * ahead_x - (cx - x) * ahead_y
                z = d * level + height * down
                if z <= 0:
                    continue
                image_x = 0.5 - side / z / (2 * wide)
                image_y = 0.5 + (height * level - d * down) / z / (2 * tall)
                if not (0 <= image_x < 1 and 0 <= image_y < 1):
                    continue
                if hidden(ground, lots, rooms, lot[view], floor[view], room[view], x, y, cx, cy):
                    continue
                window = int(image_y * rows) * columns + int(image_x * columns)
                cell_out[count] = cell_number(ground, lot[view], floor[view], ix, iy)
                place_out[count] = view * columns * rows + window
                count += 1
    return lot.shape[0], count
