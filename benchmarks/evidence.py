"""What counting visits and base rates costs: a recording to links, in one process, with it and without.

    python -m benchmarks.evidence [--cases indexed:300 indexed:1000 dense:300] [--minutes 5] [--rounds 5]

Half a person per camera and tick. Counting: reading, collating, padding, counting, the search for the pairs
that pass. To links: with what makes links of these pairs, which with evidence says how sure each is. With and
without in turn, medians of CPU times of the process. Last line: one JSON object; ``ratio`` is the speed of
counting with evidence over that without, ``ratio_to_links`` likewise, each the least of all cases'.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

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
from sdist_ray.topology.links import DirectedLinks, Links, join_directed, mutual_links
from sdist_ray.topology.screening import Screening

RESULTS = Path(__file__).parent / "results"
GRID, CLOCK = Grid(), Clock(10.0, 20)
SETTINGS = TopologySettings()


class Run(NamedTuple):
    """Seconds of CPU until pairs were found and until they were links, and how many."""

    counting_s: float
    links_s: float
    links: int


def run(path: Path, names: tuple[str, ...], evidence: bool, store: str) -> Run:
    """A recording to links."""
    began = time.process_time()
    counted: list[float] = []
    network = NetworkSpec(names, GRID, CLOCK)
    counting = Counting(Padding(GRID, CLOCK, 3), "wide", store)
    tally = Tally(network, padding=counting.padding if evidence else None)
    feeds = RecordingFeeds(network, path, feet=False)
    running = LocalNetwork(feeds, network, counting, 1, 1, Keeping(), tally)
    running.run()

    def ask(estimator: str, threshold: float, screening: Screening | None = None) -> list[DirectedLinks]:
        if tally.rates is not None:
            # What waits to be counted is counting, too.
            tally.rates.rates()
        found = running.directed_links(names, estimator, threshold, screening)
        counted.append(time.process_time() - began)
        return found

    links: Links | None
    if evidence:
        links = links_of(SETTINGS, tally, ask, names, GRID.windows)
    else:
        parts = ask(SETTINGS.estimator, SETTINGS.threshold)
        links = mutual_links(join_directed(parts), names, GRID.windows)
    assert links is not None
    return Run(counted[0], time.process_time() - began, len(links))


def case(store: str, cameras: int, minutes: float, rounds: int) -> dict[str, Any]:
    """One network: seconds with and without."""
    names = tuple(f"c{number:05}" for number in range(cameras))
    runs: dict[bool, list[Run]] = {False: [], True: []}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "r.parquet"
        with RecordingWriter(path, names, GRID, CLOCK.fps) as writer:
            writer.write(some_rows(cameras, round(minutes * 600), GRID))
        # The first round compiles, and is not counted.
        for number in range(rounds + 1):
            found = {evidence: run(path, names, evidence, store) for evidence in (False, True)}
            assert found[False].links == found[True].links, "evidence changes no counts"
            if number:
                for evidence, one in found.items():
                    runs[evidence].append(one)
    result: dict[str, Any] = {"store": store, "cameras": cameras, "minutes": minutes}
    for what, suffix in (("counting_s", ""), ("links_s", "_to_links")):
        without, with_it = (
            statistics.median(getattr(one, what) for one in runs[evidence]) for evidence in (False, True)
        )
        result |= {
            f"without{suffix}_cpu_s": round(without, 3), f"with{suffix}_cpu_s": round(with_it, 3),
            f"ratio{suffix}": round(without / with_it, 3),
        }  # fmt: skip
    return result


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
    result = {ratio: min(entry[ratio] for entry in cases) for ratio in ("ratio", "ratio_to_links")}
    result["cases"] = cases
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "evidence.json").write_text(json.dumps({**result, "machine": machine()}, indent=2) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
