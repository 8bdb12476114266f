"""What is known of pairs of cameras, who is near whom, and the groups that come of it."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdist_ray.occupancy.block import Clock
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.sparse import SparseWords
from sdist_ray.partition.blocks import BlockLog, Blocks
from sdist_ray.partition.evidence import STRONG, Edges, EvidenceSettings, PairEvidence, moving
from sdist_ray.partition.grouping import bounded_groups, group_sizes, members, numbered
from sdist_ray.partition.screening_kernels import LEAST_TOGETHER, PERIOD
from sdist_ray.partition.walks import BIN, NEARNESS, Walks, WalkSettings, count_comings, nearness
from tests import oracles_partition as oracles
from tests.partition.samples import frozen, packed

GRID, CLOCK = Grid(4, 3), Clock(10, 20)


# ---- groups


weights = st.sampled_from([0.1, 0.5, 0.7, 1.0])
edges_of = st.lists(
    st.tuples(weights, st.integers(0, 9), st.integers(0, 9), st.integers(1, 10)),
    max_size=25,
    unique_by=lambda edge: edge[:3],
)


@given(edges_of, st.none() | st.integers(1, 10))
def test_groups_equal_the_oracle(edges, limit):
    edges = [(weight, a, b, limit or most) for weight, a, b, most in edges if a != b]
    first, second, most = (np.array([edge[k] for edge in edges], np.int64) for k in (1, 2, 3))
    labels = bounded_groups(10, first, second, np.array([edge[0] for edge in edges]), limit or most)
    expected = oracles.bounded_groups(10, edges)
    assert [set(group.tolist()) for group in members(labels)] == expected
    assert group_sizes(labels).tolist() == [len(group) for group in expected]


def test_groups_are_numbered_by_their_first_cameras():
    assert numbered(np.array([7, -1, 3, 7, 3, 9])).tolist() == [0, -1, 1, 0, 1, 2]
    assert members(numbered(np.array([-1, -1]))) == []


# ---- evidence


def log_of(blocks):
    """A log of cameras of which block 0 is occupied at the given samples."""
    log = BlockLog(len(blocks), Blocks(GRID), Clock(1, 64), 64 * 40)
    log.bits[:, 0] = packed(blocks, 40)
    log.known[:] = 2**64 - 1
    return log


def test_a_log_with_room_for_hours_that_nobody_has_seen_shows_the_same():
    random = np.random.default_rng(2)
    logs = [BlockLog(4, Blocks(GRID), Clock(1, 64), 64 * words) for words in (3 * PERIOD, 14 * PERIOD)]
    for index in range(50 * PERIOD - 3, 52 * PERIOD + 5):
        together = random.random(64) < 0.2
        there = np.stack([together, together, *(random.random((2, 64)) < 0.1)])
        occupied = np.zeros((4, GRID.windows), np.uint64)
        occupied[:, 5] = np.packbits(there, axis=1, bitorder="little").view(np.uint64)[:, 0]
        for log in logs:
            log.add(index, SparseWords.of(occupied), np.full(4, 2**64 - 1, np.uint64))
    found = []
    for log in logs:
        seen = moving(log)
        assert seen.known.shape[1] == 3 * PERIOD
        evidence, walks = PairEvidence(4, EvidenceSettings()), Walks(4, WalkSettings(), random)
        evidence.take(np.array([1, 2, 3, 6, 7, 11]), seen, False)
        walks.take(seen, np.zeros(4, np.int32))
        found.append((evidence.pairs.tolist(), evidence.nats.tolist(), walks.deviations.tolist()))
    assert found[0] == found[1]
    assert found[0][0] == [1]


def test_evidence_fades_unless_it_is_seen_again_and_makes_groups():
    visits = [{start + k for k in range(4)} for start in range(10, 64 * 40, 64)]
    often, seldom = set().union(*visits[::2]), set().union(*visits[1::5])
    blocks = [often, often, seldom, seldom, set(range(0, 64 * 40, 97))]
    evidence = PairEvidence(5, EvidenceSettings(least_gain=5.0))
    pairs = np.array([0 * 5 + 1, 0 * 5 + 2, 2 * 5 + 3, 3 * 5 + 4])
    known = set(range(64 * 40))
    strong, weak = (
        oracles.block_evidence(block, block, (known, known), 64 * PERIOD, LEAST_TOGETHER) - 5.0
        for block in (often, seldom)
    )
    assert strong > weak > 2 * math.log(5)
    often_seen, nothing = moving(log_of(blocks)), moving(log_of([set()] * 5))
    # Of one stretch of footage, what showed most.
    for seen in (nothing, often_seen, often_seen, nothing):
        evidence.take(pairs, seen, False)
    assert evidence.pairs.tolist() == [1, 13]
    assert evidence.nats == pytest.approx([strong, weak])
    assert evidence.groups().tolist() == [0, 0, 1, 1, 2]
    # A log that has moved on by a part shows the same once more; what a whole log ago showed is added.
    evidence.take(pairs, often_seen, True)
    assert evidence.nats == pytest.approx([strong, weak])
    evidence.take(pairs, often_seen, True)
    assert evidence.nats == pytest.approx([min(2 * strong, 50), 2 * weak])
    evidence.take(pairs, nothing, True)
    assert evidence.nats == pytest.approx([50, (0.8 + 1 + 1) * weak])
    # And fades.
    evidence.take(pairs, nothing, True)
    assert evidence.nats == pytest.approx([50, (0.8**2 + 0.8 + 1) * weak])
    evidence.take(pairs, nothing, True)
    assert evidence.nats == pytest.approx([0.8 * 50, 0.8 * (0.8**2 + 0.8 + 1) * weak])
    assert evidence.groups().tolist() == [0, 0, 1, 1, 2]
    evidence.grow(7)
    assert evidence.groups().tolist() == [0, 0, 1, 1, 2, 3, 4]
    for _ in range(40):
        evidence.take(pairs[:0], moving(log_of([set()] * 7)), True)
    assert evidence.groups().tolist() == list(range(7))


def test_a_camera_that_was_moved_joins_its_new_neighbours():
    """However strong the old evidence is: groups have room for two."""
    visits = [{start + k for k in range(4)} for start in range(10, 64 * 40, 64)]
    often, seldom, nobody = set().union(*visits), set().union(*visits[1::4]), set()
    evidence = PairEvidence(3, EvidenceSettings(most=2))
    pairs = np.array([1, 2, 5])
    for begins in (False, True, True):
        evidence.take(pairs, moving(log_of([often, often, nobody])), begins)
        assert evidence.groups().tolist() == [0, 0, 1]
    for _ in range(2):
        evidence.take(pairs, moving(log_of([nobody, seldom, seldom])), True)
    assert evidence.groups().tolist() == [0, 1, 1]


def test_what_stands_still_is_no_evidence():
    """Two people who sit for some time, and a window that sticks: each is there while the others are."""
    sits, sticks = set(range(300, 2400)), set(range(64 * 40))
    evidence = PairEvidence(3, EvidenceSettings(least_gain=0.1))
    evidence.take(np.array([1, 2, 5]), moving(log_of([sits, set(range(700, 2000)), sticks])), False)
    assert evidence.groups().tolist() == [0, 1, 2]


def test_weak_evidence_joins_few_and_after_strong():
    evidence = PairEvidence(100, EvidenceSettings(few=3))
    evidence.pairs = np.array([1, 2, 203, 405])
    evidence.nats = evidence._this = np.array([30.0, 3.0, 20.0, 3.0])
    evidence._before = evidence._last = np.zeros(4)
    assert evidence.groups()[:6].tolist() == [0, 0, 1, 1, 2, 2]


def evidence_of(pairs):
    """Of 100 cameras: lower and higher to nats."""
    evidence = PairEvidence(100, EvidenceSettings(few=3))
    evidence.pairs = np.array([a * 100 + b for a, b in pairs])
    evidence.nats = evidence._this = np.array(list(pairs.values()))
    evidence._before = evidence._last = np.zeros(len(pairs))
    return evidence


def test_who_is_near_joins_after_strong_evidence_and_before_weak():
    evidence = evidence_of({(0, 1): 30.0, (1, 2): 3.0, (3, 4): 30.0})
    near = Edges(np.array([1, 4]), np.array([3, 5]), np.full(2, STRONG - 0.01), np.array([4, 4]))
    assert evidence.groups(near=near)[:6].tolist() == [0, 0, 1, 0, 0, 2]
    assert evidence.groups()[:6].tolist() == [0, 0, 0, 1, 1, 2]


def test_cameras_stay_together_unless_others_are_much_better():
    """Of three, two at a time: the second is with the first, or with the third."""
    for strong, weak in ((30.0, 20.0), (3.0, 2.5)):
        evidence = evidence_of({(0, 1): strong, (1, 2): weak})
        evidence._settings = EvidenceSettings(most=2, few=2)
        now = np.full(100, -1, np.int32)
        assert evidence.groups(now)[:3].tolist() == [0, 0, 1]
        now[1:3] = 7
        assert evidence.groups(now)[:3].tolist() == [0, 1, 1]
        evidence.nats = evidence._this = np.array([2 * strong, weak])
        assert evidence.groups(now)[:3].tolist() == [0, 0, 1]


# ---- walks


samples_of = st.sets(st.integers(0, 64 * 4 - 1), max_size=40)


@given(st.lists(st.lists(samples_of, min_size=4, max_size=4), min_size=1, max_size=3))
def test_comings_equal_the_oracle(cameras):
    log = BlockLog(len(cameras), Blocks(Grid(6, 6)), Clock(1, 64), 64 * 4)
    log.bits[:] = np.stack([packed(blocks, 4) for blocks in cameras])
    log.known[:] = 2**64 - 1
    seen = moving(log)
    kept = [[oracles.changes(block, 5, 3) for block in blocks] for blocks in cameras]
    rows = np.arange(len(cameras))[::-1].copy()
    comings = np.zeros((len(rows), 4 * 64 // BIN))
    count_comings(*frozen(seen.begins, seen.bits, rows), comings)
    expected = [oracles.comings(blocks, 4 * 64, BIN) for blocks in kept]
    assert comings.tolist() == expected[::-1]


@given(st.integers(2, 5), st.integers(1, 60), st.integers(1, 40), st.integers(0, 1000))
def test_nearness_equals_the_oracle(cameras, bins, period, seed):
    comings = np.random.default_rng(seed).poisson(0.4, (cameras, bins)).astype(float)
    found = nearness(*frozen(comings), period)
    expected = oracles.nearness(comings.tolist(), NEARNESS.tolist(), period)
    assert found == pytest.approx(np.array(expected), abs=1e-6)


@pytest.mark.parametrize("district", [1000, 30])
def test_cameras_between_which_people_walk_are_near(district):
    """Ten seconds from each to the one after it, in pairs; in districts it takes some turns."""
    random, cameras = np.random.default_rng(1), 60
    blocks = []
    for _ in range(cameras // 2):
        visits = random.integers(0, 64 * 40 - 60, 60)
        blocks += [{t + k for t in visits for k in range(3)}, {t + 10 + k for t in visits for k in range(3)}]
    log = BlockLog(cameras, Blocks(GRID), CLOCK, 64 * 40)
    log.bits[:, 0], log.known[:] = packed(blocks, 40), 2**64 - 1
    walks = Walks(cameras, WalkSettings(district=district), random)
    work = [
        walks.take(moving(log), np.full(cameras, -1, np.int32)) for _ in range(1 if district > 60 else 12)
    ]
    expected = {(camera, camera + 1) for camera in range(0, cameras, 2)}
    found = set(zip(*(part.tolist() for part in np.divmod(walks.pairs, cameras)), strict=True))
    assert len(expected & found) >= 0.9 * len(expected)
    assert len(found - expected) <= 6
    assert np.all(np.diff(walks.pairs) > 0)
    assert work[0] < 60 * 120 * min(district, cameras)
    walks.grow(100)
    assert {(pair // 100, pair % 100) for pair in walks.pairs.tolist()} == found


def test_what_is_not_asked_again_fades_and_what_is_asked_is_replaced():
    walks = Walks(6, WalkSettings(least_walks=2.0, district=3), np.random.default_rng(0))
    walks.pairs, walks.deviations = np.array([1, 3, 10]), np.array([9.0, 9.0, 2.05])
    walks._districts = lambda groups: [np.array([0, 1, 2]), np.array([3, 4, 5])]
    log = BlockLog(6, Blocks(GRID), CLOCK, 128)
    assert walks.take(moving(log), np.zeros(6, np.int32)) == 0
    assert walks.pairs.tolist() == [3]
    assert walks.deviations == pytest.approx([0.95 * 9])


def test_groups_of_those_who_are_near_are_small_in_small_networks():
    settings = WalkSettings()
    assert [settings.most(n, False) for n in (50, 480, 1000, 10_000)] == [12, 14, 24, 24]
    assert [settings.most(n, True) for n in (50, 480, 1000, 10_000)] == [12, 29, 60, 60]
