"""Files as if live: exact times, loops, copies that are not in step, and files that are none."""

import gc
import math
import time

import av
import cv2
import numpy as np
import pytest

from sdist_ray.cameras.camera import Camera, Replay
from sdist_ray.errors import InputError
from sdist_ray.occupancy.block import Clock
from sdist_ray.video import clip_files
from sdist_ray.video.clip import held
from sdist_ray.video.files import VideoFile
from sdist_ray.video.replay import HOLD_S, Replayed
from sdist_ray.video.replicas import duration_s, replicate
from sdist_ray.video.streams import open_stream
from sdist_ray.video.timeline import UNITS_PER_S, Timeline
from tests.live import jpeg, picture, quick_pauses, until

FRAMES, FPS = 30, 10.0


def write(path, codec="MJPG", frames=FRAMES, fps=FPS):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), fps, (64, 48))
    for number in range(frames):
        writer.write(picture(number))
    writer.release()
    return path


def write_folder(path):
    path.mkdir()
    for number in range(FRAMES):
        (path / f"frame{number}.jpg").write_bytes(jpeg(number))
    return path


def remux(source, target):
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        video = old.streams.video[0]
        copy = new.add_stream_from_template(video)
        for packet in old.demux(video):
            if packet.size:
                packet.stream = copy
                new.mux(packet)
    return target


@pytest.fixture(params=["folder", "avi", "mp4", "mkv", "mpeg4", "transcoded"])
def footage(request, tmp_path):
    """A file of 3 s, 30 frames, and what its replay needs to say besides."""
    kind = request.param
    if kind == "folder":
        return write_folder(tmp_path / "a"), {}
    if kind in ("mpeg4", "transcoded"):
        return write(tmp_path / "a.mp4", "mp4v"), {"transcode": kind == "transcoded", "width": 32}
    avi = write(tmp_path / "a.avi")
    return (avi if kind == "avi" else remux(avi, tmp_path / f"b.{kind}")), {}


def replayed(path, start_s=1000.0, fps=None, **replay):
    camera = Camera("a", str(path), fps=fps, replay=Replay(start_s, **replay))
    return Replayed(camera, pauses=quick_pauses())


def play(stream, until_s, patience_s=120.0):
    """All frames up to a time, on a clock that only moves when all that was due is there."""
    frames, now_s = [], -math.inf
    while (due_s := stream.next_s(now_s)) <= until_s:
        if due_s == -math.inf:
            # It is being opened; that takes none of the replay's time.
            until(lambda: stream._opening is None or stream._opening.done, patience_s)
            now_s = stream._replay.start_s if now_s == -math.inf else now_s
        else:
            now_s = due_s
        shot = stream.poll(now_s)
        if shot is None:
            time.sleep(0.001)
        else:
            frames.append(shot)
    return frames


def start(stream):
    until(lambda: stream._opening is None or stream._opening.done)
    return stream


def test_frames_come_when_they_are_due_and_loop_for_ever(footage):
    path, settings = footage
    stream = replayed(path, **settings)
    frames = play(stream, 1000.0 + 7.0)
    assert len(frames) >= 70
    np.testing.assert_allclose(
        [shot.time_s for shot in frames], 1000 + 0.1 * np.arange(len(frames)), atol=2e-5
    )
    for number in range(FRAMES):
        assert np.array_equal(frames[number].content, frames[number + FRAMES].content)
    assert stream.status().state == "live"
    assert stream.status().dropped == 0
    stream.close()
    assert stream.poll(2000.0) is None
    assert stream.status().state == "ended"


def test_a_file_that_is_shorter_waits_for_the_others_of_its_loop(footage):
    path, settings = footage
    frames = play(replayed(path, period_s=4.5, **settings), 1000.0 + 9.0)
    begins = 1000 + 4.5 * np.arange(2)[:, None] + 0.1 * np.arange(FRAMES)
    np.testing.assert_allclose([shot.time_s for shot in frames[: 2 * FRAMES]], begins.ravel(), atol=2e-5)
    # A period that is too short for the file is none.
    frames = play(replayed(path, period_s=1.0, **settings), 1000.0 + 4.0)
    np.testing.assert_allclose(
        [shot.time_s for shot in frames], 1000 + 0.1 * np.arange(len(frames)), atol=2e-5
    )


def test_two_runs_differ_by_their_start_and_by_nothing_else(footage):
    path, settings = footage
    early = play(replayed(path, 1000.0, offset_s=1.23, **settings), 1009.0)
    late = play(replayed(path, 1_795_000_123.0, offset_s=1.23, **settings), 1_795_000_132.0)
    assert [shot.time_s - 1000.0 for shot in early] == [shot.time_s - 1_795_000_123.0 for shot in late]
    clock = Clock()
    first, second = (clock.tick(start_s) for start_s in (1000.0, 1_795_000_123.0))
    ticks = [
        [clock.tick(shot.time_s) - base for shot in run] for run, base in ((early, first), (late, second))
    ]
    assert ticks[0] == ticks[1]
    assert len(set(ticks[0])) == len(ticks[0])
    for a, b in zip(early, late, strict=True):
        assert np.array_equal(a.content, b.content)


def test_what_is_replayed_is_what_the_file_holds(tmp_path):
    path = write(tmp_path / "a.mp4", "mp4v", frames=70)
    with VideoFile(path) as source:
        expected = [cv2.cvtColor(frame.image, cv2.COLOR_BGR2GRAY) for frame in source]
    # From beyond where a key frame is looked for, over the end, and from the beginning.
    frames = play(replayed(path, offset_s=6.0), 1000 + 4.0)
    for number, shot in enumerate(frames):
        wanted = expected[(60 + number) % 70].astype(int)
        assert np.abs(shot.content.astype(int) - wanted).max() <= 4, number


def test_jpeg_is_handed_over_as_it_was_written(tmp_path):
    folder = write_folder(tmp_path / "a")
    frames = play(replayed(folder), 1002.85)
    assert [shot.content for shot in frames] == [jpeg(number) for number in range(len(frames))]


def test_frames_that_are_not_jpeg_images_come_in_grey(tmp_path):
    folder = tmp_path / "a"
    folder.mkdir()
    for number in range(4):
        cv2.imwrite(str(folder / f"{number}.png"), picture(number))
    frames = play(replayed(folder), 1000.35)
    assert [shot.content.shape for shot in frames] == [(48, 64)] * 4


def test_a_replay_without_a_loop_ends(footage):
    path, settings = footage
    stream = replayed(path, loop=False, offset_s=1.0, **settings)
    frames = play(stream, 1e12)
    assert len(frames) == 20
    assert stream.status().state == "ended"
    assert stream.poll(1e12) is None
    assert stream.next_s(5.0) == math.inf


def test_uneven_times_are_the_files_own_unless_its_rate_is_stated(tmp_path):
    with av.open(str(tmp_path / "a.mkv"), "w") as file:
        video = file.add_stream("mjpeg", rate=1000)
        video.width, video.height, video.pix_fmt = 64, 48, "yuvj420p"
        for number, pts in enumerate((0, 50, 300, 400)):
            frame = av.VideoFrame.from_ndarray(picture(number), format="bgr24").reformat(format="yuvj420p")
            frame.pts = pts
            file.mux(video.encode(frame))
        file.mux(video.encode(None))
    own = [shot.time_s - 1000 for shot in play(replayed(tmp_path / "a.mkv"), 1000.4)]
    np.testing.assert_allclose(own[:4], [0, 0.05, 0.3, 0.4], atol=0.002)
    stated = [shot.time_s - 1000 for shot in play(replayed(tmp_path / "a.mkv", fps=5.0), 1000.7)]
    np.testing.assert_allclose(stated, [0, 0.2, 0.4, 0.6], atol=2e-5)


def test_nothing_comes_before_the_start_and_next_s_says_when(tmp_path):
    stream = start(replayed(write(tmp_path / "a.avi"), start_s=5000.0))
    assert stream.poll(4999.0) is None
    assert stream.next_s(4999.0) == 5000.0
    assert stream.poll(5000.0).time_s == 5000.0
    assert stream.next_s(5000.0) == pytest.approx(5000.1, abs=1e-4)
    assert stream.poll(5000.05) is None


def test_frames_that_nobody_took_are_dropped_oldest_first_and_counted(footage):
    path, settings = footage
    stream = start(replayed(path, **settings))
    assert until(lambda: stream.poll(1000.0)).time_s == 1000.0
    late = until(lambda: stream.poll(1010.0))
    assert late.time_s == pytest.approx(1010.0 - HOLD_S, abs=0.1)
    assert stream.status().dropped == pytest.approx(79, abs=1)
    # A clock that jumps by years costs no time.
    assert until(lambda: stream.poll(1e9)).time_s == pytest.approx(1e9 - HOLD_S, abs=0.2)


def test_frames_that_were_due_before_it_was_open_are_not_dropped_ones(tmp_path):
    stream = start(replayed(write(tmp_path / "a.avi"), start_s=0.0))
    assert stream.poll(1_795_000_000.0).time_s == pytest.approx(1_795_000_000.0 - HOLD_S, abs=0.1)
    assert stream.status().dropped == 0


def test_time_that_runs_backwards_gives_no_frame_twice(tmp_path):
    stream = start(replayed(write(tmp_path / "a.avi")))
    assert stream.poll(1000.0) is not None
    assert stream.poll(1000.11) is not None
    assert stream.poll(900.0) is None
    assert stream.poll(1000.21).time_s == pytest.approx(1000.2, abs=1e-4)


@pytest.mark.parametrize("loop", [True, False])
@pytest.mark.parametrize("offset", [0, 7, 25, 99, 100, 131])
def test_a_timeline_is_its_plain_definition(loop, offset):
    times, length = [0, 10, 25, 60], 100
    line = Timeline(times, length, 5.0, offset, loop)
    laps = range(5) if loop else range(1)
    begin = offset % length
    due = sorted(lap * length + t - begin for lap in laps for t in times if lap * length + t >= begin)
    for number, units in enumerate(due):
        time_s = line.time_s(number)
        assert time_s == 5.0 + units / UNITS_PER_S
        assert times[line.index(number)] == (units + begin) % length
        assert line.first_at(time_s) == number
        assert line.first_at(time_s - 1e-6) == number
    if not loop:
        assert line.time_s(len(due)) == math.inf
        assert line.first_at(1e9) == len(due)


def test_copies_begin_apart_unless_asked_otherwise(tmp_path):
    camera = Camera("hall", str(write(tmp_path / "hall.avi")))
    assert duration_s(camera) == pytest.approx(3.0, abs=0.01)
    copies = replicate([camera], 5, start_s=1000.0)
    assert [copy.id for copy in copies] == ["hall", "hall~2", "hall~3", "hall~4", "hall~5"]
    begins = sorted(copy.replay.offset_s % 3.0 for copy in copies)
    assert min(np.diff([*begins, begins[0] + 3.0])) > 0.3
    assert replicate([camera], 9, start_s=1000.0)[:5] == copies
    assert {copy.replay.offset_s for copy in replicate([camera], 5, offset_s=0.0)} == {0.0}
    assert [copy.replay.offset_s for copy in replicate([camera], 3, offset_s=2.0)] == [0.0, 2.0, 4.0]
    frames = [play(Replayed(copy), 1002.0)[5] for copy in copies]
    assert len({shot.content for shot in frames}) == 5


def test_copies_of_a_name_that_exists_are_refused(tmp_path):
    path = str(write(tmp_path / "a.avi"))
    with pytest.raises(InputError, match="two cameras have the id 'a~2'"):
        replicate([Camera("a", path), Camera("a~2", path)], 2)
    with pytest.raises(InputError, match="at least 1"):
        replicate([Camera("a", path)], 0)
    with pytest.raises(InputError, match="only files"):
        replicate([Camera("a", "rtsp://u:secret@host/x")], 2)


def test_images_are_held_once_for_all_copies_and_let_go_with_the_last(tmp_path):
    gc.collect()
    before = held.bytes
    copies = [start(replayed(write(tmp_path / "a.avi"), offset_s=k)) for k in range(3)]
    contents = [play(stream, 1000.5)[0].content for stream in copies]
    kept = held.bytes - before
    assert 0 < kept < 100_000
    assert copies[0]._clip is copies[1]._clip is copies[2]._clip
    for stream in copies:
        stream.close()
    del copies, stream, contents
    gc.collect()
    assert held.bytes == before


@pytest.mark.parametrize("kind", ["avi", "mp4", "mkv", "folder"])
def test_a_file_beyond_the_memory_is_read_from_disk(tmp_path, monkeypatch, kind):
    path = write_folder(tmp_path / "a") if kind == "folder" else write(tmp_path / "a.avi")
    path = remux(path, tmp_path / f"b.{kind}") if kind in ("mp4", "mkv") else path
    whole = [shot.content for shot in play(replayed(path), 1002.85)]
    gc.collect()
    monkeypatch.setattr(clip_files, "CLIP_BYTES", 5000)
    before = held.bytes
    stream = replayed(path)
    assert [shot.content for shot in play(stream, 1002.85)] == whole
    assert held.bytes - before <= 5000


def test_broken_images_of_a_folder_leave_gaps(tmp_path):
    folder = write_folder(tmp_path / "a")
    (folder / "frame3.jpg").write_bytes(b"")
    (folder / "frame4.jpg").write_bytes(b"no image at all")
    (folder / "frame5.jpg").unlink()
    (folder / "frame5.jpg").mkdir()
    times = [shot.time_s for shot in play(replayed(folder), 1000.95)]
    np.testing.assert_allclose(times, 1000 + np.array([0, 0.1, 0.2, 0.6, 0.7, 0.8, 0.9]), atol=2e-5)


def test_a_truncated_video_is_played_as_far_as_it_goes(tmp_path):
    path = write(tmp_path / "a.avi")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    frames = play(replayed(path, loop=False), 1e12)
    assert 5 < len(frames) < FRAMES


HOSTILE = {
    "empty.avi": (b"", "an empty file"),
    "text.mp4": (b"This is no video. " * 500, "not a video"),
    "list.mp4": (b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "a playlist"),
    "late.avi": (b"\n" * 40 + b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "not a video"),
    "concat.mkv": (b"ffconcat version 1.0\nfile /etc/passwd\n", "a playlist"),
    "sdp.mp4": (b"v=0\nm=video 5000 RTP/AVP 96\nc=IN IP4 127.0.0.1\n", "not a video"),
    "cut.avi": (b"RIFF\0\0\0\0AVI LIST", "not a video"),
    "a.jpg": (b"", "none of its 1 images"),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("transcode", [False, True])
def test_what_is_no_video_waits_and_says_why(tmp_path, name, transcode, capfd):
    content, reason = HOSTILE[name]
    (tmp_path / name).write_bytes(content)
    stream = replayed(tmp_path / name, transcode=transcode)
    until(lambda: stream.poll(1000.0) is None and stream.status().state == "waiting")
    assert reason in stream.status().problem
    assert "\n" not in stream.status().problem
    assert capfd.readouterr().err == ""


def test_a_file_that_is_not_there_yet_is_tried_again(tmp_path):
    stream = replayed(tmp_path / "a.avi", start_s=0.0)
    until(lambda: stream.poll(1000.0) is None and stream.status().state == "waiting")
    assert "No such file" in stream.status().problem
    write(tmp_path / "a.avi")
    assert until(lambda: stream.poll(1001.0)).time_s <= 1001.0
    status = stream.status()
    assert (status.state, status.problem) == ("live", None)


@pytest.mark.parametrize(
    "change", [{"start_s": math.nan}, {"offset_s": math.inf}, {"width": 1}, {"period_s": -1.0}]
)
def test_replays_that_cannot_be_are_refused(change):
    with pytest.raises(InputError, match="replay: "):
        Replay(**{"start_s": 0.0, **change})


def test_a_camera_with_a_replay_opens_as_one_and_needs_a_file(tmp_path):
    path = str(write(tmp_path / "a.avi"))
    assert isinstance(open_stream(Camera("a", path, replay=Replay(0.0))), Replayed)
    with pytest.raises(InputError, match="only files can be replayed"):
        open_stream(Camera("a", "rtsp://u:secret@host/x", replay=Replay(0.0)))
    with pytest.raises(InputError, match="no url"):
        open_stream(Camera("a", None, replay=Replay(0.0)))
