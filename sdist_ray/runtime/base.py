"""What a runtime must be able to do; who decides is the coordinator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sdist_ray.exclusion.tile import Counting
from sdist_ray.occupancy.padding import PaddedRange
from sdist_ray.runtime.feeds import CameraReport, Delivery, Feed, Opening
from sdist_ray.topology.links import DirectedLinks


@dataclass(frozen=True)
class Opened:
    """A worker's answer to ``open_cameras``."""

    worker: int
    openings: list[Opening]


@dataclass(frozen=True)
class Advanced:
    """A worker's answer to ``advance``."""

    worker: int
    through: int
    delivery: Delivery


@dataclass(frozen=True)
class Applied:
    """A shard's answer to ``apply``."""

    shard: int
    index: int


Answer = Opened | Advanced | Applied


class FeedFactory(Protocol):
    """Makes a worker's feed, in the process that will host it."""

    def __call__(self) -> Feed:
        """The feed."""
        ...


class Runtime(Protocol):
    """Workers that host feeds and shards that host tiles, wherever they are.

    Calls return at once; ``wait`` returns answers, in any order between different workers and shards.
    """

    name: str
    workers: int
    shards: int

    def open_cameras(self, worker: int, cameras: Sequence[str]) -> None:
        """Have a worker open cameras; answered by Opened."""
        ...

    def advance(self, worker: int, through: int) -> None:
        """Have a worker deliver ranges; answered by Advanced."""
        ...

    def create_tile(
        self, shard: int, rows: Sequence[str], columns: Sequence[str], counting: Counting
    ) -> None:
        """Have a shard make a tile."""
        ...

    def publish(self, padded: PaddedRange) -> Any:
        """Make a range available to all shards, once; the handle to give to ``apply``."""
        ...

    def apply(self, shard: int, index: int, handle: Any, network: Sequence[str]) -> None:
        """Have a shard count a published range; answered by Applied."""
        ...

    def wait(self) -> list[Answer]:
        """Wait until something is answered."""
        ...

    def directed_links(self, network: Sequence[str], estimator: str, threshold: float) -> list[DirectedLinks]:
        """Every shard's directed links."""
        ...

    def reports(self) -> list[CameraReport]:
        """Every worker's reports."""
        ...

    def close(self) -> None:
        """Let go of everything. Safe to call twice."""
        ...
