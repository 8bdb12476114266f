"""Images as sources: a folder of them, or a single one."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np

from sdist_ray.errors import InputError
from sdist_ray.video.source import FrameError, Image, VideoSource

IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".pgm", ".ppm"}
DEFAULT_IMAGE_FPS = 10.0
MAX_IMAGE_BYTES = 1 << 28


class Images(VideoSource):
    """The images of a folder in natural order (frame2 before frame10), one every 1 / fps seconds.

    A single image file is a source of one frame.

    Raises:
        InputError: no such folder or file, no image in it, or not one that can be read.
    """

    def __init__(self, path: Path, fps: float | None = None, start_s: float = 0.0) -> None:
        self._files = image_files(path)
        self._fps = fps or DEFAULT_IMAGE_FPS
        self._start_s = start_s
        self._index = -1
        self._broken: list[str] = []
        self._closed = False
        first = next((image for file in self._files if (image := read_image(file)) is not None), None)
        if first is None:
            if not path.is_dir():
                wrong = "not a readable image" if path.stat().st_size else "an empty file"
                raise InputError(f"{path}: {wrong}")
            raise InputError(f"{path}: none of its {len(self._files)} images can be read")
        self._size = (first.shape[1], first.shape[0])

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
        return len(self._files)

    @property
    def complaint(self) -> str | None:
        """See VideoSource."""
        if not self._broken:
            return None
        return f"{len(self._broken)} of {len(self._files)} images cannot be read, {self._broken[0]} first"

    def grab(self) -> float | None:
        """See VideoSource."""
        if self._closed or self._index + 1 >= len(self._files):
            self._closed = True
            return None
        self._index += 1
        return self._start_s + self._index / self._fps

    def decode(self) -> Image:
        """See VideoSource."""
        if self._closed or self._index < 0:
            raise FrameError("no image was grabbed")
        file = self._files[self._index]
        image = read_image(file)
        if image is None:
            if file.name not in self._broken:
                self._broken.append(file.name)
            raise FrameError(f"{file}: not a readable image")
        return image

    def close(self) -> None:
        """See VideoSource."""
        self._closed = True


def image_files(path: Path) -> list[Path]:
    """The images of a folder in natural order, or the single one.

    Raises:
        InputError: no such folder or file, or no image in it.
    """
    try:
        path.stat()
        names = [entry for entry in path.iterdir() if is_image(entry)] if path.is_dir() else [path]
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    if not names:
        raise InputError(f"{path}: a folder without images (jpg, png, bmp, tif, webp)")
    return sorted(names, key=_natural)


def is_image(path: Path) -> bool:
    """Whether a file's name says that it is an image."""
    return path.suffix.lower() in IMAGE_SUFFIXES


def read_image(path: Path) -> Image | None:
    """An image, uint8 (height, width, 3), BGR, upright; None if it cannot be read."""
    try:
        if not path.is_file() or path.stat().st_size > MAX_IMAGE_BYTES:
            return None
        data = np.fromfile(path, dtype=np.uint8)
        image = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    except (OSError, cv2.error):
        return None
    return None if image is None else np.asarray(image, dtype=np.uint8)


def _natural(path: Path) -> tuple[list[tuple[int, str]], str]:
    parts = re.split(r"(\d+)", path.name)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts], path.name
