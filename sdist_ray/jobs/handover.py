"""sdist-ray handover: where a target that left is seen next."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sdist_ray.jobs.console import table
from sdist_ray.jobs.remote import printable
from sdist_ray.report.handover_run import read_handover
from sdist_ray.report.run_folder import newest
from sdist_ray.settings_uses import HandoverJob
from sdist_ray.topology.handover.parts import Candidate

COLUMNS = ("next", "why", "probability", "from", "median", "until", "windows")
MOST_WINDOWS = 8
EACH = 3
"""Candidates that the table of all cameras has for each."""


def run(settings: HandoverJob, config: str) -> None:
    """Print the candidates."""
    handover = read_handover(newest(Path(settings.run or "")))
    if settings.camera is None:
        most = settings.most if settings.json else min(settings.most, EACH)
        asked = list(handover.cameras)
    else:
        most, asked = settings.most, [settings.camera]
    found = {
        camera: handover.candidates(camera, settings.window, settings.after_s, settings.within_s, most)
        for camera in asked
    }
    if settings.json:
        print(json.dumps(_content(settings, found), indent=2))
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


def _content(settings: HandoverJob, found: dict[str, list[Candidate]]) -> dict[str, Any]:
    return {
        "window": settings.window,
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
    more = len(windows) - MOST_WINDOWS
    return " ".join(map(str, windows[:MOST_WINDOWS])) + (f" and {more} more" if more > 0 else "")
