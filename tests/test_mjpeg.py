"""HTTP cameras: every form that cameras send in, and every way in which they fail, against a real server."""

import itertools
import logging
import socket
import threading
import time

import cv2
import numpy as np
import pytest

from sdist_ray.cameras.camera import Camera
from sdist_ray.video.mjpeg import MjpegStream
from sdist_ray.video.multipart import Multipart, NoImages, boundary_of
from sdist_ray.video.threaded import Timeouts
from tests.live import QUICK, jpeg, quick_pauses, shots, until
from tests.mjpeg_server import Server


@pytest.fixture
def serve():
    servers = []

    def start(kind, port=0):
        servers.append(Server(kind, port))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


numbers = itertools.count()


@pytest.fixture
def watch():
    streams = []

    def start(url, fps=None, wake=None, timeouts=QUICK):
        streams.append(MjpegStream(Camera(f"a{next(numbers)}", url, fps), wake, timeouts, quick_pauses()))
        return streams[-1]

    yield start
    for stream in streams:
        stream.close()


@pytest.mark.parametrize("kind", ["plain", "quoted", "dashes", "unnamed", "stamped", "noisy", "redirect"])
def test_images_come_undecoded_in_every_form_that_cameras_send(serve, watch, kind):
    stream = watch(serve(kind).url)
    frames = shots(stream, 10)
    known = {jpeg(number) for number in range(200)}
    assert all(shot.content in known for shot in frames)
    assert len({shot.content for shot in frames}) > 5
    times = [shot.time_s for shot in frames]
    assert times == sorted(times)
    assert abs(times[-1] - time.time()) < 20
    assert stream.status().state == "live"
    assert stream.status().problem is None


def test_a_parts_own_time_is_believed_where_it_is_plausible(serve, watch):
    shot = shots(watch(serve("stamped").url), 1)[0]
    assert 0.4 < time.time() - shot.time_s < 20
    stream = watch(serve("plain").url)
    now_s = time.time()
    for stamp_s, expected_s in (
        (now_s - 1, now_s - 1),
        (now_s + 3, now_s),
        (now_s - 60, now_s),
        (None, now_s),
    ):
        stream._last_s = 0.0
        assert stream._captured_s(stamp_s, now_s) == expected_s


def test_a_camera_of_single_images_is_asked_at_its_rate(serve, watch):
    server = serve("snapshot")
    began = time.monotonic()
    frames = shots(watch(server.url, fps=20.0), 20)
    assert len({shot.content for shot in frames}) == 20
    assert time.monotonic() - began > 19 * 0.05 * 0.8
    asked = server.asked[:]
    assert len(asked) <= (asked[-1][2] - asked[0][2]) / 0.05 + 4


@pytest.mark.parametrize("kind", ["basic", "digest"])
def test_the_password_is_given_where_it_is_asked_for_and_nowhere_shown(serve, watch, kind, caplog):
    caplog.set_level(logging.DEBUG)
    server = serve(kind)
    shots(watch(server.secret_url, fps=50.0), 3)
    assert server.asked[0][1] is None
    stream = watch(server.secret_url.replace("s3cret", "wr0ng"))
    status = until(lambda: (s := stream.status()).problem and s)
    assert status.problem == "the camera refuses this user name or password"
    names = " ".join(thread.name for thread in threading.enumerate())
    for shown in (caplog.text, repr(stream), str(status), names):
        assert not any(word in shown for word in ("s3cret", "wr0ng", "watcher"))


REASONS = {
    "missing": "no stream at this path",
    "text": "no image but 'text/html'",
    "circle": "redirects more than 5 times",
    "elsewhere": "redirects to another kind",
    "endless": "16 MB came without an image",
    "basic": "refuses this user name or password",
}


@pytest.mark.parametrize("kind", REASONS)
def test_what_is_no_camera_is_named_and_tried_again(serve, watch, kind):
    server = serve(kind)
    stream = watch(server.url)
    status = until(lambda: (s := stream.status()).problem and s)
    assert REASONS[kind] in status.problem
    asked = len(server.asked)
    until(lambda: len(server.asked) > asked)
    assert stream.poll(time.time()) is None


@pytest.mark.parametrize("kind", ["ends", "cut", "silent"])
def test_a_stream_that_ends_breaks_off_or_falls_silent_is_had_again(serve, watch, kind):
    server = serve(kind)
    stream = watch(server.url)
    shots(stream, 2)
    until(lambda: stream.status().reconnects >= 2 or (stream.poll(time.time()) and False))
    assert len(server.asked) >= 3


def test_a_server_that_drips_bytes_is_left(serve, watch):
    server = serve("drip")
    stream = watch(server.url)
    # No read times out. Whoever polls sees that nothing comes of it.
    until(lambda: stream.poll(time.time()) is None and len(server.asked) >= 2)


def test_a_server_that_never_answers_is_given_up_in_time(watch):
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        stream = watch(f"http://127.0.0.1:{deaf.getsockname()[1]}/")
        assert until(lambda: stream.status().problem) == "no answer within 1 s"


def test_a_camera_that_is_gone_and_comes_back_is_counted(serve, watch):
    server = serve("plain")
    stream = watch(server.url)
    shots(stream, 2)
    server.stop()
    until(lambda: stream.status().state == "waiting")
    until(lambda: "refused" in (stream.status().problem or ""))
    serve("plain", server.server_port)
    until(lambda: stream.status().reconnects >= 1)
    arrived_s = stream.status().arrived_s
    until(lambda: stream.status().arrived_s > arrived_s)
    assert stream.status().state == "live"


def test_closing_a_stream_that_waits_takes_no_time_and_ends_its_thread(serve, watch):
    server = serve("silent")
    stream = watch(server.url, timeouts=Timeouts(60.0, 60.0))
    shots(stream, 5)
    began = time.monotonic()
    stream.close()
    stream.close()
    assert time.monotonic() - began < 20
    assert stream.poll(time.time()) is None
    assert stream.status().state == "ended"
    name = f"camera {stream._name}"
    until(lambda: not any(thread.name == name for thread in threading.enumerate()), 40)


def test_frames_that_nobody_takes_are_dropped_oldest_first(serve, watch, monkeypatch):
    monkeypatch.setattr("sdist_ray.video.threaded.QUEUE_FRAMES", 5)
    wake = threading.Event()
    stream = watch(serve("plain").url, wake=wake)
    until(lambda: stream.status().dropped > 10)
    assert wake.is_set()
    assert len(stream._waiting) <= 5


def parts(data, boundary=b"frame", step=None):
    cutter = Multipart(boundary)
    pieces = [data[i : i + step] for i in range(0, len(data), step)] if step else [data]
    return [image for piece in pieces for image, _ in cutter.feed(piece)]


@pytest.mark.parametrize("step", [None, 1, 7, 1000])
@pytest.mark.parametrize("length", [True, False])
def test_parts_are_cut_wherever_the_network_cuts_them(step, length):
    images = [jpeg(number) for number in range(4)]
    stated = [b"Content-Length: %d\r\n" % len(image) if length else b"" for image in images]
    data = b"".join(b"--frame\r\n" + s + b"\r\n" + i + b"\r\n" for s, i in zip(stated, images, strict=True))
    assert parts(data + b"--frame--\r\n", step=step) == images


@pytest.mark.parametrize("stated", [3, 100, 5000, 1 << 30, 0])
def test_a_wrong_length_costs_no_more_than_its_own_part(stated):
    lie = b"--frame\r\nContent-Length: %d\r\n\r\n" % stated + jpeg(1) + b"\r\n"
    true = b"".join(
        b"--frame\r\nContent-Length: %d\r\n\r\n%b\r\n" % (len(jpeg(n)), jpeg(n)) for n in range(9)
    )
    found = parts(lie + true + b"--frame\r\n", step=500)
    assert set(found) >= {jpeg(number) for number in range(5, 9)}


def test_garbage_never_becomes_much_memory():
    cutter = Multipart(b"frame")
    rng = np.random.default_rng(1)
    for _ in range(16):
        assert not list(cutter.feed(rng.bytes(1 << 20)))
        assert len(cutter._data) < 1000
    with pytest.raises(NoImages):
        list(cutter.feed(b"."))
    assert len(cutter._data) < 1000


def test_boundaries_as_they_are_stated():
    for stated in ("frame", '"frame"', "--frame", '"--frame"'):
        assert boundary_of(f"multipart/x-mixed-replace; boundary={stated}") == b"frame"
    assert boundary_of("multipart/x-mixed-replace") == b""


def test_images_can_be_decoded(serve, watch):
    shot = shots(watch(serve("dashes").url), 1)[0]
    assert cv2.imdecode(np.frombuffer(shot.content, np.uint8), cv2.IMREAD_GRAYSCALE).shape == (48, 64)
