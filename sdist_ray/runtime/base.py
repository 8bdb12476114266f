"""What a runtime must be able to do; who decides is the coordinator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from sdist_ray.coordinator.events import (
    PiecesHandedOut,
    RangeApplied,
    ShardLost,
    ShardRestored,
    SnapshotTaken,
    TilesBuilt,
    WorkerLost,
)
from sdist_ray.coordinator.instructions import BuildTiles, HandOut, TilePlan
from sdist_ray.coordinator.shards import ShardFound
from sdist_ray.occupancy.padding import PaddedRange
from sdist_ray.runtime.feeds import Assignment, CameraReport, Delivery, Feed, Opening
from sdist_ray.runtime.screens import Screens


@dataclass(frozen=True)
class Opened:
    """A worker's answer to ``open_cameras`` and ``restart_worker``."""

    worker: int
    openings: list[Opening]


@dataclass(frozen=True)
class Advanced:
    """A worker's answer to ``advance``."""

    worker: int
    through: int
    delivery: Delivery


ShardAnswer = RangeApplied | SnapshotTaken | ShardRestored | ShardLost | PiecesHandedOut | TilesBuilt
Answer = ShardAnswer | Opened | Advanced | WorkerLost


@dataclass(frozen=True)
class Keeping:
    """What a run writes down so that nothing is lost.

    Attributes:
        journal: file of the closed ranges; None where no journal is kept.
        snapshots: folder or URI of this run's snapshots alone; None where there are none.
        snapshot_ranges: a shard is written down each time it has counted so many ranges; 0: never.
    """

    journal: Path | None = None
    snapshots: str | None = None
    snapshot_ranges: int = 0


class FeedFactory(Protocol):
    """Makes a worker's feed, in the process that will host it."""

    def __call__(self) -> Feed:
        """The feed."""
        ...


class Runtime(Screens, Protocol):
    """Workers that host feeds and shards that host tiles, wherever they are.

    Calls return at once unless they say otherwise; ``wait`` returns answers, in any order between different
    workers and shards. A worker or shard that is gone answers nothing that it was asked before, but once with
    WorkerLost or ShardLost.
    """

    name: str
    workers: int
    shards: int

    def attach(self, plans: Sequence[Sequence[TilePlan]]) -> list[ShardFound | None]:
        """Take the shards and workers over: what they were asked by anyone else, they do no longer.

        Waits for the shards. Answers for each, or None for one that has not all of its tiles.
        """
        ...

    def restart_worker(self, worker: int, cameras: Sequence[Assignment], after: int | None) -> None:
        """Have a worker begin anew with these cameras; answered by Opened.

        Ranges up to ``after`` are read but not delivered. A worker must be asked this before anything else.
        """
        ...

    def open_cameras(self, worker: int, cameras: Sequence[Assignment]) -> None:
        """Have a worker open more cameras; answered by Opened."""
        ...

    def drop_camera(self, worker: int, camera: str) -> None:
        """Have a worker read a camera no longer."""
        ...

    def advance(self, worker: int, through: int) -> None:
        """Have a worker deliver ranges; answered by Advanced."""
        ...

    def create_tile(self, shard: int, plan: TilePlan) -> None:
        """Have a shard make a tile."""
        ...

    def restore_shard(self, shard: int, plans: Sequence[TilePlan]) -> None:
        """Have a shard begin anew from its snapshots; answered by ShardRestored."""
        ...

    def hand_out(self, instruction: HandOut) -> None:
        """Have a shard copy pieces of its tiles for another one; answered by PiecesHandedOut."""
        ...

    def build_tiles(self, instruction: BuildTiles) -> None:
        """Have a shard make tiles of what it has and was handed out for it; answered by TilesBuilt."""
        ...

    def drop_tiles(self, shard: int, tiles: Sequence[int]) -> None:
        """Have a shard let go of tiles."""
        ...

    def publish(self, padded: PaddedRange) -> Any:
        """Make a range available to all shards, once; the handle to give to ``apply``."""
        ...

    def apply(self, shard: int, index: int, handle: Any, network: Sequence[str], after: int | None) -> None:
        """Have a shard count a published range on top of range ``after``; answered by RangeApplied."""
        ...

    def take_snapshot(self, shard: int) -> None:
        """Have a shard write itself down; answered by SnapshotTaken."""
        ...

    def wait(self) -> list[Answer]:
        """Wait until something is answered."""
        ...

    def reports(self) -> list[list[CameraReport] | None]:
        """Every worker's reports; None for a worker that is gone. Waits for them."""
        ...

    def close(self) -> None:
        """Let go of everything. Safe to call twice."""
        ...
