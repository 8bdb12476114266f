"""What pictures ask of a run's graph of cameras."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from sdist_ray.report.run_folder import Run

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def components(run: Run) -> Ints:
    """The connected component of every camera, int64 (cameras,), the largest is 0; -1 without edges."""
    cameras, edges = len(run.cameras), run.edges
    component = np.full(cameras, -1, dtype=np.int64)
    if cameras == 0 or len(edges.links) == 0:
        return component
    ones = np.ones(len(edges.links))
    graph = coo_array((ones, (edges.camera_a, edges.camera_b)), shape=(cameras, cameras))
    found = connected_components(graph, directed=False)[1]
    size = np.bincount(found)
    for number, which in enumerate(np.argsort(-size, kind="stable")):
        if size[which] > 1:
            component[found == which] = number
    return component


def edge_weights(run: Run, cameras: Ints) -> Floats:
    """How near cameras want to be, (chosen, chosen): the number of links, at least 1 for an edge."""
    place = np.full(len(run.cameras), -1, dtype=np.int64)
    place[cameras] = np.arange(len(cameras))
    a, b = place[run.edges.camera_a], place[run.edges.camera_b]
    inside = (a >= 0) & (b >= 0)
    weights = np.zeros((len(cameras), len(cameras)))
    np.add.at(weights, (a[inside], b[inside]), np.maximum(run.edges.links[inside], 1))
    return np.asarray(weights + weights.T)


def most_linked(run: Run, most: int) -> Ints:
    """At most ``most`` cameras, in the run's order: those with most links when there are more."""
    cameras = len(run.cameras)
    ends = np.concatenate([run.edges.camera_a, run.edges.camera_b])
    links = np.bincount(ends, weights=np.tile(run.edges.links + 1, 2), minlength=cameras)
    return np.sort(np.argsort(-links, kind="stable")[:most]).astype(np.int64)


def shorten(text: str, most: int) -> str:
    """A name on one line, its middle left out when it is longer than ``most`` characters."""
    text = "".join(c if c.isprintable() else " " for c in text)
    if len(text) <= most:
        return text
    head = (most - 1) // 2
    return f"{text[:head]}…{text[len(text) - (most - 1 - head) :]}"
