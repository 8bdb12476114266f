"""What a worker and a shard are, in whatever process they live: a feed, and tiles.

Whoever runs the network names its calls with a session. A host that was made anew since, or that someone
else has taken over, refuses them: nothing is ever done on behalf of a coordinator that is gone.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence

import cv2
import numba
import numpy as np
import numpy.typing as npt

from sdist_ray.coordinator.instructions import Piece, TilePlan
from sdist_ray.coordinator.shards import SNAPSHOTS_KEPT, ShardFound
from sdist_ray.exclusion.tile import NEVER, Counting, Tile, TileSnapshot
from sdist_ray.exclusion.together import Together
from sdist_ray.occupancy.block import Clock, Rows
from sdist_ray.occupancy.padding import PaddedRange
from sdist_ray.runtime.base import FeedFactory
from sdist_ray.runtime.feeds import Assignment, CameraReport, Delivery, Feed, Opening
from sdist_ray.runtime.recounted import AnyTile, RecountedTile
from sdist_ray.runtime.snapshots import SnapshotFolder, SnapshotRefused
from sdist_ray.topology.links import DirectedLinks, directed_links, join_directed, numbers_of
from sdist_ray.topology.screening import Screened, Screening

log = logging.getLogger(__name__)
FOREVER = 2**63
Parcel = tuple[int, TileSnapshot]
"""A tile that is to be made, and a part of it."""


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
        self._tiles: dict[int, AnyTile] = {}
        self._until: dict[int, int] = {}
        self._written: dict[int, int] = {}
        self._last: int | None = None
        self._levels: deque[int] = deque(maxlen=SNAPSHOTS_KEPT)
        self._fresh: deque[int] | None = None
        self._together: Together | None = None
        self._screened: Screened | None = None

    def attach(self, session: str, plans: Sequence[TilePlan]) -> ShardFound | None:
        """From now on belong to this session; None where not all of these tiles are here.

        Those that are still to be made need not be. Others that are here are let go of.
        """
        self._session = session
        lacks = tuple(plan.tile for plan in plans if plan.tile not in self._tiles)
        if any(plan.tile in lacks for plan in plans if not plan.made or plan.until is not None):
            return None
        self._forget(self._tiles.keys() - {plan.tile for plan in plans})
        for plan in plans:
            if plan.until is not None:
                self._until[plan.tile] = self._tiles[plan.tile].until = plan.until
                self._together = None
        fresh = None if self._fresh is None else tuple(self._fresh)
        return ShardFound(self._last, tuple(self._levels), fresh, lacks)

    def create_tile(self, session: str, plan: TilePlan) -> None:
        """Make a tile, unless it is here."""
        self._check(session)
        if plan.tile not in self._tiles:
            self._tiles[plan.tile] = self._new(plan)
            self._together = None

    def apply(self, session: str, padded: PaddedRange, network: Sequence[str], after: int | None) -> None:
        """Count a range in every tile, on top of range ``after``."""
        self._check(session)
        if self._last is not None and padded.index <= self._last:
            return
        if self._last != after:
            raise Stale
        if self._together is None or self._together.network != tuple(network):
            self._together = Together([tile for tile in self._tiles.values() if tile.counts], network)
        self._together.apply(padded)
        self._last = padded.index

    def hand_out(self, session: str, pieces: Sequence[Piece], until: int) -> list[Parcel]:
        """Copies of pieces of tiles, which end with range ``until``."""
        self._check(session)
        return [(piece.target, part) for piece, part in self._take(pieces, until)]

    def build(
        self,
        session: str,
        plans: Sequence[TilePlan],
        pieces: Sequence[Piece],
        handed: Iterable[list[Parcel]],
        until: int,
    ) -> None:
        """Make tiles, unless they are here, of own pieces and of what others have handed out."""
        self._check(session)
        parts: dict[int, list[TileSnapshot]] = {plan.tile: [] for plan in plans}
        for parcels in handed:
            for target, part in parcels:
                parts[target].append(part)
        mine: dict[int, list[Piece]] = {plan.tile: [] for plan in plans}
        for piece in pieces:
            mine[piece.target].append(piece)
        if not parts.keys() <= self._tiles.keys():
            if self._fresh is not None:
                self._levels = self._fresh
            self._fresh = deque(maxlen=SNAPSHOTS_KEPT)
            # Tiles that stay may have counted more; they do not count it again.
            self._last = None if self._last is None else min(self._last, until)
        for plan in plans:
            # One after the other: what is copied for one is not kept for all.
            own = [part for _, part in self._take(mine[plan.tile], until)]
            if plan.tile not in self._tiles:
                assert self._counting is not None
                all_parts = own + parts.pop(plan.tile)
                self._tiles[plan.tile] = Tile.of_parts(plan.rows, self._counting, all_parts, until)
        self._together = None

    def _take(self, pieces: Sequence[Piece], until: int) -> Iterator[tuple[Piece, TileSnapshot]]:
        for piece in pieces:
            if piece.source not in self._until:
                self._until[piece.source] = self._tiles[piece.source].until = until
                self._together = None
            yield piece, self._tiles[piece.source].part(piece.rows, piece.columns)

    def drop_tiles(self, session: str, tiles: Sequence[int]) -> None:
        """Let go of tiles; what was made in their place holds."""
        self._check(session)
        self._forget(tiles)
        if self._fresh is not None:
            self._levels, self._fresh = self._fresh, None

    def _forget(self, tiles: Collection[int]) -> None:
        for tile in tiles:
            self._tiles.pop(tile, None)
            self._until.pop(tile, None)
            self._written.pop(tile, None)
            self._together = None
        if self._snapshots is not None and tiles:
            self._snapshots.forget(tiles)

    def take_snapshot(self, session: str) -> int | None:
        """Write every tile down; the range that they have all counted, None where writing failed."""
        self._check(session)
        if self._snapshots is None or any(tile.recounting for tile in self._tiles.values()):
            return None
        try:
            for number, tile in self._tiles.items():
                snapshot = tile.snapshot(copy=False)
                if self._written.get(number) != snapshot.last_range:
                    self._snapshots.write(number, snapshot)
                    self._written[number] = snapshot.last_range
        except OSError as error:
            log.warning("no snapshot in %s: %s", self._snapshots.place, error)
            return None
        if self._last is not None:
            (self._levels if self._fresh is None else self._fresh).append(self._last)
        return self._last

    def restore(self, session: str, plans: Sequence[TilePlan]) -> ShardFound:
        """Begin anew, in a session, with each tile's newest snapshot that is whole."""
        self._session = session
        self._tiles, levels = {}, []
        self._until = {plan.tile: plan.until for plan in plans if plan.until is not None}
        self._written.clear()
        self._together = self._fresh = None
        if self._snapshots is not None:
            self._snapshots.look_again()
        for plan in plans:
            self._tiles[plan.tile], good = self._restored(plan)
            # One that has all that it is to count waits for no range.
            end = FOREVER if plan.until is None else plan.until
            levels.append([FOREVER if index >= end else index for index in good])
        # What all tiles hold, now and should each fall back to its older snapshot.
        older, newest = (min((level[k] for level in levels), default=NEVER) for k in (0, 1))
        ends = max((plan.until for plan in plans if plan.until is not None), default=NEVER)
        older, newest = (ends if index == FOREVER else index for index in (older, newest))
        self._last = None if newest == NEVER else newest
        self._levels.clear()
        self._levels.extend(dict.fromkeys(index for index in (older, newest) if index != NEVER))
        return ShardFound(self._last, tuple(self._levels))

    def _restored(self, plan: TilePlan) -> tuple[AnyTile, tuple[int, int]]:
        """A tile, and the ranges of the newest two states that it can be had in."""
        assert self._counting is not None
        beginning = NEVER if plan.since is None or plan.made else plan.since
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
        made = tile or self._new(plan)
        made.until = plan.until
        return made, (older, newest)

    def _found(self, tile: int) -> list[int]:
        """The ranges of a tile's snapshots; none where their place cannot be read."""
        try:
            return self._snapshots.ranges(tile) if self._snapshots else []
        except OSError as error:
            log.warning("no snapshots of tile %d: %s", tile, error)
            return []

    def _new(self, plan: TilePlan) -> AnyTile:
        assert self._counting is not None
        if plan.past:
            return RecountedTile(plan, self._counting)
        tile = Tile(plan.rows, plan.columns, self._counting)
        if plan.since is not None:
            tile.last_range = plan.since
        return tile

    def directed_links(
        self,
        session: str,
        network: Sequence[str],
        estimator: str,
        threshold: float,
        tiles: Collection[int] | None = None,
        follow: bool = False,
    ) -> list[DirectedLinks]:
        """The directed links of all tiles, or of some, as far as they are here; together."""
        self._check(session)
        numbers = numbers_of(network)
        parts = [
            directed_links(tile.whole, numbers, estimator, threshold, follow=follow)
            for number, tile in self._tiles.items()
            if tiles is None or number in tiles
        ]
        return [join_directed(parts)] if parts else []

    def screen(
        self,
        session: str,
        network: Sequence[str],
        screening: Screening,
        tiles: Collection[int] | None = None,
        follow: bool = False,
    ) -> npt.NDArray[np.int64]:
        """Judge the directed links of tiles, and keep them until they are asked for: their histogram."""
        asked = screening.estimator, screening.threshold
        found = self.directed_links(session, network, *asked, tiles, follow)
        self._screened = screening.screen(join_directed(found))
        return self._screened.histogram()

    def screened(self, session: str, last: int) -> list[DirectedLinks]:
        """What was kept, up to a bin; the rest is let go of."""
        self._check(session)
        kept, self._screened = self._screened, None
        if kept is None:
            raise Stale
        return [kept.up_to(last)]

    def _check(self, session: str) -> None:
        if session != self._session:
            raise Stale
