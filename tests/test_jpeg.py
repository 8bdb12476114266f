"""JPEG frames, whole and broken."""

import cv2
import numpy as np
import pytest
import simplejpeg

from sdist_ray.video.jpeg import decode_grey, jpeg_size
from sdist_ray.video.source import FrameError


def picture(width=320, height=240):
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 3)


def jpeg(image, *options):
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 90, *options])[1].tobytes()


def with_header(data, precision=8, height=240, width=320):
    """The same file with another frame header."""
    at = data.index(b"\xff\xc0") + 4
    return data[:at] + bytes([precision, height >> 8, height & 255, width >> 8, width & 255]) + data[at + 5 :]


@pytest.mark.parametrize("shape", [(320, 240), (1, 1), (7, 13), (321, 17)])
@pytest.mark.parametrize(
    "options",
    [
        (),
        (cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
        (cv2.IMWRITE_JPEG_RST_INTERVAL, 2),
        (cv2.IMWRITE_JPEG_OPTIMIZE, 1),
    ],
)
def test_luminance_is_that_of_opencv(shape, options):
    data = jpeg(picture(*shape), *options)
    grey = decode_grey(data)
    expected = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert jpeg_size(data) == shape
    assert grey.dtype == np.uint8
    assert grey.flags.c_contiguous
    # The fast cosine transform is a few levels off.
    np.testing.assert_allclose(grey.astype(int), expected.astype(int), atol=6)


def test_grey_files_and_any_buffer():
    data = jpeg(picture()[..., 0])
    for each in (data, bytearray(data), memoryview(data), np.frombuffer(data, np.uint8)):
        np.testing.assert_array_equal(decode_grey(each), decode_grey(data))


@pytest.mark.parametrize(
    ("width", "working", "expected"),
    [(1280, 320, 320), (640, 320, 320), (639, 320, 639), (1000, 320, 375), (320, 320, 320), (300, 320, 300)],
)
def test_large_images_are_decoded_small(width, working, expected):
    data = jpeg(picture(width, 720))
    grey = decode_grey(data, working)
    assert grey.shape[1] == expected
    assert grey.shape[0] == pytest.approx(720 * expected / width, abs=1)
    whole = decode_grey(data)
    small = cv2.resize(whole, grey.shape[::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(grey.astype(int) - small).mean() < 2


WHOLE = jpeg(picture())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xd8",
        b"\xff\xd8\xff\xd9",
        b"no image at all" * 50,
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        WHOLE[:300],
        WHOLE[: len(WHOLE) // 2],
        WHOLE[:-2],
        WHOLE[2:],
        with_header(WHOLE, precision=16),
        with_header(WHOLE, precision=12),
        with_header(WHOLE, width=0),
        with_header(WHOLE, height=0),
        with_header(WHOLE, width=65000, height=65000),
        with_header(WHOLE, width=8193, height=8192),
        with_header(WHOLE, height=480),
        simplejpeg.encode_jpeg(np.zeros((16, 16, 4), np.uint8), colorspace="CMYK"),
    ],
    ids=lambda data: f"{len(data)} bytes",
)
def test_broken_and_strange_files_are_frame_errors(data):
    with pytest.raises(FrameError) as caught:
        decode_grey(data)
    assert "\n" not in str(caught.value)


def test_a_huge_image_is_refused_before_it_is_decoded():
    with pytest.raises(FrameError, match="65000x65000"):
        jpeg_size(with_header(WHOLE, width=65000, height=65000))


def test_no_byte_flip_does_harm():
    rng = np.random.default_rng(1)
    for _ in range(300):
        damaged = bytearray(WHOLE)
        for place in rng.integers(0, len(damaged), rng.integers(1, 5)):
            damaged[place] = rng.integers(256)
        try:
            grey = decode_grey(bytes(damaged))
        except FrameError:
            continue
        assert grey.ndim == 2
