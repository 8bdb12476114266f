"""How a file in good order is damaged: its bytes, its words, its values, its columns."""

from __future__ import annotations

import copy
import datetime
import math
import random
import re
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

NUMBERS: tuple[Any, ...] = (
    0, -1, 1, 2, 3, 255, 256, 65535, 65536, 2**31 - 1, 2**31, -(2**31), 2**32, 2**53, 2**63 - 1, 2**63,
    -(2**63), 2**64, 10**400, 0.0, -0.0, 0.5, 1e-320, 1e-9, 1e9, 1e18, 1e308, -1e308, math.inf, -math.inf,
    math.nan,
)  # fmt: skip
TEXTS = (
    "", " ", "0", "-1", "nan", "inf", "1e999", "\0", "\n", "'", '"', "../../x", "/dev/zero", "file:///x",
    "rtsp://u:p@[::1", "http://[", "drop:", "webcam:999999999999", "a" * 300, "\u202e\ufeff", "é" * 50, "{}",
    "None", "\ud7ff", "١٢", "²", "9" * 5000,
)  # fmt: skip
OTHERS: tuple[Any, ...] = (None, True, False, [], {}, [[]], [None], {"": None}, [1, 2], [[0, 0]] * 3, b"x")
KINDS = (
    pa.int8(), pa.uint16(), pa.int64(), pa.uint64(), pa.float16(), pa.float32(), pa.float64(), pa.bool_(),
    pa.string(), pa.large_string(), pa.binary(), pa.list_(pa.uint16()), pa.large_list(pa.float32()),
    pa.list_(pa.string()), pa.list_(pa.int64()), pa.null(), pa.date32(), pa.timestamp("ns"),
    pa.dictionary(pa.int8(), pa.string()), pa.decimal128(30, 2), pa.struct([("a", pa.int64())]),
    pa.list_(pa.uint16(), 2), pa.string_view(),
)  # fmt: skip
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")


def mutate_bytes(rng: random.Random, data: bytes, others: Sequence[bytes] = ()) -> bytes:
    """One to eight changes: bits, bytes, whole numbers; parts cut, moved, doubled, exchanged."""
    found = bytearray(data)
    for _ in range(1 << rng.randrange(4)):
        size = len(found)
        at = rng.randrange(size + 1)
        end = min(size, at + (1 << rng.randrange(12)))
        what = rng.randrange(9)
        if what == 0 and at < size:
            found[at] ^= 1 << rng.randrange(8)
        elif what == 1 and at < size:
            found[at] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        elif what == 2:
            kind = rng.choice(("<H", ">H", "<I", ">I", "<Q", ">Q"))
            room = 8 * struct.calcsize(kind)
            number = rng.choice((0, 1, 2**room - 1, 2 ** (room - 1), 2 ** (room - 1) - 1, size, size + 1))
            found[at : at + room // 8] = struct.pack(kind, number % 2**room)
        elif what == 3:
            del found[at:end]
        elif what == 4:
            found[at:at] = found[at:end]
        elif what == 5:
            found[at:at] = rng.randbytes(1 << rng.randrange(8))
        elif what == 6:
            to = rng.randrange(size + 1)
            found[to : to + end - at] = found[at:end]
        elif what == 7 and others:
            other = rng.choice(others)
            start = rng.randrange(len(other) + 1)
            found[at:end] = other[start : start + end - at]
        elif what == 8 and rng.random() < 0.3:
            del found[at:]
    return bytes(found)


def mutate_text(rng: random.Random, text: str) -> bytes:
    """Lines that go, come twice or change places; words and numbers that become others; bytes, at times."""
    for _ in range(1 << rng.randrange(3)):
        lines = text.split("\n")
        at, other = rng.randrange(len(lines)), rng.randrange(len(lines))
        what = rng.randrange(6)
        if what == 0:
            del lines[at]
        elif what == 1:
            lines.insert(other, lines[at])
        elif what == 2:
            lines[at], lines[other] = lines[other], lines[at]
        elif what == 3:
            numbers = list(_NUMBER.finditer(text))
            if numbers:
                match = rng.choice(numbers)
                lines = [text[: match.start()] + str(rng.choice(NUMBERS)) + text[match.end() :]]
        elif what == 4:
            words = list(re.finditer(r"\w+", text))
            if words:
                match = rng.choice(words)
                new = rng.choice((rng.choice(words)[0], rng.choice(TEXTS)))
                lines = [text[: match.start()] + new + text[match.end() :]]
        else:
            place = rng.randrange(len(text) + 1)
            lines = [text[:place] + rng.choice(TEXTS) + text[place:]]
        text = "\n".join(lines)
    data = text.encode("utf-8", "surrogatepass")
    return mutate_bytes(rng, data) if rng.random() < 0.2 else data


def odd_value(rng: random.Random) -> Any:
    """A value that hardly anybody reckons with."""
    return copy.deepcopy(rng.choice(rng.choice((NUMBERS, TEXTS, OTHERS, (datetime.datetime(2026, 1, 1),)))))


def mutate_tree(rng: random.Random, tree: Any) -> Any:
    """Values of lists and mappings, one to four of them changed, gone, doubled, or under another name."""
    found = [copy.deepcopy(tree)]
    for _ in range(1 << rng.randrange(3)):
        places = list(_places(found))
        holder, key = rng.choice(places)
        what = rng.randrange(8)
        if what == 0 and holder is not found:
            del holder[key]
        elif what == 1 and isinstance(holder, list) and holder is not found:
            holder.insert(rng.randrange(len(holder) + 1), copy.deepcopy(holder[key]))
        elif what == 2 and isinstance(holder, dict):
            holder[str(odd_value(rng))[:40]] = holder.pop(key)
        elif what == 3:
            there, other = rng.choice(places)
            holder[key] = copy.deepcopy(there[other])
        elif what == 4 and isinstance(holder[key], int | float) and not isinstance(holder[key], bool):
            # A whole number may be larger than any float.
            number = max(-1e300, min(holder[key], 1e300))
            holder[key] = rng.choice((-number, number * 1e6, number / 1e6, rng.choice(NUMBERS)))
        elif what == 5 and holder is not found:
            for _ in range(rng.choice((1, 10, 100))):
                holder[key] = [holder[key]]
        else:
            holder[key] = odd_value(rng)
    return found[0]


def _places(node: Any) -> Any:
    """Every place in a tree: what holds it, and its key there."""
    waiting = [node]
    while waiting:
        holder = waiting.pop()
        for key in list(holder) if isinstance(holder, dict) else range(len(holder)):
            yield holder, key
            if isinstance(holder[key], dict | list):
                waiting.append(holder[key])


def mutate_table(rng: random.Random, table: pa.Table) -> pa.Table:
    """A table whose columns lack, are of another type, hold nulls and extremes; or with no rows."""
    for _ in range(1 << rng.randrange(3)):
        if not table.num_columns:
            return table
        at = rng.randrange(table.num_columns)
        name, column = table.column_names[at], table.column(at)
        what = rng.randrange(8)
        if what == 0:
            table = table.remove_column(at)
        elif what == 1:
            table = table.append_column(rng.choice((name, f"{name}x", "")), column)
        elif what == 2:
            table = table.slice(rng.randrange(table.num_rows + 1), rng.choice((0, 1, table.num_rows)))
        elif what == 3 and table.num_rows and pa.string_view() not in table.schema.types:
            # Arrow itself cannot take some of such a column.
            rows = rng.choices(range(table.num_rows), k=table.num_rows)
            table = table.take(pa.array(rows, pa.int64()))
        elif what == 4:
            table = _metadata(rng, table)
        elif what == 5:
            with_other = _cast(rng, column)
            table = table if with_other is None else table.set_column(at, name, with_other)
        else:
            table = table.set_column(at, name, _values(rng, column))
    return table


def _metadata(rng: random.Random, table: pa.Table) -> pa.Table:
    metadata = dict(table.schema.metadata or {})
    if metadata:
        key = rng.choice(sorted(metadata))
        if rng.random() < 0.3:
            del metadata[key]
        else:
            odd = rng.choice((str(rng.choice(NUMBERS)), rng.choice(TEXTS)))
            metadata[key] = odd.encode("utf-8", "surrogatepass")
    if rng.random() < 0.2:
        metadata[rng.randbytes(5)] = rng.randbytes(5)
    return table.replace_schema_metadata(metadata)


def _cast(rng: random.Random, column: pa.ChunkedArray) -> Any:
    kind = rng.choice(KINDS)
    try:
        return column.cast(kind, safe=False)
    except (pa.ArrowException, ValueError, TypeError):
        try:
            return pa.nulls(len(column), kind)
        except (pa.ArrowException, ValueError, TypeError):
            return None


def _values(rng: random.Random, column: pa.ChunkedArray) -> Any:
    """Some of a column's values as nulls or extremes of its own type."""
    kind = column.type
    try:
        values = column.to_pylist()
    except (ValueError, OverflowError):
        # A date before the year 1, by damage done before.
        return column
    for _ in range(rng.choice((1, 3, len(values)))):
        if values:
            values[rng.randrange(len(values))] = _extreme(rng, kind)
    try:
        return pa.array(values, kind)
    except (pa.ArrowException, ValueError, TypeError, OverflowError):
        return column


def _extreme(rng: random.Random, kind: pa.DataType) -> Any:
    if rng.random() < 0.2:
        return None
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return [_extreme(rng, kind.value_type) for _ in range(rng.choice((0, 1, 2, 50)))]
    if pa.types.is_integer(kind):
        limits = np.iinfo(kind.to_pandas_dtype())
        return rng.choice((int(limits.min), int(limits.max), 0, min(int(limits.max), 108), 1 << 6))
    if pa.types.is_floating(kind):
        return rng.choice((0.0, -1.0, 1e308, -1e308, math.inf, -math.inf, math.nan, 0.999999, 1.0))
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return rng.choice([text for text in TEXTS if text != "\ud7ff"])
    return None
