"""The ground from above."""

import numpy as np
import pytest

from sdist_ray.report.marks import OFFENDER, SAFE, bgr
from sdist_ray.report.top_down import TopDown, beside
from tests.report.scenes import STRANGE, TWO, grey, scene

EXTENT = (0.0, 0.0, 10.0, 8.0)


def panel(**more):
    return TopDown(EXTENT, 400, 2.0, more.pop("unit", "m"), **more)


def people(ground, **more):
    ground = np.asarray(ground, np.float64).reshape(-1, 2)
    return scene([(0, 0, 10, 20)] * len(ground), ground=ground, **more)


def coloured(image, colour):
    """Rows and columns that have a colour, exactly."""
    return np.argwhere((image == bgr(colour)).all(axis=2))


def test_a_person_is_where_they_stand_metres_up_pixels_down():
    for unit, row in (("m", 300), ("px", 100)):
        drawn = panel(unit=unit).draw(people([(5.0, 2.0)], sigma=0.0))
        assert drawn.shape == (400, 500, 3)
        np.testing.assert_allclose(coloured(drawn, SAFE).mean(axis=0), [row, 250], atol=1.5)


def test_discs_touch_when_people_are_at_the_limit():
    def overlap(apart):
        base = panel().draw(people([]))
        both = people([(4.0, 4.0), (4.0 + apart, 4.0)], sigma=0.0)
        alone = [panel().draw(people([g], sigma=0.0)) != base for g in both.people.ground]
        return int((alone[0] & alone[1]).any(axis=2)[190:210].sum())

    assert overlap(2.4) == 0
    assert overlap(1.6) > 20


def test_offenders_have_another_colour_and_shape():
    ground = [(3.0, 4.0), (4.0, 4.0)]
    safe, offending = panel().draw(people(ground)), panel().draw(people(ground, near=[(0, 1)]))
    assert len(coloured(safe, OFFENDER)) == len(coloured(offending, SAFE)) == 0
    assert len(coloured(offending, OFFENDER)) > 30
    empty = grey(panel().draw(people([])))
    here = np.s_[193:208, 143:158]
    marks = [np.abs(grey(image) - empty)[here] > 60 for image in (safe, offending)]
    assert (marks[0] ^ marks[1]).sum() > 20


def test_trails_fade_and_end():
    top_down = panel()
    for tick in range(30):
        moving = top_down.draw(people([(1.0 + 0.2 * tick, 4.0)], time_s=tick / 10))
    still = panel().draw(people([(1.0 + 0.2 * 29, 4.0)], time_s=2.9))
    row = np.abs(grey(moving) - grey(still))[196:205].max(axis=0)
    assert row[270] > row[100] > 5
    later = top_down.draw(people([], time_s=9.0))
    np.testing.assert_array_equal(later, panel().draw(people([], time_s=9.0)))


def test_a_clock_that_runs_backwards_starts_new_trails():
    top_down = panel()
    top_down.draw(people([(1.0, 1.0)], time_s=100.0))
    drawn = top_down.draw(people([(8.0, 4.0)], time_s=3.0))
    np.testing.assert_array_equal(drawn, panel().draw(people([(8.0, 4.0)], time_s=3.0)))


def test_uncertain_places_have_a_ring():
    sure, unsure = (panel().draw(people([(5.0, 4.0)], sigma=s)) for s in (0.05, 0.6))
    assert (sure != unsure).any(axis=2).sum() > 100


def test_the_view_is_outlined():
    corners = np.array([[1.0, 7.0], [9.0, 7.0], [6.0, 1.0], [4.0, 1.0]])
    assert (panel(visible=corners).draw(people([])) != panel().draw(people([]))).any(axis=2).sum() > 500
    panel(visible=corners * np.nan)


def test_who_cannot_be_placed_is_counted():
    drawn = panel().draw(people([(np.nan, np.nan), (500.0, 2.0)]))
    changed = np.argwhere((drawn != panel().draw(people([]))).any(axis=2))
    assert len(changed) > 50
    assert changed.min(axis=0)[0] > 370


@pytest.mark.parametrize("boxes", STRANGE)
def test_any_ground_is_drawn_or_left_out(boxes):
    top_down = panel()
    for time_s in (0.0, 0.5, 1.0):
        what = scene(boxes, near=[(0, 1)], group=2, sigma=[np.nan, 1e9], time_s=time_s)
        assert top_down.draw(what).shape == (400, 500, 3)


@pytest.mark.parametrize(
    "extent", [(0, 0, 1e-6, 1e-6), (-1e7, 0, 1e7, 10), (0, -5, 1, 500), (1e6, 1e6, 1e6 + 5, 1e6 + 5)]
)
def test_any_extent_has_a_panel(extent):
    drawn = TopDown(extent, 201, 2.0, "m").draw(people([(0.5, 0.5)]))
    assert drawn.shape[0] == 201
    assert 50 <= drawn.shape[1] <= 804
    assert drawn.shape[1] % 2 == 0


@pytest.mark.parametrize(
    ("extent", "height", "limit"),
    [((0, 0, 0, 1), 400, 2.0), ((0, 0, np.nan, 1), 400, 2.0), (EXTENT, 8, 2.0), (EXTENT, 400, 0.0)],
)
def test_what_cannot_be_shown_is_refused(extent, height, limit):
    with pytest.raises(ValueError):
        TopDown(extent, height, limit, "m")


@pytest.mark.parametrize("height", [300, 500])
def test_a_panel_stands_beside_the_frame(height):
    frame = np.full((height, 320, 3), 90, np.uint8)
    side = panel().draw(scene(TWO))
    both = beside(frame, side)
    assert both.shape == (max(height, 400), 820, 3)
    np.testing.assert_array_equal(both[:height, :320], frame)
    np.testing.assert_array_equal(both[:400, 320:], side)
