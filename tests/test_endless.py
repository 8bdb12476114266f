"""What runs without an end takes no more and more memory."""

import dataclasses

import numpy as np
import pytest

from sdist_ray.coordinator.instructions import TilePlan
from sdist_ray.occupancy.block import Rows
from sdist_ray.occupancy.collate import Collator, range_of_rows
from sdist_ray.occupancy.padding import Padder
from sdist_ray.runtime.hosts import ShardHost
from tests import networks

CAMERAS, LOOP = 4, 40
ROWS = networks.activity(CAMERAS, LOOP)
NETWORK = networks.names(CAMERAS)


def held_bytes(host):
    """Of all arrays that a shard's tiles hold, however deep."""
    seen, total, todo = set(), 0, [tile.store for tile in host._tiles.values()]
    while todo:
        thing = todo.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, np.ndarray):
            total += thing.nbytes
        elif isinstance(thing, dict):
            todo += [*thing.keys(), *thing.values()]
        elif isinstance(thing, list | tuple | set) or type(thing).__name__ == "deque":
            todo += list(thing)
        elif hasattr(thing, "__dict__"):
            todo += list(vars(thing).values())
    return total


CASES = [("byte", "dense", 0, 3000), ("byte", "rle", 0, 1500), ("wide", "indexed", 50, 1500)]


@pytest.mark.parametrize(("policy", "store", "recent", "ranges"), CASES)
def test_a_shard_that_counts_for_ever_takes_no_more_memory(policy, store, recent, ranges):
    counting = dataclasses.replace(networks.counting(policy, store), recent=recent)
    host = ShardHost(counting)
    host.attach("s", [])
    host.create_tile("s", TilePlan(0, NETWORK, NETWORK))
    padder = Padder(counting.padding)
    loop = [range_of_rows(ROWS, index, CAMERAS, networks.GRID, networks.CLOCK) for index in range(LOOP)]
    sizes, after = [], None
    for index in range(ranges):
        for padded in padder.push(dataclasses.replace(loop[index % LOOP], index=index)):
            host.apply("s", padded, NETWORK, after)
            after = padded.index
        if index % (ranges // 12) == 0:
            host.directed_links("s", NETWORK, "raw", 0.0)
            sizes.append(held_bytes(host))
    assert sizes[-1] > 0
    assert max(sizes[4:]) <= 1.1 * max(sizes[2:4])
    assert len(padder._ranges) < 5
    if policy == "byte":
        for part in host.directed_links("s", NETWORK, "raw", 0.0):
            # They forget: counts of one byte never overflow, and there is something in them all the same.
            assert 0 < int(part.opportunities.max()) <= 255
            assert (part.agreements <= part.opportunities).all()


def row(camera, tick):
    nothing, empty = np.zeros(0, np.float32), np.zeros(1, np.int64)
    return Rows(
        np.array([camera], np.int32), np.array([tick]), np.zeros(0, np.uint16), empty, nothing, nothing, empty
    )


def test_the_collator_keeps_nothing_of_ranges_that_are_left_out():
    collator = Collator(2, networks.GRID, networks.CLOCK, once=True)
    for index in range(0, 5000, 50):
        for ahead in range(3):
            collator.add(row(0, (index + ahead) * 4))
            collator.add(row(1, (index + ahead) * 4 + 1))
        rows, _ = collator.close(index + 1)
        assert len(rows.tick) == 2
        assert collator.pending == 1
    assert collator.early(row(0, 400), 99).tolist() == [True]
    assert collator.early(row(0, 399), 99).tolist() == [False]


def test_of_rows_that_come_twice_the_first_is_kept():
    collator = Collator(2, networks.GRID, networks.CLOCK, once=True)
    first = dataclasses.replace(row(1, 2), windows=np.array([7], np.uint16), window_ends=np.array([1]))
    for part in (row(0, 2), first, row(1, 2), row(0, 3), row(0, 1)):
        collator.add(part)
    rows, occupancy = collator.close(0)
    assert rows.tick.tolist() == [1, 2, 2, 3]
    assert rows.camera.tolist() == [0, 0, 1, 0]
    assert rows.windows.tolist() == [7]
    assert occupancy.occupied[1, 7] == 4
