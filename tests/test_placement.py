"""Advice on where cameras hang: what is right is known beforehand."""

import csv
import json
import shutil
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdist_ray.cameras.described import read_cameras
from sdist_ray.cli import main
from sdist_ray.jobs.simulate import write_observed, write_site
from sdist_ray.occupancy.grid import Grid
from sdist_ray.simulation.site import SiteSpec, make_site, walk
from sdist_ray.simulation.truth_blind import blind_ground
from sdist_ray.simulation.truth_transits import true_sights
from sdist_ray.topology.placement import (
    Limits,
    between,
    blind,
    idle_and_alone,
    redundant,
    seen_by_links,
    sentence,
)
from tests.report.made_run import make_run

LIMITS = Limits()


def covered_by(occupied, seen_by, camera, kept):
    """The share of what happens in a camera's view that others of ``kept`` see, in plain words."""
    windows = occupied.shape[1]
    seen = sum(
        int(occupied[camera, w])
        for w in range(windows)
        if set(seen_by.at(camera * windows + w)[0].tolist()) & kept
    )
    return seen / occupied[camera].sum()


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), links=st.integers(0, 60), covered=st.floats(0.3, 1.0))
def test_cameras_that_are_taken_down_together_are_covered_by_those_that_stay(seed, links, covered):
    rng = np.random.default_rng(seed)
    occupied = rng.integers(0, 5, (5, 6))
    a, b = rng.integers(0, 5, (2, links))
    apart = a != b
    seen_by = seen_by_links(
        a[apart], rng.integers(0, 6, links)[apart], b[apart], rng.integers(0, 6, links)[apart], 5, 6
    )
    limits = replace(LIMITS, covered=covered)
    taken = [one.camera for one in redundant(occupied, seen_by, limits)]
    kept = set(range(5)) - set(taken)
    for camera in taken:
        assert covered_by(occupied, seen_by, camera, kept) >= covered
    for camera in kept:  # And nobody who could go as well was overlooked.
        if occupied[camera].sum() and covered_by(occupied, seen_by, camera, kept - {camera}) >= covered:
            rest = kept - {camera}
            assert any(covered_by(occupied, seen_by, other, rest) < covered for other in taken)


def test_of_two_that_see_the_same_one_stays():
    occupied = np.array([[5, 5], [9, 9], [3, 3]])
    every = np.array([0, 1])
    seen_by = seen_by_links(np.zeros(2, int), every, np.ones(2, int), every, 3, 2)
    found = redundant(occupied, seen_by, LIMITS)
    assert [(one.camera, one.others) for one in found] == [(0, (1,))]
    assert found[0].numbers["covered"] == 1


def test_the_most_unseen_time_is_first():
    a, b = np.array([0, 0, 1]), np.array([1, 2, 2])
    found = between(a, b, np.array([30.0, 60.0, 5.0]), np.array([20.0, 5.0, 90.0]), LIMITS)
    assert [(one.camera, one.others[0], one.worth) for one in found] == [(0, 1, 600), (0, 2, 300)]


def test_a_camera_that_has_delivered_nothing_is_no_matter_of_place():
    found = idle_and_alone(
        np.array([0, 3600, 3600, 10]), np.array([0, 40, 40, 1]), np.array([0, 36_000, 36_000, 36_000]),
        np.array([0, 0, 2, 0]), 10.0, LIMITS,
    )  # fmt: skip
    assert [(one.kind, one.camera) for one in found] == [("alone", 1), ("idle", 3)]
    assert found[0].numbers["mean_people"] == pytest.approx(0.1)
    assert found[0].numbers["visits_per_hour"] == pytest.approx(40)
    assert "check its clock" in sentence(found[0], "abcd")


def test_blind_ground_is_where_people_are_whom_nobody_sees():
    site = make_site(SiteSpec(cameras=2, people=5, minutes=0.5, seed=2))
    people = walk(site)
    ground = blind_ground(site, people)
    key, _, _ = true_sights(site, people)
    seen = set(key.tolist())
    naive: dict[tuple[int, int], int] = {}
    for tick in range(people.ticks):
        for person in range(people.people):
            x, y = people.positions[tick, person]
            if np.isfinite(x) and person * people.ticks + tick not in seen:
                cell = int(np.floor(x)), int(np.floor(y))
                naive[cell] = naive.get(cell, 0) + 1
    cells = zip(np.floor(ground.x_m).astype(int), np.floor(ground.y_m).astype(int), strict=True)
    assert {
        (int(x), int(y)): round(s * 10) for (x, y), s in zip(cells, ground.person_s, strict=True)
    } == naive
    squares = blind(ground.x_m, ground.y_m, ground.person_s, ground.hours, 3.0, replace(
        LIMITS, blind_person_s_per_hour=0.0))  # fmt: skip
    total = sum(one.worth for one in squares) * ground.hours
    assert total == pytest.approx(ground.person_s.sum())
    assert squares[0].worth == max(one.worth for one in squares)


@pytest.fixture(scope="module")
def site_run(tmp_path_factory):
    """A site of two halls 50 m apart; camera 1 hangs where camera 0 does. Its folder, and that of a run."""
    folder, run = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("run")
    site = make_site(
        SiteSpec(cameras=8, people=16, minutes=12, width_m=100, depth_m=24, miss_probability=0.05, seed=5)
    )
    site = replace(site, cameras=(site.cameras[0], *site.cameras[:1], *site.cameras[2:]))
    people = walk(site)
    write_site(folder, site, people, Grid())
    write_observed(folder / "occupancy.parquet", site, people, Grid())
    source = ["source=recording", f"source.path={folder}/occupancy.parquet", "runtime=local"]
    assert main(["topology", *source, f"output={run}"]) == 0
    return folder, run


def test_advice_on_a_site_where_what_is_right_is_known(site_run, tmp_path, capsys):
    site, run = site_run
    given = [f"run={run}", f"truth={site}", f"cameras={site}/cameras.yaml", f"output={tmp_path}"]
    assert main(["advise", *given, "covered=0.9"]) == 0
    said = capsys.readouterr().out
    rows = pq.read_table(tmp_path / "advice.parquet").to_pylist()
    twins = {"cam00": "cam01", "cam01": "cam00"}
    spare = {row["camera"]: row for row in rows if row["kind"] == "redundant"}
    assert len(twins.keys() & spare.keys()) == 1, "one of the two goes, and one stays"
    gone = (twins.keys() & spare.keys()).pop()
    assert twins[gone] in spare[gone]["others"]
    assert spare[gone]["covered"] >= 0.9
    # People cross from hall to hall, and nobody sees them on the way.
    ways = [row for row in rows if row["kind"] == "between"]
    assert ways
    halls = [{"cam00", "cam01", "cam02", "cam03"}, {"cam04", "cam05", "cam06", "cam07"}]
    best = ways[0]
    assert {best["camera"], *best["others"]} not in [
        hall & {best["camera"], *best["others"]} for hall in halls
    ]
    assert best["worth"] == pytest.approx(best["per_hour"] * best["transit_mean_s"])
    blind_rows = [row for row in rows if row["kind"] == "blind"]
    assert blind_rows
    assert 30 < blind_rows[0]["x_m"] < 70, "between the halls"
    assert all(row["advice"] for row in rows)
    assert said.count("put a camera between") == min(len(ways), 8)
    with (tmp_path / "advice.csv").open() as file:
        assert [row["advice"] for row in csv.DictReader(file)] == [row["advice"] for row in rows]
    assert (tmp_path / "advice.png").stat().st_size > 20_000


def test_where_there_is_nothing_to_advise_there_is_no_table(site_run, tmp_path, capsys):
    _, run = site_run
    none = ["per_hour=1e6", "mean_people=0", "covered=1"]
    assert main(["advise", f"run={run}", f"output={tmp_path}", *none]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said == [f"0 between, 0 blind, 0 alone, 0 idle, 0 redundant; all of it: {tmp_path}/advice.csv"]


def test_a_camera_without_an_edge_is_not_redundant_whatever_its_links(site_run, tmp_path, capsys):
    _, run = site_run
    shutil.copytree(run, tmp_path / "run")
    edges = pq.read_table(run / "edges.parquet")
    pq.write_table(edges.slice(0, 0), tmp_path / "run" / "edges.parquet")
    assert main(["advise", f"run={tmp_path}/run", f"output={tmp_path}", "covered=0.9"]) == 0
    assert "8 alone, 0 idle, 0 redundant" in capsys.readouterr().out


def test_handover_of_a_run_knows_twins_and_the_way_over(site_run, capsys):
    _, run = site_run
    assert main(["handover", f"run={run}", "camera=cam00", "json=true"]) == 0
    found = json.loads(capsys.readouterr().out)["cameras"][0]["candidates"]
    # Who leaves one twin's view leaves the other's too: it is a third camera of the hall that holds them.
    assert (found[0]["camera"], found[0]["kind"]) == ("cam02", "overlap")
    assert main(["handover", f"run={run}", "camera=cam00", "after_s=10", "json=true"]) == 0
    later = json.loads(capsys.readouterr().out)["cameras"][0]["candidates"]
    assert later
    assert all(one["from_s"] >= 10 for one in later)
    assert pq.read_table(run / "successions.parquet").num_rows
    assert main(["handover", f"run={run}"]) == 0
    table = capsys.readouterr().out
    assert all(f"cam0{k}" in table for k in range(8))
    exits = pq.read_table(run / "exits.parquet")
    assert sum(exits["gone"].to_pylist()) <= sum(exits["exits"].to_pylist())
    lists = {c["id"]: c for c in json.loads((run / "overlaps.json").read_text())["cameras"]}
    assert lists["cam00"]["overlap"][0]["id"] == "cam01"
    assert "cam05" in lists["cam00"]["conflict"]


def test_handover_of_who_walks_to_another_hall(site_run, capsys):
    folder, run = site_run
    asked = [f"cameras={folder}/cameras.yaml", f"run={run}", "json=true", "camera=cam03", "most=100"]
    camera = {known.id: known.calibration for known in read_cameras(folder / "cameras.yaml")}["cam03"]
    foot = camera.to_ground(np.array([[0.9, 0.15]]) * camera.image_size)[0]
    there = []
    # The other hall is to the east; the window is the same.
    for east in (2.4, -2.4):
        places = np.array([foot - [east, 0.0], foot])
        before, last = (camera.to_image(places) / camera.image_size).round(4).tolist()
        assert main(["handover", *asked, "window=10", f"foot={last}", f"before={before}"]) == 0
        candidates = json.loads(capsys.readouterr().out)["cameras"][0]["candidates"]
        there.append(sum(c["probability"] for c in candidates if c["camera"] > "cam03"))
    assert there[0] > 2 * there[1]
    assert main(["handover", *asked, "foot=[0.98,0.6]", "before=[0.8,0.6]"]) == 0
    assert json.loads(capsys.readouterr().out)["window"] == 71, "the last of the sixth row"


@pytest.mark.parametrize(
    ("command", "arguments", "said"),
    [
        ("handover", [], "handover needs run=DIR"),
        ("handover", ["run={run}", "foot=[0.5,0.5]"], "foot and before go together"),
        ("handover", ["run={run}", "foot=[0.5,0.5]", "before=[0.5,0.4]"], "foot needs camera=ID"),
        ("handover", ["run={run}", "foot=[0.5,1.5]", "before=[0.5,0.4]"], "each 0 to 1"),
        ("handover", ["run={run}", "foot=[0.5]", "before=[0.5,0.4]"], "each 0 to 1"),
        ("handover", ["run={run}", "cameras={run}/none.yaml"], "none.yaml"),
        ("handover", ["run={run}", "camera=nobody"], "nobody"),
        ("handover", ["run={run}", "camera=C01", "window=999"], "windows 0 to 107"),
        ("handover", ["run={run}", "window=3"], "camera=ID"),
        ("handover", ["run={run}", "after_s=-1"], "after_s"),
        ("handover", ["run={run}/nowhere"], "no such folder"),
        ("advise", [], "advise needs run=DIR"),
        ("advise", ["run={run}", "covered=0"], "covered"),
        ("advise", ["run={run}", "truth={run}"], "truth_blind.parquet"),
    ],
)
def test_mistakes_are_one_line(tmp_path, capsys, command, arguments, said):
    run = make_run(tmp_path)
    assert main([command, *(word.format(run=run) for word in arguments)]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
    assert not (tmp_path / "advice.parquet").exists()
