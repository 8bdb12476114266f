"""Thin actors: each holds an object of the core and forwards to it."""

from __future__ import annotations

from collections.abc import Sequence

from sdist_ray.exclusion.tile import Counting, Tile
from sdist_ray.occupancy.padding import PaddedRange
from sdist_ray.runtime.base import FeedFactory
from sdist_ray.runtime.feeds import CameraReport, Delivery, Opening
from sdist_ray.runtime.local import use_one_thread
from sdist_ray.topology.links import DirectedLinks, directed_links


class DetectionWorker:
    """Hosts many cameras: a feed."""

    def __init__(self, make_feed: FeedFactory) -> None:
        use_one_thread()
        self._feed = make_feed()

    def open(self, cameras: Sequence[str]) -> list[Opening]:
        """See Feed."""
        return self._feed.open(cameras)

    def advance(self, through: int) -> Delivery:
        """See Feed."""
        return self._feed.advance(through)

    def report(self) -> list[CameraReport]:
        """See Feed."""
        return self._feed.report()


class ExclusionShard:
    """Hosts a tile. Counters live on this process's heap."""

    def __init__(self) -> None:
        use_one_thread()
        self._tile: Tile | None = None

    def create_tile(self, rows: Sequence[str], columns: Sequence[str], counting: Counting) -> None:
        """Make the tile."""
        self._tile = Tile(rows, columns, counting)

    def apply(self, padded: PaddedRange, network: Sequence[str]) -> bool:
        """See Tile."""
        assert self._tile is not None, "a range came before its tile"
        return self._tile.apply(padded, network)

    def directed_links(
        self, network: Sequence[str], estimator: str, threshold: float
    ) -> DirectedLinks | None:
        """The tile's directed links; None where the shard was given no tile."""
        if self._tile is None:
            return None
        return directed_links(self._tile, network, estimator, threshold)
