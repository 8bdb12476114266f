"""What users get of a video: the bare detector's people, and those of the distancing command."""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import yaml

from experiments.scenescape_tracks.score import Seen
from sdist_ray.cameras.homography import Homography
from sdist_ray.cli import main as sdist_ray
from sdist_ray.detection.foreground import ForegroundDetector, ForegroundSettings
from sdist_ray.detection.neural import NeuralSettings, load_people_model
from sdist_ray.detection.people import PeopleDetector
from sdist_ray.distancing.ground import PlaneGround

FPS = 10
WARM_UP = 30
"""Frames that teach the foreground detector the background; not scored for any."""
START, CONTINUE = 0.3, 0.2


def cameras_yaml(config: Path, path: Path) -> None:
    """config.json's four points per camera, as the commands read them."""
    sensors = json.loads(config.read_text())["sensors"]
    cameras = [
        {
            "id": f"{name}_10fps",
            "calibration": {
                "kind": "homography",
                "image_size": [int(sensor["width"]), int(sensor["height"])],
                "image_points": sensor["camera points"],
                "ground_points": [point[:2] for point in sensor["map points"]],
            },
        }
        for name, sensor in sensors.items()
    ]
    path.write_text(yaml.safe_dump(cameras))


def with_tracks(
    videos: list[Path], cameras: Path, output: Path, detector: list[str]
) -> dict[str, dict[int, Seen]]:
    """People of every camera and frame, as ``sdist-ray distancing`` writes them."""
    paths = ",".join(f"'{video}'" for video in videos)
    words = [
        "distancing", "source=files", f"source.paths=[{paths}]", f"cameras='{cameras}'", "runtime=local",
        "drawing.video=false", f"output='{output}'", *detector,
    ]  # fmt: skip
    with contextlib.redirect_stdout(io.StringIO()):
        if sdist_ray(words) != 0:
            raise SystemExit("sdist-ray distancing failed")
    people = pq.read_table(output / "people.parquet").to_pydict()
    boxes = np.column_stack([people[key] for key in ("x", "y", "width", "height")]).reshape(-1, 4)
    places = np.column_stack([people[key] for key in ("ground_x_m", "ground_y_m")]).reshape(-1, 2)
    cameras_of, ticks = np.array(people["camera"]), np.array(people["tick"], np.int64)
    result: dict[str, dict[int, Seen]] = {}
    for video in videos:
        mine = np.flatnonzero(cameras_of == video.stem)
        frames = {tick: mine[ticks[mine] == tick] for tick in np.unique(ticks[mine]).tolist()}
        result[video.stem] = {tick: Seen(boxes[rows], places[rows]) for tick, rows in frames.items()}
    return result


def bare(video: Path, ground: PlaneGround, model: Path | None) -> dict[int, Seen]:
    """People of every frame by the detector alone: the network at score START, or the foreground."""
    if model is None:
        detector: ForegroundDetector | PeopleDetector = ForegroundDetector(
            ForegroundSettings(warmup_frames=WARM_UP, trim_shadows=True)
        )
    else:
        threads = len(os.sched_getaffinity(0))
        detector = PeopleDetector(load_people_model(NeuralSettings(model, score=START), threads))
    capture, result = cv2.VideoCapture(str(video)), {}
    read: Callable[[], tuple[bool, np.ndarray]] = capture.read
    number = 0
    while (got := read())[0]:
        height, width = got[1].shape[:2]
        boxes = detector.detect(got[1]).boxes.astype(np.float64) * [width, height, width, height]
        result[number] = Seen(boxes, ground.locate(boxes).points)
        number += 1
    return result


def plane(image: np.ndarray, ground: np.ndarray, size: tuple[int, int]) -> PlaneGround:
    """A camera's ground of its four points."""
    return PlaneGround(Homography.from_points(image, ground, size), "homography")
