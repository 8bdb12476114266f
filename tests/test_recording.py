"""Recordings: what is written is read, and what is wrong is said."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sdist_ray.errors import InputError
from sdist_ray.occupancy.block import Rows
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.recording import RecordingWriter, open_recording
from sdist_ray.occupancy.recording_schema import recording_schema

GRID = Grid(4, 3)
CAMERAS = ["a", "b", "ü/<x>"]


def some_rows(count=500, seed=0):
    rng = np.random.default_rng(seed)
    windows = [np.unique(rng.integers(0, 12, rng.integers(0, 4))) for _ in range(count)]
    feet = rng.integers(0, 3, count)
    return Rows(
        rng.integers(0, 3, count).astype(np.int32),
        np.sort(rng.integers(-50, 400, count)),
        np.concatenate(windows).astype(np.uint16),
        np.cumsum([len(w) for w in windows]),
        rng.random(feet.sum(), dtype=np.float32),
        rng.random(feet.sum(), dtype=np.float32),
        np.cumsum(feet),
    )


def write(path, rows, grid=GRID):
    with RecordingWriter(path, CAMERAS, grid, 10.0) as writer:
        writer.write(rows)
    return path


def same(a, b):
    for name in vars(a):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


@pytest.mark.parametrize("name", ["r.parquet", "r.arrow", "r.feather"])
def test_what_is_written_is_read(tmp_path, name):
    rows = some_rows()
    recording = open_recording(write(tmp_path / name, rows))
    assert (recording.grid, recording.fps, recording.cameras) == (GRID, 10.0, tuple(sorted(CAMERAS)))
    assert recording.in_order
    assert recording.has_feet
    assert recording.row_count == 500
    same(Rows.concatenate(list(recording.batches(feet=True))), rows)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_rows_out_of_order_are_sorted_by_tick(tmp_path):
    rows = some_rows()
    order = np.random.default_rng(1).permutation(500)
    recording = open_recording(write(tmp_path / "r.parquet", rows.take(order)))
    assert not recording.in_order
    read = Rows.concatenate(list(recording.batches(feet=True)))
    assert (np.diff(read.tick) >= 0).all()

    def content(of):
        ends = np.concatenate([[0], of.window_ends])
        return sorted(
            (int(t), int(c), *of.windows[a:b].tolist())
            for t, c, a, b in zip(of.tick, of.camera, ends[:-1], ends[1:], strict=True)
        )

    assert content(read) == content(rows)


def test_a_smart_cameras_plain_table_is_read(tmp_path):
    metadata = {"sdist_ray.version": "1", "fps": "5", "columns": "12", "rows": "9"}
    table = pa.table({"camera": ["x", "x"], "tick": [3, 4], "windows": pa.array([[1, 107], []])})
    kinds = [("camera", pa.large_string()), ("tick", pa.int64()), ("windows", pa.large_list(pa.uint16()))]
    pq.write_table(table.cast(pa.schema(kinds, metadata=metadata)), tmp_path / "r.parquet")
    recording = open_recording(tmp_path / "r.parquet")
    rows = next(recording.batches())
    assert (recording.fps, rows.windows.tolist(), rows.window_ends.tolist()) == (5.0, [1, 107], [2, 2])


def broken(tmp_path, change):
    columns = {"camera": ["x"], "tick": [3], "windows": [[1]], "foot_x": [[0.5]], "foot_y": [[0.5]]}
    schema = change(columns, recording_schema(GRID, 10.0))
    pq.write_table(pa.table(columns, schema=schema), tmp_path / "r.parquet")
    return tmp_path / "r.parquet"


def metadata(**changes):
    def change(columns, schema):
        return schema.with_metadata({**schema.metadata, **{k.encode(): v for k, v in changes.items()}})

    return change


def no_windows(columns, schema):
    del columns["windows"]
    return schema.remove(2)


def wrong_tick(columns, schema):
    columns["tick"] = ["soon"]
    return schema.set(1, pa.field("tick", pa.string()))


def value(name, content):
    def change(columns, schema):
        columns[name] = content
        return schema

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (metadata(**{"sdist_ray.version": "7"}), "newer"),
        (metadata(fps="fast"), "must be numbers"),
        (metadata(fps="-1"), "above 0"),
        (metadata(columns="0"), "at least 1"),
        (lambda columns, schema: schema.with_metadata({}), "metadata lacks"),
        (no_windows, "no column 'windows'"),
        (wrong_tick, "must be int64"),
        (value("windows", [[12]]), "row 0: window 12 is outside the 4x3 grid"),
        (value("windows", [None]), "row 0: windows is null"),
        (value("tick", [None]), "without a camera or a tick"),
        (value("tick", [2**62]), "no such times"),
    ],
)
def test_a_broken_recording_is_refused_in_one_line(tmp_path, change, says):
    with pytest.raises(InputError, match=says) as caught:
        list(open_recording(broken(tmp_path, change)).batches())
    assert "r.parquet" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"", b"PAR1", b"ARROW1\0\0junk", b"hello", b"PAR1" + b"x" * 100 + b"PAR1"]
)
def test_what_is_no_recording_is_refused(tmp_path, content):
    (tmp_path / "r.parquet").write_bytes(content)
    with pytest.raises(InputError, match=r"r\.parquet"):
        open_recording(tmp_path / "r.parquet")


def test_a_truncated_recording_is_refused(tmp_path):
    path = write(tmp_path / "r.parquet", some_rows())
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match="not a readable"):
        open_recording(path)


def write_and_fail(path):
    with RecordingWriter(path, CAMERAS, GRID, 10.0) as writer:
        writer.write(some_rows())
        raise RuntimeError


def test_an_error_while_writing_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError):
        write_and_fail(tmp_path / "r.parquet")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
def test_what_a_live_network_saw_is_kept_after_an_error(tmp_path, suffix):
    path = tmp_path / f"r.{suffix}"
    empty = np.empty(0, np.uint16), np.zeros(2, np.int64), np.empty((2, 0), np.float32), np.zeros(2, np.int64)
    rows = Rows(np.zeros(2, np.int32), np.arange(2), empty[0], empty[1], *empty[2], empty[3])

    def run():
        with RecordingWriter(path, ["a"], Grid(), 10.0, keep=True) as writer:
            writer.write(rows)
            raise InputError("too bad")

    with pytest.raises(InputError, match="too bad"):
        run()
    assert open_recording(path).cameras == ("a",)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
