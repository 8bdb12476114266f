"""Transits: entries and exits, routes that stand out, who came from where, and what follows from it."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdist_ray.occupancy.block import Clock, OccupancyRange
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.sparse import SparseRange
from sdist_ray.simulation.site import SiteSpec, make_site, walk
from sdist_ray.simulation.truth_transits import true_transits
from sdist_ray.topology.transit.events import NEVER, EventFinder, Events, SpreadLinks
from sdist_ray.topology.transit.kernels import count_lags, find_peaks, merge_parties, share_entries
from sdist_ray.topology.transit.learner import TransitLearner
from sdist_ray.topology.transit.model import chance, passes, transit_times
from sdist_ray.topology.transit.scan import Peaks
from sdist_ray.topology.transit.spec import TransitSpec
from tests import oracles_transit as oracles

GRID = Grid(4, 3)


def words_of(occupied, available, clock, sparse=False):
    """Ranges of bool (ticks, cameras, windows); the last is filled with unavailable ticks."""
    ticks = clock.range_ticks
    for index in range(-(-len(occupied) // ticks)):
        words = np.zeros(occupied.shape[1:], np.uint64)
        seen = np.zeros(occupied.shape[1], np.uint64)
        for bit, tick in enumerate(range(index * ticks, min((index + 1) * ticks, len(occupied)))):
            words |= occupied[tick].astype(np.uint64) << np.uint64(bit)
            seen |= available[tick].astype(np.uint64) << np.uint64(bit)
        dense = OccupancyRange(index, words, seen)
        yield SparseRange.of(dense) if sparse else dense


def found(events):
    return list(zip(events.tick.tolist(), events.place.tolist(), strict=True))


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    gap=st.integers(1, 6),
    ticks=st.integers(1, 64),
    density=st.floats(0, 0.2),
    sparse=st.booleans(),
)
def test_entries_and_exits_equal_the_oracle(seed, gap, ticks, density, sparse):
    rng = np.random.default_rng(seed)
    cameras, span = 3, 60
    occupied = rng.random((span, cameras, GRID.windows)) < density
    available = rng.random((span, cameras)) < 0.98
    pairs = [
        (int(a), 12 + int(b)) for a, b in zip(rng.integers(0, 12, 3), rng.integers(0, 24, 3), strict=True)
    ]
    finder = EventFinder(cameras, GRID, Clock(10, ticks), gap)
    finder.link(SpreadLinks.of(np.array(pairs), cameras * GRID.windows, GRID))
    parts = [finder.add(entry) for entry in words_of(occupied, available, Clock(10, ticks), sparse)]
    expected = oracles.entries_and_exits(
        occupied, available, GRID.columns, gap, oracles.spread_links(pairs, GRID.columns, GRID.windows)
    )
    for kind in (0, 1):
        assert found(Events.join([part[kind] for part in parts])) == sorted(expected[kind])


def test_a_range_that_is_missing_was_unavailable():
    clock = Clock(10, 10)
    occupied = np.zeros((30, 1, 12), bool)
    occupied[8:25, 0, 5] = True
    ranges = list(words_of(occupied, np.ones((30, 1), bool), clock))
    finder = EventFinder(1, GRID, clock, 3)
    first, third = finder.add(ranges[0]), finder.add(ranges[2])
    assert found(first[0]) == [(8, 5)]
    assert not found(first[1])
    assert not found(third[0]), "who was there when it came back did not come then"
    assert found(third[1]) == [(24, 5)]


def test_cameras_that_join_see_nobody_enter_at_once():
    clock = Clock(10, 10)
    occupied = np.zeros((20, 2, 12), bool)
    occupied[10:12, 1, 0] = True
    occupied[18, 1, 11] = True
    ranges = list(words_of(occupied, np.ones((20, 2), bool), clock))
    finder = EventFinder(1, GRID, clock, 4)
    finder.add(OccupancyRange(0, ranges[0].occupied[:1], ranges[0].available[:1]))
    finder.grow(2)
    entries, exits = finder.add(ranges[1])
    assert found(entries) == [(18, 23)]
    assert found(exits) == [(11, 12)]


@given(seed=st.integers(0, 2**32 - 1), hold=st.integers(0, 5), reach=st.integers(0, 2))
def test_parties_equal_the_oracle(seed, hold, reach):
    rng = np.random.default_rng(seed)
    events = sorted(
        {(int(t), int(p)) for t, p in zip(rng.integers(0, 30, 25), rng.integers(0, 24, 25), strict=True)}
    )
    tick, place = (np.array(column) for column in zip(*events, strict=True))
    kept = np.empty(len(events), bool)
    last = np.full(24, NEVER)
    merge_parties(tick, place.astype(np.int32), 4, 3, hold, reach, last, kept)
    assert kept.tolist() == oracles.first_of_parties(events, 4, 12, hold, reach)


@given(
    seed=st.integers(0, 2**32 - 1),
    first=st.integers(0, 20),
    width=st.integers(1, 5),
    floor=st.sampled_from([0.0, 1.0, 4.0]),
)
def test_lags_and_peaks_equal_the_oracle(seed, first, width, floor):
    rng = np.random.default_rng(seed)
    exits = np.sort(rng.integers(0, 80, 30))
    entries = sorted(zip(rng.integers(0, 80, 60).tolist(), rng.integers(0, 3, 60).tolist(), strict=True))
    counts = np.zeros((6, 3), np.float32)
    entry_tick, entry_node = (np.array(column) for column in zip(*entries, strict=True))
    count_lags(exits, entry_tick, entry_node, first, width, counts)
    assert np.array_equal(counts, oracles.lag_counts(exits.tolist(), entries, counts.shape, first, width))
    expected = rng.random(3) * 8
    score, begin, wide = np.empty(3), np.empty(3, np.int64), np.empty(3, np.int64)
    find_peaks(counts, expected, np.array([1, 2, 4]), 3, floor, score, begin, wide)
    for node in range(3):
        best = oracles.best_stretch(counts[:, node], expected[node], [1, 2, 4], 3)
        if best[0] > floor:
            assert (score[node], begin[node], wide[node]) == best
        else:
            assert score[node] <= floor


@given(seed=st.integers(0, 2**32 - 1), count=st.integers(0, 30), most=st.integers(1, 4))
def test_of_routes_to_a_node_the_strongest_are_kept(seed, count, most):
    rng = np.random.default_rng(seed)
    source, target, shift = rng.integers(0, 9, count), rng.integers(0, 3, count), rng.integers(0, 2, count)
    lag = np.arange(count)
    peaks = Peaks.of([(source, target, shift, lag, lag, rng.permutation(count) + 1.0)], 3)
    kept = peaks.strongest(most)
    expected = set()
    for node in range(3):
        for moved in range(2):
            here = [k for k in range(count) if (peaks.target[k], peaks.shift[k]) == (node, moved)]
            expected |= {peaks.lag[k] for k in sorted(here, key=lambda k: -peaks.score[k])[:most]}
    assert set(kept.lag) == expected
    assert (np.diff(kept.target) >= 0).all()


@given(seed=st.integers(0, 2**32 - 1))
def test_entries_are_shared_out_as_the_oracle_does(seed):
    rng = np.random.default_rng(seed)
    nodes, bins, bin_ticks = 3, 4, 3
    exits = sorted(
        zip(rng.integers(0, 60, 20).tolist(), rng.integers(0, nodes, 20).tolist(), strict=True),
        key=lambda event: (event[1], event[0]),
    )
    entries = sorted(zip(rng.integers(0, 60, 20).tolist(), rng.integers(0, nodes, 20).tolist(), strict=True))
    routes = [(0, 1, 0), (2, 1, 0), (0, 1, 25), (1, 2, 0)]
    strength, unexplained, free = rng.random((4, bins)), rng.random(nodes) + 0.1, rng.random(20)
    expected = oracles.shares(entries, exits, routes, strength, bin_ticks, unexplained, free)
    exit_tick, exit_node = (np.array(column) for column in zip(*exits, strict=True))
    entry_tick, entry_node = (np.array(column) for column in zip(*entries, strict=True))
    source, target, shift = (np.array(column) for column in zip(*routes, strict=True))
    out = np.zeros((4, bins)), np.zeros(4), np.zeros(20), np.empty(20)
    share_entries(
        entry_tick, entry_node, np.searchsorted(exit_node, np.arange(nodes + 1)), exit_tick,
        np.searchsorted(target, np.arange(nodes + 1)), source, shift, bin_ticks, strength, unexplained, free,
        *out,
    )  # fmt: skip
    for ours, theirs in zip(out, expected, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-12, abs=1e-12)


def walkers(rng, ways, ticks, alone, fps=10):
    """bool (ticks, cameras, windows): people who walk ways of (camera, window, seconds until the next)."""
    cameras = 1 + max(camera for way in ways for camera, _, _ in way)
    occupied = np.zeros((ticks, cameras, GRID.windows), bool)
    for way in ways:
        for start in np.cumsum(rng.exponential(alone * fps, round(ticks / alone / fps))).astype(int):
            tick = int(start)
            for camera, window, seconds in way:
                occupied[tick : tick + 4, camera, window] = True
                tick += 4 + max(0, round((seconds + rng.normal(0, 0.1 * seconds)) * fps))
    return occupied


def learnt(occupied, clock=None, overlapping=(), **changes):
    clock = clock or Clock(10, 20)
    learner = TransitLearner(occupied.shape[1], GRID, clock, TransitSpec(**changes))
    for entry in words_of(occupied, np.ones(occupied.shape[:2], bool), clock):
        learner.add(entry)
    return learner, learner.learn(overlapping)


@pytest.fixture(scope="module")
def three_cameras():
    """0 to 1 in 10 s, 1 on to 2 in 5 s; 3 sees others."""
    rng = np.random.default_rng(3)
    ways = [[(0, 0, 10), (1, 3, 5), (2, 0, 1)], [(3, 5, 1)], [(2, 11, 1)], [(0, 11, 1)]]
    return walkers(rng, ways, 24_000, alone=40.0)


def test_who_walks_by_way_of_a_camera_makes_no_edge_past_it(three_cameras):
    _, transits = learnt(three_cameras)
    assert list(zip(transits.source.tolist(), transits.target.tolist(), strict=True)) == [(0, 1), (1, 2)]
    assert transits.mean_s == pytest.approx([10, 5], rel=0.1)
    assert (transits.p10_s < transits.mean_s).all()
    assert (transits.mean_s < transits.p90_s).all()
    # Half of those who leave camera 0 go to camera 1; nearly all of those who leave 1 go to 2.
    assert transits.probability == pytest.approx([0.5, 0.9], abs=0.15)
    assert transits.per_hour[0] == pytest.approx(3600 / 40, rel=0.25)


def test_a_model_of_the_cameras_tells_where_to_look_next(three_cameras):
    _, transits = learnt(three_cameras, zone=2)
    matrix = transits.transition_matrix()
    assert matrix.sum(axis=1) == pytest.approx(1)
    assert matrix[1, 2] > 0.7
    assert matrix[3, -1] > 0.9
    (by_camera,) = transits.next_cameras(0)
    (by_window,) = transits.next_cameras(0, window=0)
    assert by_camera.camera == by_window.camera == 1
    assert by_window.probability > by_camera.probability
    assert by_window.from_s < 10 < by_window.until_s
    assert transits.next_cameras(0, window=11) == []


def test_cameras_that_overlap_have_no_transits(three_cameras):
    _, transits = learnt(three_cameras, overlapping=[(1, 0)])
    assert list(zip(transits.source.tolist(), transits.target.tolist(), strict=True)) == [(1, 2)]


def test_the_same_people_at_other_times_make_no_edges(three_cameras):
    moved = np.stack([np.roll(three_cameras[:, c], 5000 * c, axis=0) for c in range(4)], axis=1)
    assert len(learnt(moved)[1]) == 0


def test_it_does_not_matter_where_ranges_are_cut(three_cameras):
    (_, one), (_, other) = (learnt(three_cameras[:12_800], Clock(10, ticks)) for ticks in (20, 64))
    for name in ("source", "target", "transits", "mean_s", "p_value"):
        assert np.array_equal(getattr(one, name), getattr(other, name))


def test_memory_is_bounded_and_the_newest_events_are_kept(three_cameras):
    learner, transits = learnt(three_cameras, events=50)
    log = learner.log()
    exits = np.bincount(log.exit_node // log.zones, minlength=4)
    assert exits.max() == 50
    assert exits.min() > 40
    assert log.begins.max() > 12_000
    assert {(0, 1), (1, 2)} <= set(zip(transits.source.tolist(), transits.target.tolist(), strict=True))


def test_nothing_is_known_of_an_empty_network():
    learner, transits = learnt(np.zeros((100, 2, 12), bool))
    assert len(transits) == 0
    assert learner.learn().transition_matrix()[:, -1] == pytest.approx(1)


def test_times_are_those_of_whole_ticks():
    histogram = np.zeros((1, 4))
    histogram[0, 2] = 5
    mean, p10, p90 = transit_times(histogram, 0.5, 5)
    assert mean[0] == pytest.approx(1.2)  # ticks 10 to 14
    assert (p10[0], p90[0]) == pytest.approx((1.05, 1.45))


def test_the_false_discovery_rate_is_that_of_all_that_was_tried():
    p = np.array([0.001, 0.2, 0.011, 0.03])
    assert passes(p, 4, 0.05).tolist() == [True, False, True, True]
    assert passes(p, 40, 0.05).tolist() == [True, False, False, False]
    assert passes(p[:0], 40, 0.05).tolist() == []


def test_what_scores_like_the_null_is_chance():
    rng = np.random.default_rng(0)
    null = rng.exponential(2.0, 5000)
    p = chance(rng.exponential(2.0, 5000), null, 5000)
    assert np.mean(p < 0.01) == pytest.approx(0.01, abs=0.005)
    assert chance(np.array([3.0]), null[:0], 100)[0] < 0.01


def test_true_transits_are_those_of_nobody_in_between():
    site = make_site(SiteSpec(cameras=6, people=4, minutes=2, fps=5, width_m=50, depth_m=40, seed=5))
    people = walk(site)
    sharing = np.zeros((6, 6), bool)
    found = true_transits(site, people, sharing, 30)
    expected = {}
    for person in range(people.people):
        seen = []
        for tick in range(people.ticks):
            place = people.positions[tick, person].astype(float)
            views = set()
            if not np.isnan(place[0]):
                for number, camera in enumerate(site.cameras):
                    x, y = camera.to_image(place[None])[0] / camera.image_size
                    if 0 <= x <= 1 and 0 <= y <= 1:
                        views.add(number)
            if views:
                seen.append((tick, views))
        for (left, one), (came, other) in itertools.pairwise(seen):
            if came - left <= 150 and not (came == left + 1 and one & other):
                for a in one:
                    for b in other - {a}:
                        expected.setdefault((a, b), []).append((came - left) / 5)
    assert {(a, b): n for a, b, n in zip(found.source, found.target, found.people, strict=True)} == {
        pair: len(times) for pair, times in expected.items()
    }
    for a, b, mean in zip(found.source, found.target, found.mean_s, strict=True):
        assert mean == pytest.approx(np.mean(expected[a, b]))
    assert (found.parties <= found.people).all()
