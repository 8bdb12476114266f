"""Plans change while a network is counted: pairs that stay together count as if nothing had happened."""

import numpy as np
import pytest

from sdist_ray.coordinator.changes import Era
from sdist_ray.exclusion.tile import Counting, Tile
from sdist_ray.occupancy.collate import range_of_rows
from sdist_ray.occupancy.padding import pad_ranges
from sdist_ray.partition.partitioning import Partitioning
from sdist_ray.runtime.base import Keeping
from sdist_ray.runtime.local import LocalNetwork
from sdist_ray.runtime.network import Repartition, Tally
from sdist_ray.runtime.notes import newest_note
from sdist_ray.runtime.snapshots import SnapshotFolder
from tests import networks
from tests.test_faults import CAMERAS, RANGES, Flaky, FlakyNetwork

NAMES = networks.names(CAMERAS)
WINDOWS = networks.GRID.windows
A, B, C, D, E = NAMES
PLANS = {
    20: ((A, B, C), (D, E)),
    60: ((A, B), (C, D, E)),
    61: ((A, B, D), (C, E)),
    110: ((A, B, D), (E,)),
    150: ((A, B, D, E), (C,)),
}


@pytest.fixture(scope="module")
def rows():
    return networks.activity(CAMERAS, RANGES)


@pytest.fixture(scope="module")
def recording(tmp_path_factory, rows):
    return networks.record(tmp_path_factory.mktemp("recording") / "r.arrow", rows, CAMERAS)


@pytest.fixture(scope="module")
def each_range(rows):
    return counts_of_each_range(rows, RANGES)


def counts_of_each_range(rows, count):
    """Every range's own N and O, by index."""
    padding, clock = networks.counting().padding, networks.CLOCK
    ranges = []
    for index in range(count):
        at = rows.tick // clock.range_ticks == index
        ranges.append(range_of_rows(rows.take(np.flatnonzero(at)), index, CAMERAS, networks.GRID, clock))
    counts = {}
    for padded in pad_ranges(ranges, padding):
        tile = Tile(NAMES, NAMES, Counting(padding))
        tile.apply(padded, NAMES)
        n, o = tile.store.agreements, tile.store.opportunities
        counts[padded.index] = n.astype(np.int64), np.repeat(o, WINDOWS, axis=1).astype(np.int64)
    return counts


def together(groups, a, b, store):
    """Whether two cameras are compared; events are kept of cameras in any group."""
    if store == "indexed":
        return {a, b} <= {camera for group in groups for camera in group}
    return any({a, b} <= set(group) for group in groups)


def expected(each_range, eras, store):
    """Counts of pairs in one group of the last era, of both directions."""
    found = {}
    for k, a in enumerate(NAMES):
        for m, b in enumerate(NAMES):
            if a == b or not any({a, b} <= set(group) for group in eras[-1].groups):
                continue
            since = -1
            for era in eras:
                if not together(era.groups, a, b, store):
                    since = None
                elif since is None:
                    since = era.after
            chosen = [counts for index, counts in each_range.items() if since is not None and index > since]
            n, o = (
                sum((pair[z] for pair in chosen), np.zeros((1, 1), int))[
                    k * WINDOWS : (k + 1) * WINDOWS, m * WINDOWS : (m + 1) * WINDOWS
                ]
                for z in (0, 1)
            )
            for i, j in np.argwhere(n).tolist():
                found[a, i, b, j] = n[i, j], o[i, j]
    return mutual(found)


def mutual(found):
    return {key: value for key, value in found.items() if (key[2], key[3], key[0], key[1]) in found}


def run(network, pipeline_of, plans):
    """Run with plans that are asked for when a range is closed."""
    noted, requests = network.tally.closed, []

    def closed(index, rows, occupancy=None):
        noted(index, rows, occupancy)
        if index in plans and len(requests) < sorted(plans).index(index) + 1:
            requests.append(Repartition(Partitioning(plans[index])))
        pipeline_of().request(requests)

    network.tally.closed = closed


def eras_of(note, initial=None):
    """With the time before the first partitioning."""
    if note.eras and note.eras[0].after is None:
        return note.eras
    return (Era(0, None, initial or (NAMES,)), *note.eras)


@pytest.mark.parametrize("store", ["dense", "rle", "indexed"])
@pytest.mark.parametrize("shards", [1, 3])
def test_pairs_that_stay_together_count_as_if_nothing_had_changed(recording, each_range, store, shards):
    counting = networks.counting(store=store)
    tally = Tally(networks.spec(CAMERAS))
    feeds = networks.feeds(recording, CAMERAS)
    network = LocalNetwork(feeds, networks.spec(CAMERAS), counting, 1, shards, Keeping(), tally)
    run(network, lambda: network._pipeline, PLANS)
    network.run()
    note = network._pipeline._note
    assert [era.groups for era in note.eras] == [Partitioning(groups).groups for groups in PLANS.values()]
    assert mutual(networks.agreements(network)) == expected(each_range, eras_of(note), store)
    assert all(tile.plan.until is None for tile in note.tiles)


@pytest.mark.parametrize(
    ("seed", "store", "every"),
    [(1, "dense", 7), (2, "indexed", 7), (3, "rle", 5), (4, "dense", 0), (5, "indexed", 0), (6, "dense", 1),
     (7, "rle", 0), (8, "indexed", 2)],
)  # fmt: skip
def test_losses_at_any_moment_of_any_change_change_nothing(
    recording, each_range, tmp_path, seed, store, every
):
    counting = networks.counting(store=store)
    folder = SnapshotFolder(str(tmp_path / "snapshots"))
    runtime = Flaky(seed, 20, networks.feeds(recording, CAMERAS), counting, 3, folder)
    network = FlakyNetwork(runtime, counting, Keeping(tmp_path / "journal.arrow", str(tmp_path), every))
    run(network, lambda: network.pipeline, PLANS)
    network.ask("run")
    found = mutual(networks.agreements(network))
    note, _ = newest_note(tmp_path / "journal.arrow")
    assert found == expected(each_range, eras_of(note), store)
    assert note.eras[-1].groups == Partitioning(PLANS[150]).groups
    assert not runtime.kills
