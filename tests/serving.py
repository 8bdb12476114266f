"""A dashboard for tests: a real server, in a thread, over a run's folder."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import json
import socket
import threading
import time
from urllib.parse import urlsplit

import uvicorn

from sdist_ray.serve.app import create_app
from sdist_ray.serve.guard import own_names
from sdist_ray.serve.watcher import Watcher

TOKEN = "a token of some length"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


class Members:
    """A network that remembers who came and went."""

    def __init__(self, error=None):
        self.cameras, self.error = {}, error

    def add(self, cameras):
        if self.error:
            raise self.error
        self.cameras |= {camera.id: camera for camera in cameras}

    def remove(self, ids):
        if self.error:
            raise self.error
        for camera in ids:
            self.cameras.pop(camera, None)


@contextlib.contextmanager
def serving(folder, port=0, look_s=0.05, **settings):
    """The address of a server of a run's folder."""
    watcher = Watcher(folder, look_s)
    watcher.start()
    app = create_app(watcher, own_names("127.0.0.1", ()), **settings)
    with listening(app, port) as address:
        yield address
    watcher.close()


@contextlib.contextmanager
def listening(app, port=0):
    """The address at which an ASGI application is served."""
    with contextlib.closing(socket.socket()) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", port))
        config = uvicorn.Config(app, log_level="error", lifespan="off", ws="none", http="h11", loop="asyncio")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{sock.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)


def ask(address, path, method="GET", body=None, headers=None):
    """Status, headers and body of a request that is sent as it is."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=20)
    content = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = {} if content is None else {"Content-Type": "application/json"}
    connection.request(method, path, content, kind | (headers or {}))
    answer = connection.getresponse()
    data = answer.read()
    connection.close()
    if answer.getheader("content-encoding") == "gzip":
        data = gzip.decompress(data)
    if answer.getheader("content-type", "").startswith("application/json"):
        data = json.loads(data)
    return answer.status, dict(answer.getheaders()), data
