"""A network's control socket: what goes over it, and what comes of everything else."""

import json
import os
import socket
import stat
import threading
import time
from pathlib import Path

import pytest

from sdist_ray.cameras.camera import Camera, Mask, Replay
from sdist_ray.cameras.described import describe, described, read_cameras
from sdist_ray.errors import InputError
from sdist_ray.runtime.live import control, reach
from sdist_ray.runtime.live.commands import RemoteNetwork
from sdist_ray.runtime.live.control import ControlServer
from sdist_ray.runtime.live.reach import SocketRemote, read_note, running
from tests.joining.books import SECRET, ids


def test_a_description_reads_as_the_same_camera(tmp_path):
    (tmp_path / "c.yaml").write_text("{kind: homography, image_size: [640, 480], lengths_m: [7, 10], "
                                     "image_points: [[201,119],[392,118],[581,479],[2,459]]}")  # fmt: skip
    (tmp_path / "cameras.yaml").write_text(
        "- {id: gate, url: 'rtsp://u:p@h/s', fps: 12.5, grid: [4, 3], start: 2026-01-31T12:00:00Z,"
        " mask: [[[0, 0], [0.5, 0], [0, 0.5]]], calibration: c.yaml}\n"
        "- {id: file, url: x.mp4}\n- {id: smart, url: 'drop:in'}\n- {id: cam, url: 'webcam:0'}\n"
    )
    cameras = read_cameras(tmp_path / "cameras.yaml")
    content = json.loads(json.dumps([describe(camera) for camera in cameras], allow_nan=False))
    again = described(content, tmp_path / "elsewhere")
    for camera, copy in zip(cameras, again, strict=True):
        for name in ("id", "url", "fps", "start_s", "grid", "mask", "kind", "written", "replay"):
            assert getattr(copy, name) == getattr(camera, name)
    assert (again[0].calibration.matrix == cameras[0].calibration.matrix).all()


def test_a_replay_travels_too():
    camera = Camera(
        "f", "/x.mp4", replay=Replay(1e9, 2.5, False, True, 160, 90.0), mask=Mask(((((0.0, 0.0)),) * 3,))
    )
    (again,) = described(json.loads(json.dumps([describe(camera)])), Path())
    assert again == camera


@pytest.mark.parametrize(
    "entry",
    [
        7, "rtsp://u:hunter2@h/x", None, [], {}, {"id": ""}, {"id": "x" * 201}, {"id": "x", "url": 5},
        {"id": "x", "url": "rtsp://h/" + "y" * 5000}, {"id": "x", "url": "rtsp://h/x", "fps": float("nan")},
        {"id": "x", "url": "gopher://h"}, {"id": "x"}, {"id": "x", "url": "/etc/passwd"},
        {"id": "x", "url": "rtsp://h/x", "grid": [4, 3]}, {"id": "x", "url": "rtsp://h/x", "grid": [1e9, 3]},
        {"id": "x", "url": "rtsp://h/x", "mask": [[[0, 0], [2, 0], [0, 2]]]},
        {"id": "x", "url": "rtsp://h/x", "calibration": {"kind": "magic"}},
        {"id": "x", "url": "/x.mp4", "replay": {"start_s": "now"}},
        {"id": "x", "url": "/x.mp4", "replay": {"start_s": 1e300}},
        {"id": "x", "url": "/x.mp4", "replay": {"start_s": 1, "width": True}},
        {"id": "x", "url": "/x.mp4", "replay": {"start_s": 1, "more": 1}},
        {"id": "x", "url": "rtsp://h/x", "hack": 1}, {"id": "a", "url": "rtsp://h/x"},
    ],
)  # fmt: skip
def test_a_camera_that_cannot_be_is_refused_in_one_line(folder, members, entry):
    remote = SocketRemote(folder)
    answer = remote.ask({"do": "add", "cameras": [{"id": "good", "url": "rtsp://h/g"}, entry]})
    remote.close()
    assert "error" in answer
    assert "\n" not in answer["error"]
    assert SECRET not in answer["error"]
    assert ids(members) == ["a", "b"]


def test_only_the_user_may_open_the_socket(folder):
    mode = stat.S_IMODE((folder / "control.sock").lstat().st_mode)
    assert mode == 0o600


def test_commands_arrive(folder, members):
    remote = SocketRemote(folder)
    network = RemoteNetwork(remote)
    assert [camera["state"] for camera in network.look()["cameras"]] == ["live", "starting"]
    network.add([Camera("c", f"rtsp://u:{SECRET}@h/c"), Camera("d", "rtsp://h/d")])
    network.remove(["a", "d"])
    network.pause(["b"], True)
    network.pause(["b"], False)
    with pytest.raises(InputError, match="'zz' is not in the network"):
        network.remove(["b", "zz"])
    with pytest.raises(InputError, match="not in the network"):
        network.pause(["zz"], True)
    assert ids(members) == ["b", "c"]
    members.requests.close()
    with pytest.raises(InputError, match="ending"):
        network.add([Camera("e", "rtsp://h/e")])
    remote.close()


@pytest.mark.parametrize(
    "line",
    [
        b"\n", b"garbage\n", b"\x80\x04\x95\n", b"null\n", b"[]\n", b"7\n", b"{}\n", b'{"do": 7}\n',
        b'{"do": "add"}\n', b'{"do": "add", "cameras": {}}\n', b'{"do": "remove", "ids": "a"}\n',
        b'{"do": "remove", "ids": [1]}\n', b'{"do": "pause", "ids": []}\n', b'{"do": "stop"}\n',
        b'{"do": ["look"]}\n', b"[" * 100_000 + b"\n", b'{"do": "look", "do": null}\n', b"\xff\xfe\n",
    ],
)  # fmt: skip
def test_whatever_comes_is_answered_with_one_line_and_the_next_is_heard(folder, members, line):
    with socket.socket(socket.AF_UNIX) as raw:
        raw.settimeout(120)
        raw.connect(str(folder / "control.sock"))
        raw.sendall(line + b'{"do": "look"}\n')
        reader = raw.makefile()
        assert "error" in json.loads(reader.readline())
        assert "cameras" in json.loads(reader.readline())
    assert ids(members) == ["a", "b"]
    remote = SocketRemote(folder)
    assert len(remote.ask({"do": "look"})["cameras"]) == 2
    remote.close()


def test_a_request_without_an_end_and_one_that_drips_are_cut_off(folder, monkeypatch):
    monkeypatch.setattr(reach, "MOST_BYTES", 100_000)
    monkeypatch.setattr(control, "REQUEST_S", 0.5)
    with socket.socket(socket.AF_UNIX) as raw:
        raw.settimeout(120)
        raw.connect(str(folder / "control.sock"))
        with pytest.raises(OSError):  # noqa: PT012
            while True:
                raw.sendall(b"x" * 65536)
    with socket.socket(socket.AF_UNIX) as raw:
        raw.settimeout(120)
        raw.connect(str(folder / "control.sock"))
        until = time.monotonic() + 60
        with pytest.raises(OSError):  # noqa: PT012
            while time.monotonic() < until:
                raw.sendall(b" ")
                time.sleep(0.05)


def test_many_connections_are_turned_away_until_some_end(folder):
    there = [socket.socket(socket.AF_UNIX) for _ in range(control.MOST_CONNECTIONS + 5)]
    for raw in there:
        raw.settimeout(120)
        raw.connect(str(folder / "control.sock"))
    assert "too many" in there[-1].makefile().readline()
    for raw in there:
        raw.close()
    until = time.monotonic() + 120
    while True:
        remote = SocketRemote(folder)
        answer = remote.ask({"do": "look"})
        remote.close()
        if "cameras" in answer:
            break
        assert time.monotonic() < until
        time.sleep(0.05)


def test_commands_at_the_same_time_are_done_one_after_the_other(folder, members):
    problems = []

    def add(number):
        remote = SocketRemote(folder)
        try:
            RemoteNetwork(remote).add([Camera("same", "rtsp://h/x"), Camera(f"x{number}", "rtsp://h/x")])
        except InputError as error:
            problems.append(str(error))
        remote.close()

    threads = [threading.Thread(target=add, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(problems) == 11
    assert len(members.requests.all) == 1


def test_a_long_path_has_its_socket_elsewhere(tmp_path):
    long = tmp_path / ("x" * 90) / ("y" * 90)
    long.mkdir(parents=True)
    with ControlServer(long, lambda request: {"got": request}, {"network": "far"}) as server:
        path = read_note(long)["socket"]
        assert len(path.encode()) <= control.MOST_PATH
        assert stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode) == 0o700
        remote = SocketRemote(long)
        assert remote.ask({"a": 1}) == {"got": {"a": 1}}
        remote.close()
        assert running() == {long: "far"}
    assert not os.path.exists(os.path.dirname(path))
    assert running() == {}
    server.close()


def test_a_folder_has_one_network_and_a_dead_one_leaves_room(tmp_path, folder):
    with pytest.raises(InputError, match="already"):
        ControlServer(folder, dict, {})
    dead = tmp_path / "dead"
    dead.mkdir()
    with socket.socket(socket.AF_UNIX) as raw:
        raw.bind(str(dead / "control.sock"))
    (dead / "control.json").write_text(json.dumps({"socket": str(dead / "control.sock")}))
    with pytest.raises(InputError, match="has ended"):
        SocketRemote(dead)
    with ControlServer(dead, dict, {"network": "new"}):
        assert dead in running()


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"socket": 7}', '{"socket": "/nowhere"}'])
def test_a_note_that_is_none_is_one_line(tmp_path, text):
    (tmp_path / "control.json").write_text(text)
    with pytest.raises(InputError):
        SocketRemote(tmp_path)
