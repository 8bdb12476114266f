"""How good a topology is, against what is true of the ground.

Window level: a pair of windows of different cameras is *true* when it shares at least ``least_overlap`` of
either window's ground, and *eligible* when each of the two windows was occupied for at least ``least_ticks``
ticks: a place that nobody went to cannot be learnt. Precision is the share of eligible linked pairs that are
true, recall the share of eligible true pairs that are linked. Camera level: an edge is true when the two
cameras share more ground than a given area.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Quality:
    """Counts of pairs, and what follows from them; None where nothing was found, or nothing is true."""

    found: int
    true: int
    found_true: int

    @property
    def precision(self) -> float | None:
        """Share of what was found that is true."""
        return self.found_true / self.found if self.found else None

    @property
    def recall(self) -> float | None:
        """Share of what is true that was found."""
        return self.found_true / self.true if self.true else None

    def as_dict(self) -> dict[str, float | int | None]:
        """For JSON."""
        return {
            "precision": self.precision,
            "recall": self.recall,
            "found": self.found,
            "true": self.true,
            "found_true": self.found_true,
        }


def pair_keys(
    a: npt.NDArray[np.integer[Any]], b: npt.NDArray[np.integer[Any]], total: int
) -> npt.NDArray[np.int64]:
    """One number per unordered pair of numbers below ``total``: int64, the shape of a and b."""
    low, high = np.minimum(a, b).astype(np.int64), np.maximum(a, b).astype(np.int64)
    keys: npt.NDArray[np.int64] = low * total + high
    return keys


def compare(found: npt.NDArray[np.int64], true: npt.NDArray[np.int64]) -> Quality:
    """Quality of the pairs found against the true ones; both are keys, in any order."""
    found, true = np.unique(found), np.unique(true)
    return Quality(len(found), len(true), len(np.intersect1d(found, true, assume_unique=True)))


def window_quality(
    linked: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]],
    overlapping: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]],
    overlap: npt.NDArray[np.float64],
    occupied_ticks: npt.NDArray[np.int64],
    least_overlap: float = 0.1,
    least_ticks: int = 10,
) -> Quality:
    """Quality of links.

    Args:
        linked: two arrays (links,) of windows of the network, camera * windows + window.
        overlapping: the same, (pairs,), of windows that share ground.
        overlap: float64 (pairs,), the larger of the two shares of a window's own ground.
        occupied_ticks: int64 (windows of the network,).
        least_overlap: share from which a pair is true.
        least_ticks: occupied ticks from which a window is eligible.
    """
    eligible = occupied_ticks >= least_ticks
    keep = eligible[linked[0]] & eligible[linked[1]]
    true = eligible[overlapping[0]] & eligible[overlapping[1]] & (overlap >= least_overlap)
    total = len(occupied_ticks)
    return compare(
        pair_keys(linked[0][keep], linked[1][keep], total),
        pair_keys(overlapping[0][true], overlapping[1][true], total),
    )


def average_precision(
    rank: npt.NDArray[np.float64], right: npt.NDArray[np.bool_], true: int
) -> dict[str, float | None]:
    """Of pairs ranked by a number; equal numbers count as one step.

    Args:
        rank: float64 (pairs,), greatest first; what is ranked 0 was not found.
        right: bool (pairs,), whether each is true.
        true: how many are true, found or not.

    Returns:
        ``average_precision``; ``precision_at_85``, the best at a recall of 0.85 or more, None where that is
        not reached; ``recall`` of all that was found.
    """
    order = np.argsort(-rank, kind="stable")
    order = order[rank[order] > 0]
    last = np.append(np.diff(rank[order]) != 0, True) if len(order) else np.empty(0, np.bool_)
    hits = np.cumsum(right[order])[last]
    precision, recall = hits / (np.flatnonzero(last) + 1), hits / max(true, 1)
    enough = recall >= 0.85
    return {
        "average_precision": float((np.diff(recall, prepend=0.0) * precision).sum()),
        "precision_at_85": float(precision[enough].max()) if enough.any() else None,
        "recall": float(recall[-1]) if len(recall) else 0.0,
    }
