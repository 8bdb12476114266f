"""Tiles from parts of other tiles: a pair counts from when its cameras were last put into one group."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdist_ray.exclusion.tile import Counting, Tile, TileSnapshot
from sdist_ray.exclusion.together import Together
from sdist_ray.occupancy.block import Clock
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.padding import Padding, pad_ranges
from tests.test_kernels import to_ranges

NAMES = ["c0", "c1", "c2", "c3", "c4"]


@st.composite
def regroupings(draw):
    """A network, and the group of each of its cameras (None: in none) from some ranges on."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    grid = Grid(draw(st.integers(1, 4)), draw(st.integers(1, 3)))
    clock = Clock(10, draw(st.sampled_from([4, 20, 33, 64])))
    padding = Padding(grid, clock, draw(st.sampled_from([0, 3, 20])))
    ticks = clock.range_ticks * draw(st.integers(2, 9))
    seen = rng.random((ticks, grid.windows)) < draw(st.sampled_from([0.05, 0.3]))
    occupied = np.stack([seen & (rng.random(seen.shape) < 0.9) for _ in NAMES], axis=1)
    available = np.ones((ticks, len(NAMES)), bool)
    for _ in range(draw(st.integers(0, 3))):
        start = rng.integers(0, ticks)
        available[start : start + rng.integers(1, 40), rng.integers(0, len(NAMES))] = False
    ranges = list(pad_ranges(to_ranges(occupied, available, clock, 0), padding))
    group = st.sampled_from([None, 0, 0, 1])
    groups = st.tuples(*(group for _ in NAMES))
    plans = draw(st.dictionaries(st.integers(0, len(ranges) - 1), groups, min_size=1, max_size=4))
    return padding, ranges, {0: draw(groups)} | plans


def tiles_of(groups, counting, old, last):
    """The tiles of a plan, from those of the plan before."""
    tiles = []
    for number in sorted({group for group in groups if group is not None}):
        cameras = [camera for camera, group in zip(NAMES, groups, strict=True) if group == number]
        parts = []
        for tile in old:
            both = [camera for camera in cameras if camera in tile.rows]
            if both:
                parts.append(tile.part(both, both))
        tiles.append(
            Tile.of_parts(cameras, counting, parts, last) if parts else Tile(cameras, cameras, counting)
        )
        tiles[-1].last_range = max(last, tiles[-1].last_range)
    return tiles


def run(padding, ranges, plans, counting):
    """All tiles at the end."""
    tiles, last = [], -(2**63)
    for number, padded in enumerate(ranges):
        if number in plans:
            tiles = tiles_of(plans[number], counting, tiles, last)
        for tile in tiles:
            assert tile.apply(padded, NAMES)
        last = padded.index
    return tiles


def each_range(padding, ranges):
    """N and O of every range by itself, (ranges, windows, windows)."""
    n, o = [], []
    for padded in ranges:
        tile = Tile(NAMES, NAMES, Counting(padding))
        tile.apply(padded, NAMES)
        n.append(tile.store.agreements.astype(np.int64))
        o.append(np.repeat(tile.store.opportunities.astype(np.int64), padding.grid.windows, axis=1))
    return np.array(n), np.array(o)


def counts(tile, a, b):
    w = tile.windows
    i, j = (k.reshape(-1) for k in np.meshgrid(np.arange(w), np.arange(w), indexing="ij"))
    found = tile.store.counts(tile.rows.index(a) * w + i, tile.columns.index(b) * w + j)
    return found.agreements.reshape(w, w), found.opportunities.reshape(w, w)


def counted_from(plans, ranges, kept):
    """The first of the ranges from which on all plans keep something, to the end."""
    for first in sorted(plans, reverse=True):
        if not kept(plans[first]):
            return min((k for k in plans if k > first), default=ranges)
    return 0


@pytest.mark.parametrize("store", ["dense", "rle", "indexed"])
@settings(max_examples=60, deadline=None)
@given(regroupings())
def test_every_pair_counts_exactly_the_ranges_since_it_was_put_together(store, network):
    padding, ranges, plans = network
    n, o = each_range(padding, ranges)
    w = padding.grid.windows
    for tile in run(padding, ranges, plans, Counting(padding, "wide", store)):
        tile = Tile.restore(tile.snapshot())
        for a in tile.rows:
            for b in set(tile.columns) - {a}:
                i, j = NAMES.index(a), NAMES.index(b)

                def kept(groups, i=i, j=j):
                    if store == "indexed":
                        return None not in (groups[i], groups[j])
                    return groups[i] is not None and groups[i] == groups[j]

                chosen = range(counted_from(plans, len(ranges), kept), len(ranges))
                block = np.ix_(chosen, range(i * w, i * w + w), range(j * w, j * w + w))
                agreements, opportunities = counts(tile, a, b)
                np.testing.assert_array_equal(agreements, n[block].sum(axis=0))
                np.testing.assert_array_equal(opportunities, o[block].sum(axis=0))


@pytest.mark.parametrize("store", ["dense", "rle"])
def test_parts_of_stripes_and_wide_counts_are_put_together(store):
    padding = Padding(Grid(3, 2), Clock(10, 20), 2)
    counting = Counting(padding, "wide", store)
    rng = np.random.default_rng(1)
    occupied = rng.random((400, 5, 6)) < 0.4
    ranges = list(pad_ranges(to_ranges(occupied, np.ones((400, 5), bool), padding.clock, 0), padding))
    stripes = [Tile(rows, NAMES, counting) for rows in (NAMES[:2], NAMES[2:])]
    whole = Tile(NAMES, NAMES, counting)
    for padded in ranges:
        for tile in (*stripes, whole):
            tile.apply(padded, NAMES)
    many = stripes[0].cut("c0", "c1")
    stripes[0].paste("c0", "c1", type(many)(many.agreements + np.uint32(70_000), many.opportunities))
    whole.paste("c0", "c1", type(many)(many.agreements + np.uint32(70_000), many.opportunities))
    cameras = ["c3", "c1", "c0"]
    parts = [stripe.part([c for c in cameras if c in stripe.rows], cameras) for stripe in stripes]
    tile = Tile.of_parts(cameras, counting, parts, ranges[-1].index)
    assert not tile.apply(ranges[-1], NAMES)
    for a in cameras:
        for b in cameras:
            for one, other in zip(counts(tile, a, b), counts(whole, a, b), strict=True):
                np.testing.assert_array_equal(one, other)


def test_events_of_stripes_are_put_together_and_only_recent_ones_count():
    padding = Padding(Grid(3, 2), Clock(10, 4), 6)
    counting = Counting(padding, "wide", "indexed", recent=10)
    rng = np.random.default_rng(2)
    occupied = rng.random((160, 5, 6)) < 0.3
    ranges = list(pad_ranges(to_ranges(occupied, np.ones((160, 5), bool), padding.clock, 0), padding))
    stripes = [Tile(NAMES[:2], NAMES, counting), Tile(NAMES[2:], NAMES[2:], counting)]
    whole = Tile(NAMES, NAMES, counting)
    for padded in ranges[:25]:
        for tile in (*stripes, whole):
            tile.apply(padded, NAMES)
    cameras = ["c4", "c1", "c2"]
    parts = [stripes[0].part(["c1"], ["c1"]), stripes[1].part(["c4", "c2"], ["c2", "c4"])]
    tile = Tile.of_parts(cameras, counting, parts, ranges[24].index)
    # As columns only.
    also = Tile.of_parts(cameras, counting, [stripes[0].part(cameras, cameras)], ranges[24].index)
    for padded in ranges[25:31]:
        for each in (tile, also, whole):
            each.apply(padded, NAMES)
    for a in cameras:
        for b in set(cameras) - {a}:
            for one, two, other in zip(
                counts(tile, a, b), counts(also, a, b), counts(whole, a, b), strict=True
            ):
                np.testing.assert_array_equal(one, other)
                np.testing.assert_array_equal(two, other)


def test_parts_that_do_not_fit_are_refused():
    padding = Padding(Grid(2, 2), Clock(10, 4), 0)
    part = Tile(NAMES[:2], NAMES[:2], Counting(padding, "byte")).part(["c0"], ["c1"])
    state = {name: np.full(array.shape, 300, np.uint16) for name, array in part.state.items()}
    counting = Counting(padding, "byte")
    many = TileSnapshot(part.rows, part.columns, counting, 1, state)
    with pytest.raises(ValueError, match="a count of 300 in byte policy"):
        Tile.of_parts(NAMES, counting, [many], 1)
    other = TileSnapshot(("c0", "c1"), ("c2",), counting, 1, part.state)
    with pytest.raises(ValueError, match="for 2 by 1 cameras"):
        Tile.of_parts(NAMES, counting, [other], 1)


@pytest.mark.parametrize("store", ["dense", "rle", "indexed"])
@settings(max_examples=30, deadline=None)
@given(regroupings(), st.permutations(NAMES), st.booleans())
def test_tiles_that_count_together_count_as_each_by_itself(store, network, order, stripe):
    padding, ranges, plans = network
    counting = Counting(padding, "wide", store)
    groups = plans[0]
    members = [tuple(c for c in order if groups[NAMES.index(c)] == number) for number in (0, 1)]
    shapes = [(group, group) for group in members if group]
    # Not of its cameras against themselves, and of cameras that others have too.
    shapes += [(tuple(order[:2]), tuple(order)), (("c0", "c9"), ("c0", "c9"))] if stripe else []
    alone, others = ([Tile(*shape, counting) for shape in shapes] for _ in range(2))
    together = Together(others, NAMES)
    for padded in ranges:
        together.apply(padded)
        for tile in alone:
            tile.apply(padded, NAMES)
    for one, other in zip(alone, others, strict=True):
        assert one.last_range == other.last_range
        for name, array in one.snapshot().state.items():
            np.testing.assert_array_equal(other.snapshot().state[name], array)
