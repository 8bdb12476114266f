"""Somebody who is followed without a break, from where they are first seen to where they are lost."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from sdist_ray.tracking.looks import of_length_one

Floats = npt.NDArray[np.float64]

RECENT_S = 1.0
"""Over so long it is told where somebody is heading, and which cameras have seen them last."""
WAY_S = 2.0
"""For so long it is known where somebody has been."""
MOST_TRACKS = 16
UNDECIDED = 0


@dataclass
class Segment:
    """One stretch of somebody's way.

    Attributes:
        number: of the segment.
        begin_s, end_s: first and last time that any camera saw them.
        first: cameras that saw them at the beginning.
        begin_at: (2,), where that was, metres.
        sigma: how sure places are, metres.
        recent: (time, x, y) of the last WAY_S.
        seen_by: camera to when it last saw them; seen_since: to when it first did.
        tracks: (camera, its own track) to when that was last theirs; first_tracks: at the beginning.
        looks: camera to the sum of embeddings, which is replaced by a new one from time to time.
        person: the network's number; UNDECIDED until that is known.
        cut_s: when this was cut from another segment, by its looks; None where it was not.
        cut_from, until_then: that other segment, and who it is.
    """

    number: int
    begin_s: float
    end_s: float
    first: tuple[int, ...]
    begin_at: Floats
    sigma: float = 0.3
    recent: deque[tuple[float, float, float]] = field(default_factory=deque)
    seen_by: dict[int, float] = field(default_factory=dict)
    seen_since: dict[int, float] = field(default_factory=dict)
    tracks: dict[tuple[int, int], float] = field(default_factory=dict)
    first_tracks: set[tuple[int, int]] = field(default_factory=set)
    looks: dict[int, Floats] = field(default_factory=dict)
    person: int = UNDECIDED
    cut_s: float | None = None
    cut_from: int | None = None
    until_then: int = UNDECIDED

    def see(
        self, time_s: float, cameras: tuple[int, ...], tracks: list[tuple[int, int]], at: Floats, sigma: float
    ) -> None:
        """They were seen."""
        self.end_s, self.sigma = time_s, sigma
        self.recent.append((time_s, float(at[0]), float(at[1])))
        while self.recent[0][0] < time_s - WAY_S:
            self.recent.popleft()
        for camera in cameras:
            self.seen_by[camera] = time_s
            self.seen_since.setdefault(camera, time_s)
        for track in tracks:
            self.tracks.pop(track, None)
            self.tracks[track] = time_s
        while len(self.tracks) > MOST_TRACKS:
            del self.tracks[next(iter(self.tracks))]

    @property
    def known(self) -> int:
        """The network's number as far as it is known by now; UNDECIDED where it is not."""
        return self.person if self.person != UNDECIDED else self.until_then

    @property
    def last(self) -> tuple[int, ...]:
        """Cameras that saw them within the last second of the segment."""
        return tuple(c for c, seen_s in self.seen_by.items() if seen_s >= self.end_s - RECENT_S)

    @property
    def end_at(self) -> Floats:
        """(2,), where they were lost."""
        return np.array(self.recent[-1][1:])

    def place(self, time_s: float) -> Floats:
        """(2,), where they were at a time within the last WAY_S of the segment."""
        return np.array(min(self.recent, key=lambda one: abs(one[0] - time_s))[1:])

    @property
    def velocity(self) -> Floats:
        """(2,), metres a second, over the last second; 0 where that is not known."""
        since = next(one for one in self.recent if one[0] >= self.end_s - RECENT_S)
        until = self.recent[-1]
        lasted = until[0] - since[0]
        if lasted < RECENT_S / 2:
            return np.zeros(2)
        moved: Floats = (np.array(until[1:]) - np.array(since[1:])) / lasted
        return moved

    @property
    def look(self) -> Floats | None:
        """(d,), of length 1: the mean over cameras of the mean look to each; None where nobody looked."""
        parts = [one for one in map(of_length_one, self.looks.values()) if one is not None]
        return of_length_one(np.sum(parts, axis=0)) if parts else None
