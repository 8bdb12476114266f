"""Ray nodes that join, are drained and die while a live network runs: cameras move, and lose no tick."""

import dataclasses
import time

import pytest
import ray
from ray.cluster_utils import Cluster

from sdist_ray.runtime.ray.live_network import RayLiveNetwork
from sdist_ray.runtime.ray.session import ray_session
from tests import live_runs

pytestmark = pytest.mark.ray
CAMERAS, SHARDS, CPUS = 8, 2, 2
# Nobody is given up who is only slow: what cameras see would not be what they would have seen.
TIMING = dataclasses.replace(live_runs.TIMING, silent_s=live_runs.PATIENT_S, move_s=live_runs.PATIENT_S)
DRAINED_BY_HAND = 2
"""DRAIN_NODE_REASON_PREEMPTION: the node goes, whatever runs on it."""
SOON = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 300,
    "health_check_failure_threshold": 3,
}


@pytest.fixture(scope="module")
def cluster():
    node = {"num_cpus": CPUS, "object_store_memory": 100 << 20, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=node | {"_system_config": SOON})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_ADDRESS", cluster.address)
        yield cluster
    ray.shutdown()
    cluster.shutdown()


def drain(cluster, node):
    """What ``ray drain-node`` does."""
    client = ray._raylet.GcsClient(address=cluster.address)
    deadline_ms = int((time.time() + 600) * 1000)
    assert client.drain_node(node.node_id, DRAINED_BY_HAND, "a test", deadline_ms) == (True, "")


@dataclasses.dataclass
class Run:
    """What happened, and what came of it.

    ``dark`` are cameras of the node that died at ``dark_s``; the coordinator had what they saw until
    ``told_s``.
    """

    seen: live_runs.Seen
    feeds: live_runs.Feeds
    cameras: list = dataclasses.field(default_factory=list)
    moved: dict = dataclasses.field(default_factory=dict)
    workers: dict = dataclasses.field(default_factory=dict)
    dark: set = dataclasses.field(default_factory=set)
    dark_s: float = 0.0
    told_s: float = 0.0
    names: list = dataclasses.field(default_factory=list)
    last: int = 0
    ranges: int = 0
    expected_ranges: int = 0
    counts: dict = dataclasses.field(default_factory=dict)
    recount: dict = dataclasses.field(default_factory=dict)

    @property
    def rows(self):
        return self.seen.by_camera(self.names)


def carry_out(run, network, cluster, film):
    """Nodes come and go."""

    def look(until):
        return live_runs.watch(network, until)

    def numbers(health):
        return {worker.number for worker in health.workers}

    def read(health):
        """every camera is read, and by whom"""
        found = live_runs.readers(health)
        found.pop(live_runs.BROKEN)
        return found if len(found) == CAMERAS and None not in found.values() else None

    def all_of(workers):
        def spread(health):
            """all workers have cameras, and nobody else has any"""
            found = read(health)
            return found if found and set(found.values()) == set(workers) else None

        return spread

    look(lambda health: len(health.workers) == CPUS)
    run.cameras = live_runs.copies(film, CAMERAS)
    network.add_cameras(run.cameras)
    at_first = look(all_of({0, 1}))
    look(lambda health: all(c.state == "live" for c in health.cameras if c.camera != live_runs.BROKEN))
    second = cluster.add_node(num_cpus=CPUS, object_store_memory=100 << 20)
    doubled = look(all_of({0, 1, 2, 3}))
    run.moved["joined"] = {camera for camera in doubled if doubled[camera] != at_first[camera]}
    drain(cluster, second)
    back = look(lambda health: numbers(health) == {0, 1} and all_of({0, 1})(health))
    run.moved["drained"] = {camera for camera in back if doubled[camera] in (2, 3)}

    def gone(_):
        """a node that nothing is left on ends by itself"""
        return sum(node["Alive"] for node in ray.nodes()) == 1

    look(gone)
    third = cluster.add_node(num_cpus=CPUS, object_store_memory=100 << 20)
    spread = look(lambda health: len(numbers(health)) == 2 * CPUS and all_of(numbers(health))(health))
    run.told_s = min(
        camera.last_frame_s for camera in network.look().cameras if spread.get(camera.camera, 0) > 1
    )
    run.dark_s = time.time()
    cluster.remove_node(third, allow_graceful=False)
    end = look(lambda health: numbers(health) == {0, 1} and all_of({0, 1})(health))
    run.dark = {camera for camera in end if spread[camera] not in (0, 1)}
    closed = network.tally.ranges
    look(lambda _: network.tally.ranges > closed + TIMING.lateness_s + 5)


@pytest.fixture(scope="module")
def run(tmp_path_factory, cluster):
    folder = tmp_path_factory.mktemp("elastic")
    film = live_runs.film(folder / "film")
    with ray_session():
        network, seen, feeds = live_runs.begin(RayLiveNetwork, folder, 0, SHARDS, "elastic", timing=TIMING)
        run = Run(seen, feeds)
        try:
            carry_out(run, network, cluster, film)
            health = network.stop()
            run.names = list(network.tally.cameras)
            run.last = (network.tally.newest + 1) * live_runs.CLOCK.range_ticks - 1
            run.ranges, run.expected_ranges = health.ranges_counted, network.tally.ranges
            assert health.ranges_skipped == 0
            run.counts = live_runs.agreements_of(network.directed_links(run.names, "raw", 0.0))
            run.recount = live_runs.recount(folder / "journal.arrow", run.names, live_runs.COUNTING)
        finally:
            network.close()
    return run


@pytest.fixture(scope="module")
def expected(run):
    return live_runs.undisturbed(run.feeds, run.cameras, run.last / live_runs.CLOCK.fps + 1)


def test_new_nodes_are_used_and_drained_ones_left(run):
    assert run.moved["joined"]
    assert run.moved["drained"]


def test_cameras_that_move_lose_no_tick_and_see_what_they_would_have_seen(run, expected):
    # Of a camera of the node that died all is there that was delivered, but for a frame that was in work.
    died = round((run.told_s - 0.5) * live_runs.CLOCK.fps)
    for camera in expected:
        last = died if camera in run.dark else run.last - 2 * live_runs.CLOCK.range_ticks
        whole = {tick: windows for tick, windows in expected[camera].items() if tick <= last}
        assert len(whole) > 100
        assert {tick: windows for tick, windows in run.rows[camera].items() if tick <= last} == whole


def test_cameras_of_a_node_that_died_are_read_by_others(run):
    assert run.dark
    for camera in run.dark:
        after = [tick for tick in run.rows[camera] if tick > run.dark_s * live_runs.CLOCK.fps]
        assert after, f"{camera} never came back"
        assert live_runs.longest_gap(after, round(run.dark_s * live_runs.CLOCK.fps), max(after)) <= 900


def test_no_range_is_lost_and_none_is_counted_twice(run):
    assert run.counts
    assert run.counts == run.recount
    assert run.ranges == run.expected_ranges
