"""Images into a network's input, and boxes back.

Each family of networks was trained on images prepared in its own way, and finds less in any other:

    yolox    scaled to fit, at the top left of a canvas of grey 114, BGR, 0 to 255
    yolov8   scaled to fit, in the middle of a canvas of grey 114, RGB, 0 to 1; so were the exports of YOLOv3
             and YOLOv5 by the authors of YOLOv8
    darknet  stretched to the input's size, RGB, 0 to 1: what Darknet's own training, detector and OpenCV's
             reader of it do. With letter_box=1 in the cfg, scaled to fit, in the middle of grey 127
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from sdist_ray.video.source import Image

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Convention:
    """How images are prepared.

    Attributes:
        place: "stretch", "corner" (top left) or "centre".
        rgb: whether the network wants red first; our images have blue first.
        scale: what grey levels are multiplied by.
        grey: of the canvas where the image does not cover it.
    """

    place: str
    rgb: bool
    scale: float
    grey: int = 114


CONVENTIONS = {
    "yolox": Convention("corner", rgb=False, scale=1.0),
    "centre": Convention("centre", rgb=True, scale=1 / 255),
    "stretch": Convention("stretch", rgb=True, scale=1 / 255),
    "darknet-letterbox": Convention("centre", rgb=True, scale=1 / 255, grey=127),
}


@dataclass(frozen=True)
class Placement:
    """Where an image lies in the network's input: lengths in pixels of the input."""

    left: int
    top: int
    width: int
    height: int

    @classmethod
    def of(cls, size: tuple[int, int], canvas: tuple[int, int], place: str) -> Placement:
        """Where an image of a size (width, height) goes on a canvas (width, height)."""
        if place == "stretch":
            return cls(0, 0, *canvas)
        ratio = min(canvas[0] / size[0], canvas[1] / size[1])
        width = min(canvas[0], max(1, round(size[0] * ratio)))
        height = min(canvas[1], max(1, round(size[1] * ratio)))
        if place == "corner":
            return cls(0, 0, width, height)
        return cls((canvas[0] - width) // 2, (canvas[1] - height) // 2, width, height)

    def to_fractions(self, corners: Floats) -> Floats:
        """Boxes (n, 4) of left, top, right, bottom, pixels of the input, as fractions of the image."""
        offset = np.array([self.left, self.top] * 2, dtype=np.float32)
        extent = np.array([self.width, self.height] * 2, dtype=np.float32)
        return np.asarray((corners - offset) / extent, dtype=np.float32)


def prepare(image: Image, canvas: tuple[int, int], convention: Convention) -> tuple[Floats, Placement]:
    """An image as a network's input.

    Args:
        image: uint8 (height, width, 3), BGR.
        canvas: width and height of the network's input.
        convention: of the network's family.

    Returns:
        float32 (1, 3, height, width), and where the image lies in it.
    """
    height, width = image.shape[:2]
    placed = Placement.of((width, height), canvas, convention.place)
    size = (placed.width, placed.height)
    scaled = image if size == (width, height) else cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)
    if size != canvas:
        whole = np.full((canvas[1], canvas[0], 3), convention.grey, dtype=np.uint8)
        whole[placed.top : placed.top + placed.height, placed.left : placed.left + placed.width] = scaled
        scaled = whole
    tensor = cv2.dnn.blobFromImage(scaled, convention.scale, swapRB=convention.rgb)
    return np.asarray(tensor, dtype=np.float32), placed
