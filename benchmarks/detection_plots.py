"""The picture of ``benchmarks.detection_node``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

OURS, OPENCV, LINE = "#1f77b4", "#b03060", "#2e8b57"
STAGES = {"decode": "#1f77b4", "mixture": "#e8a33d", "blobs": "#7a5195", "windows": "#8d99ae"}
NAMES = {"decode": "JPEG to grey", "mixture": "mixture", "blobs": "blobs", "windows": "windows"}


def draw(result: dict[str, Any], path: Path) -> None:
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[2.3, 1])
    _figure_4(left, result)
    _stages(right, result)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=130)


def _figure_4(axes: Axes, result: dict[str, Any]) -> None:
    axes.set_title("Total frame rate of one core, 320×240 JPEG to occupancy", loc="left", fontsize=11)
    runs = result["runs"]
    for kind, colour, label in (("ours", OURS, "ours"), ("opencv", OPENCV, "OpenCV, MOG2")):
        chosen = [run for run in runs if run[f"{kind}_fps"]]
        streams = [run["streams"] for run in chosen]
        axes.plot(
            streams, [run[f"{kind}_fps"] for run in chosen], color=colour, marker="o", ms=4, label=label
        )
        low, high = [min(run[kind]) for run in chosen], [max(run[kind]) for run in chosen]
        axes.fill_between(streams, low, high, color=colour, alpha=0.15, lw=0)
    most = max(run["streams"] for run in runs)
    axes.plot([0, most], [0, 10 * most], color=LINE, lw=1)
    axes.annotate(
        "10 FPS each", (most * 0.4, most * 4), xytext=(8, -12), textcoords="offset points",
        color=LINE, fontsize=9,
    )  # fmt: skip
    for kind, colour in (("cameras_at_10fps", OURS), ("opencv_cameras_at_10fps", OPENCV)):
        axes.annotate(
            f"{result[kind]} cameras", (result[kind], 10 * result[kind]), xytext=(8, -16),
            textcoords="offset points", color=colour, fontsize=9,
            arrowprops={"arrowstyle": "-", "color": colour, "lw": 0.6},
        )  # fmt: skip
    axes.set_xlim(0, most * 1.02)
    axes.set_ylim(0)
    axes.set_xlabel("streams, each with a background of its own")
    axes.set_ylabel("frames per second, all streams together")
    axes.grid(alpha=0.25)
    axes.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(0.02, 0.55))


def _stages(axes: Axes, result: dict[str, Any]) -> None:
    axes.set_title("Where a frame's time goes", loc="left", fontsize=11)
    bottom = 0.0
    for name, value in result["stages"]["ms_per_frame"].items():
        axes.bar([0], [value], 0.5, bottom=bottom, color=STAGES[name])
        axes.annotate(f"{NAMES[name]}  {value:.3f}", (0.28, bottom + value / 2), va="center", fontsize=9)
        bottom += value
    axes.axhline(0.4, color=LINE, lw=1)
    axes.annotate("250 cameras", (-0.3, 0.4), ha="right", va="bottom", color=LINE, fontsize=8)
    axes.set_xlim(-0.85, 1)
    axes.set_xticks([])
    axes.set_ylabel("ms per frame")
