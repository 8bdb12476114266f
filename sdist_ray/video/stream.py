"""Frames of a camera as they come: what every live source promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from sdist_ray.video.source import Image

STATES = ("connecting", "live", "waiting", "ended")


@dataclass(frozen=True)
class Shot:
    """A frame and when it was captured.

    Attributes:
        time_s: capture time, UTC epoch seconds.
        content: a JPEG image that nobody decoded yet, or pixels: uint8, grey (height, width) or BGR
            (height, width, 3).
    """

    time_s: float
    content: bytes | Image


@dataclass(frozen=True)
class StreamStatus:
    """How a stream is.

    Attributes:
        state: "connecting", "live" (frames come), "waiting" (it pauses before it tries again) or "ended"
            (it never gives another frame).
        reconnects: times that it was lost and is back.
        dropped: frames that it dropped because nobody took them in time.
        arrived_s: when the newest frame came, UTC epoch seconds of this machine; None before the first.
        problem: why no frames come, one line without credentials; None where they do.
    """

    state: str
    reconnects: int = 0
    dropped: int = 0
    arrived_s: float | None = None
    problem: str | None = None


class Stream(ABC):
    """One camera, live. Nothing here waits: what has to, does so in a thread of the stream's own.

    A stream that cannot be reached is no error: it tries again, with growing, jittered pauses, until it is
    closed.
    """

    @abstractmethod
    def poll(self, now_s: float) -> Shot | None:
        """The oldest frame that waits, taken out; None where none does.

        Args:
            now_s: wall time, UTC epoch seconds.
        """

    @abstractmethod
    def next_s(self, now_s: float) -> float:
        """The earliest wall time at which ``poll`` may have a frame, ``now_s`` where it cannot be told."""

    @abstractmethod
    def status(self) -> StreamStatus:
        """How it is."""

    @abstractmethod
    def close(self) -> None:
        """Let go of everything, from any thread, soon. Safe to call twice; then ``poll`` has nothing."""
