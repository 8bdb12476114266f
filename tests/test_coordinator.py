"""The coordinator: given these events, these instructions. No Ray, no sleeping."""

import pytest

from sdist_ray.coordinator import shards
from sdist_ray.coordinator.events import (
    CameraFailed,
    CameraOpened,
    CameraRemoved,
    CamerasAdded,
    RangeApplied,
    RangesPadded,
    ShardLost,
    ShardRestored,
    SnapshotTaken,
    WorkerAdvanced,
    WorkerLost,
)
from sdist_ray.coordinator.instructions import (
    Advance,
    ApplyRange,
    AssignCamera,
    CloseRange,
    CreateTile,
    DropCamera,
    Finish,
    FlushRanges,
    GiveUp,
    ReleaseRange,
    RestartWorker,
    RestoreShard,
    Rewind,
    Seat,
    TakeSnapshot,
    TilePlan,
)
from sdist_ray.coordinator.shards import MAX_LOSSES, MAX_UNCOUNTED, ShardFound
from sdist_ray.coordinator.state import Coordinator, TakenOver


def opened(cameras, workers=1, shards=1, first=0, **more):
    """A coordinator whose cameras all opened, and the instructions of the last answer."""
    coordinator = Coordinator(cameras, workers, shards, **more)
    instructions = coordinator.start()
    for instruction in list(instructions):
        event = CameraOpened(instruction.seat.worker, instruction.seat.camera, first)
        instructions = coordinator.handle(event)
        coordinator.validate()
    return coordinator, instructions


def test_cameras_go_to_the_workers_in_turn():
    assert Coordinator(["a", "b", "c"], 2, 1).start() == [
        AssignCamera(Seat("a", 0)),
        AssignCamera(Seat("b", 1)),
        AssignCamera(Seat("c", 0)),
    ]


def test_counting_begins_when_every_camera_has_answered():
    coordinator = Coordinator(["a", "b"], 2, 1)
    coordinator.start()
    assert coordinator.handle(CameraOpened(0, "a", 7)) == []
    assert coordinator.handle(CameraOpened(1, "b", 5)) == [
        CreateTile(0, TilePlan(0, ("a", "b"), ("a", "b"))),
        *[Advance(worker, index) for index in (5, 6, 7) for worker in (0, 1)],
    ]


def test_the_indexed_store_has_each_pair_of_cameras_in_one_tile():
    _, instructions = opened(["a", "b", "c", "d"], shards=2, store="indexed")
    assert [i for i in instructions if isinstance(i, CreateTile)] == [
        CreateTile(0, TilePlan(0, ("a",), ("a", "b", "c", "d"))),
        CreateTile(1, TilePlan(1, ("b", "c", "d"), ("b", "c", "d"))),
    ]


def test_a_camera_that_fails_is_left_out():
    coordinator = Coordinator(["a", "b", "c"], 1, 2)
    coordinator.start()
    coordinator.handle(CameraOpened(0, "a", 0))
    coordinator.handle(CameraFailed(0, "b"))
    assert coordinator.handle(CameraOpened(0, "c", 0))[:2] == [
        CreateTile(0, TilePlan(0, ("a",), ("a", "c"))),
        CreateTile(1, TilePlan(1, ("c",), ("a", "c"))),
    ]


def test_when_every_camera_fails_there_is_nothing_to_do():
    coordinator = Coordinator(["a"], 1, 1)
    coordinator.start()
    assert coordinator.handle(CameraFailed(0, "a")) == [Finish()]
    assert coordinator.finished


def test_a_range_closes_when_the_slowest_worker_has_passed_it():
    coordinator, _ = opened(["a", "b"], workers=2)
    assert CloseRange(0) not in coordinator.handle(WorkerAdvanced(0, 0, 1))
    assert CloseRange(0) in coordinator.handle(WorkerAdvanced(1, 0, 1))


def test_a_worker_that_ended_holds_nobody_up():
    coordinator, _ = opened(["a", "b"], workers=2)
    coordinator.handle(WorkerAdvanced(0, 0, None))
    coordinator.handle(WorkerAdvanced(0, 1, None))
    coordinator.handle(WorkerAdvanced(0, 2, None))
    instructions = coordinator.handle(WorkerAdvanced(1, 0, 1))
    assert CloseRange(0) in instructions
    assert [i for i in instructions if isinstance(i, Advance)] == [Advance(1, 3)]


def test_a_long_silence_is_jumped_over():
    coordinator, _ = opened(["a"])
    for index in range(3):
        instructions = coordinator.handle(WorkerAdvanced(0, index, 1_000_000))
        coordinator.validate()
    assert [i.through for i in instructions if isinstance(i, Advance)] == [1_000_002]


@pytest.fixture
def three_in_flight(monkeypatch):
    monkeypatch.setattr(shards, "MAX_IN_FLIGHT", 3)


def test_a_shard_is_given_few_ranges_at_a_time_and_a_range_is_released_once(three_in_flight):
    coordinator, _ = opened(["a", "b"], shards=2)
    assert coordinator.handle(RangesPadded((0, 1, 2, 3))) == [
        ApplyRange(shard, index, after) for shard in (0, 1) for index, after in ((0, None), (1, 0), (2, 1))
    ]
    assert coordinator.handle(RangeApplied(0, 0)) == [ApplyRange(0, 3, 2)]
    assert coordinator.handle(RangeApplied(1, 0)) == [ApplyRange(1, 3, 2), ReleaseRange(0)]
    coordinator.validate()


def test_workers_wait_for_a_slow_shard():
    coordinator, _ = opened(["a"])
    coordinator.handle(RangesPadded(tuple(range(MAX_UNCOUNTED))))
    assert not coordinator.handle(WorkerAdvanced(0, 0, 1))[:-1]
    assert Advance(0, 3) in coordinator.handle(RangeApplied(0, 0))


def test_the_end_is_flushed_counted_and_finished():
    coordinator, _ = opened(["a"])
    coordinator.handle(WorkerAdvanced(0, 0, None))
    coordinator.handle(WorkerAdvanced(0, 1, None))
    assert coordinator.handle(WorkerAdvanced(0, 2, None)) == [CloseRange(2), FlushRanges()]
    coordinator.handle(RangesPadded((0,), last=True))
    assert not coordinator.finished
    assert coordinator.handle(RangeApplied(0, 0)) == [ReleaseRange(0), Finish()]


def test_a_recording_is_not_counted():
    coordinator, instructions = opened(["a"], counting=False)
    assert not any(isinstance(i, CreateTile) for i in instructions)
    assert coordinator.handle(RangesPadded((0, 1))) == [ReleaseRange(0), ReleaseRange(1)]


def of(kind, instructions):
    return [instruction for instruction in instructions if isinstance(instruction, kind)]


def counting(shards=1, every=2, ranges=8):
    """A coordinator whose shards were given all they may be given of some padded ranges."""
    coordinator, _ = opened(["a", "b"], shards=shards, snapshot_ranges=every)
    coordinator.handle(RangesPadded(tuple(range(ranges))))
    coordinator.validate()
    return coordinator


def test_a_shard_is_written_down_every_so_many_ranges_and_asked_once_at_a_time():
    coordinator = counting()
    assert of(TakeSnapshot, coordinator.handle(RangeApplied(0, 0))) == []
    assert of(TakeSnapshot, coordinator.handle(RangeApplied(0, 1))) == [TakeSnapshot(0)]
    for index in (2, 3):
        assert of(TakeSnapshot, coordinator.handle(RangeApplied(0, index))) == []
    coordinator.handle(SnapshotTaken(0, 1))
    assert of(TakeSnapshot, coordinator.handle(RangeApplied(0, 4))) == [TakeSnapshot(0)]
    coordinator.validate()


def test_shards_do_not_all_write_at_once():
    coordinator = counting(shards=2, every=4)
    first = {}
    for index in range(4):
        for shard in (0, 1):
            for instruction in of(TakeSnapshot, coordinator.handle(RangeApplied(shard, index))):
                first.setdefault(instruction.shard, index)
    assert first == {0: 3, 1: 1}


def test_ranges_are_kept_until_they_are_in_the_older_of_two_snapshots():
    coordinator = counting()
    coordinator.handle(RangeApplied(0, 0))
    coordinator.handle(RangeApplied(0, 1))
    assert coordinator.handle(SnapshotTaken(0, 1)) == []
    coordinator.handle(RangeApplied(0, 2))
    coordinator.handle(RangeApplied(0, 3))
    assert coordinator.handle(SnapshotTaken(0, 3)) == [ReleaseRange(0), ReleaseRange(1)]
    coordinator.validate()


def test_a_shard_that_was_lost_is_restored_and_counts_what_came_since(three_in_flight):
    coordinator = counting()
    for index in range(4):
        coordinator.handle(RangeApplied(0, index))
    assert coordinator.handle(ShardLost(0)) == [RestoreShard(0, (TilePlan(0, ("a", "b"), ("a", "b")),))]
    coordinator.validate()
    assert of(ApplyRange, coordinator.handle(ShardRestored(0, 1, (1,)))) == [
        ApplyRange(0, 2, 1),
        ApplyRange(0, 3, 2),
        ApplyRange(0, 4, 3),
    ]
    coordinator.validate()


def test_the_others_go_on_while_a_shard_is_restored(three_in_flight):
    coordinator = counting(shards=2)
    coordinator.handle(ShardLost(0))
    assert of(ApplyRange, coordinator.handle(RangeApplied(1, 0))) == [ApplyRange(1, 3, 2)]
    coordinator.validate()


def test_a_shard_without_a_good_snapshot_is_restored_empty_and_counts_all():
    coordinator = counting()
    coordinator.handle(RangeApplied(0, 0))
    coordinator.handle(ShardLost(0))
    assert of(ApplyRange, coordinator.handle(ShardRestored(0, None)))[0] == ApplyRange(0, 0, None)


def test_when_what_a_shard_needs_was_released_all_begins_anew():
    coordinator = counting(every=0)
    assert ReleaseRange(0) in coordinator.handle(RangeApplied(0, 0))
    coordinator.handle(ShardLost(0))
    assert coordinator.handle(ShardRestored(0, None))[0] == Rewind(0)


def test_a_shard_that_dies_again_and_again_ends_the_run():
    coordinator = counting()
    for _ in range(MAX_LOSSES):
        assert of(GiveUp, coordinator.handle(ShardLost(0))) == []
    (instruction,) = coordinator.handle(ShardLost(0))
    assert "shard 0 was lost" in instruction.reason


def test_a_worker_that_was_lost_reads_to_where_it_was_and_is_asked_again():
    coordinator, _ = opened(["a", "b"], workers=2)
    coordinator.handle(WorkerAdvanced(0, 0, 1))
    assert coordinator.handle(WorkerLost(0)) == [
        RestartWorker(0, (Seat("a", 0),), 0),
        Advance(0, 1),
        Advance(0, 2),
    ]
    coordinator.validate()
    # That it opens its cameras again is nothing new.
    assert coordinator.handle(CameraOpened(0, "a", 0)) == []


def test_a_worker_that_dies_again_and_again_ends_the_run():
    coordinator, _ = opened(["a"])
    for _ in range(MAX_LOSSES):
        coordinator.handle(WorkerLost(0))
    (instruction,) = coordinator.handle(WorkerLost(0))
    assert "worker 0 was lost" in instruction.reason
    assert "(a)" in instruction.reason


def finished():
    coordinator, _ = opened(["a"])
    for index in range(3):
        coordinator.handle(WorkerAdvanced(0, index, None))
    coordinator.handle(RangesPadded((0, 1, 2), last=True))
    for index in range(3):
        coordinator.handle(RangeApplied(0, index))
    assert coordinator.finished
    return coordinator


def test_what_is_lost_at_the_end_is_made_anew_before_the_run_has_ended():
    coordinator = finished()
    assert coordinator.handle(WorkerLost(0)) == [RestartWorker(0, (Seat("a", 0),), 2), Advance(0, 2)]
    assert not coordinator.finished
    assert coordinator.handle(WorkerAdvanced(0, 2, None)) == [Finish()]


def test_a_worker_without_cameras_holds_nobody_up_when_it_is_lost():
    coordinator = Coordinator(["a", "b"], 2, 1)
    coordinator.start()
    coordinator.handle(CameraFailed(1, "b"))
    coordinator.handle(CameraOpened(0, "a", 0))
    for index in range(3):
        coordinator.handle(WorkerAdvanced(0, index, None))
    coordinator.handle(RangesPadded((), last=True))
    assert coordinator.finished
    assert coordinator.handle(WorkerLost(1)) == [RestartWorker(1, (), None), Finish()]


def test_cameras_that_join_are_counted_by_new_tiles_after_the_newest_range_asked_for():
    coordinator, _ = opened(["a", "b"], shards=2)
    assert coordinator.handle(CamerasAdded(("c",))) == [AssignCamera(Seat("c", 0, since=2))]
    # Nobody is asked for more until it has answered.
    assert coordinator.handle(WorkerAdvanced(0, 0, 1)) == [CloseRange(0)]
    assert coordinator.handle(CameraOpened(0, "c", 0)) == [
        CreateTile(0, TilePlan(2, ("a", "b"), ("c",), since=2)),
        CreateTile(1, TilePlan(3, ("c",), ("a", "b", "c"), since=2)),
        Advance(0, 3),
    ]
    coordinator.validate()


def test_a_camera_that_joins_and_cannot_be_read_changes_nothing():
    coordinator, _ = opened(["a"])
    coordinator.handle(CamerasAdded(("c",)))
    assert of(CreateTile, coordinator.handle(CameraFailed(0, "c"))) == []
    coordinator.validate()


def test_a_camera_that_leaves_is_read_no_longer_and_may_come_back():
    coordinator, _ = opened(["a", "b"])
    assert coordinator.handle(CameraRemoved("b")) == [DropCamera(0, "b")]
    coordinator.validate()
    assert coordinator.handle(CamerasAdded(("b", "c"))) == [
        AssignCamera(Seat("b", 0, since=2)),
        AssignCamera(Seat("c", 0, since=2)),
    ]
    coordinator.handle(CameraOpened(0, "b", 0))
    # The tiles that it had count it on; only pairs that had none get one.
    assert of(CreateTile, coordinator.handle(CameraOpened(0, "c", 0))) == [
        CreateTile(0, TilePlan(1, ("a", "b"), ("c",), since=2)),
        CreateTile(0, TilePlan(2, ("c",), ("a", "b", "c"), since=2)),
    ]
    coordinator.validate()


def taken_over(shards, last=5):
    tiles = tuple(CreateTile(n, TilePlan(n, (name,), ("a", "b"))) for n, name in enumerate("ab"))
    seats = (Seat("a", 1), Seat("b", 0, since=2))
    return Coordinator(["a", "b"], 2, 2, snapshot_ranges=2, taken=TakenOver(last, seats, tiles, shards))


def test_a_coordinator_that_takes_over_finds_shards_and_workers_as_they_are():
    coordinator = taken_over((ShardFound(4, (1, 3)), ShardFound(5, (3, 5))))
    assert coordinator.adopt() == []
    assert coordinator.begin_replay() == 1
    # Of what is published once more each counts what it has not.
    assert coordinator.handle(RangesPadded((2, 3, 4, 5))) == [ApplyRange(0, 5, 4)]
    coordinator.validate()
    assert coordinator.start() == [AssignCamera(Seat("a", 1)), AssignCamera(Seat("b", 0, since=2))]
    coordinator.handle(CameraOpened(1, "a", 0))
    assert coordinator.handle(CameraOpened(0, "b", 0))[:2] == [Advance(0, 6), Advance(1, 6)]
    coordinator.validate()


def test_a_coordinator_that_takes_over_restores_shards_that_are_gone():
    coordinator = taken_over((ShardFound(4, (1, 3)), None))
    assert coordinator.adopt() == [RestoreShard(1, (TilePlan(1, ("b",), ("a", "b")),))]
    assert coordinator.restoring
    coordinator.handle(ShardRestored(1, None))
    assert not coordinator.restoring
    assert coordinator.begin_replay() is None


@pytest.mark.parametrize("counted", [None, 3])
def test_after_a_take_over_a_shard_may_still_be_lost(counted):
    coordinator = taken_over((ShardFound(5, (1, 3)), ShardFound(5, (3, 5))))
    coordinator.adopt()
    coordinator.begin_replay()
    coordinator.handle(RangesPadded((2, 3, 4, 5)))
    coordinator.handle(ShardLost(1))
    answer = coordinator.handle(ShardRestored(1, counted))
    assert answer[0] == (Rewind(1) if counted is None else ApplyRange(1, 4, 3))
