"""Which windows see the same ground, and how often somebody is in both."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sdist_ray.cameras.homography import Homography
from sdist_ray.cameras.pinhole import Pinhole
from sdist_ray.errors import InputError
from sdist_ray.occupancy.grid import Grid
from sdist_ray.simulation.site import SiteSpec, Walk, make_site, walk
from sdist_ray.simulation.truth import ground_overlap, joint_visits

GRID = Grid(4, 3)
SIZE = (320, 240)


def looking(position, target, lens=70.0):
    return Pinhole.looking_at(position, target, SIZE, lens)


LEFT = looking((0.0, 0.0, 4.0), (5.0, 0.0, 0.0))
RIGHT = looking((12.0, 1.0, 3.5), (6.0, 0.0, 0.0))
LEVEL = looking((3.0, -6.0, 3.0), (3.0, 4.0, 3.0))
FLAT = Homography(np.array([[40.0, 3.0, 10.0], [2.0, 35.0, 30.0], [0.0, 0.0, 1.0]]), SIZE)


def naive_cells(camera, grid, side, coarsest, extent, reach=22.0):
    """{(i, j): window} of every cell that a camera sees, cell by cell."""
    numbers = range(-int(reach / side), int(reach / side) + 1)
    cells = np.array([(i, j) for i in numbers for j in numbers])
    here = camera.to_image((cells + 0.5) * side)
    east = camera.to_image((cells + np.array([1.5, 0.5])) * side)
    north = camera.to_image((cells + np.array([0.5, 1.5])) * side)
    close = np.flatnonzero((here >= 0).all(axis=1) & (here <= SIZE).all(axis=1))
    seen = {}
    for k in close:
        x, y = (cells[k] + 0.5) * side
        if extent and not (extent[0] <= x <= extent[2] and extent[1] <= y <= extent[3]):
            continue
        stretch = np.column_stack([east[k] - here[k], north[k] - here[k]]) / side
        if not np.isfinite(stretch).all():
            continue
        if 1.0 / np.linalg.svd(stretch, compute_uv=False)[-1] > coarsest:
            continue
        column = min(int(here[k][0] / SIZE[0] * grid.columns), grid.columns - 1)
        row = min(int(here[k][1] / SIZE[1] * grid.rows), grid.rows - 1)
        seen[tuple(cells[k])] = row * grid.columns + column
    return seen


def naive_overlap(cameras, grid, side, coarsest=0.25, extent=None):
    """(rows {(a, wa, b, wb): cells}, ground {(a, wa): cells})."""
    seen = [naive_cells(camera, grid, side, coarsest, extent) for camera in cameras]
    rows, ground = {}, {}
    for a, cells in enumerate(seen):
        for cell, window in cells.items():
            ground[a, window] = ground.get((a, window), 0) + 1
            for b in range(a + 1, len(seen)):
                if cell in seen[b]:
                    key = (a, window, b, seen[b][cell])
                    rows[key] = rows.get(key, 0) + 1
    return rows, ground


def keys_of(overlap):
    columns = (overlap.camera_a, overlap.window_a, overlap.camera_b, overlap.window_b)
    return list(zip(*(column.tolist() for column in columns), strict=True))


@pytest.mark.parametrize(
    ("cameras", "options"),
    [
        ([LEFT, RIGHT, LEVEL], {}),
        ([LEFT, FLAT, RIGHT], {"coarsest_m_per_px": 0.08}),
        ([RIGHT, LEVEL, FLAT, LEFT], {"extent": (1.0, -3.0, 9.5, 4.0)}),
        ([LEFT, LEFT, LEFT, LEVEL], {}),
    ],
)
def test_overlap_equals_the_slow_count_cell_by_cell(cameras, options):
    found = ground_overlap(cameras, GRID, cell_m=0.5, **options)
    rows, ground = naive_overlap(
        cameras,
        GRID,
        found.cell_m,
        options.get("coarsest_m_per_px", 0.25),
        options.get("extent"),
    )
    assert len(rows) > 5
    assert keys_of(found) == sorted(rows)
    area = found.cell_m**2
    np.testing.assert_allclose(found.shared_m2, [rows[key] * area for key in sorted(rows)])
    for key, a, b in zip(keys_of(found), found.overlap_a, found.overlap_b, strict=True):
        assert a == pytest.approx(rows[key] / ground[key[:2]])
        assert b == pytest.approx(rows[key] / ground[key[2:]])
    expected = np.zeros((len(cameras), GRID.windows))
    for (camera, window), cells in ground.items():
        expected[camera, window] = cells * area
    np.testing.assert_allclose(found.ground_m2, expected)
    pairs = {}
    for key, cells in rows.items():
        pairs[key[0], key[2]] = pairs.get((key[0], key[2]), 0) + cells * area
    couples = zip(found.pair_camera_a.tolist(), found.pair_camera_b.tolist(), strict=True)
    assert list(couples) == sorted(pairs)
    np.testing.assert_allclose(found.pair_shared_m2, [pairs[pair] for pair in sorted(pairs)])


def test_small_stretches_of_work_change_nothing(monkeypatch):
    cameras = [LEFT, RIGHT, LEVEL, LEFT]
    whole = ground_overlap(cameras, GRID, cell_m=0.5)
    monkeypatch.setattr("sdist_ray.simulation.truth.ROWS_AT_ONCE", 7)
    monkeypatch.setattr("sdist_ray.simulation.footprint.CELLS_AT_ONCE", 50)
    pieces = ground_overlap(cameras, GRID, cell_m=0.5)
    assert keys_of(whole) == keys_of(pieces)
    np.testing.assert_array_equal(whole.shared_m2, pieces.shared_m2)
    np.testing.assert_array_equal(whole.ground_m2, pieces.ground_m2)


def test_identical_cameras_share_every_window_wholly():
    found = ground_overlap([LEFT, LEFT], GRID)
    np.testing.assert_array_equal(found.window_a, found.window_b)
    np.testing.assert_array_equal(found.overlap_a, 1.0)
    np.testing.assert_array_equal(found.overlap_b, 1.0)
    np.testing.assert_array_equal(found.pair_shared_m2, found.ground_m2[0].sum())


def test_cameras_that_look_apart_share_nothing():
    away = looking((100.0, 100.0, 4.0), (105.0, 100.0, 0.0))
    found = ground_overlap([LEFT, away], GRID)
    assert len(found.camera_a) == len(found.pair_camera_a) == 0
    assert (found.ground_m2.sum(axis=1) > 10).all()


def test_a_view_of_the_horizon_sees_a_finite_area():
    found = ground_overlap([LEVEL], Grid())
    top, bottom = found.ground_m2[0].reshape(9, 12)[[0, 8]]
    assert (top == 0).all()
    assert (bottom > 0).all()
    assert 10 < found.ground_m2.sum() < 1000


def test_a_camera_that_sees_no_ground_is_no_obstacle():
    up = looking((0.0, 0.0, 3.0), (5.0, 0.0, 30.0), 40.0)
    found = ground_overlap([up, LEFT, RIGHT], GRID)
    assert found.ground_m2[0].sum() == 0
    assert set(found.camera_a.tolist()) == {1}
    assert len(ground_overlap([up], GRID).camera_a) == 0
    assert ground_overlap([], GRID).ground_m2.shape == (0, GRID.windows)


def test_areas_are_square_metres():
    # 100 pixels a metre: an image of 3.2 m by 2.4 m, in windows of 0.8 m squared.
    plain = Homography(np.diag([100.0, 100.0, 1.0]), SIZE)
    moved = Homography(np.array([[100.0, 0, -160.0], [0, 100.0, 0], [0, 0, 1.0]]), SIZE)
    found = ground_overlap([plain, moved], GRID)
    np.testing.assert_allclose(found.ground_m2, 0.64, rtol=1e-6)
    np.testing.assert_allclose(found.pair_shared_m2, 1.6 * 2.4, rtol=1e-6)
    np.testing.assert_array_equal(found.window_a, found.window_b + 2)
    np.testing.assert_array_equal(found.overlap_a, 1.0)


def test_cells_are_finer_where_windows_are_small():
    patch = (2.0, -1.0, 4.0, 1.0)
    assert ground_overlap([LEFT], Grid(2, 2), extent=patch).cell_m == 0.1
    assert 0.01 < ground_overlap([LEFT], Grid(60, 45), extent=patch).cell_m < 0.05
    finest = ground_overlap([LEFT, RIGHT], Grid(2000, 30), extent=patch).cell_m
    assert finest == pytest.approx(0.01)


@pytest.mark.parametrize(
    "options",
    [{"cell_m": 0.0}, {"coarsest_m_per_px": math.nan}, {"extent": (0.0, 0.0, 0.0, 5.0)}],
)
def test_a_size_that_makes_no_sense_is_named(options):
    with pytest.raises(InputError, match=next(iter(options))):
        ground_overlap([LEFT], GRID, **options)


def test_some_pairs_of_the_default_site_overlap_and_most_do_not():
    for seed in (0, 2):
        found = ground_overlap(make_site(SiteSpec(seed=seed)).cameras, Grid())
        assert 12 <= (found.pair_shared_m2 > 4).sum() <= 33
        assert (found.ground_m2.sum(axis=1) > 50).all()


def naive_joint_visits(site, people, overlap, grid):
    windows = []
    for camera in site.cameras:
        flat = people.positions.reshape(-1, 2).astype(np.float64)
        x, y = (camera.to_image(flat) / camera.image_size).T
        windows.append(grid.window_of(x, y).reshape(people.ticks, people.people))
    counts = []
    for a, wa, b, wb in keys_of(overlap):
        together = [
            any(windows[a][t, p] == wa and windows[b][t, p] == wb for p in range(people.people))
            for t in range(people.ticks)
        ]
        counts.append(
            sum(now and not before for before, now in zip([False, *together], together, strict=False))
        )
    return counts


def test_joint_visits_equal_the_slow_count_tick_by_tick():
    site = make_site(SiteSpec(cameras=4, people=5, minutes=0.4))
    people = walk(site)
    overlap = ground_overlap(site.cameras, GRID)
    found = joint_visits(site, people, overlap, GRID)
    assert found.dtype == np.int64
    assert found.sum() > 20
    np.testing.assert_array_equal(found, naive_joint_visits(site, people, overlap, GRID))


def test_two_people_one_after_the_other_without_a_gap_are_one_visit():
    site = make_site(SiteSpec(cameras=4))
    overlap = ground_overlap(site.cameras, GRID)
    positions = np.full((9, 2, 2), np.nan, np.float32)
    centre = site.layout.centres_m[0]
    positions[0:3, 0] = positions[3:5, 1] = positions[6:9, 0] = centre
    people = Walk(positions, np.ones(2, np.float32), np.arange(2), np.arange(2))
    found = joint_visits(site, people, overlap, GRID)
    assert set(found.tolist()) == {0, 2}
    assert (found == 2).sum() == 6  # four cameras look into the only hall: six pairs


def test_nobody_makes_no_visits():
    site = make_site(SiteSpec(cameras=4, people=0, minutes=0.1))
    overlap = ground_overlap(site.cameras, GRID)
    found = joint_visits(site, walk(site), overlap, GRID)
    assert found.shape == overlap.camera_a.shape
    assert not found.any()
