"""Nothing is lost: whatever dies, and whoever joins or leaves, counts are those of an undisturbed run."""

import dataclasses
import random

import numpy as np
import pytest

from sdist_ray.cameras.camera import Camera
from sdist_ray.coordinator.events import ShardLost, WorkerLost
from sdist_ray.errors import InputError
from sdist_ray.occupancy.rates import Rates
from sdist_ray.runtime.base import Keeping
from sdist_ray.runtime.hosts import ShardHost, WorkerHost
from sdist_ray.runtime.local import LocalNetwork, LocalRuntime
from sdist_ray.runtime.network import Tally
from sdist_ray.runtime.pipeline import Pipeline
from sdist_ray.runtime.screens import Asked
from sdist_ray.runtime.snapshots import SnapshotFolder
from sdist_ray.topology.screening import Screening
from tests import networks

CAMERAS, RANGES = 5, 200


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    path = tmp_path_factory.mktemp("recording") / "r.arrow"
    return networks.record(path, networks.activity(CAMERAS, RANGES), CAMERAS)


class Killed(Exception):
    """The coordinator's process is gone."""


class Flaky(LocalRuntime):
    """Something dies now and then, with all that it held and was asked."""

    def __init__(self, seed, kills, feeds, counting, shards, snapshots):
        super().__init__(feeds, networks.spec(CAMERAS), counting, 1, shards, snapshots)
        self.rng = random.Random(seed)
        self.kills = sorted(self.rng.sample(range(600), kills))
        self.waits = 0
        self.killed = []
        self.feeds, self.counting, self.snapshots = feeds, counting, snapshots

    def wait(self):
        self.waits += 1
        if self.kills and self.waits > self.kills[0]:
            self.kills.pop(0)
            return self.kill(self.rng.choice(["shard", "worker", "coordinator"]))
        return super().wait()

    def kill(self, kind):
        self.killed.append(kind)
        if kind == "coordinator":
            raise Killed
        number = self.rng.randrange(self.shards if kind == "shard" else self.workers)
        if kind == "shard":
            self._shards[number] = ShardHost(self.counting, self.snapshots)
        else:
            self._workers[number] = WorkerHost(self.feeds, networks.CLOCK)
        self._calls = type(self._calls)(entry for entry in self._calls if entry[0] != (kind, number))
        return [ShardLost(number) if kind == "shard" else WorkerLost(number)]


class FlakyNetwork:
    """A network whose coordinator is made anew as often as it dies."""

    def __init__(self, runtime, counting, keeping):
        self.tally = Tally(networks.spec(CAMERAS), self.rows)
        self.written = []
        self.parts = networks.spec(CAMERAS), runtime, counting, keeping, self.tally
        self.pipeline = Pipeline(*self.parts)

    def rows(self, rows):
        self.written.append(rows)

    def ask(self, method, *arguments):
        while True:
            try:
                return getattr(self.pipeline, method)(*arguments)
            except Killed:
                self.pipeline = Pipeline(*self.parts)

    def directed_links(self, *arguments):
        return self.ask("directed_links", Asked(*arguments))


def undisturbed(recording, counting, shards=2):
    tally = Tally(networks.spec(CAMERAS))
    network = LocalNetwork(
        networks.feeds(recording, CAMERAS), networks.spec(CAMERAS), counting, 1, shards, Keeping(), tally
    )
    network.run()
    return network


def check_same(network, expected):
    assert networks.agreements(network) == networks.agreements(expected)
    for name in ("occupied_ticks", "visits", "available_ticks"):
        np.testing.assert_array_equal(
            getattr(network.tally.visits, name), getattr(expected.tally.visits, name)
        )
    assert network.tally.rows == expected.tally.rows


@pytest.mark.parametrize(
    ("seed", "policy", "store", "every"),
    [(1, "wide", "dense", 7), (2, "byte", "dense", 7), (3, "wide", "indexed", 7), (4, "wide", "dense", 0),
     (5, "wide", "dense", 1), (6, "byte", "dense", 0)],
)  # fmt: skip
def test_twenty_losses_at_random_moments_change_nothing(recording, tmp_path, seed, policy, store, every):
    counting = networks.counting(policy, store)
    folder = SnapshotFolder(str(tmp_path / "snapshots"))
    runtime = Flaky(seed, 20, networks.feeds(recording, CAMERAS), counting, 2, folder)
    network = FlakyNetwork(runtime, counting, Keeping(tmp_path / "journal.arrow", str(tmp_path), every))
    network.ask("run")
    check_same(network, undisturbed(recording, counting))
    assert not runtime.kills
    assert set(runtime.killed) == {"shard", "worker", "coordinator"}
    kinds = {recovery.kind for recovery in network.tally.recoveries}
    assert kinds >= {"shard", "worker", "coordinator"}
    assert all(recovery.back_s >= recovery.lost_s for recovery in network.tally.recoveries)
    assert len(network.ask("reports")) == CAMERAS


def test_what_is_lost_when_all_is_counted_is_made_anew_for_the_links(recording, tmp_path):
    counting = networks.counting()
    runtime = Flaky(1, 0, networks.feeds(recording, CAMERAS), counting, 2, None)
    network = FlakyNetwork(runtime, counting, Keeping(tmp_path / "journal.arrow"))
    network.ask("run")
    links, lost = runtime.directed_links, []

    def once(*arguments):
        if not lost:
            lost.append(runtime.kill("shard"))
            return [None if ShardLost(number) in lost[0] else [] for number in range(2)]
        return links(*arguments)

    runtime.directed_links = once
    check_same(network, undisturbed(recording, counting))
    assert lost


def test_a_shard_that_is_lost_while_pairs_are_judged_is_asked_again(recording, tmp_path):
    counting = networks.counting()
    runtime = Flaky(1, 0, networks.feeds(recording, CAMERAS), counting, 2, None)
    network = FlakyNetwork(runtime, counting, Keeping(tmp_path / "journal.arrow"))
    network.ask("run")
    windows, names = networks.spec(CAMERAS).grid.windows, networks.spec(CAMERAS).cameras
    screening = Screening("corrected", 0.1, None, Rates.none(len(names), windows))
    asked = Asked(names, "corrected", 0.1, screening=screening)
    expected = [part.row.tolist() for part in network.ask("directed_links", asked)]
    screen, screened, lost = runtime.screen, runtime.screened, []

    def lose(answers):
        lost.append(runtime.kill("shard"))
        return [None if ShardLost(number) in lost[-1] else answer for number, answer in enumerate(answers)]

    runtime.screen = lambda *asked: screen(*asked) if lost else lose(screen(*asked))
    runtime.screened = lambda last: screened(last) if len(lost) > 1 else lose(screened(last))
    assert [part.row.tolist() for part in network.ask("directed_links", asked)] == expected
    assert len(lost) == 2


def test_a_loss_that_nothing_can_make_good_ends_in_one_line(recording):
    counting = networks.counting()
    runtime = Flaky(1, 0, networks.feeds(recording, CAMERAS), counting, 2, None)
    network = FlakyNetwork(runtime, counting, Keeping())
    network.ask("run")
    network.pipeline._events += runtime.kill("shard")
    with pytest.raises(InputError, match="nothing was written down"):
        network.ask("run")


def test_a_shard_that_always_dies_at_one_place_ends_the_run(recording, tmp_path):
    counting = networks.counting()
    runtime = Flaky(1, 0, networks.feeds(recording, CAMERAS), counting, 1, None)
    wait = runtime.wait

    def dies_at_range_50():
        (answer,) = wait()
        return runtime.kill("shard") if getattr(answer, "index", None) == 50 else [answer]

    runtime.wait = dies_at_range_50
    network = FlakyNetwork(runtime, counting, Keeping(tmp_path / "journal.arrow"))
    with pytest.raises(InputError, match="shard 0 was lost"):
        network.ask("run")


def run_with(recording, changes, store="dense", begin=CAMERAS, shards=2, policy="wide"):
    """A local run in which cameras join and leave after some ranges: {range: (what, camera)}."""
    spec = dataclasses.replace(networks.spec(CAMERAS), cameras=networks.names(begin))
    holder = []

    def on_progress(step):
        if step.ranges in changes:
            what, camera = changes[step.ranges]
            if what == "add":
                holder[0].add_cameras([Camera(camera)])
            else:
                holder[0].remove_camera(camera)

    written = []
    tally = Tally(spec, written.append, on_progress)
    counting = networks.counting(policy, store)
    network = LocalNetwork(networks.feeds(recording, CAMERAS), spec, counting, 1, shards, Keeping(), tally)
    holder.append(network)
    network.run()
    return network, written


def without(found, *cameras):
    return {key: counts for key, counts in found.items() if not {key[0], key[2]} & set(cameras)}


@pytest.mark.parametrize("store", ["dense", "indexed"])
def test_a_camera_that_joins_changes_no_other_pair_and_is_counted_from_there(recording, tmp_path, store):
    network, written = run_with(recording, {60: ("add", "c04")}, store, begin=4)
    found = networks.agreements(network)
    counting = networks.counting(store=store)
    assert without(found, "c04") == without(networks.agreements(undisturbed(recording, counting)), "c04")
    # As if the camera had been silent before.
    rows = networks.activity(CAMERAS, RANGES)
    joined = min(int(part.tick[part.camera == 4].min()) for part in written if (part.camera == 4).any())
    assert 60 < joined // networks.CLOCK.range_ticks < 70
    seen = rows.take(np.flatnonzero((rows.camera != 4) | (rows.tick >= joined)))
    silent = networks.record(tmp_path / "silent.arrow", seen, CAMERAS)
    expected = undisturbed(silent, counting)
    assert found == networks.agreements(expected)
    assert network.tally.rows == expected.tally.rows
    np.testing.assert_array_equal(network.tally.visits.visits, expected.tally.visits.visits)


@pytest.mark.parametrize("store", ["dense", "indexed"])
def test_a_camera_that_leaves_changes_no_other_pair(recording, store):
    network, written = run_with(recording, {60: ("remove", "c02")}, store)
    left = max(int(part.tick.max()) for part in written if (part.camera == 2).any())
    assert 60 <= left // networks.CLOCK.range_ticks < 70
    expected = networks.agreements(undisturbed(recording, networks.counting(store=store)))
    found = networks.agreements(network)
    assert without(found, "c02") == without(expected, "c02")
    assert any("c02" in key for key in found)


def test_a_camera_that_comes_back_is_counted_on(recording):
    changes = {40: ("remove", "c02"), 60: ("add", "c04"), 100: ("add", "c02")}
    network, written = run_with(recording, changes, begin=4)
    assert network.tally.cameras == networks.names(CAMERAS)
    expected = networks.agreements(undisturbed(recording, networks.counting()))
    found = networks.agreements(network)
    assert without(found, "c02", "c04") == without(expected, "c02", "c04")
    assert {(key[0], key[2]) for key in found} >= {("c02", "c03"), ("c02", "c04"), ("c04", "c02")}
    gone = [bool((part.camera == 2).any()) for part in written]
    assert gone[:40] == [True] * 40
    assert gone[70:95] == [False] * 25
    assert gone[120:190] == [True] * 70


def test_byte_counters_of_others_do_not_change_when_a_camera_joins(recording):
    network, _ = run_with(recording, {60: ("add", "c04")}, begin=4, policy="byte")
    alone, _ = run_with(recording, {}, begin=4, policy="byte")
    assert without(networks.agreements(network), "c04") == networks.agreements(alone)


def test_joining_and_leaving_are_refused_where_they_make_no_sense(recording):
    network, _ = run_with(recording, {60: ("add", "nobody"), 61: ("remove", "c01")})
    assert "no camera 'nobody'" in network.tally.failed["nobody"]
    with pytest.raises(InputError, match="'c00' is in the network already"):
        network.add_cameras([Camera("c00")])
    with pytest.raises(InputError, match="'c01' is not in the network"):
        network.remove_camera("c01")
    network.add_cameras([Camera("late")])
    network.run()
    assert "when the run had ended" in network.tally.failed["late"]


def test_losses_and_changes_together(recording, tmp_path):
    """Cameras come and go while the coordinator and others die."""
    counting = networks.counting()
    folder = SnapshotFolder(str(tmp_path / "snapshots"))
    runtime = Flaky(5, 20, networks.feeds(recording, CAMERAS), counting, 2, folder)
    network = FlakyNetwork(runtime, counting, Keeping(tmp_path / "journal.arrow", str(tmp_path), 7))
    requests = LocalNetwork(
        networks.feeds(recording, CAMERAS), networks.spec(CAMERAS), counting, 1, 1, Keeping(), network.tally
    )._requests
    noted = network.tally.closed

    def closed(index, rows, occupancy=None):
        noted(index, rows, occupancy)
        if index == 50:
            requests.remove("c03")
        if index == 100:
            requests.add([Camera("c03")])
        network.pipeline.request(requests.all)

    network.tally.closed = closed
    network.ask("run")
    expected = networks.agreements(undisturbed(recording, counting))
    found = networks.agreements(network)
    assert without(found, "c03") == without(expected, "c03")
    away = {int(t) // networks.CLOCK.range_ticks for p in network.written for t in p.tick[p.camera == 3]}
    assert not away & set(range(60, 99))
    assert away >= set(range(50)) | set(range(120, 199))
