"""Rows of many cameras, in any order, to ranges of the whole network."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from sdist_ray.occupancy.block import Clock, OccupancyRange, Rows
from sdist_ray.occupancy.grid import Grid


@numba.njit(cache=True, nogil=True, boundscheck=False)
def set_bits(  # type: ignore[no-untyped-def]
    camera, tick, windows, window_ends, first_tick, ticks, occupied, available
):
    """Set the bits of rows that lie in one range; rows of other ranges are passed over.

    Args:
        camera: int32 (rows,), indices below ``available.shape[0]``.
        tick: int64 (rows,).
        windows: uint16 (entries,), below ``occupied.shape[1]``.
        window_ends: int64 (rows,), ascending.
        first_tick: int, the range's first tick.
        ticks: int, ticks of a range, at most 64.
        occupied: uint64 (cameras, windows), updated.
        available: uint64 (cameras,), updated.
    """
    start = 0
    for row in range(camera.shape[0]):
        end = window_ends[row]
        bit = tick[row] - first_tick
        if 0 <= bit < ticks:
            mask = np.uint64(1) << np.uint64(bit)
            available[camera[row]] |= mask
            for entry in range(start, end):
                occupied[camera[row], windows[entry]] |= mask
        start = end


def range_of_rows(rows: Rows, index: int, cameras: int, grid: Grid, clock: Clock) -> OccupancyRange:
    """The bits of the rows that lie in range ``index``, for a network of ``cameras``."""
    occupied = np.zeros((cameras, grid.windows), dtype=np.uint64)
    available = np.zeros(cameras, dtype=np.uint64)
    set_bits(
        rows.camera,
        rows.tick,
        rows.windows,
        rows.window_ends,
        index * clock.range_ticks,
        clock.range_ticks,
        occupied,
        available,
    )
    return OccupancyRange(index, occupied, available)


class Collator:
    """Keeps what arrives per range until the range is closed.

    Args:
        cameras: how many there are; more may come.
        grid, clock: of the network.
        once: keep but the first of several rows of one camera and tick, of which live networks have some:
            whoever reads a camera after another may begin a little before that one ended.
    """

    def __init__(self, cameras: int, grid: Grid, clock: Clock, once: bool = False) -> None:
        self._once = once
        self._cameras = cameras
        self._grid = grid
        self._clock = clock
        self._pending: dict[int, list[Rows]] = {}
        self._closed: int | None = None

    @property
    def closed(self) -> int | None:
        """The last range that was closed; None before the first."""
        return self._closed

    def late(self, rows: Rows) -> npt.NDArray[np.bool_]:
        """Which rows' ranges are closed already, bool (rows,)."""
        if self._closed is None:
            return np.zeros(len(rows.tick), dtype=np.bool_)
        return np.asarray(rows.tick < (self._closed + 1) * self._clock.range_ticks)

    def early(self, rows: Rows, newest: int) -> npt.NDArray[np.bool_]:
        """Which rows are of ranges after ``newest``, bool (rows,)."""
        return np.asarray(rows.tick >= (newest + 1) * self._clock.range_ticks)

    @property
    def pending(self) -> int:
        """For how many ranges there is something."""
        return len(self._pending)

    def add(self, rows: Rows) -> None:
        """Keep rows until their ranges are closed; rows of one camera ascend in time.

        Raises:
            ValueError: a row's range is closed already. Off line nothing is late.
        """
        if len(rows.tick) == 0:
            return
        index = rows.tick // self._clock.range_ticks
        if self._closed is not None and int(index.min()) <= self._closed:
            raise ValueError(f"rows for range {index.min()}, which is closed")
        # Runs of rows in one range; a worker's delivery is one such run as a rule.
        starts = np.flatnonzero(np.diff(index, prepend=index[0] - 1))
        for start, stop in zip(starts, [*starts[1:], len(index)], strict=True):
            part = rows.slice(int(start), int(stop))
            self._pending.setdefault(int(index[start]), []).append(part)

    def grow(self, cameras: int) -> None:
        """The network has more cameras from the next range on; the others keep their places."""
        self._cameras = cameras

    def close(self, index: int) -> tuple[Rows, OccupancyRange]:
        """The rows of range ``index`` by tick and camera, and the network's occupancy.

        Cameras that sent nothing are unavailable. The order of arrival does not matter, unless a tick was
        told twice, as by two workers that read a live camera one after the other: the first one counts. What
        there is of ranges before it, which are left out, is let go.
        """
        self._closed = index
        for left_out in [pending for pending in self._pending if pending < index]:
            del self._pending[left_out]
        rows = Rows.concatenate(self._pending.pop(index, []))
        tick, camera = rows.tick, rows.camera
        later = (tick[1:] > tick[:-1]) | ((tick[1:] == tick[:-1]) & (camera[1:] > camera[:-1]))
        if not later.all():
            rows = rows.take(np.lexsort((camera, tick)))
        if self._once:
            again = (np.diff(rows.tick) == 0) & (np.diff(rows.camera) == 0)
            if again.any():
                rows = rows.take(np.flatnonzero(np.append(True, ~again)))
        entry = range_of_rows(rows, index, self._cameras, self._grid, self._clock)
        return rows, entry
