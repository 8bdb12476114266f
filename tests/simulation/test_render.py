"""A simulated camera's video."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest

from sdist_ray.errors import InputError
from sdist_ray.simulation.render import render_camera, render_frames
from sdist_ray.simulation.site import SiteSpec, Walk, make_site, walk

SPEC = SiteSpec(cameras=3, people=12, minutes=0.05, image_width=160, image_height=120, miss_probability=0.0)


@pytest.fixture(scope="module")
def site():
    return make_site(SPEC)


@pytest.fixture(scope="module")
def people(site):
    return walk(site)


def standing(place, ticks=3, height_m=1.75):
    """One person who stands at a place, and is gone at the last tick."""
    positions = np.tile(np.asarray(place, np.float32), (ticks, 1, 1))
    positions[-1] = np.nan
    return Walk(positions, np.full(1, height_m, np.float32), np.zeros(1, np.int64), np.full(1, 5))


def nobody(ticks=3):
    return standing((np.nan, np.nan), ticks)


def difference(site, walk, tick=0):
    """Pixels that a walk changes: one camera's noise and light are the same with nobody there."""
    with_people = list(render_frames(site, walk, 0))[tick].astype(int)
    empty = list(render_frames(site, nobody(walk.ticks), 0))[tick].astype(int)
    return np.abs(with_people - empty).max(axis=2) > 8


def test_frames_are_images_of_the_sites_size_one_per_tick(site, people):
    frames = list(render_frames(site, people, 0))
    assert len(frames) == SPEC.ticks
    assert all(f.shape == (120, 160, 3) and f.dtype == np.uint8 for f in frames)
    assert len({id(f) for f in frames}) == SPEC.ticks
    assert 40 < np.mean(frames) < 200


def test_a_seed_decides_every_pixel_whatever_was_rendered_before(site, people):
    first = list(render_frames(site, people, 1))
    list(render_frames(site, people, 0))
    np.testing.assert_array_equal(first, list(render_frames(site, people, 1)))
    other = make_site(dataclasses.replace(SPEC, seed=1))
    assert not np.array_equal(first, list(render_frames(other, walk(other), 1)))


def test_a_figure_stands_where_its_feet_project_and_is_as_tall_as_it_should_be(site):
    camera = site.cameras[0]
    place = camera.to_ground(np.array([[80.0, 80.0]]))[0]
    changed = difference(site, standing(place))
    rows, columns = np.nonzero(changed)
    crown = camera.project(np.array([[*place, 1.75]]))[0]
    assert abs(rows.min() - crown[1]) < 4
    # Shoes and the shadow reach a little below: by less than a fifth of the figure.
    assert abs(rows.max() - 80.0) < (80.0 - crown[1]) / 5 + 1
    assert abs(np.median(columns) - (80.0 + crown[0]) / 2) < 4


def test_where_somebody_was_the_scene_is_whole_again(site):
    place = site.cameras[0].to_ground(np.array([[70.0, 60.0]]))[0]
    assert difference(site, standing(place), tick=0).any()
    assert not difference(site, standing(place), tick=2).any()


def test_a_crowd_leaves_no_trace_either(site):
    spec = dataclasses.replace(SPEC, people=40, minutes=0.02)
    crowd = walk(make_site(spec))
    crowd.positions[-1] = np.nan
    assert difference(site, crowd, tick=0).any()
    assert not difference(site, crowd, tick=-1).any()


def test_the_nearer_one_is_drawn_over_the_farther_one(site):
    near = site.cameras[0].to_ground(np.array([[80.0, 90.0]]))[0]
    behind = site.cameras[0].to_ground(np.array([[80.0, 84.0]]))[0]
    looks = np.array([5, 6])

    def first_frame(order):
        positions = np.stack([near, behind])[order].astype(np.float32)[None]
        crowd = Walk(positions, np.full(2, 1.75, np.float32), np.arange(2), looks[order])
        return next(iter(render_frames(site, crowd, 0)))

    np.testing.assert_array_equal(first_frame([0, 1]), first_frame([1, 0]))


def test_noise_changes_from_frame_to_frame_by_a_few_levels(site):
    a, b = list(render_frames(site, nobody(2), 0))
    step = a.astype(int) - b.astype(int)
    assert 2 < step.std() < 7
    assert abs(step.mean()) < 0.5


def test_a_video_holds_every_frame_and_nothing_is_left_aside(site, people, tmp_path):
    path, written = tmp_path / "cam00.mp4", []
    render_camera(site, people, 0, path, written.append)
    assert written == list(range(1, SPEC.ticks + 1))
    assert [entry.name for entry in tmp_path.iterdir()] == ["cam00.mp4"]
    capture = cv2.VideoCapture(str(path))
    assert capture.get(cv2.CAP_PROP_FPS) == pytest.approx(SPEC.fps)
    frames = []
    while True:
        more, frame = capture.read()
        if not more:
            break
        frames.append(frame)
    capture.release()
    assert len(frames) == SPEC.ticks
    true = list(render_frames(site, people, 0))
    assert np.abs(np.array(frames).astype(int) - np.array(true)).mean() < 8


def test_the_same_seed_writes_the_same_video(site, people, tmp_path):
    for name in ("a.mp4", "b.mp4"):
        render_camera(site, people, 2, tmp_path / name)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_a_render_that_stops_leaves_no_file(site, people, tmp_path):
    def stop(number):
        if number == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render_camera(site, people, 0, tmp_path / "cam00.mp4", stop)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["missing/cam00.mp4", "cam00.avi"])
def test_a_file_that_cannot_be_written_is_named(site, people, tmp_path, name):
    with pytest.raises(InputError, match="cam00"):
        render_camera(site, people, 0, tmp_path / name)
