"""Loops over exits and entries: who could be whom, and how likely.

A *node* is a zone of a camera's view that people leave or enter by. A *route* leads from a node to a node.
Exits are sorted by node and then by tick, entries by tick.
"""

from __future__ import annotations

import math

import numba
import numpy as np

MOST_PER_ENTRY = math.log(10.0)
"""What one entry can say for a route: certainty about a single one is never more than ten to one."""
SIDE_BY_SIDE = 128
"""Nodes that are gone through together: as many as fit the nearest cache with all their bins."""


@numba.njit(cache=True, nogil=True, boundscheck=False)
def merge_parties(tick, place, columns, rows, hold, reach, last, kept):  # type: ignore[no-untyped-def]
    """Mark events that belong to one before: people who come or go together, side by side.

    Args:
        tick: int64 (events,), ascending; place: int32 (events,).
        columns, rows: of the grid.
        hold: ticks within which an event belongs to another one.
        reach: windows, in both directions, within which it does.
        last: int64 (places,), each place's last event; updated.
        kept: bool (events,), written: True for the first of every party.
    """
    windows = columns * rows
    for k in range(tick.shape[0]):
        window = place[k] % windows
        first = place[k] - window
        row, column = window // columns, window % columns
        kept[k] = True
        for r in range(max(row - reach, 0), min(row + reach + 1, rows)):
            for c in range(max(column - reach, 0), min(column + reach + 1, columns)):
                if tick[k] - last[first + r * columns + c] <= hold:
                    kept[k] = False
        last[place[k]] = tick[k]


@numba.njit(cache=True, nogil=True, boundscheck=False)
def count_lags(exit_tick, entry_tick, entry_node, first_lag, width, counts):  # type: ignore[no-untyped-def]
    """Count entries after the exits of one node by their lag.

    Bin by bin, with nodes innermost: what is counted into stays in the nearest cache.

    Args:
        exit_tick: int64 (exits,), ascending.
        entry_tick: int64 (entries,), ascending; entry_node: integers (entries,).
        first_lag: ticks, the least lag.
        width: of a bin, ticks.
        counts: float32 (bins, nodes), updated; whole numbers.
    """
    entries = entry_tick.shape[0]
    at = np.searchsorted(entry_tick, exit_tick + first_lag)
    for bin in range(counts.shape[0]):
        row, until = counts[bin], first_lag + (bin + 1) * width
        for k in range(exit_tick.shape[0]):
            entry, end = at[k], exit_tick[k] + until
            while entry < entries and entry_tick[entry] < end:
                row[entry_node[entry]] += np.float32(1)
                entry += 1
            at[k] = entry


@numba.njit(cache=True, nogil=True, boundscheck=False)
def find_peaks(counts, expected, widths, least, floor, score, begin, width):  # type: ignore[no-untyped-def]
    """The stretch of lags that stands out most, for every route from one node.

    The score is a Poisson likelihood ratio, n ln(n / m) - n + m, of n where m are expected. Of stretches of
    one width it is that with the greatest n: nodes are gone through side by side, and few logarithms taken.

    Args:
        counts: float32 (bins, nodes).
        expected: float64 (nodes,), of a bin.
        widths: int64, stretches to look at, bins.
        least: counts below which a stretch says nothing.
        floor: routes whose score is not above it need not be told; at least 0.
        score: float64 (nodes,), written; 0 where nothing stands out.
        begin, width: int64 (nodes,), written: the stretch, bins.
    """
    bins, nodes = counts.shape
    sums = np.zeros((bins + 1, SIDE_BY_SIDE), dtype=np.float32)
    most = np.empty(SIDE_BY_SIDE, dtype=np.float32)
    score[:] = 0.0
    begin[:] = width[:] = 0
    for first in range(0, nodes, SIDE_BY_SIDE):
        beside = min(SIDE_BY_SIDE, nodes - first)
        for k in range(bins):
            before, after, row = sums[k], sums[k + 1], counts[k, first : first + beside]
            for node in range(beside):
                after[node] = before[node] + row[node]
        for w in widths:
            most[:] = 0
            for k in range(bins - w + 1):
                before, after = sums[k], sums[k + w]
                for node in range(SIDE_BY_SIDE):
                    n = after[node] - before[node]
                    most[node] = n if n > most[node] else most[node]
            for node in range(beside):
                at, n = first + node, most[node]
                mean = max(expected[at] * w, 0.02)
                # As ln x <= x - 1, the score is at most (n - m)^2 / m.
                if n < least or n <= mean or (n - mean) * (n - mean) <= floor * mean:
                    continue
                gain = n * math.log(n / mean) - n + mean
                if gain > score[at]:
                    score[at], width[at], begin[at] = gain, w, 0
                    while sums[begin[at] + w, node] - sums[begin[at], node] < n:
                        begin[at] += 1


@numba.njit(cache=True, nogil=True, boundscheck=False)
def share_entries(  # type: ignore[no-untyped-def]
    entry_tick, entry_node, exit_start, exit_tick, route_start, source, shift, bin_ticks, strength,
    unexplained, free, histogram, score, claims, alone,
):  # fmt: skip
    """Share every entry out among the exits that it may have come from: one pass of expectation.

    An entry at a node came from an exit with the route's strength at their lag, times how free that exit is,
    or from nowhere, with the node's own rate.

    Args:
        entry_tick: int64 (entries,); entry_node: int64 (entries,).
        exit_start: int64 (nodes + 1,); exit_tick: int64 (exits,).
        route_start: int64 (nodes + 1,), where the routes to a node begin.
        source: int64 (routes,), nodes; shift: int64 (routes,), ticks that a route's exits are moved on by.
        bin_ticks: width of a bin of lags.
        strength: float64 (routes, bins), entries per exit and tick.
        unexplained: float64 (nodes,), entries per tick that come from nowhere.
        free: float64 (exits,), how little of an exit is claimed by other entries.
        histogram: float64 (routes, bins), updated: entries shared out.
        score: float64 (routes,), updated: what entries say for the route, given all others.
        claims: float64 (exits,), updated: what entries claim of each exit, were it free; not of moved ones.
        alone: float64 (entries,), written: how much of an entry came from nowhere.
    """
    bins = strength.shape[1]
    for k in range(entry_tick.shape[0]):
        node = entry_node[k]
        if route_start[node] == route_start[node + 1]:
            alone[k] = 1.0
            continue
        total = unexplained[node]
        for route in range(route_start[node], route_start[node + 1]):
            stop = exit_start[source[route] + 1]
            newest = entry_tick[k] - shift[route]
            at = exit_start[source[route]] + np.searchsorted(
                exit_tick[exit_start[source[route]] : stop], newest - bins * bin_ticks, side="right"
            )
            while at < stop and exit_tick[at] <= newest:
                total += strength[route, (newest - exit_tick[at]) // bin_ticks] * free[at]
                at += 1
        alone[k] = unexplained[node] / total
        for route in range(route_start[node], route_start[node + 1]):
            stop = exit_start[source[route] + 1]
            newest = entry_tick[k] - shift[route]
            at = exit_start[source[route]] + np.searchsorted(
                exit_tick[exit_start[source[route]] : stop], newest - bins * bin_ticks, side="right"
            )
            of_route = 0.0
            while at < stop and exit_tick[at] <= newest:
                bin = (newest - exit_tick[at]) // bin_ticks
                claim = strength[route, bin] / total
                histogram[route, bin] += claim * free[at]
                of_route += claim * free[at]
                if shift[route] == 0:
                    claims[at] += claim
                at += 1
            if of_route > 0:
                score[route] += min(-math.log(max(1.0 - of_route, 1e-9)), MOST_PER_ENTRY) - of_route
