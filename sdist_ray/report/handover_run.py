"""A run's folder to a Handover: from whatever the run left of links, transits and exits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from sdist_ray.errors import InputError
from sdist_ray.occupancy.grid import Grid
from sdist_ray.report.run_folder import (
    Floats,
    Ints,
    Run,
    camera_numbers,
    numbers,
    read_columns,
    read_run,
    window_numbers,
)
from sdist_ray.topology.handover.ahead import ground_of
from sdist_ray.topology.handover.build import Linked, Walked, build_handover, no_walks
from sdist_ray.topology.handover.exits import ExitCounts
from sdist_ray.topology.handover.model import Handover
from sdist_ray.topology.handover.successions import Successions

LINKS = ("camera_a", "window_a", "camera_b", "window_b", "score_ab", "score_ba")
TRANSITS = ("camera_from", "camera_to", "probability", "bin_s", "histogram")
ZONES = ("camera_from", "windows_from", "camera_to", "windows_to", "exits", "transits", "histogram")
EXITS = ("camera", "window", "exits", "gone", "entries", "came", "holders", "asked", "held", "gap_s")


def read_handover(
    folder: Path, run: Run | None = None, views: Mapping[str, Floats] | None = None
) -> Handover:
    """Where targets that leave are seen next, by what a run has learnt.

    links.parquet is enough; transits, transit_zones, exits and successions.parquet, which a run leaves where
    it looked for transits, make it better.

    Args:
        folder: of a topology run, or of a publication of a live one.
        run: what ``read_run`` found there, where it has been read already.
        views: what cameras see of one ground, by id: corners float64 (k, 2), metres. It is then known where a
            target that moves is going.

    Raises:
        InputError: it is not such a folder, a file in it is damaged, or the ground is too large.
    """
    run = read_run(folder) if run is None else run
    place = {camera.id: number for number, camera in enumerate(run.cameras)}
    transits = _walked(folder, place, run.grid)
    handover = build_handover(
        [camera.id for camera in run.cameras],
        run.grid,
        _linked(folder, place, run.grid),
        transits,
        _counts(folder, place, run.grid),
        run.occupied,
    )
    if views is None:
        return handover
    return replace(handover, ground=ground_of([views.get(c, np.empty((0, 2))) for c in handover.cameras]))


def _linked(folder: Path, place: Mapping[str, int], grid: Grid) -> Linked:
    path = folder / "links.parquet"
    table = read_columns(path, LINKS)
    return Linked(
        camera_numbers(table, "camera_a", place),
        window_numbers(table, "window_a", grid, str(path)),
        camera_numbers(table, "camera_b", place),
        window_numbers(table, "window_b", grid, str(path)),
        np.clip(numbers(table, "score_ab"), 0.0, 1.0),
        np.clip(numbers(table, "score_ba"), 0.0, 1.0),
    )


def _walked(folder: Path, place: Mapping[str, int], grid: Grid) -> Walked | None:
    path = folder / "transits.parquet"
    if not path.is_file():
        return None
    table = _known(read_columns(path, TRANSITS), ("camera_from", "camera_to"), place)
    unknown = no_walks(len(place), grid)
    zone, zones = unknown.zone, int(unknown.zone.max(initial=0)) + 1
    zone_file = folder / "transit_zones.parquet"
    nodes = len(place) * zones
    returns, exits = np.zeros(len(place)), np.zeros(nodes)
    own = to = np.zeros(0, np.int64)
    walked, by_zone = np.zeros(0), _histograms(table, str(path))[:0]
    if zone_file.is_file():
        rows = _known(read_columns(zone_file, ZONES), ("camera_from", "camera_to"), place)
        source, target = camera_numbers(rows, "camera_from", place), camera_numbers(rows, "camera_to", place)
        back = source == target
        left, moved = numbers(rows, "exits"), numbers(rows, "transits")
        returns[source[back]] = moved[back] / np.maximum(left[back], 1.0)
        own = source * zones + _zone(rows, "windows_from", zone, str(zone_file))
        to = target * zones + _zone(rows, "windows_to", zone, str(zone_file))
        own, to, walked, by_zone = (
            column[~back] for column in (own, to, moved, _histograms(rows, str(zone_file)))
        )
        exits[own] = left[~back]
        # Zones that nobody is known to walk from: what is left of the camera's exits.
        whole = np.zeros(len(place))
        whole[source[back]] = left[back]
        known = exits.reshape(-1, zones)
        rest = np.maximum(whole - known.sum(axis=1), 0.0) / np.maximum((known == 0).sum(axis=1), 1)
        exits = np.where(known == 0, rest[:, None], known).reshape(-1)
    histogram = _histograms(table, str(path))
    if not len(histogram):
        histogram = unknown.histogram
    if not len(by_zone):
        by_zone = np.zeros((0, histogram.shape[1]))
    if by_zone.shape[1] != histogram.shape[1]:
        raise InputError(f"{zone_file}: its histograms are not as long as those of {path.name}")
    return Walked(
        camera_numbers(table, "camera_from", place),
        camera_numbers(table, "camera_to", place),
        np.clip(numbers(table, "probability"), 0.0, 1.0),
        histogram,
        float(numbers(table, "bin_s")[0]) if table.num_rows else unknown.bin_s,
        np.clip(returns, 0.0, 1.0),
        zone,
        own,
        to,
        walked,
        by_zone,
        exits,
    )


def _counts(folder: Path, place: Mapping[str, int], grid: Grid) -> ExitCounts | None:
    path = folder / "exits.parquet"
    if not path.is_file():
        return None
    table = _known(read_columns(path, EXITS), ("camera",), place)
    if not table.num_rows:
        return None
    camera, window = camera_numbers(table, "camera", place), window_numbers(table, "window", grid, str(path))
    counts = np.zeros((4, len(place), grid.windows), dtype=np.int64)
    for k, name in enumerate(("exits", "gone", "entries", "came")):
        counts[k, camera, window] = numbers(table, name).astype(np.int64)
    lists = {name: table[name].combine_chunks() for name in ("holders", "asked", "held")}
    sizes = {name: column.value_lengths().to_numpy(zero_copy_only=False) for name, column in lists.items()}
    if any((size != sizes["held"]).any() for size in sizes.values()):
        raise InputError(f"{path}: holders, asked and held of a row must be as many")
    holder = pa.table({"holder": lists["holders"].flatten()})
    missing = set(holder["holder"].unique().to_pylist()) - set(place)
    if missing:
        raise InputError(f"{path}: holder {min(map(str, missing))!r} is no camera of the run")
    row = np.repeat(np.arange(table.num_rows), sizes["held"])
    asked, held = (lists[name].flatten().to_numpy(zero_copy_only=False) for name in ("asked", "held"))
    gap_s = float(numbers(table, "gap_s")[0])
    exits, gone, entries, came = counts
    return ExitCounts(
        exits, gone, entries, came, camera[row], window[row], camera_numbers(holder, "holder", place),
        asked.astype(np.int64), held.astype(np.int64), gap_s,
        _successions(folder / "successions.parquet", place, no_walks(len(place), grid).zone),
    )  # fmt: skip


def _successions(path: Path, place: Mapping[str, int], zone: Ints) -> Successions | None:
    if not path.is_file():
        return None
    columns = ("camera_from", "windows_from", "camera_to", "shares", "edges_s")
    table = _known(read_columns(path, columns), ("camera_from", "camera_to"), place)
    if not table.num_rows:
        return None
    zones = int(zone.max(initial=0)) + 1
    source = camera_numbers(table, "camera_from", place) * zones
    source += _zone(table, "windows_from", zone, str(path))
    target, share = camera_numbers(table, "camera_to", place), _histograms(table, str(path), "shares")
    edges_s = np.array(table["edges_s"][0].as_py(), dtype=np.float64)
    if share.shape[1] != len(edges_s) - 1 or not (np.diff(edges_s) > 0).all():
        raise InputError(f"{path}: edges_s must ascend, and be one more than shares")
    order = np.lexsort((target, source))
    return Successions(source[order], target[order], share[order], edges_s)


def _known(table: pa.Table, columns: tuple[str, ...], place: Mapping[str, int]) -> pa.Table:
    """Rows of cameras that the run's other tables have; a network that runs may have lost some since."""
    keep = np.ones(table.num_rows, dtype=np.bool_)
    for column in columns:
        keep &= np.array([camera in place for camera in table[column].to_pylist()], dtype=np.bool_)
    return table.filter(pa.array(keep))


def _zone(table: pa.Table, column: str, zone: Ints, path: str) -> Ints:
    """The zone that a row's windows make up, int64 (rows,)."""
    found = np.empty(table.num_rows, dtype=np.int64)
    for k, windows in enumerate(table[column].to_pylist()):
        if not windows or not 0 <= min(windows) <= max(windows) < len(zone):
            raise InputError(f"{path}: {column} of row {k + 1} are not windows of the run's grid")
        found[k] = zone[windows[0]]
    return found


def _histograms(table: pa.Table, path: str, column: str = "histogram") -> Floats:
    rows = table[column].to_pylist()
    if len({len(row) for row in rows}) > 1:
        raise InputError(f"{path}: lists in {column} must all be of one length")
    found = np.array(rows, dtype=np.float64) if rows else np.zeros((0, 0))
    if not np.isfinite(found).all() or (found < 0).any():
        raise InputError(f"{path}: {column} has numbers that are not 0 or more")
    return found
