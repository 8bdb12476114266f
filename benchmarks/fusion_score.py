"""Fused people held against where they are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from experiments.matching import assign


@dataclass
class Score:
    """Of places against truth, instant by instant; at most one for one within ``gate_m``.

    Attributes:
        gate_m: farthest that somebody found may be from whom it is.
        limit_m: of a violation.
    """

    gate_m: float = 0.5
    limit_m: float = 2.0
    people: int = 0
    missed: int = 0
    wrong: int = 0
    doubles: int = 0
    right: int = 0
    said: int = 0
    real: int = 0
    errors_m: list[float] = field(default_factory=list)

    def add(self, found: np.ndarray, truth: np.ndarray, counts: np.ndarray | None = None) -> None:
        """One instant.

        Args:
            found, truth: (n, 2) and (m, 2), metres.
            counts: rows of truth that ought to be found, alone and in pairs; None for all. Others are
                neither missed nor wrong.
        """
        off = np.linalg.norm(found[:, None] - truth[None], axis=2)
        row, column = assign(off, self.gate_m)
        ought = np.arange(len(truth)) if counts is None else counts
        self.people += len(ought)
        self.missed += len(ought) - int(np.isin(ought, column).sum())
        self.errors_m += off[row, column].tolist()
        rest = np.setdiff1d(np.arange(len(found)), row)
        self.wrong += len(rest)
        # Who is found again, up to twice as far off.
        near = rest[off[rest].min(axis=1, initial=np.inf) <= 2 * self.gate_m]
        self.doubles += int(np.isin(off[near].argmin(axis=1), column).sum()) if len(near) else 0
        who = dict(zip(row.tolist(), column.tolist(), strict=True))
        said, every = close(found, self.limit_m), close(truth, self.limit_m)
        true = {(min(who[a], who[b]), max(who[a], who[b])) for a, b in said if a in who and b in who}
        ask = set(ought.tolist())
        real = {(a, b) for a, b in every if a in ask and b in ask}
        self.said += len(said) - len((true & every) - real)
        self.real += len(real)
        self.right += len(true & real)

    def figures(self) -> dict[str, Any]:
        """Shares of the people who were there, errors in metres, and what becomes of the distance rule."""
        errors, people = np.array(self.errors_m), max(self.people, 1)
        spread = {"median_m": None, "p90_m": None, "mean_m": None}
        if len(errors):
            median, p90 = np.quantile(errors, (0.5, 0.9)).tolist()
            spread = {"median_m": median, "p90_m": p90, "mean_m": float(errors.mean())}
        return {
            "people": self.people, "moda": 1 - (self.missed + self.wrong) / people,
            "missed": self.missed / people, "wrong": self.wrong / people, "doubles": self.doubles / people,
            **spread,
            "violations": {
                "precision": self.right / max(self.said, 1), "recall": self.right / max(self.real, 1),
                "f1": 2 * self.right / max(self.said + self.real, 1),
            },
        }  # fmt: skip


def close(places: np.ndarray, limit_m: float) -> set[tuple[int, int]]:
    """Rows that are closer than a limit, first < second."""
    if len(places) < 2:
        return set()
    return {(a, b) for a, b in cKDTree(places).query_pairs(limit_m) if a != b}
