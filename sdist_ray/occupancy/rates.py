"""What links are judged by besides N and O: visits, and how often padded windows are on, in slots of time.

All of it is of single windows and cameras, O(n), and the same whatever store counts the pairs. The chance
that y[j] is on at a tick of x[i] though the two have nothing to do with each other is not one number: both
follow the hours. So ticks are counted by slot: footage of any length has at most SLOTS of them, which become
longer as it goes on, up to two hours of the day, and are then those of every day.
"""

from __future__ import annotations

import copy
import threading
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sdist_ray.occupancy.block import MAX_TICKS, Clock, OccupancyRange, Words
from sdist_ray.occupancy.padding import PaddedRange, Padder, Padding
from sdist_ray.occupancy.rate_kernels import count_occupied, count_padded, merge
from sdist_ray.occupancy.slots import SLOTS, Slots
from sdist_ray.occupancy.sparse import SparseRange, SparseWords

VISIT_GAP_S = 1.0
"""A window that is empty for no longer than this is still visited: detectors miss people."""
LONG_AGO = -(1 << 60)
AT_ONCE = 1 << 15
"""Words of ranges that are counted together, about: what counts stays in the processor's cache meanwhile, and
does not push out what others have there with every range."""
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Rates:
    """Counts of some cameras' windows.

    Attributes:
        visits: int64 (cameras, windows), runs of occupied ticks, those closer than VISIT_GAP_S taken as one.
        occupied: uint32 (slots, cameras, windows), ticks of x by slot, of which there are SLOTS at most.
        padded: uint32 (slots, cameras, windows), ticks of y and r by slot.
        countable: int64 (slots, cameras), ticks of r by slot.
    """

    visits: Ints
    occupied: npt.NDArray[np.uint32]
    padded: npt.NDArray[np.uint32]
    countable: Ints

    @classmethod
    def none(cls, cameras: int, windows: int) -> Rates:
        """Of cameras that have not seen anything yet."""
        return cls(
            np.zeros((cameras, windows), dtype=np.int64),
            np.zeros((SLOTS, cameras, windows), dtype=np.uint32),
            np.zeros((SLOTS, cameras, windows), dtype=np.uint32),
            np.zeros((SLOTS, cameras), dtype=np.int64),
        )

    def select(self, cameras: npt.NDArray[np.int64]) -> Rates:
        """Those of some cameras, in this order."""
        return Rates(
            self.visits[cameras],
            self.occupied[:, cameras],
            self.padded[:, cameras],
            self.countable[:, cameras],
        )

    def grown(self, cameras: int) -> Rates:
        """The same with more cameras, which have not seen anything."""
        more = Rates.none(cameras - len(self.visits), self.visits.shape[1])
        return Rates(
            np.concatenate([self.visits, more.visits]),
            np.concatenate([self.occupied, more.occupied], axis=1),
            np.concatenate([self.padded, more.padded], axis=1),
            np.concatenate([self.countable, more.countable], axis=1),
        )


NOTHING = SparseWords(np.empty(0, np.int32), np.empty(0, np.uint64))


def _merged(words: SparseWords, more: SparseWords, shift: np.uint64) -> SparseWords:
    """One range's words beside those of others."""
    most = len(words.place) + len(more.place)
    place, word = np.empty(most, np.int32), np.empty(most, np.uint64)
    found = merge(words.place, words.word, more.place, more.word, shift, place, word)
    return SparseWords(place[:found], word[:found])


class RateCounter:
    """Counts Rates over ranges in ascending order; lags behind them by the tolerance, and by up to 64 ticks.

    As many ranges as fit a word are counted as one: that takes a third of the time.
    They may be asked for by another thread than the one that counts.
    """

    def __init__(self, cameras: int, padding: Padding) -> None:
        self._lock = threading.Lock()
        clock = padding.clock
        self._together = MAX_TICKS // clock.range_ticks
        self._ticks = clock.range_ticks
        self._padding = padding = replace(padding, clock=Clock(clock.fps, clock.range_ticks * self._together))
        self._gap = round(VISIT_GAP_S * padding.clock.fps)
        self._padder = Padder(padding)
        self._slots = Slots(padding.clock.fps)
        windows = padding.grid.windows
        self._index: int | None = None
        self._waiting: list[SparseRange] = []
        self._words = 0
        self._occupied = NOTHING
        self._available: Words = np.zeros(cameras, dtype=np.uint64)
        self._newest = np.full((cameras, windows), LONG_AGO, dtype=np.int64)
        self._counts = Rates.none(cameras, windows)
        columns = padding.grid.columns
        row, column = np.divmod(np.arange(windows, dtype=np.int64), columns)
        self._inside = (row + 1) * (columns + 2) + column + 1
        places = (padding.grid.rows + 2) * (columns + 2)
        self._padded = np.zeros((SLOTS, cameras, places), dtype=np.uint32)
        self._used = 0

    @property
    def nbytes(self) -> int:
        """Bytes of the counts; pages of windows that nobody was ever near are not resident."""
        return self._padded.nbytes + self._counts.occupied.nbytes + self._counts.visits.nbytes

    def grow(self, cameras: int) -> None:
        """The network has more cameras from the next range on; they were unavailable before."""
        more = ((0, cameras - len(self._newest)), (0, 0))
        with self._lock:
            self._take()
            self._padder.grow(cameras)
            self._available = np.pad(self._available, more[0])
            self._newest = np.pad(self._newest, more, constant_values=LONG_AGO)
            self._padded = np.pad(self._padded, ((0, 0), *more))
            self._counts = self._counts.grown(cameras)

    def add(self, entry: OccupancyRange | SparseRange) -> None:
        """Count one range, and what surrounds it as soon as that is known."""
        with self._lock:
            sparse = SparseRange.of(entry) if isinstance(entry, OccupancyRange) else entry
            self._waiting.append(sparse)
            self._words += len(sparse.occupied.place) + len(sparse.available)
            if self._words >= AT_ONCE:
                self._take()

    def _take(self) -> None:
        """Count the ranges that wait."""
        for entry in self._waiting:
            index, at = divmod(entry.index, self._together)
            shift = np.uint64(at * self._ticks)
            if index != self._index:
                self._collected()
                self._index = index
            self._occupied = _merged(self._occupied, entry.occupied, shift)
            self._available |= entry.available << shift
        self._waiting, self._words = [], 0

    def _collected(self) -> None:
        """Count the ranges that were put together."""
        if self._index is None:
            return
        together = SparseRange(self._index, self._occupied, self._available.copy())
        self._occupied = NOTHING
        self._available[:] = 0
        self._index = None
        for padded in self._padder.push(together):
            self._count(padded)

    def rates(self) -> Rates:
        """What was counted so far, as if nothing came after it, of the slots that have come. A copy."""
        with self._lock:
            now = self._copy()
        now._take()
        now._collected()
        for padded in now._padder.flush():
            now._count(padded)
        grid, counts, used = self._padding.grid, now._counts, now._used
        # Of no slot, before the first range, the shape does not follow from the rest.
        cameras = now._padded.shape[1]
        inside = now._padded[:used].reshape(used, cameras, grid.rows + 2, grid.columns + 2)[:, :, 1:-1, 1:-1]
        return Rates(
            counts.visits,
            counts.occupied[:used],
            inside.reshape(used, cameras, grid.windows),
            counts.countable[:used],
        )

    def _copy(self) -> RateCounter:
        """One that counts on without this one's knowing of it."""
        now = copy.copy(self)
        now._lock = threading.Lock()
        now._padder, now._slots = copy.deepcopy(self._padder), copy.copy(self._slots)
        now._waiting = list(self._waiting)
        for name in ("_available", "_newest"):
            setattr(now, name, getattr(self, name).copy())
        now._padded = _first_slots(self._padded, self._used)
        now._counts = Rates(
            self._counts.visits.copy(),
            _first_slots(self._counts.occupied, self._used),
            _first_slots(self._counts.padded, 0),
            self._counts.countable.copy(),
        )
        return now

    def _count(self, padded: PaddedRange) -> None:
        ticks = self._padding.clock.range_ticks
        first = at = padded.index * ticks
        # Where a slot ends in the middle, ticks before and after are counted apart.
        while at < first + ticks:
            slot, end = self._slot(at), min(self._slots.until(at), first + ticks)
            self._count_in(slot, padded, np.uint64((1 << (end - first)) - (1 << (at - first))))
            at = end

    def _count_in(self, slot: int, padded: PaddedRange, chosen: np.uint64) -> None:
        """Count the ticks of a range that are chosen, bits of a word."""
        grid, clock, counts = self._padding.grid, self._padding.clock, self._counts
        place, word, countable = (
            padded.occupied.place,
            padded.occupied.word & chosen,
            padded.countable & chosen,
        )
        there = word != 0
        count_occupied(
            place[there], word[there], padded.index * clock.range_ticks, self._gap,
            self._newest.reshape(-1), counts.visits.reshape(-1), counts.occupied[slot].reshape(-1),
        )  # fmt: skip
        offsets = [(index - padded.index) * clock.range_ticks for index, _ in padded.nearby]
        sizes = [len(close.place) for _, close in padded.nearby]
        count_padded(
            np.concatenate([close.place for _, close in padded.nearby]),
            np.concatenate([close.word for _, close in padded.nearby]),
            np.cumsum([0, *sizes]), np.array(offsets), self._reach_bits(offsets), self._padding.tolerance,
            clock.range_ticks, grid.columns, self._inside, countable, self._padded[slot],
        )  # fmt: skip
        counts.countable[slot] += np.bitwise_count(countable)

    def _reach_bits(self, offsets: list[int]) -> Words:
        """Of ranges that begin so many ticks later, uint64, the ticks that reach into the present one."""
        tolerance, ticks = self._padding.tolerance, self._padding.clock.range_ticks
        bits = []
        for offset in offsets:
            first, end = max(0, -offset - tolerance), min(ticks, ticks + tolerance - offset)
            bits.append((1 << max(first, end)) - (1 << first))
        return np.array(bits, dtype=np.uint64)

    def _slot(self, tick: int) -> int:
        slot, moved = self._slots.of(tick)
        for to in moved:
            for field in (self._counts.occupied, self._padded, self._counts.countable):
                before = field.copy()
                field[:] = 0
                for number, place in enumerate(to):
                    field[place] += before[number]
            self._used = max(to[: self._used], default=-1) + 1
        self._used = max(self._used, slot + 1)
        return slot


def _first_slots(counts: npt.NDArray[np.uint32], used: int) -> npt.NDArray[np.uint32]:
    """A copy; slots that nothing was counted in yet take no memory."""
    out = np.zeros(counts.shape, dtype=np.uint32)
    out[:used] = counts[:used]
    return out
