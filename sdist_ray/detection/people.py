"""One camera's people, found by a model that cameras share."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sdist_ray.cameras.camera import Mask
from sdist_ray.detection.detector import Detections, PeopleModel, RunsOn
from sdist_ray.video.source import Image


class PeopleDetector:
    """Asks a model, and drops who stands where the camera's mask says. See Detector."""

    def __init__(self, model: PeopleModel, mask: Mask | None = None) -> None:
        self.model = model
        self._mask = mask or Mask()
        self._ignored: npt.NDArray[np.bool_] | None = None

    @property
    def runs_on(self) -> RunsOn:
        """Where the model runs."""
        warnings = tuple(getattr(self.model, "warnings", ()))
        return RunsOn(self.model.device, self.model.backend, warnings)

    def detect(self, image: Image) -> Detections:
        """See Detector."""
        return self.keep_unmasked(self.model.detect_many([image])[0], image)

    def keep_unmasked(self, seen: Detections, image: Image) -> Detections:
        """Detections of one of this camera's images whose foot points are on pixels that count."""
        if self._mask == Mask():
            return seen
        height, width = image.shape[:2]
        if self._ignored is None or self._ignored.shape != (height, width):
            self._ignored = self._mask.ignored(width, height)
        column = np.clip(seen.foot_x * width, 0, width - 1).astype(np.int64)
        row = np.clip(seen.foot_y * height, 0, height - 1).astype(np.int64)
        kept = ~self._ignored[row, column]
        return Detections(seen.available, seen.boxes[kept], seen.scores[kept])
