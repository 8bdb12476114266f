"""sdist-ray serve: a run in a browser, while it goes on and after."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from sdist_ray.errors import InputError
from sdist_ray.settings_serve import ServeJob

LEAST_TOKEN = 16
MOST_TOKEN = 4096
MOST_CONNECTIONS = 200
NEEDED = ("fastapi", "uvicorn")


def run(settings: ServeJob, config: str) -> None:
    """Serve until interrupted."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(f"serve needs {' and '.join(missing)}: pip install 'sdist-ray[serve]'")
    from sdist_ray.serve.app import create_app
    from sdist_ray.serve.guard import is_loopback, own_names
    from sdist_ray.serve.members import SocketMembers
    from sdist_ray.serve.watcher import Watcher
    from sdist_ray.serve.webhooks import Webhooks, check_webhook

    folder = Path(settings.run or "").absolute()
    if not folder.is_dir():
        raise InputError(
            f"run={settings.run}: there is no such folder; sdist-ray serve RUN shows a run's folder"
        )
    _refuse_other_runs(folder)
    token = read_secret("token", settings.token_file, "SDIST_SERVE_TOKEN")
    secret = read_secret("webhook_secret", settings.webhook_secret_file, "SDIST_WEBHOOK_SECRET")
    for url in settings.webhooks:
        check_webhook(url, secret or "")
    if settings.webhooks and secret is None:
        raise InputError(
            "webhooks are signed: webhook_secret_file=FILE or SDIST_WEBHOOK_SECRET has the secret"
        )
    exposed = not is_loopback(settings.host)
    if exposed and token is None and not settings.public:
        raise InputError(
            f"host={settings.host}: others than this machine can reach it; token_file=FILE has them need a "
            "token, public=true lets everybody read"
        )
    with contextlib.ExitStack() as stack:
        listening = stack.enter_context(contextlib.closing(listen(settings.host, settings.port)))
        # Behind whatever counts on this machine.
        os.setpriority(os.PRIO_PROCESS, 0, max(settings.niceness, os.getpriority(os.PRIO_PROCESS, 0)))
        webhooks = None
        if settings.webhooks:
            assert secret is not None
            webhooks = stack.enter_context(
                Webhooks(folder, settings.webhooks, secret, settings.webhook_events)
            )
        watcher = Watcher(folder, settings.look_s, *([webhooks.on_change] if webhooks else []))
        watcher.start()
        stack.callback(watcher.close)
        hosts = own_names(settings.host, settings.allowed_hosts)
        protected, told = exposed and not settings.public, webhooks.states if webhooks else list
        app = create_app(watcher, hosts, token, protected, SocketMembers(folder), told)
        port = listening.getsockname()[1]
        shown = f"[{settings.host}]" if ":" in settings.host else settings.host
        print(
            f"http://{shown}:{port} shows {folder} ({'cameras can be changed' if token else 'read-only'})",
            flush=True,
        )
        serve(app, listening)


def _refuse_other_runs(folder: Path) -> None:
    """Raise InputError for a run that has nothing to show, and will have nothing."""
    try:
        summary: Any = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        # None yet, or damaged: whoever watches the folder says so.
        return
    command = summary.get("command") if isinstance(summary, dict) else None
    if command == "track":
        raise InputError(
            f"run={folder}: a tracking run; serve shows the one that it joined, {summary.get('run')}"
        )
    if command == "follow":
        raise InputError(f"run={folder}: one person's video, follow.mp4; serve shows whole runs")


def serve(app: Any, listening: socket.socket) -> None:
    """Answer requests at a socket until SIGINT or SIGTERM."""
    import uvicorn

    class Server(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            # uvicorn's own raises the signal anew at the end, which would be an interrupted command.
            def end(number: int, frame: FrameType | None) -> None:
                self.handle_exit(number, frame)

            before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
            try:
                yield
            finally:
                for number, handler in before.items():
                    signal.signal(number, handler)

    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=3,
        ws="none",
        http="h11",
        loop="asyncio",
        lifespan="off",
    )
    Server(config).run(sockets=[listening])


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises:
        InputError: the address is none of this machine's, or somebody else listens there.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        listening = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise InputError(f"host={host}: no address of this machine ({error.strerror or error})") from error
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(128)
    except OSError as error:
        listening.close()
        raise InputError(
            f"{host}:{port}: {error.strerror or error}; port=N would be another one, port=0 any that is free"
        ) from error
    return listening


def read_secret(what: str, path: str | None, variable: str) -> str | None:
    """A secret from a file or the environment; None where neither is said. It is never shown.

    Raises:
        InputError: the file cannot be read, or the secret is too short to be one.
    """
    where = f"{what}_file={path}" if path is not None else variable
    if path is not None:
        try:
            with Path(path).open(encoding="utf-8") as file:
                secret = file.read(MOST_TOKEN + 1)
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not a text file"
            raise InputError(f"{where}: {reason}") from error
    elif variable in os.environ:
        secret = os.environ[variable]
    else:
        return None
    secret = secret.strip()
    if not LEAST_TOKEN <= len(secret) <= MOST_TOKEN or not secret.isascii() or not secret.isprintable():
        raise InputError(
            f"{where}: a {what} is {LEAST_TOKEN} to {MOST_TOKEN} plain characters, such as "
            "`openssl rand -hex 32` prints"
        )
    return secret
