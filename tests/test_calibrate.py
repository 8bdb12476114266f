"""sdist-ray cameras calibrate."""

import re

import cv2
import numpy as np
import pytest
import yaml

from sdist_ray import cli
from sdist_ray.cameras.described import read_cameras
from sdist_ray.cameras.homography import Homography
from sdist_ray.cameras.measured import crossing_order, metres_per_px, mirrored
from sdist_ray.cameras.pinhole import Pinhole
from sdist_ray.report.calibration_picture import draw_calibration
from tests.conftest import data_folder
from tests.damaged_videos import write_walkers

SIZE = (640, 480)
CAMERA = Pinhole.looking_at((1.0, -6.0, 4.5), (0.5, 2.0, 0.0), SIZE, 65)
CORNERS = np.array([[-2.0, 5.0], [3.0, 5.0], [3.0, -1.0], [-2.0, -1.0]])
POINTS = CAMERA.to_image(CORNERS)
LENGTHS = "lengths_m=[5,6]"


def listed(points):
    return "[" + ",".join(f"[{x:.3f},{y:.3f}]" for x, y in points) + "]"


@pytest.fixture
def still(tmp_path):
    image = np.full((SIZE[1], SIZE[0], 3), 120, np.uint8)
    cv2.imwrite(str(tmp_path / "lobby.png"), image)
    return tmp_path / "lobby.png"


def calibrate(*words):
    return cli.main(["cameras", "calibrate", *(str(word) for word in words)])


@pytest.mark.parametrize("turn", range(4))
@pytest.mark.parametrize("back", [False, True])
def test_lengths_make_a_calibration_that_measures_metres(still, capsys, turn, back):
    order = np.roll(np.arange(4), turn)[:: -1 if back else 1]
    lengths = [float(np.linalg.norm(CORNERS[order[k]] - CORNERS[order[k + 1]])) for k in (0, 1)]
    assert calibrate(still, f"points={listed(POINTS[order])}", f"lengths_m={lengths}") == 0
    printed = capsys.readouterr()
    assert "camera 4.50 m above the ground" in printed.out
    assert "warning" not in printed.err
    line = printed.out[printed.out.index("- id: lobby") :]
    (still.parent / "cameras.yaml").write_text(line)
    (camera,) = read_cameras(still.parent / "cameras.yaml")
    assert (camera.kind, camera.calibration.image_size) == ("homography", SIZE)
    seen = CAMERA.to_image(np.array([[0.0, 0.0], [2.0, 3.0], [-1.0, 3.0]]))
    ground = camera.calibration.to_ground(seen)
    a, b, c = ground
    assert np.linalg.norm(b - a) == pytest.approx(np.hypot(2, 3), abs=0.01)
    # No mirror image: x turns towards y as it does on the ground.
    assert np.linalg.det(np.stack([b - a, c - a])) == pytest.approx(9.0, abs=0.05)
    content = yaml.safe_load((still.parent / "lobby.yaml").read_text())
    assert list(content) == ["kind", "image_size", "image_points", "lengths_m"]


def test_ground_points_and_a_focal_length_are_kept_and_residuals_said(still, capsys):
    points = np.concatenate([POINTS, np.add(CAMERA.to_image(np.array([[0.0, 2.0]])), (3, 0))])
    ground = np.add(np.concatenate([CORNERS, [[0.0, 2.0]]]), (100.0, 200.0))
    output = still.parent / "gate.yaml"
    words = [f"points={listed(points)}", f"ground_points={listed(ground)}", "focal_px=500"]
    assert calibrate(still, *words, f"output={output}") == 0
    assert re.search(r"residuals: .* at point 5", capsys.readouterr().out)
    content = yaml.safe_load(output.read_text())
    assert content["focal_px"] == 500
    np.testing.assert_allclose(content["ground_points"], ground, atol=1e-3)
    assert cv2.imread(str(output.with_suffix(".calibration.png"))) is not None
    assert sorted(p.name for p in still.parent.iterdir()) == [
        "gate.calibration.png",
        "gate.yaml",
        "lobby.png",
    ]


def test_the_estimates_are_those_of_the_camera():
    homography = Homography.from_points(POINTS, CORNERS, SIZE)
    np.testing.assert_allclose(homography.camera, [1.0, -6.0, 4.5], atol=0.01)
    assert homography.focal_px == pytest.approx(CAMERA.matrix[0, 0], rel=0.01)
    near, far = metres_per_px(homography, POINTS)
    assert 0 < near < far < 0.1
    assert Homography.from_points(POINTS, CORNERS[:, ::-1], SIZE).image_size == SIZE
    assert mirrored(POINTS, CORNERS * (1, -1))
    assert not mirrored(POINTS, CORNERS)


def test_exchanged_lengths_are_doubted(still, capsys):
    narrow = CAMERA.to_image(np.array([[-1.0, 9.0], [2.0, 9.0], [2.0, -1.0], [-1.0, -1.0]]))
    assert calibrate(still, f"points={listed(narrow)}", "lengths_m=[10,3]") == 0
    assert "are they exchanged?" in capsys.readouterr().err


def test_a_mirrored_ground_is_said(still, capsys):
    words = [f"points={listed(POINTS)}", f"ground_points={listed(CORNERS * (1, -1))}"]
    assert calibrate(still, *words) == 0
    assert "mirror image" in capsys.readouterr().err


def test_an_order_is_proposed_for_corners_that_cross():
    assert crossing_order(POINTS) is None
    assert crossing_order(POINTS[[0, 2, 1, 3]]) in ([1, 3, 2, 4], [1, 4, 2, 3])


SQUARE = "points=[[100,100],[500,100],[600,400],[50,400]]"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([SQUARE], "needs one of lengths_m"),
        ([LENGTHS], "needs points"),
        ([SQUARE, LENGTHS, "ground_points=[[0,0],[1,0],[1,1],[0,1]]"], "needs one of"),
        (["points=[[1,1],[2,2],[3,9]]", LENGTHS], "at least 4 points"),
        (["points=hello", LENGTHS], "at least 4 points"),
        (["points=[[1,1],[2,2],[3,9],[a,b]]", LENGTHS], "must be a number"),
        (["points=[[1,1],[2,2],[3,9],[nan,1]]", LENGTHS], "must be a number"),
        (["points=[[100,100],[500,100],[600,400]," + "[50,1e300]]", LENGTHS], "point 4, .* is outside"),
        (["points=[[100,100],[900,100],[600,400],[50,400]]", LENGTHS], "point 2, .*640x480"),
        (["points=[[100,100],[300,100],[500,100],[50,400]]", LENGTHS], "one line"),
        (["points=[[100,100],[100,100],[500,400],[50,400]]", LENGTHS], "points 1 and 2 are one"),
        (["points=[[100,100],[600,400],[500,100],[50,400]]", LENGTHS], "cross over"),
        ([SQUARE, "lengths_m=[0,10]"], "above 0"),
        ([SQUARE, "lengths_m=[-1,10]"], "above 0"),
        ([SQUARE, "lengths_m=[nan,10]"], "must be a number"),
        ([SQUARE, "lengths_m=[1e300,10]"], "0.01 to 10000 metres"),
        ([SQUARE, "lengths_m=[7]"], "two lengths"),
        ([SQUARE, "lengths_m=7"], "list of numbers"),
        ([SQUARE, "ground_points=[[0,0],[1,0],[1,1]]"], "at least 4"),
        ([SQUARE, "ground_points=[[0,0],[1,0],[1,1],[0,1],[2,2]]"], "one per point"),
        ([SQUARE, "ground_points=[[0,0],[1,0],[1,1],[0,1e300]]"], "metres below"),
        ([SQUARE, "ground_points=[[0,0],[1,1],[1,0],[0,1]]"], "swapped"),
        ([SQUARE, LENGTHS, "focal_px=0"], "focal_px"),
        ([SQUARE, LENGTHS, "output={}/none/a.yaml"], "no folder"),
        ([SQUARE, LENGTHS, "output={}/a.png"], "ends in .yaml"),
        ([SQUARE, LENGTHS, "output={}/cameras.yaml"], "is no homography"),
        ([SQUARE, LENGTHS, "frame=3"], "has 1 frames"),
        ([SQUARE, LENGTHS, "frame=-1"], "frame"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(still, capsys, words, says):
    (still.parent / "cameras.yaml").write_text("- id: lobby\n")
    assert calibrate(still, *(word.replace("{}", str(still.parent)) for word in words)) == 2
    error = capsys.readouterr().err
    assert re.search(says, error), error
    assert error.count("\n") == 1
    assert sorted(path.name for path in still.parent.iterdir()) == ["cameras.yaml", "lobby.png"]
    assert (still.parent / "cameras.yaml").read_text() == "- id: lobby\n"


def test_what_is_no_picture_is_refused(tmp_path, capsys):
    (tmp_path / "a.jpg").write_bytes(b"text")
    (tmp_path / "a.txt").write_text("text")
    for name, says in (
        ("a.jpg", "not a readable image"),
        ("a.txt", "not a video"),
        ("b.png", "No such file"),
    ):
        assert calibrate(tmp_path / name, SQUARE, LENGTHS) == 2
        assert says in capsys.readouterr().err
    assert calibrate() == 2
    assert "needs a picture" in capsys.readouterr().err


def test_without_points_a_page_to_click_on_is_written(still, capsys):
    assert calibrate(still, "focal_px=500") == 0
    page = still.with_name("lobby.calibrate.html")
    assert str(page) in capsys.readouterr().out
    html = page.read_text()
    assert "data:image/jpeg;base64," in html
    assert "default-src 'none'" in html
    assert not re.search(r"(src|href)=\"(?!data:)", html)
    assert "focal_px=500" in html
    assert not still.with_name("lobby.yaml").exists()


def test_names_cannot_break_out_of_the_page(tmp_path, capsys):
    path = tmp_path / "a'<script>alert(1)<$(ls).png"
    cv2.imwrite(str(path), np.zeros((48, 64, 3), np.uint8))
    assert calibrate(path) == 0
    (page,) = tmp_path.glob("*.html")
    assert "<script>alert" not in page.read_text()


def test_a_frame_of_a_video_is_chosen_by_its_number(tmp_path):
    video = write_walkers(tmp_path / "walk.mp4", count=20)
    words = ["points=[[40,30],[120,30],[150,110],[10,110]]", "lengths_m=[4,5]"]
    pictures = []
    for frame in (0, 15):
        assert calibrate(video, *words, f"frame={frame}") == 0
        pictures.append(cv2.imread(str(tmp_path / "walk.calibration.png")))
    assert (pictures[0] != pictures[1]).any()


@pytest.mark.parametrize("scale", [0.01, 1.0, 100.0])
@pytest.mark.parametrize("size", [(32, 24), (640, 480), (1920, 2500)])
def test_the_preview_is_drawn_whatever_the_scale(scale, size):
    points = POINTS * (np.array(size) / SIZE)
    ground = CORNERS * scale + (5e6, 4e5)
    homography = Homography.from_points(points, ground, size)
    np.testing.assert_allclose(homography.to_image(ground), points, atol=0.01)
    image = np.full((size[1], size[0], 3), 120, np.uint8)
    picture = draw_calibration(image, homography, points, ground)
    assert picture.dtype == np.uint8
    assert picture.shape[1] > picture.shape[0] / 2
    assert max(picture.shape) < 4000


@pytest.mark.data
def test_the_lens_of_a_known_camera_is_found(tmp_path, capsys):
    video = data_folder("scenescape") / "Cam_x1_0.mp4"
    words = ["points=[[201,119],[592,118],[781,579],[2,579]]", f"output={tmp_path / 'lobby.yaml'}"]
    assert calibrate(video, *words, "lengths_m=[7,10]") == 0
    focal = int(re.search(r"focal length (\d+) px", capsys.readouterr().out)[1])
    assert focal == pytest.approx(964, rel=0.06)
