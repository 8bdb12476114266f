"""Changes of a network's edges, from the command line to the file, and while it lives."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from sdist_ray.cli import main
from sdist_ray.jobs.changes import ChangeWatch, change_spec, with_transits
from sdist_ray.jobs.transits import TransitWatch
from sdist_ray.occupancy.block import Clock, OccupancyRange, Rows
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.recording import RecordingWriter
from sdist_ray.runtime.feeds import NetworkSpec
from sdist_ray.runtime.network import Tally
from sdist_ray.settings import TopologyJob
from sdist_ray.settings_transit import TransitSettings
from sdist_ray.topology.change import ChangeSpec
from sdist_ray.topology.graph import camera_edges
from sdist_ray.topology.links import join_directed, mutual_links
from sdist_ray.topology.transit.change import VANISHED
from tests.test_change import visits_of_a_move
from tests.test_transit import words_of
from tests.test_transit_change import CLOSED, OPEN, footage

NAMES = ("gate", "hall", "yard")
SETTINGS = {"enabled": True, "recent_s": 300.0, "period_s": 30.0, "settle_s": 400.0}


@pytest.fixture(scope="module")
def moved():
    """The gate and the hall see one place; then the hall sees what the yard sees."""
    return visits_of_a_move()


def changes_of(seen, folder, *more):
    """What a run says of a recording of bool (ticks, cameras, windows), and its changes.parquet."""
    path = folder / "r.parquet"
    tick, camera = (axis.ravel() for axis in np.mgrid[: len(seen), :3])
    windows = np.nonzero(seen)[2].astype(np.uint16)
    nothing = np.empty(0, np.float32)
    ends = np.cumsum(seen.sum(axis=2).ravel())
    none = np.zeros(len(tick), np.int64)
    rows = Rows(camera.astype(np.int32), tick.astype(np.int64), windows, ends, nothing, nothing, none)
    with RecordingWriter(path, NAMES, Grid(4, 3), 10.0) as writer:
        writer.write(rows)
    changes = [f"topology.change.{name}={str(value).lower()}" for name, value in SETTINGS.items()]
    arguments = ["source=recording", f"source.path={path}", "runtime=local", *changes, *more]
    assert main(["topology", *arguments, f"output={folder}/out"]) == 0
    summary = json.loads((folder / "out" / "summary.json").read_text())
    return summary["topology"], pq.read_table(folder / "out" / "changes.parquet").to_pylist()


def test_a_run_tells_what_has_changed(moved, tmp_path):
    topology, rows = changes_of(moved, tmp_path, "topology.least_links=1", "topology.transit.enabled=false")
    assert [(row["kind"], row["camera_a"], row["camera_b"]) for row in rows] == [
        ("vanished", "gate", "hall"), ("appeared", "hall", "yard"),
    ]  # fmt: skip
    assert 900 <= rows[0]["since_s"] <= rows[0]["time_s"] < 1200
    assert topology["changes"] == 2


def test_a_run_tells_of_transits_from_where_to_where(tmp_path):
    """People walk from the yard to the hall, until the door between is locked."""
    rng = np.random.default_rng(8)
    walked = footage(rng, [[(2, 0, 8), (1, 3, 1)]], 15_000), footage(rng, [[(2, 0, 1)], [(1, 3, 1)]], 15_000)
    topology, rows = changes_of(np.concatenate(walked), tmp_path, "topology.change.evidence=8")
    assert [(row["kind"], row["camera_a"], row["camera_b"]) for row in rows] == [(VANISHED, "yard", "hall")]
    assert 1200 <= rows[0]["since_s"] < 1600 < rows[0]["time_s"] < 2500
    assert topology["changes"] == 1


def test_a_live_network_tells_of_transits_whenever_it_is_asked():
    rng = np.random.default_rng(8)
    walked = footage(rng, OPEN, 15_000), footage(rng, CLOSED, 15_000)
    spec = ChangeSpec(settle_s=400.0, period_s=30.0, evidence=8.0)
    network = NetworkSpec(NAMES, Grid(4, 3), Clock(10, 20))
    watch = TransitWatch(TransitSettings(), network, spec)
    tally = Tally(network, on_range=watch.add)
    links = mutual_links(join_directed([]), NAMES, 12)
    for entry in words_of(np.concatenate(walked), np.ones((30_000, 3), bool), Clock(10, 20)):
        watch.add(entry)
        if entry.index % 60 == 59:
            found = watch.learn(links, camera_edges(links), tally, last=True)
    (change,) = found.changes
    assert (change.kind, change.camera_a, change.camera_b) == (VANISHED, 0, 1)
    assert with_transits([], found) == [change]
    assert with_transits(None, found) is None


def test_a_network_that_lives_begins_anew_where_cameras_join(moved):
    settings = TopologyJob(output="out")
    settings.topology.least_links = 1
    for name, value in SETTINGS.items():
        setattr(settings.topology.change, name, value)
    clock = Clock(10, 20)
    watch = ChangeWatch(change_spec(settings), NetworkSpec(NAMES, Grid(4, 3), clock))
    told = []
    for entry in words_of(moved, np.ones((len(moved), 3), bool), clock):
        if entry.index >= 800:
            wider = np.zeros((4, 12), np.uint64), np.zeros(4, np.uint64)
            wider[0][:3], wider[1][:3] = entry.occupied, entry.available
            entry = OccupancyRange(entry.index, *wider)
        watch.add(entry)
        if entry.index % 100 == 0:
            told.append(len(watch.changes()))
    assert [change.kind for change in watch.changes()] == ["vanished", "appeared"]
    assert told[0] == 0
    assert told == sorted(told)


def test_a_setting_out_of_range_is_told(tmp_path, capfd):
    source = ["source=recording", "source.path=x.parquet"]
    assert main(["topology", "topology.change.evidence=0", *source, f"output={tmp_path}"]) == 2
    assert "topology.change.evidence" in capfd.readouterr().err
