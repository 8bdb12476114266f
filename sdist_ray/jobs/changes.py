"""Changes of a network's edges in a run: found in its recording or while it lives, and written down."""

from __future__ import annotations

import threading
from collections import deque
from pathlib import Path

import numpy as np
import pyarrow as pa

from sdist_ray.jobs.outputs import write_table
from sdist_ray.jobs.transits import MOST_WAITING, FoundTransits, ranges_of_recording
from sdist_ray.occupancy.block import OccupancyRange
from sdist_ray.occupancy.sparse import SparseRange
from sdist_ray.runtime.feeds import NetworkSpec
from sdist_ray.settings import TopologyJob
from sdist_ray.topology.change import Change, ChangeMonitor, ChangeSpec
from sdist_ray.topology.transit.change import APPEARED, VANISHED


def change_spec(settings: TopologyJob) -> ChangeSpec | None:
    """What the monitors of a run are given; None where changes are not wanted."""
    topology = settings.topology
    if not topology.change.enabled:
        return None
    return topology.change.spec(settings.exclusion.tolerance, topology.threshold, topology.least_links)


def changes_of_recording(settings: TopologyJob, network: NetworkSpec, recording: Path) -> list[Change] | None:
    """The changes in a recording, which is read once more; None where they are not wanted."""
    spec = change_spec(settings)
    if spec is None:
        return None
    monitor = ChangeMonitor(len(network.cameras), network.grid, network.clock, spec)
    for entry in ranges_of_recording(network, recording, "changes"):
        monitor.add(entry)
    return list(monitor.changes)


def with_transits(changes: list[Change] | None, transits: FoundTransits | None) -> list[Change] | None:
    """Changes of overlaps and of transits together, in order of time."""
    if changes is None or transits is None:
        return changes
    return sorted([*changes, *transits.changes], key=lambda change: change.tick)


class ChangeWatch:
    """Looks for changes of a live network: is told of ranges by one thread, and asked by another.

    Where cameras join, it begins anew with all of them; the changes that were found stay.
    """

    def __init__(self, spec: ChangeSpec, network: NetworkSpec) -> None:
        self._spec, self._network = spec, network
        self._monitor = self._new(len(network.cameras))
        self._cameras = len(network.cameras)
        self._changes: deque[Change] = deque(maxlen=self._spec.changes)
        self._ranges: deque[SparseRange] = deque()
        self._looking = threading.Lock()

    def _new(self, cameras: int) -> ChangeMonitor:
        return ChangeMonitor(cameras, self._network.grid, self._network.clock, self._spec)

    def add(self, entry: OccupancyRange) -> None:
        """A range was closed."""
        self._ranges.append(SparseRange.of(entry))
        if len(self._ranges) > MOST_WAITING and self._looking.acquire(blocking=False):
            try:
                self._take()
            finally:
                self._looking.release()

    def changes(self) -> list[Change]:
        """All changes so far, newest last."""
        with self._looking:
            self._take()
            return list(self._changes)

    def _take(self) -> None:
        while self._ranges:
            entry = self._ranges.popleft()
            if len(entry.available) != self._cameras:
                self._cameras = len(entry.available)
                self._monitor = self._new(self._cameras)
            self._changes.extend(self._monitor.add(entry))


def write_changes(path: Path, changes: list[Change], cameras: tuple[str, ...], fps: float) -> None:
    """changes.parquet, in order of time; ``cameras`` are ids by the numbers that changes have.

    A transit leads from camera_a to camera_b; cameras that overlap are sorted.
    """
    pairs = [(cameras[change.camera_a], cameras[change.camera_b]) for change in changes]
    directed = [change.kind in (APPEARED, VANISHED) for change in changes]
    pairs = [pair if way else (min(pair), max(pair)) for pair, way in zip(pairs, directed, strict=True)]
    write_table(
        path,
        {
            "time_s": np.array([change.tick / fps for change in changes], dtype=np.float64),
            "kind": pa.array([change.kind for change in changes], pa.string()),
            "camera_a": pa.array([pair[0] for pair in pairs], pa.string()),
            "camera_b": pa.array([pair[1] for pair in pairs], pa.string()),
            "since_s": np.array([change.since / fps for change in changes], dtype=np.float64),
            "visits": np.array([change.visits for change in changes], dtype=np.int64),
            "confidence": np.array([change.confidence for change in changes], dtype=np.float64),
        },
    )
