"""What each camera of a network sees of one ground, and which of them see the same of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numba
import numpy as np

from sdist_ray.distancing.fusion_kernels import Floats, Ints, well_inside

MOST_CORNERS = 40
RASTER = 24
"""Points along each side of the place that two views may share."""
SHARED_M2 = 4.0
"""Two cameras see the same ground from here on."""


@dataclass(frozen=True)
class Views:
    """Cameras on one ground, by number.

    Attributes:
        cameras: their ids.
        starts, neighbours: int64 (cameras + 1,) and (links,): who is linked to whom, ascending for each.
        view_starts, corners: int64 (cameras + 1,) and float64 (n, 2), metres: the polygon that each sees.
        boxes: float64 (cameras, 4): its least x and y, and its greatest.
        finest: int64 (cameras,), of each and those linked to it the one that sees the least ground, and so
            the finest.
    """

    cameras: tuple[str, ...]
    starts: Ints
    neighbours: Ints
    view_starts: Ints
    corners: Floats
    boxes: Floats
    finest: Ints

    @property
    def pairs(self) -> list[tuple[int, int]]:
        """Linked cameras, first < second."""
        first = np.repeat(np.arange(len(self.cameras)), np.diff(self.starts))
        return [(a, b) for a, b in zip(first.tolist(), self.neighbours.tolist(), strict=True) if a < b]

    def of(self, camera: int) -> Floats:
        """The polygon that a camera sees, float64 (k, 2), metres."""
        return self.corners[self.view_starts[camera] : self.view_starts[camera + 1]]


def make_views(
    cameras: Sequence[str], polygons: Sequence[Floats], links: Iterable[tuple[int, int]] | None = None
) -> Views:
    """Views of cameras.

    Args:
        cameras: their ids.
        polygons: what each sees, float64 (k, 2), metres, as Ground.view has it.
        links: numbers of cameras that are to be fused; None for those that share ground.
    """
    thinned = [_thinned(np.asarray(polygon, np.float64).reshape(-1, 2)) for polygon in polygons]
    sizes = np.array([len(polygon) for polygon in thinned], dtype=np.int64)
    view_starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    corners = np.concatenate([*thinned, np.empty((0, 2))])
    boxes = np.array([_extent(polygon) for polygon in thinned], dtype=np.float64).reshape(-1, 4)
    if links is None:
        chosen = [(a, b) for a, b, _ in shared_ground(view_starts, corners, boxes)]
    else:
        chosen = sorted({(min(a, b), max(a, b)) for a, b in links if a != b})
    ends = np.array(chosen, dtype=np.int64).reshape(-1, 2)
    both = np.concatenate([ends, ends[:, ::-1]])
    both = both[np.lexsort((both[:, 1], both[:, 0]))]
    counts = np.bincount(both[:, 0], minlength=len(cameras))
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    neighbours = np.ascontiguousarray(both[:, 1])
    areas = [_area(polygon) for polygon in thinned]
    finest = [
        min([camera, *neighbours[starts[camera] : starts[camera + 1]].tolist()], key=lambda c: (areas[c], c))
        for camera in range(len(cameras))
    ]
    return Views(
        tuple(cameras), starts, neighbours, view_starts, corners, boxes, np.array(finest, dtype=np.int64)
    )


def shared_ground(view_starts: Ints, corners: Floats, boxes: Floats) -> list[tuple[int, int, float]]:
    """Pairs of views that share ground, first < second, and how much of it, square metres.

    Every view is compared with those whose extents reach into its own: a sweep along x.
    """
    order = np.argsort(boxes[:, 0], kind="stable").tolist()
    found = []
    open_: list[int] = []
    for here in order:
        if not boxes[here, 2] > boxes[here, 0]:
            continue
        open_ = [other for other in open_ if boxes[other, 2] > boxes[here, 0]]
        for other in open_:
            if boxes[other, 1] < boxes[here, 3] and boxes[here, 1] < boxes[other, 3]:
                a, b = min(here, other), max(here, other)
                area = shared_area(a, b, view_starts, corners, boxes, RASTER)
                if area >= SHARED_M2:
                    found.append((a, b, float(area)))
        open_.append(here)
    return sorted(found)


@numba.njit(nogil=True, cache=True)
def shared_area(a, b, view_starts, corners, boxes, raster):  # type: ignore[no-untyped-def]
    """How much ground two views share, square metres, by ``raster`` squared points of where they may."""
    left, low = max(boxes[a, 0], boxes[b, 0]), max(boxes[a, 1], boxes[b, 1])
    right, high = min(boxes[a, 2], boxes[b, 2]), min(boxes[a, 3], boxes[b, 3])
    if left >= right or low >= high:
        return 0.0
    count = 0
    for i in range(raster):
        x = left + (i + 0.5) * (right - left) / raster
        for j in range(raster):
            y = low + (j + 0.5) * (high - low) / raster
            if well_inside(x, y, a, 0.0, view_starts, corners, boxes) and well_inside(
                x, y, b, 0.0, view_starts, corners, boxes
            ):
                count += 1
    return count * (right - left) * (high - low) / (raster * raster)


def _thinned(polygon: Floats) -> Floats:
    """So few of a polygon's corners that asking whether somebody stands in it is cheap."""
    if len(polygon) <= MOST_CORNERS:
        return polygon
    half = len(polygon) // 2
    some = np.unique(np.linspace(0, half - 1, MOST_CORNERS // 2).round().astype(np.int64))
    thinned: Floats = polygon[np.concatenate([some, some + half])]
    return thinned


def _area(polygon: Floats) -> float:
    """Square metres (the shoelace formula); that of no view at all is beyond any other."""
    if len(polygon) < 3:
        return np.inf
    x, y = polygon.T
    return float(abs(x @ np.roll(y, 1) - y @ np.roll(x, 1))) / 2


def _extent(polygon: Floats) -> list[float]:
    """Least x and y, greatest x and y; of no view at all, nothing."""
    if not len(polygon):
        return [np.inf, np.inf, -np.inf, -np.inf]
    return [*polygon.min(axis=0).tolist(), *polygon.max(axis=0).tolist()]
