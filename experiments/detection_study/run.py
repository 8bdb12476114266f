"""People detections against confidence, NMS, noise, rotation, resolution and blur, on PETS 2009 S2L1.

    python -m experiments.detection_study.run [--every 5] [--data DIR] [--output DIR]

Each network sees each image of each condition once; thresholds are swept over what it put out, by the
detector's own functions. Writes detection.json and plots, and prints the figures as its last line.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from experiments.data import arguments, pets
from experiments.detection_study.plots import draw
from experiments.detection_study.spoil import CONDITIONS, PLAIN, Condition
from experiments.detection_study.sweep import IOU, LEVELS, Frame, look, upright
from sdist_ray.cli import main as sdist_ray
from sdist_ray.detection.neural import NeuralModel, NeuralSettings, load_people_model

NMS = 0.45
"""The detector's default; for all but the sweep."""
OVERLAPS = (0.1, 0.2, 0.3, 0.4, NMS, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
FLOOR = 0.02
"""Least score kept where 0 % is not asked for."""


def models(folder: Path, work: Path) -> dict[str, Path]:
    """The networks' files; Darknet's are converted by the project's own command."""
    fast, name = work / "yolo-fastest.onnx", "yolo-fastest/yolo-fastest-1.1-xl"
    files = [str(folder / f"{name}.{suffix}") for suffix in ("cfg", "weights")]
    if sdist_ray(["models", "convert", *files, f"output='{fast}'"]) != 0:
        raise SystemExit("models convert failed")
    return {"YOLOX-nano 416": folder / "yolox-nano/yolox_nano.onnx", "Yolo-Fastest 1.1-xl 320": fast}


def load(path: Path, score: float) -> NeuralModel:
    """A network that keeps everything from a score on, duplicates included."""
    return load_people_model(NeuralSettings(path, score=score, nms=1.0), len(os.sched_getaffinity(0)))


def study(path: Path, frames: list[Frame], conditions: list[Condition]) -> dict[str, Any]:
    """All figures of one network."""
    everything, likely = load(path, 0.0), load(path, FLOOR)
    result: dict[str, Any] = {"conditions": {}, "nms": {}, "all_boxes": {}, "by_chance": {}, "ovals": {}}
    for condition in conditions:
        name, zero = condition.name, condition.kind in ("none", "noise")
        tallies = look(likely, frames, condition, OVERLAPS if condition == PLAIN else (NMS,))
        curve = tallies[NMS]["truth"].curve()
        result["conditions"][name] = curve | {"annotated": tallies[NMS]["truth"].annotated}
        if "oval" in tallies[NMS]:
            result["ovals"][name] = tallies[NMS]["oval"].curve()
        if condition == PLAIN:
            result["nms"] = {str(at): of["truth"].curve() for at, of in tallies.items()}
        if zero:
            # From 0 %, as the report looked at noise (of 1000 boxes, the best); and the same
            # boxes against the annotation of another time.
            for at, of in look(everything, frames, condition, (1.0, NMS), chance=True).items():
                result["all_boxes"][f"{name}, NMS {at:g}"] = of["truth"].curve()
                result["by_chance"][f"{name}, NMS {at:g}"] = of["elsewhere"].curve()
            for key in ("detections", "precision", "recall"):
                curve[key][0] = result["all_boxes"][f"{name}, NMS {NMS:g}"][key][0]
    angles = [condition.amount for condition in conditions if condition.kind == "rotation"]
    result["upright"] = upright(likely, frames, angles, NMS)
    return result


def at_level(curve: dict[str, list[float]], level: float) -> tuple[float, float, float]:
    """Precision, recall and F1 at a threshold of the sweep."""
    at = int(np.abs(LEVELS - level).argmin())
    precision, recall = curve["precision"][at], curve["recall"][at]
    return precision, recall, 2 * precision * recall / max(precision + recall, 1e-9)


def best(curve: dict[str, list[float]]) -> tuple[float, float]:
    """The threshold of the best F1, and that F1."""
    f1 = [at_level(curve, level)[2] for level in LEVELS]
    return float(LEVELS[int(np.argmax(f1))]), float(np.max(f1))


def table(result: dict[str, Any]) -> str:
    """Conditions by networks, as Markdown."""
    heads = "".join(f" {name}: at 0.3 P / R | best F1 (at) |" for name in result)
    lines = [f"| condition |{heads}", "|---|" + "---|" * (2 * len(result))]
    for condition in next(iter(result.values()))["conditions"]:
        cells = []
        for of in result.values():
            precision, recall, _ = at_level(of["conditions"][condition], 0.3)
            level, f1 = best(of["conditions"][condition])
            cells += [f"{precision:.2f} / {recall:.2f}", f"{f1:.2f} ({level:.2f})"]
        lines.append(f"| {condition} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def run(data: Path, output: Path, every: int, conditions: list[Condition] = CONDITIONS) -> dict[str, Any]:
    """Measure, and write JSON and plots."""
    start = time.perf_counter()
    frames = list(pets(data / "pets2009", every))
    with tempfile.TemporaryDirectory() as work:
        found = {
            name: study(path, frames, conditions)
            for name, path in models(data / "models", Path(work)).items()
        }
    result = {
        "every": every, "frames": len(frames), "annotated": sum(len(boxes) for *_, boxes in frames),
        "iou": IOU, "nms": NMS, "levels": LEVELS.tolist(), "models": found,
        "seconds": round(time.perf_counter() - start),
    }  # fmt: skip
    output.mkdir(parents=True, exist_ok=True)
    (output / "detection.json").write_text(json.dumps(result) + "\n")
    draw(result, output)
    return result


def main() -> None:
    parser = arguments(__doc__, Path(__file__).parent)
    parser.add_argument("--every", type=int, default=5, help="look at every so many frames (1: all 795)")
    options = parser.parse_args()
    result = run(options.data, options.output, options.every)
    print(table(result["models"]))
    plain = {name: at_level(of["conditions"][PLAIN.name], 0.3)[:2] for name, of in result["models"].items()}
    print(json.dumps({"seconds": result["seconds"], "frames": result["frames"], "at_0.3": plain}))


if __name__ == "__main__":
    main()
