"""A published topology, as the interface gives it."""

from __future__ import annotations

import contextlib
import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sdist_ray.report.handover_run import read_handover
from sdist_ray.report.network import components
from sdist_ray.report.run_folder import Run, read_run
from sdist_ray.serve.places import place
from sdist_ray.topology.handover.model import Handover

Ints = npt.NDArray[np.int64]
KINDS = ("overlap", "transit")
MOST_PLACED = 30_000
"""Cameras that are laid out by their edges; more are put onto a grid."""
MOST = 1e15
"""No time, count or length of a run is larger."""


@dataclass(frozen=True)
class Topology:
    """What one publication says.

    Attributes:
        run: its tables.
        x, y: float (cameras,), places on the map; y grows downwards.
        component: int64 (cameras,), the largest is 0; -1 without edges.
        group: int64 (cameras,), who is counted together; -1 for nobody, or where all cameras are.
        edge_set: a number that two publications with the same edges share.
        handover: where targets that leave are seen next.
    """

    run: Run
    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]
    component: Ints
    group: Ints
    edge_set: int
    handover: Handover

    @cached_property
    def number(self) -> Mapping[str, int]:
        """Each camera's index, by id."""
        return {camera.id: number for number, camera in enumerate(self.run.cameras)}

    @cached_property
    def degree(self) -> Ints:
        """Edges of each camera."""
        edges = self.run.edges
        return np.bincount(np.r_[edges.camera_a, edges.camera_b], minlength=len(self.run.cameras))

    def graph(self) -> dict[str, Any]:
        """The whole graph by columns, as the map draws it."""
        run, edges = self.run, self.run.edges
        return {
            "cameras": {
                "id": [camera.id for camera in run.cameras],
                "x": np.round(self.x, 3).tolist(),
                "y": np.round(self.y, 3).tolist(),
                "component": self.component.tolist(),
                "group": self.group.tolist(),
                "failed": [camera.status == "failed" for camera in run.cameras],
            },
            "edges": {
                "a": edges.camera_a.tolist(),
                "b": edges.camera_b.tolist(),
                "links": edges.links.tolist(),
                "score": np.round(edges.score, 4).tolist(),
                "kind": edges.transit.astype(int).tolist(),
            },
            "kinds": list(KINDS),
            "grid": {"columns": run.grid.columns, "rows": run.grid.rows},
            "links": len(run.links.score),
            "components": int(self.component.max(initial=-1)) + 1,
            "time_s": finite(run.summary.get("time_s")),
            "estimator": _text(run.summary.get("estimator")),
            "threshold": finite(run.summary.get("threshold")),
            "least_links": finite(run.summary.get("least_links")),
        }

    def edge(self, number: int) -> dict[str, Any]:
        """One edge."""
        run, edges = self.run, self.run.edges
        mean = float(edges.transit_mean_s[number])
        return {
            "camera_a": run.cameras[edges.camera_a[number]].id,
            "camera_b": run.cameras[edges.camera_b[number]].id,
            "kind": KINDS[int(edges.transit[number])],
            "links": int(edges.links[number]),
            "score": round(float(edges.score[number]), 6),
            "transit_mean_s": mean if np.isfinite(mean) else None,
        }

    def edges(
        self, camera: str | None, kind: str | None, least_score: float, least_links: int
    ) -> list[dict[str, Any]]:
        """Edges that pass, most links first."""
        edges = self.run.edges
        keep = (edges.score >= least_score) & (edges.links >= least_links)
        if kind is not None:
            keep &= edges.transit == (kind == "transit")
        if camera is not None:
            number = self.number.get(camera, -1)
            keep &= (edges.camera_a == number) | (edges.camera_b == number)
        return [self.edge(int(which)) for which in np.flatnonzero(keep)]

    def camera(self, camera: str) -> dict[str, Any] | None:
        """A camera with its windows, edges and links; None where it is none of the topology's."""
        number = self.number.get(camera)
        if number is None:
            return None
        run, links = self.run, self.run.links
        state = run.cameras[number]
        first, second = links.camera_a == number, links.camera_b == number
        own = np.r_[links.window_a[first], links.window_b[second]]
        other = np.r_[links.camera_b[first], links.camera_a[second]]
        window = np.r_[links.window_b[first], links.window_a[second]]
        score = np.r_[links.score[first], links.score[second]]
        occupied = None if run.occupied is None else run.occupied[number].tolist()
        return {
            "id": camera,
            "status": state.status,
            "message": state.message or None,
            "warnings": list(state.warnings),
            "frames": state.frames,
            "ticks_available": state.available,
            "ticks_unavailable": state.unavailable,
            "component": int(self.component[number]),
            "group": int(self.group[number]),
            "grid": {"columns": run.grid.columns, "rows": run.grid.rows},
            "occupied_ticks": occupied,
            "edges": self.edges(camera, None, -np.inf, 0),
            "links": {
                "window": own.tolist(),
                "other": [run.cameras[which].id for which in other],
                "other_window": window.tolist(),
                "score": np.round(score, 4).tolist(),
            },
        }

    def partitions(self) -> dict[str, Any]:
        """Who is counted together, and the plans that have held, the oldest first."""
        entry = self.run.summary.get("partition")
        entry = entry if isinstance(entry, dict) else {}
        cameras = len(self.run.cameras)
        ticks, fps = finite(self.run.summary.get("range_ticks")), finite(self.run.summary.get("fps"))
        range_s = ticks / fps if ticks and fps else None
        plans = entry.get("plans")
        sizes = np.bincount(self.group[self.group >= 0])
        edges = self.run.edges
        # Pairs of one group only can become edges; where nobody is grouped, all are counted.
        grouped = entry.get("kind", "none") != "none"
        found = [_plan(plan, cameras, range_s) for plan in plans] if isinstance(plans, list) else []
        return {
            "kind": _text(entry.get("kind")) or "none",
            "cameras": cameras,
            "grouped_cameras": int(sizes.sum()) if grouped else cameras,
            "groups": len(sizes) if grouped else 1,
            "largest": int(sizes.max(initial=0)) if grouped else cameras,
            "pairs_share": finite(entry.get("cost_share")) if grouped else 1.0,
            "edges": len(edges.links),
            "sizes": np.sort(sizes)[::-1][:500].tolist(),
            "plans": [plan for plan in found if plan is not None],
        }


def read_topology(folder: Path, before: Topology | None = None) -> Topology:
    """A publication's topology; cameras stay where they were ``before``, as far as they can.

    Raises:
        InputError: it is not there, or damaged.
    """
    run = read_run(folder)
    edges, count = run.edges, len(run.cameras)
    pairs = np.unique(edges.camera_a * count + edges.camera_b) if len(edges.links) else np.zeros(0)
    edge_set = hash((tuple(camera.id for camera in run.cameras), pairs.tobytes()))
    if before is not None and before.edge_set == edge_set:
        x, y = before.x, before.y
    elif count > MOST_PLACED:
        columns = int(np.ceil(np.sqrt(count * 1.5)))
        index = np.arange(count)
        x, y = np.asarray(index % columns, float), np.asarray(index // columns, float)
    else:
        known = np.full((count, 2), np.nan)
        if before is not None:
            for number, camera in enumerate(run.cameras):
                if (was := before.number.get(camera.id)) is not None:
                    known[number] = before.x[was], before.y[was]
        weight = np.maximum(edges.links, 1).astype(np.float64)
        x, y = place(count, edges.camera_a, edges.camera_b, weight, known).T
    groups = _groups(folder / "groups.csv", run)
    return Topology(run, x, y, components(run), groups, edge_set, read_handover(folder, run))


def _groups(path: Path, run: Run) -> Ints:
    """Each camera's group, by the file that the run left."""
    found: dict[str, str] = {}
    with (
        contextlib.suppress(OSError, ValueError, csv.Error),
        path.open(encoding="utf-8", newline="") as file,
    ):
        found = {row[0]: row[1] for row in csv.reader(file) if len(row) == 2}
    found.pop("camera", None)
    names = {name: number for number, name in enumerate(dict.fromkeys(found.values()))}
    return np.array([names.get(found.get(camera.id, ""), -1) for camera in run.cameras], dtype=np.int64)


def _plan(plan: object, cameras: int, range_s: float | None) -> dict[str, Any] | None:
    if not isinstance(plan, dict):
        return None
    after, pairs = finite(plan.get("after")), finite(plan.get("pairs"))
    return {
        "from_s": None if after is None or range_s is None else finite((after + 1) * range_s),
        "groups": _count(plan.get("groups")),
        "largest": _count(plan.get("largest")),
        "pairs_share": None if pairs is None or not cameras else min(1.0, pairs / cameras**2),
    }


def _count(value: object) -> int | None:
    found = finite(value)
    return None if found is None else int(found)


def finite(value: object) -> float | None:
    """A number that can be one of a run, and be told to a browser; None for all else."""
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < MOST:
        return value
    return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
