"""Looks at people while they are tracked: frames of their cameras' videos, and what a model says of them."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import numpy as np

from sdist_ray.cameras.camera import Camera
from sdist_ray.detection.embedding import Embed
from sdist_ray.distancing.scene import Floats
from sdist_ray.errors import InputError
from sdist_ray.jobs.console import say
from sdist_ray.jobs.track_feed import Rows
from sdist_ray.video.files import open_source
from sdist_ray.video.source import FrameError, Image, VideoSource

HALF_FRAME = 0.5
LEAST_PX = 8
"""Sides of a picture that tells anything."""
MOST_TRACKS = 10_000


class FrameReader:
    """One camera's frames by their times, which must come in order."""

    def __init__(self, camera: Camera) -> None:
        """Open its video.

        Raises:
            InputError: it cannot be read.
        """
        self._source: VideoSource = open_source(camera)
        self.fps, self.size = self._source.fps, self._source.size
        self._time_s = self._source.grab()
        self._image: tuple[float, Image] | None = None

    def at(self, time_s: float) -> Image | None:
        """The frame nearest to a time, read-only; None where there is none within half a frame."""
        half = HALF_FRAME / self.fps * 1.01
        if self._image is not None and abs(self._image[0] - time_s) <= half:
            return self._image[1]
        while self._time_s is not None and self._time_s < time_s - half:
            self._time_s = self._source.grab()
        if self._time_s is None or self._time_s > time_s + half:
            return None
        with contextlib.suppress(FrameError):
            image = self._source.decode()
            self._image = (self._time_s, image)
            self._time_s = self._source.grab()
            return image
        return None

    def close(self) -> None:
        """Let go of the file."""
        self._source.close()


class Looker:
    """Looks at every track from time to time."""

    def __init__(self, cameras: Sequence[Camera], embed: Embed, every_s: float) -> None:
        self._cameras, self._embed, self._every_s = cameras, embed, every_s
        self._readers: dict[int, FrameReader | None] = {}
        self._looked: dict[tuple[int, int], float] = {}

    def look(self, frames: Sequence[tuple[int, Rows]]) -> dict[int, Floats]:
        """Embeddings of some of an instant's people, by row: those of all cameras one after the other."""
        pictures: list[Image] = []
        which: list[int] = []
        first = 0
        for number, rows in frames:
            due = [
                row
                for row, track in enumerate(rows.track.tolist())
                if np.isfinite(rows.score[row])
                and rows.time_s - self._looked.get((number, track), -np.inf) >= self._every_s
            ]
            image = self._frame(number, rows.time_s) if due else None
            for row in due if image is not None else ():
                assert image is not None
                left, top, width, height = rows.box[row].round().astype(int).tolist()
                picture = image[max(top, 0) : top + height, max(left, 0) : left + width]
                if min(picture.shape[:2]) >= LEAST_PX:
                    self._looked[number, int(rows.track[row])] = rows.time_s
                    pictures.append(picture)
                    which.append(first + row)
            first += len(rows.track)
        if len(self._looked) > MOST_TRACKS:
            newest = sorted(self._looked.items(), key=lambda entry: -entry[1])[: MOST_TRACKS // 2]
            self._looked = dict(newest)
        return dict(zip(which, self._embed(pictures), strict=True)) if pictures else {}

    def _frame(self, number: int, time_s: float) -> Image | None:
        if number not in self._readers:
            try:
                self._readers[number] = FrameReader(self._cameras[number])
            except (InputError, OSError) as error:
                say(f"camera {self._cameras[number].id}: its people are not looked at: {error}")
                self._readers[number] = None
        reader = self._readers[number]
        return None if reader is None else reader.at(time_s)

    def close(self) -> None:
        """Let go of all files."""
        for reader in self._readers.values():
            if reader is not None:
                reader.close()
