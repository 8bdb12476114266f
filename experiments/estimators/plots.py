"""Tables and plots of what run.py wrote.

    python -m experiments.estimators.plots [experiments/estimators/activity.json …]

Without files: of all studies beside this file. Draws <study>.png beside each, and prints a table (Markdown).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from experiments.charts import COLOURS, tidy
from experiments.estimators.score import RECALLS, RULES

LEVELS = ("windows", "cameras", "search")
SHOWN = ("nonexclusion", "raw", "corrected", "information", "conditional_entropy", "lift", "likelihood_ratio",
         "bayes", "chance", "ground_plane")  # fmt: skip
DRAWN = ("nonexclusion", "corrected", "information", "likelihood_ratio", "bayes", "chance", "ground_plane")
HIGHEST = {"windows": 1.02, "cameras": 1.02, "search": 0.51}
"""Precision that axes end at: that of searches is never high."""

Runs = list[dict[str, Any]]


def cases(runs: Runs) -> dict[str, Runs]:
    """Runs that differ in nothing but the seed, together; named by what differs between them."""
    told = [
        key
        for key in ("source", "people", "minutes", "misses", "noise_px")
        if len({str(run["settings"].get(key)) for run in runs}) > 1
    ]
    found: dict[str, Runs] = {}
    for run in runs:
        settings = run["settings"]
        name = ", ".join(
            str(settings[key]) if key == "source" else f"{settings[key]:g} {key}"
            for key in told
            if key in settings
        )
        found.setdefault(name or "all", []).append(run)
    return found


def average(runs: Runs, estimator: str, level: str) -> float | None:
    """Mean average precision over seeds; None where the level was not measured."""
    values = [
        run["estimators"][estimator][level]["average_precision"]
        for run in runs
        if level in run["estimators"].get(estimator, {})
    ]
    return float(np.mean(values)) if values else None


def table(runs: Runs) -> str:
    """Average precision: a row for each case and level, a column for each estimator."""
    rows = [f"| | level | seeds | {' | '.join(name.replace('_', ' ') for name in SHOWN)} |"]
    rows.append("|---" * (3 + len(SHOWN)) + "|")
    for name, those in cases(runs).items():
        for level in LEVELS:
            values = [average(those, estimator, level) for estimator in SHOWN]
            known = [value for value in values if value is not None]
            if not known:
                continue
            best = max(known)
            cells = ["–" if v is None else f"**{v:.3f}**" if v == best else f"{v:.3f}" for v in values]
            rows.append(f"| {name} | {level} | {len(those)} | {' | '.join(cells)} |")
    return "\n".join(rows)


def rules_table(runs: Runs) -> str:
    """Precision and recall of pairs of cameras at thresholds as they would be set, mean over seeds."""
    shown = [(name, rule) for name, rules in RULES.items() for rule in map(str, rules)]
    rows = [
        f"| | {' | '.join(f'{name} > {rule}' for name, rule in shown)} |",
        "|---" * (1 + len(shown)) + "|",
    ]
    for case, those in cases(runs).items():
        points = [
            np.mean([run["estimators"][name]["cameras"]["rules"][rule] for run in those], axis=0)
            for name, rule in shown
        ]
        rows.append(f"| {case} | {' | '.join(f'{p:.2f} / {r:.2f}' for p, r in points)} |")
    return "\n".join(rows)


def shifted_table(runs: Runs) -> str:
    """What shifted.py found, all seeds of one size together."""
    rows = ["| cameras, people, minutes | seeds | pairs tested | rule | without a rate: links, false | "
            "at 0.01: links, false (null) | at 0.05: links, false (null) |", "|---" * 7 + "|"]  # fmt: skip
    sizes: dict[tuple[int, int, float], Runs] = {}
    for run in runs:
        settings = run["settings"]
        sizes.setdefault((settings["cameras"], settings["people"], settings["minutes"]), []).append(run)
    for (cameras, people, minutes), those in sizes.items():
        tested = sum(run["tested"] for run in those)
        for number, rule in enumerate(those[0]["rules"]):
            of = [run["rules"][number] for run in those]
            plain = [sum(one["without_rate"][name] for one in of) for name in ("links", "false")]
            cells = [f"{plain[0]:,}, {plain[1]:,}"]
            for at in range(len(rule["rates"])):
                links, false = (
                    sum(one["rates"][at]["mixed"][name] for one in of) for name in ("links", "false")
                )
                null = sum(one["rates"][at]["null"]["false"] for one in of)
                cells.append(f"{links:,}, {false:,} ({null})")
            rows.append(
                f"| {cameras}, {people}, {minutes:g} | {len(those)} | {tested:,} | "
                f"{rule['estimator']} > {rule['threshold']} | {' | '.join(cells)} |"
            )
    return "\n".join(rows)


def mean_curve(runs: Runs, estimator: str, level: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Recall that most seeds reach, mean precision there, and its deviation over seeds."""
    lines = [
        run["estimators"][estimator][level]["precision_at"]
        for run in runs
        if level in run["estimators"].get(estimator, {})
    ]
    table = np.full((len(lines), len(RECALLS)), np.nan)
    for row, line in zip(table, lines, strict=True):
        row[: len(line)] = line
    kept = np.isfinite(table).mean(axis=0) > 0.5 if lines else np.zeros(len(RECALLS), bool)
    return RECALLS[kept], np.nanmean(table[:, kept], axis=0), np.nanstd(table[:, kept], axis=0)


def draw(runs: Runs, path: Path) -> None:
    """Precision against recall, mean over seeds; a row for each case, a column for each level."""
    kept = cases(runs)
    figure = Figure(figsize=(11, 2.6 * len(kept) + 0.6), layout="constrained")
    grid = figure.subplots(len(kept), len(LEVELS), squeeze=False)
    for line, (name, those) in zip(grid, kept.items(), strict=True):
        for axes, level in zip(line, LEVELS, strict=True):
            across = "recall" if name == list(kept)[-1] else ""
            tidy(axes, f"{name}: {level}", across, "precision" if level == LEVELS[0] else "")
            axes.set_xlim(0, 1.02)
            axes.set_ylim(0, HIGHEST[level])
            for colour, estimator in zip(COLOURS, DRAWN, strict=False):
                recall, precision, spread = mean_curve(those, estimator, level)
                if len(recall):
                    axes.plot(recall, precision, color=colour, lw=1.3, label=estimator.replace("_", " "))
                    axes.fill_between(
                        recall, precision - spread, precision + spread, color=colour, alpha=0.12, lw=0
                    )
            # With two cameras there is one pair, which tells nothing of cameras.
            axes.set_visible(bool(axes.lines))
    lines = grid[0][0].get_legend_handles_labels()
    figure.legend(*lines, loc="outside lower center", ncols=len(DRAWN), frameon=False, fontsize=9)
    figure.savefig(path, dpi=90)


def main() -> None:
    here = Path(__file__).parent
    for path in map(Path, sys.argv[1:] or sorted(map(str, here.glob("*.json")))):
        runs = json.loads(path.read_text())
        if "estimators" not in runs[0]:
            print(f"{path.stem}\n\n{shifted_table(runs)}\n")
            continue
        draw(runs, path.with_suffix(".png"))
        print(f"{path.stem}\n\n{table(runs)}\n\n{rules_table(runs)}\n")


if __name__ == "__main__":
    main()
