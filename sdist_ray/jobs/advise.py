"""sdist-ray advise: where cameras are missing, and which are of little use."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sdist_ray.cameras.described import read_cameras
from sdist_ray.errors import InputError
from sdist_ray.folders import make_folder
from sdist_ray.jobs.console import table
from sdist_ray.jobs.outputs import write_table, write_text
from sdist_ray.jobs.remote import printable
from sdist_ray.report.advice_picture import Ground, draw_advice
from sdist_ray.report.run_folder import Run, newest, numbers, rate, read_columns, read_run
from sdist_ray.settings_uses import AdviseJob
from sdist_ray.simulation.footprint import view_box
from sdist_ray.topology.handover.parts import Ints, Rows
from sdist_ray.topology.placement import (
    KINDS,
    Advice,
    Limits,
    between,
    blind,
    idle_and_alone,
    redundant,
    seen_by_links,
    sentence,
)

NUMBERS = (
    "per_hour", "transit_mean_s", "unseen_s_per_hour", "mean_people", "visits_per_hour", "edges", "covered",
    "covered_by_best", "x_m", "y_m", "side_m", "share",
)  # fmt: skip
COARSEST_M_PER_PX = 0.25


def run(settings: AdviseJob, config: str) -> None:
    """Print the advice; leave tables and a picture."""
    folder = newest(Path(settings.run or ""))
    found = read_run(folder)
    ground = None if settings.cameras is None else _ground(Path(settings.cameras), found)
    advice = advice_of(settings, folder, found)
    target = make_folder(settings.output or str(settings.run))
    names = [camera.id for camera in found.cameras]
    _write(target, advice, names)
    shown = [one for kind in KINDS for one in [a for a in advice if a.kind == kind][: settings.most]]
    draw_advice(found, shown, target / "advice.png", ground)
    rows = [(one.kind, printable(sentence(one, names))) for one in shown]
    for line in table(("kind", "advice"), rows) if rows else ():
        print(line)
    count = {kind: sum(one.kind == kind for one in advice) for kind in KINDS}
    print(", ".join(f"{many} {kind}" for kind, many in count.items()) + f"; all of it: {target}/advice.csv")


def advice_of(settings: AdviseJob, folder: Path, run: Run) -> list[Advice]:
    """All advice, by kind and then by worth.

    Raises:
        InputError: a table that it rests on is missing or damaged.
    """
    limits = Limits(
        settings.per_hour, settings.mean_people, settings.covered, settings.blind_person_s_per_hour
    )
    place = {camera.id: number for number, camera in enumerate(run.cameras)}
    cameras, windows = len(run.cameras), run.grid.windows
    if run.occupied is None:
        raise InputError(f"{folder}: has no windows.parquet, which says where people are in view")
    columns = ("camera_a", "camera_b", "kind", "transit_mean_s", "per_hour")
    edges = read_columns(folder / "edges.parquet", columns)
    transits = edges.filter(pc.equal(edges["kind"], "transit"))
    found = []
    if transits.num_rows:
        a, b = (
            np.array([place[camera] for camera in transits[name].to_pylist()], dtype=np.int64)
            for name in ("camera_a", "camera_b")
        )
        mean_s, per_hour = numbers(transits, "transit_mean_s"), numbers(transits, "per_hour")
        known = np.isfinite(mean_s) & np.isfinite(per_hour)
        found += between(a[known], b[known], per_hour[known], mean_s[known], limits)
    if settings.truth is not None:
        found += _blind(Path(settings.truth) / "truth_blind.parquet", settings.square_m, limits)
    degree = np.bincount(np.r_[run.edges.camera_a, run.edges.camera_b], minlength=cameras)
    available = np.array([camera.available or 0 for camera in run.cameras], dtype=np.int64)
    fps = rate(run.summary.get("fps")) or 10.0
    visits = _visits(folder / "windows.parquet", place)
    found += idle_and_alone(run.occupied.sum(axis=1), visits, available, degree, fps, limits)
    found += redundant(run.occupied, _seen_by(folder, run, cameras, windows), limits)
    order = {kind: number for number, kind in enumerate(KINDS)}
    return sorted(found, key=lambda one: (order[one.kind], -one.worth))


def _seen_by(folder: Path, run: Run, cameras: int, windows: int) -> Rows:
    """Of every place the cameras that see the same: by links of cameras whose views overlap by an edge.

    Two windows that agree by chance are no reason to take a camera down.
    """
    links, edges = run.links, run.edges

    def pairs(a: Ints, b: Ints) -> Ints:
        return np.asarray(np.minimum(a, b) * cameras + np.maximum(a, b))

    overlap = pairs(edges.camera_a, edges.camera_b)[~edges.transit]
    known = np.isin(pairs(links.camera_a, links.camera_b), overlap)
    a, window_a, b, window_b = (
        column[known] for column in (links.camera_a, links.window_a, links.camera_b, links.window_b)
    )
    return seen_by_links(a, window_a, b, window_b, cameras, windows)


def _visits(path: Path, place: dict[str, int]) -> np.ndarray:
    rows = read_columns(path, ("camera", "visits"))
    of = np.array([place[camera] for camera in rows["camera"].to_pylist()], dtype=np.int64)
    summed = np.bincount(of, weights=np.nan_to_num(numbers(rows, "visits")), minlength=len(place))
    return np.asarray(summed, dtype=np.int64)


def _blind(path: Path, side_m: float, limits: Limits) -> list[Advice]:
    if not path.is_file():
        raise InputError(f"{path}: not there; truth=DIR names the folder that sdist-ray simulate wrote")
    rows = read_columns(path, ("x_m", "y_m", "person_s", "hours"))
    hours = numbers(rows, "hours")
    return blind(
        numbers(rows, "x_m"), numbers(rows, "y_m"), numbers(rows, "person_s"),
        float(hours[0]) if len(hours) else 1.0, side_m, limits,
    )  # fmt: skip


def _ground(path: Path, run: Run) -> Ground:
    """Where the cameras' views lie on the ground: each its box, NaN where that is not known."""
    calibrated = {camera.id: camera.calibration for camera in read_cameras(path)}
    boxes = np.full((len(run.cameras), 4), np.nan)
    for number, camera in enumerate(run.cameras):
        calibration = calibrated.get(camera.id)
        box = None if calibration is None else view_box(calibration, COARSEST_M_PER_PX, None)
        if box is not None:
            boxes[number] = box
    if not np.isfinite(boxes).any():
        raise InputError(f"{path}: no camera of the run has a calibration to the ground there")
    return Ground(boxes)


def _write(folder: Path, advice: Sequence[Advice], names: Sequence[str]) -> None:
    """advice.parquet and advice.csv."""
    columns = {
        "kind": pa.array([one.kind for one in advice], pa.string()),
        "camera": pa.array([names[one.camera] if one.camera >= 0 else None for one in advice], pa.string()),
        "others": pa.array([[names[k] for k in one.others] for one in advice], pa.list_(pa.string())),
        "worth": pa.array([one.worth for one in advice], pa.float64()),
        **{name: pa.array([one.numbers.get(name) for one in advice], pa.float64()) for name in NUMBERS},
        "advice": pa.array([sentence(one, names) for one in advice], pa.string()),
    }
    write_table(folder / "advice.parquet", columns)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    for row in pa.table(columns).to_pylist():
        writer.writerow([";".join(v) if isinstance(v, list) else v for v in row.values()])
    write_text(folder / "advice.csv", text.getvalue())
