"""Numbers of a live network: they merge, they are bounded, and they are what they say."""

import json
import math
import pickle

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sdist_ray.runtime.delays import BUCKETS, GROWTH, DelayHistogram, DelayTracker
from sdist_ray.runtime.health import (
    CameraHealth,
    NetworkHealth,
    ProcessHealth,
    WorkerHealth,
    merged,
)
from sdist_ray.runtime.lateness import LateCounter, SkewEstimator
from sdist_ray.runtime.usage import BusyMeter, MemorySlopes, rss_bytes

DELAYS = st.lists(st.floats(1e-3, 3600.0), min_size=1, max_size=200)
ERROR = math.sqrt(GROWTH) * (1 + 1e-9)


def histogram(delays):
    found = DelayHistogram()
    found.add_many(delays)
    return found


@given(DELAYS, st.floats(0, 1))
def test_quantiles_are_right_to_half_a_bucket(delays, p):
    rank = max(1, math.ceil(p * len(delays)))
    exact = sorted(delays)[rank - 1]
    assert exact / ERROR <= histogram(delays).quantile(p) <= exact * ERROR


@given(DELAYS, DELAYS)
def test_merging_is_counting_together(one, other):
    together = histogram(one)
    together.merge(histogram(other))
    expected = histogram(one + other)
    np.testing.assert_array_equal(together.counts, expected.counts)
    assert together.most_s == expected.most_s
    assert together.total_s == pytest.approx(expected.total_s)


@example([8.988465674311579e307, 8.98846567431158e307])
@given(st.lists(st.floats(), max_size=50))
def test_whatever_is_counted_memory_and_json_stay_in_bounds(delays):
    found = histogram(delays)
    for delay in delays:
        found.add(delay)
    assert found.counts.nbytes == 8 * BUCKETS
    assert len(found) == 2 * sum(map(math.isfinite, delays))
    json.dumps(found.content())


def test_an_empty_histogram_and_a_quantile_that_is_none():
    assert DelayHistogram().content() == {
        "count": 0,
        "mean_s": None,
        "p50_s": None,
        "p99_s": None,
        "most_s": None,
    }
    with pytest.raises(ValueError, match="within 0 to 1"):
        DelayHistogram().quantile(1.5)


def test_delays_by_camera_are_recent_and_the_runs_are_all():
    tracker = DelayTracker(2)
    for second in range(0, 60, 2):
        tracker.counted(np.array([0, 0, 1]), 1000.0 + second - np.array([2, 2, 5]), 1000.0 + second)
    assert tracker.by_camera(0.5) == pytest.approx([2, 5], rel=0.05)
    assert tracker.network(0.5) == pytest.approx(2, rel=0.05)
    assert tracker.network(0.99) == pytest.approx(5, rel=0.05)
    # A camera that joined; two minutes on, those before are forgotten, but for the run's.
    tracker.counted(np.array([4]), np.array([2000.0]), 2007.0)
    by_camera = tracker.by_camera(0.5)
    assert np.isnan(by_camera[:4]).all()
    assert by_camera[4] == pytest.approx(7, rel=0.05)
    assert len(tracker.run) == 91
    tracker.counted(np.array([], np.int64), np.array([]), 2008.0)


def test_delays_of_a_day_take_no_more_memory_than_those_of_a_minute():
    tracker = DelayTracker(10)
    camera = np.repeat(np.arange(10), 20)
    for second in range(0, 24 * 3600, 40):
        tracker.counted(camera, np.full(200, second - 6.0), float(second))
    assert len(pickle.dumps(tracker)) < 10 * 2 * 4 * BUCKETS + 8 * BUCKETS + 2000


def camera(name="a", **values):
    return CameraHealth(name, **values)


def test_a_camera_that_moved_keeps_what_was_done_before():
    before = camera(
        frames_in=10, processed=8, dropped=1, bad=1, reconnects=2, last_frame_s=5.0, available_ticks=8,
        occupied_ticks=2, busy_s=0.8, state="live", worker=0,
    )  # fmt: skip
    now = camera(frames_in=5, processed=2, available_ticks=2, occupied_ticks=1, busy_s=0.2, worker=1)
    (found,) = merged([now], {"a": before})
    assert (found.frames_in, found.processed, found.reconnects, found.last_frame_s) == (15, 10, 2, 5.0)
    assert (found.worker, found.state) == (1, "starting")
    assert found.cost_s == pytest.approx(0.1)
    assert found.occupancy_rate == pytest.approx(0.3)
    assert merged([camera("b")], {"a": before}) == [before, camera("b")]


def test_rates_of_a_camera_that_has_done_nothing():
    found = camera()
    assert (found.cost_s, found.occupancy_rate, found.age_s(5.0)) == (None, None, None)
    assert camera(last_frame_s=9.0).age_s(5.0) == 0.0


@pytest.mark.parametrize(
    ("state", "problem", "trouble"),
    [("live", None, False), ("dark", None, True), ("waiting", None, True), ("connecting", None, False),
     ("connecting", "refused", True), ("ended", None, False)],
)  # fmt: skip
def test_what_is_trouble(state, problem, trouble):
    assert camera(state=state, problem=problem).in_trouble == trouble


def test_a_network_is_the_sum_of_its_parts():
    health = NetworkHealth(
        time_s=100.0,
        cameras=(camera("a", state="live", frames_in=7, late=3), camera("b", state="frozen", frames_in=5)),
        # Two workers are threads of one process, with the coordinator; one is gone.
        workers=(
            WorkerHealth(0, "n", 1, 1, rss_bytes=100, frames_per_s=10),
            WorkerHealth(1, "n", 1, 1, rss_bytes=100, frames_per_s=5),
            WorkerHealth(2, "m", 1, 0, rss_bytes=40, frames_per_s=2),
            WorkerHealth(3, "m", 9, 0, rss_bytes=5000, frames_per_s=9, alive=False),
        ),
        coordinator=ProcessHealth("n", 1, rss_bytes=100),
        ranges_closed=5,
        ranges_counted=3,
        rows=297,
        memory_slopes={"x": 0.5, "y": -0.25},
    )
    assert health.rss_bytes == 140
    assert (health.frames_per_s, health.ranges_behind, health.late, health.live) == (17, 2, 3, 1)
    assert health.late_fraction == 0.01
    assert health.memory_slope_mb_per_min == 0.25
    content = json.loads(json.dumps(health.content(), allow_nan=False))
    assert content["cameras_by_state"] == {"live": 1, "frozen": 1}
    assert content["frames_in"] == 12
    assert [entry["id"] for entry in content["cameras"]] == ["a", "b"]
    assert pickle.loads(pickle.dumps(health)) == health  # noqa: S301


def test_numbers_that_json_does_not_know_are_none():
    health = NetworkHealth(time_s=1.0, cameras=(camera(skew_s=math.nan, delay_p99_s=math.inf),))
    content = json.dumps(health.content(), allow_nan=False)
    assert '"skew_s": null' in content


def test_late_rows_by_camera_and_minute_of_their_arrival():
    late = LateCounter(minutes=3)
    late.add(np.array([1, 1]), 0.0)
    late.add(np.array([0, 1]), 30.0)
    late.add(np.array([2]), 61.0)
    late.add(np.array([], np.int64), 62.0)
    # A clock that was set back: it counts in the newest minute.
    late.add(np.array([2]), 10.0)
    assert late.table(("a", "b", "c")) == {
        "1970-01-01T00:00Z": {"a": 1, "b": 3},
        "1970-01-01T00:01Z": {"c": 2},
    }
    for minute in range(2, 100):
        late.add(np.array([0]), 60.0 * minute)
    assert len(late.table(("a", "b", "c"))) == 3
    assert late.total == 6 + 98
    assert late.totals(4).tolist() == [99, 3, 2, 0]
    with pytest.raises(ValueError):
        LateCounter(0)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 10**6)), max_size=200))
def test_late_counts_are_bounded_and_none_is_lost(rows):
    late = LateCounter(minutes=5)
    for place, now_s in rows:
        late.add(np.array([place]), float(now_s))
    table = late.table("abcdefghij")
    assert len(table) <= 5
    assert late.total == len(rows)
    assert sum(sum(counts.values()) for counts in table.values()) <= len(rows)


def test_skews_are_seen_in_the_least_way_of_each_camera():
    skew = SkewEstimator()
    rng = np.random.default_rng(0)
    clocks = np.array([0.0, 0.0, 0.0, 0.4, -3.0])
    for second in range(30):
        jitter = rng.exponential(0.2, (10, 5))
        for lag in 0.05 + jitter + clocks:
            skew.add(np.arange(5), lag, 1000.0 + second)
    assert skew.skews_s() == pytest.approx(clocks, abs=0.03)
    assert list(skew.beyond(0.3)) == [3, 4]
    assert "0.4 s behind" in skew.beyond(0.3)[3]
    assert "in the future" in skew.beyond(0.3)[4]
    assert skew.beyond(5.0) == {}


def test_a_clock_that_was_set_right_is_so_within_a_minute():
    skew = SkewEstimator()
    skew.add(np.arange(3), [0.1, 0.1, -9.0], 1000.0)
    for second in range(1, 70):
        skew.add(np.arange(3), [0.1, 0.1, 0.1], 1000.0 + second)
    assert skew.beyond(0.3) == {}
    # Whoever has sent nothing for a minute is not known.
    skew.add(np.array([1]), [0.1], 2000.0)
    assert np.isnan(skew.skews_s()).tolist() == [True, False, True]
    assert SkewEstimator().skews_s().shape == (0,)
    assert skew._least.nbytes == 12 * 3 * 4


def test_memory_slopes_are_those_of_the_line_after_the_warm_up():
    slopes = MemorySlopes(warmup_s=60, every_s=5, samples=100)
    for second in range(0, 2000):
        # What is loaded at the start is no growth.
        loaded = min(second, 50) * 10**7
        slopes.add("grows", loaded + second * 50_000, float(second))
        slopes.add("flat", loaded, float(second))
    slopes.add("young", 10**9, 2000.0)
    assert slopes.by_process() == pytest.approx({"grows": 3.0, "flat": 0.0}, abs=1e-6)
    assert len(slopes._kept["grows"][1]) == 100
    slopes.forget("grows")
    assert list(slopes.by_process()) == ["flat"]


def test_memory_of_many_processes_is_bounded():
    slopes = MemorySlopes(processes=3)
    for number in range(100):
        slopes.add(f"{number}", 1, 0.0)
    assert list(slopes._kept) == ["97", "98", "99"]


def test_memory_of_this_process(tmp_path):
    before = rss_bytes()
    assert 10**7 < before < 10**11
    block = np.ones(10**7)
    assert rss_bytes() - before > 5 * 10**7
    del block
    assert rss_bytes(tmp_path) > 10**7


def test_the_busy_share_is_that_since_the_last_time():
    times = iter([(0.0, 0.0), (5.0, 10.0), (5.0, 20.0)])
    used = []

    def used_s():
        used[:] = next(times)
        return used[0]

    meter = BusyMeter(used_s, lambda: used[1])
    assert [meter.read(), meter.read()] == [0.5, 0.0]
    assert BusyMeter().read() >= 0
