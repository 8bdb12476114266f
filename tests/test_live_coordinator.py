"""The coordinator of a live network: given these events, these instructions. Any order, any losses."""

import pytest

from sdist_ray.coordinator.events import (
    CameraRemoved,
    CamerasPaused,
    RangeApplied,
    RangesPadded,
    ShardLost,
    ShardRestored,
    Stopping,
    TimePassed,
    WorkerAnswered,
    WorkerJoined,
    WorkerLeaving,
    WorkerLost,
)
from sdist_ray.coordinator.instructions import (
    ApplyRange,
    AssignCamera,
    CloseRange,
    Collect,
    CreateTile,
    DismissWorker,
    DropCamera,
    Finish,
    FlushRanges,
    MoveCamera,
    Rewind,
    Seat,
    SkipRange,
    TilePlan,
)
from sdist_ray.coordinator.live import MOST_BEHIND, LiveCoordinator, Timing
from sdist_ray.coordinator.shards import MAX_UNCOUNTED, ShardFound
from sdist_ray.coordinator.state import TakenOver
from sdist_ray.coordinator.timing import JOINING_S

TIMING = Timing()
BEGIN_S = 1000.0


def begun(cameras=("a", "b"), workers=1, shards=1, **more):
    """A coordinator whose workers joined and read all cameras; it is 1000 + JOINING_S."""
    coordinator = LiveCoordinator(cameras, TIMING, shards, **more)
    coordinator.start(BEGIN_S)
    for number in range(workers):
        assert tell(coordinator, WorkerJoined(number)) == []
    tell(coordinator, TimePassed(BEGIN_S + JOINING_S))
    return coordinator


def tell(coordinator, *events):
    """The instructions of the last of these events."""
    for event in events:
        instructions = coordinator.handle(event)
        coordinator.validate()
    return instructions


def pass_time(coordinator, first_s, last_s, answering=(0,)):
    """Half seconds go by; workers answer what they are asked. All instructions."""
    instructions = []
    for step in range(round((last_s - first_s) * 2) + 1):
        new = tell(coordinator, TimePassed(first_s + step / 2))
        for collect in of(Collect, new):
            if collect.worker in answering:
                new = [*new, *tell(coordinator, WorkerAnswered(collect.worker, {}))]
        instructions += new
    return instructions


def of(kind, instructions):
    return [instruction for instruction in instructions if isinstance(instruction, kind)]


def test_cameras_wait_until_nobody_joins_any_more_and_are_spread():
    coordinator = LiveCoordinator(["a", "b", "c"], TIMING, 1)
    assert coordinator.start(BEGIN_S) == [CreateTile(0, TilePlan(0, ("a", "b", "c"), ("a", "b", "c")))]
    assert tell(coordinator, WorkerJoined(0), TimePassed(BEGIN_S + 0.5)) == [Collect(0)]
    assert coordinator.waiting == ["a", "b", "c"]
    instructions = tell(coordinator, WorkerJoined(1), TimePassed(BEGIN_S + 1.6))
    assert of(AssignCamera, instructions) == [
        AssignCamera(Seat("a", 0)), AssignCamera(Seat("b", 1)), AssignCamera(Seat("c", 0))
    ]  # fmt: skip


def test_ranges_close_on_time_whoever_has_delivered():
    coordinator = begun()
    # Range 499 lies before the beginning; 500 lasts from 1000 to 1002 s and is open for 5 s more.
    assert not of(CloseRange, pass_time(coordinator, 1001.5, 1006.5))
    assert of(CloseRange, tell(coordinator, TimePassed(1007.0))) == [CloseRange(500)]
    assert not of(CloseRange, tell(coordinator, TimePassed(1008.9)))
    assert of(CloseRange, tell(coordinator, TimePassed(1011.0))) == [CloseRange(501), CloseRange(502)]


def test_a_worker_is_asked_twice_a_second_and_once_at_a_time():
    coordinator = begun()
    assert of(Collect, tell(coordinator, TimePassed(1001.5))) == []
    assert tell(coordinator, WorkerAnswered(0, {"a": 0.1})) == []
    assert of(Collect, tell(coordinator, TimePassed(1001.55))) == [Collect(0)]


def test_a_silent_worker_is_dismissed_and_others_read_its_cameras():
    coordinator = begun(workers=2)
    tell(coordinator, WorkerAnswered(1, {}))
    instructions = pass_time(coordinator, 1001.5, 1009.0, answering=(1,))
    assert of(DismissWorker, instructions) == [DismissWorker(0)]
    assert of(AssignCamera, instructions) == [AssignCamera(Seat("a", 1))]
    assert tell(coordinator, WorkerAnswered(0, {"a": 0.1})) == []


def test_who_was_away_blames_nobody_and_hears_all_before_ranges_close():
    coordinator = begun(workers=2)
    tell(coordinator, WorkerAnswered(0, {}), TimePassed(1003.0))
    # Worker 0 was asked again, worker 1 owes since the beginning.
    assert tell(coordinator, TimePassed(1060.0)) == []
    # Those answers may be older than the pause.
    assert tell(coordinator, WorkerAnswered(0, {})) == [Collect(0)]
    assert tell(coordinator, WorkerAnswered(1, {})) == [Collect(1)]
    tell(coordinator, WorkerAnswered(0, {}))
    assert not of(CloseRange, tell(coordinator, TimePassed(1060.5)))
    tell(coordinator, WorkerAnswered(1, {}))
    assert of(CloseRange, tell(coordinator, TimePassed(1060.6))) == [CloseRange(k) for k in range(500, 527)]


def test_who_does_not_answer_after_a_pause_is_waited_for_a_little():
    coordinator = begun()
    tell(coordinator, TimePassed(1060.0))
    assert not of(CloseRange, tell(coordinator, TimePassed(1062.9)))
    assert of(CloseRange, tell(coordinator, TimePassed(1063.0)))


def test_after_an_hour_only_the_newest_ranges_are_closed():
    coordinator = begun()
    tell(coordinator, WorkerAnswered(0, {}), TimePassed(1003.0), WorkerAnswered(0, {}), TimePassed(4600.0))
    closed = of(CloseRange, tell(coordinator, WorkerAnswered(0, {}), TimePassed(4600.1)))
    assert len(closed) == MOST_BEHIND
    assert closed[-1] == CloseRange(TIMING.newest_due(4600.1))


def test_a_clock_that_is_set_back_closes_nothing_twice_and_ends_nobody():
    coordinator = begun()
    tell(coordinator, WorkerAnswered(0, {}))
    assert of(CloseRange, pass_time(coordinator, 1001.5, 1009.0)) == [CloseRange(500), CloseRange(501)]
    instructions = pass_time(coordinator, 400.0, 1012.5)
    assert of(CloseRange, instructions) == [CloseRange(502)]
    assert not of(DismissWorker, instructions)
    assert len(of(Collect, instructions)) > 1200


def test_ranges_beyond_what_shards_can_count_are_skipped():
    coordinator = begun()
    for number in range(MAX_UNCOUNTED):
        assert tell(coordinator, RangesPadded((500 + number,))) is not None
    tell(coordinator, WorkerAnswered(0, {}))
    assert of(SkipRange, pass_time(coordinator, 1001.5, 1009.0)) == [SkipRange(500), SkipRange(501)]
    assert coordinator.crowded


def test_a_worker_drops_what_it_should_not_read():
    coordinator = begun(workers=2)
    assert tell(coordinator, WorkerAnswered(1, {"a": 0.1, "b": 0.1})) == [DropCamera(1, "a")]
    tell(coordinator, CamerasPaused(("b",), True))
    instructions = tell(coordinator, TimePassed(1001.6), WorkerAnswered(1, {"b": 0.1}))
    # That was asked before: what is known of it there is kept all the same.
    assert instructions == [DropCamera(1, "b", keep=True)]


def test_a_worker_that_leaves_goes_once_it_has_said_all():
    coordinator = begun(workers=2)
    assert tell(coordinator, WorkerLeaving(0)) == [MoveCamera(Seat("a", 1), 0)]
    # That was asked before it was to hand over.
    assert tell(coordinator, WorkerAnswered(0, {"a": 0.1})) == [DropCamera(0, "a")]
    assert tell(coordinator, TimePassed(1001.6)) == [Collect(0)]
    assert tell(coordinator, WorkerAnswered(0, {})) == [DismissWorker(0)]
    assert {seat.worker for seat in coordinator.seats()} == {1}
    assert tell(coordinator, WorkerLost(0)) == []


def test_the_end_asks_everyone_once_more_and_closes_what_is_open():
    coordinator = begun(workers=2)
    tell(coordinator, WorkerAnswered(0, {}))
    instructions = tell(coordinator, Stopping())
    assert {(i.worker, i.camera) for i in of(DropCamera, instructions)} == {(0, "a"), (1, "b")}
    assert of(Collect, instructions) == [Collect(0)]
    assert tell(coordinator, WorkerAnswered(0, {})) == []
    assert tell(coordinator, WorkerAnswered(1, {})) == [Collect(1)]
    assert tell(coordinator, WorkerAnswered(1, {})) == [CloseRange(500), FlushRanges()]
    assert of(ApplyRange, tell(coordinator, RangesPadded((500,), last=True)))
    assert Finish() in tell(coordinator, RangeApplied(0, 500))


def test_the_end_does_not_wait_for_who_is_silent_nor_for_who_dies():
    for last in ([TimePassed(1004.0)], [WorkerLost(0)]):
        coordinator = begun()
        tell(coordinator, Stopping())
        assert FlushRanges() in tell(coordinator, *last)


def test_an_end_before_the_beginning_is_an_end():
    coordinator = LiveCoordinator(["a"], TIMING, 1)
    coordinator.start(BEGIN_S)
    assert tell(coordinator, Stopping()) == [CloseRange(500), FlushRanges()]
    tell(coordinator, RangesPadded((500,), last=True), RangeApplied(0, 500))
    assert coordinator.finished


def test_nobody_is_given_a_camera_at_the_end():
    coordinator = begun(workers=1)
    tell(coordinator, Stopping())
    assert tell(coordinator, WorkerJoined(1)) == []
    assert tell(coordinator, WorkerLeaving(0)) == []
    assert not of(AssignCamera, tell(coordinator, TimePassed(1002.0)))


def test_who_takes_over_hears_the_workers_before_anything_is_closed():
    tile = CreateTile(0, TilePlan(0, ("a", "b"), ("a", "b")))
    taken = TakenOver(490, (Seat("a", 3),), (tile,), (ShardFound(490),))
    coordinator = LiveCoordinator(["a", "b"], TIMING, 1, taken=taken)
    assert coordinator.adopt() == []
    coordinator.begin_replay()
    assert coordinator.handle(WorkerJoined(3)) + coordinator.handle(WorkerJoined(4)) == []
    instructions = coordinator.start(BEGIN_S)
    assert instructions == [AssignCamera(Seat("b", 4)), Collect(3), Collect(4)]
    assert tell(coordinator, TimePassed(1000.1), WorkerAnswered(3, {"a": 0.1}), TimePassed(1000.2)) == []
    tell(coordinator, WorkerAnswered(4, {"b": 0.1}))
    assert of(CloseRange, tell(coordinator, TimePassed(1000.3))) == [CloseRange(k) for k in range(491, 497)]


def test_a_shard_that_nothing_can_bring_back_is_told():
    coordinator = begun()
    tell(coordinator, WorkerAnswered(0, {}), TimePassed(1007.0), RangesPadded((500,)), RangeApplied(0, 500))
    assert of(Rewind, tell(coordinator, ShardLost(0), ShardRestored(0, None)))


@pytest.mark.parametrize("camera", ["nobody", "a"])
def test_cameras_that_are_not_there_are_neither_paused_nor_removed(camera):
    coordinator = begun(("a",))
    tell(coordinator, CameraRemoved(camera), CameraRemoved(camera))
    tell(coordinator, CamerasPaused(("nobody",), True), CamerasPaused(("nobody",), False))
