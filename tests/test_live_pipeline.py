"""A live network counts what an off-line one counts of the same rows, whatever happens meanwhile."""

import time

import numpy as np
import pytest

from sdist_ray.cameras.camera import Camera
from sdist_ray.runtime.base import Keeping
from sdist_ray.runtime.live import record
from sdist_ray.runtime.local import LocalNetwork
from sdist_ray.runtime.network import AddCameras, PauseCameras, RemoveCamera, Tally
from tests import networks
from tests.live_networks import World

CAMERAS, RANGES = 4, 24
ROWS = networks.activity(CAMERAS, RANGES, seed=3)
SECONDS = RANGES * 0.4


@pytest.fixture
def live(request):
    """Makes live networks that are closed in the end."""
    made = []

    def make(*arguments, **more):
        made.append(World(*arguments, **more))
        return made[-1]

    yield make
    for world in made:
        world.close()


def offline(rows, counting, folder, cameras=CAMERAS):
    path = networks.record(folder / "offline.arrow", rows, cameras)
    tally = Tally(networks.spec(cameras))
    network = LocalNetwork(
        networks.feeds(path, cameras), networks.spec(cameras), counting, 1, 2, Keeping(), tally
    )
    network.run()
    return network


def check_counts(world, counting, folder, rows=None):
    """What was counted is what is counted off line of the rows that were written."""
    written = world.counted_rows()
    if rows is not None:
        key = np.lexsort((rows.camera, rows.tick))
        np.testing.assert_array_equal(written.tick, rows.tick[key])
        np.testing.assert_array_equal(written.camera, rows.camera[key])
    pairs = set(zip(written.tick.tolist(), written.camera.tolist(), strict=True))
    assert len(pairs) == len(written.tick), "a tick of a camera was counted twice"
    expected = offline(written, counting, folder)
    assert networks.agreements(world) == networks.agreements(expected)
    np.testing.assert_array_equal(world.tally.visits.visits, expected.tally.visits.visits)
    np.testing.assert_array_equal(world.tally.visits.available_ticks, expected.tally.visits.available_ticks)


def from_when_all_were_read(world, rows=ROWS):
    """Rows after the first second and a half, in which workers join and cameras are opened."""
    written = world.counted_rows()
    return written.take(np.flatnonzero(written.tick >= 16)), rows.take(np.flatnonzero(rows.tick >= 16))


def check_whole(world, rows=ROWS):
    found, expected = from_when_all_were_read(world, rows)
    order = np.lexsort((expected.camera, expected.tick))
    np.testing.assert_array_equal(found.tick, expected.tick[order])
    np.testing.assert_array_equal(found.camera, expected.camera[order])


@pytest.mark.parametrize(("policy", "store"), [("wide", "dense"), ("byte", "dense"), ("wide", "indexed")])
def test_counts_are_those_of_the_offline_pipeline(live, tmp_path, policy, store):
    counting = networks.counting(policy, store)
    world = live(ROWS, CAMERAS, counting)
    world.run(SECONDS)
    world.stop()
    check_whole(world)
    check_counts(world, counting, tmp_path)
    health = world.pipeline.health
    assert health.late == 0
    assert health.ranges_counted == health.ranges_closed
    assert health.rows == world.tally.rows
    assert {camera.state for camera in health.cameras} == {"live"}


def test_what_a_camera_sends_too_late_is_dropped_and_counted(live, tmp_path):
    counting = networks.counting()
    world = live(ROWS, CAMERAS, counting)
    world.faults["c01"] = {"behind_s": 2.5}
    world.run(SECONDS)
    world.stop()
    written = world.counted_rows()
    assert not (written.camera == 1).any()
    found, expected = from_when_all_were_read(world)
    np.testing.assert_array_equal(found.tick, np.sort(expected.tick[expected.camera != 1]))
    # Never taken for empty: nobody was excluded by what it did not see.
    check_counts(world, counting, tmp_path)
    assert world.tally.visits.available_ticks[1] == 0
    late = {camera.camera: camera.late for camera in world.pipeline.health.cameras}
    assert late.pop("c01") > 40
    assert not any(late.values())
    minutes = world.pipeline.health.late_minutes
    assert list(minutes) == ["1970-01-01T00:00Z"]
    assert minutes["1970-01-01T00:00Z"].keys() == {"c01"}


def test_a_clock_far_ahead_poisons_nothing(live, tmp_path):
    counting = networks.counting()
    world = live(ROWS, CAMERAS, counting)
    world.faults["c02"] = {"off_s": 3600.0}
    world.run(SECONDS)
    assert world.pipeline._collator.pending < 10
    world.stop()
    check_counts(world, counting, tmp_path)
    early = {camera.camera: camera.early for camera in world.pipeline.health.cameras}
    assert early.pop("c02") > 60
    assert not any(early.values())
    assert world.pipeline.health.content()["rows_early"] > 60


def test_a_clock_that_jumps_back_makes_rows_late_and_nothing_else(live, tmp_path):
    counting = networks.counting()
    world = live(ROWS, CAMERAS, counting)
    world.run(SECONDS / 2)
    world.faults["c03"] = {"off_s": -3600.0}
    world.run(SECONDS / 2)
    world.stop()
    check_counts(world, counting, tmp_path)
    late = {camera.camera: camera.late for camera in world.pipeline.health.cameras}
    assert late["c03"] > 20
    assert late["c00"] == late["c01"] == late["c02"] == 0


def test_a_worker_that_hangs_holds_nobody_up_and_its_cameras_are_read_elsewhere(live, tmp_path):
    counting = networks.counting()
    world = live(networks.activity(CAMERAS, 48, seed=3), CAMERAS, counting)
    world.run(3.0)
    (hung, *_) = sorted(world.pipeline._coordinator.reads(1))
    world.faults[hung] = {"hang": True}
    began = time.monotonic()
    world.run(1.0)
    del world.faults[hung]  # wherever it is read next, it does not
    world.run(12.0)
    # It hangs for ten minutes.
    assert time.monotonic() - began < 300
    world.stop()
    check_counts(world, counting, tmp_path)
    written = world.counted_rows()
    everyone = set(range(CAMERAS))
    assert set(written.camera[written.tick > 130].tolist()) == everyone
    held_up = np.flatnonzero((written.tick > 50) & (written.tick < 60))
    assert len(set(written.camera[held_up].tolist())) >= 2
    # Another took its place.
    assert len(world.pipeline.health.workers) == 2
    assert world.pipeline.health.workers_lost == 1


def test_cameras_that_move_lose_no_tick(live, tmp_path):
    counting = networks.counting()
    world = live(ROWS, CAMERAS, counting, workers=3)
    world.run(2.0)
    for number, (camera, cost) in enumerate({"c00": 0.4, "c01": 0.3, "c02": 0.2, "c03": 0.1}.items()):
        world.costs[camera] = cost
        world.run(1.0 + number / 4)
    world.pipeline.leave(0)
    world.run(SECONDS - world.wall.now_s)
    world.stop()
    assert set(world.runtime._live) == {1, 2}
    check_whole(world)
    check_counts(world, counting, tmp_path)
    for camera in world.pipeline.health.cameras:
        given = sum(world.counted_rows().camera == int(camera.camera[1:]))
        assert given - 10 <= camera.processed <= given


def test_a_camera_that_is_paused_is_unavailable_and_comes_back(live, tmp_path):
    counting = networks.counting()
    world = live(ROWS, CAMERAS, counting)
    world.run(4.0)
    world.requests.append(PauseCameras(("c01",), True))
    world.pipeline.request(world.requests)
    world.run(2.0)
    assert {c.camera: c.state for c in world.pipeline.health.cameras}["c01"] == "paused"
    world.requests.append(PauseCameras(("c01",), False))
    world.pipeline.request(world.requests)
    world.run(SECONDS - 6.0)
    world.stop()
    check_counts(world, counting, tmp_path)
    written = world.counted_rows()
    mine = written.tick[written.camera == 1]
    assert not ((mine > 43) & (mine < 60)).any()
    assert (mine > 70).any()
    # What was done before counts all the same; the last half second was not told of.
    processed = {c.camera: c.processed for c in world.pipeline.health.cameras}["c01"]
    assert len(mine) - 10 <= processed <= len(mine)


def test_a_camera_that_cannot_be_opened_is_one_with_a_problem(live, tmp_path):
    counting = networks.counting()
    world = live(ROWS, CAMERAS, counting)
    world.faults["c00"], world.faults["c01"] = {"closed": True}, {"raise": True}
    world.run(SECONDS / 2)
    health = {camera.camera: camera for camera in world.pipeline.health.cameras}
    assert health["c00"].problem == "camera 'c00' cannot be opened"
    assert health["c01"].problem == "RuntimeError: a bug"
    world.stop()
    check_counts(world, counting, tmp_path)
    assert set(world.counted_rows().camera.tolist()) == {2, 3}


@pytest.mark.parametrize(("policy", "store", "away_s"), [("wide", "dense", 0.0), ("byte", "dense", 3.0),
                                                         ("wide", "indexed", 1.5)])  # fmt: skip
def test_whoever_takes_over_counts_what_was_seen_and_nothing_twice(live, tmp_path, policy, store, away_s):
    counting = networks.counting(policy, store)
    world = live(ROWS, CAMERAS, counting, tmp_path)
    world.run(2.5)
    world.kill_coordinator(away_s)
    # Once more, before the workers were asked for anything.
    world.kill_coordinator()
    world.run(2.0)
    world.pipeline.stop()
    world.kill_coordinator(0.1)
    world.run(SECONDS - world.wall.now_s)
    world.stop()
    check_whole(world)
    check_counts(world, counting, tmp_path)
    assert world.pipeline.health.late == 0


def test_whoever_takes_over_after_the_end_adds_nothing(live, tmp_path):
    counting = networks.counting()
    world = live(ROWS, CAMERAS, counting, tmp_path)
    world.run(4.0)
    world.stop()
    ended = len(world.counted_rows().tick), networks.agreements(world)
    assert ended[0]
    world.kill_coordinator(2.0)
    world.run(2.0)
    world.stop()
    assert (len(world.counted_rows().tick), networks.agreements(world)) == ended
    check_counts(world, counting, tmp_path)


def test_membership_changes_around_a_takeover(live, tmp_path):
    counting = networks.counting()
    world = live(ROWS, CAMERAS, counting, tmp_path, known=3)
    world.run(2.0)
    world.requests += [AddCameras((Camera("c03"),)), RemoveCamera("c00"), PauseCameras(("c01",), True)]
    world.pipeline.request(world.requests)
    world.run(0.5)
    world.kill_coordinator(1.0)
    world.requests += [PauseCameras(("c01",), False)]
    world.pipeline.request(world.requests)
    world.run(1.0)
    # The newest request is forgotten with whoever was told of it; those that follow are not mistaken for it.
    world.requests += [RemoveCamera("c02")]
    world.pipeline.request(world.requests)
    world.run(0.5)
    world.requests.pop()
    world.kill_coordinator()
    world.requests += [AddCameras((Camera("c00"),))]
    world.pipeline.request(world.requests)
    world.run(SECONDS - world.wall.now_s)
    world.stop()
    written = world.counted_rows()
    newest = {camera: int(written.tick[written.camera == camera].max()) for camera in range(4)}
    assert min(newest[0], newest[1], newest[3]) > 85
    assert world.tally.cameras == networks.names(4)
    gone = written.tick[written.camera == 0]
    assert not ((gone > 25) & (gone < 45)).any()
    found = networks.agreements(world)
    assert {(key[0], key[2]) for key in found} >= {("c00", "c03"), ("c01", "c03"), ("c03", "c00")}
    pairs = set(zip(written.tick.tolist(), written.camera.tolist(), strict=True))
    assert len(pairs) == len(written.tick)


def test_two_workers_lost_at_once(live, tmp_path):
    counting = networks.counting()
    world = live(networks.activity(6, RANGES, seed=3), 6, counting, workers=3)
    world.run(2.0)
    for number in (0, 1):
        worker = world.runtime._live[number]
        worker.host.collect = worker.host.open = worker.host.drop = lambda *_: 1 / 0
    world.run(SECONDS - 2.0)
    world.stop()
    written = world.counted_rows()
    assert set(written.camera[written.tick > 80].tolist()) == set(range(6))
    # Two others took their places.
    assert sorted(world.runtime._live) == [2, 3, 4]


def test_cameras_that_come_and_go_leave_little_behind(live, tmp_path, monkeypatch):
    monkeypatch.setattr(record, "JOURNAL_BYTES", 40_000)
    monkeypatch.setattr(record, "JOURNAL_RANGES", 3)
    world = live(ROWS, CAMERAS, networks.counting(), tmp_path)
    world.run(2.0)
    sizes = []
    for number in range(120):
        request = RemoveCamera("c03") if number % 2 == 0 else AddCameras((Camera("c03"),))
        world.requests.append(request)
        world.pipeline.request(world.requests)
        world.wall.now_s += 0.2
        world.pipeline._turn(0.002)
        sizes.append(world.keeping.journal.stat().st_size)
    assert max(sizes) < 120_000
    assert world.pipeline.cameras == networks.names(4)
    assert len(world.pipeline._note.tiles) == 2
    vitals = world.pipeline._vitals
    assert len(vitals._newest) <= 4
    assert len(vitals._uncounted) < 10
    assert world.pipeline._collator.pending < 10
    world.stop()
    assert not vitals._uncounted


def test_a_network_that_is_only_recorded_keeps_no_range(live):
    world = live(ROWS, CAMERAS, None, shards=0)
    world.run(SECONDS)
    assert len(world.pipeline._vitals._uncounted) <= 1
    world.stop()
    check_whole(world)
    assert world.pipeline.health.delay_p99_s is not None
