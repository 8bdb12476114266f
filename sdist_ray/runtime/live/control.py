"""The control socket of a live network: commands from other processes of the same user, on the same machine.

A Unix domain socket in the run's folder that nobody but the user may open; ``control.json`` beside it says
where it is. Requests and answers are JSON, one a line; see ``commands``.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sdist_ray.errors import InputError
from sdist_ray.runtime.live.commands import Answer, failure
from sdist_ray.runtime.live.reach import ANSWER_S, NOTE, Lines, Refused, as_line, enter, runs

SOCKET = "control.sock"
MOST_PATH = 100
"""Bytes that the path of a socket may have; Linux knows 107, others fewer."""
MOST_CONNECTIONS = 32
REQUEST_S = 10.0
"""From a request's first byte to its last."""
IDLE_S = 60.0
BACKLOG = 128


def refuse_if_runs(folder: Path) -> None:
    """Touch nothing in the folder of a network that runs.

    Raises:
        InputError: one does.
    """
    if runs(folder.absolute()):
        raise InputError(f"{folder}: a network runs in this folder already; output=… would be another one")


class ControlServer:
    """Answers requests at a run's control socket, in threads of its own. A context manager.

    Args:
        folder: of the run.
        answer: what a request, any JSON value, is answered; never raises.
        about: what ``control.json`` says beside where the socket is: the network's name, its runtime.

    Raises:
        InputError: another network runs in the folder, or there is no place for a socket.
    """

    def __init__(self, folder: Path, answer: Callable[[object], Answer], about: dict[str, Any]) -> None:
        self._answer = answer
        self._folder = folder.absolute()
        self._note = self._folder / NOTE
        refuse_if_runs(folder)
        self._path, self._made = _place(self._folder)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # Before it is there: it is never open to others, not for a moment.
            with contextlib.suppress(OSError):
                os.fchmod(self._listener.fileno(), 0o600)
            self._path.unlink(missing_ok=True)
            self._listener.bind(str(self._path))
            self._path.chmod(0o600)
            self._listener.listen(BACKLOG)
            note = {**about, "socket": str(self._path), "node": socket.gethostname(), "pid": os.getpid()}
            partial = self._note.with_name(f".partial-{NOTE}")
            partial.write_text(json.dumps(note, indent=2) + "\n")
            os.replace(partial, self._note)
        except OSError as error:
            self._listener.close()
            raise InputError(f"{self._path}: no control socket: {error.strerror or error}") from error
        self._entry = enter(self._folder, about.get("network"))
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._accept, name="control", daemon=True)
        self._thread.start()

    def __enter__(self) -> ControlServer:
        """Nothing more."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def close(self) -> None:
        """Answer no more; the socket is gone. Safe to call twice."""
        for path in (self._note, self._path, self._entry):
            if path is not None:
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)
        if self._made is not None:
            with contextlib.suppress(OSError):
                self._made.rmdir()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE, errno.ECONNABORTED):
                    time.sleep(0.1)
                    continue
                return
            with self._lock:
                full = len(self._connections) >= MOST_CONNECTIONS
                if not full:
                    self._connections.add(connection)
            if full:
                connection.settimeout(0.1)
                with contextlib.suppress(OSError), connection:
                    connection.sendall(as_line(failure("too many commands at the same time; try again")))
                continue
            threading.Thread(target=self._serve, args=(connection,), name="command", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection:
                reader = Lines(connection)
                while (line := reader.next(IDLE_S, REQUEST_S)) is not None:
                    connection.settimeout(ANSWER_S)
                    connection.sendall(as_line(self._answered(line)))
        except Refused as refused:
            pass_on = as_line(failure(str(refused)))
            with contextlib.suppress(OSError):
                connection.sendall(pass_on)
        except OSError:
            pass
        finally:
            with self._lock:
                self._connections.discard(connection)
            connection.close()

    def _answered(self, line: bytes) -> Answer:
        try:
            request = json.loads(line)
        except (ValueError, RecursionError):
            return failure('a request is one line of JSON, such as {"do": "look"}')
        return self._answer(request)


def _place(folder: Path) -> tuple[Path, Path | None]:
    """Where the socket goes, and the folder that was made for it where the run's path is too long."""
    path = folder / SOCKET
    if len(os.fsencode(path)) <= MOST_PATH:
        return path, None
    try:
        made = Path(tempfile.mkdtemp(prefix="sdist-ray-"))
        if len(os.fsencode(made / SOCKET)) > MOST_PATH:
            made.rmdir()
            made = Path(tempfile.mkdtemp(prefix="sdist-ray-", dir="/tmp"))
    except OSError as error:
        raise InputError(f"no place for a control socket: {error.strerror or error}") from error
    return made / SOCKET, made
