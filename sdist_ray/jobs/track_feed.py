"""A distancing run's people, camera by camera, as tracking takes them: merged by time, in bounded memory."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.compute as pc

from sdist_ray.distancing.scene import Floats, Ints
from sdist_ray.errors import InputError
from sdist_ray.jobs.rows_file import RowsFile, Values

COLUMNS = ("camera", "tick", "time_s", "track", "x", "y", "width", "height", "score")
TRIES = 4000
"""Boxes of a camera that tell its ground."""


@dataclass(frozen=True)
class Rows:
    """One camera's people at one of its ticks.

    Attributes:
        tick: the camera's own.
        time_s: when that was.
        track: int64 (n,).
        box: float64 (n, 4), left, top, width, height, pixels.
        score: float64 (n,), NaN for who is carried on.
    """

    tick: int
    time_s: float
    track: Ints
    box: Floats
    score: Floats


class PeopleFile:
    """A run's people.parquet."""

    def __init__(self, path: Path) -> None:
        """Open it.

        Raises:
            InputError: it is not there, not readable, or lacks a column.
        """
        self.path = path
        self._file = RowsFile(path, COLUMNS)

    def cameras(self) -> dict[str, tuple[float, float]]:
        """Cameras that saw anybody: when first, and when last."""
        spans: dict[str, tuple[float, float]] = {}
        for batch in self._file.batches(("camera", "time_s")):
            names, number = np.unique(batch["camera"].astype(str), return_inverse=True)
            for k, camera in enumerate(names.tolist()):
                times = batch["time_s"][number == k]
                first, last = spans.get(camera, (math.inf, -math.inf))
                spans[camera] = (min(first, float(times.min())), max(last, float(times.max())))
        return spans

    def some_boxes(self, camera: str) -> Floats:
        """Boxes that were detected, float64 (n, 4), spread over the run."""
        step, boxes = 1, np.empty((0, 4))
        for batch in self._batches(camera, ("x", "y", "width", "height", "score")):
            found = np.column_stack([batch[name] for name in ("x", "y", "width", "height")])
            found = found[np.isfinite(batch["score"])]
            boxes = np.concatenate([boxes, found[::step]])
            while len(boxes) > TRIES:
                boxes, step = boxes[::2], step * 2
        return boxes

    def ticks(self, camera: str) -> Iterator[Rows]:
        """A camera's people in order of time.

        Raises:
            InputError: they are not in that order.
        """
        rest: list[np.ndarray] = [np.empty(0)] * 8
        last = -math.inf
        for batch in self._batches(camera, COLUMNS[1:]):
            values = [np.concatenate([old, batch[name]]) for old, name in zip(rest, COLUMNS[1:], strict=True)]
            cuts = np.flatnonzero(np.diff(values[0])) + 1
            starts = [0, *cuts.tolist()]
            for first, end in itertools.pairwise(starts):
                rows = self._rows(camera, [column[first:end] for column in values], last)
                last = rows.time_s
                yield rows
            rest = [column[starts[-1] :] for column in values]
        if len(rest[0]):
            yield self._rows(camera, rest, last)

    def _rows(self, camera: str, columns: list[np.ndarray], last: float) -> Rows:
        time_s = float(columns[1][0])
        if not (math.isfinite(time_s) and time_s >= last):
            raise InputError(f"{self.path}: rows of camera {camera!r} are not in order of time")
        return Rows(
            int(columns[0][0]), time_s, columns[2].astype(np.int64), np.column_stack(columns[3:7]), columns[7]
        )

    def _batches(self, camera: str, names: tuple[str, ...]) -> Iterator[Values]:
        return self._file.batches(names, pc.field("camera") == camera)


def network_tick(time_s: float, rate: float) -> int:
    """The network's tick of a time; half a tick rounds up, whatever is lost in the last digit."""
    return math.floor(time_s * rate + 0.5 + 1e-6)
