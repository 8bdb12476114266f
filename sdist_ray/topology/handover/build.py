"""Evidence of a run, as far as there is any, to a Handover.

Counts of few exits are drawn towards what is known of the zone, those of the zone towards what is known of
the camera: PRIOR_EXITS exits of what was expected are added to those that were seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array, csr_array

from sdist_ray.occupancy.grid import Grid
from sdist_ray.topology.handover.exits import ExitCounts
from sdist_ray.topology.handover.model import Handover
from sdist_ray.topology.handover.parts import Floats, Ints, Rows, Ways
from sdist_ray.topology.transit.nodes import zones_of
from sdist_ray.topology.transit.spec import TransitSpec

PRIOR_EXITS = 4.0
GAP_S = 1.0
NEAR_CAMERAS = 40
"""Cameras that are guessed at, at most."""
STEPS = (1.0, 0.6, 0.15)
"""How much neighbours in the graph, their neighbours, and busy cameras anywhere weigh when there is no more
to go by."""
BIN_S, LONGEST_S = 0.5, 60.0
"""Of transit times where none are known."""


@dataclass(frozen=True)
class Linked:
    """Windows that see the same ground, each pair once.

    Attributes:
        camera_a, window_a, camera_b, window_b: int64 (links,).
        weight_ab, weight_ba: float64 (links,), 0 to 1: about how often somebody in a's window is seen in b's.
    """

    camera_a: Ints
    window_a: Ints
    camera_b: Ints
    window_b: Ints
    weight_ab: Floats
    weight_ba: Floats


@dataclass(frozen=True)
class Walked:
    """Transits, by camera and where they are known by zone.

    Attributes:
        source, target: int64 (edges,), cameras.
        probability: float64 (edges,), share of the source's exits.
        histogram: float64 (edges, bins), by time.
        bin_s: width of a bin, seconds.
        returns: float64 (cameras,), share of exits that come back.
        zone: int64 (windows,), the zone of every window.
        zone_source, zone_target: int64 (ways,), camera * zones + zone.
        zone_transits: float64 (ways,).
        zone_histogram: float64 (ways, bins).
        zone_exits: float64 (cameras * zones,).
    """

    source: Ints
    target: Ints
    probability: Floats
    histogram: Floats
    bin_s: float
    returns: Floats
    zone: Ints
    zone_source: Ints
    zone_target: Ints
    zone_transits: Floats
    zone_histogram: Floats
    zone_exits: Floats


def no_walks(cameras: int, grid: Grid) -> Walked:
    """Nothing is known of transits."""
    zone = zones_of(grid, TransitSpec().zone)
    none, bins = np.zeros(0, np.int64), round(LONGEST_S / BIN_S)
    exits = np.zeros(cameras * (int(zone.max()) + 1))
    return Walked(
        none, none, np.zeros(0), np.zeros((0, bins)), BIN_S, np.zeros(cameras), zone, none, none, np.zeros(0),
        np.zeros((0, bins)), exits,
    )  # fmt: skip


def build_handover(
    cameras: Sequence[str],
    grid: Grid,
    linked: Linked,
    walked: Walked | None = None,
    counts: ExitCounts | None = None,
    occupied: npt.NDArray[np.int64] | None = None,
) -> Handover:
    """Put together what is known.

    Args:
        cameras: ids; cameras are numbered in this order everywhere.
        grid: of every camera.
        linked: windows that see the same ground.
        walked: transits; None: not known.
        counts: what became of those who left; None: links alone say who sees them.
        occupied: int64 (cameras, windows), how often somebody was there, for where there are no counts.
    """
    count, windows = len(cameras), grid.windows
    walked = no_walks(count, grid) if walked is None else walked
    own, other, weight = _both_ways(linked, windows)
    places = count * windows
    links = Rows.of(own, other, weight, places)
    busy = np.ones((count, windows)) if occupied is None else occupied.astype(np.float64)
    if counts is None:
        overlap, alone = _by_links(own, other // windows, weight, busy)
        leaving = coming = busy
        gap_s = GAP_S
    else:
        overlap, alone = _by_counts(counts, walked.zone, own, other // windows, weight)
        leaving, coming = counts.exits.astype(np.float64), counts.came.astype(np.float64)
        gap_s = counts.gap_s
    ways = _ways(walked, count, counts)
    near = _near(count, overlap, places, walked, coming.sum(axis=1))
    usual = walked.histogram.sum(axis=0) + 1e-3
    follow = None if counts is None else counts.successions
    return Handover(
        tuple(cameras),
        grid,
        overlap,
        links,
        alone,
        leaving,
        coming,
        ways,
        follow,
        near,
        usual / usual.sum(),
        gap_s,
    )


def _both_ways(linked: Linked, windows: int) -> tuple[Ints, Ints, Floats]:
    a = linked.camera_a * windows + linked.window_a
    b = linked.camera_b * windows + linked.window_b
    return (
        np.concatenate([a, b]),
        np.concatenate([b, a]),
        np.concatenate([linked.weight_ab, linked.weight_ba]),
    )


def _by_links(own: Ints, holder: Ints, weight: Floats, busy: Floats) -> tuple[Rows, Floats]:
    """Overlap and alone by links: a camera sees as much of a window as the best of its links says."""
    cameras, windows = busy.shape
    key = own * cameras + holder
    keys, which = np.unique(key, return_inverse=True)
    best = np.zeros(len(keys))
    np.maximum.at(best, which, weight)
    place, camera = keys // cameras, keys % cameras
    unseen = np.ones(cameras * windows)
    np.minimum.at(unseen, place, 1 - np.minimum(best, 1.0))
    of = place // windows
    share = busy.reshape(-1)[place] / np.maximum(busy.sum(axis=1)[of], 1.0)
    overlap = Rows.of(
        np.concatenate([place, cameras * windows + of]),
        np.concatenate([camera, camera]),
        np.concatenate([best, best * share]),
        cameras * windows + cameras,
    )
    total = np.maximum(busy.sum(axis=1), 1e-12)
    whole = np.where(busy.sum(axis=1) > 0, (unseen.reshape(cameras, -1) * busy).sum(axis=1) / total, 1.0)
    return overlap, np.concatenate([unseen, whole])


def _by_counts(
    counts: ExitCounts, zone: Ints, own: Ints, linked: Ints, weight: Floats
) -> tuple[Rows, Floats]:
    """Overlap and alone by what became of those who left."""
    cameras, windows = counts.exits.shape
    zones = int(zone.max(initial=0)) + 1
    places = cameras * windows
    node_of = (np.arange(cameras)[:, None] * zones + zone[None]).reshape(-1)
    exits = counts.exits.reshape(-1).astype(np.float64)
    gone = counts.gone.reshape(-1).astype(np.float64)
    # What was not asked, because nothing linked the window with the camera, counts as not seen by it.
    asked = Rows.of(
        counts.camera * windows + counts.window, counts.holder, counts.asked.astype(float), places
    )
    held = Rows.of(counts.camera * windows + counts.window, counts.holder, counts.held.astype(float), places)
    place = np.repeat(np.arange(places), np.diff(held.start))
    holder = held.column
    node_exits = np.bincount(node_of, weights=exits, minlength=cameras * zones)
    camera_exits = node_exits.reshape(cameras, zones).sum(axis=1)
    by_node = Rows.of(node_of[place], holder, held.value, cameras * zones)
    node = np.repeat(np.arange(cameras * zones), np.diff(by_node.start))
    node_share = by_node.value / (node_exits[node] + PRIOR_EXITS)
    # Every window of a zone: what was counted there, drawn towards its zone's share.
    size = np.bincount(zone, minlength=zones)[node % zones]
    of_zone = np.argsort(zone, kind="stable")
    first = np.concatenate([[0], np.cumsum(np.bincount(zone, minlength=zones))])
    step = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
    spread = np.repeat(node // zones * windows, size) + of_zone[np.repeat(first[node % zones], size) + step]
    prior = Rows.of(spread, np.repeat(by_node.column, size), np.repeat(node_share, size), places)
    prior_place = np.repeat(np.arange(places), np.diff(prior.start))
    keys = prior_place * cameras + prior.column
    at = np.searchsorted(keys, place * cameras + holder)
    seen, tried = np.zeros(len(keys)), exits[prior_place]
    seen[at], tried[at] = held.value, asked.value
    # Windows' own links say more than their zone where hardly anybody ever left.
    expected = prior.value.copy()
    link_keys = own * cameras + linked
    found = np.searchsorted(keys, link_keys)
    known = (found < len(keys)) & (np.append(keys, -1)[found] == link_keys)
    np.maximum.at(expected, found[known], weight[known])
    share = (seen + PRIOR_EXITS * expected) / (tried + PRIOR_EXITS)
    whole = Rows.of(place // windows, holder, held.value, cameras)
    whole_camera = np.repeat(np.arange(cameras), np.diff(whole.start))
    overlap = Rows.of(
        np.concatenate([prior_place, places + whole_camera]),
        np.concatenate([prior.column, whole.column]),
        np.concatenate([share, whole.value / (camera_exits[whole_camera] + PRIOR_EXITS)]),
        places + cameras,
    )
    camera_of = np.repeat(np.arange(cameras), zones)
    camera_gone = gone.reshape(cameras, -1).sum(axis=1)
    camera_alone = (camera_gone + PRIOR_EXITS) / (camera_exits + PRIOR_EXITS)
    node_gone = np.bincount(node_of, weights=gone, minlength=cameras * zones)
    node_alone = (node_gone + PRIOR_EXITS * camera_alone[camera_of]) / (node_exits + PRIOR_EXITS)
    alone = (gone + PRIOR_EXITS * node_alone[node_of]) / (exits + PRIOR_EXITS)
    return overlap, np.concatenate([alone, camera_alone])


def _ways(walked: Walked, cameras: int, counts: ExitCounts | None) -> Ways:
    """Transits by zone, drawn towards those of the camera; and returns."""
    zones = int(walked.zone.max(initial=0)) + 1
    nodes = cameras * zones
    bins = walked.histogram.shape[1]
    exits = walked.zone_exits
    entered = _zone_shares(walked, counts, cameras, zones)
    # What a camera's edges say of each of its zones, spread over the target's zones.
    edge = np.repeat(np.arange(len(walked.source)), zones * zones)
    source = walked.source[edge] * zones + np.tile(np.repeat(np.arange(zones), zones), len(walked.source))
    target = walked.target[edge] * zones + np.tile(np.arange(zones), len(walked.source) * zones)
    prior = walked.probability[edge] * entered[target]
    shape = walked.histogram / np.maximum(walked.histogram.sum(axis=1, keepdims=True), 1e-12)
    # Those who come back do so by about where they left, as far as is known.
    back = np.arange(nodes)
    usual = walked.histogram.sum(axis=0) + 1e-3
    weights = np.concatenate(
        [
            walked.zone_transits,
            PRIOR_EXITS * prior,
            (exits + PRIOR_EXITS) * np.repeat(walked.returns, zones),
        ]
    )
    own = np.concatenate([walked.zone_source, source, back])
    to = np.concatenate([walked.zone_target, target, back])
    key, which = np.unique(own * nodes + to, return_inverse=True)
    total = np.bincount(which, weights=weights, minlength=len(key))
    histogram = np.zeros((len(key), bins))
    parts = (
        walked.zone_histogram / np.maximum(walked.zone_histogram.sum(axis=1, keepdims=True), 1e-12),
        shape[edge],
        np.broadcast_to(usual / usual.sum(), (nodes, bins)),
    )
    np.add.at(histogram, which, np.concatenate(parts) * weights[:, None])
    kept = total > 0
    key, total, histogram = key[kept], total[kept], histogram[kept]
    node = key // nodes
    probability = total / (exits[node] + PRIOR_EXITS)
    sums = np.bincount(node, weights=probability, minlength=nodes)
    probability /= np.maximum(sums, 1.0)[node]
    start = np.searchsorted(node, np.arange(nodes + 1)).astype(np.int64)
    return Ways(walked.zone, start, key % nodes, probability, histogram, walked.bin_s)


def _zone_shares(walked: Walked, counts: ExitCounts | None, cameras: int, zones: int) -> Floats:
    """By which zones people come into a camera's view: float64 (nodes,), sums to 1 for every camera."""
    shares = np.ones((cameras, zones))
    if counts is not None:
        for zone in range(zones):
            shares[:, zone] += counts.came[:, walked.zone == zone].sum(axis=1)
    shares /= shares.sum(axis=1, keepdims=True)
    return shares.reshape(-1)


def _near(cameras: int, overlap: Rows, places: int, walked: Walked, busy: Floats) -> Rows:
    """Cameras that are near in the graph, and busy ones."""
    rows = slice(int(overlap.start[places]), int(overlap.start[-1]))
    ends = np.repeat(np.arange(cameras), np.diff(overlap.start[places:]))
    # One who left is not far: what overlaps and where people walk to count alike.
    source = np.concatenate([ends, walked.source])
    target = np.concatenate([overlap.column[rows], walked.target])
    weight = np.concatenate([overlap.value[rows] + 0.05, walked.probability + 0.05])
    graph = csr_array(coo_array((weight, (source, target)), shape=(cameras, cameras)))
    graph = graph + graph.T
    scale = np.maximum(np.asarray(graph.sum(axis=1)).reshape(-1), 1e-12)
    graph = csr_array(graph.multiply((1 / scale)[:, None]))
    steps = csr_array(graph * STEPS[0] + (graph @ graph) * STEPS[1])
    busiest = np.argsort(-busy, kind="stable")[:NEAR_CAMERAS]
    anywhere = STEPS[2] * busy[busiest] / max(float(busy.sum()), 1e-12)
    own, other, worth = [], [], []
    for camera in range(cameras):
        part = slice(int(steps.indptr[camera]), int(steps.indptr[camera + 1]))
        to = np.concatenate([steps.indices[part], busiest])
        value = np.concatenate([steps.data[part], anywhere])
        others = np.unique(to[to != camera])
        value, to = _summed(to, value, others), others
        order = np.argsort(-value, kind="stable")[:NEAR_CAMERAS]
        own.append(np.full(len(order), camera))
        other.append(to[order])
        worth.append(value[order] / max(float(value[order].sum()), 1e-12))
    if not own:
        return Rows(np.zeros(1, np.int64), np.zeros(0, np.int64), np.zeros(0))
    return Rows.of(
        np.concatenate(own).astype(np.int64),
        np.concatenate(other).astype(np.int64),
        np.concatenate(worth),
        cameras,
    )


def _summed(of: Ints, value: Floats, to: Ints) -> Floats:
    """Values by camera, of the cameras ``to``, ascending."""
    at = np.searchsorted(to, of)
    known = np.append(to, -1)[at] == of
    return np.asarray(np.bincount(at[known], weights=value[known], minlength=len(to)), dtype=np.float64)
