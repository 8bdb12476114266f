"""What every request must pass before anybody looks at it, and what every answer says to the browser.

The dashboard is meant for a browser that also shows other people's pages. Those must neither read from it nor
write to it: not by a request of their own (Origin, Sec-Fetch-Site), not by a name of theirs that they have
point here (Host), and not by showing it in a frame.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MOST_BODY = 1 << 20
MOST_QUERY = 8192
LOOPBACK = ("localhost", "127.0.0.1", "::1")
HEADERS = (
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
        b"form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
)
NO_STORE = (b"cache-control", b"no-store")


class Guard:
    """An ASGI application around another one.

    Args:
        app: the other one.
        hosts: names and addresses by which the server may be asked, without ports.
    """

    def __init__(self, app: App, hosts: Iterable[str]) -> None:
        self._app = app
        self._hosts = {host.lower().strip("[]") for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            # There are no web sockets here; closed before they are accepted.
            await send({"type": "websocket.close", "code": 1008})
            return
        refused = self._refusal(scope)
        if refused is not None:
            await _answer(send, *refused)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                names = {name for name, _ in message["headers"]}
                more = [header for header in (*HEADERS, NO_STORE) if header[0] not in names]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        await self._app(scope, receive, with_headers)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """Why a request is refused; None where it is not."""
        values: dict[str, list[str]] = {}
        for name, value in scope["headers"]:
            values.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
        hosts = values.get("host", [])
        if len(hosts) != 1 or _name(hosts[0]) not in self._hosts:
            return 421, "this server does not go by that name; allowed_hosts=[…] would let it"
        origins = values.get("origin", [])
        if any(not _same(origin, hosts[0]) for origin in origins):
            return 403, "requests from other sites are refused"
        site = values.get("sec-fetch-site", ["none"])[-1].lower()
        if site not in ("none", "same-origin") and not _opens_the_page(scope, values):
            return 403, "requests from other sites are refused"
        if len(scope.get("query_string", b"")) > MOST_QUERY:
            return 414, "a query that long means nothing here"
        length = values.get("content-length", ["0"])[-1]
        if not length.isdecimal() or int(length[:20]) > MOST_BODY:
            return 413, f"a request has at most {MOST_BODY} bytes"
        if "transfer-encoding" in values:
            return 411, "a request says how long it is"
        if scope["method"] == "POST":
            kind = values.get("content-type", [""])[-1].partition(";")[0].strip().lower()
            if kind != "application/json":
                return 415, "a request's body is application/json"
        return None


def own_names(host: str, allowed: Iterable[str]) -> set[str]:
    """The names by which a server that listens at ``host`` may be asked."""
    names = {*LOOPBACK, *allowed}
    if not _is_any(host):
        names.add(host)
    return names


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _is_any(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def _name(host: str) -> str:
    """A Host header's name, without its port; empty where it is none."""
    try:
        parts = urlsplit(f"//{host}")
        # A port that is none raises.
        return "" if parts.username is not None or parts.path or parts.port == 0 else parts.hostname or ""
    except ValueError:
        return ""


def _same(origin: str, host: str) -> bool:
    scheme, _, rest = origin.partition("://")
    return scheme in ("http", "https") and rest.lower() == host.lower()


def _opens_the_page(scope: Scope, values: dict[str, list[str]]) -> bool:
    """Whether somebody followed a link to the page itself."""
    return (
        scope["method"] == "GET"
        and scope["path"] == "/"
        and values.get("sec-fetch-mode", [""])[-1] == "navigate"
        and values.get("sec-fetch-dest", [""])[-1] == "document"
    )


async def _answer(send: Send, status: int, detail: str) -> None:
    body = json.dumps({"detail": detail}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    headers += [*HEADERS, NO_STORE]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
