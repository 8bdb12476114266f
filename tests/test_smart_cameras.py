"""Smart cameras: records over a socket and dropped files, true ones and hostile ones."""

import os
import pickle
import socket
import struct
import threading
import time

import numpy as np
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest

from sdist_ray.cameras.camera import Camera
from sdist_ray.cameras.record_streams import open_records
from sdist_ray.cameras.records import Intake
from sdist_ray.cameras.send import send_records
from sdist_ray.cameras.smart import read_batch, read_head
from sdist_ray.errors import InputError
from sdist_ray.occupancy.block import Rows
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.recording import RecordingWriter
from sdist_ray.occupancy.recording_schema import recording_schema
from sdist_ray.video.threaded import Timeouts
from tests.live import QUICK, quick_pauses, until

GRID, FPS = Grid(), 10.0
SCHEMA = recording_schema(GRID, FPS)


def ticks_now():
    return int(time.time() * FPS)


def batch_of(ticks, windows=(1, 5), camera="x", schema=SCHEMA):
    count = len(ticks)
    columns = [[camera] * count, ticks, [list(windows)] * count, [[0.5]] * count, [[0.25]] * count]
    arrays = [pa.array(values, field.type) for values, field in zip(columns, SCHEMA, strict=True)]
    table = dict(zip(SCHEMA.names, arrays, strict=True))
    return pa.record_batch([table[name] for name in schema.names], schema=schema)


def stream_of(*batches, schema=SCHEMA, **options):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


@pytest.fixture
def camera_at():
    """A socket at which every caller is told the same, and then kept waiting or hung up on."""
    done, listeners = threading.Event(), []

    def start(say, stay=True, port=0):
        listener = socket.create_server(("127.0.0.1", port))
        listeners.append(listener)
        calls = []

        def serve():
            while not done.is_set():
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                calls.append(connection)
                try:
                    say(connection) if callable(say) else connection.sendall(say)
                    if stay:
                        done.wait(300)
                except OSError:
                    pass
                connection.close()

        threading.Thread(target=serve, daemon=True).start()
        return f"tcp://127.0.0.1:{listener.getsockname()[1]}", calls

    yield start
    done.set()
    for listener in listeners:
        listener.close()


@pytest.fixture
def follow(monkeypatch):
    monkeypatch.setattr("sdist_ray.video.threaded.Pauses", quick_pauses)
    streams = []

    def start(url, indices=3, **settings):
        settings.setdefault("timeouts", QUICK)
        streams.append(open_records(Camera("a", url), GRID, FPS, indices, **settings))
        return streams[-1]

    yield start
    for stream in streams:
        stream.close()


def rows_of(stream, count):
    parts = []

    def enough():
        parts.extend(stream.poll(time.time()))
        return sum(len(part.tick) for part in parts) >= count

    until(enough)
    return Rows.concatenate(parts)


def test_what_the_example_sends_arrives(camera_at, follow):
    now = ticks_now() - 100
    records = [
        (now + k, [k, k + 20], [0.1, 0.2], [0.3, 0.4]) if k % 2 else (now + k, [], [], []) for k in range(50)
    ]
    url, _ = camera_at(lambda connection: send_records(connection, "x", FPS, 12, 9, records))
    wake = threading.Event()
    stream = follow(url, wake=wake)
    rows = rows_of(stream, 50)
    assert wake.is_set()
    assert rows.camera.tolist() == [3] * 50
    assert rows.tick.tolist() == [tick for tick, *_ in records]
    assert np.split(rows.windows, rows.window_ends[:-1])[7].tolist() == [7, 27]
    assert rows.foot_ends[-1] == 50
    np.testing.assert_allclose(rows.foot_x[:2], [0.1, 0.2])
    assert stream.status().dropped == 0


def test_a_socket_that_closes_is_had_again(camera_at, follow):
    url, calls = camera_at(lambda c: c.sendall(stream_of(batch_of([ticks_now()]))), stay=False)
    stream = follow(url)
    rows_of(stream, 3)
    assert stream.status().reconnects >= 2
    assert len(calls) >= 3


def test_a_camera_that_falls_silent_is_left(camera_at, follow):
    url, _ = camera_at(stream_of(batch_of([ticks_now()]))[:-8])
    stream = follow(url)
    rows_of(stream, 1)
    assert until(lambda: stream.status().problem) == "no data for 1 s"


def test_several_cameras_by_their_names(camera_at, follow, caplog):
    now = ticks_now()
    parts = [batch_of([now], camera=name) for name in ("p", "q", "stranger", "p")]
    url, _ = camera_at(stream_of(*parts)[:-8])
    stream = follow(url, {"p": 5, "q": 9})
    assert rows_of(stream, 3).camera.tolist() == [5, 9, 5]
    assert stream.status().dropped == 1
    assert "unknown cameras, 'stranger' first" in caplog.text


def test_rows_of_times_to_come_are_dropped(camera_at, follow):
    now = ticks_now()
    url, _ = camera_at(stream_of(batch_of([now, now + 36_000, now - 1]))[:-8])
    stream = follow(url)
    assert rows_of(stream, 2).tick.tolist() == [now, now - 1]
    assert stream.status().dropped == 1


def test_windows_out_of_order_are_put_in_order(camera_at, follow):
    now = ticks_now()
    parts = [batch_of([now, now + 1], windows=(7, 2, 7, 100)), batch_of([now + 2], windows=())]
    url, _ = camera_at(stream_of(*parts)[:-8])
    rows = rows_of(follow(url), 3)
    assert rows.windows.tolist() == [2, 7, 100] * 2
    assert rows.window_ends.tolist() == [3, 6, 6]


def test_rows_that_nobody_takes_are_dropped(camera_at, follow, monkeypatch):
    monkeypatch.setattr("sdist_ray.cameras.smart.QUEUE_ROWS", 50)
    now = ticks_now() - 1000
    url, _ = camera_at(stream_of(*(batch_of([now + k]) for k in range(300)))[:-8])
    stream = follow(url)
    until(lambda: stream.status().dropped == 250)
    assert rows_of(stream, 50).tick[0] == now + 250


class Bomb:
    def __reduce__(self):
        return os.abort, ()


def without(name):
    return pa.schema([field for field in SCHEMA if field.name != name], SCHEMA.metadata)


def retyped(name, kind):
    fields = [pa.field(field.name, kind if field.name == name else field.type) for field in SCHEMA]
    return pa.schema(fields, SCHEMA.metadata)


def hostile():
    now = ticks_now()
    good = stream_of(batch_of([now]))
    other_grid, other_fps = recording_schema(Grid(4, 3), FPS), recording_schema(GRID, 25.0)
    head = len(stream_of()) - 8
    nan = pa.record_batch([pa.array([None], f.type) for f in SCHEMA], schema=SCHEMA)
    return {
        "huge metadata": (b"\xff\xff\xff\xff\xff\xff\xff\x7f", "declares a message of 2147483647"),
        "negative size": (b"\xff\xff\xff\xff" + struct.pack("<i", -5), "declares a message of -5"),
        "old framing": (struct.pack("<i", 1 << 28) + b"x" * 100, "declares a message"),
        "pickle": (pickle.dumps(Bomb()) + bytes(64), "declares a message"),
        "http": (b"HTTP/1.1 400 Bad Request\r\n\r\n" + bytes(64), "declares a message"),
        "garbage": (b"\xff\xff\xff\xff" + struct.pack("<i", 400) + np.random.default_rng(0).bytes(8000), ""),
        "cut": (good[:-40], "cut off"),
        "no field": (stream_of(schema=without("windows")), "no column 'windows'"),
        "wrong field": (stream_of(schema=retyped("tick", pa.float64())), "column 'tick' is double"),
        "wrong list": (stream_of(schema=retyped("windows", pa.list_(pa.int64()))), "list<uint16>"),
        "no metadata": (stream_of(schema=SCHEMA.remove_metadata()), "lacks sdist_ray.version"),
        "grid": (stream_of(schema=other_grid), "its grid is 4x3, the network's 12x9"),
        "fps": (stream_of(schema=other_fps), "its fps is 25, the network's 10"),
        "window": (stream_of(batch_of([now], windows=(108,))), "window 108 is outside"),
        "two cameras": (stream_of(batch_of([now]), batch_of([now])), ""),
        "compressed": (stream_of(batch_of([now] * 500), compression="zstd"), "compressed"),
        "nulls": (stream_of(nan), "without a camera or a tick"),
        "batch first": (good[head:], "begins with a record batch"),
        "dictionary": (
            stream_of(schema=retyped("camera", pa.dictionary(pa.int32(), pa.string()))), "must be string",
        ),
    }  # fmt: skip


@pytest.mark.parametrize("name", [name for name in hostile() if name != "two cameras"])
def test_what_is_no_recording_is_refused_in_one_line(camera_at, follow, name):
    data, reason = hostile()[name]
    url, calls = camera_at(data, stay=name != "cut" and name != "garbage")
    stream = follow(url)
    problem = until(lambda: (p := stream.status().problem) and p != "the camera ended the stream" and p)
    assert reason in problem
    assert "\n" not in problem
    assert not any(len(rows.tick) for rows in stream.poll(time.time())) or name == "cut"
    until(lambda: len(calls) >= 2 or not stream.poll(time.time()))


def test_two_cameras_where_one_was_expected_are_refused(camera_at, follow):
    now = ticks_now()
    both = (
        pa.Table.from_batches([batch_of([now]), batch_of([now], camera="y")]).combine_chunks().to_batches()[0]
    )
    url, _ = camera_at(stream_of(both)[:-8])
    stream = follow(url)
    assert "rows of 2 cameras, where one was expected" in until(lambda: stream.status().problem)


def test_offsets_that_lead_outside_are_refused(camera_at, follow):
    good = stream_of(batch_of([ticks_now()] * 4))
    offsets = np.array([0, 2, 4, 6, 8], np.int32).tobytes()
    assert offsets in good
    bad = good.replace(offsets, np.array([0, 2, 1 << 30, 6, 8], np.int32).tobytes())
    url, _ = camera_at(bad)
    stream = follow(url)
    assert "a damaged batch" in until(lambda: stream.status().problem)


def test_bytes_that_are_changed_anywhere_are_survived():
    good = stream_of(batch_of([ticks_now()] * 3))
    rng = np.random.default_rng(5)
    refused = 0
    for _ in range(1000):
        data = bytearray(good)
        for at in rng.integers(0, len(data), 3):
            data[at] = rng.integers(0, 256)
        stream = pa.BufferReader(bytes(data))
        intake = Intake(GRID, FPS, 0)
        try:
            schema = read_head(stream, "it")
            intake.check("it", schema)
            intake.rows("it", read_batch(stream, "it", schema), time.time())
        except (InputError, pa.ArrowException, ValueError, EOFError, OSError, AttributeError):
            refused += 1
    assert refused > 500


def write_recording(path, first, count=20, camera="x"):
    rows = Rows(
        np.zeros(count, np.int32),
        np.arange(first, first + count),
        np.ones(count, np.uint16),
        np.arange(1, count + 1),
        np.full(count, 0.5, np.float32),
        np.full(count, 0.5, np.float32),
        np.arange(1, count + 1),
    )
    with RecordingWriter(path, [camera], GRID, FPS) as writer:
        writer.write(rows)
    return path


def test_dropped_files_are_read_once_oldest_first_and_put_away(tmp_path, follow):
    now = ticks_now() - 1000
    names = ["z.parquet", "m.arrow", "a.parquet"]
    for number, name in enumerate(names):
        os.utime(write_recording(tmp_path / name, now + 20 * number), (number, 1_000_000 + number))
    (tmp_path / "half.parquet.part").write_bytes(b"PAR1")
    (tmp_path / ".hidden.parquet").write_bytes(b"PAR1")
    stream = follow(f"drop:{tmp_path}")
    rows = rows_of(stream, 60)
    assert rows.tick.tolist() == list(range(now, now + 60))
    assert set(rows.camera.tolist()) == {3}
    until(lambda: sorted(file.name for file in (tmp_path / "done").iterdir()) == sorted(names))
    # One more of a name that was there before.
    write_recording(tmp_path / "new", now + 60).rename(tmp_path / "a.parquet")
    assert rows_of(stream, 20).tick[0] == now + 60
    until(lambda: (tmp_path / "done" / "a~2.parquet").exists())
    assert {file.name for file in tmp_path.iterdir()} == {"done", "half.parquet.part", ".hidden.parquet"}


def test_a_dropped_file_of_a_time_to_come_silences_nobody(tmp_path, follow):
    now = ticks_now() - 100
    os.utime(write_recording(tmp_path / "a.parquet", now + 10**7, 1), (1, 1))
    stream = follow(f"drop:{tmp_path}")
    until(lambda: (tmp_path / "done" / "a.parquet").exists())
    write_recording(tmp_path / "part", now).rename(tmp_path / "b.parquet")
    assert rows_of(stream, 20).tick.tolist() == list(range(now, now + 20))
    assert stream.status().dropped == 1


def test_dropped_files_are_deleted_where_that_is_wanted(tmp_path, follow):
    write_recording(tmp_path / "a.parquet", ticks_now())
    rows_of(follow(f"drop:{tmp_path}", keep=False), 20)
    until(lambda: not list(tmp_path.iterdir()))


def test_broken_files_are_put_aside_with_the_reason_and_stop_no_others(tmp_path, follow):
    now = ticks_now()
    good = write_recording(tmp_path / "good.parquet", now).read_bytes()
    wrong_grid = pa.Table.from_batches([batch_of([now])]).replace_schema_metadata(
        recording_schema(Grid(3, 3), FPS).metadata
    )
    pq.write_table(wrong_grid, tmp_path / "grid.parquet")
    pq.write_table(pa.table({"camera": ["x"]}), tmp_path / "fields.parquet")
    (tmp_path / "cut.parquet").write_bytes(good[: len(good) // 2])
    (tmp_path / "empty.arrow").write_bytes(b"")
    (tmp_path / "pickle.arrow").write_bytes(pickle.dumps(Bomb()))
    stream = follow(f"drop:{tmp_path}")
    assert len(rows_of(stream, 20).tick) == 20
    bad = tmp_path / "bad"
    until(lambda: bad.is_dir() and len(list(bad.glob("*.txt"))) == 5)
    assert "its grid is 3x3" in (bad / "grid.parquet.txt").read_text()
    assert "lacks sdist_ray.version" in (bad / "fields.parquet.txt").read_text()
    assert all(len(file.read_text().splitlines()) == 1 for file in bad.glob("*.txt"))
    assert stream.status().state == "live"


def test_a_link_in_the_folder_is_not_followed(tmp_path, follow):
    elsewhere = write_recording(tmp_path / "elsewhere.parquet", ticks_now())
    folder = tmp_path / "drop"
    folder.mkdir()
    (folder / "link.parquet").symlink_to(elsewhere)
    stream = follow(f"drop:{folder}")
    until(lambda: stream.status().state == "live")
    time.sleep(0.7)
    assert stream.poll(time.time()) == []
    assert elsewhere.exists()


def test_a_folder_that_is_not_there_yet_is_waited_for(tmp_path, follow):
    stream = follow(f"drop:{tmp_path / 'later'}")
    assert "No such file" in until(lambda: stream.status().problem)
    (tmp_path / "later").mkdir()
    write_recording(tmp_path / "later" / "new", ticks_now()).rename(tmp_path / "later" / "a.parquet")
    assert len(rows_of(stream, 20).tick) == 20


def test_other_addresses_are_no_smart_cameras():
    with pytest.raises(InputError, match=r"rtsp://host/x is no smart camera"):
        open_records(Camera("a", "rtsp://u:secret@host/x"), GRID, FPS, 0)


def test_closing_takes_no_time(camera_at, follow):
    url, _ = camera_at(b"")
    stream = follow(url, timeouts=Timeouts(60.0, 60.0))
    until(lambda: stream._link._socket)
    began = time.monotonic()
    stream.close()
    assert time.monotonic() - began < 20
    assert stream.status().state == "ended"
    assert stream.poll(time.time()) == []
