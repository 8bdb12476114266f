"""What a network is said to take, against what it takes."""

import json
import pickle
import re

import numpy as np
import pytest

from sdist_ray.cli import main
from sdist_ray.jobs.calibrate import calibrate
from sdist_ray.occupancy.block import BlockBuilder, Clock, Rows
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.padding import Padding, pad_ranges
from sdist_ray.partition.effort import (
    FRAME_S,
    Machine,
    counting_cores,
    detection_cores,
    links_s,
    occupancy_bytes_per_s,
    range_bytes_per_s,
)
from sdist_ray.partition.memory import Demand, readable, tile_bytes
from sdist_ray.runtime.feeds import Delivery
from sdist_ray.simulation.activity import activity_ranges

GRID, CLOCK = Grid(), Clock()


@pytest.mark.parametrize("people", [0, 1, 5])
def test_occupancy_on_the_wire_is_as_much_as_is_said(people):
    rng = np.random.default_rng(0)
    cameras, ranges = 20, 10
    builders = [BlockBuilder(place, GRID, CLOCK, 1) for place in range(cameras)]
    sent = 0
    for index in range(ranges):
        for builder in builders:
            for tick in range(index * 20, index * 20 + 20):
                builder.add(tick, True, *rng.random((2, people)).astype(np.float32))
        # The last tick of a range may be held into the next.
        rows = Rows.concatenate([builder.take(index) for builder in builders])
        sent += len(pickle.dumps(Delivery(rows, index + 1), protocol=5))
    said = occupancy_bytes_per_s(cameras, Demand(GRID.windows, people=people))
    assert sent / (ranges * 2) == pytest.approx(said, rel=0.25)


@pytest.mark.parametrize("tolerance", [0, 3, 25])
def test_ranges_on_the_wire_are_as_large_as_is_said(tolerance):
    padding = Padding(GRID, CLOCK, tolerance)
    ranges = list(pad_ranges(activity_ranges(200, 1, 1200, GRID, CLOCK, 6), padding))
    seen = sum(int(np.bitwise_count(entry.occupied.word).sum()) for entry in ranges) / (200 * 1200)
    sent = sum(len(pickle.dumps(entry, protocol=5)) for entry in ranges) / 120
    said = range_bytes_per_s(200, Demand(GRID.windows, tolerance=tolerance, people=seen))
    assert sent == pytest.approx(said, rel=0.25)


def test_effort_grows_as_the_work_does():
    demand, machine = Demand(108, people=1, seconds=3600), Machine()
    for store in ("dense", "rle"):
        # Taking a range in hand costs the same, however many cameras it has.
        one = counting_cores(store, 100, 100, demand, machine)
        assert counting_cores(store, 200, 200, demand, machine) == pytest.approx(4 * one, rel=0.2)
        assert counting_cores(store, 50, 100, demand, machine) == pytest.approx(one / 2, rel=0.2)
        assert counting_cores(store, 100, 100, demand, Machine(counting=3)) == pytest.approx(3 * one)
    # Three tiles of a triangle search each pair of cameras once, as one does, but look at regions anew.
    whole = links_s("indexed", 900, 900, demand, machine)
    parts = [links_s("indexed", 300, columns, demand, machine) for columns in (900, 600, 300)]
    assert whole < sum(parts) < 1.25 * whole
    assert detection_cores(10, demand, Machine(detecting=2)) == pytest.approx(10 * 10 * 2 * FRAME_S)


def test_this_machine_can_be_measured():
    machine = calibrate()
    # A machine a hundred times as fast, or as slow, is a mistake in the measuring.
    assert 0.01 < machine.detecting < 100
    assert 0.01 < machine.counting < 100


def test_capacity_is_printed_and_written(capsys, tmp_path):
    path = tmp_path / "figures.json"
    assert main(["capacity", "cameras=1000", "shards=4", f"file={path}"]) == 0
    printed = capsys.readouterr().out
    assert "1,000 cameras of 108 windows at 10 FPS, 0.5 people in view of each, 1 h, 4 shards" in printed
    figures = json.loads(path.read_text())
    demand = Demand(108, people=0.5, seconds=3600)
    dense = figures["stores"]["dense"]
    assert dense["bytes"] == 4 * tile_bytes("dense", 250, 1000, demand)
    assert dense["largest_shard_bytes"] * 4 == dense["bytes"]
    row = next(line for line in printed.splitlines() if "memory, all shards" in line)
    shown = [readable(figures["stores"][store]["bytes"]) for store in ("dense", "rle", "indexed")]
    assert re.split(r"  +", row.strip())[1:] == shown
    assert f"{readable(figures['occupancy_bytes_per_s'])}/s" in printed
    assert figures["machine"] == {
        "measured_on": figures["machine"]["measured_on"], "calibrated": False, "detecting": 1, "counting": 1,
    }  # fmt: skip


def test_the_indexed_store_is_left_out_where_it_cannot_count(capsys):
    assert main(["capacity", "cameras=10", "counters=byte"]) == 0
    printed = capsys.readouterr().out
    assert "The indexed store is not shown" in printed
    assert re.search(r"by store +dense +rle *$", printed, re.MULTILINE)
    assert main(["capacity", "cameras=10", "store=rle"]) == 0
    assert re.search(r"by store +rle *$", capsys.readouterr().out, re.MULTILINE)
