"""Who is whom: detections against truth, at most one for one."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment


def overlaps(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Intersection over union of boxes (n, 4) with others (m, 4), left, top, width, height: (n, m)."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, :2] + boxes[:, None, 2:], others[None, :, :2] + others[None, :, 2:])
    shared = np.maximum(high - low, 0).prod(axis=2)
    areas = boxes[:, 2:].prod(axis=1)[:, None] + others[:, 2:].prod(axis=1)[None]
    return shared / np.maximum(areas - shared, 1e-9)


def assign(cost: np.ndarray, most: float) -> tuple[np.ndarray, np.ndarray]:
    """As many pairs as possible of cost (n, m) up to ``most``, of these the cheapest: rows and columns."""
    allowed = cost <= most
    never = (abs(most) + 1.0) * (min(cost.shape, default=0) + 1) * 10
    row, column = linear_sum_assignment(np.where(allowed, cost, never))
    good = allowed[row, column]
    return row[good], column[good]


def new_matches(allowed: np.ndarray) -> np.ndarray:
    """Which detections, added one by one, make the optimal assignment one pair larger.

    Args:
        allowed: bool (n, m), whether detection and truth may be a pair; the surest detection first.

    Returns:
        bool (n,): the first k detections have as many pairs as there are True among the first k, for every k.
    """
    taker = [-1] * allowed.shape[1]
    choices = [np.flatnonzero(row).tolist() for row in allowed]

    def augment(detection: int, tried: set[int]) -> bool:
        for truth in choices[detection]:
            if truth in tried:
                continue
            tried.add(truth)
            if taker[truth] < 0 or augment(taker[truth], tried):
                taker[truth] = detection
                return True
        return False

    return np.array([bool(choice) and augment(at, set()) for at, choice in enumerate(choices)], dtype=bool)
