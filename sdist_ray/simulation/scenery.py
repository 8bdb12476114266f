"""What a camera sees while nobody is there: paving, walkways, lawn, planters, in daylight.

The ground's looks are a function of the place, evaluated under every pixel, so two cameras see the
same stain on the same stone. Fine patterns fade out where a pixel is wider than they are.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from sdist_ray.cameras.pinhole import Pinhole
from sdist_ray.simulation.layout import SIDES, WALKWAY_WIDTH_M, Layout
from sdist_ray.simulation.site import Site

Array = npt.NDArray[np.floating]
Image = npt.NDArray[np.uint8]

TILE_M = 0.6


def _bgr(blue: int, green: int, red: int) -> npt.NDArray[np.float32]:
    return np.array([blue, green, red], dtype=np.float32)


STONE, INLAY, GROUT = _bgr(150, 158, 163), _bgr(104, 118, 132), 0.72
ASPHALT, PAINT = _bgr(92, 90, 88), _bgr(186, 196, 200)
LAWN, DRY_LAWN = _bgr(62, 104, 86), _bgr(84, 124, 118)
PLANTER, HEDGE, SKY = _bgr(118, 122, 126), _bgr(48, 84, 62), _bgr(214, 205, 196)


def draw_scenery(site: Site, camera_index: int, scale: int = 2) -> Image:
    """The empty scene, uint8 BGR (scale · image height, scale · image width, 3)."""
    camera = site.cameras[camera_index]
    width, height = camera.image_size
    x, y = np.meshgrid((np.arange(width * scale) + 0.5) / scale, (np.arange(height * scale) + 0.5) / scale)
    ground = camera.to_ground(np.column_stack([x.ravel(), y.ravel()]))
    above = np.isnan(ground[:, 0])
    ground[above] = 0.0
    places = ground.reshape(height * scale, width * scale, 2).astype(np.float32)
    blur_m = _footprint(places)
    colour = _ground_colour(site.layout, site.spec.seed, places, blur_m)
    colour[above.reshape(blur_m.shape)] = SKY
    image = np.clip(colour, 0, 255).astype(np.uint8)
    _draw_planters(image, site.layout, camera, scale)
    return np.clip(image * _vignette(image.shape[:2]), 0, 255).astype(np.uint8)


def _footprint(places: Array) -> Array:
    """Metres that one pixel of (h, w, 2) places spans, (h, w)."""
    down = np.linalg.norm(np.diff(places, axis=0, append=places[-1:]), axis=2)
    across = np.linalg.norm(np.diff(places, axis=1, append=places[:, -1:]), axis=2)
    down[-1], across[:, -1] = down[-2], across[:, -2]
    return np.asarray(np.maximum(down, across))


def _ground_colour(layout: Layout, seed: int, places: Array, blur_m: Array) -> Array:
    broad = _noise(places / 5.0, seed) - 0.5
    middle = _noise(places / 0.9, seed + 1) - 0.5
    fine = (_noise(places / 0.12, seed + 2) - 0.5) * _fade(0.12, blur_m)
    x = places[..., 0]
    mown = 0.03 * np.sign(np.sin(x * np.pi / 1.5)) * _fade(1.5, blur_m)
    colour = _mix(LAWN, DRY_LAWN, np.clip(0.35 + 1.6 * broad + 0.8 * middle, 0, 1))
    colour *= (1 + mown + 0.35 * fine + 0.18 * middle)[..., None]
    grain = (1 + 0.16 * broad + 0.07 * middle + 0.14 * fine)[..., None]
    across, painted = _walkways(layout, places)
    soft = np.maximum(blur_m, 0.03)
    on_way = _inside(WALKWAY_WIDTH_M / 2 - across, soft)
    asphalt = _mix(ASPHALT, PAINT, 0.8 * painted * _inside(0.06 - np.abs(across - 1.55), soft))
    colour = _mix(colour, asphalt * grain, on_way)
    paving = _paving(layout, seed, places, blur_m) * grain
    halls = np.full(x.shape, -1e6, dtype=np.float32)
    for centre in _near(layout.centres_m, places, float(layout.hall_size_m.max())):
        edge = (layout.hall_size_m / 2 - np.abs(places - centre)).min(axis=2)
        halls = np.maximum(halls, edge)
    return _mix(colour, paving, _inside(halls, soft))


def _paving(layout: Layout, seed: int, places: Array, blur_m: Array) -> Array:
    """Stone tiles with joints, and a ring of darker stone around a hall's middle."""
    tile = np.floor(places / TILE_M).astype(np.int64)
    shade = (_hash(tile[..., 0], tile[..., 1], seed + 3) - 0.5) * _fade(TILE_M, blur_m)
    within = np.abs(places / TILE_M - tile - 0.5).max(axis=2) * TILE_M
    joint_m = 0.012
    joint = _inside(within - TILE_M / 2 + joint_m, np.maximum(blur_m, 0.012))
    joint *= np.clip(2.5 * joint_m / np.maximum(blur_m, 1e-6), 0, 1)
    radius = np.full(places.shape[:2], 1e6, dtype=np.float32)
    for centre in _near(layout.centres_m, places, 4.0):
        radius = np.minimum(radius, np.hypot(*np.moveaxis(places - centre, 2, 0)))
    ring = _inside(0.3 - np.abs(radius - 3.0), np.maximum(blur_m, 0.03))
    ring = np.maximum(ring, _inside(0.45 - radius, np.maximum(blur_m, 0.03)))
    # A checker of lighter and darker fields, five tiles wide.
    field = ((tile // 5).sum(axis=2) % 2 - 0.5) * 0.1
    stone = _mix(STONE, INLAY, ring) * (1 + 0.16 * shade + field)[..., None]
    return np.asarray(stone * (1 - (1 - GROUT) * joint)[..., None])


def _walkways(layout: Layout, places: Array) -> tuple[Array, Array]:
    """Distance from the nearest walkway's centre line, metres, and where its edges are painted."""
    nearest = np.full(places.shape[:2], 1e6, dtype=np.float32)
    along = np.zeros(places.shape[:2], dtype=np.float32)
    for x0, y0, x1, y1 in _near(layout.walkways_m, places, WALKWAY_WIDTH_M):
        start, end = np.array([x0, y0]), np.array([x1, y1])
        length = max(float(np.hypot(x1 - x0, y1 - y0)), 1e-6)
        way = (end - start) / length
        reach = ((places - start) * way).sum(axis=2)
        gap = places - start - np.clip(reach, 0, length)[..., None] * way
        distance = np.hypot(gap[..., 0], gap[..., 1])
        along = np.where(distance < nearest, reach, along)
        nearest = np.minimum(nearest, distance)
    return nearest, (np.mod(along, 1.6) < 1.0).astype(np.float32)


def _near(shapes: Array, places: Array, reach_m: float) -> npt.NDArray[np.float32]:
    """Those of the points (n, 2) or lines (n, 4) that lie within ``reach_m`` of what is in view."""
    low = np.minimum(shapes[:, :2], shapes[:, -2:])
    high = np.maximum(shapes[:, :2], shapes[:, -2:])
    first, last = places.min(axis=(0, 1)) - reach_m, places.max(axis=(0, 1)) + reach_m
    return np.asarray(shapes[((high >= first) & (low <= last)).all(axis=1)], dtype=np.float32)


def _draw_planters(image: Image, layout: Layout, camera: Pinhole, scale: int) -> None:
    """Low hedges in stone troughs along the halls' edges; the farthest are drawn first."""
    boxes = [box for hall in range(layout.halls) for box in _planters(layout, hall)]
    place = camera.position_m[:2]
    boxes.sort(key=lambda box: -float(np.hypot(*(np.array(box).reshape(2, 2).mean(axis=0) - place))))
    for x0, y0, x1, y1 in boxes:
        plan = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]])
        if np.hypot(*(plan.mean(axis=0) - place)) > 40 or np.hypot(*(plan - place).T).min() < 1.0:
            continue
        for low, high, colour in ((0.0, 0.3, PLANTER), (0.3, 0.55, HEDGE)):
            rings = [np.column_stack([plan, np.full(4, z)]) for z in (low, high)]
            corners = camera.project(np.vstack(rings)) * scale
            if np.isnan(corners).any():
                break
            for side in range(4):
                # Only the sides that face the camera are seen.
                a, b = plan[side], plan[(side + 1) % 4]
                normal = np.array([b[1] - a[1], a[0] - b[0]])
                if normal @ (place - a) > 0:
                    after = (side + 1) % 4
                    face = corners[[side, after, 4 + after, 4 + side]]
                    _fill(image, face, colour * (0.66 + 0.07 * side))
            _fill(image, corners[4:], colour * 1.08)


def _planters(layout: Layout, hall: int) -> list[tuple[float, float, float, float]]:
    """Ground rectangles x0, y0, x1, y1 of the troughs around one hall."""
    boxes = []
    centre, half = layout.centres_m[hall], layout.hall_size_m / 2
    for side, ahead in enumerate(SIDES):
        axis = 0 if ahead[1] else 1
        open_way = layout.neighbours[hall, side] >= 0 or layout.door_sides[hall] == side
        gap = WALKWAY_WIDTH_M / 2 + 0.5 if open_way else 0.6
        for sign in (-1, 1):
            low, high = sorted((sign * gap, sign * (half[axis] - 2.2)))
            if high - low < 0.8 or low * high < 0:
                continue
            out = np.array(ahead) * (half[1 - axis] + 0.35)
            reach = np.array([high - low, 0.4]) if axis == 0 else np.array([0.4, high - low])
            middle = centre + out
            middle[axis] += (low + high) / 2
            boxes.append((*(middle - reach / 2), *(middle + reach / 2)))
    return [(float(a), float(b), float(c), float(d)) for a, b, c, d in boxes]


def _fill(image: Image, corners: Array, colour: Array) -> None:
    points = np.round(np.clip(corners, -8000, 8000) * 16).astype(np.int32)
    cv2.fillConvexPoly(image, points, tuple(float(c) for c in colour), cv2.LINE_AA, 4)


def _mix(a: Array, b: Array, share: Array) -> Array:
    """Colours (h, w, 3) between a and b; ``share`` (h, w) of b."""
    mixed: Array = a * (1 - share[..., None]) + b * share[..., None]
    return mixed


def _inside(depth_m: Array, soft_m: Array) -> Array:
    """0 outside (negative depth), 1 inside, with an edge as soft as a pixel is wide."""
    return np.clip(depth_m / soft_m + 0.5, 0.0, 1.0)


def _fade(size_m: float, blur_m: Array) -> Array:
    """How much of a pattern of this size is left when seen through pixels ``blur_m`` wide."""
    return np.clip(size_m / np.maximum(blur_m, 1e-6) - 0.7, 0.0, 1.0)


def _hash(i: npt.NDArray[np.int64], j: npt.NDArray[np.int64], seed: int) -> Array:
    """A number in [0, 1) for every lattice point, the same on every machine."""
    mixed = i.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= j.astype(np.uint64) * np.uint64(0xC2B2AE3D27D4EB4F)
    mixed ^= np.uint64(seed % 2**32) * np.uint64(0x165667B19E3779F9)
    mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(32)
    return (mixed >> np.uint64(40)).astype(np.float32) / np.float32(2**24)


def _noise(places: Array, seed: int) -> Array:
    """Smooth noise in [0, 1] over (h, w, 2) places, with a lattice of step 1."""
    cell = np.floor(places).astype(np.int64)
    part = places - cell
    u, v = np.moveaxis(part * part * (3 - 2 * part), 2, 0)
    i, j = cell[..., 0], cell[..., 1]
    low = _hash(i, j, seed) * (1 - u) + _hash(i + 1, j, seed) * u
    high = _hash(i, j + 1, seed) * (1 - u) + _hash(i + 1, j + 1, seed) * u
    return np.asarray(low * (1 - v) + high * v)


def _vignette(shape: tuple[int, int]) -> Array:
    """A lens's darker corners, (h, w, 1)."""
    y, x = np.meshgrid(np.linspace(-1, 1, shape[0]), np.linspace(-1, 1, shape[1]), indexing="ij")
    return np.asarray(1.04 - 0.14 * (x * x + y * y)[..., None] / 2)
