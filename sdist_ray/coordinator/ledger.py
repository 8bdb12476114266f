"""Who counts what: the tiles of every shard, and how one plan takes the place of another."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sdist_ray.coordinator.changes import Change, Era, Plans, next_tiles
from sdist_ray.coordinator.events import (
    PiecesHandedOut,
    PlanDue,
    RangeApplied,
    ShardEvent,
    ShardLost,
    ShardRestored,
    SnapshotTaken,
    TilesBuilt,
)
from sdist_ray.coordinator.instructions import CreateTile, DropTiles, Instruction, TilePlan
from sdist_ray.coordinator.shards import SNAPSHOTS_KEPT, ShardBook, ShardFound
from sdist_ray.partition.partitioning import Partitioning
from sdist_ray.partition.plan import plan_tiles


class ShardLedger(ShardBook):
    """Decides who counts what, and, as a ShardBook, when."""

    @property
    def plans(self) -> Plans:
        """Who counts what, to be written down when it has changed."""
        tiles = [
            CreateTile(number, plan)
            for number, shard in enumerate(self._shards)
            for plan in shard.plans.values()
        ]
        due = next((entry for entry in reversed(self._later) if isinstance(entry, Partitioning)), self._due)
        return Plans(tuple(sorted(tiles, key=lambda tile: tile.plan.tile)), tuple(self._eras), due)

    @property
    def partitioned(self) -> bool:
        """Whether cameras are counted in groups."""
        return bool(self._eras) or self._due is not None

    @property
    def tiles(self) -> frozenset[int]:
        """The tiles that have what is counted, each pair of cameras once."""
        change = self._change
        hidden = set() if change is None else change.retired if change.in_force else change.created
        return frozenset(tile for shard in self._shards for tile in shard.plans if tile not in hidden)

    @property
    def planned(self) -> bool:
        """Whether there are tiles."""
        return self._next_tile > 0 or bool(self._eras)

    def plan_network(self, network: Sequence[str]) -> list[Instruction]:
        """The tiles of a network that begins: one a shard, or one a group."""
        if self._due is not None:
            return self._begin_due()
        plan = plan_tiles(network, len(self._shards), self._store)
        return [self._create(number, rows, columns, None) for number, rows, columns in plan]

    def plan_added(self, old: Sequence[str], new: Sequence[str], since: int | None) -> list[Instruction]:
        """Tiles of cameras that join: nobody else's counts are touched. In groups, they join with a plan."""
        if self.partitioned:
            return []
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
        self._shards[number].plans[plan.tile] = plan
        self.version += 1
        return CreateTile(number, plan)

    def plan_due(self, partitioning: Partitioning) -> list[Instruction]:
        """The network is to be counted in these groups, as soon as that can be. The newest plan holds."""
        if not self.counts:
            return []
        if self._waits and self._later:
            # Of plans that nothing was counted between, the newest holds.
            if isinstance(self._later[-1], Partitioning):
                self._later.pop()
            self._later.append(partitioning)
            self.version += 1
            return []
        self._due = partitioning
        self.version += 1
        # A change that was to be in snapshots need not be any more: see _waits.
        return self._go_on() if self.planned else []

    def _begin_due(self) -> list[Instruction]:
        """Begin with the plan that is due, if that can be, and with all that has waited for it."""
        instructions = self._begin_plan()
        while self._later and not self._waits:
            match self._later.popleft():
                case Partitioning() as plan:
                    self._due = plan
                    self.version += 1
                    instructions += self._begin_plan()
                case ranges:
                    instructions += self.published(ranges)
        return instructions

    def _begin_plan(self) -> list[Instruction]:
        """Begin with the plan that is due, unless a shard is not there or another plan is being made true."""
        if self._due is None or self._change is not None or self.restoring or self._replaying:
            return []
        new, self._due, number = self._due, None, self._next_tile
        were = self.plans.tiles
        there, created = next_tiles(were, new, len(self._shards), self._newest, number, self._store)
        ending = [tile for tile, was in zip(there, were, strict=True) if tile is not was]
        for tile in [*ending, *created]:
            self._shards[tile.shard].plans[tile.plan.tile] = tile.plan
        self._eras.append(Era(number, self._newest, new.groups))
        self._next_tile = number + len(created)
        self.version += 1
        instructions: list[Instruction] = [tile for tile in created if not tile.plan.made]
        if all(not tile.plan.made for tile in created):
            return instructions + self._drop([tile.plan.tile for tile in ending])
        self._change = Change([*ending, *created], number, self._store)
        return instructions + self._go_on()

    def _go_on(self) -> list[Instruction]:
        """What shards can do now of a change; and when nobody needs what was before, that is let go of."""
        change = self._change
        if change is None:
            return self._begin_due()
        instructions: list[Instruction] = []
        for number, shard in enumerate(self._shards):
            if shard.lost or self._behind(number):
                continue
            instructions += change.part_of(number)
            instructions += self._apply(number)
        for number in change.built:
            if self._every and len(change.fresh[number]) < SNAPSHOTS_KEPT:
                instructions += self._save(number)
        # What can be counted anew need not be saved before another plan has its turn.
        if change.saved(SNAPSHOTS_KEPT if self._every and not self._waits else 0):
            for number in change.targets:
                self._shards[number].snapshots.clear()
                self._shards[number].snapshots.extend(change.fresh[number])
            self._change = None
            self.version += 1
            if not self._recounts and self._released is not None:
                self._eras = self._eras[-1:]
            instructions += self._drop(change.retired, change.targets) + self._release() + self._begin_due()
        return instructions

    def _behind(self, number: int) -> bool:
        """Whether a shard has yet to count what its tiles of before count."""
        shard, change = self._shards[number], self._change
        assert change is not None
        old = any(plan.since is None or plan.since < change.after for plan in shard.plans.values())
        return old and (shard.last is None or shard.last < change.after)

    def _drop(self, tiles: Collection[int], also: Collection[int] = ()) -> list[Instruction]:
        """Let go of tiles; ``also`` are shards that are to know that what they have made holds."""
        instructions: list[Instruction] = []
        for number, shard in enumerate(self._shards):
            mine = tuple(tile for tile in shard.plans if tile in tiles)
            for tile in mine:
                del shard.plans[tile]
            if mine or number in also:
                instructions.append(DropTiles(number, mine))
        return instructions

    def handed_out(self, change: int, source: int, target: int) -> list[Instruction]:
        """A shard has copied what another one needs."""
        if self._change is not None:
            self._change.handed_out(change, source, target)
        return self._go_on()

    def built(self, change: int, number: int) -> list[Instruction]:
        """A shard has made its new tiles."""
        if self._change is not None:
            self._change.has_built(change, number)
        return self._go_on()

    def adopt(self, plans: Plans, found: Sequence[ShardFound | None]) -> list[Instruction]:
        """Take over shards as they are; None is one that is gone. No plan begins before ``replayed``."""
        self._replaying = True
        self._eras, self._due = list(plans.eras), plans.due
        for tile in plans.tiles:
            self._shards[tile.shard].plans[tile.plan.tile] = tile.plan
            self._next_tile = max(self._next_tile, tile.plan.tile + 1)
        if any(tile.plan.until is not None for tile in plans.tiles):
            self._change = Change(plans.tiles, self._eras[-1].number, self._store)
        created = self._change.created if self._change else set()
        instructions: list[Instruction] = []
        for number, state in enumerate(found):
            shard = self._shards[number]
            if state is None or not created.issuperset(state.lacks):
                instructions += self.lost(number)
                continue
            last, snapshots = state.last, state.snapshots
            if self._change is not None and state.lacks:
                last, snapshots = self._change.seen_by(number, last, snapshots)
            shard.last = shard.sent = last
            if state.last is not None:
                self._newest = state.last if self._newest is None else max(state.last, self._newest)
            fresh = state.fresh
            if self._change is not None and number in self._change.targets:
                if not state.lacks:
                    self._change.found(number, fresh or ())
                fresh = None
            shard.snapshots.extend(snapshots if fresh is None else fresh)
        return instructions + (self._go_on() if self._change else [])

    def replayed(self) -> list[Instruction]:
        """All is as it was when another ledger was lost: plans may begin again."""
        self._replaying = False
        return self._go_on()

    def handle(self, event: ShardEvent) -> list[Instruction]:
        """Take note of what a shard says, or of a plan; what is to be done now, in order."""
        match event:
            case RangeApplied(shard, index):
                return self.applied(shard, index)
            case SnapshotTaken(shard, index):
                return self.snapshot_taken(shard, index)
            case ShardLost(shard):
                return self.lost(shard)
            case ShardRestored(shard, last, snapshots):
                return self.restored(shard, last, snapshots)
            case PlanDue(partitioning):
                return self.plan_due(partitioning)
            case PiecesHandedOut(change, shard, target):
                return self.handed_out(change, shard, target)
            case TilesBuilt(change, shard):
                return self.built(change, shard)
