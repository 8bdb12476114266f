"""What a distancing run left in its folder, read once; what is missing is said and done without."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sdist_ray.errors import InputError
from sdist_ray.report.run_folder import show

PEOPLE = {"camera": pa.string(), "time_s": pa.float64(), "track": pa.int64()}
VIOLATIONS = {
    "person_a": pa.string(),
    "person_b": pa.string(),
    "start_s": pa.float64(),
    "end_s": pa.float64(),
    "least_distance_m": pa.float64(),
    "mean_distance_m": pa.float64(),
    "least_distance_px": pa.float64(),
    "mean_distance_px": pa.float64(),
    "x_m": pa.float64(),
    "y_m": pa.float64(),
    "severity": pa.string(),
    "cameras": pa.list_(pa.string()),
}
GROUPS = {
    "camera": pa.string(),
    "group": pa.string(),
    "members": pa.list_(pa.string()),
    "since_s": pa.float64(),
    "recognised_s": pa.float64(),
    "until_s": pa.float64(),
    "reason": pa.string(),
}


@dataclass(frozen=True)
class DistancingRun:
    """A run's folder in memory.

    Attributes:
        folder: where it lies.
        summary: of summary.json; any field may be missing.
        cameras: the summary's entries for cameras, those that are objects.
        people, violations, groups: tables with the columns named above, null where the file has none;
            without rows where there is no file.
        notes: what is missing or damaged, a line each.
    """

    folder: Path
    summary: Mapping[str, Any]
    cameras: tuple[Mapping[str, Any], ...]
    people: pa.Table
    violations: pa.Table
    groups: pa.Table
    notes: tuple[str, ...]


def read_distancing_run(folder: Path) -> DistancingRun:
    """Read a run's folder.

    Raises:
        InputError: there is no such folder, or it has no summary.json that can be read.
    """
    path = folder / "summary.json"
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give the folder that a distancing run wrote")
    if not path.is_file():
        raise InputError(f"{folder}: not a distancing run's folder, it has no summary.json")
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not readable as JSON: {error}") from error
    if not isinstance(summary, dict):
        raise InputError(f"{path}: a JSON object was expected, got {type(summary).__name__}")
    listed = summary.get("cameras")
    notes: list[str] = []
    return DistancingRun(
        folder=folder,
        summary=summary,
        cameras=tuple(c for c in listed if isinstance(c, dict)) if isinstance(listed, list) else (),
        people=_table(folder / "people.parquet", PEOPLE, notes),
        violations=_table(folder / "violations.parquet", VIOLATIONS, notes),
        groups=_table(folder / "groups.parquet", GROUPS, notes),
        notes=tuple(notes),
    )


def _table(path: Path, columns: Mapping[str, pa.DataType], notes: list[str]) -> pa.Table:
    """The columns in the types named; what cannot be had is null, and noted."""
    schema = pa.schema(list(columns.items()))
    if not path.is_file():
        notes.append(f"{path.name} is missing")
        return schema.empty_table()
    try:
        has = pq.read_schema(path).names
        table = pq.read_table(path, columns=[name for name in columns if name in has])
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        notes.append(show(f"{path.name} cannot be read: {str(error).splitlines()[0]}"))
        return schema.empty_table()
    arrays, without = [], []
    for name, kind in columns.items():
        try:
            arrays.append(as_kind(table[name], kind))
        except (KeyError, pa.ArrowException):
            arrays.append(pa.nulls(table.num_rows, kind))
            without.append(name)
    if without:
        notes.append(f"{path.name} has no usable {', '.join(without)}")
    return pa.table(arrays, schema=schema)


def as_kind(column: pa.ChunkedArray, kind: pa.DataType, safe: bool = True) -> pa.ChunkedArray:
    """A column in another type.

    Raises:
        pyarrow.ArrowException: it cannot be that, or is text that is not UTF-8.
    """
    made = column.cast(kind, safe=safe)
    text = pc.list_flatten(made) if pa.types.is_list(kind) else made
    if pa.types.is_string(text.type):
        # Arrow takes a file's word for it that text is UTF-8; Python would not.
        text.cast(pa.binary()).cast(pa.string())
    return made


def file_within(folder: Path, name: object) -> Path | None:
    """A file that a summary names, if it is there and in the folder: a page shows nothing else."""
    if not isinstance(name, str) or not name or "\0" in name:
        return None
    try:
        path = (folder / name).resolve()
        return path if path.is_file() and path.is_relative_to(folder.resolve()) else None
    except OSError:
        return None
