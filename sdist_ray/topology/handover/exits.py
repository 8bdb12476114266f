"""What becomes of those who leave a window: which other cameras see them then, and how many nobody sees.

An exit (see topology.transit.events) is *held* by another camera where one of the windows that are linked
with the exit's, or a neighbour of one, is occupied within the next ``gap`` ticks; it is *gone* where no
camera holds it. An entry *came* where no linked window was occupied within the last ``gap`` ticks. A camera
that was unavailable in that time has not been asked.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numba
import numpy as np
import numpy.typing as npt

from sdist_ray.occupancy.block import Clock, OccupancyRange
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.sparse import SparseRange
from sdist_ray.topology.handover.successions import MOST_CAMERAS, Successions, SuccessionTally
from sdist_ray.topology.transit.events import EventFinder, Events, spread_links
from sdist_ray.topology.transit.nodes import zones_of
from sdist_ray.topology.transit.spec import TransitSpec

Ints = npt.NDArray[np.int64]
HELD_KEY = np.int64(1) << 31


@numba.njit(cache=True, nogil=True, boundscheck=False)
def tally_events(  # type: ignore[no-untyped-def]
    event_tick, event_place, since, until, ticks, first_index, range_start, range_place, range_word,
    available, slot_start, slot_camera, link_start, link_place, asked, held, judged, alone, unseen,
):  # fmt: skip
    """Count, for every event, which cameras see somebody at a linked place about then.

    Args:
        event_tick: int64 (events,); event_place: int32 (events,), camera * windows + window.
        since, until: ticks after the event, both inclusive, that are looked at; may be negative.
        ticks: in a range.
        first_index: of the ranges that are at hand; they follow each other.
        range_start: int64 (ranges + 1,), where the words of a range begin.
        range_place: int32 (words,), ascending within a range; range_word: uint64 (words,).
        available: uint64 (ranges, cameras).
        slot_start: int64 (places + 1,), where the slots of a place begin.
        slot_camera: int64 (slots,), a camera that is linked with the place.
        link_start: int64 (slots + 1,), where the links of a slot begin.
        link_place: int32 (links,), places of the slot's camera.
        asked, held: int64 (slots,), updated: how often the camera was available, and saw somebody.
        judged, alone: int64 (places,), updated: events at which all linked cameras were available, and those
            of them that none of the cameras held.
        unseen: bool (events,), written: whether no camera is known to have held it.
    """
    ranges = available.shape[0]
    for k in range(event_tick.shape[0]):
        place = event_place[k]
        low, high = event_tick[k] + since, event_tick[k] + until
        all_known, anybody = True, False
        for slot in range(slot_start[place], slot_start[place + 1]):
            known, seen = True, False
            for index in range(low // ticks, high // ticks + 1):
                r = index - first_index
                if r < 0 or r >= ranges:
                    known = False
                    continue
                begin, end = max(low - index * ticks, 0), min(high - index * ticks, ticks - 1)
                mask = (~np.uint64(0) >> np.uint64(63 - (end - begin))) << np.uint64(begin)
                if available[r, slot_camera[slot]] & mask != mask:
                    known = False
                words = range_place[range_start[r] : range_start[r + 1]]
                for at in range(link_start[slot], link_start[slot + 1]):
                    found = np.searchsorted(words, link_place[at])
                    if (
                        found < words.shape[0]
                        and words[found] == link_place[at]
                        and range_word[range_start[r] + found] & mask
                    ):
                        seen = True
            if known:
                asked[slot] += 1
                held[slot] += seen
            all_known &= known
            anybody |= seen
        if all_known:
            judged[place] += 1
            alone[place] += not anybody
        unseen[k] = not anybody


@dataclass(frozen=True)
class ExitCounts:
    """What became of those who left, and where people came from nowhere.

    Attributes:
        exits, gone: int64 (cameras, windows), exits, and those of them that no camera held.
        entries, came: int64 (cameras, windows), entries, and those of people whom no camera saw before.
        camera, window: int64 (n,), windows that people left while another camera was linked with them.
        holder: int64 (n,), that camera.
        asked, held: int64 (n,), exits at which it was available, and those that it held.
        gap_s: how long after an exit somebody is looked for, seconds.
        successions: who came into view after somebody left; None where there are too many cameras.
    """

    exits: Ints
    gone: Ints
    entries: Ints
    came: Ints
    camera: Ints
    window: Ints
    holder: Ints
    asked: Ints
    held: Ints
    gap_s: float
    successions: Successions | None = None


class ExitTally:
    """Counts what becomes of those who leave, range by range in ascending order.

    Args:
        cameras: how many there are.
        grid: of every camera.
        clock: of the ranges.
        gap_s: how long a neighbourhood is empty after somebody left, and before somebody entered.
    """

    def __init__(self, cameras: int, grid: Grid, clock: Clock, gap_s: float = 1.0) -> None:
        self._grid, self._clock = grid, clock
        self._gap = max(1, round(gap_s * clock.fps))
        self._finder = EventFinder(cameras, grid, clock, self._gap)
        self._recent: deque[SparseRange] = deque(maxlen=-(-2 * self._gap // clock.range_ticks) + 2)
        # exits, gone, entries, came
        self._counts: Ints = np.zeros((4, cameras * grid.windows), dtype=np.int64)
        self._known: dict[int, tuple[int, int]] = {}
        self._successions: SuccessionTally | None = None
        self._watched = 0
        if cameras <= MOST_CAMERAS:
            zone = zones_of(grid, TransitSpec().zone)
            self._successions = SuccessionTally(cameras, zone, clock.fps)
        self._slot_start: Ints
        self._set_links(np.empty((0, 2), dtype=np.int64))

    @property
    def cameras(self) -> int:
        """How many there are."""
        return int(self._counts.shape[1]) // self._grid.windows

    def grow(self, cameras: int) -> None:
        """The network has more cameras from the next range on."""
        more = (cameras - self.cameras) * self._grid.windows
        self._finder.grow(cameras)
        if cameras > MOST_CAMERAS:
            self._successions = None
        if self._successions is not None:
            self._successions.grow(cameras)
        self._counts = np.pad(self._counts, ((0, 0), (0, more)))
        self._slot_start = np.concatenate(
            [self._slot_start, np.full(more, len(self._slot_camera), dtype=np.int64)]
        )

    def link(self, pairs: Ints) -> None:
        """From the next range on, these places see the same ground: int64 (links, 2), in any order.

        What was counted stays, by window and camera.
        """
        self._keep()
        self._set_links(pairs)

    def _set_links(self, pairs: Ints) -> None:
        places, windows = self._counts.shape[1], self._grid.windows
        start, other = spread_links(pairs, places, self._grid)
        own = np.repeat(np.arange(places), np.diff(start))
        # A place's links are sorted: those of one camera follow each other.
        slot = own * HELD_KEY + other // windows
        first = np.flatnonzero(np.diff(slot, prepend=-1))
        keys = slot[first]
        self._slot_camera: Ints = keys % HELD_KEY
        self._slot_place: Ints = keys // HELD_KEY
        self._slot_start = np.searchsorted(self._slot_place, np.arange(places + 1)).astype(np.int64)
        self._link_start: Ints = np.append(first, len(other)).astype(np.int64)
        self._link_place = other
        self._asked: Ints = np.zeros(len(keys), dtype=np.int64)
        self._held: Ints = np.zeros(len(keys), dtype=np.int64)

    def add(self, entry: OccupancyRange | SparseRange) -> None:
        """Watch one range more."""
        if len(entry.available) > self.cameras:
            self.grow(len(entry.available))
        recent = entry if isinstance(entry, SparseRange) else SparseRange.of(entry)
        words = recent.occupied.masked(recent.available, self._grid.windows)
        recent = SparseRange(recent.index, words, recent.available)
        if self._recent and recent.index != self._recent[-1].index + 1:
            self._recent.clear()
        self._recent.append(recent)
        entries, exits = self._finder.add(recent)
        gone = self._tally(exits, 1, self._gap, 0)
        came = self._tally(entries, -self._gap, -1, 2)
        self._watched += self._clock.range_ticks
        if self._successions is not None:
            end = (recent.index + 1) * self._clock.range_ticks
            places = [events.place.astype(np.int64) for events in (exits, entries)]
            self._successions.add(
                exits.tick[gone], places[0][gone], entries.tick[came], places[1][came], end - 1 - self._gap
            )

    def counts(self) -> ExitCounts:
        """What is known now."""
        self._keep()
        keys = np.array(sorted(self._known), dtype=np.int64)
        values = np.array([self._known[key] for key in keys.tolist()], dtype=np.int64).reshape(-1, 2)
        place, holder = keys // HELD_KEY, keys % HELD_KEY
        windows = self._grid.windows
        exits, gone, entries, came = self._counts.reshape(4, -1, windows).copy()
        return ExitCounts(
            exits, gone, entries, came, place // windows, place % windows, holder, values[:, 0], values[:, 1],
            self._gap / self._clock.fps,
            None if self._successions is None else self._successions.found(self._watched),
        )  # fmt: skip

    def _tally(
        self, events: Events, since: int, until: int, row: int
    ) -> npt.NDArray[np.bool_]:  # fmt: skip
        unseen = np.zeros(len(events), dtype=np.bool_)
        if not len(events):
            return unseen
        ranges = list(self._recent)
        sizes = [len(one.occupied.place) for one in ranges]
        available = np.zeros((len(ranges), self.cameras), dtype=np.uint64)
        for number, one in enumerate(ranges):
            available[number, : len(one.available)] = one.available
        unheld = row > 0
        asked, held = (np.zeros_like(c) if unheld else c for c in (self._asked, self._held))
        tally_events(
            events.tick, events.place, since, until, self._clock.range_ticks, ranges[0].index,
            np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
            np.concatenate([one.occupied.place for one in ranges]),
            np.concatenate([one.occupied.word for one in ranges]),
            available, self._slot_start, self._slot_camera, self._link_start, self._link_place,
            asked, held, self._counts[row], self._counts[row + 1], unseen,
        )  # fmt: skip
        return unseen

    def _keep(self) -> None:
        """Add what the present links have counted to what is known."""
        counted = np.flatnonzero(self._asked)
        keys = self._slot_place[counted] * HELD_KEY + self._slot_camera[counted]
        for key, asked, held in zip(
            keys.tolist(), self._asked[counted].tolist(), self._held[counted].tolist(), strict=True
        ):
            before = self._known.get(key, (0, 0))
            self._known[key] = before[0] + asked, before[1] + held
        self._asked[:] = 0
        self._held[:] = 0
