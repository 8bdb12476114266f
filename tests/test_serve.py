"""The dashboard's server: what it gives out, to whom, and what it never does."""

import json
import socket
import sys
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest

from sdist_ray.cli import main
from sdist_ray.errors import InputError
from sdist_ray.jobs.serve import listen, read_secret
from sdist_ray.serve.guard import own_names
from sdist_ray.serve.members import NoNetwork
from tests.report.made_distancing_run import write_tables
from tests.report.made_run import make_run
from tests.serving import BEARER, TOKEN, Members, ask, serving


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    folder = make_run(tmp_path_factory.mktemp("runs") / "site")
    write_tables(folder, ("lobby", "yard 2"), 14, 3, "m", np.random.default_rng(1))
    return folder


@pytest.fixture(scope="module")
def address(run_folder):
    with serving(run_folder) as address:
        yield address


@pytest.fixture(scope="module")
def changing(run_folder):
    members = Members()
    with serving(run_folder, token=TOKEN, members=members) as address:
        yield address, members


def test_it_gives_out_what_a_run_left(address):
    status, _, content = ask(address, "/api/v1/status")
    assert (status, content["state"], content["name"], content["cameras"]) == (200, "ended", "site", 12)
    assert content["has"] == ["topology", "distances"]
    graph = ask(address, "/api/v1/topology")[2]
    assert len(graph["cameras"]["id"]) == 12
    assert len(graph["edges"]["a"]) == content["edges"] == 10
    edges = ask(address, "/api/v1/edges?camera=C04&kind=transit")[2]
    assert edges["total"] == 1
    assert edges["edges"][0]["transit_mean_s"] == 7.25
    camera = ask(address, "/api/v1/camera?id=C01")[2]
    assert len(camera["occupied_ticks"]) == 108
    assert set(camera["links"]["other"]) == {"C02", "C03"}
    violations = ask(address, "/api/v1/violations?severity=long&limit=2")[2]
    assert len(violations["violations"]) == min(2, violations["total"])
    starts = [v["start_s"] for v in ask(address, "/api/v1/violations")[2]["violations"]]
    assert starts == sorted(starts, reverse=True)
    overview = ask(address, "/api/v1/distancing")[2]
    assert overview["violations"] == 14
    history = overview["history"]
    told = sum(sum(history[severity]) for severity in ("brief", "long", "serious"))
    everyone = ask(address, "/api/v1/violations?limit=1000")[2]["violations"]
    assert told == pytest.approx(sum(v["end_s"] - v["start_s"] for v in everyone), rel=0.01)


def test_it_tells_where_a_target_is_seen_next(address):
    status, _, body = ask(address, "/api/v1/handover?camera=C02&most=2")
    assert status == 200
    assert (body["camera"], body["window"]) == ("C02", None)
    assert {one["camera"] for one in body["candidates"]} == {"C01", "C03"}
    assert all(one["kind"] == "overlap" and one["windows"] for one in body["candidates"])
    later = ask(address, "/api/v1/handover?camera=C02&window=61&after_s=9&within_s=2")[2]["candidates"]
    assert later
    assert all(one["kind"] != "overlap" and 9 <= one["from_s"] <= one["until_s"] <= 11 for one in later)
    assert ask(address, "/api/v1/handover?camera=nobody")[0] == 404
    assert ask(address, "/api/v1/handover?camera=C02&window=108")[0] == 422


def test_what_has_not_changed_is_not_sent_again(address):
    headers = ask(address, "/api/v1/topology")[1]
    status, again, nothing = ask(address, "/api/v1/topology", headers={"If-None-Match": headers["etag"]})
    assert (status, nothing, again["etag"]) == (304, b"", headers["etag"])
    small = ask(address, "/api/v1/distancing", headers={"Accept-Encoding": "gzip"})[1]
    assert small["content-encoding"] == "gzip"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Host": "127.0.0.1.evil.example:80"}, 421),
        ({"Host": "user@127.0.0.1"}, 421),
        ({"Host": ""}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Host": "localhost:8400", "Origin": "http://localhost:8400"}, 200),
        ({"Host": "[::1]:8400"}, 200),
    ],
)
def test_other_sites_and_other_names_are_refused(address, headers, status):
    found, answered, content = ask(address, "/api/v1/status", headers=headers)
    assert found == status
    assert "access-control-allow-origin" not in answered
    assert answered["x-frame-options"] == "DENY"
    if status != 200:
        assert "name" not in content


def test_a_link_to_the_page_may_be_on_another_site(address):
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    status, answered, _ = ask(address, "/", headers=headers)
    assert status == 200
    assert "default-src 'none'" in answered["content-security-policy"]
    assert "unsafe" not in answered["content-security-policy"]


@pytest.mark.parametrize(
    "path",
    ["/static/../app.py", "/static/..%2fapp.py", "/static/%2e%2e/app.py", "/static//etc/passwd",
     "/static/index.html%00.js", "/api/v1/picture?id=..%2F..%2Fetc%2Fpasswd",
     "/config.yaml", "/api/v1/camera?id=../summary.json",
     "/api/v1/picture?id=" + quote("../" * 20 + "etc/passwd")],
)  # fmt: skip
def test_no_path_of_a_request_leads_to_a_file(address, path):
    assert ask(address, path)[0] in (404, 422)


def test_only_pictures_of_known_cameras_are_given_out(address, run_folder):
    status, headers, data = ask(address, "/api/v1/picture?id=C01")
    assert (status, headers["content-type"], data[:2]) == (200, "image/jpeg", b"\xff\xd8")
    (run_folder / "snapshots" / "stranger.jpg").write_bytes(data)
    assert ask(address, "/api/v1/picture?id=stranger")[0] == 404


def test_nothing_changes_without_a_token(address, changing):
    wanted = {"cameras": [{"id": "gate", "url": "rtsp://10.0.0.5/stream"}]}
    assert ask(address, "/api/v1/cameras", "POST", wanted, BEARER)[0] == 403
    open_one, members = changing
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}):
        assert ask(open_one, "/api/v1/cameras", "POST", wanted, headers)[0] == 401
        assert ask(open_one, "/api/v1/cameras?id=C01", "DELETE", headers=headers)[0] == 401
    assert not members.cameras
    assert ask(open_one, "/api/v1/cameras", "POST", wanted, BEARER)[::2] == (202, {"cameras": ["gate"]})
    assert members.cameras["gate"].url == "rtsp://10.0.0.5/stream"
    foreign = BEARER | {"Origin": "http://evil.example"}
    assert ask(open_one, "/api/v1/cameras?id=gate", "DELETE", headers=foreign)[0] == 403
    assert ask(open_one, "/api/v1/cameras?id=gate", "DELETE", headers=BEARER)[0] == 202
    assert not members.cameras


def test_where_others_can_reach_it_reading_needs_the_token_too(run_folder):
    with serving(run_folder, token=TOKEN, protected=True) as address:
        for path in ("status", "topology", "camera?id=C01", "picture?id=C01", "violations"):
            assert ask(address, f"/api/v1/{path}")[0] == 401
            assert ask(address, f"/api/v1/{path}", headers=BEARER)[0] == 200
        assert ask(address, "/")[0] == 200


@pytest.mark.parametrize(
    "camera",
    [
        {"id": "a", "url": "/etc/passwd"},
        {"id": "a", "url": "file:///etc/passwd"},
        {"id": "a", "url": "drop:/tmp"},
        {"id": "a", "url": "webcam:0"},
        {"id": "a", "url": "/dev/video0"},
        {"id": "a", "url": "rtsp://"},
        {"id": "a", "url": "rtsp://user:secret@host:99999/"},
        {"id": "a", "url": "rtsp://host/ secret"},
        {"id": "", "url": "rtsp://host/"},
        {"id": "a\x00", "url": "rtsp://host/"},
        {"id": "a", "url": "rtsp://user:secret@host/", "mask": "/etc/passwd"},
        {"id": "a", "url": "rtsp://user:secret@host/", "calibration": "/etc/passwd"},
        {"id": "a", "url": "rtsp://user:secret@host/", "fps": -1},
    ],
)
def test_what_cannot_be_a_camera_is_refused_and_no_password_is_told(changing, camera):
    address, members = changing
    status, _, content = ask(address, "/api/v1/cameras", "POST", {"cameras": [camera]}, BEARER)
    assert status in (409, 422)
    assert "secret" not in json.dumps(content)
    assert not members.cameras


def test_what_the_network_refuses_is_told(run_folder):
    wanted = {"cameras": [{"id": "gate", "url": "rtsp://10.0.0.5/stream"}]}
    refuses = Members(InputError("there is a 'gate' at rtsp://user:secret@host/x already"))
    with serving(run_folder, token=TOKEN, members=refuses) as address:
        status, _, content = ask(address, "/api/v1/cameras", "POST", wanted, BEARER)
        assert (status, content["detail"]) == (409, "there is a 'gate' at rtsp://host/x already")
        refuses.error = NoNetwork("no network runs")
        assert ask(address, "/api/v1/cameras", "POST", wanted, BEARER)[0] == 503


def test_requests_that_are_too_large_are_not_read(address):
    headers = {"Content-Length": str(1 << 40), "Content-Type": "application/json"}
    assert ask(address, "/api/v1/cameras", "POST", headers=headers)[0] == 413
    assert ask(address, "/api/v1/cameras", "POST", b"", {"Transfer-Encoding": "chunked"})[0] == 411
    assert ask(address, "/api/v1/cameras", "POST", b"id=a", {"Content-Type": "text/plain"})[0] == 415
    assert ask(address, "/api/v1/edges?camera=" + "a" * 9000)[0] == 414
    assert ask(address, "/api/v1/edges?last=3")[0] == 422


def test_names_by_which_it_may_be_asked():
    assert own_names("0.0.0.0", ["cams.example"]) == {"localhost", "127.0.0.1", "::1", "cams.example"}
    assert "10.0.0.5" in own_names("10.0.0.5", [])


def test_a_secret_comes_from_a_file_or_the_environment_and_is_long_enough(tmp_path, monkeypatch):
    assert read_secret("token", None, "NO_SUCH_VARIABLE") is None
    monkeypatch.setenv("TOKEN_OF_MINE", "sixteen letters!\n")
    assert read_secret("token", None, "TOKEN_OF_MINE") == "sixteen letters!"
    for content in ("short", "", "é" * 20, "two\nlines of a secret"):
        (tmp_path / "token").write_text(content)
        with pytest.raises(InputError, match="16 to 4096 plain characters"):
            read_secret("token", str(tmp_path / "token"), "TOKEN_OF_MINE")
    with pytest.raises(InputError, match="No such file"):
        read_secret("token", str(tmp_path / "none"), "TOKEN_OF_MINE")


@pytest.mark.parametrize(("command", "said"), [("track", "joined, /runs/people"), ("follow", "whole runs")])
def test_a_run_that_has_nothing_to_show_is_refused(tmp_path, capsys, command, said):
    (tmp_path / "summary.json").write_text(json.dumps({"command": command, "run": "/runs/people"}))
    assert main(["serve", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "serve needs a run's folder"),
        (["no/such/run"], "there is no such folder"),
        (["{run}", "port=70000"], "port is 70000"),
        (["{run}", "port={taken}"], "port=N would be another one"),
        (["{run}", "host=0.0.0.0", "port=0"], "public=true lets everybody read"),
        (["{run}", "host=no.such.host.invalid", "public=true"], "no address of this machine"),
        (["{run}", "token_file={run}/none"], "No such file"),
        (["{run}", "webhook_events=[rain]"], "must be violation or topology"),
    ],
)
def test_mistakes_are_one_line(run_folder, capsys, arguments, said):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        values = {"run": str(run_folder), "taken": taken.getsockname()[1]}
        assert main(["serve", *(word.format(**values) for word in arguments)]) == 2
    line = capsys.readouterr().err.strip()
    assert said in line
    assert "\n" not in line


def test_without_the_extra_it_says_what_to_install(run_folder, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert main(["serve", str(run_folder)]) == 2
    assert "pip install 'sdist-ray[serve]'" in capsys.readouterr().err


def test_any_free_port_can_be_had():
    with listen("127.0.0.1", 0) as listening:
        assert listening.getsockname()[1] > 0


def test_the_pages_take_nothing_from_elsewhere():
    folder = Path(__file__).parent.parent / "sdist_ray" / "serve" / "static"
    for page in folder.iterdir():
        text = page.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in text, page.name
        assert "https://" not in text, page.name
        assert "innerHTML" not in text, page.name
