"""How long things take, as numbers that merge: histograms with buckets of equal ratio."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

LEAST_S, MOST_S = 1e-3, 3600.0
GROWTH = 1.1
"""Of one bucket's border over that before: quantiles are right to half of it, 5 %."""
BUCKETS = math.ceil(math.log(MOST_S / LEAST_S) / math.log(GROWTH))
RECENT_S = 60.0
LONGEST_S = 1e9
Seconds = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

_BORDERS = LEAST_S * GROWTH ** np.arange(1, BUCKETS)
_MIDDLES = LEAST_S * GROWTH ** (np.arange(BUCKETS) + 0.5)


def buckets_of(seconds: Seconds) -> npt.NDArray[np.intp]:
    """The bucket of each delay; below 1 ms (or less than nothing) the first, beyond 1 h the last."""
    return np.searchsorted(_BORDERS, seconds, side="right")


def quantiles(counts: npt.NDArray[np.generic], p: float) -> Seconds:
    """The quantile of each row of counts (n, BUCKETS): seconds (n,), NaN where nothing was counted.

    It is the middle of the bucket that holds the value of rank ceil(p * count).

    Raises:
        ValueError: p is not within 0 to 1.
    """
    if not 0 <= p <= 1:
        raise ValueError(f"a quantile is within 0 to 1, not {p}")
    sums = np.cumsum(counts, axis=1, dtype=np.int64)
    rank = np.maximum(1, np.ceil(p * sums[:, -1]))
    found = _MIDDLES[np.minimum((sums < rank[:, None]).sum(axis=1), BUCKETS - 1)]
    return np.where(sums[:, -1] > 0, found, np.nan)


class DelayHistogram:
    """Delays from 1 ms to 1 h in fixed memory. Those that are no number are not counted.

    Attributes:
        counts: int64 (BUCKETS,).
        total_s: their sum.
        most_s: the longest; 0 before the first.
    """

    def __init__(self) -> None:
        self.counts: Counts = np.zeros(BUCKETS, np.int64)
        self.total_s = 0.0
        self.most_s = 0.0

    def __len__(self) -> int:
        """How many were counted."""
        return int(self.counts.sum())

    def add(self, seconds: float) -> None:
        """Count one delay."""
        self.add_many(np.array([seconds]))

    def add_many(self, seconds: npt.ArrayLike) -> None:
        """Count delays, seconds (n,)."""
        values = np.asarray(seconds, np.float64).ravel()
        # A clock that is wrong by centuries must not make the mean infinite.
        values = values[np.isfinite(values)].clip(-LONGEST_S, LONGEST_S)
        if not len(values):
            return
        self.counts += np.bincount(buckets_of(values), minlength=BUCKETS)
        self.total_s += float(values.sum())
        self.most_s = max(self.most_s, float(values.max()))

    def merge(self, other: DelayHistogram) -> None:
        """Count what another histogram has counted, too."""
        self.counts += other.counts
        self.total_s += other.total_s
        self.most_s = max(self.most_s, other.most_s)

    def quantile(self, p: float) -> float | None:
        """The delay of rank ceil(p * count), to 5 %, within 1 ms to 1 h; None before the first.

        Raises:
            ValueError: p is not within 0 to 1.
        """
        found = float(quantiles(self.counts[None], p)[0])
        return None if math.isnan(found) else found

    def content(self) -> dict[str, Any]:
        """As JSON values, seconds."""
        count = len(self)
        return {
            "count": count,
            "mean_s": self.total_s / count if count else None,
            "p50_s": self.quantile(0.5),
            "p99_s": self.quantile(0.99),
            "most_s": self.most_s if count else None,
        }


class DelayTracker:
    """Delays of all cameras of a network: each one's of the last one to two minutes, and all since the start.

    Memory is three tables of cameras x BUCKETS numbers of four bytes, about 2 kB a camera.

    Args:
        cameras: how many; more may come.
    """

    def __init__(self, cameras: int) -> None:
        self.run = DelayHistogram()
        self._tables = np.zeros((2, cameras, BUCKETS), np.uint32)
        self._since_s: float | None = None

    def counted(self, camera: npt.NDArray[np.integer[Any]], captured_s: Seconds, now_s: float) -> None:
        """Rows were counted.

        Args:
            camera: (rows,), places of their cameras.
            captured_s: (rows,), when their frames were captured, UTC epoch seconds.
            now_s: when they were counted, UTC epoch seconds.
        """
        if not len(camera):
            return
        self._begin(now_s)
        self._grow(int(camera.max()) + 1)
        delay = now_s - np.asarray(captured_s, np.float64)
        self.run.add_many(delay)
        cameras = self._tables.shape[1]
        flat = camera.astype(np.int64) * BUCKETS + buckets_of(delay)
        counts = np.bincount(flat, minlength=cameras * BUCKETS).reshape(cameras, BUCKETS)
        self._tables[1] += counts.astype(np.uint32)

    def _begin(self, now_s: float) -> None:
        """Begin the next minute, where it is time to; what is older than the last is let go."""
        passed = math.inf if self._since_s is None else now_s - self._since_s
        if 0 <= passed < RECENT_S:
            return
        self._tables[0] = self._tables[1] if passed < 2 * RECENT_S else 0
        self._tables[1] = 0
        self._since_s = now_s

    def _grow(self, cameras: int) -> None:
        more = cameras - self._tables.shape[1]
        if more > 0:
            self._tables = np.pad(self._tables, ((0, 0), (0, more), (0, 0)))

    def by_camera(self, p: float) -> Seconds:
        """Every camera's recent quantile: seconds (cameras,), NaN where nothing was counted."""
        return quantiles(self._tables.sum(axis=0, dtype=np.int64), p)

    def network(self, p: float) -> float | None:
        """The recent quantile of all cameras together, seconds; None where nothing was counted."""
        found = float(quantiles(self._tables.sum(axis=(0, 1), dtype=np.int64)[None], p)[0])
        return None if math.isnan(found) else found
