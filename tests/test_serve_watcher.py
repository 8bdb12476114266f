"""What the dashboard's server sees of a run's folder as it changes, and where it places cameras."""

import json
import shutil
from urllib.parse import quote

import numpy as np
import pytest

from sdist_ray.jobs.outputs import write_table
from sdist_ray.jobs.publish import Publisher
from sdist_ray.serve.places import place
from sdist_ray.serve.watcher import Watcher
from tests.live import until
from tests.report.made_run import make_run
from tests.serving import ask, serving


def health(time_s, running=True, state="live"):
    cameras = [{"id": "C01", "state": state, "problem": None}, {"id": "new/one", "state": "dark"}]
    content = {"frames_per_s": 20.0, "delay_p99_s": 6.5, "late_fraction": 0.0, "cameras": cameras}
    return {"name": "n", "running": running, "time_s": time_s, "health": content, "history": {}}


def test_it_follows_publications_and_health_and_says_when_a_network_has_gone_silent(tmp_path):
    folder = tmp_path / "live"
    folder.mkdir()
    watcher, now = Watcher(folder), 1000.0
    watcher.look()
    assert watcher.seen.state(now)[0] == "waiting"
    (folder / "health.json").write_text(json.dumps(health(now)))
    watcher.look()
    assert watcher.seen.state(now + 5)[0] == "live"
    assert watcher.seen.state(now + 60) == (
        "silent", "The network has said nothing for 60 seconds: it may have died.",
    )  # fmt: skip
    publisher = Publisher(folder)
    publisher.publish(lambda place: make_run(place, pairs=((0, 1),), transit=None))
    watcher.look()
    first = watcher.seen.topology
    assert len(first.run.edges.links) == 1
    watcher.look()
    assert watcher.seen.numbers == {"topology": 1, "health": 1, "distances": 0}
    publisher.publish(lambda place: make_run(place, pairs=((0, 1), (1, 2)), transit=None))
    watcher.look()
    assert len(watcher.seen.topology.run.edges.links) == 2
    (folder / "health.json").write_text(json.dumps(health(now, running=False)))
    watcher.look()
    assert watcher.seen.state(now)[0] == "ended"


def test_a_damaged_publication_leaves_the_one_before_it(tmp_path):
    publisher = Publisher(tmp_path)
    publisher.publish(lambda place: make_run(place, pairs=((0, 1),)))
    watcher = Watcher(tmp_path)
    watcher.look()
    good = watcher.seen.topology

    def broken(place):
        make_run(place)
        (place / "links.parquet").write_bytes(b"not Parquet")

    publisher.publish(broken)
    for _ in range(2):
        watcher.look()
        assert watcher.seen.topology is good
        assert len(watcher.seen.problems) == 1
        assert str(tmp_path.parent) not in watcher.seen.problems[0]
    (tmp_path / "health.json").write_text("[]")
    watcher.look()
    assert len(watcher.seen.problems) == 2

    def odd(place):
        make_run(place)
        write_table(
            place / "edges.parquet", {name: [[1]] for name in ("camera_a", "camera_b", "links", "score")}
        )

    publisher.publish(odd)
    watcher.look()
    assert len(watcher.seen.problems) == 2
    publisher.publish(make_run)
    (tmp_path / "health.json").write_text(json.dumps(health(1.0)))
    watcher.look()
    assert watcher.seen.topology is not good
    assert not watcher.seen.problems


def test_a_camera_that_is_only_in_health_is_shown(tmp_path):
    (tmp_path / "health.json").write_text(json.dumps(health(1.0)))
    with serving(tmp_path) as address:
        status, _, content = ask(address, f"/api/v1/camera?id={quote('new/one', safe='')}")
        assert (status, content["health"]["state"], content["edges"]) == (200, "dark", [])
        assert ask(address, "/api/v1/topology")[0] == 404


def test_cameras_stay_where_they_were_when_the_graph_changes(tmp_path):
    pairs = ((0, 1), (1, 2), (0, 2), (2, 3), (3, 4), (4, 5))
    watcher = Watcher(make_run(tmp_path / "run", pairs=pairs))
    watcher.look()
    before = watcher.seen.topology
    ids = [f"C{n:02d}" for n in range(1, 14)]
    shutil.rmtree(tmp_path / "run")
    make_run(tmp_path / "run", ids=ids, pairs=(*pairs, (5, 12)))
    watcher.look()
    after = watcher.seen.topology
    was = np.stack([before.x, before.y], axis=1)[:6]
    now = np.stack([after.x, after.y], axis=1)[:6]
    was, now = was - was.mean(axis=0), now - now.mean(axis=0)
    assert (was * now).sum() > 0.9 * np.sqrt((was**2).sum() * (now**2).sum())


@pytest.mark.parametrize("count", [0, 1, 2, 7, 130, 700])
def test_linked_cameras_are_placed_near_each_other_and_none_on_another(count):
    rng = np.random.default_rng(count)
    ring = np.arange(max(0, count - 1))
    far = rng.integers(0, max(1, count), 2)
    position = place(count, ring, ring + 1, np.ones(len(ring)))
    assert position.shape == (count, 2)
    assert np.isfinite(position).all()
    if count > 2:
        gaps = np.linalg.norm(position[:, None] - position[None], axis=2)
        np.fill_diagonal(gaps, np.inf)
        assert gaps.min() > 0.05
        assert np.median(gaps[ring, ring + 1]) < 2
        assert np.array_equal(position, place(count, ring, ring + 1, np.ones(len(ring)))), far


def test_the_server_sees_a_change_within_moments(tmp_path):
    with serving(tmp_path) as address:
        assert ask(address, "/api/v1/status")[2]["state"] == "waiting"
        (tmp_path / "health.json").write_text(json.dumps(health(1.0)))
        until(lambda: ask(address, "/api/v1/status")[2]["state"] == "silent")
