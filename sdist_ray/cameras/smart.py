"""Smart cameras: they detect people themselves, and send occupancy records instead of pixels."""

from __future__ import annotations

import io
import socket
import struct
import threading
import time
from abc import abstractmethod
from collections import deque
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.ipc

from sdist_ray.cameras.camera import Camera, without_credentials
from sdist_ray.cameras.records import Indices, Intake
from sdist_ray.errors import InputError
from sdist_ray.occupancy.block import Rows
from sdist_ray.occupancy.grid import Grid
from sdist_ray.video.reconnect import Pauses
from sdist_ray.video.threaded import PATIENT, Link, Lost, Reconnecting, Timeouts

QUEUE_ROWS = 200_000
MAX_MESSAGE_BYTES = 16 << 20
"""The largest part of a message that a camera may declare."""


class RecordStream(Reconnecting):
    """A smart camera, live: rows of occupancy as they come. Nothing here waits; a thread of its own does.

    A camera that cannot be reached, or sends what is no recording, is no error: ``status`` says so, and it is
    tried again with growing, jittered pauses until the stream is closed.
    """

    def __init__(
        self,
        camera: Camera,
        grid: Grid,
        fps: float,
        indices: Indices,
        wake: threading.Event | None = None,
        timeouts: Timeouts = PATIENT,
        pauses: Pauses | None = None,
    ) -> None:
        super().__init__(camera.id, wake, timeouts, pauses)
        self._intake = Intake(grid, fps, indices)
        self._rows: deque[Rows] = deque()
        self._count = 0

    @abstractmethod
    def _receive(self, link: Link) -> None: ...

    def poll(self, now_s: float) -> list[Rows]:
        """All rows that wait, taken out, in the order they came; mostly an empty list.

        Args:
            now_s: wall time, UTC epoch seconds.
        """
        if not self._rows:
            if now_s > self._overdue_s:
                self._leave(now_s)
            return []
        taken = []
        for _ in range(len(self._rows)):
            try:
                taken.append(self._rows.popleft())
            except IndexError:
                break
        return taken

    def close(self) -> None:
        """See Reconnecting."""
        super().close()
        self._rows.clear()

    def _hand_over(self, rows: Rows) -> None:
        """Queue rows; the oldest are dropped and counted where nobody takes them."""
        if len(rows.tick):
            self._rows.append(rows)
        waiting = sum(len(part.tick) for part in tuple(self._rows))
        while waiting > QUEUE_ROWS and len(self._rows) > 1:
            try:
                lost = len(self._rows.popleft().tick)
            except IndexError:
                break
            waiting -= lost
            self._intake.dropped += lost
        self._dropped = self._intake.dropped
        if self._closed:
            self._rows.clear()
        if self._wake is not None:
            self._wake.set()


class SocketRecords(RecordStream):
    """A smart camera at ``tcp://host:port`` that writes an Arrow IPC stream to whoever connects.

    The stream has the schema of an occupancy recording, its metadata included; each batch holds the ticks
    since the last one, uncompressed. See ``sdist_ray.cameras.send`` for the other end.

    Args:
        camera: with such an address.
        grid, fps: the network's; the stream's must equal them.
        indices: the camera's index in the network, or an index for every id in the stream's camera column.
        wake, timeouts, pauses: see Reconnecting. Batches should come more often than the read time-out.
    """

    def __init__(self, camera: Camera, grid: Grid, fps: float, indices: Indices, **others: Any) -> None:
        super().__init__(camera, grid, fps, indices, **others)
        parts = urlsplit(camera.url or "")
        self._address = (parts.hostname or "", parts.port or 0)
        self._shown = without_credentials(camera.url or "")
        self._start()

    def _receive(self, link: Link) -> None:
        try:
            with socket.create_connection(self._address, self._timeouts.open_s) as connection:
                link.waits_on(connection)
                connection.settimeout(self._timeouts.read_s)
                with connection.makefile("rb") as stream:
                    self._follow(stream, link)
        except socket.gaierror:
            raise Lost("no such host name") from None
        except TimeoutError:
            raise Lost(f"no data for {self._timeouts.read_s:g} s") from None
        except OSError as error:
            raise Lost(f"no connection: {error.strerror or type(error).__name__}") from None
        except InputError as error:
            raise Lost(str(error)) from None
        except (pa.ArrowException, ValueError, EOFError):
            raise Lost(f"{self._shown}: what it sends is no Arrow IPC stream, or is cut off") from None

    def _follow(self, stream: io.BufferedIOBase, link: Link) -> None:
        schema = read_head(stream, self._shown)
        if schema is None:
            return
        self._intake.check(self._shown, schema)
        if pa.types.is_dictionary(schema.field("camera").type):
            raise InputError(f"{self._shown}: column 'camera' must be string here, not a dictionary")
        while (batch := read_batch(stream, self._shown, schema)) is not None:
            now_s = time.time()
            rows = self._intake.rows(self._shown, batch, now_s)
            if link.stop.is_set():
                return
            self._came(now_s)
            self._hand_over(rows)


def read_head(stream: io.BufferedIOBase, where: str) -> Any:
    """The schema that a stream begins with; None where it ends before. Raises as ``read_message`` does."""
    message = read_message(stream, where)
    # Arrow believes its caller that a message is of the kind that it is read as.
    if message is not None and message.type != "schema":
        raise InputError(f"{where}: the stream begins with a {message.type}, not with a schema")
    return None if message is None else _parsed(pa.ipc.read_schema, message)


def read_batch(stream: io.BufferedIOBase, where: str, schema: pa.Schema) -> Any:
    """The next batch, not validated; None at the stream's end. Raises as ``read_message`` does."""
    message = read_message(stream, where)
    if message is not None and message.type != "record batch":
        raise InputError(f"{where}: a {message.type}, where a batch of rows was expected")
    return None if message is None else _parsed(pa.ipc.read_record_batch, message, schema)


def read_message(stream: io.BufferedIOBase, where: str) -> Any:
    """The next message of an Arrow IPC stream; None at its end.

    Sizes are looked at before anything of such a size is made.

    Raises:
        InputError: it declares too much, or is compressed: that could become any size.
        EOFError: it is cut off.
        ValueError: it is no such message.
    """
    prefix = stream.read(4)
    if not prefix:
        return None
    if prefix == b"\xff\xff\xff\xff":
        prefix = stream.read(4)
    if len(prefix) < 4:
        raise EOFError
    size = struct.unpack("<i", prefix)[0]
    if size == 0:
        return None
    metadata = _exactly(stream, size, where)
    body_bytes, compressed = _body(metadata)
    if compressed:
        raise InputError(f"{where}: its batches are compressed; they must be sent uncompressed")
    body = _exactly(stream, body_bytes, where)
    head = b"\xff\xff\xff\xff" + struct.pack("<i", size) + metadata
    return _parsed(pa.ipc.read_message, pa.BufferReader(head + body))


def _parsed(parse: Callable[..., Any], *parts: Any) -> Any:
    """What Arrow makes of bytes; it calls some damage an OSError, as if the connection were at fault."""
    try:
        return parse(*parts)
    except OSError as error:
        raise ValueError("damaged") from error


def _exactly(stream: io.BufferedIOBase, size: int, where: str) -> bytes:
    if not 0 <= size <= MAX_MESSAGE_BYTES:
        raise InputError(
            f"{where}: declares a message of {size} bytes: no Arrow IPC stream of records "
            f"(at most {MAX_MESSAGE_BYTES >> 20} MB)"
        )
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


def _body(metadata: bytes) -> tuple[int, bool]:
    """How long a message's body is, and whether it is compressed: two fields of its flatbuffer.

    Message: 0 version, 1 header type, 2 header, 3 body length. RecordBatch, header type 3: 3 compression.
    """
    try:
        message = struct.unpack_from("<I", metadata)[0]
        length_at = _field(metadata, message, 3)
        length = struct.unpack_from("<q", metadata, length_at)[0] if length_at else 0
        kind_at, header_at = _field(metadata, message, 1), _field(metadata, message, 2)
        compressed = False
        if kind_at and header_at and metadata[kind_at] == 3:
            batch = header_at + struct.unpack_from("<I", metadata, header_at)[0]
            compressed = _field(metadata, batch, 3) != 0
    except (struct.error, IndexError):
        raise ValueError("no flatbuffer") from None
    return length, compressed


def _field(data: bytes, table: int, number: int) -> int:
    """Where a field of a flatbuffer's table stands; 0 where it is left out."""
    slots = table - struct.unpack_from("<i", data, table)[0]
    if slots < 0:
        raise IndexError
    size = struct.unpack_from("<H", data, slots)[0]
    at = 4 + 2 * number
    offset = struct.unpack_from("<H", data, slots + at)[0] if at + 2 <= size else 0
    return table + offset if offset else 0
