"""What a run's tables hold, checked as it is read: a column is what it must be, or the file is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from sdist_ray.errors import InputError

MOST_COUNT = 2.0**53
"""Beyond it a number is not exact as a float."""


class Column(NamedTuple):
    """What a column must be.

    Attributes:
        kind: "text", "whole number" or "number".
        least, most: of a number.
        optional: whether a value may be null or NaN.
    """

    kind: str
    least: float = 0.0
    most: float = 0.0
    optional: bool = False


TEXT, COUNT = Column("text"), Column("whole number", 0.0, MOST_COUNT)
NUMBER, WINDOW = Column("whole number", -MOST_COUNT, MOST_COUNT), Column("whole number", 0.0, 65535.0)
# Times may be those of a clock, pixels those of any image, and the ground a country.
PIXELS, METRES = Column("number", -1e6, 1e6), Column("number", -1e7, 1e7, optional=True)
SHARE = Column("number", 0.0, 1e9)
COLUMNS = {
    "camera": TEXT, "camera_a": TEXT, "camera_b": TEXT, "camera_from": TEXT, "camera_to": TEXT, "kind": TEXT,
    "probability": SHARE, "bin_s": Column("number", 1e-3, 1e6),
    "window": WINDOW, "window_a": WINDOW, "window_b": WINDOW, "occupied_ticks": COUNT,
    "overlap_a": SHARE, "overlap_b": SHARE, "shared_m2": SHARE,
    "tick": NUMBER, "track": NUMBER, "person": NUMBER, "time_s": Column("number", -1e11, 1e11),
    "x": PIXELS, "y": PIXELS, "width": PIXELS, "height": PIXELS,
    "score": Column("number", -1e6, 1e6, optional=True), "ground_x_m": METRES, "ground_y_m": METRES,
}  # fmt: skip


def read_table(path: Path, columns: tuple[str, ...], optional: tuple[str, ...] = ()) -> pa.Table:
    """A Parquet file that has these columns; those that COLUMNS names are as it says, and optional ones too.

    Raises:
        InputError: it cannot be read, lacks one, or holds what it must not.
    """
    try:
        table = pq.read_table(path)
        names = table.column_names
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise unreadable(path, error) from error
    columns = (*columns, *(name for name in optional if name in names))
    check_names(path, table.schema, names, columns)
    for name in columns:
        if name in COLUMNS:
            values = checked(path, table[name], name)
            kind = pa.string() if COLUMNS[name] is TEXT else None
            whole = COLUMNS[name].kind == "whole number"
            made = pa.array(values.astype(np.int64) if whole else values, kind)
            table = table.set_column(names.index(name), name, made)
    return table


def check_names(path: Path, schema: pa.Schema, names: list[str], columns: tuple[str, ...]) -> None:
    """Raise InputError unless each column is there, once, and of the kind that it must be."""
    for name in columns:
        if names.count(name) > 1:
            raise InputError(f"{path}: column {name!r} is there twice")
        if name not in names:
            raise InputError(f"{path}: has no column {name!r}")
        kind = schema.field(name).type
        if name in COLUMNS and not _is(kind, COLUMNS[name].kind):
            raise InputError(f"{path}: column {name} is {kind}, it must be {COLUMNS[name].kind}")


def checked(path: Path, column: pa.Array | pa.ChunkedArray, name: str) -> npt.NDArray[Any]:
    """A column's values: text as objects, numbers as float64, what is null as NaN.

    Raises:
        InputError: they are not what COLUMNS says.
    """
    kind, least, most, optional = COLUMNS[name]
    if column.null_count and not optional:
        raise InputError(f"{path}: column {name} is null in some row")
    if kind == "text":
        try:
            return np.array(column.cast(pa.string()).to_pylist(), dtype=object)
        except (pa.ArrowException, UnicodeDecodeError) as error:
            raise InputError(f"{path}: column {name} is not UTF-8") from error
    plain = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    values: npt.NDArray[np.float64] = plain.to_numpy(zero_copy_only=False).astype(np.float64)
    wrong = ~((values >= least) & (values <= most)) & ~(np.isnan(values) & optional)
    if wrong.any():
        raise InputError(
            f"{path}: column {name} holds {values[wrong][0]:g}; {least:g} to {most:g} are possible"
        )
    return values


def unreadable(path: Path, error: Exception) -> InputError:
    """What is said of a file that is none."""
    reason = (str(error) or type(error).__name__).splitlines()[0][:160]
    return InputError(f"{path}: not a readable Parquet file ({reason})")


def _is(kind: pa.DataType, wanted: str) -> bool:
    if wanted == "text":
        text = kind.value_type if pa.types.is_dictionary(kind) else kind
        return bool(pa.types.is_string(text) or pa.types.is_large_string(text))
    return bool(pa.types.is_integer(kind) or (wanted == "number" and pa.types.is_floating(kind)))


def numbers(path: Path, value: object, name: str) -> npt.NDArray[np.float64]:
    """A list of numbers in one row of a table; what is null in it is NaN.

    Raises:
        InputError: it is none.
    """
    if not isinstance(value, list) or not all(isinstance(one, int | float | None) for one in value):
        raise InputError(f"{path}: column {name} must hold lists of numbers")
    return np.array([np.nan if one is None else float(one) for one in value])
