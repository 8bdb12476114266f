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
def count_lags(exit_tick, exit_zone, entry_tick, entry_node, first_lag, width, counts):  # type: ignore[no-untyped-def]
    """Count entries after exits by their lag.

    Args:
        exit_tick: int64 (exits,), ascending, of one camera; exit_zone: int64 (exits,).
        entry_tick: int64 (entries,), ascending; entry_node: int64 (entries,).
        first_lag: ticks, the least lag.
        width: of a bin, ticks.
        counts: int32 (zones, nodes, bins), updated.
    """
    span = counts.shape[2] * width
    first = 0
    for k in range(entry_tick.shape[0]):
        newest = entry_tick[k] - first_lag
        while first < exit_tick.shape[0] and exit_tick[first] <= newest - span:
            first += 1
        at = first
        while at < exit_tick.shape[0] and exit_tick[at] <= newest:
            counts[exit_zone[at], entry_node[k], (newest - exit_tick[at]) // width] += 1
            at += 1


@numba.njit(cache=True, nogil=True, boundscheck=False)
def find_peaks(counts, expected, widths, least, score, begin, width):  # type: ignore[no-untyped-def]
    """The stretch of lags that stands out most, for every route.

    The score is a Poisson likelihood ratio, n ln(n / m) - n + m, of n where m are expected.

    Args:
        counts: int32 (zones, nodes, bins).
        expected: float64 (zones, nodes), of a bin.
        widths: int64, stretches to look at, bins.
        least: counts below which a stretch says nothing.
        score: float64 (zones, nodes), written; 0 where nothing stands out.
        begin, width: int64 (zones, nodes), written: the stretch, bins.
    """
    for zone in range(counts.shape[0]):
        for node in range(counts.shape[1]):
            score[zone, node] = 0.0
            begin[zone, node] = width[zone, node] = 0
            total = 0
            for k in range(counts.shape[2]):
                total += counts[zone, node, k]
            if total < least:
                continue
            for w in widths:
                mean = max(expected[zone, node] * w, 0.02)
                n = 0
                for k in range(counts.shape[2]):
                    n += counts[zone, node, k]
                    if k >= w:
                        n -= counts[zone, node, k - w]
                    if k >= w - 1 and n >= least and n > mean:
                        gain = n * math.log(n / mean) - n + mean
                        if gain > score[zone, node]:
                            score[zone, node] = gain
                            begin[zone, node], width[zone, node] = k - w + 1, w


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
