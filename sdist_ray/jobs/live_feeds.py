"""What live workers are made of: streams, detectors, smart cameras."""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass, replace

import numpy as np
import simplejpeg

from sdist_ray.cameras.camera import Camera
from sdist_ray.cameras.record_streams import open_records
from sdist_ray.detection.detector import Detector
from sdist_ray.detection.foreground import ForegroundDetector, ForegroundSettings
from sdist_ray.detection.make import AnyDetectorSettings, make_detector
from sdist_ray.detection.sight import Sight, SightSettings
from sdist_ray.errors import InputError
from sdist_ray.runtime.feeds import Assignment, NetworkSpec
from sdist_ray.runtime.live.camera import CameraState, LiveCamera
from sdist_ray.runtime.live.feed import LiveFeed
from sdist_ray.runtime.live.records import LiveRecords
from sdist_ray.runtime.live.watched import Watched
from sdist_ray.video.clips import Opening, open_clip
from sdist_ray.video.jpeg import decode_grey
from sdist_ray.video.replay import source_of
from sdist_ray.video.streams import Timeouts, is_record_address, open_stream

WARM_UP_FRAMES = 80
MOST_CLIPS = 8
"""Transcoded files that a worker opens before it reads any: each takes memory, up to tens of megabytes."""


@dataclass(frozen=True)
class LiveFeeds:
    """Makes the feed of a live worker.

    Attributes:
        network: grid and clock.
        settings: of every camera's detector.
        timeouts: of cameras.
        patience_s: frames older than this are dropped.
        threads: what a neural model may use there.
        transcoded: cameras of which some may play files that are turned into JPEG images first.
    """

    network: NetworkSpec
    settings: AnyDetectorSettings
    timeouts: Timeouts
    patience_s: float
    threads: int = 1
    transcoded: tuple[Camera, ...] = ()

    def __call__(self) -> LiveFeed:
        """The feed, once what it needs is compiled and open: a camera that is moved to it must not wait."""
        clips = self._clips()
        self._warm_up()
        while not all(clip.done for clip in clips):
            time.sleep(0.02)
        # What is there by now stays there: to look through it again and again took 2 % of a worker's time.
        gc.freeze()

        def open_camera(entry: Assignment, state: CameraState | None) -> Watched:
            assert clips is not None, "clips stay open for as long as the feed is there"
            return self.open_camera(entry, state)

        return LiveFeed(open_camera)

    def _clips(self) -> list[Opening]:
        """Clips that take long to open: they are transcoded, in every process that plays them."""
        played = [camera for camera in self.transcoded if camera.replay and camera.replay.transcode]
        sources = dict.fromkeys(source_of(camera) for camera in played)
        return [open_clip(source) for source in list(sources)[:MOST_CLIPS]]

    def open_camera(self, entry: Assignment, state: CameraState | None) -> Watched:
        """A camera that is read here from now on, with what was known of it elsewhere."""
        camera = entry.described
        if camera is None:
            raise InputError(f"camera {entry.camera!r} is not described")
        if is_record_address(camera.url or ""):
            grid, clock = self.network.grid, self.network.clock
            stream = open_records(camera, grid, clock.fps, entry.place, timeouts=self.timeouts)
            return LiveRecords(camera.id, clock, stream)
        width = self._working_width
        return LiveCamera(
            camera.id,
            entry.place,
            self.network,
            open_stream(camera, width, timeouts=self.timeouts),
            self._detector(camera),
            self.patience_s,
            width,
            state,
        )

    @property
    def _working_width(self) -> int | None:
        return self.settings.working_width if isinstance(self.settings, ForegroundSettings) else None

    def _detector(self, camera: Camera) -> Detector:
        return make_detector(self.settings, camera.mask, self.threads)

    def _warm_up(self) -> None:
        """Show a camera that is none all that cameras show: nobody, people, and a picture that stands still.

        What compiles only when it is needed takes many seconds then, and a worker that answers nothing for so
        long is given up.
        """
        settings = self.settings
        if isinstance(settings, ForegroundSettings):
            settings = replace(settings, warmup_frames=WARM_UP_FRAMES // 2)
        detector = make_detector(settings, None, self.threads)
        sight = Sight(SightSettings(frozen_s=1.0))
        empty = np.random.default_rng(0).integers(100, 140, (240, 320), np.uint8)
        for frame in range(WARM_UP_FRAMES):
            grey = empty.copy()
            if frame >= WARM_UP_FRAMES // 2 + 2:
                grey[80:180, 10 * (frame % 20) : 10 * (frame % 20) + 40] = 250
            detector.detect(decode_grey(simplejpeg.encode_jpeg(grey[..., None], colorspace="GRAY")))
            sight.look(grey, frame * 0.5)
        for frame in range(WARM_UP_FRAMES):
            sight.look(empty, (WARM_UP_FRAMES + frame) * 0.5)
        if isinstance(detector, ForegroundDetector):
            state = detector.snapshot()
            if state is not None:
                detector.restore(state)
