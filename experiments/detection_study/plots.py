"""Plots of the detection study."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.charts import COLOURS, GREY, MARKS, shade, tidy

KINDS = {
    "noise": ("Salt and pepper", "share of pixels"),
    "rotation": ("Rotation", "degrees"),
    "resolution": ("Resolution", "share of 480×360's sides"),
    "blur": ("Blur", "sigma, pixels"),
}
LEVEL = 0.3
FEWEST = 0.05
"""Detections per frame that a precision needs."""
SHOWN_NMS = ("0.1", "0.3", "0.45", "0.6", "0.8", "0.9")


def draw(result: dict[str, Any], output: Path) -> None:
    levels = np.array(result["levels"])
    _confidence(result["models"], levels, result["annotated"] / result["frames"], output / "confidence.png")
    _suppression(result["models"], levels, output / "nms.png")
    _spoilt(result["models"], levels, output / "spoilt.png")
    _noise(result["models"], levels, output / "noise.png")


def _confidence(models: dict[str, Any], levels: np.ndarray, people: float, path: Path) -> None:
    """The report's figure 5.1, and what the number of detections is worth."""
    figure = Figure(figsize=(10, 6.4), layout="constrained")
    grid = figure.subplots(2, 2, sharex=True, sharey="row")
    for column, (name, of) in enumerate(models.items()):
        plain = of["conditions"]["none 0"]
        count, quality = grid[:, column]
        count.semilogy(
            levels, of["all_boxes"]["none 0, NMS 1"]["detections"], color=GREY, label="without NMS"
        )
        count.semilogy(levels, plain["detections"], color=COLOURS[0], label="with NMS 0.45")
        count.axhline(people, color="black", linewidth=0.8, linestyle=":", label="annotated people")
        tidy(count, name, "", "detections per frame" if column == 0 else "")
        count.set_ylim(0.3, 1500)
        count.legend(frameon=False)
        for at, key in enumerate(("precision", "recall")):
            quality.plot(levels, plain[key], color=COLOURS[at], label=key)
        precision, recall = np.array(plain["precision"]), np.array(plain["recall"])
        f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-9)
        quality.plot(levels, f1, color="black", linestyle="--", label="F1")
        quality.axvline(LEVEL, color=GREY, linewidth=0.8, linestyle=":")
        tidy(quality, "", "confidence threshold", "" if column else "IoU 0.5, NMS 0.45")
        quality.set_ylim(0, 1.02)
        quality.legend(frameon=False, loc="lower center")
    figure.savefig(path, dpi=110)


def _suppression(models: dict[str, Any], levels: np.ndarray, path: Path) -> None:
    """Precision against recall for each NMS threshold, and all of them at the default confidence."""
    figure = Figure(figsize=(10, 6.8), layout="constrained")
    grid = figure.subplots(2, 2, sharey="row")
    at = int(np.abs(levels - LEVEL).argmin())
    for column, (name, of) in enumerate(models.items()):
        curves = of["nms"]
        upper, lower = grid[:, column]
        for step, key in enumerate(SHOWN_NMS):
            # From 2 % on; a threshold that nothing passes has no precision.
            kept = (levels >= 0.02) & (np.array(curves[key]["detections"]) > 0)
            recall, precision = (np.array(curves[key][which])[kept] for which in ("recall", "precision"))
            upper.plot(recall, precision, color=shade(step, len(SHOWN_NMS)), label=f"NMS {key}")
        upper.set_xlim(0.3, 1)
        upper.set_ylim(0, 1.02)
        tidy(upper, name, "recall", "precision" if column == 0 else "")
        thresholds = [float(key) for key in curves]
        for mark, key in enumerate(("precision", "recall")):
            values = [curve[key][at] for curve in curves.values()]
            lower.plot(thresholds, values, color=COLOURS[mark], marker=MARKS[mark], markersize=4, label=key)
        lower.axvline(0.45, color=GREY, linewidth=0.8, linestyle=":")
        lower.set_ylim(0, 1.02)
        tidy(lower, "", "NMS threshold (1: none)", f"at confidence {LEVEL}" if column == 0 else "")
    grid[0, 0].legend(frameon=False, loc="lower left")
    grid[1, 0].legend(frameon=False, loc="lower left")
    figure.savefig(path, dpi=110)


def _series(of: dict[str, Any], kind: str) -> tuple[list[float], list[dict[str, list[float]]]]:
    """Amounts and curves of a kind of spoiling, the plain image first."""
    start = 1.0 if kind == "resolution" else 0.0
    named = [(float(name.split()[1]), curve) for name, curve in of["conditions"].items() if kind in name]
    amounts, curves = [start, *(a for a, _ in named)], [of["conditions"]["none 0"], *(c for _, c in named)]
    return amounts, curves


def _values(curves: list[dict[str, list[float]]], key: str, at: int) -> list[float]:
    """Of each curve at a threshold; NaN for the precision of (almost) nothing."""
    some = [key == "recall" or curve["detections"][at] >= FEWEST for curve in curves]
    return [curve[key][at] if enough else float("nan") for curve, enough in zip(curves, some, strict=True)]


def _spoilt(models: dict[str, Any], levels: np.ndarray, path: Path) -> None:
    """Precision and recall against each kind of spoiling, at the default and at the best threshold."""
    figure = Figure(figsize=(13, 6.2), layout="constrained")
    grid = figure.subplots(2, 4, sharey=True, sharex="col")
    at = int(np.abs(levels - LEVEL).argmin())
    for column, (kind, (title, unit)) in enumerate(KINDS.items()):
        for row, key in enumerate(("recall", "precision")):
            axes: Axes = grid[row, column]
            for colour, (name, of) in enumerate(models.items()):
                amounts, curves = _series(of, kind)
                places = range(len(amounts))
                axes.plot(
                    places, _values(curves, key, at),
                    color=COLOURS[colour], marker=MARKS[colour], markersize=5, label=name,
                )  # fmt: skip
                if kind == "rotation" and key == "recall":
                    ovals = [curves[0][key][at], *(curve[key][at] for curve in of["ovals"].values())]
                    axes.plot(
                        places, ovals, color=COLOURS[colour], linestyle=":", linewidth=1,
                        label="hulls of ellipses" if colour == 1 else None,
                    )  # fmt: skip
                axes.set_xticks(list(places), [f"{amount:g}" for amount in amounts])
            tidy(axes, title if row == 0 else "", unit if row else "", key if column == 0 else "")
            axes.set_ylim(0, 1.02)
    grid[0, 1].legend(frameon=False, fontsize=8)
    figure.suptitle(f"At confidence {LEVEL}, NMS 0.45, IoU 0.5", fontsize=10, x=0.01, ha="left")
    figure.savefig(path, dpi=110)


def _noise(models: dict[str, Any], levels: np.ndarray, path: Path) -> None:
    """Does a lower threshold make up for noise? Recall and precision against the threshold, and chance."""
    figure = Figure(figsize=(10, 6.8), layout="constrained")
    grid = figure.subplots(2, 2, sharex=True, sharey=True)
    for column, (name, of) in enumerate(models.items()):
        names = [key for key in of["conditions"] if key.startswith(("none", "noise"))]
        for row, key in enumerate(("recall", "precision")):
            axes = grid[row, column]
            for step, condition in enumerate(names):
                share = float(condition.split()[1])
                curve = np.array(of["conditions"][condition][key])
                some = np.array(of["conditions"][condition]["detections"]) > 0
                curve = np.where(some, curve, np.nan) if key == "precision" else curve
                axes.plot(
                    levels, curve, color=COLOURS[step], marker=MARKS[step], markevery=5, markersize=4,
                    label=f"{share:.0%} noise",
                )  # fmt: skip
            axes.axvline(LEVEL, color=GREY, linewidth=0.8, linestyle=":")
            axes.set_ylim(0, 1.02)
            tidy(axes, name if row == 0 else "", "confidence threshold" if row else "", key * (column == 0))
    grid[0, 1].legend(frameon=False)
    figure.savefig(path, dpi=110)
