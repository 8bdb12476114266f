"""Damaged files: what fuzzing has found, and a short round of it."""

import io
import random
import struct

import cv2
import numpy as np
import pyarrow as pa
import pytest

from benchmarks.fuzzing.tables import as_ipc, as_parquet, some_rows
from benchmarks.fuzzing.worker import READERS, REFUSALS
from sdist_ray.cameras.described import described, read_cameras
from sdist_ray.cameras.smart import read_batch, read_head
from sdist_ray.errors import InputError
from sdist_ray.occupancy.recording import open_recording
from sdist_ray.video.clip_files import Source, load

INPUTS = 25
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


@pytest.mark.parametrize("number", [10**400, -(10**400)])
def test_a_whole_number_beyond_all_floats_is_refused(tmp_path, number):
    for key in ("fps", "start"):
        with pytest.raises(InputError, match=key):
            described([{"id": "a", key: number}], tmp_path)
    path = tmp_path / "cameras.yaml"
    path.write_text(f"- id: a\n  calibration: {{kind: perspective, view_deg: {number}}}\n")
    with pytest.raises(InputError, match="view_deg"):
        read_cameras(path)


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
