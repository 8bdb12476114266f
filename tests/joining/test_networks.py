"""Cameras join and leave a network that runs, from other processes; nobody else notices."""

import json
import signal
import subprocess
import time
from itertools import pairwise
from typing import ClassVar

import pyarrow.parquet as pq
import pytest
import yaml
from ray.cluster_utils import Cluster

from sdist_ray.errors import InputError
from sdist_ray.runtime.live.reach import SocketRemote
from tests.joining.books import RANGE, SECRET, run_main
from tests.processes import HOLD_S, LIVE_COMMAND


class Live:
    """sdist-ray topology source=live, in a process of its own."""

    started: ClassVar[list[subprocess.Popen[bytes]]] = []

    def __init__(self, folder, paths, *settings, runtime="local"):
        self.folder = folder
        words = [
            "topology", "source=live", f"source.paths=[{','.join(map(str, paths))}]", f"runtime={runtime}",
            f"output={folder}", "live.recording=occupancy.parquet", "live.patience_s=30",
            "live.lateness_s=10", "live.start_in_s=8", "live.publish_s=1000", *settings,
        ]  # fmt: skip
        self.log = folder.parent / f"{folder.name}.log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen([*LIVE_COMMAND, *words], stdout=log, stderr=subprocess.STDOUT)
        Live.started.append(self.process)

    def until(self, done, seconds=300):
        """Wait until ``done`` of the cameras, by id."""
        until = time.monotonic() + seconds
        while True:
            assert self.process.poll() is None, self.log.read_text()
            try:
                remote = SocketRemote(self.folder)
            except InputError:
                cameras = None
            else:
                cameras = {camera["id"]: camera for camera in remote.ask({"do": "look"})["cameras"]}
                remote.close()
            if cameras is not None and done(cameras):
                return cameras
            assert time.monotonic() < until, cameras
            time.sleep(0.2)

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        return self.ended()

    def ended(self):
        """Its rows, by camera and tick, and its summary, once it has ended."""
        assert self.process.wait(600) == 0, self.log.read_text()
        text = self.log.read_text()
        assert "Traceback" not in text, text
        table = pq.read_table(self.folder / "occupancy.parquet").to_pylist()
        rows = {}
        for row in table:
            rows.setdefault(row["camera"], {})[row["tick"]] = tuple(row["windows"])
        return rows, json.loads((self.folder / "summary.json").read_text())


def is_live(*wanted):
    return lambda cameras: all(cameras.get(camera, {}).get("state") == "live" for camera in wanted)


def enough(camera, frames):
    return lambda cameras: cameras.get(camera, {}).get("processed", 0) >= frames


@pytest.fixture(autouse=True)
def nothing_runs_on():
    """What a test that failed has left running would slow all others down."""
    yield
    while Live.started:
        process = Live.started.pop()
        if process.poll() is None:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def videos(site):
    return sorted(site.glob("videos/*.mp4")) or sorted(site.rglob("*.mp4"))


def health_of(summary):
    return {camera["id"]: camera for camera in summary["health"]["cameras"]}


def test_cameras_come_and_go_and_the_others_are_as_if_alone(tmp_path, capsys, videos):
    name, other = videos[0].stem, videos[1].stem

    def attempt(number):
        alone = Live(tmp_path / f"alone{number}", videos[:1])
        joined = Live(tmp_path / f"joined{number}", videos[:1])
        joined.until(is_live(name))
        frames = come_and_go(capsys, tmp_path, joined, videos[1])
        for live in (alone, joined):
            live.until(enough(name, 200))
            live.process.send_signal(signal.SIGTERM)
        return alone.ended(), joined.ended(), frames, joined

    # Until the machine had the time to look at every frame of the camera, from the first on.
    for number in range(3):
        (expected, one), (rows, other_one), frames, live = attempt(number)
        health = health_of(other_one)
        missed = any(found[name]["dropped"] + found[name]["late"] for found in (health_of(one), health))
        if not missed and (min(rows[name]) - min(expected[name])) % RANGE == 0:
            break
    with pytest.raises(InputError, match="no live network"):
        SocketRemote(live.folder)
    assert SECRET not in live.log.read_text() + (live.folder / "summary.json").read_text()
    first, there = min(expected[name]), min(rows[name])
    assert (there - first) % RANGE == 0
    shift = there - first
    last = min(max(expected[name]), max(rows[name]) - shift)
    wanted = {tick: seen for tick, seen in expected[name].items() if tick <= last}
    assert {tick - shift: seen for tick, seen in rows[name].items() if tick - shift <= last} == wanted
    assert len(wanted) > 150
    # It goes on where it was: what was counted before is counted still.
    assert health[other]["processed"] > frames
    ticks = sorted(rows[other])
    assert max(after - before for before, after in pairwise(ticks)) > 10
    assert f"{other}~3" in rows
    assert f"{other}~3" not in health


def come_and_go(capsys, tmp_path, joined, video):
    """Cameras join, rest and leave; how many frames of the one that rested were looked at before."""
    other = video.stem
    code, out, err = run_main(capsys, "add", video, f"run={joined.folder}", "replicas=8", "wait_s=200")
    assert (code, err) == (0, "")
    assert out.splitlines()[1] == "8 live"
    assert run_main(capsys, "add", video, f"run={joined.folder}")[0] == 2
    assert run_main(capsys, "pause", other, f"run={joined.folder}")[:2] == (0, f"paused: {other}\n")
    looked = joined.until(lambda cameras: cameras[other]["state"] == "paused")
    frames = looked[other]["processed"]
    # A file that is opened plays what was due in the last seconds, as a camera's buffer would.
    time.sleep(HOLD_S + 2)
    assert run_main(capsys, "resume", other, f"run={joined.folder}")[0] == 0
    assert run_main(capsys, "remove", f"{other}~2", f"{other}~3", f"run={joined.folder}")[0] == 0
    many = tmp_path / "many.yaml"
    nowhere = {"id": "nowhere", "url": f"rtsp://u:{SECRET}@127.0.0.1:1/x"}
    many.write_text(yaml.safe_dump([{"id": f"{other}~2", "url": str(video)}, nowhere]))
    assert run_main(capsys, "add", f"cameras={many}", f"run={joined.folder}", "wait_s=0")[0] == 0
    joined.until(is_live(f"{other}~2", other))
    assert run_main(capsys, "remove", "nowhere", f"run={joined.folder}")[0] == 0
    return frames


def test_a_hundred_cameras_at_once(tmp_path, capsys, videos):
    live = Live(tmp_path / "run", videos[:1], "live.transcode=true", "live.width=160")
    live.until(is_live(videos[0].stem))
    yaml_file = tmp_path / "cameras.yaml"
    yaml_file.write_text(
        yaml.safe_dump([{"id": f"c{n}", "url": f"rtsp://127.0.0.1:1/{n}"} for n in range(100)])
    )
    assert run_main(capsys, "add", f"cameras={yaml_file}", "wait_s=0")[0] == 0
    live.until(lambda cameras: len(cameras) == 101)
    # Some are still connecting.
    assert run_main(capsys, "remove", *(f"c{n}" for n in range(100)))[0] == 0
    live.until(lambda cameras: len(cameras) == 1 and is_live(videos[0].stem)(cameras))
    live.end()


@pytest.mark.ray
def test_on_ray_from_another_process(tmp_path, capsys, videos, monkeypatch):
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False})
    monkeypatch.setenv("RAY_ADDRESS", cluster.address)
    name, other = videos[0].stem, videos[1].stem
    try:
        live = Live(tmp_path / "run", videos[:1], "live.name=site", runtime="ray")
        live.until(is_live(name))
        code, out, err = run_main(capsys, "add", videos[1], "network=site", "wait_s=200")
        assert (code, err) == (0, "")
        assert "1 live" in out
        assert run_main(capsys, "add", videos[1])[0] == 2
        assert run_main(capsys, "list", "network=elsewhere")[0] == 2
        assert run_main(capsys, "pause", other, "network=site")[0] == 0
        code, out, _ = run_main(capsys, "list", "json=true")
        assert {c["id"]: c["state"] for c in json.loads(out)["cameras"]} == {name: "live", other: "paused"}
        assert run_main(capsys, "resume", other, f"run={live.folder}")[0] == 0
        live.until(is_live(name, other))
        assert run_main(capsys, "remove", other)[0] == 0
        rows, _ = live.end()
        assert set(rows) == {name, other}
        code, _, err = run_main(capsys, "list", "network=site")
        assert code == 2
        assert "site" in err
    finally:
        cluster.shutdown()
