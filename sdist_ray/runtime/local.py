"""Everything in this process, one call after the other: the simplest runtime, and the reference."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Sequence

from sdist_ray.cameras.camera import Camera
from sdist_ray.coordinator.events import RangeApplied, ShardRestored, SnapshotTaken
from sdist_ray.coordinator.instructions import TilePlan
from sdist_ray.coordinator.shards import ShardFound
from sdist_ray.exclusion.tile import Counting
from sdist_ray.occupancy.padding import PaddedRange
from sdist_ray.runtime.base import Advanced, Answer, FeedFactory, Keeping, Opened
from sdist_ray.runtime.feeds import Assignment, CameraReport, NetworkSpec
from sdist_ray.runtime.hosts import ShardHost, Stale, WorkerHost, use_one_thread
from sdist_ray.runtime.network import Requests, Tally
from sdist_ray.runtime.pipeline import Pipeline
from sdist_ray.runtime.snapshots import SnapshotFolder
from sdist_ray.topology.links import DirectedLinks

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
        self._calls: deque[tuple[tuple[str, int], Callable[[], Answer]]] = deque()

    def attach(self, plans: Sequence[Sequence[TilePlan]]) -> list[ShardFound | None]:
        """See Runtime."""
        self._calls.clear()
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

        def call() -> Answer:
            host.drop(SESSION, camera)
            return Opened(worker, [])

        # In its turn: what the worker was asked before is still to have the camera.
        self._ask("worker", worker, call)

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
        self._calls.append(((kind, number), call))

    def wait(self) -> list[Answer]:
        """See Runtime."""
        _, call = self._calls.popleft()
        return [call()]

    def directed_links(
        self, network: Sequence[str], estimator: str, threshold: float
    ) -> list[list[DirectedLinks] | None]:
        """See Runtime."""
        return [shard.directed_links(SESSION, network, estimator, threshold) for shard in self._shards]

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

    def directed_links(self, network: Sequence[str], estimator: str, threshold: float) -> list[DirectedLinks]:
        """See Network."""
        return self._pipeline.directed_links(network, estimator, threshold)

    def reports(self) -> list[CameraReport]:
        """See Network."""
        return self._pipeline.reports()

    def close(self) -> None:
        """See Network."""
        self._pipeline.close()
