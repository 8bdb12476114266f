"""What a run leaves in its folder. Every file is written aside and then renamed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from sdist_ray.errors import InputError
from sdist_ray.occupancy.visits import VisitCounter
from sdist_ray.simulation.truth import GroundOverlap
from sdist_ray.simulation.truth_blind import BlindGround
from sdist_ray.simulation.truth_transits import TrueTransits
from sdist_ray.topology.graph import Edges, camera_graph
from sdist_ray.topology.links import Links
from sdist_ray.topology.transit.pairs import TransitPairs, add_to_graph

EDGE_COLUMNS_LATER: Mapping[str, pa.DataType] = {
    "transit_mean_s": pa.float64(),
    "transit_p10_s": pa.float64(),
    "transit_p90_s": pa.float64(),
    "probability_ab": pa.float64(),
    "probability_ba": pa.float64(),
    "per_hour": pa.float64(),
    "homography": pa.list_(pa.float64()),
    "homography_error": pa.float64(),
    "clock_offset_s": pa.float64(),
}
"""Columns of edges.parquet that are null where nothing is known of them."""


def write_whole(path: Path, write: Callable[[Path], None]) -> None:
    """Have ``write`` make a file aside, then give it its name; after an error nothing is left.

    Raises:
        InputError: the disk is full, or the folder cannot be written to.
    """
    partial = path.with_name(f".partial-{path.name}")
    try:
        write(partial)
        os.replace(partial, path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    write_bytes(path, text.encode())


def write_json(path: Path, content: object) -> None:
    """Write JSON, whole or not at all."""
    write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def write_table(path: Path, columns: Mapping[str, Any]) -> None:
    """Write a Parquet file, whole or not at all; the same table gives the same bytes."""
    table = pa.table(dict(columns))
    write_whole(path, lambda partial: pq.write_table(table, partial, compression="zstd"))


def write_links(path: Path, links: Links) -> None:
    """links.parquet."""
    write_table(
        path,
        {
            "camera_a": _names(links.cameras, links.camera_a),
            "window_a": links.window_a.astype(np.uint16),
            "camera_b": _names(links.cameras, links.camera_b),
            "window_b": links.window_b.astype(np.uint16),
            "score_ab": links.score_ab,
            "score_ba": links.score_ba,
            "opportunities_ab": links.opportunities_ab,
            "opportunities_ba": links.opportunities_ba,
            "exclusions_ab": links.exclusions_ab,
            "exclusions_ba": links.exclusions_ba,
            "confidence": links.confidence,
        },
    )


def write_graph(
    folder: Path, edges: Edges, most: int | None = None, transits: TransitPairs | None = None
) -> None:
    """edges.parquet, and topology.graphml and topology.json unless there are more than ``most`` edges."""
    nothing = {name: pa.nulls(len(edges), kind) for name, kind in EDGE_COLUMNS_LATER.items()}
    if edges.homography is not None:
        nothing["homography"] = pa.array(edges.homography.tolist(), pa.list_(pa.float64()))
        nothing["homography_error"] = pa.array(edges.homography_error, pa.float64())
        nothing["clock_offset_s"] = pa.array(edges.clock_offset_s, pa.float64())
    table = pa.table(
        {
            "camera_a": _names(edges.cameras, edges.camera_a),
            "camera_b": _names(edges.cameras, edges.camera_b),
            "links": edges.links,
            "score": edges.score,
            "kind": pa.array(["overlap"] * len(edges), pa.string()),
            **nothing,
        },
    )
    if transits is not None and len(transits):
        table = pa.concat_tables([table, transit_rows(transits)])
    write_table(folder / "edges.parquet", dict(zip(table.column_names, table.columns, strict=True)))
    if most is not None and len(edges) > most:
        return
    graph = camera_graph(edges)
    if transits is not None:
        add_to_graph(graph, transits)
    write_json(folder / "topology.json", nx.node_link_data(graph, edges="edges"))
    for *_, values in graph.edges(data=True):
        # GraphML has no lists.
        if "homography" in values:
            values["homography"] = " ".join(map(repr, values["homography"]))
    write_whole(folder / "topology.graphml", lambda partial: nx.write_graphml(graph, partial))


def transit_rows(pairs: TransitPairs) -> pa.Table:
    """The rows of edges.parquet that are transits."""
    nothing = {name: pa.nulls(len(pairs), kind) for name, kind in EDGE_COLUMNS_LATER.items()}
    return pa.table(
        {
            "camera_a": pa.array(pairs.camera_a, pa.string()),
            "camera_b": pa.array(pairs.camera_b, pa.string()),
            "links": np.zeros(len(pairs), dtype=np.int64),
            "score": pairs.confidence,
            "kind": pa.array(["transit"] * len(pairs), pa.string()),
            **nothing,
            "transit_mean_s": pairs.mean_s,
            "transit_p10_s": pairs.p10_s,
            "transit_p90_s": pairs.p90_s,
            "probability_ab": pairs.probability_ab,
            "probability_ba": pairs.probability_ba,
            "per_hour": pairs.per_hour,
        }
    )


def write_windows(path: Path, cameras: Sequence[str], visits: VisitCounter) -> None:
    """windows.parquet: how often each window was occupied and visited, zeros included."""
    # A network that runs has more cameras from one moment to the next.
    occupied, seen = visits.occupied_ticks[: len(cameras)], visits.visits[: len(cameras)]
    count, windows = min(occupied.shape, seen.shape)
    write_table(
        path,
        {
            "camera": _names(cameras, np.repeat(np.arange(count), windows)),
            "window": np.tile(np.arange(windows, dtype=np.uint16), count),
            "occupied_ticks": occupied[:count].reshape(-1),
            "visits": seen[:count].reshape(-1),
        },
    )


def write_truth(
    folder: Path,
    cameras: Sequence[str],
    overlap: GroundOverlap,
    joint: npt.NDArray[np.int64] | None,
) -> None:
    """truth_links.parquet, and truth_edges.parquet with the area that each pair of cameras shares."""
    count = len(overlap.camera_a)
    write_table(
        folder / "truth_links.parquet",
        {
            "camera_a": _names(cameras, overlap.camera_a),
            "window_a": overlap.window_a.astype(np.uint16),
            "camera_b": _names(cameras, overlap.camera_b),
            "window_b": overlap.window_b.astype(np.uint16),
            "overlap_a": overlap.overlap_a,
            "overlap_b": overlap.overlap_b,
            "joint_visits": pa.nulls(count, pa.int64()) if joint is None else pa.array(joint),
        },
    )
    write_table(
        folder / "truth_edges.parquet",
        {
            "camera_a": _names(cameras, overlap.pair_camera_a),
            "camera_b": _names(cameras, overlap.pair_camera_b),
            "shared_m2": overlap.pair_shared_m2,
        },
    )


def write_true_transits(folder: Path, cameras: Sequence[str], transits: TrueTransits) -> None:
    """truth_transits.parquet: who truly walked between cameras that share no ground."""
    write_table(
        folder / "truth_transits.parquet",
        {
            "camera_from": _names(cameras, transits.source),
            "camera_to": _names(cameras, transits.target),
            "people": transits.people,
            "parties": transits.parties,
            "mean_s": transits.mean_s,
            "p10_s": transits.p10_s,
            "p90_s": transits.p90_s,
        },
    )


def write_blind_ground(folder: Path, ground: BlindGround) -> None:
    """truth_blind.parquet: ground that people truly walked on and no camera saw."""
    count = len(ground.x_m)
    write_table(
        folder / "truth_blind.parquet",
        {
            "x_m": ground.x_m,
            "y_m": ground.y_m,
            "person_s": ground.person_s,
            "cell_m": np.full(count, ground.cell_m),
            "hours": np.full(count, ground.hours),
        },
    )


def _names(cameras: Sequence[str], indices: npt.NDArray[Any]) -> pa.Array:
    return pa.array(cameras, pa.string()).take(pa.array(indices.astype(np.int64)))


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file, whole or not at all."""
    write_whole(path, lambda partial: _write_bytes(partial, data))


def _write_bytes(path: Path, data: bytes) -> None:
    path.write_bytes(data)
