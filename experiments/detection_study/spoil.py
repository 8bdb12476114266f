"""Ways to make an image worse, and what becomes of the annotated boxes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

GREY = 114
"""Where a rotated image leaves the frame empty; as the canvas around YOLOX's images."""
IN_VIEW = 0.5
"""A rotated person counts with so much of the box within the frame."""


@dataclass(frozen=True)
class Condition:
    """One way to spoil images.

    Attributes:
        kind: "none", "noise", "rotation", "resolution" or "blur".
        amount: share of pixels, degrees, share of the side, or sigma in pixels.
    """

    kind: str
    amount: float

    @property
    def name(self) -> str:
        """As the results call it."""
        return f"{self.kind} {self.amount:g}"

    def image(self, image: np.ndarray, number: int) -> np.ndarray:
        """The image, spoilt; noise depends on the frame's number only."""
        return SPOILERS[self.kind](image, self.amount, number)


PLAIN = Condition("none", 0)
CONDITIONS = [
    PLAIN,
    *(Condition("noise", share) for share in (0.1, 0.4, 0.5)),
    *(Condition("rotation", angle) for angle in (5, 10, 20, 45, 90, 180)),
    *(Condition("resolution", share) for share in (0.75, 0.5, 0.25, 0.125)),
    *(Condition("blur", sigma) for sigma in (0.5, 1, 2, 3, 4)),
]


def salt_and_pepper(image: np.ndarray, share: float, number: int) -> np.ndarray:
    """As the report has it: a pixel turns black or white with this probability, either alike."""
    rolled = np.random.default_rng([number, round(1000 * share)]).random(image.shape[:2])
    spoilt = image.copy()
    spoilt[rolled < share / 2] = 0
    spoilt[(rolled >= share / 2) & (rolled < share)] = 255
    return spoilt


def turned(image: np.ndarray, degrees: float, number: int) -> np.ndarray:
    """Turned about its middle in a frame of the same size, as by a camera that hangs askew."""
    height, width = image.shape[:2]
    return cv2.warpAffine(
        image, turn(degrees, width, height), (width, height),
        flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=(GREY,) * 3,
    )  # fmt: skip


def turn(degrees: float, width: int, height: int) -> np.ndarray:
    return cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)


def smaller(image: np.ndarray, share: float, number: int) -> np.ndarray:
    """As a camera of fewer pixels would give it."""
    height, width = image.shape[:2]
    size = (round(width * share), round(height * share))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)


SPOILERS: dict[str, Callable[[np.ndarray, float, int], np.ndarray]] = {
    "none": lambda image, amount, number: image,
    "noise": salt_and_pepper,
    "rotation": turned,
    "resolution": smaller,
    "blur": lambda image, sigma, number: cv2.GaussianBlur(image, (0, 0), sigma),
}


def turned_boxes(
    boxes: np.ndarray, degrees: float, width: int, height: int, oval: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Annotated boxes after a turn.

    Args:
        boxes: (n, 4), pixels.
        degrees: counterclockwise.
        width, height: of the image.
        oval: hulls of the ellipses within the boxes, which are nearer to a body's outline than the corners.

    Returns:
        Axis-aligned hulls (n, 4), clipped to the image; bool (n,), which are at least half within it.
    """
    matrix = turn(degrees, width, height)
    # A box's border is half a pixel off its outer pixels' middles.
    middle = boxes[:, :2] + boxes[:, 2:] / 2 - 0.5
    middle = middle @ matrix[:, :2].T + matrix[:, 2] + 0.5
    cos, sin = np.abs(np.cos(np.radians(degrees))), np.abs(np.sin(np.radians(degrees)))
    across, down = boxes[:, 2] / 2, boxes[:, 3] / 2
    join = np.hypot if oval else np.add
    half = np.column_stack([join(across * cos, down * sin), join(across * sin, down * cos)])
    low, high = middle - half, middle + half
    inside_low, inside_high = np.maximum(low, 0), np.minimum(high, [width, height])
    extent = np.maximum(inside_high - inside_low, 0)
    seen = extent.prod(axis=1) >= IN_VIEW * (high - low).prod(axis=1)
    return np.hstack([inside_low, extent]), seen
