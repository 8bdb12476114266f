"""Frames out: one video file, whole or not there."""

from __future__ import annotations

import math
import os
from pathlib import Path
from types import TracebackType
from typing import Self

import cv2
import numpy as np

from sdist_ray.errors import InputError
from sdist_ray.video.source import Image

# What OpenCV's own FFmpeg can encode, in ms per frame on one core, 480x360 and 1920x1080:
#   mp4v  1.2  15-23   VLC, mpv, Windows and macOS players, OpenCV; no Chrome, no Firefox
#   MJPG  2.6  26      plays as widely, six times the bytes
#   VP8   18   175     every browser
#   VP9   165  1400    every browser
# It has no H.264, H.265 or AV1 encoder (licences), and takes no options that would hurry VP8 or VP9.
# Beside a detector of 20 ms a frame only mp4v goes unnoticed; .webm is for those who ask for it.
CODECS = {".mp4": "mp4v", ".webm": "VP80"}
SLOWEST_FPS, FASTEST_FPS = 0.1, 240.0
"""Containers' clocks hold no others well."""


class VideoWriter:
    """A video file that appears under its name when it is closed without an error.

    Until then it grows beside its place as ``.partial-NAME``. As a context manager it closes at the end
    and abandons after an exception. Sizes that are odd are padded by one row or column, since the codecs
    share colour between 2 x 2 pixels.

    Args:
        path: ``*.mp4``, or ``*.webm`` for browsers at fifteen times the effort; its folder must exist.
        fps: frames per second, above 0; kept within 0.1 to 240.
        size: (width, height) of the frames, pixels.

    Raises:
        InputError: the file cannot be written, or the name, size or rate is none for a video.
    """

    def __init__(self, path: Path, fps: float, size: tuple[int, int]) -> None:
        if path.suffix not in CODECS:
            raise InputError(f"{path}: a video's name must end in {' or '.join(CODECS)}")
        if not (math.isfinite(fps) and fps > 0):
            raise InputError(f"{path}: frames per second must be above 0, not {fps}")
        if min(size) < 1:
            raise InputError(f"{path}: a video needs at least one pixel, not {size[0]}x{size[1]}")
        self._path = path
        self._partial = path.with_name(f".partial-{path.name}")
        self._size = size
        self._frames = 0
        width, height = (n + n % 2 for n in size)
        self._padded = (height, width) != (size[1], size[0])
        # OpenCV leaves a reason to a log that users do not see; the system says why.
        try:
            self._partial.touch()
        except OSError as error:
            raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error
        codec = cv2.VideoWriter.fourcc(*CODECS[path.suffix])
        rate = round(min(max(fps, SLOWEST_FPS), FASTEST_FPS), 2)
        self._writer: cv2.VideoWriter | None = None
        writer = cv2.VideoWriter(str(self._partial), cv2.CAP_FFMPEG, codec, rate, (width, height), True)
        if not writer.isOpened():
            self._partial.unlink(missing_ok=True)
            raise InputError(f"{path}: a video of {width}x{height} pixels is too large (8191 a side)")
        self._writer = writer

    @property
    def path(self) -> Path:
        """Where the video will be."""
        return self._path

    @property
    def frames(self) -> int:
        """How many frames were written."""
        return self._frames

    def write(self, image: Image) -> None:
        """Add a frame.

        Args:
            image: uint8 (height, width, 3), BGR, of the video's size; only read.

        Raises:
            ValueError: it has another shape or type, or the video is closed. (OpenCV would drop the frame
                and say nothing.)
        """
        width, height = self._size
        if image.shape != (height, width, 3) or image.dtype != np.uint8:
            raise ValueError(
                f"{self._path}: a frame is uint8 {(height, width, 3)}, got {image.dtype} {image.shape}"
            )
        if self._writer is None:
            raise ValueError(f"{self._path}: closed")
        if self._padded:
            edge = cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
            image = np.asarray(edge, dtype=np.uint8)
        self._writer.write(image)
        self._frames += 1

    def close(self) -> None:
        """Finish the file and move it into place; safe to call twice.

        A video without frames is none: nothing appears.

        Raises:
            InputError: the file is not whole, as when the disk is full; nothing is left of it.
        """
        if self._writer is None:
            return
        self._release()
        try:
            if self._frames:
                self._check()
                os.replace(self._partial, self._path)
        except OSError as error:
            raise InputError(f"{self._path}: {error.strerror or error}") from error
        finally:
            self._partial.unlink(missing_ok=True)

    def abandon(self) -> None:
        """Let go of the file and leave nothing of it; safe to call twice, and after ``close``."""
        if self._writer is not None:
            self._release()
            self._partial.unlink(missing_ok=True)

    def _release(self) -> None:
        if self._writer is not None:
            self._writer.release()
            self._writer = None

    def _check(self) -> None:
        """Raise InputError unless the last frame can be read: OpenCV's writer never says that it failed."""
        capture = cv2.VideoCapture(str(self._partial), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
        try:
            # Matroska states a length, not a count: it may be a frame off.
            count = capture.get(cv2.CAP_PROP_FRAME_COUNT) if capture.isOpened() else 0.0
            whole = abs(count - self._frames) <= (self._path.suffix == ".webm")
            if whole and self._frames > 1:
                capture.set(cv2.CAP_PROP_POS_FRAMES, min(count, self._frames) - 1)
                whole = capture.grab()
        finally:
            capture.release()
        if not whole:
            raise InputError(f"{self._path}: the video came out short; is the disk full?")

    def __enter__(self) -> Self:
        """The writer itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close, or abandon after an exception."""
        if kind is None:
            self.close()
        else:
            self.abandon()
