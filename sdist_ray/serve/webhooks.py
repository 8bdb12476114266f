"""Tells other programs what happens: signed, again and again until they have it, whoever restarts meanwhile.

Messages are those of the Standard Webhooks specification, so that any of its libraries can check them: the
header ``webhook-signature`` is ``v1,`` and the HMAC-SHA256 of ``webhook-id.webhook-timestamp.body``, base64.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import http.client
import json
import logging
import random
import ssl
import threading
import time
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from sdist_ray.errors import InputError
from sdist_ray.report.snapshots import write_aside
from sdist_ray.serve.changes import Event, Known, new_violations, topology_changes
from sdist_ray.serve.watcher import Seen

log = logging.getLogger(__name__)
SPOOL = "webhooks.json"
MOST_WAITING = 10_000
TIMEOUT_S = 10.0
FIRST_PAUSE_S, MOST_PAUSE_S = 1.0, 300.0
WRITE_S = 0.5
PREFIX = "whsec_"


def sign(secret: str, name: str, timestamp: int, body: bytes) -> str:
    """The signature of a message."""
    key = secret.encode()
    if secret.startswith(PREFIX):
        # Strictly: whatever is no base64 would be passed over, and the key another one, or empty.
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    signed = f"{name}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def check_webhook(url: str, secret: str) -> None:
    """Raise InputError where an address cannot be a webhook's, or a secret cannot sign."""
    try:
        sign(secret, "", 0, b"")
    except ValueError:
        raise InputError(f"webhook_secret: what follows {PREFIX} must be base64") from None
    if secret == PREFIX:
        raise InputError(f"webhook_secret: nothing follows {PREFIX}; a key in base64 must")
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        good = parts.scheme in ("http", "https") and bool(host) and "%" not in host and parts.port != 0
        # What no name server and no connection would take is refused here, not when there is news.
        host.encode("idna")
        http.client.HTTPConnection(host, port_of(parts))
    except (ValueError, http.client.HTTPException):
        good = False
    if not good or not url.isascii() or not url.isprintable() or " " in url:
        raise InputError("webhooks: an address is none; https://host/path would be right")
    if parts.username is not None or parts.password is not None:
        raise InputError(
            f"webhooks: the one at {parts.hostname} holds a password; the signature does without"
        )


def port_of(parts: SplitResult) -> int:
    """An address's port. Left to itself, http.client would take the end of an IPv6 address for one."""
    return parts.port or (443 if parts.scheme == "https" else 80)


class Endpoint:
    """One address, and what waits for it. Delivers in a thread of its own, the oldest first.

    Args:
        url: see check_webhook.
        secret: that messages are signed with.
        waiting: what an earlier server had not delivered.
        first_pause_s: after a failure; doubled after each further one, up to MOST_PAUSE_S, half of it random.
    """

    def __init__(
        self, url: str, secret: str, waiting: Sequence[Event] = (), first_pause_s: float = FIRST_PAUSE_S
    ) -> None:
        self._parts = urlsplit(url)
        self._secret = secret
        self._waiting = deque(waiting)
        self._first_pause_s = first_pause_s
        self._news = threading.Condition()
        self._ending = False
        self._thread = threading.Thread(target=self._run, name="webhook", daemon=True)
        self.delivered = self.dropped = 0
        self.problem: str | None = None
        self.changed = False

    @property
    def host(self) -> str:
        """Where it is: never the path or the query, which may hold a token."""
        return self._parts.hostname or ""

    def waiting(self) -> list[Event]:
        """What is not delivered yet."""
        with self._news:
            return list(self._waiting)

    def start(self) -> None:
        """Deliver from now on."""
        self._thread.start()

    def tell(self, events: Sequence[Event]) -> None:
        """Have events delivered. Where too many wait, the oldest are given up and counted."""
        with self._news:
            self._waiting.extend(events)
            lost = len(self._waiting) - MOST_WAITING
            for _ in range(lost):
                self._waiting.popleft()
            if lost > 0:
                self.dropped += lost
                log.warning("webhook at %s: %d events were given up", self.host, lost)
            self._news.notify_all()

    def close(self) -> None:
        """Deliver no more."""
        with self._news:
            self._ending = True
            self._news.notify_all()
        if self._thread.is_alive():
            self._thread.join(TIMEOUT_S + 1)

    def _run(self) -> None:
        pause_s = 0.0
        while True:
            with self._news:
                if pause_s:
                    # News does not shorten a pause: who is down is not asked more often for it.
                    until = time.monotonic() + pause_s * random.uniform(0.5, 1.0)
                    while not self._ending and (left := until - time.monotonic()) > 0:
                        self._news.wait(left)
                while not self._waiting and not self._ending:
                    self._news.wait()
                if self._ending:
                    return
                event = self._waiting[0]
            self.problem = self._send(event)
            if self.problem is None:
                pause_s = 0.0
                with self._news:
                    self.delivered += 1
                    self.changed = True
                    if self._waiting and self._waiting[0] is event:
                        self._waiting.popleft()
            else:
                pause_s = min(MOST_PAUSE_S, pause_s * 2 or self._first_pause_s)

    def _send(self, event: Event) -> str | None:
        """Why a message was not taken; None where it was."""
        body, now = event.body(), int(time.time())
        headers = {
            "content-type": "application/json",
            "user-agent": "sdist_ray",
            "webhook-id": event.id,
            "webhook-timestamp": str(now),
            "webhook-signature": sign(self._secret, event.id, now, body),
        }
        parts = self._parts
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            with contextlib.closing(self._connection()) as connection:
                # No redirect is followed: what is signed for one goes to nobody else.
                connection.request("POST", path, body, headers)
                status = connection.getresponse().status
        except (OSError, ValueError, http.client.HTTPException) as error:
            return f"{type(error).__name__}: {error}"[:200]
        return None if 200 <= status < 300 else f"answered {status}"

    def _connection(self) -> http.client.HTTPConnection:
        port = port_of(self._parts)
        if self._parts.scheme == "https":
            context = ssl.create_default_context()
            return http.client.HTTPSConnection(self.host, port, timeout=TIMEOUT_S, context=context)
        return http.client.HTTPConnection(self.host, port, timeout=TIMEOUT_S)


class Webhooks:
    """Finds events in what a watcher sees and has them delivered. A context manager.

    What is known and what waits is kept in ``webhooks.json`` in the run's folder: what happens while none
    runs is told of by the next one, and what was not delivered is delivered by it. The first server that ever
    looks at a run tells only of what comes after.

    Args:
        folder: the run's.
        urls: addresses.
        secret: that messages are signed with.
        events: "violation", "topology".
    """

    def __init__(
        self,
        folder: Path,
        urls: Sequence[str],
        secret: str,
        events: Collection[str],
        first_pause_s: float = FIRST_PAUSE_S,
    ) -> None:
        self._path = folder / SPOOL
        self._events = events
        self._known, kept = _read(self._path)
        self._lock = threading.Lock()
        self._dirty = threading.Event()
        self._ending = threading.Event()
        self._endpoints = {
            _key(url): Endpoint(url, secret, kept.get(_key(url), ()), first_pause_s) for url in urls
        }
        self._thread = threading.Thread(target=self._keep, name="webhooks", daemon=True)

    def __enter__(self) -> Webhooks:
        """Deliver what waits."""
        for endpoint in self._endpoints.values():
            endpoint.start()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Deliver no more; what waits is kept."""
        for endpoint in self._endpoints.values():
            endpoint.close()
        self._ending.set()
        self._thread.join(5.0)
        self._write()

    def on_change(self, before: Seen, now: Seen) -> None:
        """Find what is new; see Watcher."""
        found: list[Event] = []
        with self._lock:
            if now.topology is not None and now.topology is not before.topology:
                self._known, events = topology_changes(self._known, now.topology, time.time())
                found += events if "topology" in self._events else []
            if now.distances is not None and now.distances is not before.distances:
                self._known, events = new_violations(self._known, now.distances, time.time())
                found += events if "violation" in self._events else []
            if found:
                for endpoint in self._endpoints.values():
                    endpoint.tell(found)
        self._dirty.set()

    def states(self) -> list[dict[str, Any]]:
        """How each address is, without what may be secret in it."""
        return [
            {
                "host": endpoint.host,
                "waiting": len(endpoint.waiting()),
                "delivered": endpoint.delivered,
                "dropped": endpoint.dropped,
                "problem": endpoint.problem,
            }
            for endpoint in self._endpoints.values()
        ]

    def _keep(self) -> None:
        while not self._ending.wait(WRITE_S):
            changed = self._dirty.is_set() or any(endpoint.changed for endpoint in self._endpoints.values())
            if changed:
                self._write()

    def _write(self) -> None:
        self._dirty.clear()
        with self._lock:
            for endpoint in self._endpoints.values():
                endpoint.changed = False
            # Known and waiting in one file: an event is in one or the other, whenever the process dies.
            content = {
                "known": self._known.content(),
                "waiting": {
                    key: [vars(event) for event in endpoint.waiting()]
                    for key, endpoint in self._endpoints.items()
                },
            }
        with contextlib.suppress(OSError):
            write_aside(self._path, json.dumps(content).encode())


def _key(url: str) -> str:
    """An address in the file: it may hold a token."""
    return hashlib.sha256(url.encode()).hexdigest()[:16]


def _read(path: Path) -> tuple[Known, Mapping[str, list[Event]]]:
    """What an earlier server knew and had not delivered; nothing where there was none."""
    try:
        content = json.loads(path.read_bytes())
        waiting = {
            str(key): [
                Event(str(e["id"]), str(e["type"]), float(e["time_s"]), dict(e["data"])) for e in events
            ]
            for key, events in content["waiting"].items()
        }
        return Known.of(content["known"]), waiting
    except FileNotFoundError:
        return Known(), {}
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        log.warning("%s cannot be read: webhooks begin anew", path.name)
        return Known(), {}
