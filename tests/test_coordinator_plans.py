"""A plan takes the place of another: given these events, these instructions."""

import dataclasses

import pytest

from sdist_ray.coordinator.changes import Era, past_of
from sdist_ray.coordinator.events import (
    PiecesHandedOut,
    PlanDue,
    RangeApplied,
    ShardLost,
    ShardRestored,
    SnapshotTaken,
    TilesBuilt,
)
from sdist_ray.coordinator.instructions import (
    ApplyRange,
    BuildTiles,
    CreateTile,
    DropTiles,
    HandOut,
    Past,
    Piece,
    RestoreShard,
    Rewind,
    TakeSnapshot,
    TilePlan,
)
from sdist_ray.coordinator.ledger import ShardLedger
from sdist_ray.coordinator.shards import ShardFound
from sdist_ray.partition.partitioning import Partitioning

ABCD = ("a", "b", "c", "d")
OLD, NEW = Partitioning((("a", "b"), ("c", "d"))), Partitioning((("a", "b", "c"), ("d",)))


def ledger(every=0, counted=2, given=3, shards=2):
    """Two shards of one group each that were given some ranges and have counted fewer."""
    ledger = ShardLedger(shards, every)
    ledger.plan_due(OLD)
    ledger.plan_network(ABCD)
    ledger.published(range(given))
    for index in range(counted):
        for shard in range(shards):
            ledger.applied(shard, index)
    ledger.validate()
    return ledger


def of(kind, instructions):
    return [instruction for instruction in instructions if isinstance(instruction, kind)]


def test_a_network_begins_with_its_groups():
    ledger = ShardLedger(2, 0)
    ledger.plan_due(OLD)
    assert ledger.plan_network(ABCD) == [
        CreateTile(0, TilePlan(0, ("a", "b"), ("a", "b"))),
        CreateTile(1, TilePlan(1, ("c", "d"), ("c", "d"))),
    ]
    assert ledger.plan_added(ABCD, ("e",), 4) == []


def test_a_shard_hands_out_when_it_has_counted_and_another_builds_when_it_has_all():
    changing = ledger()
    assert changing.handle(PlanDue(NEW)) == []
    new = TilePlan(2, ("a", "b", "c"), ("a", "b", "c"), 2, made=True)
    assert changing.plans.tiles == (
        CreateTile(0, TilePlan(0, ("a", "b"), ("a", "b"), until=2)),
        CreateTile(1, TilePlan(1, ("c", "d"), ("c", "d"), until=2)),
        CreateTile(0, new),
    )
    assert changing.tiles == {0, 1}
    # One camera against itself is nobody's counts: shard 1 has nothing to hand out, nor to wait for.
    build = BuildTiles(2, 0, (new,), (Piece(0, 2, ("a", "b"), ("a", "b")),), (), 2)
    assert changing.published([3]) == [ApplyRange(1, 3, 2)]
    assert changing.handle(RangeApplied(0, 2)) == [build, ApplyRange(0, 3, 2)]
    assert not changing.settled
    changing.handle(RangeApplied(1, 2))
    assert changing.handle(TilesBuilt(2, 0)) == [DropTiles(0, (0,)), DropTiles(1, (1,))]
    assert changing.tiles == {2}
    changing.validate()


def with_pieces(every=0):
    """Three cameras come from the other shard."""
    changing = ShardLedger(2, every)
    changing.plan_due(Partitioning((tuple("abcde"), tuple("fgh"))))
    changing.plan_network("abcdefgh")
    changing.published(range(3))
    for shard in (0, 1):
        changing.applied(shard, 0)
    assert changing.handle(PlanDue(Partitioning((tuple("abcfgh"), tuple("de"))))) == []
    return changing


def test_pieces_go_from_shard_to_shard_and_nobody_else_waits():
    changing = with_pieces()
    for index in (1, 2):
        changing.handle(RangeApplied(0, index))
    changing.published([3])
    changing.handle(RangeApplied(1, 1))
    given = changing.handle(RangeApplied(1, 2))
    (hand_out,) = of(HandOut, given)
    assert (hand_out.shard, hand_out.until) == (1, 2)
    target = hand_out.target
    assert hand_out.pieces == (Piece(1, 2, tuple("fgh"), tuple("fgh")),)
    assert target == 0
    assert of(ApplyRange, given) == []
    build = changing.handle(PiecesHandedOut(2, 1, 0))
    assert [type(i) for i in build] == [BuildTiles, ApplyRange]
    assert build[0].sources == (1,)
    changing.validate()


def test_what_is_said_of_another_change_is_nothing():
    changing = with_pieces()
    for index in (1, 2):
        changing.handle(RangeApplied(0, index))
        changing.handle(RangeApplied(1, index))
    assert changing.handle(PiecesHandedOut(1, 1, 0)) == []
    assert changing.handle(TilesBuilt(1, 0)) == []


def test_the_newest_plan_waits_until_the_change_before_it_is_done():
    changing = ledger()
    changing.handle(PlanDue(NEW))
    assert changing.handle(PlanDue(Partitioning((ABCD,)))) == []
    assert changing.handle(PlanDue(OLD)) == []
    assert changing.plans.due == OLD
    for shard in (0, 1):
        changing.handle(RangeApplied(shard, 2))
    instructions = changing.handle(TilesBuilt(2, 0))
    assert of(DropTiles, instructions)
    assert changing.plans.due is None
    assert [era.groups for era in changing.plans.eras] == [OLD.groups, NEW.groups, OLD.groups]


def test_nothing_is_dropped_before_it_is_in_two_snapshots():
    changing = ledger(every=100)
    changing.handle(PlanDue(NEW))
    changing.published([3, 4])
    changing.handle(RangeApplied(0, 2))
    assert changing.handle(TilesBuilt(2, 0)) == [TakeSnapshot(0)]
    assert changing.handle(SnapshotTaken(0, 2)) == []
    assert of(TakeSnapshot, changing.handle(RangeApplied(0, 3))) == [TakeSnapshot(0)]
    assert of(DropTiles, changing.handle(SnapshotTaken(0, 3))) == [DropTiles(0, (0,)), DropTiles(1, (1,))]
    changing.validate()


def test_a_shard_lost_before_that_begins_with_its_old_tiles_and_one_lost_after_with_the_new():
    changing = ledger(every=100)
    changing.handle(PlanDue(NEW))
    changing.handle(RangeApplied(0, 2))
    changing.handle(TilesBuilt(2, 0))
    (restore,) = changing.handle(ShardLost(0))
    assert restore == RestoreShard(0, (TilePlan(0, ("a", "b"), ("a", "b"), until=2),))
    assert changing.tiles == {0, 1}
    # What its other tiles have counted beyond the change is counted by the new one.
    changing.published([3])
    build = changing.handle(ShardRestored(0, 3, (1, 3)))
    assert [type(i) for i in build] == [BuildTiles, ApplyRange]
    assert build[1] == ApplyRange(0, 3, 2)
    changing.handle(TilesBuilt(2, 0))
    changing.handle(SnapshotTaken(0, 2))
    changing.handle(RangeApplied(0, 3))
    changing.handle(SnapshotTaken(0, 3))
    (restore,) = changing.handle(ShardLost(0))
    past = (Past(2, (("a", "b"), ("c",))),)
    assert restore.plans == (TilePlan(2, ("a", "b", "c"), ("a", "b", "c"), 2, made=True, past=past),)


def test_where_ranges_are_let_go_of_what_was_made_of_others_cannot_be_counted_anew():
    changing = ShardLedger(1, 5, recounts=False)
    changing.plan_due(OLD)
    changing.plan_network(ABCD)
    changing.published([0])
    changing.applied(0, 0)
    changing.handle(PlanDue(NEW))
    changing.handle(TilesBuilt(2, 0))
    changing.handle(SnapshotTaken(0, 0))
    changing.published([1])
    changing.handle(RangeApplied(0, 1))
    assert of(DropTiles, changing.handle(SnapshotTaken(0, 1)))
    changing.handle(ShardLost(0))
    assert changing.handle(ShardRestored(0, None)) == [Rewind(0)]


@pytest.mark.parametrize("built", [True, False])
def test_whoever_takes_over_goes_on_with_the_change(built):
    changing = with_pieces(every=100)
    plans = changing.plans
    later = ShardLedger(2, 100)
    found = ShardFound(2, (0, 1), (2,), () if built else (2,)), ShardFound(1, (0, 1), None, (3,))
    told = later.adopt(plans, found)
    assert [(hand_out.shard, hand_out.target) for hand_out in of(HandOut, told)] == [(0, 1)]
    assert of(TakeSnapshot, told) == ([TakeSnapshot(0)] if built else [])
    assert later.plans == plans
    assert later.begin_replay() == 0
    assert of(ApplyRange, later.published([1, 2])) == [ApplyRange(1, 2, 1)]
    assert later.replayed() == []
    told = later.handle(RangeApplied(1, 2))
    assert [(hand_out.shard, hand_out.target) for hand_out in of(HandOut, told)] == [(1, 0)]
    told = later.handle(PiecesHandedOut(2, 1, 0)) + later.handle(PiecesHandedOut(2, 0, 1))
    assert [build.shard for build in of(BuildTiles, told)] == ([1] if built else [0, 1])
    later.validate()


def test_the_past_of_a_tile_is_what_the_plans_before_it_say():
    eras = (Era(0, None, OLD.groups), Era(2, 5, (("a", "c"),)), Era(3, 9, (ABCD,)))
    plan = TilePlan(3, ABCD, ABCD, 9, made=True)
    assert past_of(plan, eras, "dense") == (Past(5, OLD.groups), Past(9, (("a", "c"),)))
    assert past_of(plan, eras[1:], "dense") == (Past(5, (ABCD,)), Past(9, (("a", "c"),)))
    assert past_of(dataclasses.replace(plan, made=False), eras, "dense") == ()
    alone = Era(0, None, (("a",), ("b",)))
    assert past_of(plan, (alone, eras[2]), "dense") == ()
    assert past_of(plan, (alone, eras[2]), "indexed") == (Past(9, (("a",), ("b",))),)


def test_a_plan_that_comes_while_nothing_else_is_to_be_done_is_begun():
    """The change before it waits for another range's snapshot, which it need not any more."""
    idle = ShardLedger(1, 50, "dense")
    idle.plan_network(ABCD)
    idle.published([0])
    idle.applied(0, 0)
    (build,) = of(BuildTiles, idle.plan_due(OLD))
    idle.built(build.change, 0)
    idle.snapshot_taken(0, 0)
    instructions = idle.plan_due(NEW)
    assert of(DropTiles, instructions)
    (build,) = of(BuildTiles, instructions)
    assert idle.plans.due is None
    idle.published([1])
    assert not idle.full
    idle.built(build.change, 0)
    idle.applied(0, 1)
    assert idle.settled
