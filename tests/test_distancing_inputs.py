"""sdist-ray distancing, where something is wrong, odd or too much, or it is interrupted."""

import signal
import subprocess
import sys

import pytest
import yaml

from tests.distancing_runs import distance, four_streets, frames_of, read, street, write_clip
from tests.live import until


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
    clip = write_clip(tmp_path / "street.mp4", [street(n) for n in range(100)] * 20)
    words = [
        sys.executable, "-m", "sdist_ray", "distancing", "source=files", f"source.paths=[{clip}]",
        "distancing.method=pixel", "runtime=local", f"output={tmp_path / 'out'}",
    ]  # fmt: skip
    process = subprocess.Popen(words, stderr=subprocess.PIPE, text=True)
    drawn = "out/.work-*/*/.partial-video.mp4"
    until(lambda: sum(path.stat().st_size for path in tmp_path.glob(drawn)) > 50_000)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 130, errors
    assert "kept what" in errors
    summary, _ = read(tmp_path / "out")
    assert summary["interrupted"]
    (entry,) = summary["cameras"]
    assert 0 < len(frames_of(tmp_path / "out" / entry["video"])) <= entry["frames"] < 2000


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


def test_more_cameras_than_may_be_open_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr("sdist_ray.runtime.watching.MOST_OPEN", 2)
    paths = four_streets(tmp_path)
    assert distance(tmp_path / "out", "distancing.method=pixel", paths=paths) == 0
    summary, _ = read(tmp_path / "out")
    assert [(entry["status"], entry["frames"]) for entry in summary["cameras"]] == [("ok", 45)] * 4
