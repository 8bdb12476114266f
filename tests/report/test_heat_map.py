"""Where people stood."""

import cv2
import numpy as np
import pytest

from sdist_ray.report.heat_map import HeatMap
from tests.report.scenes import scene

EXTENT = (-1.0, 0.0, 9.0, 5.0)


def standing(ground, time_s, near=()):
    return scene([(0, 0, 10, 20)] * len(ground), ground=ground, near=near, time_s=time_s)


def saturated(image):
    _, saturation, value = np.moveaxis(cv2.cvtColor(image, cv2.COLOR_BGR2HSV), 2, 0)
    return ((saturation > 90) & (value > 70)).sum()


def test_seconds_are_counted_where_people_stand():
    heat_map = HeatMap(EXTENT, 0.5)
    for tick in range(21):
        heat_map.add(standing([(0.1, 4.9), (3.3, 2.2)], 100 + tick / 10, near=[(0, 1)]))
    assert heat_map.people_s.shape == (10, 20)
    assert heat_map.people_s[9, 2] == pytest.approx(2.0)
    assert heat_map.people_s.sum() == pytest.approx(4.0)
    # Between them: x 1.7, y 3.55.
    assert heat_map.violations_s[7, 5] == pytest.approx(2.0)
    assert heat_map.violations_s.sum() == pytest.approx(2.0)


def test_a_gap_counts_for_a_second_and_a_step_back_for_nothing():
    heat_map = HeatMap(EXTENT, 1.0)
    for time_s in (0.0, 600.0, 5.0):
        heat_map.add(standing([(0.5, 0.5)], time_s))
    assert heat_map.people_s.sum() == pytest.approx(1.0)


def test_people_who_cannot_be_placed_are_left_out():
    heat_map = HeatMap(EXTENT, 1.0)
    for time_s in (0.0, 1.0):
        heat_map.add(standing([(np.nan, 1.0), (1e300, -1e300), (9.0, 5.0)], time_s, near=[(0, 1)]))
    assert heat_map.people_s.sum() == heat_map.violations_s.sum() == 0


def test_the_picture_shows_both_maps(tmp_path):
    heat_map = HeatMap(EXTENT, 0.5)
    for time_s in (0.0, 1.0):
        heat_map.add(standing([(0.1, 0.1), (3.3, 2.2)], time_s, near=[(0, 1)]))
    path = heat_map.write(tmp_path / "heat.png")
    assert [entry.name for entry in tmp_path.iterdir()] == ["heat.png"]
    image = cv2.imread(str(path))
    half = image.shape[1] // 2
    assert saturated(image[:, :half]) > 500
    assert saturated(image[:, half:]) > 500


@pytest.mark.parametrize("unit", ["m", "px"])
def test_an_empty_map_says_so_without_a_scale(unit):
    empty = HeatMap(EXTENT, 0.5, unit).picture()
    assert saturated(empty) < 20
    assert (empty < 150).all(axis=2).sum() > 300


@pytest.mark.parametrize("extent", [(0, 0, 1000, 0.5), (0, 0, 0.5, 1000), (1e6, 1e6, 1e6 + 3, 1e6 + 3)])
def test_any_extent_has_a_picture(extent):
    image = HeatMap(extent, 0.5).picture()
    assert max(image.shape) < 4000


@pytest.mark.parametrize(
    ("extent", "cell"),
    [((0, 0, 0, 1), 1), ((0, 0, 1, np.inf), 1), (EXTENT, 0), (EXTENT, 1e-4)],
)
def test_maps_that_cannot_be_are_refused(extent, cell):
    with pytest.raises(ValueError):
        HeatMap(extent, cell)
