"""A camera as a live worker has it, whatever it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from sdist_ray.occupancy.block import Rows
from sdist_ray.runtime.feeds import Assignment
from sdist_ray.runtime.health import CameraHealth
from sdist_ray.runtime.live.camera import CameraState
from sdist_ray.runtime.live.steps import Steps
from sdist_ray.video.source import Image


class Watched(Protocol):
    """A camera of a live worker: pixels, or a smart camera's records."""

    camera: str

    def step(self, now_s: float) -> Steps | None:
        """Take what waits longest, and say what is to be done with it; None where nothing waits.

        Steps are done before anything else is asked of the camera.
        """
        ...

    def take(self) -> Rows:
        """What was seen since it was taken last."""
        ...

    def health(self) -> CameraHealth:
        """How it is."""
        ...

    def busy_since_s(self) -> float:
        """CPU seconds that it took since this was asked last."""
        ...

    def least_lag_s(self) -> float | None:
        """Least seconds from capture to arrival since this was asked last; None where nothing came."""
        ...

    def picture(self) -> Image | None:
        """The frame with the most people in it; None where there is none."""
        ...

    def fail(self, problem: str, until_s: float) -> None:
        """It went wrong in a way that nobody foresaw: it is left alone for a while."""
        ...

    def release(self) -> CameraState | None:
        """Stop reading it; what is to be known of it where it is read next."""
        ...

    def close(self) -> None:
        """Stop reading it."""
        ...


OpenCamera = Callable[[Assignment, CameraState | None], Watched]


class Unopened:
    """A camera that could not be opened: it has nothing, and says why. See Watched."""

    def __init__(self, entry: Assignment, state: CameraState | None, problem: str) -> None:
        self.camera = entry.camera
        self.entry = entry
        self.state = state
        self._problem = problem
        self._before = CameraHealth(entry.camera) if state is None else state.health

    def step(self, now_s: float) -> Steps | None:
        """See Watched."""
        return None

    def take(self) -> Rows:
        """See Watched."""
        return Rows.concatenate([])

    def health(self) -> CameraHealth:
        """See Watched."""
        return CameraHealth(self.camera, state="waiting", problem=self._problem).after(self._before)

    def busy_since_s(self) -> float:
        """See Watched."""
        return 0.0

    def least_lag_s(self) -> float | None:
        """See Watched."""
        return None

    def picture(self) -> Image | None:
        """See Watched."""
        return None

    def fail(self, problem: str, until_s: float) -> None:
        """See Watched."""

    def release(self) -> CameraState | None:
        """See Watched."""
        return self.state

    def close(self) -> None:
        """See Watched."""
