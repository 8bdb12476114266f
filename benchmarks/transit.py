"""Transit edges: how many are right, how long they say it takes, and what they cost at 1000 cameras.

    python -m benchmarks.transit [--seeds 11 12 13 14 15] [--minutes 60 120 240] [--cameras 100 300 1000]

Quality: sites of halls that lie 40 by 36 m apart, with ground between them that no camera sees (24 cameras,
30 people, 10 FPS, one detection in ten missed), on seeds that nothing was tuned on. Everything is learnt from
the occupancy, the links between overlapping cameras as well. A pair of cameras that share no ground is truly
adjacent where people walk straight from one's view into the other's at least ``often`` times an hour, in both
directions together; an edge is right where they do so at least ``seldom`` times. The histogram method of
Ellis, Makris and Black, at the number of deviations that is best for it on these very seeds, is given the
same links and events.

Null: the same occupancy, each camera's moved in time by another amount: every edge is false. And shifted
footage of more cameras: in groups that are moved together, edges across groups are false.

Cost: the learner on made-up occupancy of many cameras, half a person in view of each, all pairs searched.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from benchmarks.machine import machine
from benchmarks.transit_runs import OFTEN_PER_HOUR, SELDOM_PER_HOUR, cost, measure, shifted

RESULTS = Path(__file__).parent / "results"


def rates(parts: list[dict[str, int]]) -> dict[str, float]:
    """Precision and recall over several sites."""
    total = {name: sum(part[name] for part in parts) for name in parts[0]}
    return {
        "precision": total["found_seldom"] / max(total["found"], 1),
        "precision_often": total["found_true"] / max(total["found"], 1),
        "precision_ever": total["found_ever"] / max(total["found"], 1),
        "recall": total["found_true"] / max(total["true"], 1),
        "found": total["found"],
        "true": total["true"],
    }


def summed(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """All seeds of one length together."""
    histogram = {d: rates([run["histogram"][d] for run in runs]) for d in runs[0]["histogram"]}

    def f1(rate: dict[str, float]) -> float:
        p, r = rate["precision"], rate["recall"]
        return 2 * p * r / max(p + r, 1e-9)

    best = max(histogram, key=lambda d: f1(histogram[d]))
    errors = [error for run in runs for error in run["errors"]]
    return {
        "minutes": runs[0]["minutes"],
        **rates([run["ours"] for run in runs]),
        "median_time_error": float(np.median(errors)) if errors else None,
        "histogram": {"deviations": float(best), **histogram[best]},
        "null_found": sum(run["null_found"] for run in runs),
    }


def draw(lengths: list[dict[str, Any]], path: Path) -> None:
    """Precision and recall against footage."""
    figure = Figure(figsize=(7, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    minutes = [length["minutes"] for length in lengths]
    for name, colour in (("precision", "#1f77b4"), ("recall", "#d62728")):
        left.plot(minutes, [length[name] for length in lengths], "o-", color=colour, label=name)
        known = [length["histogram"][name] for length in lengths]
        left.plot(minutes, known, "o:", color=colour, label=f"{name}, histogram method")
    left.axhline(0.9, color="#9a9a9a", lw=0.8)
    left.set_ylim(0, 1.05)
    left.legend(frameon=False, fontsize=7)
    right.plot(
        minutes, [100 * (length["median_time_error"] or 0) for length in lengths], "o-", color="#1f77b4"
    )
    right.axhline(10, color="#9a9a9a", lw=0.8)
    right.set_ylim(0, None)
    for axes, title in ((left, "Pairs of cameras"), (right, "Median error of mean transit times, %")):
        axes.set_title(title, loc="left", fontsize=9)
        axes.set_xlabel("minutes of footage")
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=130)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="*", default=[11, 12, 13, 14, 15])
    parser.add_argument("--minutes", type=float, nargs="*", default=[60.0, 120.0, 240.0])
    parser.add_argument(
        "--cameras", type=int, nargs="*", default=[100, 300, 1000], help="whose cost is measured"
    )
    parser.add_argument("--cost_minutes", type=float, default=10.0)
    parser.add_argument("--null", nargs="*", default=["100:60:11", "100:60:12", "100:60:13", "1000:60:11"],
                        help="shifted footage: cameras:minutes:seed")  # fmt: skip
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        kind, *numbers = arguments.one.split(":")
        first, *rest = (float(number) for number in numbers)
        run = {"site": measure, "cost": cost, "null": shifted}[kind]
        one = run(int(first), rest[0], *(int(seed) for seed in rest[1:]))
        print(json.dumps(one))
        return

    def apart(one: str) -> dict[str, Any]:
        # In a process of its own: peak memory is a process's.
        command = [sys.executable, "-m", "benchmarks.transit", f"--one={one}"]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    runs, lengths = [], []
    for minutes in arguments.minutes:
        of_length = [apart(f"site:{seed}:{minutes}") for seed in arguments.seeds]
        runs += of_length
        lengths.append(summed(of_length))
        print(json.dumps(lengths[-1]), flush=True)
    costs = [apart(f"cost:{cameras}:{arguments.cost_minutes}") for cameras in arguments.cameras]
    print(json.dumps({"cost": costs}), flush=True)
    null = [apart(f"null:{one}") for one in arguments.null]
    print(json.dumps({"null": null}), flush=True)
    result = {
        "machine": machine(),
        "often_per_hour": OFTEN_PER_HOUR,
        "seldom_per_hour": SELDOM_PER_HOUR,
        "lengths": lengths,
        "cost": costs,
        "null": null,
        "runs": runs,
    }
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "transit.json").write_text(json.dumps(result, indent=1) + "\n")
    if lengths:
        draw(lengths, arguments.output / "transit.png")
    longest = lengths[-1] if lengths else {}
    names = ("minutes", "precision", "recall", "median_time_error", "null_found")
    line = {name: longest.get(name) for name in names}
    print(json.dumps({**line, "cost": costs, "null": null}))


if __name__ == "__main__":
    main()
