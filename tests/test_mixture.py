"""The mixture against its oracle, and a background that is taken elsewhere."""

import math
import pickle

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdist_ray.cameras.camera import Mask
from sdist_ray.detection import mixture_kernels
from sdist_ray.detection.bits import unpack, words_of
from sdist_ray.detection.blobs import open_bits
from sdist_ray.detection.foreground import ForegroundDetector, ForegroundSettings
from sdist_ray.detection.mixture import MixtureModel, MixtureSettings
from tests import oracles


def frames_of(seed, shape, count):
    """Noise around a few levels, with now and then any level at all."""
    rng = np.random.default_rng(seed)
    levels = rng.integers(0, 256, 4)
    for _ in range(count):
        grey = rng.choice(levels, shape) + rng.integers(-6, 7, shape)
        grey = np.where(rng.random(shape) < 0.05, rng.integers(0, 256, shape), grey)
        yield np.clip(grey, 0, 255).astype(np.uint8)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.sampled_from([1e-6, 0.0005, 0.005, 0.05, 0.3, 0.5, 0.9, 1.0]),
    st.integers(1, 110),
    st.sampled_from([1, 2, 3]),
    st.sampled_from([(1, 1), (2, 3), (1, 16), (2, 17)]),
    st.sampled_from([0.5, 2.5, 4.0]),
    st.sampled_from([0.01, 16.0, 255.0, 5000.0]),
)
def test_the_mixture_equals_the_oracle(seed, learning_rate, count, every, shape, threshold, floor):
    chosen = MixtureSettings(learning_rate, threshold, 0.7, floor, every)
    model, plain = MixtureModel(shape, chosen), MixtureModel(shape, chosen)
    modes = [[[0, 0, 0] for _ in range(3)] for _ in range(shape[0] * shape[1])]
    reach = round(threshold**2 * 16)
    least = max(16, round(min(floor, 255) * reach))
    for grey in frames_of(seed, shape, count):
        grey.setflags(write=False)
        found = model.apply(grey)
        before = plain._total
        step = plain.next_step()
        # Weights are shifted when there is no room for the frame's own.
        shift = next((s for s in range(17) if step and (before >> s) + step.gain == step.total), 16)
        for mode in (mode for pixel in modes for mode in pixel if step is not None):
            mode[2] >>= shift
        expected = [
            oracles.update_pixel(int(x), pixel, step, reach, 0.7, least)
            for x, pixel in zip(grey.reshape(-1), modes, strict=True)
        ]
        np.testing.assert_array_equal(found.reshape(-1) == 255, expected)
        assert all(
            sum(mode[2] for mode in pixel) <= step.total <= 65535 for pixel in modes if step and step.gain
        )
    np.testing.assert_array_equal(model.modes().transpose(2, 3, 0, 1).reshape(-1, 3, 3), modes)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 140), st.integers(1, 5))
def test_what_is_beyond_the_border_is_never_set(seed, width, height):
    model = MixtureModel((height, width), MixtureSettings())
    for grey in frames_of(seed, (height, width), 5):
        bits = model.learn(grey)
        assert bits.shape == (words_of(width), height)
        again = np.empty((height, words_of(width) * 64), np.uint8)
        unpack(bits, 0, 0, again)
        assert not again[:, width:].any()


@settings(max_examples=30, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 140),
    st.integers(1, 40),
    st.sampled_from([2, 3, 5]),
    st.sampled_from([0.0, 0.001, 0.05]),
)
def test_specks_that_are_left_out_would_not_outlast_an_opening(seed, width, height, opening, noise):
    rng = np.random.default_rng(seed)
    chosen = MixtureSettings(learning_rate=0.02)
    model, whole = MixtureModel((height, width), chosen), MixtureModel((height, width), chosen)
    for number in range(90):
        grey = 100 + rng.integers(-4, 5, (height, width))
        grey = np.where(rng.random(grey.shape) < noise, rng.integers(0, 256, grey.shape), grey)
        if number > 60:
            left, top = rng.integers(0, width), rng.integers(0, height)
            grey[top : top + 9, left : left + 5] = rng.choice([100, 130, 200])
        grey = grey.astype(np.uint8)
        some, all_of_it = model.learn(grey, opening), whole.learn(grey)
        assert not (some & ~all_of_it).any()
        open_bits(some, width, opening)
        open_bits(all_of_it, width, opening)
        np.testing.assert_array_equal(some, all_of_it)
    np.testing.assert_array_equal(model.modes(), whole.modes())


def test_a_slow_drift_is_followed_although_each_step_is_less_than_a_unit():
    model = MixtureModel((1, 1), MixtureSettings(learning_rate=0.0005))
    for number in range(30_000):
        foreground = model.apply(np.full((1, 1), 100 + number // 1000, np.uint8))
        assert number == 0 or not foreground.any()
    assert model.background(0, 0, 1, 1)[0, 0] == pytest.approx(127, abs=2)


def test_the_background_is_the_mean_of_what_was_there():
    rng = np.random.default_rng(3)
    scene = rng.integers(20, 230, (9, 70))
    model = MixtureModel((9, 70), MixtureSettings())
    for _ in range(60):
        noisy = np.clip(np.rint(scene + rng.normal(0, 2, scene.shape)), 0, 255).astype(np.uint8)
        model.learn(noisy)
    np.testing.assert_allclose(model.background(0, 0, 70, 9), scene, atol=2)
    np.testing.assert_array_equal(model.background(5, 2, 60, 4), model.background(0, 0, 70, 9)[2:6, 5:65])


@pytest.mark.parametrize("every", [1, 3, 5])
def test_who_stands_still_becomes_background_after_the_share_s_time(every):
    settings = MixtureSettings(learning_rate=0.01, background_share=0.8, learn_every=every)
    model = MixtureModel((1, 16), settings)
    for _ in range(300):
        model.learn(np.full((1, 16), 50, np.uint8))
    there = [bool(model.apply(np.full((1, 16), 200, np.uint8)).any()) for _ in range(40)]
    # (1 - 0.01)^22 = 0.8, with the next frame that is learnt from.
    assert there.index(False) == pytest.approx(math.ceil(22 / every) * every, abs=2)


@pytest.mark.parametrize("width", [64, 37])
def test_a_restored_model_goes_on_bit_for_bit(width):
    shape, frames = (7, width), list(frames_of(5, (7, width), 90))
    model = MixtureModel(shape, MixtureSettings(learning_rate=0.05))
    for grey in frames[:40]:
        model.learn(grey)
    state = pickle.loads(pickle.dumps(model.state()))  # noqa: S301
    again = MixtureModel(shape, MixtureSettings(learning_rate=0.05))
    again.restore(state)
    kept = state.fittest.copy()
    for grey in frames[40:]:
        np.testing.assert_array_equal(model.learn(grey), again.learn(grey))
    np.testing.assert_array_equal(model.modes(), again.modes())
    np.testing.assert_array_equal(state.fittest, kept)
    assert model.frames == again.frames == 90
    with pytest.raises(ValueError, match="pixels"):
        MixtureModel((7, width + 1), MixtureSettings()).restore(state)


@pytest.mark.parametrize(
    "changed", [{"learning_rate": 0.0}, {"learning_rate": 1.1}, {"match_threshold": 4.1}]
)
def test_settings_out_of_range_are_refused(changed):
    with pytest.raises(ValueError, match="out of range"):
        MixtureModel((2, 2), MixtureSettings(**changed))


def walking(count, first=0):
    """A person's silhouette on a noisy scene, grey; and a light switched on at frame 70."""
    for number in range(first, count):
        rng = np.random.default_rng(number)
        image = 90 + rng.normal(0, 3, (120, 160))
        image[50:90, number % 140 : number % 140 + 12] = 220
        yield np.clip(image + (80 if number >= 70 else 0), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("at", [10, 45, 72])
def test_a_restored_detector_goes_on_bit_for_bit(at):
    chosen = ForegroundSettings(warmup_frames=20, sudden_frames=5)
    mask = Mask(polygons=(((0.0, 0.0), (0.3, 0.0), (0.3, 1.0), (0.0, 1.0)),))
    detector, again = ForegroundDetector(chosen, mask), ForegroundDetector(chosen, mask)
    assert detector.snapshot() is None
    for image in walking(at):
        detector.detect(image)
    again.restore(pickle.loads(pickle.dumps(detector.snapshot())))  # noqa: S301
    answers = []
    for image in walking(110, at):
        one, other = detector.detect(image), again.detect(image)
        assert one.available == other.available
        np.testing.assert_array_equal(one.boxes, other.boxes)
        answers.append(one.available)
    assert not all(answers[70 - at if at < 70 else 0 :])
    assert answers[-1]


def test_mog2_keeps_what_it_learnt_to_itself():
    detector = ForegroundDetector(ForegroundSettings(background="mog2"))
    image = next(walking(1))
    detector.detect(image)
    assert detector.snapshot() is None
    ours = ForegroundDetector(ForegroundSettings())
    ours.detect(image)
    with pytest.raises(ValueError, match="mog2"):
        detector.restore(ours.snapshot())


@pytest.mark.parametrize("name", ["match_fittest", "test_fittest", "match_others", "test_others"])
def test_the_mixture_s_loops_are_vector_code(name):
    # Compiled anew: Numba does not show the code of what it took from its cache.
    fresh = numba.njit(nogil=True, error_model="numpy")(getattr(mixture_kernels, name).py_func)
    state, row, missed = np.ones(960, np.uint16), np.zeros(160, np.uint8), np.ones(160, np.uint8)
    planes = [np.ones(160, np.uint16) for _ in range(3)]
    number, share = np.uint16(3), np.float32(0.7)
    block = [np.uint64(16), np.uint64(1), np.uint64(1)]
    arguments = {
        "match_fittest": (row, *planes, missed, *[number] * 7),
        "test_fittest": (row, *planes[:2], missed),
        "match_others": (*block, row, *planes, state, missed, number, number, number, share, number, number),
        "test_others": (*block, row, planes[0], state, missed, share),
    }
    fresh(*arguments[name])
    assembly = "".join(fresh.inspect_asm().values())
    assert "vpmulhuw" in assembly or "umull" in assembly or "pmulhuw" in assembly
