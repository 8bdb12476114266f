from __future__ import annotations

import time

import numpy as np
import pytest

from sdist_ray.report.arrange import arrange, layout


def cliques(*sizes: int) -> np.ndarray:
    member = np.repeat(np.arange(len(sizes)), sizes)
    return (member[:, None] == member[None]) * (1.0 - np.eye(len(member)))


def places(weights: np.ndarray) -> np.ndarray:
    arrangement = arrange(weights)
    return np.stack([arrangement.column * 4 / 3, arrangement.row], axis=1)


def mean_distance(place: np.ndarray, pairs: np.ndarray) -> float:
    gap = np.linalg.norm(place[:, None] - place[None], axis=2)
    return float(gap[pairs].mean())


@pytest.mark.parametrize("sizes", [(4, 4), (6, 6), (3, 5, 4)])
def test_cliques_end_up_apart(sizes):
    weights = cliques(*sizes)
    # Interleaved ids: an arrangement in the order of ids would fail.
    order = np.random.default_rng(1).permutation(len(weights))
    weights = weights[np.ix_(order, order)]
    place = places(weights)
    strangers = (weights == 0) & ~np.eye(len(weights), dtype=bool)
    assert mean_distance(place, weights > 0) < 0.75 * mean_distance(place, strangers)


def test_a_chain_of_cameras_is_laid_in_neighbouring_slots():
    weights = np.zeros((12, 12))
    chain = np.random.default_rng(2).permutation(12)
    weights[chain[:-1], chain[1:]] = weights[chain[1:], chain[:-1]] = 5
    assert mean_distance(places(weights), weights > 0) < 1.6


@pytest.mark.parametrize("cameras", [0, 1, 2, 3, 7, 12, 13, 50])
@pytest.mark.parametrize("density", [0.0, 0.2, 1.0])
def test_every_camera_has_a_slot_of_its_own(cameras, density):
    rng = np.random.default_rng(cameras)
    weights = np.triu(rng.random((cameras, cameras)) * (rng.random((cameras, cameras)) < density), 1)
    arrangement = arrange(weights + weights.T)
    slots = set(zip(arrangement.column.tolist(), arrangement.row.tolist(), strict=True))
    assert len(slots) == cameras
    assert all(c in range(arrangement.columns) and r in range(arrangement.rows) for c, r in slots)


def test_cameras_without_relations_come_last():
    weights = np.zeros((12, 12))
    weights[8, 9] = weights[9, 8] = weights[9, 11] = weights[11, 9] = 3
    arrangement = arrange(weights)
    slot = arrangement.row * arrangement.columns + arrangement.column
    assert sorted(slot[[8, 9, 11]]) == [0, 1, 2]


def test_the_same_weights_give_the_same_arrangement():
    weights = cliques(5, 7, 3)
    first, second = arrange(weights), arrange(weights.copy())
    np.testing.assert_array_equal(first.column, second.column)
    np.testing.assert_array_equal(first.row, second.row)


def test_two_hundred_cameras_are_arranged_quickly():
    rng = np.random.default_rng(4)
    at = rng.random((200, 2)) * 14
    gap = np.linalg.norm(at[:, None] - at[None], axis=2)
    weights = np.where((gap < 1.2) & (gap > 0), np.exp(-gap), 0.0)
    start = time.process_time()
    arrange(weights)
    # Usually 0.8 s; processor time, so that a busy machine does not fail the test.
    assert time.process_time() - start < 15


def test_layout_keeps_strongly_linked_cameras_nearer_than_weakly_linked_ones():
    weights = np.array([[0, 100, 1], [100, 0, 0], [1, 0, 0]], dtype=float)
    place = layout(weights)
    assert np.linalg.norm(place[0] - place[1]) < np.linalg.norm(place[0] - place[2])


@pytest.mark.parametrize(
    "weights", [np.ones((2, 3)), np.array([[0.0, 1], [2, 0]]), np.full((2, 2), np.nan), -np.ones((2, 2))]
)
def test_weights_that_are_none_are_refused(weights):
    with pytest.raises(ValueError, match="weights are"):
        arrange(weights)
