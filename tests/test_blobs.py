"""Blobs of packed foreground against OpenCV and a slow oracle."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdist_ray.detection.bits import keep_watched, pack, unpack, words_of
from sdist_ray.detection.blobs import Cleaning, find_blobs
from tests import oracles

NOTHING_DONE = Cleaning(0, 0, 0)


def packed(binary):
    bits = np.empty((words_of(binary.shape[1]), len(binary)), np.uint64)
    pack(binary, bits)
    return bits


def by_opencv(binary, cleaning):
    """Boxes and areas, sorted, as rows."""
    image = binary.copy()
    if cleaning.opening > 1:
        image = cv2.morphologyEx(image, cv2.MORPH_OPEN, np.ones((cleaning.opening,) * 2, np.uint8))
    if cleaning.closing_width > 1 or cleaning.closing_height > 1:
        kernel = np.ones((max(1, cleaning.closing_height), max(1, cleaning.closing_width)), np.uint8)
        image = cv2.morphologyEx(image, cv2.MORPH_CLOSE, kernel)
    _, _, stats, _ = cv2.connectedComponentsWithStats(image, connectivity=8)
    return sorted(map(tuple, stats[1:].tolist()))


def found(binary, cleaning, **areas):
    return sorted(map(tuple, find_blobs(packed(binary), binary.shape[1], cleaning, **areas).tolist()))


@st.composite
def binaries(draw, largest=200):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (
        draw(st.integers(1, 40)),
        draw(st.one_of(st.integers(1, largest), st.sampled_from([63, 64, 65, 128]))),
    )
    binary = (rng.random(shape) < draw(st.sampled_from([0, 0.02, 0.3, 0.6, 0.9, 0.99, 1]))).astype(np.uint8)
    for _ in range(draw(st.integers(0, 4))):
        y, x = rng.integers(shape[0]), rng.integers(shape[1])
        binary[y : y + rng.integers(1, 20), x : x + rng.integers(1, 80)] = rng.integers(2)
    return binary * np.uint8(255)


@settings(max_examples=300, deadline=None)
@given(binaries(), st.integers(0, 12), st.integers(0, 12), st.integers(0, 12))
def test_blobs_equal_opencv(binary, opening, wide, tall):
    cleaning = Cleaning(opening, wide, tall)
    assert found(binary, cleaning) == by_opencv(binary, cleaning)


@settings(max_examples=100, deadline=None)
@given(binaries(), st.sampled_from([70, 101]), st.sampled_from([65, 100, 101]), st.sampled_from([1, 90]))
def test_sides_of_more_than_a_word_equal_opencv(binary, opening, wide, tall):
    for cleaning in (Cleaning(0, wide, tall), Cleaning(opening, wide, tall)):
        assert found(binary, cleaning) == by_opencv(binary, cleaning)


@settings(max_examples=60, deadline=None)
@given(binaries(80), st.integers(0, 5), st.integers(0, 5), st.integers(0, 9))
def test_blobs_equal_the_oracle(binary, opening, wide, tall):
    expected = oracles.blobs(binary > 0, opening, wide, tall)
    blobs = find_blobs(packed(binary), binary.shape[1], Cleaning(opening, wide, tall))
    np.testing.assert_array_equal(blobs, np.array(expected).reshape(-1, 5))


@pytest.mark.parametrize("shape", [(1, 1), (1, 64), (1, 65), (7, 1), (240, 320), (3, 130)])
@pytest.mark.parametrize("value", [0, 255])
def test_empty_and_full_images(shape, value):
    binary = np.full(shape, value, np.uint8)
    blobs = find_blobs(packed(binary), shape[1], Cleaning())
    assert blobs.tolist() == ([[0, 0, shape[1], shape[0], shape[0] * shape[1]]] if value else [])


def test_only_areas_that_count():
    binary = np.zeros((20, 100), np.uint8)
    binary[2:4, 2:4] = binary[8:12, 50:70] = binary[15, 99] = 255
    assert found(binary, NOTHING_DONE, least=2) == [(2, 2, 2, 2, 4), (50, 8, 20, 4, 80)]
    assert found(binary, NOTHING_DONE, least=2, largest=79) == [(2, 2, 2, 2, 4)]


def test_a_spiral_is_one_blob():
    binary = np.zeros((130, 130), np.uint8)
    y, x, way, side = 0, 0, (0, 1), 129
    while side > 1:
        for _ in range(2):
            for _ in range(side):
                binary[y, x] = 255
                y, x = y + way[0], x + way[1]
            way = (way[1], -way[0])
        side -= 2
    assert found(binary, NOTHING_DONE) == by_opencv(binary, NOTHING_DONE)
    assert len(found(binary, NOTHING_DONE)) == 1


@settings(max_examples=60, deadline=None)
@given(binaries(), st.integers(0, 2**32 - 1))
def test_bits_are_the_image(binary, seed):
    bits = packed(binary)
    again = np.empty_like(binary)
    unpack(bits, 0, 0, again)
    np.testing.assert_array_equal(again, binary)
    height, width = binary.shape
    part = np.empty(((height + 1) // 2, (width + 1) // 2), np.uint8)
    unpack(bits, width // 2, height // 2, part)
    np.testing.assert_array_equal(part, binary[height // 2 :, width // 2 :])
    watched = np.random.default_rng(seed).random(binary.shape) < 0.5
    assert keep_watched(bits, packed(watched.astype(np.uint8))) == np.count_nonzero(binary * watched)
    unpack(bits, 0, 0, again)
    np.testing.assert_array_equal(again, binary * watched)


def test_read_only_bits_are_left_as_they_are():
    bits = packed(np.full((5, 70), 255, np.uint8))
    bits.setflags(write=False)
    assert len(find_blobs(bits, 70, Cleaning())) == 1
    assert (bits[0] == ~np.uint64(0)).all()
