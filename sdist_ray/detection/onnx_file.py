"""What an ONNX file says of itself, read without any ONNX library, so that OpenCV alone can run a model.

An ONNX file is one protobuf message. Only the few fields that matter here are looked at, and weights are
stepped over. A model must be one file: what keeps weights elsewhere could name any file of the machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sdist_ray.errors import InputError

MAX_MODEL_BYTES = 2_000_000_000
"""A protobuf message is no larger."""
MAX_DEPTH = 32
FLOAT = 1
"""TensorProto.DataType."""

# Field numbers of onnx.proto. What messages hold which: only those that can hold a tensor.
CHILDREN: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
}
LOCATION, EXTERNAL_DATA = 14, 13
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5

Field = tuple[int, int | memoryview]


class _NotProtobuf(Exception):
    pass


@dataclass(frozen=True)
class ModelInput:
    """An input or output of a graph.

    Attributes:
        name: what it is called.
        shape: a number per axis, None where it is free; None as a whole where it is not told.
        is_float: whether its elements are float32.
    """

    name: str
    shape: tuple[int | None, ...] | None
    is_float: bool


@dataclass(frozen=True)
class ModelFile:
    """An ONNX file.

    Attributes:
        path: where it is.
        data: all of it.
        inputs: of its graph, those that are not weights.
        outputs: of its graph.
        metadata: its metadata_props.
    """

    path: Path
    data: bytes
    inputs: tuple[ModelInput, ...]
    outputs: tuple[ModelInput, ...]
    metadata: dict[str, str] = field(default_factory=dict)


def read_model(path: Path) -> ModelFile:
    """Read a model.

    Raises:
        InputError: no such file, not an ONNX file, cut off or damaged, or with weights in other files.
    """
    try:
        size = path.stat().st_size
        if size > MAX_MODEL_BYTES:
            raise InputError(f"{path}: of {size} bytes; an ONNX model has at most {MAX_MODEL_BYTES}")
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    try:
        graphs = [part for number, part in _fields(memoryview(data)) if number == 7 and _is_message(part)]
        if len(graphs) != 1:
            raise _NotProtobuf
        _refuse_external(memoryview(data), "model", path)
        _refuse_loose_ends(graphs[0], path)
        return ModelFile(path, data, *_ends(graphs[0]), _metadata(memoryview(data)))
    except (_NotProtobuf, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not an ONNX model, or cut off") from error


def _is_message(part: int | memoryview) -> bool:
    return isinstance(part, memoryview)


def _fields(message: int | memoryview) -> Iterator[Field]:
    """Field numbers and values of a message, in order."""
    if isinstance(message, int):
        raise _NotProtobuf
    at, end = 0, len(message)
    while at < end:
        tag, at = _varint(message, at)
        number, kind = tag >> 3, tag & 7
        if number == 0:
            raise _NotProtobuf
        if kind == VARINT:
            value, at = _varint(message, at)
            yield number, value
            continue
        if kind == BYTES:
            size, at = _varint(message, at)
        elif kind in (FIXED64, FIXED32):
            size = 8 if kind == FIXED64 else 4
        else:
            raise _NotProtobuf
        if size > end - at:
            raise _NotProtobuf
        yield number, message[at : at + size]
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            raise _NotProtobuf
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise _NotProtobuf


def _refuse_external(message: int | memoryview, kind: str, path: Path, depth: int = 0) -> None:
    """Raise InputError if a tensor anywhere in the message keeps its numbers in another file."""
    if depth > MAX_DEPTH:
        raise InputError(f"{path}: graphs within graphs, more than {MAX_DEPTH} deep")
    if kind == "tensor":
        for number, part in _fields(message):
            if number == EXTERNAL_DATA or (number == LOCATION and part == 1):
                raise InputError(
                    f"{path}: keeps weights in another file, which is not read; save it as one file "
                    "(onnx.save(onnx.load(old), new))"
                )
        return
    children = CHILDREN[kind]
    for number, part in _fields(message):
        if number in children:
            _refuse_external(part, children[number], path, depth + 1)


def _refuse_loose_ends(graph: int | memoryview, path: Path) -> None:
    """Raise InputError if a node takes what nothing before it gives: OpenCV would crash on it."""
    known = {""}
    nodes = []
    for number, part in _fields(graph):
        if number == 1:
            nodes.append(part)
        elif number == 5:
            known.update(_text(name) for at, name in _fields(part) if at == 8)
        elif number == 15:
            values = [value for at, value in _fields(part) if at == 1]
            known.update(_text(name) for value in values for at, name in _fields(value) if at == 8)
        elif number == 11:
            known.add(_end(part).name)
    for node in nodes:
        fields = [(at, part) for at, part in _fields(node) if at in (1, 2, 4)]
        texts = [(at, _text(part)) for at, part in fields]
        for at, text in texts:
            if at == 1 and text not in known:
                raise InputError(
                    f"{path}: damaged: a node takes {text[:40]!r}, which nothing before it gives"
                )
        known.update(text for at, text in texts if at == 2)
    for number, part in _fields(graph):
        if number == 12 and _end(part).name not in known:
            raise InputError(f"{path}: damaged: nothing gives its output {_end(part).name[:40]!r}")


def _ends(graph: int | memoryview) -> tuple[tuple[ModelInput, ...], tuple[ModelInput, ...]]:
    """A graph's inputs that are not weights, and its outputs."""
    weights: set[str] = set()
    inputs: list[ModelInput] = []
    outputs: list[ModelInput] = []
    for number, part in _fields(graph):
        if number == 5:
            weights.update(_text(name) for at, name in _fields(part) if at == 8)
        elif number in (11, 12):
            (inputs if number == 11 else outputs).append(_end(part))
    return tuple(end for end in inputs if end.name not in weights), tuple(outputs)


def _end(message: int | memoryview) -> ModelInput:
    name, shape, is_float = "", None, False
    for number, part in _fields(message):
        if number == 1:
            name = _text(part)
        elif number == 2:
            for kind, tensor in _fields(part):
                if kind != 1:
                    continue
                for at, value in _fields(tensor):
                    if at == 1:
                        is_float = value == FLOAT
                    elif at == 2:
                        shape = tuple(_axis(axis) for one, axis in _fields(value) if one == 1)
    return ModelInput(name, shape, is_float)


def _axis(message: int | memoryview) -> int | None:
    for number, part in _fields(message):
        if number == 1 and isinstance(part, int) and 0 < part < 1 << 31:
            return part
    return None


def _metadata(model: memoryview) -> dict[str, str]:
    found = {}
    for number, part in _fields(model):
        if number == 14:
            entry = dict(_fields(part))
            found[_text(entry.get(1, memoryview(b"")))] = _text(entry.get(2, memoryview(b"")))
    return found


def _text(part: int | memoryview) -> str:
    if isinstance(part, int):
        raise _NotProtobuf
    return bytes(part).decode()
