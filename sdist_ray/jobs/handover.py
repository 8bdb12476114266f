"""sdist-ray handover: where a target that left is seen next."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from sdist_ray.cameras.calibration import Calibration
from sdist_ray.cameras.described import read_cameras
from sdist_ray.distancing.ground import ground_view
from sdist_ray.errors import InputError
from sdist_ray.jobs.console import table
from sdist_ray.jobs.remote import printable
from sdist_ray.report.handover_run import read_handover
from sdist_ray.report.run_folder import newest
from sdist_ray.settings_uses import HandoverJob
from sdist_ray.topology.handover.ahead import Motion
from sdist_ray.topology.handover.parts import Candidate

COLUMNS = ("next", "why", "probability", "from", "median", "until", "windows")
MOST_WINDOWS = 8
EACH = 3
"""Candidates that the table of all cameras has for each."""


def run(settings: HandoverJob, config: str) -> None:
    """Print the candidates."""
    calibrated = {} if settings.cameras is None else calibrations(Path(settings.cameras))
    views = {camera: ground_view(calibration) for camera, calibration in calibrated.items()}
    handover = read_handover(newest(Path(settings.run or "")), views=views or None)
    motion, window = _motion(settings, calibrated), settings.window
    if settings.foot is not None and window is None:
        x, y = (np.array([part], dtype=np.float32) for part in settings.foot)
        window = int(handover.grid.window_of(x, y)[0])
    if settings.camera is None:
        most = settings.most if settings.json else min(settings.most, EACH)
        asked = list(handover.cameras)
    else:
        most, asked = settings.most, [settings.camera]
    found = {
        camera: handover.candidates(camera, window, settings.after_s, settings.within_s, most, motion)
        for camera in asked
    }
    if settings.json:
        print(json.dumps(_content(settings, window, found), indent=2))
        return
    rows = [
        ((printable(camera),) if settings.camera is None else ()) + _row(candidate)
        for camera, candidates in found.items()
        for candidate in candidates
    ]
    for line in table((("left",) if settings.camera is None else ()) + COLUMNS, rows):
        print(line)
    if not rows:
        print("nothing is known: no links, no transits")


def calibrations(path: Path) -> dict[str, Calibration]:
    """Of the cameras that have a ground in metres, by id.

    Raises:
        InputError: the file cannot be read, or none of its cameras is calibrated.
    """
    found = {
        camera.id: camera.calibration
        for camera in read_cameras(path)
        if camera.calibration is not None and camera.kind not in ("pixel", "perspective")
    }
    if not found:
        raise InputError(f"{path}: no camera in it is calibrated; sdist-ray cameras calibrate does that")
    return found


def _motion(settings: HandoverJob, calibrated: dict[str, Calibration]) -> Motion | None:
    if settings.foot is None or settings.before is None:
        return None
    calibration = calibrated.get(settings.camera or "")
    if calibration is None:
        raise InputError(f"{settings.cameras}: camera {settings.camera!r} is not in it, or not calibrated")
    # Pixels are counted from the middle of the first.
    pixels = np.array([settings.before, settings.foot]) * calibration.image_size - 0.5
    (x0, y0), (x, y) = calibration.to_ground(pixels).tolist()
    if not np.isfinite([x0, y0, x, y]).all():
        raise InputError(f"foot {settings.foot}, before {settings.before}: not both are on the ground")
    return Motion(x, y, x - x0, y - y0)


def _content(settings: HandoverJob, window: int | None, found: dict[str, list[Candidate]]) -> dict[str, Any]:
    return {
        "window": window,
        "after_s": settings.after_s,
        "within_s": settings.within_s,
        "cameras": [
            {"camera": camera, "candidates": [asdict(candidate) for candidate in candidates]}
            for camera, candidates in found.items()
        ],
    }


def _row(candidate: Candidate) -> tuple[str, ...]:
    times = (
        ("now", "now", "now")
        if candidate.kind == "overlap"
        else tuple(f"{t:.1f} s" for t in (candidate.from_s, candidate.median_s, candidate.until_s))
    )
    return (
        printable(candidate.camera),
        candidate.kind,
        f"{100 * candidate.probability:.1f} %",
        *times,
        _windows(candidate.windows),
    )


def _windows(windows: Sequence[int]) -> str:
    if not windows:
        return "not known"
    more = len(windows) - MOST_WINDOWS
    return " ".join(map(str, windows[:MOST_WINDOWS])) + (f" and {more} more" if more > 0 else "")
