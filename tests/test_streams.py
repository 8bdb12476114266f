"""What live streams share: addresses, ids, pauses, capture times, webcams."""

import random
import time

import numpy as np
import pytest

from sdist_ray.cameras.camera import Camera, Replay
from sdist_ray.cameras.described import read_cameras
from sdist_ray.errors import InputError
from sdist_ray.video.capture_time import CaptureClock
from sdist_ray.video.live import Webcam
from sdist_ray.video.mjpeg import MjpegStream
from sdist_ray.video.network import NetworkStream
from sdist_ray.video.reconnect import Pauses
from sdist_ray.video.replay import Replayed
from sdist_ray.video.streams import Timeouts, check_address, find_streams, open_stream
from sdist_ray.video.webcam_stream import WebcamStream
from tests.live import picture, quick_pauses, shots, until

WRONG = {
    None: "has no url",
    "ftp://host/x": "unknown scheme 'ftp'",
    "rtsp://": "names no host",
    "http:///path": "names no host",
    "rtsp://host:99999/x": "no such host or port",
    "rtsp://host:x/": "no such host or port",
    "http://[::1/x": "no such host or port",
    "tcp://host": "names no port",
    "drop:": "names no folder",
    "http://host/a b": "space or a control character",
    "http://host/a\r\nX-Evil: 1": "space or a control character",
    "video.mp4": "is no live address",
    "file:///x.mp4": "is no live address",
    "ftp://watcher:s3cret@host/x": "unknown scheme",
    "rtsp://watcher:s3cret@host:99999/x": "no such host or port",
}
RIGHT = [
    "rtsp://h/x",
    "rtsps://u:p@h:1/x",
    "http://h",
    "https://[::1]:8/x?y=z",
    "tcp://h:1",
    "drop:/f",
    "webcam:0",
]


@pytest.mark.parametrize("url", WRONG)
def test_addresses_that_cannot_be_right_are_refused_in_one_line(url):
    with pytest.raises(InputError, match=WRONG[url]) as error:
        check_address(Camera("a", url))
    assert "\n" not in str(error.value)
    assert "s3cret" not in str(error.value)
    with pytest.raises(InputError):
        open_stream(Camera("a", url))


@pytest.mark.parametrize("url", RIGHT)
def test_addresses_that_may_be_right_are_taken(url):
    check_address(Camera("a", url))


def test_a_scheme_decides_which_stream_it_is(tmp_path):
    kinds = {
        "rtsp://127.0.0.1:1/x": NetworkStream,
        "http://127.0.0.1:1/x": MjpegStream,
        "https://127.0.0.1:1/x": MjpegStream,
        "webcam:987": WebcamStream,
    }
    for url, kind in kinds.items():
        stream = open_stream(Camera("a", url), timeouts=Timeouts(1, 1))
        assert type(stream) is kind
        assert stream.poll(time.time()) is None
        assert until(lambda stream=stream: stream.status().problem)
        stream.close()
        assert stream.status().state == "ended"
    replayed = open_stream(Camera("a", str(tmp_path / "x.avi"), replay=Replay(0.0)))
    assert type(replayed) is Replayed
    with pytest.raises(InputError, match="sends no pixels"):
        open_stream(Camera("a", "tcp://127.0.0.1:1"))


def test_ids_come_from_addresses_without_credentials_and_are_unique(tmp_path):
    (tmp_path / "hall.mp4").write_bytes(b"x")
    words = [
        "rtsp://watcher:s3cret@10.0.0.5:554/stream1?token=s3cret",
        "rtsp://10.0.0.5/stream1",
        "http://cam.local/video.mjpg",
        "tcp://10.0.0.9:4000",
        f"drop:{tmp_path}/gate",
        "webcam:0",
        str(tmp_path / "hall.mp4"),
    ]
    cameras = find_streams(words)
    assert [camera.id for camera in cameras] == [
        "10.0.0.5-stream1", "10.0.0.5-stream1-2", "cam.local-video.mjpg", "10.0.0.9-4000", "gate",
        "webcam0", "hall",
    ]  # fmt: skip
    assert [camera.url for camera in cameras] == words
    with pytest.raises(InputError, match="unknown scheme"):
        find_streams(["gopher://host/x"])


def test_cameras_yaml_takes_every_address(tmp_path):
    (tmp_path / "cameras.yaml").write_text(
        "- {id: a, url: 'rtsp://u:p@h/x'}\n- {id: b, url: 'tcp://h:1'}\n- {id: c, url: 'drop:incoming'}\n"
        "- {id: d, url: 'drop:/abs'}\n- {id: e, url: clip.mp4}\n- {id: f, url: 'webcam:0'}\n"
    )
    urls = [camera.url for camera in read_cameras(tmp_path / "cameras.yaml")]
    assert urls == [
        "rtsp://u:p@h/x", "tcp://h:1", f"drop:{tmp_path}/incoming", "drop:/abs", f"{tmp_path}/clip.mp4",
        "webcam:0",
    ]  # fmt: skip


def test_pauses_grow_differ_and_begin_anew_after_a_good_time():
    pauses = Pauses(0.5, 30, jitter=0.0)
    assert [pauses.after(0) for _ in range(9)] == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert pauses.after(29.0) == 30
    assert [pauses.after(31.0), pauses.after(0)] == [0.5, 1]
    jittered = [Pauses(1.0, draw=random.Random(seed)).after(0) for seed in range(200)]
    assert 0.5 <= min(jittered) < 0.6
    assert 1.4 < max(jittered) <= 1.5


def times_of(own, arrived):
    clock = CaptureClock()
    return np.array([clock.time_s(o, a) for o, a in zip(own, arrived, strict=True)])


def test_capture_times_are_even_where_arrivals_are_not():
    own = 50 + 0.1 * np.arange(600)
    late = np.random.default_rng(1).exponential(0.04, 600)
    late[0] = 0.2
    arrived = np.maximum.accumulate(1000 + own + 0.01 + late)
    times = times_of(own, arrived)
    assert (times <= arrived).all()
    assert (np.diff(times) >= 0).all()
    # Once the least delay was seen, what is left is its constant part.
    assert np.abs(times[100:] - (1000 + own[100:] + 0.01)).max() < 0.02


@pytest.mark.parametrize("drift", [-1e-3, 1e-3])
def test_a_clock_that_drifts_is_followed(drift):
    own = 0.1 * np.arange(36_000)
    arrived = 1000 + own * (1 + drift)
    times = times_of(own, arrived)
    assert (times <= arrived).all()
    assert (arrived - times).max() < 0.1


def test_a_stream_that_begins_anew_or_jumps_is_anchored_anew():
    own = np.concatenate([5 + 0.1 * np.arange(50), 0.1 * np.arange(50), 900 + 0.1 * np.arange(50)])
    arrived = 1000 + 0.1 * np.arange(150)
    assert np.abs(times_of(own, arrived) - arrived).max() < 0.01
    # Two seconds after a stall that never caught up, the delay is taken for what it is.
    stalled = np.concatenate([arrived[:50], arrived[50:] + 1.5])
    times = times_of(0.1 * np.arange(150), stalled)
    assert np.abs(times[-20:] - stalled[-20:]).max() < 0.01
    assert (np.diff(times) >= 0).all()


def test_this_machines_clock_may_be_set_back():
    times = times_of(
        0.1 * np.arange(100), np.concatenate([1000 + 0.1 * np.arange(50), 500 + 0.1 * np.arange(50)])
    )
    assert times[-1] == pytest.approx(504.9, abs=0.2)


class Device:
    """Gives a few frames, then is unplugged."""

    def __init__(self, count):
        self.left = count

    def isOpened(self):
        return True

    def read(self):
        time.sleep(0.01)
        self.left -= 1
        return (True, picture(self.left)) if self.left > 0 else (False, None)

    def get(self, _property):
        return 30.0

    def release(self):
        pass


def test_a_webcam_that_is_unplugged_and_back_is_counted():
    opened = []

    def plug(url):
        opened.append(url)
        if len(opened) == 2:
            raise InputError(f"{url}: there is no such webcam")
        return Webcam(url, capture=Device(20 if len(opened) == 1 else 10_000))

    stream = WebcamStream(Camera("a", "webcam:0"), 32, pauses=quick_pauses(), opens=plug)
    assert shots(stream, 2)[0].content.shape == (24, 32)
    until(lambda: (stream.poll(time.time()) and False) or stream.status().reconnects >= 1)
    newest_s = time.time()
    assert until(lambda: (shot := stream.poll(time.time())) and shot.time_s > newest_s)
    assert stream.status().problem is None
    stream.close()
