"""Plans: tiles of equal work with the same result, and a refusal of what does not fit."""

import itertools
import multiprocessing
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.stores import resident
from sdist_ray.errors import InputError
from sdist_ray.exclusion.tile import STORES, Counting, Tile
from sdist_ray.jobs import host
from sdist_ray.occupancy.block import Clock
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.padding import Padding, pad_ranges
from sdist_ray.partition.memory import Demand, readable, refuse_unless_fits, tile_bytes
from sdist_ray.partition.plan import cut_evenly, plan_tiles, row_stripes
from sdist_ray.runtime.memory import GivingBack, free_memory, give_back_memory
from sdist_ray.simulation.activity import activity_ranges
from sdist_ray.topology.links import directed_links, join_directed, mutual_links
from tests.test_jobs import refused

GRID, CLOCK = Grid(), Clock()
PADDING = Padding(GRID, CLOCK, 3)
NAMES = tuple(f"c{number:04}" for number in range(1000))


def lightest(weights, parts, longest):
    """The least weight of the heaviest run, from all ways to cut."""
    ends = np.concatenate([[0], np.cumsum(weights)])
    heaviest = []
    for inner in itertools.combinations(range(1, len(weights)), min(parts, len(weights)) - 1):
        bounds = [0, *inner, len(weights)]
        if max(np.diff(bounds)) <= longest:
            heaviest.append(max(np.diff(ends[bounds])))
    return min(heaviest)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from([0.01, 1, 1, 1, 2, 7.5, 40]), min_size=1, max_size=9),
    st.integers(1, 6),
    st.data(),
)
def test_the_heaviest_run_is_as_light_as_can_be(weights, parts, data):
    longest = data.draw(st.integers(-(-len(weights) // parts), len(weights)))
    cuts = cut_evenly(np.array(weights, float), parts, longest)
    assert [cuts[0][0], *(last for _, last in cuts)] == [*(first for first, _ in cuts), len(weights)]
    assert len(cuts) == min(parts, len(weights))
    assert all(0 < last - first <= longest for first, last in cuts)
    heaviest = max(sum(weights[first:last]) for first, last in cuts)
    assert heaviest <= lightest(weights, parts, longest) * (1 + 1e-6)


def test_stripes_are_balanced_by_work_and_not_by_their_length():
    assert [len(stripe) for stripe in row_stripes(NAMES[:10], 4)] == [2, 3, 2, 3]
    assert row_stripes(NAMES[:3], 7) == [("c0000",), ("c0001",), ("c0002",)]
    # The last half of the cameras see nine times as many people.
    activity = [1] * 500 + [9] * 500
    dense = plan_tiles(NAMES, 2, "dense", activity)
    assert [len(tile.rows) for tile in dense] == [722, 278]
    assert all(tile.columns == NAMES for tile in dense)
    # A camera pair is searched once: the first rows have the most columns.
    indexed = plan_tiles(NAMES, 4, "indexed")
    assert [len(tile.rows) for tile in indexed] == [134, 159, 207, 500]
    pairs = [len(rows) * len(columns) - len(rows) * (len(rows) - 1) / 2 for _, rows, columns in indexed]
    assert max(pairs) < 1.01 * sum(pairs) / 4
    weights = np.array(activity)
    work = []
    for _, rows, columns in plan_tiles(NAMES, 3, "indexed", activity):
        numbers = [NAMES.index(camera) for camera in (rows[0], rows[-1])]
        mine, later = weights[numbers[0] : numbers[1] + 1], weights[numbers[0] :]
        assert len(later) == len(columns)
        both = mine[:, None] + later[None, :]
        work.append(both[np.arange(len(later))[None, :] >= np.arange(len(mine))[:, None]].sum())
    assert max(work) < 1.01 * sum(work) / 3
    quiet = plan_tiles(NAMES[:4], 2, "dense", [0, 0, 0, 0])
    assert [len(tile.rows) for tile in quiet] == [2, 2]


def test_a_plan_keeps_to_the_rows_that_memory_allows():
    plan = plan_tiles(NAMES[:100], 4, "dense", [1] * 90 + [200] * 10, most_rows=40)
    assert max(len(tile.rows) for tile in plan) == 40
    assert sum((tile.rows for tile in plan), ()) == NAMES[:100]
    with pytest.raises(ValueError):
        plan_tiles(NAMES[:100], 4, "dense", most_rows=24)
    with pytest.raises(ValueError):
        plan_tiles(NAMES[:100], 4, "dense", [1] * 99)
    with pytest.raises(ValueError):
        plan_tiles(NAMES[:2], 4, "dense", [1, -1])


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("counters", ["wide", "byte"])
def test_links_and_counts_do_not_depend_on_the_plan(store, counters):
    if store == "indexed" and counters == "byte":
        pytest.skip("the indexed store counts exactly")
    names, counting = NAMES[:11], Counting(PADDING, counters, store)
    ranges = list(pad_ranges(activity_ranges(11, 1.5, 1500, GRID, CLOCK, 5, 0.1), PADDING))
    activity = [1, 1, 9, 1, 1, 0, 1, 5, 1, 1, 2]
    expected = None
    for shards, weights in ((1, None), (2, None), (3, activity), (5, None), (20, activity)):
        tiles = [
            Tile(rows, columns, counting) for _, rows, columns in plan_tiles(names, shards, store, weights)
        ]
        assert len(tiles) == min(shards, 11)
        for entry in ranges:
            for tile in tiles:
                tile.apply(entry, names)
        parts = [directed_links(tile, names, "nonexclusion", 0.8) for tile in tiles]
        links = mutual_links(join_directed(parts), names, GRID.windows)
        found = [value for name, value in vars(links).items() if isinstance(value, np.ndarray)]
        # The last is how sure a link is, which is not asked for here.
        assert len(found) == 11
        expected = expected or found
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one, other)
        assert len(links) > 500


def peak_growth(connection, store, cameras, people, seconds):
    """In a process of its own: how much its resident set grew at most, and the people seen."""
    padding, names = Padding(GRID, CLOCK, 3), NAMES[:cameras]
    seen = []

    def count(seconds):
        tile = Tile(names, names, Counting(padding, "wide", store))
        for entry in pad_ranges(activity_ranges(cameras, people, 10 * seconds, GRID, CLOCK, 6), padding):
            seen.append(int(np.bitwise_count(entry.occupied.word).sum()))
            tile.apply(entry, names)
        return join_directed([directed_links(tile, names, "nonexclusion", 0.8)])

    # The kernels' code is no part of the store.
    count(20)
    seen.clear()
    # What the first run has let go of would hide as much of the second one's growth.
    give_back_memory()
    before = resident("VmRSS")
    assert len(count(seconds).row)
    connection.send((resident("VmHWM") - before, sum(seen) / (cameras * 10 * seconds)))


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc is asked to give memory back")
def test_memory_that_was_in_use_for_a_moment_is_given_back():
    # As messages do: most are gone soon, and what stays lies between them.
    made = [bytes(60_000) for _ in range(4000)]
    full = resident("VmRSS")
    made = made[::40]
    GivingBack(every_s=3600)()
    kept = resident("VmRSS")
    GivingBack(every_s=0)()
    assert resident("VmRSS") < min(kept, full) - 150_000_000, (full, kept, len(made))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
@pytest.mark.parametrize(
    ("store", "cameras", "people", "seconds", "factor"),
    [
        ("dense", 60, 0.2, 300, 2),
        ("dense", 60, 2, 600, 2),
        ("rle", 60, 0.2, 600, 2),
        ("rle", 60, 2, 600, 2),
        # What finding links takes beside the events depends on how many pairs nearly pass.
        ("indexed", 250, 2, 900, 3),
    ],
)
def test_memory_is_what_the_formulas_say_within_a_factor(store, cameras, people, seconds, factor):
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=peak_growth, args=(theirs, store, cameras, people, seconds))
    process.start()
    assert ours.poll(900)
    measured, seen = ours.recv()
    process.join()
    said = tile_bytes(store, cameras, cameras, Demand(GRID.windows, people=seen, seconds=seconds))
    assert said / factor < measured < factor * said


def test_the_papers_matrix_takes_what_the_design_says():
    assert tile_bytes("dense", 1000, 1000, Demand(108, "byte")) == pytest.approx(11.8e9, rel=0.01)
    assert tile_bytes("dense", 1000, 1000, Demand(108, "wide")) == pytest.approx(23.5e9, rel=0.01)
    # Counters of four bytes, and those of two while they are widened: a day.
    day = Demand(108, people=2, seconds=86_400)
    assert tile_bytes("dense", 1000, 1000, day) > 6 * 11.66e9
    hour = Demand(108, people=0.5, seconds=3600)
    assert tile_bytes("indexed", 1000, 1000, hour) < 1.5e9
    assert tile_bytes("rle", 1000, 1000, hour) < tile_bytes("dense", 1000, 1000, hour)


def refusal(store, counters, nodes, shards=1, cluster=True, **known):
    plan = plan_tiles(NAMES, shards, store)
    with pytest.raises(InputError) as caught:
        refuse_unless_fits(plan, store, Demand(108, counters, **known), nodes, cluster)
    return str(caught.value)


def test_what_does_not_fit_is_refused_and_what_would_is_said():
    said = refusal("dense", "byte", [9_100_000_000])
    assert "1000 cameras" in said
    assert "needs 11.9 GB, 9.1 GB free: add a node, or exclusion.store=indexed" in said
    assert "exclusion.counters=byte" in refusal("dense", "wide", [16_000_000_000])
    assert "runtime.shards=2" in refusal("dense", "byte", [8_000_000_000] * 2)
    assert "needs 23.9 GB in 4 shards, 22.0 GB free on 2 nodes" in refusal(
        "dense", "wide", [11 * 10**9] * 2, 4
    )
    said = refusal("indexed", "wide", [10**9], people=2, seconds=86_400, cluster=False)
    assert said.endswith(" free: count on a cluster (runtime=ray)")
    demand = Demand(108, "byte")
    refuse_unless_fits(plan_tiles(NAMES, 1), "dense", demand, [12 * 10**9], True)
    refuse_unless_fits(plan_tiles(NAMES, 2), "dense", demand, [6 * 10**9, 6 * 10**9], True)
    refuse_unless_fits(plan_tiles(NAMES, 8), "dense", demand, [9_300_000_000, 3_300_000_000], True)
    assert [readable(size) for size in (11.66e9, 970e6, 42e6, 1200, 20)] == [
        "11.7 GB", "1.0 GB", "42 MB", "1 kB", "20 B",
    ]  # fmt: skip


def test_a_run_is_refused_before_anything_is_counted(capsys, monkeypatch, tmp_path, site):
    monkeypatch.setattr(host, "free_memory", lambda: 300_000)
    recording = f"source.path={site}/occupancy.parquet"
    line = refused(capsys, "topology", "source=recording", recording, "runtime=local", f"output={tmp_path}/o")
    assert "counting 3 cameras" in line
    assert "300 kB free: count on a cluster" in line
    assert not (tmp_path / "o" / "links.parquet").exists()


def write(folder, **files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("DOT", ".")).write_text(text)


def test_free_memory_is_the_least_of_machine_and_control_groups(tmp_path):
    write(tmp_path / "proc", meminfo="MemTotal: 9000 kB\nMemAvailable:    8000 kB\n")
    assert free_memory(tmp_path) == 8000 * 1024
    groups = tmp_path / "sys" / "fs" / "cgroup"
    write(tmp_path / "proc" / "self", cgroup="0::/a/b\n")
    write(groups / "a", memoryDOTmax="5000000\n", memoryDOTcurrent="3000000\n")
    write(groups / "a", memoryDOTstat="anon 7\ninactive_file 500000\n")
    write(groups / "a" / "b", memoryDOTmax="max\n", memoryDOTcurrent="1\n")
    assert free_memory(tmp_path) == 2_500_000
    write(tmp_path / "proc" / "self", cgroup="9:name=systemd:/\n4:memory:/elsewhere\n")
    write(groups / "memory", memoryDOTlimit_in_bytes="1000000", memoryDOTusage_in_bytes="1")
    assert free_memory(tmp_path) == 999_999
    write(groups / "memory", memoryDOTlimit_in_bytes="9223372036854771712")
    assert free_memory(tmp_path) == 8000 * 1024
