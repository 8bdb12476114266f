"""A run of a city's cameras as a live network would leave it, made up: for the dashboard."""

from __future__ import annotations

import json
import time
from collections import deque
from pathlib import Path

import cv2
import numpy as np
from scipy.spatial import cKDTree

from sdist_ray.jobs.groups import write_groups
from sdist_ray.jobs.live_notes import HISTORY, as_content
from sdist_ray.jobs.outputs import write_graph, write_json, write_links, write_table, write_text
from sdist_ray.report.snapshots import write_snapshot
from sdist_ray.runtime.health import CameraHealth, NetworkHealth, ProcessHealth, WorkerHealth
from sdist_ray.topology.graph import camera_edges
from sdist_ray.topology.links import Links

COLUMNS, ROWS = 12, 9
WALKS = ("corridor", "gate", "hall", "lobby", "platform", "square", "stairs", "yard")


def make_city(folder: Path, cameras: int, seed: int = 1) -> Path:
    """A network of blocks whose cameras overlap; some of them dark, covered or not reached."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    ids = sorted(f"{WALKS[n % len(WALKS)]}-{n:04d}" for n in range(cameras))
    place = _places(cameras, rng)
    pairs = np.array(sorted(cKDTree(place).query_pairs(1.15)), dtype=np.int64)
    links = _links(ids, place, pairs, rng)
    edges = camera_edges(links, 3)
    write_links(folder / "links.parquet", links)
    write_graph(folder, edges, 5000)
    x, y = rng.uniform(2, 10, (2, cameras, 1)) * [[[1.0]], [[0.8]]]
    window = np.arange(COLUMNS * ROWS)
    heat = 9000 * np.exp(-((window % COLUMNS - x) ** 2 / 14 + (window // COLUMNS - y) ** 2 / 6))
    write_table(
        folder / "windows.parquet",
        {
            "camera": np.repeat(ids, len(window)).tolist(),
            "window": np.tile(window, cameras).astype(np.uint16),
            "occupied_ticks": heat.astype(np.int64).ravel(),
            "visits": heat.astype(np.int64).ravel() // 12,
        },
    )
    groups = [
        tuple(ids[n] for n in part) for part in np.array_split(np.argsort(edges.component), cameras // 24)
    ]
    write_groups(folder / "groups.csv", groups)
    now = time.time()
    health = _health(ids, len(links), len(edges), now, rng)
    write_json(folder / "summary.json", _summary(ids, edges, links, groups, health, now))
    tell(folder, health, now)
    for number, camera in enumerate(ids[:60]):
        write_snapshot(folder, camera, _picture(number))
    return folder


def tell(folder: Path, health: NetworkHealth, now: float) -> None:
    """health.json as of now."""
    history: deque[tuple[float | int | None, ...]] = deque()
    rng = np.random.default_rng(3)
    for step in range(180):
        wave = 1 + 0.02 * np.sin(step / 9) + 0.01 * rng.standard_normal()
        values = dict(zip(HISTORY, (of(health) for of in HISTORY.values()), strict=True))
        values |= {
            "time_s": now - 10 * (180 - step),
            "live": int(values["live"] * min(1.0, wave)),
            "frames_per_s": round(values["frames_per_s"] * wave, 1),
            "delay_p50_s": round(6.3 * wave, 2),
            "delay_p99_s": round(8.1 * wave**3, 2),
            "late": int(values["late"] * step / 180),
            "rss_bytes": int(values["rss_bytes"] * (0.97 + step / 6000)),
            "edges": int(values["edges"] * (1 - np.exp(-step / 40))),
        }
        history.append(tuple(values.values()))
    content = as_content("city", True, health, history)
    write_text(folder / "health.json", json.dumps(content))


def _places(cameras: int, rng: np.random.Generator) -> np.ndarray:
    """Blocks of cameras along a grid of streets, in districts that nothing joins."""
    block = rng.integers(0, max(1, cameras // 9), cameras)
    side = max(1, int(np.sqrt(cameras / 9)))
    corner = np.stack([block % side, block // side], axis=1) * 2.6
    corner += (corner // 18) * 2.5
    return corner + rng.normal(0, 0.85, (cameras, 2))


def _links(ids: list[str], place: np.ndarray, pairs: np.ndarray, rng: np.random.Generator) -> Links:
    far = np.linalg.norm(place[pairs[:, 0]] - place[pairs[:, 1]], axis=1)
    many = np.maximum(3, (70 * (1.2 - far) + rng.normal(0, 8, len(far)))).astype(np.int64)
    which = np.repeat(np.arange(len(pairs)), many)
    angle = rng.uniform(0, 2 * np.pi, len(pairs))[which]
    x, y = rng.integers(0, COLUMNS, len(which)), rng.integers(2, ROWS, len(which))
    u = np.clip(x + np.rint(4 * np.cos(angle)), 0, COLUMNS - 1).astype(np.int64)
    v = np.clip(y + np.rint(2 * np.sin(angle)), 0, ROWS - 1).astype(np.int64)
    score = np.clip(rng.normal(0.97 - 0.1 * far[which], 0.03, (2, len(which))), 0.8, 1.0)
    chances = rng.integers(40, 900, (2, len(which)))
    keys = np.stack([pairs[which, 0], y * COLUMNS + x, pairs[which, 1], v * COLUMNS + u], axis=1)
    _, first = np.unique(keys, axis=0, return_index=True)
    a, wa, b, wb = keys[first].T
    excluded = np.rint(chances * (1 - score)).astype(np.int64)
    return Links(
        tuple(ids), COLUMNS * ROWS, a, wa, b, wb, score[0][first], score[1][first],
        chances[0][first], chances[1][first], excluded[0][first], excluded[1][first],
        np.full(len(first), np.nan),
    )  # fmt: skip


def _health(ids: list[str], links: int, edges: int, now: float, rng: np.random.Generator) -> NetworkHealth:
    states = rng.choice(["live"] * 60 + ["dark", "covered", "waiting", "frozen"], len(ids))
    problems = {
        "waiting": "no answer within 5 s",
        "dark": "the picture is black",
        "frozen": "the same frame for 40 s",
    }
    cameras = tuple(
        CameraHealth(
            camera, number % 8, str(state), problems.get(str(state)), 36_000, 35_900 - number % 50,
            number % 50, 0, int(rng.poisson(0.4)), 0, int(rng.poisson(0.1)), now - rng.uniform(0, 0.2),
            35_000, int(rng.integers(200, 20_000)), 21.0, 6.2, 8.0, 0.02,
        )
        for number, (camera, state) in enumerate(zip(ids, states, strict=True))
    )  # fmt: skip
    workers = tuple(
        WorkerHealth(n, f"node-{n // 4}", 100 + n, len(ids) // 8, 0.7, 380 << 20, len(ids) * 10 / 8)
        for n in range(8)
    )
    return NetworkHealth(
        now, cameras, workers, 1, ProcessHealth("node-0", 99, 0.06, 420 << 20), 1800, 1797, 0,
        35_000 * len(ids), 6.3, 8.1, 8.4, {}, {"worker 0": 0.2}, links, edges,
    )  # fmt: skip


def _summary(ids, edges, links, groups, health, now) -> dict:
    share = sum(len(group) ** 2 for group in groups) / len(ids) ** 2
    plans = [
        {"after": None if n == 0 else int(now / 2) - 1800 + 300 * n, "groups": len(groups) * (n + 1) // 6 + 1,
         "largest": 400 // (n + 1), "pairs": int(len(ids) ** 2 * share * (4.0 / (n + 1)))}
        for n in range(6)
    ]  # fmt: skip
    return {
        "version": "0.1.0", "command": "topology", "source": {"kind": "live"}, "time_s": now,
        "grid": {"columns": COLUMNS, "rows": ROWS}, "fps": 10.0, "range_ticks": 20,
        "estimator": "nonexclusion", "threshold": 0.8, "least_links": 3, "cameras": [{"id": camera,
        "status": "ok"} for camera in ids],
        "topology": {"links": len(links), "edges": len(edges), "components": int(edges.component.max()) + 1},
        "partition": {"kind": "screening", "groups": len(groups), "cost_share": share, "plans": plans},
        "health": health.content(),
    }  # fmt: skip


def _picture(number: int) -> np.ndarray:
    """A street of sorts, with people."""
    rng = np.random.default_rng(number)
    image = np.zeros((240, 320, 3), np.uint8)
    image[:] = np.linspace(205, 120, 240)[:, None, None] * np.array([1.0, 0.97, 0.94])
    cv2.rectangle(image, (0, 0), (320, 70), (168, 150, 140), -1)
    for x in range(10, 320, 44):
        cv2.rectangle(image, (x, 16), (x + 22, 50), (120, 105, 90), -1)
    for _ in range(6):
        x, y = int(rng.integers(20, 300)), int(rng.integers(95, 230))
        tall = int(18 + (y - 70) * 0.28)
        colour = tuple(int(c) for c in rng.integers(30, 150, 3))
        cv2.ellipse(image, (x, y - tall // 2), (max(3, tall // 5), tall // 2), 0, 0, 360, colour, -1)
        cv2.circle(image, (x, y - tall), max(2, tall // 6), (150, 170, 200), -1)
    return image
