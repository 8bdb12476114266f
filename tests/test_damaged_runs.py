"""Tables and summaries of a run's folder that hold what they must not: one line, and nothing made of them."""

import json
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sdist_ray.cli import main
from sdist_ray.errors import InputError
from sdist_ray.jobs.columns import COLUMNS, read_table
from sdist_ray.jobs.evaluate import _run_grid
from sdist_ray.jobs.follow_target import TrackedRun
from sdist_ray.jobs.fusion_plan import read_edges
from sdist_ray.jobs.rows_file import RowsFile
from sdist_ray.jobs.run_cameras import cameras_of
from sdist_ray.jobs.track import _cameras_of_summary
from sdist_ray.jobs.track_plan import read_passages
from sdist_ray.report.distancing_folder import read_distancing_run
from sdist_ray.runtime.live.reach import NOTE, read_note

ROWS = 3
GOOD = {
    "text": pa.array(["a", "b", "c"]),
    "whole number": pa.array([1, 2, 3]),
    "number": pa.array([0.5, 1.0, 2.0]),
}
ODD = {
    "null": pa.array([1, None, 2]),
    "nothing": pa.nulls(ROWS),
    "text": pa.array(["x"] * ROWS),
    "bytes": pa.array([b"\xff\xfe"] * ROWS),
    "lists": pa.array([[1]] * ROWS),
    "nan": pa.array([0.5, np.nan, 1.0]),
    "infinite": pa.array([0.5, np.inf, 1.0]),
    "huge": pa.array([1e300] * ROWS),
    "beyond floats": pa.array([2**63 - 1] * ROWS),
    "truth": pa.array([True] * ROWS),
}


def write(path, **columns):
    pq.write_table(pa.table(columns), path)
    return path


def is_possible(name, odd):
    column = COLUMNS[name]
    return (column.kind == "text" and odd == "text") or (
        column.kind != "text" and column.optional and odd in ("nan", "null")
    )


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_is_what_it_must_be_or_refused(tmp_path, name, odd):
    path = write(tmp_path / "some.parquet", **{name: ODD[odd]})
    if is_possible(name, odd):
        assert len(RowsFile(path, (name,)).rows((name,))[name]) == read_table(path, (name,)).num_rows == ROWS
        return
    for read in (lambda: read_table(path, (name,)), lambda: RowsFile(path, (name,)).rows((name,))):
        with pytest.raises(InputError, match=rf"some\.parquet: column {name} (is|holds) .*") as error:
            read()
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_that_is_right_is_read(tmp_path, name):
    good = GOOD[COLUMNS[name].kind]
    path = write(tmp_path / "some.parquet", **{name: good})
    assert read_table(path, (name,))[name].to_pylist() == good.to_pylist()
    assert RowsFile(path, (name,)).rows((name,))[name].tolist() == good.to_pylist()


def test_a_column_that_is_not_there_or_twice_is_refused(tmp_path):
    path = write(tmp_path / "some.parquet", x=pa.array([1.0]))
    twice = tmp_path / "twice.parquet"
    pq.write_table(pa.Table.from_arrays([pa.array([1.0]), pa.array([2.0])], names=["x", "x"]), twice)
    for read in (read_table, RowsFile):
        with pytest.raises(InputError, match="has no column 'y'"):
            read(path, ("x", "y"))
        with pytest.raises(InputError, match=r"twice\.parquet: "):
            read(twice, ("x",))
        with pytest.raises(InputError, match="not a readable Parquet file"):
            read(tmp_path / "none.parquet", ("x",))


def test_an_optional_column_is_what_it_must_be_where_it_is(tmp_path):
    path = write(tmp_path / "some.parquet", camera_a=pa.array(["a"]))
    assert read_table(path, ("camera_a",), ("kind",)).num_rows == 1
    write(path, camera_a=pa.array(["a"]), kind=pa.array([[1]]))
    with pytest.raises(InputError, match="column kind is list"):
        read_table(path, ("camera_a",), ("kind",))


TRACKED = {
    "command": "track", "run": "somewhere", "topology": None, "fps": 10.0, "edges": [[0, 1]],
    "cameras": [{"id": "a", "view_m": [[0, 0], [1, 0], [1, 1]]}, {"id": "b", "view_m": []}],
}  # fmt: skip


@pytest.mark.parametrize(
    "odd",
    [
        {"fps": float("nan")}, {"fps": 1e300}, {"fps": 10**400}, {"fps": 0}, {"fps": "x"}, {"fps": None},
        {"edges": [[0, 2]]}, {"edges": [[0]]}, {"edges": 7}, {"cameras": [7]}, {"cameras": {}},
        {"cameras": [{"id": "a", "view_m": [[1e999, 0]]}]}, {"topology": 7}, {"run": None}, {"command": 3},
    ],
    ids=lambda odd: str(odd)[:40],
)  # fmt: skip
def test_a_tracking_runs_summary_is_one(tmp_path, odd):
    path = tmp_path / "summary.json"
    path.write_text(json.dumps(TRACKED))
    assert TrackedRun.read(tmp_path).cameras == ("a", "b")
    path.write_text(json.dumps(TRACKED | odd))
    with pytest.raises(InputError, match="not a tracking run's folder"):
        TrackedRun.read(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000, "{}", '{"cameras": [{"camera": "a", "fps": "x"}]}',
        '{"cameras": [{"camera": "a", "fps": NaN}]}', '{"cameras": [{"camera": "a", "frames": [1]}]}',
        f'{{"cameras": [{{"camera": "a", "frames": 1{400 * "0"}}}]}}',
        '{"cameras": [{"camera": "a", "fps": -1}]}',
    ],
    ids=lambda text: text[:50],
)  # fmt: skip
def test_a_distancing_runs_summary_is_one(tmp_path, text):
    (tmp_path / "summary.json").write_text(text)
    plan = SimpleNamespace(cameras=[SimpleNamespace(id="a", start_s=0.0)])
    with pytest.raises(InputError, match=r"summary\.json: "):
        _cameras_of_summary(tmp_path, plan)


@pytest.mark.parametrize(
    "text", ["source: 7", "source: [1]", "source: {paths: x}", "7", "source: {paths: 3}"]
)
def test_a_runs_settings_are_some(tmp_path, text):
    (tmp_path / "config.yaml").write_text(text)
    with pytest.raises(InputError, match=r"config\.yaml: not a run's settings"):
        cameras_of(tmp_path)


def test_paths_of_a_run_that_was_made_elsewhere_are_told_as_such(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.yaml").write_text("cameras: site/cameras.yaml\nsource: {paths: [site/*.mp4]}")
    with pytest.raises(
        InputError, match=r"site/cameras\.yaml.*config\.yaml names it, from where that run was made"
    ):
        cameras_of(tmp_path)


def test_json_that_is_too_deep_is_no_runs_summary(tmp_path):
    for name in ("summary.json", NOTE):
        (tmp_path / name).write_text("[" * 100_000)
    for read in (_run_grid, read_distancing_run, read_note):
        with pytest.raises(InputError):
            read(tmp_path)


EDGE = {"camera_a": pa.array(["a"]), "camera_b": pa.array(["b"]), "kind": pa.array(["overlap"])}


@pytest.mark.parametrize(
    "odd",
    [
        {"homography": pa.array([3.5])}, {"homography": pa.array([["x"] * 9])},
        {"homography": pa.array(["x"])}, {"homography_error": pa.array(["x"])},
        {"homography_error": pa.array([[1.0]])}, {"camera_a": pa.array([["a"]])}, {"kind": pa.array([1])},
    ],
    ids=lambda odd: str(next(iter(odd.items())))[:40],
)  # fmt: skip
def test_an_edges_homography_is_one(tmp_path, odd):
    write(tmp_path / "edges.parquet", **EDGE, homography=pa.array([[1.0, 0, 0, 0, 1, 0, 0, 0, 1]]))
    [edge] = read_edges(tmp_path)
    assert (edge.homography == np.eye(3)).all()
    write(tmp_path / "edges.parquet", **EDGE | odd)
    with pytest.raises(InputError, match=r"edges\.parquet: "):
        read_edges(tmp_path)


@pytest.mark.parametrize("odd", [[[-1.0]], [[np.inf]], [["x"]], [3.0]], ids=str)
def test_a_passages_histogram_is_one(tmp_path, odd):
    columns = {
        "camera_from": pa.array(["a"]), "camera_to": pa.array(["b"]), "probability": pa.array([0.5]),
        "bin_s": pa.array([0.5]), "histogram": pa.array(odd),
    }  # fmt: skip
    write(tmp_path / "transits.parquet", **columns)
    with pytest.raises(InputError, match=r"transits\.parquet: column histogram"):
        read_passages(tmp_path, {"a": 0, "b": 1})


def test_a_command_that_is_refused_leaves_no_folder(tmp_path, capsys):
    (tmp_path / "bad.mp4").write_bytes(b"nothing" * 100)
    there = tmp_path / "there"
    there.mkdir()
    for output in (tmp_path / "new" / "run", there):
        words = ["record", f"source.paths=[{tmp_path}/bad.mp4]", f"output={output}", "runtime=local"]
        assert main(words) == 2
        assert "not a video" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.mp4", "there"]
