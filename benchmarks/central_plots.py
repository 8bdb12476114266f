"""The pictures of ``benchmarks.central_node``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

COLOURS = {"dense": "#4d4d4d", "rle": "#d1601f", "indexed": "#1f77b4"}
BASELINE = "#b03060"
Runs = list[dict[str, Any]]


def draw(results: dict[str, Any], folder: Path) -> None:
    """Draw what there is."""
    if "figure6" in results:
        _save(_figure6(results["figure6"]), folder / "central_node.png")
    if "memory" in results:
        _save(_memory(results), folder / "central_memory.png")
    if "scale" in results:
        _save(_scale(results["scale"]["runs"]), folder / "central_scale.png")


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=130)


def _axes(title: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, loc="left", fontsize=11)
    axes.set_xlabel("cameras")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    return figure, axes


def _plain(axis: Any) -> None:
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))


def _line(axes: Axes, runs: Runs, value: str, label: str, scale: float = 1.0, **style: Any) -> None:
    runs = sorted(runs, key=lambda run: run["cameras"])
    if runs:
        axes.plot([r["cameras"] for r in runs], [r[value] * scale for r in runs], label=label, **style)


def _figure6(part: dict[str, Any]) -> Figure:
    figure, axes = _axes("Frames per second per camera, all pairs of windows counted")
    for store in dict.fromkeys(run["store"] for run in part["runs"]):
        of_store = [run for run in part["runs"] if run["store"] == store]
        for shards in sorted({run["shards"] for run in of_store}):
            chosen = [r for r in of_store if r["shards"] == shards and r["source"] == "memory"]
            label = f"{store}, {shards} core{'s' if shards > 1 else ''}"
            style = {"color": COLOURS[store], "marker": "o", "ms": 4, "ls": "-" if shards == 1 else "--"}
            _line(axes, chosen, "fps_per_camera", label, **style)
        from_files = [run for run in of_store if run["source"] == "file"]
        label = f"{store}, 1 core, from recordings"
        _line(axes, from_files, "fps_per_camera", label, color=COLOURS[store], marker="s", ms=4, ls=":")
    label = "O and E tick by tick, compiled, 1 core"
    _line(axes, part["tiles"], "baseline_fps_per_camera", label, color=BASELINE, marker="o", ms=4)
    axes.axhline(10, color="#2e8b57", lw=1)
    axes.annotate(
        "10 FPS", (1, 10), xycoords=("axes fraction", "data"), ha="right", va="bottom", color="#2e8b57"
    )
    axes.set_yscale("log")
    _plain(axes.yaxis)
    axes.set_ylabel("frames per second per camera")
    # Lines are everywhere.
    figure.set_size_inches(9.5, 4.2)
    figure.legend(loc="outside right center", frameon=False, fontsize=9)
    return figure


def _memory(results: dict[str, Any]) -> Figure:
    figure, axes = _axes("Peak memory of a run")
    runs = results["memory"]["runs"]
    whole = [
        r
        for r in results.get("figure6", {"runs": []})["runs"]
        if r["shards"] == 1 and r["source"] == "memory"
    ]
    for store, counters, style in (
        ("dense", "wide", "--"),
        ("dense", "byte", "-"),
        ("rle", "byte", "-"),
        ("indexed", "wide", "-"),
    ):
        kind = [r for r in runs if (r["store"], r["counters"]) == (store, counters)]
        kind += [r for r in whole if (r["store"], r["counters"]) == (store, counters)]
        unique = {run["cameras"]: run for run in kind}
        label = f"{store}, {counters}"
        _line(
            axes,
            list(unique.values()),
            "peak_bytes",
            label,
            1e-9,
            color=COLOURS[store],
            ls=style,
            marker="o",
            ms=4,
        )
    axes.set_yscale("log")
    _plain(axes.yaxis)
    axes.set_ylabel("GB, the interpreter included")
    axes.legend(frameon=False, fontsize=9)
    return figure


def _scale(runs: Runs) -> Figure:
    figure, axes = _axes("The indexed store: all pairs of windows, unpartitioned, exact")
    for seconds, style in ((600, "-"), (3600, "--")):
        chosen = [run for run in runs if run["seconds"] == seconds]
        label = f"{seconds // 60} minutes of activity"
        _line(axes, chosen, "fps_per_camera", label, color=COLOURS["indexed"], ls=style, marker="o", ms=4)
        for run in chosen:
            axes.annotate(
                f"{run['peak_bytes'] / 1e9:.1f} GB", (run["cameras"], run["fps_per_camera"]),
                textcoords="offset points", xytext=(4, 5), fontsize=7, color="#555555",
            )  # fmt: skip
    axes.axhline(10, color="#2e8b57", lw=1)
    axes.annotate(
        "10 FPS", (1, 10), xycoords=("axes fraction", "data"), ha="right", va="bottom", color="#2e8b57"
    )
    axes.set_xscale("log")
    axes.set_yscale("log")
    _plain(axes.xaxis)
    _plain(axes.yaxis)
    axes.set_ylabel("frames per second per camera")
    axes.legend(frameon=False, fontsize=9)
    return figure
