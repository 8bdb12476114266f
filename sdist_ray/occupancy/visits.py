"""How often windows were visited, and how long cameras were available."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sdist_ray.occupancy.block import Clock, OccupancyRange


class VisitCounter:
    """Counts over ranges in ascending order.

    Attributes:
        occupied_ticks: int64 (cameras, windows).
        visits: int64 (cameras, windows), maximal runs of ticks in which a window is occupied.
        available_ticks: int64 (cameras,).
    """

    def __init__(self, cameras: int, windows: int, clock: Clock) -> None:
        self.occupied_ticks = np.zeros((cameras, windows), dtype=np.int64)
        self.visits = np.zeros((cameras, windows), dtype=np.int64)
        self.available_ticks: npt.NDArray[np.int64] = np.zeros(cameras, dtype=np.int64)
        self._last_bit = np.uint64(clock.range_ticks - 1)
        self._carry = np.zeros((cameras, windows), dtype=np.uint64)
        self._index: int | None = None

    def grow(self, cameras: int) -> None:
        """The network has more cameras from the next range on; they saw nothing before."""
        more = cameras - len(self.available_ticks)
        self.occupied_ticks = np.pad(self.occupied_ticks, ((0, more), (0, 0)))
        self.visits = np.pad(self.visits, ((0, more), (0, 0)))
        self.available_ticks = np.pad(self.available_ticks, (0, more))
        self._carry = np.pad(self._carry, ((0, more), (0, 0)))

    def add(self, entry: OccupancyRange) -> None:
        """Count one range. A run that crosses the border of two adjacent ranges is one visit."""
        if self._index is None or entry.index != self._index + 1:
            self._carry[:] = 0
        before = (entry.occupied << np.uint64(1)) | self._carry
        self.visits += np.bitwise_count(entry.occupied & ~before)
        self.occupied_ticks += np.bitwise_count(entry.occupied)
        self.available_ticks += np.bitwise_count(entry.available)
        self._carry = (entry.occupied >> self._last_bit) & np.uint64(1)
        self._index = entry.index
