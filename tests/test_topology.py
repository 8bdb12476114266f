"""Estimators, links, edges and quality."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdist_ray.exclusion.tile import Counting, Tile
from sdist_ray.occupancy.block import Clock
from sdist_ray.occupancy.collate import range_of_rows
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.padding import Padder, Padding
from sdist_ray.partition.plan import row_stripes
from sdist_ray.topology.estimators import nonexclusion
from sdist_ray.topology.graph import camera_edges, camera_graph
from sdist_ray.topology.links import directed_links, join_directed, mutual_links
from sdist_ray.topology.quality import compare, window_quality
from tests import networks, oracles

NAMES = ("a", "b", "c")
COUNTING = Counting(Padding(Grid(3, 1), Clock(), 0))


@given(st.integers(0, 300), st.integers(0, 300))
def test_the_estimator_equals_the_oracle(o, n):
    n = min(n, o)
    assert nonexclusion(np.array([n]), np.array([o]))[0] == oracles.nonexclusion(o, o - n)


def random_counts(seed, windows=3):
    rng = np.random.default_rng(seed)
    opportunities = rng.integers(0, 60, (3 * windows, 3))
    spread = np.repeat(opportunities, windows, axis=1)
    agreements = np.minimum(spread, rng.integers(0, 4, spread.shape) * spread // 3)
    return agreements, opportunities


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.5, 0.8]), st.integers(1, 3))
def test_links_equal_a_plain_search(seed, threshold, stripes):
    agreements, opportunities = random_counts(seed)
    parts = []
    for rows in row_stripes(NAMES, stripes):
        tile = Tile(rows, NAMES, COUNTING)
        at = [NAMES.index(name) * 3 + w for name in rows for w in range(3)]
        tile.store.agreements[:] = agreements[at]
        tile.store.opportunities[:] = opportunities[at]
        parts.append(directed_links(tile, NAMES, "nonexclusion", threshold))
    links = mutual_links(join_directed(parts[::-1]), NAMES, 3)
    expected = []
    for i in range(9):
        for j in range(i + 1, 9):
            o = opportunities[i, j // 3], opportunities[j, i // 3]
            e = o[0] - agreements[i, j], o[1] - agreements[j, i]
            scores = [oracles.nonexclusion(int(x), int(y)) for x, y in zip(o, e, strict=True)]
            if i // 3 != j // 3 and min(scores) > threshold:
                expected.append((i // 3, i % 3, j // 3, j % 3, *scores, *o, *e))
    columns = [
        links.camera_a, links.window_a, links.camera_b, links.window_b, links.score_ab, links.score_ba,
        links.opportunities_ab, links.opportunities_ba, links.exclusions_ab, links.exclusions_ba,
    ]  # fmt: skip
    assert [tuple(row) for row in zip(*columns, strict=True)] == expected


def test_edges_and_components():
    tile = Tile(NAMES, NAMES, COUNTING)
    tile.store.opportunities[:] = 20
    for i, j in ((0, 3), (1, 3), (2, 5), (0, 6)):
        tile.store.agreements[i, j] = tile.store.agreements[j, i] = 18
    links = mutual_links(directed_links(tile, NAMES, "nonexclusion", 0.8), NAMES, 3)
    edges = camera_edges(links, least_links=2)
    assert (edges.camera_a.tolist(), edges.camera_b.tolist(), edges.links.tolist()) == ([0], [1], [3])
    assert edges.score.tolist() == [pytest.approx(0.9)]
    assert edges.component.tolist() == [0, 0, 1]
    graph = camera_graph(camera_edges(links))
    assert sorted(graph.edges) == [("a", "b"), ("a", "c")]
    edge = graph.edges["b", "a"]
    assert (edge["camera_a"], edge["camera_b"], edge["kind"], edge["links"]) == ("a", "b", "overlap", 3)
    assert edge["weight"] == edge["score"]


def test_no_links_make_no_edges():
    links = mutual_links(join_directed([]), NAMES, 3)
    assert len(links) == 0
    assert camera_edges(links).component.tolist() == [0, 1, 2]


def test_quality_judges_only_what_was_occupied():
    ticks = np.array([10, 10, 9, 30])
    linked = np.array([0, 0, 1]), np.array([3, 2, 3])
    overlapping = np.array([0, 3, 1, 1]), np.array([3, 1, 2, 3])
    overlap = np.array([0.5, 0.05, 0.9, 0.05])
    quality = window_quality(linked, overlapping, overlap, ticks)
    assert (quality.found, quality.true, quality.found_true) == (2, 1, 1)
    assert (quality.precision, quality.recall) == (0.5, 1.0)
    nothing = compare(np.array([], dtype=np.int64), np.array([], dtype=np.int64))
    assert (nothing.precision, nothing.recall) == (None, None)


def test_links_of_cameras_that_joined_meanwhile_are_left_out():
    cameras, how = networks.names(4), networks.counting()
    tile, padder = Tile(cameras, cameras, how), Padder(how.padding)
    rows, clock = networks.activity(4, 60), how.padding.clock
    for index in range(60):
        mine = rows.take(np.flatnonzero(rows.tick // clock.range_ticks == index))
        for padded in padder.push(range_of_rows(mine, index, 4, networks.GRID, clock)):
            tile.apply(padded, cameras)
    whole = directed_links(tile, cameras, "nonexclusion", 0.2)
    part = directed_links(tile, cameras[:3], "nonexclusion", 0.2)
    there = (whole.row < 3 * networks.GRID.windows) & (whole.column < 3 * networks.GRID.windows)
    assert 0 < there.sum() < len(there)
    assert (part.row == whole.row[there]).all()
    assert (part.agreements == whole.agreements[there]).all()
