"""A run's folder as the topology job would leave it, made up."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from sdist_ray.report.snapshots import write_snapshot

COLUMNS, ROWS = 12, 9
PAIRS = ((0, 1), (1, 2), (0, 2), (2, 3), (4, 5), (5, 6), (4, 6), (6, 7), (8, 9))


def picture(number: int) -> np.ndarray:
    """A street of sorts: sky, ground, a few boxes; uint8 (240, 320, 3)."""
    rng = np.random.default_rng(number)
    image = np.full((240, 320, 3), (205, 190, 175), np.uint8)
    image[90:] = rng.integers(110, 160, 3)
    for _ in range(6):
        x, y = rng.integers(0, 280), rng.integers(60, 180)
        image[y : y + rng.integers(20, 60), x : x + rng.integers(10, 40)] = rng.integers(0, 255, 3)
    return image


def make_run(
    folder: Path,
    ids: Sequence[str] | None = None,
    pairs: Sequence[tuple[int, int]] = PAIRS,
    links_per_pair: int = 110,
    snapshot: Callable[[int], np.ndarray | None] = picture,
    transit: tuple[int, int] | None = (3, 4),
) -> Path:
    """Write a run of a few cameras whose views overlap in windows that lie together."""
    ids = [f"C{n:02d}" for n in range(1, 13)] if ids is None else list(ids)
    rng = np.random.default_rng(7)
    folder.mkdir(parents=True, exist_ok=True)
    links: dict[str, list] = {name: [] for name in ("ca", "wa", "cb", "wb", "ab", "ba")}
    for a, b in pairs:
        shift = rng.integers(-3, 4)
        seen: set[tuple[int, int]] = set()
        for _ in range(links_per_pair):
            x, y = rng.integers(0, COLUMNS), rng.integers(3, ROWS)
            u = np.clip(x * 0.7 + shift + rng.integers(-1, 2) + 2, 0, COLUMNS - 1)
            v = np.clip(y + rng.integers(-1, 2), 0, ROWS - 1)
            wa, wb = int(y * COLUMNS + x), int(v) * COLUMNS + int(u)
            if (wa, wb) in seen:
                continue
            seen.add((wa, wb))
            for name, value in zip(links, (ids[a], wa, ids[b], wb, *rng.uniform(0.8, 1, 2)), strict=True):
                links[name].append(value)
    count = len(links["ca"])
    pq.write_table(
        pa.table(
            {
                "camera_a": pa.array(links["ca"], pa.string()),
                "window_a": pa.array(links["wa"], pa.uint16()),
                "camera_b": pa.array(links["cb"], pa.string()),
                "window_b": pa.array(links["wb"], pa.uint16()),
                "score_ab": pa.array(links["ab"], pa.float64()),
                "score_ba": pa.array(links["ba"], pa.float64()),
                **{
                    f"{k}_{d}": pa.array([40] * count, pa.int64())
                    for k in ("opportunities", "exclusions")
                    for d in ("ab", "ba")
                },
            }
        ),
        folder / "links.parquet",
    )
    edges = [(ids[a], ids[b], links["ca"].count(ids[a]), 0.9, "overlap", None) for a, b in pairs]
    pair_of = list(zip(links["ca"], links["cb"], strict=True))
    edges = [(a, b, pair_of.count((a, b)), s, k, t, None) for a, b, _, s, k, t in edges]
    if transit is not None:
        edges.append((ids[transit[0]], ids[transit[1]], 0, 0.6, "transit", 7.25, 42.0))
    names = ("camera_a", "camera_b", "links", "score", "kind", "transit_mean_s", "per_hour")
    kinds = (pa.string(), pa.string(), pa.int64(), pa.float64(), pa.string(), pa.float64(), pa.float64())
    pq.write_table(
        pa.table(
            {n: pa.array([e[i] for e in edges], k) for i, (n, k) in enumerate(zip(names, kinds, strict=True))}
        ),
        folder / "edges.parquet",
    )
    windows = COLUMNS * ROWS
    ticks = np.zeros((len(ids), ROWS, COLUMNS), np.int64)
    for camera in range(len(ids)):
        y, x = np.mgrid[:ROWS, :COLUMNS]
        cx, cy = rng.uniform(2, 10), rng.uniform(4, 8)
        ticks[camera] = 900 * np.exp(-((x - cx) ** 2 / 12 + (y - cy) ** 2 / 5))
    pq.write_table(
        pa.table(
            {
                "camera": pa.array(np.repeat(ids, windows).tolist(), pa.string()),
                "window": pa.array(np.tile(np.arange(windows), len(ids)).astype(np.uint16)),
                "occupied_ticks": pa.array(ticks.ravel()),
                "visits": pa.array(ticks.ravel() // 9),
            }
        ),
        folder / "windows.parquet",
    )
    failed = len(ids) - 1 if len(ids) > 10 else -1
    cameras = [
        {
            "id": name,
            "status": "failed" if n == failed else "ok",
            "message": "cannot open rtsp://user:secret@host/stream" if n == failed else None,
            "frames": 0 if n == failed else 9000 - 40 * n,
            "ticks_available": 0 if n == failed else 9000 - 35 * n,
            "ticks_unavailable": 9000 if n == failed else 35 * n,
            "warnings": ["the clock jumped by 2.1 s"] if n == 4 else [],
            "component": 0,
        }
        for n, name in enumerate(ids)
    ]
    summary = {
        "version": "0.1.0",
        "command": "topology",
        "started": "2026-05-04T09:30:12+00:00",
        "seconds": 48.27,
        "source": {"kind": "files"},
        "runtime": {"name": "ray", "workers": 2, "shards": 4},
        "grid": {"columns": COLUMNS, "rows": ROWS},
        "fps": 10.0,
        "tolerance": 2,
        "threshold": 0.8,
        "estimator": "nonexclusion",
        "cameras": cameras,
        "rates": {"frames_per_s": 2217.4},
        "topology": {"links": count, "edges": len(edges), "components": 2},
        "evaluation": {
            "windows": {
                "precision": 0.953,
                "recall": 0.921,
                "true_pairs": 1010,
                "linked_pairs": count,
            },
            "cameras": {"precision": 1.0, "recall": 0.9},
        },
    }
    (folder / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    (folder / "config.yaml").write_text(
        "source:\n  kind: files\n  paths: [rtsp://user:secret@host/stream?token=abc]\nfps: 10\n",
        encoding="utf-8",
    )
    for n, name in enumerate(ids):
        image = None if n == failed else snapshot(n)
        if image is not None:
            write_snapshot(folder, name, image)
    return folder
