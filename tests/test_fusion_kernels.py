"""Fusion's kernels equal their slow references."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdist_ray.distancing import fusion_kernels as kernels
from sdist_ray.distancing.fusion_views import make_views, shared_area
from tests import oracles_fusion as oracles

SEEDS = st.integers(0, 10**6)


def network(rng, cameras):
    """Links and square views of cameras."""
    polygons = [
        np.array([[0, 0], [w, 0], [w, w], [0, w]]) + rng.uniform(0, 6, 2) for w in rng.uniform(2, 9, cameras)
    ]
    ends = rng.integers(0, cameras, (2 * cameras, 2))
    return make_views([f"c{i}" for i in range(cameras)], polygons, map(tuple, ends.tolist()))


def nodes(rng, count):
    root = rng.normal(0, 0.4, (count, 2, 2))
    return rng.uniform(0, 3, (count, 2)), root @ root.transpose(0, 2, 1) + 0.01 * np.eye(2)


def all_pairs(count):
    a, b = np.triu_indices(count, 1)
    return np.column_stack([a, b]).astype(np.int64)


def frozen(*arrays):
    """As Ray hands them out."""
    for array in arrays:
        array.setflags(write=False)
    return arrays


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.integers(0, 6), st.integers(1, 9))
def test_which_may_be_one(seed, people, sightings):
    rng = np.random.default_rng(seed)
    views = network(rng, 5)
    camera, track = rng.integers(0, 5, sightings), rng.integers(-1, 3, sightings)
    recent_camera = np.full((people, 3), -1)
    for person in range(people):
        seen = rng.permutation(5)[: rng.integers(0, 4)]
        recent_camera[person, : len(seen)] = seen
    recent_track = rng.integers(-1, 3, (people, 3))
    pairs = all_pairs(people + sightings)
    given_ = frozen(pairs, camera, track, recent_camera, recent_track, views.starts, views.neighbours)
    keep, known = kernels.may_be_one(*given_, 3.0)
    right, worth = oracles.may_be_one(*given_, 3.0)
    assert keep.tolist() == right.tolist()
    assert known[keep].tolist() == worth[keep].tolist()


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.integers(0, 12), st.integers(1, 5))
def test_who_is_joined(seed, count, cameras):
    rng = np.random.default_rng(seed)
    points, covariance = nodes(rng, count)
    camera = rng.integers(0, cameras, count)
    pairs = all_pairs(count)
    pairs = pairs[camera[pairs[:, 0]] != camera[pairs[:, 1]]]
    known = np.where(rng.random(len(pairs)) < 0.2, 4.0, 0.0)
    given_ = frozen(points, covariance, camera, pairs, known)
    assert kernels.join(*given_, 13.8, 1.0).tolist() == oracles.join(*given_, 13.8, 1.0).tolist()


def test_two_of_one_camera_are_never_joined():
    points, covariance = np.zeros((4, 2)), np.tile(np.eye(2) * 0.01, (4, 1, 1))
    points[2:] += 0.05
    camera = np.array([0, 1, 0, 1])
    root = kernels.join(points, covariance, camera, all_pairs(4), np.zeros(6), 13.8, 1.0)
    assert root.tolist() == [0, 0, 2, 2]


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.integers(0, 6))
def test_what_an_instant_says(seed, people):
    rng = np.random.default_rng(seed)
    views = network(rng, 6)
    points = rng.uniform(0, 12, (people, 2))
    recent, seen_by = [], []
    recent_camera, recent_s = np.full((people, 4), -1), np.zeros((people, 4))
    for person in range(people):
        lately = rng.permutation(6)[: rng.integers(0, 5)]
        recent_camera[person, : len(lately)] = lately
        recent_s[person, : len(lately)] = rng.uniform(0, 2, len(lately))
        recent.append(dict(zip(lately.tolist(), recent_s[person].tolist(), strict=False)))
        seen_by.append(np.sort(rng.permutation(6)[: rng.integers(0, 4)]).tolist())
    starts = np.concatenate([[0], np.cumsum([len(seen) for seen in seen_by])]).astype(np.int64)
    seen_camera = np.array([camera for seen in seen_by for camera in seen], np.int64)
    available = rng.random(6) < 0.8
    hit, missed = rng.uniform(0.1, 20, 6), rng.uniform(1, 9, 6)
    evidence, hits, misses = oracles.weigh(
        points, recent, 1.0, seen_by, available, views.starts, views.neighbours,
        [views.of(camera) for camera in range(6)], hit, missed, 0.05,
    )  # fmt: skip
    found = kernels.weigh(
        points, recent_camera, recent_s, 1.0, starts, seen_camera, available, views.starts, views.neighbours,
        views.view_starts, views.corners, views.boxes, hit, missed, 0.05,
    )  # fmt: skip
    np.testing.assert_allclose(found, evidence, rtol=1e-12, atol=1e-12)
    assert (hit.tolist(), missed.tolist()) == (hits.tolist(), misses.tolist())


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_who_is_remembered(seed):
    rng = np.random.default_rng(seed)
    memory = [[], []]
    recent_camera, recent_track, recent_s = np.full((2, 3), -1), np.full((2, 3), -1), np.zeros((2, 3))
    for time_s in range(6):
        person = rng.integers(0, 2, 4)
        camera, track = rng.integers(0, 5, 4), rng.integers(-1, 9, 4)
        kernels.remember(person, camera, track, float(time_s), recent_camera, recent_track, recent_s)
        memory = oracles.remember(person, camera, track, float(time_s), memory, 3)
    for person in range(2):
        entries = zip(recent_camera[person], recent_track[person], recent_s[person], strict=True)
        assert [entry for entry in entries if entry[0] >= 0] == memory[person]


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.integers(0, 12), st.sampled_from([5.0, 999.9]))
def test_what_cameras_are_off(seed, count, looks):
    rng = np.random.default_rng(seed)
    points, covariance = nodes(rng, count)
    person, camera = np.sort(rng.integers(0, 4, count)), rng.integers(0, 4, count)
    moved = np.column_stack([rng.normal(0, 1, (4, 2)), np.full(4, looks)])
    right = oracles.register(person, camera, points, covariance, [0, 0, 1, 0], moved)
    kernels.register(person, camera, points, covariance, np.array([0, 0, 1, 0]), moved)
    np.testing.assert_allclose(moved, right, rtol=1e-12)


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.floats(0, 1))
def test_who_is_well_inside(seed, margin):
    rng = np.random.default_rng(seed)
    views = make_views(["one"], [rng.uniform(0, 5, (6, 2))])
    for x, y in rng.uniform(-1, 6, (30, 2)):
        found = kernels.well_inside(x, y, 0, margin, views.view_starts, views.corners, views.boxes)
        assert found == oracles.well_inside(x, y, views.of(0), margin)


def test_the_ground_that_two_views_share():
    square = np.array([[0.0, 0], [4, 0], [4, 4], [0, 4]])
    nothing = np.empty((0, 2))
    moved = [square + np.array(by) for by in ((0, 0), (2, 1), (3.5, 0))]
    views = make_views(["a", "b", "c", "none"], [*moved, nothing])
    area = shared_area(0, 1, views.view_starts, views.corners, views.boxes, 24)
    assert area == pytest.approx(6.0)
    assert shared_area(0, 3, views.view_starts, views.corners, views.boxes, 24) == 0
    # The first and the third share only 2 m².
    assert views.pairs == [(0, 1), (1, 2)]
    assert make_views(["a", "b"], [square, square + 9], [(1, 0), (0, 0)]).pairs == [(0, 1)]
    assert make_views([], []).pairs == []
