"""The coordinator: given these events, these instructions. No Ray, no sleeping."""

import numpy as np
import pytest

from sdist_ray.coordinator.events import (
    CameraFailed,
    CameraOpened,
    RangeApplied,
    RangesPadded,
    WorkerAdvanced,
)
from sdist_ray.coordinator.instructions import (
    Advance,
    ApplyRange,
    AssignCamera,
    CloseRange,
    CreateTile,
    Finish,
    FlushRanges,
    ReleaseRange,
)
from sdist_ray.coordinator.state import MAX_UNCOUNTED, Coordinator


def opened(cameras, workers=1, shards=1, first=0, **more):
    """A coordinator whose cameras all opened, and the instructions of the last answer."""
    coordinator = Coordinator(cameras, workers, shards, **more)
    instructions = coordinator.start()
    for instruction in list(instructions):
        event = CameraOpened(instruction.worker, instruction.camera, first)
        instructions = coordinator.handle(event)
        coordinator.validate()
    return coordinator, instructions


def test_cameras_go_to_the_workers_in_turn():
    assert Coordinator(["a", "b", "c"], 2, 1).start() == [
        AssignCamera(0, "a"),
        AssignCamera(1, "b"),
        AssignCamera(0, "c"),
    ]


def test_counting_begins_when_every_camera_has_answered():
    coordinator = Coordinator(["a", "b"], 2, 1)
    coordinator.start()
    assert coordinator.handle(CameraOpened(0, "a", 7)) == []
    assert coordinator.handle(CameraOpened(1, "b", 5)) == [
        CreateTile(0, ("a", "b"), ("a", "b")),
        *[Advance(worker, index) for index in (5, 6, 7) for worker in (0, 1)],
    ]


def test_the_indexed_store_has_each_pair_of_cameras_in_one_tile():
    _, instructions = opened(["a", "b", "c", "d"], shards=2, store="indexed")
    assert [i for i in instructions if isinstance(i, CreateTile)] == [
        CreateTile(0, ("a",), ("a", "b", "c", "d")),
        CreateTile(1, ("b", "c", "d"), ("b", "c", "d")),
    ]


def test_a_camera_that_fails_is_left_out():
    coordinator = Coordinator(["a", "b", "c"], 1, 2)
    coordinator.start()
    coordinator.handle(CameraOpened(0, "a", 0))
    coordinator.handle(CameraFailed(0, "b"))
    assert coordinator.handle(CameraOpened(0, "c", 0))[:2] == [
        CreateTile(0, ("a",), ("a", "c")),
        CreateTile(1, ("c",), ("a", "c")),
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


def test_a_shard_is_given_few_ranges_at_a_time_and_a_range_is_released_once():
    coordinator, _ = opened(["a", "b"], shards=2)
    assert coordinator.handle(RangesPadded((0, 1, 2, 3))) == [
        ApplyRange(shard, index) for shard in (0, 1) for index in (0, 1, 2)
    ]
    assert coordinator.handle(RangeApplied(0, 0)) == [ApplyRange(0, 3)]
    assert coordinator.handle(RangeApplied(1, 0)) == [ApplyRange(1, 3), ReleaseRange(0)]
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


@pytest.mark.parametrize("seed", range(20))
def test_any_order_of_answers_counts_every_range_once(seed):
    rng = np.random.default_rng(seed)
    cameras = [f"c{k}" for k in range(rng.integers(1, 6))]
    workers, shards = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    ends = {worker: int(rng.integers(0, 30)) for worker in range(workers)}
    coordinator = Coordinator(cameras, workers, shards)
    todo, applied, closed = coordinator.start(), [], []
    pending = []
    while not coordinator.finished:
        for instruction in todo:
            match instruction:
                case AssignCamera(worker, camera):
                    pending.append((("w", worker), CameraOpened(worker, camera, 0)))
                case Advance(worker, through):
                    upcoming = through + 1 if through < ends[worker] else None
                    pending.append((("w", worker), WorkerAdvanced(worker, through, upcoming)))
                case CloseRange(index):
                    closed.append(index)
                    pending.append((("p", 0), RangesPadded((index,))))
                case FlushRanges():
                    pending.append((("p", 0), RangesPadded((), last=True)))
                case ApplyRange(shard, index):
                    applied.append((shard, index))
                    pending.append((("s", shard), RangeApplied(shard, index)))
        # Answers of one actor keep their order; those of different actors come in any.
        who = pending[rng.integers(len(pending))][0]
        event = pending.pop(next(k for k, (actor, _) in enumerate(pending) if actor == who))[1]
        todo = coordinator.handle(event)
        coordinator.validate()
    assert closed == sorted(set(closed))
    used = min(shards, len(cameras))
    assert sorted(applied) == [(shard, index) for shard in range(used) for index in closed]
