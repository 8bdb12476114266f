"""Occupancy in time: ranges of ticks as 64-bit words, and the rows that a recording keeps.

A tick is ``floor(t * fps + 1/2)``, t in epoch seconds. Range k holds the ticks from k * ticks on; bit b of a
word is tick k * ticks + b. So a tick's range does not depend on when a run began.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sdist_ray.errors import InputError
from sdist_ray.occupancy.grid import Grid

MAX_TICKS = 64
Words = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Clock:
    """The network's sampling: how many ticks a second, and how many a range.

    Raises:
        InputError: a range does not hold 1 to 64 ticks.
    """

    fps: float = 10.0
    range_ticks: int = 20

    def __post_init__(self) -> None:
        if not (math.isfinite(self.fps) and 0 < self.fps <= 1000):
            raise InputError(f"fps must be above 0 and at most 1000, not {self.fps}")
        if not 1 <= self.range_ticks <= MAX_TICKS:
            raise InputError(
                f"a time range must hold 1 to {MAX_TICKS} ticks, not {self.range_ticks}: "
                f"at {self.fps:g} FPS that is at most {MAX_TICKS / self.fps:g} s"
            )

    @classmethod
    def of(cls, fps: float, range_s: float) -> Clock:
        """The clock whose ranges last ``range_s`` seconds, to the nearest tick."""
        if not math.isfinite(range_s * fps):
            raise InputError(f"fps and range_s must be finite, not {fps} and {range_s}")
        return cls(fps, round(range_s * fps))

    def tick(self, time_s: float) -> int:
        """The sampling instant nearest to a time, epoch seconds."""
        return math.floor(time_s * self.fps + 0.5)

    def range_of(self, tick: int) -> int:
        """The range that a tick belongs to."""
        return tick // self.range_ticks


@dataclass(frozen=True)
class OccupancyRange:
    """What some cameras saw in one range.

    Attributes:
        index: the range.
        occupied: uint64 (cameras, windows); a bit is set where the window was occupied at that tick.
        available: uint64 (cameras,); a bit is set where the camera delivered data for that tick.
    """

    index: int
    occupied: Words
    available: Words


@dataclass(frozen=True)
class Rows:
    """Rows of a recording: one for every camera and tick at which the camera was available.

    Attributes:
        camera: int32 (rows,), indices into the network's cameras.
        tick: int64 (rows,).
        windows: uint16 (entries,), the occupied windows of all rows, ascending and distinct in a row.
        window_ends: int64 (rows,), where each row's entries end.
        foot_x, foot_y: float32 (feet,), fractions of the image, one per detection.
        foot_ends: int64 (rows,), where each row's feet end.
    """

    camera: npt.NDArray[np.int32]
    tick: npt.NDArray[np.int64]
    windows: npt.NDArray[np.uint16]
    window_ends: npt.NDArray[np.int64]
    foot_x: npt.NDArray[np.float32]
    foot_y: npt.NDArray[np.float32]
    foot_ends: npt.NDArray[np.int64]

    def slice(self, start: int, stop: int) -> Rows:
        """The rows from ``start`` up to ``stop``."""

        def cut(ends: npt.NDArray[np.int64]) -> tuple[int, npt.NDArray[np.int64]]:
            first = int(ends[start - 1]) if start else 0
            return first, ends[start:stop] - first

        first_window, window_ends = cut(self.window_ends)
        first_foot, foot_ends = cut(self.foot_ends)
        windows = slice(first_window, first_window + int(window_ends[-1]) if stop > start else 0)
        feet = slice(first_foot, first_foot + int(foot_ends[-1]) if stop > start else 0)
        return Rows(
            self.camera[start:stop],
            self.tick[start:stop],
            self.windows[windows],
            window_ends,
            self.foot_x[feet],
            self.foot_y[feet],
            foot_ends,
        )

    def take(self, order: npt.NDArray[np.intp]) -> Rows:
        """The rows in another order."""
        windows, window_ends = _take_entries(self.window_ends, order)
        feet, foot_ends = _take_entries(self.foot_ends, order)
        return Rows(
            self.camera[order],
            self.tick[order],
            self.windows[windows],
            window_ends,
            self.foot_x[feet],
            self.foot_y[feet],
            foot_ends,
        )

    @classmethod
    def concatenate(cls, parts: Sequence[Rows]) -> Rows:
        """All rows of the parts, in their order."""
        if len(parts) == 1:
            return parts[0]

        def ends(arrays: list[npt.NDArray[np.int64]]) -> npt.NDArray[np.int64]:
            lengths = [np.diff(array, prepend=0) for array in arrays]
            return np.cumsum(np.concatenate([np.empty(0, np.int64), *lengths]))

        def join(name: str, dtype: type) -> npt.NDArray[np.generic]:
            return np.concatenate([np.empty(0, dtype), *(getattr(part, name) for part in parts)])

        return cls(
            join("camera", np.int32),  # type: ignore[arg-type]
            join("tick", np.int64),  # type: ignore[arg-type]
            join("windows", np.uint16),  # type: ignore[arg-type]
            ends([part.window_ends for part in parts]),
            join("foot_x", np.float32),  # type: ignore[arg-type]
            join("foot_y", np.float32),  # type: ignore[arg-type]
            ends([part.foot_ends for part in parts]),
        )


def _take_entries(
    ends: npt.NDArray[np.int64], order: npt.NDArray[np.intp]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Indices of the entries of rows in another order, and those rows' ends."""
    lengths = np.diff(ends, prepend=0)[order]
    new_ends = np.cumsum(lengths)
    shift = np.repeat((ends[order] - lengths) - (new_ends - lengths), lengths)
    return np.arange(int(lengths.sum())) + shift, new_ends


Feet = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]


class BlockBuilder:
    """One camera's ticks on their way into ranges.

    Ticks come in ascending order. Where a camera is slower than the network, or its frames jitter, a
    frame stands for the ticks up to the next one, if that comes within ``hold_ticks``; a longer silence
    is unavailable.

    Attributes:
        hold_ticks: see above; may be changed as the camera's pace is learnt.
    """

    def __init__(self, camera: int, grid: Grid, clock: Clock, hold_ticks: int = 1) -> None:
        self._camera = camera
        self._grid = grid
        self._clock = clock
        self.hold_ticks = hold_ticks
        self._last: int | None = None
        self._last_feet: Feet | None = None
        self._ticks: list[int] = []
        # Whose windows they are in is asked for all ticks of a range together: for one it takes as long.
        self._feet: list[Feet] = []

    @property
    def first_tick(self) -> int | None:
        """The oldest available tick that was not taken yet; None where all were."""
        return self._ticks[0] if self._ticks else None

    def add(
        self,
        tick: int,
        available: bool,
        foot_x: npt.NDArray[np.float32],
        foot_y: npt.NDArray[np.float32],
    ) -> None:
        """Add what was seen at a tick later than the last: foot points as fractions of the image."""
        if (
            self._last is not None
            and self._last_feet is not None
            and 1 < tick - self._last <= self.hold_ticks
        ):
            for held in range(self._last + 1, tick):
                self._ticks.append(held)
                self._feet.append(self._last_feet)
        self._last = tick
        self._last_feet = (foot_x, foot_y) if available else None
        if available:
            self._ticks.append(tick)
            self._feet.append((foot_x, foot_y))

    def take(self, through: int) -> Rows:
        """The rows of all ticks in ranges up to and including ``through``, taken out."""
        end = (through + 1) * self._clock.range_ticks
        count = sum(tick < end for tick in self._ticks)
        ticks, self._ticks = self._ticks[:count], self._ticks[count:]
        feet, self._feet = self._feet[:count], self._feet[count:]
        empty = np.empty(0, np.float32)
        x = np.concatenate([empty, *(x for x, _ in feet)])
        y = np.concatenate([empty, *(y for _, y in feet)])
        row = np.repeat(np.arange(count), np.array([len(x) for x, _ in feet], np.int64))
        window = self._grid.window_of(x, y)
        inside = window >= 0
        if not inside.all():
            x, y, row, window = x[inside], y[inside], row[inside], window[inside]
        entered, windows = np.divmod(np.unique(row * self._grid.windows + window), self._grid.windows)
        return Rows(
            np.full(count, self._camera, np.int32),
            np.array(ticks, np.int64),
            windows.astype(np.uint16),
            np.cumsum(np.bincount(entered, minlength=count)),
            x,
            y,
            np.cumsum(np.bincount(row, minlength=count)),
        )
