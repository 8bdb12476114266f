"""A simulated camera's video: scene, people, shadows, changing light and sensor noise."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from sdist_ray.cameras.pinhole import Pinhole
from sdist_ray.simulation.figures import (
    FOOT,
    SHIFT,
    Look,
    body_points,
    draw_figure,
    look_of,
    project_bodies,
)
from sdist_ray.simulation.people import Walk
from sdist_ray.simulation.scenery import draw_scenery
from sdist_ray.simulation.site import Site
from sdist_ray.video.writer import VideoWriter

Array = npt.NDArray[np.float64]
Image = npt.NDArray[np.uint8]

FINE = 2
"""Figures are drawn at this multiple of the image's size, then averaged down."""
TICKS_AT_ONCE = 1000
NOISE_SIGMA, NOISE_FIELDS, NOISE_MARGIN = 2.6, 12, 32
LIGHT_SWING, LIGHT_PERIOD_S = 0.045, 140.0
SHADOW_RADIUS_M, SHADOW_STRENGTH = 0.42, 0.42


def render_camera(
    site: Site,
    walk: Walk,
    camera_index: int,
    path: Path,
    on_frame: Callable[[int], None] | None = None,
) -> None:
    """Write one camera's video at the site's frame rate; whole or not at all.

    Args:
        site: the site.
        walk: its people.
        camera_index: index of the camera in the site.
        path: the file to write, ``*.mp4``; its folder must exist. See VideoWriter.
        on_frame: called after each frame with the number of frames written so far.

    Raises:
        InputError: the file cannot be written.
    """
    spec = site.spec
    with VideoWriter(path, spec.fps, (spec.image_width, spec.image_height)) as writer:
        for frame in render_frames(site, walk, camera_index):
            writer.write(frame)
            if on_frame is not None:
                on_frame(writer.frames)


def render_frames(site: Site, walk: Walk, camera_index: int) -> Iterator[Image]:
    """One camera's frames in order, each a new uint8 BGR array (image height, image width, 3).

    Depends on the seed and the camera only.
    """
    camera, spec = site.cameras[camera_index], site.spec
    scene = draw_scenery(site, camera_index, FINE)
    empty = _shrink(scene)
    canvas = scene.copy()
    rng = np.random.Generator(np.random.PCG64([spec.seed, 4, camera_index]))
    noise = _noise_bank(empty.shape, rng)
    light_phase = float(rng.random()) * 2 * np.pi
    looks = [look_of(int(appearance)) for appearance in walk.appearance]
    motion = _motion(walk, camera, spec.fps)
    # How round a circle on the ground looks: the sine of the camera's downward tilt.
    slope = -float(camera.rotation[2, 2])
    for first in range(0, walk.ticks, TICKS_AT_ONCE):
        last = min(first + TICKS_AT_ONCE, walk.ticks)
        for tick, people in enumerate(_figures(walk, motion, camera, first, last), start=first):
            frame = empty.copy()
            _draw_people(canvas, people, looks, slope)
            parts = [bound for bound in people.bounds if bound[0] < bound[2] and bound[1] < bound[3]]
            for left, top, right, bottom in parts:
                frame[top:bottom, left:right] = _shrink(canvas[_fine(left, top, right, bottom)])
            for bound in parts:
                part = _fine(*bound)
                canvas[part] = scene[part]
            swing = float(np.sin(2 * np.pi * tick / spec.fps / LIGHT_PERIOD_S + light_phase))
            yield _expose(frame, 1.0 + LIGHT_SWING * swing, noise, rng)


@dataclass(frozen=True)
class _People:
    """The bodies in view at one tick, the farthest first."""

    persons: npt.NDArray[np.int64]
    points: npt.NDArray[np.int32]
    px_per_m: list[float]
    bounds: list[list[int]]


@dataclass(frozen=True)
class _Motion:
    """How those who ever come near a view move: arrays (ticks, people), places (.., 2)."""

    persons: npt.NDArray[np.int64]
    near: npt.NDArray[np.bool_]
    place: npt.NDArray[np.float32]
    heading: npt.NDArray[np.float32]
    walked_m: npt.NDArray[np.float32]
    speed: npt.NDArray[np.float32]


def _motion(walk: Walk, camera: Pinhole, fps: float) -> _Motion:
    top = camera.to_ground(np.array([[0.0, 0.0], [camera.image_size[0], 0.0]]))
    reach = float(np.hypot(*(top - camera.position_m[:2]).T).max()) + 2.0
    place = walk.positions - camera.position_m[:2].astype(np.float32)
    with np.errstate(invalid="ignore"):
        near = np.hypot(place[..., 0], place[..., 1]) < (60.0 if np.isnan(reach) else reach)
    persons = np.flatnonzero(near.any(axis=0))
    place = walk.positions[:, persons]
    step = np.zeros_like(place)
    step[1:] = np.nan_to_num(np.diff(place, axis=0))
    length = np.hypot(step[..., 0], step[..., 1])
    moving = length > 0.002
    last = np.maximum.accumulate(np.where(moving, np.arange(walk.ticks)[:, None], 0), axis=0)
    columns = np.arange(len(persons))[None]
    heading = step[last, columns] / np.maximum(length[last, columns], np.float32(1e-9))[..., None]
    heading[length[last, columns] == 0] = (1.0, 0.0)
    walked = np.cumsum(length, axis=0, dtype=np.float32)
    speed = (length * fps).astype(np.float32)
    return _Motion(persons, near[:, persons], place, heading.astype(np.float32), walked, speed)


def _figures(walk: Walk, motion: _Motion, camera: Pinhole, first: int, last: int) -> Iterator[_People]:
    """Everybody who is in view, tick by tick, from ``first`` to before ``last``."""
    part = slice(first, last)
    tick, column = np.nonzero(motion.near[part])
    framed = _framed(camera, motion.place[part][tick, column])
    tick, column = tick[framed], column[framed]
    person = motion.persons[column]
    moments = (motion.place, motion.heading, motion.walked_m, motion.speed)
    place, heading, walked, speed = (array[part][tick, column].astype(np.float64) for array in moments)
    height_m = walk.height_m[person].astype(np.float64)
    points, depth = project_bodies(camera, body_points(place, heading, walked, speed, height_m))
    width, height = camera.image_size
    # Reduced along the first axis: many times as fast as along the middle one.
    by_point = np.ascontiguousarray(points.swapaxes(0, 1))
    low, high = by_point.min(axis=0), by_point.max(axis=0)
    with np.errstate(invalid="ignore"):
        seen = (depth > 0.4) & (high > 0).all(axis=1) & (low[:, 0] < width) & (low[:, 1] < height)
        # Right under the camera a body's points run off to infinity.
        seen &= (high - low).max(axis=1) < 4 * height
    order = np.flatnonzero(seen)
    order = order[np.lexsort((-depth[order], tick[order]))]
    px_per_m = FINE * camera.matrix[0, 0] / depth[order]
    fixed = np.round(points[order] * (FINE << SHIFT)).astype(np.int32)
    bounds = _bounds(low[order], high[order], px_per_m, camera.image_size)
    starts = np.searchsorted(tick[order], np.arange(last - first + 1))
    for start, stop in itertools.pairwise(starts.tolist()):
        now = slice(start, stop)
        yield _People(person[order[now]], fixed[now], px_per_m[now].tolist(), bounds[now].tolist())


def _framed(camera: Pinhole, place: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Who may be in the picture, (n,): those whose feet are not far beyond its borders."""
    x, y = (camera.to_image(place.astype(np.float64)) / camera.image_size).T
    with np.errstate(invalid="ignore"):
        # Bodies reach up in the image: who stands above it is not seen, who stands below it may be.
        return np.asarray((np.abs(x - 0.5) < 0.8) & (y > -0.15) & (y < 1.9))


def _bounds(low: Array, high: Array, px_per_m: Array, size: tuple[int, int]) -> npt.NDArray[np.int64]:
    """Left, top, right, bottom (n, 4), image pixels, of what figures and shadows touch."""
    margin = (0.5 * px_per_m / FINE + 2)[:, None]
    first = np.clip(np.floor(low - margin), 0, size)
    last = np.clip(np.ceil(high + margin), 0, size)
    return np.hstack([first, last]).astype(np.int64)


def _draw_people(canvas: Image, people: _People, looks: list[Look], slope: float) -> None:
    """Draw all shadows, then the figures, the farthest first."""
    for foot, px_per_m in zip(people.points[:, FOOT].tolist(), people.px_per_m, strict=True):
        radius = SHADOW_RADIUS_M * px_per_m
        _darken(canvas, foot, radius, radius * slope)
    for person, points, px_per_m in zip(people.persons, people.points, people.px_per_m, strict=True):
        draw_figure(canvas, points, px_per_m, looks[person])


def _fine(left: int, top: int, right: int, bottom: int) -> tuple[slice, slice]:
    """Rows and columns of the canvas that a rectangle of the image covers."""
    return slice(top * FINE, bottom * FINE), slice(left * FINE, right * FINE)


def _darken(canvas: Image, foot: list[int], wide: float, high: float) -> None:
    """Multiply a soft ellipse with half axes ``wide`` and ``high``, pixels, into the canvas."""
    mask = _shadow_mask(max(1, round(wide)), max(1, round(high)))
    rows, columns = mask.shape[:2]
    top, left = (foot[1] >> SHIFT) - rows // 2, (foot[0] >> SHIFT) - columns // 2
    y0, y1 = max(0, top), min(canvas.shape[0], top + rows)
    x0, x1 = max(0, left), min(canvas.shape[1], left + columns)
    if y0 < y1 and x0 < x1:
        patch = canvas[y0:y1, x0:x1]
        shade = mask[y0 - top : y1 - top, x0 - left : x1 - left]
        canvas[y0:y1, x0:x1] = cv2.multiply(patch, shade, scale=1 / 255)


@functools.lru_cache(maxsize=4096)
def _shadow_mask(wide: int, high: int) -> Image:
    """uint8 (2 · high + 1, 2 · wide + 1, 3); 255 leaves what is below as it is."""
    y, x = np.ogrid[-1 : 1 : (2 * high + 1) * 1j, -1 : 1 : (2 * wide + 1) * 1j]
    depth = np.clip(1.0 - x * x - y * y, 0.0, 1.0) ** 1.5
    mask = np.round(255 * (1 - SHADOW_STRENGTH * depth)).astype(np.uint8)
    return np.repeat(mask[..., None], 3, axis=2)


def _shrink(fine: Image) -> Image:
    size = (fine.shape[1] // FINE, fine.shape[0] // FINE)
    return np.asarray(cv2.resize(fine, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _noise_bank(shape: tuple[int, ...], rng: np.random.Generator) -> list[tuple[Image, Image]]:
    """Fields of sensor noise, what they add and what they take; larger than the image."""
    bank = []
    size = (shape[0] + NOISE_MARGIN, shape[1] + NOISE_MARGIN)
    for _ in range(NOISE_FIELDS):
        # Most of a camera's noise is the same in all colours, which share their neighbours' pixels.
        grey = rng.normal(0.0, NOISE_SIGMA, (*size, 1))
        field = np.round(grey + rng.normal(0.0, 0.5 * NOISE_SIGMA, (*size, 3)))
        more, less = np.clip(field, 0, 255), np.clip(-field, 0, 255)
        bank.append((more.astype(np.uint8), less.astype(np.uint8)))
    return bank


def _expose(frame: Image, light: float, bank: list[tuple[Image, Image]], rng: np.random.Generator) -> Image:
    """Apply the light's strength and one frame's sensor noise."""
    field, y, x = rng.integers((len(bank), NOISE_MARGIN, NOISE_MARGIN))
    rows, columns = slice(y, y + frame.shape[0]), slice(x, x + frame.shape[1])
    more, less = bank[field]
    lit = cv2.convertScaleAbs(frame, alpha=light)
    noisy = cv2.subtract(cv2.add(lit, more[rows, columns]), less[rows, columns])
    return np.asarray(noisy, dtype=np.uint8)
