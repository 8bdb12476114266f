"""What a live network publishes again and again: exact, and never more than there is."""

import pytest

from sdist_ray.cameras.camera import Camera
from sdist_ray.coordinator.instructions import TilePlan
from sdist_ray.exclusion import following
from sdist_ray.exclusion.indexed import IndexedStore
from sdist_ray.occupancy.collate import range_of_rows
from sdist_ray.occupancy.padding import Padder
from sdist_ray.partition.partitioning import Partitioning
from sdist_ray.runtime.hosts import ShardHost
from sdist_ray.runtime.network import AddCameras, RemoveCamera, Repartition
from sdist_ray.runtime.snapshots import SnapshotFolder
from tests import networks
from tests.live_networks import World
from tests.live_runs import agreements_of

CAMERAS, RANGES = 6, 90
ROWS = networks.activity(CAMERAS, RANGES, seed=3)
NAMES = networks.names(CAMERAS)
ASKED = ("raw", 0.3)


@pytest.fixture
def searches(monkeypatch):
    """Stores that have searched, in order; those that were not to."""
    done = []
    pairs = IndexedStore.pairs
    monkeypatch.setattr(IndexedStore, "pairs", lambda self, *a: done.append(self) or pairs(self, *a))
    return done


class Asked:
    """Asks a network for links, as it publishes and as it ends."""

    def __init__(self, world, searches):
        self.world, self.searches = world, searches
        self.exact, self.followed = 0, 0

    def __call__(self):
        self.searches.clear()
        found = agreements_of(self.world.directed_links(NAMES, *ASKED, True))
        searched = len(self.searches)
        full = agreements_of(self.world.directed_links(NAMES, *ASKED))
        assert found.items() <= full.items()
        if searched == len(self.searches) - searched:
            assert found == full
            self.exact += 1
        self.followed += searched == 0
        return found


@pytest.mark.parametrize("recent", [0, 40])
def test_links_are_published_while_cameras_and_groups_change(searches, recent, monkeypatch):
    monkeypatch.setattr(following, "GROWTH", 3)
    counting = networks.counting("wide", "indexed")
    counting = type(counting)(counting.padding, "wide", "indexed", recent)
    world = World(ROWS, CAMERAS, counting, known=4)
    ask = Asked(world, searches)
    try:
        for second in range(28):
            world.run(1.0)
            if second == 10:
                world.requests += [AddCameras((Camera("c04"), Camera("c05")))]
            if second == 13:
                world.requests += [RemoveCamera("c00")]
            if second == 18:
                groups = (NAMES[:4], NAMES[4:])
                world.requests += [Repartition(Partitioning(groups))]
            world.pipeline.request(world.requests)
            found = ask()
            if second > 25:
                cameras = {row // networks.GRID.windows for row, _ in found}
                assert cameras >= {2, 3, 4, 5}
        assert ask.exact > 5
        assert ask.followed > 5
        world.stop()
        full = agreements_of(world.directed_links(NAMES, *ASKED))
        assert agreements_of(world.directed_links(NAMES, *ASKED, True)).items() <= full.items()
    finally:
        world.close()


def test_a_shard_that_was_lost_searches_anew(searches, tmp_path):
    counting = networks.counting("wide", "indexed")
    plan, snapshots = TilePlan(0, NAMES, NAMES), SnapshotFolder(str(tmp_path))
    host = ShardHost(counting, snapshots)
    host.attach("s", [])
    host.create_tile("s", plan)
    padder, ready = Padder(counting.padding), []
    for index in range(60):
        ready += padder.push(range_of_rows(ROWS, index, CAMERAS, networks.GRID, networks.CLOCK))
    after = None
    for padded in ready[:50]:
        host.apply("s", padded, NAMES, after)
        after = padded.index
        if after == 40:
            host.take_snapshot("s")
            host.directed_links("s", NAMES, *ASKED, None, True)
    again = ShardHost(counting, snapshots)
    assert again.restore("t", [plan]).last == 40
    for padded in ready[41:50]:
        again.apply("t", padded, NAMES, padded.index - 1)
    full = agreements_of(host.directed_links("s", NAMES, *ASKED))
    searches.clear()
    assert agreements_of(again.directed_links("t", NAMES, *ASKED, None, True)) == full
    assert len(searches) == 1
    # Asked once more, and with a range more: nothing is searched, and what there is is exact.
    assert agreements_of(again.directed_links("t", NAMES, *ASKED, None, True)) == full
    for one, session in ((host, "s"), (again, "t")):
        one.apply(session, ready[50], NAMES, ready[50].index - 1)
    found = agreements_of(again.directed_links("t", NAMES, *ASKED, None, True))
    assert len(searches) == 1
    assert found.items() <= agreements_of(host.directed_links("s", NAMES, *ASKED)).items()
    assert len(found) > 0.8 * len(full)
