"""A strategy that has its network counted in other groups while it runs: plans, losses, bad choices."""

import dataclasses
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

import sdist_ray
from sdist_ray.errors import InputError
from sdist_ray.jobs.groups import read_groups
from sdist_ray.occupancy.block import Clock
from sdist_ray.occupancy.collate import range_of_rows
from sdist_ray.occupancy.padding import pad_ranges
from sdist_ray.occupancy.recording import RecordingWriter, open_recording
from sdist_ray.partition.make import STRATEGIES, StrategyChoice
from sdist_ray.partition.partitioning import Partitioning
from sdist_ray.runtime.base import Keeping
from sdist_ray.runtime.local import LocalNetwork
from sdist_ray.runtime.network import Tally
from sdist_ray.runtime.notes import newest_note
from sdist_ray.runtime.pipeline import Pipeline
from sdist_ray.runtime.planner import Planner, labels_of
from sdist_ray.runtime.snapshots import SnapshotFolder
from sdist_ray.simulation.city import CitySpec, make_city
from sdist_ray.simulation.city_rows import rows_of_range
from tests import networks
from tests.test_faults import CAMERAS, RANGES, Flaky, FlakyNetwork
from tests.test_jobs import refused, topology
from tests.test_replanning import NAMES, counts_of_each_range, eras_of, expected, mutual

TURNING, ASKING = "tests.strategies:Turning", "tests.strategies:Asking"


@pytest.fixture(scope="module")
def rows():
    return networks.activity(CAMERAS, RANGES)


@pytest.fixture(scope="module")
def recording(tmp_path_factory, rows):
    return networks.record(tmp_path_factory.mktemp("recording") / "r.arrow", rows, CAMERAS)


@pytest.fixture(scope="module")
def each_range(rows):
    return counts_of_each_range(rows, RANGES)


@pytest.fixture(scope="module")
def padded(rows):
    clock = networks.CLOCK
    ranges = [
        range_of_rows(
            rows.take(np.flatnonzero(rows.tick // clock.range_ticks == k)), k, CAMERAS, networks.GRID, clock
        )
        for k in range(RANGES)
    ]
    return list(pad_ranges(ranges, networks.counting().padding))


def spec(kind, partitioning=None, **options):
    return replace(networks.spec(CAMERAS), strategy=StrategyChoice(kind, options), partitioning=partitioning)


def turned(plan):
    """The groups of Turning after so many plans."""
    groups = {}
    for place, camera in enumerate(NAMES):
        groups.setdefault((place + plan) // 2 % 2, []).append(camera)
    return Partitioning(tuple(map(tuple, groups.values()))).groups


@pytest.mark.parametrize("store", ["dense", "rle", "indexed"])
@pytest.mark.parametrize("shards", [1, 3])
def test_plans_hold_from_the_range_on_after_which_they_are_due(recording, each_range, store, shards):
    network = spec(TURNING, every=40)
    running = LocalNetwork(
        networks.feeds(recording, CAMERAS), network, networks.counting(store=store), 1, shards, Keeping(),
        Tally(network),
    )  # fmt: skip
    running.run()
    eras = running._pipeline._note.eras
    assert [(era.after, era.groups) for era in eras] == [
        (None if k == 0 else 40 * k - 1, turned(k)) for k in range(RANGES // 40 + 1)
    ]
    assert [(plan.after, plan.groups) for plan in running.tally.plans] == [
        (era.after, len(era.groups)) for era in eras
    ]
    assert running.tally.held == eras[-1]
    assert mutual(networks.agreements(running)) == expected(each_range, eras, store)


@pytest.mark.parametrize(
    ("seed", "store", "every"), [(1, "dense", 7), (2, "indexed", 0), (3, "rle", 3), (4, "indexed", 5)]
)
def test_losses_at_any_moment_change_nothing(recording, each_range, tmp_path, seed, store, every):
    counting = networks.counting(store=store)
    folder = SnapshotFolder(str(tmp_path / "snapshots"))
    runtime = Flaky(seed, 20, networks.feeds(recording, CAMERAS), counting, 3, folder)
    network = FlakyNetwork(runtime, counting, Keeping(tmp_path / "journal.arrow", str(tmp_path), every))
    network.parts = (spec(TURNING, every=40), *network.parts[1:])
    network.pipeline = Pipeline(*network.parts)
    network.ask("run")
    found = mutual(networks.agreements(network))
    note, _ = newest_note(tmp_path / "journal.arrow")
    assert found == expected(each_range, eras_of(note), store)
    assert note.eras[-1].groups == turned(RANGES // 40)
    assert not runtime.kills


def test_a_strategy_that_asks_is_told_what_is_linked(recording):
    network = spec(ASKING, Partitioning(((NAMES[0], NAMES[1], NAMES[4]), (NAMES[2], NAMES[3]))), every=100)
    running = LocalNetwork(
        networks.feeds(recording, CAMERAS), network, networks.counting(), 1, 2, Keeping(), Tally(network)
    )
    running.run()
    told = running._pipeline._planner._strategy.told
    assert len(told) == 2
    # What is counted together, and no others.
    for linked in told:
        assert linked
        assert all({a, b} <= {0, 1, 4} or {a, b} <= {2, 3} for a, b in linked)


def test_plans_made_behind_are_those_made_at_once(padded):
    choice, padding = StrategyChoice(TURNING, {"every": 50}), networks.counting().padding
    at_once, behind = (Planner(choice, NAMES, padding, None, later) for later in (False, True))
    said = {at_once: [], behind: []}
    for planner, plans in said.items():
        for entry in padded:
            planner.watch(entry)
            planner.watch(entry)
            plans += planner.next(None, None)
            if planner._making is not None:
                # What comes meanwhile is seen later, once and in order.
                planner._making.join()
    assert said[at_once]
    assert said[behind] == said[at_once][: len(said[behind])]
    assert at_once._strategy.indices == behind._strategy.indices == [entry.index for entry in padded]


@pytest.mark.parametrize("kind", ["Short", "Floats", "Raising", "Blind"])
def test_a_strategy_that_fails_ends_a_run_and_not_a_live_network(padded, caplog, kind):
    choice, padding = StrategyChoice(f"tests.strategies:{kind}", {"every": 50}), networks.counting().padding
    ends, stays = (Planner(choice, NAMES, padding, None, behind) for behind in (False, True))
    said = rf"^partition=tests.strategies:{kind}: the strategy fails: [^\n]*$"
    with pytest.raises(InputError, match=said):  # noqa: PT012
        for entry in padded:
            ends.watch(entry)
            ends.next(None, None)
    first = stays.partitioning
    for entry in padded:
        stays.watch(entry)
        assert stays.next(None, None) == []
        if stays._making is not None:
            stays._making.join()
    stays.grow((*NAMES, "more"))
    assert stays.partitioning == first
    assert len([record for record in caplog.records if "cameras stay in the groups" in record.message]) == 1


def test_nobody_waits_for_a_plan_that_takes_long(padded):
    """Not even when cameras join; the strategy hears of them, and of what it missed, when it is done."""
    choice = StrategyChoice("tests.strategies:Slow", {"every": 50})
    planner = Planner(choice, NAMES[:-1], networks.counting().padding, None, True)
    for entry in padded[:60]:
        planner.watch(entry)
        assert planner.next(None, None) == []
    assert planner._making is not None
    planner.grow(NAMES)
    assert planner._strategy.cameras == len(NAMES) - 1
    planner._strategy.go_on.set()
    planner._making.join()
    (plan,) = planner.next(None, None)
    assert sorted(plan.partitioning.cameras) == sorted(NAMES[:-1])
    assert planner._strategy.cameras == len(NAMES)
    assert planner._strategy.indices == [entry.index for entry in padded[:60]]


def test_cameras_that_join_are_counted_from_the_next_plan_on(padded):
    planner = Planner(StrategyChoice(TURNING, {"every": 50}), NAMES[:-1], networks.counting().padding, None)
    planner.grow(NAMES)
    assert NAMES[-1] not in planner.partitioning.cameras
    said = []
    for entry in padded[:50]:
        planner.watch(entry)
        said += planner.next(None, None)
    assert [NAMES[-1] in plan.partitioning.cameras for plan in said] == [True]


def test_groups_become_labels_and_back():
    partitioning = Partitioning((("c03", "c01"), ("c00",)))
    assert labels_of(partitioning, NAMES).tolist() == [0, 1, -1, 1, -1]
    assert labels_of(None, NAMES).tolist() == [-1] * 5


@pytest.mark.parametrize(
    ("kind", "options", "says"),
    [
        ("screning", {}, "there are screening, sampling, nursery, and module:Class"),
        ("nowhere:Class", {}, "No module named 'nowhere'"),
        (":Class", {}, "and module:Class"),
        (".a:Class", {}, "and module:Class"),
        ("tests.broken_strategies.ends:Class", {}, "SystemExit"),
        ("tests.broken_strategies.raises:Class", {}, "RuntimeError: of the user's own"),
        ("os:getcwd", {}, "is no strategy"),
        ("builtins:dict", {}, "it lacks asks_links, begin, due"),
        ("screening", {"kept_s": 0}, "kept_s is 0, but must be 1 to 65000"),
        ("screening", {"by_chance": float("nan")}, "partition.options.by_chance is nan"),
        ("screening", {"orders": 7}, "a multiple of 32"),
        ("sampling", {"share": 2.0}, "share is 2.0"),
        ("nursery", {"reverted": -2.0}, "reverted is -2.0"),
        ("tests.strategies:Nothing", {}, "has no attribute 'Nothing'"),
        ("screening", {"mots": 40}, "partition.options.mots: screening has no such option; it has: "),
        ("screening", {"most": "x"}, "partition.options.most is 'x', not as its default"),
        ("screening", {"cycle_s": True}, "partition.options.cycle_s is True"),
        ("nursery", {"against": "all"}, "against must be one of"),
        (TURNING, {"every": 0}, "every must be 1 or more"),
        ("tests.strategies:Plain", {"every": 1}, "it has: none"),
    ],
)  # fmt: skip
def test_what_cannot_be_chosen_is_said_in_one_line(kind, options, says):
    with pytest.raises(InputError, match=r"^[^\n]*$") as caught:
        StrategyChoice(kind, options)
    assert says in str(caught.value)


@pytest.mark.parametrize("kind", STRATEGIES)
def test_its_file_of_settings_has_all_options_of_a_strategy(kind):
    content = yaml.safe_load(
        (Path(sdist_ray.__file__).parents[1] / f"conf/partition/{kind}.yaml").read_text()
    )
    settings_type, _ = STRATEGIES[kind]
    assert StrategyChoice(kind, content["options"])
    assert content == {"kind": kind, "options": defaults(settings_type)}


def defaults(settings_type):
    found = {}
    for name, value in vars(settings_type()).items():
        found |= defaults(type(value)) if dataclasses.is_dataclass(value) else {name: value}
    return found


@pytest.mark.parametrize("kind", STRATEGIES)
def test_every_strategy_plans(kind, padded):
    """From any start; its options are those that its file of settings has."""
    choice = StrategyChoice(kind, {"cycle_s": 20})
    planner = Planner(replace(choice, seed=3), NAMES, networks.counting().padding, None)
    tiles = LinkedNothing()
    for entry in padded:
        planner.watch(entry)
        for plan in planner.next(tiles, tiles):
            assert sorted(plan.partitioning.cameras) == sorted(NAMES)
    assert sorted(planner.partitioning.cameras) == sorted(NAMES)
    assert planner._strategy.work > 0 or kind == "nursery"


class LinkedNothing:
    tiles = frozenset()

    def directed_links(self, *_):
        return [[]]


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    """A recording of a small city, a tick a second."""
    path, clock = tmp_path_factory.mktemp("city") / "city.parquet", Clock(1.0, 60)
    made = make_city(CitySpec(cameras=30, minutes=40, people_per_camera=2, seed=3))
    with RecordingWriter(path, made.camera_ids, made.spec.grid, clock.fps) as writer:
        for entry in made.ranges(clock):
            writer.write(rows_of_range(entry, made.spec.grid, clock))
    return path


@pytest.fixture(scope="module")
def results():
    return {}


@pytest.mark.parametrize(
    ("runtime", "shards"), [("local", 1), ("local", 3), pytest.param("ray", 2, marks=pytest.mark.ray)]
)
def test_a_job_has_the_same_result_wherever_it_runs(city, results, tmp_path, monkeypatch, runtime, shards):
    monkeypatch.setattr("sdist_ray.jobs.topology.write_report", lambda folder: folder)
    topology(
        tmp_path, "source=recording", f"source.path={city}", "partition=screening", f"runtime={runtime}",
        "partition.options.cycle_s=600", f"runtime.shards={shards}", "exclusion.store=indexed",
        "exclusion.range_s=60", "exclusion.tolerance=1", "topology.fdr=0.05",
    )  # fmt: skip
    summary = json.loads((tmp_path / "summary.json").read_text())["partition"]
    assert summary["kind"] == "screening"
    assert len(summary["plans"]) > 2
    groups = read_groups(tmp_path / "groups.csv", open_recording(city).cameras)
    assert summary["groups"] == len(groups.groups)
    assert 1 < groups.largest < 30
    found = pq.read_table(tmp_path / "links.parquet"), groups
    assert found == results.setdefault("first", found)
    # What chance would give is judged where links are, by the sum of all shards' histograms.
    assert len(found[0]) > 10
    assert min(found[0]["confidence"].to_pylist()) >= 0.95


def test_the_strategy_of_the_documentation_runs(recording, tmp_path, monkeypatch):
    text = (Path(sdist_ray.__file__).parents[1] / "docs/partitions.md").read_text()
    (tmp_path / "mine.py").write_text(text.partition("```python\n")[2].partition("```")[0])
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("sdist_ray.jobs.topology.write_report", lambda folder: folder)
    topology(
        tmp_path / "run", "source=recording", f"source.path={recording}", "runtime=local",
        "exclusion.range_s=0.4", "partition.kind=mine:Fours",
    )  # fmt: skip
    groups = read_groups(tmp_path / "run" / "groups.csv", NAMES)
    assert groups == Partitioning((NAMES[:3], NAMES[3:]))


def test_bad_choices_end_in_one_line(capsys, recording, tmp_path):
    source = ["source=recording", f"source.path={recording}", "runtime=local", f"output={tmp_path}/run"]
    for arguments, says in (
        (["partition=screening", "+partition.options.what=1"], "no such option"),
        (["partition=sampling", "partition.options.share=x"], "not as its default"),
        (["+partition.options.share=1"], "partition=none has none"),
        (["partition.kind=sdist_ray.cli:nothing"], "has no attribute"),
        (["partition=screening", "partition.seed=-1"], "partition.seed"),
    ):
        assert says in refused(capsys, "topology", *source, *arguments)
    assert not (tmp_path / "run").exists()
