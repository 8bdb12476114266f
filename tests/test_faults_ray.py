"""kill -9 of a shard, a worker, the coordinator, a node, on Ray: counts identical to an undisturbed run.

Feeds wait at gates, so that a run cannot end before what is to happen in it has happened.
"""

import dataclasses
import os
import signal
import time
from pathlib import Path

import pytest
import ray
from ray.cluster_utils import Cluster

from sdist_ray.cameras.camera import Camera
from sdist_ray.partition.partitioning import Partitioning
from sdist_ray.runtime.base import Keeping
from sdist_ray.runtime.feeds import RecordingFeed
from sdist_ray.runtime.local import LocalNetwork
from sdist_ray.runtime.network import Tally
from sdist_ray.runtime.notes import newest_note
from sdist_ray.runtime.ray.network import RayNetwork
from sdist_ray.runtime.ray.session import ray_session
from tests import networks
from tests.test_replanning import NAMES, counts_of_each_range, eras_of, mutual
from tests.test_replanning import expected as expected_counts

CAMERAS, RANGES = 5, 60
AHEAD = 8
"""No worker gets further than this beyond a gate's range: asked, collated and padded."""
pytestmark = pytest.mark.ray


class GatedFeed(RecordingFeed):
    """Cannot pass a gate before its file is there."""

    def __init__(self, network, path, folder, gates):
        super().__init__(network, path)
        self.folder, self.gates = folder, gates

    def advance(self, through):
        for gate in self.gates:
            while through >= gate and not (self.folder / f"{gate}").exists():
                time.sleep(0.005)
        return super().advance(through)


@dataclasses.dataclass(frozen=True)
class GatedFeeds:
    path: Path
    folder: Path
    gates: tuple[int, ...]

    def __call__(self):
        return GatedFeed(networks.spec(CAMERAS), self.path, self.folder, self.gates)


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    path = tmp_path_factory.mktemp("recording") / "r.arrow"
    return networks.record(path, networks.activity(CAMERAS, RANGES), CAMERAS)


@pytest.fixture(scope="module")
def each_range():
    return counts_of_each_range(networks.activity(CAMERAS, RANGES), RANGES)


@pytest.fixture(scope="module")
def expected(recording):
    tally = Tally(networks.spec(CAMERAS))
    feeds = networks.feeds(recording, CAMERAS)
    parts = networks.spec(CAMERAS), networks.counting(), 1, 1, Keeping(), tally
    network = LocalNetwork(feeds, *parts)
    network.run()
    return network


def gated(recording, folder, happenings, workers=1, shards=2, begin=CAMERAS, counting=None):
    """A network on Ray in which something happens at some ranges: {range: what is called with it}."""
    gates = tuple(index + AHEAD for index in happenings)
    waiting = sorted(happenings)

    def on_progress(step):
        while waiting and step.ranges > waiting[0]:
            index = waiting.pop(0)
            happenings[index](network)
            (folder / f"{index + AHEAD}").touch()

    spec = dataclasses.replace(networks.spec(CAMERAS), cameras=networks.names(begin))
    tally = Tally(spec, on_progress=on_progress)
    keeping = Keeping(folder / "journal.arrow", str(folder / "snapshots"), 7)
    feeds = GatedFeeds(recording, folder, gates)
    network = RayNetwork(feeds, spec, counting or networks.counting(), workers, shards, keeping, tally)
    network.pids = network.processes()
    return network


def kill(who):
    return lambda network: os.kill(network.pids[who], signal.SIGKILL)


def kinds(network):
    return {recovery.kind for recovery in network.tally.recoveries}


@pytest.fixture(scope="class")
def session():
    with ray_session():
        yield


@pytest.mark.usefixtures("session")
class TestOneMachine:
    def test_kill_9_of_a_shard_a_worker_and_the_coordinator_changes_nothing(
        self, recording, expected, tmp_path
    ):
        happenings = {5: kill("shard 0"), 20: kill("worker 0"), 35: kill("coordinator")}
        network = gated(recording, tmp_path, happenings)
        network.run()
        assert kinds(network) == {"shard", "worker", "coordinator"}
        kill("shard 1")(network)
        assert networks.agreements(network) == networks.agreements(expected)
        assert network.tally.rows == expected.tally.rows
        assert (network.tally.visits.visits == expected.tally.visits.visits).all()
        assert len(network.reports()) == CAMERAS
        network.close()
        assert not (tmp_path / "snapshots").exists()

    @pytest.mark.parametrize(("store", "who"), [("dense", "shard 0"), ("indexed", "shard 1")])
    def test_kill_9_of_a_shard_in_the_middle_of_a_change_of_plans_changes_nothing(
        self, recording, each_range, tmp_path, store, who
    ):
        def change(groups, then=None):
            def happens(network):
                network.partition(Partitioning(groups))
                if then is not None:
                    # It is told of the plan when it has done what it was asked before: it dies on the way.
                    kill(then)(network)

            return happens

        happenings = {
            5: change((NAMES[:3], NAMES[3:])),
            20: change((NAMES[:2], NAMES[2:]), who),
            35: change(((NAMES[0], NAMES[3], NAMES[4]), (NAMES[1], NAMES[2]))),
        }
        counting = networks.counting(store=store)
        network = gated(recording, tmp_path, happenings, counting=counting)
        network.run()
        found = mutual(networks.agreements(network))
        note, _ = newest_note(tmp_path / "journal.arrow")
        network.close()
        assert "shard" in kinds(network)
        # The last one began, unless the footage ended while the shard was still being made anew.
        plans = [Partitioning((NAMES[:2], NAMES[2:])), Partitioning(((NAMES[0], *NAMES[3:]), NAMES[1:3]))]
        assert note.eras[-1].groups in [plan.groups for plan in plans]
        assert len(note.eras) > 1
        assert found == expected_counts(each_range, eras_of(note), store)

    def test_a_camera_joins_and_another_leaves_while_it_runs(self, recording, expected, tmp_path):
        happenings = {
            5: lambda network: network.add_cameras([Camera("c04")]),
            20: lambda network: network.remove_camera("c01"),
        }
        network = gated(recording, tmp_path, happenings, begin=4)
        network.run()
        found, whole = networks.agreements(network), networks.agreements(expected)
        network.close()
        assert network.tally.cameras == networks.names(CAMERAS)

        def others(counts):
            return {key: value for key, value in counts.items() if not {key[0], key[2]} & {"c01", "c04"}}

        assert others(found) == others(whole)
        assert any("c04" in key for key in found)
        assert network.tally.visits.available_ticks[1] < expected.tally.visits.available_ticks[1]


@pytest.fixture
def cluster(monkeypatch):
    soon = {
        "health_check_initial_delay_ms": 0,
        "health_check_period_ms": 300,
        "health_check_failure_threshold": 3,
    }
    node = {"num_cpus": 2, "object_store_memory": 100 << 20, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=node | {"_system_config": soon})
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    yield cluster, cluster.add_node(num_cpus=2, object_store_memory=100 << 20)
    ray.shutdown()
    cluster.shutdown()


def test_kill_9_of_a_node_changes_nothing(recording, expected, tmp_path, cluster):
    cluster, node = cluster

    def kill_node(network):
        os.kill(node.all_processes["raylet"][0].process.pid, signal.SIGKILL)

    with ray_session():
        cluster.wait_for_nodes()
        network = gated(recording, tmp_path, {20: kill_node}, workers=1, shards=3)
        network.run()
        assert network.tally.recoveries, "nothing lived on the node that was killed"
        assert networks.agreements(network) == networks.agreements(expected)
        assert network.tally.rows == expected.tally.rows
        network.close()
