"""Tracking across cameras: who is seen again after a gap, what looks are worth, grounds from people."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdist_ray.cameras.pinhole import Pinhole
from sdist_ray.distancing.fusion import Sightings
from sdist_ray.distancing.fusion_ground import LearnedEdge
from sdist_ray.distancing.fusion_views import make_views
from sdist_ray.tracking.doubts import MOST_LOOKS, Doubt
from sdist_ray.tracking.gaps import GapJoiner, GapSettings
from sdist_ray.tracking.looks import ENOUGH, Looks, of_length_one
from sdist_ray.tracking.network import NOBODY, NetworkTracker
from sdist_ray.tracking.passages import Passage, Passages
from sdist_ray.tracking.rough_ground import APART_M, lay_grounds, rough_ground
from sdist_ray.tracking.segments import Segment

SQUARES = [np.array([[x, 0.0], [x + 10, 0], [x + 10, 10], [x, 10]]) for x in (0.0, 40.0, 80.0)]
VIEWS = make_views(("a", "b", "c"), SQUARES)
STEP_S = 0.1


def sightings(rows):
    """Rows of camera, x, y and the camera's own track."""
    camera, x, y, track = np.array(rows, np.float64).reshape(-1, 4).T
    covariance = np.broadcast_to(np.eye(2) * 0.01, (len(camera), 2, 2)).copy()
    return Sightings(camera.astype(np.int64), np.column_stack([x, y]), covariance, track.astype(np.int64))


def followed(tracker, places, until, looks=None):
    """Person of every (tick, camera) by what the tracker settles; ``places`` gives each tick's rows."""
    found, rows_of = {}, {}

    def take(settled):
        for tracked in settled:
            for row, person in zip(rows_of[tracked.tick], tracked.person.tolist(), strict=True):
                found[tracked.tick, row[0]] = person

    for tick in range(until):
        rows_of[tick] = places(tick)
        some = None if looks is None else looks(rows_of[tick])
        take(tracker.update(tick, tick * STEP_S, sightings(rows_of[tick]), looks=some))
    take(tracker.finish())
    return found


def passage(mean_s, probability=0.9):
    bins = np.exp(-0.5 * ((np.arange(120) * 0.5 - mean_s) / 1.5) ** 2)
    return Passage.of_histogram(probability, bins, 0.5)


def walk_a_to_b(tick):
    """Somebody who leaves a at 4 s and comes to b at 12 s."""
    if tick < 40:
        return [(0, 6 + 0.1 * tick, 5, 1)]
    if 120 <= tick < 160:
        return [(1, 40 + 0.1 * (tick - 120), 5, 1)]
    return []


def test_who_walks_from_one_view_to_another_keeps_the_number():
    known = Passages({(0, 1): passage(8.0)})
    found = followed(NetworkTracker(VIEWS, STEP_S, known), walk_a_to_b, 200)
    assert {found[tick, 0] for tick in range(40)} == {1}
    assert {found[tick, 1] for tick in range(120, 160)} == {1}


def test_without_a_way_between_them_they_are_two():
    found = followed(NetworkTracker(VIEWS, STEP_S, Passages({(0, 2): passage(8.0)})), walk_a_to_b, 200)
    assert {found[tick, 1] for tick in range(120, 160)} == {2}


def test_of_two_who_left_the_one_whose_time_fits_comes():
    def places(tick):
        rows = [(0, 6, 2, 1)] if tick < 40 else []
        rows += [(2, 84, 5, 1)] if tick < 100 else []
        return rows + ([(1, 40, 5, 1)] if 120 <= tick < 160 else [])

    for ways, expected in (((8.0, 30.0), 1), ((30.0, 2.0), 2)):
        known = Passages({(0, 1): passage(ways[0]), (2, 1): passage(ways[1])})
        found = followed(NetworkTracker(VIEWS, STEP_S, known), places, 200)
        assert found[10, 0] == 1
        assert found[10, 2] == 2
        assert found[150, 1] == expected


def test_who_is_hidden_for_seconds_in_one_view_keeps_the_number():
    def places(tick):
        return [] if 40 <= tick < 90 else [(0, 5, 5, 1 if tick < 40 else 2)]

    found = followed(NetworkTracker(VIEWS, STEP_S), places, 150)
    assert set(found.values()) == {1}


def test_looks_decide_where_ways_and_times_do_not():
    rng = np.random.default_rng(0)
    faces = np.eye(8)[:4]
    wearing = {1: 0, 2: 1}

    def places(tick):
        # Two leave a side by side; two come to b, the other way round.
        if tick < 80:
            return [(0, 5, 2, 1), (0, 5, 8, 2)]
        return [(1, 42, 2, 11), (1, 42, 8, 12)] if 160 <= tick < 220 else []

    def looks(rows):
        who = {1: 0, 2: 1, 11: 1, 12: 0}
        return {
            k: faces[who[row[3]]] + rng.normal(0, 0.1, 8) for k, row in enumerate(rows)
        }  # fmt: skip

    tracker = NetworkTracker(VIEWS, STEP_S, Passages({(0, 1): passage(8.0)}), GapSettings())
    # What similarities are worth was learnt before.
    for _ in range(ENOUGH + 5):
        tracker._joiner.looks.same_again.add(0.9 + rng.normal(0, 0.05))
        tracker._joiner.looks.different.add(0.1 + rng.normal(0, 0.1))
    rows_of = {tick: places(tick) for tick in range(260)}
    settled = []
    for tick in range(260):
        some = looks(rows_of[tick]) if tick % 5 == 0 else None
        settled += tracker.update(tick, tick * STEP_S, sightings(rows_of[tick]), looks=some)
    settled += tracker.finish()
    before, after = settled[40].person.tolist(), settled[200].person.tolist()
    assert len(set(before)) == 2
    assert after == before[::-1]
    assert wearing


def exchanged(looks, until=480):
    """Who each of two is at every tick; they stand side by side and are looked at twice a second."""
    tracker = NetworkTracker(VIEWS, STEP_S)
    rng = np.random.default_rng(0)
    settled = []
    for tick in range(until):
        given = None
        if tick % 5 == 0:
            given = {row: np.eye(8)[face] + rng.normal(0, 0.15, 8) for row, face in enumerate(looks(tick))}
        rows = sightings([(0, 5, 4, 1), (0, 5, 5, 2)])
        settled += tracker.update(tick, tick * STEP_S, rows, looks=given)
    settled += tracker.finish()
    assert [tracked.tick for tracked in settled] == list(range(until))
    return np.array([tracked.person for tracked in settled])


def test_who_was_exchanged_unnoticed_is_told_by_their_looks():
    # Who is on the left is another one from 40 s on; no place and no track tells.
    person = exchanged(lambda tick: (0, 1) if tick < 400 else (1, 0))
    assert set(person[:396].ravel()) == {1, 2}
    assert (person[:396] == person[0]).all()
    assert (person[401:] == person[0, ::-1]).all()


def test_one_look_that_is_of_somebody_else_changes_nothing():
    person = exchanged(lambda tick: (1, 1) if tick == 400 else (0, 1))
    assert (person == person[0]).all()


def test_who_takes_somebodys_place_is_somebody_new():
    person = exchanged(lambda tick: (0, 1) if tick < 400 else (0, 2))
    assert (person[:, 0] == 1).all()
    assert (person[:396, 1] == 2).all()
    assert (person[401:, 1] == 3).all()


def test_who_is_exchanged_and_lost_before_it_is_clear_is_cut_all_the_same():
    tracker, rng = NetworkTracker(VIEWS, STEP_S), np.random.default_rng(0)
    settled = []
    for tick in range(520):
        # From 40 s on the first track is of the second person, who goes away a second later; the first person
        # is seen again soon after, where both were.
        rows = [] if 410 <= tick < 425 else [(0, 5, 4, 1 if tick < 410 else 3)]
        faces = [0 if not 400 <= tick < 410 else 1]
        if tick < 400:
            rows, faces = [*rows, (0, 5, 5, 2)], [0, 1]
        given = {k: np.eye(8)[face] + rng.normal(0, 0.15, 8) for k, face in enumerate(faces[: len(rows)])}
        settled += tracker.update(
            tick, tick * STEP_S, sightings(rows), looks=given if tick % 5 == 0 else None
        )
    settled += tracker.finish()
    first = settled[100].person[0]
    assert all(tracked.person[0] == first for tracked in settled[430:])


def test_memory_is_bounded_and_instants_come_in_order():
    tracker = NetworkTracker(VIEWS, STEP_S, gaps=GapSettings(longest_s=5.0))
    ticks, held, segments = [], 0, 0
    for tick in range(600):
        # Somebody new every second, somewhere else each time.
        number = tick // 10
        rows = [(number % 3, SQUARES[number % 3][0, 0] + 5, 1 + 2 * (number % 4), number)]
        ticks += [t.tick for t in tracker.update(tick, tick * STEP_S, sightings(rows))]
        held, segments = max(held, len(tracker._held)), max(segments, len(tracker._segments))
    ticks += [t.tick for t in tracker.finish()]
    assert ticks == list(range(600))
    assert held <= (tracker.delay_s + 0.2) / STEP_S
    assert segments <= 12
    assert len(tracker._owner) <= 16


def test_memory_of_a_doubt_that_never_ends_is_bounded():
    someone, doubt, look = segment(1, 0.0, 1.0, 0), Doubt(), np.eye(4)[0]
    assert not doubt.look(0.0, someone, [(0, look)], 0.0)
    for tick in range(10 * MOST_LOOKS):
        # Half a nat against them, then nothing for or against.
        assert not doubt.look(1.0 + tick, someone, [(0, look)], -0.5 if tick == 0 else 0.0)
    assert len(doubt.since) == MOST_LOOKS
    assert doubt.since_s == 1.0
    before = someone.looks[0].copy()
    doubt.look(1e3, someone, [(0, look)], 1.0)
    assert not doubt.since
    assert (someone.looks[0] != before).any()


def segment(number, begin_s, end_s, camera, at=(0.0, 0.0), tracks=()):
    made = Segment(number, begin_s, end_s, (camera,), np.array(at, np.float64), first_tracks=set(tracks))
    for time_s in (begin_s, end_s):
        made.see(time_s, (camera,), list(tracks), np.array(at, np.float64), 0.3)
    return made


def test_the_same_track_of_a_camera_speaks_for_the_same_person():
    joiner = GapJoiner([100.0, 100.0])
    old, new = segment(1, 0, 10, 0, tracks=[(0, 7)]), segment(2, 14, 15, 0, tracks=[(0, 7)])
    other = segment(3, 14, 15, 0, tracks=[(0, 8)])
    more = joiner.evidence(old, new, 15) - joiner.evidence(old, other, 15)
    assert more == pytest.approx(GapSettings().same_track)


def way(number, begin_s, end_s, camera, y):
    """Somebody who walks 1 m/s to the right from x = 0 at 0 s."""
    made = None
    for time_s in np.arange(begin_s, end_s + 0.05, 0.1):
        at = np.array([time_s, y])
        made = made or Segment(number, time_s, time_s, (camera,), at)
        made.see(float(time_s), (camera,), [], at, 0.1)
    return made


def test_two_ways_side_by_side_are_one_person_where_no_camera_sees_two():
    joiner, least = GapJoiner([100.0, 100.0]), GapSettings().least
    old = way(1, 0, 10, 0, 5.0)
    assert joiner.evidence(old, way(2, 8.5, 12, 1, 5.1), 12) > least
    assert joiner.evidence(old, way(2, 8.5, 12, 1, 7.0), 12) < 0
    assert joiner.evidence(old, way(2, 8.5, 12, 0, 5.1), 12) == -math.inf
    # Who went that long side by side is two.
    assert joiner.evidence(old, way(2, 7.0, 12, 1, 5.1), 12) == -math.inf


@pytest.mark.parametrize("overlap_s", [0.5, 1.0, 1.5, 1.9])
@pytest.mark.parametrize("speed", [0.0, 0.5, 1.4, 2.0])
def test_ways_side_by_side_are_one_however_fast_somebody_walks(overlap_s, speed):
    joiner = GapJoiner([100.0, 100.0])
    old, new = (walked(k, speed, *span) for k, span in ((0, (0.0, 10.0)), (1, (10.0 - overlap_s, 16.0))))
    joiner.decide(5.0, [old], all_of_them=True)
    joiner.decide(16.0, [old, new], all_of_them=True)
    assert old.person == new.person == 1


def walked(camera, speed, begin_s, end_s):
    made = None
    for time_s in np.arange(begin_s, end_s + 0.05, 0.1).tolist():
        at = np.array([speed * time_s, 0.0])
        made = made or Segment(camera + 1, time_s, time_s, (camera,), at)
        made.see(time_s, (camera,), [], at, 0.1)
    return made


SAME = make_views(("a", "b", "c"), [SQUARES[0]] * 3)


def test_a_camera_that_joins_later_and_sees_both_tells_that_they_are_two():
    joiner = GapJoiner([100.0] * 3)
    old, new = walked(0, 0.0, 0.0, 10.0), walked(1, 0.0, 9.0, 16.0)
    for time_s in (9.5, 9.6):
        for one in (old, new):
            one.seen_since.setdefault(2, time_s)
            one.seen_by[2] = time_s
    assert joiner.evidence(old, new, 16.0) == -math.inf


def test_who_was_taken_for_a_ghost_is_still_who_they_were():
    def places(tick):
        time_s = tick * STEP_S
        rows = [(0, 5, 5, 1)] if time_s < 60 and not 11.0 < time_s < 12.8 else []
        # For a second another camera puts them elsewhere, while the first loses them.
        rows += [(1, 5.9, 5, 1)] if 10.1 <= time_s <= 11.5 else []
        return rows + ([(0, 5, 5, 2)] if time_s >= 63 else [])

    found = followed(NetworkTracker(SAME, STEP_S), places, 700)
    assert found[50, 0] == found[300, 0] == found[680, 0]


def test_nobody_is_in_two_places_at_once():
    joiner = GapJoiner([100.0])
    assert joiner.evidence(segment(1, 0, 10, 0), segment(2, 9, 12, 0), 12) == -math.inf
    assert joiner.evidence(segment(1, 0, 10, 0), segment(2, 80, 82, 0), 82) == -math.inf


@given(
    st.lists(st.floats(0, 50), min_size=4, max_size=120), st.floats(0.1, 2), st.floats(0, 1),
    st.floats(0, 100),
)  # fmt: skip
def test_a_passage_is_a_density(histogram, bin_s, probability, after_s):
    made = Passage.of_histogram(probability, histogram, bin_s)
    assert made.density.sum() * bin_s == pytest.approx(1.0)
    assert made.at(after_s) >= 0
    assert made.until(len(histogram) * bin_s + 1) == pytest.approx(probability)
    steps = np.linspace(0, len(histogram) * bin_s, 40)
    seen = [made.until(float(s)) for s in steps]
    assert (np.diff(seen) >= -1e-9).all()


def test_looks_are_worth_what_they_tell_apart():
    rng = np.random.default_rng(1)
    looks = Looks()
    one, other = np.eye(4)[0], np.eye(4)[1]
    assert looks.evidence(one, one) == 0.0
    for _ in range(ENOUGH):
        looks.same_again.add(float(rng.normal(0.9, 0.05)))
        looks.different.add(float(rng.normal(0.2, 0.2)))
    assert looks.evidence(one, one) > 1
    assert looks.evidence(one, other) < -3
    assert looks.evidence(one, None) == 0.0
    assert of_length_one(np.zeros(3)) is None
    blurred = Looks()
    for _ in range(ENOUGH):
        value = float(rng.normal(0.5, 0.2))
        blurred.same_again.add(value)
        blurred.different.add(value)
    assert blurred.evidence(one, one) == 0.0


def people_before(camera, count=300, seed=0):
    """Boxes of people on a camera's ground, and where they stand."""
    rng = np.random.default_rng(seed)
    width, height = camera.image_size
    foot = np.column_stack([rng.uniform(0.1, 0.9, count) * width, rng.uniform(0.35, 0.98, count) * height])
    place = camera.to_ground(foot)
    head = camera.to_image_above(place, 1.7)
    tall = foot[:, 1] - head[:, 1]
    box = np.column_stack([foot[:, 0] - 0.17 * tall, head[:, 1], 0.34 * tall, tall])
    kept = np.isfinite(place).all(axis=1) & (box[:, 1] > 2) & (np.linalg.norm(place, axis=1) < 30)
    return box[kept], place[kept]


@pytest.mark.parametrize(("up_m", "ahead_m"), [(3.5, 9.0), (5.0, 12.0), (7.0, 11.0)])
def test_a_ground_is_laid_by_peoples_heights(up_m, ahead_m):
    camera = Pinhole.looking_at((0, 0, up_m), (0, ahead_m, 0), (640, 480), 65.0)
    box, place = people_before(camera)
    ground = rough_ground(box, (640, 480))
    feet = np.column_stack([box[:, 0] + box[:, 2] / 2, box[:, 1] + box[:, 3]])
    found = ground.to_ground(feet)
    assert np.isfinite(found).all()
    # Distances between people are right but for a scale near 1; places are of the camera's own.
    true = np.linalg.norm(place[:, None] - place[None], axis=2)
    made = np.linalg.norm(found[:, None] - found[None], axis=2)
    far = true > 1.0
    ratio = made[far] / true[far]
    assert 0.9 < np.median(ratio) < 1.1
    assert np.quantile(np.abs(ratio / np.median(ratio) - 1), 0.9) < 0.1


def test_without_people_a_ground_is_guessed_that_can_be_used():
    ground = rough_ground(np.empty((0, 4)), (320, 240))
    points = ground.to_ground(np.array([[160.0, 200.0], [160.0, 239.0]]))
    assert np.isfinite(points).all()
    assert np.linalg.norm(points[0]) > np.linalg.norm(points[1])


def test_cameras_are_laid_onto_one_ground_where_edges_connect_them():
    camera = Pinhole.looking_at((0, 0, 4.0), (0, 9.0, 0), (640, 480), 65.0)
    box, _ = people_before(camera)
    same = LearnedEdge("b", "a", np.eye(3), 0.01)
    sizes = dict.fromkeys("abc", (640, 480))
    boxes = {"a": box, "b": box[:50], "c": box[:80]}
    grounds, metric = lay_grounds(sizes, {}, [same], boxes)
    assert set(grounds) == {"a", "b", "c"}
    assert metric == set()
    feet = np.column_stack([box[:40, 0] + box[:40, 2] / 2, box[:40, 1] + box[:40, 3]])
    one, two, other = (grounds[name].to_ground(feet) for name in "abc")
    assert np.abs(one - two).max() < 0.1
    assert np.linalg.norm(one - other, axis=1).min() > APART_M / 2
    grounds, metric = lay_grounds({"b": (640, 480)}, {"a": camera}, [same], {"b": box})
    assert metric == {"a", "b"}


def test_what_is_nobody_stays_nobody():
    tracker = NetworkTracker(VIEWS, STEP_S)
    settled = tracker.update(0, 0.0, sightings([(0, 5, 5, -1)]))
    settled += tracker.finish()
    assert settled[0].person.tolist() == [NOBODY]
