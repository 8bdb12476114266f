"""The journal of a run: every closed range's rows, written down before anyone counts them.

One Arrow IPC stream that only grows. It can be read up to a tail that was cut off in the middle of a write. A
row of it is a closed range (its rows in lists), or a note about the network as JSON.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.ipc

from sdist_ray.occupancy.block import OccupancyRange, Rows
from sdist_ray.occupancy.collate import range_of_rows
from sdist_ray.occupancy.padding import Padding

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
)


def _head() -> bytes:
    """What a journal begins with: as long in each, and different, so that one that was cut is known."""
    named = _SCHEMA.with_metadata({"sdist_ray.journal": "1", "id": secrets.token_hex(16)})
    return bytes(named.serialize().to_pybytes())


_HEAD_BYTES = len(_head())
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
            self._write(_head())

    def close_range(self, index: int, rows: Rows) -> None:
        """Write a closed range down."""
        self._append(index, None, rows)

    def note(self, content: dict[str, Any]) -> None:
        """Write down something about the network."""
        self._append(None, json.dumps(content), _NO_ROWS)

    @property
    def size(self) -> int:
        """Its length, bytes."""
        return os.fstat(self._file).st_size

    def cut(self, first: int) -> None:
        """Let go of the ranges before ``first``, and of all notes about the network but the newest.

        Readers see the longer journal or the shorter one, never less than a whole one. Where the shorter one
        cannot be written, the longer one stays.

        Raises:
            OSError: it cannot be written.
        """
        kept: list[tuple[int, int]] = []
        note: tuple[int, int] | None = None
        reader = JournalReader(self.path)
        for entry in reader.entries():
            where = reader.began, reader.offset
            if isinstance(entry, Closed):
                if entry.index >= first:
                    kept.append(where)
            elif "network" in entry:
                note = where
        partial = self.path.with_name(f".partial-{self.path.name}")
        try:
            shorter = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
            try:
                _write(shorter, _head())
                for begin, end in ([] if note is None else [note]) + kept:
                    _write(shorter, os.pread(self._file, end - begin, begin))
                os.replace(partial, self.path)
            except BaseException:
                os.close(shorter)
                raise
        except OSError:
            with contextlib.suppress(OSError):
                partial.unlink()
            raise
        os.close(self._file)
        self._file = shorter

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

    def _write(self, message: pa.Buffer | bytes) -> None:
        _write(self._file, message)


def _write(file: int, message: pa.Buffer | bytes) -> None:
    view = memoryview(message)
    while len(view):
        view = view[os.write(file, view) :]


class JournalReader:
    """Reads a journal that may still be growing.

    Attributes:
        began, offset: where the last whole entry begins and ends.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._head = b""
        self.began = self.offset = 0

    def entries(self) -> Iterator[Entry]:
        """The whole entries after those that were read before, in order; all of them if it was cut."""
        try:
            file = pa.OSFile(str(self._path), "rb")
        except FileNotFoundError:
            return
        with file:
            size = file.size()
            head = file.read(_HEAD_BYTES)
            if head != self._head:
                # Another file, or one that was cut: what it begins with may have been read before.
                self._head, self.began, self.offset = head, 0, 0
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
                self.began, self.offset = self.offset, file.tell()
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


def ranges_again(journal: Path, first: int, cameras: int, padding: Padding) -> Iterator[OccupancyRange]:
    """The occupancy of a journal's ranges from ``first`` on, of a network that has so many cameras by now."""
    for entry in JournalReader(journal).entries():
        if isinstance(entry, Closed) and entry.index >= first:
            yield range_of_rows(entry.rows, entry.index, cameras, padding.grid, padding.clock)
