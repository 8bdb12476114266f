"""Who was together, when, and why."""

from __future__ import annotations

import math
from dataclasses import dataclass

Pair = tuple[int, int]


@dataclass(frozen=True)
class Together:
    """A time that two people spent together, during which the distance between them is no violation.

    Attributes:
        pair: their tracks, ascending.
        since_s: when they began to keep together.
        recognised_s: when that was recognised, never before ``since_s``.
        until_s: when they parted or were last seen; infinite while it lasts.
        direct: whether they keep close to each other, rather than both to others of their group.
    """

    pair: Pair
    since_s: float
    recognised_s: float
    until_s: float = math.inf
    direct: bool = True

    def covers(self, time_s: float) -> bool:
        """Whether they are together at ``time_s``, as is known now."""
        return self.since_s <= time_s <= self.until_s


@dataclass(frozen=True)
class Group:
    """People who are or were together.

    Attributes:
        number: unique in a run, from 0 on; kept while members come and go.
        members: tracks of all who ever belonged to it, ascending.
        since_s: when its first members began to keep together.
        recognised_s: when that was recognised.
        until_s: when the last of them parted or were last seen; infinite while it lasts.
        reason: why they are held to be together, one line.
    """

    number: int
    members: tuple[int, ...]
    since_s: float
    recognised_s: float
    until_s: float
    reason: str
