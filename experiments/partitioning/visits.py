"""How often people walk through the ground that two cameras share: what there is to be found at all."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from sdist_ray.occupancy.block import Clock
from sdist_ray.simulation.city import City
from sdist_ray.simulation.city_run import CityRun

GAP_S = 5.0
"""Seconds after which somebody who comes back is there anew."""
HOUR_S = 3600.0

Ints = npt.NDArray[np.int64]


class SharedVisits:
    """Visits to shared ground, from a city's truth.

    Args:
        city: whose pairs are the rows of City.shared.
        hours: from the beginning.
    """

    def __init__(self, city: City, hours: float) -> None:
        run = CityRun(city, Clock(1.0, 60))
        first, second, _, from_s, until_s = city.shared
        keys = first * city.spec.cameras + second
        found: list[tuple[npt.NDArray[np.generic], ...]] = []
        for until in np.arange(HOUR_S, hours * HOUR_S + HOUR_S, HOUR_S):
            visits = run.visits(min(until, hours * HOUR_S))
            fixed = (visits, city.table, city.spec.grid.windows, city.views.camera, city.views.from_s)
            rest = (city.views.until_s, keys, from_s, until_s, city.spec.cameras)
            row, walker, start, end = (np.empty(0, kind) for kind in (np.int32, np.int32, float, float))
            room = walk_through(*fixed, *rest, row, walker, start, end)
            row, walker = np.empty((2, room), np.int32)
            start, end = np.empty((2, room))
            walk_through(*fixed, *rest, row, walker, start, end)
            found.append((row, walker, start, end))
        row, walker, start, end = (np.concatenate(parts) for parts in zip(*found, strict=True))
        order = np.lexsort((start, walker, row))
        row, walker, start, end = row[order], walker[order], start[order], end[order]
        new = np.ones(len(row), np.bool_)
        new[1:] = (row[1:] != row[:-1]) | (walker[1:] != walker[:-1]) | (start[1:] - end[:-1] > GAP_S)
        self._row, self._start = row[new], start[new]
        self._pairs = len(keys)

    def until(self, at_s: float | npt.NDArray[np.float64]) -> Ints:
        """Visits of every pair's shared ground that began before a time, or before one of its own."""
        limit = np.broadcast_to(np.asarray(at_s, float), (self._pairs,))
        return np.bincount(self._row[self._start < limit[self._row]], minlength=self._pairs)


@numba.njit(cache=True, nogil=True)
def walk_through(  # type: ignore[no-untyped-def]
    visits,
    table,
    windows,
    camera,
    from_s,
    until_s,
    keys,
    pair_from,
    pair_until,
    cameras,
    row,
    walker,
    start,
    end,
):
    """Who is in ground that two cameras share.

    Args:
        visits: VISIT.
        table: see CellTable.
        windows: of a camera.
        camera, from_s, until_s: see Views.
        keys: int64 (pairs,), lower camera * cameras + higher, ascending; some of them several times.
        pair_from, pair_until: float64 (pairs,), when they share the ground.
        cameras: of the city.
        row, walker: int32 (n,), written: the pair, the person. Of no length to count only.
        start, end: float64 (n,), written.

    Returns:
        How many there are.
    """
    count = 0
    for number in range(visits.shape[0]):
        visit = visits[number]
        block = table.block[visit.cell >> 6]
        if block < 0:
            continue
        cell = (np.int64(block) << 6) + (visit.cell & 63)
        for i in range(table.starts[cell], table.starts[cell + 1]):
            one = table.places[i] // windows
            for j in range(i + 1, table.starts[cell + 1]):
                other = table.places[j] // windows
                since = max(visit.start, from_s[one], from_s[other])
                until = min(visit.end, until_s[one], until_s[other])
                if since >= until:
                    continue
                a, b = min(camera[one], camera[other]), max(camera[one], camera[other])
                pair = np.searchsorted(keys, a * cameras + b)
                while pair < keys.shape[0] and pair_until[pair] <= since:
                    pair += 1
                if row.shape[0]:
                    row[count], walker[count], start[count], end[count] = pair, visit.walker, since, until
                count += 1
    return count
