"""Frames of a replayed video that must be decoded one after the other, a few ahead of when they are due."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import deque
from collections.abc import Iterator

import av
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from sdist_ray.errors import InputError
from sdist_ray.video.clip import Clip
from sdist_ray.video.clip_files import open_video, stamp_of
from sdist_ray.video.luma import luma
from sdist_ray.video.source import Image
from sdist_ray.video.threads import start
from sdist_ray.video.timeline import Timeline

log = logging.getLogger(__name__)

AHEAD = 4
SEEK_FRAMES = 50
"""To skip fewer frames than this, they are decoded; to skip more, the video is searched for a key frame."""


class Ahead:
    """A thread that decodes the frames of a replay in their order, from its ``number``-th on.

    Args:
        clip: a video with ``stamps``.
        timeline: which frame comes when.
        number: the first frame wanted.
        working_width: wider frames are shrunk to it; None leaves them.
        wake: set whenever a frame is there.
    """

    def __init__(
        self,
        clip: Clip,
        timeline: Timeline,
        number: int,
        working_width: int | None,
        wake: threading.Event | None,
    ) -> None:
        assert clip.stamps is not None
        self._path, self._stamps = clip.path, clip.stamps
        self._timeline = timeline
        self._working_width = working_width
        self._wake = wake
        self._ready: deque[tuple[int, Image | None]] = deque()
        self._wanted = self._next = number
        self._room = threading.Event()
        self._closed = False
        self.problem: str | None = None
        start(self._run, f"decodes {clip.path.name}", self.close)

    def take(self, number: int) -> tuple[bool, Image | None]:
        """Whether a frame is there, and its image; None where it is broken. Earlier ones are dropped."""
        self._wanted = number
        ready = self._ready
        while ready and ready[0][0] < number:
            ready.popleft()
        found = bool(ready) and ready[0][0] == number
        image = ready.popleft()[1] if found else None
        if len(ready) < AHEAD:
            self._room.set()
        return found, image

    def close(self) -> None:
        """Let the thread end."""
        self._closed = True
        self._room.set()

    def _run(self) -> None:
        try:
            seek = False
            while not self._closed:
                with open_video(self._path) as container:
                    seek = self._decode(container, container.streams.video[0], seek)
        except InputError as error:
            self.problem = str(error)
        except Exception as error:
            self.problem = f"{self._path}: cannot be played any further ({type(error).__name__})"
            log.debug("%s", self._path, exc_info=True)

    def _decode(self, container: InputContainer, video: VideoStream, seek: bool) -> bool:
        """Give frames until the next one stands before the last; whether to look for that with a seek."""
        index, place = self._timeline.index(self._next), 0
        if seek:
            # A container that cannot is read from its beginning.
            with contextlib.suppress(av.FFmpegError, OSError, ValueError):
                container.seek(self._stamps[index], stream=video)
                place = index
        frames = _frames(container, video)
        frame: VideoFrame | None = None
        while not self._closed:
            if len(self._ready) >= AHEAD:
                self._room.wait()
                self._room.clear()
                continue
            self._next = max(self._next, self._wanted)
            index = self._timeline.index(self._next)
            if index < place or index - place >= SEEK_FRAMES:
                return index >= SEEK_FRAMES
            place, wanted = index, self._stamps[index]
            # What cannot be decoded leaves a gap; a frame that comes before its turn waits for it.
            while frame is None or (stamp_of(frame) or 0) < wanted:
                frame = next(frames, None)
                if frame is None:
                    break
            fits = frame is not None and stamp_of(frame) == wanted
            self._ready.append((self._next, luma(frame, self._working_width) if fits and frame else None))
            self._next += 1
            if self._wake is not None and len(self._ready) == 1:
                self._wake.set()
        return False


def _frames(container: InputContainer, video: VideoStream) -> Iterator[VideoFrame]:
    """Every frame that can be decoded, from where the container is to its end or its damage."""
    try:
        for packet in container.demux(video):
            try:
                yield from packet.decode()
            except (av.FFmpegError, ValueError):
                continue
    except (av.FFmpegError, OSError, ValueError):
        return
