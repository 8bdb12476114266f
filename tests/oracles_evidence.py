"""Slow, obvious reference versions of evidence: rates, information, tails, false discoveries."""

import math

import numpy as np

from tests.oracles import countable, pad_in_space, pad_in_time


def rates(occupied, available, columns, rows, tolerance, gap):
    """Visits, ticks of x, of y and r, and of r; from bool (ticks, cameras, windows) and (ticks, cameras).

    Runs of x with at most ``gap`` empty ticks between them are one visit.
    """
    x = occupied & available[:, :, None]
    visits = np.zeros(x.shape[1:], int)
    for camera in range(x.shape[1]):
        for window in range(x.shape[2]):
            ticks = np.flatnonzero(x[:, camera, window])
            visits[camera, window] = sum(k == 0 or t - ticks[k - 1] > gap + 1 for k, t in enumerate(ticks))
    known = countable(available, tolerance)
    y = pad_in_time(pad_in_space(x, columns, rows), tolerance)
    return visits, x.sum(axis=0), (y & known[:, :, None]).sum(axis=0), known.sum(axis=0)


def information(agreement: float, x: float, y: float) -> tuple[float, float, float]:
    """I(x; y), H(x), H(y) in nats, of two events; ``agreement`` is P(y given x)."""
    table = [[x * agreement, x * (1 - agreement)], [y - x * agreement, 1 - x - y + x * agreement]]
    mutual = 0.0
    for row, p in zip(table, (x, 1 - x), strict=True):
        for joint, q in zip(row, (y, 1 - y), strict=True):
            if joint > 0:
                mutual += joint * math.log(joint / (p * q))
    return mutual, *(-p * math.log(p) - (1 - p) * math.log(1 - p) for p in (x, y))


def binomial_tail(trials: int, hits: int, rate: float) -> float:
    """The chance of so many hits or more."""
    return sum(math.comb(trials, k) * rate**k * (1 - rate) ** (trials - k) for k in range(hits, trials + 1))


def benjamini_hochberg(p_values: list[float], tested: int, rate: float) -> float:
    """The greatest p-value that is found; -1 where there is none."""
    found = -1.0
    for rank, p in enumerate(sorted(p_values), start=1):
        if p <= rate * rank / tested:
            found = p
    return found


def least_agreements(bound, threshold: float, most: int) -> list[int]:
    """For every O the least N of 1 to O whose score passes; O + 1 where none does, but 1 for O = 0."""
    found = []
    for o in range(most + 1):
        n = np.arange(1, o + 1)
        passes = np.flatnonzero(bound(n, np.full(len(n), o)) > threshold)
        found.append(int(passes[0]) + 1 if len(passes) else o + 1)
    return found
