"""Cameras are spread by what they cost, and moves come to an end."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdist_ray.coordinator.instructions import AssignCamera, DropCamera, Seat
from sdist_ray.coordinator.placement import MOST_OF_GAP, SETTLE_S, TOLERATED, Placement

BALANCE_S = 2.0


def placed(costs, workers, known=True):
    """Cameras of these costs on these workers, opened all at once, and measured."""
    placement = Placement()
    for number in range(workers):
        placement.join(number)
    placement.place(costs)
    if known:
        measure(placement, costs)
    return placement


def measure(placement, costs, rng=None, noise=0.0):
    for number in placement.workers:
        mine = {
            c: costs[c] * (1 + noise * (rng.random() * 2 - 1) if rng else 1) for c in placement.reads(number)
        }
        placement.measured(number, mine)
    placement.validate()


def loads(placement, costs):
    return [sum(costs[camera] for camera in placement.reads(number)) for number in placement.workers]


def run(placement, costs, rounds, rng=None, noise=0.0, now_s=0.0):
    """Balance for some rounds; the moves of each."""
    moves = []
    for number in range(rounds):
        moves.append(placement.balance(now_s + number * BALANCE_S))
        placement.validate()
        measure(placement, costs, rng, noise)
    return moves


def even(placement, costs):
    """Whether no move of one camera that is worth it is left: of the fullest worker's to the idlest."""
    most = max(placement.workers, key=placement.load)
    gap = placement.load(most) - min(map(placement.load, placement.workers))
    mean = sum(costs.values()) / len(placement.workers)
    return gap <= TOLERATED * mean * 1.01 or all(costs[c] > MOST_OF_GAP * gap for c in placement.reads(most))


def test_heavy_and_light_cameras_are_spread_by_load_and_not_by_count():
    costs = {f"heavy{k}": 0.2 for k in range(4)} | {f"light{k:02}": 0.01 for k in range(40)}
    placement = placed(costs, 2, known=False)
    measure(placement, costs)
    run(placement, costs, 30)
    assert max(loads(placement, costs)) <= 1.15 * min(loads(placement, costs))
    # Known loads are placed well at once.
    for camera in costs:
        placement.remove(camera)
    placement = placed(costs, 1)
    placement.join(1)
    placement.join(2)
    assert all(isinstance(i, AssignCamera) for i in placement.lost(0))
    assert loads(placement, costs) == pytest.approx([0.6, 0.6])
    placement.join(3)
    run(placement, costs, 8)
    counts = sorted(len(placement.reads(number)) for number in placement.workers)
    assert max(loads(placement, costs)) <= 1.2 / 3 * 1.1
    assert counts[-1] > 1.3 * counts[0]


def test_one_huge_camera_does_not_keep_the_others_from_being_spread():
    costs = {"huge": 1.0} | {f"small{k}": 0.02 for k in range(20)}
    placement = placed(costs, 2)
    run(placement, costs, 20)
    assert sorted(map(len, map(placement.reads, (0, 1)))) == [1, 20]
    placement.join(2)
    (moves, *rest) = run(placement, costs, 5, now_s=1000.0)
    assert len(moves) >= 8
    assert not any(rest)
    few, some, many = sorted(len(placement.reads(number)) for number in placement.workers)
    assert (few, some + many) == (1, 20)
    assert many - some <= 4


@pytest.mark.parametrize("cameras", [10, 150, 1000])
def test_workers_that_join_get_their_share_within_a_few_rounds(cameras):
    costs = {f"c{k}": 0.004 for k in range(cameras)}
    placement = placed(costs, 1)
    placement.join(1)
    placement.join(2)
    run(placement, costs, 4)
    found = loads(placement, costs)
    assert max(found) - min(found) <= max(0.15 * sum(found) / 3, 0.004) * 1.01


def test_equal_loads_are_left_alone_though_measurements_are_noisy():
    costs = {f"c{k}": 0.01 for k in range(60)}
    placement = placed(costs, 3)
    moves = run(placement, costs, 200, random.Random(1), noise=0.5)
    assert sum(map(len, moves)) <= 2


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0.0005, 1.5), min_size=1, max_size=60), st.integers(1, 6), st.integers(0, 3),
    st.integers(0, 2**30),
)  # fmt: skip
def test_balance_comes_to_an_end_and_does_not_go_back_and_forth(costs, workers, joining, seed):
    costs = {f"c{k:02}": cost for k, cost in enumerate(costs)}
    placement = placed(costs, workers, known=False)
    for _ in range(30):
        measure(placement, costs)  # learnt
    for number in range(joining):
        placement.join(workers + number)
    moves = run(placement, costs, 60)
    assert not any(moves[40:]), "it does not end"
    assert even(placement, costs)
    # With noisy measurements cameras do not wander.
    moves = run(placement, costs, 60, random.Random(seed), noise=0.1, now_s=1000.0)
    assert sum(map(len, moves)) <= 6


def test_a_camera_that_moved_stays_until_its_load_is_known_there():
    costs = {f"c{k}": 0.1 for k in range(6)}
    placement = placed(costs, 1)
    placement.join(1)
    moved = {move.seat.camera for move in placement.balance(0.0)}
    assert len(moved) == 3
    placement.join(2)
    # The first worker's are moved, the second's came just now.
    assert {move.source for move in placement.balance(SETTLE_S / 2)} == {0}
    for camera in costs.keys() - moved:
        placement.remove(camera)
    assert placement.balance(SETTLE_S / 2) == []
    # A clock that was set back keeps nobody there.
    assert {move.source for move in placement.balance(-1e6)} == {1}
    assert all(move.seat.camera in moved for move in placement.balance(SETTLE_S))


def test_who_leaves_hands_over_all_that_it_has_and_who_is_slow_is_left_alone():
    placement = placed({f"c{k}": 0.1 for k in range(6)}, 3)
    mine = set(placement.reads(1))
    moves = placement.leave(1, 0.0)
    assert {move.seat.camera for move in moves} == mine
    assert {move.seat.worker for move in moves} == {0, 2}
    assert [placement.parted(number) for number in (0, 1, 1)] == [False, False, True]
    assert placement.workers == [0, 2]
    placement.join(3)
    assert placement.balance(100.0, slow={0, 2}) == []
    assert placement.balance(100.0, slow={3}) == []
    assert {move.seat.worker for move in placement.balance(100.0)} == {3}


def test_who_leaves_as_the_only_one_keeps_its_cameras_until_another_joins():
    placement = placed({"a": 0.1, "b": 0.1}, 1)
    assert placement.leave(0, 0.0) == []
    assert placement.balance(2.0) == []
    assert len(placement.reads(0)) == 2
    placement.join(1)
    assert len(placement.balance(4.0)) == 2
    assert [placement.parted(0), placement.parted(0), placement.parted(1)] == [False, True, False]


def test_cameras_wait_for_a_worker_and_those_that_left_leave_nothing_behind():
    placement = Placement()
    assert placement.place(["a", "b"]) == []
    placement.join(0)
    assert placement.place_waiting() == [AssignCamera(Seat("a", 0)), AssignCamera(Seat("b", 0))]
    assert placement.remove("a") == [DropCamera(0, "a")]
    # What it was asked for before may still come.
    placement.measured(0, {"a": 0.5, "b": 0.5})
    placement.measured(7, {"b": 0.5})
    placement.validate()
    for number in range(1000):
        placement.place([f"x{number}"])
        placement.measured(0, {f"x{number}": 0.1})
        placement.remove(f"x{number}")
    placement.validate()
    assert placement.seats() == [Seat("b", 0)]


def test_of_a_camera_that_rested_with_a_worker_that_died_nothing_is_kept():
    placement = placed({"a": 0.1, "b": 0.1}, 1)
    placement.join(1)
    (move,) = placement.balance(0.0)
    assert placement.rest(move.seat.camera) == [DropCamera(1, move.seat.camera, keep=True)]
    placement.validate()
    assert placement.lost(1) == []
    placement.validate()
    assert placement.resume(move.seat.camera, 1.0) == [AssignCamera(Seat(move.seat.camera, 0))]


def test_a_camera_that_rests_is_known_where_it_was_read():
    placement = Placement()
    placement.join(0)
    placement.join(1)
    (opened,) = placement.place(["c"])
    worker = opened.seat.worker
    assert placement.rest("c") == [DropCamera(worker, "c", keep=True)]
    # The other has nothing to do, and would be chosen.
    placement.place(["x"])
    assert placement.resume("c", 0.0) == [AssignCamera(Seat("c", worker))]
    placement.rest("c")
    placement.leave(worker, 0.0)
    (moved,) = placement.resume("c", 0.0)
    assert (moved.source, moved.seat.worker) == (worker, 1 - worker)
    placement.rest("c")
    assert placement.remove("c") == [DropCamera(1 - worker, "c")]
    placement.validate()


def test_a_camera_that_rests_with_a_worker_that_is_lost_begins_anew():
    placement = Placement()
    placement.join(0)
    placement.place(["c"])
    placement.rest("c")
    placement.lost(0)
    placement.join(1)
    placement.validate()
    assert placement.resume("c", 0.0) == [AssignCamera(Seat("c", 1))]
