"""From a weighted graph of cameras to groups of bounded size."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.int32]
"""int32 (cameras,): every camera's group, numbered from 0 in the order of first cameras; -1 for none."""
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def bounded_groups(cameras: int, first: Ints, second: Ints, weight: Floats, most: int | Ints) -> Labels:
    """Groups of at most ``most`` cameras, joined along the strongest edges first.

    A component that is small enough is a group. A larger one is cut where its edges are weakest, as near as
    joining one by one finds it: edges are taken by weight, and one that would join two groups to more than
    ``most`` is passed over. (Kruskal's algorithm, "On the shortest spanning subtree of a graph", 1956, with a
    bound.)

    Args:
        cameras: how many there are.
        first, second: int64 (edges,).
        weight: of each edge; of equals, those of lower numbers go first.
        most: cameras of a group, at least 1; or int64 (edges,), of one that an edge makes.

    Returns:
        int32 (cameras,); a camera without any group of two has one of its own.
    """
    order = np.lexsort((second, first, -weight))
    root = np.arange(cameras, dtype=np.int64)
    join(first[order], second[order], np.broadcast_to(np.int64(most), first.shape)[order], root)
    return numbered(root)


def numbered(labels: npt.NDArray[np.integer]) -> Labels:
    """The same groups, numbered in the order of their first cameras; what is below 0 stays -1."""
    out = np.full(len(labels), -1, np.int32)
    there = np.flatnonzero(labels >= 0)
    if len(there):
        _, begins, which = np.unique(labels[there], return_index=True, return_inverse=True)
        out[there] = np.argsort(np.argsort(begins)).astype(np.int32)[which]
    return out


def with_neighbours(labels: Labels, size: int) -> Labels:
    """The same groups; cameras in none are grouped with those next to them, ``size`` at a time.

    Whoever numbers cameras numbers those of one building, or of one switch, one after the other.
    """
    alone = np.flatnonzero(labels < 0)
    out = labels.astype(np.int64)
    out[alone] = labels.max(initial=-1) + 1 + np.arange(len(alone)) // size
    return numbered(out)


def distinct(values: Ints) -> Ints:
    """Each value once, ascending; NumPy's unique, which hashes, takes fifty times as long for these."""
    ordered = np.sort(values)
    return np.asarray(ordered[np.diff(ordered, prepend=-1) != 0])


def group_sizes(labels: Labels) -> Ints:
    """Cameras of every group, int64 (groups,)."""
    return np.bincount(labels[labels >= 0]).astype(np.int64)


def members(labels: Labels) -> list[Ints]:
    """Every group's cameras, ascending."""
    order = np.argsort(labels, kind="stable")
    order = order[labels[order] >= 0]
    return np.split(order, np.cumsum(group_sizes(labels))[:-1]) if len(order) else []


@numba.njit(cache=True, nogil=True, boundscheck=False)
def join(first, second, most, root):  # type: ignore[no-untyped-def]
    """Union by edges in their order, up to a size.

    Args:
        first, second: int64 (edges,).
        most: int64 (edges,), cameras of a group that an edge makes.
        root: int64 (cameras,), each its own; written: a camera of its group, the same for all of them.
    """
    size = np.ones(root.shape[0], np.int64)
    for k in range(first.shape[0]):
        a, b = _root(root, first[k]), _root(root, second[k])
        if a != b and size[a] + size[b] <= most[k]:
            if size[a] < size[b]:
                a, b = b, a
            root[b] = a
            size[a] += size[b]
    for camera in range(root.shape[0]):
        root[camera] = _root(root, camera)


@numba.njit(nogil=True, boundscheck=False)
def _root(root, camera):  # type: ignore[no-untyped-def]
    while root[camera] != camera:
        root[camera] = root[root[camera]]
        camera = root[camera]
    return camera
