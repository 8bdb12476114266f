"""An HTTP camera for tests: each path misbehaves in its own way."""

import hashlib
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.live import jpeg

USER, PASSWORD = "watcher", "s3cret/word"


class Camera(BaseHTTPRequestHandler):
    """One request; ``server.kind`` says how it is answered, ``server.asked`` what was asked."""

    protocol_version = "HTTP/1.1"
    timeout = 10

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.server.asked.append((self.path, self.headers.get("Authorization"), time.monotonic()))
        getattr(self, f"do_{self.server.kind}")()

    def start_parts(self, kind="multipart/x-mixed-replace; boundary=frame"):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.close_connection = True

    def send_parts(self, boundary=b"--frame", count=1000, length=True, stamp=False, extra=b"", pause_s=0.02):
        for number in range(count):
            body = jpeg(number)
            head = boundary + b"\r\nContent-Type: image/jpeg\r\n"
            head += b"Content-Length: %d\r\n" % len(body) if length else b""
            head += b"X-Timestamp: %.6f\r\n" % (time.time() - 0.5) if stamp else b""
            self.wfile.write(head + b"\r\n" + body + b"\r\n" + extra)
            if self.server.pause.wait(pause_s):
                return

    def do_plain(self):
        self.start_parts()
        self.send_parts()

    def do_quoted(self):
        self.start_parts('multipart/x-mixed-replace;boundary="--my.boundary"')
        self.send_parts(b"--my.boundary")

    def do_dashes(self):
        self.start_parts("multipart/x-mixed-replace; boundary=--frame")
        self.send_parts(b"----frame", length=False)

    def do_unnamed(self):
        self.start_parts("multipart/x-mixed-replace")
        self.send_parts(b"--whatever", length=False)

    def do_stamped(self):
        self.start_parts()
        self.send_parts(stamp=True)

    def do_noisy(self):
        self.start_parts()
        self.wfile.write(bytes(range(256)) * 20)
        self.send_parts(extra=b"\xff\xd8 garbage \r\n\r\n" * 50)

    def do_ends(self):
        self.start_parts()
        self.send_parts(count=5)

    def do_cut(self):
        self.start_parts()
        self.send_parts(count=3)
        self.wfile.write(b"--frame\r\nContent-Length: 90000\r\n\r\n" + jpeg(1)[:300])

    def do_silent(self):
        self.start_parts()
        self.send_parts(count=5)
        self.server.released.wait(60)

    def do_drip(self):
        self.start_parts()
        while not self.server.released.wait(0.05):
            self.wfile.write(b"x")

    def do_endless(self):
        self.start_parts()
        self.wfile.write(b"--frame\r\nContent-Length: 999999999999\r\n\r\n\xff\xd8")
        while not self.server.released.is_set():
            self.wfile.write(bytes(1 << 20))

    def do_text(self):
        body = b"<html>log in, please</html>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_snapshot(self):
        body = jpeg(len(self.server.asked))
        self.send_response(200)
        self.send_header("Content-Type", "image/jpeg")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_missing(self):
        self.send_error(404)

    def do_redirect(self):
        if self.path == "/there":
            self.do_plain()
            return
        self.send_response(302)
        self.send_header("Location", "/there")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_circle(self):
        self.send_response(302)
        self.send_header("Location", "/again")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_elsewhere(self):
        self.send_response(302)
        self.send_header("Location", "file:///etc/passwd")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_basic(self):
        if self.headers.get("Authorization") != "Basic d2F0Y2hlcjpzM2NyZXQvd29yZA==":
            self.refuse('Basic realm="camera"')
            return
        self.do_plain()

    def do_digest(self):
        given = self.headers.get("Authorization", "")
        said = dict(re.findall(r'(\w+)="?([^",]*)"?', given))

        def md5(text):
            return hashlib.md5(text.encode()).hexdigest()

        secret, asked = md5(f"{USER}:cam:{PASSWORD}"), md5(f"GET:{self.path}")
        words = [secret, "n0nce", *(said.get(k, "") for k in ("nc", "cnonce", "qop")), asked]
        if not given.startswith("Digest ") or said.get("response") != md5(":".join(words)):
            self.refuse('Digest realm="cam", nonce="n0nce", qop="auth", algorithm=MD5')
            return
        self.do_snapshot()

    def refuse(self, challenge):
        self.send_response(401)
        self.send_header("WWW-Authenticate", challenge)
        self.send_header("Content-Length", "0")
        self.end_headers()


class Server(ThreadingHTTPServer):
    """Listens on a free port until it is stopped."""

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    def __init__(self, kind="plain", port=0):
        super().__init__(("127.0.0.1", port), Camera)
        self.kind = kind
        self.asked = []
        self.pause = threading.Event()
        self.released = threading.Event()
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/video"

    @property
    def secret_url(self):
        return f"http://{USER}:s3cret%2Fword@127.0.0.1:{self.server_port}/video"

    def handle_error(self, *_):
        pass

    def stop(self):
        self.pause.set()
        self.released.set()
        self.shutdown()
        self.server_close()
