"""Which smart camera an address stands for."""

from __future__ import annotations

import threading

from sdist_ray.cameras.camera import Camera, without_credentials
from sdist_ray.cameras.dropped import DroppedRecords
from sdist_ray.cameras.records import Indices
from sdist_ray.cameras.smart import RecordStream, SocketRecords
from sdist_ray.errors import InputError
from sdist_ray.occupancy.grid import Grid
from sdist_ray.video.threaded import PATIENT, Timeouts


def open_records(
    camera: Camera,
    grid: Grid,
    fps: float,
    indices: Indices,
    wake: threading.Event | None = None,
    timeouts: Timeouts = PATIENT,
    keep: bool = True,
) -> RecordStream:
    """A smart camera's live rows.

    Args:
        camera: with an address ``tcp://host:port`` or ``drop:FOLDER``.
        grid, fps: the network's.
        indices: the camera's index in the network, or one for every id in the rows' camera column.
        wake: set whenever rows arrive.
        timeouts: how long to wait for a camera.
        keep: whether dropped files are moved to FOLDER/done once read; else they are deleted.

    Raises:
        InputError: the address is no smart camera's.
    """
    url = camera.url or ""
    if url.startswith("drop:"):
        return DroppedRecords(camera, grid, fps, indices, keep=keep, wake=wake, timeouts=timeouts)
    if url.startswith("tcp://"):
        return SocketRecords(camera, grid, fps, indices, wake=wake, timeouts=timeouts)
    shown = without_credentials(url)
    right = "tcp://host:port or drop:FOLDER would be"
    raise InputError(f"camera {camera.id!r}: {shown} is no smart camera; {right}")
