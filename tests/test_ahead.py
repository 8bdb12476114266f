"""Where somebody walks on: what cameras see of the ground, and who sees them when."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdist_ray.errors import InputError
from sdist_ray.topology.handover.ahead import (
    PATHS,
    SQUARE_M,
    STEP_S,
    Motion,
    arrivals,
    ground_of,
    with_arrivals,
)
from sdist_ray.topology.handover.build import Linked, build_handover
from sdist_ray.topology.handover.parts import KINDS, Timeline
from tests import oracles_handover as oracles
from tests.test_transit import GRID

BINS, BIN_S, GAP_S = 60, 0.5, 1.0


def square(x, y, side=4.0):
    return np.array([[x, y], [x + side, y], [x + side, y + side], [x, y + side]])


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), cameras=st.integers(0, 5), corners=st.integers(0, 7))
def test_who_sees_a_square_is_whose_view_its_middle_lies_in(seed, cameras, corners):
    rng = np.random.default_rng(seed)
    polygons = [rng.uniform(-3, 3, (corners, 2)) + rng.uniform(-2, 2, 2) for _ in range(cameras)]
    ground = ground_of(polygons)
    columns, rows = ground.seen_by.shape
    for column, row in zip(rng.integers(0, columns, 30), rng.integers(0, rows, 30), strict=True):
        middle = ground.corner_m + (np.array([column, row]) + 0.5) * SQUARE_M
        inside = [n for n, polygon in enumerate(polygons) if oracles.inside(polygon, *middle)]
        assert list(ground.members[ground.seen_by[column, row]]) == inside
        assert ground.sets_at(np.array([complex(*middle)])) == ground.seen_by[column, row]
    beyond = ground.corner_m + np.array([columns + 1, rows + 1]) * SQUARE_M
    assert ground.members[ground.sets_at(np.array([complex(*beyond)]))[0]] == ()


def test_ground_that_cannot_be_one_is_refused():
    with pytest.raises(InputError, match="one ground"):
        ground_of([square(0, 0), square(1e6, 1e6)])


# a, and 8 m to the east b with c inside it, and 12 m to the north d.
VIEWS = [square(0, 0), square(12, 0), square(13, 1, 2.0), square(0, 16)]


@pytest.mark.parametrize(
    ("velocity", "first", "least_s"),
    [((1.4, 0.0), 1, 8 / 1.4), ((0.0, 1.4), 3, 12 / 1.4), ((2.8, 0.0), 1, 8 / 2.8)],
)
def test_who_goes_on_is_seen_where_they_were_going(velocity, first, least_s):
    place = (4.0, 2.0) if velocity[0] else (2.0, 4.0)
    found = arrivals(ground_of(VIEWS), 0, Motion(*place, *velocity), BINS, BIN_S, GAP_S)
    chance = dict(zip(found.camera.tolist(), found.chance.sum(axis=1).tolist(), strict=True))
    assert max(chance, key=chance.get) == first
    assert chance[first] > 0.3
    assert chance[first] > 2 * max(n for camera, n in chance.items() if camera not in (first, 2))
    row = found.chance[found.camera.tolist().index(first)]
    times = (np.arange(BINS) + 0.5) * BIN_S
    assert 0.8 * least_s < (row * times).sum() / row.sum() < 1.6 * least_s
    assert found.alone == 1.0, "nobody sees them at once"


def test_who_stood_may_go_anywhere():
    found = arrivals(ground_of(VIEWS), 0, Motion(4.0, 2.0, 0.0, 0.0), BINS, BIN_S, GAP_S)
    chance = dict(zip(found.camera.tolist(), found.chance.sum(axis=1).tolist(), strict=True))
    # Into the view that they stand at the border of more often than into any other.
    assert max(chance, key=chance.get) == 0
    assert 0 < chance[1] < 0.5


def test_cameras_that_see_the_same_ground_see_them_together_and_their_own_not_at_once():
    views = [square(0, 0), square(2, 0), square(2, 0)]
    found = arrivals(ground_of(views), 0, Motion(3.9, 2.0, 1.3, 0.0), BINS, BIN_S, GAP_S)
    assert found.camera.tolist()[:3] == [1, 2] or found.camera.tolist() == [0, 1, 2]
    chance = {c: found.chance[k] for k, c in enumerate(found.camera.tolist())}
    assert (chance[1] == chance[2]).all()
    assert chance[1][0] > 0.95
    assert found.alone < 0.05
    # Lost in the middle of its own view: that camera has them again after the gap, and not before.
    found = arrivals(ground_of([square(0, 0, 20.0)]), 0, Motion(10.0, 10.0, 1.3, 0.0), BINS, BIN_S, GAP_S)
    assert found.camera.tolist() == [0]
    assert not found.chance[0][: round(GAP_S / BIN_S)].any()
    assert found.chance[0].sum() > 0.99
    assert found.alone == 1.0


@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_paths_are_those_of_the_oracle(seed):
    """The first camera on each of the same paths, followed step by step."""
    rng = np.random.default_rng(seed)
    polygons = [square(*rng.uniform(-12, 12, 2), rng.uniform(1, 6)) for _ in range(4)]
    motion = Motion(*rng.uniform(-3, 3, 2), *rng.uniform(-2, 2, 2))
    found = arrivals(ground_of(polygons), 0, motion, BINS, BIN_S, GAP_S)
    total, alone = oracles.first_sights(ground_of(polygons), motion, 0, BINS * BIN_S, GAP_S, STEP_S)
    assert found.alone == pytest.approx(alone)
    assert {c: pytest.approx(n / PATHS) for c, n in total.items()} == dict(
        zip(found.camera.tolist(), found.chance.sum(axis=1).tolist(), strict=True)
    )


def timeline(kinds, density, alone=0.4):
    """What is known of cameras 1, 2, …"""
    numbers = np.array([KINDS.index(kind) for kind in kinds])
    someone = density[numbers > 0].sum(axis=0)
    return Timeline(np.arange(1, len(kinds) + 1), numbers, density, alone, someone, np.zeros((1, 2)))


def test_what_is_known_of_all_is_drawn_towards_the_way_on():
    density = np.zeros((3, BINS))
    density[0, 0], density[1, 10], density[2, 20] = 0.6, 0.2, 0.1
    known = timeline(("overlap", "transit", "guess"), density)
    far, ahead = square(30, 30), square(12, 0)
    ground = ground_of([square(0, 0), far, far, ahead, ahead, square(4, 0)])
    found = arrivals(ground, 0, Motion(4.1, 2.0, 1.3, 0.0), BINS, BIN_S, GAP_S)
    both = with_arrivals(known, found, ground, 0)
    rows = {(int(c), KINDS[k]): d for c, k, d in zip(both.camera, both.kind, both.density, strict=True)}
    assert rows[1, "overlap"][0] == pytest.approx(0.12)
    assert rows[5, "overlap"][0] > 0.7, "who sees where they go at once"
    assert rows[2, "transit"][10] == pytest.approx(0.04)
    assert both.alone == pytest.approx(0.2 * 0.4 + 0.8 * found.alone)
    assert both.zones is known.zones
    overlaps = both.kind == 0
    assert overlaps[: overlaps.sum()].all(), "overlaps come first"
    # What was guessed of a camera that the way leads to is told as that.
    ground = ground_of([square(0, 0), far, far, ahead])
    found = arrivals(ground, 0, Motion(4.1, 2.0, 1.3, 0.0), BINS, BIN_S, GAP_S)
    both = with_arrivals(known, found, ground, 0)
    assert {KINDS[k] for c, k in zip(both.camera, both.kind, strict=True) if c == 3} == {"ahead"}


def test_of_a_camera_whose_view_is_not_known_all_that_is_known_stays():
    density = np.zeros((2, BINS))
    density[0, 0], density[1, 10] = 0.9, 0.05
    known = timeline(("overlap", "transit"), density, 0.1)
    ground = ground_of([square(0, 0), np.empty((0, 2)), np.empty((0, 2)), square(8, 0)])
    found = arrivals(ground, 0, Motion(4.1, 2.0, 1.3, 0.0), BINS, BIN_S, GAP_S)
    both = with_arrivals(known, found, ground, 0)
    rows = dict(zip(both.camera.tolist(), both.density, strict=True))
    assert rows[1][0] == 0.9
    assert rows[2][10] == pytest.approx(0.05)
    # One in ten is left by the overlap, and of these half go where nobody knows who sees them.
    assert rows[3].sum() == pytest.approx(0.8 * 0.1 * 0.5 * found.chance[found.camera == 3].sum())
    assert both.alone == pytest.approx(0.2 * 0.1 + 0.8 * 0.1 * found.alone)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), after_s=st.floats(0, 40), within_s=st.none() | st.floats(0.1, 20))
def test_chances_with_a_motion_are_chances_and_the_own_camera_is_no_overlap(seed, after_s, within_s):
    rng = np.random.default_rng(seed)
    none = np.zeros(0, np.int64)
    linked = Linked(none, none, none, none, np.zeros(0), np.zeros(0))
    polygons = [square(*rng.uniform(-8, 8, 2), rng.uniform(2, 9)) for _ in range(3)]
    # Three cameras see the same, a third of the time nobody knows what.
    ground = ground_of([polygons[0], polygons[1], polygons[1], polygons[2] if seed % 3 else np.empty((0, 2))])
    handover = replace(build_handover(("a", "b", "c", "d"), GRID, linked), ground=ground)
    motion = Motion(*(polygons[0].mean(axis=0) + rng.uniform(-4, 4, 2)), *rng.uniform(-2, 2, 2))
    found = handover.candidates("a", 0, after_s, within_s, motion=motion)
    assert all(0 < one.probability <= 1 for one in found)
    assert all(one.kind != "overlap" for one in found if one.camera == "a")
    known = handover.timeline(0, 0, motion)
    assert known.someone.sum() <= known.alone + 1e-9
    # Each camera is seen by somebody, and nobody is seen by more than see them at the same time.
    later = known.density[known.kind != 0]
    assert (later.max(axis=0, initial=0.0) <= known.someone + 1e-9).all()
    assert (known.someone <= later.sum(axis=0) + 1e-9).all()


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_not_finite_is_refused(bad):
    with pytest.raises(InputError, match="finite"):
        arrivals(ground_of(VIEWS), 0, Motion(0.0, bad, 1.0, 0.0), BINS, BIN_S, GAP_S)
    with pytest.raises(InputError, match="one ground"):
        ground_of([np.array([[0, 0], [bad, 0], [1, 1]])])


def test_one_bin_of_time_is_enough():
    found = arrivals(ground_of(VIEWS), 0, Motion(4.1, 2.0, 1.3, 0.0), 1, 2.0, GAP_S)
    assert found.chance.shape == (len(found.camera), 1)


def test_an_answer_with_a_motion_and_without_a_ground(tmp_path):
    none = np.zeros(0, np.int64)
    linked = Linked(none, none, none, none, np.zeros(0), np.zeros(0))
    handover = build_handover(("a", "b", "c", "d"), GRID, linked)
    with pytest.raises(InputError, match="calibrate"):
        handover.candidates("a", 0, motion=Motion(0, 0, 1, 0))
