"""Webcams: the newest frame, and how they end."""

import threading
import time

import numpy as np
import pytest

from sdist_ray.cameras.camera import is_webcam
from sdist_ray.cameras.described import read_cameras
from sdist_ray.errors import InputError
from sdist_ray.video.files import find_cameras, open_source
from sdist_ray.video.live import Webcam
from tests.videos import FRAMES, images


class FakeCapture:
    """A device that gives a frame whenever a test lets it."""

    def __init__(self, count=FRAMES, busy=False):
        self.count, self.waiting = count, list(images(count))
        self.turns = threading.Semaphore(0)
        self.released = threading.Event()
        self.busy = busy

    def isOpened(self):
        return not self.busy

    def read(self):
        # The first one is there when it is opened.
        if len(self.waiting) < self.count:
            self.turns.acquire(timeout=60)
        return (True, self.waiting.pop(0)) if self.waiting else (False, None)

    def get(self, _property):
        return 15.0

    def release(self):
        self.released.set()


def test_a_webcam_gives_the_newest_frame_and_when_it_came():
    device = FakeCapture()
    before = time.time()
    with Webcam("webcam:0", capture=device) as source:
        assert (source.size, source.fps, source.frames) == ((64, 48), 15.0, None)
        first = source.grab()
        assert before <= first <= time.time()
        np.testing.assert_array_equal(source.decode(), next(images()))
        for _ in range(3):
            device.turns.release()
        while len(device.waiting) > FRAMES - 4:
            time.sleep(0.001)
        while source._newest is None or source._count < 4:
            time.sleep(0.001)
        assert source.grab() >= first
        np.testing.assert_array_equal(source.decode(), list(images())[3])
    assert source.grab() is None
    source.close()
    device.turns.release()
    assert device.released.wait(60)


def test_times_of_a_webcam_do_not_decrease_when_the_clock_is_set_back(monkeypatch):
    clock = iter([100.0, 90.0, 95.0, 120.0])
    monkeypatch.setattr("sdist_ray.video.live.time.time", lambda: next(clock))
    device = FakeCapture(4)
    with Webcam("webcam:0", capture=device) as source:
        times = [source.grab()]
        for _ in range(3):
            device.turns.release()
            times.append(source.grab())
        device.turns.release()
    assert times == [100.0, 100.0, 100.0, 120.0]


def test_a_webcam_that_is_unplugged_ends_and_says_so():
    device = FakeCapture(1)
    device.turns.release()
    with Webcam("webcam:0", capture=device) as source:
        assert len(list(source)) == 1
        assert "after 1: was it unplugged" in source.complaint
        assert source.grab() is None


def test_a_silent_webcam_ends(monkeypatch):
    monkeypatch.setattr("sdist_ray.video.live.SILENT_S", 0.05)
    device = FakeCapture(2)
    with Webcam("webcam:0", capture=device) as source:
        assert len(list(source)) == 1
        assert "no frame for 0.05 s" in source.complaint
        device.turns.release()


def test_a_busy_webcam_is_let_go_of():
    device = FakeCapture(busy=True)
    with pytest.raises(InputError, match="another program may be using it"):
        Webcam("webcam:0", capture=device)
    assert device.released.is_set()


@pytest.mark.parametrize("url", ["webcam:987", "/dev/video987", "webcam:front", "webcam:"])
def test_a_missing_webcam_is_one_line(url):
    (camera,) = find_cameras([url])
    with pytest.raises(InputError, match=r"no such webcam|not a webcam") as caught:
        open_source(camera)
    assert "\n" not in str(caught.value)
    assert url in str(caught.value)


def test_webcams_are_named_in_cameras_yaml_and_by_themselves(tmp_path):
    (tmp_path / "cameras.yaml").write_text("- {id: door, url: 'webcam:0'}\n")
    assert read_cameras(tmp_path / "cameras.yaml")[0].url == "webcam:0"
    assert [c.id for c in find_cameras(["webcam:0", "/dev/video1"])] == ["webcam0", "video1"]
    assert not is_webcam("/dev/shm/video0.mp4")
