"""What a topology run left in its folder, read once and checked."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sdist_ray.cameras.camera import without_credentials
from sdist_ray.errors import InputError
from sdist_ray.occupancy.grid import Grid

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LINK_COLUMNS = ("camera_a", "window_a", "camera_b", "window_b", "score_ab", "score_ba")
EDGE_COLUMNS = ("camera_a", "camera_b", "links", "score")
WINDOW_COLUMNS = ("camera", "window", "occupied_ticks")
OPTIONAL_COLUMNS = ("kind", "transit_mean_s")
LIST_COLUMNS = {
    "holders": pa.string(),
    **dict.fromkeys(("windows_from", "windows_to", "asked", "held"), pa.int64()),
    **dict.fromkeys(("histogram", "shares", "edges_s"), pa.float64()),
}
MOST_COUNT = 1 << 53
"""Beyond it a number is not exact as a float: nobody has counted so far."""
LEAST_FPS, MOST_FPS = 1e-4, 1000.0


@dataclass(frozen=True)
class CameraState:
    """How one camera fared in the run; counts are None where the run does not say."""

    id: str
    status: str
    message: str
    frames: int | None
    available: int | None
    unavailable: int | None
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class Links:
    """Links as arrays of one length; cameras are indices into ``Run.cameras``.

    ``score`` is the weaker of the two directions' scores.
    """

    camera_a: Ints
    window_a: Ints
    camera_b: Ints
    window_b: Ints
    score: Floats


@dataclass(frozen=True)
class Edges:
    """Edges as arrays of one length, most links first; cameras are indices into ``Run.cameras``.

    ``transit`` tells edges that people walk from those whose views overlap; ``transit_mean_s`` is NaN
    where unknown.
    """

    camera_a: Ints
    camera_b: Ints
    links: Ints
    score: Floats
    transit: npt.NDArray[np.bool_]
    transit_mean_s: Floats


@dataclass(frozen=True)
class Run:
    """A run's folder in memory.

    Attributes:
        folder: where it lies.
        summary: of summary.json; any field may be missing.
        cameras: sorted by id, numbers in ids by their value.
        grid: of every camera.
        links, edges: the topology.
        occupied: int64 (cameras, windows), occupied ticks; None when the run did not keep them.
        config: text of config.yaml, without credentials; empty when there is none.
    """

    folder: Path
    summary: Mapping[str, Any]
    cameras: tuple[CameraState, ...]
    grid: Grid
    links: Links
    edges: Edges
    occupied: Ints | None
    config: str


def read_run(folder: Path) -> Run:
    """Read a run's folder.

    Raises:
        InputError: it is not the folder of a topology run, or a file in it is damaged.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder; give the folder that a topology run wrote")
    for name in ("links.parquet", "edges.parquet", "summary.json"):
        if not (folder / name).is_file():
            raise InputError(f"{folder}: not a topology run's folder, it has no {name}")
    summary = _summary(folder / "summary.json")
    links = read_columns(folder / "links.parquet", LINK_COLUMNS)
    edges = read_columns(folder / "edges.parquet", EDGE_COLUMNS)
    has_windows = (folder / "windows.parquet").is_file()
    windows = read_columns(folder / "windows.parquet", WINDOW_COLUMNS) if has_windows else None
    cameras = _cameras(summary, links, edges, windows)
    place = {camera.id: number for number, camera in enumerate(cameras)}
    grid = _grid(summary, folder)
    return Run(
        folder=folder,
        summary=summary,
        cameras=cameras,
        grid=grid,
        links=_links(links, place, grid, folder),
        edges=_edges(edges, place),
        occupied=None if windows is None else _occupied(windows, place, grid, folder),
        config=_config(folder / "config.yaml"),
    )


def newest(folder: Path) -> Path:
    """The folder of a run's newest topology: its own, or that of the latest publication of a live network."""
    latest = folder / "latest"
    return latest if not (folder / "links.parquet").is_file() and latest.is_dir() else folder


def show(text: str) -> str:
    """A text as it may be printed: addresses in it lose their credentials."""
    return re.sub(r"[A-Za-z][\w+.-]*://[^\s'\",\]}>]+", lambda m: without_credentials(m[0]), text)


def _summary(path: Path) -> Mapping[str, Any]:
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: not readable as JSON: {error}") from error
    if not isinstance(summary, dict):
        raise InputError(f"{path}: a JSON object was expected, got {type(summary).__name__}")
    return summary


def read_columns(path: Path, columns: tuple[str, ...]) -> pa.Table:
    """A Parquet file that has these columns.

    Raises:
        InputError: it cannot be read, or lacks one.
    """
    try:
        table = pq.read_table(path)
        # A name that is not UTF-8 is refused here.
        names = table.column_names
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not readable as Parquet: {error}") from error
    missing = [column for column in columns if column not in names]
    if missing:
        raise InputError(f"{path}: columns {', '.join(missing)} are missing")
    wanted = [*columns, *(column for column in OPTIONAL_COLUMNS if column in names)]
    twice = [column for column in wanted if names.count(column) > 1]
    if twice:
        raise InputError(f"{path}: columns {', '.join(twice)} are there twice")
    return pa.table({column: _typed(table[column], column, path) for column in wanted})


def _typed(values: pa.ChunkedArray, column: str, path: Path) -> pa.ChunkedArray:
    """A column as text, where it says which camera or kind, lists where it has them, else float64."""
    is_id = column.startswith("camera")
    kind = pa.string() if is_id or column == "kind" else pa.float64()
    if column in LIST_COLUMNS:
        kind = pa.list_(LIST_COLUMNS[column])
        if not pa.types.is_list(values.type) or values.null_count or pc.list_flatten(values).null_count:
            raise InputError(f"{path}: column {column} is {values.type}, it must be {kind} without nulls")
    if is_id and values.null_count:
        raise InputError(f"{path}: {column} is null in {values.null_count} rows, it must be an id")
    try:
        made = values if values.type == kind else values.cast(kind, safe=False)
        # Bytes become text whatever they are.
        made.validate(full=True)
        return made
    except (pa.ArrowException, UnicodeDecodeError) as error:
        raise InputError(f"{path}: column {column} is {values.type}, it must be {kind}") from error


def _ids(table: pa.Table | None, *columns: str) -> set[str]:
    if table is None:
        return set()
    return {str(i) for column in columns for i in table[column].unique().to_pylist()}


def _cameras(
    summary: Mapping[str, Any], links: pa.Table, edges: pa.Table, windows: pa.Table | None
) -> tuple[CameraState, ...]:
    listed = summary.get("cameras")
    entries = [c for c in listed if isinstance(c, dict)] if isinstance(listed, list) else []
    states = {state.id: state for state in map(_camera, entries)}
    found = _ids(links, "camera_a", "camera_b") | _ids(edges, "camera_a", "camera_b")
    for camera in found | _ids(windows, "camera"):
        states.setdefault(camera, _camera({"id": camera}))
    return tuple(sorted(states.values(), key=lambda state: natural(state.id)))


def natural(text: str) -> list[tuple[int, int, str]]:
    """A sort key that puts C2 before C10."""
    # No number is longer: Python makes none of thousands of digits.
    parts = re.split(r"([0-9]{1,18})", text)
    return [(0, int(p), "") if p.isascii() and p.isdigit() else (1, 0, p) for p in parts if p]


def _camera(entry: Mapping[str, Any]) -> CameraState:
    warnings = entry.get("warnings")
    return CameraState(
        id=str(entry.get("id", "?")),
        status=str(entry.get("status") or "ok"),
        message=show(str(entry.get("message") or "")),
        frames=_count(entry.get("frames")),
        available=_count(entry.get("ticks_available")),
        unavailable=_count(entry.get("ticks_unavailable")),
        warnings=tuple(show(str(w)) for w in warnings) if isinstance(warnings, list) else (),
    )


def _count(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < MOST_COUNT:
        return None
    return int(value)


def rate(value: object) -> float | None:
    """Times a second, as a summary says it; None where it says none that can be."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not LEAST_FPS <= value <= MOST_FPS:
        return None
    return float(value)


def _grid(summary: Mapping[str, Any], folder: Path) -> Grid:
    given = summary.get("grid")
    if not isinstance(given, dict):
        return Grid()
    columns, rows = _count(given.get("columns", 12)), _count(given.get("rows", 9))
    if columns is None or rows is None:
        raise InputError(f"{folder}/summary.json: grid.columns and grid.rows must be numbers")
    return Grid(columns, rows)


def camera_numbers(table: pa.Table, column: str, place: Mapping[str, int]) -> Ints:
    """A column of ids as numbers of cameras, int64 (rows,)."""
    coded = table[column].combine_chunks().dictionary_encode()
    codes = np.array([place[str(i)] for i in coded.dictionary.to_pylist()], dtype=np.int64)
    return codes[coded.indices.to_numpy(zero_copy_only=False)] if len(coded) else codes[:0]


def numbers(table: pa.Table, column: str) -> Floats:
    """A column as float64 (rows,); NaN where there is none."""
    return np.asarray(table[column].to_numpy(), dtype=np.float64)


def _counts(table: pa.Table, column: str) -> Ints:
    return np.clip(np.nan_to_num(numbers(table, column)), 0, MOST_COUNT).astype(np.int64)


def window_numbers(table: pa.Table, column: str, grid: Grid, path: str) -> Ints:
    """A column of windows, int64 (rows,), all of them in the grid."""
    window = numbers(table, column)
    strange = ~((window >= 0) & (window < grid.windows))
    if strange.any():
        raise InputError(f"{path}: {column} {window[strange][0]:g} is not in a grid of {grid}")
    return window.astype(np.int64)


def _links(table: pa.Table, place: Mapping[str, int], grid: Grid, folder: Path) -> Links:
    path = f"{folder}/links.parquet"
    return Links(
        camera_a=camera_numbers(table, "camera_a", place),
        window_a=window_numbers(table, "window_a", grid, path),
        camera_b=camera_numbers(table, "camera_b", place),
        window_b=window_numbers(table, "window_b", grid, path),
        score=np.minimum(numbers(table, "score_ab"), numbers(table, "score_ba")),
    )


def _edges(table: pa.Table, place: Mapping[str, int]) -> Edges:
    links = _counts(table, "links")
    score = np.nan_to_num(numbers(table, "score"))
    blank = np.full(len(links), np.nan)
    has = table.column_names
    kinds = table["kind"].to_pylist() if "kind" in has else ["overlap"] * len(links)
    mean = numbers(table, "transit_mean_s") if "transit_mean_s" in has else blank
    order = np.lexsort((-score, -links))
    return Edges(
        camera_a=camera_numbers(table, "camera_a", place)[order],
        camera_b=camera_numbers(table, "camera_b", place)[order],
        links=links[order],
        score=score[order],
        transit=np.array([kind == "transit" for kind in kinds], dtype=np.bool_)[order],
        transit_mean_s=mean[order],
    )


def _occupied(table: pa.Table, place: Mapping[str, int], grid: Grid, folder: Path) -> Ints:
    window = window_numbers(table, "window", grid, f"{folder}/windows.parquet")
    ticks = _counts(table, "occupied_ticks")
    occupied = np.zeros((len(place), grid.windows), dtype=np.int64)
    occupied[camera_numbers(table, "camera", place), window] = ticks
    return occupied


def _config(path: Path) -> str:
    try:
        return show(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return ""
