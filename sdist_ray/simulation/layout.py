"""Where things are on a site: halls in rows, walkways between them, doors, places to go, cameras.

Plane geometry only, in metres. Four cameras belong to a hall: three look into it from its corners,
the fourth looks out along a walkway, so some views share ground and most do not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

CAMERAS_PER_HALL = 4
PITCH_M = (22.0, 18.0)
"""Distance between neighbouring halls' centres along x and y, where no size is given."""
HALL_M = (15.0, 12.0)
LARGEST_SHARE_OF_PITCH = 0.6
PLACES_PER_HALL = 9
WALKWAY_WIDTH_M = 3.6
SIDES = ((1, 0), (0, 1), (-1, 0), (0, -1))

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Layout:
    """The ground plan of a site; x from 0 to ``width_m``, y from 0 to ``depth_m``.

    Attributes:
        width_m: the site's size along x.
        depth_m: the site's size along y.
        hall_size_m: (2,) size of every hall along x and y.
        centres_m: float64 (halls, 2), the halls' middles.
        neighbours: int64 (halls, 4), the hall beyond each of SIDES; -1 where there is none.
        places_m: float64 (halls, PLACES_PER_HALL, 2): kiosks, benches, screens that people go to.
        doors_m: float64 (halls, 2): where people enter and leave.
        door_sides: int64 (halls,), the index in SIDES of the walkway that leads to the door; -1
            where the door (a staircase) is inside the hall.
        walkways_m: float64 (walkways, 4): axis-parallel centre lines x0, y0, x1, y1.
    """

    width_m: float
    depth_m: float
    hall_size_m: Array
    centres_m: Array
    neighbours: npt.NDArray[np.int64]
    places_m: Array
    doors_m: Array
    door_sides: npt.NDArray[np.int64]
    walkways_m: Array

    @property
    def halls(self) -> int:
        """Number of halls."""
        return len(self.centres_m)

    def gate_m(self, hall: int, side: int) -> Array:
        """(2,): middle of a hall's edge on one of SIDES."""
        gate: Array = self.centres_m[hall] + np.array(SIDES[side]) * self.hall_size_m / 2
        return gate


@dataclass(frozen=True)
class Mount:
    """Where a camera hangs, the ground point that it looks at, and its lens."""

    position_m: tuple[float, float, float]
    target_m: tuple[float, float, float]
    horizontal_view_deg: float


def size_for(cameras: int) -> tuple[float, float]:
    """Width and depth, metres, of a site that this many cameras watch."""
    columns, rows = _shape(cameras)
    return columns * PITCH_M[0], rows * PITCH_M[1]


def make_layout(cameras: int, width_m: float, depth_m: float, rng: np.random.Generator) -> Layout:
    """Lay out halls for ``cameras`` cameras, row by row, and link neighbouring ones."""
    columns, rows = _shape(cameras)
    pitch = np.array([width_m / columns, depth_m / rows])
    size = np.minimum(HALL_M, LARGEST_SHARE_OF_PITCH * pitch)
    index = np.arange(_halls(cameras))
    cell = np.column_stack([index % columns, index // columns])
    centres = (cell + 0.5) * pitch
    neighbours = _neighbours(cell, columns, rows)
    places = centres[:, None] + (rng.random((len(index), PLACES_PER_HALL, 2)) - 0.5) * size * 0.86
    sides, doors = _doors(centres, neighbours, size, pitch)
    walkways = [
        [*centres[hall], *centres[neighbours[hall, side]]]
        for hall in range(len(index))
        for side in (0, 1)
        if neighbours[hall, side] >= 0
    ]
    walkways += [[*centres[hall], *doors[hall]] for hall in range(len(index)) if sides[hall] >= 0]
    lines = np.array(walkways, dtype=np.float64).reshape(-1, 4)
    return Layout(width_m, depth_m, size, centres, neighbours, places, doors, sides, lines)


def mount_cameras(layout: Layout, cameras: int, view: float, rng: np.random.Generator) -> list[Mount]:
    """Hang ``cameras`` cameras, four to a hall; ``view`` is the images' height over their width."""
    mounts = []
    for camera in range(cameras):
        hall, turn = divmod(camera, CAMERAS_PER_HALL)
        open_sides = np.flatnonzero(layout.neighbours[hall] >= 0)
        jitter = rng.random(6)
        outward = turn == CAMERAS_PER_HALL - 1 and len(open_sides) > 0
        if outward:
            side = int(open_sides[int(jitter[5] * len(open_sides))])
            place, aim = _over_gate(layout, hall, side, jitter)
        else:
            place, aim = _in_corner(layout, hall, turn, jitter)
        mounts.append(_hang(place, aim, view, jitter))
    return mounts


def _halls(cameras: int) -> int:
    return -(-cameras // CAMERAS_PER_HALL)


def _shape(cameras: int) -> tuple[int, int]:
    """Columns and rows of halls."""
    halls = _halls(cameras)
    columns = math.ceil(math.sqrt(halls))
    return columns, -(-halls // columns)


def _neighbours(cell: npt.NDArray[np.int64], columns: int, rows: int) -> npt.NDArray[np.int64]:
    found = np.full((len(cell), len(SIDES)), -1, dtype=np.int64)
    for side, step in enumerate(SIDES):
        beyond = cell + np.array(step)
        hall = beyond[:, 1] * columns + beyond[:, 0]
        inside = (beyond >= 0).all(axis=1) & (beyond[:, 0] < columns) & (beyond[:, 1] < rows)
        inside &= hall < len(cell)
        found[inside, side] = hall[inside]
    return found


def _doors(
    centres: Array, neighbours: npt.NDArray[np.int64], size: Array, pitch: Array
) -> tuple[npt.NDArray[np.int64], Array]:
    """A door at the end of a walkway on a free side; a staircase in the hall where none is free."""
    sides = np.full(len(centres), -1, dtype=np.int64)
    doors = centres + size * [0.42, -0.42]
    for hall, row in enumerate(neighbours):
        free = np.flatnonzero(row < 0)
        if len(free):
            sides[hall] = free[hall % len(free)]
            doors[hall] = centres[hall] + np.array(SIDES[sides[hall]]) * (pitch / 2 - 0.3)
    return sides, doors


def _in_corner(layout: Layout, hall: int, turn: int, jitter: Array) -> tuple[Array, Array]:
    """Place and aim of a camera in a corner that looks across its hall."""
    corner = np.array(((-1, -1), (1, -1), (1, 1), (-1, 1))[(turn + hall) % 4])
    half = layout.hall_size_m / 2
    place = layout.centres_m[hall] + corner * half * (0.9 + 0.2 * jitter[:2])
    aim = layout.centres_m[hall] + (jitter[2:4] - 0.5) * half * 0.8
    return place, aim


def _over_gate(layout: Layout, hall: int, side: int, jitter: Array) -> tuple[Array, Array]:
    """Place and aim of a camera that looks out of a hall along the walkway on one side."""
    ahead = np.array(SIDES[side], dtype=np.float64)
    gate = layout.gate_m(hall, side)
    across = np.array([-ahead[1], ahead[0]]) * (1.0 if jitter[2] < 0.5 else -1.0)
    place = gate - ahead * (0.5 + jitter[0]) + across * (WALKWAY_WIDTH_M / 2 + jitter[1])
    return place, gate + ahead * 9.0 + across * (jitter[3] - 0.7)


def _hang(place: Array, aim: Array, view: float, jitter: Array) -> Mount:
    """Tilt a camera so that its image's upper border meets the ground 10 to 13 m ahead.

    No view reaches the horizon: what a window sees is then near enough to be told apart.
    """
    height = 3.2 + 1.8 * jitter[4]
    lens = 66.0 + 16.0 * jitter[2]
    half_view = math.atan(view * math.tan(math.radians(lens) / 2))
    down = min(math.atan(height / (10.0 + 3.0 * jitter[3])) + half_view, math.radians(80.0))
    direction = (aim - place) / max(float(np.hypot(*(aim - place))), 1e-9)
    target = place + direction * height / math.tan(down)
    return Mount((float(place[0]), float(place[1]), height), (float(target[0]), float(target[1]), 0.0), lens)
