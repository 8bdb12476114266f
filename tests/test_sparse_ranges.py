"""A range without its zeros pads to the same as the whole of it, and takes no memory for what nobody saw."""

import tracemalloc

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sdist_ray.occupancy.block import Clock, OccupancyRange
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.padding import Padder, Padding, pad_ranges
from sdist_ray.occupancy.sparse import SparseRange, SparseWords

GRID = Grid(4, 3)


def equal(one, other):
    assert (one.index, one.padding) == (other.index, other.padding)
    np.testing.assert_array_equal(one.countable, other.countable)
    np.testing.assert_array_equal(one.padded, other.padded)
    assert [index for index, _ in one.nearby] == [index for index, _ in other.nearby]
    pairs = [(one.occupied, other.occupied)]
    pairs += [(a, b) for (_, a), (_, b) in zip(one.nearby, other.nearby, strict=True)]
    for a, b in pairs:
        assert (a.place.dtype, a.word.dtype) == (b.place.dtype, b.word.dtype) == (np.int32, np.uint64)
        np.testing.assert_array_equal(a.place, b.place)
        np.testing.assert_array_equal(a.word, b.word)


@given(st.integers(0, 2**32 - 1), st.integers(0, 9), st.integers(1, 64), st.floats(0, 1))
def test_sparse_and_dense_ranges_pad_alike(seed, tolerance, ticks, share):
    rng = np.random.default_rng(seed)
    full = np.uint64((1 << ticks) - 1)
    dense = []
    for index in np.flatnonzero(rng.random(6) < 0.8):
        words = rng.integers(0, 1 << 63, (5, GRID.windows)).astype(np.uint64) & full
        words[rng.random(words.shape) < share] = 0
        available = rng.integers(0, 1 << 63, 5).astype(np.uint64) & full
        available[rng.random(5) < 0.5] = full
        dense.append(OccupancyRange(int(index), words, available))
    padding = Padding(GRID, Clock(10, ticks), tolerance)
    expected = list(pad_ranges(dense, padding))
    padded = list(pad_ranges([SparseRange.of(entry) for entry in dense], padding))
    assert len(padded) == len(expected) == len(dense)
    for one, other in zip(padded, expected, strict=True):
        equal(one, other)


def test_a_range_without_its_zeros_is_the_same_range():
    words = np.zeros((3, GRID.windows), np.uint64)
    words[1, 4], words[2, 0] = 5, 9
    entry = OccupancyRange(7, words, np.array([3, 15, 15], np.uint64))
    sparse = SparseRange.of(entry)
    assert sparse.occupied.place.tolist() == [16, 24]
    again = sparse.dense(GRID.windows)
    assert again.index == 7
    np.testing.assert_array_equal(again.occupied, words)
    np.testing.assert_array_equal(again.available, entry.available)


def test_padding_a_sparse_range_allocates_nothing_of_the_size_of_the_network():
    cameras, grid = 20_000, Grid()
    padder = Padder(Padding(grid, Clock(10, 20), 3))
    full = np.full(cameras, (1 << 20) - 1, np.uint64)
    words = SparseWords(np.array([5, 700_000], np.int32), np.array([1, 2], np.uint64))
    padder.push(SparseRange(0, words, full))
    tracemalloc.start()
    try:
        ready = padder.push(SparseRange(1, words, full)) + padder.flush()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(ready) == 2
    assert peak < cameras * grid.windows * 8 / 5
