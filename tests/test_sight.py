"""Dark, frozen and covered cameras are noticed, and nothing else is taken for one."""

import dataclasses
import functools
import itertools
import pickle

import cv2
import numpy as np
import pytest

from sdist_ray.detection.sight import Sight, SightSettings
from sdist_ray.errors import InputError
from tests.conftest import data_folder

FPS = 10
BEGIN, LASTS = 150, 150
"""Ticks: when a fault begins, and how many it lasts."""


def grey(image):
    found = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    height, width = found.shape
    return cv2.resize(found, (320, round(height * 320 / width)), interpolation=cv2.INTER_AREA)


def clip(path, most=10**9):
    capture = cv2.VideoCapture(str(path))
    fps = capture.get(cv2.CAP_PROP_FPS)
    frames = []
    while len(frames) < most:
        read, image = capture.read()
        if not read:
            break
        frames.append(grey(image))
    assert frames
    return frames, fps


@functools.lru_cache(200)
def noise(shape, number):
    return np.random.default_rng(number).standard_normal(shape, np.float32)


def noisy(frame, sigma, tick):
    """With a camera's noise, which comes again after 61 ticks: to make it takes longer than all the rest."""
    return np.clip(frame + sigma * noise(frame.shape, tick % 61), 0, 255).astype(np.uint8)


def scene(tick, height=240, width=320):
    """A room of many patches, noise, and somebody who walks through it."""
    rng = np.random.default_rng(7)
    picture = cv2.resize(rng.integers(20, 235, (24, 32)).astype(np.float32), (width, height))
    left = 10 * tick % width
    picture[height // 3 :, left : left + width // 12] = 50
    return noisy(picture, 2.0, tick)


def covered(share, level):
    def cover(frame, tick):
        picture = frame.astype(np.float32)
        cut = round(len(frame) * share)
        picture[len(frame) - cut :] = level + np.linspace(-8, 8, frame.shape[1])
        return noisy(picture, 2.0, tick)

    return cover


def text_on_blue(frame, tick):
    return cv2.putText(np.full_like(frame, 29), "NO SIGNAL", (60, 120), 0, 1, 255, 2)


def fade(frame, tick):
    return noisy(frame * max(0.0, 1 - (tick - BEGIN) / 30), 1.0, tick)


FAULTS = {
    "black": ("dark", 2.6, lambda frame, tick: noisy(frame * 0.0 + 6, 2.0, tick)),
    "fade to black in 3 s": ("dark", 5.6, fade),
    "grey cover": ("covered", 3.8, covered(1.0, 90)),
    "grey cover, 90 %": ("covered", 3.8, covered(0.9, 90)),
    "spray": ("covered", 3.8, lambda f, t: noisy(cv2.GaussianBlur(f, (0, 0), 25) * 0.5 + 90, 2.0, t)),
    "blue screen": ("covered", 3.8, lambda frame, tick: np.full_like(frame, 29)),
    "blue screen with text": ("covered", 3.8, text_on_blue),
    "white": ("covered", 3.8, lambda frame, tick: noisy(frame * 0.0 + 252, 3.0, tick)),
}
NO_FAULTS = {
    "less light": lambda frame, tick: noisy(frame * 0.3, 2.0, tick),
    "much less light": lambda frame, tick: noisy(frame * 0.15, 2.0, tick),
    "night, a few lamps": lambda frame, tick: noisy(255 * (frame / 255.0) ** 3 * 0.4, 3.0, tick),
    "twice the light": lambda frame, tick: noisy(np.minimum(frame * 2.0, 255), 2.0, tick),
    "flicker": lambda frame, tick: noisy(frame * (1 + 0.3 * np.sin(tick)), 2.0, tick),
    "haze": lambda frame, tick: noisy(frame * 0.5 + 100, 2.0, tick),
    "somebody close, 60 %": covered(0.6, 60),
    "somebody very close, for 1.5 s": lambda f, t: covered(1.0, 60)(f, t) if t < BEGIN + 15 else f,
    "turned": lambda frame, tick: frame[::-1, ::-1],
}


def verdicts(frames, fps=FPS, sight=None, change=None):
    sight = sight or Sight()
    found = []
    for tick, frame in enumerate(frames):
        during = change is not None and BEGIN <= tick < BEGIN + LASTS
        found.append(sight.look(change(frame, tick) if during else frame, 1e9 + tick / fps))
    return found


def check_fault(frames, name):
    verdict, within_s, change = FAULTS[name]
    found = verdicts(frames, change=change)
    assert set(found[:BEGIN]) == {None}
    assert found[BEGIN + round(within_s * FPS) : BEGIN + LASTS] == [verdict] * (LASTS - round(within_s * FPS))
    # Two and a half seconds of a good picture, and it is trusted again.
    assert set(found[BEGIN + LASTS + 25 :]) == {None}
    assert len(found) > BEGIN + LASTS + 25


@pytest.fixture(scope="module")
def room():
    return [scene(tick) for tick in range(BEGIN + LASTS + 60)]


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_noticed_in_time_and_so_is_their_end(room, name):
    check_fault(room, name)


@pytest.mark.parametrize("name", NO_FAULTS)
def test_what_is_no_fault_is_not_taken_for_one(room, name):
    assert set(verdicts(room, change=NO_FAULTS[name])) == {None}


def test_a_frozen_camera_is_noticed_and_trusted_again_at_once(room):
    still = [*room[:100], *[room[99]] * 150, *room[100:130]]
    found = verdicts(still)
    assert set(found[: 99 + 100]) == {None}
    assert set(found[99 + 102 : 250]) == {"frozen"}
    assert set(found[250:]) == {None}


def test_one_pixel_that_moves_is_enough_not_to_be_frozen(room):
    frames = [room[0].copy() for _ in range(200)]
    for tick, frame in enumerate(frames):
        frame[101, 203] = tick % 7
    assert set(verdicts(frames)) == {None}


def test_a_source_without_noise_may_stand_still_where_nobody_moves(room):
    """It did so for 8 s and went on: it is given time. A camera that never does is not."""
    quiet = [*[room[0]] * 80, *room[:10], *[room[10]] * 200, *room[10:20]]
    assert set(verdicts(quiet)) == {None}
    assert verdicts([room[0]] * 120)[-1] == "frozen"


def test_two_equal_frames_with_a_long_gap_between_them_are_not_frozen(room):
    sight = Sight()
    assert [sight.look(room[0], time_s) for time_s in (0.0, 60.0, 61.0)] == [None] * 3


def test_a_camera_that_is_covered_from_the_start(room):
    found = verdicts([covered(1.0, 90)(frame, tick) for tick, frame in enumerate(room[:60])] + room[60:120])
    assert found[40:60] == ["covered"] * 20
    assert found[-1] is None


def test_a_cover_that_stays_does_not_become_what_is_usual(room):
    cover = covered(0.95, 90)
    frames = itertools.chain(room[:60], (cover(room[k % 60], k) for k in range(2000)))
    assert verdicts(frames)[-1] == "covered"


def test_what_was_learnt_goes_to_another_process(room):
    cover = covered(0.9, 90)
    sight = Sight()
    verdicts(room[:100], sight=sight)
    state = pickle.loads(pickle.dumps(sight.snapshot()))  # noqa: S301
    assert Sight(state=state).snapshot() == state
    moved = Sight(state=state)
    assert verdicts([cover(room[k], k) for k in range(40)], sight=moved)[-1] == "covered"
    assert Sight(state=moved.snapshot()).look(cover(room[0], 0), 2e9) == "covered"
    # Pictures of another size: it learns anew.
    small = [cover(scene(k, 120, 160), k) for k in range(60)]
    assert set(verdicts(small, sight=Sight(state=state))) == {None}


def test_a_frozen_camera_stays_so_in_another_process(room):
    sight = Sight()
    times = np.arange(130) / FPS
    assert [sight.look(room[0], time_s) for time_s in times][-1] == "frozen"
    assert Sight(state=sight.snapshot()).look(room[0], 13.1) == "frozen"
    assert Sight(state=sight.snapshot()).look(room[1], 13.1) is None


def test_time_may_jump_and_pictures_may_change_their_size(room):
    sight = Sight()
    for tick, frame in enumerate(room[:60]):
        shown = frame if tick % 20 < 10 else frame[::2, ::2]
        assert sight.look(shown, 1e9 + (tick if tick % 7 else -tick) / FPS) is None


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (9, 12), (31, 41), (241, 317), (1080, 1920)])
def test_pictures_of_any_size(shape):
    sight = Sight()
    rng = np.random.default_rng(3)
    pictures = [rng.integers(0, 255, shape).astype(np.uint8) for _ in range(3)]
    for tick in range(20):
        sight.look(pictures[tick % 3], tick / FPS)
    sight.snapshot()


@pytest.mark.parametrize(
    ("name", "value"),
    [("frozen_s", 0), ("dark_level", 300), ("covered_share", 0.2), ("lost", float("nan")), ("every_s", 0)],
)
def test_settings_out_of_range_are_refused(name, value):
    with pytest.raises(InputError, match=rf"sight\.{name} must be"):
        dataclasses.replace(SightSettings(), **{name: value})


def test_the_simulated_site_gives_no_alarm(site):
    for path in sorted((site / "videos").glob("*.mp4")):
        frames, fps = clip(path)
        assert set(verdicts(frames, fps)) == {None}, path


def real_clips():
    return [
        # Their originals, at three times the rate, give no alarm either, but take a minute.
        *sorted(data_folder("scenescape").glob("*_10fps.mp4")),
        *sorted(data_folder("pets2009").glob("*.mp4")),
    ]


@pytest.mark.data
def test_real_video_gives_no_alarm_anywhere():
    for path in real_clips():
        frames, fps = clip(path)
        assert set(verdicts(frames, fps)) == {None}, path


@pytest.mark.data
def test_real_pictures_give_no_alarm():
    for name in ("multiviewx", "wildtrack"):
        paths = list(data_folder(name).rglob("*.jpg"))
        assert paths
        for path in paths:
            picture = grey(cv2.imread(str(path)))
            assert set(verdicts([noisy(picture, 2.0, tick) for tick in range(60)])) == {None}, path


@pytest.mark.data
def test_faults_made_on_real_video_are_noticed():
    for path in (data_folder("scenescape") / "Cam_x1_0_10fps.mp4", *real_clips()[-1:]):
        frames, _ = clip(path, BEGIN + LASTS + 60)
        for name in FAULTS:
            check_fault(frames, name)
        for name, change in NO_FAULTS.items():
            assert set(verdicts(frames, change=change)) == {None}, (path, name)
