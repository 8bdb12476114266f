"""Slow, obvious reference versions of what partitioning counts."""

import math

import numpy as np

from tests.oracles import countable, pad_in_time


def visits_of(samples: set[int]) -> int:
    """How often a block is entered, word of 64 samples by word, where two empty samples are none."""
    return sum(
        not any(s - k in samples and (s - k) // 64 == s // 64 for k in range(1, 4))
        for s in samples
    )  # fmt: skip


def block_evidence(
    one: set[int], other: set[int], know: tuple[set[int], set[int]], period: int, least: int
) -> float:
    """How strongly two blocks go together; 0 where they do not.

    Args:
        one, other: samples at which each is occupied.
        know: samples at which each camera is known.
        period: samples within which visits are taken for chance.
        least: visits that coincide.
    """
    near = {s + k for s in one for k in (-1, 0, 1) if s + k >= 0 and (s + k) // 64 == s // 64}
    n = visits_of(near & other)
    if n < least:
        return 0.0
    e = 0.0
    for number in {s // period for s in one & know[0] | other & know[1]}:
        here = set(range(number * period, (number + 1) * period))
        a, b, u, v = len(one & here), len(other & here), visits_of(one & here), visits_of(other & here)
        expected = (a + 2 * u) * v + b * u - u * v
        e += expected * len(here & know[0] & know[1]) / max(1, len(here & know[0]) * len(here & know[1]))
    return max(0.0, n * math.log(n / e) - (n - e)) if n > e else 0.0


def stays(samples: set[int], gap: int) -> list[list[int]]:
    """Samples in runs, of which the next one begins more than ``gap`` after the last one ended."""
    runs: list[list[int]] = []
    for sample in sorted(samples):
        if runs and sample - runs[-1][-1] <= gap:
            runs[-1].append(sample)
        else:
            runs.append([sample])
    return runs


def changes(samples: set[int], gap: int, ends: int) -> set[int]:
    """Samples less those that are neither at the beginning nor at the end of a stay."""
    return {s for stay in stays(samples, gap) for s in stay if s < stay[0] + ends or s > stay[-1] - ends}


def union_counts(
    occupied: np.ndarray, available: np.ndarray, rows: list[int], unions: list[list[int]], tolerance: int
) -> tuple[np.ndarray, np.ndarray]:
    """N and O of each window of some cameras against each union of cameras, int (rows * windows, unions).

    Args:
        occupied: x, bool (ticks, cameras, windows).
        available: bool (ticks, cameras).
        rows: cameras whose windows are counted.
        unions: cameras of each.
        tolerance: p.
    """
    ticks, _, windows = occupied.shape
    known, padded = countable(available, tolerance), pad_in_time(occupied, tolerance)
    n = np.zeros((len(rows) * windows, len(unions)), int)
    o = np.zeros_like(n)
    for t in range(ticks):
        for r, camera in enumerate(rows):
            for i in range(windows):
                for u, cameras in enumerate(unions):
                    if occupied[t, camera, i] and any(known[t, c] for c in cameras):
                        o[r * windows + i, u] += 1
                        n[r * windows + i, u] += any(padded[t, c].any() for c in cameras)
    return n, o


def bounded_groups(cameras: int, edges: list[tuple[float, int, int, int]]) -> list[set[int]]:
    """Groups by joining along edges (weight, one, other, most), the heaviest first, to at most ``most``."""
    groups = [{camera} for camera in range(cameras)]
    for _, a, b, most in sorted(edges, key=lambda edge: (-edge[0], edge[1], edge[2])):
        one = next(group for group in groups if a in group)
        other = next(group for group in groups if b in group)
        if one is not other and len(one) + len(other) <= most:
            groups.remove(other)
            one |= other
    return sorted(groups, key=min)


def comings(blocks: list[set[int]], samples: int, size: int) -> list[int]:
    """Of each bin of ``size`` samples, how many runs of a block's samples begin in it; words cut runs."""
    count = [0] * (samples // size)
    for block in blocks:
        for s in block:
            if s - 1 not in block or s % 64 == 0:
                count[s // size] += 1
    return count


def nearness(comings: list[list[float]], worth: list[int], period: int) -> list[list[float]]:
    """Of each two cameras: comings and goings about the same time beyond chance, in standard deviations."""
    cameras, bins = len(comings), len(comings[0])
    middle = len(worth) // 2
    periods = [range(begin, min(begin + period, bins)) for begin in range(0, bins, period)]

    def around(camera: int, at: int) -> float:
        near = range(max(0, at - middle), min(bins, at + middle + 1))
        return sum(worth[other - at + middle] * comings[camera][other] for other in near)

    def beyond(a: int, b: int) -> float:
        total = 0.0
        for part in periods:
            mean = sum(around(b, at) for at in part) / len(part)
            total += sum(comings[a][at] * (around(b, at) - mean) for at in part)
        return total

    def spread(camera: int) -> float:
        of = comings[camera]
        means = [sum(of[at] for at in part) / len(part) for part in periods]
        parts = zip(periods, means, strict=True)
        return math.sqrt(sum((of[at] - mean) ** 2 for part, mean in parts for at in part))

    more = [[0.0] * cameras for _ in range(cameras)]
    for a in range(cameras):
        for b in range(cameras):
            scale = spread(a) * spread(b)
            if a != b and scale > 1e-6:
                more[a][b] = (beyond(a, b) + beyond(b, a)) / 2 / scale
    usual = [float(np.std(row)) for row in more]

    def deviations(a: int, b: int) -> float:
        scale = math.sqrt(usual[a] * usual[b])
        return more[a][b] / scale if scale > 1e-6 else 0.0

    return [[deviations(a, b) for b in range(cameras)] for a in range(cameras)]
