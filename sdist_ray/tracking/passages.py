"""How people get from one camera to the next: what a topology's transits say of somebody who was lost."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

SMOOTH_S = 1.0
"""Standard deviation of the bell over a histogram: a few hundred transits leave gaps in it."""
ANY_TIME = 0.05
"""Share of transits that may take any time up to the longest."""


@dataclass(frozen=True)
class Passage:
    """From one camera to another.

    Attributes:
        probability: share of those who leave the first that the second sees next.
        density: float64 (bins,), per second: how long that takes; sums to 1 / ``bin_s``.
        bin_s: width of a bin, seconds.
    """

    probability: float
    density: Floats
    bin_s: float

    @classmethod
    def of_histogram(cls, probability: float, histogram: Sequence[float], bin_s: float) -> Passage:
        """From transits counted by the time that they took, (bins,)."""
        counts = np.asarray(histogram, dtype=np.float64)
        reach = max(1, round(3 * SMOOTH_S / bin_s))
        bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) * bin_s / SMOOTH_S) ** 2)
        padded = np.pad(counts, reach, mode="symmetric") if len(counts) >= reach else np.pad(counts, reach)
        smoothed = np.convolve(padded, bell / bell.sum(), mode="same")[reach : reach + len(counts)]
        total = smoothed.sum()
        shape = smoothed / total if total > 0 else np.full(len(counts), 1 / max(len(counts), 1))
        density = (shape * (1 - ANY_TIME) + ANY_TIME / max(len(counts), 1)) / bin_s
        return cls(float(probability), density, bin_s)

    def at(self, after_s: float) -> float:
        """Per second, how likely the second camera sees somebody so long after the first has lost them."""
        at = int(after_s / self.bin_s)
        return self.probability * float(self.density[at]) if 0 <= at < len(self.density) else 0.0

    def until(self, after_s: float) -> float:
        """How likely the second camera has seen them by then."""
        whole = after_s / self.bin_s
        full = min(int(whole), len(self.density))
        total = float(self.density[:full].sum())
        if full < len(self.density):
            total += float(self.density[full]) * (whole - full)
        return self.probability * min(total * self.bin_s, 1.0)


@dataclass(frozen=True)
class Passages:
    """All that are known, by the numbers of their cameras, first camera first."""

    between: Mapping[tuple[int, int], Passage] = field(default_factory=dict)

    def known(self, sources: Sequence[int], targets: Sequence[int]) -> bool:
        """Whether there is a way from any of some cameras to any of others."""
        return any((a, b) in self.between for a in sources for b in targets)

    def at(self, sources: Sequence[int], targets: Sequence[int], after_s: float) -> float:
        """The likeliest of several: per second, see Passage."""
        found = [self.between.get((a, b)) for a in sources for b in targets]
        return max((passage.at(after_s) for passage in found if passage is not None), default=0.0)

    def until(self, sources: Sequence[int], after_s: float) -> float:
        """How likely somebody whom these cameras have lost has been seen by another since, at most 1."""
        return max(
            (min(1.0, sum(p.until(after_s) for p in self._leaving.get(source, ()))) for source in sources),
            default=0.0,
        )

    @functools.cached_property
    def _leaving(self) -> dict[int, list[Passage]]:
        """By the camera that is left."""
        leaving: dict[int, list[Passage]] = {}
        for (source, _), passage in self.between.items():
            leaving.setdefault(source, []).append(passage)
        return leaving
