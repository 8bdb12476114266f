"""Which shard has counted which range, what it has written down, and what must be kept for it.

A range is kept until every shard has it in the *older* of its two snapshots: should the newer turn out to be
damaged, the one before it is enough.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from sdist_ray.coordinator.instructions import (
    ApplyRange,
    CreateTile,
    GiveUp,
    Instruction,
    ReleaseRange,
    RestoreShard,
    Rewind,
    TakeSnapshot,
    TilePlan,
)
from sdist_ray.partition.plan import plan_tiles

MAX_IN_FLIGHT = 16
"""Ranges that one shard may have unanswered, in a few calls; a snapshot may come on top."""
MAX_UNCOUNTED = 32
"""Padded ranges that may wait for the slowest shard before workers are held back."""
SNAPSHOTS_KEPT = 2
MAX_LOSSES = 5
"""Times that a shard or worker may be lost without having got anything done in between."""


@dataclass(frozen=True)
class ShardFound:
    """A shard as a coordinator that takes over finds it.

    Attributes:
        last: the newest range that it counted; None where there is none.
        snapshots: ranges of its snapshots, ascending.
    """

    last: int | None
    snapshots: tuple[int, ...] = ()


@dataclass
class _Shard:
    """One shard.

    Attributes:
        plans: its tiles.
        waiting: ranges that it was not given yet, ascending.
        given: ranges that it was given and has not answered for.
        last: the newest range that it counted; None before the first.
        sent: the newest range that it was given.
        snapshots: ranges of its last snapshots, ascending.
        unsaved: ranges since it was last asked for a snapshot.
        saving: whether it has yet to answer for a snapshot.
        lost: whether it is being restored.
        losses: times it was lost since it last counted something.
    """

    plans: list[TilePlan] = field(default_factory=list)
    waiting: deque[int] = field(default_factory=deque)
    given: deque[int] = field(default_factory=deque)
    last: int | None = None
    sent: int | None = None
    snapshots: deque[int] = field(default_factory=lambda: deque(maxlen=SNAPSHOTS_KEPT))
    unsaved: int = 0
    saving: bool = False
    lost: bool = False
    losses: int = 0

    @property
    def work(self) -> int:
        return sum(plan.work for plan in self.plans)

    def lacks(self, index: int) -> bool:
        """Whether the range is still to be counted by this shard."""
        return bool(self.plans) and (self.last is None or index > self.last)


class ShardLedger:
    """Decides who counts what and when it is written down.

    Args:
        shards: how many there are.
        snapshot_ranges: a shard is written down each time it has counted so many; 0: never, and a range is
            released once every shard has counted it.
        store: what tiles count in, which decides how the network is cut into them.
    """

    def __init__(self, shards: int, snapshot_ranges: int, store: str = "dense") -> None:
        self._store = store
        self._shards = [_Shard() for _ in range(shards)]
        self._every = snapshot_ranges
        for number, shard in enumerate(self._shards):
            # Staggered: shards do not all write at once.
            shard.unsaved = number * snapshot_ranges // shards
        self._kept: dict[int, set[int]] = {}
        self._uncounted: set[int] = set()
        self._released: int | None = None
        self._next_tile = 0

    @property
    def counts(self) -> bool:
        """Whether there is any shard at all."""
        return bool(self._shards)

    @property
    def full(self) -> bool:
        """Whether enough ranges wait to be counted."""
        return len(self._uncounted) >= MAX_UNCOUNTED

    @property
    def settled(self) -> bool:
        """Whether every shard is there and has counted every range."""
        return not self._uncounted and not self.restoring

    @property
    def restoring(self) -> bool:
        """Whether a shard has yet to come back."""
        return any(shard.lost for shard in self._shards)

    @property
    def planned(self) -> bool:
        """Whether there are tiles."""
        return self._next_tile > 0

    def plan_network(self, network: Sequence[str]) -> list[Instruction]:
        """The tiles of a network that begins: one a shard."""
        plan = plan_tiles(network, len(self._shards), self._store)
        return [self._create(number, rows, columns, None) for number, rows, columns in plan]

    def plan_added(self, old: Sequence[str], new: Sequence[str], since: int | None) -> list[Instruction]:
        """Tiles of cameras that join: nobody else's counts are touched."""
        instructions: list[Instruction] = []
        # The indexed store finds a pair in both directions at once: the second tile need not have the old.
        rest = tuple(new) if self._store == "indexed" else (*old, *new)
        for rows, columns in ((tuple(old), tuple(new)), (tuple(new), rest)):
            if rows and columns and self._shards:
                idle = min(range(len(self._shards)), key=lambda number: self._shards[number].work)
                instructions.append(self._create(idle, rows, columns, since))
        return instructions

    def _create(
        self, number: int, rows: tuple[str, ...], columns: tuple[str, ...], since: int | None
    ) -> CreateTile:
        plan = TilePlan(self._next_tile, rows, columns, since)
        self._next_tile += 1
        self._shards[number].plans.append(plan)
        return CreateTile(number, plan)

    def adopt(self, tiles: Sequence[CreateTile], found: Sequence[ShardFound | None]) -> list[Instruction]:
        """Take over shards as they are; None is one that is gone."""
        for tile in tiles:
            self._shards[tile.shard].plans.append(tile.plan)
            self._next_tile = max(self._next_tile, tile.plan.tile + 1)
        instructions: list[Instruction] = []
        for number, state in enumerate(found):
            shard = self._shards[number]
            if state is None:
                instructions += self.lost(number)
                continue
            shard.last = shard.sent = state.last
            shard.snapshots.extend(state.snapshots)
        return instructions

    def published(self, ranges: Sequence[int]) -> list[Instruction]:
        """Ranges, ascending, that can be counted from now on."""
        for index in ranges:
            lacking = {number for number, shard in enumerate(self._shards) if shard.lacks(index)}
            self._kept[index] = lacking
            if lacking:
                self._uncounted.add(index)
            for number in lacking:
                if not self._shards[number].lost:
                    self._shards[number].waiting.append(index)
        instructions: list[Instruction] = []
        for number in range(len(self._shards)):
            instructions += self._apply(number)
        return instructions + self._release()

    def _apply(self, number: int) -> list[Instruction]:
        shard = self._shards[number]
        instructions: list[Instruction] = []
        while shard.waiting and len(shard.given) < MAX_IN_FLIGHT and not shard.lost:
            index = shard.waiting.popleft()
            instructions.append(ApplyRange(number, index, shard.sent))
            shard.given.append(index)
            shard.sent = index
        return instructions

    def applied(self, number: int, index: int) -> list[Instruction]:
        """A shard has counted a range."""
        shard = self._shards[number]
        shard.given.remove(index)
        shard.last = index
        shard.losses = 0
        shard.unsaved += 1
        instructions: list[Instruction] = []
        if self._every and shard.unsaved >= self._every and not shard.saving:
            shard.saving = True
            shard.unsaved = 0
            instructions.append(TakeSnapshot(number))
        instructions += self._apply(number)
        lacking = self._kept[index]
        lacking.discard(number)
        if not lacking:
            self._uncounted.discard(index)
            instructions += self._release()
        return instructions

    def snapshot_taken(self, number: int, index: int | None) -> list[Instruction]:
        """A shard has written itself down, or could not."""
        shard = self._shards[number]
        shard.saving = False
        if index is None:
            return self._release()
        shard.snapshots.append(index)
        return self._release()

    def _release(self) -> list[Instruction]:
        """Let go of ranges that every shard has in both of its snapshots, oldest first.

        Where snapshots fail, what is kept stays bounded all the same: the journal has every range.
        """
        floor = self._floor()
        room = 4 * self._every
        instructions: list[Instruction] = []
        for index in list(self._kept):
            beyond = len(self._kept) > room
            if self._kept[index] or not (beyond or (floor is not None and index <= floor)):
                break
            del self._kept[index]
            self._released = index
            instructions.append(ReleaseRange(index))
        return instructions

    def _floor(self) -> int | None:
        """The newest range that every shard has in both of its snapshots."""
        floors = [shard.snapshots for shard in self._shards if shard.plans]
        if not floors or any(len(snapshots) < SNAPSHOTS_KEPT for snapshots in floors):
            return None
        return min(snapshots[0] for snapshots in floors)

    def begin_replay(self) -> int | None:
        """The range after which ranges are needed again by a ledger that took over; None: all of them."""
        self._released = self._floor()
        return self._released

    def lost(self, number: int) -> list[Instruction]:
        """A shard is gone: it is made anew from its last good snapshot."""
        shard = self._shards[number]
        shard.losses += 1
        if shard.losses > MAX_LOSSES:
            return [GiveUp(f"shard {number} was lost {shard.losses} times before it counted one range")]
        shard.waiting.clear()
        shard.given.clear()
        shard.saving = False
        shard.lost = True
        return [RestoreShard(number, tuple(shard.plans))]

    def restored(self, number: int, last: int | None, snapshots: Sequence[int]) -> list[Instruction]:
        """A shard is back as it was after range ``last``: it counts what came since once more."""
        shard = self._shards[number]
        shard.lost = False
        if self._released is not None and (last is None or last < self._released) and shard.plans:
            return [Rewind(number)]
        shard.last = shard.sent = last
        shard.snapshots.clear()
        shard.snapshots.extend(snapshots)
        for index, lacking in self._kept.items():
            if shard.lacks(index):
                lacking.add(number)
                self._uncounted.add(index)
                shard.waiting.append(index)
            else:
                lacking.discard(number)
                if not lacking:
                    self._uncounted.discard(index)
        return self._apply(number)

    def validate(self) -> None:
        """Raise AssertionError when the ledger contradicts itself."""
        for number, shard in enumerate(self._shards):
            assert len(shard.given) <= MAX_IN_FLIGHT, "a shard has too many calls in flight"
            mine = [*shard.given, *shard.waiting]
            assert mine == sorted(set(mine)), "a shard counts out of order"
            lacking = [index for index, numbers in self._kept.items() if number in numbers]
            assert mine == lacking or shard.lost, "a shard's ranges are not those it lacks"
            assert set(mine) <= set(self._kept), "a shard has a range that was released"
            assert not (shard.lost and mine), "a lost shard was given a range"
        assert list(self._kept) == sorted(self._kept), "ranges are kept out of order"
        assert self._uncounted == {index for index, numbers in self._kept.items() if numbers}
        room = max(4 * self._every, MAX_UNCOUNTED)
        assert len(self._kept) <= room + len(self._uncounted), "more ranges are kept than there is room for"
