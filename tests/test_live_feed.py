"""One camera never stops another, and one that moves goes on as if it had not."""

import pickle
import threading
import time

import numpy as np
import pytest

from sdist_ray.detection.foreground import ForegroundDetector, ForegroundSettings
from sdist_ray.errors import InputError
from sdist_ray.occupancy.block import Clock, Rows
from sdist_ray.occupancy.grid import Grid
from sdist_ray.runtime.feeds import Assignment, NetworkSpec
from sdist_ray.runtime.health import CameraHealth
from sdist_ray.runtime.live import feed as module
from sdist_ray.runtime.live.camera import LiveCamera
from sdist_ray.runtime.live.feed import FeedClosed, LiveFeed
from sdist_ray.runtime.live.watched import Unopened
from sdist_ray.video.stream import Shot, Stream, StreamStatus
from tests.live_runs import step_whole

SPEC = NetworkSpec(("a",), Grid(4, 3), Clock(10, 20))
BEGIN_S = 5000.0


class Watched:
    """A camera with a backlog of frames, each of which takes a while."""

    def __init__(self, camera, backlog=0, takes_s=0.0, raises=None, hangs=None):
        self.camera, self.backlog, self.takes_s = camera, backlog, takes_s
        self.raises, self.hangs = raises, hangs
        self.steps, self.problem, self.closed, self.until_s = 0, None, 0, 0.0
        self.hung = False

    def step(self, now_s):
        if self.hangs is not None:
            self.hung = True
            self.hangs.wait(600)
        if now_s < self.until_s or not self.backlog:
            return None
        if self.raises == "step":
            raise ValueError("what is this")
        self.backlog -= 1
        return self.go_on()

    def go_on(self):
        yield
        if self.raises == "later step":
            raise ValueError("what is this")
        time.sleep(self.takes_s)
        yield
        self.steps += 1

    def take(self):
        if self.raises == "take":
            raise ValueError("nothing to take")
        return Rows.concatenate([])

    def health(self):
        return CameraHealth(self.camera, processed=self.steps, problem=self.problem)

    def busy_since_s(self):
        return 0.0

    def least_lag_s(self):
        return None

    def fail(self, problem, until_s):
        self.problem, self.until_s = problem, until_s

    def release(self):
        if self.raises == "release":
            raise ValueError("mine")
        return

    def close(self):
        self.closed += 1
        if self.raises == "close":
            raise ValueError("never")


@pytest.fixture
def feeds():
    made = []

    def make(watched):
        cameras = {camera.camera: camera for camera in watched}

        def open_camera(entry, state):
            if entry.camera not in cameras:
                raise InputError(f"{entry.camera}: no such mask")
            return cameras[entry.camera]

        made.append(LiveFeed(open_camera))
        made[-1].opened = cameras
        made[-1].open([Assignment(camera, 0) for camera in cameras])
        return made[-1]

    yield make
    for one in made:
        one.close()


def until(condition, seconds=120.0):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.002)
    assert condition()


@pytest.mark.parametrize("where", ["step", "later step", "take", "release", "close"])
def test_whatever_is_wrong_with_one_camera_the_others_go_on(feeds, where):
    good, bad = Watched("good", 10_000), Watched("bad", 10_000, raises=where)
    feed = feeds([bad, good])
    until(lambda: good.steps > 100)
    collected = feed.collect()
    assert "good" in {health.camera for health in collected.cameras}
    if where in ("step", "later step", "take"):
        assert "ValueError" in bad.problem
    assert feed.release(["bad"]) == {}
    assert feed.cameras() == ["good"]
    feed.open([Assignment("bad", 0)])
    feed.drop("bad")
    feed.drop("bad")
    steps = good.steps
    until(lambda: good.steps > steps)


def test_a_camera_that_cannot_be_opened_has_a_problem_and_is_tried_again(feeds, monkeypatch):
    monkeypatch.setattr(module, "RETRY_S", 0.05)
    good = Watched("good", 10_000)
    feed = feeds([good])
    healths = feed.open([Assignment("late", 1), Assignment("good", 0)])
    assert [(health.camera, health.problem) for health in healths] == [
        ("late", "late: no such mask"), ("good", None)
    ]  # fmt: skip
    assert healths[0].in_trouble
    assert feed.cameras() == ["late", "good"]
    late = feed.opened["late"] = Watched("late", 5)
    until(lambda: late.steps == 5)
    assert all(health.problem is None for health in feed.collect().cameras)


def test_what_is_known_of_a_camera_is_kept_until_it_can_be_opened(feeds):
    state = LiveCamera("c", 0, SPEC, Script([]), ForegroundDetector(ForegroundSettings()), 2.0).release()
    feed = feeds([])
    feed.open([Assignment("c", 0)], {"c": state})
    assert feed.release(["c"]) == {"c": state}
    assert Unopened(Assignment("c", 0), state, "no").health().problem == "no"


def test_a_camera_with_a_backlog_does_not_starve_others_nor_do_orders(feeds):
    many = [Watched(f"c{number}", 10_000, 0.0005) for number in range(40)]
    feed = feeds(many)
    latencies, steps = [], [0]
    # All that waits takes two hundred seconds.
    while min(steps) <= 3 and sum(latencies) < 100:
        began = time.monotonic()
        steps = [health.processed for health in feed.collect().cameras]
        latencies.append(time.monotonic() - began)
        time.sleep(0.002)
    assert min(steps) > 3
    assert max(steps) - min(steps) <= 2
    assert max(steps) < 1000
    assert np.median(latencies) < 10


def test_a_feed_that_closes_while_it_works_lets_go_of_all(feeds):
    many = [Watched(f"c{number}", 10_000, 0.001) for number in range(10)]
    feed = feeds(many)
    until(lambda: many[-1].steps)
    feed.close()
    feed.close()
    until(lambda: not feed._thread.is_alive())
    assert [camera.closed for camera in many] == [1] * 10
    assert all(camera.backlog for camera in many), "it worked on"
    with pytest.raises(FeedClosed):
        feed.collect()


def test_whoever_waits_for_a_feed_that_hangs_is_told_when_it_is_closed(feeds):
    free = threading.Event()
    feed = feeds([])
    feed.opened["c"] = Watched("c", hangs=free)
    feed.open([Assignment("c", 0)])
    found = []

    def wait():
        try:
            feed.collect()
        except FeedClosed as error:
            found.append(error)

    until(lambda: feed.opened["c"].hung)
    thread = threading.Thread(target=wait)
    thread.start()
    until(lambda: not feed._orders.empty())
    feed.close()
    # Less than an answer is waited for, and than it hangs.
    thread.join(40.0)
    try:
        assert found
        assert feed._thread.is_alive()
    finally:
        free.set()


def test_many_idle_cameras_cost_next_to_nothing(feeds):
    feed = feeds([Watched(f"c{number}") for number in range(150)])
    clock = time.pthread_getcpuclockid(feed._thread.ident)

    def used_and_answers(seconds):
        """Share of a processor that the feed's thread takes, and how soon it obeys an order."""
        began, used = time.monotonic(), time.clock_gettime(clock)
        time.sleep(seconds)
        share = (time.clock_gettime(clock) - used) / (time.monotonic() - began)
        began = time.monotonic()
        feed.cameras()
        return share, time.monotonic() - began

    shares, answers = zip(*(used_and_answers(0.1) for _ in range(6)), strict=True)
    # The best of some: other work on the machine makes each of them worse, and none better.
    assert min(shares) < 0.3
    assert min(answers) < 0.1


class Script(Stream):
    """Frames, one after the other."""

    def __init__(self, shots):
        self.shots = list(shots)

    def poll(self, now_s):
        return self.shots.pop(0) if self.shots else None

    def next_s(self, now_s):
        return now_s

    def status(self):
        return StreamStatus("live")

    def close(self):
        pass


def shots(count, fps=10.0):
    """A textured place, in which someone walks after a while."""
    rng = np.random.default_rng(1)
    place = rng.integers(60, 190, (48, 64)).astype(np.int16)
    made = []
    for number in range(count):
        image = place + rng.integers(-3, 4, place.shape)
        if number > 35:
            left = number * 2 % 50
            image[15:40, left : left + 10] = 240
        made.append(Shot(BEGIN_S + number / fps, image.clip(0, 255).astype(np.uint8)))
    return made


def watch(made, moves=(), fps=10.0, lost=0.0):
    """All rows of a camera that is moved after so many frames."""
    made = list(made)

    def camera(state=None):
        detector = ForegroundDetector(ForegroundSettings())
        return LiveCamera("a", 0, SPEC, Script(made), detector, 2.0, state=state)

    current, parts, frames = camera(), [], 0
    while made:
        stream = current._stream
        stream.shots = made
        assert step_whole(current, made[0].time_s + 0.05)
        frames += 1
        if frames in moves:
            if frames % 2:
                parts.append(current.take())
            current = camera(pickle.loads(pickle.dumps(current.release())))  # noqa: S301
    parts.append(current.take())
    return Rows.concatenate(parts), current.health()


@pytest.mark.parametrize("fps", [10.0, 7.0, 4.0])
def test_a_camera_that_moves_gives_the_rows_of_one_that_stays(fps):
    rows, health = watch(shots(120, fps), fps=fps)
    assert len(rows.windows) > 20
    moved, after = watch(shots(120, fps), moves=(3, 20, 36, 61, 62, 90, 119), fps=fps)
    for name in rows.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(moved, name), getattr(rows, name), name)
    for name in ("frames_in", "processed", "available_ticks", "occupied_ticks", "dropped", "bad"):
        assert getattr(after, name) == getattr(health, name)


def test_a_camera_that_rests_is_known_though_it_is_dropped_once_more(feeds):
    state = LiveCamera("c", 0, SPEC, Script([]), ForegroundDetector(ForegroundSettings()), 2.0).release()
    resting = Watched("c")
    resting.release = lambda: state
    feed = feeds([resting])
    feed.drop("c", keep=True)
    feed.drop("c", keep=True)
    assert feed.release(["c"]) == {"c": state}


def camera_of(made):
    return LiveCamera("a", 0, SPEC, Script(made), ForegroundDetector(ForegroundSettings()), 2.0)


def test_frames_of_the_future_are_not_believed_and_poison_nothing():
    made = shots(80)
    made[50:50] = [Shot(BEGIN_S + 5.0 + 3600.0, made[0].content)]
    camera = camera_of(made)
    for shot in list(made):
        step_whole(camera, min(shot.time_s, BEGIN_S + 10) + 0.05)
    rows = camera.take()
    assert rows.tick.max() == (BEGIN_S + 7.9) * 10
    assert (camera.health().dropped, camera.health().processed) == (1, 80)


def test_a_frame_of_the_future_is_said():
    camera = camera_of([Shot(BEGIN_S + 100.0, np.zeros((48, 64), np.uint8))])
    step_whole(camera, BEGIN_S)
    assert camera.health().problem == "its clock is 100 s ahead"


def test_a_clock_that_is_set_back_does_not_keep_a_camera_from_being_looked_at():
    camera = camera_of([])
    assert not step_whole(camera, BEGIN_S)
    camera._stream.shots = [Shot(BEGIN_S - 3600.0, shots(1)[0].content)]
    camera.due_s = BEGIN_S + 10
    assert not step_whole(camera, BEGIN_S + 1)
    assert step_whole(camera, BEGIN_S - 3600.0)


def test_what_nobody_asks_for_is_let_go_in_the_end(monkeypatch):
    monkeypatch.setattr("sdist_ray.runtime.live.camera.KEPT_S", 60.0)
    camera = camera_of([])
    camera._builder.hold_ticks = 1
    nothing = np.zeros(0, np.float32)
    image = shots(1)[0].content

    class Sees:
        available, boxes, foot_x, foot_y = True, [], nothing, nothing

    camera._detector.detect = lambda _: Sees
    for tick in range(50_000, 54_000):
        camera._look(tick, Shot(tick / 10, image))
    assert len(camera.take().tick) <= 1200 + 20
