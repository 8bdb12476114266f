"""What links are judged by: rates, estimators, chance, confidence."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdist_ray.occupancy.block import Clock, OccupancyRange
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.padding import Padding
from sdist_ray.occupancy.rates import VISIT_GAP_S, RateCounter, Rates
from sdist_ray.occupancy.slots import DAY_S, SLOTS, Slots
from sdist_ray.occupancy.sparse import SparseRange
from sdist_ray.topology.estimators import ESTIMATORS, PairEvidence, corrected
from sdist_ray.topology.evidence import NetworkEvidence
from sdist_ray.topology.least import least_agreements
from sdist_ray.topology.null import shift_ranges
from sdist_ray.topology.screening import BINS, Screening, bins_of
from sdist_ray.topology.significance import chance, chance_both_ways, confidence
from tests import oracles_evidence as oracles


def random_ranges(seed, cameras, windows, ticks, count):
    """Ranges with gaps between them, cameras that come and go, and windows that stay occupied for a time."""
    rng = np.random.default_rng(seed)
    full = np.uint64((1 << ticks) - 1)
    index = np.flatnonzero(rng.random(2 * count) < 0.7)[:count]
    ranges = []
    for number in index:
        words = rng.integers(0, full, (cameras, windows), dtype=np.uint64, endpoint=True)
        words &= rng.integers(0, full, (cameras, windows), dtype=np.uint64, endpoint=True)
        words[rng.random((cameras, windows)) < 0.6] = 0
        some = rng.integers(0, full, cameras, dtype=np.uint64, endpoint=True)
        available = np.where(rng.random(cameras) < 0.7, full, some)
        ranges.append(OccupancyRange(int(number) + 5, words, available))
    return ranges


def bits(word, ticks):
    return [(int(word) >> k) & 1 == 1 for k in range(ticks)]


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    grid=st.sampled_from([Grid(3, 2), Grid(1, 1), Grid(4, 3)]),
    ticks=st.sampled_from([1, 4, 20, 64]),
    tolerance=st.integers(0, 9),
    grown=st.booleans(),
)
def test_rates_equal_the_oracle(seed, grid, ticks, tolerance, grown):
    clock = Clock(2.0, ticks)
    ranges = random_ranges(seed, 3, grid.windows, ticks, 5)
    counter = RateCounter(2 if grown else 3, Padding(grid, clock, tolerance))
    half = len(ranges) // 2
    for number, entry in enumerate(ranges):
        if grown and number < half:
            entry.occupied[2], entry.available[2] = 0, 0
            entry = OccupancyRange(entry.index, entry.occupied[:2], entry.available[:2])
        elif grown and number == half:
            counter.grow(3)
        counter.add(entry)
    if grown and half >= len(ranges):
        counter.grow(3)
    first, last = ranges[0].index * ticks, (ranges[-1].index + 1) * ticks
    occupied = np.zeros((last - first, 3, grid.windows), bool)
    available = np.zeros((last - first, 3), bool)
    for entry in ranges:
        at = entry.index * ticks - first
        available[at : at + ticks] = np.array([bits(w, ticks) for w in entry.available]).T
        words = [[bits(w, ticks) for w in row] for row in entry.occupied]
        occupied[at : at + ticks] = np.array(words).transpose(2, 0, 1)
    visits, on, padded, known = oracles.rates(
        occupied, available, grid.columns, grid.rows, tolerance, VISIT_GAP_S * clock.fps
    )
    rates = counter.rates()
    assert (rates.visits == visits).all()
    assert (rates.occupied.sum(axis=0) == on).all()
    assert (rates.padded.sum(axis=0) == padded).all()
    assert (rates.countable.sum(axis=0) == known).all()
    # Asked again, and gone on, it is the same.
    assert (counter.rates().padded == rates.padded).all()


@pytest.mark.parametrize("ticks", [1, 5, 7, 60, 64])
@pytest.mark.parametrize("tolerance", [0, 3])
def test_rates_do_not_depend_on_where_ranges_are_cut(ticks, tolerance):
    # Slots of 90 ticks and then 180: they end in the middle of ranges.
    rng, grid, fps, end = np.random.default_rng(1), Grid(3, 2), 0.2, 1500 // ticks * ticks
    occupied = rng.random((end, 2, grid.windows)) < 0.3
    available = rng.random((end, 2)) < 0.9
    found = []
    for size in (1, ticks):
        counter = RateCounter(2, Padding(grid, Clock(fps, size), tolerance))
        power = np.uint64(1) << np.arange(size, dtype=np.uint64)
        for index in range(end // size):
            at = slice(index * size, (index + 1) * size)
            words = np.einsum(
                "tcw,t->cw", (occupied[at] & available[at][:, :, None]).astype(np.uint64), power
            )
            r = np.einsum("tc,t->c", available[at].astype(np.uint64), power)
            counter.add(OccupancyRange(index, words, r))
        found.append(counter.rates())
    one, other = found
    for name in ("visits", "occupied", "padded", "countable"):
        assert (getattr(one, name) == getattr(other, name)).all(), name
    slots = Slots(fps)
    number = []
    for tick in range(end):
        slot, moved = slots.of(tick)
        for to in moved:
            number = [to[before] for before in number]
        number.append(slot)
    seen = occupied & available[:, :, None]
    expected = [seen[np.array(number) == slot].sum(axis=0) for slot in range(max(number) + 1)]
    assert (other.occupied == np.array(expected)).all()


def test_before_the_first_range_there_are_rates_of_nothing():
    rates = RateCounter(3, Padding(Grid(4, 3), Clock(), 3)).rates()
    assert [rates.visits.shape, rates.occupied.shape, rates.padded.shape] == [(3, 12), (0, 3, 12), (0, 3, 12)]


@pytest.mark.parametrize("fps", [10.0, 2.0, 12.5])
def test_slots_are_those_of_the_length_that_all_ticks_call_for(fps):
    rng = np.random.default_rng(3)
    tick, counts, said = int(fps * 1_700_000_000), np.zeros(SLOTS), Slots(fps)
    everything = []
    for _ in range(400):
        tick += int(rng.exponential(fps * 600))
        slot, moved = said.of(tick)
        for to in moved:
            before, counts = counts, np.zeros(SLOTS)
            for number, place in enumerate(to):
                counts[place] += before[number]
        counts[slot] += 1
        everything.append(tick)
        first = everything[0]
        for halved in (16, 8, 4, 2, 1):
            length = DAY_S * fps / SLOTS / halved
            numbers = np.array([t // length for t in everything]).astype(int)
            if halved == 1 or numbers[-1] - numbers[0] < SLOTS:
                break
        places = numbers % SLOTS if halved == 1 else numbers - int(first // length)
        assert (np.bincount(places, minlength=SLOTS) == counts).all()
    assert said.daily


def pairs(n, o, visits, rate, occupied=0.05):
    n, o, visits, rate = np.broadcast_arrays(n, o, np.asarray(visits, float), np.asarray(rate, float))
    return PairEvidence(n, o, visits, rate, np.full(n.shape, occupied))


@given(
    st.sampled_from(sorted(ESTIMATORS)),
    st.integers(0, 200),
    st.floats(0.01, 1),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_estimators_never_fall_with_agreements_and_never_pass_their_bound(name, o, share, rate, occupied):
    estimator, n = ESTIMATORS[name], np.arange(o + 1)
    score = estimator.score(pairs(n, np.full(o + 1, o), max(o * share, 1e-3), rate, occupied))
    assert ((score >= 0) & (score <= 1)).all()
    assert score[0] == 0
    assert (np.diff(score) >= -1e-9).all()
    assert (score <= estimator.bound(n, np.full(o + 1, o)) + 1e-12).all()
    assert (np.diff(estimator.bound(n, np.full(o + 1, o))) >= 0).all()


@given(st.sampled_from(sorted(ESTIMATORS)), st.integers(0, 80), st.floats(0.01, 1), st.floats(0, 1))
def test_no_pair_that_passes_is_refused_by_the_least_agreements(name, o, share, rate):
    estimator, n = ESTIMATORS[name], np.arange(o + 1)
    least = least_agreements(estimator.bound, 0.5, o)
    score = estimator.score(pairs(n, np.full(o + 1, o), max(o * share, 1e-3), rate))
    assert (n[score > 0.5] >= least[o]).all()


@given(st.integers(1, 60), st.integers(0, 60), st.integers(1, 30), st.floats(0.001, 0.99))
def test_information_is_that_of_the_joint_table(o, n, visits, rate):
    n = min(n, o)
    if n / o < 0.3 or n / o <= rate or n / o * 0.05 > rate:
        return
    found = pairs(np.array([n]), np.array([o]), visits, rate)
    mutual, x, y = oracles.information(n / o, 0.05, rate)
    assert ESTIMATORS["information"].score(found)[0] == pytest.approx(mutual / math.sqrt(x * y), abs=1e-9)
    assert ESTIMATORS["conditional_entropy"].score(found)[0] == pytest.approx(mutual / x, abs=1e-9)


@given(st.integers(1, 40), st.integers(0, 40), st.floats(0.001, 0.999))
def test_of_whole_visits_chance_is_the_binomial_tail(visits, hits, rate):
    hits = min(hits, visits)
    found = chance(pairs(np.array([hits * 7]), np.array([visits * 7]), visits, rate))[0]
    assert found == pytest.approx(oracles.binomial_tail(visits, hits, rate), rel=1e-9, abs=1e-300)


@given(
    st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(0, 1000), st.sampled_from([0.01, 0.05, 0.3])
)
def test_confidence_is_that_of_benjamini_and_hochberg(seed, count, more, rate):
    rng = np.random.default_rng(seed)
    p = np.round(rng.random(count) ** 4, 3)
    found = confidence(p, count + more) >= 1 - rate
    limit = oracles.benjamini_hochberg(p.tolist(), count + more, rate)
    # What lies on the border depends on how numbers are rounded.
    clear = np.abs(1 - confidence(p, count + more) - rate) > 1e-12
    assert (found == (p <= limit))[clear].all()


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(0, 500), st.sampled_from([0.01, 0.05, 0.3]))
def test_what_is_gathered_by_directed_p_values_has_every_link(seed, count, more, rate):
    rng = np.random.default_rng(seed)
    forth, back = 10.0 ** -rng.exponential(rng.choice([1, 4, 70]), (2, count))
    alone = 10.0 ** -rng.exponential(2, rng.integers(0, 20))
    p = chance_both_ways(forth, back)
    limit = oracles.benjamini_hochberg(p.tolist(), count + more, rate)
    # So many pairs of one window of each of two cameras: one sees as much as all pairs are.
    rates = Rates.none(2, count + more)
    rates.visits[0], rates.visits[1, 0] = 1, 1
    screening = Screening("corrected", 0.0, rate, rates)
    bins = bins_of(np.concatenate([forth, back, alone]))
    last = screening.last_bin(np.bincount(bins, minlength=BINS))
    found = p <= limit
    assert (bins_of(np.maximum(forth, back))[found] <= last).all()


def test_corrected_agreement_by_hand():
    assert corrected(pairs(np.array([9]), np.array([10]), 4, 0.2))[0] == pytest.approx(
        (0.9 - 0.2) / 0.8 * 4 / 5
    )
    assert corrected(pairs(np.array([2]), np.array([10]), 4, 0.4))[0] == 0
    assert chance_both_ways(np.array([0.1]), np.array([0.02]))[0] == pytest.approx(0.1**1.25)


def test_a_slow_rhythm_that_both_windows_follow_is_no_evidence():
    """Two windows that are occupied at random in every second slot, with nothing to do with each other."""
    rng = np.random.default_rng(5)
    clock, grid = Clock(0.1, 60), Grid(1, 1)
    counter = RateCounter(2, Padding(grid, clock, 0))
    agreed = opportunities = 0
    for index in range(24 * 7 * 6):
        busy = (index * 600 // 7200) % 2 == 0
        on = rng.random((2, 60)) < (0.6 if busy else 0.0)
        words = (on * (np.uint64(1) << np.arange(60, dtype=np.uint64))).sum(axis=1).astype(np.uint64)
        counter.add(OccupancyRange(index, words[:, None], np.full(2, (1 << 60) - 1, np.uint64)))
        agreed += int((on[0] & on[1]).sum())
        opportunities += int(on[0].sum())
    evidence = NetworkEvidence(counter.rates())
    found = evidence.pairs(np.array([0]), np.array([1]), np.array([agreed]), np.array([opportunities]))
    assert found.base_rate[0] == pytest.approx(agreed / opportunities, abs=0.01)
    assert chance(found)[0] > 0.001
    assert evidence.tested() == 1
    assert evidence.tested([[0], [1]]) == 0


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.lists(st.integers(-50, 50), min_size=3, max_size=3))
def test_shifted_footage_is_every_camera_turned_round(seed, offsets):
    ranges = random_ranges(seed, 3, 4, 8, 6)
    first, count = ranges[0].index, ranges[-1].index - ranges[0].index + 1
    occupied, available = np.zeros((count, 3, 4), np.uint64), np.zeros((count, 3), np.uint64)
    for entry in ranges:
        occupied[entry.index - first], available[entry.index - first] = entry.occupied, entry.available
    shifted = shift_ranges([SparseRange.of(entry) for entry in ranges], np.array(offsets), 4)
    assert [entry.index for entry in shifted] == list(range(first, first + count))
    for camera, offset in enumerate(offsets):
        turned = np.array([entry.dense(4).occupied[camera] for entry in shifted])
        assert (turned == np.roll(occupied[:, camera], offset, axis=0)).all()
        there = np.array([entry.available[camera] for entry in shifted])
        assert (there == np.roll(available[:, camera], offset)).all()
