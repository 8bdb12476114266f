"""One detection core: total frame rate against streams (the paper's figure 4), and where the time goes.

    python -m benchmarks.detection_node                     some 5 minutes; needs SDIST_DATA or --data
    python -m benchmarks.detection_node --source site       on a rendered site, without any data
    python -m benchmarks.detection_node --streams 100,300 --quality 90

Two pipelines on the same 320x240 JPEG files, everything from the file's bytes to rows of occupancy: ours, and
OpenCV's (imdecode, MOG2, morphology, connectedComponentsWithStats) with the same settings. Every stream is a
camera with a background of its own and a place of its own in its clip, all of them live: no background stays
in the cache from one of its frames to the next. The two take turns on one core; times are that core's, and
medians over the rounds; where a virtual machine's host takes a twentieth of it or more, once more.

cameras_at_10fps is the frame rate with the most streams, over 10: those streams are at least as many as that,
or it is not counted. Its last printed line is one JSON object.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import resource
import statistics
from functools import partial
from pathlib import Path
from typing import Any

import cv2

from benchmarks.detection_plots import draw
from benchmarks.detection_runs import (
    SETTINGS,
    SIZE,
    Clip,
    OpenCv,
    Ours,
    bandwidth,
    clips_of,
    quality_of,
    run,
    stage_times,
)
from benchmarks.machine import Stolen, machine, undisturbed
from sdist_ray.detection.mixture import ALL_AT_FIRST

RESULTS = Path(__file__).parent / "results"
STREAMS = (1, 5, 10, 20, 40, 60, 100, 150, 200, 250, 300)
MOST_OPENCV = 60
"""Streams of OpenCV's pipeline: more than it can keep up with."""
FRAMES_A_ROUND = 1500
QUALITIES = (40, 60, 75, 90)
FPS = 10


def numbers(text: str) -> tuple[int, ...]:
    return tuple(sorted(int(part) for part in text.split(",")))


def figure_4(
    clips: list[Clip], streams: tuple[int, ...], rounds: int, most_opencv: int = MOST_OPENCV
) -> list[dict[str, Any]]:
    """Frames a second of both pipelines, for every number of streams."""
    kinds: dict[str, list[Any]] = {
        "ours": [Ours(k) for k in range(max(streams))],
        "opencv": [OpenCv(k) for k in range(min(max(streams), most_opencv))],
    }
    warm = ALL_AT_FIRST
    ticks = dict.fromkeys(kinds, warm)
    for cameras in kinds.values():
        run(cameras, clips, 0, warm)
    # As a live worker does.
    gc.freeze()
    every = SETTINGS.mixture.learn_every
    rows: list[dict[str, Any]] = [{"streams": n, "ours": [], "opencv": []} for n in streams]
    for _ in range(rounds):
        for row in rows:
            for kind, cameras in kinds.items():
                n = row["streams"]
                if n > len(cameras):
                    continue
                # Whole cycles of learning.
                count = (
                    max(1, (FRAMES_A_ROUND if kind == "ours" else FRAMES_A_ROUND // 5) // n // every) * every
                )
                measure = partial(rate, cameras[:n], clips, ticks, kind, count)
                row[kind].append(undisturbed(measure, 1.0)["fps"])
    for row in rows:
        for kind in kinds:
            row[f"{kind}_fps"] = statistics.median(row[kind]) if row[kind] else None
    return rows


def rate(
    cameras: list[Any], clips: list[Clip], ticks: dict[str, int], kind: str, count: int
) -> dict[str, Any]:
    """Frames a second of some cameras' next frames; ``ticks``, the next of each kind, is updated."""
    stolen = Stolen()
    spent_s = run(cameras, clips, ticks[kind], count)
    ticks[kind] += count
    return {"fps": count * len(cameras) / spent_s, "stolen_share": stolen.share}


def cameras_at(rows: list[dict[str, Any]], kind: str, best: bool = False) -> int:
    """Cameras at 10 FPS by throughput, with at least as many live: of the best round, or the median."""
    last = max((row for row in rows if row[f"{kind}_fps"]), key=lambda row: row["streams"])
    fps = max(last[kind]) if best else last[f"{kind}_fps"]
    return min(int(fps / FPS), last["streams"])


def stages(clips: list[Clip], streams: int, rounds: int) -> dict[str, Any]:
    """Where ours spends its time, and what memory alone would take."""
    cameras: list[Any] = [Ours(k) for k in range(streams)]
    every = SETTINGS.mixture.learn_every
    warm = ALL_AT_FIRST + every
    run(cameras, clips, 0, warm)
    parts = [stage_times(cameras, clips, warm + every * k, every) for k in range(rounds)]
    times = {name: statistics.median(part[name] for part in parts) for name in parts[0]}
    snapshot = cameras[0].detector.snapshot()
    assert snapshot is not None
    pixels = SIZE[0] * SIZE[1]
    # Of the fittest modes, means and limits are read for every frame, and all is read and written when it
    # is learnt from; the other two only where the fittest does not take a value, some percent.
    plane = 2 * pixels
    touched = round((2 * plane * (every - 1) + 6 * plane) / every)
    speed = bandwidth()
    bound_ms = touched / speed * 1e3
    return {
        "ms_per_frame": times,
        "bytes_of_state_per_camera": snapshot.mixture.fittest.nbytes + snapshot.mixture.others.nbytes,
        "mixture_bytes_per_frame_at_least": touched,
        "bandwidth_bytes_per_s": speed,
        "mixture_memory_bound_ms": bound_ms,
        "mixture_over_memory_bound": times["mixture"] / bound_ms,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--source", choices=("all", "pets", "scenescape", "site"), default="all")
    parser.add_argument(
        "--data", default=os.environ.get("SDIST_DATA"), help="folder with pets2009 and scenescape"
    )
    parser.add_argument("--streams", type=numbers, default=STREAMS, help="(default 1 to 300)")
    parser.add_argument("--quality", type=int, default=60, help="of the JPEG files (default 60)")
    parser.add_argument("--rounds", type=int, default=7, help="of which the median is taken (default 7)")
    parser.add_argument("--frames", type=int, default=800, help="of a clip, at most (default 800)")
    parser.add_argument(
        "--output", type=Path, default=RESULTS / "detection_node.json", help="(default %(default)s)"
    )
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    data = Path(arguments.data) if arguments.data else None
    source = arguments.source if data else "site"

    def clips(quality: int) -> list[Clip]:
        return clips_of(source, data, quality, arguments.frames)

    used = clips(arguments.quality)
    rows = figure_4(used, arguments.streams, arguments.rounds)
    ours, opencv = cameras_at(rows, "ours"), cameras_at(rows, "opencv")
    by_streams = {row["streams"]: row for row in rows}
    both = max(n for n, row in by_streams.items() if row["opencv_fps"])
    result: dict[str, Any] = {
        "cameras_at_10fps": ours,
        "cameras_at_10fps_best_round": cameras_at(rows, "ours", best=True),
        "opencv_cameras_at_10fps": opencv,
        "ratio": statistics.median(
            a / b for a, b in zip(by_streams[both]["ours"], by_streams[both]["opencv"], strict=True)
        ),
        "ratio_at_streams": both,
        "source": source,
        "size": list(SIZE),
        "quality": arguments.quality,
        "bytes_per_frame": {clip.name: round(statistics.mean(map(len, clip.frames))) for clip in used},
        "runs": rows,
        "stages": stages(used, max(arguments.streams), arguments.rounds),
        "by_quality": [],
        "blobs": {
            clip.name: {"ours": quality_of(Ours(0), clip), "opencv": quality_of(OpenCv(0), clip)}
            for clip in used
            if clip.truth is not None
        },
        "machine": machine(),
    }
    for quality in QUALITIES:
        other = clips(quality)
        most = max(arguments.streams)
        (row,) = figure_4(other, (most,), max(3, arguments.rounds // 2), most_opencv=0)
        size = statistics.mean(len(data) for clip in other for data in clip.frames)
        result["by_quality"].append({"quality": quality, "bytes": round(size), "ours_fps": row["ours_fps"]})
    result["peak_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps(result, indent=1) + "\n")
    draw(result, arguments.output.with_suffix(".png"))
    for name, kinds in result["blobs"].items():
        for kind, found in kinds.items():
            print(f"{name:14} {kind:7} precision {found['precision']:.3f} recall {found['recall']:.3f}")
    print(json.dumps(result["stages"]))
    print(json.dumps(result["by_quality"]))
    keys = (
        "cameras_at_10fps",
        "cameras_at_10fps_best_round",
        "opencv_cameras_at_10fps",
        "ratio",
        "peak_bytes",
    )
    print(json.dumps({key: result[key] for key in keys}))


if __name__ == "__main__":
    main()
