"""The grey image of a frame that FFmpeg decoded, at the least cost."""

from __future__ import annotations

import re

import cv2
import numpy as np
from av.video.frame import VideoFrame

from sdist_ray.video.source import Image

# Their first plane is 8 bits of luma a pixel.
PLANAR = re.compile("gray|yuvj?a?4[0-9]{2}p|nv(12|21|16|24)")
FULL_RANGE = 2
"""FFmpeg's AVCOL_RANGE_JPEG."""
_levels = np.arange(256)
_EXPAND = np.clip(np.rint((_levels - 16) * (255 / 219)), 0, 255).astype(np.uint8)


def luma(frame: VideoFrame, working_width: int | None = None) -> Image:
    """The frame in grey, as a conversion to BGR and to grey would give it, without making those.

    Video mostly keeps luma from 16 to 235; it is stretched to 0 to 255, as in every other image here.

    Args:
        frame: decoded, of any pixel format.
        working_width: wider frames are shrunk to it.

    Returns:
        uint8 (height, width), upright, its own memory.
    """
    name = frame.format.name
    full = frame.color_range == FULL_RANGE or name.startswith(("yuvj", "gray"))
    if not PLANAR.fullmatch(name):
        frame = frame.reformat(format="gray")
        full = True
    plane = frame.planes[0]
    rows = np.frombuffer(memoryview(plane), np.uint8)[: plane.line_size * frame.height].reshape(
        -1, plane.line_size
    )
    grey = shrink(rows[:, : frame.width], working_width)
    # A look-up writes an image of its own; FFmpeg takes the frame's memory back.
    grey = grey.copy() if full else np.asarray(cv2.LUT(grey, _EXPAND), dtype=np.uint8)
    turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(grey, turns)) if turns else grey


def shrink(image: Image, width: int | None) -> Image:
    """The image at a width in pixels, where it is wider; else itself."""
    height, wide = image.shape[:2]
    if width is None or wide <= width:
        return image
    size = (width, max(1, round(height * width / wide)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
