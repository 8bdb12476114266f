"""What workers deliver, on its way to the collator: rows that come too late, or of the future, are let go."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from sdist_ray.coordinator.live import Timing
from sdist_ray.occupancy.block import Clock, Rows
from sdist_ray.occupancy.collate import Collator
from sdist_ray.runtime.live.vitals import Vitals

AHEAD_RANGES = 3
"""Rows of ranges further ahead than so many are of a clock that is wrong: they are not kept."""


class Intake:
    """Keeps what is in time for its range, and counts what is not."""

    def __init__(self, collator: Collator, clock: Clock, timing: Timing, vitals: Vitals) -> None:
        self._collator = collator
        self._range_ticks = clock.range_ticks
        self._timing = timing
        self._vitals = vitals
        self._horizons: dict[int, int] = {}

    def expect_again(self, workers: Iterable[int], horizon: int) -> None:
        """What these workers deliver first has what they delivered to a coordinator that is gone.

        Rows of ranges up to ``horizon`` were counted by that one: they are not late.
        """
        self._horizons = dict.fromkeys(workers, horizon)

    def add(self, worker: int, rows: Rows, now_s: float) -> None:
        """A worker delivered rows, of one camera in ascending order."""
        early = self._collator.early(rows, self._timing.range_at(now_s) + AHEAD_RANGES)
        if early.any():
            self._vitals.early(rows.camera[early], now_s)
            rows = rows.take(np.flatnonzero(~early))
        horizon = self._horizons.pop(worker, None)
        late = self._collator.late(rows)
        if late.any():
            known = False if horizon is None else rows.tick < (horizon + 1) * self._range_ticks
            self._vitals.late(rows.camera[late & ~np.asarray(known)], now_s)
            rows = rows.take(np.flatnonzero(~late))
        self._collator.add(rows)
