"""What a distancing job takes beside its neural network: its time per frame over the bare forward pass.

    SDIST_DATA=… python -m benchmarks.distancing [--model FILE] [--video FILE] [--rounds 5] [--frames N]

In each round, in one process: the model's forward pass alone on prepared frames, through ONNX Runtime with
as many threads as the job gives it; then the job, from reading to the annotated video, tables and pictures
(not the report's page). The ratio is the median over rounds of the two in turn. By default YOLOX-nano on
PETS 2009.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import resource
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import machine
from sdist_ray.cameras.camera import Camera
from sdist_ray.detection.make import shared_model
from sdist_ray.detection.neural import NeuralSettings
from sdist_ray.distancing.tracks import TrackSettings
from sdist_ray.distancing.watch import WatchSettings
from sdist_ray.runtime.watch_plan import WatchPlan
from sdist_ray.runtime.watched import Drawing
from sdist_ray.runtime.watching import WatchWorker
from sdist_ray.video.files import VideoFile

RESULTS = Path(__file__).parent / "results" / "distancing.json"
START_SCORE, CONTINUE_SCORE = 0.3, 0.25
KINDS = {
    "whole": Drawing(),
    "no panel": Drawing(panel="none"),
    "no video": Drawing(video=False),
}


def forward_s(settings: NeuralSettings, threads: int, tensors: list[np.ndarray]) -> float:
    """Seconds per frame of the network alone, on one frame at a time."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(settings.model), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    session.run(None, {name: tensors[0]})
    start = time.perf_counter()
    for tensor in tensors:
        session.run(None, {name: tensor})
    return (time.perf_counter() - start) / len(tensors)


def job_s(settings: NeuralSettings, threads: int, video: Path, drawing: Drawing) -> float:
    """Seconds per frame of the job."""
    tracks = TrackSettings(start_score=START_SCORE)
    plan = WatchPlan(settings, WatchSettings(tracks=tracks), "perspective", None, 0.0, None, drawing, threads)
    with tempfile.TemporaryDirectory() as folder:
        worker = WatchWorker(plan, Path(folder))
        start = time.perf_counter()
        (watched,) = worker.run([Camera("camera", str(video))])
        seconds = time.perf_counter() - start
    assert watched.problem is None, watched.problem
    return seconds / watched.frames


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    data = Path(os.environ.get("SDIST_DATA", "."))
    parser.add_argument("--model", type=Path, default=data / "models/yolox-nano/yolox_nano.onnx")
    parser.add_argument("--video", type=Path, default=data / "pets2009/View_001_vtest_480x360.mp4")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--frames", type=int, default=300, help="of the bare forward pass (default 300)")
    parser.add_argument("--output", type=Path, default=RESULTS)
    arguments = parser.parse_args()

    settings = NeuralSettings(arguments.model.absolute(), score=CONTINUE_SCORE)
    model = shared_model(settings, arguments.threads)
    frames = itertools.islice(VideoFile(arguments.video), arguments.frames)
    tensors = [model.prepare(frame.image).tensor for frame in frames]
    rounds: list[dict[str, float]] = []
    for number in range(arguments.rounds):
        entry = {"forward": forward_s(settings, arguments.threads, tensors)}
        entry |= {
            name: job_s(settings, arguments.threads, arguments.video, drawing)
            for name, drawing in KINDS.items()
        }
        rounds.append(entry)
        print(
            f"round {number + 1}:",
            {name: f"{value * 1e3:.1f} ms" for name, value in entry.items()},
            flush=True,
        )
    result: dict[str, Any] = {
        "machine": machine(),
        "model": arguments.model.name,
        "video": arguments.video.name,
        "threads": arguments.threads,
        "rounds": rounds,
        "ms_per_frame": {name: statistics.median(r[name] for r in rounds) * 1e3 for name in rounds[0]},
        "ratio": statistics.median(r["whole"] / r["forward"] for r in rounds),
        "ratios": {name: statistics.median(r[name] / r["forward"] for r in rounds) for name in KINDS},
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }
    arguments.output.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
