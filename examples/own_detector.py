"""A detector of one's own: it writes an occupancy recording, which is then counted like any other.

python examples/own_detector.py                                   a small site, simulated
python examples/own_detector.py videos/*.mp4 --output runs/mine

The detector here, what differs from the median of some frames, is only to have one. Put yours in its place:
anything that finds people in an image, in whatever language, on whatever machine, if it writes the recording.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from sdist_ray import (
    BlockBuilder,
    Camera,
    Clock,
    Detections,
    Grid,
    RecordingWriter,
    find_cameras,
    main,
    open_source,
)

Image = npt.NDArray[np.uint8]
FPS = 10.0
GRID = Grid(12, 9)
EMPTY = np.empty((0, 4), np.float32)


class DifferenceDetector:
    """What differs from how the camera's first frames mostly looked. See sdist_ray.Detector."""

    def __init__(self, learn_from: int = 40) -> None:
        self._first: list[Image] = []
        self._learn_from = learn_from
        self._background: Image | None = None

    def detect(self, image: Image) -> Detections:
        """Boxes of what is there and was not; nothing can be said until the background is known."""
        grey = cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), (5, 5), 0)
        if self._background is None:
            self._first.append(grey)
            if len(self._first) == self._learn_from:
                self._background = np.median(self._first, axis=0).astype(np.uint8)
            # Unavailable, which is not the same as empty: nobody is missed, because nothing is claimed.
            return Detections(False, EMPTY, np.empty(0, np.float32))
        differs = (cv2.absdiff(grey, self._background) > 25).astype(np.uint8)
        differs = cv2.morphologyEx(differs, cv2.MORPH_CLOSE, np.ones((9, 3), np.uint8))
        _, _, parts, _ = cv2.connectedComponentsWithStats(differs)
        large = parts[1:][parts[1:, cv2.CC_STAT_AREA] > 0.001 * grey.size]
        height, width = grey.shape
        return Detections.of((large[:, :4] / [width, height, width, height]).astype(np.float32))


def record(cameras: Sequence[Camera], path: Path) -> None:
    """One row for every camera and tick at which its detector could say something."""
    clock = Clock(FPS)
    with RecordingWriter(path, [camera.id for camera in cameras], GRID, FPS) as writer:
        for number, camera in enumerate(cameras):
            detector, builder, tick = DifferenceDetector(), BlockBuilder(number, GRID, clock), -1
            with open_source(camera) as source:
                for frame in source:
                    if clock.tick(frame.time_s) > tick:
                        tick = clock.tick(frame.time_s)
                        seen = detector.detect(frame.image)
                        builder.add(tick, seen.available, seen.foot_x, seen.foot_y)
            writer.write(builder.take(clock.range_of(tick)))


def simulate(folder: Path) -> list[Path]:
    """Three cameras for half a minute; their videos."""
    assert main(["simulate", "site.cameras=3", "site.people=6", "site.minutes=0.5", "runtime=local",
                 f"output={folder}"]) == 0  # fmt: skip
    return sorted(folder.glob("videos/*.mp4"))


def run(videos: list[Path], output: Path) -> None:
    """Detect, then learn the topology of what was detected."""
    output.mkdir(parents=True, exist_ok=True)
    recording = output / "detected.parquet"
    record(find_cameras([str(path) for path in videos]), recording)
    print(f"occupancy recording: {recording}")
    code = main([
        "topology", "source=recording", f"source.path='{recording}'", "runtime=local", f"output={output}",
    ])  # fmt: skip
    if code:
        raise SystemExit(code)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("videos", type=Path, nargs="*")
    parser.add_argument("--output", type=Path, default=Path("runs/example-detector"))
    given = parser.parse_args()
    run(given.videos or simulate(given.output / "site"), given.output)
