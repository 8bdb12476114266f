"""Damaged files: what fuzzing has found, and a short round of it."""

import asyncio
import io
import json
import math
import random
import struct
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.fuzzing.runs import ask
from benchmarks.fuzzing.tables import as_ipc, as_parquet, some_rows
from benchmarks.fuzzing.worker import READERS, REFUSALS
from sdist_ray.cameras.described import described, read_cameras
from sdist_ray.cameras.pinhole import read_matrix_xml
from sdist_ray.cameras.smart import read_batch, read_head
from sdist_ray.errors import InputError
from sdist_ray.exclusion.tile import Counting, Tile
from sdist_ray.occupancy.block import Clock
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.padding import Padding
from sdist_ray.occupancy.recording import open_recording
from sdist_ray.report.run_folder import read_columns, read_run
from sdist_ray.serve.app import create_app, finite
from sdist_ray.serve.watcher import Watcher
from sdist_ray.video.clip_files import Source, load
from tests.report.made_run import make_run

INPUTS = 12
# The engines' own reading of models that are no models takes most of the time, and is not ours.
FED = [name for name in READERS if name != "models, by their engines"]


@pytest.mark.parametrize("name", FED)
def test_whatever_a_file_holds_it_is_read_or_refused(name, tmp_path):
    read = READERS[name](tmp_path)
    came = {"read": 0, "refused": 0}
    for number in range(INPUTS):
        try:
            read(random.Random(f"{name} test {number}"))
            came["read"] += 1
        except (InputError, *REFUSALS.get(name, ())):
            came["refused"] += 1
    assert sum(came.values()) == INPUTS


@pytest.mark.parametrize("write", [as_ipc, as_parquet])
@pytest.mark.parametrize("name", ["tick", "camera", "windows", "foot_x"])
def test_a_column_that_is_there_twice_is_refused(tmp_path, write, name):
    table = some_rows()
    path = tmp_path / "r.parquet"
    path.write_bytes(write(table.append_column(name, table[name]), random.Random(0)))
    with pytest.raises(InputError, match=name):
        open_recording(path)


def test_a_recordings_metadata_and_columns_need_not_be_text(tmp_path):
    path = tmp_path / "r.arrow"
    table = some_rows()
    path.write_bytes(
        as_ipc(table.replace_schema_metadata(table.schema.metadata | {b"\xff": b"\xc8"}), random.Random(0))
    )
    assert open_recording(path).cameras == ("a", "b", "c")
    data = as_ipc(table.rename_columns(["camera", "tick", "windows", "QQQQQQ", "foot_y"]), random.Random(0))
    path.write_bytes(data.replace(b"QQQQQQ", b"\xff\xfe\xff\xfe\xff\xfe"))
    with pytest.raises(InputError, match=r"r\.arrow"):
        open_recording(path)


@pytest.mark.parametrize("feet", [pa.array([-(2**63)] * 3), pa.array(["x"] * 3)], ids=["far", "text"])
def test_feet_that_no_float_holds_are_refused(tmp_path, feet):
    table = some_rows()
    feet = pa.ListArray.from_arrays(pa.array(range(4), pa.int32()), feet)
    for name in ("foot_x", "foot_y"):
        table = table.set_column(table.column_names.index(name), name, feet.take(pa.array([0] * len(table))))
    path = tmp_path / "r.parquet"
    path.write_bytes(as_parquet(table, random.Random(0)))
    with pytest.raises(InputError, match=r"r\.parquet: foot_x does not fit into float"):
        list(open_recording(path).batches(feet=True))


@pytest.mark.parametrize(
    "column",
    [
        pa.DictionaryArray.from_arrays(pa.array([0, 3], pa.int32()), ["a", "b"], safe=False),
        pa.StringArray.from_buffers(
            2, pa.py_buffer(np.array([0, 1, 2], np.int32).tobytes()), pa.py_buffer(b"a\xe3")
        ),
    ],
)
def test_names_that_are_beyond_the_list_or_no_text_are_refused(tmp_path, column):
    path, table = tmp_path / "r.arrow", some_rows()[:2]
    place = table.schema.get_field_index("camera")
    table = table.set_column(place, "camera", column)
    path.write_bytes(as_ipc(table, random.Random(0)))
    with pytest.raises(InputError, match=r"r\.arrow"):
        open_recording(path)


def test_a_name_in_no_encoding_in_a_parquet_file_is_refused(tmp_path):
    path, table = tmp_path / "r.parquet", some_rows()
    place = table.schema.get_field_index("camera")
    names = pa.array(["QQQQQQ"] * len(table))
    path.write_bytes(as_parquet(table.set_column(place, "camera", names), random.Random(0)))
    assert open_recording(path).cameras == ("QQQQQQ",)
    # Arrow checks the text of its own files when it reads them, and none in Parquet.
    path.write_bytes(path.read_bytes().replace(b"QQQQQQ", b"\xff\xfe\xff\xfe\xff\xfe"))
    with pytest.raises(InputError, match=r"r\.parquet: column camera is damaged"):
        open_recording(path)


def test_numbers_that_json_has_none_for_are_null():
    odd = {"a": [math.nan, (math.inf, 1.5)], "b": {"c": -math.inf, "d": 3}, "e": "nan", "f": True}
    assert finite(odd) == {"a": [None, [None, 1.5]], "b": {"c": None, "d": 3}, "e": "nan", "f": True}


def test_a_greatest_count_that_is_no_number_is_refused():
    tile = Tile(("a",), ("a",), Counting(Padding(Grid(2, 2), Clock(10, 4), 0), "wide", "rle"))
    state = tile.store.state() | {"greatest": np.zeros(3, np.int64)}
    with pytest.raises(ValueError, match="greatest"):
        tile.store.load(state)


@pytest.mark.parametrize("store", ["dense", "rle", "indexed"])
def test_a_snapshots_arrays_of_another_shape_are_refused(store):
    tile = Tile(("a",), ("a",), Counting(Padding(Grid(2, 2), Clock(10, 4), 0), "wide", store))
    whole = {name: array.copy() for name, array in tile.store.state().items()}
    tile.store.load(whole)
    for name, array in whole.items():
        with pytest.raises(ValueError):
            tile.store.load(whole | {name: array[..., None]})


@pytest.mark.parametrize("policy", ["wide", "byte"])
@pytest.mark.parametrize("kind", ["f4", "f8", "i2", "i8", "u8", "?"])
def test_a_snapshots_counters_of_another_type_are_refused(policy, kind):
    tile = Tile(("a",), ("a",), Counting(Padding(Grid(2, 2), Clock(10, 4), 0), policy, "dense"))
    with pytest.raises(ValueError, match="counters of"):
        tile.store.load({name: array.astype(kind) for name, array in tile.store.state().items()})


@pytest.mark.parametrize("number", [10**400, -(10**400)])
def test_a_whole_number_beyond_all_floats_is_refused(tmp_path, number):
    for key in ("fps", "start"):
        with pytest.raises(InputError, match=key):
            described([{"id": "a", key: number}], tmp_path)
    path = tmp_path / "cameras.yaml"
    path.write_text(f"- id: a\n  calibration: {{kind: perspective, view_deg: {number}}}\n")
    with pytest.raises(InputError, match="view_deg"):
        read_cameras(path)


@pytest.mark.parametrize("far", [1e300, 1e308])
def test_points_near_the_largest_float_are_a_refusal_or_a_homography(tmp_path, far):
    points = {"image_points": [[0, 0], [320, 0], [320, 240], [0, 240]]}
    for ground in ([[0, 0], [far, 0], [far, far], [0, far]], [[-far, 0], [far, 0], [far, 1], [0, 1]]):
        calibration = {"kind": "homography", "image_size": [320, 240], **points, "ground_points": ground}
        try:
            (camera,) = described([{"id": "a", "calibration": calibration}], tmp_path)
        except InputError:
            continue
        assert np.isfinite(camera.calibration.to_image(np.array([[0.0, 0.0]]))).all()


@pytest.mark.parametrize("name", ["a" * 5000, "a\x00b"])
def test_a_name_that_no_file_can_have_is_refused(tmp_path, name):
    with pytest.raises(InputError, match="mask"):
        described([{"id": "a", "mask": name}], tmp_path)
    with pytest.raises(InputError):
        read_matrix_xml(tmp_path / name, "rvec")


def test_a_file_without_an_end_is_not_read(tmp_path):
    with pytest.raises(InputError, match="/dev/zero"):
        read_matrix_xml(Path("/dev/zero"), "rvec")


def test_damage_in_a_smart_cameras_stream_is_not_taken_for_a_lost_connection():
    # Arrow calls it an OSError, as a socket does what it cannot send.
    sink = io.BytesIO()
    table = some_rows()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    whole = sink.getvalue()
    size = struct.unpack_from("<i", whole, 4)[0]
    damaged = bytearray(whole)
    # The schema's message begins with where its table is: beyond its end, now.
    for at in range(8, 8 + size):
        damaged[at] ^= 0x55
        stream = io.BytesIO(bytes(damaged))
        try:
            schema = read_head(stream, "s")
            read_batch(stream, "s", schema)
        except (InputError, pa.ArrowException, ValueError, EOFError):
            pass
        damaged[at] ^= 0x55


def test_a_video_of_no_known_kind_is_refused(tmp_path):
    path = tmp_path / "a.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for _ in range(3):
        writer.write(np.zeros((48, 64, 3), np.uint8))
    writer.release()
    path.write_bytes(path.read_bytes().replace(b"MJPG", b"\x01\x02\x03\x04"))
    with pytest.raises(InputError, match=r"a\.avi"):
        load(Source(path))


def test_a_version_that_is_a_digit_but_no_number_is_refused(tmp_path):
    path = tmp_path / "r.arrow"
    table = some_rows()
    metadata = table.schema.metadata | {b"sdist_ray.version": "²".encode()}
    path.write_bytes(as_ipc(table.replace_schema_metadata(metadata), random.Random(0)))
    with pytest.raises(InputError, match="version"):
        open_recording(path)


@pytest.fixture
def run_folder(tmp_path):
    return make_run(tmp_path / "run")


@pytest.mark.parametrize(
    ("file", "column", "values", "told"),
    [
        ("edges.parquet", "camera_a", pa.string(), "camera_a is null"),
        ("links.parquet", "window_b", pa.float64(), "window_b nan"),
        ("edges.parquet", "score", pa.list_(pa.int64()), "score is list"),
        ("windows.parquet", "camera", pa.string(), "camera is null"),
    ],
)
def test_a_runs_tables_may_hold_anything(run_folder, file, column, values, told):
    table = pq.read_table(run_folder / file)
    at = table.column_names.index(column)
    odd = pa.nulls(table.num_rows, values)
    if pa.types.is_list(values):
        odd = pa.array([[1]] * table.num_rows, values)
    pq.write_table(table.set_column(at, column, odd), run_folder / file)
    with pytest.raises(InputError, match=told):
        read_run(run_folder)


@pytest.mark.parametrize("column", ["windows_from", "histogram", "holders"])
@pytest.mark.parametrize(
    "odd",
    [
        pa.array([7, 7]),
        pa.array([{"a": 1}] * 2),
        pa.array([["x", "\ud7ff"]] * 2, pa.large_list(pa.string())),
        pa.array([None, []], pa.list_(pa.int64())),
        pa.array([[1, None], []]),
        pa.array([[[1]], []]),
    ],
    ids=lambda odd: str(odd.type),
)
def test_a_list_in_a_runs_table_is_held_to_its_type(tmp_path, column, odd):
    path = tmp_path / "some.parquet"
    pq.write_table(pa.table({column: odd}), path)
    with pytest.raises(InputError, match=rf"some\.parquet: column {column} is .*, it must be list"):
        read_columns(path, (column,))


def test_a_name_in_a_runs_table_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "some.parquet"
    pq.write_table(pa.table({"QQQQQQ": [1.0]}), path, store_schema=False)
    path.write_bytes(path.read_bytes().replace(b"QQQQQQ", b"\xff\xfe\xff\xfe\xff\xfe"))
    with pytest.raises(InputError, match=r"some\.parquet: not readable as Parquet"):
        read_columns(path, ("windows_to",))


def test_lists_of_a_runs_table_may_be_empty_and_of_a_narrower_type(tmp_path):
    path = tmp_path / "some.parquet"
    pq.write_table(pa.table({"windows_to": pa.array([[3], []], pa.list_(pa.uint8()))}), path)
    assert read_columns(path, ("windows_to",))["windows_to"].to_pylist() == [[3], []]


def test_a_cameras_id_may_be_thousands_of_digits(run_folder):
    summary = json.loads((run_folder / "summary.json").read_text())
    summary["cameras"][0]["id"] = "9" * 5000
    summary["cameras"][1]["frames"] = 10**400
    (run_folder / "summary.json").write_text(json.dumps(summary))
    run = read_run(run_folder)
    assert "9" * 5000 in [camera.id for camera in run.cameras]
    assert None in [camera.frames for camera in run.cameras]


@pytest.mark.parametrize(
    "health",
    [
        '{"running": true, "time_s": 1.0, "history": {}, "health": {"late_fraction": NaN}}',
        '{"running": true, "time_s": 1.0, "history": {}, "health": {"delay_p99_s": 1e999}}',
        '{"running": true, "time_s": 1.0, "history": {}, "health": {"frames_per_s": "many", "cameras": []}}',
        '{"running": true, "time_s": 1.0, "history": {}, "health": {"cameras": [{"id": "a"}, 7]}}',
        '{"running": true, "time_s": Infinity, "history": {}, "health": null}',
        f'{{"running": true, "time_s": 1{400 * "0"}, "history": {{}}, "health": null}}',
        f'{{"running": true, "time_s": 1, "history": {{}}, "health": {{"late_fraction": 1{350 * "0"}}}}}',
    ],
)
def test_a_dashboard_answers_whatever_a_network_says_of_itself(run_folder, health):
    (run_folder / "health.json").write_text(health)
    watcher = Watcher(run_folder)
    watcher.look()
    app = create_app(watcher, ("127.0.0.1",))
    for path in ("status", "health", "topology"):
        assert asyncio.run(ask(app, f"/api/v1/{path}")) in (200, 404)
