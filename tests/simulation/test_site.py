"""A simulated site: cameras, people, and what an ideal detector reports."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from sdist_ray.errors import InputError
from sdist_ray.simulation.site import SiteSpec, in_reach, make_site, observe, walk

SMALL = SiteSpec(cameras=12, people=20, minutes=0.5)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("cameras", 0),
        ("people", -1),
        ("seed", -1),
        ("minutes", 0.0),
        ("minutes", math.nan),
        ("minutes", 1e9),
        ("fps", math.inf),
        ("width_m", 1.0),
        ("depth_m", math.nan),
        ("image_width", 321),
        ("image_height", 16),
        ("miss_probability", 1.5),
        ("foot_noise_px", -1.0),
    ],
)
def test_a_bad_number_is_named_in_one_line(field, value):
    with pytest.raises(InputError, match=rf"^site: {field} is .* must be [^\n]+$"):
        SiteSpec(**{field: value})


@pytest.mark.parametrize("cameras", [1, 2, 5, 12, 101])
def test_every_camera_looks_down_at_the_site_from_three_to_five_metres(cameras):
    site = make_site(SiteSpec(cameras=cameras))
    assert len(site.cameras) == len(set(site.camera_ids)) == cameras
    assert site.camera_ids == tuple(sorted(site.camera_ids))
    for camera in site.cameras:
        x, y, z = camera.position_m
        assert 0 <= x <= site.layout.width_m
        assert 0 <= y <= site.layout.depth_m
        assert 3 <= z <= 5.01
        corners = np.array([[0.0, 0.0], [320.0, 0.0], [0.0, 240.0], [320.0, 240.0]])
        reach = np.hypot(*(camera.to_ground(corners) - camera.position_m[:2]).T)
        assert (reach < 30).all()  # NaN above the horizon would fail


def test_camera_ids_have_enough_digits():
    assert make_site(SiteSpec(cameras=12)).camera_ids[::11] == ("cam00", "cam11")
    assert make_site(SiteSpec(cameras=101)).camera_ids[100] == "cam100"


def test_a_given_size_is_kept():
    site = make_site(SiteSpec(width_m=40.0, depth_m=30.0))
    assert (site.layout.width_m, site.layout.depth_m) == (40.0, 30.0)
    assert (site.layout.centres_m + site.layout.hall_size_m / 2 <= (40.0, 30.0)).all()


def test_people_stay_on_the_site_or_are_absent():
    for spec in (SMALL, SiteSpec(cameras=1, people=9, minutes=1, width_m=6.0, depth_m=6.0)):
        site = make_site(spec)
        way = walk(site).positions
        assert way.shape == (spec.ticks, spec.people, 2)
        assert way.dtype == np.float32
        present = np.isfinite(way).all(axis=2)
        assert (np.isnan(way).all(axis=2) == ~present).all()
        assert (way[present] >= 0).all()
        assert (way[present] <= (site.layout.width_m, site.layout.depth_m)).all()


def test_people_walk_at_walking_pace_pause_leave_and_come_back():
    spec = SiteSpec(people=60, minutes=3)
    people = walk(make_site(spec))
    speed = np.linalg.norm(np.diff(people.positions, axis=0), axis=2) * spec.fps
    speed = speed[np.isfinite(speed)]
    assert speed.max() < 4.0  # the outer one of a group hurries when it turns
    assert 1.1 < np.median(speed[speed > 0.6]) < 1.45
    assert 0.05 < (speed < 0.1).mean() < 0.6
    present = np.isfinite(people.positions[..., 0])
    assert 0.4 < present.mean() < 0.95
    comings = (~present[:-1] & present[1:]).sum()
    goings = (present[:-1] & ~present[1:]).sum()
    assert comings > 10
    assert goings > 10


def test_people_appear_and_vanish_at_doors():
    site = make_site(SiteSpec(people=60, minutes=3))
    people = walk(site)
    present = np.isfinite(people.positions[..., 0])
    tick, person = np.nonzero(~present[:-1] & present[1:])
    places = people.positions[tick + 1, person]
    to_door = np.linalg.norm(places[:, None] - site.layout.doors_m[None], axis=2).min(axis=1)
    assert to_door.max() < 3.0  # groups and smoothing spread them a little


def test_a_group_keeps_together_and_comes_and_goes_as_one():
    people = walk(make_site(SiteSpec(people=60, minutes=1)))
    sizes = np.bincount(people.group)
    assert set(sizes) <= {1, 2, 3, 4}
    assert (sizes > 1).sum() >= 5
    for group in np.flatnonzero(sizes > 1):
        members = people.positions[:, people.group == group]
        spread = np.linalg.norm(members - members[:, :1], axis=2)
        assert spread[np.isfinite(spread)].max(initial=0.0) < 3.2
        assert (np.isnan(spread).all(axis=1) == np.isnan(spread).any(axis=1)).all()


def test_a_seed_decides_everything():
    first, again, other = (walk(make_site(dataclasses.replace(SMALL, seed=s))) for s in (3, 3, 4))
    for field in dataclasses.fields(first):
        np.testing.assert_array_equal(getattr(first, field.name), getattr(again, field.name))
    assert not np.array_equal(first.positions, other.positions, equal_nan=True)
    one, two = make_site(SMALL), make_site(SMALL)
    for a, b in zip(one.cameras, two.cameras, strict=True):
        np.testing.assert_array_equal(a.rotation, b.rotation)
        np.testing.assert_array_equal(a.translation, b.translation)


def test_observations_do_not_depend_on_the_order_of_asking():
    site = make_site(SMALL)
    people = walk(site)
    forward = [observe(site, people, index) for index in range(12)]
    backward = [observe(site, people, index) for index in reversed(range(12))][::-1]
    for a, b in zip(forward, backward, strict=True):
        for field in dataclasses.fields(a):
            np.testing.assert_array_equal(getattr(a, field.name), getattr(b, field.name))
    assert sum(len(seen.tick) for seen in forward) > 100


def test_without_noise_and_misses_foot_points_are_the_positions_projected():
    site = make_site(dataclasses.replace(SMALL, miss_probability=0.0, foot_noise_px=0.0))
    people = walk(site)
    for index in (0, 3, 7):
        camera, expected = site.cameras[index], []
        for tick in range(people.ticks):
            x, y = (camera.to_image(people.positions[tick].astype(np.float64)) / (320, 240)).T
            expected += [
                (tick, person, x[person], y[person])
                for person in range(people.people)
                if 0 <= x[person] <= 1 and 0 <= y[person] <= 1
            ]
        seen = observe(site, people, index)
        rows = np.array(expected).reshape(-1, 4)
        np.testing.assert_array_equal(seen.tick, rows[:, 0])
        np.testing.assert_array_equal(seen.person, rows[:, 1])
        np.testing.assert_allclose(seen.foot_x, rows[:, 2], atol=1e-6)
        np.testing.assert_allclose(seen.foot_y, rows[:, 3], atol=1e-6)
        assert (seen.tick.dtype, seen.foot_x.dtype) == (np.int64, np.float32)


def test_misses_happen_as_often_as_asked_and_noise_is_as_large_as_asked():
    exact = make_site(dataclasses.replace(SMALL, people=60, miss_probability=0.0, foot_noise_px=0.0))
    spec = dataclasses.replace(exact.spec, miss_probability=0.3, foot_noise_px=1.0)
    rough = dataclasses.replace(exact, spec=spec)
    people = walk(exact)
    truth, seen = observe(exact, people, 0), observe(rough, people, 0)
    assert 0.6 < len(seen.tick) / len(truth.tick) < 0.8
    key = truth.tick * people.people + truth.person
    row = np.searchsorted(key, seen.tick * people.people + seen.person)
    row = np.minimum(row, len(key) - 1)
    both = key[row] == seen.tick * people.people + seen.person
    error = (seen.foot_x[both] - truth.foot_x[row[both]]) * 320
    assert 0.8 < error.std() < 1.2


def test_nobody_is_seen_where_nobody_is():
    site = make_site(SiteSpec(cameras=4, people=0, minutes=0.1))
    people = walk(site)
    assert people.positions.shape == (60, 0, 2)
    assert len(observe(site, people, 0).tick) == 0


def test_whoever_projects_into_the_image_is_in_reach():
    site = make_site(SMALL)
    rng = np.random.default_rng(0)
    places = (rng.random((20_000, 2)) * (site.layout.width_m, site.layout.depth_m)).astype("f4")
    for camera in site.cameras:
        x, y = (camera.to_image(places.astype(np.float64)) / (320, 240)).T
        inside = (x >= 0) & (x <= 1) & (y >= 0) & (y <= 1)
        reach = in_reach(camera, places)
        assert inside.any()
        assert reach[inside].all()
        assert not reach.all()
