"""The way to the control socket of a run, and which runs of this user and machine have one.

Requests and answers are JSON, one a line; see ``commands`` and ``control``.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import socket
import time
from pathlib import Path
from typing import Any

from sdist_ray.errors import InputError
from sdist_ray.private import private_folder
from sdist_ray.runtime.live.commands import Answer

NOTE = "control.json"
MOST_BYTES = 16 << 20
"""Of a request: some ten thousand cameras."""
ANSWER_S = 30.0
BUSY_S = 5.0
"""How long one waits to be let in where many do."""


class SocketRemote:
    """The way to a network of this machine, through the control socket of its run. See Remote.

    Args:
        folder: of the run.

    Raises:
        InputError: no network runs there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        note = read_note(folder)
        try:
            self._socket = connect(Path(str(note.get("socket"))))
        except OSError as error:
            node = note.get("node")
            if node not in (None, socket.gethostname()):
                raise InputError(
                    f"{folder}: its network runs on {node}; ask there, or with RAY_ADDRESS and network="
                    f"{note.get('network', '…')}"
                ) from error
            raise InputError(f"{folder}: its network has ended ({error.strerror or error})") from error
        self._lines = Lines(self._socket)

    def ask(self, request: Answer) -> Answer:
        """See Remote."""
        line = as_line(request)
        if len(line) > MOST_BYTES:
            raise InputError(
                f"more than can be asked at a time ({MOST_BYTES >> 20} MB): ask for a part of it"
            )
        try:
            self._socket.settimeout(ANSWER_S)
            with contextlib.suppress(BrokenPipeError):
                # Who refuses to read on says why.
                self._socket.sendall(line)
            found = self._lines.next(ANSWER_S, ANSWER_S)
        except (OSError, Refused) as error:
            raise InputError(f"{self._folder}: its network does not answer ({error})") from error
        if found is None:
            raise InputError(f"{self._folder}: its network has ended")
        answer = json.loads(found)
        assert isinstance(answer, dict)
        return answer

    def close(self) -> None:
        """See Remote."""
        self._socket.close()


class Refused(Exception):
    """A line that is too long, or that takes too long."""


class Lines:
    """Lines that come over a connection.

    Args:
        connection: a socket of bytes.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._left = b""

    def next(self, begin_s: float, end_s: float) -> bytes | None:
        """The next line; None where there is none, or it did not begin within ``begin_s``.

        Raises:
            Refused: it has more than MOST_BYTES, or took longer than ``end_s``.
        """
        parts, size = [self._left], len(self._left)
        until = time.monotonic() + (end_s if size else begin_s)
        while b"\n" not in parts[-1]:
            left_s = until - time.monotonic()
            try:
                if left_s <= 0:
                    raise TimeoutError
                self._connection.settimeout(left_s)
                part = self._connection.recv(1 << 16)
            except TimeoutError:
                if not size:
                    return None
                raise Refused(f"a request that is not whole within {end_s:g} s") from None
            if not part:
                return None
            if not size:
                until = time.monotonic() + end_s
            parts.append(part)
            size += len(part)
            if size > MOST_BYTES:
                raise Refused(f"a request of more than {MOST_BYTES >> 20} MB")
        last, _, self._left = parts[-1].partition(b"\n")
        return b"".join([*parts[:-1], last])


def as_line(content: Answer) -> bytes:
    """JSON values on a line."""
    return json.dumps(content).encode() + b"\n"


def read_note(folder: Path) -> dict[str, Any]:
    """What a run's folder says about its control socket: ``network, runtime, socket, node, pid``.

    Raises:
        InputError: no network runs there.
    """
    if not folder.is_dir():
        raise InputError(f"run={folder}: there is no such folder")
    try:
        note = json.loads((folder / NOTE).read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(
            f"run={folder}: no live network runs there; it has ended, or was none with source=live"
        ) from error
    return note if isinstance(note, dict) else {}


def running() -> dict[Path, str]:
    """The networks of this user and machine: the folders of their runs, and their names."""
    try:
        entries = sorted(private_folder().glob("*.json"))
    except OSError:
        return {}
    found = {}
    for entry in entries:
        try:
            content = json.loads(entry.read_text())
            folder, name = Path(content["run"]), str(content["network"])
        except (OSError, ValueError, LookupError, TypeError, RecursionError):
            continue
        if runs(folder):
            found[folder] = name
        else:
            with contextlib.suppress(OSError):
                entry.unlink()
    return found


def runs(folder: Path) -> bool:
    """Whether someone answers at the control socket of a run."""
    try:
        connect(Path(str(read_note(folder).get("socket")))).close()
    except (InputError, OSError):
        return False
    return True


def connect(path: Path) -> socket.socket:
    """A connection to a control socket.

    Raises:
        OSError: nobody answers there.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    until = time.monotonic() + BUSY_S
    try:
        connection.settimeout(ANSWER_S)
        while True:
            try:
                connection.connect(str(path))
                break
            except BlockingIOError:
                # So many are waiting to be let in.
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)
    except BaseException:
        connection.close()
        raise
    return connection


def enter(folder: Path, network: Any) -> Path | None:
    """List a run; None where that cannot be: it is found by its folder all the same."""
    try:
        entry = private_folder() / f"{secrets.token_hex(8)}.json"
        entry.write_text(json.dumps({"run": str(folder), "network": network}))
    except OSError:
        return None
    return entry
