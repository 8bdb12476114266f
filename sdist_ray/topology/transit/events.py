"""Entries and exits: where people come into view and go out of it, found in occupancy alone.

A window's *neighbourhood* is the window and those around it. Somebody *enters* at a window and tick where the
window is occupied and its neighbourhood was empty for the last ``gap`` ticks, and *leaves* where it is
occupied and its neighbourhood is empty for the next ``gap`` ticks. Ticks at which the camera was unavailable
are neither empty nor occupied: nothing is said across them. Who walks from window to window makes no events
in between, and a detector that misses people for less than ``gap`` ticks makes none either.

Where links are known, whoever was seen a moment before in a linked window of another camera has not come
from anywhere, and whoever is still seen in one has not gone: what is left are entries to what cameras see
together, and exits from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from sdist_ray.occupancy.block import Clock, OccupancyRange
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.sparse import SparseRange, SparseWords
from sdist_ray.topology.links import Links

ENTRY, EXIT = 0, 1
NEVER = np.int64(-(1 << 62))


@numba.njit(cache=True, nogil=True, boundscheck=False)
def find_events(  # type: ignore[no-untyped-def]
    place, word, available, first, ticks, columns, rows, gap, link_start, link_place, last, open_window,
    open_count, blind, event_tick, event_place, event_kind,
):  # fmt: skip
    """Find the entries of one range, and the exits that it makes certain.

    Args:
        place: int32 (words,), occupied windows, camera * windows + window, ascending.
        word: uint64 (words,), their ticks, where the camera was available.
        available: uint64 (cameras,).
        first: the range's first tick.
        ticks: in the range.
        columns, rows: of the grid.
        gap: ticks that a neighbourhood must be empty for.
        link_start: int64 (places + 1,); link_place: int32 (links,): the places that see what a place sees.
        last: int64 (places,), when each was occupied last, before this range; updated.
        open_window: int32 (cameras, windows), windows that somebody may have left; updated.
        open_count: int64 (cameras,), how many of them there are; updated.
        blind: int64 (cameras,), each camera's last unavailable tick; updated.
        event_tick, event_place, event_kind: int64, int32, int8 (events,), written.

    Returns:
        How many events were written; -1 where there is no room for those of one more tick.
    """
    cameras = available.shape[0]
    windows = columns * rows
    fresh = np.empty(place.shape[0], dtype=np.int32)
    count = 0
    for bit in range(ticks):
        one = np.uint64(1) << np.uint64(bit)
        tick = first + bit
        for camera in range(cameras):
            if not available[camera] & one:
                blind[camera] = tick
                open_count[camera] = 0
        now = 0
        for k in range(place.shape[0]):
            if word[k] & one:
                fresh[now] = place[k]
                now += 1
        opened = 0
        for camera in range(cameras):
            opened += open_count[camera]
        if count + now + opened > event_tick.shape[0]:
            return -1
        # Entries look back only: they are found before this tick is noted.
        for j in range(now):
            camera, window = fresh[j] // windows, fresh[j] % windows
            if tick - blind[camera] <= gap:
                continue
            row, column = window // columns, window % columns
            seen = False
            for r in range(max(row - 1, 0), min(row + 2, rows)):
                for c in range(max(column - 1, 0), min(column + 2, columns)):
                    if tick - last[camera * windows + r * columns + c] <= gap:
                        seen = True
            for k in range(link_start[fresh[j]], link_start[fresh[j] + 1]):
                if tick - last[link_place[k]] <= gap:
                    seen = True
                    break
            if not seen:
                event_tick[count], event_place[count], event_kind[count] = tick, fresh[j], 0
                count += 1
        # Whoever came near a window that was left has only walked on.
        j = 0
        while j < now:
            camera = fresh[j] // windows
            start = j
            while j < now and fresh[j] // windows == camera:
                j += 1
            kept = 0
            for k in range(open_count[camera]):
                window = open_window[camera, k]
                followed = False
                for i in range(start, j):
                    other = fresh[i] % windows
                    if (
                        abs(other // columns - window // columns) <= 1
                        and abs(other % columns - window % columns) <= 1
                    ):
                        followed = True
                if not followed:
                    open_window[camera, kept] = window
                    kept += 1
            for i in range(start, j):
                open_window[camera, kept] = fresh[i] % windows
                kept += 1
            open_count[camera] = kept
        for j in range(now):
            last[fresh[j]] = tick
        # Where nobody came near for long enough, somebody has left, unless another camera still saw them.
        for camera in range(cameras):
            kept = 0
            for k in range(open_count[camera]):
                here = camera * windows + open_window[camera, k]
                since = last[here]
                if tick - since < gap:
                    open_window[camera, kept] = open_window[camera, k]
                    kept += 1
                    continue
                seen = False
                for i in range(link_start[here], link_start[here + 1]):
                    if last[link_place[i]] > since:
                        seen = True
                        break
                if not seen:
                    event_tick[count], event_place[count], event_kind[count] = since, here, 1
                    count += 1
            open_count[camera] = kept
    return count


@numba.njit(cache=True, nogil=True)
def _spread(start, place, near):  # type: ignore[no-untyped-def]
    """Give each place the links of its neighbours, and the neighbours of what they are with, each once.

    Args:
        start: int64 (places + 1,), where a place's links begin in ``place``.
        place: int32 (links,), the other ends.
        near: int64 (windows, 9), a window and those around it, -1 where there is none.

    Returns:
        The same, spread; the other ends of a place ascending.
    """
    places, windows = start.shape[0] - 1, near.shape[0]
    begins = np.zeros(places + 1, dtype=np.int64)
    spread = np.empty(0, dtype=np.int32)
    # For whom a place was taken last: cheaper than sorting, each link comes up to 81 times.
    taken = np.empty(places, dtype=np.int32)
    for filling in (False, True):
        # Counted first: an array that grows would take three times as much memory.
        taken[:] = -1
        count = 0
        for one in range(places):
            for here in near[one % windows]:
                if here < 0:
                    continue
                beside = one - one % windows + here
                for k in range(start[beside], start[beside + 1]):
                    other = place[k]
                    for there in near[other % windows]:
                        to = other - other % windows + there
                        if there < 0 or taken[to] == one:
                            continue
                        taken[to] = one
                        if filling:
                            spread[count] = to
                        count += 1
            if filling:
                spread[begins[one] : count].sort()
            begins[one + 1] = count
        if not filling:
            spread = np.empty(count, dtype=np.int32)
    return begins, spread


class SpreadLinks(NamedTuple):
    """The places that see what a place sees: those linked with it, with their neighbours, and its own ones.

    A window's links are its neighbours' as well, on both sides: borders are not exact.

    Attributes:
        start: int64 (places + 1,), where the links of a place begin.
        place: int32 (links,), places, ascending within each.
    """

    start: npt.NDArray[np.int64]
    place: npt.NDArray[np.int32]

    @classmethod
    def of(cls, pairs: npt.NDArray[np.int64], places: int, grid: Grid) -> SpreadLinks:
        """Those of a network.

        Args:
            pairs: int64 (links, 2), places in any order; a place is camera * windows + window.
            places: how many there are.
            grid: of every camera.
        """
        pairs = pairs.reshape(-1, 2)
        one, other = np.concatenate([pairs, pairs[:, ::-1]]).T
        order = np.argsort(one, kind="stable")
        start = np.searchsorted(one[order], np.arange(places + 1)).astype(np.int64)
        return cls(*_spread(start, other[order].astype(np.int32), _grid_neighbours(grid)))

    @classmethod
    def between(cls, links: Links, cameras: Sequence[str], grid: Grid) -> SpreadLinks:
        """Those of a network whose ``cameras`` number its places: those of ``links``, and maybe others."""
        place = {camera: number for number, camera in enumerate(cameras)}
        number = np.array([place[camera] for camera in links.cameras], dtype=np.int64) * grid.windows
        pairs = [number[links.camera_a] + links.window_a, number[links.camera_b] + links.window_b]
        return cls.of(np.column_stack(pairs), len(cameras) * grid.windows, grid)

    def grown(self, places: int) -> SpreadLinks:
        """The same with more places, which are linked with none."""
        more = np.full(places + 1 - len(self.start), len(self.place), dtype=np.int64)
        return SpreadLinks(np.concatenate([self.start, more]), self.place)


@dataclass(frozen=True)
class Events:
    """Entries or exits, by tick and then by place.

    Attributes:
        tick: int64 (events,).
        place: int32 (events,), camera * windows + window.
    """

    tick: npt.NDArray[np.int64]
    place: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.tick)

    @classmethod
    def join(cls, parts: Sequence[Events]) -> Events:
        """The events of all parts, in order."""
        tick = np.concatenate([np.empty(0, np.int64), *(part.tick for part in parts)])
        place = np.concatenate([np.empty(0, np.int32), *(part.place for part in parts)])
        order = np.lexsort((place, tick))
        return cls(tick[order], place[order])


def _grid_neighbours(grid: Grid) -> npt.NDArray[np.int64]:
    """Each window and those around it, (windows, 9); -1 where there is none."""
    row, column = np.divmod(np.arange(grid.windows), grid.columns)
    down, right = (step.ravel() for step in np.meshgrid([-1, 0, 1], [-1, 0, 1]))
    r, c = row[:, None] + down, column[:, None] + right
    inside = (r >= 0) & (r < grid.rows) & (c >= 0) & (c < grid.columns)
    return np.where(inside, r * grid.columns + c, -1)


class EventFinder:
    """Finds entries and exits in ranges in ascending order.

    Exits are found ``gap`` ticks after the fact. A range that is not there was unavailable.

    Args:
        cameras: how many there are.
        grid: of every camera.
        clock: of the ranges.
        gap: ticks, at least 1.
    """

    def __init__(self, cameras: int, grid: Grid, clock: Clock, gap: int) -> None:
        self._grid, self._clock, self._gap = grid, clock, gap
        self._last = np.full(cameras * grid.windows, NEVER, dtype=np.int64)
        self._open = np.zeros((cameras, grid.windows), dtype=np.int32)
        self._open_count = np.zeros(cameras, dtype=np.int64)
        # Before the first tick everybody is unavailable.
        self._blind = np.full(cameras, NEVER, dtype=np.int64)
        self._index: int | None = None
        self._room = 1 << 12
        self._links = SpreadLinks.of(np.empty((0, 2), np.int64), len(self._last), grid)

    @property
    def nbytes(self) -> int:
        """Bytes of what is kept from range to range."""
        links = self._links.start.nbytes + self._links.place.nbytes
        return int(self._last.nbytes + self._open.nbytes + links)

    def grow(self, cameras: int) -> None:
        """The network has more cameras from the next range on."""
        more = cameras - len(self._blind)
        self._last = np.pad(self._last, (0, more * self._grid.windows), constant_values=NEVER)
        self._open = np.pad(self._open, ((0, more), (0, 0)))
        self._open_count = np.pad(self._open_count, (0, more))
        blind = NEVER if self._index is None else (self._index + 1) * self._clock.range_ticks - 1
        self._blind = np.pad(self._blind, (0, more), constant_values=blind)
        self._links = self._links.grown(len(self._last))

    def link(self, links: SpreadLinks) -> None:
        """From the next range on, these places see the same ground."""
        self._links = links

    def add(self, entry: OccupancyRange | SparseRange) -> tuple[Events, Events]:
        """The range's entries, and the exits that have become certain in it."""
        ticks = self._clock.range_ticks
        first = entry.index * ticks
        if self._index is None or entry.index != self._index + 1:
            self._blind[:] = first - 1
            self._open_count[:] = 0
        self._index = entry.index
        words = entry.occupied if isinstance(entry, SparseRange) else SparseWords.of(entry.occupied)
        words = words.masked(entry.available, self._grid.windows)
        while True:
            state = self._last.copy(), self._open.copy(), self._open_count.copy(), self._blind.copy()
            tick, place = np.empty(self._room, np.int64), np.empty(self._room, np.int32)
            kind = np.empty(self._room, np.int8)
            count = find_events(
                words.place, words.word, entry.available, first, ticks, self._grid.columns, self._grid.rows,
                self._gap, *self._links, *state, tick, place, kind,
            )  # fmt: skip
            if count >= 0:
                break
            self._room *= 2
        self._last, self._open, self._open_count, self._blind = state
        tick, place, kind = tick[:count], place[:count], kind[:count]
        entries, exits = (Events.join([Events(tick[kind == k], place[kind == k])]) for k in (ENTRY, EXIT))
        return entries, exits
