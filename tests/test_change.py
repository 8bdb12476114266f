"""Changes of edges: what vanished, what appeared, and what did not although nobody came by."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdist_ray.occupancy.block import Clock
from sdist_ray.occupancy.grid import Grid
from sdist_ray.topology.change import ChangeMonitor, ChangeSpec, watch_links
from tests.test_transit import words_of

GRID, CLOCK = Grid(4, 3), Clock(10, 20)
SPEC = ChangeSpec(recent_s=300.0, period_s=30.0, settle_s=400.0, least_links=1)


@given(seed=st.integers(0, 2**32 - 1))
def test_what_links_say_equals_a_plain_count(seed):
    rng = np.random.default_rng(seed)
    bits = rng.random((3, 2, 12, 20)) < [[[[0.3]]], [[[0.5]]], [[[0.9]]]]
    x, y, r = (np.packbits(b, axis=-1, bitorder="little") for b in bits)
    occupied, padded, ready = (np.pad(w, ((0, 0), (0, 0), (0, 5))).view(np.uint64)[..., 0] for w in (x, y, r))
    links = [(0, 1), (1, 0)]
    start, here, there = np.array([0, 3, 5]), rng.integers(0, 12, 5), rng.integers(0, 12, 5)
    here[:3] += 0
    there[:3] += 12
    here[3:] += 12
    out = [np.zeros(2, np.int64) for _ in range(4)]
    watch_links(start, here, there, occupied.ravel(), padded.ravel(), ready[:, 0], 12, *out)
    for edge, (_, other) in enumerate(links):
        seen = agreed = base = 0
        for t in range(20):
            able = bits[2, other, 0, t]
            ways = range(start[edge], start[edge + 1])
            one = [bits[0].reshape(24, 20)[here[k], t] and able for k in ways]
            two = [bits[1].reshape(24, 20)[there[k], t] and able for k in ways]
            seen += any(one)
            agreed += any(p and q for p, q in zip(one, two, strict=True))
            base += any(two)
        assert [column[edge] for column in out] == [seen, agreed, base, bits[2, other, 0].sum()]


def visits(rng, ticks, every, window, cameras):
    """bool (ticks, 3, windows): somebody is seen by these cameras at once, in a window each, for 3 s."""
    seen = np.zeros((ticks, 3, GRID.windows), bool)
    tick = 0
    while (tick := tick + int(rng.exponential(every))) < ticks:
        for camera in cameras:
            seen[tick : tick + 30, camera, window[camera]] = True
    return seen


def watch(seen, spec=SPEC):
    monitor = ChangeMonitor(3, GRID, CLOCK, spec)
    for entry in words_of(seen, np.ones(seen.shape[:2], bool), CLOCK):
        monitor.add(entry)
    return monitor


def visits_of_a_move():
    """bool (18000, 3, windows): cameras 0 and 1 see one place until tick 9000; then 1 sees what 2 sees."""
    rng = np.random.default_rng(1)
    window = (2, 7, 9)
    alone = visits(rng, 18_000, 150, window, [0])
    before, after = visits(rng, 9_000, 100, window, [0, 1]), visits(rng, 9_000, 100, window, [1, 2])
    return alone | np.concatenate([before | visits(rng, 9_000, 150, window, [2]), after])


@pytest.fixture(scope="module")
def moved():
    return visits_of_a_move()


def test_a_camera_that_is_moved_loses_its_edges_and_gains_others(moved):
    changes = watch(moved).changes
    assert [(c.kind, c.camera_a, c.camera_b) for c in changes] == [("vanished", 0, 1), ("appeared", 1, 2)]
    vanished, appeared = changes
    assert 9_000 <= vanished.since <= vanished.tick < 9_000 + 3_000
    assert 9_000 < appeared.tick < 9_000 + 6_000
    assert vanished.visits >= 4
    assert min(vanished.confidence, appeared.confidence) > 0.99


def test_an_edge_that_nobody_visits_stays(moved):
    quiet = np.concatenate([moved[:9_000], np.zeros((15_000, 3, GRID.windows), bool)])
    monitor = watch(quiet)
    assert not monitor.changes
    assert monitor.edges[0, 1].known


def test_an_edge_has_a_history(moved):
    edge = watch(moved[:9_000]).edges[0, 1]
    assert edge.periods
    assert all(supporting + contradicting == 20 for _, supporting, contradicting in edge.periods)
    assert edge.supporting > 3 * edge.contradicting
    assert len(edge.links)


def test_what_was_there_from_the_beginning_is_no_change(moved):
    assert not watch(moved[:9_000]).changes
    early = watch(moved[:9_000], ChangeSpec(recent_s=300.0, period_s=30.0, settle_s=0.0, least_links=1))
    assert [(c.kind, c.camera_a, c.camera_b) for c in early.changes] == [("appeared", 0, 1)]
