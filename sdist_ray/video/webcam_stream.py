"""Webcams as live streams: unplugged, and back."""

from __future__ import annotations

import threading
from collections.abc import Callable

import cv2
import numpy as np

from sdist_ray.cameras.camera import Camera
from sdist_ray.errors import InputError
from sdist_ray.video.live import SILENT_S, Webcam
from sdist_ray.video.luma import shrink
from sdist_ray.video.reconnect import Pauses
from sdist_ray.video.source import VideoSource
from sdist_ray.video.threaded import PATIENT, Link, Lost, ThreadedStream, Timeouts


class WebcamStream(ThreadedStream):
    """A camera at this machine; frames are given in grey, captured when they arrive.

    Args:
        camera: with an address such as ``webcam:0`` or ``/dev/video0``.
        working_width: wider frames are shrunk to it.
        wake, timeouts, pauses: see ThreadedStream; the device itself decides how long it may be silent.
        opens: opens a webcam by its address.
    """

    def __init__(
        self,
        camera: Camera,
        working_width: int | None = None,
        wake: threading.Event | None = None,
        timeouts: Timeouts = PATIENT,
        pauses: Pauses | None = None,
        opens: Callable[[str], VideoSource] = Webcam,
    ) -> None:
        patient = Timeouts(max(timeouts.open_s, SILENT_S), max(timeouts.read_s, SILENT_S))
        super().__init__(camera.id, wake, patient, pauses)
        self._url = camera.url or ""
        self._working_width = working_width
        self._opens = opens
        self._start()

    def _receive(self, link: Link) -> None:
        try:
            webcam = self._opens(self._url)
        except InputError as error:
            raise Lost(str(error)) from None
        with webcam:
            while (time_s := webcam.grab()) is not None:
                grey = cv2.cvtColor(webcam.decode(), cv2.COLOR_BGR2GRAY)
                image = shrink(np.asarray(grey, dtype=np.uint8), self._working_width)
                if not self._give(link, time_s, image, time_s):
                    return
        raise Lost(f"{self._url}: {webcam.complaint or 'it ended'}")
