"""What every detector promises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from sdist_ray.video.source import Image


@dataclass(frozen=True)
class Detections:
    """What was seen in one frame.

    Attributes:
        available: False where nothing can be said about the frame: the background is not learnt yet,
            or most of the image changed at once. Then there are no boxes, and that is not "empty".
        boxes: float32 (n, 4): left, top, width, height as fractions of the image's width and height.
    """

    available: bool
    boxes: npt.NDArray[np.float32]

    @property
    def foot_x(self) -> npt.NDArray[np.float32]:
        """Middle of each box's lower edge: fraction of the image's width, float32 (n,)."""
        return self.boxes[:, 0] + self.boxes[:, 2] * np.float32(0.5)

    @property
    def foot_y(self) -> npt.NDArray[np.float32]:
        """Each box's lower edge: fraction of the image's height, float32 (n,)."""
        return self.boxes[:, 1] + self.boxes[:, 3]


NOTHING = np.empty((0, 4), dtype=np.float32)
UNAVAILABLE = Detections(False, NOTHING)


class Detector(Protocol):
    """Sees one camera's frames in the order of their capture."""

    def detect(self, image: Image) -> Detections:
        """What is in the frame: uint8 (height, width, 3), BGR."""
        ...
