"""Recorded cameras that stand in for more cameras than there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sdist_ray.cameras.camera import Camera, Replay, check_unique
from sdist_ray.errors import InputError
from sdist_ray.video.clip_files import open_video
from sdist_ray.video.files import check_file
from sdist_ray.video.images import DEFAULT_IMAGE_FPS, image_files, is_image

GOLDEN = 0.6180339887498949
"""Its multiples, modulo 1, are spread evenly however many there are: a further copy moves no other one."""


def replicate(
    cameras: Sequence[Camera],
    replicas: int = 1,
    offset_s: float | None = None,
    start_s: float = 0.0,
    loop: bool = True,
    transcode: bool = False,
    width: int = 320,
) -> list[Camera]:
    """Cameras that replay files, ``replicas`` for each one given: ``id``, ``id~2``, ``id~3`` and so on.

    Copies that played in step would look like cameras with the same view, and be linked. So the k-th one,
    from 0, begins ``k * offset_s`` later in its file, modulo the file's duration.

    Args:
        cameras: with files, folders of images or images as their ``url``.
        replicas: how many of each, itself included.
        offset_s: seconds; None spreads copies over the file, 0 plays them in step.
        start_s: wall time at which all begin, UTC epoch seconds.
        loop: whether they play for ever.
        transcode, width: see Replay.

    Raises:
        InputError: fewer than one replica, ids that meet, a url that is no file, or a file that cannot be
            opened (it is only looked at where copies are spread over it).
    """
    if replicas < 1:
        raise InputError(f"replicas must be at least 1, not {replicas}")
    copies = []
    for camera in cameras:
        if not camera.url or ("://" in camera.url and not camera.url.startswith("file://")):
            raise InputError(f"camera {camera.id!r}: only files can be replayed and replicated")
        spread_s = offset_s
        if spread_s is None:
            spread_s = GOLDEN * duration_s(camera) if replicas > 1 else 0.0
        for k in range(replicas):
            shown = Replay(start_s, k * spread_s, loop, transcode, width)
            copies.append(replace(camera, id=f"{camera.id}~{k + 1}" if k else camera.id, replay=shown))
    check_unique(copies)
    return copies


def duration_s(camera: Camera) -> float:
    """How long a camera's file plays, as its header says, seconds.

    Raises:
        InputError: it has no url, or what is there cannot be opened.
    """
    if not camera.url:
        raise InputError(f"camera {camera.id!r} has no url")
    path = Path(camera.url.removeprefix("file://"))
    if path.is_dir() or is_image(path):
        return len(image_files(path)) / (camera.fps or DEFAULT_IMAGE_FPS)
    check_file(path)
    with open_video(path) as container:
        video = container.streams.video[0]
        if camera.fps is not None and video.frames:
            return video.frames / camera.fps
        stated = (container.duration or 0) / 1_000_000
        # A file without a header, such as one that a crash cut short: any spread is better than none.
        return stated if stated > 0 else 60.0
