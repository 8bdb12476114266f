"""What comes late, and whose clock is off. Memory is bounded by the cameras and the minutes that are kept."""

from __future__ import annotations

import datetime
import math
from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

MINUTE_S = 60.0
Places = npt.NDArray[np.integer[Any]]


class LateCounter:
    """Rows that came after their range was closed, by camera and minute of their arrival.

    Minutes are those of arrival: a camera whose clock is hours off may claim any minute of capture.

    Args:
        minutes: how many are kept, 1 or more; of those before, each camera's total remains.
    """

    def __init__(self, minutes: int = 60) -> None:
        if minutes < 1:
            raise ValueError(f"at least one minute is kept, not {minutes}")
        self._minutes: deque[tuple[int, npt.NDArray[np.int64]]] = deque(maxlen=minutes)
        self._totals = np.zeros(0, np.int64)

    def add(self, camera: Places, now_s: float) -> None:
        """Rows came late.

        Args:
            camera: (rows,), places of their cameras.
            now_s: wall time, UTC epoch seconds; a time before the newest minute counts in that.
        """
        if not len(camera):
            return
        counts = np.bincount(camera)
        self._totals = _sum(self._totals, counts)
        minute = math.floor(now_s / MINUTE_S)
        if self._minutes and minute <= self._minutes[-1][0]:
            newest, before = self._minutes.pop()
            self._minutes.append((newest, _sum(before, counts)))
        else:
            self._minutes.append((minute, counts))

    @property
    def total(self) -> int:
        """Rows of all cameras since the start."""
        return int(self._totals.sum())

    def totals(self, cameras: int) -> npt.NDArray[np.int64]:
        """Rows of each of ``cameras`` cameras since the start."""
        return _sum(np.zeros(cameras, np.int64), self._totals)[:cameras]

    def table(self, names: Sequence[str]) -> dict[str, dict[str, int]]:
        """Rows by minute ("2026-02-03T04:05Z") and camera, where there were any; ``names`` by place."""
        return {
            _said(minute): {names[place]: int(counts[place]) for place in np.flatnonzero(counts).tolist()}
            for minute, counts in self._minutes
        }


def _sum(one: npt.NDArray[np.int64], other: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The sum of counts, the shorter one filled up with zeros."""
    total = np.zeros(max(len(one), len(other)), np.int64)
    total[: len(one)] += one
    total[: len(other)] += other
    return total


def _said(minute: int) -> str:
    return datetime.datetime.fromtimestamp(minute * MINUTE_S, datetime.UTC).strftime("%Y-%m-%dT%H:%MZ")


class SkewEstimator:
    """How far cameras' clocks are from the network's, by when frames come that say when they were captured.

    A frame's way takes what it takes, but hardly ever less than its least: over a minute the least of
    (arrival - capture) is a constant way plus what the camera's clock is behind. A camera's skew is its least
    less the network's median: above 0 its clock is behind (or its way is long), below 0 it is ahead.

    Args:
        window_s: seconds that are looked back, in twelve parts that are let go one by one.
    """

    PARTS = 12

    def __init__(self, window_s: float = 60.0) -> None:
        self._part_s = window_s / self.PARTS
        self._least = np.full((self.PARTS, 0), np.inf, np.float32)
        self._part: int | None = None

    def add(self, camera: Places, lag_s: npt.ArrayLike, now_s: float) -> None:
        """Frames came.

        Args:
            camera: (frames,), places of their cameras.
            lag_s: (frames,), seconds from capture to arrival; below 0 where a frame is of the future.
            now_s: wall time, UTC epoch seconds.
        """
        if not len(camera):
            return
        more = int(camera.max()) + 1 - self._least.shape[1]
        if more > 0:
            self._least = np.pad(self._least, ((0, 0), (0, more)), constant_values=np.inf)
        part = math.floor(now_s / self._part_s)
        old = part if self._part is None else self._part
        for stale in range(max(old + 1, part - self.PARTS + 1), part + 1):
            self._least[stale % self.PARTS] = np.inf
        self._part = max(old, part)
        np.fmin.at(self._least[self._part % self.PARTS], camera, np.asarray(lag_s, np.float32))

    def least_s(self) -> npt.NDArray[np.float64]:
        """The least seconds from capture to arrival of every camera; NaN where nothing came in the window."""
        least = self._least.min(axis=0).astype(np.float64)
        return np.where(np.isfinite(least), least, np.nan)

    def skews_s(self) -> npt.NDArray[np.float64]:
        """Every camera's skew, seconds (cameras,); NaN where nothing came in the window."""
        least = self.least_s()
        known = least[~np.isnan(least)]
        return least - (np.median(known) if len(known) else math.nan)

    def beyond(self, limit_s: float) -> dict[int, str]:
        """Cameras whose clocks are further off than that, by place: one line each that says how.

        Those are also named whose frames are of the future, by more than that.
        """
        found = {}
        for place, (skew, least) in enumerate(zip(self.skews_s(), self.least_s(), strict=True)):
            if least < -limit_s:
                found[place] = f"its frames are from {-least:.1f} s in the future: its clock is ahead"
            elif abs(skew) > limit_s:
                side = "behind" if skew > 0 else "ahead of"
                found[place] = f"its frames come {abs(skew):.1f} s {side} the other cameras'"
        return found
