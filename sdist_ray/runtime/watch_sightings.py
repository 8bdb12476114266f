"""All that one camera detects, with its place and how sure that is: what fusion across cameras takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sdist_ray.distancing.fusion_feed import own_tracks
from sdist_ray.distancing.ground import Ground
from sdist_ray.distancing.scene import Floats, Scene

SIGHTINGS_SCHEMA = pa.schema(
    [
        ("tick", pa.int64()), ("time_s", pa.float64()), ("track", pa.int64()),
        ("ground_x_m", pa.float64()), ("ground_y_m", pa.float64()),
        ("variance_xx", pa.float64()), ("variance_xy", pa.float64()), ("variance_yy", pa.float64()),
    ]
)  # fmt: skip
"""A row per detection, ``track`` -1 for none that counts; where nobody is detected, one without a place."""
ROWS_TOGETHER = 20_000


class SightingsFile:
    """Writes one camera's sightings."""

    def __init__(self, path: Path, ground: Ground) -> None:
        self.path = path
        self._ground = ground
        self._writer = pq.ParquetWriter(path, SIGHTINGS_SCHEMA, compression="zstd")
        self._rows: list[Floats] = []
        self._pending = 0

    def add(self, tick: int, scene: Scene, boxes: Floats) -> None:
        """One frame's detections, boxes float64 (n, 4), pixels, and the scene that they made."""
        rows = np.full((max(1, len(boxes)), len(SIGHTINGS_SCHEMA)), np.nan)
        # Ticks and tracks are whole numbers far below 2⁵³.
        rows[:, 0], rows[:, 1], rows[:, 2] = tick, scene.time_s, -1
        if len(boxes):
            located = self._ground.locate(boxes)
            rows[:, 2] = own_tracks(boxes, scene.people)
            rows[:, 3:5] = located.points
            rows[:, 5:] = located.covariance[:, (0, 0, 1), (0, 1, 1)]
        self._rows.append(rows)
        self._pending += len(rows)
        if self._pending >= ROWS_TOGETHER:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            columns = np.concatenate(self._rows).T
            arrays = [
                pa.array(values.astype(np.int64) if pa.types.is_integer(entry.type) else values, entry.type)
                for entry, values in zip(SIGHTINGS_SCHEMA, columns, strict=True)
            ]
            self._writer.write_table(pa.Table.from_arrays(arrays, schema=SIGHTINGS_SCHEMA))
        self._rows, self._pending = [], 0

    def close(self) -> Path:
        """Finish the file; its path."""
        self._flush()
        self._writer.close()
        return self.path

    def abandon(self) -> None:
        """Let go of the file."""
        self._writer.close()
