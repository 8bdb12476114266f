"""What carries a live network's decisions out, wherever its workers and shards are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sdist_ray.coordinator.events import WorkerJoined, WorkerLost
from sdist_ray.coordinator.instructions import BuildTiles, HandOut, TilePlan
from sdist_ray.coordinator.shards import ShardFound
from sdist_ray.occupancy.padding import PaddedRange
from sdist_ray.runtime.base import ShardAnswer
from sdist_ray.runtime.feeds import Assignment
from sdist_ray.runtime.live.feed import Collected
from sdist_ray.runtime.screens import Screens


@dataclass(frozen=True)
class Delivered:
    """A live worker's answer to ``collect``."""

    worker: int
    collected: Collected


LiveAnswer = ShardAnswer | Delivered | WorkerJoined | WorkerLost


class LiveRuntime(Screens, Protocol):
    """Live workers that come and go, and shards. Calls return at once unless they say otherwise.

    Shards can be asked for links from any thread.

    A worker or shard that is gone answers nothing that it was asked before, but once with WorkerLost or
    ShardLost.
    """

    name: str
    shards: int

    def attach(self, plans: Sequence[Sequence[TilePlan]]) -> list[ShardFound | None]:
        """Take the shards over; see Runtime. Waits for them."""
        ...

    def attach_workers(self) -> dict[int, list[str]]:
        """Take over the workers that are there: the cameras that each reads. Waits for them."""
        ...

    def newcomers(self) -> list[int]:
        """Begin with workers that came since this was asked last; each is answered by WorkerJoined."""
        ...

    def open_cameras(self, worker: int, cameras: Sequence[Assignment]) -> None:
        """Have a worker read cameras."""
        ...

    def move_cameras(self, source: int, target: int, cameras: Sequence[Assignment]) -> None:
        """Have a worker read cameras that another one reads, with what that knows of them."""
        ...

    def drop_camera(self, worker: int, camera: str, keep: bool = False) -> None:
        """Have a worker read a camera no longer, and maybe keep what it knows of it."""
        ...

    def collect(self, worker: int, closed: int | None) -> None:
        """Ask a worker for what it has; answered by Delivered. Ranges up to ``closed`` are closed."""
        ...

    def dismiss(self, worker: int) -> None:
        """Let go of a worker; it answers nothing more."""
        ...

    def create_tile(self, shard: int, plan: TilePlan) -> None:
        """See Runtime."""
        ...

    def restore_shard(self, shard: int, plans: Sequence[TilePlan]) -> None:
        """See Runtime."""
        ...

    def hand_out(self, instruction: HandOut) -> None:
        """See Runtime."""
        ...

    def build_tiles(self, instruction: BuildTiles) -> None:
        """See Runtime."""
        ...

    def drop_tiles(self, shard: int, tiles: Sequence[int]) -> None:
        """See Runtime."""
        ...

    def publish(self, padded: PaddedRange) -> Any:
        """See Runtime."""
        ...

    def apply(self, shard: int, index: int, handle: Any, network: Sequence[str], after: int | None) -> None:
        """See Runtime."""
        ...

    def take_snapshot(self, shard: int) -> None:
        """See Runtime."""
        ...

    def wait_for(self, seconds: float) -> list[LiveAnswer]:
        """Wait until something is answered, or for so long."""
        ...

    def close(self) -> None:
        """Let go of everything. Safe to call twice."""
        ...
