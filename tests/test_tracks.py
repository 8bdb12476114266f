"""Tracks, violations, and one camera's watch."""

import numpy as np
import pytest

from sdist_ray.cameras.pinhole import Pinhole
from sdist_ray.distancing.ground import Located, PixelGround, PlaneGround
from sdist_ray.distancing.scene import NO_GROUP, People
from sdist_ray.distancing.tracks import Tracker, TrackSettings, overlap
from sdist_ray.distancing.violations import ViolationFinder, ViolationSettings, close_pairs
from sdist_ray.distancing.watch import Watch, WatchSettings

SIZE = (640, 480)
CAMERA = Pinhole.looking_at((0.0, -8.0, 5.0), (0.0, 2.0, 0.0), SIZE, 70)
GROUND = PlaneGround(CAMERA, "pinhole")


def boxes_at(places):
    places = np.asarray(places, dtype=np.float64).reshape(-1, 2)
    foot, head = CAMERA.to_image(places), CAMERA.to_image_above(places, 1.7)
    tall = foot[:, 1] - head[:, 1]
    middle = (foot[:, 0] + head[:, 0]) / 2
    return np.column_stack([middle - 0.2 * tall + 0.5, head[:, 1] + 0.5, 0.4 * tall, tall])


def follow(frames, fps=10.0, settings=None, scores=None):
    """All people of a run: a list, per frame, of track to place."""
    tracker = Tracker(settings or TrackSettings(), SIZE)
    out = []
    for number, places in enumerate(frames):
        boxes = boxes_at(places)
        score = np.ones(len(boxes)) if scores is None else np.asarray(scores[number], dtype=np.float64)
        people = tracker.update(number / fps, boxes, score, GROUND.locate(boxes))
        out.append(dict(zip(people.track.tolist(), people.ground.tolist(), strict=True)))
    return out


def test_two_who_cross_keep_their_names():
    t = np.linspace(0, 1, 60)
    frames = [[(-3 + 6 * u, 0.0 + u), (3 - 6 * u, 1.5 - u)] for u in t]
    seen = follow(frames)
    assert all(len(people) == 2 for people in seen[2:])
    assert len({track for people in seen for track in people}) == 2
    (a, _), (b, _) = sorted(seen[2].items())
    for people, places in zip(seen[2:], frames[2:], strict=True):
        np.testing.assert_allclose([people[a], people[b]], places, atol=0.25)


def test_a_track_counts_from_the_third_detection_on():
    assert [len(people) for people in follow([[(0, 0)]] * 5)] == [0, 0, 1, 1, 1]
    once = TrackSettings(confirm_hits=1)
    assert [len(people) for people in follow([[(0, 0)], [], []], settings=once)] == [1, 1, 1]


def test_who_is_missed_is_carried_on_and_taken_up_again():
    walk = [[(-2 + 0.13 * n, 0.0)] for n in range(40)]
    gap = [[] if 15 <= n < 22 else places for n, places in enumerate(walk)]
    seen = follow(gap, settings=TrackSettings(coast_s=1.0))
    assert {track for people in seen for track in people} == {1}
    for n in range(15, 22):
        np.testing.assert_allclose(seen[n][1], walk[n][0], atol=0.4)
    lost = follow([*walk[:15], *[[]] * 40], settings=TrackSettings(coast_s=1.0))
    shown = [len(people) for people in lost]
    assert shown[15:24] == [1] * 9
    assert shown[27:] == [0] * 28


def test_faint_detections_continue_but_do_not_begin():
    walk = [[(-2 + 0.13 * n, 0.0), (2.0, 3.0)] for n in range(20)]
    scores = [[0.9 if n < 4 else 0.12, 0.12] for n in range(20)]
    seen = follow(walk, scores=scores)
    assert all(set(people) == {1} for people in seen[2:])


def test_a_long_pause_makes_everybody_somebody_new():
    tracker = Tracker(TrackSettings(confirm_hits=1), SIZE)
    boxes = boxes_at([(0, 0)])
    first = tracker.update(0.0, boxes, np.ones(1), GROUND.locate(boxes)).track
    later = tracker.update(60.0, boxes, np.ones(1), GROUND.locate(boxes)).track
    assert first.tolist() != later.tolist()


def test_what_has_no_ground_is_no_track():
    tracker = Tracker(TrackSettings(confirm_hits=1), SIZE)
    nowhere = Located(np.full((1, 2), np.nan), np.full((1, 2, 2), np.nan))
    assert len(tracker.update(0.0, np.ones((1, 4)), np.ones(1), nowhere)) == 0


def test_irregular_times_do_no_harm():
    rng = np.random.default_rng(3)
    times = np.cumsum(rng.uniform(0.02, 0.3, 60))
    tracker = Tracker(TrackSettings(), SIZE)
    names = set()
    for time_s in times.tolist():
        boxes = boxes_at([(-4 + 0.6 * time_s, 0.0)])
        names |= set(tracker.update(time_s, boxes, np.ones(1), GROUND.locate(boxes)).track.tolist())
    assert names == {1}


def test_overlap_is_intersection_over_union():
    boxes = np.array([[0.0, 0, 2, 2], [1, 1, 2, 2], [5, 5, 1, 1]])
    np.testing.assert_allclose(overlap(boxes, boxes), [[1, 1 / 7, 0], [1 / 7, 1, 0], [0, 0, 1]])
    assert overlap(boxes[:0], boxes).shape == (0, 3)


def people_at(places, groups=None, sigma=0.1):
    places = np.asarray(places, dtype=np.float64).reshape(-1, 2)
    n = len(places)
    group = np.full(n, NO_GROUP) if groups is None else np.asarray(groups)
    return People(np.arange(1, n + 1), np.ones((n, 4)), np.ones(n), places, np.full(n, sigma), group)


def test_close_pairs_are_all_pairs_below_the_limit():
    rng = np.random.default_rng(0)
    for n in (0, 1, 2, 40):
        people = people_at(rng.uniform(0, 8, (n, 2)))
        near, distance = close_pairs(people, 2.0)
        apart = np.linalg.norm(people.ground[:, None] - people.ground[None], axis=2)
        expected = [(i, j) for i in range(n) for j in range(i + 1, n) if apart[i, j] < 2.0]
        assert [tuple(pair) for pair in near.tolist()] == expected
        np.testing.assert_allclose(distance, [apart[pair] for pair in expected])
    # At the limit is not too close; and who may stand anywhere is not judged.
    assert len(close_pairs(people_at([(0, 0), (2, 0)]), 2.0)[0]) == 0
    assert len(close_pairs(people_at([(0, 0), (1, 0)], sigma=1.1), 2.0)[0]) == 0
    assert len(close_pairs(people_at([(0, 0), (np.nan, 0)]), 2.0)[0]) == 0


def violations_of(distances, fps=10.0, excused=(), groups=None, **settings):
    finder = ViolationFinder(ViolationSettings(2.0, **settings))
    for number, distance in enumerate(distances):
        places = [(0, 0), (distance, 0)] if distance is not None else [(0, 0)]
        finder.update(number / fps, people_at(places, groups))
    return finder.take(lambda a, b: list(excused))


def test_a_violation_lasts():
    (violation,) = violations_of([3.0] * 10 + [1.5] * 10 + [1.0] * 11 + [3.0] * 30)
    assert (violation.person_a, violation.person_b) == (1, 2)
    assert violation.start_s == pytest.approx(1.0)
    assert violation.end_s == pytest.approx(3.0)
    assert violation.least_distance == 1.0
    assert violation.mean_distance == pytest.approx((15 + 11) / 21)
    assert violation.place[1] == 0
    assert violations_of([3.0] * 10 + [1.5] * 9 + [3.0] * 30) == []


def test_a_moment_apart_or_out_of_sight_is_the_same_violation():
    assert len(violations_of([1.0] * 15 + [2.5] * 7 + [None] * 2 + [1.0] * 15)) == 1
    assert len(violations_of([1.0] * 15 + [2.5] * 12 + [1.0] * 15)) == 2


def test_groups_are_exempt_from_when_they_began():
    assert violations_of([1.0] * 50, groups=[4, 4]) == []
    assert len(violations_of([1.0] * 50, groups=[4, 5])) == 1
    assert violations_of([1.0] * 50, excused=[(0.0, 99.0)]) == []
    before, after = violations_of([1.0] * 100, excused=[(2.0, 6.0)])
    assert (before.start_s, before.end_s) == pytest.approx((0.0, 1.9))
    assert (after.start_s, after.end_s) == pytest.approx((6.1, 9.9))


def test_severity_is_by_duration():
    settings = ViolationSettings(2.0)
    assert [settings.severity(s) for s in (1.0, 4.9, 5.0, 15.0)] == ["brief", "brief", "long", "serious"]


def test_what_ended_is_given_once():
    finder = ViolationFinder(ViolationSettings(2.0))
    for number in range(100):
        apart = 1.0 if number < 20 or number >= 60 else 5.0
        finder.update(number / 10, people_at([(0, 0), (apart, 0)]))
    nobody_excused = lambda a, b: []  # noqa: E731
    assert [v.start_s for v in finder.take(nobody_excused, 5.0)] == [0.0]
    assert finder.take(nobody_excused, 5.0) == []
    assert [v.start_s for v in finder.take(nobody_excused)] == [6.0]


def test_a_watch_tells_companions_from_strangers():
    watch = Watch(GROUND, WatchSettings(), SIZE)
    for number in range(120):
        t = number / 10
        # Two walk side by side; a third comes towards them, stops with one of them for a while.
        places = [(-4 + 0.5 * t, 0.0), (-4 + 0.5 * t, 0.7), (5 - 0.5 * min(t, 8.5), 2.0)]
        boxes = boxes_at(places)
        scene = watch.look(t, boxes, np.ones(3))
    assert [group.members for group in watch.groups()] == [(1, 2)]
    assert scene.people.group.tolist()[:2] == [0, 0]
    pairs = {(v.person_a, v.person_b) for v in watch.violations()}
    assert pairs
    assert (1, 2) not in pairs
    assert all(3 in pair for pair in pairs)


def test_one_picture_counts_at_once():
    watch = Watch(PixelGround(SIZE), WatchSettings(), SIZE, still=True)
    assert watch.limit == pytest.approx(400 / 720 * 480)
    scene = watch.look(
        0.0, np.array([[100.0, 100, 30, 90], [200.0, 100, 30, 90], [600, 300, 30, 90]]), np.ones(3)
    )
    assert scene.near.tolist() == [[0, 1]]
    assert len(watch.violations()) == 1
