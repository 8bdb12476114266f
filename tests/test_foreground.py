"""Who stands out from a background, and where the feet are."""

import numpy as np
import pytest

from sdist_ray.cameras.camera import Mask
from sdist_ray.detection.foreground import ForegroundDetector, ForegroundSettings


def scene(light=90, person=None, seed=0):
    rng = np.random.default_rng(seed)
    image = np.clip(light + rng.normal(0, 3, (120, 160)), 0, 255)
    if person is not None:
        image[50:90, person : person + 12] = 220
    return np.repeat(image.astype(np.uint8)[..., None], 3, axis=2)


@pytest.mark.parametrize("background", ["mixture", "mog2"])
def test_a_person_is_found_at_the_feet_after_the_warm_up(background):
    detector = ForegroundDetector(ForegroundSettings(background=background, warmup_frames=20))
    warm = [detector.detect(scene(seed=n)).available for n in range(25)]
    assert warm == [False] * 20 + [True] * 5
    seen = detector.detect(scene(person=60, seed=99))
    assert seen.available
    assert len(seen.boxes) == 1
    assert seen.foot_x[0] == pytest.approx(66 / 160, abs=0.02)
    assert seen.foot_y[0] == pytest.approx(90 / 120, abs=0.02)


def test_a_light_switched_on_makes_ticks_unavailable_not_occupied():
    detector = ForegroundDetector(ForegroundSettings(warmup_frames=20, sudden_frames=5))
    for number in range(30):
        detector.detect(scene(seed=number))
    after = [detector.detect(scene(light=170, seed=100 + n)) for n in range(40)]
    assert not any(seen.available for seen in after[:25])
    assert all(seen.available and len(seen.boxes) == 0 for seen in after[26:])


def test_masked_regions_see_nobody():
    half = Mask(polygons=(((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)),))
    detector = ForegroundDetector(ForegroundSettings(warmup_frames=20), half)
    for number in range(25):
        detector.detect(scene(seed=number))
    assert len(detector.detect(scene(person=20, seed=98)).boxes) == 0
    assert len(detector.detect(scene(person=120, seed=99)).boxes) == 1


def test_a_soft_shadow_before_the_feet_is_no_part_of_a_person():
    boxes = {}
    for trim in (False, True):
        detector = ForegroundDetector(ForegroundSettings(warmup_frames=20, trim_shadows=trim))
        for n in range(25):
            detector.detect(scene(light=140, seed=n))
        image = scene(light=140, person=60, seed=99)
        image[90:98, 56:80] = image[90:98, 56:80] * 0.8
        (boxes[trim],) = detector.detect(image).boxes * [160, 120, 160, 120]
    assert boxes[False][1] + boxes[False][3] >= 97
    np.testing.assert_allclose(boxes[True][[0, 1, 3]], [60, 50, 40], atol=1.5)
    # Who is a little darker than the floor all over is still there.
    detector = ForegroundDetector(ForegroundSettings(warmup_frames=20, trim_shadows=True))
    for n in range(25):
        detector.detect(scene(light=200, seed=n))
    image = scene(light=200, seed=99)
    image[50:90, 60:72] = image[50:90, 60:72] * 0.7
    (box,) = detector.detect(image).boxes * [160, 120, 160, 120]
    np.testing.assert_allclose(box, [60, 50, 12, 40], atol=1.5)
