"""The occupancy recording: a stable file format, Parquet or Arrow IPC.

Columns ``camera: string``, ``tick: int64``, ``windows: list<uint16>`` and optionally ``foot_x``, ``foot_y:
list<float32>``; one row for every tick at which a camera was available. Schema metadata:
``sdist_ray.version``, ``fps``, ``columns``, ``rows``.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc
import pyarrow.parquet as pq

from sdist_ray.errors import InputError, refuse_endless
from sdist_ray.occupancy.block import Rows
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.recording_schema import check_schema, recording_schema, rows_of

IPC_SUFFIXES = {".arrow", ".feather", ".ipc"}
BATCH_ROWS = 1 << 20
MAX_TICK = 1 << 52
"""Beyond it a tick is not exact as a float; at 1000 FPS it is 140 000 years from 1970."""


class RecordingWriter:
    """Writes rows as they come, to a file aside; ``close`` gives it its name.

    The suffix decides the format: .arrow, .feather or .ipc for Arrow IPC, else Parquet.

    Args:
        path: of the file.
        cameras: ids, by index.
        grid, fps: of the network.
        keep: after an error, keep what was written: what a live network saw is not to be had again.
    """

    def __init__(
        self, path: Path, cameras: Sequence[str], grid: Grid, fps: float, keep: bool = False
    ) -> None:
        self.path = path
        self._keep = keep
        self.rows = 0
        self._cameras = pa.array(cameras, pa.string())
        self._schema = recording_schema(grid, fps)
        self._partial = path.with_name(f".partial-{path.name}")
        self._buffer: list[Rows] = []
        self._buffered = 0
        self._sink = pa.OSFile(str(self._partial), "wb")
        self._writer: Any = (
            pa.ipc.new_file(self._sink, self._schema)
            if path.suffix in IPC_SUFFIXES
            else pq.ParquetWriter(self._sink, self._schema, compression="zstd")
        )

    def grow(self, cameras: Sequence[str]) -> None:
        """There are more cameras from now on; those before keep their indices."""
        if len(cameras) > len(self._cameras):
            self._cameras = pa.array(cameras, pa.string())

    def write(self, rows: Rows) -> None:
        """Add rows; camera indices are those of the cameras given."""
        self._buffer.append(rows)
        self._buffered += len(rows.tick)
        if self._buffered >= BATCH_ROWS // 4:
            self._flush()

    def close(self) -> None:
        """Finish the file and give it its name."""
        self._flush()
        self._writer.close()
        self._sink.close()
        os.replace(self._partial, self.path)

    def abandon(self) -> None:
        """Leave nothing behind."""
        with contextlib.suppress(OSError, pa.ArrowException):
            self._writer.close()
        with contextlib.suppress(OSError, pa.ArrowException):
            self._sink.close()
        self._partial.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        """The writer itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file, or leave nothing behind after an error."""
        if kind is not None:
            with contextlib.suppress(OSError, pa.ArrowException):
                if self._keep:
                    self.close()
                    return
            self.abandon()
            return
        try:
            self.close()
        except BaseException:
            self.abandon()
            raise

    def _flush(self) -> None:
        if not self._buffer:
            return
        rows = Rows.concatenate(self._buffer)
        self._buffer, self._buffered = [], 0
        self.rows += len(rows.tick)
        columns = [
            self._cameras.take(pa.array(rows.camera)),
            pa.array(rows.tick),
            _lists(rows.window_ends, rows.windows),
            _lists(rows.foot_ends, rows.foot_x),
            _lists(rows.foot_ends, rows.foot_y),
        ]
        batch = pa.record_batch(columns, schema=self._schema)
        if isinstance(self._writer, pq.ParquetWriter):
            self._writer.write_table(pa.Table.from_batches([batch]))
        else:
            self._writer.write_batch(batch)


def _lists(ends: npt.NDArray[np.int64], values: npt.NDArray[Any]) -> pa.ListArray:
    offsets = np.concatenate([[0], ends]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values))


@dataclass(frozen=True)
class Recording:
    """A recording that was opened and whose header was checked.

    Attributes:
        path: the file.
        grid: its windows.
        fps: its ticks per second.
        cameras: ids, sorted.
        first_tick, last_tick: of its rows.
        row_count: number of rows.
        in_order: whether ticks never decrease from row to row.
        has_feet: whether it carries foot points.
    """

    path: Path
    grid: Grid
    fps: float
    cameras: tuple[str, ...]
    first_tick: int
    last_tick: int
    row_count: int
    in_order: bool
    has_feet: bool

    def batches(self, feet: bool = False) -> Iterator[Rows]:
        """All rows in ascending order of tick, some at a time; with foot points where asked for.

        A recording that is in order is streamed; another is sorted in memory first.

        Raises:
            InputError: a row is damaged or names a window outside the grid.
        """
        columns = ["camera", "tick", "windows"]
        if feet and self.has_feet:
            columns += ["foot_x", "foot_y"]
        known = pa.array(self.cameras, pa.string())
        done = 0
        if self.in_order:
            for batch in batches_of(self.path, columns):
                yield rows_of(self.path, batch, known, self.grid, done)
                done += batch.num_rows
            return
        table = pa.Table.from_batches(batches_of(self.path, columns))
        order = pc.sort_indices(table, [("tick", "ascending")])
        for start in range(0, table.num_rows, BATCH_ROWS):
            part = table.take(order[start : start + BATCH_ROWS]).combine_chunks()
            for batch in part.to_batches():
                yield rows_of(self.path, batch, known, self.grid, done)
                done += batch.num_rows


def open_recording(path: Path) -> Recording:
    """Open a recording: check its header, list its cameras, find its first and last tick.

    Raises:
        InputError: missing, not Parquet or Arrow IPC, without the metadata, from a newer version, with a
            column of another type, a null, or no rows.
    """
    grid, fps, has_feet = check_schema(path, read_schema(path))
    cameras: set[str] = set()
    first, last, previous, count, in_order = MAX_TICK, -MAX_TICK, -MAX_TICK, 0, True
    for batch in batches_of(path, ["camera", "tick"]):
        if batch.num_rows == 0:
            continue
        if any(batch.column(name).null_count for name in ("camera", "tick")):
            raise InputError(f"{path}: a row without a camera or a tick")
        tick = batch.column("tick").to_numpy()
        try:
            cameras.update(str(value) for value in pc.unique(batch.column("camera")).to_pylist())
        except (pa.ArrowException, IndexError, UnicodeDecodeError) as error:
            # Indices beyond the names, and names in no encoding.
            raise InputError(f"{path}: column camera is damaged: {error}") from error
        first, last = min(first, int(tick.min())), max(last, int(tick.max()))
        in_order = in_order and int(tick[0]) >= previous and bool((tick[1:] >= tick[:-1]).all())
        previous = int(tick[-1])
        count += batch.num_rows
    if not count:
        raise InputError(f"{path}: a recording without rows")
    if first <= -MAX_TICK or last >= MAX_TICK:
        raise InputError(f"{path}: ticks run from {first} to {last}: no such times")
    return Recording(path, grid, fps, tuple(sorted(cameras)), first, last, count, in_order, has_feet)


def read_schema(path: Path) -> pa.Schema:
    """A recording file's schema, not checked.

    Raises:
        InputError: missing, or neither Parquet nor Arrow IPC.
    """
    with _reading(path):
        if _is_ipc(path):
            with pa.memory_map(str(path)) as source:
                return pa.ipc.open_file(source).schema
        return pq.read_schema(path)


def batches_of(
    path: Path, columns: list[str] | None = None, most_rows: int = BATCH_ROWS
) -> Iterator[pa.RecordBatch]:
    """A recording file's batches, the columns that are asked for, at most so many rows at a time.

    Raises:
        InputError: it cannot be read, or is damaged.
    """
    with _reading(path):
        if _is_ipc(path):
            with pa.memory_map(str(path)) as source:
                reader = pa.ipc.open_file(source)
                for number in range(reader.num_record_batches):
                    batch = reader.get_batch(number)
                    batch = batch if columns is None else batch.select(columns)
                    # What a file claims of its own buffers is not checked when it is read.
                    batch.validate(full=True)
                    for start in range(0, batch.num_rows, most_rows):
                        yield batch.slice(start, most_rows)
            return
        with pq.ParquetFile(path, read_dictionary=["camera"]) as file:
            yield from file.iter_batches(most_rows, columns=columns)


def _is_ipc(path: Path) -> bool:
    """Contents, not names, tell the two formats apart."""
    try:
        refuse_endless(path)
        with path.open("rb") as file:
            return file.read(6) == b"ARROW1"
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error


@contextlib.contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        first = (str(error) or type(error).__name__).splitlines()[0][:160]
        raise InputError(f"{path}: not a readable Parquet or Arrow IPC file ({first})") from error
