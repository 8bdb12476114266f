"""A live network whose strategy has it counted in other groups as it runs."""

import itertools
import os
import signal

import numpy as np
import pytest

from sdist_ray.exclusion.tile import Counting, Tile
from sdist_ray.occupancy.block import Rows
from sdist_ray.occupancy.collate import range_of_rows
from sdist_ray.occupancy.padding import Padder, Padding
from sdist_ray.partition.make import StrategyChoice
from sdist_ray.runtime.journal import JournalReader
from sdist_ray.runtime.notes import NetworkNote
from sdist_ray.runtime.ray.live_network import RayLiveNetwork
from sdist_ray.runtime.ray.session import ray_session
from sdist_ray.topology.links import directed_links
from tests import live_runs
from tests.live_clips import CLOCK, GRID, local_network, next_start, playing, wait_until, write_clip

TURNING = StrategyChoice("tests.strategies:Turning", {"every": 3})


class Books:
    """Everything that a network was told to count, and in which groups."""

    def __init__(self, tally):
        self.rows, self.eras = {}, {}
        noted, closed = tally.noted, tally.closed

        def note(content):
            self.note(content)
            noted(content)

        def close(index, rows, occupancy=None):
            self.rows[index] = rows
            closed(index, rows, occupancy)

        tally.noted, tally.closed = note, close

    def note(self, content):
        for era in content.eras:
            self.eras[era.number, era.after] = era

    def expected(self, cameras, store, padding):
        """N and O of pairs that are together at the end, from the range on since which they have been."""
        eras = [self.eras[key] for key in sorted(self.eras, key=lambda key: (key[1] is not None, key[1]))]
        # A plan that was to begin after the last range never did.
        eras = [era for era in eras if era.after is None or era.after < max(self.rows)]
        found = {}
        for group in eras[-1].groups:
            for pair in itertools.combinations(group, 2):
                together = [_together(era.groups, pair, store) for era in eras]
                first = max((k + 1 for k, there in enumerate(together) if not there), default=0)
                found |= self._counted(cameras, pair, eras[first].after, padding)
        return found

    def _counted(self, cameras, pair, after, padding):
        tile = Tile(pair, pair, Counting(padding))
        padder = Padder(padding)
        padder.grow(len(cameras))
        ready = []
        for index in sorted(self.rows):
            ready += padder.push(
                range_of_rows(self.rows[index], index, len(cameras), padding.grid, padding.clock)
            )
        for padded in ready + padder.flush():
            if after is None or padded.index > after:
                tile.apply(padded, cameras)
        return live_runs.agreements_of([directed_links(tile, cameras, "raw", 0.0)])


def _together(groups, pair, store):
    if store == "indexed":
        return set(pair) <= {camera for group in groups for camera in group}
    return any(set(pair) <= set(group) for group in groups)


@pytest.mark.parametrize(("store", "shards"), [("dense", 2), ("indexed", 1)])
def test_plans_take_each_others_place_while_it_runs(tmp_path, store, shards):
    cameras = playing(write_clip(tmp_path / "clip"), 5, next_start(3.0))
    running, seen = local_network(cameras[:4], strategy=TURNING, shards=shards, store=store)
    books = Books(seen)
    running.start()
    wait_until(lambda: len(seen.plans) >= 2)
    # In no group before the next plan.
    running.add_cameras(cameras[4:])
    wait_until(lambda: len(seen.plans) >= 4)
    assert running.directed_links([camera.id for camera in cameras], "raw", 0.0) is not None
    running.stop()
    wait_until(lambda: not running._thread.is_alive())
    names = list(seen.cameras)
    assert {camera.id for camera in cameras} == set(names) == {c for g in seen.held.groups for c in g}
    counted = live_runs.agreements_of(running.directed_links(names, "raw", 0.0))
    running.close()
    assert counted
    assert counted == books.expected(names, store, Padding(GRID, CLOCK, 3))


@pytest.mark.ray
def test_on_ray_losses_change_nothing(tmp_path):
    """A shard and the coordinator die as plans change."""
    film = live_runs.film(tmp_path / "film")
    with ray_session():
        network, _, _ = live_runs.begin(RayLiveNetwork, tmp_path, 1, 2, "plans", strategy=TURNING)
        books = Books(network.tally)
        try:
            live_runs.watch(network, lambda health: len(health.workers) == 1)
            network.add_cameras(live_runs.copies(film, 5))
            live_runs.watch(network, lambda _: len(network.tally.plans) >= 3)
            os.kill(network.processes()["shard 0"], signal.SIGKILL)
            live_runs.watch(network, lambda _: len(network.tally.plans) >= 5)
            os.kill(network.processes()["coordinator"], signal.SIGKILL)
            live_runs.watch(network, lambda _: len(network.tally.plans) >= 7)
            os.kill(network.processes()["shard 1"], signal.SIGKILL)
            live_runs.watch(network, lambda _: len(network.tally.plans) >= 9)
            network.stop()
            names = list(network.tally.cameras)
            counted = live_runs.agreements_of(network.directed_links(names, "raw", 0.0))
        finally:
            network.close()
    for entry in JournalReader(tmp_path / "journal.arrow").entries():
        if isinstance(entry, dict) and "network" in entry:
            books.note(NetworkNote.of(entry))
    assert counted
    assert counted == books.expected(names, "dense", live_runs.COUNTING.padding)
    assert isinstance(next(iter(books.rows.values())), Rows)
    assert all(np.diff(sorted(books.rows)) >= 1)
