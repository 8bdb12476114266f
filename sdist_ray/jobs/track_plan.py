"""What tracking knows of a network: grounds, who sees the same, and ways between cameras."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sdist_ray.cameras.camera import Camera
from sdist_ray.distancing.fusion_ground import LearnedEdge
from sdist_ray.distancing.fusion_views import Views, make_views
from sdist_ray.distancing.ground import PlaneGround
from sdist_ray.errors import InputError
from sdist_ray.jobs.columns import numbers, read_table
from sdist_ray.jobs.console import say
from sdist_ray.jobs.fusion_plan import read_edges
from sdist_ray.jobs.track_feed import PeopleFile
from sdist_ray.tracking.passages import Passage, Passages
from sdist_ray.tracking.rough_ground import lay_grounds
from sdist_ray.video.files import open_source

TRANSITS = ("camera_from", "camera_to", "probability", "histogram", "bin_s")


@dataclass(frozen=True)
class NetworkPlan:
    """What is known of a network's cameras.

    Attributes:
        cameras: by id.
        grounds: of each.
        metric: bool for each: its ground is the calibrated cameras', in metres.
        views: who sees the same ground.
        passages: ways between cameras.
    """

    cameras: tuple[Camera, ...]
    grounds: tuple[PlaneGround, ...]
    metric: tuple[bool, ...]
    views: Views
    passages: Passages


def plan_tracking(cameras: Sequence[Camera], people: PeopleFile, topology: Path | None) -> NetworkPlan:
    """Put together what calibrations and a topology say.

    Args:
        cameras: of the run, by id.
        people: of the run.
        topology: a topology run's folder; None for none.

    Raises:
        InputError: the topology cannot be read, or a camera that saw people is not among them.
    """
    saw = people.cameras()
    unknown = sorted(saw.keys() - {camera.id for camera in cameras})
    if unknown:
        raise InputError(f"{people.path}: camera {unknown[0]!r} is not in the run's settings: say cameras=…")
    edges = [] if topology is None else read_edges(topology)
    calibrated = {
        camera.id: camera.calibration
        for camera in cameras
        if camera.calibration is not None and camera.kind not in ("pixel", "perspective")
    }
    others = [camera for camera in cameras if camera.id not in calibrated]
    sizes, boxes = {}, {}
    for camera in others:
        if camera.id in saw:
            with open_source(camera) as source:
                sizes[camera.id] = source.size
            boxes[camera.id] = people.some_boxes(camera.id)
    learned = [edge for edge in edges if np.isfinite(edge.homography).all()]
    grounds, metric = lay_grounds(sizes, calibrated, learned, boxes)
    chosen = [camera for camera in cameras if camera.id in grounds]
    if sizes.keys() - metric:
        say(
            f"{len(sizes.keys() - metric)} cameras have no ground in metres: theirs is guessed from how tall "
            "people are"
        )
    planes = [PlaneGround(grounds[camera.id], "homography") for camera in chosen]
    place = {camera.id: number for number, camera in enumerate(chosen)}
    links = None
    if topology is not None:
        links = [
            (place[e.camera_a], place[e.camera_b])
            for e in edges
            if e.camera_a in place
            and e.camera_b in place
            and _one_ground(e.camera_a, e.camera_b, learned, metric)
        ]
    views = make_views([camera.id for camera in chosen], [plane.view for plane in planes], links)
    passages = Passages() if topology is None else read_passages(topology, place)
    return NetworkPlan(
        tuple(chosen), tuple(planes), tuple(camera.id in metric for camera in chosen), views, passages
    )


def _one_ground(a: str, b: str, learned: Sequence[LearnedEdge], metric: set[str]) -> bool:
    """Whether two cameras lie on one ground, so that places can be held against each other."""
    pairs = {(e.camera_a, e.camera_b) for e in learned}
    return (a in metric and b in metric) or (a, b) in pairs or (b, a) in pairs


def read_passages(folder: Path, place: dict[str, int]) -> Passages:
    """The transits of a topology run; none where it has no transits.parquet.

    Args:
        folder: of the run.
        place: numbers of cameras; others are left out.

    Raises:
        InputError: the file is there and cannot be read.
    """
    path = folder / "transits.parquet"
    if not path.is_file():
        return Passages()
    found = {}
    for row in read_table(path, TRANSITS).to_pylist():
        histogram = numbers(path, row["histogram"] or [], "histogram")
        if not (np.isfinite(histogram).all() and (histogram >= 0).all()):
            raise InputError(f"{path}: column histogram must hold counts, none of them below 0")
        if row["camera_from"] in place and row["camera_to"] in place and len(histogram):
            found[place[row["camera_from"]], place[row["camera_to"]]] = Passage.of_histogram(
                min(row["probability"], 1.0), histogram.tolist(), row["bin_s"]
            )
    return Passages(found)
