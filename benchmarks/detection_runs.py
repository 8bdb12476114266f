"""The two pipelines of ``benchmarks.detection_node``, and the frames that they are given."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from benchmarks.foreground import IOU, overlaps, pets_boxes, scenescape_boxes
from sdist_ray.cameras.camera import Camera
from sdist_ray.detection.detector import NOBODY, Detections
from sdist_ray.detection.foreground import ForegroundDetector, ForegroundSettings, Mog2Model
from sdist_ray.occupancy.block import BlockBuilder, Clock
from sdist_ray.occupancy.grid import Grid
from sdist_ray.runtime.live.steps import TOGETHER, Steps, do_together
from sdist_ray.simulation.render import render_frames
from sdist_ray.simulation.site import SiteSpec, make_site, walk
from sdist_ray.video.files import open_source
from sdist_ray.video.jpeg import decode_grey

SIZE = (320, 240)
SETTINGS = ForegroundSettings()
CLOCK = Clock()
GRID = Grid()
STEPS = ("decode", "mixture", "blobs", "windows")


@dataclass
class Clip:
    """Frames as JPEG files, and the boxes of the people in them where they are annotated."""

    name: str
    frames: list[bytes]
    truth: dict[int, np.ndarray] | None = None


def clips_of(source: str, data: Path | None, quality: int, most: int) -> list[Clip]:
    """Clips of 320x240, JPEG with the chroma halved both ways."""
    if source == "site" or data is None:
        site = make_site(SiteSpec(cameras=3, people=12, minutes=max(1.0, most / 600)))
        people = walk(site)
        return [Clip(f"site {k}", encoded(render_frames(site, people, k), quality, most)) for k in range(3)]
    pets, scenescape = data / "pets2009", data / "scenescape"
    known = [
        ("pets", pets / "View_001_vtest_480x360.mp4", pets_boxes(pets / "PETS2009-S2L1.xml")),
        *(
            (
                f"scenescape {name}",
                scenescape / f"Cam_{name}_0_10fps.mp4",
                scenescape_boxes(scenescape / f"Cam_{name}_0_10fps.json"),
            )
            for name in ("x1", "x2")
        ),
    ]
    return [
        Clip(name, encoded(images(video), quality, most), truth)
        for name, video, truth in known
        if source == "all" or name.startswith(source)
    ]


def images(video: Path) -> Iterator[np.ndarray]:
    with open_source(Camera("x", str(video))) as opened:
        for frame in opened:
            yield frame.image


def encoded(frames: Iterator[np.ndarray], quality: int, most: int) -> list[bytes]:
    result = []
    for image in frames:
        if len(result) == most:
            break
        small = image
        if image.shape[1::-1] != SIZE:
            small = cv2.resize(image, SIZE, interpolation=cv2.INTER_AREA)
        result.append(cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes())
    return result


class Pipeline(Protocol):
    """One camera's way from a JPEG file to rows of occupancy, in STEPS."""

    builder: BlockBuilder
    seen: Detections
    """What was in the frame that was seen last."""

    def see(self, tick: int, data: bytes) -> Steps:
        """Look at a frame: a whole JPEG file."""
        ...


class Ours:
    """What a detection worker does for one camera."""

    def __init__(self, camera: int) -> None:
        self.detector = ForegroundDetector(SETTINGS)
        self.builder = BlockBuilder(camera, GRID, CLOCK)
        self.seen = NOBODY

    def see(self, tick: int, data: bytes) -> Steps:
        """See Pipeline."""
        grey = decode_grey(data, SETTINGS.working_width)
        yield
        foreground = self.detector.learn(grey)
        yield
        self.seen = seen = self.detector.people(foreground)
        yield
        self.builder.add(tick, seen.available, seen.foot_x, seen.foot_y)


class OpenCv:
    """The same steps, each by OpenCV."""

    def __init__(self, camera: int) -> None:
        self.model = Mog2Model(SETTINGS.mixture)
        self.opening = np.ones((SETTINGS.opening, SETTINGS.opening), np.uint8)
        self.closing = np.ones((SETTINGS.closing_height, SETTINGS.closing_width), np.uint8)
        self.builder = BlockBuilder(camera, GRID, CLOCK)
        self.frames = 0
        self.seen = NOBODY

    def see(self, tick: int, data: bytes) -> Steps:
        """See Pipeline."""
        grey = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
        yield
        image = self.model.apply(grey)
        yield
        image = cv2.morphologyEx(image, cv2.MORPH_OPEN, self.opening)
        image = cv2.morphologyEx(image, cv2.MORPH_CLOSE, self.closing)
        stats = cv2.connectedComponentsWithStats(image, connectivity=8)[2][1:]
        height, width = grey.shape
        area = stats[:, cv2.CC_STAT_AREA] / (width * height)
        kept = stats[(area >= SETTINGS.least_area) & (area <= SETTINGS.largest_area), :4]
        self.frames += 1
        boxes = (kept / np.array([width, height, width, height])).astype(np.float32)
        seen = Detections.of(boxes)
        self.seen = Detections(self.frames > SETTINGS.warmup_frames, seen.boxes, seen.scores)
        yield
        self.builder.add(tick, self.seen.available, seen.foot_x, seen.foot_y)


def run(cameras: Sequence[Pipeline], clips: list[Clip], first: int, count: int) -> float:
    """CPU seconds for ``count`` frames of every camera, each at its own place in its clip.

    Their steps take turns as they do in a live worker, in both pipelines.
    """
    start = time.process_time()
    for tick in range(first, first + count):
        for group in groups_at(cameras, clips, tick):
            do_together(group, failed)
        if (tick + 1) % CLOCK.range_ticks == 0:
            for camera in cameras:
                camera.builder.take(CLOCK.range_of(tick))
    return time.process_time() - start


def groups_at(
    cameras: Sequence[Pipeline], clips: list[Clip], tick: int
) -> Iterator[list[tuple[Pipeline, Steps]]]:
    """What is to be done at a tick, by those that take turns."""
    for begin in range(0, len(cameras), TOGETHER):
        numbers = range(begin, min(begin + TOGETHER, len(cameras)))
        yield [(cameras[k], cameras[k].see(tick, frame_of(clips, k, tick))) for k in numbers]


def failed(camera: Pipeline, error: Exception) -> None:
    raise error


def frame_of(clips: list[Clip], camera: int, tick: int) -> bytes:
    """Cameras of one clip are 37 frames apart, and go back and forth in it: no jump looks like a light."""
    frames = clips[camera % len(clips)].frames
    place = (camera // len(clips) * 37 + tick) % (2 * len(frames) - 2)
    return frames[min(place, 2 * len(frames) - 2 - place)]


def stage_times(cameras: Sequence[Pipeline], clips: list[Clip], first: int, count: int) -> dict[str, float]:
    """Milliseconds a frame of each step, in the order and the cache of the whole."""
    clock = time.thread_time
    spent = dict.fromkeys(STEPS, 0.0)
    for tick in range(first, first + count):
        for group in groups_at(cameras, clips, tick):
            for name in STEPS:
                begin = clock()
                for _, steps in group:
                    next(steps, None)
                spent[name] += clock() - begin
    return {name: seconds * 1e3 / (count * len(cameras)) for name, seconds in spent.items()}


def quality_of(camera: Pipeline, clip: Clip) -> dict[str, float]:
    """Precision and recall of blobs against annotated people, after the warm-up, at IoU 0.3."""
    from scipy.optimize import linear_sum_assignment

    assert clip.truth is not None
    found = right = true = 0
    for number, data in enumerate(clip.frames):
        for _ in camera.see(number, data):
            pass
        seen = camera.seen
        boxes = clip.truth.get(number)
        if not seen.available or boxes is None:
            continue
        iou = overlaps(seen.boxes.astype(float), boxes)
        rows, columns = linear_sum_assignment(-iou)
        right += int((iou[rows, columns] >= IOU).sum())
        found, true = found + len(seen.boxes), true + len(boxes)
    return {"precision": right / max(found, 1), "recall": right / max(true, 1)}


def bandwidth(megabytes: int = 256) -> float:
    """Bytes a second that one core reads and writes in place, memory that fits no cache."""
    memory = np.zeros(megabytes << 17, np.uint64)
    best = np.inf
    for _ in range(5):
        start = time.perf_counter()
        np.bitwise_xor(memory, np.uint64(1), out=memory)
        best = min(best, time.perf_counter() - start)
    return 2 * memory.nbytes / best
