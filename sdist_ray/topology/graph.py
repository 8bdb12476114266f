"""Links to the graph of cameras: edges and connected components."""

from __future__ import annotations

from dataclasses import dataclass

import networkx as nx
import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from sdist_ray.topology.links import Links


@dataclass(frozen=True)
class Edges:
    """Pairs of cameras with links, sorted by camera_a, camera_b.

    Attributes:
        cameras: ids of the network's cameras, sorted; camera arrays are indices into it.
        camera_a, camera_b: int64 (edges,), camera_a < camera_b.
        links: int64 (edges,), number of links.
        score: float64 (edges,), mean over the links of the weaker of the two directions' scores.
        component: int64 (cameras,), number of each camera's connected component, from 0.
        homography: float64 (edges, 9), fractions of a's image to those of b's, row by row; None where no
            ground plane was learnt.
        homography_error: float64 (edges,), root mean square of the residuals, fractions of an image's width.
        clock_offset_s: float64 (edges,), seconds by which b's clock is later than a's.
    """

    cameras: tuple[str, ...]
    camera_a: npt.NDArray[np.int64]
    camera_b: npt.NDArray[np.int64]
    links: npt.NDArray[np.int64]
    score: npt.NDArray[np.float64]
    component: npt.NDArray[np.int64]
    homography: npt.NDArray[np.float64] | None = None
    homography_error: npt.NDArray[np.float64] | None = None
    clock_offset_s: npt.NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.camera_a)


def camera_edges(links: Links, least_links: int = 1) -> Edges:
    """The pairs of cameras with at least ``least_links`` links, and the components that they make."""
    cameras = len(links.cameras)
    pair = links.camera_a * cameras + links.camera_b
    pairs, which, count = np.unique(pair, return_inverse=True, return_counts=True)
    weaker = np.minimum(links.score_ab, links.score_ba)
    score = np.bincount(which, weights=weaker, minlength=len(pairs)) / np.maximum(count, 1)
    keep = count >= least_links
    a, b = pairs[keep] // max(cameras, 1), pairs[keep] % max(cameras, 1)
    return Edges(links.cameras, a, b, count[keep], score[keep], components(cameras, a, b))


def components(
    cameras: int, camera_a: npt.NDArray[np.int64], camera_b: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """The number of each camera's connected component, from 0: int64 (cameras,)."""
    graph = coo_array((np.ones(len(camera_a)), (camera_a, camera_b)), shape=(cameras, cameras))
    component = connected_components(graph, directed=False)[1] if cameras else np.empty(0)
    return np.asarray(component, dtype=np.int64)


def camera_graph(edges: Edges) -> nx.Graph:
    """The graph as networkx knows it: one node per camera id, with ``component``; edges of kind ``overlap``.

    Edges have ``camera_a``, ``camera_b`` (the graph knows no direction, their attributes do), ``links``,
    ``score`` and ``weight`` (the score, for algorithms that ask for one); ``homography`` (9 numbers, a's
    image fractions to b's) and ``homography_error`` where a ground plane was learnt.
    """
    graph = nx.Graph()
    for camera, component in zip(edges.cameras, edges.component, strict=True):
        graph.add_node(camera, component=int(component))
    rows = zip(edges.camera_a, edges.camera_b, edges.links, edges.score, strict=True)
    for number, (a, b, links, score) in enumerate(rows):
        ends = edges.cameras[a], edges.cameras[b]
        graph.add_edge(
            *ends, camera_a=ends[0], camera_b=ends[1], kind="overlap", links=int(links), score=float(score),
            weight=float(score),
        )  # fmt: skip
        if edges.homography is not None and edges.homography_error is not None:
            graph.edges[ends]["homography"] = edges.homography[number].tolist()
            graph.edges[ends]["homography_error"] = float(edges.homography_error[number])
    return graph
