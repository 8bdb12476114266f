"""Partitionings: which cameras are counted together, what changes from one to the next, and who counts it.

Of two cameras in one group every pair of windows is counted; cameras of different groups, or in none, are not
compared. So the cost of a network is Σ|g|² over its groups rather than n².
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

Group = tuple[str, ...]
TOLERATED = 0.15
"""A shard may have this share of the mean work above the mean before a group that stays is moved."""


@dataclass(frozen=True)
class Partitioning:
    """Disjoint groups of cameras; a camera in none is counted with nobody.

    Equal partitionings are the same value: cameras are sorted in their groups, and groups by their first.

    Attributes:
        groups: of camera ids.

    Raises:
        ValueError: an empty group, or a camera that comes twice.
    """

    groups: tuple[Group, ...] = ()

    def __post_init__(self) -> None:
        groups = tuple(sorted(tuple(sorted(group)) for group in self.groups))
        seen: set[str] = set()
        for group in groups:
            if not group:
                raise ValueError("a group without cameras")
            for camera in group:
                if camera in seen:
                    raise ValueError(f"camera {camera!r} comes twice; a camera has one group, or none")
                seen.add(camera)
        object.__setattr__(self, "groups", groups)

    @classmethod
    def of(cls, group_of: Mapping[str, object]) -> Partitioning:
        """From the group of each camera; what names a group is of no further use."""
        groups: dict[object, list[str]] = {}
        for camera, group in group_of.items():
            groups.setdefault(group, []).append(camera)
        return cls(tuple(map(tuple, groups.values())))

    @property
    def cameras(self) -> tuple[str, ...]:
        """Of all groups."""
        return tuple(camera for group in self.groups for camera in group)

    @property
    def largest(self) -> int:
        """Cameras of the largest group."""
        return max(map(len, self.groups), default=0)

    @property
    def pairs(self) -> int:
        """Ordered pairs of cameras that are counted, Σ|g|²."""
        return sum(len(group) ** 2 for group in self.groups)


class Block(NamedTuple):
    """Cameras that were in one group and are in one group again: their counts are kept.

    Attributes:
        old, new: which group, by its place in the old and in the new partitioning.
        cameras: of both.
    """

    old: int
    new: int
    cameras: Group


@dataclass(frozen=True)
class Difference:
    """What becomes of the groups of one partitioning in the next.

    Attributes:
        unchanged: groups of both.
        created: groups of the new one alone.
        dropped: groups of the old one alone.
        kept: what each created group has of each dropped one, by created group.
    """

    unchanged: tuple[Group, ...]
    created: tuple[Group, ...]
    dropped: tuple[Group, ...]
    kept: tuple[Block, ...]


def difference(old: Partitioning, new: Partitioning) -> Difference:
    """What becomes of the groups of ``old`` in ``new``."""
    before, after = set(old.groups), set(new.groups)
    where = {camera: number for number, group in enumerate(old.groups) for camera in group}
    kept: list[Block] = []
    for number, group in enumerate(new.groups):
        if group in before:
            continue
        parts: dict[int, list[str]] = {}
        for camera in group:
            if camera in where:
                parts.setdefault(where[camera], []).append(camera)
        kept += [Block(source, number, tuple(cameras)) for source, cameras in sorted(parts.items())]
    return Difference(
        tuple(group for group in new.groups if group in before),
        tuple(group for group in new.groups if group not in before),
        tuple(group for group in old.groups if group not in after),
        tuple(kept),
    )


def place_groups(
    groups: Sequence[Group],
    shards: int,
    holds: Mapping[str, Iterable[int]] | None = None,
    stays: Mapping[Group, int] | None = None,
    memory: Sequence[float] | None = None,
    room: float | None = None,
) -> list[int]:
    """Groups to shards: nearly equal work, within the memory, and with little to carry between shards.

    A group that stays is left where it is, unless its shard would have too much. Another one goes to the
    shard that has most of its cameras already, if that has room for it, and otherwise to the idlest.

    Args:
        groups: of camera ids; a group's work is the square of its cameras.
        shards: how many there are, at least one.
        holds: shards that have counts of a camera.
        stays: shards that count a group already.
        memory: that each group takes on a shard, in any unit; None where it does not matter.
        room: of each shard, in the same unit; None for any.

    Returns:
        A shard for every group.

    Raises:
        ValueError: the groups do not fit.
    """
    if shards < 1:
        raise ValueError("no shard to count on")
    holds, stays = holds or {}, stays or {}
    need = list(memory) if memory is not None else [0.0] * len(groups)
    free = [float("inf") if room is None else float(room)] * shards
    work, load = [float(len(group) ** 2) for group in groups], [0.0] * shards
    most = (1 + TOLERATED) * sum(work) / shards
    placed = [-1] * len(groups)

    def put(number: int, shard: int) -> None:
        placed[number] = shard
        load[shard] += work[number]
        free[shard] -= need[number]

    heaviest = sorted(range(len(groups)), key=lambda number: (-work[number], number))
    moving: list[int] = []
    # Those that stay first, the heaviest first: what is too much for a shard is its smallest groups.
    for number in heaviest:
        shard = stays.get(groups[number], -1)
        fits = 0 <= shard < shards and need[number] <= free[shard]
        if fits and (load[shard] == 0 or load[shard] + work[number] <= most):
            put(number, shard)
        else:
            moving.append(number)
    for number in moving:
        there = [0] * shards
        for camera in groups[number]:
            for shard in holds.get(camera, ()):
                there[shard] += 1
        fitting = [shard for shard in range(shards) if need[number] <= free[shard]]
        if not fitting:
            raise ValueError(
                f"a group of {len(groups[number])} cameras does not fit on any of {shards} shards"
            )
        idlest = min(fitting, key=lambda shard: (load[shard], -there[shard], shard))
        light = [shard for shard in fitting if load[shard] + work[number] <= most]
        put(number, max(light, key=lambda shard: (there[shard], -load[shard], -shard), default=idlest))
    return placed
