"""Detections against annotated boxes."""

import xml.etree.ElementTree as ElementTree

import cv2
import numpy as np

SCALE = 480 / 768
"""PETS was annotated at 768x576; the video is 480x360."""


def pets_frames(folder, step):
    """(image, annotated boxes (n, 4): left, top, width, height, pixels) of every so many frames."""
    truth = {}
    for frame in ElementTree.parse(folder / "PETS2009-S2L1.xml").getroot().findall("frame"):
        boxes = [
            [float(box.get(name)) for name in ("xc", "yc", "w", "h")]
            for box in frame.iterfind(".//object/box")
        ]
        boxes = np.array(boxes).reshape(-1, 4) * SCALE
        boxes[:, :2] -= boxes[:, 2:] / 2
        truth[int(frame.get("number"))] = boxes
    video = cv2.VideoCapture(str(folder / "View_001_vtest_480x360.mp4"))
    for number in range(max(truth) + 1):
        read, image = video.read()
        if read and number % step == 0 and number in truth:
            yield image, truth[number]


def overlaps(a, b):
    """Intersection over union of boxes (n, 4) with boxes (m, 4): (n, m)."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, :2] + a[:, None, 2:], b[None, :, :2] + b[None, :, 2:])
    shared = np.maximum(high - low, 0).prod(axis=2)
    return shared / (a[:, 2:].prod(axis=1)[:, None] + b[:, 2:].prod(axis=1)[None] - shared)


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
    frames = list(pets_frames(folder, step))
    for first in range(0, len(frames), batch):
        part = frames[first : first + batch]
        for seen, (image, truth) in zip(model.detect_many([image for image, _ in part]), part, strict=True):
            height, width = image.shape[:2]
            hits += matches(seen.boxes * [width, height, width, height], truth)
            found += len(seen.boxes)
            annotated += len(truth)
    return hits / found, hits / annotated, len(frames)
