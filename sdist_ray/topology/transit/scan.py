"""Which routes stand out: pairs of nodes with more entries at some time after exits than their rates make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sdist_ray.topology.transit.kernels import count_lags, find_peaks
from sdist_ray.topology.transit.nodes import Ints, Log
from sdist_ray.topology.transit.spec import TransitSpec

SCAN_S = 1.0
WIDTHS_S = (2, 4, 8, 16)
LEAST = 3
MOST_BLOCKS = 64

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Peaks:
    """Routes that stand out, sorted by target, source and shift.

    Attributes:
        source, target: int64 (routes,), nodes.
        shift: int64 (routes,), 0; or by how many ticks exits were moved on, for the null.
        lag, width: int64 (routes,), the stretch of lags that stands out, ticks.
        score: float64 (routes,).
        zones: of a camera.
    """

    source: Ints
    target: Ints
    shift: Ints
    lag: Ints
    width: Ints
    score: Floats
    zones: int

    def __len__(self) -> int:
        return len(self.source)

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return 48 * len(self)

    @classmethod
    def of(cls, parts: Sequence[tuple[npt.NDArray[np.generic], ...]], zones: int) -> Peaks:
        """The routes of several searches, sorted."""
        none = tuple(np.empty(0, np.float64 if k == 5 else np.int64) for k in range(6))
        columns = [np.concatenate(column) for column in zip(none, *parts, strict=True)]
        order = np.lexsort((columns[2], columns[0], columns[1]))
        source, target, shift, lag, width = (column[order].astype(np.int64) for column in columns[:5])
        return cls(source, target, shift, lag, width, columns[5][order].astype(np.float64), zones)

    def _columns(self) -> tuple[npt.NDArray[np.generic], ...]:
        return self.source, self.target, self.shift, self.lag, self.width, self.score

    def where(self, kept: npt.NDArray[np.bool_]) -> Peaks:
        """Some of them."""
        source, target, shift, lag, width = (
            column[kept] for column in (self.source, self.target, self.shift, self.lag, self.width)
        )
        return Peaks(source, target, shift, lag, width, self.score[kept], self.zones)

    def renewed(self, found: Peaks, cameras: Ints) -> Peaks:
        """These, with what was found anew from some cameras in the place of what was known from them."""
        old = self.where(~np.isin(self.source // self.zones, cameras))
        return Peaks.of([old._columns(), found._columns()], self.zones)

    def strongest(self, most: int) -> Peaks:
        """The strongest to every node, of those that are moved on by as much: no more than so many."""
        order = np.lexsort((-self.score, self.shift, self.target))
        target, shift = self.target[order], self.shift[order]
        begins = np.flatnonzero(np.append(True, (np.diff(target) != 0) | (np.diff(shift) != 0)))
        rank = np.arange(len(order)) - np.repeat(begins, np.diff(np.append(begins, len(order))))
        kept = np.zeros(len(order), dtype=np.bool_)
        kept[order[rank < most]] = True
        return self.where(kept)

    def where_apart(self, apart: npt.NDArray[np.bool_]) -> Peaks:
        """Without the null's routes between cameras that overlap: there are none to compare them with."""
        between = apart[self.source // self.zones, self.target // self.zones]
        return self.where((self.shift == 0) | between)


def expected_per_tick(log: Log, block: int) -> tuple[Floats, Floats, int]:
    """Exits and entries of every node in blocks of time: rates are slow to change, by day and by hour.

    Returns:
        float64 (nodes, blocks) twice, and the ticks of a block.
    """
    span = max(log.end - log.first, 1)
    block = max(block, -(-span // MOST_BLOCKS), 1)
    blocks = -(-span // block)
    exits = np.zeros((log.nodes, blocks))
    entries = np.zeros((log.nodes, blocks))
    np.add.at(exits, (log.exit_node, np.clip((log.exit_tick - log.first) // block, 0, blocks - 1)), 1.0)
    np.add.at(entries, (log.entry_node, np.clip((log.entry_tick - log.first) // block, 0, blocks - 1)), 1.0)
    return exits, entries, block


def scan_peaks(
    log: Log,
    cameras: Ints,
    shifts: Sequence[int],
    apart: npt.NDArray[np.bool_],
    rates: tuple[Floats, Floats, int],
    spec: TransitSpec,
    fps: float,
) -> Peaks:
    """The routes from some cameras, to all, that stand out; and those of exits that were moved in time.

    Args:
        log: exits and entries.
        cameras: int64, whose exits are looked at.
        shifts: ticks that the null's exits are moved on by.
        apart: bool (cameras, cameras), which do not overlap; for the null.
        rates: see expected_per_tick.
        spec: see there.
        fps: ticks a second.
    """
    exits, entries, block = rates
    width = max(1, round(SCAN_S * fps))
    bins = max(1, round(spec.longest_s * fps / width))
    widths = np.unique(np.minimum(np.array(WIDTHS_S), bins))
    # Nodes where hardly anybody ever enters are left out: that is most of them.
    busy = np.flatnonzero(entries.sum(axis=1) >= LEAST)
    number = np.full(log.nodes, -1)
    number[busy] = np.arange(len(busy))
    busy_camera = busy // log.zones
    busy_entries, known = entries[busy], number[log.entry_node] >= 0
    entry_tick, entry_node = log.entry_tick[known], number[log.entry_node[known]].astype(np.int32)
    parts: list[tuple[npt.NDArray[np.generic], ...]] = []
    counts = np.empty((bins, len(busy)), dtype=np.float32)
    score = np.empty(len(busy))
    begin, wide = np.empty(len(busy), np.int64), np.empty(len(busy), np.int64)
    for node in (cameras[:, None] * log.zones + np.arange(log.zones)).ravel().tolist():
        if exits[node].sum() < LEAST or not len(busy):
            continue
        tick = log.exit_tick[log.exit_start[node] : log.exit_start[node + 1]]
        expected = busy_entries @ exits[node] * (width / block)
        for shift in (0, *shifts):
            counts[:] = 0
            count_lags(tick, entry_tick, entry_node, shift, width, counts)
            find_peaks(counts, expected, widths, LEAST, spec.peak, score, begin, wide)
            stands_out = score > spec.peak
            if shift:
                stands_out &= apart[node // log.zones, busy_camera]
            n = np.flatnonzero(stands_out)
            parts.append(
                (
                    np.full(len(n), node),
                    busy[n],
                    np.full(len(n), shift),
                    begin[n] * width,
                    wide[n] * width,
                    score[n],
                )
            )
    return Peaks.of(parts, log.zones)
