"""Rows of a city's recording collate to the ranges that they were made from, and the command writes them."""

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdist_ray.cli import main
from sdist_ray.occupancy.block import Clock, OccupancyRange, Rows
from sdist_ray.occupancy.collate import range_of_rows
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.recording import open_recording
from sdist_ray.occupancy.sparse import SparseRange
from sdist_ray.simulation.city import CitySpec, make_city
from sdist_ray.simulation.city_rows import rows_of_range

GRID = Grid(4, 3)


@given(st.integers(0, 2**32 - 1), st.integers(1, 64), st.integers(0, 5), st.floats(0, 1))
def test_rows_collate_to_the_range_that_they_were_made_from(seed, ticks, index, share):
    rng = np.random.default_rng(seed)
    full = np.uint64((1 << ticks) - 1)
    words = rng.integers(0, 1 << 63, (5, GRID.windows)).astype(np.uint64) & full
    words[rng.random(words.shape) < share] = 0
    available = rng.integers(0, 1 << 63, 5).astype(np.uint64) & full
    words &= available[:, None]
    entry, clock = OccupancyRange(index, words, available), Clock(10, ticks)
    rows = rows_of_range(SparseRange.of(entry), GRID, clock)
    again = range_of_rows(rows, index, 5, GRID, clock)
    np.testing.assert_array_equal(again.occupied, words)
    np.testing.assert_array_equal(again.available, available)
    order = rows.tick * 5 + rows.camera
    assert (np.diff(order) > 0).all()
    assert len(rows.tick) == np.bitwise_count(available).sum()
    assert len(rows.windows) == np.bitwise_count(words).sum() == len(rows.foot_x)
    row = np.repeat(np.arange(len(rows.tick)), np.diff(rows.window_ends, prepend=0))
    assert (np.diff(row * 12 + rows.windows.astype(int)) > 0).all()
    np.testing.assert_array_equal(rows.foot_ends, rows.window_ends)
    np.testing.assert_array_equal(GRID.window_of(rows.foot_x, rows.foot_y), rows.windows)


def test_simulate_writes_a_city_that_can_be_counted(tmp_path, capsys):
    folder = tmp_path / "city"
    arguments = [
        "site=city",
        "site.cameras=30",
        "site.minutes=1",
        "site.moved_share=0.2",
        "site.offline_share=0",
    ]
    assert main(["simulate", *arguments, "site.wrong_groups=0.5", f"output={folder}"]) == 0
    recording = open_recording(folder / "occupancy.parquet")
    assert (len(recording.cameras), recording.first_tick, recording.last_tick) == (30, 0, 599)
    assert recording.in_order
    city = make_city(CitySpec(cameras=30, minutes=1, moved_share=0.2, offline_share=0))
    rows = Rows.concatenate(list(recording.batches()))
    for entry in city.ranges(Clock(10, 20)):
        dense = entry.dense(108)
        again = range_of_rows(rows, entry.index, 30, Grid(), Clock(10, 20))
        np.testing.assert_array_equal(again.occupied, dense.occupied)
        np.testing.assert_array_equal(again.available, dense.available)
    truth = pq.read_table(folder / "truth_links.parquet")
    assert truth.column_names[:6] == [
        "camera_a",
        "window_a",
        "camera_b",
        "window_b",
        "overlap_a",
        "overlap_b",
    ]
    assert truth.num_rows == len(city.truth(60.0).camera_a)
    edges = pq.read_table(folder / "truth_edges.parquet").to_pydict()
    history = pq.read_table(folder / "truth_history.parquet").to_pydict()
    pairs = zip(history["camera_a"], history["camera_b"], history["until_s"], strict=True)
    at_the_end = {(a, b) for a, b, until in pairs if until == 60}
    assert at_the_end == set(zip(edges["camera_a"], edges["camera_b"], strict=True))
    groups = (folder / "groups.csv").read_text().splitlines()
    assert groups[1:] == [f"{a},{b}" for a, b in zip(city.camera_ids, city.groups(0.5), strict=True)]
    assert len((folder / "moves.csv").read_text().splitlines()) == 1 + 6
    assert (folder / "city.png").read_bytes().startswith(b"\x89PNG")
    assert "site: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("site.cameras=0", "cameras is 0"),
        ("site.wrong_groups=2", "wrong_groups is 2"),
        ("site.people=3", "people"),
    ],
)
def test_a_bad_city_ends_in_one_line(tmp_path, capsys, setting, says):
    assert main(["simulate", "site=city", setting, f"output={tmp_path}/o"]) == 2
    complaint = capsys.readouterr().err.strip()
    assert says in complaint
    assert "\n" not in complaint
