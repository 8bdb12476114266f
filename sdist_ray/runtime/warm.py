"""Everything compiled before it is needed.

Numba compiles a kernel when it is called first, for some ten seconds where its cache is cold, and holds the
interpreter meanwhile: in a live network cameras of the same process would not be read, and what they sent
would seem to be captured when it was read at last.
"""

from __future__ import annotations

import functools
import pickle

import numpy as np

from sdist_ray.exclusion.tile import Counting, Tile
from sdist_ray.exclusion.together import Together
from sdist_ray.occupancy.block import BlockBuilder, OccupancyRange
from sdist_ray.occupancy.collate import Collator
from sdist_ray.occupancy.padding import PaddedRange, Padder, Padding
from sdist_ray.occupancy.rates import RateCounter
from sdist_ray.occupancy.sparse import SparseRange
from sdist_ray.occupancy.visits import VisitCounter
from sdist_ray.topology.links import directed_links

NAMES = ("a", "b")
MIDDLE = np.full(1, 0.5, np.float32)


@functools.cache
def _occupancy(padding: Padding) -> tuple[OccupancyRange, ...]:
    """Some small ranges of two cameras."""
    collator = Collator(len(NAMES), padding.grid, padding.clock, once=True)
    ranges = []
    for index in range(3):
        for place in range(len(NAMES)):
            builder = BlockBuilder(place, padding.grid, padding.clock)
            builder.add(index * padding.clock.range_ticks, True, MIDDLE, MIDDLE)
            collator.add(builder.take(index))
        ranges.append(collator.close(index)[1])
    return tuple(ranges)


@functools.cache
def warm_up_ranges(padding: Padding) -> tuple[PaddedRange, ...]:
    """Have compiled what closes and pads a range; some small ranges of two cameras."""
    padder = Padder(padding)
    ready = [padded for occupancy in _occupancy(padding) for padded in padder.push(occupancy)]
    return (*ready, *padder.flush())


@functools.cache
def warm_up_tally(padding: Padding) -> None:
    """Have compiled what a Tally counts of closed ranges."""
    visits = VisitCounter(len(NAMES), padding.grid.windows, padding.clock)
    rates = RateCounter(len(NAMES), padding)
    for occupancy in _occupancy(padding):
        visits.add(SparseRange.of(occupancy))
        rates.add(SparseRange.of(occupancy))
    rates.rates()


@functools.cache
def warm_up_tiles(counting: Counting, read_only: bool = False) -> None:
    """Have compiled what counts a range and finds links in a tile of one triangle, or of a rectangle.

    Args:
        counting: how tiles count.
        read_only: ranges come as another process hands them out, in memory that cannot be written to. To
            Numba such arrays are of another type.
    """
    ranges = warm_up_ranges(counting.padding)
    for rows in (NAMES, NAMES[:1]):
        tile = Tile(rows, NAMES, counting)
        together = Together([tile], NAMES)
        for padded in ranges:
            together.apply(_frozen(padded) if read_only else padded)
            # The first time links are looked for, and then they are followed.
            directed_links(tile, NAMES, "nonexclusion", 0.0, follow=True)


def _frozen(padded: PaddedRange) -> PaddedRange:
    buffers: list[pickle.PickleBuffer] = []
    data = pickle.dumps(padded, protocol=5, buffer_callback=buffers.append)
    copy: PaddedRange = pickle.loads(data, buffers=[bytes(part) for part in buffers])  # noqa: S301 - our own
    return copy
