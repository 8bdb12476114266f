"""What strategies see and how they group it: kernels equal their oracles, groups stay bounded."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdist_ray.exclusion.union import count_unions, union_words
from sdist_ray.occupancy.block import Clock, OccupancyRange
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.padding import Padder, Padding, pad_ranges
from sdist_ray.occupancy.sparse import SparseWords
from sdist_ray.partition.blocks import BlockLog, Blocks
from sdist_ray.partition.evidence import moving
from sdist_ray.partition.grouping import group_sizes, numbered
from sdist_ray.partition.index import MOST_TOGETHER, group_keys
from sdist_ray.partition.screening import (
    Screening,
    ScreeningSettings,
    crowd_of,
    often,
)
from sdist_ray.partition.screening_kernels import (
    LEAST_TOGETHER,
    NEAR,
    PERIOD,
    STAY_ENDS,
    STAY_GAP,
    keep_changes,
    score_pairs,
    sketch,
)
from sdist_ray.partition.strategy import NO_LINKS
from sdist_ray.partition.walks import WalkSettings
from tests import oracles_partition as oracles
from tests.partition.samples import frozen, packed

GRID = Grid(4, 3)
CLOCK = Clock(10, 20)


# ---- blocks


def test_blocks_of_a_grid_that_does_not_divide():
    blocks = Blocks(Grid(5, 4))
    assert blocks.count == 4
    assert blocks.of_windows().reshape(4, 5).tolist() == [[0, 0, 0, 1, 1]] * 3 + [[2, 2, 2, 3, 3]]
    assert Blocks(Grid(12, 9)).count == 12


@pytest.mark.parametrize(("fps", "ticks"), [(10, 20), (10, 17), (1, 60), (25, 50), (0.5, 3), (3, 64)])
def test_a_log_has_every_second_in_which_a_window_was_occupied(fps, ticks):
    clock = Clock(fps, ticks)
    random = np.random.default_rng(0)
    log = BlockLog(3, Blocks(GRID), clock, 448)
    per = max(1, round(fps))
    first, occupied, known = 7, set(), set()
    for index in range(first, first + 5):
        words = np.zeros((3, GRID.windows), np.uint64)
        available = random.integers(0, (1 << ticks) - 1, 3, np.uint64, endpoint=True)
        for tick in range(ticks):
            sample = (index * ticks + tick) // per % 448
            for camera in range(3):
                if int(available[camera]) >> tick & 1:
                    known.add((camera, sample))
                window = int(random.integers(0, 40))
                if window < GRID.windows:
                    words[camera, window] |= np.uint64(1 << tick)
                    occupied.add((camera, int(Blocks(GRID).of_windows()[window]), sample))
        log.add(index, SparseWords.of(words), available)
    found = np.unpackbits(log.bits.view(np.uint8), axis=-1, bitorder="little")
    assert {tuple(map(int, entry)) for entry in np.argwhere(found)} == occupied
    there = np.unpackbits(log.known.view(np.uint8), axis=-1, bitorder="little")
    assert {tuple(map(int, entry)) for entry in np.argwhere(there)} == known


def test_a_log_forgets_what_it_has_no_room_for_and_grows():
    everything = (1 << 64) - 1
    log = BlockLog(2, Blocks(GRID), Clock(1, 64), 128)

    def add(index, cameras, on):
        words = np.zeros((cameras, GRID.windows), np.uint64)
        words[on, 0] = everything
        log.add(index, SparseWords.of(words), np.full(cameras, everything, np.uint64))

    add(10, 2, 0)
    add(11, 2, 1)
    assert log.bits[:, 0].tolist() == [[everything, 0], [0, everything]]
    add(12, 2, 1)
    assert log.bits[:, 0].tolist() == [[0, 0], [everything, everything]]
    log.grow(3)
    # What was left out is unknown.
    add(15, 3, 2)
    assert log.bits[:, 0].tolist() == [[0, 0], [0, 0], [0, everything]]
    assert log.known.tolist() == [[0, everything]] * 3
    assert log.seen == 4 * 64


# ---- scores

SAMPLES = 64 * (PERIOD + 1)
# Anything, stays of any length, and many short visits to one block.
stay = st.tuples(st.integers(0, SAMPLES - 1), st.integers(1, 90)).map(
    lambda it: set(range(it[0], min(sum(it), SAMPLES)))
)
samples_of = st.one_of(
    st.sets(st.integers(0, SAMPLES - 1), max_size=70),
    st.sets(st.integers(0, 70), max_size=70),
    st.lists(stay, max_size=5).map(lambda stays: set().union(*stays)),
)


@given(st.lists(samples_of, min_size=1, max_size=4))
def test_the_beginnings_and_ends_of_stays_are_kept(blocks):
    bits = packed(blocks, PERIOD + 1)
    keep_changes(bits)
    kept = [oracles.changes(block, STAY_GAP, STAY_ENDS) for block in blocks]
    assert np.array_equal(bits, packed(kept, PERIOD + 1))


@given(st.lists(st.lists(samples_of, min_size=4, max_size=4), min_size=2, max_size=4), st.data())
def test_scores_equal_the_oracle(cameras, data):
    words = SAMPLES // 64
    unknown = st.sets(st.integers(0, SAMPLES - 1), max_size=30)
    known = [set(range(SAMPLES)) - data.draw(unknown) for _ in cameras]
    seen = [[block & there for block in blocks] for blocks, there in zip(cameras, known, strict=True)]
    log = BlockLog(len(cameras), Blocks(Grid(6, 6)), Clock(1, 64), SAMPLES)
    log.bits[:] = np.stack([packed(blocks, words) for blocks in seen])
    log.known[:] = packed(known, words)
    found = moving(log)
    kept = [[oracles.changes(block, STAY_GAP, STAY_ENDS) for block in blocks] for blocks in seen]
    assert np.array_equal(found.dense, np.stack([packed(blocks, words) for blocks in kept]))
    first, second = (side.astype(np.int64) for side in np.triu_indices(len(cameras), 1))
    scores = np.empty(len(first))
    work = score_pairs(*frozen(first, second, *found[1:]), 0.5, scores)
    expected_work = 0
    for a, b, score in zip(first, second, scores, strict=True):
        gains = [
            oracles.block_evidence(one, other, (known[a], known[b]), 64 * PERIOD, LEAST_TOGETHER)
            for one in kept[a]
            for other in kept[b]
        ]
        assert score == pytest.approx(sum(max(0.0, nats - 0.5) for nats in gains), abs=1e-9)
        minutes = [{sample // 64 for sample in block} for block in kept[b]]
        expected_work += sum(sample // 64 in m for block in kept[a] for sample in block for m in minutes)
    assert work == expected_work


def test_words_are_in_the_order_of_time():
    """A stay that goes on where the log's words begin anew is one stay."""
    log = BlockLog(1, Blocks(GRID), Clock(1, 64), 192)
    everything = 2**64 - 1
    for index in range(10, 14):
        words = np.zeros((1, GRID.windows), np.uint64)
        words[0, 0] = everything if index > 11 else 0
        log.add(index, SparseWords.of(words), np.full(1, everything, np.uint64))
    assert moving(log).dense[0, 0].tolist() == [0, 0b111, 0b111 << 61]


@given(st.lists(samples_of, min_size=1, max_size=5))
def test_first_samples_equal_the_oracle(blocks):
    ranks = np.argsort(np.random.default_rng(1).random((128, 32)), axis=0).astype(np.uint16)
    blocks = [{sample for sample in block if sample < 128} for block in blocks]
    bits = packed(blocks, 2)
    rows = np.arange(len(blocks))
    firsts = np.empty((len(blocks), 32), np.uint16)
    sketch(*frozen(bits, rows, ranks), firsts)
    for row, block in enumerate(blocks):
        near = {s + k for s in block for k in range(-NEAR, NEAR + 1)}
        near = {s for s in near if any(abs(s - o) <= NEAR and s // 64 == o // 64 for o in block)}
        for order in range(32):
            assert firsts[row, order] == min((ranks[s, order] for s in near), default=65535)
    expected = [sum(s in block for block in blocks) for s in range(128)]
    assert crowd_of(bits, rows).tolist() == expected


@given(
    st.lists(st.tuples(st.integers(0, 5), st.lists(st.integers(0, 4), min_size=3, max_size=3)), max_size=40),
    st.integers(1, 12),
)
def test_whom_cameras_meet_equals_the_oracle(entries, most):
    entries = sorted(entries, key=lambda entry: entry[0])
    camera = np.array([camera for camera, _ in entries], np.int32)
    member, place = np.empty((3, len(entries)), np.int32), np.empty((len(entries), 3), np.int32)
    for number in range(3):
        keys = np.array([keys[number] for _, keys in entries], np.uint64) * np.uint64(1 << 60)
        scratch = np.empty(4, np.int64), np.empty(len(entries), np.int32)
        group_keys(*frozen(keys, camera), *scratch, member[number], place[:, number])
    expected = Counter(
        a * 6 + b
        for k, (a, keys) in enumerate(entries)
        for b, others in entries[k + 1 :]
        for key, other in zip(keys, others, strict=True)
        if key == other and a != b
    )
    found = often(*frozen(member, place, np.searchsorted(camera, np.arange(7))), most).tolist()
    least = min(k for k in range(1, 256) if k == 255 or sum(n >= k for n in expected.values()) <= most)
    assert found == sorted(pair for pair, n in expected.items() if n >= least)


def test_a_block_meets_no_more_than_so_many_and_often_enough_is_enough():
    cameras = MOST_TOGETHER + 10
    member, place = np.empty((300, cameras), np.int32), np.empty((cameras, 300), np.int32)
    for number in range(300):
        group_keys(
            np.zeros(cameras, np.uint64), np.arange(cameras, dtype=np.int32), np.empty(256, np.int64),
            np.empty(cameras, np.int32), member[number], place[:, number],
        )  # fmt: skip
    found = often(member, place, np.arange(cameras + 1), 3).tolist()
    near = [(a, b) for a in range(cameras) for b in range(a + 1, cameras) if b - a <= MOST_TOGETHER]
    assert found == [a * cameras + b for a, b in near]


# ---- unions


@given(st.integers(0, 7), st.integers(0, 2**32 - 1))
def test_union_counts_equal_the_oracle(tolerance, seed):
    random = np.random.default_rng(seed)
    cameras, ticks = 5, 60
    occupied = random.random((ticks, cameras, GRID.windows)) < 0.03
    available = random.random((ticks, cameras)) < 0.97
    occupied &= available[:, :, None]
    padding = Padding(GRID, Clock(10, 20), tolerance)
    rows, unions = [1, 3], [[0, 2], [4]]
    row_of = numbered(np.array([-1, 0, -1, 1, -1]))
    union_of = numbered(np.array([0, -1, 0, -1, 1]))
    n, o = np.zeros((2, len(rows) * GRID.windows, len(unions)), np.int64)
    bit = (np.uint64(1) << np.arange(20, dtype=np.uint64))[:, None]

    def ranges():
        for index in range(3):
            part = np.s_[index * 20 : (index + 1) * 20]
            words = (occupied[part].reshape(20, -1) * bit).sum(axis=0).astype(np.uint64)
            there = (available[part] * bit).sum(axis=0).astype(np.uint64)
            yield OccupancyRange(index, words.reshape(cameras, -1), there)

    work = 0
    for padded in pad_ranges(ranges(), padding):
        both = union_words(padded, union_of, len(unions))
        words = padded.occupied
        work += count_unions(*frozen(words.place, words.word), GRID.windows, row_of, *frozen(*both), n, o)
    expected = oracles.union_counts(occupied, available, rows, unions, tolerance)
    assert np.array_equal(n, expected[0])
    assert np.array_equal(o, expected[1])


# ---- the strategy


@pytest.mark.parametrize(("all_up_to", "walks_up_to"), [(1000, 1000), (10, 0)])
def test_screening_finds_cameras_that_see_the_same(all_up_to, walks_up_to):
    """200 cameras, in pairs that see the same people; with all pairs asked, and by the index alone."""
    random = np.random.default_rng(3)
    cameras, clock = 200, Clock(1, 64)
    padding = Padding(Grid(12, 9), clock, 0)
    walks = WalkSettings(walks_up_to=walks_up_to)
    strategy = Screening(cameras, padding, ScreeningSettings(walks=walks, all_up_to=all_up_to))
    padder, index = Padder(padding), 0
    labels = np.full(cameras, -1, np.int32)
    for _ in range(3):
        while not strategy.due:
            words = np.zeros((cameras, 108), np.uint64)
            for pair in range(cameras // 2):
                visits = random.random((108, 64)) < 0.003
                for camera in (pair, pair + cameras // 2):
                    seen = visits & (random.random(visits.shape) < 0.9)
                    words[camera] = (seen * (np.uint64(1) << np.arange(64, dtype=np.uint64))).sum(axis=1)
            there = np.full(cameras, 2**64 - 1, np.uint64)
            for padded in padder.push(OccupancyRange(index, words, there)):
                strategy.watch(padded)
            index += 1
        labels = strategy.plan(labels, NO_LINKS)
    half = cameras // 2
    assert (labels[:half] == labels[half:]).mean() > 0.98
    assert group_sizes(labels).max() <= 30
    assert strategy.work > 0
    assert bool(len(strategy._walks.pairs)) == (walks_up_to > 0)
