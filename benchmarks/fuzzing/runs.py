"""Readers of run folders: all that the dashboard's server and the report make of what a run has left."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.dashboard_run import make_city
from benchmarks.fuzzing.mutate import mutate_bytes, mutate_table, mutate_text, mutate_tree
from benchmarks.fuzzing.tables import as_parquet
from sdist_ray.report.run_folder import read_run
from sdist_ray.report.snapshots import read_snapshot
from sdist_ray.serve.app import create_app
from sdist_ray.serve.watcher import Watcher

Reader = Callable[[random.Random], None]
PATHS = (
    "status", "topology", "edges?limit=1000", "health", "partitions", "distancing", "people?at_s=100",
    "violations?limit=1000",
)  # fmt: skip


def runs(folder: Path) -> Reader:
    """A run's folder of which one file is damaged: whatever the server is asked, it answers."""
    place, saved = make_city(folder / "run", 24), folder / "saved"
    _distances(place)
    first = json.loads((place / "summary.json").read_text())["cameras"][0]["id"]
    pictures = sorted(place.rglob("*.jpg"))
    names = sorted(path for kind in ("*.json", "*.parquet", "*.csv") for path in place.glob(kind))
    shown = _Shown()
    app = create_app(cast(Watcher, shown), ("127.0.0.1",))

    def read(rng: random.Random) -> None:
        path = rng.choice(pictures if rng.random() < 0.05 else names)
        path.rename(saved)
        try:
            _damage(rng, saved, path)
            shown.watcher = Watcher(place)
            shown.watcher.look()
            for url in (*PATHS, f"camera?id={first}", f"picture?id={first}"):
                status = asyncio.run(ask(app, f"/api/v1/{url}"))
                assert status in (200, 404), f"{url}: {status}, {path.name}"
            read_snapshot(place, first)
            # Refuses what the server shows in part.
            read_run(place)
        finally:
            saved.replace(path)

    return read


class _Shown:
    """The watcher that the server asks now: to make a server takes longer than all that it is asked."""

    watcher: Watcher

    def __getattr__(self, name: str) -> Any:
        return getattr(self.watcher, name)


def _damage(rng: random.Random, source: Path, path: Path) -> None:
    data = source.read_bytes()
    if path.suffix == ".json" and rng.random() < 0.8:
        changed = json.dumps(mutate_tree(rng, json.loads(data)), default=str)
        path.write_text(changed, errors="surrogatepass")
    elif path.suffix == ".csv":
        path.write_bytes(mutate_text(rng, data.decode()))
    elif path.suffix == ".parquet" and rng.random() < 0.8:
        try:
            path.write_bytes(as_parquet(mutate_table(rng, pq.read_table(source)), rng))
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            path.write_bytes(mutate_bytes(rng, data))
    else:
        path.write_bytes(mutate_bytes(rng, data))


async def ask(app: Any, url: str) -> int:
    """The status of an answer; what the application raises comes through."""
    path, _, query = url.partition("?")
    said: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            said.append(message["status"])

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
        "headers": [(b"host", b"127.0.0.1")], "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
    }  # fmt: skip
    await app(scope, receive, send)
    return said[0]


def _distances(folder: Path) -> None:
    """What a distancing run leaves, as far as the server reads it."""
    rng, count, many = np.random.default_rng(1), 400, 12
    time_s = np.sort(rng.uniform(0, 120, count))
    people = {
        "camera": pa.array(rng.choice(["lobby", "yard"], count).tolist(), pa.string()),
        "tick": (time_s * 10).astype(np.int64), "time_s": time_s,
        "track": rng.integers(0, 9, count), "x": rng.uniform(0, 300, count), "y": rng.uniform(0, 200, count),
        "width": np.full(count, 20.0), "height": np.full(count, 60.0),
        "ground_x_m": rng.uniform(0, 9, count), "ground_y_m": rng.uniform(0, 9, count),
        "group": pa.nulls(count, pa.int64()),
    }  # fmt: skip
    start = rng.uniform(0, 100, many)
    violations = {
        "id": np.arange(many), "person_a": np.arange(many), "person_b": np.arange(many) + 1,
        "start_s": start, "end_s": start + 4, "least_distance_m": np.full(many, 1.2),
        "mean_distance_m": np.full(many, 1.5), "x_m": np.full(many, 3.0), "y_m": np.full(many, 4.0),
        "cameras": pa.array([["lobby"]] * many, pa.list_(pa.string())),
        "severity": pa.array(["brief"] * many, pa.string()),
        "least_distance_px": np.full(many, 80.0), "mean_distance_px": np.full(many, 90.0),
    }  # fmt: skip
    pq.write_table(pa.table(people), folder / "people.parquet")
    pq.write_table(pa.table(violations), folder / "violations.parquet")
