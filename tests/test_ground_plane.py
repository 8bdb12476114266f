"""One ground plane: kernels against their references, and what the whole promises."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdist_ray.occupancy.grid import Grid
from sdist_ray.topology.ground_plane import tracklets
from sdist_ray.topology.ground_plane.candidates import (
    BLOCKS,
    block_bits,
    logarithms,
    together,
    turned_bits,
    worth_by_delay,
)
from sdist_ray.topology.ground_plane.clocks import clocks_of, retimed
from sdist_ray.topology.ground_plane.homography import fit_weighted, invert, orient
from sdist_ray.topology.ground_plane.hypotheses import agreement
from sdist_ray.topology.ground_plane.implied import count_shared, in_fractions, shared_windows
from sdist_ray.topology.ground_plane.learn import learn
from sdist_ray.topology.ground_plane.null import shifted, threshold
from sdist_ray.topology.ground_plane.pair import FitSettings
from sdist_ray.topology.ground_plane.plane import LearnSettings
from sdist_ray.topology.ground_plane.scoring import score_one_way
from sdist_ray.topology.ground_plane.search import Prepared, Task
from sdist_ray.topology.ground_plane.view import cut_legs, make_view, worth_of
from tests import ground_planes
from tests import oracles_ground_plane as oracles
from tests.ground_planes import run_with

SQUARE = np.array([[2.0, 2.0], [10.0, 2.5], [9.0, 8.0], [1.5, 7.0]])
KEYSTONE = np.array([[3.0, 1.5], [9.5, 3.0], [10.0, 8.0], [2.0, 6.0]])


def some_feet(seed, people=3, ticks=60, missed=0.2):
    """Tick, x and y (units) of people who walk, ascending in tick."""
    rng = np.random.default_rng(seed)
    places = rng.random((people, 2)) * [10, 7] + 1
    speeds = rng.normal(0, 0.1, (people, 2))
    rows = []
    for t in range(ticks):
        places = np.clip(places + speeds, 0.05, [11.9, 8.9])
        rows += [(t, *place) for place in places if rng.random() >= missed]
    # Each in one piece, as everywhere: for others kernels would be compiled anew.
    tick, x, y = np.ascontiguousarray(np.array(rows).reshape(-1, 3).T)
    return tick.astype(np.int64), x, y


def some_view(seed, **arguments):
    tick, x, y = some_feet(seed, **arguments)
    available = np.random.default_rng(seed).random(arguments.get("ticks", 60)) > 0.1
    return make_view(tick, x / 12, y / 9, available, 10.0)


def fit_equal(a, b, homography):
    """The homography of points that weigh the same."""
    weight = np.tile([1.0, 0.0, 1.0], (len(a), 1))
    scratch = np.zeros((9, 10)), np.zeros(9)
    return fit_weighted(a, b, weight, len(a), *scratch, homography, np.zeros((len(a), 3)), False)


def keystone():
    homography = np.zeros((3, 3))
    assert fit_equal(SQUARE, KEYSTONE, homography)
    assert orient(homography, SQUARE, 4)
    return homography


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 5), st.sampled_from([2.0, 10.0, 25.0]))
def test_tracklets_equal_the_reference(seed, people, fps):
    tick, x, y = some_feet(seed, people, ticks=40)
    track, tracks = tracklets.link(tick, x, y, fps)
    expected, count = oracles.link(tick, x, y, fps)
    np.testing.assert_array_equal(track, expected)
    assert tracks == count
    for step, half in ((1, 0), (5, 2)):
        first, offset, place = tracklets.sample(*tracklets.fill(tick, x, y, track, tracks), step, half)
        slow = oracles.sampled(tick, x, y, track, tracks, step, half)
        assert first.tolist() == [begin for begin, _ in slow]
        assert [place[a:b].tolist() for a, b in pairwise(offset)] == [
            [list(p) for p in places] for _, places in slow
        ]


@pytest.mark.parametrize("seed", range(3))
def test_base_rates_and_agreement_equal_the_reference(seed):
    a, b = some_view(seed), some_view(seed + 100, people=2)
    np.testing.assert_array_equal(a.seen, oracles.count_seen(a))
    np.testing.assert_array_equal(agreement(a, b), oracles.agreement(a, b))


def test_a_way_is_cut_where_it_turns():
    straight = [[x, 2.0] for x in np.arange(0, 5, 0.5)]
    back = [[x, 2.0] for x in np.arange(4, 0, -0.5)]
    corner = [[5.0, y] for y in np.arange(2, 6, 0.5)]
    still = [[5.0, 2.0]] * 50
    for way, legs in (
        (straight, 1), (straight + still + [[5.5, 2.0], [6.0, 2.0]], 1), (straight + back, 2),
        (straight + corner, 2), (straight + corner[::-1], 2),
    ):  # fmt: skip
        leg = cut_legs(np.array([0, len(way), 2 * len(way)]), np.array(way + way))
        assert leg[-1] == 2 * legs - 1
        assert (np.diff(leg) >= 0).all()


@pytest.mark.parametrize("seed", range(3))
def test_legs_equal_the_reference(seed):
    view = some_view(seed, people=4, ticks=90)
    np.testing.assert_array_equal(view.leg, oracles.cut_legs(view.offset, view.place))


@pytest.mark.parametrize("radius", [0.12, 0.6])
@pytest.mark.parametrize(("every", "stride"), [(1, 1), (2, 3)])
def test_scores_equal_the_reference(radius, every, stride):
    for seed in range(4):
        a, b = some_view(seed, people=6), some_view(seed + 50, people=6)
        worth, out = worth_of(b, 0.85), np.zeros(4)
        for homography in (np.eye(3), keystone()):
            score_one_way(homography, a, b, worth.hit, worth.miss, radius, every, stride, out)
            slow = oracles.score_one_way(homography, a, b, worth.hit, worth.miss, radius, every, stride)
            np.testing.assert_array_equal(out, slow)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 200))
def test_what_two_cameras_see_together_equals_the_reference(seed, samples):
    rng = np.random.default_rng(seed)
    times = [[set(np.flatnonzero(rng.random(samples) < rng.random() / 2).tolist()) for _ in range(BLOCKS)]
             for _ in range(2)]  # fmt: skip
    bits = np.zeros((2, BLOCKS, -(-samples // 64)), np.uint64)
    for camera in range(2):
        for block, own in enumerate(times[camera]):
            for s in own:
                bits[camera, block, s // 64] |= np.uint64(1) << np.uint64(s % 64)
    count = np.bitwise_count(bits).sum(axis=2).astype(np.int64)
    worth = np.zeros((1, 1))
    together(bits[:1], count[:1], bits[1:], count[1:], logarithms(samples), worth)
    assert worth[0, 0] == pytest.approx(oracles.together(*times, samples), rel=1e-12, abs=1e-12)


def test_delays_show_in_when_people_moved():
    rng = np.random.default_rng(4)
    feet = [some_feet(seed, people=4, ticks=600) for seed in (1, 2)]
    there = np.ones(650, np.bool_)
    views = [make_view(tick + late, x / 12, y / 9, there, 10.0)
             for tick, x, y in feet for late in (0, 30)]  # fmt: skip
    bits, count = block_bits(views)
    pairs = np.array([[0, 1], [1, 0], [2, 3]])
    worth = worth_by_delay(bits, count, pairs, views[0].samples, 8)
    assert (worth.argmax(axis=1) - 8).tolist() == [6, -6, 6]
    shift = int(rng.integers(1, 100))
    again = turned_bits(turned_bits(bits, 130, shift), 130, 130 - shift)
    np.testing.assert_array_equal(again, bits)


def test_only_who_moves_counts_for_candidates():
    tick = np.arange(100)
    still = make_view(tick, np.full(100, 0.5), np.full(100, 0.5), np.ones(100, np.bool_), 10.0)
    moving = make_view(tick, tick / 100, np.full(100, 0.5), np.ones(100, np.bool_), 10.0)
    _, count = block_bits([still, moving])
    assert count[0].sum() == 0
    assert count[1].sum() == moving.samples


def test_implied_windows_equal_the_reference():
    for columns, rows in ((12, 9), (7, 5)):
        counts = np.zeros((columns * rows, columns * rows), np.int64)
        count_shared(keystone(), columns, rows, 8, counts)
        np.testing.assert_array_equal(counts, oracles.count_shared(keystone(), columns, rows, 8))


def test_a_weighted_fit_finds_the_homography_that_made_the_matches():
    homography = keystone()
    rng = np.random.default_rng(0)
    a = rng.random((40, 2)) * [8, 6] + 2
    b = np.array([oracles.carry(homography, *p)[:2] for p in a])
    weight = np.tile([1.0, 0.2, 2.0], (40, 1)) * rng.random((40, 1))
    found, solution = np.zeros((3, 3)), np.zeros(9)
    assert fit_weighted(a, b, weight, 40, np.zeros((9, 10)), solution, found, np.zeros((40, 3)), False)
    assert orient(found, a, 40)
    np.testing.assert_allclose(found, homography, atol=1e-9)
    # b is seen when people are somewhere else already: 0.7 samples on.
    way = np.column_stack([rng.normal(0, 0.4, (40, 2)), [oracles.carry(homography, *p)[2] for p in a]])
    early = b - 0.7 * way[:, :2]
    assert fit_weighted(a, early, weight, 40, np.zeros((9, 10)), solution, found, way, True)
    assert orient(found, a, 40)
    np.testing.assert_allclose(found, homography, atol=1e-9)
    assert solution[8] == pytest.approx(0.7)
    back = np.zeros((3, 3))
    assert invert(found, back)
    np.testing.assert_allclose(found @ back, np.eye(3), atol=1e-9)


def test_three_points_on_a_line_give_no_homography_and_a_mirror_no_orientation():
    line = np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0], [5.0, 1.0]])
    homography = np.zeros((3, 3))
    assert not (fit_equal(line, KEYSTONE, homography) and orient(homography, line, 4))
    mirrored = KEYSTONE * [-1, 1] + [12, 0]
    assert fit_equal(SQUARE, mirrored, homography)
    assert not orient(homography, SQUARE, 4)


def test_identical_views_share_their_own_windows():
    shared = shared_windows(np.eye(3), Grid())
    np.testing.assert_array_equal(shared.window_a, shared.window_b)
    assert (shared.overlap_a == 1).all()
    np.testing.assert_allclose(in_fractions(np.eye(3)), np.eye(3))


def test_a_view_turned_in_time_keeps_its_places():
    view = some_view(3, people=5)
    turned = shifted(view, 7)
    for s in range(view.samples):
        there = (s + 7) % view.samples
        assert sorted(oracles.people_at(view, s)) == sorted(oracles.people_at(turned, there))
        assert view.available[s] == turned.available[there]
    again = shifted(turned, view.samples - 7)
    np.testing.assert_array_equal(again.seen, view.seen)


def test_a_view_with_a_late_clock_is_put_right():
    def seen(late):
        tick = np.arange(100, 400)
        x = 0.1 + 0.002 * (tick - 100)
        return make_view(tick + late, x, x, np.ones(500, np.bool_), 10.0)

    right, late = seen(0), retimed(seen(7), 1.4)
    for s in range(21, 79):
        np.testing.assert_allclose(oracles.people_at(right, s), oracles.people_at(late, s), atol=1e-6)
    assert not oracles.people_at(retimed(seen(0), 60.0), 30)
    assert not retimed(seen(0), 60.0).available[-60:].any()


def test_clocks_follow_from_pairs_and_one_that_is_wrong_does_not_matter():
    late = np.array([0.0, 1.5, -2.0, 0.5, 0.0, 3.0, 0.0])
    pairs = [(0, 1), (0, 2), (1, 2), (1, 3), (2, 3), (0, 3), (4, 5)]
    said = {(a, b): late[b] - late[a] for a, b in pairs}
    said[1, 3] += 4.0
    found = clocks_of(7, said, dict.fromkeys(pairs, 1.0))
    for a, b in pairs:
        assert found[b] - found[a] == pytest.approx(late[b] - late[a], abs=0.1)
    assert np.median(found[:4]) == pytest.approx(0, abs=1e-6)
    assert found[6] == 0
    assert not clocks_of(3, {}, {}).any()


def test_the_threshold_keeps_its_promise_on_exponential_chance():
    rng = np.random.default_rng(0)
    false = []
    for _ in range(40):
        null, scores = rng.exponential(8, 300), np.append(rng.exponential(8, 300), 200 + rng.random(100))
        least = threshold(scores, null, 0.05)
        accepted = scores >= least
        false.append(accepted[:300].sum() / accepted.sum())
        assert accepted[300:].all()
    assert np.mean(false) <= 0.05
    assert threshold(np.empty(0), np.ones(5), 0.05) == np.inf
    assert threshold(np.full(3, 9.0), np.zeros(100), 0.05) >= 10


@pytest.fixture(scope="module")
def hall():
    return ground_planes.hall()


@pytest.fixture(scope="module")
def plane(hall):
    return learn(hall[1], run_with(hall[1], 2), LearnSettings(chances=60))


def test_cameras_over_one_ground_are_placed(hall, plane):
    site, _, shared = hall
    found = set(plane.fits)
    true = {(int(a), int(b)) for a, b in np.argwhere(shared > 4)}
    assert len(found & true) >= 0.8 * len(true)
    assert sum(shared[pair] > 0 for pair in found) >= 0.95 * len(found)
    off = []
    for (a, b), fit in plane.fits.items():
        pixels = np.stack(np.meshgrid(np.arange(10, 320, 10), np.arange(10, 240, 10)), -1).reshape(-1, 2)
        ground = site.cameras[a].to_ground(pixels)
        image = site.cameras[b].to_image(ground)
        both = ((image > 0) & (image < [320, 240])).all(axis=1)
        carried = (
            np.column_stack([pixels[both] / [320, 240], np.ones(both.sum())]) @ in_fractions(fit.homography).T
        )
        where = carried[:, :2] / carried[:, 2:] * [320, 240]
        off.append(np.median(np.linalg.norm(site.cameras[b].to_ground(where) - ground[both], axis=1)))
    assert np.nanmedian(off) < 0.2


def test_the_same_is_found_wherever_tasks_run(hall, plane):
    again = learn(hall[1], run_with(hall[1], 1), LearnSettings(chances=60))
    assert list(again.fits) == list(plane.fits)
    for pair, fit in plane.fits.items():
        np.testing.assert_array_equal(again.fits[pair].homography, fit.homography)
        assert again.fits[pair].score == fit.score


def test_footage_without_anybody_in_common_places_nobody(hall):
    views = [shifted(view, 31 * number) for number, view in enumerate(hall[1])]
    assert len(learn(views, run_with(views, 2), LearnSettings(chances=60)).fits) <= 1


def test_with_clocks_that_are_wrong_as_many_are_placed_as_with_clocks_that_are_known(hall, plane):
    _, views, _ = hall
    late = np.array([0.0, 2.4, -1.0, 0.5, -3.0, 1.7, 3.1, -0.3])
    wrong = [retimed(view, -own) for view, own in zip(views, late, strict=True)]
    found = learn(wrong, run_with(wrong, 2), LearnSettings(chances=60))
    # Places between samples are not what was seen: some pairs are lost by that, whoever knows the clocks.
    known = [retimed(view, own) for view, own in zip(wrong, late, strict=True)]
    told = learn(known, run_with(known, 2), LearnSettings(chances=60, clock_s=0.0))
    assert len(told.fits) >= 9
    assert {pair for pair in told.fits if told.score[pair] > 0} <= set(found.fits)
    off = [abs(fit.offset_s - 0.5 * (late[b] - late[a])) for (a, b), fit in found.fits.items()]
    assert np.median(off) < 0.05
    assert max(abs(fit.offset_s) for fit in plane.fits.values()) < 0.2
    assert found.clocks_late_s("abcdefgh").keys() <= set("abcdefgh")


def test_one_camera_or_none_or_a_moment_is_no_error(hall):
    views = hall[1]
    none = run_with(views, 1)
    assert not learn([], none, LearnSettings()).fits
    assert not learn(views[:1], none, LearnSettings()).fits
    nobody = [make_view(np.empty(0, np.int64), np.empty(0), np.empty(0), np.ones(600, np.bool_), 10.0)] * 2
    assert not learn(nobody, run_with(nobody, 1), LearnSettings()).fits


def test_a_pair_is_searched_the_same_from_read_only_copies(hall):
    views = hall[1]
    task = Task(0, 1)
    one = Prepared(views, FitSettings(draws=500), 3).run(task)
    copies = [type(view)(*(array.copy() for array in view)) for view in views]
    for view in copies:
        for array in view:
            array.flags.writeable = False
    other = Prepared(copies, FitSettings(draws=500), 3).run(task)
    np.testing.assert_array_equal(one.homography, other.homography)
    assert one[1:] == other[1:]
