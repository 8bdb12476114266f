"""Annotated pedestrians (Pellegrini et al. 2009), ways to spoil them, and the score of the finder on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from sdist_ray.distancing.groups import GroupFinder, GroupSettings

Pair = tuple[int, int]
Frame = tuple[float, np.ndarray, np.ndarray]
STEP_S = 0.4
LEAST_SHARED = 3
# Video frames from one annotated instant to the next.
SPACING = {"seq_eth": 6, "seq_hotel": 10}


@dataclass(frozen=True)
class Sequence:
    """People on the ground.

    Attributes:
        frames: time in seconds, tracks int64 (n,), ground float64 (n, 2) in metres; by time.
        truth: pairs of people within one group who share at least three annotated instants.
        judged: all pairs of people who do.
    """

    frames: list[Frame]
    truth: frozenset[Pair]
    judged: frozenset[Pair]


@dataclass(frozen=True)
class Score:
    """Of pairs."""

    f1: float
    precision: float
    recall: float

    @classmethod
    def of(cls, found: Iterable[Pair], sequence: Sequence) -> Score:
        """Of the pairs found, those that are judged."""
        kept = set(found) & sequence.judged
        right = len(kept & sequence.truth)
        precision, recall = right / max(len(kept), 1), right / max(len(sequence.truth), 1)
        return cls(2 * precision * recall / max(precision + recall, 1e-9), precision, recall)


def load(folder: Path) -> Sequence:
    """One sequence, from its ``obsmat.txt`` and ``groups.txt``."""
    rows = np.loadtxt(folder / "obsmat.txt")
    frames = []
    for number in np.unique(rows[:, 0]):
        of = rows[rows[:, 0] == number]
        frames.append(
            (float(number) / SPACING[folder.name] * STEP_S, of[:, 1].astype(np.int64), of[:, [2, 4]])
        )
    groups = [[int(word) for word in line.split()] for line in (folder / "groups.txt").open()]
    pairs = {(min(a, b), max(a, b)) for group in groups for a, b in combinations(group, 2) if a != b}
    return with_truth(frames, pairs)


def with_truth(frames: list[Frame], pairs: Iterable[Pair]) -> Sequence:
    """Keeps the pairs that share enough of the frames."""
    shared = Counter(pair for _, track, _ in frames for pair in combinations(sorted(track.tolist()), 2))
    judged = frozenset(pair for pair, count in shared.items() if count >= LEAST_SHARED)
    return Sequence(frames, frozenset(pairs) & judged, judged)


def halves(sequence: Sequence) -> tuple[Sequence, Sequence]:
    """Its first and its second half, in frames."""
    middle = len(sequence.frames) // 2
    first, second = sequence.frames[:middle], sequence.frames[middle:]
    return with_truth(first, sequence.truth), with_truth(second, sequence.truth)


def find(frames: Iterable[Frame], settings: GroupSettings) -> GroupFinder:
    """The finder, after all frames."""
    finder = GroupFinder(settings)
    for time_s, track, ground in frames:
        finder.update(time_s, track, ground)
    return finder


def score(sequence: Sequence, settings: GroupSettings) -> Score:
    """The finder's final verdicts against the truth."""
    return Score.of((verdict.pair for verdict in find(sequence.frames, settings).pairs), sequence)


def noisy(frames: list[Frame], seed: int, sigma_m: float = 0.0, missed: float = 0.0) -> list[Frame]:
    """Positions with normal noise along each axis, and some left out."""
    rng = np.random.default_rng(seed)
    spoilt = []
    for time_s, track, ground in frames:
        kept = rng.random(len(track)) >= missed
        moved = ground + rng.normal(0, sigma_m, ground.shape)
        spoilt.append((time_s, track[kept], moved[kept]))
    return spoilt


def broken(frames: list[Frame], seed: int, every_s: float) -> tuple[list[Frame], dict[int, int]]:
    """Tracks that end and go on under a new number, on average once in ``every_s`` seconds.

    Returns:
        The frames, and each new number's person.
    """
    rng = np.random.default_rng(seed)
    number: dict[int, int] = {}
    person: dict[int, int] = {}
    last_s: dict[int, float] = {}
    spoilt = []
    for time_s, track, ground in frames:
        for name in track.tolist():
            lost = rng.random() < (time_s - last_s.get(name, time_s)) / every_s
            if name not in number or lost:
                number[name] = len(person) + 1
                person[number[name]] = name
            last_s[name] = time_s
        spoilt.append((time_s, np.array([number[name] for name in track.tolist()], np.int64), ground))
    return spoilt, person


def resampled(frames: list[Frame], fps: float) -> list[Frame]:
    """Everybody's positions at another frame rate, on straight lines between the annotated ones."""
    seen: dict[int, list[tuple[float, float, float]]] = {}
    for time_s, track, ground in frames:
        for name, (x, y) in zip(track.tolist(), ground.tolist(), strict=True):
            seen.setdefault(name, []).append((time_s, x, y))
    ticks: dict[int, list[tuple[int, float, float]]] = {}
    for name, path in seen.items():
        t, x, y = np.array(path).T
        for tick in range(int(np.ceil(t[0] * fps - 1e-6)), int(np.floor(t[-1] * fps + 1e-6)) + 1):
            at = np.clip(tick / fps, t[0], t[-1])
            ticks.setdefault(tick, []).append((name, float(np.interp(at, t, x)), float(np.interp(at, t, y))))
    return [
        (tick / fps, np.array([row[0] for row in rows], np.int64), np.array([row[1:] for row in rows]))
        for tick, rows in sorted(ticks.items())
    ]
