"""From views to one ground plane: candidates, searches, a threshold from chance, closure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from sdist_ray.topology.ground_plane.candidates import block_bits, candidates, chance_pairs
from sdist_ray.topology.ground_plane.closure import Pair, compositions
from sdist_ray.topology.ground_plane.null import LEAST_COMPOSED, shifted, threshold
from sdist_ray.topology.ground_plane.pair import Fit, FitSettings
from sdist_ray.topology.ground_plane.search import Runner, Task
from sdist_ray.topology.ground_plane.view import View

TURNS = (0.37, 0.29, 0.43, 0.21, 0.47, 0.33, 0.25, 0.4, 0.17)
"""Shares of the footage by which time is turned for what chance alone would score; below a half, for
a turned by that is b turned by the rest."""
LEAST_SAMPLES = 20
LEAST_CHANCES = 60


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
        fit: of a single pair.
    """

    partners: int = 16
    rate: float = 0.005
    closing_rate: float = 0.02
    chances: int = 300
    rounds: int = 4
    seed: int = 0
    fit: FitSettings = field(default_factory=FitSettings)


@dataclass
class GroundPlane:
    """Pairs of cameras that were placed over one ground.

    Attributes:
        fits: of accepted pairs (a, b), a < b.
        score: of the same pairs, see ``worth_of_fit``.
        candidates: pairs that were searched.
        chances: searches of shifted footage.
        composed: homographies that were tried through common neighbours.
        threshold: the score that a searched pair needs.
        closed: pairs that were accepted through common neighbours.
    """

    fits: dict[Pair, Fit] = field(default_factory=dict)
    score: dict[Pair, float] = field(default_factory=dict)
    candidates: int = 0
    chances: int = 0
    composed: int = 0
    threshold: float = float("inf")
    closed: int = 0


def worth_of_fit(fit: Fit) -> float:
    """What is held against the threshold: the score, times the share of visits that were met."""
    return fit.score * fit.met / max(fit.judged, 1.0)


def learn(
    views: Sequence[View],
    run: Runner,
    settings: LearnSettings,
    on_stage: Callable[[str], None] = lambda _: None,
) -> GroundPlane:
    """Place pairs of cameras over one ground.

    Args:
        views: of all cameras, of equal length.
        run: runs tasks.
        settings: see LearnSettings.
        on_stage: told what begins.

    Returns:
        the same for the same views and settings, wherever the tasks ran.
    """
    plane = GroundPlane()
    if len(views) < 2 or views[0].samples < LEAST_SAMPLES:
        return plane
    samples = views[0].samples
    on_stage("candidates")
    bits, count = block_bits(views)
    pairs = candidates(bits, count, samples, settings.partners)
    plane.candidates = len(pairs)
    on_stage("searching")
    found = dict(zip(pairs, run([Task(a, b) for a, b in pairs]), strict=True))
    on_stage("what chance would find")
    chances: list[Fit] = []
    # Of few pairs less is accepted by chance, and the tail need not be known so far out.
    searches = min(settings.chances, max(LEAST_CHANCES, 4 * len(pairs)))
    for turn in TURNS:
        shift = int(samples * turn)
        turned, _ = block_bits([shifted(view, shift) for view in views])
        wanted = searches - len(chances)
        tasks = [
            Task(a, b, shift)
            for a, b in chance_pairs(bits, count, turned, samples, settings.partners, wanted)
        ]
        chances += run(tasks)
        if len(chances) >= searches:
            break
    plane.chances = len(chances)
    scores = np.array([worth_of_fit(fit) for fit in found.values()])
    plane.threshold = threshold(scores, np.array([worth_of_fit(fit) for fit in chances]), settings.rate)
    for pair, fit in found.items():
        if worth_of_fit(fit) >= plane.threshold:
            plane.fits[pair], plane.score[pair] = fit, worth_of_fit(fit)
    on_stage("closing")
    _close(plane, run, settings, int(samples * TURNS[0]))
    return plane


def _close(plane: GroundPlane, run: Runner, settings: LearnSettings, shift: int) -> None:
    """Accept what follows through common neighbours, and better what was accepted."""
    tried: set[tuple[int, int, int]] = set()
    best: dict[Pair, Fit] = {}
    chance: dict[Pair, float] = {}
    for _ in range(settings.rounds):
        homographies = {pair: fit.homography for pair, fit in plane.fits.items()}
        ways = list(compositions(homographies, plane.score, tried))
        fits = run([Task(a, b, 0, rough) for (a, b), _, rough in ways])
        by_chance = run([Task(a, b, shift, rough) for (a, b), _, rough in ways])
        plane.composed += len(ways)
        for (pair, _, _), fit, other in zip(ways, fits, by_chance, strict=True):
            if pair not in best or worth_of_fit(fit) > worth_of_fit(best[pair]):
                best[pair] = fit
            chance[pair] = max(chance.get(pair, 0.0), worth_of_fit(other))
        changed = 0
        for pair in sorted(set(best) & set(plane.fits)):
            if worth_of_fit(best[pair]) > 1.02 * plane.score[pair]:
                plane.fits[pair], plane.score[pair] = best[pair], worth_of_fit(best[pair])
                tried -= {way for way in tried if set(pair) <= set(way)}
                changed += 1
        fresh = [pair for pair in sorted(best) if pair not in plane.fits]
        scores = np.array([worth_of_fit(best[pair]) for pair in fresh])
        by_chance_scores = np.array(list(chance.values()))
        least = threshold(scores, by_chance_scores, settings.closing_rate, LEAST_COMPOSED)
        for pair in fresh:
            if worth_of_fit(best[pair]) >= least:
                plane.fits[pair], plane.score[pair] = best[pair], worth_of_fit(best[pair])
                plane.closed += 1
                changed += 1
        if not changed:
            break
