"""A distancing run, as the interface gives it: people on the ground at any time, violations, history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sdist_ray.errors import InputError
from sdist_ray.report.distancing_folder import as_kind, read_distancing_run
from sdist_ray.report.run_folder import rate

Floats = npt.NDArray[np.float64]
MOST_PEOPLE = 4_000_000
"""Rows of people.parquet that are kept: the newest."""
BINS = 120
AT_ONCE_S = 0.6
"""Somebody who was seen so long ago still stands there."""
SLOWEST_S = 2.0
"""From one look of a camera to the next, where no rate is known: more is a time in which nobody was there."""
SEVERITIES = ("brief", "long", "serious")
PEOPLE = {
    "camera": pa.string(), "time_s": pa.float64(), "track": pa.int64(), "ground_x_m": pa.float32(),
    "ground_y_m": pa.float32(), "x": pa.float32(), "y": pa.float32(), "width": pa.float32(),
    "height": pa.float32(), "group": pa.int64(), "person": pa.int64(),
}  # fmt: skip


@dataclass(frozen=True)
class Distances:
    """What a distancing run left.

    Attributes:
        summary: of summary.json.
        cameras: ids, with people or violations.
        camera, track, group: int (rows,) of people.parquet by time; a group of -1 is none.
        person: the network's number of who may be seen by several cameras; -1: they are one camera's track.
        time_s, x, y: where they were: metres on the ground, or pixels where ``unit`` is "px".
        unit, limit: of distances.
        violations: by start; see ``_violation``.
        truncated: whether older people were left out.
        look_s: from one look of a camera to the next, by id, of those of which that is known.
    """

    summary: Mapping[str, Any]
    cameras: tuple[str, ...]
    camera: npt.NDArray[np.int32]
    track: npt.NDArray[np.int64]
    group: npt.NDArray[np.int64]
    person: npt.NDArray[np.int64]
    time_s: Floats
    x: npt.NDArray[np.float32]
    y: npt.NDArray[np.float32]
    unit: str
    limit: float
    violations: list[dict[str, Any]]
    truncated: bool
    look_s: Mapping[str, float] = field(default_factory=dict)

    def span(self) -> tuple[float, float]:
        """The first and the last second that anything is known of."""
        ends = [float(value) for value in self.time_s[[0, -1]]] if len(self.time_s) else []
        ends += [v["start_s"] for v in self.violations] + [v["end_s"] for v in self.violations]
        return (min(ends), max(ends)) if ends else (0.0, 0.0)

    def overview(self) -> dict[str, Any]:
        """Its span, its cameras, and people and violations over time, in bins of one length."""
        first, last = self.span()
        bins = int(np.clip(np.ceil(last - first), 1, BINS))
        edges = np.linspace(first, max(last, first + 1e-3), bins + 1)
        step = edges[1] - edges[0]
        seconds = {severity: np.zeros(bins) for severity in SEVERITIES}
        for violation in self.violations:
            overlap = np.minimum(violation["end_s"], edges[1:]) - np.maximum(violation["start_s"], edges[:-1])
            seconds[violation["severity"]] += np.maximum(overlap, 0.0)
        since_s = self.time_s - first
        until_s = since_s + self._seen_s
        people = np.diff(_before(since_s, edges - first) - _before(until_s, edges - first)) / step
        return {
            "unit": self.unit,
            "limit": self.limit,
            "first_s": first,
            "last_s": last,
            "cameras": [self._extent(number) for number in range(len(self.cameras))],
            "violations": len(self.violations),
            "truncated": self.truncated,
            "history": {
                "time_s": np.round(edges[:-1], 3).tolist(),
                "bin_s": float(step),
                "people": np.round(np.maximum(people, 0.0), 2).tolist(),
                **{name: np.round(found, 2).tolist() for name, found in seconds.items()},
            },
        }

    @cached_property
    def _seen_s(self) -> Floats:
        """How long each row says that somebody was there: until the camera looks again, or they have another.

        Whoever several cameras see at once is there once, whenever each of them looks.
        """
        look_s = np.full(len(self.cameras), SLOWEST_S)
        for number, camera in enumerate(self.cameras):
            apart = np.diff(np.unique(self.time_s[self.camera == number]))
            if camera in self.look_s:
                look_s[number] = self.look_s[camera]
            elif len(apart):
                look_s[number] = min(float(np.median(apart)), SLOWEST_S)
        fused = self.person >= 0
        who = np.stack([np.where(fused, -1, self.camera), np.where(fused, self.person, self.track)])
        order = np.lexsort((self.time_s, who[1], who[0]))
        same = (np.diff(who[:, order]) == 0).all(axis=0)
        next_s = np.append(np.where(same, np.diff(self.time_s[order]), np.inf), np.inf)[: len(order)]
        seen_s = np.empty(len(order))
        seen_s[order] = np.minimum(next_s, look_s[self.camera[order]])
        return seen_s

    def _extent(self, number: int) -> dict[str, Any]:
        mine = self.camera == number
        x, y = self.x[mine], self.y[mine]
        known = np.isfinite(x) & np.isfinite(y)
        if not known.any():
            return {"id": self.cameras[number], "extent": None}
        # A lone wrong projection would make all others a point.
        low_x, high_x = np.percentile(x[known], (0.5, 99.5))
        low_y, high_y = np.percentile(y[known], (0.5, 99.5))
        return {"id": self.cameras[number], "extent": [float(v) for v in (low_x, low_y, high_x, high_y)]}

    def at(self, time_s: float, camera: str | None) -> dict[str, Any]:
        """Who was where at a time, everybody once, and the violations of that moment."""
        first, last = np.searchsorted(self.time_s, (time_s - AT_ONCE_S, time_s + 1e-6))
        rows: dict[tuple[int, int], list[int]] = {}
        for row in range(int(first), int(last)):
            seen_by, person = int(self.camera[row]), int(self.person[row])
            if (camera is None or self.cameras[seen_by] == camera) and np.isfinite(
                [self.x[row], self.y[row]]
            ).all():
                who = (-1, person) if person >= 0 else (seen_by, int(self.track[row]))
                rows.setdefault(who, []).append(row)
        people = []
        for mine in rows.values():
            newest = mine[-1]
            # By all cameras that saw them then.
            then = [row for row in mine if self.time_s[row] >= self.time_s[newest] - 1e-6]
            group, person = int(self.group[newest]), int(self.person[newest])
            people.append(
                {
                    "camera": self.cameras[self.camera[newest]],
                    "cameras": sorted({self.cameras[self.camera[row]] for row in mine}),
                    "track": int(self.track[newest]),
                    "person": None if person < 0 else person,
                    "x": round(float(self.x[then].mean()), 3),
                    "y": round(float(self.y[then].mean()), 3),
                    "group": None if group < 0 else group,
                }
            )
        return {
            "time_s": time_s,
            "people": people,
            "violations": self.between(time_s, time_s, camera, None),
        }

    def between(
        self, since_s: float, until_s: float, camera: str | None, severity: str | None
    ) -> list[dict[str, Any]]:
        """Violations that lasted during some of a span."""
        return [
            violation
            for violation in self.violations
            if violation["start_s"] <= until_s
            and violation["end_s"] >= since_s
            and (camera is None or camera in violation["cameras"])
            and (severity is None or violation["severity"] == severity)
        ]


def _before(times: Floats, edges: Floats) -> Floats:
    """How long it is since each of these times, all of them together, at each of the edges; (edges,)."""
    times = np.sort(times)
    count = np.searchsorted(times, edges)
    return np.asarray(count * edges - np.append(0.0, np.cumsum(times))[count])


def read_distances(folder: Path) -> Distances:
    """What a distancing run left in a folder.

    Raises:
        InputError: it has left nothing there, or what cannot be read.
    """
    run = read_distancing_run(folder)
    units = [str(entry.get("unit")) for entry in run.cameras if entry.get("unit") in ("m", "px")]
    unit = "px" if units and "m" not in units else "m"
    limits = [float(e["limit"]) for e in run.cameras if isinstance(e.get("limit"), int | float)]
    table, truncated = _people(folder / "people.parquet")
    found = [_violation(row, unit) for row in run.violations.to_pylist()]
    violations = [violation for violation in found if violation is not None]
    named = {str(camera) for camera in pc.unique(table["camera"]).to_pylist()}
    cameras = tuple(sorted(named.union(*(v["cameras"] for v in violations))))
    place = {camera: number for number, camera in enumerate(cameras)}
    coded = table["camera"].combine_chunks().dictionary_encode()
    codes = np.array([place[str(name)] for name in coded.dictionary.to_pylist()], dtype=np.int32)
    x, y = _column(table, "ground_x_m"), _column(table, "ground_y_m")
    if unit == "px":
        x = _column(table, "x") + _column(table, "width") / 2
        y = _column(table, "y") + _column(table, "height")
    return Distances(
        summary=run.summary,
        cameras=cameras,
        camera=codes[coded.indices.to_numpy(zero_copy_only=False)] if len(coded) else codes[:0],
        track=np.nan_to_num(_column(table, "track")).astype(np.int64),
        group=np.nan_to_num(_column(table, "group"), nan=-1).astype(np.int64),
        person=np.nan_to_num(_column(table, "person"), nan=-1).astype(np.int64),
        time_s=_column(table, "time_s").astype(np.float64),
        x=x.astype(np.float32),
        y=y.astype(np.float32),
        unit=unit,
        limit=limits[0] if limits else 2.0,
        violations=sorted(violations, key=lambda violation: float(violation["start_s"])),
        truncated=truncated,
        look_s={
            str(entry.get("camera")): 1 / min(ticks, rate(entry.get("fps")) or ticks)
            for entry in run.cameras
            if (ticks := rate(entry.get("ticks_per_s")))
        },
    )


def _people(path: Path) -> tuple[pa.Table, bool]:
    """people.parquet by time, its columns in the types above, and whether older rows were left out."""
    schema = pa.schema(list(PEOPLE.items()))
    if not path.is_file():
        return schema.empty_table(), False
    try:
        with pq.ParquetFile(path) as file:
            has = file.schema_arrow.names
            table = file.read(columns=[name for name in PEOPLE if name in has])
        arrays = [
            as_kind(table[name], kind, safe=False) if name in has else pa.nulls(table.num_rows, kind)
            for name, kind in PEOPLE.items()
        ]
    except (OSError, pa.ArrowException, UnicodeDecodeError) as error:
        raise InputError(f"people.parquet cannot be read: {str(error).splitlines()[0]}") from error
    known = pc.and_(pc.is_valid(arrays[0]), pc.is_finite(pc.fill_null(arrays[1], np.nan)))
    table = pa.table(arrays, schema=schema).filter(known)
    table = table.sort_by([("time_s", "ascending")])
    return table.slice(max(0, table.num_rows - MOST_PEOPLE)), table.num_rows > MOST_PEOPLE


def _column(table: pa.Table, name: str) -> Floats:
    return np.asarray(table[name].to_numpy(zero_copy_only=False), dtype=np.float64)


def _violation(row: Mapping[str, Any], unit: str) -> dict[str, Any] | None:
    start_s, end_s = row["start_s"], row["end_s"]
    if start_s is None or end_s is None or not np.isfinite([start_s, end_s]).all():
        return None
    suffix = "m" if unit == "m" else "px"
    numbers = {
        "least_distance": row[f"least_distance_{suffix}"],
        "mean_distance": row[f"mean_distance_{suffix}"],
        "x_m": row["x_m"],
        "y_m": row["y_m"],
    }
    severity = row["severity"] if row["severity"] in SEVERITIES else SEVERITIES[0]
    return {
        "person_a": row["person_a"],
        "person_b": row["person_b"],
        "start_s": start_s,
        "end_s": max(start_s, end_s),
        **{name: v if v is not None and np.isfinite(v) else None for name, v in numbers.items()},
        "unit": unit,
        "severity": severity,
        "cameras": [str(camera) for camera in row["cameras"] or ()],
    }
