"""Files replayed as if they were live cameras, paced by their own timestamps."""

from __future__ import annotations

import math
import threading
from pathlib import Path

from sdist_ray.cameras.camera import Camera, Replay
from sdist_ray.errors import InputError
from sdist_ray.video.ahead import Ahead
from sdist_ray.video.clip import Clip
from sdist_ray.video.clip_files import Source
from sdist_ray.video.clips import Opening, open_clip
from sdist_ray.video.reconnect import Pauses
from sdist_ray.video.source import Image
from sdist_ray.video.stream import Shot, Stream, StreamStatus
from sdist_ray.video.timeline import Timeline, to_units

HOLD_S = 2.0
"""A frame that nobody took for so long is dropped, as a live stream's queue would drop it."""


class Replayed(Stream):
    """A file that plays as if it were a camera, from ``camera.replay.start_s`` on.

    A frame's capture time is ``start_s`` plus the media time played, exact and rising through all loops, so
    that the frames of two runs differ by their ``start_s`` and by nothing else. JPEG images, of a folder, an
    MJPEG file or transcoded ones, are handed over undecoded; frames of other videos as grey images, decoded
    ahead in a thread. A file that cannot be played is tried again, as a camera would be.

    Args:
        camera: with a ``url`` that names a file or folder, and a ``replay``.
        working_width: frames decoded here that are wider are shrunk to it.
        wake: set when a frame was decoded. Frames that are merely due do not set it: ask ``next_s``.

    Raises:
        InputError: the camera has no url or no replay.
    """

    def __init__(
        self,
        camera: Camera,
        working_width: int | None = None,
        wake: threading.Event | None = None,
        pauses: Pauses | None = None,
    ) -> None:
        if not camera.url or camera.replay is None:
            raise InputError(f"camera {camera.id!r} has no {'replay' if camera.url else 'url'}")
        self._replay: Replay = camera.replay
        self._source = source_of(camera)
        self._working_width = working_width
        self._wake = wake
        self._pauses = pauses or Pauses()
        self._opening: Opening | None = open_clip(self._source)
        self._clip: Clip | None = None
        self._timeline: Timeline | None = None
        self._ahead: Ahead | None = None
        self._number = 0
        # Before it is opened every poll looks whether it is; a frame that is due is looked for as well.
        self._due_s = -math.inf
        self._state = "connecting"
        self._dropped = 0
        self._reconnects = 0
        self._closed = False
        self._arrived_s: float | None = None
        self._problem: str | None = None

    def poll(self, now_s: float) -> Shot | None:
        """See Stream."""
        if now_s < self._due_s:
            return None
        timeline = self._timeline or self._begin(now_s)
        if timeline is None:
            return None
        while now_s >= self._due_s:
            if self._due_s < now_s - HOLD_S:
                self._dropped += self._move(timeline, timeline.first_at(now_s - HOLD_S))
                continue
            there, content = self._take(timeline, now_s)
            if not there:
                return None
            due_s = self._due_s
            self._move(timeline, self._number + 1)
            if content is not None:
                self._arrived_s = now_s
                if self._state == "waiting":
                    self._reconnects += 1
                self._state, self._problem = "live", None
                return Shot(due_s, content)
        return None

    def next_s(self, now_s: float) -> float:
        """See Stream."""
        return max(now_s, self._due_s)

    def status(self) -> StreamStatus:
        """See Stream."""
        ended = self._closed or self._due_s == math.inf
        state = "ended" if ended else self._state
        return StreamStatus(state, self._reconnects, self._dropped, self._arrived_s, self._problem)

    def close(self) -> None:
        """See Stream."""
        self._closed = True
        self._due_s = math.inf
        ahead, self._ahead = self._ahead, None
        self._opening = self._clip = None
        if ahead is not None:
            ahead.close()

    def _begin(self, now_s: float) -> Timeline | None:
        """The timeline, once the clip is open."""
        if self._opening is None:
            if self._due_s != math.inf:
                self._opening = open_clip(self._source)
            return None
        if not self._opening.done:
            return None
        clip, problem = self._opening.clip, self._opening.problem
        self._opening = None if clip is None else self._opening
        if clip is None:
            self._fail(now_s, problem or "cannot be played")
            return None
        replay = self._replay
        length = max(clip.length, to_units(replay.period_s or 0.0))
        timeline = Timeline(clip.times, length, replay.start_s, to_units(replay.offset_s), replay.loop)
        self._clip, self._timeline = clip, timeline
        # What would have been due while the file was opened is no frame that somebody failed to take.
        self._move(timeline, max(self._number, timeline.first_at(now_s - HOLD_S)))
        if clip.stamps is not None and self._due_s < math.inf:
            self._ahead = Ahead(clip, timeline, self._number, self._working_width, self._wake)
        return timeline

    def _move(self, timeline: Timeline, number: int) -> int:
        """Make a frame the next one: how many were skipped."""
        skipped, self._number = number - self._number, number
        # Another thread may have closed it meanwhile.
        self._due_s = math.inf if self._closed else timeline.time_s(number)
        return skipped

    def _take(self, timeline: Timeline, now_s: float) -> tuple[bool, bytes | Image | None]:
        """Whether the next frame is there yet, and its content; None where it is broken."""
        ahead, clip = self._ahead, self._clip
        if ahead is None or clip is None:
            return True, clip.content(timeline.index(self._number)) if clip else None
        found, image = ahead.take(self._number)
        if not found and ahead.problem is not None:
            self._fail(now_s, ahead.problem)
        return found, image

    def _fail(self, now_s: float, problem: str) -> None:
        self._state, self._problem = "waiting", problem
        self._opening = self._clip = self._timeline = self._ahead = None
        self._due_s = now_s + self._pauses.after(0.0)


def source_of(camera: Camera) -> Source:
    """The clip of a camera with a file and a replay."""
    assert camera.url
    assert camera.replay is not None
    path = Path(camera.url.removeprefix("file://"))
    return Source(path, camera.fps, camera.replay.transcode, camera.replay.width)
