"""cameras.yaml, and calibrations."""

import numpy as np
import pytest

from sdist_ray.cameras.camera import Camera, merge, without_credentials
from sdist_ray.cameras.described import read_cameras
from sdist_ray.cameras.homography import Homography
from sdist_ray.cameras.pinhole import Pinhole, pinhole_from_xml
from sdist_ray.errors import InputError
from sdist_ray.occupancy.grid import Grid

CALIBRATION = """
  calibration:
    kind: homography
    image_size: [64, 48]
    image_points: [[0, 0], [64, 0], [64, 48], [0, 48]]
    ground_points: [[0, 10], [10, 10], [8, 0], [2, 0]]
"""


def yaml_file(tmp_path, text):
    (tmp_path / "cameras.yaml").write_text(text)
    return tmp_path / "cameras.yaml"


def test_cameras_yaml_is_read(tmp_path):
    text = "- id: a\n  url: a.mp4\n  start: 2026-01-01T00:00:10Z\n  grid: [6, 4]\n"
    text += "  mask: [[[0, 0], [0.5, 0], [0.5, 1], [0, 1]]]" + CALIBRATION
    (camera,) = read_cameras(yaml_file(tmp_path, text))
    assert (camera.id, camera.url, camera.grid) == ("a", str(tmp_path / "a.mp4"), Grid(6, 4))
    assert camera.start_s == 1767225610
    assert camera.mask.ignored(64, 48)[:, :31].all()
    assert not camera.mask.ignored(64, 48)[:, 34:].any()
    assert camera.calibration is not None
    np.testing.assert_allclose(camera.calibration.to_ground(np.array([[64.0, 48.0]])), [[8, 0]], atol=1e-6)
    (merged,) = merge([camera], [Camera("a", "/else/a.mp4")])
    assert (merged.url, merged.calibration) == ("/else/a.mp4", camera.calibration)


SWAPPED = CALIBRATION.replace("[[0, 0], [64, 0]", "[[64, 0], [0, 0]")
COLLINEAR = CALIBRATION.replace("[8, 0], [2, 0]", "[8, 10], [2, 0]")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "must be a list"),
        ("a: b", "must be a list"),
        ("- [1, 2]", "camera 1 must be a mapping"),
        ("- url: x", "needs an id"),
        ("- id: a\n- id: a", "two cameras have the id 'a'"),
        ("- id: a\n  colour: red", "unknown key 'colour'"),
        ("- id: a\n  fps: fast", "fps must be a number"),
        ("- id: a\n  fps: .nan", "fps must be a number"),
        ("- id: a\n  grid: 12", r"grid must be \[columns, rows\]"),
        ("- id: a\n  grid: [0, 4]", "at least 1"),
        ("- id: a\n  mask: [[[0, 0], [3, 0], [3, 3]]]", "fractions"),
        ("- id: a\n  mask: gone.png", "is not a file"),
        ("- id: a\n  start: yesterday", "start must be"),
        ("- id: a\n  calibration: {kind: magic}", "needs a kind"),
        ("- id: a\n  calibration: {kind: homography}", "image_size|image_points"),
        ("- id: a" + SWAPPED, "swapped"),
        ("- id: a" + COLLINEAR, "one line"),
        ("- id: a\n  calibration: {kind: pinhole, image_size: [4, 4]}", "camera_matrix"),
        ("- !!python/object/apply:os.system [ls]", "not valid YAML"),
        ("- id: [", "not valid YAML"),
    ],
)
def test_a_broken_cameras_yaml_is_refused_in_one_line(tmp_path, text, says):
    with pytest.raises(InputError, match=says) as caught:
        read_cameras(yaml_file(tmp_path, text))
    assert "cameras.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_credentials_are_never_shown():
    assert without_credentials("rtsp://me:pw@cam:554/x?token=1") == "rtsp://cam:554/x?…"


def test_a_pinhole_goes_there_and_back_through_its_lens():
    camera = Pinhole.looking_at((0, 0, 4), (0, 8, 0), (640, 480), 70)
    bent = Pinhole(
        camera.matrix, np.array([-0.2, 0.05, 0, 0, 0]), camera.rotation, camera.translation, (640, 480)
    )
    ground = np.array([[0.0, 8.0], [2.0, 6.0], [-3.0, 12.0]])
    for each in (camera, bent):
        np.testing.assert_allclose(each.to_ground(each.to_image(ground)), ground, atol=1e-4)
    assert np.isnan(camera.to_image(np.array([[0.0, -5.0]]))).all()
    assert np.isnan(camera.to_ground(np.array([[320.0, -400.0]]))).all()


def test_a_homography_knows_its_horizon():
    image = np.array([[20, 20], [44, 20], [64, 48], [0, 48]], float)
    ground = np.array([[0, 10], [10, 10], [10, 0], [0, 0]], float)
    homography = Homography.from_points(image, ground, (64, 48))
    np.testing.assert_allclose(homography.to_image(ground), image, atol=1e-6)
    assert np.isnan(homography.to_ground(np.array([[32.0, -30.0]]))).all()


def test_xml_bombs_are_refused(tmp_path):
    (tmp_path / "a.xml").write_text('<!DOCTYPE x [<!ENTITY a "aaaa">]><opencv_storage/>')
    with pytest.raises(InputError, match="not a calibration file"):
        pinhole_from_xml(tmp_path / "a.xml", tmp_path / "a.xml", (4, 4))
