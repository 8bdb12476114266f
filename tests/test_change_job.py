"""Changes of a network's edges, from the command line to the file, and while it lives."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from sdist_ray.cli import main
from sdist_ray.jobs.changes import ChangeWatch
from sdist_ray.occupancy.block import Clock, OccupancyRange, Rows
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.recording import RecordingWriter
from sdist_ray.runtime.feeds import NetworkSpec
from sdist_ray.settings import TopologyJob
from tests.test_change import visits_of_a_move
from tests.test_transit import words_of

NAMES = ("gate", "hall", "yard")
SETTINGS = {"enabled": True, "recent_s": 300.0, "period_s": 30.0, "settle_s": 400.0}


@pytest.fixture(scope="module")
def moved():
    """The gate and the hall see one place; then the hall sees what the yard sees."""
    return visits_of_a_move()


def test_a_run_tells_what_has_changed(moved, tmp_path):
    path = tmp_path / "r.parquet"
    tick, camera = (axis.ravel() for axis in np.mgrid[: len(moved), :3])
    windows = np.nonzero(moved)[2].astype(np.uint16)
    nothing = np.empty(0, np.float32)
    ends = np.cumsum(moved.sum(axis=2).ravel())
    none = np.zeros(len(tick), np.int64)
    rows = Rows(camera.astype(np.int32), tick.astype(np.int64), windows, ends, nothing, nothing, none)
    with RecordingWriter(path, NAMES, Grid(4, 3), 10.0) as writer:
        writer.write(rows)
    changes = [f"topology.change.{name}={str(value).lower()}" for name, value in SETTINGS.items()]
    arguments = ["source=recording", f"source.path={path}", "runtime=local", "topology.least_links=1"]
    assert main(["topology", *arguments, *changes, f"output={tmp_path}/out"]) == 0
    rows = pq.read_table(tmp_path / "out" / "changes.parquet").to_pylist()
    assert [(row["kind"], row["camera_a"], row["camera_b"]) for row in rows] == [
        ("vanished", "gate", "hall"), ("appeared", "hall", "yard"),
    ]  # fmt: skip
    assert 900 <= rows[0]["since_s"] <= rows[0]["time_s"] < 1200
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["topology"]["changes"] == 2


def test_a_network_that_lives_begins_anew_where_cameras_join(moved):
    settings = TopologyJob(output="out")
    settings.topology.least_links = 1
    for name, value in SETTINGS.items():
        setattr(settings.topology.change, name, value)
    clock = Clock(10, 20)
    watch = ChangeWatch(settings, NetworkSpec(NAMES, Grid(4, 3), clock))
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
