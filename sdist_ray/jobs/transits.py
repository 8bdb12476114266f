"""Transits in a run: learnt from its recording or while it lives."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sdist_ray.jobs.console import progress, say
from sdist_ray.occupancy.block import OccupancyRange
from sdist_ray.occupancy.collate import range_of_rows
from sdist_ray.occupancy.sparse import SparseRange
from sdist_ray.runtime.feeds import Assignment, NetworkSpec, RecordingFeed
from sdist_ray.runtime.network import Tally
from sdist_ray.settings_transit import TransitSettings
from sdist_ray.simulation.activity import activity_ranges
from sdist_ray.topology.change import Change, ChangeSpec
from sdist_ray.topology.graph import Edges
from sdist_ray.topology.handover.exits import ExitCounts, ExitTally
from sdist_ray.topology.links import Links
from sdist_ray.topology.transit.change import TransitMonitor
from sdist_ray.topology.transit.events import SpreadLinks
from sdist_ray.topology.transit.learner import TransitLearner
from sdist_ray.topology.transit.model import Transits
from sdist_ray.topology.transit.pairs import TransitPairs, transit_pairs
from sdist_ray.topology.transit.spec import TransitSpec

WARM_UP_TICKS = 3000
"""Of made-up footage: enough that people come and go."""
SCAN_WHILE_LIVE = 200
"""Cameras whose exits are searched each time that a live network is published."""
MOST_WAITING = 600
"""Ranges that are kept until they are looked at."""
RESTS = 9
"""Times as long as learning a live network's transits took, it is not done again: others need the core."""


@dataclass(frozen=True)
class FoundTransits:
    """What was found.

    Attributes:
        cameras: ids, by the numbers that the edges have.
        directed: edges.
        pairs: the same, both ways together.
        exits: what became of those who left, by window.
        changes: edges that have appeared or vanished; none where they are not looked for.
    """

    cameras: tuple[str, ...]
    directed: Transits
    pairs: TransitPairs
    exits: ExitCounts
    changes: tuple[Change, ...]


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
    settings: TransitSettings,
    network: NetworkSpec,
    recording: Path,
    links: Links,
    edges: Edges,
    change: ChangeSpec | None = None,
) -> FoundTransits | None:
    """The transits of a recording whose links are known; None where they are not wanted.

    The recording is read once more: only with all links does an entry to one camera tell itself from a step
    within what several cameras see. With ``change`` it is also told which have begun and ceased meanwhile.
    """
    if not wanted(settings, len(network.cameras)):
        return None
    learner, tally = _learners(network, settings.spec())
    monitor = None if change is None else TransitMonitor(learner, change)
    overlapping = _overlapping(edges, network.cameras)
    spread = SpreadLinks.between(links, network.cameras, network.grid)
    learner.link(spread)
    tally.link(spread)
    for entry in ranges_of_recording(network, recording, "transits"):
        sparse = SparseRange.of(entry)
        (monitor or learner).add(sparse)
        tally.add(sparse)
        if monitor is not None:
            monitor.look(overlapping)
    return _found(learner, monitor, tally, overlapping, network.cameras)


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

    def __init__(
        self, settings: TransitSettings, network: NetworkSpec, change: ChangeSpec | None = None
    ) -> None:
        self._grid = network.grid
        self._learner, self._exits = _learners(network, settings.spec(SCAN_WHILE_LIVE))
        self._monitor = None if change is None else TransitMonitor(self._learner, change)
        self._ranges: deque[SparseRange] = deque()
        self._learning = threading.Lock()
        self._found: FoundTransits | None = None
        self._again_s = 0.0

    def add(self, entry: OccupancyRange) -> None:
        """A range was closed."""
        self._ranges.append(SparseRange.of(entry))
        if len(self._ranges) > MOST_WAITING and self._learning.acquire(blocking=False):
            try:
                self._take()
            finally:
                self._learning.release()

    def learn(self, links: Links, edges: Edges, tally: Tally, last: bool = False) -> FoundTransits:
        """What is known now; ranges number cameras as the tally does.

        Where learning takes long it is not done each time that it is asked for, unless it is the ``last``:
        what was found before is told again until RESTS times as long has gone by.
        """
        with self._learning:
            self._take()
            began_s = time.monotonic()
            if self._found is not None and not last and began_s < self._again_s:
                return self._found
            # Cameras that have joined are numbered after those of the ranges.
            cameras = tally.cameras
            self._learner.grow(len(cameras))
            self._exits.grow(len(cameras))
            spread = SpreadLinks.between(links, cameras, self._grid)
            self._learner.link(spread)
            self._exits.link(spread)
            overlapping = _overlapping(edges, cameras)
            if self._monitor is not None:
                self._monitor.look(overlapping)
            self._found = _found(self._learner, self._monitor, self._exits, overlapping, cameras)
            self._again_s = time.monotonic() + RESTS * (time.monotonic() - began_s)
            return self._found

    def _take(self) -> None:
        while self._ranges:
            entry = self._ranges.popleft()
            (self._monitor or self._learner).add(entry)
            self._exits.add(entry)


def warm_up(settings: TransitSettings, network: NetworkSpec) -> None:
    """Have compiled what learns transits, before a network runs in this process; see runtime.warm."""
    learner = TransitLearner(3, network.grid, network.clock, settings.spec())
    tally = ExitTally(3, network.grid, network.clock)
    for entry in activity_ranges(3, 2.0, WARM_UP_TICKS, network.grid, network.clock):
        learner.add(entry)
        tally.add(entry)
    learner.learn([])


def _learners(network: NetworkSpec, spec: TransitSpec) -> tuple[TransitLearner, ExitTally]:
    cameras, grid, clock = len(network.cameras), network.grid, network.clock
    return TransitLearner(cameras, grid, clock, spec), ExitTally(cameras, grid, clock, spec.gap_s)


def _found(
    learner: TransitLearner,
    monitor: TransitMonitor | None,
    tally: ExitTally,
    overlapping: list[tuple[int, int]],
    cameras: tuple[str, ...],
) -> FoundTransits:
    transits = learner.learn(overlapping)
    changes = () if monitor is None else tuple(monitor.changes)
    return FoundTransits(cameras, transits, transit_pairs(transits, cameras), tally.counts(), changes)


def _overlapping(edges: Edges, cameras: tuple[str, ...]) -> list[tuple[int, int]]:
    """The cameras of edges, as ranges number them."""
    place = {camera: number for number, camera in enumerate(cameras)}
    return [
        (place[edges.cameras[a]], place[edges.cameras[b]])
        for a, b in zip(edges.camera_a.tolist(), edges.camera_b.tolist(), strict=True)
    ]
