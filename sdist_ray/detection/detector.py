"""What every detector promises."""

from __future__ import annotations

from collections.abc import Sequence
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
        scores: float32 (n,), 0 to 1: how sure the detector is; all 1 from one that does not say.
    """

    available: bool
    boxes: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]

    @classmethod
    def of(cls, boxes: npt.NDArray[np.float32]) -> Detections:
        """Boxes of a detector that does not say how sure it is."""
        return cls(True, boxes, np.ones(len(boxes), dtype=np.float32))

    @property
    def foot_x(self) -> npt.NDArray[np.float32]:
        """Middle of each box's lower edge: fraction of the image's width, float32 (n,)."""
        return self.boxes[:, 0] + self.boxes[:, 2] * np.float32(0.5)

    @property
    def foot_y(self) -> npt.NDArray[np.float32]:
        """Each box's lower edge: fraction of the image's height, float32 (n,)."""
        return self.boxes[:, 1] + self.boxes[:, 3]


NOTHING = np.empty((0, 4), dtype=np.float32)
NOBODY = Detections.of(NOTHING)
UNAVAILABLE = Detections(False, NOTHING, np.empty(0, dtype=np.float32))


@dataclass(frozen=True)
class RunsOn:
    """Where a detector's model really runs.

    Attributes:
        device: "cpu" or "cuda".
        backend: "onnxruntime" or "opencv".
        warnings: what was to be had and is not used, a line each.
    """

    device: str
    backend: str
    warnings: tuple[str, ...] = ()


class Detector(Protocol):
    """Sees one camera's frames in the order of their capture."""

    def detect(self, image: Image) -> Detections:
        """What is in the frame: uint8 (height, width, 3), BGR."""
        ...


class PeopleModel(Protocol):
    """Finds people in images, whichever camera they are from: it remembers nothing."""

    @property
    def device(self) -> str:
        """Where it really runs: "cpu" or "cuda"."""
        ...

    @property
    def backend(self) -> str:
        """What runs it: "onnxruntime" or "opencv"."""
        ...

    def detect_many(self, images: Sequence[Image]) -> list[Detections]:
        """What is in each image, uint8 (height, width, 3), BGR, of any size; one answer each."""
        ...
