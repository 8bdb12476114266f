"""One camera of a live worker: its stream, its detector, and what it saw."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace

from sdist_ray.detection.detector import Detections, Detector
from sdist_ray.detection.foreground import DetectorState, ForegroundDetector
from sdist_ray.detection.sight import Sight, SightState
from sdist_ray.occupancy.block import BlockBuilder, Rows
from sdist_ray.runtime.feeds import NetworkSpec
from sdist_ray.runtime.health import CameraHealth
from sdist_ray.runtime.live.steps import NOTHING_MORE, Steps
from sdist_ray.video.jpeg import decode_grey
from sdist_ray.video.source import FrameError, Image
from sdist_ray.video.stream import Shot, Stream

AHEAD_S = 1.0
"""A frame stamped later than this from now has a wrong clock; it is not believed."""
LONGEST_INTERVAL_S = 2.0
"""A camera that gives fewer frames is unavailable in between."""
KEPT_S = 600.0
"""What nobody asked for within so long is let go, bit by bit."""
EVERYTHING = 2**40
"""A range after all others."""


@dataclass(frozen=True)
class CameraState:
    """All that is known of a camera where it is read, to be known where it is read next.

    Attributes:
        builder: its ticks, those not delivered yet among them.
        detector: what its detector learnt; None where that cannot be handed over.
        sight: what is known of its picture.
        last_s: capture time of the newest frame that came; None before the first.
        last_tick: the last tick that it was looked at; None before the first.
        interval_s: between two frames; None before the second.
        health: what was counted of it.
    """

    builder: BlockBuilder
    detector: DetectorState | None
    sight: SightState
    last_s: float | None
    last_tick: int | None
    interval_s: float | None
    health: CameraHealth


class LiveCamera:
    """A camera that is read live. Everything is called by one thread.

    Args:
        camera: its id.
        place: its place in the network.
        network: grid and clock.
        stream: its frames.
        detector: its own.
        patience_s: a frame older than this is dropped undecoded, so that what is looked at is never old.
        working_width: JPEG images may be decoded smaller, to no less than this; None: as they are.
        state: what was known of it elsewhere.
    """

    def __init__(
        self,
        camera: str,
        place: int,
        network: NetworkSpec,
        stream: Stream,
        detector: Detector,
        patience_s: float,
        working_width: int | None = None,
        state: CameraState | None = None,
    ) -> None:
        self.camera = camera
        self._network = network
        self._stream = stream
        self._detector = detector
        self._patience_s = patience_s
        self._working_width = working_width
        self._sight = Sight(state=None if state is None else state.sight)
        self._builder = BlockBuilder(place, network.grid, network.clock)
        self._last_s: float | None = None
        self._last_tick: int | None = None
        self._interval_s: float | None = None
        self._before = CameraHealth(camera)
        self._blind: str | None = None
        self._warm = False
        self._problem: str | None = None
        self._frames_in = self._processed = self._dropped = self._bad = 0
        self._available = self._occupied = 0
        self._busy_s = self._told_busy_s = 0.0
        # Not looked at between these; a clock that is set back is after none of them.
        self._passed_over_s = self.due_s = 0.0
        self._lag_s = math.inf
        self._picture: Image | None = None
        self._most_people = -1
        if state is not None:
            self._builder = state.builder
            self._last_s, self._last_tick, self._interval_s = state.last_s, state.last_tick, state.interval_s
            self._before = state.health
            if state.detector is not None and isinstance(detector, ForegroundDetector):
                detector.restore(state.detector)

    def step(self, now_s: float) -> Steps | None:
        """Look at the oldest frame that waits. See Watched."""
        if self._passed_over_s <= now_s < self.due_s:
            return None
        shot = self._stream.poll(now_s)
        if shot is None:
            self._passed_over_s, self.due_s = now_s, self._stream.next_s(now_s)
            return None
        self._frames_in += 1
        self._lag_s = min(self._lag_s, now_s - shot.time_s)
        tick = self._network.clock.tick(shot.time_s)
        if shot.time_s > now_s + AHEAD_S:
            self._problem = f"its clock is {shot.time_s - now_s:.0f} s ahead"
            self._dropped += 1
        elif self._last_tick is not None and tick <= self._last_tick:
            # Between two ticks, or of a clock that was set back: that time was told already.
            self._pace(shot.time_s)
        elif now_s - shot.time_s > self._patience_s:
            self._dropped += 1
        else:
            self._pace(shot.time_s)
            self._last_tick = tick
            return self._look(tick, shot)
        return NOTHING_MORE

    def _look(self, tick: int, shot: Shot) -> Steps:
        """Decode, learn, tell: the time that lies between two steps is others'."""
        began_s = time.thread_time()
        try:
            grey = shot.content
            if isinstance(grey, bytes):
                grey = decode_grey(grey, self._working_width)
        except FrameError as error:
            self._bad += 1
            self._problem = str(error)
            return
        self._busy_s += time.thread_time() - began_s
        yield
        began_s = time.thread_time()
        if isinstance(self._detector, ForegroundDetector):
            foreground = self._detector.learn(grey)
            self._busy_s += time.thread_time() - began_s
            yield
            began_s = time.thread_time()
            seen = self._detector.people(foreground)
        else:
            seen = self._detector.detect(grey)
        self._tell(tick, shot.time_s, grey, seen)
        self._busy_s += time.thread_time() - began_s

    def _tell(self, tick: int, time_s: float, grey: Image, seen: Detections) -> None:
        self._problem = None
        self._processed += 1
        self._blind = self._sight.look(grey, time_s)
        self._warm = self._warm or seen.available
        available = seen.available and self._blind is None
        self._available += available
        self._occupied += available and len(seen.boxes) > 0
        self._builder.add(tick, available, seen.foot_x, seen.foot_y)
        people = len(seen.boxes) if available else -1
        if people > self._most_people or self._picture is None:
            self._most_people, self._picture = people, grey
        kept = round(KEPT_S * self._network.clock.fps)
        if self._builder.first_tick is not None and tick - self._builder.first_tick > 2 * kept:
            self._builder.take(self._network.clock.range_of(tick - kept))

    def _pace(self, time_s: float) -> None:
        """Learn how often frames come: one stands for up to 1.5 of their intervals."""
        if self._last_s is not None and 0 < time_s - self._last_s < LONGEST_INTERVAL_S:
            passed = time_s - self._last_s
            known = self._interval_s
            self._interval_s = passed if known is None else known + 0.1 * (passed - known)
            self._builder.hold_ticks = max(1, round(1.5 * self._network.clock.fps * self._interval_s))
        self._last_s = time_s

    def take(self) -> Rows:
        """What was seen since it was taken last."""
        return self._builder.take(EVERYTHING)

    def health(self) -> CameraHealth:
        """How it is."""
        status = self._stream.status()
        state = status.state
        if state == "live":
            state = self._blind or ("live" if self._warm else "starting")
        return CameraHealth(
            self.camera,
            state=state,
            problem=status.problem or self._problem,
            frames_in=self._frames_in + status.dropped,
            processed=self._processed,
            dropped=self._dropped + status.dropped,
            bad=self._bad,
            reconnects=status.reconnects,
            last_frame_s=status.arrived_s,
            available_ticks=self._available,
            occupied_ticks=self._occupied,
            busy_s=self._busy_s,
        ).after(self._before)

    def busy_since_s(self) -> float:
        """CPU seconds that it took since this was asked last."""
        told, self._told_busy_s = self._told_busy_s, self._busy_s
        return self._busy_s - told

    def least_lag_s(self) -> float | None:
        """Least seconds from capture to arrival since this was asked last; None where nothing came."""
        lag_s, self._lag_s = self._lag_s, math.inf
        return lag_s if math.isfinite(lag_s) else None

    def picture(self) -> Image | None:
        """The frame with the most people in it; None before the first."""
        return self._picture

    def fail(self, problem: str, until_s: float) -> None:
        """It went wrong in a way that nobody foresaw: it is left alone for a while."""
        self._problem, self._passed_over_s, self.due_s = problem, until_s - 60.0, until_s

    def release(self) -> CameraState:
        """Stop reading it; all that is known of it."""
        self.close()
        detector = self._detector.snapshot() if isinstance(self._detector, ForegroundDetector) else None
        return CameraState(
            self._builder,
            detector,
            self._sight.snapshot(),
            self._last_s,
            self._last_tick,
            self._interval_s,
            replace(self.health(), state="starting"),
        )

    def close(self) -> None:
        """Stop reading it."""
        self._stream.close()
