"""The journal of a run: every closed range's rows, written down before anyone counts them.

One Arrow IPC stream that only grows. It can be read up to a tail that was cut off in the middle of a write. A
row of it is a closed range (its rows in lists), or a note about the network as JSON.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.ipc

from sdist_ray.occupancy.block import Rows

_TYPES = {
    "camera": pa.int32(),
    "tick": pa.int64(),
    "windows": pa.uint16(),
    "window_ends": pa.int64(),
    "foot_x": pa.float32(),
    "foot_y": pa.float32(),
    "foot_ends": pa.int64(),
}
_SCHEMA = pa.schema(
    [("range", pa.int64()), ("note", pa.string()), *((n, pa.large_list(t)) for n, t in _TYPES.items())],
    metadata={"sdist_ray.journal": "1"},
)
_NO_ROWS = Rows.concatenate([])


@dataclass(frozen=True)
class Closed:
    """A range that was closed, and its rows."""

    index: int
    rows: Rows


Entry = Closed | dict[str, Any]


class Journal:
    """Appends to a journal. What a killed process left half written at its end is cut off first.

    A write is given to the operating system before it returns: it outlives this process, though not a
    machine that loses its power.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        reader = JournalReader(path)
        for _ in reader.entries():
            pass
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        os.ftruncate(self._file, reader.offset)
        os.lseek(self._file, 0, os.SEEK_END)
        if reader.offset == 0:
            self._write(_SCHEMA.serialize())

    def close_range(self, index: int, rows: Rows) -> None:
        """Write a closed range down."""
        self._append(index, None, rows)

    def note(self, content: dict[str, Any]) -> None:
        """Write down something about the network."""
        self._append(None, json.dumps(content), _NO_ROWS)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)

    def _append(self, index: int | None, note: str | None, rows: Rows) -> None:
        columns = [pa.array([index], pa.int64()), pa.array([note], pa.string())]
        for name, kind in _TYPES.items():
            values = pa.array(getattr(rows, name), kind)
            offsets = pa.array(np.array([0, len(values)], dtype=np.int64))
            columns.append(pa.LargeListArray.from_arrays(offsets, values))
        self._write(pa.record_batch(columns, schema=_SCHEMA).serialize())

    def _write(self, message: pa.Buffer) -> None:
        view = memoryview(message)
        while len(view):
            view = view[os.write(self._file, view) :]


class JournalReader:
    """Reads a journal that may still be growing.

    Attributes:
        offset: where the last whole entry ends.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.offset = 0

    def entries(self) -> Iterator[Entry]:
        """The whole entries after those that were read before, in order."""
        if not self._path.exists():
            return
        size = self._path.stat().st_size
        with pa.OSFile(str(self._path), "rb") as file:
            while self.offset < size:
                file.seek(self.offset)
                try:
                    message = pa.ipc.read_message(file)
                    if file.tell() > size:
                        return
                    entry = None
                    if message.type == "record batch":
                        entry = _entry(pa.ipc.read_record_batch(message, _SCHEMA))
                except (EOFError, OSError, pa.ArrowException):
                    # The tail of a write that was cut off, or that is still going on.
                    return
                self.offset = file.tell()
                if entry is not None:
                    yield entry


def _entry(batch: pa.RecordBatch) -> Entry:
    note = batch.column(1)[0].as_py()
    if note is not None:
        content: dict[str, Any] = json.loads(note)
        return content
    arrays = {
        field.name: batch.column(field.name).flatten().to_numpy(zero_copy_only=False)
        for field in fields(Rows)
    }
    return Closed(int(batch.column(0)[0].as_py()), Rows(**arrays))
