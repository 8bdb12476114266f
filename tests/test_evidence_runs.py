"""Links by evidence of whole footages: the same whoever counted, and few that are due to chance."""

import numpy as np
import pytest

from experiments.estimators.footage import simulated
from experiments.estimators.score import count, levels, score
from experiments.estimators.shifted import measure
from sdist_ray.exclusion.tile import Counting, Tile
from sdist_ray.occupancy.padding import pad_ranges
from sdist_ray.partition.plan import row_stripes
from sdist_ray.topology.evidence import NetworkEvidence, judged_links
from sdist_ray.topology.links import directed_links, join_directed
from sdist_ray.topology.screening import Screening


@pytest.fixture(scope="module")
def footage():
    return simulated(16, 40, 5.0, 0.1, 1.0, 301)


def test_every_store_and_any_number_of_shards_give_the_same_links(footage):
    names, windows = footage.cameras[:8], footage.padding.grid.windows
    rates = count(footage.cameras, footage.padding, footage.ranges).rates.select(np.arange(8))
    screening = Screening("corrected", 0.4, 0.3, rates)
    padded, found = list(pad_ranges(footage.ranges, footage.padding)), []
    for store, shards in (("dense", 1), ("dense", 3), ("rle", 2), ("indexed", 1)):
        counting = Counting(footage.padding, "wide", store)
        tiles = [Tile(rows, names, counting) for rows in row_stripes(names, shards)]
        for tile in tiles:
            for entry in padded:
                tile.apply(entry, footage.cameras)
        parts = [directed_links(tile, names, "corrected", 0.4) for tile in tiles][::-1]
        evidence = NetworkEvidence(rates)
        found.append(judged_links(join_directed(parts), names, evidence, windows, "corrected", 0.4, 0.3))
        judged = [screening.screen(part) for part in parts]
        last = screening.last_bin(np.sum([part.histogram() for part in judged], axis=0))
        gathered = join_directed([part.up_to(last) for part in judged])
        assert 2 * len(found[0]) <= len(gathered.row) < sum(len(part.row) for part in parts) / 2
        found.append(judged_links(gathered, names, evidence, windows, "corrected", 0.4, 0.3))
    assert len(found[0]) > 10
    assert (found[0].confidence >= 0.7).all()
    for links in found[1:]:
        for name, column in vars(found[0]).items():
            assert np.array_equal(column, vars(links)[name]), name


def test_of_links_found_in_turned_footage_fewer_are_false_than_promised(footage):
    found = measure(footage.cameras, footage.padding, footage.ranges, np.arange(16) % 2)
    for rule in found["rules"]:
        for entry in rule["rates"]:
            assert entry["mixed"]["false"] <= entry["promised"] * entry["mixed"]["links"]
            assert entry["null"]["false"] == 0
    assert found["rules"][1]["rates"][1]["mixed"]["links"] > 50
    for below, there, promised in found["below_found_promised"]:
        assert there <= max(promised, 1), below


def test_the_experiment_scores_windows_cameras_and_searches(footage):
    counted = count(footage.cameras, footage.padding, footage.ranges)
    found = levels(footage, counted, score(footage, counted))
    assert {"nonexclusion", "corrected", "bayes", "confidence"} <= set(found)
    for entry in found.values():
        for level in entry.values():
            assert 0 <= level["average_precision"] <= 1
    assert found["corrected"]["windows"]["average_precision"] > found["lift"]["windows"]["average_precision"]
