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
from sdist_ray.topology.transit.events import EventFinder, Events, SpreadLinks
from sdist_ray.topology.transit.nodes import zones_of
from sdist_ray.topology.transit.spec import TransitSpec

Ints = npt.NDArray[np.int64]
Places = npt.NDArray[np.int32]
HELD_KEY = np.int64(1) << 31
_NONE: Ints = np.empty(0, dtype=np.int64)


@numba.njit(cache=True, nogil=True, boundscheck=False)
def tally_events(  # type: ignore[no-untyped-def]
    event_tick, event_place, since, until, ticks, first_index, range_start, range_place, range_word,
    available, slot_start, slot_camera, link_start, link_place, keeping, asked, held, judged, alone, unseen,
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
        slot_camera: int32 (slots,), a camera that is linked with the place.
        link_start: int64 (slots + 1,), where the links of a slot begin.
        link_place: int32 (links,), places of the slot's camera.
        keeping: whether ``asked`` and ``held`` are updated.
        asked, held: int32 (slots,): how often the camera was available, and saw somebody.
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
            if known and keeping:
                asked[slot] += 1
                held[slot] += seen
            all_known &= known
            anybody |= seen
        if all_known:
            judged[place] += 1
            alone[place] += not anybody
        unseen[k] = not anybody


@numba.njit(cache=True, nogil=True, boundscheck=False)
def find_slots(start, place, windows):  # type: ignore[no-untyped-def]
    """Cut every place's links by camera.

    Args:
        start, place: see SpreadLinks: those of one camera follow each other.
        windows: windows per camera.

    Returns:
        slot_start, slot_camera, link_start; see tally_events.
    """
    slot_start = np.zeros(start.shape[0], dtype=np.int64)
    slots = 0
    for one in range(start.shape[0] - 1):
        for k in range(start[one], start[one + 1]):
            slots += k == start[one] or place[k] // windows != place[k - 1] // windows
        slot_start[one + 1] = slots
    camera = np.empty(slots, dtype=np.int32)
    link_start = np.empty(slots + 1, dtype=np.int64)
    link_start[slots] = place.shape[0]
    slot = 0
    for one in range(start.shape[0] - 1):
        for k in range(start[one], start[one + 1]):
            if k == start[one] or place[k] // windows != place[k - 1] // windows:
                camera[slot] = place[k] // windows
                link_start[slot] = k
                slot += 1
    return slot_start, camera, link_start


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
        # By place and holder, ascending: keys, asked, held.
        self._known: tuple[Ints, Ints, Ints] = (_NONE, _NONE, _NONE)
        self._successions: SuccessionTally | None = None
        self._watched = 0
        if cameras <= MOST_CAMERAS:
            zone = zones_of(grid, TransitSpec().zone)
            self._successions = SuccessionTally(cameras, zone, clock.fps)
        self._slot_start: Ints
        self._slot_camera: Places
        self._set_links(SpreadLinks.of(np.empty((0, 2), dtype=np.int64), self._counts.shape[1], grid))

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
        ends = np.full(more, len(self._slot_camera), dtype=np.int64)
        self._slot_start = np.concatenate([self._slot_start, ends])

    def link(self, links: SpreadLinks) -> None:
        """From the next range on, these places see the same ground.

        What was counted stays, by window and camera.
        """
        self._keep()
        self._set_links(links)

    def _set_links(self, links: SpreadLinks) -> None:
        self._link_place = links.place
        start, camera, link_start = find_slots(*links, self._grid.windows)
        self._slot_start = start
        self._slot_camera = camera
        self._link_start: Ints = link_start
        self._asked, self._held = np.zeros((2, len(self._slot_camera)), dtype=np.int32)

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
        keys, asked, held = self._known
        place, holder = keys // HELD_KEY, keys % HELD_KEY
        windows = self._grid.windows
        exits, gone, entries, came = self._counts.reshape(4, -1, windows).copy()
        return ExitCounts(
            exits, gone, entries, came, place // windows, place % windows, holder, asked, held,
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
        tally_events(
            events.tick, events.place, since, until, self._clock.range_ticks, ranges[0].index,
            np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
            np.concatenate([one.occupied.place for one in ranges]),
            np.concatenate([one.occupied.word for one in ranges]),
            available, self._slot_start, self._slot_camera, self._link_start, self._link_place,
            row == 0, self._asked, self._held, self._counts[row], self._counts[row + 1], unseen,
        )  # fmt: skip
        return unseen

    def _keep(self) -> None:
        """Add what the present links have counted to what is known."""
        counted = np.flatnonzero(self._asked)
        place = np.searchsorted(self._slot_start, counted, side="right") - 1
        keys = place * HELD_KEY + self._slot_camera[counted]
        known, *values = self._known
        new = np.setdiff1d(keys, known, assume_unique=True)
        at = np.searchsorted(known, new)
        known = np.insert(known, at, new)
        values = [np.insert(column, at, 0) for column in values]
        at = np.searchsorted(known, keys)
        for column, more in zip(values, (self._asked, self._held), strict=True):
            column[at] += more[counted]
            more[:] = 0
        self._known = known, values[0], values[1]
