"""RTSP against a real server, GStreamer's, and everything that can go wrong with one."""

import itertools
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from sdist_ray.cameras.camera import Camera
from sdist_ray.video.network import NetworkStream
from sdist_ray.video.threaded import Timeouts
from tests.live import QUICK, quick_pauses, shots, until

SERVER = Path(__file__).with_name("rtsp_server.py")
SYSTEM_PYTHON = "/usr/bin/python3"
NEEDS = (
    "import gi; gi.require_version('Gst', '1.0'); gi.require_version('GstRtspServer', '1.0'); "
    "from gi.repository import Gst, GstRtspServer; Gst.init(None); "
    "names = ('x264enc', 'jpegenc', 'rtph264pay', 'rtpjpegpay', 'videotestsrc'); "
    "missing = [n for n in names if Gst.ElementFactory.find(n) is None]; assert not missing, missing"
)


def missing():
    """Why there is no RTSP server here; empty where there is one."""
    if not Path(SYSTEM_PYTHON).exists():
        return f"no {SYSTEM_PYTHON}"
    tried = subprocess.run([SYSTEM_PYTHON, "-c", NEEDS], capture_output=True, text=True, timeout=120)
    return tried.stderr.strip().splitlines()[-1] if tried.returncode else ""


@pytest.fixture(scope="module")
def there():
    reason = missing()
    if reason and os.environ.get("SDIST_RTSP_REQUIRED"):
        pytest.fail(f"SDIST_RTSP_REQUIRED is set, but GStreamer's RTSP server is not there: {reason}")
    if reason:
        pytest.skip(f"needs GStreamer's RTSP server (see the README's list of packages): {reason}")


@pytest.fixture
def serve(there):
    servers = []

    def start(*words, port=0):
        process = subprocess.Popen(
            [SYSTEM_PYTHON, str(SERVER), str(port), *words], stdout=subprocess.PIPE, text=True
        )
        servers.append(process)
        said = process.stdout.readline().split()
        assert said[:1] == ["ready"], said
        process.port = int(said[1])
        return process

    yield start
    for process in servers:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait()
        process.stdout.close()


numbers = itertools.count()


def threads_of(stream):
    return [thread for thread in threading.enumerate() if thread.name == f"camera {stream._name}"]


@pytest.fixture
def watch():
    streams = []

    def start(url, working_width=None, **settings):
        settings.setdefault("pauses", quick_pauses())
        # A name of its own: threads of earlier tests may still be on their way out.
        camera = Camera(f"a{next(numbers)}", url)
        settings.setdefault("timeouts", QUICK)
        streams.append(NetworkStream(camera, working_width, **settings))
        return streams[-1]

    yield start
    for stream in streams:
        stream.close()


def address(port, who=""):
    return f"rtsp://{who}127.0.0.1:{port}/live"


def problem(stream, of):
    return until(lambda: of in ((stream.poll(time.time()) and "") or stream.status().problem or ""))


@pytest.mark.parametrize("codec", ["h264", "jpeg"])
def test_frames_come_in_grey_at_the_cameras_rate_and_time(serve, watch, codec):
    wake = threading.Event()
    stream = watch(address(serve(f"codec={codec}").port), wake=wake)
    frames = shots(stream, 25)
    assert wake.is_set()
    image = frames[-1].content
    assert (image.dtype, image.shape) == (np.uint8, (240, 320))
    # The pattern is a white ball on black.
    assert image.min() < 25
    assert image.max() > 225
    steps = np.diff([shot.time_s for shot in frames])
    assert (steps >= 0).all()
    assert np.median(steps) == pytest.approx(0.1, abs=0.02)
    assert all(shot.time_s <= time.time() for shot in frames)
    assert stream.status().state == "live"
    assert not np.array_equal(frames[5].content, frames[-1].content)


def test_frames_are_shrunk_to_the_working_width(serve, watch):
    stream = watch(address(serve("width=640", "height=480").port), working_width=160)
    assert shots(stream, 1)[0].content.shape == (120, 160)


def test_a_server_that_is_killed_and_comes_back_is_counted(serve, watch):
    server = serve()
    stream = watch(address(server.port))
    shots(stream, 3)
    server.kill()
    problem(stream, "refused")
    serve(port=server.port)
    until(lambda: (stream.poll(time.time()) and False) or stream.status().reconnects >= 1)
    newest_s = time.time()
    until(lambda: (shot := stream.poll(time.time())) and shot.time_s > newest_s)
    assert stream.status().problem is None


def test_a_server_that_hangs_is_left_and_had_again(serve, watch):
    server = serve()
    stream = watch(address(server.port))
    shots(stream, 3)
    server.send_signal(signal.SIGSTOP)
    # No data at first; what is said of that is soon followed by what comes of trying again.
    problem(stream, "no ")
    # It does not answer either, while its kernel still takes connections.
    problem(stream, "no answer within")
    server.send_signal(signal.SIGCONT)
    until(lambda: (stream.poll(time.time()) and False) or stream.status().reconnects >= 1)


def test_passwords_open_doors_and_are_never_shown(serve, watch, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    port = serve("watcher", "s3cret").port
    shots(watch(address(port, "watcher:s3cret@")), 1)
    stream = watch(address(port, "watcher:wr0ng@"))
    assert problem(stream, "refuses this user name or password")
    absent = watch(f"rtsp://watcher:s3cret@127.0.0.1:{port}/none")
    until(lambda: absent.status().problem)
    names = " ".join(thread.name for thread in threading.enumerate())
    said = capfd.readouterr()
    for shown in (
        caplog.text,
        repr(stream),
        str(stream.status()),
        str(absent.status()),
        names,
        said.err,
        said.out,
    ):
        assert not any(word in shown for word in ("s3cret", "wr0ng", "watcher"))


class Liar:
    """A server that says what it is told to, to everybody."""

    def __init__(self, talk):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.calls = 0
        self.done = threading.Event()
        self.talk = talk
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        while not self.done.is_set():
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            self.calls += 1
            threading.Thread(target=self.answer, args=(connection,), daemon=True).start()

    def answer(self, connection):
        try:
            with connection:
                self.talk(connection, self.done)
        except OSError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.done.set()
        self.socket.close()


def garbage(connection, _done):
    connection.sendall(os.urandom(5000))


def stream_of_garbage(connection, done):
    while not done.wait(0.01):
        connection.sendall(os.urandom(5000))


def drip(connection, done):
    while not done.wait(0.2):
        connection.sendall(b"$\0\0\4abcd")


def hang_up(_connection, _done):
    pass


SDP = (
    b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n"
    b"m=video 0 RTP/AVP 26\r\na=control:track1\r\n"
)


def no_pictures(connection, done):
    """Everything as it should be, but only reports come, and no pictures."""
    lines = connection.makefile("rb")
    while line := lines.readline():
        verb, head = line.split()[0], {}
        while (line := lines.readline().strip()) and b":" in line:
            key, _, value = line.partition(b":")
            head[key.lower()] = value.strip()
        answer = b"RTSP/1.0 200 OK\r\nCSeq: %b\r\nSession: 1\r\n" % head.get(b"cseq", b"0")
        if verb == b"DESCRIBE":
            answer += b"Content-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%b" % (len(SDP), SDP)
        elif verb == b"SETUP":
            answer += b"Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n\r\n"
        else:
            answer += b"\r\n"
        connection.sendall(answer)
        if verb == b"PLAY":
            report = b"\x80\xc8\0\6" + bytes(24)
            while not done.wait(0.1):
                connection.sendall(b"$\1\0\x1c" + report)


@pytest.mark.parametrize("talk", [garbage, stream_of_garbage, drip, hang_up])
def test_what_is_no_rtsp_server_is_given_up_and_tried_again(watch, talk, capfd):
    with Liar(talk) as server:
        stream = watch(address(server.port))
        until(lambda: stream.status().problem)
        until(lambda: server.calls >= 3)
        assert stream.poll(time.time()) is None
    assert capfd.readouterr().err == ""


def test_a_listener_that_never_answers_is_given_up_in_time(watch):
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        stream = watch(address(deaf.getsockname()[1]))
        assert "no answer within" in until(lambda: stream.status().problem)


def test_a_connection_that_lives_without_pictures_is_left(watch):
    with Liar(no_pictures) as server:
        stream = watch(address(server.port))
        # First by a thread that is left to itself, then by reads that time out.
        until(lambda: stream.poll(time.time()) is None and server.calls >= 4)
        assert stream.status().problem
        assert len(threads_of(stream)) <= 2


def test_an_address_where_nobody_is_is_named(watch):
    stream = watch("rtsp://127.0.0.1:1/x")
    assert "refused" in until(lambda: stream.status().problem)


def test_closing_takes_no_time_while_the_server_hangs(serve, watch):
    server = serve()
    # FFmpeg lets go when its own time is over.
    stream = watch(address(server.port), timeouts=Timeouts(6.0, 6.0))
    shots(stream, 3)
    server.send_signal(signal.SIGSTOP)
    time.sleep(0.2)
    began = time.monotonic()
    stream.close()
    assert time.monotonic() - began < 5
    assert stream.poll(time.time()) is None
    until(lambda: not threads_of(stream))


def complaints(done):
    """What a process said on standard error, but for what streams say of cameras that do not answer."""
    return [line for line in done.stderr.splitlines() if not line.startswith("camera ")]


def test_a_process_may_end_while_its_streams_hang():
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = address(deaf.getsockname()[1], "watcher:s3cret@")
        code = (
            "import sys, time; from sdist_ray.cameras.camera import Camera; "
            "from sdist_ray.video.streams import open_stream; "
            "s = [open_stream(Camera(str(n), sys.argv[1])) for n in range(5)]; time.sleep(0.5)"
        )
        # Once in fifty times or so, on a busy machine, one did not end cleanly; why is not known yet.
        for _ in range(2):
            command = [sys.executable, "-c", code, url]
            done = subprocess.run(command, capture_output=True, text=True, timeout=300)
            if (done.returncode, complaints(done)) == (0, []):
                break
    assert (done.returncode, complaints(done)) == (0, [])


def test_a_process_may_end_while_its_streams_are_busy(serve):
    url = address(serve("fps=60").port)
    code = (
        "import sys, time; from sdist_ray.cameras.camera import Camera; "
        "from sdist_ray.video.streams import open_stream; "
        "s = [open_stream(Camera(str(n), sys.argv[1]), 160) for n in range(8)]\n"
        "end = time.monotonic() + 5\n"
        "while time.monotonic() < end and not all(x.status().state == 'live' for x in s): time.sleep(0.01)"
    )
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", code, url], capture_output=True, text=True, timeout=300)
        assert (done.returncode, complaints(done)) == (0, [])
