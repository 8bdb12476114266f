"""People and violations as the dashboard has them: everybody once, whoever sees them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdist_ray.serve.distances import Distances


def distances(rows, cameras=("a", "b")):
    """Of (time, camera, track, person, x) rows."""
    time_s, camera, track, person, x = np.array(sorted(rows), dtype=np.float64).reshape(-1, 5).T
    return Distances(
        summary={}, cameras=cameras, camera=camera.astype(np.int32), track=track.astype(np.int64),
        group=np.full(len(x), -1), person=person.astype(np.int64), time_s=time_s, x=x.astype(np.float32),
        y=np.zeros(len(x), np.float32), unit="m", limit=2.0, violations=[], truncated=False,
    )  # fmt: skip


def people(rows):
    return np.array(distances(rows).overview()["history"]["people"])


@pytest.mark.parametrize("off_s", [0.0, 0.03, 0.05])
@pytest.mark.parametrize("fused", [False, True])
def test_people_are_counted_whenever_their_cameras_look(off_s, fused):
    rows = [
        (k / 10 + camera * off_s, camera, 4, 9 if fused else -1, 0.0) for k in range(100) for camera in (0, 1)
    ]
    # Two tracks of two cameras are two people, unless they are known to be one.
    assert people(rows) == pytest.approx(1.0 if fused else 2.0, abs=0.1)


def test_cameras_of_different_rates_count_alike():
    rows = [(k / 10, 0, 1, -1, 0.0) for k in range(100)] + [(k / 4, 1, 1, -1, 0.0) for k in range(40)]
    assert people(rows) == pytest.approx(2.0, abs=0.15)


@pytest.mark.parametrize(
    ("fps", "seconds", "many"), [(0.5, 1200, 4), (0.2, 1200, 4), (0.01, 2000, 3), (1, 10, 1), (1, 300, 3)]
)
def test_who_stays_is_there_all_the_time_however_seldom_a_camera_looks(fps, seconds, many):
    rows = [(k / fps, 0, track, -1, 0.0) for k in range(int(seconds * fps) + 1) for track in range(many)]
    known = replace(distances(rows), look_s={"a": 1 / fps})
    assert known.overview()["history"]["people"] == pytest.approx([many] * min(seconds, 120), abs=0.01)
    if fps >= 0.5:
        assert people(rows) == pytest.approx(many, abs=0.01)


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 1), st.integers(0, 2)), unique=True, min_size=1),
    st.sampled_from([0.25, 1.0, 7.0]),
)
def test_people_over_time_are_who_was_there(seen, look_s):
    made = replace(distances([(t, c, w, -1, 0.0) for t, c, w in seen]), look_s={"a": look_s, "b": look_s})
    history = made.overview()["history"]
    first, last = made.span()
    step = history["bin_s"]
    expected = np.zeros(len(history["people"]))
    for camera, track in {(c, w) for _, c, w in seen}:
        times = sorted(t for t, c, w in seen if (c, w) == (camera, track))
        for at, then in zip(times, [*times[1:], np.inf], strict=True):
            until = min(at + look_s, then)
            starts = first + step * np.arange(len(expected))
            expected += np.maximum(np.minimum(until, starts + step) - np.maximum(at, starts), 0.0) / step
    assert history["people"] == pytest.approx(expected, abs=0.0051)
    assert last >= first


def test_a_mean_is_over_all_of_a_bin():
    found = people([(k / 10, 0, 1, -1, 0.0) for k in range(10)] + [(3600.0, 0, 1, -1, 0.0)])
    assert found[0] == pytest.approx(1 / 30, abs=0.005)
    assert found[5] == 0
    assert people([(7.0, 0, track, -1, 0.0) for track in (1, 2, 3)]).tolist() == [3.0]
    assert people([]).tolist() == [0.0]


def test_who_several_cameras_see_is_there_once():
    made = distances([(1.0, 0, 7, 4, 2.0), (1.0, 1, 7, 4, 3.0), (1.0, 1, 8, 7, 5.0), (0.9, 0, 7, 4, 9.0)])
    four, seven = made.at(1.0, None)["people"]
    assert (four["person"], four["cameras"], four["x"]) == (4, ["a", "b"], 2.5)
    assert (seven["person"], seven["track"], seven["cameras"]) == (7, 8, ["b"])
    [only] = made.at(1.0, "a")["people"]
    assert (only["person"], only["cameras"], only["x"]) == (4, ["a"], 2.0)
    apart = distances([(1.0, 0, 7, -1, 2.0), (1.0, 1, 7, -1, 3.0)]).at(1.0, None)["people"]
    assert [(one["camera"], one["person"]) for one in apart] == [("a", None), ("b", None)]
