"""How far off places are, and what becomes of the distance rule."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from experiments.data import Site
from experiments.distance_methods.methods import Method
from sdist_ray.distancing.ground import ACROSS, DOWN, HEIGHT_SPREAD

LIMITS_M = (1.0, 1.5, 2.0)
BINS_M = (0.0, 5.0, 10.0, 15.0, 20.0, 30.0)
REPORT_PX = 400 / 720
"""The report's limit over the image's rows."""
NEAR_M = 10.0
"""Pairs up to here count for the error of the distance between two people."""


@dataclass(frozen=True)
class Pairs:
    """All pairs of people of each instant.

    Attributes:
        measured: (k,), in the method's unit; NaN where one has no place.
        true_m: (k,).
        away_m: (k,), from the camera's foot point to the middle between the two.
    """

    measured: np.ndarray
    true_m: np.ndarray
    away_m: np.ndarray

    def take(self, which: np.ndarray) -> Pairs:
        """Some of them."""
        return Pairs(self.measured[which], self.true_m[which], self.away_m[which])


@dataclass(frozen=True)
class Measured:
    """What a method makes of one camera's boxes.

    Attributes:
        error_m: (n,), of every box; NaN where the method has no metres.
        away_m: (n,), from the camera's foot point, in truth.
        pairs: of people.
    """

    error_m: np.ndarray
    away_m: np.ndarray
    pairs: Pairs


def as_detected(site: Site, seed: int = 3) -> list[np.ndarray]:
    """The boxes of every view as a detector would give them: unsteady, around people of various heights."""
    rng = np.random.default_rng(seed)
    tall: dict[int, float] = {}
    result = []
    for view in site.views:
        boxes = view.boxes.copy()
        for person in view.people.tolist():
            tall.setdefault(person, float(np.exp(rng.normal(0, HEIGHT_SPREAD))))
        growth = np.array([tall[person] for person in view.people.tolist()])
        top, bottom, middle = boxes[:, 1], boxes[:, 1] + boxes[:, 3], boxes[:, 0] + boxes[:, 2] / 2
        across, down = ACROSS * boxes[:, 2], DOWN * boxes[:, 3]
        top = bottom - growth * (bottom - top) + rng.normal(0, 1, len(boxes)) * down
        bottom = bottom + rng.normal(0, 1, len(boxes)) * down
        middle = middle + rng.normal(0, 1, len(boxes)) * across
        boxes[:, 0], boxes[:, 1] = middle - boxes[:, 2] / 2, top
        boxes[:, 3] = np.maximum(bottom - top, 1.0)
        result.append(boxes)
    return result


def measure(site: Site, method: Method, boxes: list[np.ndarray]) -> Measured:
    """Places and pair distances of one camera by one method; ``boxes`` of every view, in the views' order."""
    foot = site.camera.position_m[:2]
    errors, away, measured, true_m, pair_away = [], [], [], [], []
    for view, seen in zip(site.views, boxes, strict=True):
        known = np.isfinite(view.places).all(axis=1)
        places, found = view.places[known], method.locate(seen[known])
        off = np.linalg.norm(found - places, axis=1)
        errors.append(off if method.ground.unit == "m" else np.full(len(off), np.nan))
        away.append(np.linalg.norm(places - foot, axis=1))
        a, b = np.triu_indices(len(places), 1)
        measured.append(np.linalg.norm(found[a] - found[b], axis=1))
        true_m.append(np.linalg.norm(places[a] - places[b], axis=1))
        pair_away.append(np.linalg.norm((places[a] + places[b]) / 2 - foot, axis=1))
    pairs = Pairs(*(np.concatenate(parts) for parts in (measured, true_m, pair_away)))
    return Measured(np.concatenate(errors), np.concatenate(away), pairs)


def rule(right: int, said: int, real: int) -> dict[str, Any]:
    """Precision, recall and F1 of violations; None where there is none to be found."""
    return {
        "precision": right / said if said and real else None, "recall": right / real if real else None,
        "f1": 2 * right / (said + real) if real else None,
        "true": real, "said": said, "right": right,
    }  # fmt: skip


def violations(pairs: Pairs, limit_m: float, threshold: float) -> dict[str, Any]:
    """The rule for pairs closer than a limit, by measured distances below a threshold."""
    found, truth = pairs.measured < threshold, pairs.true_m < limit_m
    return rule(int((found & truth).sum()), int(found.sum()), int(truth.sum())) | {"pairs": len(truth)}


def together(parts: list[dict[str, Any]]) -> dict[str, Any]:
    """The same of several cameras, by their counts."""
    right, said, real, pairs = (
        sum(part[key] for part in parts) for key in ("right", "said", "true", "pairs")
    )
    return rule(right, said, real) | {"pairs": pairs}


def kindest_threshold(pairs: Pairs, limit_m: float) -> float:
    """The one threshold with the best F1, chosen with the truth in hand."""
    order = np.argsort(pairs.measured, kind="stable")
    truth = pairs.true_m[order] < limit_m
    if not truth.any():
        return 0.0
    right = np.cumsum(truth)
    f1 = 2 * right / (np.arange(1, len(order) + 1) + truth.sum())
    return float(np.nextafter(pairs.measured[order][int(np.argmax(f1))], np.inf))


def pair_errors(pairs: Pairs) -> np.ndarray:
    """By how much the distance between two people is wrong, metres, for those up to NEAR_M apart."""
    error = np.abs(pairs.measured - pairs.true_m)[pairs.true_m <= NEAR_M]
    return error[np.isfinite(error)]


def summary(found: Measured, method: Method, rows: int) -> dict:
    """A method's figures on one camera; ``rows`` of its image."""
    pixels = method.ground.unit == "px"
    result: dict = {"boxes": len(found.error_m), "no_place": int(np.isnan(found.error_m).sum())}
    if not pixels:
        error = found.error_m[np.isfinite(found.error_m)]
        result |= {"median_m": float(np.median(error)), "p90_m": float(np.quantile(error, 0.9))}
        result["pair_median_m"] = float(np.median(pair_errors(found.pairs)))
    else:
        result["no_place"] = 0
    result["violations"], result["report_px"], result["by_distance"] = {}, {}, {}
    for limit in LIMITS_M:
        threshold = kindest_threshold(found.pairs, limit) if pixels else limit
        result["violations"][f"{limit:g}"] = violations(found.pairs, limit, threshold)
        result["violations"][f"{limit:g}"]["threshold"] = threshold
        if pixels:
            result["report_px"][f"{limit:g}"] = violations(found.pairs, limit, REPORT_PX * rows)
    threshold = result["violations"]["2"]["threshold"]
    for low, high in pairwise(BINS_M):
        error = found.error_m[(found.away_m >= low) & (found.away_m < high) & np.isfinite(found.error_m)]
        near = (found.pairs.away_m >= low) & (found.pairs.away_m < high)
        result["by_distance"][f"{low:g}-{high:g}"] = {
            "boxes": len(error), "median_m": float(np.median(error)) if len(error) else None,
            "violations": violations(found.pairs.take(near), 2.0, threshold),
        }  # fmt: skip
    return result
