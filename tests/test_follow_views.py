"""Which camera is shown of one person."""

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sdist_ray.tracking.follow import CutSettings, choose_views, shots_of, view_worth

FPS = 10.0
NOBODY = np.empty((0, 4))


def best_total(worth, cost):
    """The greatest worth less cuts that any choice has, by dynamic programming over all instants."""
    value = worth[0].copy()
    for row in worth[1:]:
        value = np.maximum(value, value.max() - cost) + row
    return value.max()


def test_the_better_view_is_shown_once_it_is_worth_a_cut():
    worth = np.full((100, 2), 0.5)
    worth[50:, 1] = 0.95
    chosen = choose_views(worth, FPS)
    assert set(chosen[:50].tolist()) == {0}
    assert set(chosen[52:].tolist()) == {1}
    worth[50:, 1] = 0.6
    assert set(choose_views(worth, FPS, CutSettings(ahead_s=2.0)).tolist()) == {0}


def test_a_flicker_is_no_reason_to_cut():
    worth = np.full((200, 2), 0.6)
    worth[::7, 0] = 0.0
    worth[3::11, 1] = 0.9
    assert len(shots_of(choose_views(worth, FPS), worth)) == 1


def test_who_leaves_one_view_is_shown_by_the_other_at_once():
    worth = np.zeros((100, 3))
    worth[:40, 2], worth[35:, 1] = 0.8, 0.5
    chosen = choose_views(worth, FPS)
    assert (worth[np.arange(100), chosen] > 0).all()
    shots = shots_of(chosen, worth)
    assert [shot.camera for shot in shots] == [2, 1]
    assert shots[0].why == "first"


def test_while_nobody_sees_them_the_picture_stays():
    worth = np.zeros((100, 2))
    worth[:20, 0], worth[60:, 1] = 0.8, 0.8
    shots = shots_of(choose_views(worth, FPS), worth)
    assert [(shot.camera, shot.first) for shot in shots] == [(0, 0), (1, 60)]
    assert shots[1].why == "lost"
    assert (choose_views(np.zeros((5, 2)), FPS) == 0).all()
    assert len(choose_views(np.zeros((0, 2)), FPS)) == 0


@given(st.integers(0, 2**31), st.integers(1, 5))
def test_any_choice_shows_the_person_and_holds_pictures(seed, cameras):
    rng = np.random.default_rng(seed)
    # Views come and go for seconds at a time.
    worth = np.repeat(rng.random((12, cameras)) * (rng.random((12, cameras)) < 0.6), 20, axis=0)
    settings = CutSettings()
    chosen = choose_views(worth, FPS, settings)
    shown = worth[np.arange(len(worth)), chosen]
    any_sees = worth.max(axis=1) > 0
    assert (shown[any_sees] > 0).mean() >= 0.95 if any_sees.any() else True
    shots = shots_of(chosen, worth)
    assert [shot.first for shot in shots][1:] == [shot.last + 1 for shot in shots][:-1]
    for shot, following in itertools.pairwise(shots):
        if following.why == "better":
            assert shot.last - shot.first + 1 >= round(settings.shortest_s * FPS)


@given(st.integers(0, 2**31))
def test_with_all_in_view_ahead_the_choice_is_nearly_the_best_there_is(seed):
    rng = np.random.default_rng(seed)
    worth = np.repeat(0.2 + 0.8 * rng.random((6, 3)), 25, axis=0)
    settings = CutSettings(shortest_s=0.0, ahead_s=15.0)
    chosen = choose_views(worth, FPS, settings)
    cost = settings.switch * FPS
    total = worth[np.arange(len(worth)), chosen].sum() - cost * np.count_nonzero(np.diff(chosen))
    # The first picture is the best at the beginning; a plan that knows all might begin elsewhere.
    assert total >= best_total(worth, cost) - cost


def test_views_are_worth_more_the_better_they_show_somebody():
    size = (640, 480)
    middle = np.array([300.0, 150, 60, 180])
    plain = view_worth(middle, size, True, NOBODY)
    assert 0.9 < plain <= 1.0
    small = view_worth(np.array([310.0, 220, 20, 60]), size, True, NOBODY)
    aside = view_worth(np.array([2.0, 150, 60, 180]), size, True, NOBODY)
    carried = view_worth(middle, size, False, NOBODY)
    behind = view_worth(middle, size, True, np.array([[300.0, 200, 60, 180]]))
    before = view_worth(middle, size, True, np.array([[300.0, 100, 60, 180]]))
    assert small < plain
    assert aside < plain
    assert carried < behind < plain
    assert before == plain
    assert view_worth(np.array([700.0, 150, 60, 180]), size, True, NOBODY) == 0.0
