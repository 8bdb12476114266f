"""One ground plane learnt beside a live network: by others, who may die, while the network goes on."""

import contextlib
import functools
import json
import os
import signal
import socket
import threading
import time

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from sdist_ray.cameras.send import send_records
from sdist_ray.cli import main
from sdist_ray.jobs import ground_plane_live
from sdist_ray.jobs.ground_plane_live import GroundPlaneWatch
from sdist_ray.occupancy.block import Clock
from sdist_ray.occupancy.grid import Grid
from sdist_ray.runtime import ground_plane as stages
from sdist_ray.runtime.feeds import NetworkSpec
from sdist_ray.runtime.ground_plane import Batch, GroundPlaneStage, ProcessStage, StageLost, StageSettings
from sdist_ray.settings_ground_plane import GroundPlaneSettings
from sdist_ray.topology.ground_plane.pair import FitSettings
from sdist_ray.topology.ground_plane.plane import LearnSettings
from tests.ground_planes import CAMERAS, TICKS, hall, observed, rows_of, run_with
from tests.live_clips import wait_until

NAMES = tuple(f"c{number}" for number in range(CAMERAS))
SPEC = NetworkSpec(NAMES, Grid(), Clock(10.0, 20))
LEARN = LearnSettings(chances=60, fit=FitSettings(draws=2000))


def tell(watch, first, last):
    """Have the watch told of what was seen, range by range."""
    for tick in range(first, last, 20):
        watch.add(rows_of(tick, tick + 20), NAMES)


@contextlib.contextmanager
def ray_stages():
    from sdist_ray.runtime.ray.ground_plane import RayStage
    from sdist_ray.runtime.ray.session import ray_session

    with ray_session():
        yield RayStage


@contextlib.contextmanager
def process_stages():
    yield ProcessStage


@pytest.mark.parametrize("where", [process_stages, pytest.param(ray_stages, marks=pytest.mark.ray)])
def test_who_learns_may_die_and_the_next_one_knows_what_was_known(where, tmp_path, capsys):
    settings = StageSettings(10.0, Grid(), 30.0, LEARN, tmp_path / "ground_plane.npz", idle=False)
    with where() as make:
        watch = GroundPlaneWatch(GroundPlaneSettings(True, every_s=1.0), SPEC, lambda: make(settings))
        tell(watch, 0, 1000)
        wait_until(lambda: watch.placed is not None and watch.placed.footage_s == 100)
        for pid in watch.pids():
            os.kill(pid, signal.SIGKILL)
        tell(watch, 1000, TICKS)
        placed = watch.finish()
    assert "was lost" in capsys.readouterr().err
    assert placed.footage_s == 180
    shared = hall()[2]
    true = {(int(a), int(b)) for a, b in np.argwhere(shared > 4)}
    assert len(set(placed.plane.fits) & true) >= 0.8 * len(true)
    assert sum(shared[pair] > 0 for pair in placed.plane.fits) >= 0.95 * len(placed.plane.fits)
    assert placed.plane.refined > 0, "another one began where the first had ended"
    assert watch.pids() == []


def test_what_waits_for_who_learns_is_bounded(monkeypatch, capsys):
    monkeypatch.setattr(ground_plane_live, "MOST_WAITING_S", 30.0)
    monkeypatch.setattr(ground_plane_live, "PAUSE_S", 0.01)
    asked, answer = [], threading.Event()

    class Slow:
        """Answers nothing until it may, and then that it was lost."""

        def look(self, batches):
            asked.append(len(batches))
            answer.wait(60)
            raise StageLost("it was slow")

        def pids(self):
            return []

        def close(self):
            answer.set()

    watch = GroundPlaneWatch(GroundPlaneSettings(True, every_s=1.0), SPEC, Slow)
    tell(watch, 0, 100)
    wait_until(lambda: asked)
    # Nobody waits for it meanwhile.
    tell(watch, 100, 600)
    assert asked == [5]
    answer.set()
    wait_until(lambda: len(asked) > 1)
    assert asked[1] == 5 + 15
    watch.close()
    said = capsys.readouterr().err
    assert "10 time ranges came faster than they could be looked at" in said
    assert "(it was slow)" in said


def test_a_state_that_is_none_is_said_and_begun_anew(tmp_path, monkeypatch):
    place = tmp_path / "ground_plane.npz"
    place.write_bytes(b"none")
    settings = StageSettings(10.0, Grid(), 30.0, LEARN, place)
    stage = GroundPlaneStage(settings, lambda views: run_with(views, 1))
    look = stage.look([Batch(rows_of(0, 20), NAMES, 20)])
    assert len(look.notes) == 1
    assert "learnt anew" in look.notes[0]
    assert look.kept
    assert look.placed.footage_s == 2
    again = GroundPlaneStage(settings, lambda views: run_with(views, 1))
    assert again.look([]).placed.footage_s == 2
    monkeypatch.setattr(stages.np, "savez", lambda file, **arrays: os.write(os.open("/dev/full", 1), b"x"))
    look = again.look([])
    assert not look.kept
    assert "No space left" in look.notes[0]
    assert [path.name for path in tmp_path.iterdir()] == ["ground_plane.npz"]


@pytest.fixture
def smart_cameras(tmp_path):
    """Three smart cameras of a hall, which send what they see as it happens, and say so in cameras.yaml."""
    _, seen = observed()
    grid, over, listeners = Grid(), threading.Event(), []
    began, lock = [], threading.Lock()

    def records(camera):
        """Of each tick as soon as it is over, from the present one on; the first is when somebody calls."""
        with lock:
            began.extend([] if began else [round(time.time() * 10)])
        first = began[0]
        for tick in range(max(0, round(time.time() * 10) - first), TICKS):
            if over.wait(max(0.0, (first + tick) / 10 - time.time())):
                return
            here = slice(*np.searchsorted(seen[camera].tick, [tick, tick + 1]))
            x, y = seen[camera].foot_x[here], seen[camera].foot_y[here]
            yield first + tick, np.unique(grid.window_of(x, y)).tolist(), x.tolist(), y.tolist()
        over.wait()

    def serve(listener, camera):
        # A network that hung up may come back, until the listener is closed.
        while not over.is_set():
            with contextlib.suppress(OSError), listener.accept()[0] as connection:
                send_records(connection, f"c{camera}", 10.0, grid.columns, grid.rows, records(camera))

    described = []
    for camera in range(3):
        listeners.append(socket.create_server(("127.0.0.1", 0)))
        threading.Thread(target=serve, args=(listeners[-1], camera), daemon=True).start()
        described.append({"id": f"c{camera}", "url": f"tcp://127.0.0.1:{listeners[-1].getsockname()[1]}"})
    path = tmp_path / "cameras.yaml"
    path.write_text(yaml.safe_dump({"cameras": described}))
    yield path
    over.set()
    for listener in listeners:
        # Closing alone does not wake who waits for a caller.
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@pytest.mark.parametrize("runtime", ["local", pytest.param("ray", marks=pytest.mark.ray)])
def test_a_live_network_publishes_what_geometry_accepts_whoever_dies(
    runtime, smart_cameras, tmp_path, monkeypatch
):
    made, killed, over = [], [], threading.Event()

    class Known(ground_plane_live.GroundPlaneWatch):
        """Is known here, so that who learns can be found."""

        def __init__(self, *arguments):
            super().__init__(*arguments)
            made.append(self)

    monkeypatch.setattr(ground_plane_live, "GroundPlaneWatch", Known)
    # Other tests would keep who learns waiting.
    monkeypatch.setattr(ground_plane_live, "StageSettings", functools.partial(StageSettings, idle=False))

    def kill():
        """Kill who learns once something is known, see that another takes over, and end the network."""
        wait_until(lambda: over.is_set() or (made and made[0].placed and made[0].placed.plane.fits))
        before = made[0].placed if made else None
        killed.extend(made[0].pids() if made else [])
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: over.is_set() or made[0].placed is not before)
        wait_until(lambda: over.is_set() or (tmp_path / "out/latest/ground_links.parquet").is_file())
        if not over.is_set():
            os.kill(os.getpid(), signal.SIGINT)

    killer = threading.Thread(target=kill)
    killer.start()
    # A machine that has much else to do takes its time: it ends as soon as all has been seen.
    arguments = [f"cameras={smart_cameras}", f"runtime={runtime}", "live.duration_s=170", "live.lateness_s=1"]
    arguments += ["live.publish_s=2", f"output={tmp_path}/out"]
    arguments += ["topology.ground_plane.enabled=true", "topology.ground_plane.every_s=2"]
    try:
        assert main(["topology", "source=live", *arguments]) == 0
    finally:
        over.set()
        killer.join()
    assert killed
    shared = hall()[2]
    for place in (tmp_path / "out", tmp_path / "out" / "latest"):
        edges = pq.read_table(place / "edges.parquet").to_pylist()
        placed = [edge for edge in edges if edge["kind"] == "overlap"]
        assert placed
        for edge in placed:
            assert shared[int(edge["camera_a"][1:]), int(edge["camera_b"][1:])] > 0
            assert len(edge["homography"]) == 9
            assert 0 < edge["homography_error"] < 0.05
        pairs = set(zip(*(pq.read_table(place / "ground_links.parquet")[name].to_pylist()
                          for name in ("camera_a", "camera_b")), strict=True))  # fmt: skip
        assert pairs == {(edge["camera_a"], edge["camera_b"]) for edge in placed}
        summary = json.loads((place / "summary.json").read_text())
        assert summary["ground_plane"]["pairs_placed"] == len(placed) == summary["topology"]["edges"]
        assert {camera["status"] for camera in summary["cameras"]} == {"ok"}
