"""Video files as sources, and which source a camera's address or a path stands for."""

from __future__ import annotations

import glob
import math
from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from sdist_ray.cameras.camera import Camera, is_webcam, without_credentials
from sdist_ray.errors import InputError, refuse_endless
from sdist_ray.video.images import IMAGE_SUFFIXES, Images, is_image
from sdist_ray.video.live import Webcam, webcam_name
from sdist_ray.video.source import FrameError, Image, VideoSource

# FFmpeg follows such lists to other files and addresses: a "video" must not make us open those.
PLAYLIST_HEADS = (b"#EXTM3U", b"ffconcat", b"<?xml", b"[playlist]", b"<smil")


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


def check_file(path: Path) -> None:
    """Raise InputError unless the path is a file with something in it that is no playlist."""
    try:
        refuse_endless(path)
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
    if is_webcam(camera.url):
        return Webcam(camera.url, camera.fps)
    if "://" in camera.url and not camera.url.startswith("file://"):
        shown = without_credentials(camera.url)
        raise InputError(f"camera {camera.id!r}: {shown} is not a file, a folder of images or a webcam")
    path = Path(camera.url.removeprefix("file://"))
    kind = Images if path.is_dir() or is_image(path) else VideoFile
    return kind(path, camera.fps, camera.start_s)


def find_cameras(paths: Iterable[str]) -> list[Camera]:
    """One camera per file, folder of images or webcam that the paths and globs name; its id is the stem.

    An image is a camera of one frame. A path that names nothing stays in the list, so that its camera is
    reported as missing. A folder that holds no images but videos stands for those videos.

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
            if is_webcam(name):
                cameras.append(Camera(id=webcam_name(name), url=name))
                continue
            path = Path(name)
            inside = _videos_in(path) if path.is_dir() else []
            cameras += [Camera(id=file.stem or str(file), url=str(file)) for file in inside or [path]]
    return cameras


def _videos_in(folder: Path) -> list[Path]:
    files = sorted(file for file in folder.iterdir() if file.is_file())
    if any(file.suffix.lower() in IMAGE_SUFFIXES for file in files):
        return []
    return [f for f in files if f.suffix.lower() in {".mp4", ".avi", ".mkv", ".mov", ".webm", ".ts"}]
