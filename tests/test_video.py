"""One contract for every source of frames: videos, folders, images."""

import cv2
import numpy as np
import pytest

from sdist_ray.cameras.camera import Camera
from sdist_ray.errors import InputError
from sdist_ray.video.files import VideoFile, find_cameras, open_source
from sdist_ray.video.images import Images
from tests.videos import FPS, FRAMES, images, write_folder, write_video


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
