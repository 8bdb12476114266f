"""Where a city's cameras hang and what they look at.

A camera that is moved has one view before and another after.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from sdist_ray.simulation.city_plan import (
    BUILDING_M,
    CORRIDOR_V,
    LOT_M,
    PLAZA_MOUNTS,
    ROOMS,
    ROOMS_M,
    Array,
    CityPlan,
    Ints,
)

OUTDOORS, OPEN = -1, -1
"""A floor that is outdoors; the part of a floor that is not a closed room."""
FOREVER = math.inf


@dataclass(frozen=True)
class Views:
    """What cameras look at, one entry per view, those of the start first: view k < cameras is camera k's.

    Attributes:
        camera: int64 (views,).
        lot: int64 (views,).
        floor: int64 (views,), OUTDOORS where it hangs outside.
        room: int64 (views,), the closed room that it hangs in; OPEN for hall, corridor and outdoors.
        pose: float64 (views, 6): x, y (u, v indoors), heading (radians, 0 along x, to y), height, and how far
            ahead of the camera the lower and the upper border of its image meet the ground; metres.
        from_s, until_s: float64 (views,), when it is the camera's view; -inf and inf where that does not end.
    """

    camera: Ints
    lot: Ints
    floor: Ints
    room: Ints
    pose: Array
    from_s: Array
    until_s: Array

    def __len__(self) -> int:
        return len(self.camera)

    @property
    def cameras(self) -> int:
        """How many cameras there are."""
        return int(self.camera.max()) + 1


def hang_cameras(plan: CityPlan, moved: Ints, moved_s: Array, order: Ints, rng: np.random.Generator) -> Views:
    """Hang every camera, and those that are moved once more at a free site of their lot.

    Args:
        plan: lots and how many cameras each has.
        moved: int64 (n,), distinct cameras.
        moved_s: float64 (n,), when each is moved.
        order: int64 (cameras,), the cameras in the order of their lots: cameras' numbers say nothing.
        rng: of sites and headings.
    """
    lot, floor, site, weight = _sites(plan)
    key = rng.exponential(size=len(lot)) / weight
    ranked = np.lexsort((key, lot))
    lot, floor, site = lot[ranked], floor[ranked], site[ranked]
    first = np.searchsorted(lot, np.arange(plan.lots + 1))
    rank = np.arange(len(lot)) - first[lot]
    hung = np.flatnonzero(rank < plan.cameras[lot])
    camera = np.concatenate([order, moved])
    where = np.empty(len(order), np.int64)
    where[order] = hung
    spare = _spares(lot[where[moved]], first, plan.cameras, where[moved])
    taken = np.concatenate([hung, spare])
    pose, room = _poses(plan, lot[taken], floor[taken], site[taken], rng)
    from_s = np.concatenate([np.full(len(order), -FOREVER), moved_s])
    until_s = np.full(len(camera), FOREVER)
    views = np.argsort(np.where(np.arange(len(camera)) < len(order), camera, np.arange(len(camera))))
    until_s[moved] = moved_s
    return Views(
        camera[views], lot[taken][views], floor[taken][views], room[views], pose[views],
        from_s[views], until_s,
    )  # fmt: skip


def _spares(lot: Ints, first: Ints, cameras: Ints, own: Ints) -> Ints:
    """A free site in each of these lots; where they run out, the camera's own, looking elsewhere."""
    order = np.argsort(lot, kind="stable")
    turn = np.empty(len(lot), np.int64)
    turn[order] = np.arange(len(lot)) - np.searchsorted(lot[order], lot[order])
    spare = first[lot] + cameras[lot] + turn
    return np.where(spare < first[lot + 1], spare, own)


CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
FLOOR_SITES = np.array(
    [
        # u, v, heading, near, far, room, weight
        [0.4, CORRIDOR_V, 0.0, 2.0, 19.0, OPEN, 3.0],
        [31.6, CORRIDOR_V, 180.0, 2.0, 19.0, OPEN, 3.0],
        [16.5, CORRIDOR_V + 1.2, 0.0, 2.0, 16.0, OPEN, 2.0],
        [15.5, CORRIDOR_V + 1.2, 180.0, 2.0, 16.0, OPEN, 2.0],
        [8.3, 17.7, -25.0, 1.5, 15.0, OPEN, 2.0],
        [23.7, 17.7, 205.0, 1.5, 15.0, OPEN, 2.0],
        [8.5, 8.0, 40.0, 1.5, 15.0, OPEN, 2.0],
        [23.5, 8.0, 140.0, 1.5, 15.0, OPEN, 2.0],
        *(
            [u0 + 0.3, v0 + 0.3, 43.0, 1.0, 9.0, room, 0.7]
            for room, (u0, v0, _, _) in enumerate(ROOMS_M[:ROOMS].tolist())
        ),
    ]
)
OUTDOOR_SITES = np.array(
    [
        # x and y of the building's corner, heading, near, far, room, weight
        *(
            [
                (BUILDING_M[0] + 0.3) * cx - 0.3 * (1 - cx),
                (BUILDING_M[1] + 0.3) * cy - 0.3 * (1 - cy),
                math.degrees(math.atan2(2 * cy - 1, 2 * cx - 1)) + turn,
                3.0,
                24.0,
                OPEN,
                1.5,
            ]
            for cx, cy in CORNERS.tolist()
            for turn in (-30.0, 30.0)
        ),
        [16.0, -0.3, -70.0, 3.0, 24.0, OPEN, 1.5],
        [16.0, 18.3, 110.0, 3.0, 24.0, OPEN, 1.5],
    ]
)
PLAZA_SITES = np.array(
    [
        [16 + 17 * math.cos(angle), 9 + 12 * math.sin(angle), math.degrees(angle) + 180, 4.0, 24.0, OPEN, 1.0]
        for angle in np.arange(PLAZA_MOUNTS) * 2 * math.pi / PLAZA_MOUNTS
    ]
)
JITTER_DEG = 12.0


def _sites(plan: CityPlan) -> tuple[Ints, Ints, Ints, Array]:
    """Everywhere that a camera may hang: lot, floor, number of the site, and its weight."""
    floors = plan.ground.floors
    plaza = np.flatnonzero(floors == 0)
    house = np.flatnonzero(floors > 0)
    level_lot = np.repeat(house, floors[house])
    level = np.arange(len(level_lot)) - np.repeat(np.cumsum(floors[house]) - floors[house], floors[house])
    parts = [
        (level_lot, level, FLOOR_SITES),
        (house, np.full(len(house), OUTDOORS), OUTDOOR_SITES),
        (plaza, np.full(len(plaza), OUTDOORS), PLAZA_SITES),
    ]
    return (
        np.concatenate([np.repeat(lot, len(sites)) for lot, _, sites in parts]),
        np.concatenate([np.repeat(floor, len(sites)) for _, floor, sites in parts]),
        np.concatenate([np.tile(np.arange(len(sites)), len(lot)) for lot, _, sites in parts]),
        np.concatenate([np.tile(sites[:, 6], len(lot)) for lot, _, sites in parts]),
    )


def _poses(
    plan: CityPlan, lot: Ints, floor: Ints, site: Ints, rng: np.random.Generator
) -> tuple[Array, Ints]:
    """Poses (views, 6), and the closed room of each."""
    plaza = plan.ground.floors[lot] == 0
    inside = floor >= 0
    table = np.concatenate([FLOOR_SITES, OUTDOOR_SITES, PLAZA_SITES])
    start = np.where(inside, 0, len(FLOOR_SITES) + np.where(plaza, len(OUTDOOR_SITES), 0))
    chosen = table[start + site]
    jitter = rng.random((len(lot), 4))
    column, row = lot % plan.ground.columns, lot // plan.ground.columns
    origin = np.column_stack([column, row]) * LOT_M + (LOT_M[0] - BUILDING_M[0], LOT_M[1] - BUILDING_M[1])
    place = chosen[:, :2] + np.where(inside[:, None], 0.0, origin)
    heading = np.radians(chosen[:, 2] + JITTER_DEG * (2 * jitter[:, 0] - 1))
    height = np.where(inside, 2.6 + 0.4 * jitter[:, 1], 4.0 + 2.0 * jitter[:, 1])
    near = chosen[:, 3] * (0.85 + 0.3 * jitter[:, 2])
    far = chosen[:, 4] * (0.85 + 0.3 * jitter[:, 3])
    return np.column_stack([place, heading, height, near, far]), chosen[:, 5].astype(np.int64)
