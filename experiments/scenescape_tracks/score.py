"""People found on the ground, against where they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from experiments.data import GATE_M, View
from experiments.matching import assign, overlaps

IOU = 0.3


@dataclass(frozen=True)
class Seen:
    """What was found in one frame.

    Attributes:
        boxes: (n, 4), pixels.
        places: (n, 2), metres.
    """

    boxes: np.ndarray
    places: np.ndarray


NOBODY = Seen(np.empty((0, 4)), np.empty((0, 2)))


@dataclass(frozen=True)
class Quality:
    """Of one camera.

    Attributes:
        figures: by "ground" and by "box", how people were matched: precision, found (share of annotated
            people), and the errors of those that were, metres.
        errors_m: of those matched on the ground.
        outside: found people who were matched on the ground with somebody that is not annotated.
    """

    figures: dict[str, dict[str, float]]
    errors_m: np.ndarray
    outside: int


def quality(found: Mapping[int, Seen], views: Sequence[View], frames: range) -> Quality:
    """Precision, share of annotated people found, and errors.

    On the ground, somebody found is right within GATE_M of somebody who is there, annotated or not (who is
    behind a wing is there); by boxes, with an overlap of IOU with an annotated one. Each matches once.

    Args:
        found: by frame.
        views: annotation, by frame.
        frames: that count.
    """
    said = annotated = outside = 0
    right, hit = {"ground": 0, "box": 0}, {"ground": 0, "box": 0}
    errors: dict[str, list[float]] = {"ground": [], "box": []}
    for frame in frames:
        seen, view = found.get(frame, NOBODY), views[frame]
        said, annotated = said + len(seen.places), annotated + len(view.boxes)
        off = np.linalg.norm(seen.places[:, None] - view.everybody[None], axis=2)
        row, column = assign(np.nan_to_num(off, nan=1e6), GATE_M)
        known = np.isin(column, view.people)
        right["ground"] += len(row)
        hit["ground"] += int(known.sum())
        outside += int((~known).sum())
        errors["ground"] += off[row, column].tolist()
        row, column = assign(1 - overlaps(seen.boxes, view.boxes), 1 - IOU)
        right["box"] += len(row)
        hit["box"] += len(row)
        errors["box"] += np.linalg.norm(seen.places[row] - view.places[column], axis=1).tolist()
    figures = {
        kind: {
            "precision": right[kind] / max(said, 1), "found": hit[kind] / max(annotated, 1),
            **_spread(np.array(errors[kind])),
        }
        for kind in ("ground", "box")
    }  # fmt: skip
    return Quality(figures, np.array(errors["ground"]), outside)


def _spread(errors: np.ndarray) -> dict[str, Any]:
    """Errors of those without a place are left out."""
    errors = errors[np.isfinite(errors)]
    if not len(errors):
        return {"median_m": None, "p90_m": None}
    return {"median_m": float(np.median(errors)), "p90_m": float(np.quantile(errors, 0.9))}
