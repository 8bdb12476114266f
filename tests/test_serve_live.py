"""All of it: a live network, its dashboard's server, cameras that come and go over HTTP, and the end."""

import json
import os
import re
import signal
import subprocess
import sys

import pytest

from tests.live import until
from tests.live_runs import film
from tests.serving import BEARER, TOKEN, ask


@pytest.fixture
def start(tmp_path):
    """Starts commands in processes of their own."""
    running = []

    def begin(*arguments):
        process = subprocess.Popen(
            [sys.executable, "-m", "sdist_ray", *arguments], cwd=tmp_path, text=True, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, env=os.environ | {"SDIST_SERVE_TOKEN": TOKEN},
        )  # fmt: skip
        running.append(process)
        return process

    yield begin
    for process in running:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_live_network_is_shown_and_its_cameras_are_changed_over_http(tmp_path, start):
    film(tmp_path / "film")
    (tmp_path / "run").mkdir()
    server = start("serve", "run", "port=0", "look_s=0.2", "niceness=0")
    network = start(
        "topology", "source=live", "source.paths=[film]", "live.replicas=2", "live.publish_s=2",
        "runtime=local", "detector.warmup_s=1", "live.start_in_s=1", "output=run",
    )  # fmt: skip
    address = re.search(r"http://\S+", server.stdout.readline())[0]
    wanted = {"cameras": [{"id": "gate", "url": "http://127.0.0.1:9/video"}]}
    assert ask(address, "/api/v1/cameras", "POST", wanted, BEARER)[0] == 503

    def status():
        return ask(address, "/api/v1/status")[2]

    def states():
        cameras = ask(address, "/api/v1/health")[2]["health"]["cameras"]
        return {camera["id"]: camera["state"] for camera in cameras}

    until(lambda: status()["live"] == 2)
    until(lambda: "topology" in status()["has"])
    assert status()["state"] == "live"
    assert ask(address, "/api/v1/cameras", "POST", wanted, BEARER)[0] == 202
    until(lambda: states().get("gate") in ("connecting", "waiting"))
    code, _, content = ask(address, "/api/v1/cameras", "POST", wanted, BEARER)
    assert (code, "gate" in content["detail"]) == (409, True)
    assert ask(address, "/api/v1/cameras?id=gate", "DELETE", headers=BEARER)[0] == 202
    until(lambda: "gate" not in states())
    network.send_signal(signal.SIGTERM)
    assert network.wait(60) == 0
    until(lambda: status()["state"] == "ended")
    assert json.loads((tmp_path / "run" / "health.json").read_text())["running"] is False
    assert ask(address, "/api/v1/picture?id=film")[2][:2] == b"\xff\xd8"
    server.send_signal(signal.SIGTERM)
    assert server.wait(30) == 0
