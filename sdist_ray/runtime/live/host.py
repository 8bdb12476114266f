"""A live worker, in whatever process it lives: a feed, and what it may be asked for once more.

Whoever runs the network names its calls with a session; see ``runtime.hosts``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from sdist_ray.occupancy.block import Clock, Rows
from sdist_ray.runtime.feeds import Assignment
from sdist_ray.runtime.hosts import Stale
from sdist_ray.runtime.live.camera import CameraState
from sdist_ray.runtime.live.feed import Collected, LiveFeed
from sdist_ray.video.source import Image

MOST_KEPT = 2048
"""Deliveries that are kept at most, should ranges not be closed: the longest that one can be open for."""


class LiveHost:
    """Hosts a live feed. What it delivered is kept until its ranges are closed, for a new coordinator."""

    def __init__(self, clock: Clock) -> None:
        self._range_ticks = clock.range_ticks
        self._feed: LiveFeed | None = None
        self._session: str | None = None
        self._kept: deque[Rows] = deque(maxlen=MOST_KEPT)
        self._again: list[Rows] = []

    def start(self, session: str, make_feed: Callable[[], LiveFeed]) -> list[str]:
        """From now on belong to this session; the cameras that are read here already."""
        self._session = session
        if self._feed is None:
            self._feed = make_feed()
        # One that came before may not have asked for anything.
        self._again += self._kept
        self._kept.clear()
        return self._feed.cameras()

    def open(
        self, session: str, cameras: Sequence[Assignment], states: Mapping[str, CameraState] | None = None
    ) -> None:
        """See LiveFeed."""
        self._check(session).open(cameras, states)

    def release(self, session: str, cameras: Sequence[str]) -> dict[str, CameraState]:
        """See LiveFeed."""
        return self._check(session).release(cameras)

    def drop(self, session: str, camera: str, keep: bool = False) -> None:
        """See LiveFeed."""
        self._check(session).drop(camera, keep)

    def collect(self, session: str, closed: int | None) -> Collected:
        """See LiveFeed. Ranges up to ``closed`` will not be asked for once more."""
        collected = self._check(session).collect()
        if self._again:
            collected = replace(collected, rows=Rows.concatenate([*self._again, collected.rows]))
            self._again = []
        if closed is not None:
            end = (closed + 1) * self._range_ticks
            while self._kept and int(self._kept[0].tick.max(initial=-(2**62))) < end:
                self._kept.popleft()
        self._kept.append(collected.rows)
        return collected

    def pictures(self, most: int) -> dict[str, Image]:
        """See LiveFeed; anyone may ask."""
        return {} if self._feed is None else self._feed.pictures(most)

    def close(self) -> None:
        """Let go of every camera."""
        if self._feed is not None:
            self._feed.close()
            self._feed = None

    def _check(self, session: str) -> LiveFeed:
        if session != self._session or self._feed is None:
            raise Stale
        return self._feed
