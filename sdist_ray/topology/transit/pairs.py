"""Both directions of transits together: one edge per pair of cameras."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import networkx as nx
import numpy as np

from sdist_ray.topology.transit.model import Floats, Transits, transit_times


@dataclass(frozen=True)
class TransitPairs:
    """Pairs of cameras that people walk between, sorted by their ids.

    Attributes:
        camera_a, camera_b: ids, camera_a < camera_b.
        mean_s, p10_s, p90_s: float64 (pairs,), how long it takes, both ways together.
        probability_ab, probability_ba: float64 (pairs,), share of exits that come to the other camera next.
        per_hour: float64 (pairs,), both ways together.
        confidence: float64 (pairs,), 1 less how often chance looks like that.
    """

    camera_a: tuple[str, ...]
    camera_b: tuple[str, ...]
    mean_s: Floats
    p10_s: Floats
    p90_s: Floats
    probability_ab: Floats
    probability_ba: Floats
    per_hour: Floats
    confidence: Floats

    def __len__(self) -> int:
        return len(self.camera_a)


def transit_pairs(transits: Transits, cameras: Sequence[str]) -> TransitPairs:
    """The pairs of directed edges.

    Args:
        transits: the edges.
        cameras: ids, by the numbers that the edges have.
    """
    ends: dict[tuple[str, str], list[int]] = {}
    for k, (a, b) in enumerate(zip(transits.source.tolist(), transits.target.tolist(), strict=True)):
        one, other = sorted((cameras[a], cameras[b]))
        ends.setdefault((one, other), []).append(k)
    pairs = sorted(ends)
    histogram = np.zeros((len(pairs), transits.histogram.shape[1]))
    probability, per_hour, p_value = np.zeros((2, len(pairs))), np.zeros(len(pairs)), np.zeros(len(pairs))
    for k, pair in enumerate(pairs):
        for edge in ends[pair]:
            back = int(cameras[int(transits.source[edge])] != pair[0])
            histogram[k] += transits.histogram[edge]
            probability[back, k] = transits.probability[edge]
            per_hour[k] += transits.per_hour[edge]
            p_value[k] = transits.p_value[edge]
    mean, p10, p90 = transit_times(histogram, transits.bin_s, transits.bin_ticks)
    one, other = (tuple(pair[end] for pair in pairs) for end in (0, 1))
    return TransitPairs(one, other, mean, p10, p90, probability[0], probability[1], per_hour, 1 - p_value)


def add_to_graph(graph: nx.Graph, pairs: TransitPairs) -> None:
    """Add the pairs to a graph of cameras as edges of kind transit."""
    for k, (a, b) in enumerate(zip(pairs.camera_a, pairs.camera_b, strict=True)):
        graph.add_edge(
            a,
            b,
            camera_a=a,
            camera_b=b,
            kind="transit",
            links=0,
            score=float(pairs.confidence[k]),
            weight=float(pairs.confidence[k]),
            transit_mean_s=float(pairs.mean_s[k]),
            transit_p10_s=float(pairs.p10_s[k]),
            transit_p90_s=float(pairs.p90_s[k]),
            per_hour=float(pairs.per_hour[k]),
            probability_ab=float(pairs.probability_ab[k]),
            probability_ba=float(pairs.probability_ba[k]),
        )
