"""HTTP cameras of this machine that send a clip as MJPEG, and fail in every way that one can when told to."""

from __future__ import annotations

import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import cv2
import numpy as np

FPS = 10.0
WIDTH = 320
MOST_FRAMES = 400
WAYS = ("hangs", "refuses", "sends garbage", "breaks off", "shows nothing")
"""How a camera fails; ``None`` is one that does not."""


def frames_of(path: Path) -> list[bytes]:
    """A clip's first frames as JPEG images, as a camera sends them."""
    capture = cv2.VideoCapture(str(path))
    found: list[bytes] = []
    while len(found) < MOST_FRAMES:
        there, image = capture.read()
        if not there:
            break
        height = round(image.shape[0] * WIDTH / image.shape[1] / 2) * 2
        small = cv2.resize(image, (WIDTH, height), interpolation=cv2.INTER_AREA)
        found.append(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 60])[1].tobytes())
    capture.release()
    if not found:
        raise SystemExit(f"{path}: no frame can be read")
    return found


class SoakCamera:
    """One camera: a server on a port of its own.

    Attributes:
        failing: the way in which it fails now; None: it does not.
        url: where it is.
    """

    def __init__(self, frames: list[bytes], first: int) -> None:
        self.failing: str | None = None
        self._frames, self._first = frames, first
        self._ending = threading.Event()
        camera = self

        class Handler(BaseHTTPRequestHandler):
            """One connection."""

            timeout = 10

            def log_message(self, *_: Any) -> None:
                """Nothing is said."""

            def do_GET(self) -> None:
                """Send the clip, over and over."""
                camera._send(self)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/video.mjpg"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def _send(self, connection: BaseHTTPRequestHandler) -> None:
        if self.failing == "refuses":
            connection.send_error(503)
            return
        connection.send_response(200)
        connection.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        connection.end_headers()
        number = int(time.time() * FPS)
        black = cv2.imencode(".jpg", cv2.imdecode(np.frombuffer(self._frames[0], np.uint8), 1) * 0)[
            1
        ].tobytes()
        try:
            while not self._ending.wait(max(0.0, number / FPS - time.time())):
                number += 1
                way, body = self.failing, self._frames[(self._first + number) % len(self._frames)]
                if way in ("hangs", "refuses"):
                    # Nothing is sent, and the connection stays.
                    continue
                if way == "sends garbage":
                    body = os.urandom(len(body))
                elif way == "breaks off":
                    connection.wfile.write(b"--frame\r\nContent-Type: image/jpeg\r\n\r\n")
                    connection.wfile.write(body[: len(body) // 2])
                    return
                elif way == "shows nothing":
                    body = black
                head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(body)}\r\n\r\n"
                connection.wfile.write(head.encode() + body + b"\r\n")
        except OSError:
            # The network hung up; it will be back.
            return

    def close(self) -> None:
        """End it."""
        self._ending.set()
        self._server.shutdown()
        self._server.server_close()
