"""What is known of a camera's view at one instant."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

NO_GROUP = -1


@dataclass(frozen=True)
class People:
    """People in one frame, a row each.

    Attributes:
        track: int64 (n,), from 1 on, unique in a camera.
        box: float64 (n, 4): left, top, width, height, pixels; may reach beyond the image.
        score: float64 (n,), the detector's, 0 to 1; NaN where nothing was detected in this frame and the
            track is carried on.
        ground: float64 (n, 2), where they stand, in the ground's unit; NaN where that cannot be told.
        sigma: float64 (n,), standard deviation of ``ground`` along an axis, in the same unit.
        group: int64 (n,), the number of their group, NO_GROUP for none.
    """

    track: Ints
    box: Floats
    score: Floats
    ground: Floats
    sigma: Floats
    group: Ints

    def __len__(self) -> int:
        return len(self.track)


@dataclass(frozen=True)
class Scene:
    """One frame of one camera.

    Attributes:
        time_s: when it was captured, UTC epoch seconds.
        people: who is there.
        near: int64 (m, 2), rows of ``people`` that are closer to each other than the limit and not exempt.
        distance: float64 (m,), how far apart they are, in the ground's unit.
    """

    time_s: float
    people: People
    near: Ints
    distance: Floats

    @property
    def offends(self) -> npt.NDArray[np.bool_]:
        """Who is too close to somebody, bool (people,)."""
        offends = np.zeros(len(self.people), dtype=np.bool_)
        offends[self.near.ravel()] = True
        return offends


def nobody(time_s: float) -> Scene:
    """A frame without people."""
    people = People(
        np.empty(0, np.int64),
        np.empty((0, 4)),
        np.empty(0),
        np.empty((0, 2)),
        np.empty(0),
        np.empty(0, np.int64),
    )
    return Scene(time_s, people, np.empty((0, 2), np.int64), np.empty(0))
