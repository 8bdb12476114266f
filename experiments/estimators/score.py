"""Every estimator on one footage: what it ranks first, and what of that is true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from experiments.estimators.footage import Footage
from sdist_ray.exclusion.tile import Counting, Tile
from sdist_ray.occupancy.padding import Padding, pad_ranges
from sdist_ray.occupancy.rates import RateCounter, Rates
from sdist_ray.occupancy.sparse import SparseRange
from sdist_ray.topology.estimators import ESTIMATORS
from sdist_ray.topology.evidence import NetworkEvidence
from sdist_ray.topology.links import DirectedLinks, directed_links
from sdist_ray.topology.links import mutual_links as both_ways
from sdist_ray.topology.quality import pair_keys
from sdist_ray.topology.significance import chance, chance_both_ways, confidence

RECALLS = np.arange(1, 21) / 20
"""Where curves are written down: at every twentieth of recall."""
LEAST_OVERLAP = 0.1
LEAST_TICKS = 10
LEAST_M2 = 4.0
LEAST_LINKS = 3
"""Links that make an edge: a pair of cameras is ranked by its third-best link."""
CONFIDENCE = "confidence"
RULES = {"nonexclusion": (0.8,), "corrected": (0.6, 0.65), "bayes": (0.5,), CONFIDENCE: (0.95, 0.99)}
"""Thresholds as they would be set: precision and recall of pairs of cameras are told there."""


@dataclass(frozen=True)
class Counted:
    """Footage that was counted.

    Attributes:
        directed: pairs that may pass in both directions; as a rule those that agree at FLOOR or more.
        rates: of all windows.
    """

    directed: DirectedLinks
    rates: Rates


def count(
    cameras: tuple[str, ...],
    padding: Padding,
    ranges: list[SparseRange],
    estimator: str = "lift",
    threshold: float = 0.0,
) -> Counted:
    """Count ranges; pairs are those that may pass with this estimator."""
    tile = Tile(cameras, cameras, Counting(padding, "wide", "indexed"))
    rates = RateCounter(len(cameras), padding)
    for entry in ranges:
        rates.add(entry)
    for padded in pad_ranges(ranges, padding):
        tile.apply(padded, cameras)
    return Counted(directed_links(tile, cameras, estimator, threshold), rates.rates())


@dataclass(frozen=True)
class Scored:
    """Candidates, and every estimator's score of each: the lower one of both directions.

    Attributes:
        a, b: windows of the network.
        scores: by estimator, and ``confidence``.
    """

    a: np.ndarray
    b: np.ndarray
    scores: Mapping[str, np.ndarray]


def score(footage: Footage, counted: Counted) -> Scored:
    """Score what was counted."""
    windows = footage.padding.grid.windows
    links = both_ways(counted.directed, footage.cameras, windows)
    evidence = NetworkEvidence(counted.rates)
    a, b = links.camera_a * windows + links.window_a, links.camera_b * windows + links.window_b
    forth = evidence.pairs(a, b, links.opportunities_ab - links.exclusions_ab, links.opportunities_ab)
    back = evidence.pairs(b, a, links.opportunities_ba - links.exclusions_ba, links.opportunities_ba)
    scores = {
        name: np.minimum(estimator.score(forth), estimator.score(back))
        for name, estimator in ESTIMATORS.items()
    }
    # Another estimator, of whatever evidence, joins here: a score for each of the pairs (a, b).
    p_values = chance_both_ways(chance(forth), chance(back))
    scores["chance"] = 1 - p_values
    scores[CONFIDENCE] = confidence(p_values, evidence.tested())
    return Scored(a, b, scores)


def levels(footage: Footage, counted: Counted, scored: Scored) -> dict:
    """Average precision and curves at the level of windows, cameras and searches, by estimator."""
    windows, total = footage.padding.grid.windows, counted.rates.visits.size
    eligible = counted.rates.occupied.sum(axis=0).reshape(-1) >= LEAST_TICKS
    keep = eligible[scored.a] & eligible[scored.b]
    a, b = scored.a[keep], scored.b[keep]
    key = pair_keys(a, b, total)
    true_a, true_b, overlap = footage.truth
    true = eligible[true_a] & eligible[true_b] & (overlap >= LEAST_OVERLAP)
    is_true = np.isin(key, pair_keys(true_a[true], true_b[true], total))
    cameras = len(footage.cameras)
    shared = pair_keys(footage.shared[0].astype(np.int64), footage.shared[1].astype(np.int64), cameras)
    large = shared[footage.shared[2] > LEAST_M2]
    edge = pair_keys(a // windows, b // windows, cameras)
    found = {}
    for name, column in scored.scores.items():
        values = column[keep]
        entry = {"windows": curve(values, is_true, int(true.sum()))}
        edges, at = edge_scores(edge, values)
        right, wanted = np.isin(edges, shared), np.isin(edges, large)
        entry["cameras"] = curve(at, right, len(large), wanted, RULES.get(name, ()))
        if footage.joint is not None and footage.seen is not None:
            entry["search"] = _search(footage, scored.a, scored.b, column, total)
        found[name] = entry
    return found


def edge_scores(edge: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of cameras with LEAST_LINKS candidates, and the score of the last of so many."""
    order = np.lexsort((-values, edge))
    edges, starts, counts = np.unique(edge[order], return_index=True, return_counts=True)
    enough = counts >= LEAST_LINKS
    return edges[enough], values[order][starts[enough] + LEAST_LINKS - 1]


def curve(
    values: np.ndarray,
    right: np.ndarray,
    true: int,
    counts: np.ndarray | None = None,
    rules: Sequence[float] = (),
) -> dict:
    """Precision and recall as the threshold falls.

    Args:
        values: scores.
        right: whether each is right, for precision.
        true: how many there are to be found.
        counts: whether each is one of these, where not all that is right is.
        rules: thresholds at which precision and recall are told.
    """
    counts = right if counts is None else counts
    kept = values > 0
    values, right, counts = values[kept], right[kept], counts[kept]
    order = np.argsort(-values, kind="stable")
    values = values[order]
    # Equal scores come together.
    ends = np.flatnonzero(np.append(np.diff(values) != 0, True)) if len(values) else np.empty(0, int)
    precision = np.cumsum(right[order])[ends] / (ends + 1)
    recall = np.cumsum(counts[order])[ends] / max(true, 1)
    return _summary(values[ends], precision, recall, rules) | {"true": true}


def _search(footage: Footage, a: np.ndarray, b: np.ndarray, values: np.ndarray, total: int) -> dict:
    """Of windows searched for somebody seen, how many show him; of sightings, how many are found."""
    assert footage.joint is not None
    assert footage.seen is not None
    joint_a, joint_b, often = footage.joint
    known = pair_keys(joint_a, joint_b, total)
    order = np.argsort(known)
    known, often = known[order], often[order]
    key = pair_keys(a, b, total)
    at = np.minimum(np.searchsorted(known, key), max(len(known) - 1, 0))
    there = np.where(known[at] == key, often[at], 0) if len(known) else np.zeros(len(key))
    order = np.argsort(-values, kind="stable")
    order = order[values[order] > 0]
    ends = np.flatnonzero(np.append(np.diff(values[order]) != 0, True)) if len(order) else np.empty(0, int)
    hits = 2 * np.cumsum(there[order])[ends]
    searched = np.cumsum(footage.seen[a[order]] + footage.seen[b[order]])[ends]
    return _summary(values[order][ends], hits / np.maximum(searched, 1), hits / max(2 * often.sum(), 1))


def _summary(
    values: np.ndarray, precision: np.ndarray, recall: np.ndarray, rules: Sequence[float] = ()
) -> dict:
    """What is written down of a curve.

    ``precision_at`` is the best precision at that recall or a greater one, for each of RECALLS that is
    reached; ``rules`` the precision and recall of what is above each threshold.
    """
    gained = np.diff(recall, prepend=0.0)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(recall, RECALLS - 1e-9)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    found = {
        "average_precision": round(float((precision * gained).sum()), 4),
        "best_f1": round(float(f1.max(initial=0.0)), 4),
        "precision_at": [round(float(best[place]), 3) for place in at[at < len(recall)]],
    }
    if rules:
        points = np.column_stack([np.append(1.0, precision), np.append(0.0, recall)]).round(4)
        # Of equal scores there is one point.
        found["rules"] = {str(rule): points[np.count_nonzero(values > rule)].tolist() for rule in rules}
    return found
