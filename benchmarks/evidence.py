"""What counting visits and base rates costs: a recording to links, in one process, with it and without.

    python -m benchmarks.evidence [--cases indexed:300 indexed:1000 dense:300] [--minutes 5] [--rounds 5]

Half a person per camera and tick. All of it: reading, collating, padding, counting, links. With and without
in turn, medians of CPU times of the process. Last line: one JSON object; ``ratio`` is the speed with evidence
over that without, the least of all cases'.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.faults import some_rows
from benchmarks.machine import machine
from sdist_ray.exclusion.tile import Counting
from sdist_ray.jobs.evidence import links_of
from sdist_ray.jobs.network import RecordingFeeds
from sdist_ray.occupancy.block import Clock
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.padding import Padding
from sdist_ray.occupancy.recording import RecordingWriter
from sdist_ray.runtime.base import Keeping
from sdist_ray.runtime.feeds import NetworkSpec
from sdist_ray.runtime.local import LocalNetwork
from sdist_ray.runtime.network import Tally
from sdist_ray.settings import TopologySettings
from sdist_ray.topology.links import Links, join_directed, mutual_links

RESULTS = Path(__file__).parent / "results"
GRID, CLOCK = Grid(), Clock(10.0, 20)
SETTINGS = TopologySettings()


def run(path: Path, names: tuple[str, ...], evidence: bool, store: str) -> tuple[float, int]:
    """Seconds of CPU, and links."""
    began = time.process_time()
    network = NetworkSpec(names, GRID, CLOCK)
    counting = Counting(Padding(GRID, CLOCK, 3), "wide", store)
    tally = Tally(network, padding=counting.padding if evidence else None)
    feeds = RecordingFeeds(network, path, feet=False)
    running = LocalNetwork(feeds, network, counting, 1, 1, Keeping(), tally)
    running.run()
    links: Links | None
    if evidence:
        links = links_of(SETTINGS, tally, partial(running.directed_links, names), names, GRID.windows)
    else:
        parts = running.directed_links(names, SETTINGS.estimator, SETTINGS.threshold)
        links = mutual_links(join_directed(parts), names, GRID.windows)
    return time.process_time() - began, len(links)


def case(store: str, cameras: int, minutes: float, rounds: int) -> dict[str, Any]:
    """One network: seconds with and without."""
    names = tuple(f"c{number:05}" for number in range(cameras))
    seconds: dict[bool, list[float]] = {False: [], True: []}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "r.parquet"
        with RecordingWriter(path, names, GRID, CLOCK.fps) as writer:
            writer.write(some_rows(cameras, round(minutes * 600), GRID))
        # The first round compiles, and is not counted.
        for number in range(rounds + 1):
            links = set()
            for evidence in (False, True):
                took, found = run(path, names, evidence, store)
                links.add(found)
                if number:
                    seconds[evidence].append(took)
            assert len(links) == 1, "evidence changes no counts"
    without, with_it = (statistics.median(seconds[evidence]) for evidence in (False, True))
    return {
        "store": store, "cameras": cameras, "minutes": minutes, "without_cpu_s": round(without, 3),
        "with_cpu_s": round(with_it, 3), "ratio": round(without / with_it, 3),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", nargs="+", default=["indexed:300", "indexed:1000", "dense:300"])
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    cases = []
    for store, cameras in (one.split(":") for one in arguments.cases):
        cases.append(case(store, int(cameras), arguments.minutes, arguments.rounds))
        print(json.dumps(cases[-1]), flush=True)
    result = {"ratio": min(entry["ratio"] for entry in cases), "cases": cases}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "evidence.json").write_text(json.dumps({**result, "machine": machine()}, indent=2) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
