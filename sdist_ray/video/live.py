"""Webcams as sources: no end, and no frame that waits."""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from sdist_ray.errors import InputError
from sdist_ray.video.source import FrameError, Image, VideoSource

DEFAULT_FPS = 30.0
SILENT_S = 10.0
"""A camera that gives no frame for so long has ended."""
_NUMBERED = re.compile(r"webcam:(\d{1,3})")
_DEVICE = re.compile(r"/dev/video(\d{1,3})")


class Capture(Protocol):
    """What a webcam needs of cv2.VideoCapture."""

    def isOpened(self) -> bool:
        """Whether it is there."""
        ...

    def read(self) -> tuple[bool, Any]:
        """Wait for the next frame: whether one came, and its image."""
        ...

    def get(self, propId: int, /) -> float:
        """A property."""
        ...

    def release(self) -> None:
        """Let go of the device."""
        ...


class Webcam(VideoSource):
    """A camera at this machine. A thread reads it all the time.

    ``grab`` waits for a frame newer than the last. Frames that nobody grabs in time are dropped, so what is
    grabbed is never old. Capture times are those of arrival, which is all that a webcam tells.

    Args:
        url: ``webcam:0``, or a device such as ``/dev/video0``.
        fps: nominal rate; None for what the device says.
        capture: read instead of the device.

    Raises:
        InputError: there is no such device, it is busy, or it may not be read.
    """

    def __init__(self, url: str, fps: float | None = None, capture: Capture | None = None) -> None:
        self._name = url
        self._capture = capture or _open(url)
        ok, image = self._capture.read() if self._capture.isOpened() else (False, None)
        if not ok or image is None:
            self._capture.release()
            raise InputError(
                f"{url}: gives no picture: another program may be using it, or it is not a camera"
            )
        own = float(self._capture.get(cv2.CAP_PROP_FPS))
        self._fps = fps or (own if 0 < own <= 1000 else DEFAULT_FPS)
        self._size = (image.shape[1], image.shape[0])
        self._changed = threading.Condition()
        self._newest: Image | None = np.asarray(image, dtype=np.uint8)
        self._newest_s = time.time()
        self._given: Image | None = None
        self._count = 1
        self._ended = False
        self._closed = False
        self._complaint: str | None = None
        self._thread = threading.Thread(target=self._read, name=f"reads {url}", daemon=True)
        self._thread.start()

    @property
    def fps(self) -> float:
        """See VideoSource."""
        return self._fps

    @property
    def size(self) -> tuple[int, int]:
        """See VideoSource."""
        return self._size

    @property
    def frames(self) -> int | None:
        """See VideoSource."""
        return None

    @property
    def complaint(self) -> str | None:
        """See VideoSource."""
        return self._complaint

    def grab(self) -> float | None:
        """See VideoSource."""
        with self._changed:
            came = self._changed.wait_for(lambda: self._newest is not None or self._ended, SILENT_S)
            if self._closed:
                return None
            if not came:
                self._complaint = f"no frame for {SILENT_S:g} s, after {self._count}"
            if self._newest is None:
                self._closed = self._ended = True
                return None
            self._given, self._newest = self._newest, None
            return self._newest_s

    def decode(self) -> Image:
        """See VideoSource."""
        with self._changed:
            if self._given is None or self._closed:
                raise FrameError(f"{self._name}: no frame was grabbed")
            return self._given

    def close(self) -> None:
        """See VideoSource; from any thread."""
        with self._changed:
            self._closed = self._ended = True
            self._changed.notify_all()
        if self._thread is not threading.current_thread():
            self._thread.join(1.0)

    def _read(self) -> None:
        """Keep the newest frame, until there are no more or nobody wants them."""
        try:
            while not self._ended:
                ok, image = self._capture.read()
                with self._changed:
                    if not ok or image is None:
                        break
                    # A clock that is set back must not turn time around.
                    self._newest_s = max(self._newest_s, time.time())
                    self._newest = np.asarray(image, dtype=np.uint8)
                    self._count += 1
                    self._changed.notify_all()
        finally:
            with self._changed:
                if not self._ended:
                    self._complaint = f"stopped giving frames, after {self._count}: was it unplugged?"
                self._ended = True
                self._changed.notify_all()
            self._capture.release()


def webcam_name(url: str) -> str:
    """A camera id: ``webcam0``, ``video0``."""
    return url.replace(":", "") if url.startswith("webcam:") else Path(url).name


def _open(url: str) -> Capture:
    number = _NUMBERED.fullmatch(url) or _DEVICE.fullmatch(str(Path(url).resolve()))
    if number is None:
        raise InputError(f"{url}: not a webcam; webcam:0 or /dev/video0 would be right")
    index = int(number[1])
    if not sys.platform.startswith("linux"):
        return cv2.VideoCapture(index)
    # Asked here first: OpenCV prints warnings of its own.
    device = Path(f"/dev/video{index}")
    if not device.exists():
        there = ", ".join(sorted(str(path) for path in Path("/dev").glob("video[0-9]*"))) or "none"
        raise InputError(f"{url}: there is no such webcam ({device}); there are: {there}")
    if not os.access(device, os.R_OK | os.W_OK):
        raise InputError(f"{url}: {device} may not be read by this user (it is for the group video)")
    return cv2.VideoCapture(index, cv2.CAP_V4L2)
