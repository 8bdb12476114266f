"""Transits that begin and cease: what exits support, the test, a door that opens and one that closes."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdist_ray.occupancy.block import Clock, OccupancyRange
from sdist_ray.topology.change import ChangeSpec
from sdist_ray.topology.transit.change import (
    APPEARED,
    VANISHED,
    Asked,
    Outages,
    TransitHistory,
    TransitMonitor,
)
from sdist_ray.topology.transit.events import NEVER, Events
from sdist_ray.topology.transit.learner import TransitLearner
from sdist_ray.topology.transit.nodes import Log
from sdist_ray.topology.transit.spec import TransitSpec
from tests.test_transit import GRID, walkers, words_of

CLOCK = Clock(10, 20)
SPEC = ChangeSpec(period_s=60.0, settle_s=600.0)


def ranges_of_availability(available, ticks):
    """Ranges in which cameras are there at a share of the ticks: floats (ranges, cameras); NaN: no range."""
    for index, shares in enumerate(available):
        if not np.isnan(shares).any():
            words = [(1 << round(share * ticks)) - 1 for share in shares]
            yield OccupancyRange(index, np.zeros((len(words), 12), np.uint64), np.array(words, np.uint64))


@given(seed=st.integers(0, 2**32 - 1), most=st.integers(2, 40))
def test_who_was_there_equals_a_plain_look(seed, most):
    rng = np.random.default_rng(seed)
    shares = rng.choice([0.0, 0.85, 0.95, 1.0], (30, 2), p=[0.1, 0.1, 0.4, 0.4])
    shares[rng.random(30) < 0.05] = np.nan
    shares[[0, -1]] = 1.0
    outages = Outages(2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sdist_ray.topology.transit.change.MOST_OUTAGES", most)
        for entry in ranges_of_availability(shares, 20):
            outages.add(entry, 20)
    good = np.repeat(np.nan_to_num(shares) >= 0.9, 20, axis=0)
    start = rng.integers(0, 550, 40)
    end = start + rng.integers(1, 50, 40)
    for camera in range(2):
        column = good[:, camera]
        # What is before the first tick is an outage; of more than are kept the older ones count as one.
        ends = np.append(0, np.flatnonzero(np.diff(column.astype(int)) == 1) + 1)
        kept = ends[-most:][0]
        there = outages.there(camera, start, end)
        for k in range(40):
            assert there[k] == (column[start[k] : end[k]].all() and start[k] >= kept)


@settings(max_examples=50)
@given(seed=st.integers(0, 2**32 - 1))
def test_what_exits_support_equals_a_plain_look(seed):
    rng = np.random.default_rng(seed)
    zone = np.arange(12) // 6

    def events(count):
        return Events(np.sort(rng.integers(200, 1000, count)), rng.integers(0, 24, count).astype(np.int32))

    entries, exits = events(120), events(60)
    begins = np.array([0, rng.integers(0, 400)])
    log = Log.of(entries, exits, 2, zone, 0, 1000, begins)
    outages = Outages(2)
    for entry in ranges_of_availability(rng.choice([0.0, 1.0], (100, 2), p=[0.05, 0.95]), 10):
        outages.add(entry, 10)
    routes = np.array([(0, 2, 10, 30), (0, 3, 20, 60), (1, 2, 5, 15)][: rng.integers(1, 4)])
    shifts = (100, 250)
    visits = Asked(log, outages, shifts).visits(0, routes, 300, 900)
    expected = []
    for tick, place in sorted(zip(exits.tick.tolist(), exits.place.tolist(), strict=True)):
        if place >= 12 or not 300 <= tick < 900:
            continue
        answers = []
        for shift in (0, *shifts):
            at = tick - shift
            first, last = at + routes[:, 2].min(), at + routes[:, 3].max()
            if first < begins[1] or not outages.there(1, np.array([first]), np.array([last]))[0]:
                answers.append(None)
                continue
            answers.append(
                any(
                    zone[place] == source and at + low <= t < at + high and p >= 12 and 2 + zone[p - 12] == to
                    for source, to, low, high in routes.tolist()
                    for t, p in zip(entries.tick.tolist(), entries.place.tolist(), strict=True)
                )
            )
        asked = [answer for answer in answers[1:] if answer is not None]
        if answers[0] is not None and asked:
            expected.append((tick, answers[0], len(asked), sum(asked)))
    found = zip(visits.tick, visits.supports, visits.looks, visits.chances, strict=True)
    assert sorted(found) == sorted(expected)


def test_an_edge_vanishes_after_as_many_exits_as_the_evidence_takes():
    """Of 100 exits 49 supported it, chance has 10 in 100: each that does not is worth ln(0.9 / 0.5)."""
    monitor = TransitMonitor(TransitLearner(2, GRID, CLOCK), SPEC)
    edge = TransitHistory(
        routes=np.zeros((1, 4), np.int64), began=0, known=True, supporting=49, contradicting=49
    )
    edge.looks, edge.chances = 390.0, 39.0
    needed = math.ceil(SPEC.evidence / math.log(0.9 / 0.5))
    kinds = [monitor._visit(edge, tick, False) for tick in range(needed)]
    assert kinds == [None] * (needed - 1) + [VANISHED]
    assert (edge.since, edge.visits) == (0, needed)
    assert edge.sum == pytest.approx(needed * math.log(0.9 / 0.5))
    # One that does takes ln(0.5 / 0.1) away, and where nothing is left the test begins anew.
    monitor._visit(edge, needed, True)
    assert edge.sum == pytest.approx(needed * math.log(0.9 / 0.5) - math.log(0.5 / 0.1))
    edge.sum = -0.5
    monitor._visit(edge, 77, False)
    assert (edge.since, edge.visits) == (77, 1)
    assert edge.sum == pytest.approx(math.log(0.9 / 0.5))


def test_a_proposed_edge_is_there_or_not_after_as_many_exits_as_it_takes():
    monitor = TransitMonitor(TransitLearner(2, GRID, CLOCK), SPEC)

    def proposed():
        edge = TransitHistory(routes=np.zeros((1, 4), np.int64), began=0, supporting=49, contradicting=49)
        edge.looks, edge.chances = 390.0, 39.0
        return edge

    for supports, gain, least, kind in (
        (True, math.log(0.5 / 0.1), SPEC.evidence, APPEARED),
        (False, math.log(0.9 / 0.5), SPEC.evidence / 2, VANISHED),
    ):
        edge, needed = proposed(), math.ceil(least / gain)
        assert [monitor._visit(edge, t, supports) for t in range(needed)] == [None] * (needed - 1) + [kind]


def watch(occupied, available=None, overlapping=(), spec=SPEC):
    if available is None:
        available = np.ones(occupied.shape[:2], bool)
    monitor = TransitMonitor(TransitLearner(occupied.shape[1], GRID, CLOCK, TransitSpec(zone=2)), spec)
    told = []
    for entry in words_of(occupied, available, CLOCK):
        monitor.add(entry)
        told += monitor.look(overlapping)
    assert told == list(monitor.changes)
    return monitor


def footage(rng, ways, ticks):
    """Those who walk the ways, every 25 s, and people who come and go at all three cameras, every 75 s."""
    others = [[(camera, 11, 1)] for camera in range(3)]
    walked = np.zeros((ticks, 3, GRID.windows), bool)
    for way in ways:
        one = walkers(rng, [way], ticks, alone=25.0)
        walked[:, : one.shape[1]] |= one
    return walked | walkers(rng, others, ticks, alone=75.0)


OPEN, CLOSED = [[(0, 0, 8), (1, 3, 1)]], [[(0, 0, 1)], [(1, 3, 1)]]


@pytest.fixture(scope="module")
def halves():
    """30 minutes in which people walk from 0 to 1, and 30 in which they leave 0 and others come to 1."""
    rng = np.random.default_rng(8)
    return footage(rng, OPEN, 18_000), footage(rng, CLOSED, 18_000)


def test_a_door_that_is_locked_shows_as_a_transit_that_vanishes(halves):
    monitor = watch(np.concatenate(halves))
    (change,) = monitor.changes
    assert (change.kind, change.camera_a, change.camera_b) == (VANISHED, 0, 1)
    assert 17_000 < change.since < change.tick < 18_000 + 9_000
    assert change.visits >= 10
    assert change.confidence > 0.99
    assert (0, 1) not in monitor.edges or not monitor.edges[0, 1].known


def test_a_door_that_is_unlocked_shows_as_a_transit_that_appears(halves):
    monitor = watch(np.concatenate(halves[::-1]))
    (change,) = monitor.changes
    assert (change.kind, change.camera_a, change.camera_b) == (APPEARED, 0, 1)
    assert 17_500 < change.since < 19_500
    assert change.since < change.tick < 18_000 + 15_000
    assert monitor.edges[0, 1].known


def test_what_was_there_from_the_beginning_is_no_change_and_has_a_history(halves):
    monitor = watch(np.concatenate([halves[0], halves[0]]))
    assert not monitor.changes
    edge = monitor.edges[0, 1]
    assert edge.known
    assert all(supporting + contradicting == 20 for _, supporting, contradicting in edge.periods)
    assert sum(supporting for _, supporting, _ in edge.periods) > 30
    assert edge.supporting + edge.contradicting <= 200


def test_nothing_is_told_where_all_walk_twice_as_often_as_before(halves):
    more = halves[0] | footage(np.random.default_rng(9), OPEN, 18_000)
    assert not watch(np.concatenate([halves[0], more, halves[0]])).changes


def test_an_edge_that_nobody_walks_for_long_stays(halves):
    nobody = np.zeros((72_000, 3, GRID.windows), bool)
    monitor = watch(np.concatenate([halves[0], nobody, halves[0]]))
    assert not monitor.changes
    assert monitor.edges[0, 1].known


def test_a_camera_that_is_not_there_ends_no_transit(halves):
    occupied = np.concatenate([halves[0], halves[1], halves[0]])
    available = np.ones(occupied.shape[:2], bool)
    available[18_000:36_000, 1] = False
    assert not watch(occupied, available).changes
    assert watch(occupied).changes


def test_between_cameras_that_overlap_there_are_no_transits(halves):
    monitor = watch(np.concatenate(halves), overlapping=[(1, 0)])
    assert not monitor.changes
    assert not monitor.edges
    late = TransitMonitor(monitor.learner, SPEC)
    late.edges[0, 1] = TransitHistory(routes=np.array([[0, 6, 1, 9]]), began=int(NEVER), known=True)
    late.add(OccupancyRange(1800, np.zeros((3, 12), np.uint64), np.zeros(3, np.uint64)))
    late._looked -= 10_000
    late.look([(0, 1)])
    assert not late.edges
