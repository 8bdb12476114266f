"""Packing loses nothing, and the run-length store counts as the dense store does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdist_ray.exclusion import batch, pool, rle
from sdist_ray.exclusion.packing import are_packed, most_packed_bytes, pack_counts, unpack_counts
from sdist_ray.exclusion.pool import RowPool
from sdist_ray.exclusion.tile import Counting, Tile
from sdist_ray.occupancy.block import Clock
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.padding import Padding, pad_ranges
from sdist_ray.simulation.activity import activity_ranges

GRID, CLOCK = Grid(4, 3), Clock(10, 20)
NAMES = [f"c{number}" for number in range(30)]


def pack(counts):
    out = np.zeros(most_packed_bytes(len(counts), counts.itemsize), np.uint8)
    return out[: pack_counts(counts, len(counts), out, 0)]


def unpack(data, length, dtype):
    counts = np.full(length, 77, dtype)
    assert unpack_counts(data, 0, counts, length) == len(data)
    return counts


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0, 1, 2, 15, 16, 127, 128, 254, 255, 256, 65_535, 65_536, 2**32 - 1]),
            st.sampled_from([1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 23, 24, 31, 32, 33, 127, 128, 600]),
        ),
        max_size=30,
    ),
    st.sampled_from([np.uint8, np.uint16, np.uint32]),
)
def test_runs_unpack_to_what_they_were(runs, dtype):
    runs = [(value, length) for value, length in runs if value <= np.iinfo(dtype).max]
    counts = np.repeat([v for v, _ in runs], [n for _, n in runs]).astype(dtype)
    np.testing.assert_array_equal(unpack(pack(counts), len(counts), dtype), counts)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32])
def test_the_worst_counts_take_what_was_promised_and_no_more(dtype):
    top = np.iinfo(dtype).max
    rng = np.random.default_rng(0)
    worst = [
        np.full(10_000, top, dtype) - np.arange(10_000).astype(dtype) % 2,
        np.tile(np.array([top] + [0] * 16, dtype), 600),
        np.tile(np.array([top, 0, 0, 0], dtype), 2500),
        np.tile(np.array([1, top] + [top] * 4, dtype), 2000),
        np.where(np.arange(10_000) % 64 == 0, top, 3 + np.arange(10_000) % 2).astype(dtype),
        rng.integers(0, top, 10_000, dtype=dtype, endpoint=True),
    ]
    for counts in worst:
        data = pack(counts)
        assert len(data) <= most_packed_bytes(len(counts), counts.itemsize)
        np.testing.assert_array_equal(unpack(data, len(counts), dtype), counts)
    if dtype == np.uint8:
        assert len(pack(worst[-1])) < 1.01 * 10_000


def test_zeros_cost_nearly_nothing():
    assert len(pack(np.zeros(108_000, np.uint8))) == 3
    assert len(pack(np.full(108_000, 65_535, np.uint16))) == 6


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=40), st.integers(0, 3), st.integers(1, 20))
def test_bytes_that_are_no_packed_row_are_told_from_one(data, cameras, columns):
    data = np.frombuffer(data, np.uint8)
    starts = np.array([0, len(data)])
    if len(data) and are_packed(data, starts, cameras, columns, 1000):
        counts = np.zeros(cameras + columns, np.uint16)
        at = unpack_counts(data, 0, counts, cameras)
        assert unpack_counts(data, at, counts[cameras:], columns) == len(data)
        assert counts.max() <= 1000


def test_the_pool_gives_back_what_was_put_and_drops_its_holes(monkeypatch):
    monkeypatch.setattr(pool, "SEGMENT_BYTES", 2000)
    rng = np.random.default_rng(1)
    held = RowPool(200, 2, 50)
    o, n = np.zeros((200, 2), np.uint16), np.zeros((200, 64), np.uint16)
    for _ in range(60):
        rows = np.sort(rng.choice(200, 30, replace=False))
        o[rows] = rng.integers(0, 3, (30, 2))
        n[rows, :50] = rng.integers(0, 1000, (30, 50)) * (rng.random((30, 50)) < 0.3)
        held.put(rows, o[rows], n[rows])
        held.compact()
        found_o, found_n = np.ones_like(o), np.zeros_like(n)
        held.get(np.arange(200), found_o, found_n)
        np.testing.assert_array_equal(found_o, o)
        np.testing.assert_array_equal(found_n, n)
        used = int(held.size.sum())
        assert held.segment_bytes < used / pool.LEAST_FILLED + 2 * 2000
    copy = RowPool(200, 2, 50)
    copy.load(*held.data())
    copy.get(np.arange(200), found_o, found_n)
    np.testing.assert_array_equal(found_n, n)
    copy.drop(np.arange(200))
    assert copy.segment_bytes == 0


def padded(ticks, people=0.5, seed=0, offline_share=0.2, cameras=30):
    ranges = activity_ranges(cameras, people, ticks, GRID, CLOCK, seed, offline_share)
    return list(pad_ranges(ranges, Padding(GRID, CLOCK, 3)))


def tiles(policy):
    return [
        Tile(NAMES, NAMES, Counting(Padding(GRID, CLOCK, 3), policy, store)) for store in ("dense", "rle")
    ]


def assert_equal(one, other):
    np.testing.assert_array_equal(one.store.opportunities, other.store.opportunities)
    np.testing.assert_array_equal(one.store.agreements, other.store.agreements)


@pytest.mark.parametrize("policy", ["byte", "wide"])
@pytest.mark.parametrize("hot_share", [0, 0.1, 1])
def test_a_network_is_counted_as_by_the_dense_store(monkeypatch, policy, hot_share):
    monkeypatch.setattr(rle, "HOT_SHARE", hot_share)
    monkeypatch.setattr(rle, "GROUP_BYTES", 20_000)
    monkeypatch.setattr(batch, "BATCH_TICKS", 300)
    dense, packed = tiles(policy)
    for entry in padded(3000, people=2):
        dense.apply(entry, NAMES)
        packed.apply(entry, NAMES)
    assert_equal(dense, packed)
    assert dense.store.opportunities.max() > (127 if policy == "byte" else 255)
    least = np.arange(dense.store.most_opportunities() + 1) * 8 // 10 + 1
    longer = np.arange(packed.store.most_opportunities() + 1) * 8 // 10 + 1
    one, other = dense.pairs(least), packed.pairs(longer)
    assert len(one) > 100
    for name in ("row", "column", "agreements", "opportunities"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    rng = np.random.default_rng(2)
    asked = rng.integers(0, 360, 50), rng.integers(0, 360, 50)
    one, other = dense.store.counts(*asked), packed.store.counts(*asked)
    np.testing.assert_array_equal(one.agreements, other.agreements)
    np.testing.assert_array_equal(one.opportunities, other.opportunities)


def test_a_row_goes_hot_cold_and_hot_again(monkeypatch):
    monkeypatch.setattr(rle, "HOT_SHARE", 0.1)
    monkeypatch.setattr(batch, "BATCH_TICKS", 100)
    dense, packed = tiles("wide")
    store = packed.store
    was_hot = []
    for number, entry in enumerate(padded(100 * 12, offline_share=0)):
        busy = [3] if number // 5 in (0, 1, 2, 9, 10, 11) else range(10, 20)
        shown = np.isin(entry.occupied.place // 12, busy)
        kept = type(entry.occupied)(entry.occupied.place[shown], entry.occupied.word[shown])
        entry = type(entry)(entry.index, entry.padding, kept, entry.countable, entry.nearby)
        dense.apply(entry, NAMES)
        packed.apply(entry, NAMES)
        if number % 5 == 4:
            was_hot.append(bool((store._slot[36:48] >= 0).any()))
    assert was_hot[2]
    assert not was_hot[8]
    assert was_hot[11]
    assert store.packed_bytes
    assert_equal(dense, packed)


def test_sparse_counts_take_less_than_the_matrix():
    dense, packed = tiles("wide")
    for entry in padded(1000, people=0.05):
        dense.apply(entry, NAMES)
        packed.apply(entry, NAMES)
    dense.store.settle()
    packed.store.settle()
    assert packed.store.packed_bytes < dense.store.agreements.nbytes / 10
    assert packed.store.nbytes < dense.store.nbytes
    assert_equal(dense, packed)


def test_counts_are_cut_pasted_and_snapshotted_like_dense_ones(monkeypatch):
    monkeypatch.setattr(batch, "BATCH_TICKS", 200)
    dense, packed = tiles("byte")
    entries = padded(2000, people=2)
    for entry in entries[:60]:
        dense.apply(entry, NAMES)
        packed.apply(entry, NAMES)
    one, other = dense.cut("c4", "c19"), packed.cut("c4", "c19")
    np.testing.assert_array_equal(one.agreements, other.agreements)
    np.testing.assert_array_equal(one.opportunities, other.opportunities)
    assert one.agreements.any()
    assert_equal(dense, packed)
    dense.paste("c5", "c20", one)
    packed.paste("c5", "c20", other)
    snapshot = packed.snapshot()
    again = Tile.restore(snapshot)
    for entry in entries[60:]:
        for tile in (dense, packed, again):
            tile.apply(entry, NAMES)
    assert_equal(dense, packed)
    assert_equal(dense, again)
    assert_equal(packed, Tile.restore(packed.snapshot()))
    with pytest.raises(ValueError):
        packed.paste("c0", "c1", type(one)(one.agreements.astype(int) + 255, one.opportunities))
    with pytest.raises(ValueError):
        packed.paste("c0", "c1", type(one)(one.agreements[:2], one.opportunities))


def test_pasted_counts_beyond_sixteen_bits_are_kept():
    _, packed = tiles("wide")
    counts = np.full((12, 12), 70_000, np.uint32), np.full(12, 2**31, np.uint32)
    packed.store.paste(1, 2, *counts)
    assert packed.store.agreements.dtype == np.uint32
    np.testing.assert_array_equal(packed.store.cut(1, 2)[1], counts[1])
    assert not packed.store.agreements.any()


def test_states_of_something_else_are_refused():
    dense, packed = tiles("byte")
    for entry in padded(200):
        packed.apply(entry, NAMES)
    state = packed.store.state()
    other = Tile(NAMES[:3], NAMES, packed.counting)
    wrong = state["packed"].copy()
    wrong[0] ^= 0x78
    for store, bad in (
        (packed.store, dense.store.state()),
        (other.store, state),
        (packed.store, {**state, "packed": wrong}),
        (packed.store, {**state, "packed": state["packed"][:-1]}),
        (packed.store, {**state, "greatest": np.array(300)}),
    ):
        with pytest.raises(ValueError):
            store.load(bad)
    with pytest.raises(ValueError):
        rle.RleStore(1, 1, 1, "bits")
