"""What a tracking run leaves: everybody's places, their stays, and tracks for other programs."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sdist_ray.cameras.camera import Camera
from sdist_ray.jobs.fused_tables import first_frame, mot_line
from sdist_ray.jobs.outputs import write_whole
from sdist_ray.jobs.track_feed import Rows
from sdist_ray.jobs.track_plan import NetworkPlan
from sdist_ray.report.snapshots import file_name
from sdist_ray.tracking.network import NOBODY, Tracked

TRACKS_SCHEMA = pa.schema(
    [
        ("person", pa.int64()), ("camera", pa.string()), ("tick", pa.int64()), ("time_s", pa.float64()),
        ("track", pa.int64()), ("x", pa.float32()), ("y", pa.float32()), ("width", pa.float32()),
        ("height", pa.float32()), ("score", pa.float32()), ("foot_x", pa.float32()),
        ("foot_y", pa.float32()), ("ground_x_m", pa.float64()), ("ground_y_m", pa.float64()),
        ("sigma_m", pa.float64()),
    ]
)  # fmt: skip
STAYS_SCHEMA = pa.schema(
    [("person", pa.int64()), ("camera", pa.string()), ("from_s", pa.float64()), ("until_s", pa.float64())]
)
ROWS_TOGETHER = 20_000
STAY_GAP_S = 2.0
"""Who is not seen by a camera for longer has left it."""


class TrackTables:
    """Writes tracks.parquet, stays.parquet and mot/CAMERA.txt; whole or not at all."""

    def __init__(self, folder: Path, plan: NetworkPlan, ticks: Mapping[str, float], mot: bool) -> None:
        """For a run.

        Args:
            folder: the run's.
            plan: of its network.
            ticks: a second, of each camera.
            mot: whether MOTChallenge text is written, too.
        """
        self._folder, self._plan = folder, plan
        self._partial = folder / ".partial-tracks.parquet"
        self._writer = pq.ParquetWriter(self._partial, TRACKS_SCHEMA, compression="zstd")
        self._rows: dict[str, list[Any]] = {name: [] for name in TRACKS_SCHEMA.names}
        self._stays: dict[tuple[int, str], list[float]] = {}
        self._over: list[tuple[int, str, float, float]] = []
        self._mot: dict[int, list[str]] = {}
        self._first = [first_frame(c.start_s, ticks.get(c.id, 1.0)) for c in plan.cameras]
        for old in (folder / "mot").glob("*.txt"):
            old.unlink()
        if mot:
            (folder / "mot").mkdir(exist_ok=True)
            for number, camera in enumerate(plan.cameras):
                self._mot[number] = []
                self._mot_path(camera, ".partial-").write_text("")
        self.people: set[int] = set()
        self.sightings = 0

    def _mot_path(self, camera: Camera, before: str = "") -> Path:
        return self._folder / "mot" / f"{before}{file_name(camera.id)}.txt"

    def add(self, tracked: Tracked, frames: Sequence[tuple[int, Rows]]) -> None:
        """One settled instant, and what its cameras saw, in the order of its sightings."""
        first = 0
        for number, rows in frames:
            part = slice(first, first + len(rows.track))
            first = part.stop
            self._add(number, rows, tracked.person[part], tracked.ground[part], tracked.sigma[part])
        if len(self._rows["person"]) >= ROWS_TOGETHER:
            self._flush()

    def _add(
        self, number: int, rows: Rows, person: np.ndarray, ground: np.ndarray, sigma: np.ndarray
    ) -> None:
        camera, metric = self._plan.cameras[number], self._plan.metric[number]
        calibration = self._plan.grounds[number].calibration
        width, height = calibration.image_size
        for row in np.flatnonzero(person != NOBODY).tolist():
            who, box = int(person[row]), rows.box[row].tolist()
            known = metric and bool(np.isfinite(ground[row]).all())
            at = (float(ground[row, 0]), float(ground[row, 1])) if known else (None, None)
            score = float(rows.score[row])
            seen = score if np.isfinite(score) else None
            values = (
                who, camera.id, rows.tick, rows.time_s, int(rows.track[row]), *box, seen,
                (box[0] + box[2] / 2) / width, (box[1] + box[3]) / height, *at,
                float(sigma[row]) if known else None,
            )  # fmt: skip
            for name, value in zip(TRACKS_SCHEMA.names, values, strict=True):
                self._rows[name].append(value)
            if number in self._mot:
                frame = rows.tick - self._first[number] + 1
                self._mot[number].append(mot_line(frame, who, box, seen, at))
            self.people.add(who)
            self.sightings += 1
            self._stay(who, camera.id, rows.time_s)

    def _stay(self, person: int, camera: str, time_s: float) -> None:
        span = self._stays.get((person, camera))
        if span is not None and time_s - span[1] <= STAY_GAP_S:
            span[1] = time_s
            return
        if span is not None:
            self._over.append((person, camera, span[0], span[1]))
        self._stays[person, camera] = [time_s, time_s]

    def _flush(self) -> None:
        self._writer.write_table(pa.table(self._rows, schema=TRACKS_SCHEMA))
        self._rows = {name: [] for name in TRACKS_SCHEMA.names}
        # Not held open: a thousand cameras would be more files than a process may have.
        for number, lines in self._mot.items():
            if lines:
                path = self._mot_path(self._plan.cameras[number], ".partial-")
                with path.open("a", encoding="utf-8") as file:
                    file.writelines(lines)
                lines.clear()

    def close(self) -> None:
        """Finish the files.

        Raises:
            InputError: one of them cannot be written.
        """
        self._flush()
        self._writer.close()
        self._partial.replace(self._folder / "tracks.parquet")
        for number in self._mot:
            camera = self._plan.cameras[number]
            self._mot_path(camera, ".partial-").replace(self._mot_path(camera))
        stays = self._over + [(*key, span[0], span[1]) for key, span in self._stays.items()]
        stays.sort(key=lambda stay: (stay[0], stay[2], stay[1]))
        columns = list(zip(*stays, strict=True)) or [()] * len(STAYS_SCHEMA)
        table = pa.table(
            {name: list(column) for name, column in zip(STAYS_SCHEMA.names, columns, strict=True)},
            schema=STAYS_SCHEMA,
        )
        write_whole(
            self._folder / "stays.parquet", lambda partial: pq.write_table(table, partial, compression="zstd")
        )

    def abandon(self) -> None:
        """Let go of the files, and leave nothing of them."""
        with contextlib.suppress(OSError, pa.ArrowException):
            self._writer.close()
        self._partial.unlink(missing_ok=True)
        for number in self._mot:
            self._mot_path(self._plan.cameras[number], ".partial-").unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            (self._folder / "mot").rmdir()
