"""Runs a network once per image, and sweeps thresholds over what it found."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from experiments.detection_study.spoil import Condition, turned_boxes
from experiments.matching import new_matches, overlaps
from sdist_ray.detection.heads import Boxes, suppress
from sdist_ray.detection.neural import Found, NeuralModel

IOU = 0.5
LEVELS = np.round(np.arange(0, 101, 2) / 100, 2)
"""Confidence thresholds."""
ELSEWHERE = 400
"""Frames between an image and the annotation that has nothing to do with it."""
Frame = tuple[int, np.ndarray, np.ndarray]


@dataclass
class Tally:
    """Detections of many frames: their scores, which are right, and how many there are to find."""

    annotated: int = 0
    scores: list[np.ndarray] = field(default_factory=list)
    right: list[np.ndarray] = field(default_factory=list)

    def add(self, boxes: np.ndarray, scores: np.ndarray, truth: np.ndarray) -> None:
        """One frame's detections, the surest first, in pixels."""
        self.annotated += len(truth)
        self.scores.append(scores)
        self.right.append(new_matches(overlaps(boxes, truth) >= IOU))

    def curve(self, levels: np.ndarray = LEVELS) -> dict[str, list[float]]:
        """Detections per frame, precision and recall at each threshold."""
        scores, right = np.concatenate(self.scores), np.concatenate(self.right)
        found = np.array([(scores >= level).sum() for level in levels])
        hits = np.array([right[scores >= level].sum() for level in levels])
        recall = hits / max(self.annotated, 1)
        # Where nothing is found, nothing found is wrong.
        precision = np.where(found > 0, hits / np.maximum(found, 1), 1.0)
        return {
            "detections": (found / max(len(self.scores), 1)).round(3).tolist(),
            "precision": precision.round(4).tolist(),
            "recall": recall.round(4).tolist(),
        }


def candidates(model: NeuralModel, image: np.ndarray) -> Found:
    """All that the model's settings let through, the best first."""
    return model.infer([model.prepare(image)])[0]


def suppressed(found: Found, overlap: float) -> tuple[np.ndarray, np.ndarray]:
    """Boxes (n, 4), fractions, and scores after the detector's own suppression, the best first.

    A better box is never suppressed by a worse: thresholds can be applied afterwards.
    """
    if overlap == 1.0:
        return found.boxes.astype(np.float64), found.scores
    low = found.boxes[:, :2]
    boxes = Boxes(np.hstack([low, low + found.boxes[:, 2:]]), found.scores, found.classes)
    kept = suppress(boxes, overlap)
    corners = kept.corners.astype(np.float64)
    return np.hstack([corners[:, :2], corners[:, 2:] - corners[:, :2]]), kept.scores


def look(
    model: NeuralModel,
    frames: list[Frame],
    condition: Condition,
    overlaps_at: tuple[float, ...],
    chance: bool = False,
) -> dict[float, dict[str, Tally]]:
    """One condition's tallies by NMS threshold (1.0: none), against each kind of truth.

    "truth" is the annotation; "oval", of turned images, the hulls of the ellipses in its boxes; "elsewhere",
    where ``chance`` is asked for, the annotation of another time, which shows what boxes hit by chance.
    """
    kinds = ["truth", *["elsewhere"] * chance, *["oval"] * (condition.kind == "rotation")]
    tallies = {at: {kind: Tally() for kind in kinds} for at in overlaps_at}
    for place, (number, image, boxes) in enumerate(frames):
        height, width = image.shape[:2]
        found = candidates(model, condition.image(image, number))
        away = min(range(len(frames)), key=lambda at: abs(abs(frames[at][0] - number) - ELSEWHERE))
        truths = {"truth": frames[place][2], "elsewhere": frames[away][2]}
        if condition.kind == "rotation":
            for kind in ("truth", "oval"):
                turned, seen = turned_boxes(boxes, condition.amount, width, height, kind == "oval")
                truths[kind] = turned[seen]
        for at, of in tallies.items():
            kept, scores = suppressed(found, at)
            for kind, tally in of.items():
                tally.add(kept * [width, height, width, height], scores, truths[kind])
    return tallies


def upright(model: NeuralModel, frames: list[Frame], angles: list[float], overlap: float) -> dict:
    """Recall of upright images on those people only who are still in the frame after each turn."""
    tallies = {angle: Tally() for angle in angles}
    for _, image, boxes in frames:
        height, width = image.shape[:2]
        kept, scores = suppressed(candidates(model, image), overlap)
        for angle, tally in tallies.items():
            _, seen = turned_boxes(boxes, angle, width, height)
            tally.add(kept * [width, height, width, height], scores, boxes[seen])
    return {f"{angle:g}": tally.curve()["recall"] for angle, tally in tallies.items()}
