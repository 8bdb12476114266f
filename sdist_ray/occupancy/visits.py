"""How often windows were visited, and how long cameras were available."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sdist_ray.occupancy.block import Clock, OccupancyRange
from sdist_ray.occupancy.rate_kernels import count_occupied
from sdist_ray.occupancy.rates import LONG_AGO
from sdist_ray.occupancy.sparse import SparseRange, SparseWords


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
        self._ticks = clock.range_ticks
        self._newest = np.full((cameras, windows), LONG_AGO)

    def grow(self, cameras: int) -> None:
        """The network has more cameras from the next range on; they saw nothing before."""
        more = cameras - len(self.available_ticks)
        self.occupied_ticks = np.pad(self.occupied_ticks, ((0, more), (0, 0)))
        self.visits = np.pad(self.visits, ((0, more), (0, 0)))
        self.available_ticks = np.pad(self.available_ticks, (0, more))
        self._newest = np.pad(self._newest, ((0, more), (0, 0)), constant_values=LONG_AGO)

    def seen(self, cameras: Sequence[str]) -> set[str]:
        """The cameras, of these ids in the order of the counts, that have seen anybody."""
        return {
            camera for camera, ticks in zip(cameras, self.occupied_ticks, strict=False) if ticks.any()
        }  # fmt: skip

    def add(self, entry: OccupancyRange | SparseRange) -> None:
        """Count one range. A run that crosses the border of two adjacent ranges is one visit."""
        words = SparseWords.of(entry.occupied) if isinstance(entry, OccupancyRange) else entry.occupied
        counted = (self._newest, self.visits, self.occupied_ticks)
        first = entry.index * self._ticks
        count_occupied(words.place, words.word, first, 0, *(array.reshape(-1) for array in counted))
        self.available_ticks += np.bitwise_count(entry.available)
