"""Who is who from frame to frame: Kalman filters on the ground and optimal assignment.

After SORT (Bewley et al., Simple online and realtime tracking, 2016) and ByteTrack (Zhang et al., 2022). Here
the filters are on the ground, so that each detection counts by its own uncertainty in metres.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from sdist_ray.distancing.ground import Located
from sdist_ray.distancing.kalman import corrected, predicted
from sdist_ray.distancing.scene import NO_GROUP, Floats, Ints, People

Bools = npt.NDArray[np.bool_]
SAME_BOX = 0.3
"""Boxes that overlap so much (intersection over union) from one frame to the next are one person."""
MAX_GAP_S = 10.0
"""After a longer pause between frames everybody is somebody new."""


@dataclass(frozen=True)
class TrackSettings:
    """Of the tracker.

    Attributes:
        start_score: a detection needs this score to begin a track; any continues one.
        confirm_hits: detections after which a track counts.
        coast_s: how long a track is carried on while nobody is detected there.
        forget_s: how long it can still be taken up again; at least ``coast_s``.
        acceleration: standard deviation of what changes a person's velocity, m/s² (a walker starts or stops
            within a second or two).
        speed: standard deviation of a new person's velocity along an axis, m/s (people walk at 1.3 m/s).
        gate: greatest squared Mahalanobis distance from where a track is expected; 13.8 is exceeded by one
            true detection in a thousand (chi-squared, 2 degrees of freedom).
    """

    start_score: float = 0.3
    confirm_hits: int = 3
    coast_s: float = 0.7
    forget_s: float = 2.0
    acceleration: float = 1.0
    speed: float = 1.2
    gate: float = 13.8


class Tracker:
    """One camera's tracks. Lengths are the ground's units: ``metre`` of them make a metre."""

    def __init__(self, settings: TrackSettings, image_size: tuple[int, int], metre: float = 1.0) -> None:
        self._settings = settings
        self._size = np.array(image_size, dtype=np.float64)
        self._metre = metre
        self._time_s: float | None = None
        self._next = 1
        self._track = np.empty(0, dtype=np.int64)
        self._state = np.empty((0, 4))
        self._covariance = np.empty((0, 4, 4))
        self._box = np.empty((0, 4))
        self._drift = np.empty((0, 2))
        self._score = np.empty(0)
        self._hits = np.empty(0, dtype=np.int64)
        self._seen_s = np.empty(0)

    @property
    def started(self) -> int:
        """How many tracks there have been, those that never counted included."""
        return self._next - 1

    def update(self, time_s: float, boxes: Floats, scores: Floats, located: Located) -> People:
        """Take one frame's detections; the people that count, NO_GROUP for all.

        Args:
            time_s: when the frame was captured; not before the last one.
            boxes: float64 (n, 4), pixels.
            scores: float64 (n,).
            located: where they stand.
        """
        known = np.isfinite(located.points).all(axis=1)
        boxes, scores = boxes[known], scores[known]
        points, covariance = located.points[known], located.covariance[known]
        step = 0.0 if self._time_s is None else max(0.0, time_s - self._time_s)
        if step > MAX_GAP_S:
            self._keep(np.zeros(len(self._track), dtype=np.bool_))
        self._time_s = time_s
        self._predict(step)
        strong = scores >= self._settings.start_score
        counts = self._hits >= self._settings.confirm_hits
        free_tracks, free = np.ones(len(self._track), dtype=np.bool_), np.ones(len(boxes), dtype=np.bool_)
        # First those that are sure on both sides, then what is faint, then beginners with what is left.
        for tracks, detections in ((counts, strong), (counts, ~strong), (~counts, strong)):
            rows, columns = np.flatnonzero(tracks & free_tracks), np.flatnonzero(detections & free)
            row, column = self._assign(rows, columns, points, covariance, boxes)
            self._correct(row, points[column], covariance[column], boxes[column], scores[column], step)
            free_tracks[row], free[column] = False, False
        self._seen_s[~free_tracks] = time_s
        self._score[free_tracks] = np.nan
        self._end(time_s, free_tracks)
        self._begin(points, covariance, boxes, scores, free & strong)
        return self._people(time_s)

    def _predict(self, step: float) -> None:
        if step == 0.0 or not len(self._track):
            return
        acceleration = self._settings.acceleration * self._metre
        self._state, self._covariance = predicted(self._state, self._covariance, step, acceleration)
        self._box[:, :2] += self._drift * step

    def _assign(
        self, rows: Ints, columns: Ints, points: Floats, covariance: Floats, boxes: Floats
    ) -> tuple[Ints, Ints]:
        """Tracks and detections that belong together, at least cost."""
        if not len(rows) or not len(columns):
            return rows[:0], columns[:0]
        spread = self._covariance[rows, None, :2, :2] + covariance[None, columns]
        off = points[None, columns] - self._state[rows, None, :2]
        distance = np.einsum("rci,rcij,rcj->rc", off, np.linalg.inv(spread), off)
        # People keep their size from one frame to the next: what differs by half is somebody else, or a part.
        ratio = np.log(boxes[None, columns, 3] / np.maximum(self._box[rows, None, 3], 1.0))
        cost = distance + np.log(np.linalg.det(spread)) + (ratio / 0.3) ** 2
        # A box that half covers where one was expected is the same person, whatever its lower edge says:
        # where legs are hidden, or come back into view, the place on the ground jumps.
        allowed = (distance <= self._settings.gate) | (overlap(self._box[rows], boxes[columns]) >= SAME_BOX)
        never = float(np.abs(cost).max()) * min(cost.shape) * 2 + 1e6
        row, column = linear_sum_assignment(np.where(allowed, cost, never))
        good = allowed[row, column]
        return rows[row[good]], columns[column[good]]

    def _correct(
        self, row: Ints, points: Floats, covariance: Floats, boxes: Floats, scores: Floats, step: float
    ) -> None:
        if not len(row):
            return
        self._state[row], self._covariance[row] = corrected(
            self._state[row], self._covariance[row], points, covariance
        )
        if step > 0:
            # How fast the box moves in the image, for the frames in which it is not found.
            error = (boxes[:, :2] + boxes[:, 2:] / 2 - self._box[row, :2] - self._box[row, 2:] / 2) / step
            self._drift[row] += error * min(1.0, step / 0.5)
        self._box[row], self._score[row] = boxes, scores
        self._hits[row] += 1

    def _end(self, time_s: float, lost: Bools) -> None:
        """Forget who has not been seen for long, beginners that were missed, and who has left the image."""
        settings = self._settings
        middle = self._box[:, :2] + self._box[:, 2:] / 2
        outside = ((middle < 0) | (middle > self._size)).any(axis=1)
        beginner = self._hits < settings.confirm_hits
        gone = lost & (beginner | outside | (time_s - self._seen_s > settings.forget_s))
        self._keep(~gone)

    def _keep(self, which: Bools) -> None:
        for name in ("track", "state", "covariance", "box", "drift", "score", "hits", "seen_s"):
            setattr(self, f"_{name}", getattr(self, f"_{name}")[which])

    def _begin(self, points: Floats, covariance: Floats, boxes: Floats, scores: Floats, which: Bools) -> None:
        count = int(which.sum())
        if not count:
            return
        assert self._time_s is not None
        state, spread = np.zeros((count, 4)), np.zeros((count, 4, 4))
        state[:, :2], spread[:, :2, :2] = points[which], covariance[which]
        spread[:, 2, 2] = spread[:, 3, 3] = (self._settings.speed * self._metre) ** 2
        new = {
            "track": np.arange(self._next, self._next + count), "state": state, "covariance": spread,
            "box": boxes[which], "drift": np.zeros((count, 2)), "score": scores[which],
            "hits": np.ones(count, dtype=np.int64), "seen_s": np.full(count, self._time_s),
        }  # fmt: skip
        for name, values in new.items():
            setattr(self, f"_{name}", np.concatenate([getattr(self, f"_{name}"), values]))
        self._next += count

    def _people(self, time_s: float) -> People:
        settings = self._settings
        counts = self._hits >= settings.confirm_hits
        seen = counts & (self._seen_s == time_s)
        carried = counts & ~seen & (time_s - self._seen_s <= settings.coast_s)
        # Who is carried on to where somebody else is found was that somebody, or stands behind.
        carried[carried] = ~(overlap(self._box[carried], self._box[seen]) >= SAME_BOX).any(axis=1)
        shown = seen | carried
        covariance = self._covariance[shown]
        sigma = np.sqrt((covariance[:, 0, 0] + covariance[:, 1, 1]) / 2)
        return People(
            self._track[shown], self._box[shown], self._score[shown], self._state[shown, :2], sigma,
            np.full(int(shown.sum()), NO_GROUP, dtype=np.int64),
        )  # fmt: skip


def overlap(boxes: Floats, others: Floats) -> Floats:
    """Intersection over union of every two boxes, float64 (n, m), of (n, 4) and (m, 4)."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum((boxes[:, :2] + boxes[:, 2:])[:, None], (others[:, :2] + others[:, 2:])[None])
    shared = np.prod(np.clip(high - low, 0.0, None), axis=2)
    areas = np.prod(boxes[:, 2:], axis=1)[:, None] + np.prod(others[:, 2:], axis=1)[None]
    result: Floats = shared / np.maximum(areas - shared, 1e-9)
    return result
