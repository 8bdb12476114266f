"""A video is written whole or not at all."""

import resource

import cv2
import numpy as np
import pytest

from sdist_ray.errors import InputError
from sdist_ray.video.files import VideoFile
from sdist_ray.video.writer import VideoWriter


def frames(count=8, width=64, height=48):
    for number in range(count):
        image = np.full((height, width, 3), 60, np.uint8)
        cv2.rectangle(image, (4 * number, 8), (4 * number + 12, 40), (40, 190, 220), -1)
        yield image


def names(folder):
    return [entry.name for entry in folder.iterdir()]


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
def test_what_was_written_is_read_again(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    with VideoWriter(path, 12.5, (64, 48)) as writer:
        for image in frames():
            image.flags.writeable = False
            writer.write(image)
        assert names(tmp_path) == [f".partial-a{suffix}"]
        assert writer.frames == 8
    assert names(tmp_path) == [path.name]
    video = VideoFile(path)
    assert (video.size, video.fps) == ((64, 48), 12.5)
    seen = [frame.image for frame in video]
    assert len(seen) == 8
    assert max(np.abs(a.astype(int) - b).mean() for a, b in zip(seen, frames(), strict=True)) < 12


def test_odd_sizes_are_padded_to_even(tmp_path):
    with VideoWriter(tmp_path / "a.mp4", 10, (63, 47)) as writer:
        for image in frames(width=63, height=47):
            writer.write(image)
    assert VideoFile(tmp_path / "a.mp4").size == (64, 48)


@pytest.mark.parametrize("fps", [0.02, 1, 12.345, 30000 / 1001, 59.94, 1000])
def test_any_frame_rate_can_be_written(tmp_path, fps):
    with VideoWriter(tmp_path / "a.mp4", fps, (64, 48)) as writer:
        for image in frames():
            writer.write(image)
    assert VideoFile(tmp_path / "a.mp4").frames == 8


def test_an_error_on_the_way_leaves_nothing_and_the_old_file_stays(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"the old one")

    def stop_halfway():
        with VideoWriter(path, 10, (64, 48)) as writer:
            writer.write(next(frames()))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop_halfway()
    assert names(tmp_path) == ["a.mp4"]
    assert path.read_bytes() == b"the old one"


def test_a_full_disk_is_an_error_and_leaves_nothing(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    noise = np.random.default_rng(0).integers(0, 255, (240, 320, 3), np.uint8)
    writer = VideoWriter(tmp_path / "a.mp4", 10, (320, 240))
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        for _ in range(40):
            writer.write(noise)
        with pytest.raises(InputError, match=r"a\.mp4: .*short"):
            writer.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert names(tmp_path) == []


def test_closing_and_abandoning_twice_is_safe(tmp_path):
    writer = VideoWriter(tmp_path / "a.mp4", 10, (64, 48))
    writer.write(next(frames()))
    writer.close()
    writer.close()
    writer.abandon()
    assert names(tmp_path) == ["a.mp4"]
    with pytest.raises(ValueError, match="closed"):
        writer.write(next(frames()))


def test_a_video_without_frames_is_none(tmp_path):
    with VideoWriter(tmp_path / "a.mp4", 10, (64, 48)):
        pass
    assert names(tmp_path) == []


@pytest.mark.parametrize("image", [np.zeros((48, 63, 3), np.uint8), np.zeros((48, 64, 3), np.float32)])
def test_a_frame_that_opencv_would_drop_is_refused(tmp_path, image):
    with VideoWriter(tmp_path / "a.mp4", 10, (64, 48)) as writer, pytest.raises(ValueError, match="uint8"):
        writer.write(image)


@pytest.mark.parametrize(
    ("name", "fps", "size"),
    [
        ("missing/a.mp4", 10, (64, 48)),
        ("a.avi", 10, (64, 48)),
        ("a.mp4", 0, (64, 48)),
        ("a.mp4", float("nan"), (64, 48)),
        ("a.mp4", 10, (0, 48)),
        ("a.mp4", 10, (9000, 48)),
    ],
)
def test_what_cannot_be_written_is_named_in_one_line(tmp_path, name, fps, size):
    with pytest.raises(InputError, match=r"a\.(mp4|avi): ") as error:
        VideoWriter(tmp_path / name, fps, size)
    assert "\n" not in str(error.value)
    assert names(tmp_path) == []
