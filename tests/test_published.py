"""Which ranges one call gives a shard."""

from collections import deque

import numpy as np
import pytest

from sdist_ray.occupancy.block import Clock
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.padding import PaddedRange, Padding
from sdist_ray.occupancy.sparse import SparseWords
from sdist_ray.runtime.ray.published import MOST_BYTES, Due, Published, take_together

PADDING = Padding(Grid(12, 9), Clock(10.0, 20), 5)


def due(index, nbytes, network=("a",)):
    """A range of so many bytes."""
    occupied = SparseWords(np.zeros(0, np.int32), np.zeros(0, np.uint64))
    countable = np.zeros(nbytes // 8, np.uint64)
    return Due(index, Published(PaddedRange(index, PADDING, occupied, countable, ())), network, None)


@pytest.mark.parametrize(
    ("nbytes", "expected"), [(8, [0, 1, 2]), (MOST_BYTES // 2, [0, 1]), (MOST_BYTES + 8, [0])]
)
def test_not_too_many_and_not_too_large(nbytes, expected):
    waiting = deque(due(index, nbytes) for index in range(5))
    assert [entry.index for entry in take_together(waiting, 3)] == expected
    assert [entry.index for entry in waiting] == list(range(len(expected), 5))


def test_of_one_network():
    waiting = deque([due(0, 8), due(1, 8), due(2, 8, ("a", "b"))])
    assert [entry.index for entry in take_together(waiting, 16)] == [0, 1]
    assert [entry.index for entry in take_together(waiting, 16)] == [2]
