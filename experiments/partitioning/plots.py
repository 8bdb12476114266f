"""Tables and plots of what run.py wrote.

    python -m experiments.partitioning.plots [experiments/partitioning/starts.json …]

Without files: of all studies beside this file. Draws <study>.png beside each, and prints a table (Markdown).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.charts import COLOURS, GREY, tidy

FIRST_H = 2.0
GOALS = {"coverage": 0.98, "cost": 0.03}

Runs = list[dict[str, Any]]
Floats = npt.NDArray[np.float64]


def lines_of(runs: Runs) -> dict[str, Runs]:
    """Runs by what is compared, strategies or starts or both: those of other cities are one line."""
    told = [key for key in ("strategy", "start") if len({run["settings"][key] for run in runs}) > 1]
    lines: dict[str, Runs] = {}
    for run in runs:
        name = ", ".join(run["settings"][key] for key in told) or run["settings"]["strategy"]
        lines.setdefault(name.replace("_", " "), []).append(run)
    return lines


def mean(runs: Runs, column: str) -> Floats:
    """A column's mean over runs, a cycle each."""
    return np.mean([np.array(run["cycles"][column], float) for run in runs], axis=0)


def spent(run: dict[str, Any]) -> tuple[Floats, Floats]:
    """Increments in each cycle, the strategy's own among them; and those of counting all pairs."""
    every = np.array(run["cycles"]["all_pairs"], float)
    return (np.array(run["cycles"]["cost"]) + np.array(run["cycles"]["work"])) * every, every


def cost(runs: Runs, begin_h: float, end_h: float) -> float:
    """Increments over those of counting all pairs, in cycles that end within (begin_h, end_h]."""
    shares = []
    for run in runs:
        hours = np.array(run["cycles"]["hours"])
        mine, every = (part[(hours > begin_h) & (hours <= end_h)].sum() for part in spent(run))
        shares.append(mine / every if every else np.nan)
    return float(np.mean(shares))


def figure_of(value: float, digits: int) -> str:
    """A number, or a dash where there is none."""
    return "–" if np.isnan(value) else f"{value:.{digits}f}"


def table(runs: Runs) -> str:
    """What README quotes."""
    head = (
        "| | runs | coverage at 2 h (least) | findable at 2 h | of these | at 4 h | at the end (least) "
        "| cost, first 2 h | cost, then | largest group | of moved cameras' pairs after 4 h (findable) |"
    )
    rows = [head, "|" + "---|" * 11]
    for name, mine in lines_of(runs).items():
        hours = mean(mine, "hours")
        at = [int(np.searchsorted(hours, limit - 1e-3)) for limit in (FIRST_H, 2 * FIRST_H)]
        first, second = (min(place, len(hours) - 1) for place in at)
        coverage = np.array([run["cycles"]["coverage"] for run in mine])
        after = [entry for run in mine for entry in run["recovered"] if entry["hours"] == 4]
        pairs = sum(entry["pairs"] for entry in after)
        back = [sum(e[key] * e["pairs"] for e in after) / max(1, pairs) for key in ("together", "findable")]
        rows.append(
            f"| {name} | {len(mine)} | {coverage[:, first].mean():.3f} ({coverage[:, first].min():.3f}) "
            f"| {mean(mine, 'findable')[first]:.3f} | {mean(mine, 'findable_coverage')[first]:.3f} "
            f"| {figure_of(coverage[:, second].mean() if hours[-1] > FIRST_H + 1 else np.nan, 3)} "
            f"| {coverage[:, -1].mean():.3f} ({coverage[:, -1].min():.3f}) "
            f"| {cost(mine, 0, FIRST_H + 1e-3):.4f} | {figure_of(cost(mine, FIRST_H + 1e-3, np.inf), 4)} "
            f"| {max(max(run['cycles']['largest']) for run in mine)} "
            f"| {f'{back[0]:.3f} ({back[1]:.3f}) of {pairs}' if pairs else '–'} |"
        )
    return "\n".join(rows)


def draw(runs: Runs, path: Path) -> None:
    """Six plots, a line for each of what is compared: the mean over cities."""
    figure = Figure(figsize=(11, 9.6), layout="constrained")
    (coverage, against), (share, largest), (moved, back) = figure.subplots(3, 2)
    for number, (name, mine) in enumerate(lines_of(runs).items()):
        line = "-" if number < len(COLOURS) else "--"
        style = {"color": COLOURS[number % len(COLOURS)], "linestyle": line, "marker": ".", "label": name}
        hours, found = mean(mine, "hours"), mean(mine, "coverage")
        coverage.plot(hours, found, **style)
        so_far, every = (np.mean(parts, axis=0) for parts in zip(*map(spent, mine), strict=True))
        against.plot(np.cumsum(so_far) / every.sum(), found, **style)
        share.plot(hours, so_far / np.maximum(1, every), **style)
        largest.plot(hours, mean(mine, "largest"), **style)
        moved.plot(hours, mean(mine, "migrations") / mine[0]["settings"]["cameras"], **style)
        after = [[entry["together"] for entry in run["recovered"]] for run in mine]
        if all(after) and len({len(entries) for entries in after}) == 1:
            back.plot([entry["hours"] for entry in mine[0]["recovered"]], np.mean(after, axis=0), **style)
    _finish(coverage, "Overlapping pairs that are counted together", "hours", GOALS["coverage"])
    _finish(
        against, "The same, against what was spent so far", "increments, of all pairs' in all hours", 0.98
    )
    _finish(share, "Increments in a cycle, of those of all pairs", "hours", GOALS["cost"])
    _finish(largest, "Cameras of the largest group", "hours", None)
    _finish(moved, "Cameras that a plan puts elsewhere, of all", "hours", None)
    _finish(back, "Moved cameras' new pairs that are counted together", "hours after the move", 0.95)
    for axes in (against, share):
        axes.set_xscale("log") if axes is against else axes.set_yscale("log")
    for axes in (coverage, against, back):
        axes.set_ylim(0, 1.03)
    handles, labels = coverage.get_legend_handles_labels()
    figure.legend(handles, labels, fontsize=8, frameon=False, ncols=5, loc="outside lower center")
    figure.savefig(path, dpi=100)


def _finish(axes: Axes, title: str, x: str, goal: float | None) -> None:
    tidy(axes, title, x, "")
    if goal is not None:
        axes.axhline(goal, color=GREY, linewidth=0.8, linestyle="--")


def main() -> None:
    here = Path(__file__).parent
    for path in [Path(name) for name in sys.argv[1:]] or sorted(here.glob("*.json")):
        runs = json.loads(path.read_text())
        if not isinstance(runs, list):
            # links.py's, which are no trials.
            continue
        draw(runs, path.with_suffix(".png"))
        print(f"{path.stem}:\n\n{table(runs)}\n")


if __name__ == "__main__":
    main()
