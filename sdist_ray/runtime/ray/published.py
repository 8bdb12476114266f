"""Ranges on their way to shards: put in the object store as late as can be, several as one object."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ray

from sdist_ray.occupancy.padding import PaddedRange


class Published:
    """A range that shards are given: here until one of them is, then in the object store beside others.

    Attributes:
        padded: the range; None once it is there.
        reference: to the ranges that were put there together; None before.
        place: among these.
    """

    def __init__(self, padded: PaddedRange) -> None:
        self.padded: PaddedRange | None = padded
        self.reference: Any = None
        self.place = 0


def put_together(ranges: Sequence[Published]) -> None:
    """Put those that are not in the object store there, as one: each object costs a millisecond or two."""
    new = [entry for entry in ranges if entry.padded is not None]
    reference = ray.put([entry.padded for entry in new]) if new else None
    for place, entry in enumerate(new):
        entry.padded, entry.reference, entry.place = None, reference, place
