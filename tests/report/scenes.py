"""Scenes to draw, made up."""

from __future__ import annotations

import numpy as np

from sdist_ray.distancing.scene import NO_GROUP, People, Scene

SIZE = (320, 240)


def scene(boxes, near=(), distance=None, *, ground=None, score=0.9, group=NO_GROUP, sigma=0.1, time_s=3.0):
    """A scene of people in ``boxes`` (left, top, width, height); grounds default to feet / 40."""
    box = np.asarray(boxes, np.float64).reshape(-1, 4)
    count = len(box)
    if ground is None:
        ground = (box[:, :2] + box[:, 2:] * (0.5, 1.0)) / 40
    near = np.asarray(near, np.int64).reshape(-1, 2)
    return Scene(
        time_s,
        People(
            np.arange(1, count + 1),
            box,
            np.broadcast_to(np.asarray(score, np.float64), count).copy(),
            np.asarray(ground, np.float64).reshape(-1, 2),
            np.broadcast_to(np.asarray(sigma, np.float64), count).copy(),
            np.broadcast_to(np.asarray(group, np.int64), count).copy(),
        ),
        near,
        np.full(len(near), 1.4) if distance is None else np.asarray(distance, np.float64),
    )


TWO = [(60, 80, 40, 110), (180, 80, 40, 110)]
STRANGE = [
    [(-50, -60, 90, 200), (300, 200, 90, 200)],
    [(-500, -500, 20, 20), (900, 20, 30, 60)],
    [(-1e12, -1e12, 3e12, 3e12), (1e300, 1e300, 1e300, 1e300)],
    [(np.nan, 10, 20, 30), (10, np.inf, 20, 30)],
    [(10, 10, 0, 0), (10, 10, -5, 20)],
    [(40, 40, 20, 60), (40, 40, 20, 60)],
]


def noise(size=SIZE, seed=0):
    """An image in which no pixel is like another, uint8 (height, width, 3)."""
    return np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), np.uint8)


def grey(image):
    """What a black and white print keeps, float64 (height, width)."""
    return image.astype(np.float64) @ (0.114, 0.587, 0.299)
