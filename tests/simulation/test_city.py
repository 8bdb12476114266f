"""A city is what was asked for, the same however it is cut, and its truth is that of its table of cells."""

from dataclasses import replace

import numpy as np
import pytest

from sdist_ray.errors import InputError
from sdist_ray.occupancy.block import Clock
from sdist_ray.occupancy.grid import Grid
from sdist_ray.simulation.city import CitySpec, make_city
from sdist_ray.simulation.city_run import CityRun
from tests.oracles import watch

SPEC = CitySpec(cameras=60, people_per_camera=1.0, minutes=4, seed=3)
QUIET = replace(
    SPEC, miss_probability=0, false_per_hour=0, stuck_share=0, offline_share=0, skew_s=0, moved_share=0
)
W = 108


def bits(spec, ticks, clock=None, city=None):
    """Occupied (ticks, cameras, windows) and available (ticks, cameras), bool."""
    clock = clock or Clock(10, 20)
    occupied, available = [], []
    for number, entry in enumerate((city or make_city(spec)).ranges(clock, ticks)):
        assert entry.index == number
        assert (np.diff(entry.occupied.place) > 0).all()
        assert entry.occupied.word.all()
        dense = entry.dense(spec.grid.windows)
        shift = np.arange(clock.range_ticks, dtype=np.uint64)
        occupied.append(np.moveaxis((dense.occupied[..., None] >> shift) & np.uint64(1), -1, 0).astype(bool))
        available.append(((dense.available[:, None] >> shift) & np.uint64(1)).T.astype(bool))
    return np.concatenate(occupied)[:ticks], np.concatenate(available)[:ticks]


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_the_same_seed_gives_the_same_city():
    first, again, other = (bits(replace(SPEC, seed=seed), 300) for seed in (3, 3, 4))
    assert same(first, again)
    assert not same(first, other)
    assert first[0].any()


@pytest.mark.parametrize("length", [1, 7, 64])
def test_how_time_is_cut_into_ranges_changes_nothing(length):
    spec = replace(SPEC, offline_share=0.3, stuck_share=0.3, false_per_hour=600, skew_s=2.0)
    assert same(bits(spec, 500), bits(spec, 500, Clock(10, length)))


def test_a_city_at_one_frame_a_second_is_one_tick_in_ten():
    spec = replace(SPEC, offline_share=0.3, stuck_share=0.3, false_per_hour=600, skew_s=2.0)
    often, seldom = bits(spec, 1000), bits(spec, 100, Clock(1, 20))
    assert same((often[0][::10], often[1][::10]), seldom)


@pytest.mark.parametrize(("fps", "skew_s", "spell_s"), [(10, 0.3, 1.0), (3, 1.7, 0.75), (7.5, 0.0, 4.0)])
def test_cameras_report_what_the_slow_reference_says(fps, skew_s, spell_s):
    spec = replace(
        QUIET, cameras=30, people_per_camera=2, skew_s=skew_s, miss_probability=0.4, miss_s=spell_s,
        moved_share=0.3, minutes=0.5,
    )  # fmt: skip
    city, ticks = make_city(spec), int(30 * fps)
    run = CityRun(city, Clock(fps, 20))
    visits = run.visits(40.0)[["start", "end", "walker", "cell"]].tolist()
    table = city.table
    seen_by = {}
    for tile in np.flatnonzero(table.block >= 0):
        for cell in range(64):
            row = (int(table.block[tile]) << 6) + cell
            places = table.places[table.starts[row] : table.starts[row + 1]]
            seen_by[int(tile) << 6 | cell] = [divmod(int(place), W) for place in places]
    views = city.views
    expected = watch(
        visits, seen_by, views.camera.tolist(), views.from_s, views.until_s, run.skew_s, 0.4, spell_s,
        spec.seed, fps, range(ticks),
    )  # fmt: skip
    occupied, _ = bits(spec, ticks, Clock(fps, 20), city)
    tick, camera, window = np.nonzero(occupied)
    assert expected == set(zip(camera.tolist(), window.tolist(), tick.tolist(), strict=True))
    assert len(expected) > 100


def test_walkers_go_from_cell_to_neighbouring_cell_at_walking_speed():
    city = make_city(replace(QUIET, cameras=200))
    visits = CityRun(city, Clock()).visits(120.0)
    outdoors = visits[visits["cell"] < city.plan.ground.first_tile[0] * 64]
    tile, inside = np.divmod(outdoors["cell"].astype(np.int64), 64)
    x = tile % city.plan.ground.tiles_x * 8 + inside % 8
    y = tile // city.plan.ground.tiles_x * 8 + inside // 8
    on = (np.diff(outdoors["walker"]) == 0) & (outdoors["start"][1:] == outdoors["end"][:-1])
    step = np.maximum(np.abs(np.diff(x)), np.abs(np.diff(y)))[on]
    assert on.sum() > 500
    assert step.max() == 1
    straight = on & (np.abs(np.diff(x)) + np.abs(np.diff(y)) == 1)
    lasted = (outdoors["end"] - outdoors["start"])[1:][straight]
    # Half a metre, straight on or slantwise.
    assert 0.5 / 2.0 <= np.median(lasted) <= 0.5 / 0.7
    same_walker = np.diff(visits["walker"]) == 0
    assert (visits["start"][1:][same_walker] >= visits["end"][:-1][same_walker]).all()


def test_misses_take_their_share_and_last():
    clock = Clock(10, 50)
    spec = replace(QUIET, cameras=100, people_per_camera=0.5)
    there, _ = bits(spec, 1200, clock)
    seen, _ = bits(replace(spec, miss_probability=0.2, miss_s=2.0), 1200, clock)
    assert not (seen & ~there).any()
    # Of windows with one person at a time, mostly.
    missed = there & ~seen
    assert missed.sum() / there.sum() == pytest.approx(0.2, abs=0.03)
    still = there[:-1] & there[1:]
    assert (missed[:-1] & missed[1:] & still).sum() / (missed[:-1] & still).sum() > 0.9


def test_stuck_windows_are_those_of_few_cameras_for_minutes():
    spec = replace(QUIET, cameras=200, people_per_camera=0, stuck_share=0.1)
    occupied, _ = bits(spec, 7200, Clock(1, 60))
    stuck = np.flatnonzero(occupied.any(axis=(0, 2)))
    assert 12 <= len(stuck) <= 20
    assert occupied.sum(axis=2).max() == 1
    assert occupied.any(axis=2)[:, stuck].mean() == pytest.approx(0.5, abs=0.2)
    for camera in stuck:
        on = occupied[:, camera].any(axis=1).astype(int)
        starts, ends = np.flatnonzero(np.diff(on) == 1), np.flatnonzero(np.diff(on) == -1)
        if len(starts) and len(ends) and ends[-1] > starts[0]:
            assert ends[ends > starts[0]][0] - starts[0] >= 60


def test_false_detections_are_as_many_as_asked_and_prefer_a_window():
    spec = replace(QUIET, cameras=300, people_per_camera=0, false_per_hour=60)
    occupied, _ = bits(spec, 6000, Clock(10, 60))
    assert occupied.sum() / (300 * 600) / 10 == pytest.approx(60 / 3600, rel=0.1)
    often = occupied.sum(axis=0)
    assert np.median(often.max(axis=1) / often.sum(axis=1)) > 0.3


def test_outages_take_their_share_and_hide_everything():
    spec = replace(SPEC, cameras=400, offline_share=0.2)
    occupied, available = bits(spec, 3600, Clock(1, 60))
    assert 1 - available.mean() == pytest.approx(0.2, abs=0.03)
    assert not occupied[~available].any()
    changes = (np.diff(available.astype(int), axis=0) == -1).sum()
    assert (~available).sum() / changes > 300


def test_ticks_beyond_the_end_are_unavailable():
    entries = list(make_city(QUIET).ranges(Clock(10, 20), 30))
    assert [hex(entry.available[0]) for entry in entries] == ["0xfffff", "0x3ff"]
    assert not (entries[1].occupied.word >> np.uint64(10)).any()


def test_nights_are_empty_and_lecture_changes_are_full():
    def outdoors(start_h):
        city = make_city(replace(QUIET, cameras=120, people_per_camera=2, start_h=start_h))
        visits = CityRun(city, Clock()).visits(600.0)
        return (visits["cell"] < city.plan.ground.first_tile[0] * 64).sum(), len(visits)

    assert outdoors(3.0) == (0, 0)
    assert outdoors(10.0)[0] > 1.5 * outdoors(10.4)[0] > 1000
    occupied, _ = bits(replace(QUIET, start_h=3.0), 100)
    assert not occupied.any()


def test_days_repeat():
    spec = replace(QUIET, cameras=24, people_per_camera=2, start_h=12.0, minutes=25 * 60)
    occupied, _ = bits(spec, spec.ticks(Clock(0.1, 60)), Clock(0.1, 60))
    by_hour = occupied[: 25 * 360].reshape(25, -1).mean(axis=1)
    assert by_hour[14:18].max() == 0  # From 2 to 6 at night.
    assert by_hour[0] > 0
    assert by_hour[22:].min() > by_hour[0] / 4


def slow_truth(city, at_s):
    """Cells that pairs of windows share, by cells alone."""
    views, table = city.views, city.table
    shared, own = {}, {}
    for row in range(len(table.starts) - 1):
        here = []
        for place in table.places[table.starts[row] : table.starts[row + 1]].tolist():
            view, window = divmod(place, W)
            if views.from_s[view] <= at_s < views.until_s[view]:
                here.append((int(views.camera[view]), window))
        for node in here:
            own[node] = own.get(node, 0) + 1
        for one in here:
            for other in here:
                if one < other:
                    shared[one, other] = shared.get((one, other), 0) + 1
    return shared, own


def test_truth_is_that_of_the_cells():
    city = make_city(replace(SPEC, moved_share=0.3))
    for at_s in (0.0, float(np.median(city.moves_s)), 240.0):
        shared, own = slow_truth(city, at_s)
        truth = city.truth(at_s)
        names = ("camera_a", "window_a", "camera_b", "window_b", "overlap_a", "overlap_b", "shared_m2")
        rows = list(zip(*(getattr(truth, name).tolist() for name in names), strict=True))
        expected = [
            (*a, *b, count / own[a], count / own[b], count * 0.25) for (a, b), count in sorted(shared.items())
        ]
        assert rows == expected
        area = {}
        for (a, b), count in shared.items():
            area[a[0], b[0]] = area.get((a[0], b[0]), 0) + count * 0.25
        pairs = zip(truth.pair_camera_a.tolist(), truth.pair_camera_b.tolist(), strict=True)
        assert dict(zip(pairs, truth.pair_shared_m2.tolist(), strict=True)) == area
        camera_a, camera_b, shared_m2, from_s, until_s = city.shared
        now = (from_s <= at_s) & (at_s < until_s)
        keys = zip(camera_a[now].tolist(), camera_b[now].tolist(), strict=True)
        assert dict(zip(keys, shared_m2[now].tolist(), strict=True)) == area


def test_a_moved_camera_changes_footage_and_truth_at_its_time():
    still, moving = (
        make_city(replace(QUIET, minutes=2)),
        make_city(replace(QUIET, minutes=2, moved_share=0.2)),
    )
    moved = moving.views.camera[60:]
    assert len(set(moved.tolist())) == 12
    first, last = moving.moves_s[[0, -1]]
    assert 30 <= first < last <= 90
    before, after = bits(QUIET, 1200, city=still)[0], bits(QUIET, 1200, city=moving)[0]
    np.testing.assert_array_equal(before[: int(first * 10)], after[: int(first * 10)])
    others = np.setdiff1d(np.arange(60), moved)
    np.testing.assert_array_equal(before[:, others], after[:, others])
    assert (before[:, moved] != after[:, moved]).any()
    for view, camera in enumerate(moved.tolist(), start=60):
        at = int(np.ceil(moving.views.from_s[view] * 10))
        np.testing.assert_array_equal(before[:at, camera], after[:at, camera])
    old, new, same_as_old = still.truth(), moving.truth(last), moving.truth(0.0)
    np.testing.assert_array_equal(old.shared_m2, same_as_old.shared_m2)
    assert len(old.shared_m2) != len(new.shared_m2)


def test_cameras_overlap_adjoin_or_are_alone():
    city = make_city(CitySpec(moved_share=0))
    camera_a, camera_b, shared_m2, _, _ = city.shared
    neighbours = np.bincount(np.concatenate([camera_a, camera_b]), minlength=480)
    assert 2 <= neighbours.mean() <= 4
    assert 0.05 <= (neighbours == 0).mean() <= 0.3
    assert (shared_m2 < 4).any()
    assert (shared_m2 > 20).any()
    lot = city.views.lot
    assert 20 < (lot[camera_a] != lot[camera_b]).sum() < len(camera_a) / 2
    assert abs(city.plan.lots - 480 / 12) <= 10


def test_no_camera_sees_through_walls():
    city = make_city(replace(QUIET, cameras=300))
    ground, table = city.plan.ground, city.table
    level = np.full(city.plan.tiles, -1)
    for lot in range(city.plan.lots):
        for floor in range(ground.floors[lot]):
            start = ground.first_tile[lot] + floor * ground.floor_tiles
            level[start : start + ground.floor_tiles] = lot * 100 + floor
    tile = np.repeat(np.repeat(np.flatnonzero(table.block >= 0), 64), np.diff(table.starts))
    view = table.places // W
    views = city.views
    at = np.where(views.floor < 0, -1, views.lot * 100 + views.floor)
    np.testing.assert_array_equal(level[tile], at[view])
    # Indoors: whoever is in a closed room is seen from within it only.
    cell = np.repeat(np.tile(np.arange(64), len(table.starts) // 64), np.diff(table.starts))
    inside = level[tile] >= 0
    local = (tile - ground.first_tile[views.lot[view]]) % ground.floor_tiles
    u = (local % ground.floor_tiles_x * 8 + cell % 8 + 0.5) * 0.5
    v = (local // ground.floor_tiles_x * 8 + cell // 8 + 0.5) * 0.5
    closed = (v < 7.5) | ((v > 10.5) & ((u < 8) | (u > 24)))
    np.testing.assert_array_equal(closed[inside], (views.room[view] >= 0)[inside])


def test_groups_are_buildings_and_floors_but_for_a_share_of_mistakes():
    city = make_city(CitySpec(cameras=500))
    right, wrong = city.groups(), city.groups(0.1)
    assert right[0].startswith("b")
    assert {name.split("/")[1][0] for name in right} == {"f"}
    changed = sum(a != b for a, b in zip(right, wrong, strict=True))
    assert 40 <= changed <= 50
    assert len(set(city.camera_ids)) == 500
    assert list(city.camera_ids) == sorted(city.camera_ids)
    with pytest.raises(InputError, match="between 0 and 1"):
        city.groups(1.5)


def test_a_city_of_more_cells_than_can_be_numbered_is_refused():
    with pytest.raises(InputError, match="make cell_m larger"):
        make_city(CitySpec(cameras=1_000_000, cell_m=0.1))


def test_a_camera_alone_and_a_city_without_people_work():
    for cameras in (1, 2, 13):
        occupied, available = bits(CitySpec(cameras=cameras, people_per_camera=0, minutes=1), 60)
        assert occupied.shape == (60, cameras, W)
        assert available.any()
    assert bits(CitySpec(cameras=3, grid=Grid(3, 2), minutes=1), 60)[0].shape == (60, 3, 6)


@pytest.mark.parametrize(
    "wrong",
    [
        {"cameras": 0},
        {"cameras": 2_000_000},
        {"people_per_camera": -1.0},
        {"people_per_camera": float("nan")},
        {"minutes": 0},
        {"start_h": 24.0},
        {"cameras_per_building": 1},
        {"miss_probability": 1.1},
        {"miss_s": 0},
        {"false_per_hour": -1},
        {"stuck_share": 2},
        {"offline_share": 1.0},
        {"skew_s": 61},
        {"moved_share": -0.1},
        {"cell_m": 0.01},
        {"seed": -1},
        {"cameras": 900_000, "grid": Grid(100, 100)},
    ],
)
def test_impossible_cities_are_refused_in_one_line(wrong):
    with pytest.raises(InputError) as error:
        CitySpec(**wrong)
    assert next(iter(wrong)) in str(error.value)
    assert "\n" not in str(error.value)
