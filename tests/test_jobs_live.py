"""The job that looks after a live network: what it publishes, and how files play."""

import threading
from types import SimpleNamespace

import cv2
import numpy as np

from sdist_ray.cameras.camera import Camera
from sdist_ray.errors import InputError
from sdist_ray.jobs import live as jobs_live
from sdist_ray.jobs import live_inputs
from sdist_ray.runtime.health import NetworkHealth
from sdist_ray.settings_live import LiveSettings


class Network:
    """A network that is looked at some times, and loses a worker on the way."""

    def __init__(self, looks):
        self.looks = looks

    def look(self):
        self.looks -= 1
        return NetworkHealth(workers_lost=int(self.looks < 3))


def test_what_cannot_be_published_once_is_published_the_next_time(capsys, monkeypatch):
    monkeypatch.setattr(jobs_live, "LOOK_S", 0.01)
    network, interrupt, told = Network(5), SimpleNamespace(wanted=threading.Event()), []

    def publish(running, health):
        told.append(health)
        if len(told) == 1:
            raise InputError("run/published/1: No space left on device")
        if len(told) == 3:
            interrupt.wanted.set()
        return 7, 2

    settings = SimpleNamespace(live=SimpleNamespace(**vars(LiveSettings()) | {"publish_s": 0.0}))
    latest = jobs_live._Latest()
    jobs_live._watch(network, settings, interrupt, publish, None, latest)
    assert len(told) == 3
    assert latest.health.links == 7
    said = capsys.readouterr().err
    assert "nothing was published: run/published/1: No space left on device" in said
    assert "a worker was lost, 1 so far" in said


def test_files_of_different_lengths_loop_together(tmp_path):
    for name, frames in (("long", 40), ("short", 25)):
        writer = cv2.VideoWriter(str(tmp_path / f"{name}.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 48))
        for _ in range(frames):
            writer.write(np.zeros((48, 64, 3), np.uint8))
        writer.release()
    (tmp_path / "broken.avi").write_bytes(b"no video")
    files = [Camera(name, str(tmp_path / f"{name}.avi")) for name in ("broken", "long", "short")]
    found = live_inputs.playing(files, LiveSettings(), 1000.0)
    assert [camera.replay.period_s for camera in found] == [5.0] * 3
    assert all(
        c.replay.period_s is None for c in live_inputs.playing(files[1:], LiveSettings(loop=False), 1000.0)
    )
    assert live_inputs.playing(files[1:2], LiveSettings(), 1000.0)[0].replay.period_s is None
