"""Padding against the oracle, word for word: every tolerance, length of range and shape of grid."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sdist_ray.occupancy.block import Clock
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.padding import Padding, pad_ranges, smear
from sdist_ray.occupancy.sparse import SparseRange, SparseWords
from tests import oracles


def words_of(bits):
    """Ticks of one range, bool (ticks, ...), as uint64."""
    weight = np.uint64(1) << np.arange(len(bits), dtype=np.uint64).reshape(-1, *[1] * (bits.ndim - 1))
    return (bits * weight).sum(axis=0, dtype=np.uint64)


def bits_of(words, ticks):
    return (words[None] >> np.arange(ticks, dtype=np.uint64).reshape(-1, *[1] * words.ndim)) & np.uint64(
        1
    ) > 0


@settings(max_examples=150)
@given(
    columns=st.integers(1, 5),
    rows=st.integers(1, 5),
    ticks=st.sampled_from([1, 2, 20, 63, 64]),
    ranges=st.integers(1, 4),
    tolerance=st.sampled_from([0, 1, 2, 3, 5, 6, 7, 20, 63, 64, 65, 130]),
    fill=st.sampled_from([0.0, 0.02, 0.3, 1.0]),
    available=st.sampled_from([0.9, 1.0]),
    seed=st.integers(0, 2**32 - 1),
)
def test_padding_is_what_it_says(columns, rows, ticks, ranges, tolerance, fill, available, seed):
    random = np.random.default_rng(seed)
    cameras, total = 3, ranges * ticks
    occupied = random.random((total, cameras, rows * columns)) < fill
    there = random.random((total, cameras)) < available
    occupied &= there[:, :, None]
    y = oracles.pad_in_time(oracles.pad_in_space(occupied, columns, rows), tolerance)
    r = oracles.countable(there, tolerance)
    found = list(
        pad_ranges(
            (
                SparseRange(
                    index,
                    SparseWords.of(words_of(occupied[index * ticks : (index + 1) * ticks])),
                    words_of(there[index * ticks : (index + 1) * ticks]),
                )
                for index in range(ranges)
            ),
            Padding(Grid(columns, rows), Clock(10.0, ticks), tolerance),
        )
    )
    assert [part.index for part in found] == list(range(ranges))
    np.testing.assert_array_equal(np.concatenate([bits_of(part.padded, ticks) for part in found]), y)
    np.testing.assert_array_equal(np.concatenate([bits_of(part.countable, ticks) for part in found]), r)


def test_padding_reads_what_may_not_be_written():
    words = np.array([1, 0, 1 << 19], dtype=np.uint64)
    words.flags.writeable = False
    out = np.zeros(3, dtype=np.uint64)
    smear(words, 20, 3, 20, out)
    assert out.tolist() == [0b111 << 17, 0, 0]
    smear(words, -20, 3, 20, out)
    assert out.tolist() == [0b111 << 17, 0, 0b111]
