"""The experiment on strategies: who was to be found at all, and a small network from settings to the plot."""

import numpy as np
import pytest
from hydra import compose, initialize

from experiments.partitioning import plots
from experiments.partitioning import run as experiment
from experiments.partitioning.trial import start_labels
from experiments.partitioning.visits import GAP_S, SharedVisits
from sdist_ray.occupancy.block import Clock
from sdist_ray.partition.grouping import group_sizes
from sdist_ray.simulation.city import CitySpec, make_city
from sdist_ray.simulation.city_run import CityRun


def test_visits_to_shared_ground_equal_the_oracle():
    """Also of cameras that are moved, and across the hour at which visits are cut."""
    city = make_city(CitySpec(cameras=24, people_per_camera=2, minutes=70, moved_share=0.3, seed=2))
    table, views, windows = city.table, city.views, city.spec.grid.windows
    times: dict[tuple[int, int], list[tuple[float, float]]] = {}
    rows = list(
        zip(*(side.tolist() for side in (city.shared[0], city.shared[1], *city.shared[3:])), strict=True)
    )
    for visit in CityRun(city, Clock(1.0, 60)).visits(4200.0):
        block = table.block[visit["cell"] >> 6]
        if block < 0:
            continue
        cell = int(block) * 64 + (visit["cell"] & 63)
        seen = [int(place) // windows for place in table.places[table.starts[cell] : table.starts[cell + 1]]]
        for one in seen:
            for other in seen:
                a, b = views.camera[one], views.camera[other]
                since = max(visit["start"], views.from_s[one], views.from_s[other])
                until = min(visit["end"], views.until_s[one], views.until_s[other])
                if a < b and since < until:
                    row = next(
                        k for k, (c, d, f, u) in enumerate(rows) if (c, d) == (a, b) and f <= since < u
                    )
                    times.setdefault((row, int(visit["walker"])), []).append((since, until))
    expected = np.zeros((2, len(rows)), int)
    for (row, _), stays in times.items():
        last = -np.inf
        for since, until in sorted(stays):
            if since - last > GAP_S:
                expected[:, row] += (since < 2000, since < 4200)
            last = until
    visits = SharedVisits(city, 70 / 60)
    assert expected[1].sum() > 100
    assert visits.until(2000.0).tolist() == expected[0].tolist()
    assert visits.until(4200.0).tolist() == expected[1].tolist()


@pytest.mark.parametrize("kind", ["random", "adversarial", "perfect", "wrong_30"])
def test_starts_place_every_camera(kind):
    city = make_city(CitySpec(cameras=60, minutes=10))
    labels = start_labels(city, kind, 1)
    assert labels.min() == 0
    assert group_sizes(labels).sum() == 60


def test_runs_are_added_to_a_study_and_drawn(tmp_path):
    with initialize(version_base="1.3", config_path="../../experiments/partitioning/conf"):
        settings = ["cameras=40", "hours=1.5", "moved_share=0.2", "city=3", "output=."]
        for strategy in ("screening", "sampling", "screening"):
            result = experiment.run(compose("trial", [*settings, f"strategy={strategy}"]))
            experiment.add(tmp_path / "a.json", result)
    assert result["cycles"]["hours"] == pytest.approx([1 / 3, 2 / 3, 1, 4 / 3], abs=1e-4)
    assert all(0 <= share <= 1 for share in result["cycles"]["coverage"])
    runs = plots.json.loads((tmp_path / "a.json").read_text())
    assert [run["settings"]["strategy"] for run in runs] == ["sampling", "screening"]
    assert len(plots.table(runs).splitlines()) == 4
    plots.draw(runs, tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 10_000
