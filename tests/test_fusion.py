"""People of several cameras as one person on the ground."""

import numpy as np
import pytest

from sdist_ray.distancing.fusion import Fuser, FusionSettings, Sightings
from sdist_ray.distancing.fusion_views import make_views

ROOM = np.array([[0.0, 0], [10, 0], [10, 10], [0, 10]])
STEP_S = 0.1


def sightings(*seen, track=-1, sigma=0.15):
    """Rows of (camera, x, y)."""
    rows = np.array(seen, np.float64).reshape(-1, 3)
    count = len(rows)
    covariance = np.tile(np.eye(2) * sigma**2, (count, 1, 1))
    return Sightings(rows[:, 0].astype(np.int64), rows[:, 1:], covariance, np.full(count, track))


def room(cameras=2, **changes):
    views = make_views([f"c{i}" for i in range(cameras)], [ROOM] * cameras)
    return Fuser(views, FusionSettings(**changes).at(STEP_S))


def test_one_person_in_two_cameras_is_one():
    fuser = room()
    fused = fuser.update(0.0, sightings((0, 5, 5), (1, 5.1, 5)))
    assert fused.person.tolist() == [1]
    assert fused.ground[0] == pytest.approx([5.05, 5])
    assert fused.sighting.tolist() == [1, 1]
    assert fused.sigma[0] < np.hypot(0.15, FusionSettings().bias_m)


def test_two_people_side_by_side_are_two_wherever_a_camera_sees_both():
    fuser = room(3)
    for tick in range(5):
        seen = ((0, 5, 5), (0, 5.5, 5), (1, 5.05, 5), (1, 5.45, 5), (2, 5, 5.1))
        fused = fuser.update(tick * STEP_S, sightings(*seen))
    assert sorted(fused.person.tolist()) == [1, 2]
    assert (
        fused.sighting[0] == fused.sighting[2] == fused.sighting[4] != fused.sighting[1] == fused.sighting[3]
    )


def test_who_is_hidden_from_one_camera_stays_in_the_other():
    fuser = room()
    for tick in range(30):
        x = 2 + 0.13 * tick
        seen = [(1, x, 5)] if 5 <= tick < 25 else [(0, x, 5), (1, x, 5)]
        fused = fuser.update(tick * STEP_S, sightings(*seen, track=1))
        assert fused.person.tolist() == [1]
    assert fused.ground[0] == pytest.approx([2 + 0.13 * 29, 5], abs=0.1)


def test_who_is_missed_for_a_moment_is_carried_on():
    fuser = room()
    for tick in range(20):
        fused = fuser.update(tick * STEP_S, sightings((0, 2 + 0.13 * tick, 5), (1, 2 + 0.13 * tick, 5)))
    for tick in range(20, 23):
        fused = fuser.update(tick * STEP_S, sightings())
        assert (fused.person.tolist(), fused.seen.tolist()) == ([1], [False])
        assert fused.ground[0] == pytest.approx([2 + 0.13 * tick, 5], abs=0.1)
    for tick in range(23, 60):
        fused = fuser.update(tick * STEP_S, sightings())
    assert len(fused.person) == 0


def test_what_one_camera_sees_and_four_do_not_is_nobody():
    alone, contradicted = room(1), room(5)
    for tick in range(10):
        one = alone.update(tick * STEP_S, sightings((0, 5, 5)))
        none = contradicted.update(tick * STEP_S, sightings((0, 5, 5)))
    assert one.person.tolist() == [1]
    assert len(none.person) == 0
    assert none.sighting.tolist() == [-1]


def test_cameras_that_deliver_nothing_do_not_contradict():
    fuser = room(5)
    only = np.array([True, False, False, False, False])
    for tick in range(10):
        fused = fuser.update(tick * STEP_S, sightings((0, 5, 5)), only)
    assert fused.person.tolist() == [1]


def test_only_linked_cameras_are_fused():
    """As on two floors of a house: the same place on the plan is not the same place."""
    views = make_views(["up", "down"], [ROOM, ROOM], [])
    fuser = Fuser(views)
    for tick in range(5):
        fused = fuser.update(tick * STEP_S, sightings((0, 5, 5), (1, 5, 5), track=3))
    assert len(set(fused.person.tolist())) == 2


def test_a_track_of_a_camera_stays_with_its_person():
    fuser = room(1)
    for tick in range(10):
        rows = sightings((0, 5, 5), (0, 6, 5))
        tracks = np.array([7, 8])
        fused = fuser.update(tick * STEP_S, Sightings(rows.camera, rows.points, rows.covariance, tracks))
    first = dict(zip([7, 8], fused.sighting.tolist(), strict=True))
    # Both are off by so much that each is as near to the other.
    rows = sightings((0, 5.5, 5.01), (0, 5.5, 4.99))
    fused = fuser.update(1.0, Sightings(rows.camera, rows.points, rows.covariance, np.array([8, 7])))
    assert fused.sighting.tolist() == [first[8], first[7]]


@pytest.mark.parametrize("cameras", [2, 3])
def test_two_who_walk_side_by_side_for_a_minute_keep_their_numbers(cameras):
    rng, fuser = np.random.default_rng(0), room(cameras)
    given = np.zeros((2, 10), dtype=np.int64)
    for tick in range(600):
        turn = 2 * np.pi * tick / 200
        ahead = np.array([np.cos(turn), np.sin(turn)])
        camera, who = np.nonzero(rng.random((cameras, 2)) > 0.05)
        # Round the room, one 0.65 m further out than the other, each a track of every camera.
        places = 5 + ahead * (3 + 0.325 * (1 - 2 * who[:, None])) + rng.normal(0, 0.2, (len(who), 2))
        spread = np.tile(np.eye(2) * 0.2**2, (len(who), 1, 1))
        fused = fuser.update(tick * STEP_S, Sightings(camera, places, spread, who + 1))
        if tick >= 20:
            np.add.at(given, (who, fused.sighting), 1)
    # A single sighting may err, by three of its standard deviations; the person does not.
    assert sorted(given.argmax(axis=1).tolist()) == [1, 2]
    assert (given.max(axis=1) > 0.99 * given.sum(axis=1)).all()


def test_cameras_that_disagree_for_good_are_held_against_the_finer():
    small = np.array([[2.0, 2], [8, 2], [8, 8], [2, 8]])
    fuser = Fuser(make_views(["wide", "near"], [ROOM, small]), FusionSettings().at(STEP_S))
    for tick in range(200):
        x = 3 + 0.02 * tick
        fused = fuser.update(tick * STEP_S, sightings((0, x + 0.2, 5.1), (1, x, 5)))
    assert fuser.offset[0] == pytest.approx([0.2, 0.1], abs=0.04)
    assert fuser.offset[1].tolist() == [0, 0]
    assert fused.ground[0] == pytest.approx([x, 5], abs=0.06)


def test_nobody_and_nowhere():
    fuser = room()
    assert len(fuser.update(0.0, sightings()).person) == 0
    fused = fuser.update(0.1, sightings((0, np.nan, 5)))
    assert len(fused.person) == 0
    assert fused.sighting.tolist() == [-1]


def test_after_a_long_pause_everybody_is_somebody_new():
    fuser = room()
    fuser.update(0.0, sightings((0, 5, 5), (1, 5, 5)))
    assert fuser.update(60.0, sightings((0, 5, 5), (1, 5, 5))).person.tolist() == [2]
