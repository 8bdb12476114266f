"""Smart cameras that drop finished recordings into a folder."""

from __future__ import annotations

import logging
import math
import os
import stat
import time
from pathlib import Path
from typing import Any

from sdist_ray.cameras.camera import Camera
from sdist_ray.cameras.records import Indices
from sdist_ray.cameras.smart import QUEUE_ROWS, RecordStream
from sdist_ray.errors import InputError
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.recording import batches_of, read_schema
from sdist_ray.video.threaded import Link, Lost

log = logging.getLogger(__name__)

SUFFIXES = {".parquet", ".arrow", ".feather", ".ipc"}
LOOK_S = 0.5
MAX_FILE_BYTES = 256 << 20
MAX_FILE_ROWS = 5_000_000


class DroppedRecords(RecordStream):
    """A folder, ``drop:FOLDER``, into which a camera puts finished recordings.

    A camera writes a file under another name (``.part``, or with a dot before it) and renames it to
    ``….parquet`` or ``….arrow`` when it is whole. Each file is read once, oldest first, then moved to
    FOLDER/done. One that is broken is moved to FOLDER/bad, with a line beside it that says why. A process
    that dies between reading and moving reads that file again: rows are known by camera and tick.

    Args:
        camera, grid, fps, indices: see SocketRecords.
        keep: whether files that were read are kept; else they are deleted.
        others: see Reconnecting.
    """

    def __init__(
        self, camera: Camera, grid: Grid, fps: float, indices: Indices, keep: bool = True, **others: Any
    ) -> None:
        super().__init__(camera, grid, fps, indices, **others)
        self._folder = Path((camera.url or "").removeprefix("drop:"))
        self._keep = keep
        self._stuck: set[tuple[str, int]] = set()
        self._start()

    def _receive(self, link: Link) -> None:
        # A folder may be quiet for hours.
        self._overdue_s = math.inf
        while not link.stop.is_set():
            try:
                files = self._look()
            except OSError as error:
                raise Lost(f"{self._folder}: {error.strerror or error}") from None
            if self._state != "live":
                self._state, self._problem = "live", None
            for file, changed in files:
                self._wait_for_room(link)
                if link.stop.is_set():
                    return
                self._take(file, changed)
            link.stop.wait(LOOK_S)

    def _look(self) -> list[tuple[Path, int]]:
        """Files that are finished and were not read, the oldest first."""
        found = []
        with os.scandir(self._folder) as entries:
            for entry in entries:
                if entry.name.startswith(".") or Path(entry.name).suffix.lower() not in SUFFIXES:
                    continue
                try:
                    about = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                if stat.S_ISREG(about.st_mode) and (entry.name, about.st_mtime_ns) not in self._stuck:
                    found.append((about.st_mtime_ns, entry.name))
        return [(self._folder / name, changed) for changed, name in sorted(found)]

    def _wait_for_room(self, link: Link) -> None:
        # Files wait where they lie; nothing need be dropped.
        while sum(len(part.tick) for part in tuple(self._rows)) > QUEUE_ROWS // 2:
            if link.stop.wait(0.1):
                return

    def _take(self, file: Path, changed: int) -> None:
        try:
            if file.stat().st_size > MAX_FILE_BYTES:
                raise InputError(f"{file}: more than {MAX_FILE_BYTES >> 20} MB; drop smaller files")
            self._intake.check(str(file), read_schema(file))
            parts, count = [], 0
            for batch in batches_of(file, most_rows=1 << 16):
                parts.append(self._intake.rows(str(file), batch, time.time()))
                count += batch.num_rows
                if count > MAX_FILE_ROWS:
                    raise InputError(f"{file}: more than {MAX_FILE_ROWS} rows; drop smaller files")
        except FileNotFoundError:
            return
        except Exception as error:
            reason = str(error) if isinstance(error, InputError) else f"{file}: {type(error).__name__}"
            log.warning("camera %s: %s", self._name, reason)
            self._put_away(file, changed, "bad", reason)
            return
        self._came(time.time())
        self._overdue_s = math.inf
        for rows in parts:
            self._hand_over(rows)
        self._put_away(file, changed, "done" if self._keep else None)

    def _put_away(self, file: Path, changed: int, where: str | None, reason: str = "") -> None:
        try:
            if where is None:
                file.unlink(missing_ok=True)
                return
            folder = self._folder / where
            folder.mkdir(exist_ok=True)
            target, number = folder / file.name, 2
            while target.exists():
                target, number = folder / f"{file.stem}~{number}{file.suffix}", number + 1
            file.rename(target)
            if reason:
                # Whoever looks for it finds all of it.
                partial = target.with_name(f".partial-{target.name}")
                partial.write_text(f"{reason}\n")
                partial.replace(target.with_name(f"{target.name}.txt"))
        except OSError as error:
            # It would be read again and again.
            self._stuck.add((file.name, changed))
            log.warning("camera %s: %s cannot be put away: %s", self._name, file, error.strerror or error)
