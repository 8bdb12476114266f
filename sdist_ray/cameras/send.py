"""The other end: how a smart camera sends what it saw. Short, so that its author can copy it."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence

import pyarrow as pa
import pyarrow.ipc

from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.recording_schema import recording_schema

Record = tuple[int, Sequence[int], Sequence[float], Sequence[float]]


def send_records(
    connection: socket.socket, camera: str, fps: float, columns: int, rows: int, records: Iterable[Record]
) -> None:
    """Send records to a network that has connected, each as soon as it comes.

    Args:
        connection: from ``accept`` of a listening socket.
        camera: the camera's id.
        fps: the network's ticks per second; a frame at t epoch seconds is of tick ``floor(t * fps + 1/2)``.
        columns, rows: the network's grid.
        records: for every frame, also one without people: its tick, the windows in which somebody stands
            (row * columns + column, ascending), and for each person where the feet are, x and y as
            fractions of the image's width and height.

    Raises:
        OSError: the network hung up; listen for it to come back.
    """
    schema = recording_schema(Grid(columns, rows), fps)
    with connection.makefile("wb") as stream, pa.ipc.new_stream(stream, schema) as writer:
        for tick, windows, foot_x, foot_y in records:
            values = [[camera], [tick], [list(windows)], [list(foot_x)], [list(foot_y)]]
            arrays = [pa.array(value, field.type) for value, field in zip(values, schema, strict=True)]
            writer.write_batch(pa.record_batch(arrays, schema=schema))
            stream.flush()
