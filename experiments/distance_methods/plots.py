"""Plots of the distance methods."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from experiments.charts import COLOURS, GREY, MARKS, tidy

SHOWN = ("pixel", "perspective", "homography, no lean", "homography", "pinhole")
FEWEST = 30
"""Boxes, or true violations, that a point of a plot needs."""


def draw(result: dict[str, Any], output: Path) -> None:
    _violations(result, output / "violations.png")
    _by_distance(result, output / "by_distance.png")


def _violations(result: dict[str, Any], path: Path) -> None:
    """Every method: all cameras together a bar, every camera a point."""
    figure = Figure(figsize=(13, 4.6), layout="constrained")
    for axes, (key, of) in zip(figure.subplots(1, len(result), sharey=True), result.items(), strict=True):
        rows = [("pixel, 400 px of 720", of["pixel"], "report_px")]
        rows += [(name, figures, "violations") for name, figures in of.items()]
        to_find = of["pinhole"]["all"]["violations"]["2"]["true"] > 0
        for place, (_, figures, kind) in enumerate(rows):
            colour = COLOURS[1] if place < 2 else COLOURS[4] if place < 4 else COLOURS[0]
            whole, *points = [_value(camera, kind, to_find) for camera in (
                figures["all"], *figures["cameras"].values())]  # fmt: skip
            axes.barh(place, whole, 0.62, color=colour, alpha=0.45)
            axes.plot(points, [place] * len(points), "o", color=colour, markersize=4, markeredgewidth=0)
            label = "no metres" if np.isnan(whole) else f"{whole:.2f}"
            at = 1.02 if to_find else 0.0115 if np.isnan(whole) else 1.25 * max(whole, *points)
            axes.text(at, place, label, va="center", fontsize=9)
        what = "F1 of pairs closer than 2 m" if to_find else "median error of the distance of two people, m"
        tidy(axes, key, what, "")
        axes.set_yticks(range(len(rows)), [name for name, *_ in rows])
        if to_find:
            axes.set_xlim(0, 1.0)
        else:
            axes.set_xscale("log")
            axes.set_xlim(0.01, 30)
        axes.set_ylim(len(rows) - 0.5, -0.5)
    figure.savefig(path, dpi=110)


def _value(of: dict[str, Any], kind: str, to_find: bool) -> float:
    """F1, or, where nobody is ever close, the error of distances."""
    return of[kind]["2"]["f1"] if to_find else of.get("pair_median_m", float("nan"))


def _by_distance(result: dict[str, Any], path: Path) -> None:
    """Error and F1 against distance from the camera."""
    figure = Figure(figsize=(13, 6.4), layout="constrained")
    grid = figure.subplots(2, len(result), sharex=True, sharey="row")
    for column, (key, of) in enumerate(result.items()):
        upper, lower = grid[:, column]
        for at, name in enumerate(SHOWN):
            style = {"color": COLOURS[at], "marker": MARKS[at], "markersize": 5, "label": name}
            bins = list(of[name]["all"]["by_distance"].items())
            middle = np.array([np.mean([float(end) for end in names.split("-")]) for names, _ in bins])
            medians = np.array([_median(of[name]["cameras"], names) for names, _ in bins])
            some = np.isfinite(medians)
            upper.semilogy(middle[some], medians[some], **style)
            violations = [part["violations"] for _, part in bins]
            f1 = np.array([v["f1"] if v["true"] >= FEWEST else np.nan for v in violations])
            some = np.isfinite(f1)
            lower.plot(middle[some], f1[some], **style)
        tidy(upper, key, "", "median error, m" if column == 0 else "")
        tidy(lower, "", "distance from the camera, m", "F1 at 2 m" if column == 0 else "")
        if not any(part["violations"]["true"] for _, part in bins):
            lower.text(0.5, 0.5, "nobody closer than 2 m", transform=lower.transAxes, ha="center", color=GREY)
        upper.axhline(0.12, color=GREY, linewidth=0.8, linestyle=":")
        lower.set_ylim(0, 1.03)
    grid[1, 0].legend(frameon=False, fontsize=8, loc="lower left")
    figure.savefig(path, dpi=110)


def _median(cameras: dict[str, Any], names: str) -> float:
    """Of a bin, over the cameras: their medians, weighted by how many boxes each has."""
    parts = [camera["by_distance"][names] for camera in cameras.values()]
    boxes = np.array([part["boxes"] for part in parts])
    if boxes.sum() < FEWEST:
        return float("nan")
    return float(np.average([part["median_m"] or 0.0 for part in parts], weights=boxes))
