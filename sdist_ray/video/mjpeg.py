"""Cameras that send JPEG images over HTTP: a stream of them, or one for every request."""

from __future__ import annotations

import base64
import http.client
import socket
import ssl
import threading
import time
import urllib.request
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

from sdist_ray.cameras.camera import Camera
from sdist_ray.video.multipart import JPEG_START, MOST_BYTES, Multipart, NoImages, boundary_of, whole_image
from sdist_ray.video.reconnect import Pauses
from sdist_ray.video.threaded import PATIENT, Link, Lost, ThreadedStream, Timeouts

REDIRECTS = 5
SNAPSHOT_FPS = 10.0
LATE_S = 3.0
"""A part's own time is believed where it is so little before its arrival."""


class MjpegStream(ThreadedStream):
    """An HTTP camera. Images are given as they came, undecoded.

    A capture time is the part's X-Timestamp, where that is at most 5 s before its arrival, else its arrival.
    A camera that answers one image per request is asked ``camera.fps`` times a second, 10 unless stated.

    Args:
        camera: with an http:// or https:// address; its user and password are sent as the camera asks for
            them (basic or digest), and to no other host.
        wake, timeouts, pauses: see ThreadedStream.
    """

    def __init__(
        self,
        camera: Camera,
        wake: threading.Event | None = None,
        timeouts: Timeouts = PATIENT,
        pauses: Pauses | None = None,
    ) -> None:
        super().__init__(camera.id, wake, timeouts, pauses)
        parts = urlsplit(camera.url or "")
        host = parts.netloc.rpartition("@")[2]
        self._url = urlunsplit((parts.scheme, host, parts.path or "/", parts.query, ""))
        self._credentials = None
        if parts.username is not None:
            self._credentials = (unquote(parts.username), unquote(parts.password or ""))
        self._period_s = 1 / (camera.fps or SNAPSHOT_FPS)
        self._last_s = 0.0
        self._start()

    def _receive(self, link: Link) -> None:
        try:
            self._follow(link)
        except Lost:
            raise
        except TimeoutError:
            first = self._first_s is None
            wait_s = self._timeouts.open_s if first else self._timeouts.read_s
            raise Lost(f"{'no answer within' if first else 'no data for'} {wait_s:g} s") from None
        except socket.gaierror:
            raise Lost("no such host name") from None
        except ssl.SSLCertVerificationError as error:
            raise Lost(f"its certificate is not trusted ({error.verify_message})") from None
        except ssl.SSLError:
            raise Lost("what answers does not speak TLS") from None
        except NoImages:
            raise Lost(f"{MOST_BYTES >> 20} MB came without an image in them") from None
        except http.client.HTTPException as error:
            raise Lost(f"the answer is no HTTP, or is cut off ({type(error).__name__})") from None
        except OSError as error:
            raise Lost(f"no connection: {error.strerror or type(error).__name__}") from None

    def _follow(self, link: Link) -> None:
        """Ask, prove who asks, go where the camera sends us, and take what comes."""
        url, connection, proof = self._url, None, None
        redirects, refused, due_s = 0, False, time.monotonic()
        try:
            while not link.stop.is_set():
                if connection is None:
                    connection = _connection(url, self._timeouts.open_s)
                    connection.connect()
                    link.waits_on(connection.sock)
                    connection.sock.settimeout(self._timeouts.read_s)
                answer = _ask(connection, url, proof)
                status = answer.status
                if status == 401 and not refused and self._may_prove(url):
                    # A proof may be worn out as well: some cameras take each one once.
                    refused = True
                    proof = _prove(url, answer, self._credentials)
                elif status in (301, 302, 303, 307, 308):
                    redirects += 1
                    url, proof = _next_url(url, answer.getheader("location"), redirects), None
                elif status == 200:
                    kind = answer.getheader("content-type", "")
                    if kind.lower().startswith("multipart/"):
                        self._take_parts(answer, boundary_of(kind), link)
                        return
                    self._take_image(answer, kind, link)
                    redirects, refused = 0, False
                    due_s = max(due_s + self._period_s, time.monotonic() - self._period_s)
                    link.stop.wait(max(0.0, due_s - time.monotonic()))
                    if not answer.will_close:
                        continue
                else:
                    raise Lost(_refusal(status))
                connection.close()
                connection = None
        finally:
            if connection is not None:
                connection.close()

    def _may_prove(self, url: str) -> bool:
        asked, own = urlsplit(url), urlsplit(self._url)
        return self._credentials is not None and asked.netloc == own.netloc

    def _take_parts(self, answer: http.client.HTTPResponse, boundary: bytes, link: Link) -> None:
        parts = Multipart(boundary)
        while data := answer.read1(1 << 16):
            arrived_s = time.time()
            for image, stamp_s in parts.feed(data):
                if not self._give(link, self._captured_s(stamp_s, arrived_s), image, arrived_s):
                    return

    def _take_image(self, answer: http.client.HTTPResponse, kind: str, link: Link) -> None:
        data = answer.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise NoImages
        image = whole_image(data)
        if image is None and data.startswith(JPEG_START):
            raise Lost("an image breaks off")
        if image is None:
            # The kind is the camera's word, of any length and form.
            shown = "".join(c for c in kind[:60] if c.isprintable())
            raise Lost(f"what it answers is no image but {shown or 'of no stated kind'!r}")
        arrived_s = time.time()
        stamp = answer.getheader("x-timestamp", "")
        stamp_s = float(stamp) if stamp.replace(".", "", 1).isdecimal() and len(stamp) < 24 else None
        self._give(link, self._captured_s(stamp_s, arrived_s), image, arrived_s)

    def _captured_s(self, stamp_s: float | None, arrived_s: float) -> float:
        plausible = stamp_s is not None and arrived_s - LATE_S <= stamp_s <= arrived_s
        time_s = stamp_s if plausible and stamp_s is not None else arrived_s
        # Times never decrease, unless this machine's clock is set back.
        if self._last_s - 1 < arrived_s:
            time_s = min(max(time_s, self._last_s), max(arrived_s, self._last_s))
        self._last_s = time_s
        return time_s


def _connection(url: str, open_s: float) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    if parts.scheme == "https":
        context = ssl.create_default_context()
        return http.client.HTTPSConnection(parts.hostname or "", parts.port, timeout=open_s, context=context)
    return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=open_s)


def _ask(connection: http.client.HTTPConnection, url: str, proof: str | None) -> http.client.HTTPResponse:
    parts = urlsplit(url)
    headers = {"User-Agent": "sdist-ray", "Accept": "multipart/x-mixed-replace, image/jpeg"}
    if proof is not None:
        headers["Authorization"] = proof
    connection.request("GET", urlunsplit(("", "", parts.path or "/", parts.query, "")), headers=headers)
    return connection.getresponse()


def _prove(url: str, answer: http.client.HTTPResponse, credentials: tuple[str, str] | None) -> str:
    """The Authorization that a 401 asks for: digest where offered, else basic."""
    assert credentials is not None
    offers = answer.headers.get_all("www-authenticate") or []
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    passwords.add_password(None, url, *credentials)
    for offer in offers:
        scheme, _, rest = offer.partition(" ")
        if scheme.lower() == "digest":
            asked = urllib.request.parse_keqv_list(urllib.request.parse_http_list(rest))
            digest = urllib.request.AbstractDigestAuthHandler(passwords)
            proof = digest.get_authorization(urllib.request.Request(url), asked)
            if proof:
                return f"Digest {proof}"
    for offer in offers:
        if offer.partition(" ")[0].lower() == "basic":
            user, password = credentials
            return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"
    raise Lost("the camera asks for a kind of password that is not known here")


def _next_url(url: str, location: str | None, redirects: int) -> str:
    if redirects > REDIRECTS:
        raise Lost(f"the camera redirects more than {REDIRECTS} times")
    following = urlsplit(urljoin(url, location or ""))
    if not location or following.scheme != urlsplit(url).scheme or not following.hostname:
        raise Lost("the camera redirects to another kind of address")
    host = following.netloc.rpartition("@")[2]
    return urlunsplit((following.scheme, host, following.path or "/", following.query, ""))


def _refusal(status: int) -> str:
    known = {
        401: "the camera refuses this user name or password",
        403: "the camera forbids this user to watch",
        404: "the camera has no stream at this path",
    }
    return known.get(status, f"the camera answers with HTTP status {status}")
