"""Heads against slow references, suppression, letterboxes and their inverse."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdist_ray.detection.heads import Boxes, Wanted, find_head, suppress
from sdist_ray.detection.letterbox import CONVENTIONS, Placement, prepare
from sdist_ray.errors import InputError
from tests import oracles

SIZES = st.tuples(st.integers(1, 3000), st.integers(1, 3000))


def some_boxes(count, seed=0):
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, 50, (count, 2))
    corners = np.concatenate([low, low + rng.uniform(1, 40, (count, 2))], axis=1).astype(np.float32)
    scores = rng.permutation(count).astype(np.float32) / count
    return Boxes(corners, scores, rng.integers(0, 3, count))


@pytest.mark.parametrize("overlap", [0.1, 0.45, 0.9, 1.0])
@pytest.mark.parametrize("count", [0, 1, 80])
def test_suppression_equals_the_slow_one(count, overlap):
    boxes = some_boxes(count)
    order = oracles.suppress(
        [tuple(map(float, row)) for row in boxes.corners],
        boxes.scores.tolist(),
        boxes.classes.tolist(),
        overlap,
    )
    kept = suppress(boxes, overlap)
    np.testing.assert_array_equal(kept.corners, boxes.corners[order])
    np.testing.assert_array_equal(kept.scores, boxes.scores[order])


def test_boxes_that_are_none_go():
    corners = np.array([[0, 0, 1, 1], [2, 2, 2, 9], [np.nan, 0, 1, 1], [0, 0, np.inf, 1]], np.float32)
    kept = suppress(Boxes(corners, np.ones(4, np.float32), np.zeros(4, np.int64)), 0.5)
    np.testing.assert_array_equal(kept.corners, corners[:1])


@pytest.mark.parametrize("classes", [(0,), (1, 2), ()])
@pytest.mark.parametrize("strides", [(8, 16, 32), (8, 16, 32, 64)])
def test_yolox_equals_the_slow_decoder(classes, strides):
    width, height = 192, 128
    count = sum((width // stride) * (height // stride) for stride in strides)
    rows = np.random.default_rng(1).uniform(0, 1, (count, 8)).astype(np.float32)
    head = find_head([(1, count, 8)], (width, height))
    found = head.decode([rows], Wanted(0.5, classes))
    slow = oracles.decode_yolox(rows, width, height, strides, 0.5, classes or (0, 1, 2))
    assert len(slow) > 20
    all_of = np.column_stack([found.corners, found.scores, found.classes])
    np.testing.assert_allclose(all_of, np.array(slow), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(
    ("shapes", "size", "family"),
    [
        ([(1, 3549, 85)], (416, 416), "yolox"),
        ([(1, 3549, 6)], (416, 416), "yolox"),
        ([(1, 14700, 85)], (640, 1120), "yolox"),
        ([(1, 34000, 85)], (1280, 1280), "yolox"),
        ([(1, 10647, 85)], (416, 416), "yolov3"),
        ([(1, 2535, 85)], (416, 416), "yolov3"),
        ([(1, 25200, 6)], (640, 640), "yolov3"),
        ([(1, 2535, 1, 4), (1, 2535, 80)], (416, 416), "yolov3"),
        ([(1, 84, 8400)], (640, 640), "yolov8"),
        ([(1, 5, 8400)], (640, 640), "yolov8"),
        ([(1, 84, 2100)], (320, 320), "yolov8"),
        ([(1, 300, 6)], (640, 640), "end2end"),
        ([(1, 100, 6)], (416, 416), "end2end"),
    ],
)
def test_families_are_told_by_their_shapes(shapes, size, family):
    head = find_head(shapes, size)
    assert head.family == family
    assert find_head(shapes, size, family).family == family


@pytest.mark.parametrize(
    "shapes",
    [
        [(1, 1000)],
        [(1, 300, 85)],
        [(1, 84, 300)],
        [(1, 255, 13, 13)],
        [(1, 1, 4), (1, 1, 4), (1, 1, 4)],
        [],
        [(1, 100, 4), (1, 99, 80)],
    ],
)
def test_an_unknown_head_is_refused_with_its_shapes(shapes):
    with pytest.raises(InputError, match="outputs of") as error:
        find_head(shapes, (416, 416))
    assert all(str(axis) in str(error.value) for shape in shapes for axis in shape)


def test_a_family_that_does_not_fit_is_refused():
    with pytest.raises(InputError, match=r"head=yolox does not go with outputs of \(1, 84, 8400\)"):
        find_head([(1, 84, 8400)], (640, 640), "yolox")


@settings(deadline=None)
@given(SIZES, st.sampled_from([(416, 416), (640, 384), (320, 320)]), st.sampled_from(list(CONVENTIONS)))
def test_boxes_come_back_from_a_letterbox(size, canvas, convention):
    """A box of image fractions, put on the canvas by hand, comes back."""
    placed = Placement.of(size, canvas, CONVENTIONS[convention].place)
    assert 0 <= placed.left <= placed.left + placed.width <= canvas[0]
    assert 0 <= placed.top <= placed.top + placed.height <= canvas[1]
    box = (0.25, 0.5, 0.75, 1.0)
    corners = [
        placed.left + box[0] * placed.width, placed.top + box[1] * placed.height,
        placed.left + box[2] * placed.width, placed.top + box[3] * placed.height,
    ]  # fmt: skip
    back = placed.to_fractions(np.array([corners], np.float32))
    np.testing.assert_allclose(back[0], box, atol=1e-3)
    if convention != "stretch":
        ratio = min(canvas[0] / size[0], canvas[1] / size[1])
        np.testing.assert_allclose([placed.width, placed.height], np.multiply(size, ratio), atol=1)


@pytest.mark.parametrize("convention", list(CONVENTIONS))
def test_images_are_prepared_as_their_family_has_it(convention):
    rules = CONVENTIONS[convention]
    image = np.empty((30, 60, 3), np.uint8)
    image[:] = (10, 20, 30)
    tensor, placed = prepare(image, (120, 120), rules)
    assert (tensor.shape, tensor.dtype) == ((1, 3, 120, 120), np.float32)
    expected = np.full((3, 120, 120), rules.grey, np.float32)
    top, tall = {"stretch": (0, 120), "corner": (0, 60), "centre": (30, 60)}[rules.place]
    assert (placed.left, placed.top, placed.width, placed.height) == (0, top, 120, tall)
    colour = (30, 20, 10) if rules.rgb else (10, 20, 30)
    expected[:, top : top + tall] = np.array(colour)[:, None, None]
    np.testing.assert_allclose(tensor[0], expected * rules.scale, rtol=1e-5)
