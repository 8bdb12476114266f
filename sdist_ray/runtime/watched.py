"""What one camera's watch writes: its people as a table, its annotated video, a picture and a map."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sdist_ray.distancing.groups import Group
from sdist_ray.distancing.scene import NO_GROUP, Floats, Scene
from sdist_ray.distancing.violations import Violation
from sdist_ray.distancing.watch import Watch
from sdist_ray.report.annotate import Annotator, Look
from sdist_ray.report.faces import hide_heads
from sdist_ray.report.heat_map import HeatMap
from sdist_ray.report.top_down import TopDown, beside
from sdist_ray.runtime.watch_sightings import SightingsFile
from sdist_ray.video.source import Image
from sdist_ray.video.writer import VideoWriter

PEOPLE_SCHEMA = pa.schema(
    [
        ("camera", pa.string()), ("tick", pa.int64()), ("time_s", pa.float64()), ("track", pa.int64()),
        ("x", pa.float32()), ("y", pa.float32()), ("width", pa.float32()), ("height", pa.float32()),
        ("score", pa.float32()), ("ground_x_m", pa.float64()), ("ground_y_m", pa.float64()),
        ("sigma_m", pa.float64()), ("group", pa.int64()),
        ("person", pa.int64()),
    ]
)  # fmt: skip
NO_PERSON = -1
ON_ONE_GROUND = ("homography", "pinhole")
"""Methods whose places are of the calibration's own ground, and so of one ground for the whole network."""
ROWS_TOGETHER = 20_000
HEAT_CELLS = 60
"""Cells of a heat map along its longer side."""
TALLEST_PANEL = 1080
WIDEST = 8190
"""Pixels that a video's codec takes."""
MARGIN = 0.04
"""Of the ground's extent, around it."""


@dataclass(frozen=True)
class Drawing:
    """What is drawn.

    Attributes:
        video: whether annotated videos are written.
        panel: the view from above: "beside" the video, in a video "apart", or "none".
        pictures: False draws onto a dark ground: no pixel of any camera is kept.
        blur_faces: pixelate the heads of whoever was found.
    """

    video: bool = True
    panel: str = "beside"
    pictures: bool = True
    blur_faces: bool = False


@dataclass
class Watched:
    """What became of a camera.

    Attributes:
        camera: its id.
        problem: why it could not be read, or not to its end.
        warnings: what was wrong with it, one line each.
        frames: frames that were read; bad_frames: that could not be decoded.
        detections: boxes, over all frames that were looked at.
        people: tracks that counted.
        method, unit, limit: how it was measured, and what was too close.
        fps: of its video.
        ticks_per_s: of its people; they were looked for as often, or in every frame.
        violations, severities, groups: what was found.
        files: what was written: "people", "sightings", "video", "panel", "picture", "heat", by their paths.
    """

    camera: str
    problem: str | None = None
    warnings: list[str] = field(default_factory=list)
    frames: int = 0
    bad_frames: int = 0
    detections: int = 0
    people: int = 0
    method: str | None = None
    unit: str | None = None
    limit: float | None = None
    fps: float | None = None
    ticks_per_s: float | None = None
    violations: list[Violation] = field(default_factory=list)
    severities: list[str] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)


class WatchFiles:
    """Writes one camera's files into a folder of its own."""

    def __init__(
        self,
        folder: Path,
        watch: Watch,
        drawing: Drawing,
        still: bool,
        fps: float,
        size: tuple[int, int],
        sightings: bool = False,
    ) -> None:
        """For a camera.

        Args:
            folder: exists and is empty.
            watch: of the camera.
            drawing: what to draw.
            still: the source is one picture: what is drawn is a picture, too.
            fps, size: of its video, (width, height) in pixels.
            sightings: see WatchPlan.

        Raises:
            InputError: the video cannot be written.
        """
        self._folder, self._drawing, self._still = folder, drawing, still
        unit, view = watch.ground.unit, watch.ground.view
        low, high = view.min(axis=0), view.max(axis=0)
        edge = MARGIN * float((high - low).max())
        extent = (*(low - edge).tolist(), *(high + edge).tolist())
        look = Look(unit, watch.limit, drawing.blur_faces, drawing.pictures)
        self._annotator = Annotator(size, look)
        self._above = TopDown(extent, min(max(64, size[1]), TALLEST_PANEL), watch.limit, unit, view)
        if drawing.panel == "beside" and size[0] + self._above.size[0] > WIDEST:
            # The measurements matter more than the picture of them.
            self._drawing = drawing = replace(drawing, panel="none")
        self._heat = HeatMap(
            extent, float(max(extent[2] - extent[0], extent[3] - extent[1])) / HEAT_CELLS, unit
        )
        self._people = pq.ParquetWriter(folder / "people.parquet", PEOPLE_SCHEMA, compression="zstd")
        self._rows: list[dict[str, Any]] = []
        self._pending = 0
        self._metres = unit == "m"
        self._sightings = None
        if sightings and watch.ground.method in ON_ONE_GROUND:
            self._sightings = SightingsFile(folder / "sightings.parquet", watch.ground)
        self._tracks: set[int] = set()
        self._picture: Image | None = None
        self._worth = -1
        self._writers: dict[str, VideoWriter] = {}
        if drawing.video and not still:
            wide, tall = size
            if drawing.panel == "beside":
                wide, tall = wide + self._above.size[0], max(tall, self._above.size[1])
            self._writers["video"] = VideoWriter(folder / "video.mp4", fps, (wide, tall))
            if drawing.panel == "apart":
                self._writers["panel"] = VideoWriter(folder / "panel.mp4", fps, self._above.size)

    @property
    def people(self) -> int:
        """How many tracks counted so far."""
        return len(self._tracks)

    def add(self, camera: str, tick: int, scene: Scene, seen: Floats) -> None:
        """Take a scene that was just found, and all boxes that were detected, float64 (n, 4), pixels."""
        self._heat.add(scene)
        if self._sightings is not None:
            self._sightings.add(tick, scene, seen)
        people = scene.people
        if not len(people):
            return
        self._tracks.update(people.track.tolist())
        nowhere = np.full(len(people), np.nan)
        ground_x, ground_y = people.ground.T if self._metres else (nowhere, nowhere)
        left, top, width, height = people.box.astype(np.float32).T
        self._rows.append(
            {
                "camera": [camera] * len(people), "tick": [tick] * len(people),
                "time_s": [scene.time_s] * len(people), "track": people.track,
                "x": left, "y": top, "width": width, "height": height,
                "score": people.score.astype(np.float32), "ground_x_m": ground_x, "ground_y_m": ground_y,
                "sigma_m": people.sigma if self._metres else nowhere, "group": people.group,
                "person": np.full(len(people), NO_PERSON),
            }
        )  # fmt: skip
        self._pending += len(people)
        if self._pending >= ROWS_TOGETHER:
            self._flush()

    def _flush(self) -> None:
        if not self._rows:
            return
        columns = {name: np.concatenate([row[name] for row in self._rows]) for name in PEOPLE_SCHEMA.names}
        arrays = []
        for entry in PEOPLE_SCHEMA:
            values = columns[entry.name]
            missing = None
            if entry.name == "group":
                missing = values == NO_GROUP
            elif entry.name == "person":
                missing = values == NO_PERSON
            elif values.dtype.kind == "f":
                missing = np.isnan(values)
            arrays.append(pa.array(values, entry.type, mask=missing))
        self._people.write_table(pa.Table.from_arrays(arrays, schema=PEOPLE_SCHEMA))
        self._rows, self._pending = [], 0

    def draw(self, image: Image, scene: Scene, seen: Floats) -> None:
        """Draw a scene onto the frame that it is of, or that comes after it.

        Args:
            image: is drawn upon.
            scene: what is known.
            seen: boxes of all that was detected, float64 (n, 4), pixels: not yet a track, but maybe a face.
        """
        if self._drawing.blur_faces and self._drawing.pictures:
            hide_heads(image, seen)
        worth = 2 * len(scene.near) + len(scene.people)
        best = worth > self._worth
        if not self._writers and not best:
            return
        drawn = self._annotator.draw(image, scene, in_place=True)
        above = self._above.draw(scene) if self._drawing.panel != "none" else None
        if above is not None and self._drawing.panel == "beside":
            drawn = beside(drawn, above)
        if best:
            self._worth, self._picture = worth, drawn.copy()
        if "video" in self._writers:
            self._writers["video"].write(drawn)
        if "panel" in self._writers and above is not None:
            self._writers["panel"].write(above)

    def close(self) -> dict[str, str]:
        """Finish the files; their paths.

        Raises:
            InputError, OSError: one of them cannot be written.
        """
        self._flush()
        self._people.close()
        files = {"people": self._folder / "people.parquet"}
        if self._sightings is not None:
            files["sightings"] = self._sightings.close()
        for name, writer in self._writers.items():
            writer.close()
            if writer.path.exists():
                files[name] = writer.path
        if self._picture is not None:
            # What is drawn of a picture is kept as sharp as it is.
            name = "picture.png" if self._still else "picture.jpg"
            cv2.imwrite(str(self._folder / name), self._picture)
            files["picture"] = self._folder / name
        files["heat"] = self._heat.write(self._folder / "heat.png")
        return {name: str(path) for name, path in files.items()}

    def abandon(self) -> None:
        """Let go of the files."""
        self._people.close()
        if self._sightings is not None:
            self._sightings.abandon()
        for writer in self._writers.values():
            writer.abandon()


def folder_of(parent: Path, camera: str, number: int) -> Path:
    """A camera's own folder, made; told apart by number, so that no id can make two of them one."""
    folder = parent / f"{number:05}-{quote(camera, safe='')[:60]}"
    folder.mkdir(parents=True)
    return folder
