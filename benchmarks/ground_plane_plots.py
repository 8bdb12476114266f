"""The picture of benchmarks.ground_plane."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

COLOURS = {2.5: "#d1601f", 5.0: "#7a7a7a", 10.0: "#1f77b4"}


def plot(result: dict[str, Any]) -> Figure:
    """Recall and precision of pairs of cameras: the ground plane's one setting on C''s curves."""
    rows = result["simulation"]["rows"]
    crowds = sorted({row["people"] for row in rows})
    figure = Figure(figsize=(3.4 * len(crowds), 3.6), layout="constrained")
    grid = figure.subplots(1, len(crowds), sharex=True, sharey=True, squeeze=False)[0]
    for axes, people in zip(grid, crowds, strict=True):
        for minutes in sorted({row["minutes"] for row in rows}):
            own = [row for row in rows if row["people"] == people and row["minutes"] == minutes]
            if not own:
                continue
            colour = COLOURS.get(minutes, "#2a9d5c")
            curves = np.array([
                [[point["recall"], point["precision"] if point["precision"] is not None else np.nan]
                 for point in row["nonexclusion"]] for row in own
            ])  # fmt: skip
            # Where nothing is found there is no precision.
            curves = curves[:, ~np.isnan(curves).any(axis=(0, 2))]
            axes.plot(*curves.mean(axis=0).T, "-", color=colour, linewidth=1.2, alpha=0.7)
            quality = [row["ground_plane"] for row in own]
            axes.plot(
                np.mean([q["recall"] for q in quality]), np.mean([q["precision"] for q in quality]),
                "o", color=colour, markersize=8, label=f"{minutes:g} minutes",
            )  # fmt: skip
        axes.set_title(f"{people} people", fontsize=10)
        axes.set_xlabel("recall (pairs that share > 4 m²)")
        axes.set_xlim(0, 1.02)
        axes.set_ylim(0, 1.02)
        axes.grid(True, color="#e4e4e4", linewidth=0.7)
        axes.spines[["top", "right"]].set_visible(False)
    grid[0].set_ylabel("precision (any shared ground)")
    grid[0].legend(frameon=False, loc="lower left", fontsize=8)
    figure.suptitle(
        "Pairs of 40 cameras: one ground plane (dots), C' for all thresholds (lines)", fontsize=11
    )
    return figure
