"""One ground plane while footage grows: memory is bounded, and only new evidence is looked at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sdist_ray.occupancy.block import Rows
from sdist_ray.topology.ground_plane.growing_tracks import GrowingTracks
from sdist_ray.topology.ground_plane.known import Known
from sdist_ray.topology.ground_plane.learn import learn
from sdist_ray.topology.ground_plane.plane import GroundPlane, LearnSettings
from sdist_ray.topology.ground_plane.search import Runner
from sdist_ray.topology.ground_plane.view import View, sample_step

FORMAT = 1
Arrays = Mapping[str, npt.NDArray[Any]]


class GrowingPlane:
    """Takes foot points as they come and places cameras over one ground, again and again.

    Footage older than ``minutes`` is forgotten: memory is bounded by what was seen in them, by the candidates
    and by the pairs that were placed. A pair that was placed stays so until newer footage speaks against it.

    Args:
        fps: ticks per second.
        minutes: of footage that are kept.
        settings: see LearnSettings.

    Attributes:
        cameras: ids, in the order in which they came; pairs are indices into it.
        until: the tick after the newest; None before the first.
    """

    def __init__(self, fps: float, minutes: float, settings: LearnSettings) -> None:
        self._fps, self._settings = fps, settings
        self._step = sample_step(fps)
        self._window = max(1, round(minutes * 60 * fps / self._step))
        self._places: dict[str, int] = {}
        self._tracks: list[GrowingTracks] = []
        self._known = Known()
        self._first: int | None = None
        self.until: int | None = None

    @property
    def cameras(self) -> tuple[str, ...]:
        """See above."""
        return tuple(self._places)

    def add(self, rows: Rows, cameras: Sequence[str], until: int) -> None:
        """More of what cameras saw; what is not newer than what is known is left out.

        Args:
            rows: in any order; ``camera`` are indices into ``cameras``.
            cameras: ids.
            until: the tick that comes after these.
        """
        rows = rows.take(np.flatnonzero(rows.tick >= (self.until or 0)))
        if not len(rows.tick):
            return
        rows = rows.take(np.lexsort((rows.tick, rows.camera)))
        if self._first is None:
            self._first = int(rows.tick.min())
        self.until = until
        bounds = np.searchsorted(rows.camera, np.arange(len(cameras) + 1))
        for number, camera in enumerate(cameras):
            own = rows.slice(int(bounds[number]), int(bounds[number + 1]))
            if len(own.tick):
                tick = np.repeat(own.tick, np.diff(own.foot_ends, prepend=0))
                self._of(camera).add(tick, own.foot_x, own.foot_y, own.tick, until)
        since, _ = self._samples()
        for tracks in self._tracks:
            tracks.forget(since)

    def _of(self, camera: str) -> GrowingTracks:
        if camera not in self._places:
            self._places[camera] = len(self._places)
            self._tracks.append(GrowingTracks(self._fps))
        return self._tracks[self._places[camera]]

    def _samples(self) -> tuple[int, int]:
        """The first sample of the window, and the one after its last."""
        if self._first is None or self.until is None:
            return 0, 0
        until = -(-self.until // self._step)
        return max(-(-self._first // self._step), until - self._window), until

    @property
    def samples(self) -> int:
        """How many samples are known."""
        since, until = self._samples()
        return max(until - since, 0)

    @property
    def footage_s(self) -> float:
        """Seconds of footage that are known."""
        return self.samples * self._step / self._fps

    @property
    def nbytes(self) -> int:
        """Bytes of tracklets that are kept."""
        return sum(tracks.nbytes for tracks in self._tracks)

    def learn(self, runner: Callable[[Sequence[View]], Runner]) -> GroundPlane:
        """What is known now.

        Args:
            runner: runs tasks on views.
        """
        if not self.samples:
            return GroundPlane()
        since, until = self._samples()
        views = [tracks.view(since, until) for tracks in self._tracks]
        return learn(views, runner(views), self._settings, known=self._known, since=since)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """All that is known, to be kept somewhere; see ``restore``."""
        found = {
            "format": np.array([FORMAT, self._step]),
            "fps": np.array([self._fps]),
            "time": np.array([-1 if t is None else t for t in (self._first, self.until)]),
            "cameras": np.array(self.cameras, np.str_),
            **{f"known.{name}": array for name, array in self._known.arrays().items()},
        }
        # One array for all cameras: thousands of small ones would be slow to write.
        every = [tracks.arrays() for tracks in self._tracks]
        for name in every[0] if every else ():
            found[f"tracks.{name}"] = np.concatenate([arrays[name] for arrays in every])
            found[f"ends.{name}"] = np.cumsum([len(arrays[name]) for arrays in every])
        return found

    def restore(self, arrays: Arrays) -> None:
        """Know what another one knew.

        Raises:
            ValueError, KeyError: it is of another format, or of another rate.
        """
        if arrays["format"].tolist() != [FORMAT, self._step] or arrays["fps"].tolist() != [self._fps]:
            raise ValueError("of another format or rate")
        first, until = arrays["time"].tolist()
        self._first, self.until = (None if t < 0 else t for t in (first, until))
        self._known = Known()
        self._known.restore(_named(arrays, "known."))
        self._places = {camera: number for number, camera in enumerate(arrays["cameras"].tolist())}
        self._tracks = [GrowingTracks(self._fps) for _ in self._places]
        ends = _named(arrays, "ends.")
        for number, tracks in enumerate(self._tracks):
            tracks.restore({
                name: array[ends[name][number - 1] if number else 0 : ends[name][number]]
                for name, array in _named(arrays, "tracks.").items()
            })  # fmt: skip


def _named(arrays: Arrays, prefix: str) -> dict[str, npt.NDArray[Any]]:
    return {name.removeprefix(prefix): arrays[name] for name in arrays if name.startswith(prefix)}
