"""Detections against annotated boxes."""

import numpy as np

from experiments.data import pets
from experiments.matching import overlaps


def matches(found, truth, least=0.5):
    """How many of the boxes found, the surest first, are each a box of the truth that no other took."""
    hits, free = 0, np.ones(len(truth), bool)
    for row in overlaps(found, truth):
        row = np.where(free, row, 0)
        if row.max(initial=0) >= least:
            free[row.argmax()] = False
            hits += 1
    return hits


def quality(model, folder, step, batch=8):
    """Precision and recall of a model on the PETS sequence, IoU 0.5, and how many frames were looked at."""
    hits = found = annotated = 0
    frames = [(image, truth) for _, image, truth in pets(folder, step)]
    for first in range(0, len(frames), batch):
        part = frames[first : first + batch]
        for seen, (image, truth) in zip(model.detect_many([image for image, _ in part]), part, strict=True):
            height, width = image.shape[:2]
            hits += matches(seen.boxes * [width, height, width, height], truth)
            found += len(seen.boxes)
            annotated += len(truth)
    return hits / found, hits / annotated, len(frames)
