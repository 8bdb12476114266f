"""Everything in this process, one call after the other: the simplest runtime, and the reference."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import cv2
import numba

from sdist_ray.exclusion.tile import Counting, Tile
from sdist_ray.occupancy.padding import PaddedRange
from sdist_ray.runtime.base import Advanced, Answer, Applied, FeedFactory, Opened
from sdist_ray.runtime.feeds import CameraReport
from sdist_ray.topology.links import DirectedLinks, directed_links


def use_one_thread() -> None:
    """Keep OpenCV and Numba to the calling thread; parallelism comes from more workers."""
    cv2.setNumThreads(1)
    numba.set_num_threads(1)


class LocalRuntime:
    """Workers and shards as objects of this process. See Runtime."""

    name = "local"

    def __init__(self, make_feed: FeedFactory, workers: int, shards: int) -> None:
        use_one_thread()
        self.workers = workers
        self.shards = shards
        self._feeds = [make_feed() for _ in range(workers)]
        self._tiles: dict[int, Tile] = {}
        self._calls: deque[Callable[[], Answer]] = deque()

    def open_cameras(self, worker: int, cameras: Sequence[str]) -> None:
        """See Runtime."""
        self._calls.append(lambda: Opened(worker, self._feeds[worker].open(cameras)))

    def advance(self, worker: int, through: int) -> None:
        """See Runtime."""
        self._calls.append(lambda: Advanced(worker, through, self._feeds[worker].advance(through)))

    def create_tile(
        self, shard: int, rows: Sequence[str], columns: Sequence[str], counting: Counting
    ) -> None:
        """See Runtime."""
        self._tiles[shard] = Tile(rows, columns, counting)

    def publish(self, padded: PaddedRange) -> PaddedRange:
        """See Runtime."""
        return padded

    def apply(self, shard: int, index: int, handle: PaddedRange, network: Sequence[str]) -> None:
        """See Runtime."""

        def call() -> Answer:
            self._tiles[shard].apply(handle, network)
            return Applied(shard, index)

        self._calls.append(call)

    def wait(self) -> list[Answer]:
        """See Runtime."""
        return [self._calls.popleft()()]

    def directed_links(self, network: Sequence[str], estimator: str, threshold: float) -> list[DirectedLinks]:
        """See Runtime."""
        tiles = [tile for _, tile in sorted(self._tiles.items())]
        return [directed_links(tile, network, estimator, threshold) for tile in tiles]

    def reports(self) -> list[CameraReport]:
        """See Runtime."""
        return [report for feed in self._feeds for report in feed.report()]

    def close(self) -> None:
        """See Runtime."""
        self._calls.clear()
