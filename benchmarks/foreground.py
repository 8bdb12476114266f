"""Our mixture against OpenCV's MOG2: time of a frame, and blobs against annotated boxes.

    python -m benchmarks.foreground [--rounds 7] [--data DIR]

Both models have K = 3, grey images, and the same settings; everything after the model is the same code. Times
are medians over rounds in which the two run in turn, on one core, at 320x240 over several cameras (so that no
camera's model stays in the cache). A blob is right when its box and an annotated person's overlap by IoU 0.3,
each matched once; foreground boxes are looser than a detector's.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
from matplotlib.figure import Figure
from scipy.optimize import linear_sum_assignment

from sdist_ray.cameras.camera import Camera
from sdist_ray.detection.foreground import ForegroundDetector, ForegroundSettings, Mog2Model
from sdist_ray.detection.mixture import MixtureModel, MixtureSettings
from sdist_ray.video.files import open_source

RESULTS = Path(__file__).parent / "results"
IOU = 0.3
CAMERAS = 12
Boxes = np.ndarray


def scenescape_boxes(path: Path) -> dict[int, Boxes]:
    """Frame to boxes (n, 4), fractions of an 800x600 image."""
    boxes = {}
    for line in path.read_text().splitlines():
        entry = json.loads(line)
        people = [person["bounding_box_px"] for person in entry["objects"].get("person", [])]
        rows = [[p["x"] / 800, p["y"] / 600, p["width"] / 800, p["height"] / 600] for p in people]
        boxes[entry["frame"]] = np.array(rows).reshape(-1, 4)
    return boxes


def pets_boxes(path: Path) -> dict[int, Boxes]:
    """Frame to boxes (n, 4), fractions of a 768x576 image."""
    boxes = {}
    for frame in ElementTree.parse(path).getroot():
        rows = []
        for box in frame.iter("box"):
            x, y, w, h = (float(box.get(key, "nan")) for key in ("xc", "yc", "w", "h"))
            rows.append([(x - w / 2) / 768, (y - h / 2) / 576, w / 768, h / 576])
        boxes[int(frame.get("number", -1))] = np.array(rows).reshape(-1, 4)
    return boxes


def overlaps(a: Boxes, b: Boxes) -> np.ndarray:
    """IoU of all pairs, (len(a), len(b))."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, :2] + a[:, None, 2:], b[None, :, :2] + b[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    return shared / (a[:, 2:].prod(axis=1)[:, None] + b[:, 2:].prod(axis=1)[None] - shared)


def blob_quality(video: Path, truth: dict[int, Boxes], background: str) -> dict[str, float]:
    """Precision and recall of blobs over all frames after the warm-up."""
    detector = ForegroundDetector(ForegroundSettings(background=background))
    found = right = true = 0
    with open_source(Camera("x", str(video))) as source:
        for frame in source:
            seen = detector.detect(frame.image)
            boxes = truth.get(frame.index)
            if not seen.available or boxes is None:
                continue
            iou = overlaps(seen.boxes.astype(float), boxes)
            rows, columns = linear_sum_assignment(-iou)
            right += int((iou[rows, columns] >= IOU).sum())
            found, true = found + len(seen.boxes), true + len(boxes)
    return {"precision": right / max(found, 1), "recall": right / max(true, 1)}


def grey_frames(video: Path, count: int) -> Iterator[np.ndarray]:
    with open_source(Camera("x", str(video))) as source:
        for frame in source:
            if frame.index >= count:
                return
            grey = cv2.cvtColor(frame.image, cv2.COLOR_BGR2GRAY)
            yield cv2.resize(grey, (320, 240), interpolation=cv2.INTER_AREA)


def frame_times(video: Path, rounds: int) -> dict[str, list[float]]:
    """Milliseconds a frame of each model, one figure a round."""
    frames = list(grey_frames(video, 30 + 10 * rounds))
    settings = MixtureSettings()
    models = {
        "mixture": [MixtureModel((240, 320), settings) for _ in range(CAMERAS)],
        "mog2": [Mog2Model(settings) for _ in range(CAMERAS)],
    }
    for kind in models.values():
        for model in kind:
            for frame in frames[:30]:
                model.apply(frame)
    times: dict[str, list[float]] = {name: [] for name in models}
    for number in range(rounds):
        part = frames[30 + 10 * number : 40 + 10 * number]
        for name, kind in models.items():
            start = time.perf_counter()
            for frame in part:
                for model in kind:
                    model.apply(frame)
            times[name].append((time.perf_counter() - start) * 1e3 / (len(part) * CAMERAS))
    return times


def plot(result: dict[str, object], path: Path) -> None:
    figure = Figure(figsize=(8, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    times = result["ms_per_frame"]
    left.bar(list(times), list(times.values()), color=["#2f6fde", "#b8bec9"])
    left.set_ylabel("ms per 320×240 frame, one core")
    names = [f"{data}\n{name}" for data in result["blobs"] for name in result["blobs"][data]]
    rows = [row for data in result["blobs"].values() for row in data.values()]
    place = np.arange(len(rows))
    right.bar(place - 0.2, [row["precision"] for row in rows], 0.38, label="precision", color="#2f6fde")
    right.bar(place + 0.2, [row["recall"] for row in rows], 0.38, label="recall", color="#e8a33d")
    right.set_xticks(place, names, fontsize=7)
    right.set_ylim(0, 1)
    right.legend(frameon=False, fontsize=8)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=130)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7, help="rounds of ten frames (default 7)")
    parser.add_argument(
        "--data", default=os.environ.get("SDIST_DATA"), help="folder with pets2009 and scenescape"
    )
    arguments = parser.parse_args()
    if not arguments.data:
        parser.error("name the data's folder with --data or SDIST_DATA")
    data = Path(arguments.data)
    cv2.setNumThreads(1)
    videos = {
        "pets2009": (
            data / "pets2009/View_001_vtest_480x360.mp4",
            pets_boxes(data / "pets2009/PETS2009-S2L1.xml"),
        ),
        **{
            name: (
                data / f"scenescape/Cam_{name}_0_10fps.mp4",
                scenescape_boxes(data / f"scenescape/Cam_{name}_0_10fps.json"),
            )
            for name in ("x1", "x2")
        },
    }
    times = frame_times(videos["pets2009"][0], arguments.rounds)
    median = {name: statistics.median(values) for name, values in times.items()}
    result: dict[str, object] = {
        "ms_per_frame": median,
        "ms_per_frame_rounds": times,
        "ratio": median["mog2"] / median["mixture"],
        "blobs": {
            name: {kind: blob_quality(video, boxes, kind) for kind in ("mixture", "mog2")}
            for name, (video, boxes) in videos.items()
        },
        "iou": IOU,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "foreground.json").write_text(json.dumps(result, indent=2) + "\n")
    plot(result, RESULTS / "foreground.png")
    print("| footage | model | precision | recall |\n|---|---|---|---|")
    for name, kinds in result["blobs"].items():
        for kind, quality in kinds.items():
            print(f"| {name} | {kind} | {quality['precision']:.2f} | {quality['recall']:.2f} |")
    print(json.dumps({key: result[key] for key in ("ms_per_frame", "ratio", "peak_bytes")}))


if __name__ == "__main__":
    main()
