"""Video to places on the ground, scenescape's two cameras: with tracks, and by the bare detector.

    python -m experiments.scenescape_tracks.run [--seconds 80] [--data DIR] [--output DIR]

Writes tracks.json and tracks.png, and prints the figures as its last line.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from matplotlib.figure import Figure

from experiments.charts import COLOURS, GREY, tidy
from experiments.data import SCENESCAPE_CAMERAS, SCENESCAPE_SIZE, Site, arguments, scenescape
from experiments.scenescape_tracks.found import (
    CONTINUE,
    FPS,
    START,
    WARM_UP,
    bare,
    cameras_yaml,
    plane,
    with_tracks,
)
from experiments.scenescape_tracks.score import Quality, Seen, quality

WAYS = ("yolo", "yolo, tracks", "foreground", "foreground, tracks")
BARS = {"Cam_x1_0": (0.20, 0.9), "Cam_x2_0": (0.35, 0.7)}
"""Greatest median error, and least share found, at a precision of 0.9."""


def shortened(video: Path, path: Path, frames: int) -> None:
    """The first frames of a video, as a video."""
    capture = cv2.VideoCapture(str(video))
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FPS, SCENESCAPE_SIZE)
    for _ in range(frames):
        read, image = capture.read()
        if not read:
            break
        writer.write(image)
    writer.release()


def length(video: Path) -> int:
    """Frames that can be read; files say more than they have."""
    capture, count = cv2.VideoCapture(str(video)), 0
    while capture.grab():
        count += 1
    return count


def everything(videos: list[Path], folder: Path, model: Path, work: Path) -> dict[str, dict[str, Any]]:
    """Camera to way to what was found in every frame."""
    cameras_yaml(folder / "config.json", work / "cameras.yaml")
    yolo = ["detector=yolo", f"detector.model='{model}'", f"detector.score={START}",
            f"distancing.continue_score={CONTINUE}"]  # fmt: skip
    tracks = {
        "yolo, tracks": with_tracks(videos, work / "cameras.yaml", work / "yolo", yolo),
        "foreground, tracks": with_tracks(videos, work / "cameras.yaml", work / "foreground", []),
    }
    found: dict[str, dict[str, dict[int, Seen]]] = {}
    for video in videos:
        name = video.stem.removesuffix("_10fps")
        site = scenescape(folder, name)
        ground = plane(site.image_points, site.ground_points, SCENESCAPE_SIZE)
        found[name] = {
            "yolo": bare(video, ground, model), "yolo, tracks": tracks["yolo, tracks"][video.stem],
            "foreground": bare(video, ground, None),
            "foreground, tracks": tracks["foreground, tracks"][video.stem],
        }  # fmt: skip
    return found


def table(result: dict[str, dict[str, Quality]]) -> str:
    """The README's."""
    lines = [
        "| camera | | precision | found | median (m) | 90 % (m) | by boxes: precision | found |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for camera, ways in result.items():
        for way, of in ways.items():
            ground, box = of.figures["ground"], of.figures["box"]
            row = [f"{ground[key]:.3f}" for key in ("precision", "found", "median_m", "p90_m")]
            row += [f"{box[key]:.3f}" for key in ("precision", "found")]
            lines.append(f"| {camera} | {way} | " + " | ".join(row) + " |")
    return "\n".join(lines)


def draw(result: dict[str, dict[str, Quality]], sites: dict[str, tuple[Site, range]],
         found: dict[str, dict[str, Any]], path: Path) -> None:  # fmt: skip
    """Above, the ground with everybody's true and measured paths; below, errors as shares below a length."""
    figure = Figure(figsize=(12, 8.4), layout="constrained")
    grid = figure.subplots(2, 3, width_ratios=(1, 1, 1))
    for row, (camera, ways) in enumerate(result.items()):
        site, frames = sites[camera]
        for column, way in enumerate(("yolo, tracks", "foreground, tracks")):
            axes = grid[row, column]
            places = [found[camera][way][f].places for f in frames if f in found[camera][way]]
            truth = np.concatenate([site.views[frame].places for frame in frames])
            measured = np.concatenate([np.empty((0, 2)), *places])
            axes.plot(*measured.T, ".", color=COLOURS[0], markersize=3, alpha=0.5, label="found")
            axes.plot(*truth.T, ".", color=COLOURS[1], markersize=1.5, label="where annotated people are")
            axes.set_aspect("equal")
            axes.set_xlim(1, 11.5)
            axes.set_ylim(2, 14)
            tidy(axes, f"{camera}: {way}", "x, m", "y, m" if column == 0 else "")
        grid[row, 0].legend(frameon=False, fontsize=8, loc="lower left")
        axes = grid[row, 2]
        for at, (way, of) in enumerate(ways.items()):
            errors = np.sort(of.errors_m)
            share = np.arange(1, len(errors) + 1) / max(len(errors), 1)
            style = "-" if way.endswith("tracks") else ":"
            axes.plot(errors, share, style, color=COLOURS[0 if at < 2 else 1], label=way)
        axes.axvline(BARS[camera][0], color=GREY, linewidth=0.8, linestyle="--")
        axes.axhline(0.5, color=GREY, linewidth=0.8, linestyle="--")
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1.02)
        tidy(axes, f"{camera}: errors", "error on the ground, m", "share of those right")
        axes.legend(frameon=False, fontsize=8, loc="lower right")
    figure.savefig(path, dpi=100)


def run(data: Path, output: Path, seconds: float) -> dict[str, dict[str, Quality]]:
    """Measure, and write JSON and the plot."""
    folder, model = data / "scenescape", data / "models/yolox-nano/yolox_nano.onnx"
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        videos = [work / f"{camera}_10fps.mp4" for camera in SCENESCAPE_CAMERAS]
        for video in videos:
            if length(folder / video.name) > seconds * FPS:
                shortened(folder / video.name, video, round(seconds * FPS))
            else:
                shutil.copy(folder / video.name, video)
        found = everything(videos, folder, model, work)
        frames = {video.stem.removesuffix("_10fps"): range(WARM_UP, length(video)) for video in videos}
    sites = {name: (scenescape(folder, name), frames[name]) for name in SCENESCAPE_CAMERAS}
    result = {
        camera: {way: quality(found[camera][way], site.views, of) for way in WAYS}
        for camera, (site, of) in sites.items()
    }
    output.mkdir(parents=True, exist_ok=True)
    written = {
        camera: {
            "frames": len(frames[camera]),
            "annotated": sum(len(sites[camera][0].views[frame].boxes) for frame in frames[camera]),
            "ways": {way: {**of.figures, "right_but_not_annotated": of.outside} for way, of in ways.items()},
        }
        for camera, ways in result.items()
    }
    (output / "tracks.json").write_text(json.dumps(written, indent=1) + "\n")
    draw(result, sites, found, output / "tracks.png")
    return result


def main() -> None:
    parser = arguments(__doc__, Path(__file__).parent)
    parser.add_argument("--seconds", type=float, default=80, help="of the videos, from their start")
    options = parser.parse_args()
    result = run(options.data, options.output, options.seconds)
    print(table(result))
    kept = {
        camera: {
            way: {key: round(of.figures["ground"][key], 3) for key in ("precision", "found", "median_m")}
            for way, of in ways.items()
        }
        for camera, ways in result.items()
    }
    print(json.dumps(kept))


if __name__ == "__main__":
    main()
