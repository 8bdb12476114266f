"""What a live network reads: cameras at addresses, and files that play as if they were live."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sdist_ray.cameras.camera import Camera, check_unique, common_grid, merge
from sdist_ray.cameras.described import read_cameras
from sdist_ray.coordinator.live import Timing
from sdist_ray.errors import InputError
from sdist_ray.occupancy.block import Clock
from sdist_ray.occupancy.grid import Grid
from sdist_ray.runtime.feeds import NetworkSpec
from sdist_ray.settings import NetworkSettings
from sdist_ray.settings_live import LiveSettings
from sdist_ray.video.replicas import duration_s, replicate
from sdist_ray.video.streams import check_address, find_streams

LOOP_GAP_S = 0.5


@dataclass(frozen=True)
class LiveInputs:
    """What a live network reads.

    Attributes:
        network: cameras, grid, clock.
        cameras: one per id of the network.
    """

    network: NetworkSpec
    cameras: tuple[Camera, ...]


def find_live_inputs(settings: NetworkSettings, range_s: float) -> LiveInputs:
    """The cameras of a live network; files among them play as if they were live.

    Raises:
        InputError: no camera, two with one id, an address that is none, or a file of settings that is wrong.
    """
    clock = Clock.of(settings.fps, range_s)
    cameras = as_live(named(settings.source.paths, settings.cameras), settings.live, clock)
    if not cameras:
        raise InputError("source.paths names no camera")
    grid = common_grid(cameras, Grid(settings.grid.columns, settings.grid.rows))
    return LiveInputs(NetworkSpec(tuple(camera.id for camera in cameras), grid, clock), tuple(cameras))


def named(paths: Sequence[str], described: str | None) -> list[Camera]:
    """Cameras at addresses, with what cameras.yaml says of them; without addresses, those of cameras.yaml.

    Raises:
        InputError: an address that is none, or a file of settings that is wrong.
    """
    known = read_cameras(Path(described)) if described else []
    found = find_streams(paths)
    return merge(known, found) if found else known


def as_live(cameras: list[Camera], live: LiveSettings, clock: Clock) -> list[Camera]:
    """Cameras that can be read live, by id; files among them play.

    Raises:
        InputError: an address that is none, or two cameras with one id.
    """
    ready = playing(cameras, live, next_start(live, clock))
    for camera in ready:
        check_address(camera)
    check_unique(ready)
    return sorted(ready, key=lambda camera: camera.id)


def next_start(live: LiveSettings, clock: Clock) -> float:
    """When files begin to play: where a range begins, so that two runs differ by whole ranges."""
    range_s = clock.range_ticks / clock.fps
    return math.ceil((time.time() + live.start_in_s) / range_s) * range_s


def timing_of(live: LiveSettings, clock: Clock) -> Timing:
    """When ranges close."""
    return Timing(range_s=clock.range_ticks / clock.fps, lateness_s=live.lateness_s)


def playing(cameras: list[Camera], live: LiveSettings, start_s: float) -> list[Camera]:
    """Cameras as they are, but for files, which play, and as often as is wanted."""
    files = [camera for camera in cameras if is_file(camera)]
    others = [camera for camera in cameras if not is_file(camera)]
    if live.replicas > 1 and others:
        raise InputError(f"live.replicas is for files; {others[0].id!r} is none")
    played = replicate(files, live.replicas, live.offset_s, start_s, live.loop, live.transcode, live.width)
    if live.loop and live.replicas == 1 and len(files) > 1:
        played = loop_together(played)
    return [*others, *played]


def loop_together(played: list[Camera]) -> list[Camera]:
    """Files that begin anew at the same time, however long each is: what they show at once stays so.

    Each one's own duration is known to a frame from its header; where it is shorter, nothing comes of its
    camera until the next loop.
    """
    longest_s = 0.0
    for camera in played:
        # One that cannot be opened is told of where it is read.
        with contextlib.suppress(InputError):
            longest_s = max(longest_s, duration_s(camera))
    period_s = math.ceil(longest_s + LOOP_GAP_S)
    return [
        replace(camera, replay=replace(camera.replay, period_s=period_s)) if camera.replay else camera
        for camera in played
    ]


def is_file(camera: Camera) -> bool:
    """Whether a camera is a file or a folder of images."""
    return bool(camera.url) and Path((camera.url or "").removeprefix("file://")).exists()
