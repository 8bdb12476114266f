"""The paper's off-line workload, by throughput on a sample: two hours of 83 cameras at 15 FPS.

    SDIST_DATA=… python -m benchmarks.offline [--cameras 83] [--hours 2] [--fps 15] [--rounds 3]

The paper took 51 hours to detect and 11 minutes to exclude. Here each part is run through its command, on two
samples of different length; the difference between the two is what more video takes, without what it takes
to begin. Detection: ``sdist-ray record`` of 320x240 JPEG video (MJPEG files made from recorded clips), one
worker a CPU. Exclusion: ``sdist-ray topology`` of a recording of all cameras. The result is hours for both,
and the ratio between them.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.machine import machine
from benchmarks.whole_system import CLIPS
from sdist_ray.occupancy.block import Clock, Rows
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.recording import RecordingWriter
from sdist_ray.simulation.activity import activity_ranges

RESULTS = Path(__file__).parent / "results" / "offline.json"
PAPER = {"detection_hours": 51.0, "exclusion_hours": 11 / 60}
SAMPLE_CAMERAS = 8
DETECTION_S = (20.0, 80.0)
EXCLUSION_S = (600.0, 3600.0)
PEOPLE = 0.5
"""In view of a camera, on average."""


def write_clips(sources: list[Path], seconds: float, fps: float, folder: Path) -> list[Path]:
    """MJPEG files of 320x240 pixels, each from another place of a source."""
    paths = []
    for number in range(SAMPLE_CAMERAS):
        capture = cv2.VideoCapture(str(sources[number % len(sources)]))
        count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        capture.set(cv2.CAP_PROP_POS_FRAMES, count * number // SAMPLE_CAMERAS)
        path = folder / f"c{number:02}.avi"
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), fps, (320, 240))
        for _ in range(round(seconds * fps)):
            ok, image = capture.read()
            if not ok:
                capture.set(cv2.CAP_PROP_POS_FRAMES, 0)
                _, image = capture.read()
            writer.write(cv2.resize(image, (320, 240), interpolation=cv2.INTER_AREA))
        writer.release()
        paths.append(path)
    return paths


def write_occupancy(cameras: int, seconds: float, fps: float, path: Path) -> None:
    """A recording of a made-up network; see simulation.activity."""
    clock, grid = Clock(fps, 30), Grid()
    names = [f"c{number:03}" for number in range(cameras)]
    with RecordingWriter(path, names, grid, fps) as writer:
        for entry in activity_ranges(cameras, PEOPLE, round(seconds * fps), grid, clock, 1, 0.0):
            bits = np.arange(clock.range_ticks, dtype=np.uint64)
            there = (entry.available[None] >> bits[:, None]) & np.uint64(1)
            tick, camera = np.nonzero(there)
            seen = (entry.occupied[camera] >> bits[tick][:, None]) & np.uint64(1)
            windows = np.nonzero(seen)[1].astype(np.uint16)
            ends = np.cumsum(seen.sum(axis=1), dtype=np.int64)
            feet = np.zeros(len(windows), np.float32)
            ticks = entry.index * clock.range_ticks + tick
            writer.write(Rows(camera.astype(np.int32), ticks, windows, ends, feet, feet, ends))


def run(command: str, *settings: str) -> float:
    """Seconds that a command takes."""
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "sdist_ray", command, *settings], check=True, capture_output=True, text=True
    )
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    data = Path(os.environ.get("SDIST_DATA", "."))
    parser.add_argument("--cameras", type=int, default=83)
    parser.add_argument("--hours", type=float, default=2.0)
    parser.add_argument("--fps", type=float, default=15.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--source", type=Path, nargs="+", default=[data / clip for clip in CLIPS])
    arguments = parser.parse_args()
    missing = [str(path) for path in arguments.source if not path.exists()]
    if missing:
        parser.error(f"no such video: {missing[0]} (set SDIST_DATA, or name videos with --source)")
    result: dict[str, Any] = {"machine": machine(), "paper": PAPER, **vars(arguments)}
    result["source"] = [path.name for path in arguments.source]
    fps, seconds = arguments.fps, arguments.hours * 3600
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        clips, recordings = [], []
        print(f"making {SAMPLE_CAMERAS} clips and a recording of {arguments.cameras} cameras", flush=True)
        for length in DETECTION_S:
            (folder / f"{length:g}").mkdir()
            clips.append(write_clips(arguments.source, length, fps, folder / f"{length:g}"))
        for length in EXCLUSION_S:
            recordings.append(folder / f"{length:g}.arrow")
            write_occupancy(arguments.cameras, length, fps, recordings[-1])
        detection, exclusion = [], []
        for number in range(arguments.rounds):
            took = [
                run(
                    "record",
                    "source=files",
                    f"source.paths=[{','.join(map(str, paths))}]",
                    f"fps={fps:g}",
                    f"output={folder / 'out'}",
                )
                for paths in clips
            ]
            detection.append((took[1] - took[0]) / (DETECTION_S[1] - DETECTION_S[0]) / SAMPLE_CAMERAS)
            took = [
                run(
                    "topology",
                    "source=recording",
                    f"source.path={path}",
                    f"output={folder / 'out'}",
                )
                for path in recordings
            ]
            exclusion.append((took[1] - took[0]) / (EXCLUSION_S[1] - EXCLUSION_S[0]))
            detected, excluded = fps / detection[-1], fps / exclusion[-1]
            said = f"detection {detected:.0f} frames/s, exclusion {excluded:.0f} FPS per camera"
            print(f"round {number + 1} of {arguments.rounds}: {said}", flush=True)
    detection_hours = statistics.median(detection) * arguments.cameras * seconds / 3600
    exclusion_hours = statistics.median(exclusion) * seconds / 3600
    result |= {
        "detection_hours": detection_hours,
        "exclusion_hours": exclusion_hours,
        "detection_frames_per_s": fps / statistics.median(detection),
        "exclusion_fps_per_camera": fps / statistics.median(exclusion),
        "ratio": detection_hours / exclusion_hours,
        "paper_ratio": PAPER["detection_hours"] / PAPER["exclusion_hours"],
        "faster_than_the_paper": sum(PAPER.values()) / (detection_hours + exclusion_hours),
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=2) + "\n")
    brief = ("cameras", "hours", "detection_hours", "exclusion_hours", "ratio", "detection_frames_per_s",
             "faster_than_the_paper")  # fmt: skip
    print(json.dumps({name: result[name] for name in brief}))


if __name__ == "__main__":
    main()
