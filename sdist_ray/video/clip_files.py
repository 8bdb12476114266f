"""Reading files that stand in for cameras: videos, and folders of images."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from sdist_ray.errors import InputError
from sdist_ray.video.clip import JPEG_START, Clip, Extent, held, read_part
from sdist_ray.video.files import check_file
from sdist_ray.video.images import DEFAULT_IMAGE_FPS, image_files, is_image
from sdist_ray.video.luma import shrink

log = logging.getLogger(__name__)

CLIP_BYTES = 256 << 20
"""JPEG data of one file that is kept in memory; a longer file's is read from disk when due."""
PROCESS_BYTES = 1 << 30
"""And of all files of a process."""
TRANSCODED_S = 1800.0
"""A video that is transcoded is played no further than this."""
TRANSCODED_QUALITY = 60
"""10 to 12 kB for street scenes at 320x240, which is what network cameras send."""
FORMATS = (
    "avi,mov,matroska,webm,mpegts,mpeg,mpegvideo,m4v,mjpeg,h264,hevc,av1,obu,ivf,flv,asf,ogg,nut,yuv4mpegpipe"
)
"""What a video file may be: nothing that names other files or addresses."""
ending = threading.Event()


@dataclass(frozen=True)
class Source:
    """Which clip: one for all copies that agree in this.

    Attributes:
        path: a video, a folder of images or an image.
        fps: frames per second where stated; None takes the file's own times.
        transcode: a video that is no JPEG becomes JPEG images.
        width: transcoded images that are wider are shrunk to it.
    """

    path: Path
    fps: float | None = None
    transcode: bool = False
    width: int = 320


def load(source: Source) -> Clip:
    """Open a clip.

    Raises:
        InputError: missing, empty, a playlist, no video, or without a frame.
    """
    path = source.path
    if path.is_dir() or is_image(path):
        return _load_images(source)
    check_file(path)
    with open_video(path) as container:
        video = container.streams.video[0]
        if video.codec_context.name == "mjpeg":
            return _load_jpegs(source, container, video)
        if source.transcode:
            return _transcode(source, container, video)
        # No frame is decoded here, only their times are read.
        packets = _packets(path, container, video)
        found = {stamp_of(packet) for packet in packets if packet.size and not packet.is_discard}
        stamps = sorted(stamp for stamp in found if stamp is not None)
        fps, base = _rate(source, video), float(video.time_base or 1)
        own = [stamp * base for stamp in stamps]
        return Clip(path, _times(source, own, len(stamps), fps), fps, None, stamps)


@contextlib.contextmanager
def open_video(path: Path) -> Iterator[InputContainer]:
    """A video file, open in FFmpeg with one thread, with nothing but itself in reach.

    Raises:
        InputError: it is none, or has no picture in it.
    """
    options = {"protocol_whitelist": "file", "format_whitelist": FORMATS}
    try:
        container = av.open(f"file:{path}", options=options)
    except (av.FFmpegError, OSError, ValueError) as error:
        raise InputError(f"{path}: not a video that FFmpeg can read (damaged, or another format)") from error
    with container:
        if not container.streams.video:
            raise InputError(f"{path}: no video in it")
        codec = container.streams.video[0].codec_context
        if codec is None:
            raise InputError(f"{path}: a video of a kind that FFmpeg does not know, or damaged")
        codec.thread_count = 1
        yield container


def _packets(path: Path, container: InputContainer, video: VideoStream) -> Iterator[av.Packet[VideoStream]]:
    """Packets, up to where the file is damaged."""
    try:
        for packet in container.demux(video):
            if ending.is_set():
                return
            yield packet
    except (av.FFmpegError, OSError, ValueError):
        log.warning("%s: truncated or damaged; it is played up to there", path)


def stamp_of(part: av.Packet[VideoStream] | VideoFrame) -> int | None:
    """Its presentation time, or where the container has none its decoding time, in the video's own unit."""
    return part.dts if part.pts is None else part.pts


def _load_images(source: Source) -> Clip:
    files = image_files(source.path)
    fps = source.fps or DEFAULT_IMAGE_FPS
    budget = _budget()
    parts: list[bytes | Extent | Path | None] = []
    for file in files:
        if ending.is_set():
            break
        try:
            size = file.stat().st_size
            part: bytes | Path | None = file
            if size <= budget:
                content = read_part(file)
                # A file that is no JPEG is decoded when due: as pixels it would fill the memory.
                part = content if isinstance(content, bytes) else None if content is None else file
                budget -= len(part) if isinstance(part, bytes) else 0
        except OSError:
            part = None
        parts.append(part)
    if all(part is None for part in parts):
        raise InputError(f"{source.path}: none of its {len(files)} images can be read")
    _say_what_is_read_late(source.path, sum(isinstance(part, Path) for part in parts), len(parts))
    return Clip(source.path, [number / fps for number in range(len(files))], fps, parts)


def _load_jpegs(source: Source, container: InputContainer, video: VideoStream) -> Clip:
    path = source.path
    fps, base, budget = _rate(source, video), float(video.time_base or 1), _budget()
    parts: list[bytes | Extent | Path | None] = []
    own: list[float] = []
    with path.open("rb") as file:
        for packet in _packets(path, container, video):
            if not packet.size:
                continue
            data: bytes | None = bytes(packet)
            part: bytes | Extent | None = data
            assert data is not None
            if not data.startswith(JPEG_START):
                part = None
            elif len(data) <= budget:
                budget -= len(data)
            else:
                budget = 0
                part = _find(file.fileno(), packet.pos, data)
            parts.append(part)
            own.append(_seconds(packet, base))
    if all(part is None for part in parts):
        raise InputError(f"{path}: no image in it can be read")
    _say_what_is_read_late(path, sum(isinstance(part, Extent) for part in parts), len(parts))
    return Clip(path, _times(source, own, len(parts), fps), fps, parts)


def _find(file: int, position: int | None, data: bytes) -> Extent | None:
    """Where a packet's bytes stand: some containers put a header of their own before them."""
    if position is None:
        return None
    before = os.pread(file, 64 + len(data), position).find(data)
    return Extent(position + before, len(data)) if before >= 0 else None


def _transcode(source: Source, container: InputContainer, video: VideoStream) -> Clip:
    path, fps, base = source.path, _rate(source, video), float(video.time_base or 1)
    budget = _budget()
    parts: list[bytes | Extent | Path | None] = []
    own: list[float] = []
    for packet in _packets(path, container, video):
        try:
            frames = packet.decode()
        except (av.FFmpegError, ValueError):
            continue
        for frame in frames:
            image = np.asarray(frame.to_ndarray(format="bgr24"), dtype=np.uint8)
            quality = [cv2.IMWRITE_JPEG_QUALITY, TRANSCODED_QUALITY]
            turned = np.ascontiguousarray(np.rot90(image, round(frame.rotation / 90) % 4))
            data = cv2.imencode(".jpg", shrink(turned, source.width), quality)[1].tobytes()
            budget -= len(data)
            parts.append(data)
            own.append(_seconds(frame, base))
        if budget < 0 or len(parts) / fps > TRANSCODED_S:
            log.warning("%s: only its first %.0f s are played, the memory's share", path, len(parts) / fps)
            break
    return Clip(path, _times(source, own, len(parts), fps), fps, parts)


def _seconds(part: av.Packet[VideoStream] | VideoFrame, base: float) -> float:
    stamp = stamp_of(part)
    return math.nan if stamp is None else stamp * base


def _rate(source: Source, video: VideoStream) -> float:
    own = float(video.average_rate or video.guessed_rate or 0)
    return source.fps or (own if 0 < own <= 1000 else 25.0)


def _times(source: Source, own: Sequence[float], count: int, fps: float) -> list[float]:
    """The file's own times, unless others are stated or its own are no times."""
    steps = np.diff(own)
    if source.fps is None and np.isfinite(own).all() and (steps > 0).all():
        return list(own)
    return [number / fps for number in range(count)]


def _budget() -> int:
    return max(0, min(CLIP_BYTES, PROCESS_BYTES - held.bytes))


def _say_what_is_read_late(path: Path, late: int, count: int) -> None:
    if late:
        log.info("%s: %d of %d images are read from disk when due, not kept in memory", path, late, count)
