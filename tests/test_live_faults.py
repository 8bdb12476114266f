"""A camera that fails in every way that one can, and others that must not notice."""

import math
import os
import signal
import socket
import threading
import time

from sdist_ray.cameras.camera import Camera
from tests.live_clips import expected_rows, local_network, next_start, playing, wait_until, write_clip
from tests.test_rtsp import serve, there  # noqa: F401

OTHERS = 3


def assert_undisturbed(seen, cameras, health):
    """What the others were seen to see is what they show, tick for tick, without a gap."""
    last = min(max(seen.ticks(camera.id)) for camera in cameras)
    expected = expected_rows(cameras, last / 10 - cameras[0].replay.start_s + 1)
    for camera in cameras:
        mine = {t: w for t, w in expected[camera.id].items() if t <= last}
        found = {t: w for t, w in seen.by_camera[camera.id].items() if t <= last}
        assert found == mine
        assert any(mine.values()), "nobody was ever seen, so nothing was compared"
        ticks = sorted(mine)
        assert ticks == list(range(ticks[0], ticks[-1] + 1))
    for camera in health.cameras:
        if camera.camera.startswith("play"):
            assert camera.dropped == camera.late == 0


class Garbage:
    """A server that answers with what is no protocol at all."""

    def __init__(self, port):
        self._listener = socket.create_server(("127.0.0.1", port))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
                with connection:
                    connection.recv(1000)
                    connection.sendall(os.urandom(50_000))
            except OSError:
                return

    def close(self):
        # A thread that waits in accept keeps the port: it is woken first.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def test_an_rtsp_server_that_hangs_stops_sends_garbage_and_returns(tmp_path, serve):  # noqa: F811
    cameras = playing(write_clip(tmp_path / "clip"), OTHERS, next_start(3.0))
    # Bars with a patch of snow: a picture that is neither dark, nor covered, nor frozen.
    server = serve("pattern=smpte")
    port = server.port
    rtsp = Camera("rtsp", f"rtsp://someone:s3cret@127.0.0.1:{port}/live")
    running, seen = local_network([*cameras, rtsp])

    def ticks():
        running.look()
        return len(seen.ticks("rtsp"))

    def state():
        return next(camera for camera in running.look().cameras if camera.camera == "rtsp")

    try:
        running.start()
        wait_until(lambda: ticks() > 10)
        # It hangs without closing: nothing comes, and nobody says so.
        server.send_signal(signal.SIGSTOP)
        wait_until(lambda: state().state == "waiting")
        # What came last may have been on its way, or unread, as the server was stopped.
        last_s = state().last_frame_s
        time.sleep(4.0)
        assert state().problem
        assert "s3cret" not in str(state())
        server.send_signal(signal.SIGCONT)
        back_s = time.time()
        before = state().processed
        wait_until(lambda: state().processed > before + 15)
        # It is gone, and something else answers in its place.
        server.kill()
        server.wait()
        garbage = Garbage(port)
        wait_until(lambda: state().state == "waiting")
        garbage.close()
        # And it returns.
        serve("pattern=smpte", port=port)
        before = state().processed
        wait_until(lambda: state().processed > before + 30)
        returned_s = time.time()
        wait_until(lambda: any(tick > (returned_s - 1) * 10 for tick in seen.ticks("rtsp")))
        health = running.stop()
    finally:
        running.close()
    told = set(seen.ticks("rtsp"))
    # Nothing is captured after it came. What the server makes up for as it goes on bears times of up to 20
    # frames before.
    dark = set(range(math.ceil((last_s + 0.1) * 10), int((back_s - 2.0) * 10)))
    assert dark
    assert not told & dark, "ticks at which nothing came are told as available"
    found = next(camera for camera in health.cameras if camera.camera == "rtsp")
    assert found.reconnects >= 2
    assert_undisturbed(seen, cameras, health)
