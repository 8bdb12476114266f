"""The experiments' own tools, and each experiment on a little of its data."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.optimize import linear_sum_assignment

from experiments.data import View, scenescape
from experiments.detection_study import run as detection_study
from experiments.detection_study.spoil import PLAIN, Condition, salt_and_pepper, turned, turned_boxes
from experiments.distance_methods import run as distance_methods
from experiments.distance_methods.score import Pairs, kindest_threshold, violations
from experiments.matching import assign, new_matches, overlaps
from experiments.scenescape_tracks import run as scenescape_tracks
from experiments.scenescape_tracks.score import Seen, quality
from tests.conftest import data_folder


@settings(max_examples=60, deadline=None)
@given(arrays(bool, st.tuples(st.integers(0, 7), st.integers(0, 5))))
def test_matches_grow_as_the_optimal_assignment_does(allowed):
    grows = new_matches(allowed)
    for count in range(len(allowed) + 1):
        row, column = linear_sum_assignment(~allowed[:count])
        assert grows[:count].sum() == allowed[row, column].sum()


def test_more_pairs_are_better_than_cheaper_ones():
    row, column = assign(np.array([[0.1, 0.9], [0.2, 3.0]]), 1.0)
    assert sorted(zip(row.tolist(), column.tolist(), strict=True)) == [(0, 1), (1, 0)]
    assert len(assign(np.empty((0, 3)), 1.0)[0]) == 0


def test_turned_boxes_follow_what_they_hold():
    image = np.zeros((360, 480, 3), np.uint8)
    box = np.array([[220.0, 100, 30, 60]])
    image[100:160, 220:250] = 255
    for angle in (0, 45, 90, 180):
        ((left, top, width, height),), seen = turned_boxes(box, angle, 480, 360)
        assert seen.all()
        rows, columns = np.nonzero(turned(image, angle, 0)[..., 0] > 127)
        found = [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]
        np.testing.assert_allclose([left, top, width, height], found, atol=1.5)
        (oval,), _ = turned_boxes(box, angle, 480, 360, oval=True)
        assert oval[2] * oval[3] <= width * height + 1e-6
    assert not turned_boxes(np.array([[0.0, 100, 30, 60]]), 90, 480, 360)[1].any()


def test_noise_takes_the_share_that_is_asked_for():
    grey = np.full((200, 300, 3), 90, np.uint8)
    spoilt = salt_and_pepper(grey, 0.4, 7)
    for value in (0, 255):
        assert (spoilt == value).all(axis=2).mean() == pytest.approx(0.2, abs=0.01)
    assert (spoilt == salt_and_pepper(grey, 0.4, 7)).all()
    assert (spoilt != salt_and_pepper(grey, 0.4, 8)).any()


def test_no_threshold_is_kinder_than_the_kindest():
    rng = np.random.default_rng(2)
    true_m = rng.uniform(0, 6, 80)
    pairs = Pairs(np.where(rng.random(80) < 0.1, np.nan, true_m * 90 + rng.normal(0, 80, 80)), true_m, true_m)
    best = violations(pairs, 2.0, kindest_threshold(pairs, 2.0))["f1"]
    assert best == max(violations(pairs, 2.0, threshold)["f1"] for threshold in np.arange(-200.0, 900.0, 0.5))
    assert violations(pairs, 2.0, 1e9)["recall"] < 1, "who has no place is missed"


def test_who_is_there_but_not_annotated_is_not_wrong():
    view = View(0.0, np.array([[10.0, 10, 5, 9]]), np.array([[1.0, 1]]), np.array([0]),
                np.array([[1.0, 1], [5, 5]]))  # fmt: skip
    seen = Seen(np.array([[10.0, 10, 5, 9], [60, 60, 5, 9], [90, 90, 5, 9]]),
                np.array([[1.0, 1.1], [5, 5.2], [9, 9]]))  # fmt: skip
    found = quality({0: seen}, [view], range(1))
    assert found.figures["ground"]["precision"] == pytest.approx(2 / 3)
    assert found.figures["ground"]["found"] == found.figures["box"]["found"] == 1
    assert found.figures["box"]["precision"] == pytest.approx(1 / 3)
    assert found.outside == 1
    assert overlaps(seen.boxes, view.boxes)[:, 0].tolist() == [1, 0, 0]


@pytest.mark.data
def test_every_scenescape_box_is_somebodys():
    for name in ("Cam_x1_0", "Cam_x2_0"):
        site = scenescape(data_folder("scenescape"), name)
        assert len(site.views) == 800
        assert all((view.people >= 0).all() for view in site.views)
        np.testing.assert_allclose(site.camera.to_image(site.ground_points), site.image_points, atol=5)


@pytest.mark.data
def test_detection_study_on_two_frames(tmp_path):
    data_folder("models")
    data = data_folder("pets2009").parent
    conditions = [PLAIN, Condition("noise", 0.4), Condition("rotation", 20), Condition("resolution", 0.5),
                  Condition("blur", 2)]  # fmt: skip
    result = detection_study.run(data, tmp_path, 400, conditions)
    assert result["frames"] == 2
    for of in result["models"].values():
        precision, recall, _ = detection_study.at_level(of["conditions"]["none 0"], 0.3)
        assert precision >= 0.6
        assert recall >= 0.6
        assert of["all_boxes"]["none 0, NMS 1"]["detections"][0] == 1000
    assert len(detection_study.table(result["models"]).splitlines()) == 2 + len(conditions)
    assert {path.name for path in tmp_path.iterdir()} == {
        "detection.json", "confidence.png", "nms.png", "spoilt.png", "noise.png",
    }  # fmt: skip


@pytest.mark.data
def test_distance_methods_on_some_instants(tmp_path):
    data_folder("scenescape")
    result = distance_methods.run(data_folder("wildtrack").parent, tmp_path, 40)
    wildtrack = result["WILDTRACK"]
    for camera in wildtrack["pinhole"]["cameras"].values():
        assert camera["median_m"] <= 0.05
        assert camera["violations"]["2"]["f1"] >= 0.97
    f1 = {name: of["all"]["violations"]["2"]["f1"] for name, of in wildtrack.items()}
    assert f1["pixel"] < f1["perspective"] < f1["homography"] <= f1["pinhole"]
    assert wildtrack["homography"]["all"]["median_m"] < wildtrack["homography, no lean"]["all"]["median_m"]
    scene = result["scenescape"]["homography"]["cameras"]
    assert scene["Cam_x1_0"]["median_m"] <= 0.15
    assert scene["Cam_x2_0"]["median_m"] <= 0.30
    assert "| `pixel`, 400 px of 720 |" in distance_methods.table(result)
    json.loads((tmp_path / "distances.json").read_text())
    assert (tmp_path / "violations.png").stat().st_size > 10_000


@pytest.mark.data
def test_scenescape_tracks_on_six_seconds(tmp_path):
    data_folder("models")
    result = scenescape_tracks.run(data_folder("scenescape").parent, tmp_path, 6)
    for camera, (most_m, least_found) in scenescape_tracks.BARS.items():
        ground = result[camera]["foreground, tracks"].figures["ground"]
        assert ground["precision"] >= 0.8
        assert ground["found"] >= least_found
        assert ground["median_m"] <= most_m
    assert len(scenescape_tracks.table(result).splitlines()) == 10
    assert (tmp_path / "tracks.png").stat().st_size > 10_000
