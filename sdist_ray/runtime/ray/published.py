"""Ranges on their way to shards: put in the object store as late as can be, several as one object."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import ray

from sdist_ray.occupancy.padding import PaddedRange

MOST_BYTES = 32 << 20
"""Of ranges that are given together; one that is larger is given by itself."""


class Published:
    """A range that shards are given: here until one of them is, then in the object store beside others.

    Attributes:
        padded: the range; None once it is there.
        reference: to the ranges that were put there together; None before.
        place: among these.
        nbytes: of the range, without what it shares with those before and after it.
    """

    def __init__(self, padded: PaddedRange) -> None:
        self.padded: PaddedRange | None = padded
        self.reference: Any = None
        self.place = 0
        self.nbytes = padded.occupied.place.nbytes + padded.occupied.word.nbytes + padded.countable.nbytes


def put_together(ranges: Sequence[Published]) -> None:
    """Put those that are not in the object store there, as one: each object costs a millisecond or two."""
    new = [entry for entry in ranges if entry.padded is not None]
    reference = ray.put([entry.padded for entry in new]) if new else None
    for place, entry in enumerate(new):
        entry.padded, entry.reference, entry.place = None, reference, place


@dataclass(frozen=True)
class Due:
    """A range that a shard is to count, on top of range ``after``, as soon as it has little else to do."""

    index: int
    handle: Published
    network: Sequence[str]
    after: int | None


def take_together(due: deque[Due], most: int) -> list[Due]:
    """The first of them that one call can give, taken out: of one network, not too many, not too large."""
    together = [due.popleft()]
    size = together[0].handle.nbytes
    while due and len(together) < most and due[0].network == together[0].network:
        size += due[0].handle.nbytes
        if size > MOST_BYTES:
            break
        together.append(due.popleft())
    return together
