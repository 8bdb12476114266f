"""One contract for every source of frames, and calibrations, cameras.yaml."""

import threading
import time

import cv2
import numpy as np
import pytest

from sdist_ray.cameras.camera import Camera, Mask, is_webcam, merge, without_credentials
from sdist_ray.cameras.described import read_cameras
from sdist_ray.cameras.homography import Homography
from sdist_ray.cameras.pinhole import Pinhole, pinhole_from_xml
from sdist_ray.detection.foreground import ForegroundDetector, ForegroundSettings
from sdist_ray.errors import InputError
from sdist_ray.occupancy.grid import Grid
from sdist_ray.video.files import VideoFile, find_cameras, open_source
from sdist_ray.video.images import Images
from sdist_ray.video.live import Webcam

FRAMES, FPS = 12, 5.0


def images(count=FRAMES, width=64, height=48):
    for number in range(count):
        image = np.full((height, width, 3), 40, np.uint8)
        cv2.rectangle(image, (4 * number, 10), (4 * number + 8, 40), (200, 200, 200), -1)
        yield image


def write_video(path, **size):
    shape = next(images(1, **size)).shape
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FPS, (shape[1], shape[0]))
    for image in images(**size):
        writer.write(image)
    writer.release()
    return path


def write_folder(path):
    path.mkdir()
    for number, image in enumerate(images()):
        cv2.imwrite(str(path / f"frame{number}.png"), image)
    return path


class FakeCapture:
    """A device that gives a frame whenever a test lets it."""

    def __init__(self, count=FRAMES, busy=False):
        self.waiting = list(images(count))
        self.turns = threading.Semaphore(0)
        self.released = threading.Event()
        self.busy = busy

    def isOpened(self):
        return not self.busy

    def read(self):
        if len(self.waiting) < FRAMES:
            self.turns.acquire(timeout=5)
        return (True, self.waiting.pop(0)) if self.waiting else (False, None)

    def get(self, _property):
        return 15.0

    def release(self):
        self.released.set()


@pytest.fixture(params=["video", "folder"])
def source(request, tmp_path):
    if request.param == "video":
        opened = open_source(Camera("a", str(write_video(tmp_path / "a.mp4")), start_s=100.0))
    else:
        opened = open_source(Camera("a", str(write_folder(tmp_path / "a")), fps=FPS, start_s=100.0))
    with opened:
        yield opened


def test_frames_come_in_order_with_their_capture_times(source):
    frames = list(source)
    assert [frame.index for frame in frames] == list(range(FRAMES))
    np.testing.assert_allclose([f.time_s for f in frames], 100 + np.arange(FRAMES) / FPS, atol=1e-6)
    for frame, image in zip(frames, images(), strict=True):
        assert frame.image.dtype == np.uint8
        assert np.abs(frame.image.astype(int) - image).mean() < 12


def test_a_source_says_its_size_rate_and_length(source):
    assert (source.size, source.fps, source.frames) == ((64, 48), FPS, FRAMES)
    assert source.complaint is None


def test_frames_can_be_passed_over_without_decoding(source):
    for _ in range(4):
        time_s = source.grab()
    assert time_s == pytest.approx(100 + 3 / FPS)
    assert np.abs(source.decode().astype(int) - list(images())[3]).mean() < 12


def test_the_end_stays_the_end_and_closing_twice_is_fine(source):
    assert len(list(source)) == FRAMES
    assert source.grab() is None
    source.close()
    source.close()
    assert source.grab() is None


SUFFIXES = ("jpg", "png", "bmp", "tif", "webp")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_image_is_a_source_of_one_frame(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    cv2.imwrite(str(path), next(images()))
    with open_source(Camera("a", str(path), start_s=100.0)) as source:
        assert (source.size, source.frames, source.complaint) == ((64, 48), 1, None)
        (frame,) = list(source)
        assert (frame.index, frame.time_s) == (0, 100.0)
        assert np.abs(frame.image.astype(int) - next(images())).mean() < 12
        assert source.grab() is None


@pytest.mark.parametrize(
    ("content", "says"), [(None, "No such file"), (b"", "empty file"), (b"GIF89a", "not a readable image")]
)
def test_what_is_no_image_is_refused(tmp_path, content, says):
    if content is not None:
        (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(InputError, match=says) as caught:
        open_source(Camera("a", str(tmp_path / "a.jpg")))
    assert "a.jpg" in str(caught.value)


def test_a_glob_of_images_makes_a_camera_of_each(tmp_path):
    write_folder(tmp_path / "photos")
    found = find_cameras([f"{tmp_path}/photos/*.png"])
    assert len(found) == FRAMES
    assert found[0].id == "frame0"
    with open_source(found[0]) as source:
        assert source.frames == 1


def test_a_webcam_gives_the_newest_frame_and_when_it_came():
    device = FakeCapture()
    before = time.time()
    with Webcam("webcam:0", capture=device) as source:
        assert (source.size, source.fps, source.frames) == ((64, 48), 15.0, None)
        first = source.grab()
        assert before <= first <= time.time()
        np.testing.assert_array_equal(source.decode(), next(images()))
        for _ in range(3):
            device.turns.release()
        while len(device.waiting) > FRAMES - 4:
            time.sleep(0.001)
        while source._newest is None or source._count < 4:
            time.sleep(0.001)
        assert source.grab() >= first
        np.testing.assert_array_equal(source.decode(), list(images())[3])
    assert source.grab() is None
    source.close()
    device.turns.release()
    assert device.released.wait(5)


def test_times_of_a_webcam_do_not_decrease_when_the_clock_is_set_back(monkeypatch):
    clock = iter([100.0, 90.0, 95.0, 120.0])
    monkeypatch.setattr("sdist_ray.video.live.time.time", lambda: next(clock))
    device = FakeCapture(4)
    with Webcam("webcam:0", capture=device) as source:
        times = [source.grab()]
        for _ in range(3):
            device.turns.release()
            times.append(source.grab())
        device.turns.release()
    assert times == [100.0, 100.0, 100.0, 120.0]


def test_a_webcam_that_is_unplugged_ends_and_says_so():
    device = FakeCapture(1)
    device.turns.release()
    with Webcam("webcam:0", capture=device) as source:
        assert len(list(source)) == 1
        assert "after 1: was it unplugged" in source.complaint
        assert source.grab() is None


def test_a_silent_webcam_ends(monkeypatch):
    monkeypatch.setattr("sdist_ray.video.live.SILENT_S", 0.05)
    device = FakeCapture(2)
    with Webcam("webcam:0", capture=device) as source:
        assert len(list(source)) == 1
        assert "no frame for 0.05 s" in source.complaint
        device.turns.release()


def test_a_busy_webcam_is_let_go_of():
    device = FakeCapture(busy=True)
    with pytest.raises(InputError, match="another program may be using it"):
        Webcam("webcam:0", capture=device)
    assert device.released.is_set()


@pytest.mark.parametrize("url", ["webcam:987", "/dev/video987", "webcam:front", "webcam:"])
def test_a_missing_webcam_is_one_line(url):
    (camera,) = find_cameras([url])
    with pytest.raises(InputError, match=r"no such webcam|not a webcam") as caught:
        open_source(camera)
    assert "\n" not in str(caught.value)
    assert url in str(caught.value)


def test_webcams_are_named_in_cameras_yaml_and_by_themselves(tmp_path):
    (tmp_path / "cameras.yaml").write_text("- {id: door, url: 'webcam:0'}\n")
    assert read_cameras(tmp_path / "cameras.yaml")[0].url == "webcam:0"
    assert [c.id for c in find_cameras(["webcam:0", "/dev/video1"])] == ["webcam0", "video1"]
    assert not is_webcam("/dev/shm/video0.mp4")


def test_a_truncated_video_is_read_to_the_break_and_says_so(tmp_path):
    path = tmp_path / "a.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), FPS, (64, 48))
    rng = np.random.default_rng(0)
    for _ in range(40):
        writer.write(rng.integers(0, 255, (48, 64, 3), dtype=np.uint8))
    writer.release()
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with VideoFile(path) as source:
        count = len(list(source))
        assert 5 < count < 35
        assert source.frames is None or "truncated" in (source.complaint or "")


def test_a_corrupt_image_is_passed_over_and_said(tmp_path):
    folder = write_folder(tmp_path / "a")
    (folder / "frame3.png").write_bytes(b"not an image")
    with Images(folder, FPS) as source:
        times = [frame.time_s * FPS for frame in source]
        np.testing.assert_allclose(times, [n for n in range(FRAMES) if n != 3])
        assert "1 of 12 images" in source.complaint
        assert "frame3.png" in source.complaint


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("missing.mp4", None, "No such file"),
        ("empty.mp4", b"", "empty file"),
        ("text.mp4", b"hello, I am text\n" * 200, "not a video"),
        ("list.mp4", b"#EXTM3U\nfile:///etc/passwd\n", "playlist"),
        ("concat.mp4", b"ffconcat version 1.0\nfile other.mp4\n", "playlist"),
    ],
)
def test_what_is_no_video_is_refused(tmp_path, name, content, says):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=says) as caught:
        VideoFile(tmp_path / name)
    assert name in str(caught.value)


def test_folders_without_good_images_are_refused(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(InputError, match="without images"):
        Images(tmp_path / "a")
    (tmp_path / "a" / "x.jpg").write_bytes(b"no")
    with pytest.raises(InputError, match="none of its 1 images"):
        Images(tmp_path / "a")


def test_images_are_in_natural_order(tmp_path):
    folder = write_folder(tmp_path / "a")
    with Images(folder, FPS) as source:
        tenth = list(source)[10].image
    np.testing.assert_array_equal(tenth, list(images())[10])


def test_globs_folders_and_stems_make_cameras(tmp_path):
    for name in ("b.mp4", "a.mp4"):
        write_video(tmp_path / name)
    write_folder(tmp_path / "pictures")
    found = find_cameras([f"{tmp_path}/*.mp4", str(tmp_path / "pictures")])
    assert [camera.id for camera in found] == ["a", "b", "pictures"]
    with pytest.raises(InputError, match="matches no file"):
        find_cameras([f"{tmp_path}/*.avi"])


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
