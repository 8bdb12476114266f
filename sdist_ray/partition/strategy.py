"""What a partitioning strategy is: it watches a network and says who is to be counted together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from sdist_ray.occupancy.padding import PaddedRange
from sdist_ray.partition.grouping import Floats, Ints, Labels
from sdist_ray.topology.links import Links


def require(name: str, value: object, fits: bool, right: str) -> None:
    """Raise ValueError where an option does not fit."""
    if not fits:
        raise ValueError(f"{name} is {value!r}, but must be {right}")


@dataclass(frozen=True)
class CameraLinks:
    """Pairs of cameras that exclusion has linked: of those that are counted together.

    Attributes:
        first, second: int64 (pairs,), places; first < second.
        links: int64 (pairs,), linked pairs of windows.
        score: float64 (pairs,), the greatest min(C'[i, j], C'[j, i]) of them.
    """

    first: Ints
    second: Ints
    links: Ints
    score: Floats

    @classmethod
    def of(cls, links: Links) -> CameraLinks:
        """What links of windows say of cameras."""
        total = len(links.cameras)
        pairs, which = np.unique(links.camera_a * total + links.camera_b, return_inverse=True)
        score = np.zeros(len(pairs))
        np.maximum.at(score, which, np.minimum(links.score_ab, links.score_ba))
        first, second = np.divmod(pairs, max(1, total))
        return cls(first, second, np.bincount(which, minlength=len(pairs)), score)


NO_LINKS = CameraLinks(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))


class Strategy(Protocol):
    """Decides who is counted together, from what is seen and from what counting found.

    Cameras have places, from 0; groups are labels. A strategy keeps what it knows in memory that grows with
    cameras, not with their square, unless it says so.

    Attributes:
        work: increments that its own counting took so far (or would have taken one by one), to be compared
            with those of exclusion: occupied ticks times the windows, blocks or unions each is held against.
        asks_links: whether ``plan`` wants to know what exclusion has linked; others are given no links.
        due: whether a new plan should be asked for.
    """

    work: int
    asks_links: bool

    def begin(self, labels: Labels) -> Labels:
        """Before anything is seen: who is counted together at first.

        Args:
            labels: groups to begin with, int32 (cameras,); -1 for a camera that nobody placed.
        """
        ...

    @property
    def due(self) -> bool:
        """See above."""
        ...

    def watch(self, padded: PaddedRange) -> None:
        """See a range of the whole network; they come in order."""
        ...

    def plan(self, now: Labels, links: CameraLinks) -> Labels:
        """Who is to be counted together from now on.

        Args:
            now: who is, so far; int32 (cameras,).
            links: what that has found.
        """
        ...

    def grow(self, cameras: int) -> None:
        """The network has more cameras; the others keep their places."""
        ...
