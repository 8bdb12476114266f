"""The indexed store: exactly the links and counts of the oracle, whatever is pruned on the way."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdist_ray.exclusion import following, indexed, search
from sdist_ray.exclusion.evidence import Evidence
from sdist_ray.exclusion.reach import rows_that_reach
from sdist_ray.exclusion.regions import make_regions
from sdist_ray.exclusion.search import spare_misses
from sdist_ray.exclusion.sizing import choose_regions
from sdist_ray.exclusion.tile import Counting, Tile
from sdist_ray.occupancy.block import Clock
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.padding import Padding, pad_ranges
from sdist_ray.simulation.activity import activity_ranges
from sdist_ray.topology.estimators import ESTIMATORS, Criterion
from sdist_ray.topology.least import least_agreements
from tests import oracles
from tests.test_kernels import to_ranges

WORDS = st.sampled_from([8, 16, 24])
LIKELY = Criterion("nonexclusion", 0.5)


@st.composite
def networks(draw):
    """Cameras in overlapping pairs, so that there is something to find, with gaps."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    grid = Grid(draw(st.integers(1, 6)), draw(st.integers(1, 4)))
    pairs, ticks = draw(st.integers(1, 3)), draw(st.integers(1, 160))
    seen = rng.random((ticks, pairs, grid.windows)) < draw(st.sampled_from([0.02, 0.1, 0.3]))
    missed = rng.random((ticks, 2 * pairs, grid.windows)) < draw(st.sampled_from([0.0, 0.1]))
    occupied = np.concatenate([seen, seen], axis=1) & ~missed
    available = np.ones((ticks, 2 * pairs), bool)
    for _ in range(draw(st.integers(0, 4))):
        start = rng.integers(0, ticks)
        available[start : start + rng.integers(1, 40), rng.integers(0, 2 * pairs)] = False
    clock = Clock(10, draw(st.sampled_from([1, 7, 20, 64])))
    padding = Padding(grid, clock, draw(st.integers(0, 30)))
    return padding, occupied, available, draw(st.integers(-100, 100))


def run(tile, names, padding, ranges):
    for padded in pad_ranges(ranges, padding):
        for array in (padded.occupied.place, padded.occupied.word, padded.countable):
            array.setflags(write=False)
        tile.apply(padded, names)
    return tile


def expected_counts(padding, occupied, available, first_tick):
    grid, clock = padding.grid, padding.clock
    o, e = oracles.count(
        occupied, available, grid.columns, grid.rows, padding.tolerance, clock.range_ticks, "wide", first_tick
    )
    return o, o - e


def expected_links(o, n, windows, score, threshold):
    """(i, j): (N, O, N back, O back), i < j, of pairs of different cameras that pass in both directions."""
    passes = score(n, o) > threshold
    return {
        (i, j): (n[i, j], o[i, j], n[j, i], o[j, i])
        for i, j in np.argwhere(passes & passes.T).tolist()
        if i < j and i // windows != j // windows
    }


def links_of(tile, names, score, threshold, threads=1):
    found = tile.pairs(least_agreements(score, threshold, tile.store.most_opportunities()), threads)
    w = tile.windows
    rows = np.array([names.index(camera) for camera in tile.rows])
    columns = np.array([names.index(camera) for camera in tile.columns])
    links = {}
    for row, column, n, o, n_back, o_back in zip(*vars(found).values(), strict=True):
        i, j = rows[row // w] * w + row % w, columns[column // w] * w + column % w
        key, counts = ((i, j), (n, o, n_back, o_back)) if i < j else ((j, i), (n_back, o_back, n, o))
        assert key not in links, "a pair was found twice"
        links[key] = counts
    return links


@settings(max_examples=80, deadline=None)
@given(
    networks(),
    st.sampled_from(["nonexclusion", "raw"]),
    st.sampled_from([0.0, 0.5, 0.8, 0.95]),
    st.sampled_from([1, 4, 9, 64]),
    st.sampled_from([1, 6, 1024]),
)
def test_links_and_their_counts_equal_the_oracle(network, estimator, threshold, region, block):
    padding, occupied, available, first_tick = network
    names = [f"c{n}" for n in range(occupied.shape[1])]
    o, n = expected_counts(*network)
    ranges = to_ranges(occupied, available, padding.clock, first_tick, read_only=True)
    tile = run(Tile(names, names, Counting(padding, "wide", "indexed")), names, padding, ranges)
    patched = make_regions(padding.grid, region)
    expected = expected_links(o, n, padding.grid.windows, ESTIMATORS[estimator].bound, threshold)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(search, "BLOCK_REGIONS", block)
        patch.setattr(indexed, "choose_regions", lambda *_: patched)
        assert links_of(tile, names, ESTIMATORS[estimator].bound, threshold) == expected
    row, column = (x.ravel() for x in np.indices(o.shape))
    counts = tile.store.counts(row, column)
    np.testing.assert_array_equal(counts.opportunities, o.ravel())
    np.testing.assert_array_equal(counts.agreements, n.ravel())


@settings(max_examples=40, deadline=None)
@given(networks(), st.integers(0, 6), st.integers(0, 6), st.integers(1, 2))
def test_tiles_share_the_pairs_out(network, first_cut, second_cut, threads):
    padding, occupied, available, first_tick = network
    names = [f"c{n}" for n in range(occupied.shape[1])]
    cuts = sorted({0, min(first_cut, len(names)), min(second_cut, len(names)), len(names)})
    ranges = to_ranges(occupied, available, padding.clock, first_tick)
    found = {}
    for a, b in pairwise(cuts):
        # Rows against themselves and all later cameras, which is a triangle; the middle one in two tiles.
        parts = [(names[a:b], names[a:])] if a else [(names[a:b], names[a:b]), (names[b:], names[a:b])]
        for rows, columns in parts:
            if not rows:
                continue
            tile = run(Tile(rows, columns, Counting(padding, "wide", "indexed")), names, padding, ranges)
            links = links_of(tile, names, ESTIMATORS["nonexclusion"].bound, 0.8, threads)
            assert not links.keys() & found.keys()
            found |= links
    o, n = expected_counts(*network)
    assert found == expected_links(o, n, padding.grid.windows, ESTIMATORS["nonexclusion"].bound, 0.8)


@settings(max_examples=30, deadline=None)
@given(networks(), st.integers(1, 8))
def test_before_the_end_counts_are_those_of_the_ranges_so_far(network, stop):
    """The newest range's padding reaches into one that the store has not seen."""
    padding, occupied, available, first_tick = network
    names = [f"c{n}" for n in range(occupied.shape[1])]
    ranges = list(pad_ranges(to_ranges(occupied, available, padding.clock, first_tick), padding))
    start = min(stop // 2, len(ranges) - 1)
    stores = [Tile(names, names, Counting(padding, "wide", kind)) for kind in ("dense", "indexed")]
    for tile in stores:
        for padded in ranges[start:stop]:
            tile.apply(padded, names)
    row, column = (x.ravel() for x in np.indices((len(names) * padding.grid.windows,) * 2))
    dense, sparse = (tile.store.counts(row, column) for tile in stores)
    np.testing.assert_array_equal(sparse.opportunities, dense.opportunities)
    np.testing.assert_array_equal(sparse.agreements, dense.agreements)
    again = Tile.restore(stores[1].snapshot())
    for tile in (stores[0], again):
        for padded in ranges[start:]:
            tile.apply(padded, names)
    dense, sparse = (tile.store.counts(row, column) for tile in (stores[0], again))
    np.testing.assert_array_equal(sparse.opportunities, dense.opportunities)
    np.testing.assert_array_equal(sparse.agreements, dense.agreements)


@settings(max_examples=30, deadline=None)
@given(networks(), st.integers(1, 5))
def test_what_is_too_old_is_forgotten_but_for_what_it_pads(network, keep):
    padding, occupied, available, first_tick = network
    names = [f"c{n}" for n in range(occupied.shape[1])]
    ranges = list(pad_ranges(to_ranges(occupied, available, padding.clock, first_tick), padding))
    tile = Tile(names, names, Counting(padding, "wide", "indexed", keep))
    recent = tile.store
    newest = Tile(names, names, Counting(padding, "wide", "dense"))
    for padded in ranges:
        tile.apply(padded, names)
    for padded in ranges[-keep:]:
        newest.apply(padded, names)
    row, column = (x.ravel() for x in np.indices((len(names) * padding.grid.windows,) * 2))
    expected, found = newest.store.counts(row, column), recent.counts(row, column)
    np.testing.assert_array_equal(found.opportunities, expected.opportunities)
    np.testing.assert_array_equal(found.agreements, expected.agreements)
    assert recent.evidence.ticks <= (keep + padding.reach) * padding.clock.range_ticks


def test_all_but_the_newest_range_may_be_too_old():
    padding = Padding(Grid(2, 1), Clock(10.0, 4), 0)
    occupied = np.ones((8, 2, 2), dtype=bool)
    ranges = list(pad_ranges(to_ranges(occupied, np.ones((8, 2), dtype=bool), padding.clock, 0), padding))
    names = ["a", "b"]
    tile = Tile(names, names, Counting(padding, "wide", "indexed", recent=1))
    for padded in ranges:
        tile.apply(padded, names)
    assert tile.store.evidence.ticks == 4
    assert (tile.store.counts(np.array([0]), np.array([2])).agreements == 4).all()


@settings(max_examples=40, deadline=None)
@given(networks(), st.sampled_from([0, 2, 5, 20]), st.sampled_from([1, 2, 100]), st.lists(st.integers(0, 3)))
def test_links_are_followed_between_searches(network, keep, growth, skipped):
    """Asked for after every range or only some; and a tile that was stored and restored on the way."""
    padding, occupied, available, first_tick = network
    names = [f"c{n}" for n in range(occupied.shape[1])]
    tile = Tile(names, names, Counting(padding, "wide", "indexed", keep))
    ranges = pad_ranges(to_ranges(occupied, available, padding.clock, first_tick), padding)
    last, known, forgotten = None, set(), 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(following, "GROWTH", growth)
        for count, padded in enumerate(ranges, start=1):
            tile.apply(padded, names)
            if count <= len(skipped) and skipped[count - 1]:
                if skipped[count - 1] == 3:
                    # Only evidence is stored, and no more than counts.
                    tile, last = Tile.restore(tile.snapshot()), None
                    ticks = tile.store.evidence.ticks
                    assert not keep or ticks <= (keep + padding.reach) * padding.clock.range_ticks
                continue
            evidence = tile.store.evidence
            everything = set(counts_of(tile.pairs(LIKELY.least(tile.store.most_opportunities()))))
            found = counts_of(tile.store.follow(LIKELY))
            due = last is None or count - last[0] >= max(1, last[1] // growth)
            if due or evidence.forgotten - forgotten > max(1, keep // growth):
                last = count, evidence.added - evidence.forgotten
                known = {pair[:2] for pair in everything}
            forgotten = evidence.forgotten
            assert len(found) == len(set(found))
            assert set(found) == {pair for pair in everything if pair[:2] in known}


def counts_of(pairs):
    """(row, column, N, O, N back, O back) of each pair."""
    return list(zip(*(field.tolist() for field in vars(pairs).values()), strict=True))


def test_another_criterion_is_searched_for_anew():
    padding, names = Padding(Grid(4, 3), Clock(), 3), ("a", "b")
    tile = Tile(names, names, Counting(padding, "wide", "indexed"))
    for padded in pad_ranges(activity_ranges(2, 2.0, 200, Grid(4, 3), Clock()), padding):
        tile.apply(padded, names)
    for threshold in (0.8, 0.1, 0.8):
        criterion = Criterion("raw", threshold)
        assert counts_of(tile.store.follow(criterion)) == counts_of(
            tile.pairs(criterion.least(tile.store.most_opportunities()))
        )


def test_no_more_is_read_than_is_new(monkeypatch):
    padding, names = Padding(Grid(4, 3), Clock(), 3), tuple(f"c{n}" for n in range(6))
    tile = Tile(names, names, Counting(padding, "wide", "indexed", 150))
    read, sort = [], Evidence._sort
    monkeypatch.setattr(
        Evidence, "_sort", lambda self, first, stop: read.append(stop - first) or sort(self, first, stop)
    )
    asked = []
    for padded in pad_ranges(activity_ranges(6, 2.0, 8000, Grid(4, 3), Clock()), padding):
        tile.apply(padded, names)
        read.clear()
        tile.store.follow(LIKELY)
        asked.append(read[:])
    assert asked[-20:].count([1, 1]) >= 18
    assert sum(len(one) for one in asked) < 2 * len(asked)
    assert sum(map(sum, asked)) < 12 * len(asked)


def test_the_more_people_there_are_the_smaller_regions_are():
    padding, names = Padding(Grid(), Clock(), 5), [f"c{n:03}" for n in range(200)]
    chosen = []
    for people in (0.1, 4.0):
        tile = Tile(names, names, Counting(padding, "wide", "indexed"))
        for padded in pad_ranges(activity_ranges(200, people, 2000, Grid(), Clock()), padding):
            tile.apply(padded, tuple(names))
        least = least_agreements(ESTIMATORS["nonexclusion"].bound, 0.8, tile.store.most_opportunities())
        store = tile.store
        chosen.append(choose_regions(store.evidence.events(), store._roles, least).count)
    assert chosen[0] < chosen[1]


@given(st.integers(1, 40), st.integers(1, 30), st.integers(1, 64))
def test_regions_hold_every_window_once(columns, rows, most):
    grid = Grid(columns, rows)
    regions = make_regions(grid, most)
    members = regions.window[regions.window >= 0]
    assert sorted(members) == list(range(grid.windows))
    assert int(np.bitwise_count(regions.region_mask).max()) <= most
    bits = set(zip(regions.word.tolist(), regions.bit.tolist(), strict=True))
    assert len(bits) == grid.windows
    assert max(bit for _, bit in bits) < 64
    corner = min(columns, 2) * min(rows, 2)
    assert int(np.bitwise_count(regions.near[0]).sum()) == corner


def test_a_bound_that_is_not_monotone_is_made_so():
    # O = 3 allows two misses, O = 4 none: a row of 4 ticks may still pass where only 3 can be counted.
    least = np.array([1, 2, 3, 1, 4])
    assert spare_misses(np.arange(5), least).tolist() == [-1, -1, -1, 2, 2]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("words_word", lambda a: a | np.uint64(1 << 40)),
        ("words_word", lambda a: a.astype(np.uint32)),
        ("words_place", lambda a: a[::-1].copy()),
        ("words_place", lambda a: a + 10**6),
        ("words_ends", lambda a: a.astype(float)),
        ("words_ends", lambda a: a + 1),
        ("gaps_word", lambda a: a | ~np.uint64(0)),
        ("seams", lambda a: a + 10**9),
        ("indexes", lambda a: a[::-1].copy()),
        ("heads", lambda a: a + 99),
        ("halo", lambda a: a - 5),
        ("halo", lambda a: a + 10**6),
        ("added", lambda a: a * 0),
        ("added", lambda a: a[:0]),
    ],
)
def test_a_state_that_cannot_be_is_refused(name, change):
    padding, names = Padding(Grid(4, 3), Clock(), 3), ["a", "b"]
    tile = Tile(names, names, Counting(padding, "wide", "indexed"))
    for padded in pad_ranges(activity_ranges(2, 2.0, 200, Grid(4, 3), Clock()), padding):
        tile.apply(padded, tuple(names))
    state = dict(tile.store.state())
    again = Tile(names, names, tile.counting)
    again.store.load(state)
    with pytest.raises(ValueError, match=r"ranges|words|gaps|state"):
        again.store.load({**state, name: change(state[name])})


def test_hours_are_forgotten_by_their_time_though_nobody_was_there_in_between():
    padding, names = Padding(Grid(4, 3), Clock(), 3), ("a", "b")
    tile = Tile(names, names, Counting(padding, "wide", "indexed", 20))
    seen = list(activity_ranges(2, 2.0, 660, Grid(4, 3), Clock()))
    ranges = list(pad_ranges([*seen[:15], *seen[25:]], padding))
    for padded in ranges:
        tile.apply(padded, names)
    newest = Tile(names, names, Counting(padding, "wide", "dense"))
    for padded in [p for p in ranges if ranges[-1].index - p.index < 20]:
        newest.apply(padded, names)
    assert tile.store.evidence.ticks <= 12 * 20
    row, column = (x.ravel() for x in np.indices((24, 24)))
    expected, found = newest.store.counts(row, column), tile.store.counts(row, column)
    np.testing.assert_array_equal(found.opportunities, expected.opportunities)
    np.testing.assert_array_equal(found.agreements, expected.agreements)


def test_byte_counters_are_refused():
    with pytest.raises(ValueError, match="wide, not byte"):
        Tile(["a"], ["a"], Counting(Padding(Grid(), Clock(), 3), "byte", "indexed"))


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 90),
    st.sampled_from([0.02, 0.2, 0.6]),
    st.sampled_from([8, 16, 24]),
)
def test_rows_reach_exactly_the_regions_that_they_miss_seldom(seed, ticks, density, words):
    # A filter that lets too much pass is slow, not wrong: nothing else would notice.
    rng = np.random.default_rng(seed)
    rows = 40
    missed = rng.random((ticks, words * 64)) < density
    misses = np.zeros((ticks + 1, words), dtype=np.uint64)
    misses[:-1] = np.packbits(missed, axis=1, bitorder="little").view(np.uint64)
    lengths = rng.integers(0, ticks + 1, rows)
    lists = [np.sort(rng.choice(ticks, length, replace=False)) for length in lengths]
    starts = np.concatenate([[0], np.cumsum(lengths)])
    spare = rng.integers(-1, ticks + 1, rows).astype(np.int32)
    order = rng.permutation(rows)
    passed = np.zeros((rows, words), dtype=np.uint64)
    ticks = np.concatenate([*lists, np.full(7, ticks)]).astype(np.int32)
    rows_that_reach(starts, ticks, spare, order, misses, passed)
    expected = np.array([(missed[lists[row]].sum(axis=0) <= spare[row]) & (spare[row] >= 0) for row in order])
    found = np.unpackbits(passed.view(np.uint8), axis=1, bitorder="little").astype(bool)
    np.testing.assert_array_equal(found, expected)
