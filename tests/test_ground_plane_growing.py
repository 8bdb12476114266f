"""One ground plane while footage grows: as if all were known at once, and only new evidence is looked at."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdist_ray.topology.ground_plane.candidates import block_bits, turned_bits
from sdist_ray.topology.ground_plane.growing import GrowingPlane
from sdist_ray.topology.ground_plane.growing_tracks import GrowingTracks
from sdist_ray.topology.ground_plane.known import Composed, Known, Moved
from sdist_ray.topology.ground_plane.learn import look
from sdist_ray.topology.ground_plane.null import shifted
from sdist_ray.topology.ground_plane.pair import Fit, FitSettings
from sdist_ray.topology.ground_plane.plane import GroundPlane, LearnSettings
from sdist_ray.topology.ground_plane.view import make_view
from tests.ground_planes import CAMERAS, TICKS, hall, rows_of, run_with
from tests.test_ground_plane import some_feet, some_view

START = 10_000
SETTINGS = LearnSettings(chances=60, fit=FitSettings(draws=2000))


def some_tracks(seed, cuts, ticks, fps=10.0):
    """A camera that is told what it saw in pieces, and all of it; some ticks are missing."""
    tick, x, y = some_feet(seed, people=4, ticks=ticks)
    rng = np.random.default_rng(seed)
    available = np.flatnonzero(rng.random(ticks) > 0.1)
    seen = np.isin(tick, available)
    tick, x, y = tick[seen], x[seen] / 12, y[seen] / 9
    tracks = GrowingTracks(fps)
    for begin, end in zip([0, *cuts], [*cuts, ticks], strict=True):
        own, there = (tick >= begin) & (tick < end), (available >= begin) & (available < end)
        tracks.add(START + tick[own], x[own], y[own], START + available[there], START + end)
    flags = np.zeros(ticks, np.bool_)
    flags[available] = True
    return tracks, make_view(tick, x, y, flags, fps)


def assert_alike(view, other):
    for name, one, two in zip(view._fields, view, other, strict=True):
        assert one.dtype == two.dtype, name
        assert not one.flags.writeable, name
        np.testing.assert_allclose(one, two, atol=1e-5, err_msg=name)


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.lists(st.integers(1, 79), max_size=5))
def test_tracklets_that_grow_are_those_of_all_footage_at_once(seed, cuts):
    tracks, whole = some_tracks(seed, sorted(cuts), 80)
    view = tracks.view(START // 5, START // 5 + 16)
    assert_alike(view._replace(seen=whole.seen), whole)


def test_tracklets_are_forgotten_with_their_window_and_kept_elsewhere():
    tracks, whole = some_tracks(1, [100, 200, 300], 400)
    before = tracks.nbytes
    tracks.forget(START // 5 + 60)
    assert tracks.nbytes < before
    other = GrowingTracks(10.0)
    other.restore(tracks.arrays())
    for each in (tracks, other):
        view = each.view(START // 5 + 60, START // 5 + 80)
        assert view.samples == 20
        inside = (whole.sample_start[60], whole.sample_start[80])
        assert len(view.place) == inside[1] - inside[0]
        np.testing.assert_array_equal(view.available, whole.available[60:])
        np.testing.assert_array_equal(np.diff(view.sample_start), np.diff(whole.sample_start[60:]))


@pytest.mark.parametrize("shift", [1, 7, 64, 90])
def test_bits_are_turned_as_views_are(shift):
    view = some_view(4, people=5, ticks=500)
    bits, _ = block_bits([view, view])
    turned = turned_bits(bits, view.samples, shift)
    ones = np.unpackbits(bits.view(np.uint8), axis=2, bitorder="little")[:, :, : view.samples]
    found = np.unpackbits(turned.view(np.uint8), axis=2, bitorder="little")
    np.testing.assert_array_equal(found[:, :, : view.samples], np.roll(ones, shift, axis=2))
    assert not found[:, :, view.samples :].any()
    # Where a tracklet is cut in two its ends may move less, or more.
    direct, _ = block_bits([shifted(view, shift)])
    assert np.bitwise_count(direct[0] ^ turned[0]).sum() <= 0.05 * np.bitwise_count(turned[0]).sum()


@given(st.integers(0, 10**6), st.integers(1, 200), st.integers(0, 300))
def test_evidence_is_counted_from_any_sample_on(seed, samples, since):
    rng = np.random.default_rng(seed)
    there = rng.random((3, 2, samples)) < 0.4
    packed = np.zeros((3, 2, -(-samples // 64) * 8), np.uint8)
    bytes_ = np.packbits(there, axis=2, bitorder="little")
    packed[:, :, : bytes_.shape[2]] = bytes_
    moved = Moved(packed.view(np.uint64), 50, 50 + samples)
    somebody = there.any(axis=1)
    pairs = [(0, 1), (1, 2)]
    both = [somebody[a] & somebody[b] for a, b in pairs]
    assert moved.together(pairs).tolist() == [int(one.sum()) for one in both]
    found = moved.together(pairs, np.array([since, 0])).tolist()
    assert found == [int(both[0][max(0, since - 50) :].sum()), int(both[1].sum())]


def moved(*cameras):
    """Every sample in which somebody moved in each camera, of samples since 0."""
    bits = np.zeros((len(cameras), 1, 16), np.uint64)
    for number, samples in enumerate(cameras):
        for s in samples:
            bits[number, 0, s // 64] |= np.uint64(1) << np.uint64(s % 64)
    return bits


NOTHING = Fit(np.eye(3), 0.0, 0.0, 0.0, 0.0, 0.0, 0, 0)


def test_only_pairs_with_new_evidence_are_due():
    known = Known()
    known.take([(0, 1), (0, 2), (1, 2)])
    bits = moved(range(100), range(100), range(60))
    before = Moved(bits, 0, 100)
    assert known.due(before) == ([(0, 1), (0, 2), (1, 2)], [])
    known.looked(known.candidates, [NOTHING] * 3, before)
    known.place({(0, 2): NOTHING}, set(), before)
    assert known.due(before) == ([], [])
    # A quarter more for a pair that is placed, twice as much for one that is not.
    assert known.due(Moved(moved(range(115), range(115), [*range(60), *range(100, 115)]), 0, 115)) == (
        [], [(0, 2)],
    )  # fmt: skip
    assert known.due(Moved(moved(range(199), range(199), range(60)), 0, 199)) == ([], [])
    assert known.due(Moved(moved(range(200), range(200), range(60)), 0, 200)) == ([(0, 1)], [])
    # What was looked at is in the window no more, and something new is.
    assert known.due(Moved(moved(range(5), range(5), range(5)), 100, 105)) == ([(0, 1), (1, 2)], [(0, 2)])
    # Pairs that are worth nothing any more are forgotten, but for those that were placed.
    known.take([(1, 2)])
    assert set(known.looks) == {(0, 2), (1, 2)}


def test_candidates_are_searched_the_best_first_until_few_are_accepted():
    pairs = [(a, b) for a in range(20) for b in range(20, 40)]
    good = set(pairs[:150])
    known = Known(chance=np.random.default_rng(0).exponential(2, 300))
    known.take(pairs)
    asked = []

    def run(tasks):
        asked.append(len(tasks))
        return [
            NOTHING._replace(score=100.0 * ((task.a, task.b) in good), met=1.0, judged=1.0) for task in tasks
        ]

    plane = GroundPlane()
    look(known, run, Moved(moved(*[range(100)] * 40), 0, 100), plane, SETTINGS)
    assert [number for number in asked if number] == [100, 100, 100]
    assert known.searched == sorted(pairs[:300])
    assert known.candidates == pairs[:300]
    assert plane.candidates == 300


def test_what_closure_tried_is_tried_anew_where_a_pair_changes():
    tried = {(0, 1, 2), (0, 1, 3), (2, 3, 1)}
    composed = Composed(set(tried), {(0, 1): NOTHING, (2, 3): NOTHING}, {(0, 1): 1.0, (2, 3): 1.0})
    composed.forget({(1, 3)})
    assert composed.tried == set()
    composed = Composed(set(tried), {(0, 1): NOTHING, (2, 3): NOTHING}, {(0, 1): 1.0, (2, 3): 1.0})
    composed.forget({(0, 3)})
    assert composed.tried == {(2, 3, 1)}
    assert list(composed.best) == list(composed.chance) == [(2, 3)]
    composed.keep({(1, 2)})
    assert not composed.tried
    assert not composed.best


NAMES = tuple(f"c{number}" for number in range(CAMERAS))


def grow(plane, first, last, at=None, names=NAMES, cameras=range(CAMERAS)):
    """Tell of more and learn; the plane and the tasks that it took."""
    rows = rows_of(first, last, at, cameras)
    plane.add(rows, names, int(rows.tick.max()) + 1)
    tasks = []
    return plane.learn(lambda views: run_with(views, 2, tasks)), tasks


def searched(tasks):
    """The pairs that were searched as they are, neither turned in time nor with other clocks."""
    return {(task.a, task.b) for task in tasks if task.rough is None and not (task.shift or task.late_b)}


@pytest.fixture(scope="module")
def grown():
    """A plane that was told of three minutes in three pieces, what was found after each, and its tasks."""
    plane = GrowingPlane(10.0, 30.0, SETTINGS)
    return plane, [grow(plane, start, start + 600) for start in range(0, TICKS, 600)]


def test_what_grows_finds_what_is_there(grown):
    _, looks = grown
    shared = hall()[2]
    true = {(int(a), int(b)) for a, b in np.argwhere(shared > 4)}
    found = [len(set(plane.fits) & true) for plane, _ in looks]
    assert found[-1] >= 0.8 * len(true)
    assert sum(shared[pair] > 0 for pair in looks[-1][0].fits) >= 0.95 * len(looks[-1][0].fits)
    assert looks[0][0].candidates == len(searched(looks[0][1]))
    assert looks[-1][0].refined > 0
    # What was placed is not searched again unless it lost its score.
    assert len(searched(looks[-1][1]) & set(looks[1][0].fits)) <= 2


def test_where_nothing_moves_nothing_is_looked_at(grown):
    plane, looks = grown
    rows = rows_of(0, 50, TICKS)
    empty = np.zeros(len(rows.tick), np.int64)
    nobody = type(rows)(*(getattr(rows, name) for name in ("camera", "tick", "windows", "window_ends")),
                        rows.foot_x[:0], rows.foot_y[:0], empty)  # fmt: skip
    other = GrowingPlane(10.0, 30.0, SETTINGS)
    other.restore(plane.arrays())
    other.add(nobody, NAMES, TICKS + 50)
    tasks = []
    found = other.learn(lambda views: run_with(views, 2, tasks))
    # What closure tried is not written down.
    assert all(task.rough is not None for task in tasks)
    tasks.clear()
    again = other.learn(lambda views: run_with(views, 2, tasks))
    assert not tasks
    assert set(again.fits) == set(found.fits) >= set(looks[-1][0].fits)
    assert other.footage_s == 185


def test_what_is_restored_goes_on_as_if_nothing_had_happened(grown):
    plane, looks = grown
    one, other = GrowingPlane(10.0, 30.0, SETTINGS), GrowingPlane(10.0, 30.0, SETTINGS)
    for start in (0, 600):
        grow(one, start, start + 600)
    other.restore(one.arrays())
    found, _ = grow(other, 1200, TICKS)
    expected = looks[-1][0]
    assert set(found.fits) == set(expected.fits)
    for pair, fit in found.fits.items():
        np.testing.assert_allclose(fit.homography, expected.fits[pair].homography, atol=0.02)
    for name, array in plane.arrays().items():
        if name.startswith("tracks."):
            np.testing.assert_array_equal(array, other.arrays()[name])
    with pytest.raises(ValueError, match="rate"):
        GrowingPlane(25.0, 30.0, SETTINGS).restore(one.arrays())


def test_memory_is_bounded_and_what_a_moved_camera_saw_is_forgotten():
    plane = GrowingPlane(10.0, 1.0, SETTINGS)
    sizes = []
    for number in range(4):
        found, _ = grow(plane, 0, 600, 600 * number)
        sizes.append(plane.nbytes)
    assert plane.footage_s == 60
    assert max(sizes[1:]) < 1.1 * min(sizes[1:])
    before = {pair for pair in found.fits if 0 in pair}
    assert before
    # Camera 0 shows now what another one of the other hall saw.
    shared, near = hall()[2] + hall()[2].T, [0, *(pair[1] for pair in before)]
    other = next(camera for camera in range(1, CAMERAS) if not shared[camera, near].any())
    for number in range(4, 6):
        found, _ = grow(plane, 0, 600, 600 * number, cameras=[other, *range(1, CAMERAS)])
    assert (0, other) in found.fits
    assert not before & set(found.fits)
