"""What cameras report, as fusion takes it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sdist_ray.distancing.fusion import Sightings
from sdist_ray.distancing.ground import Located
from sdist_ray.distancing.scene import Floats, Ints, People


def own_tracks(boxes: Floats, people: People) -> Ints:
    """The tracks that count among a camera's detections, int64 (n,); -1 for none.

    Args:
        boxes: float64 (n, 4), all that were detected.
        people: what the camera's tracker made of them: who was detected has the box of their detection.
    """
    track = np.full(len(boxes), -1)
    seen = np.flatnonzero(np.isfinite(people.score))
    row, which = np.nonzero((boxes[:, None] == people.box[seen][None]).all(axis=2))
    track[row] = people.track[seen[which]]
    return track


def gathered(reports: Sequence[tuple[int, Located, Ints]]) -> Sightings:
    """One instant of several cameras: number, places and own tracks of each."""
    if not reports:
        nobody = np.empty(0, dtype=np.int64)
        return Sightings(nobody, np.empty((0, 2)), np.empty((0, 2, 2)), nobody)
    counts = [len(track) for _, _, track in reports]
    return Sightings(
        np.repeat([camera for camera, _, _ in reports], counts).astype(np.int64),
        np.concatenate([located.points for _, located, _ in reports]),
        np.concatenate([located.covariance for _, located, _ in reports]),
        np.concatenate([track for _, _, track in reports]).astype(np.int64),
    )  # fmt: skip
