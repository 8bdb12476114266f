"""What comes of placing cameras over one ground, how much is tried for it, and what a pair is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from sdist_ray.topology.ground_plane.closure import Pair
from sdist_ray.topology.ground_plane.pair import Fit, FitSettings
from sdist_ray.topology.ground_plane.view import SAMPLE_S, Array

MET_POWER = 4
"""Of the share of visits that were met; with 2, one false pair drew in 6 to 25 others at times."""


@dataclass(frozen=True)
class LearnSettings:
    """How much is tried.

    Attributes:
        partners: candidates of a camera.
        rate: the share of pairs accepted by search that may be there by chance.
        closing_rate: the same of those accepted through common neighbours.
        chances: searches on shifted footage, at least.
        rounds: of closure.
        seed: of everything random.
        clock_s: how late a camera's clock may be, seconds; 0 where all are right.
        fit: of a single pair.
    """

    partners: int = 16
    rate: float = 0.005
    closing_rate: float = 0.02
    chances: int = 300
    rounds: int = 4
    seed: int = 0
    clock_s: float = 2.0
    fit: FitSettings = field(default_factory=FitSettings)


@dataclass
class GroundPlane:
    """Pairs of cameras that were placed over one ground.

    Attributes:
        fits: of accepted pairs (a, b), a < b; homographies are of clocks put right, delays of clocks as
            they were.
        score: of the same pairs, see ``worth_of_fit``.
        candidates: pairs that were searched.
        refined: pairs that were known, and were looked at again.
        chances: searches of shifted footage.
        composed: homographies that were tried through common neighbours.
        threshold: the score that a searched pair needs.
        closed: pairs that were accepted through common neighbours.
        implied: pairs that were accepted through common neighbours alone: nobody walked where both see.
        late: float64 (cameras,), samples by which each camera's clock is late, and was corrected, from the
            median of those that it is connected with.
    """

    fits: dict[Pair, Fit] = field(default_factory=dict)
    score: dict[Pair, float] = field(default_factory=dict)
    candidates: int = 0
    refined: int = 0
    chances: int = 0
    composed: int = 0
    threshold: float = float("inf")
    closed: int = 0
    implied: int = 0
    late: Array = field(default_factory=lambda: np.zeros(0))

    def clocks_late_s(self, cameras: Sequence[str]) -> dict[str, float]:
        """Seconds by which clocks are late, of the cameras whose clock was corrected."""
        late = zip(cameras, self.late.tolist(), strict=True)
        return {camera: SAMPLE_S * samples for camera, samples in late if samples}


def worth_of_fit(fit: Fit) -> float:
    """What is held against the threshold: the score, times the share of visits that were met to a high power.

    What is true is met nearly always; chance fits some visits and misses others, and so does all that follows
    through common neighbours from one pair that is false.
    """
    share = fit.met / max(fit.judged, 1.0)
    return fit.score * share**MET_POWER
