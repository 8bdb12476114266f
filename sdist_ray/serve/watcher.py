"""Looks at a run's folder about once a second and keeps what was published last, ready to be given out.

Who asks over HTTP reads no file but a camera's picture: whatever is on disk, half gone or damaged, is met
here, and what was good before stays.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sdist_ray.errors import InputError
from sdist_ray.report.run_folder import show
from sdist_ray.report.snapshots import snapshot_path
from sdist_ray.serve.distances import Distances, read_distances
from sdist_ray.serve.topology import Topology, read_topology

log = logging.getLogger(__name__)
SILENT_S = 15.0
"""A network that has said nothing for so long may have died."""
MOST_PICTURE = 16 << 20
MOST_DIGITS = 300
MOST_HEALTH = 256 << 20


@dataclass(frozen=True)
class Seen:
    """What a run has published last.

    Attributes:
        numbers: of "topology", "health" and "distances", how often each has changed since the server began.
        topology, distances: None before there are any.
        health: of health.json; None where there is none.
        problems: what cannot be read now, a line each.
    """

    numbers: Mapping[str, int] = field(default_factory=lambda: {"topology": 0, "health": 0, "distances": 0})
    topology: Topology | None = None
    distances: Distances | None = None
    health: Mapping[str, Any] | None = None
    problems: tuple[str, ...] = ()

    def state(self, now_s: float) -> tuple[str, str]:
        """How the run is: ``live, silent, ended`` or ``waiting``, and a line about it."""
        if self.health is not None and self.health["running"]:
            age_s = now_s - self.health["time_s"]
            if age_s < SILENT_S:
                return "live", "The network runs."
            return "silent", f"The network has said nothing for {_long(age_s)}: it may have died."
        if self.topology is None and self.distances is None:
            return "waiting", "Nothing has been published yet."
        return "ended", "The network does not run; this is what it left."


class Watcher:
    """Keeps what a run's folder holds.

    Args:
        folder: the run's.
        every_s: seconds between two looks.
        on_change: is told, in the watcher's thread, what was seen before and what is seen now.
    """

    def __init__(
        self,
        folder: Path,
        every_s: float = 1.0,
        on_change: Callable[[Seen, Seen], None] = lambda before, now: None,
    ) -> None:
        self._folder = folder.absolute()
        self._every_s = every_s
        self._on_change = on_change
        self._seen = Seen()
        self._stamps: dict[str, object] = {}
        self._wrong: dict[str, str | None] = {}
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)

    @property
    def name(self) -> str:
        """What the run is called: its folder's name, never where that is."""
        return self._folder.name

    @property
    def seen(self) -> Seen:
        """The newest."""
        return self._seen

    def start(self) -> None:
        """Look once, then again and again in a thread."""
        self.look()
        self._thread.start()

    def close(self) -> None:
        """Look no more."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(5.0)

    def picture(self, camera: str) -> bytes | None:
        """A camera's newest picture, JPEG; None where there is none. Only of cameras that are known."""
        seen = self._seen
        known = seen.topology is not None and camera in seen.topology.number
        if not known and not any(entry["id"] == camera for entry in live_cameras(seen)):
            return None
        try:
            with snapshot_path(self._folder, camera).open("rb") as file:
                data = file.read(MOST_PICTURE)
        except OSError:
            return None
        return data if data[:2] == b"\xff\xd8" else None

    def _run(self) -> None:
        while not self._ending.wait(self._every_s):
            try:
                self.look()
            except Exception:
                # What one publication does to us must not blind us for those after it.
                log.exception("looking at the run")

    def look(self) -> None:
        """Read what has changed since the last time."""
        before, values = self._seen, dict[str, Any]()
        reads: tuple[tuple[str, Path, Callable[[Path], Any]], ...] = (
            ("health", self._folder / "health.json", _read_health),
            ("topology", self._newest("edges.parquet"), self._read_topology),
            ("distances", self._newest("violations.parquet"), lambda path: read_distances(path.parent)),
        )
        for part, path, read in reads:
            stamp = _stamp(path)
            # Files that are gone are being written anew, or the disk is gone: what was good stays.
            if stamp is None or stamp == self._stamps.get(part):
                continue
            problem = None
            try:
                values[part] = read(path)
            except Exception as error:
                if stamp != _stamp(path):
                    # It was replaced while it was read; the next time there is a whole one.
                    continue
                # Whatever is in a file, the server goes on.
                told = str(error) if isinstance(error, InputError) else f"{path.name}: {type(error).__name__}"
                problem = show(told).replace(str(self._folder), self.name)
            self._stamps[part] = stamp
            self._wrong[part] = problem
        numbers = {part: number + (part in values) for part, number in before.numbers.items()}
        problems = tuple(problem for problem in self._wrong.values() if problem is not None)
        self._seen = replace(before, numbers=numbers, problems=problems, **values)
        if values:
            self._on_change(before, self._seen)

    def _newest(self, sign: str) -> Path:
        """A file of the newest results: the run's own, or of the latest publication."""
        found = [self._folder]
        with contextlib.suppress(OSError, RuntimeError):
            # Followed once: what is read together was published together.
            found.append((self._folder / "latest").resolve(strict=True))

        def age(folder: Path) -> int:
            try:
                return min((folder / name).stat().st_mtime_ns for name in (sign, "summary.json"))
            except OSError:
                return -1

        return max(found, key=age) / sign

    def _read_topology(self, path: Path) -> Topology:
        return read_topology(path.parent, self._seen.topology)


def live_cameras(seen: Seen) -> list[Mapping[str, Any]]:
    """What is known of every camera of the network, by its health."""
    health = None if seen.health is None else seen.health["health"]
    cameras = health.get("cameras") if isinstance(health, dict) else None
    return cameras if isinstance(cameras, list) else []


def _stamp(path: Path) -> tuple[object, ...] | None:
    """Changes whenever a file, or the summary beside it, is replaced; None where there is none."""
    stamp: list[object] = [str(path)]
    try:
        for one in (path, *([path.parent / "summary.json"] if path.suffix == ".parquet" else [])):
            found = one.stat()
            stamp += [found.st_mtime_ns, found.st_size, found.st_ino]
    except OSError:
        return None
    return tuple(stamp)


def _read_health(path: Path) -> Mapping[str, Any]:
    try:
        if path.stat().st_size > MOST_HEALTH:
            raise InputError("health.json is too large")
        # What is no number is not passed on: no browser reads it.
        content = json.loads(
            path.read_bytes(), parse_constant=lambda _: None, parse_float=_finite, parse_int=_whole
        )
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"health.json cannot be read: {error}") from error
    good = (
        isinstance(content, dict)
        and isinstance(content.get("running"), bool)
        and isinstance(content.get("time_s"), int | float)
        and isinstance(content.get("health"), dict | None)
        and isinstance(content.get("history"), dict)
        and _are_cameras((content["health"] or {}).get("cameras", []))
    )
    if not good:
        raise InputError("health.json is not what a live network writes")
    assert isinstance(content, dict)
    return content


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _whole(text: str) -> int | None:
    # Of more digits than any float has there is no share, no age and no sum.
    return int(text) if len(text) < MOST_DIGITS else None


def _are_cameras(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(one, dict) and isinstance(one.get("id"), str) and isinstance(one.get("state"), str)
        for one in value
    )


def _long(seconds: float) -> str:
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"
