"""Tables and files of a distancing run."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from sdist_ray.distancing.groups import Group
from sdist_ray.distancing.violations import Violation
from sdist_ray.folders import make_folder
from sdist_ray.jobs.outputs import write_whole
from sdist_ray.report.snapshots import file_name
from sdist_ray.runtime.watched import PEOPLE_SCHEMA, Watched

VIOLATIONS_SCHEMA = pa.schema(
    [
        ("id", pa.int64()), ("person_a", pa.int64()), ("person_b", pa.int64()),
        ("start_s", pa.float64()), ("end_s", pa.float64()),
        ("least_distance_m", pa.float64()), ("mean_distance_m", pa.float64()),
        ("x_m", pa.float64()), ("y_m", pa.float64()), ("cameras", pa.list_(pa.string())),
        ("severity", pa.string()), ("least_distance_px", pa.float64()), ("mean_distance_px", pa.float64()),
    ]
)  # fmt: skip
GROUPS_SCHEMA = pa.schema(
    [
        ("camera", pa.string()), ("group", pa.int64()), ("members", pa.list_(pa.int64())),
        ("since_s", pa.float64()), ("recognised_s", pa.float64()), ("until_s", pa.float64()),
        ("reason", pa.string()),
    ]
)  # fmt: skip
Found = tuple[Violation, str, list[str], bool]
"""A violation, its severity, the cameras that saw it, and whether it is measured in metres."""
PLACES = {
    "video": "annotated/{}{}",
    "panel": "above/{}{}",
    "picture": "pictures/{}{}",
    "heat": "heat/{}{}",
}
"""Where a camera's files are in the run's folder, by its name and the file's suffix."""


ASIDE = ("people", "sightings")


class Fetches(Protocol):
    """Brings files from where they were made."""

    def fetch(self, worker: int, path: str, into: Path) -> None:
        """One file."""
        ...


def place_files(folder: Path, watched: Watched, worker: int, source: Fetches) -> dict[str, str]:
    """Bring a camera's files into the run's folder; their paths, relative to it.

    The tables of its people and sightings stay aside, as ``.people-…`` and ``.sightings-…``, to be joined
    with those of the others.
    """
    name = file_name(watched.camera)
    placed = {}
    for kind, path in watched.files.items():
        aside = kind in ASIDE
        relative = f".{kind}-{name}" if aside else PLACES[kind].format(name, Path(path).suffix)
        target = folder / relative
        make_folder(str(target.parent))

        def bring(partial: Path, path: str = path) -> None:
            source.fetch(worker, path, partial)

        write_whole(target, bring)
        placed[kind] = str(target) if aside else relative
    return placed


def remove_others(folder: Path, placed: Iterable[str]) -> None:
    """Remove an earlier run's videos and pictures: what lies in a run's folder is of that run."""
    ours = {folder / relative for relative in placed}
    for place in PLACES.values():
        for file in (folder / place).parent.glob("*"):
            if file.is_file() and file not in ours:
                file.unlink()


def write_people(
    path: Path, parts: Sequence[str | None], whose: Sequence[npt.NDArray[np.int64] | None] | None = None
) -> None:
    """people.parquet, from one table per camera, which are removed.

    Args:
        path: where it goes.
        parts: of each camera.
        whose: of each camera that was fused, whose its tracks were: int64 (n, 3), track, tick from which on,
            and person in the network.
    """

    def join(partial: Path) -> None:
        with pq.ParquetWriter(partial, PEOPLE_SCHEMA, compression="zstd") as writer:
            for part, changes in zip(parts, whose or [None] * len(parts), strict=True):
                if part is None:
                    continue
                with pq.ParquetFile(part) as file:
                    for batch in file.iter_batches():
                        writer.write_batch(batch if changes is None else _with_persons(batch, changes))

    try:
        write_whole(path, join)
    finally:
        for part in parts:
            if part is not None:
                Path(part).unlink(missing_ok=True)


def _with_persons(batch: pa.RecordBatch, changes: npt.NDArray[np.int64]) -> pa.RecordBatch:
    """A camera's rows with the person that each track was of at that tick, null where it was nobody yet."""
    # Ticks of ten thousand years at 60 a second fit; so do eight million tracks.
    key = (batch["track"].to_numpy() << 40) + batch["tick"].to_numpy()
    order = np.lexsort((changes[:, 1], changes[:, 0]))
    starts = (changes[order, 0] << 40) + changes[order, 1]
    at = np.searchsorted(starts, key, side="right") - 1
    known = at >= 0
    known[known] = starts[at[known]] >> 40 == key[known] >> 40
    person = np.where(known, changes[order, 2][at], 0) if len(changes) else np.zeros(len(key), np.int64)
    return batch.set_column(
        batch.schema.get_field_index("person"), "person", pa.array(person, pa.int64(), mask=~known)
    )


def violations_of(watched: Watched) -> list[Found]:
    """What one camera found by itself."""
    return [
        (violation, severity, [watched.camera], watched.unit == "m")
        for violation, severity in zip(watched.violations, watched.severities, strict=True)
    ]


def write_violations(folder: Path, found: Iterable[Found]) -> None:
    """violations.parquet and violations.csv, by their start."""
    rows: list[dict[str, Any]] = []
    for violation, severity, cameras, metres in found:
        least, mean = violation.least_distance, violation.mean_distance
        x, y = violation.place
        rows.append(
            {
                "person_a": violation.person_a, "person_b": violation.person_b,
                "start_s": round(violation.start_s, 3), "end_s": round(violation.end_s, 3),
                "least_distance_m": least if metres else None,
                "mean_distance_m": mean if metres else None,
                "x_m": x if metres else None, "y_m": y if metres else None,
                "cameras": cameras, "severity": severity,
                "least_distance_px": None if metres else least,
                "mean_distance_px": None if metres else mean,
            }
        )  # fmt: skip
    rows.sort(key=lambda row: (row["start_s"], row["cameras"], row["person_a"], row["person_b"]))
    rows = [{"id": number, **row} for number, row in enumerate(rows, 1)]
    table = pa.Table.from_pylist(rows, schema=VIOLATIONS_SCHEMA)
    write_whole(
        folder / "violations.parquet", lambda partial: pq.write_table(table, partial, compression="zstd")
    )

    def write_csv(partial: Path) -> None:
        with partial.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, VIOLATIONS_SCHEMA.names)
            writer.writeheader()
            writer.writerows({**row, "cameras": " ".join(row["cameras"])} for row in rows)

    write_whole(folder / "violations.csv", write_csv)


def write_groups(path: Path, results: Iterable[tuple[str | None, Sequence[Group]]]) -> None:
    """groups.parquet: who was together since when, and why; by camera, None for the network's people."""
    rows = [
        {
            "camera": camera, "group": group.number, "members": list(group.members),
            "since_s": group.since_s, "recognised_s": group.recognised_s,
            "until_s": group.until_s if math.isfinite(group.until_s) else None, "reason": group.reason,
        }
        for camera, groups in results
        for group in groups
    ]  # fmt: skip
    table = pa.Table.from_pylist(rows, schema=GROUPS_SCHEMA)
    write_whole(path, lambda partial: pq.write_table(table, partial, compression="zstd"))
