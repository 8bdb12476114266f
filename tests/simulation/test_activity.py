"""Made-up activity has the density, the pairs and the outages that were asked for."""

import numpy as np
import pytest

from sdist_ray.errors import InputError
from sdist_ray.occupancy.block import Clock
from sdist_ray.occupancy.grid import Grid
from sdist_ray.simulation.activity import activity_ranges

GRID = Grid()


def bits(words, ticks):
    return (words[..., None] >> np.arange(ticks, dtype=np.uint64)) & np.uint64(1)


def stack(cameras, people, ticks, clock, grid=GRID, **options):
    ranges = list(activity_ranges(cameras, people, ticks, grid, clock, **options))
    assert [entry.index for entry in ranges] == list(range(len(ranges)))
    return np.array([e.occupied for e in ranges]), np.array([e.available for e in ranges])


def test_the_same_seed_gives_the_same_activity():
    clock = Clock(10, 20)
    first, again, other = (stack(10, 1.0, 100, clock, seed=seed)[0] for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_people_per_camera_are_as_asked():
    occupied, _ = stack(400, 2.0, 1000, Clock(10, 50), Grid(40, 30))
    seen = np.bitwise_count(occupied).sum() / (400 * 1000)
    assert seen == pytest.approx(2.0 * 0.95, rel=0.1)


def test_paired_cameras_see_the_same_people_and_others_do_not():
    occupied, _ = stack(40, 0.5, 2000, Clock(10, 20))
    both = np.bitwise_count(occupied[:, :20] & occupied[:, 20:]).sum()
    apart = np.bitwise_count(occupied[:, :20] & np.roll(occupied[:, 20:], 1, axis=1)).sum()
    assert both == pytest.approx(0.95 * np.bitwise_count(occupied[:, :20]).sum(), rel=0.02)
    assert apart < both / 20


def test_the_odd_camera_is_alone_and_occupied():
    occupied, _ = stack(5, 3.0, 2000, Clock(10, 20))
    assert np.bitwise_count(occupied).sum(axis=(0, 2)).min() > 0
    assert (
        np.bitwise_count(occupied[:, 4] & occupied[:, 2]).sum()
        < np.bitwise_count(occupied[:, 0] & occupied[:, 2]).sum()
    )


def test_walkers_move_by_small_steps():
    occupied, _ = stack(100, 0.05, 64, Clock(10, 64))
    ticks, cameras, windows = np.nonzero(bits(occupied[0], 64).transpose(2, 0, 1))
    near = far = 0
    for camera in range(100):
        at, where = ticks[cameras == camera], windows[cameras == camera]
        step = np.diff(at) == 1
        rows, columns = np.abs(np.diff(where // 12))[step], np.abs(np.diff(where % 12))[step]
        near += ((rows <= 1) & (columns <= 1)).sum()
        far += ((rows > 1) | (columns > 1)).sum()
    assert near > 100
    assert far < near / 20


def test_outages_last_minutes_and_take_their_share():
    occupied, available = stack(200, 1.0, 36_000, Clock(10, 60), offline_share=0.1)
    online = bits(available, 60).transpose(1, 0, 2).reshape(200, -1)
    assert 1 - online.mean() == pytest.approx(0.1, abs=0.02)
    outages = (np.diff(online.astype(int), axis=1) == -1).sum()
    assert (1 - online).sum() / outages / 10 == pytest.approx(120, rel=0.2)
    assert not (occupied & ~available[..., None]).any()


def test_ticks_beyond_the_end_are_unavailable():
    occupied, available = stack(4, 2.0, 30, Clock(10, 20))
    assert [hex(word) for word in available[:, 0]] == ["0xfffff", "0x3ff"]
    assert not (occupied[1] >> np.uint64(10)).any()


@pytest.mark.parametrize(
    "wrong",
    [{"cameras": 0}, {"people": -1.0}, {"offline_share": 1.0}, {"people": float("nan")}, {"seed": -1}],
)
def test_impossible_activity_is_refused(wrong):
    asked = {"cameras": 2, "people": 1.0, "ticks": 10, "grid": Grid(), "clock": Clock()}
    with pytest.raises(InputError):
        next(activity_ranges(**{**asked, **wrong}))
