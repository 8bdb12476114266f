"""What chance alone would score: the same search on footage that was turned against itself in time.

Shifted in a circle, a camera keeps all that it saw, its rush and its quiet places, but nobody is in two
views at once any more. What scores there is false by construction; the threshold follows from it.
"""

from __future__ import annotations

import numpy as np

from sdist_ray.topology.ground_plane.view import Array, View, view_of

TAIL = 0.08
LEAST_TAIL = 10
"""The share of the null that is its tail, and how many scores at least."""
LEAST, LEAST_COMPOSED = 30.0, 2.0
"""No pair is accepted on less, however quiet the null is: what was searched; what was composed and had no
freedom to fit."""


def shifted(view: View, samples: int) -> View:
    """A view whose time is turned in a circle: what was at sample s is at s + ``samples``, modulo its length.

    Tracklets that cross the end are cut in two.
    """
    total = view.samples
    lengths = np.diff(view.offset)
    begin = (view.first + samples) % total
    over = np.maximum(begin + lengths - total, 0)
    cut = over > 0
    first = np.concatenate([begin, np.zeros(int(cut.sum()), np.int64)])
    length = np.concatenate([lengths - over, over[cut]])
    source = np.concatenate([view.offset[:-1], (view.offset[:-1] + lengths - over)[cut]])
    order = np.argsort(first, kind="stable")
    first, length, source = first[order], length[order], source[order]
    offset = np.concatenate([[0], np.cumsum(length)])
    entry = np.repeat(source - offset[:-1], length) + np.arange(int(length.sum()))
    return view_of(first, offset, view.place[entry], np.roll(view.available, samples))


def threshold(scores: Array, null: Array, rate: float, least: float = LEAST) -> float:
    """The least score at which at most a share ``rate`` of what is accepted is there by chance.

    The greatest of the null's scores are taken as exponential (by their mean excess), so that the threshold
    may lie above all of them.

    Args:
        scores: float64 (pairs,), of the pairs that are judged.
        null: float64 (n,), of shifted pairs that were searched in the same way.
        rate: the false-discovery rate that is promised.
        least: it is never lower.
    """
    if len(scores) == 0 or len(null) == 0:
        return np.inf
    ranked = np.sort(null)[::-1]
    tail = min(max(LEAST_TAIL, int(TAIL * len(null))), len(null) - 1)
    base = float(ranked[tail]) if tail else float(ranked[0])
    scale = max(float((ranked[:tail] - base).mean()) if tail else 0.0, 1e-6)
    best = np.sort(scores)[::-1]
    # Below the tail, the share of the null itself.
    chance = np.where(
        best > base,
        max(tail, 1) / len(null) * np.exp(-np.maximum(best - base, 0.0) / scale),
        (np.searchsorted(-ranked, -best, side="right") + 1) / (len(null) + 1),
    )
    false = chance * len(scores)
    fits = np.flatnonzero((false <= rate * np.arange(1, len(best) + 1)) & (best >= least))
    if len(fits):
        return float(best[fits[-1]])
    return max(least, base + scale * float(np.log(max(tail, 1) / len(null) * len(scores) / rate)))
