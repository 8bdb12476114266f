"""Readers of the data sets that the experiments measure on; the README says where each is from.

Boxes are float64 (n, 4): left, top, width, height in pixels of the camera's image. Places are float64 (n, 2),
in metres.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import cv2
import numpy as np
from scipy.optimize import linear_sum_assignment

from sdist_ray.cameras.pinhole import Pinhole, make_pinhole, pinhole_from_xml

PETS_SCALE = 480 / 768
"""PETS was annotated at 768x576; the video is 480x360."""
WILDTRACK_CAMERAS = ("CVLab1", "CVLab2", "CVLab3", "CVLab4", "IDIAP1", "IDIAP2", "IDIAP3")
SCENESCAPE_CAMERAS = ("Cam_x1_0", "Cam_x2_0")
SCENESCAPE_SIZE = (800, 600)
GATE_M = 1.0
"""A box that stands farther than this from everybody is nobody's (scenescape)."""


@dataclass(frozen=True)
class View:
    """What one camera saw in one instant.

    Attributes:
        time_s: since the first.
        boxes: annotated.
        places: where they are, (n, 2); NaN where that is not known.
        people: int64 (n,), who they are.
        everybody: (m, 2), where everybody is, seen by this camera or not.
    """

    time_s: float
    boxes: np.ndarray
    places: np.ndarray
    people: np.ndarray
    everybody: np.ndarray


@dataclass(frozen=True)
class Site:
    """One calibrated camera and what it saw.

    Attributes:
        name: of the camera.
        camera: its pinhole calibration.
        image_points, ground_points: four pairs that a user would click; None where the data set has none.
        views: by time.
    """

    name: str
    camera: Pinhole
    image_points: np.ndarray | None
    ground_points: np.ndarray | None
    views: list[View]


def arguments(description: str, output: Path) -> argparse.ArgumentParser:
    """--data and --output, as every experiment has them."""
    parser = argparse.ArgumentParser(description=description.partition("\n\n")[0])
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(os.environ.get("SDIST_DATA", "data")),
        help="folder of the data sets",
    )
    parser.add_argument("--output", type=Path, default=output, help="where JSON and plots go")
    return parser


def pets(folder: Path, every: int) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Number, image and annotated boxes of every so many frames of PETS 2009 S2L1."""
    truth = {}
    for frame in ElementTree.parse(folder / "PETS2009-S2L1.xml").getroot().findall("frame"):
        rows = [
            [float(box.get(name, "nan")) for name in ("xc", "yc", "w", "h")]
            for box in frame.iterfind(".//object/box")
        ]
        boxes = np.array(rows).reshape(-1, 4) * PETS_SCALE
        boxes[:, :2] -= boxes[:, 2:] / 2
        truth[int(frame.get("number", -1))] = boxes
    video = cv2.VideoCapture(str(folder / "View_001_vtest_480x360.mp4"))
    for number in range(max(truth) + 1):
        read, image = video.read()
        if read and number % every == 0 and number in truth:
            yield number, image, truth[number]


def wildtrack(folder: Path, name: str) -> Site:
    """One camera of WILDTRACK; its boxes are those of undistorted images.

    The boxes were drawn from the annotated places, so they test the way back, not the annotators.
    """
    camera = pinhole_from_xml(
        folder / f"calibrations/intrinsic_zero/intr_{name}.xml",
        folder / f"calibrations/extrinsic/extr_{name}.xml", (1920, 1080), 0.01,
    )  # fmt: skip
    number = WILDTRACK_CAMERAS.index(name)
    views = []
    for at, path in enumerate(sorted((folder / "annotations_positions").glob("*.json"))):
        entries = json.loads(path.read_text())
        position = np.array([person["positionID"] for person in entries])
        everybody = np.stack([-3.0 + 0.025 * (position % 480), -9.0 + 0.025 * (position // 480)], axis=1)
        corners = [[p["views"][number][k] for k in ("xmin", "ymin", "xmax", "ymax")] for p in entries]
        low, high = np.split(np.array(corners, np.float64).reshape(-1, 4), 2, axis=1)
        seen = high[:, 0] != -1
        # Both borders are pixels of the box.
        boxes = np.hstack([low, high - low + 1])[seen]
        people = np.array([person["personID"] for person in entries], np.int64)[seen]
        views.append(View(at / 2, boxes, everybody[seen], people, everybody))
    return Site(name, camera, None, None, views)


def scenescape(folder: Path, name: str) -> Site:
    """One of the two scenescape cameras, 10 FPS; ``config.json``'s four points and lens make its pinhole.

    Ids differ between the files of boxes and of places: a box belongs to whoever stands nearest to its foot
    point on the ground at that instant, at least total distance, within GATE_M. The parked aeroplane is
    left out.
    """
    sensor = json.loads((folder / "config.json").read_text())["sensors"][name]
    image = np.array(sensor["camera points"], np.float64)
    ground = np.array(sensor["map points"], np.float64)[:, :2]
    camera = _pinhole(image, ground, sensor["intrinsics"])
    truth = [_places(json.loads(line)) for line in (folder / "gtLoc.json").read_text().splitlines() if line]
    times = np.array([time_s for time_s, _ in truth])
    views = []
    for line in (folder / f"{name}_10fps.json").read_text().splitlines():
        entry = json.loads(line)
        found = [p["bounding_box_px"] for p in entry["objects"].get("person", [])]
        boxes = np.array([[p[k] for k in ("x", "y", "width", "height")] for p in found]).reshape(-1, 4)
        time_s = _seconds(entry["timestamp"])
        everybody = truth[int(np.abs(times - time_s).argmin())][1]
        feet = camera.to_ground(np.column_stack([boxes[:, 0] + boxes[:, 2] / 2, boxes[:, 1] + boxes[:, 3]]))
        off = np.nan_to_num(np.linalg.norm(feet[:, None] - everybody[None], axis=2), nan=1e6)
        row, column = linear_sum_assignment(off)
        near = off[row, column] <= GATE_M
        places, people = np.full((len(boxes), 2), np.nan), np.full(len(boxes), -1)
        places[row[near]], people[row[near]] = everybody[column[near]], column[near]
        views.append(View(time_s - times[0], boxes, places, people, everybody))
    return Site(name, camera, image, ground, views)


def _pinhole(image: np.ndarray, ground: np.ndarray, lens: list[float]) -> Pinhole:
    """A camera of which the lens (fx, fy, cx, cy) and some points of the ground are known."""
    matrix = np.array([[lens[0], 0, lens[2]], [0, lens[1], lens[3]], [0, 0, 1.0]])
    world = np.column_stack([ground, np.zeros(len(ground))])
    solved, rvec, tvec = cv2.solvePnP(world, image, matrix, None, flags=cv2.SOLVEPNP_ITERATIVE)
    if not solved:
        raise ValueError("config.json's points give no camera")
    return make_pinhole(matrix.ravel(), np.zeros(5), rvec.ravel(), tvec.ravel(), SCENESCAPE_SIZE)


def _places(entry: dict[str, Any]) -> tuple[float, np.ndarray]:
    """Time, and where people are: their kind is written in two ways."""
    people = [p for kind in ("Person", "person") for p in entry["objects"].get(kind, [])]
    return _seconds(entry["timestamp"]), np.array([p["translation"][:2] for p in people]).reshape(-1, 2)


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
