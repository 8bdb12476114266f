"""The paper's scheme: newcomers wait in a nursery, found partitions or join them; some are reverted."""

import numpy as np
import pytest

from sdist_ray.occupancy.block import Clock, OccupancyRange
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.padding import Padding, pad_ranges
from sdist_ray.partition.grouping import group_sizes
from sdist_ray.partition.nursery import AGAINST, Nursery, NurserySettings
from sdist_ray.partition.strategy import NO_LINKS, CameraLinks

GRID = Grid(4, 3)
CLOCK = Clock(1, 60)
PADDING = Padding(GRID, CLOCK, 1)


def ranges(places, count=20, seed=0, on=0.05, miss=0.1):
    """Cameras that see the people of their place, each in some window, and miss some."""
    random = np.random.default_rng(seed)
    bit = np.uint64(1) << np.arange(60, dtype=np.uint64)

    def footage():
        for index in range(count):
            here = random.random((max(places) + 1, 60)) < on
            words = np.zeros((len(places), GRID.windows), np.uint64)
            for camera, place in enumerate(places):
                seen = here[place] & (random.random(60) > miss)
                words[camera, camera % GRID.windows] = (seen * bit).sum()
            yield OccupancyRange(index, words, np.full(len(places), (1 << 60) - 1, np.uint64))

    return pad_ranges(footage(), PADDING)


def run(places, bootstrap, links=NO_LINKS, **settings):
    strategy = Nursery(len(places), PADDING, NurserySettings(cycle_s=1200, **settings))
    strategy.begin(np.array(bootstrap, np.int32))
    for padded in ranges(places):
        assert not strategy.due
        strategy.watch(padded)
    assert strategy.due
    return strategy, strategy.plan(strategy.labels, links)


@pytest.mark.parametrize("against", AGAINST)
def test_newcomers_join_those_who_see_what_they_see(against):
    places = [0, 0, 1, 1, 2, 2, 1, 2]
    strategy, labels = run(places, [0, 0, 1, 1, 2, 2, -1, -1], reverted=0.0, against=against)
    assert labels.tolist() == [0, 0, 1, 1, 2, 2, 1, 2]
    assert strategy.work > 0


def test_a_large_union_draws_everybody_in_unless_its_base_rate_is_known():
    """Its cameras see twenty places: some window of theirs is nearly always occupied."""
    places = [*range(20), 20, 20]
    bootstrap = [0] * 20 + [1, -1]
    assert run(places, bootstrap, reverted=0.0)[1].tolist() == [0] * 20 + [1, 0]
    for against in ("base", "camera"):
        assert run(places, bootstrap, reverted=0.0, against=against)[1].tolist() == [0] * 20 + [1, 1]


def test_newcomers_that_are_linked_found_a_partition():
    links = CameraLinks(
        np.array([0, 4, 5]), np.array([1, 5, 6]), np.array([9, 3, 2]), np.array([1.0, 0.9, 0.9])
    )
    labels = run([0, 0, 1, 1, 2, 2, 1], [0, 0, 1, 1, -1, -1, -1], links, reverted=0.0)[1]
    assert labels.tolist() == [0, 0, 1, 1, 2, 2, 1]


def test_reverted_partitions_are_the_next_nursery():
    strategy, labels = run([0, 0, 1, 1, 2, 2, 3, 3], [0, 0, 1, 1, 2, 2, 3, 3], reverted=0.5)
    assert sorted(group_sizes(labels).tolist()) == [2, 2, 4]
    for padded in ranges([0, 0, 1, 1, 2, 2, 3, 3], seed=1):
        strategy.watch(padded)
    # All in the nursery see places that no partition sees; each joins one all the same.
    assert len(group_sizes(strategy.plan(labels, NO_LINKS))) <= 3


def test_without_a_bootstrap_all_are_in_the_nursery_and_found_what_links_show():
    strategy = Nursery(5, PADDING, NurserySettings(cycle_s=60, reverted=0.0))
    assert strategy.labels.tolist() == [0] * 5
    for padded in ranges([0, 0, 1, 1, 2], count=1):
        strategy.watch(padded)
    links = CameraLinks(np.array([0, 2]), np.array([1, 3]), np.array([5, 5]), np.array([1.0, 1.0]))
    assert strategy.plan(strategy.labels, links).tolist() == [0, 0, 1, 1, 2]
    strategy.grow(6)
    assert strategy.labels.tolist() == [0, 0, 1, 1, 2, 3]


def test_what_to_hold_them_against_is_one_of_three():
    with pytest.raises(ValueError, match="against must be one of partition, base, camera, not 'all'"):
        NurserySettings(against="all")
