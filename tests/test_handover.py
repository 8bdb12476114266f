"""Where a target that left is seen next: counts of exits, answers by time, and what is true."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdist_ray.errors import InputError
from sdist_ray.occupancy.block import Clock
from sdist_ray.occupancy.grid import Grid
from sdist_ray.report.handover_run import read_handover
from sdist_ray.simulation.site import SiteSpec, make_site, walk
from sdist_ray.simulation.truth_handovers import true_handovers
from sdist_ray.simulation.truth_transits import true_sights
from sdist_ray.topology.handover.build import Linked, Walked, build_handover
from sdist_ray.topology.handover.exits import ExitTally
from sdist_ray.topology.handover.successions import SuccessionTally
from sdist_ray.topology.transit.events import SpreadLinks
from sdist_ray.topology.transit.nodes import zones_of
from tests import oracles_handover as oracles
from tests.oracles_transit import spread_links
from tests.report.made_run import make_run
from tests.test_transit import GRID, words_of

NAMES = ("a", "b", "c", "d")


@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    gap=st.integers(1, 6),
    ticks=st.integers(1, 64),
    density=st.floats(0, 0.15),
    again=st.booleans(),
)
def test_what_becomes_of_those_who_leave_equals_the_oracle(seed, gap, ticks, density, again):
    rng = np.random.default_rng(seed)
    occupied = rng.random((60, 3, GRID.windows)) < density
    available = rng.random((60, 3)) < 0.97
    pairs = [
        (int(a), 12 + int(b)) for a, b in zip(rng.integers(0, 12, 3), rng.integers(0, 24, 3), strict=True)
    ]
    tally = ExitTally(3, GRID, Clock(10, ticks), gap / 10)
    tally.link(SpreadLinks.of(np.array(pairs), 3 * GRID.windows, GRID))
    for entry in words_of(occupied, available, Clock(10, ticks)):
        tally.add(entry)
        if again:  # What was counted stays when links are told anew.
            tally.link(SpreadLinks.of(np.array(pairs), 3 * GRID.windows, GRID))
    counts = tally.counts()
    expected = oracles.exit_counts(
        occupied, available, GRID.columns, gap, spread_links(pairs, GRID.columns, GRID.windows)
    )
    for name in ("exits", "gone", "entries", "came"):
        places = np.array([expected[name][place] for place in range(36)])
        assert getattr(counts, name).reshape(-1).tolist() == places.tolist(), name
    place = counts.camera * GRID.windows + counts.window
    found = {
        (p, h): (a, s)
        for p, h, a, s in zip(
            place.tolist(), counts.holder.tolist(), counts.asked.tolist(), counts.held.tolist(), strict=True
        )
    }
    assert found == {key: (many, expected["held"][key]) for key, many in expected["asked"].items()}


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), events=st.integers(0, 40), step=st.integers(20, 400))
def test_successions_equal_the_oracle_however_events_come_in(seed, events, step):
    rng = np.random.default_rng(seed)
    zone = np.array([0, 0, 1, 1])
    (left, place), (came, entered) = (
        (np.sort(rng.integers(0, 2000, events)), rng.integers(0, 8, events)) for _ in range(2)
    )
    tally = SuccessionTally(2, zone, 10.0)
    # Of each step the entries are known, and the exits up to ten ticks ago.
    for end in range(step, 2000 + 2 * step, step):
        out = (left >= end - step - 10) & (left < end - 10)
        out |= (left < end - 10) & (end == step)
        now = (came >= end - step) & (came < end)
        tally.add(left[out], place[out], came[now], entered[now], end - 11)
    node = place // 4 * 2 + zone[place % 4]
    exits = list(zip(left.tolist(), node.tolist(), strict=True))
    entries = list(zip(came.tolist(), (entered // 4).tolist(), strict=True))
    expected = oracles.successions(exits, entries, [-10, 5, 20, 50, 100, 200, 400, 600])
    counts = tally.counts
    found = {tuple(at): int(counts[tuple(at)]) for at in np.argwhere(counts).tolist()}
    assert found == dict(expected)


@pytest.mark.parametrize(("often", "expected"), [(True, 0.8), (False, 0.0)])
def test_what_follows_more_often_than_by_chance_is_told(often, expected):
    rng = np.random.default_rng(2)
    left = np.sort(rng.integers(0, 36_000, 200))
    came = np.sort(left[:160] + 30 if often else rng.integers(0, 36_000, 160))
    tally = SuccessionTally(2, np.zeros(4, np.int64), 10.0)
    tally.add(left, np.zeros(200, np.int64), came, np.full(160, 5), 40_000)
    found = tally.found(36_000)
    share = found.share[(found.source == 0) & (found.target == 1)]
    third = share[:, 2].sum()  # 2 to 5 s
    assert third == pytest.approx(expected, abs=0.1)


@pytest.fixture(scope="module")
def known():
    """Window 0 of a is linked with window 11 of b; who leaves a by its right half walks to c in 5 s, or to d
    in 10 s."""
    numbers = [np.array([0]), np.array([0]), np.array([1]), np.array([11])]
    linked = Linked(*numbers, np.array([0.9]), np.array([0.8]))
    zone = zones_of(GRID, 2)
    zones = int(zone.max()) + 1
    right = int(zone[3])
    histogram = np.zeros((2, 120))
    histogram[0, 10], histogram[1, 20] = 30.0, 10.0
    exits = np.zeros(4 * zones)
    exits[right] = 50.0
    walked = Walked(
        np.array([0, 0]), np.array([2, 3]), np.array([0.3, 0.1]), histogram, 0.5, np.zeros(4), zone,
        np.array([right, right]), np.array([2 * zones, 3 * zones + right]), np.array([30.0, 10.0]), histogram,
        exits,
    )  # fmt: skip
    return build_handover(NAMES, GRID, linked, walked)


def test_overlap_comes_first_and_names_the_linked_windows(known):
    first, *others = known.candidates("a", 0)
    assert (first.camera, first.kind, first.from_s, first.windows) == ("b", "overlap", 0.0, (11,))
    assert first.probability == pytest.approx(0.9)
    # One in ten is left for all that comes later.
    assert 0 < sum(one.probability for one in others) <= 0.1
    back = known.candidates("b", 11)[0]
    assert (back.camera, back.windows) == ("a", (0,))
    assert back.probability == pytest.approx(0.8)


def test_who_leaves_by_another_window_is_seen_later(known):
    found = known.candidates("a", 3)
    assert [one.camera for one in found[:2]] == ["c", "d"]
    assert {one.kind for one in found[:2]} == {"transit"}
    assert found[0].probability == pytest.approx(0.6, abs=0.1)
    assert found[0].from_s == pytest.approx(5, abs=0.3)
    assert found[0].until_s == pytest.approx(5.5, abs=0.3)
    assert 2 * found[1].probability < found[0].probability
    zone = zones_of(GRID, 2)
    assert {zone[window] for window in found[1].windows} == {zone[3]}


def test_time_that_has_passed_rules_out_what_would_have_come(known):
    assert known.candidates("a", 3, after_s=7)[0].camera == "d"
    later = {one.camera: one.probability for one in known.candidates("a", 3, after_s=7)}
    assert later["d"] > {one.camera: one.probability for one in known.candidates("a", 3)}["d"]
    assert all(one.kind != "overlap" for one in known.candidates("a", 0, after_s=7))


def test_where_to_look_now(known):
    now = known.candidates("a", 3, after_s=4.8, within_s=0.6, most=1)
    assert now[0].camera == "c"
    assert now[0].probability > 0.3
    soon = {one.camera: one.probability for one in known.candidates("a", 3, after_s=7, within_s=1)}
    assert soon.get("d", 0.0) < 0.05, "d is ten seconds away"
    assert known.candidates("a", 3, after_s=10, within_s=1)[0].camera == "d"


@settings(max_examples=40, deadline=None)
@given(
    camera=st.sampled_from(NAMES), window=st.none() | st.integers(0, 11), after_s=st.floats(0, 100),
    within_s=st.none() | st.floats(0.01, 100),
)  # fmt: skip
def test_chances_are_chances_and_sorted(known, camera, window, after_s, within_s):
    found = known.candidates(camera, window, after_s, within_s)
    chances = [one.probability for one in found]
    assert chances == sorted(chances, reverse=True)
    assert all(0 < chance <= 1 for chance in chances)
    assert sum(one.probability for one in found if one.kind != "overlap") <= 1 + 1e-9
    for one in found:
        assert one.from_s <= one.median_s <= one.until_s
        assert len(one.windows) == len(one.shares)
        assert sum(one.shares) <= 1 + 1e-9


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("x",), "camera 'x'"),
        (("a", 12), "windows 0 to 11"),
        (("a", -1), "windows 0 to 11"),
        (("a", 0, -1.0), "after_s"),
        (("a", 0, float("nan")), "after_s"),
        (("a", 0, 0.0, float("inf")), "within_s"),
    ],
)
def test_what_cannot_be_asked_is_told(known, arguments, said):
    with pytest.raises(InputError, match=said):
        known.candidates(*arguments)


def test_links_alone_are_enough(tmp_path):
    handover = read_handover(make_run(tmp_path))
    first = handover.candidates("C02")[0]
    assert (first.kind, first.camera in ("C01", "C03")) == ("overlap", True)
    with_window = [handover.candidates("C02", window)[0] for window in range(36, 108)]
    assert {one.kind for one in with_window} >= {"overlap"}
    assert all(one.camera in ("C01", "C03") for one in with_window if one.kind == "overlap")
    # A camera that nothing is known of has guesses, all of them of other cameras.
    assert all(one.kind == "guess" and one.camera != "C11" for one in handover.candidates("C11"))


def test_true_handovers_equal_the_oracle():
    site = make_site(SiteSpec(cameras=4, people=6, minutes=0.5, seed=4))
    people = walk(site)
    grid = Grid()
    truth = true_handovers(site, people, grid, gap_s=0.5, longest_s=8)
    key, camera, _ = true_sights(site, people)
    seen = np.zeros((people.ticks, people.people, 4), bool)
    seen[key % people.ticks, key // people.ticks, camera] = True
    found = [
        (
            int(truth.person[k]), int(truth.tick[k]), int(truth.camera[k]), int(truth.lag[k]),
            frozenset(truth.next_camera[truth.start[k] : truth.start[k + 1]].tolist()),
        )
        for k in range(len(truth))
    ]  # fmt: skip
    assert found
    assert sorted(found, key=lambda f: f[:4]) == sorted(oracles.handovers(seen, 5, 80), key=lambda f: f[:4])
