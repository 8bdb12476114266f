"""RTSP cameras, received and decoded by FFmpeg."""

from __future__ import annotations

import socket
import threading
import time
from urllib.parse import urlsplit

import av
from av.container import InputContainer
from av.video.frame import VideoFrame

from sdist_ray.cameras.camera import Camera
from sdist_ray.video.capture_time import CaptureClock
from sdist_ray.video.luma import luma
from sdist_ray.video.reconnect import Pauses
from sdist_ray.video.source import Image
from sdist_ray.video.threaded import PATIENT, Link, Lost, ThreadedStream, Timeouts

PROTOCOLS = "rtsp,rtp,tcp,tls,udp"
"""All that a server can make FFmpeg speak."""
MAX_PIXELS = 1 << 26
MOST_BROKEN = 250
"""A connection that gives so many packets in a row that are no picture is lost."""
MOST_EARLY = 20
PORTS = {"rtsp": 554, "rtsps": 322}


class NetworkStream(ThreadedStream):
    """An RTSP camera. Every frame is decoded in the stream's thread, on that thread alone, and given in grey.

    Capture times are the stream's own (RTP), set in relation to this machine's clock by when frames come:
    see CaptureClock.

    Reads time out in FFmpeg's own code. PyAV can interrupt FFmpeg too, which also helps against a camera that
    keeps the connection alive without sending pictures; but it asks Python at every read, and that costs as
    much as the decoding of a small camera. So it is used for cameras only that did that once.

    Args:
        camera: with an rtsp:// or rtsps:// address.
        working_width: wider frames are shrunk to it.
        wake, timeouts, pauses: see ThreadedStream.
    """

    def __init__(
        self,
        camera: Camera,
        working_width: int | None = None,
        wake: threading.Event | None = None,
        timeouts: Timeouts = PATIENT,
        pauses: Pauses | None = None,
    ) -> None:
        super().__init__(camera.id, wake, timeouts, pauses)
        self._url = camera.url or ""
        self._working_width = working_width
        self._start()

    def _receive(self, link: Link) -> None:
        began_s = time.monotonic()
        try:
            container = self._connect()
        except (av.FFmpegError, OSError, ValueError) as error:
            raise Lost(self._why(error, time.monotonic() - began_s)) from None
        with container:
            if not container.streams.video:
                raise Lost("the camera sends no video")
            try:
                self._pass_on(container, link)
            except (av.FFmpegError, OSError) as error:
                raise Lost(_why_lost(error, self._timeouts.read_s)) from None

    def _connect(self) -> InputContainer:
        wait_s = self._timeouts
        options = {
            "rtsp_transport": "tcp",
            "allowed_media_types": "video",
            "protocol_whitelist": PROTOCOLS,
            "timeout": str(round(wait_s.read_s * 1e6)),
            "analyzeduration": "500000",
        }
        read_s = wait_s.read_s if self._sure else None
        return av.open(self._url, format="rtsp", options=options, timeout=(wait_s.open_s, read_s))

    def _pass_on(self, container: InputContainer, link: Link) -> None:
        video = container.streams.video[0]
        video.codec_context.thread_count = 1
        video.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
        clock, broken, untimed = CaptureClock(), 0, 0
        early: list[tuple[float, float, Image]] | None = []
        for packet in container.demux(video):
            if link.stop.is_set():
                return
            try:
                frames = packet.decode()
            except (av.FFmpegError, ValueError):
                frames = []
            broken = 0 if frames else broken + 1
            if broken > MOST_BROKEN:
                raise Lost("the camera sends what is no video")
            arrived_s = time.time()
            for frame in frames:
                if frame.is_corrupt:
                    continue
                grey, own_s = luma(frame, self._working_width), _own_s(frame)
                if early is not None and own_s is None and untimed < MOST_EARLY:
                    # The first frames may come before the stream's times are known.
                    untimed += 1
                elif early is not None and own_s is not None:
                    early.append((own_s, arrived_s, grey))
                    # What waited while FFmpeg looked at the stream comes in one burst: only its end, when no
                    # frame moves the anchor any more, tells when they were captured.
                    if clock.hears_of(own_s, arrived_s) and len(early) < MOST_EARLY:
                        continue
                    given, early = early, None
                    for own_s, came_s, image in given:
                        self._give(link, clock.captured_s(own_s, came_s), image, came_s)
                elif not self._give(link, clock.time_s(own_s, arrived_s), grey, arrived_s):
                    return

    def _why(self, error: Exception, took_s: float) -> str:
        """Why it could not be opened, without a word of FFmpeg's: those hold the address."""
        if isinstance(error, av.HTTPUnauthorizedError):
            return "the camera refuses this user name or password"
        if isinstance(error, av.HTTPForbiddenError):
            return "the camera forbids this user to watch"
        if isinstance(error, av.HTTPNotFoundError):
            return "the camera has no stream at this path"
        if took_s >= 0.9 * min(self._timeouts.open_s, self._timeouts.read_s):
            return f"no answer within {took_s:.3g} s"
        # FFmpeg says "invalid data" of most troubles: asking once more tells them apart.
        parts = urlsplit(self._url)
        try:
            address = (parts.hostname or "", parts.port or PORTS[parts.scheme])
            socket.create_connection(address, self._timeouts.open_s).close()
        except socket.gaierror:
            return "no such host name"
        except (OSError, ValueError) as other:
            return f"no connection: {getattr(other, 'strerror', None) or type(other).__name__}"
        return "what answers is no RTSP camera, or its video cannot be read"


def _own_s(frame: VideoFrame) -> float | None:
    if frame.pts is None or frame.time_base is None:
        return None
    return float(frame.pts * frame.time_base)


def _why_lost(error: Exception, read_s: float) -> str:
    if isinstance(error, (TimeoutError, av.ExitError)):
        return f"no data for {read_s:g} s"
    if isinstance(error, ConnectionError):
        return "the connection broke"
    return f"the stream broke off ({type(error).__name__})"
