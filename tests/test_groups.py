"""People who keep close and move alike are together; who merely is near is not."""

import math
from dataclasses import replace

import numpy as np
import pytest

from experiments.groups.sequences import broken, find, load, noisy, resampled, score, with_truth
from sdist_ray.distancing.companions import Motion
from sdist_ray.distancing.groups import GroupFinder, GroupSettings
from sdist_ray.distancing.scene import NO_GROUP
from tests.conftest import data_folder
from tests.oracles import companionship, fading_line

SETTINGS = GroupSettings()


def walk(start, velocity, times):
    return np.array(start, float) + np.outer(np.asarray(times), velocity)


def frames_of(paths, times):
    """Frames from track -> (len(times), 2); NaN where a track is not seen."""
    for at, time_s in enumerate(times):
        seen = [name for name, path in paths.items() if np.isfinite(path[at]).all()]
        yield time_s, np.array(seen, np.int64), np.array([paths[n][at] for n in seen]).reshape(-1, 2)


def watch(paths, times, settings=SETTINGS):
    """The finder after all frames, and each frame's group of each track, NO_GROUP where it is absent."""
    finder, groups = GroupFinder(settings), []
    for time_s, track, ground in frames_of(paths, times):
        found = finder.update(time_s, track, ground)
        groups.append(dict(zip(track.tolist(), found.tolist(), strict=True)))
    return finder, groups


def seconds(duration, fps=10.0, start=1.7e9):
    return start + np.arange(round(duration * fps) + 1) / fps


@pytest.mark.parametrize("fps", [2.5, 10.0, 30.0])
def test_two_who_walk_side_by_side_are_a_group(fps):
    times = seconds(10, fps)
    finder, groups = watch(
        {4: walk((0, 0), (1.3, 0), times - times[0]), 9: walk((0, 0.8), (1.3, 0), times - times[0])}, times
    )
    assert groups[0] == {4: NO_GROUP, 9: NO_GROUP}
    assert groups[-1] == {4: 0, 9: 0}
    (group,) = finder.records
    assert (group.number, group.members, group.until_s) == (0, (4, 9), math.inf)
    assert group.since_s == pytest.approx(times[0], abs=0.2)
    assert 2.0 <= group.recognised_s - times[0] <= 3.0
    assert group.reason.startswith("2 people: 0.8 m apart, 0.0 m/s velocity difference, for 2.")
    (verdict,) = finder.pairs
    assert verdict.pair == (4, 9)
    assert verdict.direct
    assert finder.together(9, 4, times[0] + 0.5), "the exemption reaches back to where they began"
    assert not finder.together(9, 4, times[0] - 1)


def test_passers_by_are_no_group():
    times = seconds(10)
    t = times - times[0]
    finder, _ = watch({1: walk((0, 0), (1.3, 0), t), 2: walk((13, 0.6), (-1.3, 0), t)}, times)
    assert finder.records == finder.pairs == []
    assert not finder.together(1, 2)


def test_who_overtakes_is_no_companion():
    times = seconds(14)
    t = times - times[0]
    finder, _ = watch({1: walk((0, 0), (1.2, 0), t), 2: walk((-4, 0.8), (1.8, 0), t)}, times)
    assert finder.pairs == []


def test_a_follower_at_three_metres_is_no_companion():
    times = seconds(30)
    t = times - times[0]
    for behind in (2.0, 2.9, 3.0):
        finder, _ = watch({1: walk((0, 0), (1.3, 0), t), 2: walk((-behind, 0), (1.3, 0), t)}, times)
        assert finder.pairs == []


def test_who_stands_near_another_is_a_companion_only_after_a_minute():
    times = seconds(100, 5)
    still = np.zeros((len(times), 2))
    beside, further = np.array([0, 0.8]), np.array([0, -1.6])
    finder, _ = watch({1: still, 2: still + beside, 3: still + further}, times)
    (group,) = finder.records
    assert group.members == (1, 2)
    assert 50 < group.recognised_s - times[0] < 80
    assert group.since_s < times[0] + 2


def test_who_walked_together_stays_together_while_standing():
    times = seconds(60)
    t = np.minimum(times - times[0], 10)
    finder, groups = watch({1: walk((0, 0), (1.3, 0), t), 2: walk((0, 0.8), (1.3, 0), t)}, times)
    assert groups[-1] == {1: 0, 2: 0}
    assert len(finder.records) == 1


def test_groups_that_pass_through_each_other_do_not_fuse():
    times = seconds(16)
    t = times - times[0]
    paths = {k: walk((0, 0.7 * k), (1.3, 0), t) for k in (1, 2, 3)}
    paths |= {10 + k: walk((20, 0.7 * k + 0.3), (-1.3, 0), t) for k in (1, 2, 3)}
    finder, groups = watch(paths, times)
    assert [group.members for group in finder.records] == [(1, 2, 3), (11, 12, 13)]
    middle = [frame for frame in groups if NO_GROUP not in frame.values()]
    assert len(middle) > 100
    assert all(frame[1] == frame[2] == frame[3] != frame[11] == frame[12] == frame[13] for frame in middle)


def test_one_pair_does_not_fuse_two_groups():
    """Two pairs side by side, whose inner members come close while the outer ones stay out of reach."""
    times = seconds(20)
    t = times - times[0]
    paths = {1: walk((0, 0), (1.3, 0), t), 4: walk((0, 0.8), (1.3, 0), t)}
    paths |= {2: walk((0, 2.0), (1.3, 0), t), 3: walk((0, 2.8), (1.3, 0), t)}
    finder, groups = watch(paths, times, replace(SETTINGS, reach_m=1.9))
    assert groups[-1][1] == groups[-1][4] != groups[-1][2] == groups[-1][3]
    assert finder.evidence(2, 4) > SETTINGS.recognise
    assert not finder.together(2, 4)


def test_the_ends_of_a_row_are_together_by_way_of_the_middle():
    times = seconds(10)
    t = times - times[0]
    finder, groups = watch({k: walk((0, 0.8 * k), (1.3, 0), t) for k in (1, 2, 3)}, times)
    assert len(set(groups[-1].values())) == 1
    assert [(v.pair, v.direct) for v in finder.pairs] == [((1, 2), True), ((1, 3), False), ((2, 3), True)]
    assert all(v.since_s <= v.recognised_s for v in finder.pairs)


def test_a_member_who_leaves_is_let_go_and_the_group_keeps_its_number():
    times = seconds(30)
    t = times - times[0]
    paths = {k: walk((0, 0.7 * k), (1.3, 0), t) for k in (1, 2, 3)}
    leaves = np.maximum(t - 12, 0)
    paths[3] = paths[3] + np.outer(leaves, (-0.3, 1.0))
    finder, groups = watch(paths, times)
    assert groups[-1] == {1: 0, 2: 0, 3: NO_GROUP}
    (group,) = finder.records
    assert (group.members, group.until_s) == ((1, 2, 3), math.inf)
    (verdict,) = finder.verdicts(3, 2)
    assert verdict.until_s == pytest.approx(times[0] + 12, abs=2)
    assert finder.together(2, 3, times[0] + 11)
    assert not finder.together(2, 3, times[-1])


def test_two_who_part_and_meet_again_have_two_verdicts():
    times = seconds(60)
    t = times - times[0]
    apart = np.clip(t - 15, 0, 10) - np.clip(t - 35, 0, 10)
    paths = {1: walk((0, 0), (1.3, 0), t), 2: walk((0, 0.8), (1.3, 0), t) + np.outer(apart, (0, 0.8))}
    finder, _ = watch(paths, times)
    first, second = finder.verdicts(1, 2)
    assert first.until_s < times[0] + 18 < times[0] + 40 < second.since_s < second.recognised_s
    assert second.until_s == math.inf
    assert [(g.number, g.since_s, g.until_s) for g in finder.records] == [
        (0, first.since_s, first.until_s),
        (1, second.since_s, math.inf),
    ]


def test_a_group_ends_when_its_tracks_are_gone():
    times = seconds(8)
    t = times - times[0]
    finder, _ = watch({1: walk((0, 0), (1.3, 0), t), 2: walk((0, 0.8), (1.3, 0), t)}, times)
    nobody = np.empty(0, np.int64), np.empty((0, 2))
    assert len(finder.update(times[-1] + 1, *nobody)) == 0
    assert finder.records[0].until_s == math.inf
    finder.update(times[-1] + 4, *nobody)
    assert finder.records[0].until_s == pytest.approx(times[-1], abs=0.2)
    assert finder.pairs[0].until_s == pytest.approx(times[-1], abs=0.2)
    assert finder.remembered == (0, 0)


def test_gaps_do_not_part_companions():
    times = seconds(20)
    t = times - times[0]
    paths = {1: walk((0, 0), (1.3, 0), t), 2: walk((0, 0.8), (1.3, 0), t)}
    paths[2][80:100] = np.nan
    finder, groups = watch(paths, times)
    assert groups[79] == groups[100] == groups[-1] == {1: 0, 2: 0}
    assert groups[90] == {1: 0}
    assert len(finder.pairs) == 1


def test_rows_without_a_place_are_ignored():
    times = seconds(10)
    t = times - times[0]
    finder = GroupFinder(SETTINGS)
    for at, time_s in enumerate(times):
        ground = np.array([[1.3 * t[at], 0], [np.nan, np.nan], [1.3 * t[at], 0.8], [np.nan, 1.0]])
        found = finder.update(time_s, np.array([7, 5, 3, 6]), ground)
    assert found.tolist() == [0, NO_GROUP, 0, NO_GROUP]
    assert finder.remembered == (2, 1)


def test_a_frame_without_people_and_a_second_row_of_a_track():
    finder = GroupFinder(SETTINGS)
    assert finder.update(0.0, np.empty(0, np.int64), np.empty((0, 2))).shape == (0,)
    assert finder.update(0.0, np.array([1, 1]), np.zeros((2, 2))).tolist() == [NO_GROUP, NO_GROUP]


def test_time_that_runs_backwards_and_arrays_that_do_not_fit_are_refused():
    finder = GroupFinder(SETTINGS)
    finder.update(5.0, np.array([1]), np.zeros((1, 2)))
    with pytest.raises(ValueError, match="backwards"):
        finder.update(4.0, np.array([1]), np.zeros((1, 2)))
    with pytest.raises(ValueError, match="ground"):
        finder.update(6.0, np.array([1, 2]), np.zeros((1, 2)))
    with pytest.raises(ValueError, match="recognise"):
        GroupSettings(recognise=0.0)


def crowd(times, people, seed):
    """People who come and go; every third walks beside the one before."""
    rng = np.random.default_rng(seed)
    paths, t = {}, times - times[0]
    for name in rng.permutation(people).tolist():
        if name % 3 == 2 and name - 1 in paths:
            path = paths[name - 1] + np.array([0.3, 0.6]) + rng.normal(0, 0.02, (len(t), 2))
        else:
            heading = rng.uniform(0, 2 * math.pi)
            speed = rng.normal(1.3, 0.26)
            path = walk(rng.uniform(-8, 8, 2), speed * np.array([math.cos(heading), math.sin(heading)]), t)
            path += rng.normal(0, 0.03, path.shape)
            path[rng.random(len(t)) < 0.1] = np.nan
        paths[name] = path
    return paths


def test_the_order_of_rows_does_not_matter():
    times = seconds(20)
    paths = crowd(times, 30, 1)
    rng = np.random.default_rng(2)
    one, other = GroupFinder(SETTINGS), GroupFinder(SETTINGS)
    grouped = 0
    for time_s, track, ground in frames_of(paths, times):
        order = rng.permutation(len(track))
        found = one.update(time_s, track, ground)
        assert found[order].tolist() == other.update(time_s, track[order], ground[order]).tolist()
        grouped += int((found != NO_GROUP).sum())
    assert grouped > 1000
    assert one.records == other.records
    assert one.pairs == other.pairs


def test_the_same_frames_give_the_same_result():
    times = seconds(15)
    paths = crowd(times, 20, 3)
    one, other = watch(paths, times), watch(paths, times)
    assert one[1] == other[1]
    assert one[0].records == other[0].records


def test_position_and_velocity_equal_the_oracle():
    rng = np.random.default_rng(0)
    times = np.cumsum(rng.uniform(0.03, 0.7, 60)) + 1.7e9
    path = np.cumsum(rng.normal(0, 0.3, (60, 2)), axis=0) + 4000.0
    motion = Motion(SETTINGS)
    for at, time_s in enumerate(times):
        walkers = motion.observe(time_s, np.array([3]), path[at : at + 1])
        if len(walkers.track):
            place, velocity = fading_line(times[: at + 1].tolist(), path[: at + 1], SETTINGS.smoothing_s)
            np.testing.assert_allclose(walkers.position[0], place, atol=1e-6)
            np.testing.assert_allclose(walkers.velocity[0], velocity, atol=1e-5)


@pytest.mark.parametrize("speed", [0.0, 0.5, 1.3])
def test_evidence_equals_the_oracle(speed):
    rng = np.random.default_rng(5)
    times = np.cumsum(rng.uniform(0.05, 0.6, 80))
    one = walk((0, 0), (speed, 0), times) + np.cumsum(rng.normal(0, 0.03, (80, 2)), axis=0)
    other = one + np.array([0.2, 0.9]) + np.cumsum(rng.normal(0, 0.03, (80, 2)), axis=0)
    finder, told = GroupFinder(SETTINGS), []
    for at, time_s in enumerate(times):
        finder.update(time_s, np.array([1, 2]), np.stack([one[at], other[at]]))
        told.append(finder.evidence(1, 2))
    expected = companionship(times.tolist(), one, other, SETTINGS)
    assert max(expected) > 0.9
    np.testing.assert_allclose(told, expected, atol=1e-6)


def test_memory_stays_bounded_over_a_long_run():
    """New pairs of walkers for ever: what is remembered depends on who is there, not on who was."""
    finder = GroupFinder(replace(SETTINGS, kept=50))
    fps, life = 5.0, 40
    most = 0
    for tick in range(6000):
        ages = np.arange(tick % 8, life, 8)
        couple = (tick - ages) // 8 * 2
        track = np.stack([couple, couple + 1], axis=1).ravel()
        at = np.stack([1.3 * ages / fps, np.zeros(len(ages))], axis=1)
        ground = np.stack([at, at + np.array([0, 0.7])], axis=1).reshape(-1, 2)
        finder.update(tick / fps, track, ground)
        most = max(most, *finder.remembered)
    assert most < 60
    assert len(finder.records) <= 50 + 5
    assert len(finder.pairs) <= 50 + 20
    assert finder.records[-1].number > 500


def test_a_track_that_jumps_does_not_stay_in_its_group():
    times = seconds(20)
    t = times - times[0]
    paths = {1: walk((0, 0), (1.3, 0), t), 2: walk((0, 0.8), (1.3, 0), t)}
    paths[2][100:] += (30, 0)
    finder, groups = watch(paths, times)
    assert groups[99] == {1: 0, 2: 0}
    assert groups[-1] == {1: NO_GROUP, 2: NO_GROUP}
    assert finder.remembered == (2, 0)


@pytest.mark.data
@pytest.mark.parametrize("name", ["seq_eth", "seq_hotel"])
class TestAnnotatedGroups:
    @pytest.fixture
    def sequence(self, name):
        return load(data_folder("eth") / name)

    def test_pairs_are_found(self, sequence):
        assert score(sequence, SETTINGS).f1 >= 0.80

    def test_noise_misses_and_another_frame_rate_do_not_matter(self, sequence):
        frames = noisy(resampled(sequence.frames, 10.0), 1, sigma_m=0.1, missed=0.2)
        assert score(replace(sequence, frames=frames), SETTINGS).f1 >= 0.78

    def test_broken_tracks_cost_little(self, sequence):
        frames, person = broken(sequence.frames, 1, every_s=20.0)
        people = {
            tuple(sorted((person[a], person[b]))) for a, b in (v.pair for v in find(frames, SETTINGS).pairs)
        }
        found = people & sequence.judged
        right = len(found & sequence.truth)
        assert 2 * right / (len(found) + len(sequence.truth)) >= 0.75
        assert with_truth(sequence.frames, sequence.truth).truth == sequence.truth
