"""What follows from what is known: homographies composed through cameras that two have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from sdist_ray.topology.ground_plane.homography import invert
from sdist_ray.topology.ground_plane.view import Array

MOST_WAYS = 6
"""Common neighbours through which a pair is tried."""

Pair = tuple[int, int]


def inverse(homography: Array) -> Array:
    """Of the same sign of w."""
    back = np.zeros((3, 3))
    invert(homography, back)
    scaled: Array = back / np.abs(back).max()
    return scaled


def compositions(
    homographies: Mapping[Pair, Array], scores: Mapping[Pair, float], tried: set[tuple[int, int, int]]
) -> Iterable[tuple[Pair, int, Array]]:
    """Homographies of pairs (a, b), a < b, through every common neighbour c that was not tried yet.

    Args:
        homographies: of accepted pairs (a, b), a < b.
        scores: of the same pairs; the ways with the best weaker link come first, at most MOST_WAYS of a pair.
        tried: (a, b, c), updated.
    """
    known: dict[int, dict[int, Array]] = {}
    for (a, b), homography in homographies.items():
        known.setdefault(a, {})[b] = homography
        known.setdefault(b, {})[a] = inverse(homography)
    pairs = sorted({(min(a, b), max(a, b)) for ways in known.values() for a in ways for b in ways if a != b})
    for a, b in pairs:
        common = sorted(set(known[a]) & set(known[b]))
        worth = {c: min(scores[min(a, c), max(a, c)], scores[min(b, c), max(b, c)]) for c in common}
        for c in sorted(common, key=lambda c: (-worth[c], c))[:MOST_WAYS]:
            if (a, b, c) not in tried:
                tried.add((a, b, c))
                composed = known[c][b] @ known[a][c]
                yield (a, b), c, composed / np.abs(composed).max()
