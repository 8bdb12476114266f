"""Transits of a recording, from the command line to the files."""

import json

import networkx as nx
import numpy as np
import pyarrow.parquet as pq
import pytest

from sdist_ray.cli import main
from sdist_ray.jobs.transits import wanted
from sdist_ray.occupancy.block import Rows
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.recording import RecordingWriter
from sdist_ray.settings_transit import TransitSettings
from tests.test_transit import walkers

NAMES = ("gate", "hall", "yard")


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    """People walk from the yard past the gate into the hall, 12 s and 5 s; nobody walks back."""
    path = tmp_path_factory.mktemp("recording") / "r.parquet"
    seen = walkers(np.random.default_rng(5), [[(2, 4, 12), (0, 2, 5), (1, 9, 1)]], 6_000, alone=20.0)
    tick, camera = (axis.ravel() for axis in np.mgrid[: len(seen), :3])
    _, _, windows = np.nonzero(seen)
    ends = np.cumsum(seen.sum(axis=2).ravel())
    nothing = np.empty(0, np.float32)
    rows = Rows(
        camera.astype(np.int32), tick.astype(np.int64), windows.astype(np.uint16), ends, nothing, nothing,
        np.zeros(len(tick), np.int64),
    )  # fmt: skip
    with RecordingWriter(path, NAMES, Grid(4, 3), 10.0) as writer:
        writer.write(rows)
    return path


def run(recording, output, *more):
    arguments = ["source=recording", f"source.path={recording}", "runtime=local", f"output={output}"]
    assert main(["topology", *arguments, *more]) == 0
    return json.loads((output / "summary.json").read_text())


def test_a_run_tells_who_walks_where(recording, tmp_path):
    summary = run(recording, tmp_path)
    assert summary["topology"]["transits"] == 2
    directed = pq.read_table(tmp_path / "transits.parquet").to_pylist()
    assert [(row["camera_from"], row["camera_to"]) for row in directed] == [
        ("gate", "hall"),
        ("yard", "gate"),
    ]
    assert [row["mean_s"] for row in directed] == pytest.approx([5, 12], rel=0.1)
    assert sum(directed[0]["histogram"]) == pytest.approx(directed[0]["transits"], rel=1e-3)
    edges = [row for row in pq.read_table(tmp_path / "edges.parquet").to_pylist() if row["kind"] == "transit"]
    assert [(row["camera_a"], row["camera_b"], row["links"]) for row in edges] == [
        ("gate", "hall", 0), ("gate", "yard", 0),
    ]  # fmt: skip
    assert edges[0]["probability_ab"] > 0.5
    assert edges[0]["probability_ba"] == 0
    assert edges[1]["probability_ab"] == 0
    assert edges[1]["probability_ba"] > 0.5
    assert edges[1]["transit_p10_s"] < edges[1]["transit_mean_s"] < edges[1]["transit_p90_s"]
    graph = nx.read_graphml(tmp_path / "topology.graphml")
    assert graph.edges["gate", "hall"]["kind"] == "transit"
    edge = graph.edges["yard", "gate"]
    assert (edge["camera_a"], edge["camera_b"]) == ("gate", "yard")
    assert edge["probability_ba"] > 0.5 > edge["probability_ab"]
    assert edge["transit_p10_s"] < edge["transit_mean_s"] < edge["transit_p90_s"]
    assert "transit" in (tmp_path / "report.html").read_text()


def test_transits_need_not_be_looked_for(recording, tmp_path):
    assert run(recording, tmp_path, "topology.transit.enabled=false")["topology"]["transits"] is None
    assert not (tmp_path / "transits.parquet").exists()
    most = TransitSettings().most_cameras
    assert wanted(TransitSettings(), most)
    assert not wanted(TransitSettings(), most + 1)


def test_a_setting_out_of_range_is_told(recording, tmp_path, capfd):
    arguments = ["source=recording", f"source.path={recording}", f"output={tmp_path}"]
    assert main(["topology", *arguments, "topology.transit.false_share=1"]) == 2
    assert "topology.transit.false_share" in capfd.readouterr().err


def test_a_simulated_site_has_true_transits(tmp_path):
    site = ["site.cameras=6", "site.people=4", "site.minutes=1", "site.width_m=80", "site.depth_m=60"]
    assert main(["simulate", *site, "video=false", "runtime=local", f"output={tmp_path}"]) == 0
    table = pq.read_table(tmp_path / "truth_transits.parquet")
    assert table.column_names == ["camera_from", "camera_to", "people", "parties", "mean_s", "p10_s", "p90_s"]
    assert table.num_rows
