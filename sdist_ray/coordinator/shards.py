"""Which shard has counted which range, what it has written down, and what must be kept for it.

A range is kept until every shard has it in the *older* of its two snapshots: should the newer turn out to be
damaged, the one before it is enough.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from sdist_ray.coordinator.changes import Change, Era, past_of
from sdist_ray.coordinator.instructions import (
    ApplyRange,
    GiveUp,
    Instruction,
    ReleaseRange,
    RestoreShard,
    Rewind,
    TakeSnapshot,
    TilePlan,
)
from sdist_ray.partition.partitioning import Partitioning

MAX_IN_FLIGHT = 32
"""Ranges that one shard may have unanswered, in a few calls; a snapshot may come on top."""
MAX_UNCOUNTED = 2 * MAX_IN_FLIGHT
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
        fresh: those since it last made tiles of parts; None where it was told since that they hold.
        lacks: tiles that are to be made and that it does not have.
    """

    last: int | None
    snapshots: tuple[int, ...] = ()
    fresh: tuple[int, ...] | None = None
    lacks: tuple[int, ...] = ()


@dataclass
class _Shard:
    """One shard.

    Attributes:
        plans: its tiles, by id.
        waiting: ranges that it was not given yet, ascending.
        given: ranges that it was given and has not answered for.
        last: the newest range that it counted; None before the first.
        sent: the newest range that it was given.
        snapshots: ranges of its last snapshots, ascending.
        unsaved: ranges since it was last asked for a snapshot.
        saving: whether it has yet to answer for a snapshot.
        saved: what it had counted and how many tiles it had when it was last asked for one.
        lost: whether it is being restored.
        losses: times it was lost since it last counted something.
    """

    plans: dict[int, TilePlan] = field(default_factory=dict)
    waiting: deque[int] = field(default_factory=deque)
    given: deque[int] = field(default_factory=deque)
    last: int | None = None
    sent: int | None = None
    snapshots: deque[int] = field(default_factory=lambda: deque(maxlen=SNAPSHOTS_KEPT))
    unsaved: int = 0
    saving: bool = False
    saved: tuple[int | None, int] | None = None
    lost: bool = False
    losses: int = 0

    @property
    def work(self) -> int:
        return sum(plan.work for plan in self.plans.values())

    def lacks(self, index: int) -> bool:
        """Whether the range is still to be counted by this shard."""
        return bool(self.plans) and (self.last is None or index > self.last)


class ShardBook:
    """Decides when who counts which range and is written down; who counts what is decided by ShardLedger.

    Args:
        shards: how many there are.
        snapshot_ranges: a shard is written down each time it has counted so many; 0: never, and a range is
            released once every shard has counted it.
        store: what tiles count in, which decides how the network is cut into them.
        recounts: whether every range since the first can be had again, however old.
    """

    def __init__(
        self, shards: int, snapshot_ranges: int, store: str = "dense", recounts: bool = True
    ) -> None:
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
        self._recounts = recounts
        self._eras: list[Era] = []
        self._due: Partitioning | None = None
        self._later: deque[tuple[int, ...] | Partitioning] = deque()
        self._change: Change | None = None
        self._newest: int | None = None
        self._replaying = False
        self.version = 0

    @property
    def counts(self) -> bool:
        """Whether there is any shard at all."""
        return bool(self._shards)

    @property
    def full(self) -> bool:
        """Whether enough ranges wait to be counted."""
        return len(self._uncounted) + len(self._later) >= MAX_UNCOUNTED

    @property
    def _waits(self) -> bool:
        """Whether a plan waits for its turn, and what comes after it waits for the plan.

        So it holds from the range on after which it was due, however long the one before it takes. Where
        ranges cannot be had again, as in a live network, they do not wait.
        """
        return self._recounts and self._due is not None and not self._replaying and bool(self._eras)

    def counted(self, index: int) -> bool:
        """Whether no shard has yet to count the range."""
        return index not in self._uncounted

    @property
    def settled(self) -> bool:
        """Whether every shard is there and has counted every range, in the tiles that it should."""
        there = self._change is None or self._change.in_force
        return there and not self._uncounted and not self.restoring and not self._waits

    @property
    def restoring(self) -> bool:
        """Whether a shard has yet to come back."""
        return any(shard.lost for shard in self._shards)

    def _save(self, number: int) -> list[Instruction]:
        """Have a shard write itself down, unless it is at it, or has counted nothing since."""
        shard = self._shards[number]
        if shard.saving or shard.lost or shard.saved == (shard.last, len(shard.plans)):
            return []
        shard.saved = (shard.last, len(shard.plans))
        shard.saving = True
        shard.unsaved = 0
        return [TakeSnapshot(number)]

    def published(self, ranges: Sequence[int]) -> list[Instruction]:
        """Ranges, ascending, that can be counted from now on."""
        if self._waits:
            self._later.append(tuple(ranges))
            return []
        for index in ranges:
            self._newest = index if self._newest is None else max(index, self._newest)
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
        end = self._change.after if self._change and self._change.holds_back(number) else None
        while shard.waiting and len(shard.given) < MAX_IN_FLIGHT and not shard.lost:
            if end is not None and shard.waiting[0] > end:
                break
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
        if self._every and shard.unsaved >= self._every:
            instructions += self._save(number)
        instructions += self._apply(number)
        lacking = self._kept[index]
        lacking.discard(number)
        if not lacking:
            self._uncounted.discard(index)
            instructions += self._release()
        return instructions + (self._go_on() if self._change else [])

    def snapshot_taken(self, number: int, index: int | None) -> list[Instruction]:
        """A shard has written itself down, or could not."""
        shard = self._shards[number]
        shard.saving = False
        if index is None:
            return self._release()
        if self._change is not None and number in self._change.built:
            self._change.fresh[number].append(index)
            return self._go_on()
        shard.snapshots.append(index)
        return self._release() + (self._go_on() if self._change else [])

    def _release(self) -> list[Instruction]:
        """Let go of ranges that every shard has in both of its snapshots, oldest first.

        Where snapshots fail, what is kept stays bounded all the same: the journal has every range.
        """
        floor = self._floor()
        # Many ranges may be closed at once, and counted before a snapshot is.
        room = max(4 * self._every, 2 * MAX_UNCOUNTED) if self._every else 0
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
        shard.saved = None
        unmade = set() if self._change is None else self._change.created
        if self._change is not None:
            self._change.lost(number)
        plans = [plan for plan in shard.plans.values() if plan.tile not in unmade]
        return [
            RestoreShard(
                number, tuple(replace(plan, past=past_of(plan, self._eras, self._store)) for plan in plans)
            )
        ]

    def restored(self, number: int, last: int | None, snapshots: Sequence[int]) -> list[Instruction]:
        """A shard is back as it was after range ``last``: it counts what came since once more."""
        shard = self._shards[number]
        shard.lost = False
        created = self._change.created if self._change else set()
        # What was made of parts, and of what none can be had again.
        made = not self._recounts and any(p.made and p.tile not in created for p in shard.plans.values())
        gone = self._released is not None and (last is None or last < self._released)
        if (gone and shard.plans) or (last is None and made):
            return [Rewind(number)]
        if self._change is not None:
            last, snapshots = self._change.seen_by(number, last, snapshots)
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
        return self._apply(number) + self._go_on()

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
        room = max(4 * self._every, 2 * MAX_UNCOUNTED)
        assert len(self._kept) <= room + len(self._uncounted), "more ranges are kept than there is room for"

    def _go_on(self) -> list[Instruction]:
        """What can be done now of a change of plans."""
        return []
