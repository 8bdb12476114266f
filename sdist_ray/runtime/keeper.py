"""Ranges on their way to the shards: padded once, kept for as long as a shard may need them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from sdist_ray.coordinator.events import RangesPadded
from sdist_ray.coordinator.instructions import (
    ApplyRange,
    BuildTiles,
    CreateTile,
    DropTiles,
    HandOut,
    Instruction,
    ReleaseRange,
    RestoreShard,
    TakeSnapshot,
    TilePlan,
)
from sdist_ray.occupancy.block import OccupancyRange
from sdist_ray.occupancy.padding import PaddedRange, Padder, Padding
from sdist_ray.occupancy.sparse import SparseRange
from sdist_ray.runtime.planner import AnyPlanner


class Shards(Protocol):
    """What a runtime does for whoever decides about shards; see Runtime."""

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


class RangeKeeper:
    """Pads closed ranges, publishes them, and carries out what is decided about shards.

    Args:
        shards: the runtime.
        padding: grid, clock, tolerance.
        counting: whether anyone counts; where nobody does, ranges are padded and that is all.
        planner: is shown every range.
    """

    def __init__(
        self,
        shards: Shards,
        padding: Padding,
        counting: bool,
        planner: AnyPlanner,
    ) -> None:
        self._shards = shards
        self._counting = counting
        self._planner = planner
        self._reach = padding.reach
        self._padder = Padder(padding)
        self._published: dict[int, tuple[Any, tuple[str, ...]]] = {}

    def needs(self, index: int) -> int:
        """The oldest range that is needed to publish once more what is kept, and range ``index``."""
        return min(next(iter(self._published), index), index) - self._reach

    def grow(self, network: Sequence[str]) -> None:
        """See Padder."""
        self._padder.grow(len(network))
        self._planner.grow(network)

    def push(
        self, occupancy: OccupancyRange | SparseRange, network: tuple[str, ...], first: int | None = None
    ) -> RangesPadded:
        """Take the next closed range; publish those, from ``first`` on, whose surroundings are known now."""
        ready = self._padder.push(occupancy)
        return self._publish([p for p in ready if first is None or p.index >= first], network)

    def flush(self, network: tuple[str, ...]) -> RangesPadded:
        """Publish what waited for a range after it: none comes."""
        return self._publish(self._padder.flush(), network, last=True)

    def _publish(
        self, ready: Sequence[PaddedRange], network: tuple[str, ...], last: bool = False
    ) -> RangesPadded:
        for entry in ready:
            self._planner.watch(entry)
            handle = self._shards.publish(entry) if self._counting else None
            self._published[entry.index] = (handle, network)
        return RangesPadded(tuple(entry.index for entry in ready), last)

    def do(self, instruction: Instruction) -> bool:
        """Carry an instruction out if it is about shards; whether it is."""
        match instruction:
            case CreateTile(shard, plan):
                self._shards.create_tile(shard, plan)
            case HandOut():
                self._shards.hand_out(instruction)
            case BuildTiles():
                self._shards.build_tiles(instruction)
            case DropTiles(shard, tiles):
                self._shards.drop_tiles(shard, tiles)
            case RestoreShard(shard, plans):
                self._shards.restore_shard(shard, plans)
            case ApplyRange(shard, index, after):
                handle, network = self._published[index]
                self._shards.apply(shard, index, handle, network, after)
            case TakeSnapshot(shard):
                self._shards.take_snapshot(shard)
            case ReleaseRange(index):
                self._published.pop(index)
            case _:
                return False
        return True
