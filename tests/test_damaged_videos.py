"""Uneven frame rates and garbage: a complete annotated video of what can be decoded, and whole tables."""

import json
import os
import time

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from sdist_ray import cli
from sdist_ray.video.files import VideoFile
from tests.damaged_videos import append_garbage, end_in_garbage, make_uneven, write_walkers

FRAMES, FPS = 40, 10.0


def count_frames(path):
    with VideoFile(path) as source:
        return len(list(source))


def distancing(output, *paths):
    named = ",".join(str(path) for path in paths)
    settings = ["distancing.method=perspective", "runtime=local", "detector.warmup_s=0.5", f"output={output}"]
    return cli.main(["distancing", "source=files", f"source.paths=[{named}]", *settings])


def test_times_of_an_uneven_video_are_its_own(tmp_path):
    with VideoFile(make_uneven(write_walkers(tmp_path / "uneven.mp4"))) as source:
        steps = np.diff([frame.time_s for frame in source])
    np.testing.assert_allclose(steps, [0.05] * 20 + [0.15] * 19, atol=1e-3)


def test_damaged_videos_are_annotated_as_far_as_they_go(tmp_path):
    whole = write_walkers(tmp_path / "whole.mp4")
    uneven = make_uneven(write_walkers(tmp_path / "uneven.mp4"))
    more = append_garbage(write_walkers(tmp_path / "more.mp4"))
    noise = end_in_garbage(write_walkers(tmp_path / "noise.avi", codec="MJPG"))
    bent = end_in_garbage(write_walkers(tmp_path / "bent.avi", codec="XVID"))
    cut = write_walkers(tmp_path / "cut.avi", codec="MJPG")
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size // 2])
    paths = (whole, uneven, more, noise, bent, cut)
    output = tmp_path / "run"
    assert distancing(output, *paths) == 0
    frames = {path.stem: count_frames(path) for path in paths}
    assert frames["whole"] == frames["uneven"] == frames["more"] == FRAMES
    assert all(10 < frames[name] < FRAMES for name in ("noise", "bent", "cut"))
    for name, count in frames.items():
        drawn = cv2.VideoCapture(str(output / "annotated" / f"{name}.mp4"))
        seen = 0
        while drawn.read()[0]:
            seen += 1
        assert seen == count, name
    people = pq.read_table(output / "people.parquet")
    assert set(people["camera"].unique().to_pylist()) == set(frames)
    assert {"camera", "tick", "time_s", "track", "ground_x_m", "ground_y_m"} <= set(people.column_names)
    for table in ("violations", "groups"):
        assert pq.read_schema(output / f"{table}.parquet").names
    # Times are the video's own, ticks not fewer for it.
    late = people.filter(np.array(people["camera"].to_pylist()) == "uneven")["time_s"].to_numpy()
    assert late.max() == pytest.approx(0.05 * 20 + 0.15 * 19, abs=0.01)
    summary = json.dumps(json.loads((output / "summary.json").read_text()))
    assert "truncated or damaged" in summary


def test_a_photo_is_one_picture_with_its_people_table(tmp_path):
    with VideoFile(write_walkers(tmp_path / "v.mp4", count=2)) as source:
        cv2.imwrite(str(tmp_path / "photo.jpg"), next(iter(source)).image)
    assert distancing(tmp_path / "run", tmp_path / "photo.jpg") == 0
    assert (tmp_path / "run" / "pictures" / "photo.png").is_file()
    assert not (tmp_path / "run" / "annotated" / "photo.mp4").exists()
    assert "track" in pq.read_schema(tmp_path / "run" / "people.parquet").names


def test_topology_and_record_take_photos_too(tmp_path, capsys):
    for name in "ab":
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.full((48, 64, 3), 90, np.uint8))
    sources = ["source=files", f"source.paths=[{tmp_path}/*.png]", "runtime=local"]
    for command in ("topology", "record"):
        assert cli.main([command, *sources, f"output={tmp_path / command}"]) == 0, capsys.readouterr().err


class Plugged:
    """A webcam that is unplugged after a while."""

    def __init__(self, path):
        self.video = cv2.VideoCapture(str(path))

    def read(self):
        time.sleep(0.04)
        return self.video.read()

    def __getattr__(self, name):
        return getattr(self.video, name)


@pytest.mark.parametrize("command", ["topology", "record", "distancing"])
def test_a_webcam_is_watched_until_it_ends(tmp_path, monkeypatch, command):
    video = write_walkers(tmp_path / "walk.mp4")
    monkeypatch.setattr("sdist_ray.video.live._open", lambda url: Plugged(video))
    settings = ["source=files", "source.paths=[webcam:0]", "runtime=local", f"output={tmp_path}/run"]
    if command == "distancing":
        settings.append("distancing.method=perspective")
    started = time.time()
    assert cli.main([command, *settings, "detector.warmup_s=0.5"]) == 0
    assert "unplugged" in (tmp_path / "run" / "summary.json").read_text()
    if command != "distancing":
        recording = pq.read_table(tmp_path / "run" / "occupancy.parquet")
        assert set(recording["camera"].to_pylist()) == {"webcam0"}
        assert min(recording["tick"].to_pylist()) >= 10 * started - 1


@pytest.mark.parametrize("command", ["topology", "record", "distancing"])
def test_a_missing_webcam_is_reported_and_ends_a_run_without_other_cameras(tmp_path, capsys, command):
    settings = ["source=files", "source.paths=[webcam:987]", "runtime=local", f"output={tmp_path}/run"]
    if command == "distancing":
        settings.append("distancing.method=perspective")
    assert cli.main([command, *settings]) == 2
    assert "there is no such webcam" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["pipe.mp4", "pipe.jpg"])
def test_a_pipe_that_nobody_writes_to_stops_no_other_camera(site, tmp_path, name):
    os.mkfifo(tmp_path / name)
    good = sorted((site / "videos").glob("*.mp4"))[0]
    paths = f"source.paths=[{tmp_path / name},{good}]"
    assert cli.main(["record", paths, "runtime=local", f"output={tmp_path / 'out'}"]) == 0
    cameras = json.loads((tmp_path / "out/summary.json").read_text())["cameras"]
    assert {camera["id"]: camera["status"] for camera in cameras} == {"pipe": "failed", good.stem: "ok"}


@pytest.mark.parametrize(
    "settings", [["source=recording", "source.path=PIPE"], ["source=files", "cameras=PIPE"]]
)
def test_a_pipe_is_neither_a_recording_nor_a_description(tmp_path, capsys, settings):
    os.mkfifo(tmp_path / "pipe")
    settings = [word.replace("PIPE", str(tmp_path / "pipe")) for word in settings]
    assert cli.main(["topology", *settings, "runtime=local", f"output={tmp_path / 'out'}"]) == 2
    assert "a pipe or a device, not a file" in capsys.readouterr().err
