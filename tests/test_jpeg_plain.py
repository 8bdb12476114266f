"""JPEG files decoded by our own kernels, against libjpeg-turbo."""

import platform

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdist_ray.video.jpeg import decode_grey
from sdist_ray.video.jpeg_plain import MOST_HEADS, Layouts, decode, head_of, layout_of
from sdist_ray.video.source import FrameError
from tests import oracles

# Where its fast transform is vector code of another kind, it rounds otherwise.
EXACT = platform.machine() in ("x86_64", "AMD64")
SAMPLINGS = (
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_411,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_422,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_440,
    cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
)


def picture(seed, width, height, blur, colours=3):
    """From noise, of which every code is needed, to soft clouds of a few."""
    noise = np.random.default_rng(seed).integers(0, 256, (height, width, colours)).astype(np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), blur) if blur else noise
    return np.clip((soft - 128) * (1 + blur) + 128, 0, 255).astype(np.uint8)


def encoded(image, quality, *options):
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality, *options])[1].tobytes()


def plain(data):
    """What the kernel makes of a file; None where it leaves it to libjpeg-turbo."""
    head = head_of(data)
    layout = layout_of(head)
    return None if layout is None else decode(layout, data, len(head))


def assert_equal(grey, expected):
    assert grey.shape == expected.shape
    assert grey.flags.c_contiguous
    if EXACT:
        np.testing.assert_array_equal(grey, expected)
    else:
        np.testing.assert_allclose(grey.astype(int), expected, atol=4)


@settings(max_examples=50, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 150),
    st.integers(1, 90),
    st.sampled_from([1, 25, 60, 75, 90, 100]),
    st.sampled_from([0, 0.7, 2, 6]),
    st.sampled_from(SAMPLINGS),
    st.sampled_from([1, 3]),
    st.sampled_from([0, 1]),
)
def test_luminance_is_libjpeg_turbo_s(seed, width, height, quality, blur, sampling, colours, optimized):
    image = picture(seed, width, height, blur, colours)
    data = encoded(
        image, quality, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling, cv2.IMWRITE_JPEG_OPTIMIZE, optimized
    )
    grey = plain(data)
    assert grey is not None
    assert_equal(grey, oracles.jpeg_luminance(data))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([30, 75, 98]), st.integers(0, 3), st.booleans())
def test_what_is_damaged_is_decoded_only_where_libjpeg_turbo_does(seed, quality, flips, cut):
    rng = np.random.default_rng(seed)
    data = bytearray(encoded(picture(seed, 90, 70, 1.0), quality))
    first = len(head_of(bytes(data)))
    for place in rng.integers(first, len(data) - 2, flips):
        data[place] = rng.integers(256)
    if cut:
        del data[first + int(rng.integers(len(data) - first - 2)) : -2]
    grey = plain(bytes(data))
    if grey is not None:
        assert_equal(grey, oracles.jpeg_luminance(bytes(data)))


def test_a_scan_of_any_bytes_does_no_harm():
    head = head_of(encoded(picture(1, 64, 64, 1.0), 75))
    layout = layout_of(head)
    rng = np.random.default_rng(2)
    for length in (0, 1, 7, 8, 9, 15, 16, 17, 100, 3000):
        for value in (None, 0, 255):
            scan = bytes([value]) * length if value is not None else rng.bytes(length)
            assert decode(layout, head + scan + b"\xff\xd9", len(head)) is None


@pytest.mark.parametrize(
    "options",
    [(cv2.IMWRITE_JPEG_PROGRESSIVE, 1), (cv2.IMWRITE_JPEG_RST_INTERVAL, 2)],
    ids=["progressive", "restart"],
)
def test_what_is_not_plain_is_left_to_libjpeg_turbo(options):
    data = encoded(picture(3, 80, 60, 1.0), 75, *options)
    assert plain(data) is None
    for _ in range(3):
        assert_equal(decode_grey(data), oracles.jpeg_luminance(data))


def test_values_longer_than_any_of_8_bits_are_left_to_libjpeg_turbo():
    # More bits than are looked at together: the kernel would read past the scan's end.
    data = encoded(picture(4, 160, 120, 0.0), 95)
    waves = data.index(b"\xff\xc4", data.index(b"\xff\xc4") + 2)
    assert data[waves + 4] == 0x10
    last = waves + 2 + (data[waves + 2] << 8 | data[waves + 3]) - 1
    assert layout_of(head_of(data)) is not None
    hostile = data[:last] + b"\x0f" + data[last + 1 :]
    assert layout_of(head_of(hostile)) is None
    for _ in range(3):
        assert_equal(decode_grey(hostile), oracles.jpeg_luminance(hostile))


def test_no_head_does_harm():
    data = encoded(picture(4, 48, 48, 1.0), 75)
    length = len(head_of(data))
    rng = np.random.default_rng(5)
    for at in range(2, length, 8):
        other = data[:at] + rng.bytes(1) + data[at + 1 :]
        layout = layout_of(head_of(other))
        # Whether an image is too large is asked before.
        if layout is not None and layout.width * layout.height < 1 << 20:
            decode(layout, other, len(head_of(other)))


def test_a_head_is_read_when_it_comes_again_and_few_are_remembered():
    layouts = Layouts()
    heads = [head_of(encoded(picture(5, 16 + n, 16, 1.0), 75)) for n in range(MOST_HEADS + 1)]
    for _ in range(2):
        assert layouts.known(heads[0]) is None
        layouts.met(heads[0])
    assert layouts.known(heads[0]).width == 16
    for head in heads[1:]:
        layouts.met(head)
        layouts.met(head)
    assert layouts.known(heads[-1]).width == 16 + MOST_HEADS
    assert len(layouts._layouts) <= MOST_HEADS


def test_the_same_picture_comes_of_a_known_head_and_damage_is_still_an_error():
    data = encoded(picture(6, 320, 240, 1.0), 60)
    for _ in range(4):
        assert_equal(decode_grey(data), oracles.jpeg_luminance(data))
        with pytest.raises(FrameError):
            decode_grey(data[: len(data) // 2])
        with pytest.raises(FrameError):
            decode_grey(data[: len(data) // 2] + b"\xff\xd9")
    assert decode_grey(data, 160).shape == (120, 160)
