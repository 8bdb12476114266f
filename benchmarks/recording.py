"""How fast a recording is read into ranges, in rows (camera ticks) a second, on one core.

    python -m benchmarks.recording [--cameras 200] [--minutes 10] [--rounds 5]

Half a person per camera on average, 10 FPS. "decode" reads all rows; "ranges" also collates them into the
words that exclusion counts.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from matplotlib.figure import Figure

from sdist_ray.occupancy.block import Clock, Rows
from sdist_ray.occupancy.collate import Collator
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.recording import RecordingWriter, open_recording
from sdist_ray.runtime.feeds import NetworkSpec, RecordingFeed

RESULTS = Path(__file__).parent / "results"
GRID = Grid()


def some_rows(cameras: int, ticks: int) -> Rows:
    """Rows of every camera at every tick, half a person in each."""
    rng = np.random.default_rng(0)
    count = cameras * ticks
    people = np.minimum(rng.poisson(0.5, count), 3)
    ends = np.cumsum(people)
    return Rows(
        np.tile(np.arange(cameras, dtype=np.int32), ticks),
        np.repeat(np.arange(ticks, dtype=np.int64), cameras),
        rng.integers(0, GRID.windows, ends[-1]).astype(np.uint16),
        ends,
        rng.random(ends[-1], dtype=np.float32),
        rng.random(ends[-1], dtype=np.float32),
        ends,
    )


def decode(path: Path) -> int:
    return sum(len(rows.tick) for rows in open_recording(path).batches())


def ranges(path: Path) -> int:
    recording = open_recording(path)
    network = NetworkSpec(recording.cameras, recording.grid, Clock())
    feed = RecordingFeed(network, path)
    collator = Collator(len(network.cameras), network.grid, network.clock)
    index: int | None = network.clock.range_of(recording.first_tick)
    count = 0
    while index is not None:
        delivery = feed.advance(index)
        collator.add(delivery.rows)
        count += len(collator.close(index)[0].tick)
        index = delivery.next_range
    return count


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cameras", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    pa.set_cpu_count(1)
    rows = some_rows(arguments.cameras, round(arguments.minutes * 600))
    result: dict[str, object] = {"cameras": arguments.cameras, "rows": len(rows.tick)}
    with tempfile.TemporaryDirectory() as folder:
        for name in ("parquet", "arrow"):
            path = Path(folder) / f"r.{name}"
            with RecordingWriter(path, [f"c{n:05}" for n in range(arguments.cameras)], GRID, 10.0) as writer:
                writer.write(rows)
            result[f"{name}_bytes_per_row"] = path.stat().st_size / len(rows.tick)
            speeds: dict[str, list[float]] = {"decode": [], "ranges": []}
            for number in range(arguments.rounds + 1):
                for kind, function in (("decode", decode), ("ranges", ranges)):
                    start = time.perf_counter()
                    assert function(path) == len(rows.tick)
                    if number:
                        speeds[kind].append(len(rows.tick) / (time.perf_counter() - start))
            for kind, values in speeds.items():
                result[f"{name}_{kind}_rows_per_s"] = statistics.median(values)
    result["peak_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "recording.json").write_text(json.dumps(result, indent=2) + "\n")
    figure = Figure(figsize=(6, 3.2), layout="constrained")
    axes = figure.subplots()
    speeds_shown = {k.removesuffix("_rows_per_s"): v for k, v in result.items() if k.endswith("_rows_per_s")}
    axes.bar(
        [k.replace("_", "\n") for k in speeds_shown], [float(str(v)) / 1e6 for v in speeds_shown.values()]
    )
    axes.set_ylabel("million rows a second, one core")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(RESULTS / "recording.png", dpi=130)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
