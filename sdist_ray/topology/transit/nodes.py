"""Zones of views as nodes, and the events at them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sdist_ray.occupancy.grid import Grid
from sdist_ray.topology.transit.events import Events

Ints = npt.NDArray[np.int64]


def zones_of(grid: Grid, side: int) -> Ints:
    """The zone of every window, int64 (windows,): squares of about ``side`` windows."""
    columns, rows = max(1, round(grid.columns / side)), max(1, round(grid.rows / side))
    row, column = np.divmod(np.arange(grid.windows), grid.columns)
    zone: Ints = (row * rows // grid.rows) * columns + column * columns // grid.columns
    return zone


@dataclass(frozen=True)
class Log:
    """Exits and entries at nodes; node = camera * zones + zone.

    Attributes:
        cameras: how many there are.
        zone: int64 (windows,), the zone of every window.
        zones: of a camera.
        first, end: ticks that were watched, from first to before end.
        begins: int64 (cameras,), the tick from which on all of a camera's events are kept.
        entry_tick, entry_node: int64 (entries,), by tick.
        exit_start: int64 (nodes + 1,), where a node's exits begin.
        exit_tick: int64 (exits,), by node and then by tick.
    """

    cameras: int
    zone: Ints
    zones: int
    first: int
    end: int
    begins: Ints
    entry_tick: Ints
    entry_node: Ints
    exit_start: Ints
    exit_tick: Ints

    @classmethod
    def of(
        cls, entries: Events, exits: Events, cameras: int, zone: Ints, first: int, end: int, begins: Ints
    ) -> Log:
        """The log of events of windows."""
        zones, windows = int(zone.max()) + 1, len(zone)
        entry_node = entries.place // windows * np.int64(zones) + zone[entries.place % windows]
        exit_node = exits.place // windows * np.int64(zones) + zone[exits.place % windows]
        order = np.lexsort((exits.tick, exit_node))
        start = np.searchsorted(exit_node[order], np.arange(cameras * zones + 1)).astype(np.int64)
        return cls(
            cameras, zone, zones, first, end, begins, entries.tick, entry_node, start, exits.tick[order]
        )

    @property
    def nodes(self) -> int:
        """How many there are."""
        return self.cameras * self.zones

    @property
    def exit_node(self) -> Ints:
        """int64 (exits,)."""
        return np.repeat(np.arange(self.nodes), np.diff(self.exit_start))

    def exits_of(self, source: Ints, target: Ints) -> npt.NDArray[np.float64]:
        """Exits of nodes since the cameras of other nodes are known; at least 1."""
        since = self.begins[target // self.zones]
        count = np.empty(len(source))
        for k, node in enumerate(source.tolist()):
            ticks = self.exit_tick[self.exit_start[node] : self.exit_start[node + 1]]
            count[k] = len(ticks) - np.searchsorted(ticks, since[k])
        return np.maximum(count, 1.0)

    def exits_of_cameras(self, source: Ints, target: Ints) -> npt.NDArray[np.float64]:
        """Exits of cameras since other cameras are known; at least 1."""
        count = np.empty(len(source))
        for k, camera in enumerate(source.tolist()):
            own = slice(self.exit_start[camera * self.zones], self.exit_start[(camera + 1) * self.zones])
            count[k] = np.count_nonzero(self.exit_tick[own] >= self.begins[target[k]])
        return np.maximum(count, 1.0)
