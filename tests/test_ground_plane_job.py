"""sdist-ray topology with topology.ground_plane.enabled=true, here and on Ray."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from sdist_ray.cli import main
from sdist_ray.occupancy.block import Rows
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.recording import RecordingWriter, open_recording

pytestmark = pytest.mark.ray


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A simulated site of four cameras: its folder."""
    folder = tmp_path_factory.mktemp("recorded")
    what = ["site.cameras=4", "site.people=10", "site.minutes=2", "video=false", "runtime=local"]
    assert main(["simulate", *what, f"output={folder}"]) == 0
    return folder


def topology(recording, output, *arguments):
    assert main([
        "topology", "source=recording", f"source.path={recording}", "topology.ground_plane.enabled=true",
        f"output={output}", *arguments,
    ]) == 0  # fmt: skip
    return output


@pytest.fixture(scope="module")
def run(recorded, tmp_path_factory):
    return topology(recorded / "occupancy.parquet", tmp_path_factory.mktemp("run"), "runtime=local")


def test_edges_are_those_that_geometry_accepts(recorded, run):
    edges = pq.read_table(run / "edges.parquet").to_pylist()
    shared = {
        (row["camera_a"], row["camera_b"]): row["shared_m2"]
        for row in pq.read_table(recorded / "truth_edges.parquet").to_pylist()
    }
    assert len(edges) >= 3
    for edge in edges:
        assert shared.get((edge["camera_a"], edge["camera_b"]), 0) > 0
        assert edge["kind"] == "overlap"
        assert len(edge["homography"]) == 9
        assert 0 <= edge["homography_error"] < 0.05
        assert abs(edge["clock_offset_s"]) < 0.2
    summary = json.loads((run / "summary.json").read_text())
    assert summary["ground_plane"]["pairs_placed"] == len(edges) == summary["topology"]["edges"]


def test_links_are_those_that_geometry_does_not_contradict(recorded, run):
    def pairs(path):
        table = pq.read_table(path)
        names = ("camera_a", "window_a", "camera_b", "window_b")
        return set(zip(*(table[name].to_pylist() for name in names), strict=True))

    implied, counted = pairs(run / "ground_links.parquet"), pairs(run / "links.parquet")
    true = pairs(recorded / "truth_links.parquet")
    assert counted <= implied
    assert len(implied & true) > 0.8 * len(implied)


def test_evaluate_tells_what_geometry_is_worth(recorded, run, tmp_path):
    truth = f"truth={recorded}/truth_links.parquet"
    assert main(["evaluate", f"run={run}", truth, f"output={tmp_path}"]) == 0
    result = json.loads((tmp_path / "evaluation.json").read_text())
    quality = result["ground_plane"]
    assert quality["cameras"] == result["cameras"]
    assert quality["share_any_ground"] == 1
    assert quality["windows"]["precision"] > 0.8
    assert quality["windows"]["recall"] > result["windows"]["recall"]
    assert 0.8 < quality["ranked_windows"]["average_precision"] <= 1


def test_it_is_the_same_on_ray(recorded, run, tmp_path):
    on_ray = topology(recorded / "occupancy.parquet", tmp_path, "runtime=ray", "runtime.shards=2")
    for name in ("edges.parquet", "links.parquet", "ground_links.parquet"):
        assert (on_ray / name).read_bytes() == (run / name).read_bytes()


def test_without_foot_points_edges_are_those_of_the_counts(recorded, tmp_path, capsys):
    source = open_recording(recorded / "occupancy.parquet")
    path = tmp_path / "windows.parquet"
    with RecordingWriter(path, source.cameras, Grid(), source.fps) as writer:
        for rows in source.batches():
            nothing = np.zeros(len(rows.tick), np.int64)
            empty = np.empty(0, np.float32)
            writer.write(Rows(rows.camera, rows.tick, rows.windows, rows.window_ends, empty, empty, nothing))
    bare = pq.read_table(path).drop_columns(["foot_x", "foot_y"])
    pq.write_table(bare, path)
    folder = topology(path, tmp_path / "run", "runtime=local")
    assert "no foot points" in capsys.readouterr().err
    assert set(pq.read_table(folder / "edges.parquet")["homography"].to_pylist()) <= {None}
    assert json.loads((folder / "summary.json").read_text())["ground_plane"] is None


@pytest.mark.parametrize("wrong", ["partners=0", "rate=1", "rate=0", "minutes=0", "seed=-1", "clock_s=11"])
def test_settings_out_of_range_are_refused(recorded, tmp_path, capsys, wrong):
    arguments = ["source=recording", f"source.path={recorded}/occupancy.parquet", f"output={tmp_path}"]
    assert main(["topology", *arguments, f"topology.ground_plane.{wrong}"]) == 2
    assert "topology.ground_plane." in capsys.readouterr().err
