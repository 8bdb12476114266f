"""What an occupancy recording's columns and metadata are, and how its batches become rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sdist_ray.errors import InputError
from sdist_ray.occupancy.block import Rows
from sdist_ray.occupancy.grid import Grid

VERSION = "1"


def recording_schema(grid: Grid, fps: float) -> pa.Schema:
    """The schema of a recording that carries foot points."""
    return pa.schema(
        [
            ("camera", pa.string()),
            ("tick", pa.int64()),
            ("windows", pa.list_(pa.uint16())),
            ("foot_x", pa.list_(pa.float32())),
            ("foot_y", pa.list_(pa.float32())),
        ],
        metadata={
            "sdist_ray.version": VERSION,
            "fps": repr(float(fps)),
            "columns": str(grid.columns),
            "rows": str(grid.rows),
        },
    )


def check_schema(where: object, schema: pa.Schema) -> tuple[Grid, float, bool]:
    """The grid and the ticks per second that a recording's schema states, and whether it has foot points.

    Raises:
        InputError: it lacks metadata, is of a newer version, or a column is missing, there twice, or of
            another type.
    """
    try:
        names = schema.names
    except UnicodeDecodeError as error:
        raise InputError(f"{where}: damaged: a column's name is not UTF-8") from error
    grid, fps = _header(where, schema)
    kinds = {
        "camera": (pa.types.is_string, pa.types.is_large_string, pa.types.is_dictionary),
        "tick": (pa.types.is_int64,),
        "windows": (pa.types.is_list, pa.types.is_large_list),
    }
    has_feet = "foot_x" in names and "foot_y" in names
    if has_feet:
        kinds |= {"foot_x": kinds["windows"], "foot_y": kinds["windows"]}
    for name, tests in kinds.items():
        if name not in names:
            raise InputError(f"{where}: not an occupancy recording: it has no column {name!r}")
        if names.count(name) > 1:
            raise InputError(f"{where}: column {name!r} is there {names.count(name)} times, it must be once")
        if not any(test(schema.field(name).type) for test in tests):
            expected = recording_schema(grid, fps).field(name).type
            raise InputError(f"{where}: column {name!r} is {schema.field(name).type}, it must be {expected}")
    if not pa.types.is_uint16(schema.field("windows").type.value_type):
        raise InputError(f"{where}: column 'windows' must be list<uint16>")
    return grid, fps, has_feet


def _header(where: object, schema: pa.Schema) -> tuple[Grid, float]:
    stated = schema.metadata or {}
    metadata = {
        key.decode("utf-8", "replace"): value.decode("utf-8", "replace") for key, value in stated.items()
    }
    missing = [k for k in ("sdist_ray.version", "fps", "columns", "rows") if k not in metadata]
    if missing:
        raise InputError(
            f"{where}: not an occupancy recording: its schema metadata lacks {', '.join(missing)}"
        )
    version = metadata["sdist_ray.version"]
    if version != VERSION:
        newer = (
            version.isascii() and version.isdecimal() and len(version) < 10 and int(version) > int(VERSION)
        )
        raise InputError(
            f"{where}: recording version {version[:40]!r}; this program reads {VERSION!r}"
            + (": a newer sdist_ray wrote it, update this one" if newer else "")
        )
    try:
        fps = float(metadata["fps"])
        grid = Grid(int(metadata["columns"]), int(metadata["rows"]))
    except ValueError as error:
        raise InputError(f"{where}: metadata fps, columns and rows must be numbers") from error
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    if not 0 < fps <= 1000:
        raise InputError(f"{where}: metadata fps must be above 0 and at most 1000, not {fps}")
    return grid, fps


def rows_of(where: object, batch: pa.RecordBatch, known: pa.Array, grid: Grid, done: int = 0) -> Rows:
    """The rows of a batch, whose buffers must have been validated; camera indices are those in ``known``.

    Raises:
        InputError: a row is damaged or names a window outside the grid; ``where`` and ``done``, the rows
            before the batch, say which.
    """
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    camera = columns["camera"]
    if pa.types.is_dictionary(camera.type):
        coded = pc.index_in(camera.dictionary.cast(pa.string()), known)
        codes = coded.take(camera.indices)
    else:
        codes = pc.index_in(camera.cast(pa.string()), known)
    windows, window_ends = _flat(where, columns["windows"], pa.uint16(), "windows", done)
    if len(windows) and int(windows.max()) >= grid.windows:
        entry = int(np.argmax(windows >= grid.windows))
        row = int(np.searchsorted(window_ends, entry, side="right"))
        raise InputError(
            f"{where}: row {done + row}: window {windows[entry]} is outside the "
            f"{grid} grid (0 to {grid.windows - 1})"
        )
    foot_x = foot_y = np.empty(0, np.float32)
    foot_ends = np.zeros(batch.num_rows, np.int64)
    if "foot_x" in columns and "foot_y" in columns:
        foot_x, foot_ends = _flat(where, columns["foot_x"], pa.float32(), "foot_x", done)
        foot_y, other_ends = _flat(where, columns["foot_y"], pa.float32(), "foot_y", done)
        if not np.array_equal(foot_ends, other_ends):
            raise InputError(f"{where}: a row has unlike numbers of foot_x and foot_y")
    return Rows(
        np.asarray(codes.to_numpy(zero_copy_only=False), dtype=np.int32),
        columns["tick"].to_numpy(zero_copy_only=False),
        windows,
        window_ends,
        foot_x,
        foot_y,
        foot_ends,
    )


def _flat(
    where: object, column: Any, kind: pa.DataType, name: str, done: int
) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """Values and row ends of a list column."""
    if column.null_count:
        row = done + int(np.argmax(column.is_null().to_numpy(zero_copy_only=False)))
        raise InputError(f"{where}: row {row}: {name} is null; write an empty list")
    values = column.flatten()
    if values.null_count:
        raise InputError(f"{where}: {name} holds a null")
    offsets = column.offsets.to_numpy().astype(np.int64)
    try:
        flat = values.cast(kind) if values.type != kind else values
    except pa.ArrowException as error:
        raise InputError(f"{where}: {name} does not fit into {kind}: {error}") from error
    return flat.to_numpy(zero_copy_only=False), offsets[1:] - offsets[0]
