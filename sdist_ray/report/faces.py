"""Heads made unrecognisable."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

HEAD_SHARE = 0.24
"""A head with its neck is the top seventh to sixth of who stands; boxes are not exact."""
WIDENED = 0.12
LEAST_PX = 6
BLOCKS = 4
"""Squares across a hidden head: a face needs about ten to be known again by people."""


def hide_heads(image: npt.NDArray[np.uint8], boxes: npt.NDArray[np.float64]) -> None:
    """Pixelate the top of every box in place.

    It hides the heads of people who stand or walk inside their boxes, near or far. It does **not** hide
    whom no box surrounds (the detector missed them), heads of people who sit, lie or bend to the side of
    their box, mirror images and screens, nor clothes, gait and company, by which people are known as well.

    Args:
        image: uint8 (height, width, 3), changed.
        boxes: float64 (n, 4): left, top, width, height, pixels; may reach beyond the image.
    """
    height, width = image.shape[:2]
    for left, top, wide, high in boxes.tolist():
        if not (np.isfinite([left, top, wide, high]).all() and wide > 0 and high > 0):
            continue
        more, up = WIDENED * wide + 1, 0.05 * high + 1
        x0, x1 = (int(min(max(x, 0), width)) for x in (left - more, left + wide + more + 1))
        bottom = top + max(HEAD_SHARE * high, LEAST_PX)
        y0, y1 = (int(min(max(y, 0), height)) for y in (top - up, bottom + 1))
        if x0 < x1 and y0 < y1:
            part = image[y0:y1, x0:x1]
            # As many squares as lie in the whole head, of which a part may be in view.
            block = max((wide + 2 * more) / BLOCKS, (bottom - top + up) / BLOCKS, 3.0)
            few = (max(1, round((x1 - x0) / block)), max(1, round((y1 - y0) / block)))
            small = cv2.resize(part, few, interpolation=cv2.INTER_AREA)
            image[y0:y1, x0:x1] = cv2.resize(small, (x1 - x0, y1 - y0), interpolation=cv2.INTER_NEAREST)
