"""What it costs to publish the links of a live network again and again, followed or searched for each time.

    python -m benchmarks.publishing [--cameras 300] [--people 0.5] [--minutes 60] [--every 30]

Made-up activity at 10 FPS, tolerance 5, C' > 0.8, the indexed store. One tile counts; every so many seconds
of footage both ways are asked in turn, in one process, and each one's processor time is added up. What
was published is held against the full search: it must be part of it, with the same N and O.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.central_runs import THRESHOLD, Network
from benchmarks.machine import machine
from sdist_ray.exclusion.evidence import Evidence
from sdist_ray.exclusion.store import Pairs
from sdist_ray.exclusion.tile import Counting, Tile
from sdist_ray.occupancy.padding import Padder
from sdist_ray.topology.estimators import Criterion

RESULTS = Path(__file__).parent / "results"
CRITERION = Criterion("nonexclusion", THRESHOLD)
LAST = 0.25
"""Of the run, what is taken for its end."""


def full_search(tile: Tile) -> Pairs:
    """All links, as at the end of a run."""
    return tile.pairs(CRITERION.least(tile.store.most_opportunities()), mutual=True)


def timed(ask: Callable[[], Pairs]) -> tuple[Pairs, float]:
    """What it found, and the seconds of processor time."""
    start = time.process_time()
    found = ask()
    return found, time.process_time() - start


def rows_of(pairs: Pairs) -> np.ndarray[Any, np.dtype[np.int64]]:
    """One row of numbers per pair, sorted."""
    table = np.stack([np.asarray(field) for field in vars(pairs).values()])
    return table[:, np.lexsort(table[1::-1])].T


def share_lacking(found: Pairs, full: Pairs) -> float:
    """The share of all links that was not published.

    Raises:
        AssertionError: a pair that is no link, or other counts.
    """
    some, everything = rows_of(found), rows_of(full)
    width = int(everything[:, 1].max(initial=0)) + 1
    keys = everything[:, 0] * width + everything[:, 1]
    at = np.searchsorted(keys, some[:, 0] * width + some[:, 1])
    assert len(some) <= len(everything)
    assert np.array_equal(everything[at], some)
    return 1 - len(some) / max(1, len(everything))


def run(network: Network, every_s: float) -> dict[str, Any]:
    """Both ways, in turn."""
    tile = Tile(network.names, network.names, Counting(network.padding, "wide", "indexed"))
    padder, seen, asked = Padder(network.padding), 0.0, 0.0
    spent: dict[str, list[float]] = {"follow": [], "search": []}
    lacking: list[float] = []
    searches = 0
    evidence = tile.store.evidence  # type: ignore[attr-defined]
    for entry in network.ranges():
        for padded in padder.push(entry):
            tile.apply(padded, network.names)
            seen += network.padding.clock.range_ticks / network.padding.clock.fps
        if seen - asked < every_s:
            continue
        asked = seen
        # What one has sorted is not to help the other.
        forget_sorted(evidence)
        found, seconds = timed(lambda: tile.follow(CRITERION))
        spent["follow"].append(seconds)
        searches += evidence._events is not None
        forget_sorted(evidence)
        full, seconds = timed(lambda: full_search(tile))
        spent["search"].append(seconds)
        lacking.append(share_lacking(found, full))
    last = max(1, round(LAST * len(lacking)))
    between = [share for share in lacking[-last:] if share]
    return {
        "cameras": network.cameras,
        "people": network.people,
        "minutes": network.seconds / 60,
        "every_s": every_s,
        "publications": len(lacking),
        "searches": searches,
        "links": len(full),
        "follow_cpu_s": sum(spent["follow"]),
        "search_cpu_s": sum(spent["search"]),
        "ratio": sum(spent["search"]) / sum(spent["follow"]),
        "last_quarter_ratio": sum(spent["search"][-last:]) / sum(spent["follow"][-last:]),
        "follow_median_s": statistics.median(spent["follow"][-last:]),
        "search_median_s": statistics.median(spent["search"][-last:]),
        "lacking_most": max(lacking),
        "lacking_last_quarter": statistics.fmean(between) if between else 0.0,
    }


def forget_sorted(evidence: Evidence) -> None:
    """As after a range was added."""
    evidence._events = None


def main() -> None:
    """Measure, write the result, and print it as the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--cameras", type=int, default=300)
    parser.add_argument("--people", type=float, default=0.5)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--every", type=float, default=30.0, help="seconds between two publications")
    arguments = parser.parse_args()
    # Everything is compiled, or loaded, before it is timed.
    run(Network(6, 2.0, 120), 2.0)
    result = run(Network(arguments.cameras, arguments.people, arguments.minutes * 60), arguments.every)
    RESULTS.mkdir(exist_ok=True)
    content = {"machine": machine(), **result}
    (RESULTS / "publishing.json").write_text(json.dumps(content, indent=1) + "\n")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
