"""Boxes to ground points."""

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.data import WILDTRACK_CAMERAS, wildtrack
from sdist_ray.cameras.described import read_cameras
from sdist_ray.cameras.homography import Homography
from sdist_ray.cameras.perspective import Perspective
from sdist_ray.cameras.pinhole import Pinhole
from sdist_ray.distancing.ground import PerspectiveGround, PixelGround, PlaneGround, box_noise, ground_view
from sdist_ray.errors import InputError
from tests.conftest import data_folder

SIZE = (640, 480)
CAMERA = Pinhole.looking_at((1.0, -6.0, 4.5), (0.5, 2.0, 0.0), SIZE, 65)
CORNERS = np.array([[-2.0, -1.0], [3.0, -1.0], [3.0, 5.0], [-2.0, 5.0]])


def box_of(camera, place, height=1.7, half_width=0.0):
    """The box around an upright person, seen as a stick: left, top, width, height."""
    ends = camera.project(np.array([[*place, 0.0], [*place, height]]))
    (left, top), (right, bottom) = ends.min(axis=0), ends.max(axis=0)
    return np.array([[left - half_width + 0.5, top + 0.5, right - left + 2 * half_width, bottom - top]])


@settings(max_examples=60, deadline=None)
@given(st.floats(-2, 3), st.floats(-1, 8), st.floats(1.4, 2.0))
def test_whoever_stands_upright_is_found_at_their_feet(x, y, height):
    box = box_of(CAMERA, (x, y), height, half_width=15)
    np.testing.assert_allclose(PlaneGround(CAMERA, "pinhole").locate(box).points, [[x, y]], atol=0.02)
    # Four points and the middle of the image tell as much, without any lens being known.
    homography = Homography.from_points(CAMERA.to_image(CORNERS), CORNERS, SIZE)
    np.testing.assert_allclose(PlaneGround(homography, "homography").locate(box).points, [[x, y]], atol=0.03)


def test_a_homography_learns_which_way_is_up():
    homography = Homography.from_points(CAMERA.to_image(CORNERS), CORNERS, SIZE)
    for mirrored in (1, -1):
        corners = CORNERS * [mirrored, 1]
        other = Homography.from_points(CAMERA.to_image(CORNERS), corners, SIZE)
        heads = other.to_image_above(corners, 1.7)
        np.testing.assert_allclose(heads, CAMERA.to_image_above(CORNERS, 1.7), atol=3)
    assert homography.upright is not None
    # From straight above, a homography does not tell the focal length; a stated one does.
    above = Homography.from_points(CORNERS * 50 + 200, CORNERS, SIZE)
    assert above.upright is None
    assert np.isnan(above.to_image_above(CORNERS, 1.7)).all()
    assert np.isfinite(PlaneGround(above, "homography").locate(np.array([[200.0, 200, 10, 30]])).points).all()
    assert Homography.from_points(CORNERS * 50 + 200, CORNERS, SIZE, focal_px=600).upright is not None


def test_the_uncertainty_is_the_boxes_own_through_the_projection():
    ground = PlaneGround(CAMERA, "pinhole")
    box = box_of(CAMERA, (0.5, 3.0), half_width=12)
    located = ground.locate(box)
    rng = np.random.default_rng(1)
    across, down = box_noise(box, SIZE)
    samples = np.repeat(box, 4000, axis=0)
    samples[:, 0] += rng.normal(0, across, 4000)
    samples[:, 1] += rng.normal(0, down, 4000)
    spread = np.cov(ground.locate(samples).points.T)
    np.testing.assert_allclose(located.covariance[0], spread, atol=0.15 * spread.max())
    assert located.sigma[0] == pytest.approx(np.sqrt(np.trace(spread) / 2), rel=0.1)
    far = ground.locate(box_of(CAMERA, (0.5, 30.0), half_width=4))
    assert far.sigma[0] > 3 * located.sigma[0]


def test_feet_below_the_image_are_less_certain():
    whole, cut = np.array([[300.0, 300, 40, 100]]), np.array([[300.0, 380, 40, 100]])
    across, down = box_noise(np.concatenate([whole, cut]), SIZE)
    assert down[1] > 5 * down[0]
    assert across[0] == across[1]


def test_above_the_horizon_there_is_no_ground():
    level = Pinhole.looking_at((0, 0, 2), (0, 10, 2), SIZE, 65)
    located = PlaneGround(level, "pinhole").locate(np.array([[300.0, 100, 40, 90], [300.0, 300, 40, 90]]))
    assert np.isnan(located.points[0]).all()
    assert np.isfinite(located.points[1]).all()


def test_what_is_twice_as_tall_as_people_is_nobody():
    ground = PlaneGround(CAMERA, "pinhole")
    for height, person in ((1.1, True), (2.2, True), (3.6, False)):
        located = ground.locate(box_of(CAMERA, (0.5, 3.0), height, half_width=12))
        assert np.isfinite(located.points).all() == person


def test_nobody_is_nowhere():
    none = np.empty((0, 4))
    homography = Homography.from_points(CAMERA.to_image(CORNERS), CORNERS, SIZE)
    for ground in (
        PixelGround(SIZE),
        PerspectiveGround(SIZE, Perspective(0.8)),
        PlaneGround(CAMERA, "pinhole"),
        PlaneGround(homography, "homography"),
    ):
        located = ground.locate(none)
        assert located.points.shape == (0, 2)
        assert located.covariance.shape == (0, 2, 2)
        assert located.sigma.shape == (0,)


def test_pixels_are_the_reports_first_prototype():
    located = PixelGround(SIZE).locate(np.array([[100.0, 50, 40, 100]]))
    np.testing.assert_allclose(located.points, [[120, 149]])


def test_half_the_height_is_twice_as_far():
    ground = PerspectiveGround(SIZE, Perspective.of_view(90))
    near, far = ground.locate(np.array([[310.0, 100, 20, 200], [310.0, 100, 20, 100]])).points
    np.testing.assert_allclose(near, [0, 320 * 1.7 / 200])
    np.testing.assert_allclose(far, 2 * near)


def test_what_a_camera_sees_is_before_it():
    view = ground_view(CAMERA)
    assert len(view) >= 4
    inside = CAMERA.to_image(view)
    assert (inside >= -1).all()
    assert (inside <= np.array(SIZE)).all()
    assert len(ground_view(Pinhole.looking_at((0, 0, 2), (0, 5, 8), SIZE, 40))) == 0


CALIBRATED = {
    "lengths": {
        "kind": "homography", "image_size": [64, 48], "lengths_m": [4, 10],
        "image_points": [[0, 47], [63, 47], [44, 20], [20, 20]],
    },
    "perspective": {"kind": "perspective", "view_deg": 90},
    "focal": {"kind": "perspective", "focal_px": 64, "image_size": [64, 48]},
    "pixel": {"kind": "pixel"},
}  # fmt: skip


def cameras_file(tmp_path, **calibrations):
    entries = [{"id": name, "calibration": value} for name, value in calibrations.items()]
    (tmp_path / "cameras.yaml").write_text(yaml.safe_dump(entries))
    return read_cameras(tmp_path / "cameras.yaml")


def test_every_kind_of_calibration_is_read(tmp_path):
    (tmp_path / "own.yaml").write_text(yaml.safe_dump(CALIBRATED["lengths"]))
    lengths, perspective, focal, pixel, own = cameras_file(tmp_path, **CALIBRATED, own="own.yaml")
    for camera in (lengths, own):
        np.testing.assert_allclose(
            camera.calibration.to_ground(np.array([[0.0, 47], [44, 20]])), [[0, 0], [4, 10]], atol=1e-6
        )
    assert perspective.perspective.focal_share == pytest.approx(0.5)
    assert focal.perspective.focal_share == 1.0
    assert pixel.calibration is None
    assert pixel.perspective is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"lengths_m": [4]}, "two lengths"),
        ({"lengths_m": [4, 0]}, "above 0"),
        ({"lengths_m": "4 x 10"}, "list of numbers"),
        ({"image_points": [[0, 47], [63, 47], [20, 20], [44, 20]]}, "swapped"),
        ({"image_points": [[0, 47], [63, 47], [31, 47], [20, 20]]}, "one line"),
        ({"focal_px": -3}, "above 0"),
        ({"image_size": None}, "image_size"),
    ],
)
def test_a_wrong_rectangle_is_refused_in_one_line(tmp_path, change, says):
    with pytest.raises(InputError, match=says) as caught:
        cameras_file(tmp_path, a={**CALIBRATED["lengths"], **change})
    assert "camera 'a'" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.data
@pytest.mark.parametrize("name", WILDTRACK_CAMERAS)
def test_wildtracks_boxes_are_where_its_people_are(name):
    site = wildtrack(data_folder("wildtrack"), name)
    ground = PlaneGround(site.camera, "pinhole")
    errors, right, wrong = [], 0, 0
    for view in site.views:
        places, found = view.places, ground.locate(view.boxes).points
        errors += np.linalg.norm(found - places, axis=1).tolist()
        pairs = np.triu_indices(len(places), 1)
        near, truth = (np.linalg.norm(p[pairs[0]] - p[pairs[1]], axis=1) < 2 for p in (found, places))
        right, wrong = right + (near & truth).sum(), wrong + (near != truth).sum()
    assert np.median(errors) <= 0.04
    assert 2 * right / (2 * right + wrong) >= 0.985
