"""Rows of occupancy that a smart camera sends, checked: nothing it says of itself is believed."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sdist_ray.errors import InputError
from sdist_ray.occupancy.block import Rows
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.recording_schema import check_schema, rows_of

log = logging.getLogger(__name__)

MAX_BATCH_ROWS = 100_000
AHEAD_S = 2.0
"""A row from further ahead than this is of a camera whose clock is wrong."""

Indices = int | Mapping[str, int]
"""Which cameras of the network the rows are of: one, whatever its rows call it, or by their camera column."""


class Intake:
    """Turns what a smart camera sends into rows of the network.

    Args:
        grid, fps: the network's.
        indices: which cameras the rows are of.
    """

    def __init__(self, grid: Grid, fps: float, indices: Indices) -> None:
        self._grid = grid
        self._fps = fps
        self._indices = indices
        self.dropped = 0
        self._said = False

    def check(self, where: str, schema: pa.Schema) -> None:
        """Raise InputError unless the schema is a recording's, of the network's grid and rate."""
        grid, fps, _ = check_schema(where, schema)
        if grid != self._grid:
            raise InputError(f"{where}: its grid is {grid}, the network's {self._grid}: they must agree")
        if fps != self._fps:
            raise InputError(f"{where}: its fps is {fps:g}, the network's {self._fps:g}: they must agree")

    def rows(self, where: str, batch: pa.RecordBatch, now_s: float) -> Rows:
        """A batch's rows with the network's indices; windows ascending and distinct in every row.

        Args:
            where: what the batch is of, for messages.
            batch: of a schema that was checked.
            now_s: rows of a later time are dropped and counted, and so are rows of unknown cameras.

        Raises:
            InputError: it is damaged, too large, or names windows outside the grid.
        """
        if batch.num_rows > MAX_BATCH_ROWS:
            raise InputError(f"{where}: {batch.num_rows} rows in one batch; at most {MAX_BATCH_ROWS}")
        try:
            batch.validate(full=True)
        except pa.ArrowException:
            raise InputError(f"{where}: a damaged batch") from None
        camera = batch.column("camera").cast(pa.string())
        if camera.null_count or batch.column("tick").null_count:
            raise InputError(f"{where}: a row without a camera or a tick")
        names = sorted(pc.unique(camera).to_pylist())
        if isinstance(self._indices, int) and len(names) > 1:
            raise InputError(f"{where}: rows of {len(names)} cameras, where one was expected")
        rows = tidy(rows_of(where, batch, pa.array(names, pa.string()), self._grid))
        known = [self._index(name) for name in names]
        table = np.array(known, np.int32)
        codes = table[rows.camera] if len(names) else rows.camera
        rows = Rows(codes, *(getattr(rows, name) for name in Rows.__dataclass_fields__ if name != "camera"))
        latest = (now_s + AHEAD_S) * self._fps
        fits = (rows.camera >= 0) & (rows.tick > -(1 << 52)) & (rows.tick <= latest)
        if fits.all():
            return rows
        self.dropped += int((~fits).sum())
        if not self._said:
            self._said = True
            strange = [name for name, index in zip(names, known, strict=True) if index < 0]
            what = f"of unknown cameras, {strange[0][:80]!r} first" if strange else "of times to come"
            log.warning("%s: drops rows %s", where, what)
        return rows.take(np.flatnonzero(fits))

    def _index(self, name: str) -> int:
        return self._indices if isinstance(self._indices, int) else self._indices.get(name, -1)


def tidy(rows: Rows) -> Rows:
    """The rows, with the windows of each ascending and distinct."""
    lengths = np.diff(rows.window_ends, prepend=0)
    row = np.repeat(np.arange(len(lengths)), lengths)
    # A window is below 65 536, so both fit one number, ordered by row.
    keys = (row << 16) | rows.windows
    if (np.diff(keys) > 0).all():
        return rows
    keys = np.unique(keys)
    counts = np.bincount(keys >> 16, minlength=len(lengths))
    windows: Any = (keys & 0xFFFF).astype(np.uint16)
    ends = np.cumsum(counts).astype(np.int64)
    return Rows(rows.camera, rows.tick, windows, ends, rows.foot_x, rows.foot_y, rows.foot_ends)
