"""One camera's tracklets while its footage grows: the newest window of them, made into a View when asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from sdist_ray.topology.ground_plane import tracklets
from sdist_ray.topology.ground_plane.homography import UNITS_X, UNITS_Y
from sdist_ray.topology.ground_plane.view import Array, Ints, View, sample_half, sample_step, view_of

Places = npt.NDArray[np.float32]


class GrowingTracks:
    """Takes a camera's foot points as they come, and forgets what is older than its window.

    A view is, but for the last bits of its places, the one that all of its window's foot points would give
    at once. Samples are numbered from tick 0 on: sample s is at tick s · step.

    Args:
        fps: ticks per second.
    """

    def __init__(self, fps: float) -> None:
        self._fps = fps
        self._step = sample_step(fps)
        self._half = sample_half(self._step)
        self._most_gap = max(round(tracklets.GAP_S * fps), tracklets.GAP_TICKS)
        self._tracks = 0
        self._open, self._state = tracklets.nothing_open()
        # Foot points of tracklets that may go on: tick, tracklet; x, y in units.
        self._loose, self._loose_place = np.zeros((0, 2), np.int64), np.zeros((0, 2))
        # Of tracklets that have ended: number, first sample, samples; their places.
        self._ended, self._places = np.zeros((0, 3), np.int64), np.zeros((0, 2), np.float32)
        self._available = np.zeros(0, np.int64)

    def add(
        self, tick: Ints, foot_x: npt.NDArray[Any], foot_y: npt.NDArray[Any], available: Ints, until: int
    ) -> None:
        """More foot points.

        Args:
            tick: int64 (n,), ascending, later than all before.
            foot_x, foot_y: (n,), fractions of the image.
            available: int64 (m,), ascending: ticks at which the camera delivered anything.
            until: the tick that comes after these.
        """
        x, y = np.asarray(foot_x, np.float64) * UNITS_X, np.asarray(foot_y, np.float64) * UNITS_Y
        track, self._tracks, opened, state = tracklets.link_on(
            tick, x, y, self._fps, self._open, self._state, self._tracks
        )
        self._loose = np.concatenate([self._loose, np.column_stack([tick, track])])
        self._loose_place = np.concatenate([self._loose_place, np.column_stack([x, y])])
        goes_on = until - opened[:, 2] <= self._most_gap
        self._open, self._state = opened[goes_on], state[goes_on]
        ended = ~np.isin(self._loose[:, 1], self._open[:, 0])
        entries, places = self._sampled(ended)
        self._ended = np.concatenate([self._ended, entries])
        self._places = np.concatenate([self._places, places])
        self._loose, self._loose_place = self._loose[~ended], self._loose_place[~ended]
        samples = available[available % self._step == 0] // self._step
        self._available = np.concatenate([self._available, samples])

    def _sampled(self, which: npt.NDArray[np.bool_]) -> tuple[Ints, Places]:
        """Loose foot points as sampled tracklets: as ``_ended`` and ``_places`` are."""
        tick, place = np.ascontiguousarray(self._loose[which, 0]), self._loose_place[which]
        numbers, track = np.unique(self._loose[which, 1], return_inverse=True)
        x, y = np.ascontiguousarray(place[:, 0]), np.ascontiguousarray(place[:, 1])
        first, offset, filled = tracklets.fill(tick, x, y, track.astype(np.int64), len(numbers))
        starts, offsets, places = tracklets.sample(first, offset, filled, self._step, self._half)
        # One without a sample within it is left out there.
        end = first + np.diff(offset)
        sampled = -(-end // self._step) > -(-first // self._step)
        return np.column_stack([numbers[sampled], starts, np.diff(offsets)]), places.astype(np.float32)

    def forget(self, before: int) -> None:
        """Nothing before this sample is wanted any more."""
        kept = self._ended[:, 1] + self._ended[:, 2] > before
        self._places = self._places[np.repeat(kept, self._ended[:, 2])]
        self._ended = self._ended[kept]
        # What fills a gap across the window's beginning, or is averaged there, is still needed.
        recent = self._loose[:, 0] >= before * self._step - self._most_gap - self._half
        self._loose, self._loose_place = self._loose[recent], self._loose_place[recent]
        self._available = self._available[self._available >= before]

    def view(self, since: int, until: int) -> View:
        """What was seen from sample ``since`` up to ``until``; its first sample is 0."""
        entries, places = self._sampled(np.ones(len(self._loose), np.bool_))
        entries = np.concatenate([self._ended, entries])
        places = np.concatenate([self._places, places])
        begin = np.maximum(entries[:, 1], since)
        length = np.minimum(entries[:, 1] + entries[:, 2], until) - begin
        source = np.cumsum(entries[:, 2]) - entries[:, 2] + begin - entries[:, 1]
        order = np.argsort(entries[:, 0], kind="stable")
        order = order[length[order] > 0]
        length = length[order]
        offset = np.concatenate([[0], np.cumsum(length)])
        which = np.repeat(source[order] - offset[:-1], length) + np.arange(int(length.sum()))
        available = np.zeros(until - since, np.bool_)
        inside = self._available[(self._available >= since) & (self._available < until)]
        available[inside - since] = True
        place: Array = places[which].astype(np.float64)
        return view_of(begin[order] - since, offset, place, available)

    @property
    def nbytes(self) -> int:
        """Bytes of the arrays that are kept."""
        return sum(array.nbytes for array in self.arrays().values())

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """All that is known, to be kept somewhere; see ``restore``."""
        return {
            "tracks": np.array([self._tracks]),
            "open": self._open,
            "state": self._state,
            "loose": self._loose,
            "loose_place": self._loose_place,
            "ended": self._ended,
            "places": self._places,
            "available": self._available,
        }

    def restore(self, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
        """Know what another one knew."""
        self._tracks = int(arrays["tracks"][0])
        self._open, self._state = arrays["open"], arrays["state"]
        self._loose, self._loose_place = arrays["loose"], arrays["loose_place"]
        self._ended, self._places = arrays["ended"], arrays["places"]
        self._available = arrays["available"]
