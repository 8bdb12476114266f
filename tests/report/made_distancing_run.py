"""A distancing run's folder as the job would leave it, made up."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sdist_ray.report.annotate import Annotator, Look
from sdist_ray.report.heat_map import HeatMap
from sdist_ray.report.snapshots import write_aside
from sdist_ray.video.writer import VideoWriter
from tests.report.made_run import picture
from tests.report.scenes import TWO, scene

REASONS = ("within 1.2 m of each other, at one speed, for 8.0 s", "arrived together")


def make_distancing_run(folder: Path, ids=("lobby", "yard 2"), violations=14, groups=3, unit="m") -> Path:
    """Write a run of a few cameras, ten minutes long."""
    rng = np.random.default_rng(5)
    (folder / "pictures").mkdir(parents=True)
    (folder / "heat").mkdir()
    (folder / "annotated").mkdir()
    cameras = []
    for place, name in enumerate(ids):
        image = Annotator((320, 240), Look(unit, 2.0)).draw(picture(place), scene(TWO, near=[(0, 1)]))
        with VideoWriter(folder / f"annotated/{place}.{('mp4', 'webm')[place % 2]}", 10, (320, 240)) as video:
            video.write(image)
            video.write(image)
        write_aside(folder / f"pictures/{place}.jpg", cv2.imencode(".jpg", image)[1].tobytes())
        heat_map = HeatMap((0, 0, 10, 8), 0.5, unit)
        for tick in range(60):
            ground = np.clip(rng.normal((4, 3), 1.5, (2, 2)), 0.1, 7.9)
            heat_map.add(scene(TWO, near=[(0, 1)], ground=ground, time_s=tick / 10))
        heat_map.write(folder / f"heat/{place}.png")
        cameras.append(
            {
                "camera": name, "status": "ok", "warnings": ["the clock jumped by 2.1 s"] * (place == 1),
                "frames": 6000, "bad_frames": place, "detections": 31000, "people": 41, "violations": 7,
                "violation_s": 90.5 + place, "groups": 2, "method": "homography", "unit": unit, "limit": 2.0,
                "fps": 10.0, "video": f"annotated/{place}.{('mp4', 'webm')[place % 2]}",
                "picture": f"pictures/{place}.jpg", "heat_map": f"heat/{place}.png",
            }
        )  # fmt: skip
    cameras.append(
        {
            "camera": "gate",
            "status": "failed",
            "problem": "rtsp://user:secret@host/x: no answer",
            "video": None,
        }
    )
    summary = {
        "version": "0.1.0", "command": "distancing", "started": "2026-05-04T09:30:12+00:00", "seconds": 71.4,
        "source": {"kind": "files"}, "runtime": {"name": "ray", "workers": 2}, "method": "homography",
        "detector": {"kind": "yolo", "device": "cpu", "backend": "opencv", "model": "yolox-nano.onnx"},
        "limit_m": 2.0, "rates": {"frames_per_s": 168.4}, "cameras": cameras,
        "violations": {"count": violations, "seconds": 181.5,
                       "by_severity": {"brief": 9, "long": 4, "serious": 1}},
    }  # fmt: skip
    (folder / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    (folder / "config.yaml").write_text("source:\n  paths: [rtsp://user:secret@host/x?token=abc]\n")
    write_tables(folder, ids, violations, groups, unit, rng)
    return folder


def write_tables(folder, ids, violations, groups, unit, rng):
    count = 4000 if ids else 0
    time_s = np.sort(rng.uniform(0, 600, count))
    strings = pa.string()
    people = {
        "camera": pa.array(rng.choice(ids, count).tolist() if ids else [], strings),
        "tick": pa.array((time_s * 10).astype(np.int64)),
        "time_s": time_s,
        "track": pa.array((time_s // 20).astype(np.int64) + rng.integers(1, 5, count)),
    }
    pq.write_table(pa.table(people), folder / "people.parquet")
    start = rng.uniform(0, 560, violations)
    least = rng.uniform(0.4, 1.9, violations)
    metres = unit == "m"
    none = pa.nulls(violations, pa.float64())
    table = {
        "id": np.arange(violations),
        "person_a": np.arange(violations),
        "person_b": np.arange(violations) + 1,
        "start_s": start,
        "end_s": start + rng.exponential(12, violations),
        "least_distance_m": least if metres else none,
        "mean_distance_m": least + 0.2 if metres else none,
        "x_m": rng.uniform(0, 9, violations) if metres else none,
        "y_m": rng.uniform(0, 9, violations) if metres else none,
        "cameras": pa.array([[str(i) for i in ids]] * violations, pa.list_(strings)),
        "severity": pa.array(rng.choice(["brief", "long", "serious"], violations).tolist(), strings),
        "least_distance_px": least * 70,
        "mean_distance_px": least * 80,
    }
    pq.write_table(pa.table(table), folder / "violations.parquet")
    since = rng.uniform(0, 500, groups)
    table = {
        "camera": pa.array([ids[0]] * groups if ids else [], strings),
        "group": np.arange(groups),
        "members": pa.array([[3, 4, 9]] * groups, pa.list_(pa.int64())),
        "since_s": since,
        "recognised_s": since + 8,
        "until_s": since + 40,
        "reason": pa.array([REASONS[n % 2] for n in range(groups)], strings),
    }
    pq.write_table(pa.table(table), folder / "groups.parquet")
