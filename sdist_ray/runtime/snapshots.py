"""Snapshots of tiles, one Arrow IPC file each, in a folder or a bucket (anything pyarrow.fs opens).

A file is named ``tile-TILE-RANGE-CRC32.arrow``: the tile, the last range it counted, and the checksum of all
the file's bytes, in hexadecimal digits. It holds the tile's arrays in chunks of 64 MB, LZ4: columns
``array: int32`` (its number) and ``data: large_binary``, one row a batch. Schema metadata
``sdist_ray.snapshot`` is JSON: ``version``, ``grid``, ``fps``, ``range_ticks``, ``tolerance``, ``policy``,
``store``, ``rows`` and ``columns`` (camera ids), ``last_range``, and ``arrays`` (name, dtype and shape of
each). Nothing is ever unpickled.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.fs as pafs
import pyarrow.ipc

from sdist_ray.errors import InputError
from sdist_ray.exclusion.tile import Counting, TileSnapshot

VERSION = "1"
KEPT = 2
CHUNK_BYTES = 64 << 20
MOST_PACKED = 256
"""LZ4 packs at most 255 to 1."""
METADATA = b"sdist_ray.snapshot"
NUMERIC = frozenset(np.dtype(kind).str for kind in ("?", *"bBhHiIqQfd"))
_NAME = re.compile(r"tile-(?P<tile>\d+)-(?P<range>-?\d+)-[0-9a-f]{8}\.arrow")
_PACKED = pa.ipc.IpcWriteOptions(compression="lz4")
_SCHEMA = pa.schema([("array", pa.int32()), ("data", pa.large_binary())])


class SnapshotRefused(Exception):
    """A snapshot that must not be used; says which, why, and what would be right."""


class SnapshotFolder:
    """The snapshots of one run.

    Args:
        place: a folder, or a URI such as s3://bucket/folder. It must be this run's alone: a snapshot of
            another run would be taken for one of this.

    Raises:
        InputError: no such kind of place.
    """

    def __init__(self, place: str) -> None:
        self.place = place
        self._seen: dict[int, dict[str, int]] | None = None
        try:
            if "://" in place:
                self._files, self._root = pafs.FileSystem.from_uri(place)
            else:
                self._files, self._root = pafs.LocalFileSystem(), str(Path(place).absolute())
        except (pa.ArrowException, OSError, ValueError) as error:
            raise InputError(f"runtime.snapshots={place}: {_first_line(error)}") from error

    def prepare(self) -> None:
        """Make the folder.

        Raises:
            InputError: it cannot be.
        """
        try:
            self._files.create_dir(self._root, recursive=True)
        except (pa.ArrowException, OSError) as error:
            raise InputError(
                f"runtime.snapshots: {self.place} cannot be made ({_first_line(error)}); "
                "a folder, or a bucket, that can be written to would be right"
            ) from error

    def write(self, tile: int, snapshot: TileSnapshot) -> None:
        """Write a snapshot aside, give it its name, and remove all but the newest two of the tile.

        Raises:
            OSError: it cannot be written.
        """
        self._files.create_dir(self._root, recursive=True)
        arrays = dict(snapshot.state)
        schema = _SCHEMA.with_metadata({METADATA: json.dumps(_description(snapshot, arrays)).encode()})
        partial = f"{self._root}/.partial-{tile}"
        with self._files.open_output_stream(partial, compression=None) as stream:
            sink = _Summed(stream)
            with pa.ipc.new_file(pa.PythonFile(sink, "w"), schema, options=_PACKED) as writer:
                for number, array in enumerate(arrays.values()):
                    for chunk in _chunks(array):
                        writer.write_batch(_batch(number, chunk, schema))
        name = f"{_prefix(tile)}{snapshot.last_range}-{sink.checksum:08x}.arrow"
        self._files.move(partial, f"{self._root}/{name}")
        found = self._names(tile)
        found[name] = snapshot.last_range
        newest = sorted(set(found.values()))[-KEPT:]
        for stale in [other for other, index in found.items() if index not in newest]:
            del found[stale]
            self._files.delete_file(f"{self._root}/{stale}")

    def ranges(self, tile: int) -> list[int]:
        """Last ranges of the tile's snapshots, ascending."""
        return sorted(set(self._names(tile).values()))

    def look_again(self) -> None:
        """See what others have written, or removed, since it was looked at."""
        self._seen = None

    def _look(self) -> dict[int, dict[str, int]]:
        selector = pafs.FileSelector(self._root, allow_not_found=True)
        seen: dict[int, dict[str, int]] = {}
        for entry in self._files.get_file_info(selector):
            match = _NAME.fullmatch(entry.base_name)
            if match:
                seen.setdefault(int(match["tile"]), {})[match[0]] = int(match["range"])
        return seen

    def _names(self, tile: int) -> dict[str, int]:
        """The tile's snapshots by name, and the range of each; whoever writes or removes one says so here.

        A shard may have thousands of tiles, which nobody else writes down: to look once is enough.
        """
        if self._seen is None:
            self._seen = self._look()
        return self._seen.setdefault(tile, {})

    def read(
        self, tile: int, last_range: int, rows: tuple[str, ...], columns: tuple[str, ...], counting: Counting
    ) -> TileSnapshot:
        """Read the snapshot of a tile after a range, if it is whole and of such a tile.

        Raises:
            SnapshotRefused: it is damaged, or of another version, grid, clock, tolerance, policy, store or
                other cameras.
        """
        names = [name for name, index in self._names(tile).items() if index == last_range]
        if not names:
            raise SnapshotRefused(f"snapshot {self._root}/{_prefix(tile)}{last_range} refused: there is none")
        path = f"{self._root}/{max(names)}"
        expected = _description(TileSnapshot(rows, columns, counting, last_range, {}), {})
        try:
            self._check_whole(path)
            with self._files.open_input_file(path) as source:
                size = source.size()
                reader = pa.ipc.open_file(source)
                described = _parse(path, reader.schema)
                _compare(path, described, expected)
                state = _read_arrays(path, reader, described.get("arrays"), size)
        except (pa.ArrowException, OSError, MemoryError) as error:
            raise SnapshotRefused(
                f"snapshot {path} refused: truncated or damaged ({_first_line(error)}); "
                "a whole Arrow IPC file would be right"
            ) from error
        return TileSnapshot(rows, columns, counting, last_range, state)

    def _check_whole(self, path: str) -> None:
        """Refuse a file whose bytes are not those that were written: Arrow's reader may crash on others."""
        checksum = 0
        with self._files.open_input_stream(path, compression=None) as stream:
            while chunk := stream.read(CHUNK_BYTES):
                checksum = zlib.crc32(chunk, checksum)
        if not path.endswith(f"-{checksum:08x}.arrow"):
            raise SnapshotRefused(
                f"snapshot {path} refused: truncated or damaged: its checksum is {checksum:08x}"
            )

    def forget(self, tiles: Collection[int]) -> None:
        """Remove the snapshots of tiles, as far as they can be."""
        for tile in tiles:
            with contextlib.suppress(OSError):
                names = self._names(tile)
                while names:
                    self._files.delete_file(f"{self._root}/{names.popitem()[0]}")

    def clear(self) -> None:
        """Remove all of it."""
        self._seen = None
        if self._files.get_file_info(self._root).type != pafs.FileType.NotFound:
            self._files.delete_dir(self._root)


class _Summed:
    """A stream to write to that knows the checksum of all that was written."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.checksum = 0
        self.closed = False

    def write(self, data: bytes) -> int:
        self.checksum = zlib.crc32(data, self.checksum)
        self._stream.write(data)
        return len(data)

    def flush(self) -> None:
        self._stream.flush()

    def close(self) -> None:
        self.closed = True


def _prefix(tile: int) -> str:
    return f"tile-{tile:05}-"


def _first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:160]


def _description(snapshot: TileSnapshot, arrays: dict[str, npt.NDArray[Any]]) -> dict[str, Any]:
    padding = snapshot.counting.padding
    for name, array in arrays.items():
        if array.dtype.str not in NUMERIC:
            raise TypeError(f"array {name!r} of a store's state is {array.dtype}, not plain numbers")
    return {
        "version": VERSION,
        "grid": str(padding.grid),
        "fps": padding.clock.fps,
        "range_ticks": padding.clock.range_ticks,
        "tolerance": padding.tolerance,
        "policy": snapshot.counting.policy,
        "store": snapshot.counting.store,
        "recent": snapshot.counting.recent,
        "whole": snapshot.counting.whole,
        "rows": list(snapshot.rows),
        "columns": list(snapshot.columns),
        "last_range": snapshot.last_range,
        "arrays": [
            {"name": name, "dtype": array.dtype.str, "shape": list(array.shape)}
            for name, array in arrays.items()
        ],
    }


def _bytes_of(array: npt.NDArray[Any]) -> memoryview:
    return array.reshape(-1).view(np.uint8).data


def _chunks(array: npt.NDArray[Any]) -> Iterator[memoryview]:
    """The array's bytes, some rows at a time: no copy of all of it is made."""
    if array.size:
        array = np.atleast_1d(array)
        step = max(1, CHUNK_BYTES * len(array) // array.nbytes)
        for start in range(0, len(array), step):
            yield _bytes_of(np.ascontiguousarray(array[start : start + step]))


def _batch(number: int, chunk: memoryview, schema: pa.Schema) -> pa.RecordBatch:
    offsets = pa.py_buffer(np.array([0, len(chunk)], dtype=np.int64))
    data = pa.LargeBinaryArray.from_buffers(pa.large_binary(), 1, [None, offsets, pa.py_buffer(chunk)])
    return pa.record_batch([pa.array([number], pa.int32()), data], schema=schema)


def _parse(path: str, schema: pa.Schema) -> dict[str, Any]:
    text = (schema.metadata or {}).get(METADATA)
    try:
        described = json.loads(text) if text is not None else None
    except (ValueError, RecursionError):
        described = None
    if not isinstance(described, dict) or not schema.remove_metadata().equals(_SCHEMA):
        raise SnapshotRefused(f"snapshot {path} refused: it is not a snapshot of a tile")
    return described


def _compare(path: str, described: dict[str, Any], expected: dict[str, Any]) -> None:
    for name, right in expected.items():
        found = described.get(name)
        if name == "arrays" or found == right:
            continue
        if name in ("rows", "columns"):
            raise SnapshotRefused(
                f"snapshot {path} refused: its {name} are other cameras than this tile's {len(right)} "
                f"({', '.join(right[:3])}{', …' if len(right) > 3 else ''})"
            )
        shown = repr(found)[:40]
        raise SnapshotRefused(f"snapshot {path} refused: its {name} is {shown}, but must be {right!r}")


def _read_arrays(path: str, reader: Any, described: Any, size: int) -> dict[str, npt.NDArray[Any]]:
    arrays: list[npt.NDArray[Any]] = []
    try:
        names = [str(entry["name"]) for entry in described]
        room = size * MOST_PACKED
        for entry in described:
            shape = tuple(int(length) for length in entry["shape"])
            if entry["dtype"] not in NUMERIC or min(shape, default=0) < 0:
                raise SnapshotRefused(
                    f"snapshot {path} refused: array {entry['name']!r} is not plain numbers"
                )
            # A file of this size can hold them, or it is not whole: nothing huge is made room for in vain.
            room -= math.prod(shape) * np.dtype(entry["dtype"]).itemsize
            if room < 0:
                raise SnapshotRefused(
                    f"snapshot {path} refused: truncated: {size} bytes cannot hold its arrays"
                )
            arrays.append(np.empty(shape, dtype=entry["dtype"]))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise SnapshotRefused(f"snapshot {path} refused: its list of arrays is damaged") from error
    places = [_bytes_of(array) for array in arrays]
    filled = [0] * len(arrays)
    for batch_number in range(reader.num_record_batches):
        batch = reader.get_batch(batch_number)
        number = batch.column(0)[0].as_py()
        data = memoryview(batch.column(1)[0].as_buffer() or b"").cast("B")
        if number not in range(len(arrays)) or filled[number] + len(data) > len(places[number]):
            raise SnapshotRefused(f"snapshot {path} refused: chunk {batch_number} is of no array that it has")
        places[number][filled[number] : filled[number] + len(data)] = data
        filled[number] += len(data)
    if filled != [len(place) for place in places]:
        raise SnapshotRefused(f"snapshot {path} refused: truncated: chunks are missing")
    return dict(zip(names, arrays, strict=True))
