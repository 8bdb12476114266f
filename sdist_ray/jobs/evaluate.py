"""sdist-ray evaluate: a topology against ground truth."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sdist_ray.cameras.described import read_cameras
from sdist_ray.errors import InputError
from sdist_ray.folders import make_folder
from sdist_ray.jobs.columns import read_table
from sdist_ray.jobs.outputs import write_json, write_truth
from sdist_ray.occupancy.grid import Grid
from sdist_ray.settings import EvaluateJob
from sdist_ray.simulation.truth import ground_overlap
from sdist_ray.topology.quality import Quality, average_precision, compare, pair_keys, window_quality

Truth = tuple[pa.Table, pa.Table | None]


def run(settings: EvaluateJob, config: str) -> None:
    """Evaluate a run; prints the figures as JSON and leaves evaluation.json in the run's folder."""
    folder = Path(settings.run or "")
    if not (folder / "links.parquet").is_file():
        raise InputError(f"run={folder}: not the folder of a topology run: it has no links.parquet")
    if settings.truth:
        truth = read_truth(Path(settings.truth))
    else:
        truth = truth_from_calibration(settings, folder)
    result = evaluate(folder, truth, settings)
    write_json(make_folder(settings.output or str(folder)) / "evaluation.json", result)
    print(json.dumps(result, indent=2))


def evaluate(folder: Path, truth: Truth, settings: EvaluateJob) -> dict[str, Any]:
    """Precision and recall of a run's links and edges; see topology.quality for the definitions."""
    links = read_table(folder / "links.parquet", ("camera_a", "window_a", "camera_b", "window_b"))
    visited = read_table(folder / "windows.parquet", ("camera", "window", "occupied_ticks"))
    edges = read_table(folder / "edges.parquet", ("camera_a", "camera_b"), ("kind",))
    if "kind" in edges.column_names:
        # Who walks between two cameras says nothing of what they share.
        edges = edges.filter(pc.equal(edges["kind"], "overlap"))
    overlap, shared = truth
    ids = sorted(set(visited["camera"].to_pylist()))
    strange = {*_ids(links), *_ids(edges)} - set(ids)
    if strange:
        raise InputError(
            f"{folder / 'windows.parquet'}: lacks camera {min(strange)!r}, which has links or edges"
        )
    # Cameras that the truth does not speak of cannot be judged.
    judged = set(_ids(overlap)) | (set(_ids(shared)) if shared is not None else set())
    implied = _implied(folder)
    numbers = [_most(visited, "window")]
    for table in (overlap, links, *([] if implied is None else [implied])):
        numbers += [_most(table, "window_a"), _most(table, "window_b")]
    windows = max(numbers) + 1
    place = {camera: number for number, camera in enumerate(ids)}
    ticks = np.zeros(len(ids) * windows, dtype=np.int64)
    where = _windows(visited, "camera", "window", place, windows)
    ticks[where] = visited["occupied_ticks"].to_numpy()
    network = _Network(place, windows, ticks)
    overlap = _of_cameras(overlap, set(ids))
    quality = network.quality(_of_cameras(links, judged), overlap, settings)
    cameras = _camera_quality(_of_cameras(edges, judged), overlap, shared, place, settings)
    result = {"windows": quality.as_dict(), "cameras": cameras.as_dict()}
    if implied is not None:
        implied = _of_cameras(implied, judged)
        result["ground_plane"] = _ground_plane(network, implied, edges, (overlap, shared), settings)
    return result | {
        "definition": {
            "least_overlap": settings.least_overlap,
            "least_ticks": settings.least_ticks,
            "edge_area_m2": settings.edge_area_m2 if shared is not None else None,
        },
    }


@dataclass(frozen=True)
class _Network:
    """Numbers of cameras, windows of each, and for how many ticks each window was occupied."""

    place: dict[str, int]
    windows: int
    ticks: npt.NDArray[np.int64]

    def pairs(self, table: pa.Table) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """The two windows of every row, as numbers of the network."""
        a = _windows(table, "camera_a", "window_a", self.place, self.windows)
        return a, _windows(table, "camera_b", "window_b", self.place, self.windows)

    def quality(self, links: pa.Table, overlap: pa.Table, settings: EvaluateJob) -> Quality:
        """See ``window_quality``."""
        return window_quality(
            self.pairs(links), self.pairs(overlap), _most_overlap(overlap), self.ticks,
            settings.least_overlap, settings.least_ticks,
        )  # fmt: skip

    def ranked(self, implied: pa.Table, overlap: pa.Table, settings: EvaluateJob) -> dict[str, float | None]:
        """See ``average_precision``: pairs of windows by the larger overlap that homographies imply."""
        eligible = self.ticks >= settings.least_ticks
        a, b = self.pairs(overlap)
        true = eligible[a] & eligible[b] & (_most_overlap(overlap) >= settings.least_overlap)
        known = np.unique(pair_keys(a[true], b[true], len(self.ticks)))
        a, b = self.pairs(implied)
        kept = eligible[a] & eligible[b]
        right = np.isin(pair_keys(a[kept], b[kept], len(self.ticks)), known)
        return average_precision(_most_overlap(implied)[kept], right, len(known))


def _implied(folder: Path) -> pa.Table | None:
    """ground_links.parquet, where one ground plane was learnt."""
    path = folder / "ground_links.parquet"
    columns = ("camera_a", "window_a", "camera_b", "window_b", "overlap_a", "overlap_b")
    return read_table(path, columns) if path.is_file() else None


def _ground_plane(
    network: _Network, implied: pa.Table, edges: pa.Table, truth: Truth, settings: EvaluateJob
) -> dict[str, Any]:
    """What ``ground_links.parquet`` and the edges with a homography are worth."""
    overlap, shared = truth
    enough = implied.filter(pa.array(_most_overlap(implied) >= settings.least_overlap))
    placed = edges.filter(edges["homography"].is_valid()) if "homography" in edges.column_names else edges[:0]
    any_ground = shared if shared is not None else overlap
    placed = _of_cameras(placed, set(_ids(any_ground)))
    any_ground = _of_cameras(any_ground, set(network.place))
    keys = (_camera_pairs(table, network.place) for table in (placed, any_ground))
    return {
        "windows": network.quality(enough, overlap, settings).as_dict(),
        "ranked_windows": network.ranked(implied, overlap, settings),
        "cameras": _camera_quality(placed, overlap, shared, network.place, settings).as_dict(),
        "share_any_ground": compare(*keys).precision,
    }


def _camera_quality(
    edges: pa.Table,
    overlap: pa.Table,
    shared: pa.Table | None,
    place: dict[str, int],
    settings: EvaluateJob,
) -> Quality:
    if shared is not None:
        true = _of_cameras(shared, set(place))
        true = true.filter(pa.array(true["shared_m2"].to_numpy() > settings.edge_area_m2))
    else:
        true = overlap.filter(pa.array(_most_overlap(overlap) >= settings.least_overlap))
    return compare(*(_camera_pairs(table, place) for table in (edges, true)))


def _camera_pairs(table: pa.Table, place: dict[str, int]) -> npt.NDArray[np.int64]:
    a, b = (_places(table[name], place) for name in ("camera_a", "camera_b"))
    return pair_keys(a, b, len(place))


def read_truth(path: Path) -> Truth:
    """truth_links.parquet, and truth_edges.parquet where it lies beside it."""
    columns = ("camera_a", "window_a", "camera_b", "window_b", "overlap_a", "overlap_b")
    beside = path.with_name("truth_edges.parquet")
    shared = None
    if beside.is_file():
        shared = read_table(beside, ("camera_a", "camera_b", "shared_m2"))
    return read_table(path, columns), shared


def truth_from_calibration(settings: EvaluateJob, folder: Path) -> Truth:
    """The truth that the cameras' calibrations imply; written into the run's folder."""
    described = read_cameras(Path(settings.cameras or ""))
    cameras = sorted((c for c in described if c.calibration is not None), key=lambda c: c.id)
    if len(cameras) < 2:
        raise InputError(f"{settings.cameras}: fewer than two cameras with a calibration to the ground")
    grid = _run_grid(folder)
    calibrations = [camera.calibration for camera in cameras if camera.calibration is not None]
    overlap = ground_overlap(calibrations, grid, settings.cell_m)
    target = make_folder(settings.output or str(folder))
    write_truth(target, [camera.id for camera in cameras], overlap, None)
    return read_truth(target / "truth_links.parquet")


def _run_grid(folder: Path) -> Grid:
    try:
        grid = json.loads((folder / "summary.json").read_text())["grid"]
        return Grid(int(grid["columns"]), int(grid["rows"]))
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise InputError(f"{folder / 'summary.json'}: does not say the run's grid") from error


def _ids(table: pa.Table) -> list[str]:
    return [*table["camera_a"].to_pylist(), *table["camera_b"].to_pylist()]


def _most(table: pa.Table, column: str) -> int:
    return int(max(table[column].to_numpy(), default=0)) if table.num_rows else 0


def _most_overlap(table: pa.Table) -> npt.NDArray[np.float64]:
    most = np.maximum(table["overlap_a"].to_numpy(), table["overlap_b"].to_numpy())
    return np.asarray(most, dtype=np.float64)


def _of_cameras(table: pa.Table, known: set[str]) -> pa.Table:
    keep = [
        a in known and b in known
        for a, b in zip(table["camera_a"].to_pylist(), table["camera_b"].to_pylist(), strict=True)
    ]
    return table.filter(pa.array(keep, pa.bool_()))


def _places(column: Any, place: dict[str, int]) -> npt.NDArray[np.int64]:
    return np.array([place[name] for name in column.to_pylist()], dtype=np.int64)


def _windows(
    table: pa.Table, camera: str, window: str, place: dict[str, int], windows: int
) -> npt.NDArray[np.int64]:
    numbers = table[window].to_numpy().astype(np.int64)
    return np.asarray(_places(table[camera], place) * windows + numbers, dtype=np.int64)
