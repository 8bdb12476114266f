"""The plan of a city: lots between streets, each a building or a plaza, and the cells of all their ground.

Lots lie in rows and columns with streets between them. A building is a rectangle of floors that are all
alike: a corridor from the staircase to the exit, closed rooms on both sides of it, and a hall that is open to
it. Half of the buildings are turned by 180 degrees. Outdoors, x and y are metres of the city; indoors, u and
v are metres of the building before it was turned, so that every floor has one template.

All ground is cut into square cells. Cells are numbered by tiles of 8 x 8, so that who walks stays among
neighbouring numbers: all tiles of the ground outdoors first, then those of every floor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from sdist_ray.errors import InputError

LOT_M = (48.0, 36.0)
BUILDING_M = (32.0, 18.0)
STREET_M = (LOT_M[0] - BUILDING_M[0], LOT_M[1] - BUILDING_M[1])
"""Widths of the streets along y and of those along x."""
ROOMS_M = np.array(
    [
        [0.0, 0.0, 8.0, 7.5],
        [8.0, 0.0, 16.0, 7.5],
        [16.0, 0.0, 24.0, 7.5],
        [24.0, 0.0, 32.0, 7.5],
        [0.0, 10.5, 8.0, 18.0],
        [24.0, 10.5, 32.0, 18.0],
        [8.0, 10.5, 24.0, 18.0],
        [0.0, 7.5, 32.0, 10.5],
    ]
)
"""u0, v0, u1, v1 of a floor's places."""
ROOMS, HALL, CORRIDOR, PLAZA, AWAY = 6, 6, 7, 8, 9
"""Places: closed rooms from 0 on, then the hall, the corridor; a spot on a plaza; out of the city."""
CORRIDOR_V, STAIRS_U, EXIT_U = 9.0, 1.0, 31.7
MOST_FLOORS = 10
MOUNTS_PER_FLOOR = 4.8
INDOOR_SHARE = 0.75
PLAZA_SHARE = 0.1
TILE = 8
"""Cells along a tile's side."""

Ints = npt.NDArray[np.int64]
Array = npt.NDArray[np.float64]


class Ground(NamedTuple):
    """The city's ground as numbers, for kernels.

    Attributes:
        columns: lots along x; lot k is in column k % columns and row k // columns.
        rows: lots along y, in whole or begun rows.
        floors: int64 (lots,), floors of the building; 0 on a plaza.
        turned: int64 (lots,), 1 where the building is turned: its exit is at its west end, not its east end.
        first_tile: int64 (lots,), the first tile of the lot's lowest floor.
        width_m, depth_m: the city's extent along x and y.
        tiles_x: tiles along x, outdoors.
        floor_tiles_x, floor_tiles: tiles along u, and of a whole floor.
        cell_m: side of a cell.
    """

    columns: int
    rows: int
    floors: Ints
    turned: Ints
    first_tile: Ints
    width_m: float
    depth_m: float
    tiles_x: int
    floor_tiles_x: int
    floor_tiles: int
    cell_m: float


@dataclass(frozen=True)
class CityPlan:
    """Lots and how many cameras each has.

    Attributes:
        ground: see there.
        cameras: int64 (lots,).
        tiles: how many there are in all.
    """

    ground: Ground
    cameras: Ints
    tiles: int

    @property
    def lots(self) -> int:
        """How many there are."""
        return len(self.cameras)


def plan_city(cameras: int, cameras_per_building: float, cell_m: float, rng: np.random.Generator) -> CityPlan:
    """Lay out lots until there is room for all cameras.

    Args:
        cameras: of the whole city.
        cameras_per_building: on average; a building has half to one and a half times as many, a plaza a third
            to two thirds.
        cell_m: side of a cell.
        rng: of the plan.

    Raises:
        InputError: there would be more cells than can be numbered.
    """
    most = int(2 * cameras / cameras_per_building) + 16
    plaza = rng.random(most) < PLAZA_SHARE
    plaza[0] = False
    share = np.where(plaza, 0.33 + 0.33 * rng.random(most), 0.5 + rng.random(most))
    turned = rng.integers(0, 2, most)
    wanted = np.maximum(1, np.rint(cameras_per_building * share)).astype(np.int64)
    # What is hung on a plaza or outside of a house has so many sites.
    wanted[plaza] = np.minimum(wanted[plaza], PLAZA_MOUNTS - 2)
    lots = int(np.searchsorted(np.cumsum(wanted), cameras)) + 1
    wanted, plaza, turned = wanted[:lots], plaza[:lots], turned[:lots]
    wanted[-1] -= wanted.sum() - cameras
    floors = np.clip(np.rint(wanted * INDOOR_SHARE / MOUNTS_PER_FLOOR), 1, MOST_FLOORS).astype(np.int64)
    floors[plaza] = 0
    columns = max(1, round((lots * LOT_M[1] / LOT_M[0]) ** 0.5))
    rows = -(-lots // columns)
    tile_m = TILE * cell_m
    # Streets are all around.
    width, depth = columns * LOT_M[0] + STREET_M[0], rows * LOT_M[1] + STREET_M[1]
    tiles_x, tiles_y = int(width / tile_m) + 1, int(depth / tile_m) + 1
    floor_tiles_x, floor_tiles_y = int(BUILDING_M[0] / tile_m) + 1, int(BUILDING_M[1] / tile_m) + 1
    per_floor = floor_tiles_x * floor_tiles_y
    ends = tiles_x * tiles_y + np.cumsum(floors) * per_floor
    if ends[-1] * TILE * TILE >= 1 << 31:
        # Cells are numbered in 31 bits.
        raise InputError(f"a city of {cameras} cameras has too many cells of {cell_m} m: make cell_m larger")
    ground = Ground(
        columns, rows, floors, turned, ends - floors * per_floor, width, depth,
        tiles_x, floor_tiles_x, per_floor, cell_m,
    )  # fmt: skip
    return CityPlan(ground, wanted, int(ends[-1]))


PLAZA_MOUNTS = 10
"""Sites for cameras on a plaza."""


@numba.njit(cache=True, nogil=True)
def cell_number(ground, lot, floor, ix, iy):  # type: ignore[no-untyped-def]
    """The number of a cell.

    Args:
        ground: see Ground.
        lot, floor: floor -1 is outdoors, where the lot does not matter.
        ix, iy: the cell's place along x and y (or u and v), from 0.
    """
    if floor < 0:
        tile = (iy >> 3) * ground.tiles_x + (ix >> 3)
    else:
        tile = (
            ground.first_tile[lot] + floor * ground.floor_tiles + (iy >> 3) * ground.floor_tiles_x + (ix >> 3)
        )
    return (tile << 6) | ((iy & 7) << 3) | (ix & 7)


@numba.njit(cache=True, nogil=True)
def building_corner(ground, lot):  # type: ignore[no-untyped-def]
    """x and y of the south-west corner of a lot's building (or of the middle of a plaza)."""
    column, row = lot % ground.columns, lot // ground.columns
    return STREET_M[0] + column * LOT_M[0], STREET_M[1] + row * LOT_M[1]


@numba.njit(cache=True, nogil=True)
def street_x(column):  # type: ignore[no-untyped-def]
    """x of the middle of the street before a column of lots."""
    return STREET_M[0] / 2 + column * LOT_M[0]


@numba.njit(cache=True, nogil=True)
def street_y(row):  # type: ignore[no-untyped-def]
    """y of the middle of the street before a row of lots."""
    return STREET_M[1] / 2 + row * LOT_M[1]
