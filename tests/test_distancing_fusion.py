"""sdist-ray distancing with cameras that share ground: one network of people."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from sdist_ray.jobs.fusing import PERSONS_SCHEMA
from sdist_ray.serve.distances import read_distances
from tests.distancing_runs import distance, read, street, write_clip

BOX = [[40, 60], [280, 60], [280, 220], [40, 220]]
PLAIN = ["drawing.video=false", "distancing.groups=false", "distancing.limit_m=5"]


def clips(tmp_path, names, calibrated, frames=90):
    """Streets with the same two people, and a cameras.yaml; ground points shift with the camera."""
    walkers = ((-0.3, 1.6), (6.1, -1.6))
    paths = [
        write_clip(tmp_path / f"{name}.mp4", [street(n, walkers) for n in range(frames)]) for name in names
    ]
    ground = [[0, 8], [6, 8], [6, 0], [0, 0]]
    cameras = [
        {"id": name, "calibration": {"kind": "homography", "image_size": [320, 240], "image_points": BOX,
                                     "ground_points": ground}}
        if name in calibrated else {"id": name}
        for name in names
    ]  # fmt: skip
    file = tmp_path / "cameras.yaml"
    file.write_text(yaml.safe_dump(cameras))
    return paths, file


@pytest.fixture(scope="module")
def fused(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fused")
    paths, cameras = clips(folder, ("left", "right"), ("left", "right"), 180)
    out = folder / "out"
    assert distance(out, *PLAIN, "distancing.mot=true", paths=paths, cameras=cameras) == 0
    return out


def test_people_are_counted_once(fused):
    summary, tables = read(fused)
    persons = pq.read_table(fused / "persons.parquet")
    assert persons.schema.equals(PERSONS_SCHEMA)
    assert summary["fusion"]["cameras"] == ["left", "right"]
    assert summary["fusion"]["pairs"] == 1
    assert summary["fusion"]["people"] == 2
    assert sum(entry["people"] for entry in summary["cameras"]) == 4
    assert set(persons["person"].to_pylist()) == {1, 2}
    seen = {tuple(cameras) for cameras in persons["cameras"].to_pylist()}
    assert ("left", "right") in seen
    people = tables["people"].to_pydict()
    by_tick = {}
    for camera, tick, person in zip(people["camera"], people["tick"], people["person"], strict=True):
        by_tick.setdefault(tick, {}).setdefault(camera, set()).add(person)
    both = [of for of in by_tick.values() if len(of) == 2]
    assert np.mean([of["left"] == of["right"] for of in both]) > 0.95


def test_a_violation_names_all_cameras_that_saw_it(fused):
    summary, tables = read(fused)
    rows = tables["violations"].to_pylist()
    assert len(rows) == summary["violations"]["count"] == 1
    assert rows[0]["cameras"] == ["left", "right"]
    assert (rows[0]["person_a"], rows[0]["person_b"]) == (1, 2)


def test_the_dashboard_shows_whom_a_violation_is_about(fused):
    found = read_distances(fused)
    [violation] = found.violations
    moment = found.at((violation["start_s"] + violation["end_s"]) / 2, None)
    assert {str(one["person"]) for one in moment["people"]} == {violation["person_a"], violation["person_b"]}
    assert all(set(one["cameras"]) & set(violation["cameras"]) for one in moment["people"])
    # Who has no number of the network yet is a person of one camera.
    assert 1.9 <= max(found.overview()["history"]["people"]) < 2.3


def test_the_page_and_the_files_for_others(fused):
    page = (fused / "report.html").read_text()
    assert "All cameras together" in page
    assert (fused / "network.png").stat().st_size > 1000
    listed = {entry["id"]: entry for entry in json.loads((fused / "overlaps.json").read_text())["cameras"]}
    assert [other["id"] for other in listed["left"]["overlap"]] == ["right"]
    assert listed["left"]["conflict"] == []
    rows = [line.split(",") for line in (fused / "mot" / "left.txt").read_text().splitlines()]
    assert {len(row) for row in rows} == {10}
    assert {row[1] for row in rows} == {"1", "2"}
    assert min(int(row[0]) for row in rows) >= 1
    assert not [path.name for path in fused.iterdir() if path.name.startswith(".")]


def test_fusion_can_be_left_out(tmp_path):
    paths, cameras = clips(tmp_path, ("left", "right"), ("left", "right"))
    assert distance(tmp_path / "out", *PLAIN, "distancing.fuse=false", paths=paths, cameras=cameras) == 0
    summary, tables = read(tmp_path / "out")
    assert summary["fusion"] is None
    assert sum(entry["people"] for entry in summary["cameras"]) == 4
    assert tables["people"]["person"].null_count == len(tables["people"])
    assert not (tmp_path / "out" / "persons.parquet").exists()


def test_fusion_that_cannot_be_had_is_said(tmp_path, capsys):
    paths, cameras = clips(tmp_path, ("left", "right"), ("left",))
    wanted = ["distancing.fuse=true", "distancing.method=auto"]
    assert distance(tmp_path / "out", *PLAIN, *wanted, paths=paths, cameras=cameras) == 2
    assert "two cameras that are calibrated" in capsys.readouterr().err


def test_a_topology_calibrates_who_has_no_calibration(tmp_path):
    """One calibrated camera and a learnt homography; the topology says who is linked."""
    paths, cameras = clips(tmp_path, ("left", "right"), ("left",))
    run = tmp_path / "topology"
    run.mkdir()
    edges = {"camera_a": ["left"], "camera_b": ["right"], "kind": ["overlap"],
             "homography": pa.array([np.eye(3).ravel().tolist()], pa.list_(pa.float64())),
             "homography_error": [0.01]}  # fmt: skip
    pq.write_table(pa.table(edges), run / "edges.parquet")
    arguments = [*PLAIN, f"distancing.topology={run}"]
    assert distance(tmp_path / "out", *arguments, paths=paths, cameras=cameras) == 0
    summary, _ = read(tmp_path / "out")
    assert {entry["method"] for entry in summary["cameras"]} == {"homography"}
    assert (summary["fusion"]["pairs"], summary["fusion"]["people"]) == (1, 2)
