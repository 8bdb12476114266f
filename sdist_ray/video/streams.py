"""Which live stream a camera's address stands for."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sdist_ray.cameras.camera import Camera, is_webcam, without_credentials
from sdist_ray.errors import InputError
from sdist_ray.video.files import find_cameras
from sdist_ray.video.mjpeg import MjpegStream
from sdist_ray.video.network import NetworkStream
from sdist_ray.video.replay import Replayed
from sdist_ray.video.stream import Stream
from sdist_ray.video.threaded import PATIENT, Timeouts
from sdist_ray.video.webcam_stream import WebcamStream

__all__ = ["PATIENT", "Timeouts", "check_address", "find_streams", "is_record_address", "open_stream"]

SCHEMES = ("rtsp", "rtsps", "http", "https", "tcp", "file")
RIGHT = (
    "rtsp://host/path, http://host/path, webcam:0, tcp://host:port or drop:FOLDER (a smart camera), "
    "or a file with a replay would be right"
)


def open_stream(
    camera: Camera,
    working_width: int | None = None,
    wake: threading.Event | None = None,
    timeouts: Timeouts = PATIENT,
) -> Stream:
    """The camera's live stream; it connects in a thread of its own.

    Args:
        camera: with a ``url``; with a ``replay`` where that is a file.
        working_width: frames that are decoded in the stream's thread and are wider are shrunk to it.
        wake: set whenever a frame arrives.
        timeouts: of streams that come over a network.

    Raises:
        InputError: the address is none that pixels can come from. One where nothing answers is no error.
    """
    check_address(camera)
    url = camera.url or ""
    if camera.replay is not None:
        return Replayed(camera, working_width, wake)
    if is_record_address(url):
        raise InputError(f"camera {camera.id!r}: a smart camera sends no pixels, but records")
    if is_webcam(url):
        return WebcamStream(camera, working_width, wake, timeouts)
    if urlsplit(url).scheme in ("http", "https"):
        return MjpegStream(camera, wake, timeouts)
    return NetworkStream(camera, working_width, wake, timeouts)


def is_record_address(url: str) -> bool:
    """Whether a smart camera sends occupancy records from there, and no pixels."""
    return url.startswith(("tcp://", "drop:"))


def check_address(camera: Camera) -> None:
    """Raise InputError where a camera's address cannot be that of a live source, in one line.

    Whether anything answers there is not asked.
    """
    where, url = f"camera {camera.id!r}", camera.url
    if not url:
        raise InputError(f"{where} has no url; {RIGHT}")
    shown = without_credentials(url)
    scheme = url.partition("://")[0] if "://" in url else ""
    if camera.replay is not None:
        if (scheme and scheme != "file") or is_webcam(url) or is_record_address(url):
            raise InputError(f"{where}: {shown} is live by itself; only files can be replayed")
        return
    if url.startswith("drop:"):
        if not url.removeprefix("drop:"):
            raise InputError(f"{where}: drop: names no folder; drop:/path/of/a/folder would be right")
        return
    if is_webcam(url):
        return
    if not scheme or scheme == "file":
        raise InputError(f"{where}: {shown} is no live address; {RIGHT}")
    if scheme not in SCHEMES:
        raise InputError(f"{where}: {shown}: unknown scheme {scheme[:20]!r}; {RIGHT}")
    if not url.isprintable() or " " in url:
        raise InputError(f"{where}: the address holds a space or a control character; write them as %20")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise InputError(f"{where}: {shown}: no such host or port; {scheme}://host:port/path") from None
    if not host:
        raise InputError(f"{where}: {shown} names no host; {scheme}://host/path would be right")
    if scheme == "tcp" and not port:
        raise InputError(f"{where}: {shown} names no port; tcp://{host}:port would be right")


def find_streams(paths: Iterable[str]) -> list[Camera]:
    """One camera per address, file, folder or webcam that the words name, each with an id of its own.

    An address gives its host and path, ``10.0.0.5-stream1``, never its user or password; a file its stem.

    Raises:
        InputError: a glob matches nothing, or an address cannot be right.
    """
    cameras: list[Camera] = []
    for word in paths:
        if "://" not in word and not word.startswith("drop:"):
            cameras += find_cameras([word])
            continue
        camera = Camera(id=_slug(word), url=word)
        if not word.startswith("file://"):
            check_address(camera)
        cameras.append(camera)
    taken: set[str] = set()
    unique = []
    for camera in cameras:
        name, number = camera.id, 2
        while name in taken:
            name, number = f"{camera.id}-{number}", number + 1
        taken.add(name)
        unique.append(replace(camera, id=name))
    return unique


def _slug(url: str) -> str:
    if url.startswith(("drop:", "file://")):
        return Path(url.partition(":")[2]).name or "drop"
    shown = without_credentials(url)
    try:
        parts = urlsplit(shown)
        port = f"-{parts.port}" if parts.port and parts.scheme == "tcp" else ""
        words = f"{parts.hostname or ''}{port}{unquote(parts.path)}"
    except ValueError:
        words = "camera"
    return re.sub(r"[^\w.]+", "-", words).strip("-.")[:100] or "camera"
