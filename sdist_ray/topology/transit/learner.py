"""Learns transits on line: keeps the newest exits and entries of every camera, and finds routes among them.

Memory is bounded: of every camera the newest ``events`` exits and as many entries are kept. So what a seldom
visited camera has told is forgotten after as many visits as what a busy one has, however long that takes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sdist_ray.occupancy.block import Clock, OccupancyRange
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.sparse import SparseRange
from sdist_ray.topology.transit.events import NEVER, EventFinder, Events, SpreadLinks
from sdist_ray.topology.transit.fit import Routes, fit_routes
from sdist_ray.topology.transit.kernels import merge_parties
from sdist_ray.topology.transit.model import Transits, make_transits
from sdist_ray.topology.transit.nodes import Log, zones_of
from sdist_ray.topology.transit.scan import Peaks, expected_per_tick, scan_peaks
from sdist_ray.topology.transit.spec import TransitSpec

PARTY_WINDOWS = 2
PARTS_AT_ONCE = 256
ROUTES_TO_A_NODE = 32
"""Of more routes to one node most are chance: their number grows with all cameras, memory must not."""


class _Kind:
    """Entries or exits: the newest of every camera.

    ``begins`` is, for every camera, the tick from which on all of its events are kept.
    """

    def __init__(self, cameras: int, grid: Grid, hold: int, most: int) -> None:
        self._grid, self._hold, self._most = grid, hold, most
        self._last = np.full(cameras * grid.windows, NEVER, dtype=np.int64)
        self._parts: list[Events] = []
        self.begins: npt.NDArray[np.int64] = np.full(cameras, NEVER, dtype=np.int64)

    def grow(self, cameras: int) -> None:
        more = cameras - len(self.begins)
        self._last = np.pad(self._last, (0, more * self._grid.windows), constant_values=NEVER)
        self.begins = np.pad(self.begins, (0, more), constant_values=NEVER)

    def add(self, events: Events) -> None:
        if not len(events):
            return
        kept = np.empty(len(events), dtype=np.bool_)
        merge_parties(
            events.tick, events.place, self._grid.columns, self._grid.rows, self._hold, PARTY_WINDOWS,
            self._last, kept,
        )  # fmt: skip
        self._parts.append(Events(events.tick[kept], events.place[kept]))
        if len(self._parts) > PARTS_AT_ONCE:
            self.all()

    def all(self) -> Events:
        """Those that are kept, by tick and then by place."""
        events, self.begins = self.newest(self._most, Events.join(self._parts))
        self._parts = [events]
        return events

    def newest(self, most: int, events: Events | None = None) -> tuple[Events, npt.NDArray[np.int64]]:
        """So many of every camera, of ``events`` or of all, and since when there were no others."""
        events = self.all() if events is None else events
        camera = events.place // self._grid.windows
        order = np.argsort(camera, kind="stable")
        ends = np.searchsorted(camera[order], np.arange(len(self.begins)), side="right")
        rank = ends[camera[order]] - np.arange(len(order))
        old = order[rank > most]
        begins = self.begins.copy()
        if len(old):
            kept = np.ones(len(events), dtype=np.bool_)
            kept[old] = False
            np.maximum.at(begins, camera[old], events.tick[old] + 1)
            events = Events(events.tick[kept], events.place[kept])
        return events, begins

    @property
    def nbytes(self) -> int:
        return self._last.nbytes + sum(part.tick.nbytes + part.place.nbytes for part in self._parts)


class TransitLearner:
    """Watches a network range by range and tells, whenever it is asked, between which cameras people walk.

    Args:
        cameras: how many there are.
        grid: of every camera.
        clock: of the ranges.
        spec: see there.
    """

    def __init__(self, cameras: int, grid: Grid, clock: Clock, spec: TransitSpec | None = None) -> None:
        self.spec = spec = spec or TransitSpec()
        self.cameras, self.grid, self.clock = cameras, grid, clock
        gap = max(1, round(spec.gap_s * clock.fps))
        self._finder = EventFinder(cameras, grid, clock, gap)
        hold = round(spec.party_s * clock.fps)
        self._entries = _Kind(cameras, grid, hold, spec.events)
        self._exits = _Kind(cameras, grid, hold, spec.events)
        self._zone = zones_of(grid, spec.zone)
        self._peaks: Peaks | None = None
        self._routes: Routes | None = None
        self._next = 0
        self.available_ticks: npt.NDArray[np.int64] = np.zeros(cameras, dtype=np.int64)
        self._first: int | None = None
        self._end = 0

    @property
    def nbytes(self) -> int:
        """Bytes of what is kept from range to range."""
        peaks = 0 if self._peaks is None else self._peaks.nbytes
        return self._finder.nbytes + self._entries.nbytes + self._exits.nbytes + peaks

    def grow(self, cameras: int) -> None:
        """The network has more cameras from the next range on."""
        self._finder.grow(cameras)
        self._entries.grow(cameras)
        self._exits.grow(cameras)
        self.available_ticks = np.pad(self.available_ticks, (0, cameras - self.cameras))
        self.cameras = cameras

    def link(self, links: SpreadLinks) -> None:
        """From the next range on these places see the same ground."""
        self._finder.link(links)

    def add(self, entry: OccupancyRange | SparseRange) -> None:
        """Watch one range more; ranges come in ascending order."""
        if len(entry.available) > self.cameras:
            self.grow(len(entry.available))
        entries, exits = self._finder.add(entry)
        self._entries.add(entries)
        self._exits.add(exits)
        self.available_ticks += np.bitwise_count(entry.available)
        if self._first is None:
            self._first = entry.index * self.clock.range_ticks
        self._end = (entry.index + 1) * self.clock.range_ticks

    def log(self, newest: int | None = None) -> Log:
        """The events that are kept, as nodes; ``newest``: only so many of a kind of every camera."""
        (entries, entries_begin), (exits, exits_begin) = (
            (kind.all(), kind.begins) if newest is None else kind.newest(newest)
            for kind in (self._entries, self._exits)
        )
        begins = np.maximum(np.maximum(entries_begin, exits_begin), self._first or 0)
        first = (self._first or 0) if newest is None else int(begins.min(initial=self._end))
        return Log.of(entries, exits, self.cameras, self._zone, first, self._end, begins)

    def learn(self, overlapping: Sequence[tuple[int, int]] = ()) -> Transits:
        """What is known now.

        Args:
            overlapping: pairs of cameras, in any order, that see common ground: between them are no transits.
        """
        log, apart = self.log(), self.apart(overlapping)
        sources = self._sources()
        found = self._scan(log, sources, apart)
        known = found if self._peaks is None else self._peaks.renewed(found, sources)
        self._peaks = known.strongest(ROUTES_TO_A_NODE)
        self._routes, transits = self._fit(log, self._peaks, apart, self._routes)
        return transits

    def learn_newest(self, events: int, overlapping: Sequence[tuple[int, int]] = ()) -> Transits:
        """What the newest events of every camera say by themselves; nothing of it is remembered."""
        log, apart = self.log(events), self.apart(overlapping)
        peaks = self._scan(log, np.arange(self.cameras), apart).strongest(ROUTES_TO_A_NODE)
        return self._fit(log, peaks, apart, None)[1]

    def apart(self, overlapping: Sequence[tuple[int, int]]) -> npt.NDArray[np.bool_]:
        """Between which cameras there may be transits: bool (cameras, cameras)."""
        apart = np.ones((self.cameras, self.cameras), dtype=np.bool_)
        np.fill_diagonal(apart, False)
        for a, b in overlapping:
            apart[a, b] = apart[b, a] = False
        return apart

    def _scan(self, log: Log, sources: npt.NDArray[np.int64], apart: npt.NDArray[np.bool_]) -> Peaks:
        rates = expected_per_tick(log, round(600 * self.clock.fps))
        return scan_peaks(log, sources, self._shifts(apart), apart, rates, self.spec, self.clock.fps)

    def _fit(
        self, log: Log, peaks: Peaks, apart: npt.NDArray[np.bool_], before: Routes | None
    ) -> tuple[Routes, Transits]:
        spec, fps = self.spec, self.clock.fps
        routes = fit_routes(log, peaks.where_apart(apart), spec, fps, before)
        shifts = self._shifts(apart)
        return routes, make_transits(log, routes, apart, shifts, self.available_ticks, spec, fps)

    def _sources(self) -> npt.NDArray[np.int64]:
        """The cameras whose turn it is to be searched."""
        count = min(self.spec.scan_cameras, self.cameras)
        sources = (self._next + np.arange(count)) % self.cameras
        self._next = (self._next + count) % self.cameras
        return sources

    def _shifts(self, apart: npt.NDArray[np.bool_]) -> tuple[int, ...]:
        """Ticks that the null's exits are moved on by: the more often the fewer pairs there are."""
        pairs = int(np.count_nonzero(apart))
        longest = round(self.spec.longest_s * self.clock.fps)
        count = min(max(1, math.ceil(2000 / max(pairs, 1))), 4)
        return tuple(round((2.5 + 1.3 * k) * longest) for k in range(count))
