"""Kernels against their oracles, bit for bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdist_ray.exclusion import batch
from sdist_ray.exclusion.kernels import find_mutual_pairs
from sdist_ray.exclusion.tile import Counting, Tile
from sdist_ray.occupancy.block import Clock, OccupancyRange
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.padding import Padding, pad_ranges
from sdist_ray.occupancy.visits import VisitCounter
from sdist_ray.partition.plan import row_stripes
from tests import oracles


def to_ranges(occupied, available, clock, first_tick=0, read_only=False):
    """Ranges of bool (ticks, cameras, windows) and (ticks, cameras)."""
    ticks, cameras, windows = occupied.shape
    ranges = {}
    for t in range(ticks):
        index, bit = divmod(first_tick + t, clock.range_ticks)
        if index not in ranges:
            words = np.zeros((cameras, windows), np.uint64), np.zeros(cameras, np.uint64)
            ranges[index] = OccupancyRange(index, *words)
        entry, mask = ranges[index], np.uint64(1 << bit)
        entry.occupied[occupied[t]] |= mask
        entry.available[available[t]] |= mask
    for entry in ranges.values():
        if read_only:
            entry.occupied.setflags(write=False)
            entry.available.setflags(write=False)
    return [ranges[index] for index in sorted(ranges)]


def count(ranges, grid, clock, tolerance, policy, stripes=1, read_only=False, store="dense"):
    cameras = [f"c{number}" for number in range(len(ranges[0].available))]
    counting = Counting(Padding(grid, clock, tolerance), policy, store)
    tiles = [Tile(rows, cameras, counting) for rows in row_stripes(cameras, stripes)]
    for padded in pad_ranges(ranges, counting.padding):
        for array in (padded.occupied.place, padded.occupied.word, padded.padded, padded.countable):
            array.setflags(write=not read_only)
        for tile in tiles:
            assert tile.apply(padded, cameras)
            assert not tile.apply(padded, cameras)
    agreements = np.concatenate([tile.store.agreements for tile in tiles]).astype(int)
    opportunities = np.concatenate([tile.store.opportunities for tile in tiles]).astype(int)
    opportunities = np.repeat(opportunities, grid.windows, axis=1)
    return opportunities, opportunities - agreements


@st.composite
def networks(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    grid = Grid(draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    cameras, ticks = draw(st.integers(1, 3)), draw(st.integers(1, 150))
    occupied = rng.random((ticks, cameras, grid.windows)) < draw(st.sampled_from([0.02, 0.3, 0.9]))
    available = rng.random((ticks, cameras)) < draw(st.sampled_from([0.7, 0.97, 1.0]))
    clock = Clock(10, draw(st.sampled_from([1, 2, 7, 20, 63, 64])))
    first_tick = draw(st.integers(-100, 100))
    return grid, clock, occupied, available, first_tick, draw(st.integers(0, 70))


@settings(max_examples=120, deadline=None)
@given(
    networks(),
    st.sampled_from(["byte", "wide"]),
    st.integers(1, 3),
    st.booleans(),
    st.sampled_from([1, 90, 4096]),
    st.sampled_from(["dense", "rle"]),
)
def test_counts_equal_the_oracle(network, policy, stripes, read_only, batch_ticks, store):
    grid, clock, occupied, available, first_tick, tolerance = network
    expected = oracles.count(
        occupied,
        available,
        grid.columns,
        grid.rows,
        tolerance,
        clock.range_ticks,
        policy,
        first_tick,
    )
    ranges = to_ranges(occupied, available, clock, first_tick, read_only)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batch, "BATCH_TICKS", batch_ticks)
        found = count(ranges, grid, clock, tolerance, policy, stripes, read_only, store)
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])


def test_byte_counts_halve_and_stay_consistent():
    rng = np.random.default_rng(1)
    occupied, available = rng.random((900, 2, 4)) < 0.8, rng.random((900, 2)) < 0.98
    clock, grid = Clock(10, 64), Grid(2, 2)
    found = count(to_ranges(occupied, available, clock), grid, clock, 1, "byte")
    expected = oracles.count(occupied, available, 2, 2, 1, 64, "byte")
    np.testing.assert_array_equal(found, expected)
    assert (found[1] <= found[0]).all()
    assert 127 < found[0].max() <= 255


@pytest.mark.parametrize("range_ticks", [1, 3, 20, 64])
def test_wide_counts_do_not_depend_on_the_range(range_ticks):
    rng = np.random.default_rng(2)
    occupied, available = rng.random((200, 3, 4)) < 0.2, rng.random((200, 3)) < 0.95
    clock, grid = Clock(10, range_ticks), Grid(2, 2)
    found = count(to_ranges(occupied, available, clock, 17), grid, clock, 5, "wide")
    np.testing.assert_array_equal(found, oracles.count(occupied, available, 2, 2, 5, 20, "wide"))


def test_wide_counts_pass_sixteen_bits_exactly():
    clock, grid = Clock(10, 64), Grid(1, 1)
    full = np.full((1, 1), ~np.uint64(0)), np.full(1, ~np.uint64(0))
    padding = Padding(grid, clock, 0)
    tile = Tile(["a"], ["a"], Counting(padding))
    for padded in pad_ranges((OccupancyRange(i, *full) for i in range(1100)), padding):
        tile.apply(padded, ["a"])
    assert tile.store.opportunities.dtype == np.uint32
    assert tile.store.opportunities[0, 0] == tile.store.agreements[0, 0] == 1100 * 64


def test_a_gap_between_ranges_is_unavailable():
    clock, grid = Clock(10, 10), Grid(1, 1)
    rng = np.random.default_rng(3)
    occupied, available = rng.random((60, 2, 1)) < 0.5, np.ones((60, 2), bool)
    available[20:40] = False
    ranges = to_ranges(occupied & available[..., None], available, clock)
    with_gap = [entry for entry in ranges if entry.index not in (2, 3)]
    for tolerance in (0, 3, 12):
        np.testing.assert_array_equal(
            count(with_gap, grid, clock, tolerance, "wide"),
            count(ranges, grid, clock, tolerance, "wide"),
        )


@settings(max_examples=40, deadline=None)
@given(networks())
def test_visits_equal_the_oracle(network):
    _, clock, occupied, available, first_tick, _ = network
    occupied = occupied & available[..., None]
    counter = VisitCounter(occupied.shape[1], occupied.shape[2], clock)
    for entry in to_ranges(occupied, available, clock, first_tick):
        counter.add(entry)
    before = np.concatenate([np.zeros_like(occupied[:1]), occupied[:-1]])
    np.testing.assert_array_equal(counter.visits, (occupied & ~before).sum(axis=0))
    np.testing.assert_array_equal(counter.occupied_ticks, occupied.sum(axis=0))
    np.testing.assert_array_equal(counter.available_ticks, available.sum(axis=0))


def test_cut_and_paste_keep_every_count():
    rng = np.random.default_rng(4)
    occupied, available = rng.random((100, 3, 4)) < 0.3, rng.random((100, 3)) < 0.9
    clock, grid, names = Clock(10, 20), Grid(2, 2), ["a", "b", "c"]
    padding = Padding(grid, clock, 2)
    whole = Tile(names, names, Counting(padding))
    for padded in pad_ranges(to_ranges(occupied, available, clock), padding):
        whole.apply(padded, names)
    before = whole.snapshot()
    part = Tile(["b"], ["a", "c"], Counting(padding, "byte"))
    for column in ("a", "c"):
        part.paste("b", column, whole.cut("b", column))
    np.testing.assert_array_equal(part.store.agreements[:, :4], before.state["agreements"][4:8, :4])
    np.testing.assert_array_equal(part.store.opportunities[:, 1], before.state["opportunities"][4:8, 2])
    assert not whole.store.agreements[4:8, :4].any()
    for column in ("a", "c"):
        whole.paste("b", column, part.cut("b", column))
    np.testing.assert_array_equal(whole.store.agreements, before.state["agreements"])


def test_snapshot_and_restore_are_exact_and_replay_is_idempotent():
    rng = np.random.default_rng(5)
    occupied, available = rng.random((120, 2, 4)) < 0.4, rng.random((120, 2)) < 0.9
    clock, grid, names = Clock(10, 20), Grid(2, 2), ["a", "b"]
    counting = Counting(Padding(grid, clock, 2), "byte")
    padded = list(pad_ranges(to_ranges(occupied, available, clock), counting.padding))
    tile = Tile(names, names, counting)
    for entry in padded[:3]:
        tile.apply(entry, names)
    snapshot = tile.snapshot()
    for entry in padded[3:]:
        tile.apply(entry, names)
    again = Tile.restore(snapshot)
    assert [again.apply(entry, names) for entry in padded] == [False] * 3 + [True] * 3
    np.testing.assert_array_equal(again.store.agreements, tile.store.agreements)
    np.testing.assert_array_equal(again.store.opportunities, tile.store.opportunities)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 5),
    st.integers(1, 6),
    st.integers(0, 2**32 - 1),
    st.sampled_from([np.uint8, np.uint16, np.uint32]),
    st.sampled_from([0, 3, 40]),
)
def test_mutual_pairs_are_the_pairs_that_pass_both_ways(cameras, windows, seed, dtype, more_room):
    rng = np.random.default_rng(seed)
    size = cameras * windows
    o = rng.integers(0, 6, (size, cameras)).astype(dtype)
    n = np.zeros((size, size + 7), dtype)
    n[:, :size] = rng.integers(0, np.repeat(o, windows, axis=1).astype(int) + 1)
    least = np.array([1, 1, 2, 2, 3, 6], np.int64)
    for array in (n, o, least):
        array.flags.writeable = False
    enough = n[:, :size] >= least[np.repeat(o, windows, axis=1)]
    expected = {
        (i, j): (n[i, j], o[i, j // windows], n[j, i], o[j, i // windows])
        for i, j in np.argwhere(enough & enough.T).tolist()
        if i // windows < j // windows
    }
    found, at, end = {}, 0, cameras * (cameras - 1) // 2
    while at < end:
        columns = [np.empty(windows**2 + more_room, np.int64) for _ in range(6)]
        count, after = find_mutual_pairs(n, o, windows, least, at, *columns)
        assert after > at
        at = after
        found |= {(i, j): tuple(rest) for i, j, *rest in np.array(columns)[:, :count].T.tolist()}
    assert found == expected
