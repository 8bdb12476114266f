"""Transits in a run: learnt from its recording or while it lives, and written down."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sdist_ray.jobs.console import progress, say
from sdist_ray.jobs.outputs import write_table
from sdist_ray.occupancy.block import OccupancyRange
from sdist_ray.occupancy.collate import range_of_rows
from sdist_ray.occupancy.sparse import SparseRange
from sdist_ray.runtime.feeds import Assignment, NetworkSpec, RecordingFeed
from sdist_ray.runtime.network import Tally
from sdist_ray.settings_transit import TransitSettings
from sdist_ray.simulation.activity import activity_ranges
from sdist_ray.topology.graph import Edges
from sdist_ray.topology.links import Links
from sdist_ray.topology.transit.learner import TransitLearner
from sdist_ray.topology.transit.model import Transits
from sdist_ray.topology.transit.pairs import TransitPairs, transit_pairs

WARM_UP_TICKS = 3000
"""Of made-up footage: enough that people come and go."""
SCAN_WHILE_LIVE = 200
"""Cameras whose exits are searched each time that a live network is published."""
MOST_WAITING = 600
"""Ranges that are kept until they are looked at."""


@dataclass(frozen=True)
class FoundTransits:
    """What was found.

    Attributes:
        cameras: ids, by the numbers that the edges have.
        directed: edges.
        pairs: the same, both ways together.
    """

    cameras: tuple[str, ...]
    directed: Transits
    pairs: TransitPairs


def wanted(settings: TransitSettings, cameras: int) -> bool:
    """Whether a network's transits are looked for; says so where they are not because it is large."""
    if settings.enabled and cameras > settings.most_cameras:
        say(
            f"{cameras} cameras are too many to look for transits: topology.transit.most_cameras="
            f"{settings.most_cameras}"
        )
        return False
    return settings.enabled


def transits_of_recording(
    settings: TransitSettings, network: NetworkSpec, recording: Path, links: Links, edges: Edges
) -> FoundTransits | None:
    """The transits of a recording whose links are known; None where they are not wanted.

    The recording is read once more: only with all links does an entry to one camera tell itself from a step
    within what several cameras see.
    """
    if not wanted(settings, len(network.cameras)):
        return None
    learner = TransitLearner(len(network.cameras), network.grid, network.clock, settings.spec())
    learner.link(_places(links, network.cameras))
    for entry in ranges_of_recording(network, recording, "transits"):
        learner.add(entry)
    return _found(learner, edges, network.cameras)


def ranges_of_recording(network: NetworkSpec, recording: Path, what: str) -> Iterator[OccupancyRange]:
    """A recording's ranges that have rows, in order, with ``what`` they are read for on the terminal."""
    feed = RecordingFeed(network, recording)
    openings = feed.open([Assignment(camera, place) for place, camera in enumerate(network.cameras)])
    first = min((o.first_range for o in openings if o.first_range is not None), default=None)
    last = max((o.last_range for o in openings if o.last_range is not None), default=None)
    if first is None or last is None:
        return
    cameras, grid, clock = len(network.cameras), network.grid, network.clock
    with progress(what, last - first + 1, "time ranges") as update:
        index: int | None = first
        while index is not None:
            delivery = feed.advance(index)
            yield range_of_rows(delivery.rows, index, cameras, grid, clock)
            update(index - first + 1, last - first + 1)
            index = delivery.next_range


class TransitWatch:
    """Learns a live network's transits: is told of ranges by one thread, and asked by another.

    Who tells of a range never waits: ranges are looked at when it is asked, or once many have come.
    """

    def __init__(self, settings: TransitSettings, network: NetworkSpec) -> None:
        spec = settings.spec(SCAN_WHILE_LIVE)
        self._learner = TransitLearner(len(network.cameras), network.grid, network.clock, spec)
        self._ranges: deque[SparseRange] = deque()
        self._learning = threading.Lock()

    def add(self, entry: OccupancyRange) -> None:
        """A range was closed."""
        self._ranges.append(SparseRange.of(entry))
        if len(self._ranges) > MOST_WAITING and self._learning.acquire(blocking=False):
            try:
                self._take()
            finally:
                self._learning.release()

    def learn(self, links: Links, edges: Edges, tally: Tally) -> FoundTransits:
        """What is known now; ranges number cameras as the tally does."""
        with self._learning:
            self._take()
            # Cameras that have joined are numbered after those of the ranges.
            cameras = tally.cameras
            self._learner.grow(len(cameras))
            self._learner.link(_places(links, cameras))
            return _found(self._learner, edges, cameras)

    def _take(self) -> None:
        while self._ranges:
            self._learner.add(self._ranges.popleft())


def warm_up(settings: TransitSettings, network: NetworkSpec) -> None:
    """Have compiled what learns transits, before a network runs in this process; see runtime.warm."""
    learner = TransitLearner(3, network.grid, network.clock, settings.spec())
    for entry in activity_ranges(3, 2.0, WARM_UP_TICKS, network.grid, network.clock):
        learner.add(entry)
    learner.learn([])


def _found(learner: TransitLearner, edges: Edges, cameras: tuple[str, ...]) -> FoundTransits:
    place = {camera: number for number, camera in enumerate(cameras)}
    overlapping = [
        (place[edges.cameras[a]], place[edges.cameras[b]])
        for a, b in zip(edges.camera_a.tolist(), edges.camera_b.tolist(), strict=True)
    ]
    transits = learner.learn(overlapping)
    return FoundTransits(cameras, transits, transit_pairs(transits, cameras))


def _places(links: Links, cameras: tuple[str, ...]) -> npt.NDArray[np.int64]:
    """Links as pairs of places, of cameras as ranges number them."""
    place = {camera: number for number, camera in enumerate(cameras)}
    number = np.array([place[camera] for camera in links.cameras], dtype=np.int64)
    return np.column_stack(
        [
            number[links.camera_a] * links.windows + links.window_a,
            number[links.camera_b] * links.windows + links.window_b,
        ]
    )


def write_transits(path: Path, found: FoundTransits) -> None:
    """transits.parquet: one row per direction, sorted by the ids of its cameras."""
    transits, cameras = found.directed, found.cameras
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
            "histogram": pa.array(
                [row.astype(np.float32) for row in transits.histogram[order]], pa.list_(pa.float32())
            ),
        },
    )
