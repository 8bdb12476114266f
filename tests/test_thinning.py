"""A log that is thinned: exactly the counts of the ranges that still count, and no memory without a bound."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdist_ray.exclusion.thinning import Thinning
from sdist_ray.exclusion.tile import Counting, Tile
from sdist_ray.occupancy.block import Clock
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.padding import Padding, pad_ranges
from sdist_ray.topology.estimators import Criterion
from tests import networks as fixed
from tests import oracles
from tests.test_indexed import networks
from tests.test_kernels import to_ranges
from tests.test_parts import counts

LIKELY = Criterion("nonexclusion", 0.5)
WHOLE = st.sampled_from([1, 2, 3, 8, 9, 20, 64, 1000])


@given(WHOLE, st.integers(-3000, 3000), st.integers(1, 2500))
def test_what_counts_is_what_the_rule_says_and_never_comes_back(whole, first, ranges):
    thinning, indexes = Thinning(whole), np.arange(first, first + ranges)
    indexes.setflags(write=False)
    before = np.ones(ranges, bool)
    for newest in (first + ranges - 1, first + ranges + whole // 3, first + 3 * (ranges + whole)):
        counting = thinning.counts(indexes, newest)
        assert counting.tolist() == [oracles.still_counts(whole, int(k), newest) for k in indexes]
        assert not (counting & ~before).any()
        assert counting[newest - indexes < whole].all()
        before = counting


@pytest.mark.parametrize("whole", [8, 100, 1000])
def test_a_log_grows_with_the_logarithm_of_time(whole):
    thinning = Thinning(whole)
    for doublings in range(1, 10):
        ranges = whole * 2**doublings
        kept = int(thinning.counts(np.arange(ranges), ranges - 1).sum())
        # Whole, a thinning's delay, and half as many again for each doubling.
        assert whole <= kept <= whole * (1.2 + 0.55 * doublings) + 2 * thinning.chunk * doublings


@settings(max_examples=60, deadline=None)
@given(networks(), WHOLE, st.integers(0, 200))
def test_counts_are_those_of_the_ranges_that_still_count(network, whole, restored):
    padding, occupied, available, first_tick = network
    names = [f"c{n}" for n in range(occupied.shape[1])]
    ranges = list(pad_ranges(to_ranges(occupied, available, padding.clock, first_tick), padding))
    counting = Counting(padding, "wide", "indexed", whole=whole)
    tile, kept = Tile(names, names, counting), Tile(names, names, Counting(padding, "wide", "dense"))
    for number, padded in enumerate(ranges):
        if number == restored:
            tile = Tile.restore(tile.snapshot())
        tile.apply(padded, names)
    for padded in ranges:
        if oracles.still_counts(whole, padded.index, ranges[-1].index):
            kept.apply(padded, names)
    row, column = (x.ravel() for x in np.indices((len(names) * padding.grid.windows,) * 2))
    expected, found = kept.store.counts(row, column), tile.store.counts(row, column)
    np.testing.assert_array_equal(found.opportunities, expected.opportunities)
    np.testing.assert_array_equal(found.agreements, expected.agreements)
    least = LIKELY.least(tile.store.most_opportunities())
    w = padding.grid.windows
    passes = (expected.agreements >= least[expected.opportunities]).reshape((len(names) * w,) * 2)
    links = {(i, j) for i, j in np.argwhere(passes & passes.T).tolist() if i // w < j // w}
    pairs = tile.pairs(least)
    assert {(min(p), max(p)) for p in zip(pairs.row.tolist(), pairs.column.tolist(), strict=True)} == links


@settings(max_examples=30, deadline=None)
@given(networks(), WHOLE, st.integers(1, 7))
def test_links_are_followed_in_a_log_that_is_thinned(network, whole, every):
    padding, occupied, available, first_tick = network
    names = [f"c{n}" for n in range(occupied.shape[1])]
    tile = Tile(names, names, Counting(padding, "wide", "indexed", whole=whole))
    for number, padded in enumerate(
        pad_ranges(to_ranges(occupied, available, padding.clock, first_tick), padding)
    ):
        tile.apply(padded, names)
        if number % every == 0:
            pairs = tile.store.follow(LIKELY)
            there = tile.store.counts(pairs.row, pairs.column)
            back = tile.store.counts(pairs.column, pairs.row)
            for one, other in (
                (pairs.agreements, there.agreements), (pairs.opportunities, there.opportunities),
                (pairs.agreements_back, back.agreements), (pairs.opportunities_back, back.opportunities),
            ):  # fmt: skip
                np.testing.assert_array_equal(one, other)


def test_parts_of_tiles_forget_the_same():
    padding, names = Padding(Grid(3, 2), Clock(10, 4), 6), fixed.names(5)
    counting = Counting(padding, "wide", "indexed", whole=9)
    occupied = np.random.default_rng(2).random((640, 5, 6)) < 0.3
    ranges = list(pad_ranges(to_ranges(occupied, np.ones((640, 5), bool), padding.clock, 0), padding))
    stripes = [Tile(names[:2], names, counting), Tile(names[2:], names[2:], counting)]
    whole, late = Tile(names, names, counting), Tile(names[2:], names[2:], counting)
    for number, padded in enumerate(ranges[:100]):
        for tile in (*stripes, whole) if number < 50 else (*stripes, whole, late):
            tile.apply(padded, names)
    cameras = [names[4], names[1], names[2]]
    parts = [stripes[0].part([names[1]], [names[1]]), stripes[1].part(cameras[::2], cameras[::2])]
    tile = Tile.of_parts(cameras, counting, parts, ranges[99].index)
    # One that has counted only since the fiftieth range.
    parts = [stripes[0].part([names[1]], [names[1]]), late.part(cameras[::2], cameras[::2])]
    mixed, dense = Tile.of_parts(cameras, counting, parts, ranges[99].index), {}
    for padded in ranges[100:]:
        for each in (tile, mixed, whole):
            each.apply(padded, names)
    for first in (0, 50):
        dense[first] = Tile(cameras, cameras, Counting(padding, "wide", "dense"))
        for number, padded in enumerate(ranges):
            if number >= first and oracles.still_counts(9, padded.index, ranges[-1].index):
                dense[first].apply(padded, names)
    for a in cameras:
        for b in set(cameras) - {a}:
            expected = counts(dense[0], a, b)
            late_expected = counts(dense[50], a, b)
            for k in (0, 1):
                np.testing.assert_array_equal(counts(tile, a, b)[k], expected[k])
                np.testing.assert_array_equal(counts(whole, a, b)[k], expected[k])
                np.testing.assert_array_equal(counts(mixed, a, b)[k], late_expected[k])
    # What is held is what counts and what pads that.
    kept = np.array([oracles.still_counts(9, padded.index, ranges[-1].index) for padded in ranges])
    near = np.convolve(kept, np.ones(2 * padding.reach + 1), "same") > 0
    assert len(tile.store.evidence._words) == near.sum() < len(ranges)


def test_what_is_forgotten_is_either_cut_or_thinned():
    with pytest.raises(ValueError, match="either forgotten or thinned"):
        Tile(["a"], ["a"], Counting(Padding(Grid(2, 2), Clock(10, 4), 0), "wide", "indexed", 5, 5))
