"""sdist-ray distancing from end to end."""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
import ray
import yaml
from ray.cluster_utils import Cluster

from sdist_ray.cli import main
from sdist_ray.jobs.people import GROUPS_SCHEMA, VIOLATIONS_SCHEMA
from sdist_ray.runtime.watched import PEOPLE_SCHEMA
from sdist_ray.video.files import VideoFile
from sdist_ray.video.writer import VideoWriter
from tests.conftest import data_folder

TABLES = {"people": PEOPLE_SCHEMA, "violations": VIOLATIONS_SCHEMA, "groups": GROUPS_SCHEMA}


def distance(output, *arguments, cameras=None, paths=None, runtime="local"):
    """Run the command; its exit code."""
    words = ["distancing", "source=files", f"output={output}", f"runtime={runtime}", *arguments]
    words += [f"cameras={cameras}"] if cameras else []
    words += [f"source.paths=[{','.join(map(str, paths))}]"] if paths else []
    return main(words)


def read(folder):
    tables = {name: pq.read_table(folder / f"{name}.parquet") for name in TABLES}
    for name, schema in TABLES.items():
        assert tables[name].schema.equals(schema), name
    return json.loads((folder / "summary.json").read_text()), tables


def columns(table):
    return zip(table.column_names, table.columns, strict=True)


def frames_of(path):
    with VideoFile(path) as video:
        return [frame.image for frame in video]


def write_clip(path, images, fps=10.0):
    height, width = images[0].shape[:2]
    with VideoWriter(path, fps, (width, height)) as writer:
        for image in images:
            writer.write(image)
    return path


def street(frame, people=((-0.3, 1.6), (6.1, -1.6)), size=(320, 240)):
    """A grey street that bright people come into: sixths of its width at first, and pixels per frame."""
    rng = np.random.default_rng(frame)
    image = rng.integers(95, 105, (size[1], size[0], 3), dtype=np.uint8)
    for row, (start, speed) in enumerate(people):
        x = int(size[0] * start / 6 + speed * max(0, frame - 35))
        cv2.rectangle(image, (x, 50 + 80 * row), (x + 16, 110 + 80 * row), (230, 230, 230), -1)
    return image


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


def calibrated(tmp_path, **changes):
    calibration = {
        "kind": "homography", "image_size": [320, 240], "lengths_m": [6, 8],
        "image_points": [[20, 230], [300, 230], [230, 90], [90, 90]], **changes,
    }  # fmt: skip
    path = tmp_path / "cameras.yaml"
    path.write_text(yaml.safe_dump([{"id": "street", "calibration": calibration}]))
    return path


@pytest.mark.parametrize(
    ("changes", "arguments", "says"),
    [
        (None, [], "has no calibration"),
        (None, ["distancing.method=pinhole"], "has no pinhole calibration"),
        ({}, ["distancing.method=pinhole"], "has no pinhole calibration"),
        ({"image_size": [640, 480]}, [], "calibrated for images of 640x480"),
        ({"image_points": [[20, 230], [300, 230], [160, 230], [90, 90]]}, [], "one line"),
        ({}, ["distancing.limit_m=-1"], "distancing.limit_m"),
        ({}, ["distancing.method=magic"], "distancing.method"),
        ({}, ["detector=yolo"], "detector.model"),
        ({}, ["detector=yolo", "detector.model=gone.onnx"], "gone.onnx"),
        ({}, ["runtime.num_gpus=0.25"], "runtime=ray"),
        ({}, ["runtime=ray", "runtime.num_cpus=0.00001"], "runtime.num_cpus"),
        ({}, ["distancing.long_s=20", "distancing.serious_s=5"], "distancing.long_s"),
        ({}, ["fps=0.1"], "fps is 0.1"),
        ({}, ["source=site"], "source=files"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(tmp_path, capsys, changes, arguments, says):
    clip = write_clip(tmp_path / "street.mp4", [street(n) for n in range(5)])
    cameras = None if changes is None else calibrated(tmp_path, **changes)
    assert distance(tmp_path / "out", *arguments, cameras=cameras, paths=[clip]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("sdist-ray: error:")
    assert says in error
    assert not (tmp_path / "out" / "summary.json").exists()
    assert not list((tmp_path / "out").glob(".*")) if (tmp_path / "out").exists() else True


def test_one_bad_camera_does_not_stop_the_others(tmp_path, capsys):
    good = write_clip(tmp_path / "street.mp4", [street(n) for n in range(40)])
    uncalibrated = write_clip(tmp_path / "other.mp4", [street(n) for n in range(40)])
    whole = good.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    paths = [good, uncalibrated, tmp_path / "cut.mp4", tmp_path / "gone.mp4"]
    assert distance(tmp_path / "out", cameras=calibrated(tmp_path), paths=paths) == 0
    summary, tables = read(tmp_path / "out")
    status = {entry["camera"]: entry["status"] for entry in summary["cameras"]}
    assert status == {"street": "ok", "other": "failed", "cut": "failed", "gone": "failed"}
    assert set(tables["people"]["camera"].to_pylist()) <= {"street"}
    assert "camera other left out" in capsys.readouterr().err


def test_interrupted_it_keeps_what_it_has(tmp_path):
    clip = write_clip(tmp_path / "street.mp4", [street(n) for n in range(100)] * 40)
    words = [
        sys.executable, "-m", "sdist_ray", "distancing", "source=files", f"source.paths=[{clip}]",
        "distancing.method=pixel", "runtime=local", f"output={tmp_path / 'out'}",
    ]  # fmt: skip
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("out/.work-*/*/.partial-video.mp4")) and time.monotonic() < deadline:
        time.sleep(0.1)
    time.sleep(1.5)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130, errors
    assert "kept what" in errors
    summary, _ = read(tmp_path / "out")
    assert summary["interrupted"]
    (entry,) = summary["cameras"]
    assert 0 < len(frames_of(tmp_path / "out" / entry["video"])) <= entry["frames"] < 4000


def test_ids_that_look_alike_keep_their_own_files(tmp_path):
    """As names of files they are long, and begin alike; and one might be taken for the other's panel."""
    clips = [write_clip(tmp_path / f"{n}.mp4", [street(k) for k in range(40 + n)]) for n in range(4)]
    ids = ["入口カメラ一号機北側出入口前広場方面より東" * 2 + end for end in "甲乙"] + ["a", "a.above"]
    cameras = tmp_path / "cameras.yaml"
    cameras.write_text(yaml.safe_dump([{"id": i, "url": str(c)} for i, c in zip(ids, clips, strict=True)]))
    arguments = ["distancing.method=pixel", "drawing.panel=apart"]
    assert distance(tmp_path / "out", *arguments, cameras=cameras) == 0
    summary, _ = read(tmp_path / "out")
    lengths = {
        entry["camera"]: [len(frames_of(tmp_path / "out" / entry[kind])) for kind in ("video", "panel")]
        for entry in summary["cameras"]
    }
    assert lengths == {name: [40 + n] * 2 for n, name in enumerate(ids)}


def test_a_picture_smaller_than_its_panel_and_a_huge_lens_stop_nobody(tmp_path):
    good = write_clip(tmp_path / "street.mp4", [street(n) for n in range(40)])
    small = write_clip(tmp_path / "small.mp4", [street(n)[:40, :60].copy() for n in range(40)])
    assert distance(tmp_path / "out", "distancing.method=pixel", paths=[good, small]) == 0
    summary, _ = read(tmp_path / "out")
    assert [entry["status"] for entry in summary["cameras"]] == ["ok", "ok"]
    cameras = tmp_path / "cameras.yaml"
    calibration = {"kind": "perspective", "person_height_m": 1e200}
    cameras.write_text(yaml.safe_dump([{"id": "street", "calibration": calibration}]))
    assert distance(tmp_path / "two", cameras=cameras, paths=[good]) == 2


def test_an_earlier_runs_pictures_do_not_stay(tmp_path):
    clip = write_clip(tmp_path / "street.mp4", [street(n) for n in range(40)])
    out = tmp_path / "out"
    assert distance(out, "distancing.method=pixel", paths=[clip]) == 0
    assert (out / "annotated" / "street.mp4").exists()
    arguments = ["drawing.video=false", "drawing.pictures=false"]
    assert distance(out, "distancing.method=pixel", *arguments, paths=[clip]) == 0
    assert not list((out / "annotated").iterdir())


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


def test_more_cameras_than_may_be_open_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr("sdist_ray.runtime.watching.MOST_OPEN", 2)
    paths = four_streets(tmp_path)
    assert distance(tmp_path / "out", "distancing.method=pixel", paths=paths) == 0
    summary, _ = read(tmp_path / "out")
    assert [(entry["status"], entry["frames"]) for entry in summary["cameras"]] == [("ok", 45)] * 4


@pytest.fixture
def cluster(monkeypatch):
    """A Ray cluster of one node of four CPUs, which says that it has the given GPUs."""
    made = []

    def make(gpus):
        cluster = Cluster(
            initialize_head=True, head_node_args={"num_cpus": 4, "num_gpus": gpus, "include_dashboard": False}
        )
        made.append(cluster)
        monkeypatch.setenv("RAY_ADDRESS", cluster.address)
        return cluster

    yield make
    ray.shutdown()
    for each in made:
        each.shutdown()


def four_streets(tmp_path):
    images = [street(n) for n in range(45)]
    return [write_clip(tmp_path / f"street{number}.mp4", images) for number in range(4)]


@pytest.mark.ray
def test_four_cameras_share_a_gpu(tmp_path, cluster, capsys):
    cluster(1)
    arguments = ["distancing.method=pixel", "runtime.num_gpus=0.25", "runtime.num_cpus=0.5"]
    assert distance(tmp_path / "out", *arguments, paths=four_streets(tmp_path), runtime="ray") == 0
    summary, _ = read(tmp_path / "out")
    assert [place["gpus"] for place in summary["runtime"]["places"]] == [["0"]] * 4
    assert [entry["status"] for entry in summary["cameras"]] == ["ok"] * 4
    # Foreground detection runs on the CPU whatever is there, and the output says so.
    assert summary["detector"]["device"] == "cpu"
    (warning,) = summary["detector"]["warnings"]
    assert warning in capsys.readouterr().err


@pytest.mark.ray
def test_without_a_gpu_it_says_so_and_goes_on_only_if_told(tmp_path, cluster, capsys):
    cluster(0)
    arguments = ["distancing.method=pixel", "runtime.num_gpus=0.25"]
    paths = four_streets(tmp_path)
    assert distance(tmp_path / "out", *arguments, paths=paths, runtime="ray") == 2
    assert "no node of the Ray cluster has a GPU" in capsys.readouterr().err
    assert distance(tmp_path / "out", *arguments, "runtime.cpu_instead=true", paths=paths, runtime="ray") == 0
    assert "has a GPU" in capsys.readouterr().err
    summary, _ = read(tmp_path / "out")
    assert len(summary["runtime"]["places"]) == 4
    assert all(place["gpus"] == [] for place in summary["runtime"]["places"])


@pytest.mark.ray
def test_a_worker_that_dies_takes_only_its_cameras(tmp_path, cluster):
    cluster(0)
    images = [street(n) for n in range(100)]
    paths = [
        write_clip(tmp_path / "a.mp4", images * 30),
        write_clip(tmp_path / "b.mp4", images[:60]),
    ]
    killer = subprocess.Popen([sys.executable, "-c", KILLER])
    try:
        arguments = ["distancing.method=pixel", "runtime.workers=2"]
        assert distance(tmp_path / "out", *arguments, paths=paths, runtime="ray") == 0
    finally:
        killer.kill()
        killer.wait()
    summary, _ = read(tmp_path / "out")
    problems = {entry["camera"]: entry["problem"] for entry in summary["cameras"]}
    assert problems == {"a": "its worker died", "b": None}


KILLER = """
import glob, os, time
old = set(glob.glob("/tmp/sdist-ray-*/00000-a"))
while True:
    time.sleep(0.1)
    # The worker whose camera goes on for longest: its folder has the number of a, and grows last.
    for folder in set(glob.glob("/tmp/sdist-ray-*/00000-a")) - old:
        time.sleep(2)
        for pid in os.listdir("/proc"):
            try:
                name = open(f"/proc/{pid}/cmdline").read()
                files = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
            except OSError:
                continue
            if "ray::" in name and any(folder in file for file in files):
                os.kill(int(pid), 9)
                raise SystemExit
"""


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
