"""What a worker and a shard are, in whatever process they live: a feed, and tiles.

Whoever runs the network names its calls with a session. A host that was made anew since, or that someone
else has taken over, refuses them: nothing is ever done on behalf of a coordinator that is gone.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence

import cv2
import numba
import numpy as np

from sdist_ray.coordinator.instructions import TilePlan
from sdist_ray.coordinator.shards import SNAPSHOTS_KEPT, ShardFound
from sdist_ray.exclusion.tile import NEVER, Counting, Tile
from sdist_ray.occupancy.block import Clock, Rows
from sdist_ray.occupancy.padding import PaddedRange
from sdist_ray.runtime.base import FeedFactory
from sdist_ray.runtime.feeds import Assignment, CameraReport, Delivery, Feed, Opening
from sdist_ray.runtime.snapshots import SnapshotFolder, SnapshotRefused
from sdist_ray.topology.links import DirectedLinks, directed_links

log = logging.getLogger(__name__)


class Stale(Exception):
    """The call is of another session than this host's: the host was made anew, or taken over."""


def use_one_thread() -> None:
    """Keep OpenCV and Numba to the calling thread; parallelism comes from more workers."""
    cv2.setNumThreads(1)
    numba.set_num_threads(1)


class WorkerHost:
    """Hosts many cameras: a feed."""

    def __init__(self, make_feed: FeedFactory, clock: Clock) -> None:
        self._make_feed = make_feed
        self._range_ticks = clock.range_ticks
        self._feed: Feed | None = None
        self._session: str | None = None
        self._since: dict[int, int] = {}

    def restart(self, session: str, cameras: Sequence[Assignment], after: int | None) -> list[Opening]:
        """Begin anew, in a session; what the cameras have in ranges up to ``after`` is read and let go."""
        self._feed = self._make_feed()
        self._session = session
        self._since = {}
        openings = self.open(session, cameras)
        upcoming = min((o.first_range for o in openings if o.first_range is not None), default=None)
        while after is not None and upcoming is not None and upcoming <= after:
            upcoming = self._feed.advance(upcoming).next_range
        return openings

    def open(self, session: str, cameras: Sequence[Assignment]) -> list[Opening]:
        """See Feed."""
        feed = self._check(session)
        self._since |= {entry.place: entry.since for entry in cameras if entry.since is not None}
        return feed.open(cameras)

    def drop(self, session: str, camera: str) -> None:
        """See Feed."""
        self._check(session).drop(camera)

    def advance(self, session: str, through: int) -> Delivery:
        """See Feed; less what is not wanted of cameras that joined later."""
        delivery = self._check(session).advance(through)
        if self._since and len(delivery.rows.tick):
            return Delivery(self._wanted(delivery.rows), delivery.next_range)
        return delivery

    def _wanted(self, rows: Rows) -> Rows:
        since = np.full(max(int(rows.camera.max()), *self._since) + 1, NEVER)
        for place, index in self._since.items():
            since[place] = index
        wanted = rows.tick // self._range_ticks > since[rows.camera]
        return rows if wanted.all() else rows.take(np.flatnonzero(wanted))

    def report(self, session: str) -> list[CameraReport]:
        """See Feed."""
        return self._check(session).report()

    def _check(self, session: str) -> Feed:
        if session != self._session or self._feed is None:
            raise Stale
        return self._feed


class ShardHost:
    """Hosts tiles. Counters live on this process's heap."""

    def __init__(self, counting: Counting | None, snapshots: SnapshotFolder | None = None) -> None:
        self._counting = counting
        self._snapshots = snapshots
        self._session: str | None = None
        self._tiles: dict[int, Tile] = {}
        self._last: int | None = None
        self._levels: deque[int] = deque(maxlen=SNAPSHOTS_KEPT)

    def attach(self, session: str, plans: Sequence[TilePlan]) -> ShardFound | None:
        """From now on belong to this session; None where not all of these tiles are here."""
        self._session = session
        if not {plan.tile for plan in plans} <= self._tiles.keys():
            return None
        return ShardFound(self._last, tuple(self._levels))

    def create_tile(self, session: str, plan: TilePlan) -> None:
        """Make a tile, unless it is here."""
        self._check(session)
        if plan.tile not in self._tiles:
            self._tiles[plan.tile] = self._new(plan)

    def apply(self, session: str, padded: PaddedRange, network: Sequence[str], after: int | None) -> None:
        """Count a range in every tile, on top of range ``after``."""
        self._check(session)
        if self._last is not None and padded.index <= self._last:
            return
        if self._last != after:
            raise Stale
        for tile in self._tiles.values():
            tile.apply(padded, network)
        self._last = padded.index

    def take_snapshot(self, session: str) -> int | None:
        """Write every tile down; the range that they have all counted, None where writing failed."""
        self._check(session)
        if self._snapshots is None:
            return None
        try:
            for number, tile in self._tiles.items():
                self._snapshots.write(number, tile.snapshot(copy=False))
        except OSError as error:
            log.warning("no snapshot in %s: %s", self._snapshots.place, error)
            return None
        if self._last is not None:
            self._levels.append(self._last)
        return self._last

    def restore(self, session: str, plans: Sequence[TilePlan]) -> ShardFound:
        """Begin anew, in a session, with each tile's newest snapshot that is whole."""
        self._session = session
        self._tiles, levels = {}, []
        for plan in plans:
            self._tiles[plan.tile], good = self._restored(plan)
            levels.append(good)
        # What all tiles hold, now and should each fall back to its older snapshot.
        older, newest = (min((level[k] for level in levels), default=NEVER) for k in (0, 1))
        self._last = None if newest == NEVER else newest
        self._levels.clear()
        self._levels.extend(dict.fromkeys(index for index in (older, newest) if index != NEVER))
        return ShardFound(self._last, tuple(self._levels))

    def _restored(self, plan: TilePlan) -> tuple[Tile, tuple[int, int]]:
        """A tile, and the ranges of the newest two states that it can be had in."""
        assert self._counting is not None
        beginning = NEVER if plan.since is None else plan.since
        tile, good = None, [beginning]
        for index in reversed(self._found(plan.tile)):
            assert self._snapshots is not None
            try:
                found = self._snapshots.read(plan.tile, index, plan.rows, plan.columns, self._counting)
                tile = tile or Tile.restore(found)
            except SnapshotRefused as error:
                log.warning("%s", error)
                continue
            except ValueError as error:
                log.warning("snapshot of tile %d after range %d refused: %s", plan.tile, index, error)
                continue
            good.insert(1, index)
        newest = good[-1]
        older = good[-2] if len(good) > 1 else beginning
        return tile or self._new(plan), (older, newest)

    def _found(self, tile: int) -> list[int]:
        """The ranges of a tile's snapshots; none where their place cannot be read."""
        try:
            return self._snapshots.ranges(tile) if self._snapshots else []
        except OSError as error:
            log.warning("no snapshots of tile %d: %s", tile, error)
            return []

    def _new(self, plan: TilePlan) -> Tile:
        assert self._counting is not None
        tile = Tile(plan.rows, plan.columns, self._counting)
        if plan.since is not None:
            tile.last_range = plan.since
        return tile

    def directed_links(
        self, session: str, network: Sequence[str], estimator: str, threshold: float
    ) -> list[DirectedLinks]:
        """Every tile's directed links."""
        self._check(session)
        return [directed_links(tile, network, estimator, threshold) for tile in self._tiles.values()]

    def _check(self, session: str) -> None:
        if session != self._session:
            raise Stale
