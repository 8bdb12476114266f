"""From views to one ground plane: candidates, searches, a threshold from chance, closure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from sdist_ray.topology.ground_plane.candidates import (
    Words,
    block_bits,
    candidates,
    chance_pairs,
    turned_bits,
    worth_by_delay,
)
from sdist_ray.topology.ground_plane.clocks import corrected, retimed
from sdist_ray.topology.ground_plane.closure import Pair, compositions
from sdist_ray.topology.ground_plane.implied import shared_share
from sdist_ray.topology.ground_plane.known import Known, Moved, pairs_of
from sdist_ray.topology.ground_plane.null import LEAST_COMPOSED, threshold
from sdist_ray.topology.ground_plane.pair import Fit
from sdist_ray.topology.ground_plane.plane import GroundPlane, LearnSettings, worth_of_fit
from sdist_ray.topology.ground_plane.search import OnTime, Remembered, Runner, Task
from sdist_ray.topology.ground_plane.view import SAMPLE_S, Array, Ints, View

TURNS = (0.37, 0.29, 0.43, 0.21, 0.47, 0.33, 0.25, 0.4, 0.17)
"""Shares of the footage by which time is turned for what chance alone would score; below a half, for
a turned by that is b turned by the rest."""
LEAST_SAMPLES = 20
LEAST_CHANCES = 60
BATCH, LEAST_BATCH = 0.1, 100
"""Candidates are searched by so much of them at a time, the best first, and at least so many."""
SOME = 0.01
"""Of a batch, less of which is accepted, the next is not searched."""
CLOCK_PAIRS = 3
"""Pairs of a camera that are asked for its clock first."""
CLOCK_ROUNDS = 3
ON_TIME = 0.7
"""Clocks are taken to be right where as much of what speaks for a pair at its best delay does so at none."""
STRONG, LEAST_SHARED, LEAST_ALONE = 60.0, 0.01, 0.02
"""For two cameras to be placed though nobody was seen by both: the score of every pair on the ways through
neighbours (and of all ways that are tried); the share of either's image in common by each of several ways,
and by one that is alone."""


def learn(
    views: Sequence[View],
    run: Runner,
    settings: LearnSettings,
    on_stage: Callable[[str], None] = lambda _: None,
    known: Known | None = None,
    since: int = 0,
) -> GroundPlane:
    """Place pairs of cameras over one ground.

    Args:
        views: of all cameras, of equal length.
        run: runs tasks.
        settings: see LearnSettings.
        on_stage: told what begins.
        known: what was learnt of the same cameras before, updated: only pairs with new evidence are looked
            at again.
        since: the number of the views' first sample, where they are the newest part of longer footage.

    Returns:
        the same for the same views, settings and what was known, wherever the tasks ran.
    """
    known = Known() if known is None else known
    if len(views) < 2 or views[0].samples < LEAST_SAMPLES:
        return GroundPlane(late=np.zeros(len(views)))
    remembered, samples = Remembered(run), views[0].samples
    if settings.clock_s > 0 and not known.placed and known.grown(since + samples):
        on_stage("clocks")
        known.late = _first_clocks(views, remembered, settings)
    # Cameras may have come since.
    known.late = np.append(known.late, np.zeros(len(views) - len(known.late)))
    for left in reversed(range(CLOCK_ROUNDS)):
        late = known.late
        plane = _learn_on_time(views, OnTime(remembered, late), settings, on_stage, known, since)
        better = _better_clocks(plane, late)
        if not left or settings.clock_s <= 0 or np.array_equal(better, late):
            break
        known.start_again(better)
    for (a, b), fit in plane.fits.items():
        plane.fits[a, b] = fit._replace(delay=float(late[b] - late[a]) + fit.delay)
    return plane


def _first_clocks(views: Sequence[View], run: Runner, settings: LearnSettings) -> Array:
    """Clocks by the pairs of cameras that most speaks for, at the delay at which it does.

    When somebody moved where says roughly how late one camera is after another, a search the rest.
    """
    samples = views[0].samples
    bits, count = block_bits(views)
    pairs = np.array(candidates(bits, count, samples, settings.partners), np.int64).reshape(-1, 2)
    reach = min(math.ceil(2 * settings.clock_s / SAMPLE_S), samples // 4)
    worth = worth_by_delay(bits, count, pairs, samples, reach)
    delay = worth.argmax(axis=1) - reach if len(pairs) else np.empty(0, np.int64)
    most = worth.max(axis=1, initial=0.0)
    # Of many delays one is the best by chance; a fit finds the rest of what is less than a second.
    delay[worth[:, reach] > ON_TIME * most] = 0
    chosen = sorted({
        int(row)
        for camera in range(len(views))
        for own in [np.flatnonzero((pairs == camera).any(axis=1))]
        for row in own[np.argsort(-most[own], kind="stable")[:CLOCK_PAIRS]]
    })  # fmt: skip
    tasks = [Task(int(pairs[row, 0]), int(pairs[row, 1]), late_b=float(delay[row])) for row in chosen]
    fits = run(tasks)
    chance = _by_chance(views, bits, count, run, settings, _searches(settings, len(pairs)))
    scores = np.array([worth_of_fit(fit) for fit in fits])
    least = threshold(scores, np.array([worth_of_fit(fit) for fit in chance]), settings.rate / 5)
    good = [(task, fit) for task, fit in zip(tasks, fits, strict=True) if worth_of_fit(fit) >= least]
    delays = {(task.a, task.b): task.late_b + fit.delay for task, fit in good}
    weights = {(task.a, task.b): worth_of_fit(fit) for task, fit in good}
    return corrected(np.zeros(len(views)), delays, weights)


def _better_clocks(plane: GroundPlane, late: Array) -> Array:
    """Clocks by all pairs that were accepted for what was seen."""
    delays = {
        (a, b): float(late[b] - late[a]) + fit.delay
        for (a, b), fit in plane.fits.items()
        if plane.score[a, b] > 0
    }
    return corrected(late, delays, plane.score)


def _learn_on_time(
    views: Sequence[View],
    run: OnTime,
    settings: LearnSettings,
    on_stage: Callable[[str], None],
    known: Known,
    since: int,
) -> GroundPlane:
    """See ``learn``; clocks are known."""
    plane = GroundPlane(late=run.late)
    samples = views[0].samples
    on_stage("candidates")
    views = [retimed(view, own) if own else view for view, own in zip(views, run.late.tolist(), strict=True)]
    bits, count = block_bits(views)
    moved = Moved(bits, since, since + samples)
    anew = known.choose(moved)
    if anew:
        known.take(candidates(bits, count, samples, settings.partners))
        on_stage("what chance would find")
        chances = _by_chance(views, bits, count, run, settings, _searches(settings, len(known.candidates)))
        known.chance = np.array([worth_of_fit(fit) for fit in chances])
        plane.chances = len(chances)
    on_stage("searching")
    look(known, run, moved, plane, settings)
    found = {pair: known.looks[pair].fit for pair in known.searched}
    scores = np.array([worth_of_fit(fit) for fit in found.values()])
    plane.threshold = known.least = threshold(scores, known.chance, settings.rate)
    for pair, fit in found.items():
        if worth_of_fit(fit) >= plane.threshold:
            plane.fits[pair], plane.score[pair] = fit, worth_of_fit(fit)
    searched = set(plane.fits)
    for pair in sorted(known.closed - searched):
        fit = known.looks[pair].fit
        if worth_of_fit(fit) >= known.least_closed:
            plane.fits[pair], plane.score[pair] = fit, worth_of_fit(fit)
    on_stage("closing")
    _close(plane, run, settings, int(samples * TURNS[0]), known)
    known.place(plane.fits, set(plane.fits) - searched, moved)
    if anew or plane.candidates or plane.refined or plane.composed:
        known.implied = _implied(plane, run)
    plane.implied = len(known.implied)
    plane.fits |= known.implied
    plane.score |= dict.fromkeys(known.implied, 0.0)
    return plane


def _sure(plane: GroundPlane) -> dict[Pair, Array]:
    """Homographies of which others may be made: one that is there by chance would draw in a whole cluster."""
    return {pair: fit.homography for pair, fit in plane.fits.items() if plane.score[pair] >= STRONG}


def _implied(plane: GroundPlane, run: Runner) -> dict[Pair, Fit]:
    """Pairs that share ground by all ways through others, where nobody walked who would say no."""
    ways: dict[Pair, list[tuple[Array, float]]] = {}
    for (a, b), c, rough in compositions(_sure(plane), plane.score, set()):
        if (a, b) not in plane.fits:
            legs = (min(a, c), max(a, c)), (min(b, c), max(b, c))
            ways.setdefault((a, b), []).append((rough, sum(plane.fits[leg].error for leg in legs)))
    wide = [
        pair for pair, own in ways.items()
        if min(shared_share(rough) for rough, _ in own) >= (LEAST_SHARED if len(own) > 1 else LEAST_ALONE)
    ]  # fmt: skip
    tasks = [Task(a, b, 0, rough) for a, b in wide for rough, _ in ways[a, b]]
    judged: dict[Pair, float] = {}
    for task, fit in zip(tasks, run(tasks), strict=True):
        judged[task.a, task.b] = max(judged.get((task.a, task.b), 0.0), fit.judged)
    fits: dict[Pair, Fit] = {}
    for pair in wide:
        if not judged[pair]:
            rough, error = ways[pair][0]
            fits[pair] = Fit(rough, 0.0, 0.0, error, 0.0, 0.0, 0, len(ways[pair]))
    return fits


def _searches(settings: LearnSettings, pairs: int) -> int:
    # Of few pairs less is accepted by chance, and the tail need not be known so far out.
    return min(settings.chances, max(LEAST_CHANCES, 4 * pairs))


def look(known: Known, run: Runner, moved: Moved, plane: GroundPlane, settings: LearnSettings) -> None:
    """Search and refine the pairs that have new evidence."""
    searched, refined = known.due(moved)
    fits = run([Task(a, b, 0, known.looks[a, b].fit.homography) for a, b in refined])
    known.looked(refined, fits, moved)
    # A camera may have been moved: where little speaks for what was known any more, something else may.
    least = {pair: known.least_closed if pair in known.closed else known.least for pair in refined}
    lost = [pair for pair in refined if worth_of_fit(known.looks[pair].fit) < least[pair]]
    for pair, fit in zip(lost, run([Task(a, b) for a, b in lost]), strict=True):
        if worth_of_fit(fit) > worth_of_fit(known.looks[pair].fit):
            known.looked([pair], [fit], moved)
    plane.candidates, plane.refined = len(lost), len(refined)
    batch = max(LEAST_BATCH, math.ceil(BATCH * len(searched)))
    for start in range(0, len(searched), batch):
        pairs = searched[start : start + batch]
        fits = run([Task(a, b) for a, b in pairs])
        known.looked(pairs, fits, moved)
        plane.candidates += len(pairs)
        scores = np.array([worth_of_fit(known.looks[pair].fit) for pair in searched[: start + batch]])
        needed = threshold(scores, known.chance, settings.rate)
        if (scores[start:] >= needed).sum() < SOME * len(pairs):
            # Those that come are worth less and less.
            known.pass_over(searched[start + batch :])
            break
    known.composed.forget({*refined, *searched})


def _by_chance(
    views: Sequence[View], bits: Words, count: Ints, run: Runner, settings: LearnSettings, searches: int
) -> list[Fit]:
    """What as many searches of footage turned in time find."""
    samples = views[0].samples
    chances: list[Fit] = []
    for turn in TURNS:
        shift = int(samples * turn)
        turned = turned_bits(bits, samples, shift)
        wanted = searches - len(chances)
        pairs = chance_pairs(bits, count, turned, samples, settings.partners, wanted)
        chances += run([Task(a, b, shift) for a, b in pairs])
        if len(chances) >= searches:
            break
    return chances


def _close(plane: GroundPlane, run: Runner, settings: LearnSettings, shift: int, known: Known) -> None:
    """Accept what follows through common neighbours, and better what was accepted."""
    tried, best, chance = known.composed.tried, known.composed.best, known.composed.chance
    for _ in range(settings.rounds):
        ways = list(compositions(_sure(plane), plane.score, tried))
        fits = run([Task(a, b, 0, rough) for (a, b), _, rough in ways])
        by_chance = run([Task(a, b, shift, rough) for (a, b), _, rough in ways])
        plane.composed += len(ways)
        for (pair, _, _), fit, other in zip(ways, fits, by_chance, strict=True):
            if pair not in best or worth_of_fit(fit) > worth_of_fit(best[pair]):
                best[pair] = fit
            chance[pair] = max(chance.get(pair, 0.0), worth_of_fit(other))
        changed = 0
        bettered: set[Pair] = set()
        for pair in sorted(set(best) & set(plane.fits)):
            if worth_of_fit(best[pair]) > 1.02 * plane.score[pair]:
                plane.fits[pair], plane.score[pair] = best[pair], worth_of_fit(best[pair])
                bettered.add(pair)
                changed += 1
        if bettered:
            tried -= {way for way in tried if not bettered.isdisjoint(pairs_of(way))}
        fresh = [pair for pair in sorted(best) if pair not in plane.fits]
        scores = np.array([worth_of_fit(best[pair]) for pair in fresh])
        by_chance_scores = np.array(list(chance.values()))
        least = threshold(scores, by_chance_scores, settings.closing_rate, LEAST_COMPOSED)
        known.least_closed = least
        for pair in fresh:
            if worth_of_fit(best[pair]) >= least:
                plane.fits[pair], plane.score[pair] = best[pair], worth_of_fit(best[pair])
                plane.closed += 1
                changed += 1
        if not changed:
            break
