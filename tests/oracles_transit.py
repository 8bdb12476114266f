"""The slow, obvious reference of the transit kernels."""

from __future__ import annotations

import math

import numpy as np


def near(i: int, j: int, columns: int, reach: int = 1) -> bool:
    """Whether two windows of one camera are within ``reach`` of each other."""
    rows = abs(i // columns - j // columns)
    return rows <= reach and abs(i % columns - j % columns) <= reach


def entries_and_exits(
    occupied: np.ndarray, available: np.ndarray, columns: int, gap: int, links: set[tuple[int, int]]
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """(tick, place) of entries and of exits.

    ``occupied`` is bool (ticks, cameras, windows), ``available`` bool (ticks, cameras); ``links`` are ordered
    pairs of places, after spreading.
    """
    ticks, cameras, windows = occupied.shape
    x = occupied & available[:, :, None]
    entries, exits = [], []
    for t in range(ticks):
        for place in range(cameras * windows):
            camera, window = divmod(place, windows)
            if not x[t, camera, window]:
                continue
            around = [camera * windows + w for w in range(windows) if near(w, window, columns)]
            around += [other for here, other in links if here == place]

            def empty(span, around=around, camera=camera):
                return all(
                    0 <= s < ticks
                    and available[s, camera]
                    and not any(x[s, p // windows, p % windows] for p in around)
                    for s in span
                )

            if empty(range(t - gap, t)):
                entries.append((t, place))
            if empty(range(t + 1, t + gap + 1)):
                exits.append((t, place))
    return entries, exits


def spread_links(pairs: list[tuple[int, int]], columns: int, windows: int) -> set[tuple[int, int]]:
    """Links in both directions, between all neighbours of the two windows."""
    found = set()
    for a, b in [*pairs, *((b, a) for a, b in pairs)]:
        for i in range(windows):
            for j in range(windows):
                if near(i, a % windows, columns) and near(j, b % windows, columns):
                    found.add((a - a % windows + i, b - b % windows + j))
    return found


def first_of_parties(
    events: list[tuple[int, int]], columns: int, windows: int, hold: int, reach: int
) -> list[bool]:
    """Whether no event before belongs to the same party."""
    return [
        not any(
            place // windows == p // windows
            and tick - t <= hold
            and near(place % windows, p % windows, columns, reach)
            for t, p in events[:k]
        )
        for k, (tick, place) in enumerate(events)
    ]


def lag_counts(
    exits: list[int],
    entries: list[tuple[int, int]],
    shape: tuple[int, int],
    first: int,
    width: int,
) -> np.ndarray:
    """Entries after exits by lag and node."""
    counts = np.zeros(shape, dtype=np.float32)
    for left in exits:
        for came, node in entries:
            lag = came - left - first
            if 0 <= lag < shape[0] * width:
                counts[lag // width, node] += 1
    return counts


def best_stretch(
    counts: np.ndarray, expected: float, widths: list[int], least: int
) -> tuple[float, int, int]:
    """Score, begin and width of the stretch of one histogram that stands out most."""
    best = (0.0, 0, 0)
    if counts.sum() < least:
        return best
    for width in widths:
        mean = max(expected * width, 0.02)
        for begin in range(len(counts) - width + 1):
            n = int(counts[begin : begin + width].sum())
            if n >= least and n > mean:
                gain = n * math.log(n / mean) - n + mean
                if gain > best[0]:
                    best = (gain, begin, width)
    return best


def shares(entries, exits, routes, strength, bin_ticks, unexplained, free):
    """(histogram, score, claims, alone) of share_entries.

    ``entries`` and ``exits`` are (tick, node), exits in the order of their nodes; ``routes`` are (source,
    target, shift).
    """
    bins = strength.shape[1]
    histogram, score = np.zeros(strength.shape), np.zeros(len(routes))
    claims, alone = np.zeros(len(exits)), np.ones(len(entries))
    for e, (tick, node) in enumerate(entries):
        found = []
        for r, (source, target, shift) in enumerate(routes):
            for x, (left, of) in enumerate(exits):
                lag = tick - shift - left
                if target == node and of == source and 0 <= lag < bins * bin_ticks:
                    found.append((r, x, lag // bin_ticks))
        total = unexplained[node] + sum(strength[r, b] * free[x] for r, x, b in found)
        if any(target == node for _, target, _ in routes):
            alone[e] = unexplained[node] / total
        of_route = np.zeros(len(routes))
        for r, x, b in found:
            histogram[r, b] += strength[r, b] * free[x] / total
            of_route[r] += strength[r, b] * free[x] / total
            if routes[r][2] == 0:
                claims[x] += strength[r, b] / total
        for r in np.flatnonzero(of_route > 0):
            score[r] += min(-math.log(max(1 - of_route[r], 1e-9)), math.log(10)) - of_route[r]
    return histogram, score, claims, alone
