"""What all streams have in common that wait for something: a thread, a bounded queue, and patience."""

from __future__ import annotations

import contextlib
import logging
import math
import socket
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass

from sdist_ray.video.reconnect import Pauses
from sdist_ray.video.source import Image
from sdist_ray.video.stream import Shot, Stream, StreamStatus
from sdist_ray.video.threads import start

log = logging.getLogger(__name__)

QUEUE_S = 2.0
QUEUE_FRAMES = 120
QUEUE_BYTES = 64 << 20


class Lost(Exception):
    """A connection that could not be had, or is no more: one line that says why, without credentials."""


@dataclass(frozen=True)
class Timeouts:
    """How long a stream waits for a camera before it counts as lost.

    Attributes:
        open_s: for it to answer, seconds.
        read_s: for its next frame, seconds.
    """

    open_s: float = 5.0
    read_s: float = 5.0


PATIENT = Timeouts()


class Link:
    """One thread's share of a stream. A thread that hangs is left to itself, and its link with it.

    Attributes:
        stop: set when the thread must end.
    """

    def __init__(self) -> None:
        self.stop = threading.Event()
        self._socket: socket.socket | None = None

    def waits_on(self, connection: socket.socket | None) -> None:
        """``hang_up`` shuts this from now on."""
        self._socket = connection
        if self.stop.is_set():
            self.hang_up()

    def hang_up(self) -> bool:
        """Wake the thread out of a read, where it waits on a socket that is known."""
        connection = self._socket
        if connection is None:
            return False
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        return True


class Reconnecting(ABC):
    """A daemon thread that receives something from a camera, and has the connection again when it is lost.

    One that neither ends nor gives anything, although its reads should have timed out, is hung up; or left to
    itself where that cannot be, once: after that ``_sure`` is set, and reads have to time out by all means.

    Args:
        name: what the thread is called; a camera's id.
        wake: set whenever something arrives.
        timeouts: how long to wait.
        pauses: between a loss and the next try.
    """

    def __init__(
        self,
        name: str,
        wake: threading.Event | None = None,
        timeouts: Timeouts = PATIENT,
        pauses: Pauses | None = None,
    ) -> None:
        self._name = name
        self._wake = wake
        self._timeouts = timeouts
        self._pauses = pauses or Pauses()
        self._state = "connecting"
        self._problem: str | None = None
        self._reconnects = 0
        self._dropped = 0
        self._arrived_s: float | None = None
        self._first_s: float | None = None
        self._overdue_s = math.inf
        self._sure = False
        self._closed = False
        self._link = Link()

    @abstractmethod
    def _receive(self, link: Link) -> None:
        """Connect, and hand over what comes until it ends, or ``link.stop`` is set.

        Raises:
            Lost: it could not be had, or is no more.
        """

    def status(self) -> StreamStatus:
        """How it is."""
        state = "ended" if self._closed else self._state
        return StreamStatus(state, self._reconnects, self._dropped, self._arrived_s, self._problem)

    def close(self) -> None:
        """Let go of everything, soon. A thread that hangs in a read ends when that times out."""
        self._closed = True
        self._overdue_s = math.inf
        self._link.stop.set()
        self._link.hang_up()

    def _start(self) -> None:
        """Begin to receive; a subclass calls it once all is set up."""
        link = self._link
        start(lambda: self._run(link), f"camera {self._name}", self.close)

    def _came(self, arrived_s: float) -> None:
        """Something arrived."""
        if self._first_s is None:
            self._first_s = arrived_s
            if self._arrived_s is not None:
                self._reconnects += 1
                log.warning("camera %s: is back", self._name)
            self._state, self._problem = "live", None
        self._arrived_s = arrived_s
        self._overdue_s = arrived_s + 2 * self._timeouts.read_s

    def _run(self, link: Link) -> None:
        while not link.stop.is_set():
            self._state, self._first_s = "connecting", None
            patience_s = 2 * (self._timeouts.open_s + self._timeouts.read_s)
            self._overdue_s = time.time() + patience_s if not self._closed else math.inf
            try:
                self._receive(link)
                problem = "the camera ended the stream"
            except Lost as lost:
                problem = str(lost)
            except Exception as error:
                # Its text may hold the address with its password: only its kind may be shown.
                problem = f"unforeseen: {type(error).__name__}"
            link.waits_on(None)
            if link.stop.is_set():
                return
            self._overdue_s = math.inf
            lived_s = 0.0 if self._first_s is None else time.time() - self._first_s
            pause_s = self._pauses.after(lived_s)
            if problem != self._problem:
                log.warning("camera %s: %s; it is tried again", self._name, problem)
            self._state, self._problem = "waiting", problem
            link.stop.wait(pause_s)

    def _leave(self, now_s: float) -> None:
        """End a connection whose reads do not time out although nothing comes."""
        self._overdue_s = now_s + 2 * self._timeouts.read_s
        if self._closed or self._link.hang_up():
            return
        if self._sure:
            # Its reads do time out, in a while.
            return
        self._sure = True
        self._link.stop.set()
        self._link = Link()
        self._state = "waiting"
        self._problem = "the connection lives, but no frames come"
        self._start()


class ThreadedStream(Reconnecting, Stream):
    """A stream whose frames a thread receives. They wait for 2 s at most; then the oldest are dropped."""

    def __init__(
        self,
        name: str,
        wake: threading.Event | None = None,
        timeouts: Timeouts = PATIENT,
        pauses: Pauses | None = None,
    ) -> None:
        super().__init__(name, wake, timeouts, pauses)
        self._waiting: deque[Shot] = deque()

    def poll(self, now_s: float) -> Shot | None:
        """See Stream."""
        if self._waiting:
            try:
                return self._waiting.popleft()
            except IndexError:
                # The thread dropped it meanwhile.
                return None
        if now_s > self._overdue_s:
            self._leave(now_s)
        return None

    def next_s(self, now_s: float) -> float:
        """See Stream."""
        return now_s

    def close(self) -> None:
        """See Stream."""
        super().close()
        self._waiting.clear()

    def _give(self, link: Link, time_s: float, content: bytes | Image, arrived_s: float) -> bool:
        """Hand a frame over; False when the thread must end."""
        if link.stop.is_set():
            return False
        self._came(arrived_s)
        size = len(content) if isinstance(content, bytes) else content.nbytes
        waiting = self._waiting
        most = max(1, min(QUEUE_FRAMES, QUEUE_BYTES // max(1, size)))
        with contextlib.suppress(IndexError):
            # Whoever polls may take the last one meanwhile.
            while len(waiting) >= most or (waiting and waiting[0].time_s < time_s - QUEUE_S):
                waiting.popleft()
                self._dropped += 1
        waiting.append(Shot(time_s, content))
        if self._closed:
            waiting.clear()
        if self._wake is not None:
            self._wake.set()
        return True
