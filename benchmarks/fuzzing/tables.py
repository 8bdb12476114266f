"""Readers of tables: recordings, what smart cameras send and drop, and snapshots."""

from __future__ import annotations

import io
import json
import random
import time
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq

from benchmarks.fuzzing.mutate import mutate_bytes, mutate_table, mutate_tree
from sdist_ray.cameras.records import Intake
from sdist_ray.cameras.smart import read_batch, read_head
from sdist_ray.errors import InputError
from sdist_ray.exclusion.tile import Counting, Tile
from sdist_ray.occupancy.block import Clock
from sdist_ray.occupancy.collate import range_of_rows
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.padding import PaddedRange, Padder, Padding
from sdist_ray.occupancy.recording import batches_of, open_recording, read_schema
from sdist_ray.occupancy.recording_schema import recording_schema
from sdist_ray.runtime.snapshots import METADATA, SnapshotFolder
from sdist_ray.topology.links import directed_links

Reader = Callable[[random.Random], None]
GRID, CLOCK = Grid(4, 3), Clock(10, 8)
PADDING = Padding(GRID, CLOCK, 2)
MOST = 1 << 24
"""Of opportunities: finding links takes 8 bytes for each, and years of ticks are no damage."""
IDS = ("a", "b", "c")


def some_rows(first: int = 0, ticks: int = 24) -> pa.Table:
    """A recording's rows: three cameras, up to two people in each."""
    rng = np.random.default_rng(1)
    camera, tick, windows = [], [], []
    for at in range(first, first + ticks):
        for name in IDS:
            camera.append(name)
            tick.append(at)
            windows.append(sorted({int(window) for window in rng.integers(0, GRID.windows, rng.integers(3))}))
    feet = [[0.1 + 0.01 * window for window in row] for row in windows]
    values = {"camera": camera, "tick": tick, "windows": windows, "foot_x": feet, "foot_y": feet}
    return pa.table(values, schema=recording_schema(GRID, CLOCK.fps))


def as_ipc(table: pa.Table, rng: random.Random) -> bytes:
    """A table as an Arrow IPC file, in one batch or several, packed or not."""
    sink = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression=rng.choice((None, None, "lz4", "zstd")))
    with pa.ipc.new_file(sink, table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=rng.choice((7, 1000)))
    return sink.getvalue()


def as_parquet(table: pa.Table, rng: random.Random) -> bytes:
    """A table as a Parquet file."""
    sink = io.BytesIO()
    packed = rng.choice(("none", "snappy", "zstd"))
    pq.write_table(table, sink, compression=packed, row_group_size=rng.choice((7, 1000)))
    return sink.getvalue()


def _mutated(rng: random.Random, table: pa.Table, write: Callable[[pa.Table, random.Random], bytes]) -> bytes:
    """Its columns changed, or its bytes, or both."""
    changed = mutate_table(rng, table) if rng.random() < 0.6 else table
    try:
        data = write(changed, rng)
    except (pa.ArrowException, TypeError, ValueError, OverflowError):
        # There are tables that a format cannot hold.
        changed, data = table, write(table, rng)
    return mutate_bytes(rng, data) if changed is table or rng.random() < 0.2 else data


def recordings(folder: Path) -> Reader:
    """Recordings of both formats, read to the end and counted as a run would."""
    path, table = folder / "r.parquet", some_rows()

    def read(rng: random.Random) -> None:
        path.write_bytes(_mutated(rng, table, rng.choice((as_ipc, as_parquet))))
        recording = open_recording(path)
        if recording.grid.windows > 10_000 or len(recording.cameras) > 100:
            return
        clock = Clock.of(recording.fps, CLOCK.range_ticks / CLOCK.fps)
        padder = Padder(Padding(recording.grid, clock, 2))
        padder.grow(len(recording.cameras))
        for rows in recording.batches(feet=True):
            for index in np.unique(rows.tick // clock.range_ticks)[:3]:
                inside = np.flatnonzero(rows.tick // clock.range_ticks == index)
                range_of_rows(rows.take(inside), int(index), len(recording.cameras), recording.grid, clock)

    return read


def records(folder: Path) -> Reader:
    """A smart camera's stream, and a file that one has dropped."""
    path, names = folder / "drop.parquet", dict(zip(IDS, range(3), strict=True))

    def read(rng: random.Random) -> None:
        table = some_rows(int(time.time() * CLOCK.fps) - 50)
        intake = Intake(GRID, CLOCK.fps, rng.choice((0, names)))
        if rng.random() < 0.3:
            path.write_bytes(_mutated(rng, table, rng.choice((as_ipc, as_parquet))))
            intake.check("drop", read_schema(path))
            for batch in batches_of(path, most_rows=1 << 16):
                intake.rows("drop", batch, time.time())
            return
        stream = io.BytesIO(_mutated(rng, table, _as_stream))
        schema = read_head(stream, "stream")
        if schema is None:
            return
        intake.check("stream", schema)
        if pa.types.is_dictionary(schema.field("camera").type):
            raise InputError("stream: a dictionary, which SocketRecords refuses")
        while (batch := read_batch(stream, "stream", schema)) is not None:
            intake.rows("stream", batch, time.time())

    return read


def _as_stream(table: pa.Table, rng: random.Random) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=rng.choice((7, 1000)))
    return sink.getvalue()


def snapshots(folder: Path) -> Reader:
    """Tiles' snapshots: files with other bytes, and whole ones that hold something else than they should."""
    seeds: list[tuple[Counting, bytes]] = []
    ranges = _ranges(folder)
    for store in ("dense", "rle", "indexed"):
        counting = Counting(PADDING, "wide", store)
        seeds.append((counting, _snapshot(folder / store, counting, ranges)))

    def read(rng: random.Random) -> None:
        counting, data = rng.choice(seeds)
        if rng.random() < 0.3:
            # As a disk would: the name still has the checksum of what was written.
            damaged, checksum = mutate_bytes(rng, data), zlib.crc32(data)
        else:
            damaged = _other(rng, data)
            checksum = zlib.crc32(damaged)
        place = folder / "read"
        place.mkdir(exist_ok=True)
        for old in place.iterdir():
            old.unlink()
        (place / f"tile-00003-2-{checksum:08x}.arrow").write_bytes(damaged)
        found = SnapshotFolder(str(place)).read(3, 2, IDS, IDS, counting)
        tile = Tile.restore(found)
        for padded in ranges:
            tile.apply(padded, IDS)
        if tile.store.most_opportunities() < MOST:
            directed_links(tile, IDS, "nonexclusion", 0.3, follow=True)
        tile.snapshot()

    return read


def _ranges(folder: Path) -> list[PaddedRange]:
    """Some rows, as a tile counts them."""
    padder = Padder(PADDING)
    padder.grow(len(IDS))
    recording = folder / "some.arrow"
    recording.write_bytes(as_ipc(some_rows(), random.Random(0)))
    rows = next(iter(open_recording(recording).batches()))
    ranges = []
    for index in range(3):
        inside = np.flatnonzero(rows.tick // CLOCK.range_ticks == index)
        ranges += padder.push(range_of_rows(rows.take(inside), index, len(IDS), GRID, CLOCK))
    return [*ranges, *padder.flush()]


def _snapshot(folder: Path, counting: Counting, ranges: Sequence[PaddedRange]) -> bytes:
    tile = Tile(IDS, IDS, counting)
    for padded in ranges:
        tile.apply(padded, IDS)
    written = SnapshotFolder(str(folder))
    written.write(3, tile.snapshot())
    return next(folder.iterdir()).read_bytes()


def _other(rng: random.Random, data: bytes) -> bytes:
    """A whole snapshot, of other metadata, other arrays, or other columns."""
    table = pa.ipc.open_file(io.BytesIO(data)).read_all()
    described = json.loads(table.schema.metadata[METADATA])
    what = rng.randrange(3)
    if what == 0:
        described = mutate_tree(rng, described)
    elif what == 1 and described["arrays"]:
        described["arrays"] = mutate_tree(rng, described["arrays"])
    else:
        table = _other_data(rng, table)
    text = json.dumps(described, default=str).encode()
    table = table.replace_schema_metadata({METADATA: text})
    if rng.random() < 0.2:
        table = mutate_table(rng, table)
    try:
        return as_ipc(table, rng)
    except (pa.ArrowException, TypeError, ValueError):
        return data


def _other_data(rng: random.Random, table: pa.Table) -> pa.Table:
    """Numbers of the arrays changed: what is read is another state, of the right shapes."""
    parts: list[Any] = table.column("data").to_pylist()
    at = rng.randrange(len(parts)) if parts else -1
    if at >= 0 and parts[at]:
        changed = bytearray(parts[at])
        for _ in range(rng.choice((1, 8))):
            changed[rng.randrange(len(changed))] = rng.choice((0, 1, 0x7F, 0x80, 0xFF))
        parts[at] = bytes(changed)
    return pa.table({"array": table.column("array"), "data": pa.array(parts, pa.large_binary())})
