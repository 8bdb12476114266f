"""What is drawn onto frames."""

import cv2
import numpy as np
import pytest

from sdist_ray.report.annotate import Annotator, Look
from sdist_ray.report.marks import GROUP, OFFENDER, PALE, SAFE, TAGS, bgr, distance_text, time_text
from tests.report.scenes import SIZE, STRANGE, TWO, grey, noise, scene

LOOK = Look("m", 2.0)
GROUND = np.full((SIZE[1], SIZE[0], 3), 128, np.uint8)


def draw(what, look=LOOK, image=GROUND):
    return Annotator((image.shape[1], image.shape[0]), look).draw(image, what)


def count(image, colour):
    return int((image == bgr(colour)).all(axis=2).sum())


def test_the_safe_are_green_and_offenders_red():
    safe, offending = draw(scene(TWO)), draw(scene(TWO, near=[(0, 1)]))
    assert count(safe, SAFE) > 300
    assert count(safe, OFFENDER) == 0
    assert count(offending, OFFENDER) > 300
    assert count(offending, SAFE) == 0


def test_offenders_differ_in_shape_and_not_only_in_colour():
    # Both colours painted the same: what is left is shape.
    below = slice(110, None)
    safe, offending = draw(scene(TWO))[below], draw(scene(TWO, near=[(0, 1)]))[below]
    plain = [(np.abs(image.astype(int) - 128) > 8).any(axis=2) for image in (safe, offending)]
    assert (plain[0] ^ plain[1]).sum() > 200
    foot = np.s_[185:197, 70:92]
    marks = [(grey(draw(what))[foot] != 128) for what in (scene(TWO[:1]), scene(TWO, near=[(0, 1)]))]
    assert (marks[0] ^ marks[1]).sum() > 15


def test_in_grey_the_colours_differ():
    levels = [grey(np.array(bgr(colour))) for colour in (SAFE, OFFENDER)]
    assert abs(levels[0] - levels[1]) > 60


def linear(colour):
    share = np.array(colour[::-1]) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


# Machado, Oliveira, Fernandes: A physiologically-based model for simulation of color vision deficiency, 2009.
VISION = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


@pytest.mark.parametrize("vision", VISION)
def test_people_who_do_not_see_all_colours_tell_them_apart(vision):
    seen = np.clip([np.array(VISION[vision]) @ linear(bgr(c)) for c in (SAFE, OFFENDER, GROUP)], 0, 1)
    lab = cv2.cvtColor((seen**0.4545)[None].astype(np.float32), cv2.COLOR_RGB2Lab)[0]
    gaps = np.linalg.norm(lab[:, None] - lab[None], axis=2)[np.triu_indices(3, 1)]
    assert gaps.min() > 40


def test_labels_can_be_read():
    def light(colour):
        return float(np.array([0.2126, 0.7152, 0.0722]) @ linear(colour))

    for ink, ground in TAGS.values():
        low, high = sorted([light(ink), light(ground)])
        assert (high + 0.05) / (low + 0.05) > 4.5


def test_who_was_not_detected_has_a_dashed_box():
    seen, carried = draw(scene(TWO[:1])), draw(scene(TWO[:1], score=np.nan))
    side = np.s_[110:180, 60]
    assert (seen[side] == bgr(SAFE)).all()
    drawn = (carried[side] == bgr(SAFE)).all(axis=1)
    assert 0.25 < drawn.mean() < 0.8


def test_a_group_is_outlined_and_one_alone_is_not():
    assert count(draw(scene(TWO, group=7)), GROUP) > 200
    assert count(draw(scene(TWO, group=[7, -1])), GROUP) == 0


def test_the_input_is_left_alone_unless_told_and_may_be_read_only():
    image = noise()
    before = image.copy()
    image.flags.writeable = False
    drawn = draw(scene(TWO, near=[(0, 1)]), image=image)
    np.testing.assert_array_equal(image, before)
    assert drawn.flags.writeable
    own = before.copy()
    assert Annotator(SIZE, LOOK).draw(own, scene(TWO, near=[(0, 1)]), in_place=True) is own
    np.testing.assert_array_equal(own, drawn)


def test_without_pictures_no_pixel_of_the_source_is_used():
    what = scene(TWO, near=[(0, 1)])
    look = Look("m", 2.0, blur_faces=True, pictures=False)
    one, other = noise(seed=1), noise(seed=2)
    np.testing.assert_array_equal(draw(what, look, one), draw(what, look, other))
    before = one.copy()
    assert Annotator(SIZE, look).draw(one, what, in_place=True) is not one
    np.testing.assert_array_equal(one, before)


def test_blurring_changes_heads_and_nothing_else():
    image = noise()
    plain, blurred = draw(scene(TWO), image=image), draw(scene(TWO), Look("m", 2.0, blur_faces=True), image)
    changed = (plain != blurred).any(axis=2)
    for left, top, width, height in TWO:
        head = changed[top + 4 : top + height // 6, left + 4 : left + width - 4]
        assert head.mean() > 0.95
        few = blurred[top + 4 : top + height // 6, left + 4 : left + width - 4]
        assert len(np.unique(few.reshape(-1, 3), axis=0)) < 30
        changed[top - height // 10 : top + height // 3, left - width // 4 : left + width + width // 4] = False
    assert not changed.any()


@pytest.mark.parametrize("boxes", STRANGE)
@pytest.mark.parametrize("look", [Look("px", 90.0, blur_faces=True), Look("m", 2.0, pictures=False)])
def test_boxes_anywhere_are_drawn_or_left_out(boxes, look):
    for score in (0.9, np.nan):
        what = scene(boxes, near=[(0, 1)], score=score, group=3, ground=[[np.nan, np.nan]] * 2)
        drawn = draw(what, look, noise())
        assert drawn.shape == (240, 320, 3)


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (9, 200), (200, 9), (1921, 1081)])
def test_images_of_any_size(size):
    assert draw(scene(TWO, near=[(0, 1)], group=1), image=noise(size)).shape == (size[1], size[0], 3)


def test_nobody_makes_a_header_only():
    drawn = draw(scene([]), image=GROUND)
    changed = (drawn != GROUND).any(axis=2).any(axis=1)
    assert changed[:10].all()
    assert not changed[20:].any()


def test_the_header_counts_offenders():
    quiet, loud = draw(scene(TWO))[:14], draw(scene(TWO, near=[(0, 1)]))[:14]
    assert (quiet != loud).any()
    assert loud.max() > 200


@pytest.mark.parametrize("image", [np.zeros((240, 321, 3), np.uint8), np.zeros((240, 320), np.uint8)])
def test_another_size_is_refused(image):
    with pytest.raises(ValueError, match="uint8"):
        Annotator(SIZE, LOOK).draw(image, scene([]))


def test_what_texts_say():
    assert distance_text(1.44, "m") == "1.4 m"
    assert distance_text(142.6, "px") == "143 px"
    assert time_text(3725.5) == "01:02:05"
    assert time_text(1_410_148_800.0) == "04:00:00"
    assert time_text(float("nan")) == time_text(1e300) == "--:--:--"
    assert PALE != SAFE
