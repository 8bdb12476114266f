"""Everything in this process, one call after the other: the simplest runtime, and the reference."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Collection, Sequence

import numpy as np
import numpy.typing as npt

from sdist_ray.cameras.camera import Camera
from sdist_ray.coordinator.events import (
    PiecesHandedOut,
    RangeApplied,
    ShardRestored,
    SnapshotTaken,
    TilesBuilt,
)
from sdist_ray.coordinator.instructions import BuildTiles, HandOut, TilePlan
from sdist_ray.coordinator.shards import ShardFound
from sdist_ray.exclusion.tile import Counting
from sdist_ray.occupancy.padding import PaddedRange
from sdist_ray.partition.partitioning import Partitioning
from sdist_ray.runtime.base import Advanced, Answer, FeedFactory, Keeping, Opened
from sdist_ray.runtime.feeds import Assignment, CameraReport, NetworkSpec
from sdist_ray.runtime.hosts import Parcel, ShardHost, Stale, WorkerHost, use_one_thread
from sdist_ray.runtime.network import Requests, Tally
from sdist_ray.runtime.pipeline import Pipeline
from sdist_ray.runtime.screens import Asked
from sdist_ray.runtime.snapshots import SnapshotFolder
from sdist_ray.topology.links import DirectedLinks
from sdist_ray.topology.screening import Screening

SESSION = "local"


class LocalRuntime:
    """Workers and shards as objects of this process. See Runtime."""

    name = "local"

    def __init__(
        self,
        make_feed: FeedFactory,
        network: NetworkSpec,
        counting: Counting | None,
        workers: int,
        shards: int,
        snapshots: SnapshotFolder | None = None,
    ) -> None:
        use_one_thread()
        self.workers = workers
        self.shards = shards
        self._workers = [WorkerHost(make_feed, network.clock) for _ in range(workers)]
        self._shards = [ShardHost(counting, snapshots) for _ in range(shards)]
        self._calls: deque[tuple[tuple[str, int], Callable[[], list[Answer]]]] = deque()
        self._handed: dict[tuple[int, int, int], list[Parcel]] = {}

    def attach(self, plans: Sequence[Sequence[TilePlan]]) -> list[ShardFound | None]:
        """See Runtime."""
        self._calls.clear()
        self._handed.clear()
        return [shard.attach(SESSION, mine) for shard, mine in zip(self._shards, plans, strict=True)]

    def restart_worker(self, worker: int, cameras: Sequence[Assignment], after: int | None) -> None:
        """See Runtime."""
        host = self._workers[worker]
        self._ask("worker", worker, lambda: Opened(worker, host.restart(SESSION, cameras, after)))

    def open_cameras(self, worker: int, cameras: Sequence[Assignment]) -> None:
        """See Runtime."""
        host = self._workers[worker]
        self._ask("worker", worker, lambda: Opened(worker, host.open(SESSION, cameras)))

    def drop_camera(self, worker: int, camera: str) -> None:
        """See Runtime."""
        host = self._workers[worker]

        # In its turn: what the worker was asked before is still to have the camera.
        self._tell("worker", worker, lambda: host.drop(SESSION, camera))

    def advance(self, worker: int, through: int) -> None:
        """See Runtime."""
        host = self._workers[worker]
        self._ask("worker", worker, lambda: Advanced(worker, through, host.advance(SESSION, through)))

    def create_tile(self, shard: int, plan: TilePlan) -> None:
        """See Runtime."""
        self._shards[shard].create_tile(SESSION, plan)

    def restore_shard(self, shard: int, plans: Sequence[TilePlan]) -> None:
        """See Runtime."""

        def call() -> Answer:
            found = self._shards[shard].restore(SESSION, plans)
            return ShardRestored(shard, found.last, found.snapshots)

        self._ask("shard", shard, call)

    def hand_out(self, instruction: HandOut) -> None:
        """See Runtime."""
        change, shard, target = instruction.change, instruction.shard, instruction.target
        host, pieces, until = self._shards[shard], instruction.pieces, instruction.until

        def call() -> Answer:
            self._handed[change, shard, target] = host.hand_out(SESSION, pieces, until)
            return PiecesHandedOut(change, shard, target)

        self._ask("shard", shard, call)

    def build_tiles(self, instruction: BuildTiles) -> None:
        """See Runtime."""
        change, shard = instruction.change, instruction.shard
        host, plans, pieces = self._shards[shard], instruction.plans, instruction.pieces

        def call() -> Answer:
            handed = [self._handed.pop((change, source, shard)) for source in instruction.sources]
            host.build(SESSION, plans, pieces, handed, instruction.until)
            return TilesBuilt(change, shard)

        self._ask("shard", shard, call)

    def drop_tiles(self, shard: int, tiles: Sequence[int]) -> None:
        """See Runtime."""
        host = self._shards[shard]
        self._tell("shard", shard, lambda: host.drop_tiles(SESSION, tiles))

    def publish(self, padded: PaddedRange) -> PaddedRange:
        """See Runtime."""
        return padded

    def apply(
        self, shard: int, index: int, handle: PaddedRange, network: Sequence[str], after: int | None
    ) -> None:
        """See Runtime."""

        def call() -> Answer:
            self._shards[shard].apply(SESSION, handle, network, after)
            return RangeApplied(shard, index)

        self._ask("shard", shard, call)

    def take_snapshot(self, shard: int) -> None:
        """See Runtime."""
        host = self._shards[shard]
        self._ask("shard", shard, lambda: SnapshotTaken(shard, host.take_snapshot(SESSION)))

    def _ask(self, kind: str, number: int, call: Callable[[], Answer]) -> None:
        self._calls.append(((kind, number), lambda: [call()]))

    def _tell(self, kind: str, number: int, call: Callable[[], None]) -> None:
        """Have something done in its turn that nobody answers for."""

        def do() -> list[Answer]:
            call()
            return []

        self._calls.append(((kind, number), do))

    def wait(self) -> list[Answer]:
        """See Runtime."""
        _, call = self._calls.popleft()
        return call()

    def directed_links(
        self,
        network: Sequence[str],
        estimator: str,
        threshold: float,
        tiles: Collection[int] | None = None,
        follow: bool = False,
    ) -> list[list[DirectedLinks] | None]:
        """See Runtime."""
        asked = network, estimator, threshold, tiles, follow
        return [shard.directed_links(SESSION, *asked) for shard in self._shards]

    def screen(
        self,
        network: Sequence[str],
        screening: Screening,
        tiles: Collection[int] | None = None,
        follow: bool = False,
    ) -> list[npt.NDArray[np.int64] | None]:
        """See Screens."""
        return [shard.screen(SESSION, network, screening, tiles, follow) for shard in self._shards]

    def screened(self, last: int) -> list[list[DirectedLinks] | None]:
        """See Screens."""
        return [shard.screened(SESSION, last) for shard in self._shards]

    def reports(self) -> list[list[CameraReport] | None]:
        """See Runtime."""
        reports: list[list[CameraReport] | None] = []
        for worker in self._workers:
            # A worker that was given no camera has nothing to report.
            mine: list[CameraReport] = []
            with contextlib.suppress(Stale):
                mine = worker.report(SESSION)
            reports.append(mine)
        return reports

    def close(self) -> None:
        """See Runtime."""
        self._calls.clear()


class LocalNetwork:
    """A network in this process. See Network."""

    name = "local"

    def __init__(
        self,
        make_feed: FeedFactory,
        network: NetworkSpec,
        counting: Counting | None,
        workers: int,
        shards: int,
        keeping: Keeping,
        tally: Tally,
    ) -> None:
        self.workers = workers
        self.shards = shards
        self.tally = tally
        self._snapshots = SnapshotFolder(keeping.snapshots) if keeping.snapshots else None
        runtime = LocalRuntime(make_feed, network, counting, workers, shards, self._snapshots)
        self._requests = Requests(network.cameras)
        self._pipeline = Pipeline(network, runtime, counting, keeping, tally)

    def run(self) -> None:
        """See Network."""
        self._pipeline.run()

    def add_cameras(self, cameras: Sequence[Camera]) -> None:
        """See Network."""
        self._requests.add(cameras)
        self._pipeline.request(self._requests.all)

    def remove_camera(self, camera: str) -> None:
        """See Network."""
        self._requests.remove(camera)
        self._pipeline.request(self._requests.all)

    def partition(self, partitioning: Partitioning) -> None:
        """See Network."""
        self._requests.partition(partitioning)
        self._pipeline.request(self._requests.all)

    def directed_links(
        self, network: Sequence[str], estimator: str, threshold: float, screening: Screening | None = None
    ) -> list[DirectedLinks]:
        """See Network."""
        return self._pipeline.directed_links(Asked(network, estimator, threshold, screening=screening))

    def reports(self) -> list[CameraReport]:
        """See Network."""
        return self._pipeline.reports()

    def close(self) -> None:
        """See Network."""
        self._pipeline.close()
