"""Tracks of a network held against who everybody truly is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment


@dataclass
class Identities:
    """What each sighting was called, and who it truly was.

    IDF1 is that of Ristani and others (2016) over all cameras together: true people are paired with numbers,
    one for one, such that most sightings agree; what is visible and not detected counts as missed.
    """

    person: list[np.ndarray] = field(default_factory=list)
    number: list[np.ndarray] = field(default_factory=list)
    tick: list[np.ndarray] = field(default_factory=list)

    def add(self, tick: int, person: np.ndarray, number: np.ndarray) -> None:
        """One instant's sightings: true people, int64 (n,), and their numbers, -1 for none."""
        self.person.append(person)
        self.number.append(number)
        self.tick.append(np.full(len(person), tick))

    def figures(self, in_view: int, visible: np.ndarray) -> dict[str, Any]:
        """Figures.

        Args:
            in_view: true sightings, over all cameras and ticks, detected or not.
            visible: bool (ticks, people), whom any camera has in view.
        """
        person, number = np.concatenate(self.person), np.concatenate(self.number)
        tick = np.concatenate(self.tick)
        said = number >= 0
        person, number, tick = person[said], number[said], tick[said]
        names, column = np.unique(number, return_inverse=True)
        shared = np.zeros((visible.shape[1], max(len(names), 1)), dtype=np.int64)
        np.add.at(shared, (person, column), 1)
        rows, columns = linear_sum_assignment(shared, maximize=True)
        agree = int(shared[rows, columns].sum())
        # Of each person and instant one number: that of most cameras, the lower of two.
        cell = np.stack([person, tick, number], axis=1)
        kinds, counts = np.unique(cell, axis=0, return_counts=True)
        order = np.lexsort((kinds[:, 2], -counts, kinds[:, 1], kinds[:, 0]))
        kinds = kinds[order]
        first = np.ones(len(kinds), dtype=bool)
        first[1:] = (np.diff(kinds[:, :2], axis=0) != 0).any(axis=1)
        one = kinds[first]
        same = one[1:, 0] == one[:-1, 0]
        switches = int((same & (one[1:, 2] != one[:-1, 2])).sum())
        seen = np.zeros_like(visible)
        seen[one[:, 1], one[:, 0]] = True
        there = int(visible.sum())
        pairs, times = np.unique(one[:, [0, 2]], axis=0, return_counts=True)
        longest = np.zeros(visible.shape[1], dtype=np.int64)
        np.maximum.at(longest, pairs[:, 0], times)
        real = int(visible.any(axis=0).sum())
        return {
            "people": real, "numbers": len(names), "idf1": 2 * agree / max(in_view + len(number), 1),
            "precision": agree / max(len(number), 1), "recall": agree / max(in_view, 1),
            "switches": switches, "switches_per_person": switches / max(real, 1),
            "coverage": float((seen & visible).sum()) / max(there, 1),
            "coverage_by_one_number": float(longest.sum()) / max(there, 1),
        }  # fmt: skip
