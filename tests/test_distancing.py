"""sdist-ray distancing from end to end: what a run finds, draws and writes down."""

import csv
import json
import os

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from sdist_ray.video.files import VideoFile
from tests.conftest import data_folder
from tests.distancing_runs import TABLES, distance, frames_of, read, street, write_clip


def columns(table):
    return zip(table.column_names, table.columns, strict=True)


@pytest.fixture(scope="module")
def run(site, tmp_path_factory):
    """A run over the simulated site."""
    folder = tmp_path_factory.mktemp("distancing")
    assert distance(folder, cameras=site / "cameras.yaml") == 0
    return folder


def test_a_run_leaves_what_the_readme_says(run, site):
    summary, tables = read(run)
    ids = [entry["camera"] for entry in summary["cameras"]]
    assert len(ids) == 3
    assert {entry["unit"] for entry in summary["cameras"]} == {"m"}
    assert {entry["method"] for entry in summary["cameras"]} == {"pinhole"}
    people = {name: column.to_numpy(zero_copy_only=False) for name, column in columns(tables["people"])}
    assert set(people["camera"]) <= set(ids)
    assert (people["sigma_m"] > 0).all()
    for camera in ids:
        assert (np.diff(people["tick"][people["camera"] == camera]) >= 0).all()
    assert len(people["track"]) > 300
    for entry in summary["cameras"]:
        source = frames_of(site / "videos" / f"{entry['camera']}.mp4")
        drawn = frames_of(run / entry["video"])
        assert len(drawn) == len(source) == entry["frames"]
        assert drawn[0].shape[0] == source[0].shape[0]
        assert drawn[0].shape[1] > source[0].shape[1]
        assert (run / entry["picture"]).stat().st_size > 1000
        assert (run / entry["heat_map"]).stat().st_size > 1000
    assert "Annotated video" in (run / "report.html").read_text()
    assert not [path.name for path in run.iterdir() if path.name.startswith(".")]
    with (run / "violations.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["id"]) for row in rows] == tables["violations"]["id"].to_pylist()
    assert summary["violations"]["count"] == len(rows)


def test_people_are_where_the_simulation_put_them(run, site):
    """Simulated feet are known; a track's place is within half a metre of somebody's."""
    from sdist_ray.simulation.site import SiteSpec, make_site, walk

    spec = SiteSpec(**json.loads((site / "videos" / "site.json").read_text()))
    walked = walk(make_site(spec))
    table = pq.read_table(run / "people.parquet").to_pydict()
    errors = []
    for time_s, x, y, score in zip(
        table["time_s"], table["ground_x_m"], table["ground_y_m"], table["score"], strict=True
    ):
        if score is not None:
            places = walked.positions[round(time_s * spec.fps)]
            errors.append(np.nanmin(np.linalg.norm(places - [x, y], axis=1)))
    assert np.median(errors) < 0.3
    assert np.mean(np.array(errors) < 1.0) > 0.9


@pytest.mark.ray
def test_ray_gives_the_same_tables(run, site, tmp_path):
    assert distance(tmp_path, cameras=site / "cameras.yaml", runtime="ray") == 0
    for name in TABLES:
        assert pq.read_table(tmp_path / f"{name}.parquet").equals(pq.read_table(run / f"{name}.parquet"))
    assert json.loads((tmp_path / "summary.json").read_text())["runtime"]["name"] == "ray"


def test_people_who_come_too_close_are_a_violation(tmp_path):
    clip = write_clip(tmp_path / "street.mp4", [street(n) for n in range(220)])
    arguments = ["distancing.method=pixel", "distancing.limit_px=100", "drawing.panel=apart"]
    assert distance(tmp_path / "out", *arguments, paths=[clip]) == 0
    summary, tables = read(tmp_path / "out")
    (row,) = tables["violations"].to_pylist()
    assert row["least_distance_m"] is None
    assert 0 <= row["least_distance_px"] < row["mean_distance_px"] < 100
    assert row["cameras"] == ["street"]
    assert 1.0 <= row["end_s"] - row["start_s"] <= 6.0
    assert tables["people"]["ground_x_m"].null_count == len(tables["people"])
    (entry,) = summary["cameras"]
    assert (entry["unit"], entry["limit"]) == ("px", 100)
    assert len(frames_of(tmp_path / "out" / entry["panel"])) == 220
    assert frames_of(tmp_path / "out" / entry["video"])[0].shape == (240, 320, 3)


def test_nobody_in_any_frame_is_a_whole_video_and_empty_tables(tmp_path):
    clip = write_clip(tmp_path / "empty.mp4", [street(n, people=()) for n in range(50)])
    assert distance(tmp_path / "out", "distancing.method=perspective", paths=[clip]) == 0
    summary, tables = read(tmp_path / "out")
    assert all(len(table) == 0 for table in tables.values())
    assert len(frames_of(tmp_path / "out" / summary["cameras"][0]["video"])) == 50
    assert (tmp_path / "out" / "violations.csv").read_text().startswith("id,person_a")


def test_less_often_looked_at_every_frame_is_still_drawn(tmp_path):
    clip = write_clip(tmp_path / "street.mp4", [street(n) for n in range(180)], fps=30.0)
    assert distance(tmp_path / "out", "fps=10", "distancing.method=pixel", paths=[clip]) == 0
    summary, tables = read(tmp_path / "out")
    assert len(frames_of(tmp_path / "out" / summary["cameras"][0]["video"])) == 180
    assert 40 <= max(tables["people"]["tick"].to_pylist()) <= 60


def test_no_pictures_means_none(tmp_path):
    """Magenta, which no mark has, is in every frame of the source, and nowhere in what is written."""
    images = [street(n) for n in range(60)]
    for image in images:
        image[:, :80] = (255, 0, 255)
    clip = write_clip(tmp_path / "street.mp4", images)
    for name, arguments in (("with", []), ("without", ["drawing.pictures=false"])):
        assert distance(tmp_path / name, "distancing.method=pixel", *arguments, paths=[clip]) == 0
        summary, _ = read(tmp_path / name)
        drawn = frames_of(tmp_path / name / summary["cameras"][0]["video"])
        drawn.append(cv2.imread(str(tmp_path / name / summary["cameras"][0]["picture"])))
        magenta = [int(((f[..., 0] > 180) & (f[..., 1] < 90) & (f[..., 2] > 180))[30:].sum()) for f in drawn]
        assert (min(magenta) > 1000) == (name == "with")
        assert (max(magenta) == 0) == (name == "without")


def test_no_video_if_none_is_wanted(tmp_path):
    clip = write_clip(tmp_path / "street.mp4", [street(n) for n in range(40)])
    assert distance(tmp_path / "out", "distancing.method=pixel", "drawing.video=false", paths=[clip]) == 0
    summary, _ = read(tmp_path / "out")
    assert summary["cameras"][0]["video"] is None
    assert not (tmp_path / "out" / "annotated").exists()


def test_half_a_tick_is_a_tick(tmp_path):
    clip = write_clip(tmp_path / "street.mp4", [street(n) for n in range(80)])
    cameras = tmp_path / "cameras.yaml"
    cameras.write_text(yaml.safe_dump([{"id": "street", "start": 0.05}]))
    assert distance(tmp_path / "out", "distancing.method=pixel", cameras=cameras, paths=[clip]) == 0
    _, tables = read(tmp_path / "out")
    people = tables["people"].to_pydict()
    keys = list(zip(people["tick"], people["track"], strict=True))
    assert keys
    assert len(set(keys)) == len(keys)
    assert {tick % 2 for tick in people["tick"]} == {0, 1}


def test_looked_at_seldom_people_still_meet(tmp_path):
    still = [street(n, people=()) for n in range(40)]
    still += [street(n, people=((1.5, 0), (1.6, 0))) for n in range(20)]
    clip = write_clip(tmp_path / "slow.mp4", still, fps=1.0)
    arguments = ["distancing.method=pixel", "distancing.limit_px=100", "distancing.groups=false"]
    assert distance(tmp_path / "out", *arguments, paths=[clip]) == 0
    _, tables = read(tmp_path / "out")
    assert len(tables["violations"]) == 1


@pytest.mark.data
def test_a_neural_detector_says_where_it_ran(tmp_path):
    model = data_folder("models") / "yolox-nano" / "yolox_nano.onnx"
    video = VideoFile(data_folder("pets2009") / "View_001_vtest_480x360.mp4")
    clip = write_clip(
        tmp_path / "pets.mp4", [frame.image for frame, _ in zip(video, range(40), strict=False)]
    )
    arguments = ["distancing.method=perspective", "detector=yolo", f"detector.model={model}"]
    assert distance(tmp_path / "out", *arguments, "drawing.blur_faces=true", paths=[clip]) == 0
    summary, tables = read(tmp_path / "out")
    assert summary["detector"]["device"] == "cpu"
    assert summary["detector"]["model"] == "yolox_nano.onnx"
    per_frame = len(tables["people"]) / 40
    assert 3 < per_frame < 12
    assert os.environ.get("CUDA_VISIBLE_DEVICES") or summary["runtime"]["places"][0]["gpus"] == []
