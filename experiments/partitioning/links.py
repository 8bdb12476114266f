"""Links of a network that a strategy partitions as it runs, against those of the same network in one piece.

    python -m experiments.partitioning.links [--cameras 1000] [--hours 2] [--fps 1] [--cities 1 2 3]

Runs `sdist-ray topology` on a recording of a city with partition=none and with partition=screening, and
compares links.parquet. Writes links.json beside this file (or into --output), and prints it as its last line.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from sdist_ray.cli import main as sdist_ray
from sdist_ray.occupancy.block import Clock
from sdist_ray.occupancy.recording import RecordingWriter
from sdist_ray.simulation.city import City, CitySpec, make_city
from sdist_ray.simulation.city_rows import rows_of_range

LEAST_M2 = 4.0
"""Ground that two cameras share before they count as overlapping."""


def record(city: City, path: Path, clock: Clock) -> None:
    """The whole of a city as a recording."""
    with RecordingWriter(path, city.camera_ids, city.spec.grid, clock.fps) as writer:
        for entry in city.ranges(clock):
            writer.write(rows_of_range(entry, city.spec.grid, clock))


def links_of(recording: Path, folder: Path, fps: float, *settings: str) -> tuple[set[Any], dict[str, Any]]:
    """The links of a run, with their scores and counts, and its summary."""
    code = sdist_ray(
        [
            "topology", "source=recording", f"source.path={recording}", "runtime=local", f"output={folder}",
            "exclusion.store=indexed", f"exclusion.range_s={60 / fps if fps < 10 else 6}",
            f"exclusion.tolerance={max(1, round(0.3 * fps))}", "topology.transit.enabled=false",
            "topology.change.enabled=false", *settings,
        ]
    )  # fmt: skip
    assert code == 0, code
    # How sure a link is depends on how many others there are.
    table = pq.read_table(folder / "links.parquet").drop_columns(["confidence"])
    links = set(zip(*(column.to_pylist() for column in table.columns), strict=True))
    return links, json.loads((folder / "summary.json").read_text())


def compare(cameras: int, hours: float, fps: float, fdr: float, seed: int) -> list[dict[str, Any]]:
    """One city, by the threshold alone and by a false-discovery rate as well."""
    city, clock = make_city(CitySpec(cameras=cameras, minutes=hours * 60, seed=seed)), Clock(fps, 60)
    first, second, area, _, _ = city.shared
    true = {(city.camera_ids[a], city.camera_ids[b]) for a, b in zip(first, second, strict=True)}
    wide = {
        (city.camera_ids[a], city.camera_ids[b])
        for a, b in zip(first[area >= LEAST_M2], second[area >= LEAST_M2], strict=True)
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        record(city, folder / "city.parquet", clock)
        runs = []
        for rate in (None, fdr):
            judged = f"topology.fdr={'null' if rate is None else rate}"
            whole, _ = links_of(folder / "city.parquet", folder / "whole", fps, judged)
            parts, summary = links_of(
                folder / "city.parquet", folder / "parts", fps, judged, "partition=screening"
            )
            runs.append(
                {
                    "city": seed,
                    "cameras": cameras,
                    "hours": hours,
                    "fps": fps,
                    "fdr": rate,
                    **shares(whole, parts, true, wide),
                    "cost_share": summary["partition"]["cost_share"],
                    "plans": len(summary["partition"]["plans"]),
                }
            )
    return runs


def shares(
    whole: set[Any], parts: set[Any], true: set[tuple[str, str]], wide: set[tuple[str, str]]
) -> dict[str, Any]:
    """Links of the parts against those of the whole; ``true`` and ``wide`` are pairs of cameras."""

    def among(links: set[Any], pairs: set[tuple[str, str]]) -> set[Any]:
        return {link for link in links if (link[0], link[2]) in pairs}

    return {
        "links": len(whole),
        "partitioned": len(parts),
        "not_in_whole": len(parts - whole),
        "share": len(parts & whole) / len(whole),
        "links_of_overlapping": len(among(whole, true)),
        "share_of_overlapping": len(among(parts & whole, true)) / max(1, len(among(whole, true))),
        "share_of_overlapping_4_m2": len(among(parts & whole, wide)) / max(1, len(among(whole, wide))),
    }


def main() -> None:
    """Compare and write down."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cameras", type=int, default=1000, help="(default 1000)")
    parser.add_argument("--hours", type=float, default=2.0, help="of footage (default 2)")
    parser.add_argument("--fps", type=float, default=1.0, help="frames a second (default 1)")
    parser.add_argument("--fdr", type=float, default=0.01, help="topology.fdr (default 0.01)")
    parser.add_argument("--cities", type=int, nargs="+", default=[1, 2, 3], help="seeds (default 1 2 3)")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent, help="folder (default here)")
    arguments = parser.parse_args()
    footage = arguments.cameras, arguments.hours, arguments.fps, arguments.fdr
    runs = [run for city in arguments.cities for run in compare(*footage, city)]
    judged = [run["share"] for run in runs if run["fdr"] is not None]
    result = {"runs": runs, "mean_share": float(np.mean(judged))}
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "links.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
