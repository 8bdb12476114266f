"""Transits of a network that lives: learnt while it runs, published with the rest."""

import math
import threading

import numpy as np
import pyarrow.parquet as pq
import pytest

from sdist_ray.cli import main
from sdist_ray.jobs.transits import TransitWatch
from sdist_ray.occupancy.block import Clock, OccupancyRange, Rows
from sdist_ray.runtime.feeds import NetworkSpec
from sdist_ray.runtime.network import Tally
from sdist_ray.runtime.notes import NetworkNote
from sdist_ray.settings_transit import TransitSettings
from sdist_ray.topology.graph import camera_edges
from sdist_ray.topology.links import join_directed, mutual_links
from tests import live_runs
from tests.test_transit import GRID, walkers, words_of

CLOCK = Clock(10, 20)
NO_ROWS = Rows.concatenate([])


@pytest.mark.parametrize("waiting", [1, 600])
def test_a_network_that_lives_learns_what_it_would_at_the_end(waiting, monkeypatch):
    monkeypatch.setattr("sdist_ray.jobs.transits.MOST_WAITING", waiting)
    seen = walkers(np.random.default_rng(5), [[(2, 4, 12), (0, 2, 5), (1, 9, 1)]], 6_000, alone=20.0)
    network = NetworkSpec(("gate", "yard"), GRID, CLOCK)
    watch = TransitWatch(TransitSettings(), network)
    tally = Tally(network, on_range=watch.add)
    names = ("gate", "hall", "yard")
    links = mutual_links(join_directed([]), names, GRID.windows)

    def run():
        for entry in words_of(seen[:, [0, 2, 1]], np.ones((len(seen), 3), bool), CLOCK):
            if entry.index == 20:
                # The hall joins: it is numbered last, though its name is not.
                tally.noted(NetworkNote(("gate", "yard", "hall")))
            count = len(tally.cameras)
            entry = OccupancyRange(entry.index, entry.occupied[:count], entry.available[:count])
            tally.closed(entry.index, NO_ROWS, entry)

    thread = threading.Thread(target=run)
    thread.start()
    nothing = mutual_links(join_directed([]), network.cameras, GRID.windows)
    early = watch.learn(nothing, camera_edges(nothing), tally)
    thread.join()
    # It rests for as long as is fair, and what was known is told meanwhile; not at the end.
    watch._again_s = math.inf
    assert watch.learn(links, camera_edges(links), tally) is early
    found = watch.learn(links, camera_edges(links), tally, last=True)
    directed = [(found.cameras[a], found.cameras[b]) for a, b in ends(found.directed)]
    assert directed == [("gate", "hall"), ("yard", "gate")]
    assert list(zip(found.pairs.camera_a, found.pairs.camera_b, strict=True)) == [
        ("gate", "hall"), ("gate", "yard"),
    ]  # fmt: skip
    assert found.directed.mean_s == pytest.approx([5, 12], rel=0.1)


def ends(transits):
    return zip(transits.source.tolist(), transits.target.tolist(), strict=True)


def test_transits_are_published_with_the_rest(tmp_path):
    film = live_runs.film(tmp_path / "film", images=30)
    arguments = ["source=live", f"source.paths=[{film}]", "runtime=local", "live.start_in_s=0"]
    arguments += ["live.duration_s=4", "live.lateness_s=1", "live.publish_s=1", f"output={tmp_path}/out"]
    assert main(["topology", *arguments]) == 0
    for place in ("out", "out/latest"):
        assert pq.read_table(tmp_path / place / "transits.parquet").num_rows == 0
