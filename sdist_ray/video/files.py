"""Video files and folders of images as sources."""

from __future__ import annotations

import glob
import math
import re
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from sdist_ray.cameras.camera import Camera, without_credentials
from sdist_ray.errors import InputError
from sdist_ray.video.source import FrameError, Image, VideoSource

IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".pgm", ".ppm"}
# FFmpeg follows such lists to other files and addresses: a "video" must not make us open those.
PLAYLIST_HEADS = (b"#EXTM3U", b"ffconcat", b"<?xml", b"[playlist]", b"<smil")
DEFAULT_IMAGE_FPS = 10.0


class VideoFile(VideoSource):
    """A video file, decoded by OpenCV's FFmpeg on one thread.

    Capture times are ``start_s`` plus the file's own timestamps, or plus index / fps where the camera
    states its frame rate or the file's timestamps run backwards.

    Raises:
        InputError: missing, empty, or no video that OpenCV can read.
    """

    def __init__(self, path: Path, fps: float | None = None, start_s: float = 0.0) -> None:
        self._path = path
        self._start_s = start_s
        self._fps_stated = fps
        self._index = -1
        self._last_s = -math.inf
        self._complaint: str | None = None
        check_file(path)
        options = [cv2.CAP_PROP_N_THREADS, 1]
        self._capture: cv2.VideoCapture | None = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, options)
        width = int(self._capture.get(cv2.CAP_PROP_FRAME_WIDTH))
        height = int(self._capture.get(cv2.CAP_PROP_FRAME_HEIGHT))
        if not self._capture.isOpened() or width < 1 or height < 1:
            raise InputError(f"{path}: not a video that OpenCV can read (damaged, or another format)")
        self._size = (width, height)
        own = float(self._capture.get(cv2.CAP_PROP_FPS))
        self._fps = fps or (own if math.isfinite(own) and 0 < own <= 1000 else 25.0)
        self._expected = float(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))

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
        return int(self._expected) if 0 < self._expected < 1e12 else None

    @property
    def complaint(self) -> str | None:
        """See VideoSource."""
        return self._complaint

    def grab(self) -> float | None:
        """See VideoSource."""
        if self._capture is None:
            return None
        if not self._capture.grab():
            self._end()
            return None
        self._index += 1
        offset = self._index / self._fps
        if self._fps_stated is None:
            own = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
            if math.isfinite(own) and own >= 0 and (own > 0 or self._index == 0):
                offset = own
        self._last_s = max(self._last_s, self._start_s + offset)
        return self._last_s

    def decode(self) -> Image:
        """See VideoSource."""
        if self._capture is None:
            raise FrameError(f"{self._path}: closed")
        ok, image = self._capture.retrieve()
        if not ok or image is None:
            raise FrameError(f"{self._path}: frame {self._index} cannot be decoded")
        return np.asarray(image, dtype=np.uint8)

    def close(self) -> None:
        """See VideoSource."""
        if self._capture is not None:
            self._capture.release()
            self._capture = None

    def _end(self) -> None:
        read = self._index + 1
        # Containers state a rounded count at times; a truncated file lacks more than a frame or two.
        if read < self._expected - 2:
            self._complaint = (
                f"ended at frame {read} of {self._expected:.0f}: truncated or damaged from there on"
            )
        self.close()


class ImageFolder(VideoSource):
    """The images of a folder in natural order (frame2 before frame10), one every 1 / fps seconds.

    Raises:
        InputError: no such folder, no image in it, or not one that can be read.
    """

    def __init__(self, path: Path, fps: float | None = None, start_s: float = 0.0) -> None:
        try:
            names = [entry for entry in path.iterdir() if entry.suffix.lower() in IMAGE_SUFFIXES]
        except OSError as error:
            raise InputError(f"{path}: {error.strerror or error}") from error
        if not names:
            raise InputError(f"{path}: a folder without images (jpg, png, bmp, tif, webp)")
        self._files = sorted(names, key=_natural)
        self._fps = fps or DEFAULT_IMAGE_FPS
        self._start_s = start_s
        self._index = -1
        self._broken: list[str] = []
        self._closed = False
        first = next((image for file in self._files if (image := _read_image(file)) is not None), None)
        if first is None:
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
        image = _read_image(file)
        if image is None:
            if file.name not in self._broken:
                self._broken.append(file.name)
            raise FrameError(f"{file}: not a readable image")
        return image

    def close(self) -> None:
        """See VideoSource."""
        self._closed = True


def check_file(path: Path) -> None:
    """Raise InputError unless the path is a file with something in it that is no playlist."""
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    if not head:
        raise InputError(f"{path}: an empty file")
    if head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(PLAYLIST_HEADS):
        raise InputError(f"{path}: a playlist, not a video; name the videos themselves")


def open_source(camera: Camera) -> VideoSource:
    """The camera's frames.

    Raises:
        InputError: it has no url, or what is there cannot be read.
    """
    if not camera.url:
        raise InputError(f"camera {camera.id!r} has no url")
    if "://" in camera.url and not camera.url.startswith("file://"):
        shown = without_credentials(camera.url)
        raise InputError(f"camera {camera.id!r}: {shown} is not a file or a folder of images")
    path = Path(camera.url.removeprefix("file://"))
    kind = ImageFolder if path.is_dir() else VideoFile
    return kind(path, camera.fps, camera.start_s)


def find_cameras(paths: Iterable[str]) -> list[Camera]:
    """One camera per file or folder of images that the paths and globs name; its id is the stem.

    A path that names nothing stays in the list, so that its camera is reported as missing. A folder that
    holds no images but videos stands for those videos.

    Raises:
        InputError: a glob matches nothing.
    """
    cameras = []
    for pattern in paths:
        found = [pattern]
        if not Path(pattern).exists() and glob.has_magic(pattern):
            found = sorted(glob.glob(pattern, recursive=True))
            if not found:
                raise InputError(f"source.paths: {pattern} matches no file")
        for name in found:
            path = Path(name)
            inside = _videos_in(path) if path.is_dir() else []
            cameras += [Camera(id=file.stem or str(file), url=str(file)) for file in inside or [path]]
    return cameras


def _videos_in(folder: Path) -> list[Path]:
    files = sorted(file for file in folder.iterdir() if file.is_file())
    if any(file.suffix.lower() in IMAGE_SUFFIXES for file in files):
        return []
    return [f for f in files if f.suffix.lower() in {".mp4", ".avi", ".mkv", ".mov", ".webm", ".ts"}]


def _read_image(path: Path) -> Image | None:
    try:
        data = np.fromfile(path, dtype=np.uint8)
        image = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    except (OSError, cv2.error):
        return None
    return None if image is None else np.asarray(image, dtype=np.uint8)


def _natural(path: Path) -> tuple[list[tuple[int, str]], str]:
    parts = re.split(r"(\d+)", path.name)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts], path.name
