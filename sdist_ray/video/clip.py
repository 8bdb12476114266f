"""The frames of a file that stands in for cameras."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from sdist_ray.errors import InputError
from sdist_ray.video.images import MAX_IMAGE_BYTES, read_image
from sdist_ray.video.source import Image
from sdist_ray.video.timeline import to_units

JPEG_START = b"\xff\xd8"


@dataclass(frozen=True)
class Extent:
    """Where in the clip's file a JPEG image stands."""

    position: int
    size: int


class Clip:
    """The frames of a file and their times.

    Attributes:
        path: the file or folder.
        times: of each frame, ascending, in units of the timeline from 0.
        length: how long it plays, in units.
        stamps: where frames must be decoded one after the other, their presentation times in the video's
            own unit; else None.
    """

    def __init__(
        self,
        path: Path,
        seconds: Sequence[float],
        fps: float,
        parts: Sequence[bytes | Extent | Path | None] | None,
        stamps: Sequence[int] | None = None,
    ) -> None:
        if not len(seconds):
            raise InputError(f"{path}: no frame in it can be read")
        self.path = path
        self.times = [to_units(second - seconds[0]) for second in seconds]
        step = (seconds[-1] - seconds[0]) / (len(seconds) - 1) if len(seconds) > 1 else 1 / fps
        self.length = self.times[-1] + max(1, to_units(step))
        self.stamps = stamps
        self._parts = parts or ()
        self._file: int | None = None
        if any(isinstance(part, Extent) for part in self._parts):
            self._file = os.open(path, os.O_RDONLY)
            weakref.finalize(self, os.close, self._file)
        held.hold(self, sum(len(part) for part in self._parts if isinstance(part, bytes)))

    def content(self, index: int) -> bytes | Image | None:
        """A frame: JPEG that nobody decoded yet, a grey image (height, width), or None: it is broken."""
        part = self._parts[index]
        if isinstance(part, bytes) or part is None:
            return part
        try:
            if isinstance(part, Extent):
                assert self._file is not None
                data = os.pread(self._file, part.size, part.position)
                return data if data.startswith(JPEG_START) else None
            return read_part(part)
        except OSError:
            return None


class Held:
    """How many bytes of images the process holds."""

    def __init__(self) -> None:
        self.bytes = 0
        self._lock = threading.Lock()

    def hold(self, clip: Clip, count: int) -> None:
        """They are held for as long as the clip lives."""
        with self._lock:
            self.bytes += count
        weakref.finalize(clip, self._release, count)

    def _release(self, count: int) -> None:
        # The garbage collector may call while this thread has the lock: no lock, one small race less.
        self.bytes -= count


held = Held()


def read_part(file: Path) -> bytes | Image | None:
    """An image file: JPEG as it is, another in grey; None where it cannot be read. Raises OSError."""
    if file.stat().st_size > MAX_IMAGE_BYTES:
        return None
    data = file.read_bytes()
    if data.startswith(JPEG_START):
        return data
    image = read_image(file)
    return None if image is None else np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), dtype=np.uint8)
