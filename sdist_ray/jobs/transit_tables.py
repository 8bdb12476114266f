"""What a run leaves of transits, and of those who leave: the tables that a handover is made from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from sdist_ray.jobs.outputs import write_table
from sdist_ray.jobs.transits import FoundTransits
from sdist_ray.topology.handover.exits import ExitCounts
from sdist_ray.topology.handover.successions import Successions
from sdist_ray.topology.transit.model import Transits


def write_transits(folder: Path, found: FoundTransits) -> None:
    """transits, transit_zones, exits and successions.parquet, in a run's folder."""
    _write_edges(folder / "transits.parquet", found.directed, found.cameras)
    _write_zones(folder / "transit_zones.parquet", found.directed, found.cameras)
    _write_exits(folder / "exits.parquet", found.exits, found.cameras)
    path = folder / "successions.parquet"
    if found.exits.successions is not None:
        _write_successions(path, found.exits.successions, found.directed.zone, found.cameras)


def _write_edges(path: Path, transits: Transits, cameras: tuple[str, ...]) -> None:
    """One row per direction, sorted by the ids of its cameras."""
    ends = zip(transits.source.tolist(), transits.target.tolist(), strict=True)
    names = [(cameras[a], cameras[b]) for a, b in ends]
    order = sorted(range(len(names)), key=lambda k: names[k])
    columns = {
        name: getattr(transits, name)[order]
        for name in ("transits", "probability", "per_hour", "mean_s", "p10_s", "p90_s", "score", "p_value")
    }
    write_table(
        path,
        {
            "camera_from": pa.array([names[k][0] for k in order], pa.string()),
            "camera_to": pa.array([names[k][1] for k in order], pa.string()),
            **columns,
            "bin_s": np.full(len(order), transits.bin_s),
            "histogram": _histograms(transits.histogram[order]),
        },
    )


def _write_zones(path: Path, transits: Transits, cameras: tuple[str, ...]) -> None:
    """One row per way from a zone to a zone, sorted by the ids of the cameras, and then by zone.

    Who comes back to the camera that they left has one row per camera, from all of its windows to all.
    """
    zones = int(transits.zone.max(initial=0)) + 1
    windows = [np.flatnonzero(transits.zone == zone).astype(np.uint16) for zone in range(zones)]
    every = np.arange(len(transits.zone), dtype=np.uint16)
    exits = transits.zone_exits
    rows = [
        (cameras[a // zones], a % zones, cameras[b // zones], b % zones, k)
        for k, (a, b) in enumerate(
            zip(transits.zone_source.tolist(), transits.zone_target.tolist(), strict=True)
        )
    ]
    rows.sort()
    which = [row[4] for row in rows]
    back = sorted(range(len(cameras)), key=lambda camera: cameras[camera])
    all_exits = exits.reshape(-1, zones).sum(axis=1)[back]
    bins = transits.zone_histogram.shape[1]
    write_table(
        path,
        {
            "camera_from": pa.array([row[0] for row in rows] + [cameras[k] for k in back], pa.string()),
            "windows_from": _lists([windows[row[1]] for row in rows] + [every] * len(back)),
            "camera_to": pa.array([row[2] for row in rows] + [cameras[k] for k in back], pa.string()),
            "windows_to": _lists([windows[row[3]] for row in rows] + [every] * len(back)),
            "exits": np.concatenate([exits[transits.zone_source[which]], all_exits]),
            "transits": np.concatenate([transits.zone_transits[which], transits.returns[back] * all_exits]),
            "bin_s": np.full(len(rows) + len(back), transits.bin_s),
            "histogram": _histograms(
                np.concatenate([transits.zone_histogram[which], np.zeros((len(back), bins))])
            ),
        },
    )


def _write_exits(path: Path, counts: ExitCounts, cameras: tuple[str, ...]) -> None:
    """One row per window that anybody left or came into, sorted by the cameras' ids and the window."""
    windows = counts.exits.shape[1]
    place = counts.camera * windows + counts.window
    used = (counts.exits + counts.entries).reshape(-1) > 0
    used[place] = True
    rows = sorted(np.flatnonzero(used).tolist(), key=lambda p: (cameras[p // windows], p % windows))
    start = np.searchsorted(place, np.arange(len(used) + 1))
    ids = pa.array(cameras, pa.string())
    of = [np.arange(start[p], start[p + 1]) for p in rows]
    holders = [[cameras[h] for h in counts.holder[k].tolist()] for k in of]
    write_table(
        path,
        {
            "camera": ids.take(pa.array([p // windows for p in rows], pa.int64())),
            "window": np.array([p % windows for p in rows], dtype=np.uint16),
            "exits": counts.exits.reshape(-1)[rows],
            "gone": counts.gone.reshape(-1)[rows],
            "entries": counts.entries.reshape(-1)[rows],
            "came": counts.came.reshape(-1)[rows],
            "holders": pa.array(holders, pa.list_(pa.string())),
            "asked": pa.array([counts.asked[k] for k in of], pa.list_(pa.int64())),
            "held": pa.array([counts.held[k] for k in of], pa.list_(pa.int64())),
            "gap_s": np.full(len(rows), counts.gap_s),
        },
    )


def _write_successions(path: Path, follow: Successions, zone: np.ndarray, cameras: tuple[str, ...]) -> None:
    """One row per zone that people left and camera that people came into after it, sorted by ids."""
    zones = int(zone.max(initial=0)) + 1
    windows = [np.flatnonzero(zone == number).astype(np.uint16) for number in range(zones)]
    rows = sorted(
        (cameras[source // zones], source % zones, cameras[target], k)
        for k, (source, target) in enumerate(zip(follow.source.tolist(), follow.target.tolist(), strict=True))
    )
    write_table(
        path,
        {
            "camera_from": pa.array([row[0] for row in rows], pa.string()),
            "windows_from": _lists([windows[row[1]] for row in rows]),
            "camera_to": pa.array([row[2] for row in rows], pa.string()),
            "shares": _histograms(follow.share[[row[3] for row in rows]]),
            "edges_s": pa.array([follow.edges_s] * len(rows), pa.list_(pa.float64())),
        },
    )


def _histograms(histogram: np.ndarray) -> pa.Array:
    return pa.array([row.astype(np.float32) for row in histogram], pa.list_(pa.float32()))


def _lists(windows: list[np.ndarray]) -> pa.Array:
    return pa.array(windows, pa.list_(pa.uint16()))
