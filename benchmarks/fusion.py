"""Fusion across cameras: people of the whole network on the ground, and what that costs.

    SDIST_DATA=… python -m benchmarks.fusion [--part wildtrack|scenescape|scale|all] [--cameras 100 1000]

WILDTRACK: the annotated boxes, each camera's own with a fifth of them removed, fused; MODA at 0.5 m, double
counts (people who are found again within 1 m), violations at 2 m over the square; beside it the same from
boxes as unsteady as the ground takes a detector's to be, and each camera alone. Settings were chosen on the
instants from 90 s on; the others are given by themselves. scenescape: YOLOX-nano's boxes on both videos.
Scale: simulated networks at 10 FPS, on one core; processor time of fusion only.

Writes results/fusion.json and fusion.png. Parts that were not run keep their last figures.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from benchmarks.fusion_runs import on_scenescape, on_simulation, on_wildtrack
from benchmarks.machine import machine

RESULTS = Path(__file__).parent / "results"
PARTS = ("wildtrack", "scenescape", "scale")
BARS = {"moda": 0.85, "median_m": 0.15, "doubles": 0.02, "f1": 0.95}


def headline(result: dict[str, Any]) -> dict[str, Any]:
    """The figures that the bars are about."""
    line: dict[str, Any] = {}
    if "wildtrack" in result:
        for key, name in (("fused", "wildtrack"), ("fused, held out", "wildtrack_held_out")):
            of = result["wildtrack"][key]
            line[name] = {k: round(of[k], 4) for k in ("moda", "median_m", "doubles")}
            line[name]["violations_f1"] = round(of["violations"]["f1"], 4)
    if "scenescape" in result:
        line["scenescape"] = {
            name: {"positions_missed": of["positions_missed"], "median_m": round(of["median_m"], 4)}
            for name, of in result["scenescape"].items()
        }
    if "scale" in result:
        line["scale"] = [
            {
                "cameras": of["cameras"],
                "fps": round(of["fps"], 1),
                "us_per_camera": round(of["ms_per_camera"] * 1e3, 1),
            }
            for of in result["scale"]
        ]
    return line


def draw(result: dict[str, Any], path: Path) -> None:
    """People found and wrong, errors, and cost by network."""
    figure = Figure(figsize=(13, 3.8), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    for axes, part, title in (
        (left, "wildtrack", "WILDTRACK"), (middle, "scenescape", "scenescape"),
    ):  # fmt: skip
        ways = {n: of for n, of in result.get(part, {}).items() if "," not in n or n == "fused, held out"}
        for at, of in enumerate(ways.values()):
            colour = "#1f77b4" if at < len(ways) and list(ways)[at].startswith("fused") else "#9aa7b5"
            axes.barh(at, of["missed"], color=colour)
            axes.barh(at, of["wrong"], left=of["missed"], color="#d95f02")
            median = of["median_m"]
            axes.text(
                of["missed"] + of["wrong"], at, f" {median:.3f} m" if median is not None else "", va="center"
            )
        axes.set_yticks(range(len(ways)), list(ways))
        axes.invert_yaxis()
        axes.margins(x=0.2)
        axes.set_title(f"{title}: share of people missed, and found wrongly", fontsize=10)
    scale = result.get("scale", [])
    right.plot([of["cameras"] for of in scale], [of["ms_per_instant"] for of in scale], "o-", color="#1f77b4")
    right.axhline(100, color="#4d4d4d", lw=1, ls="--")
    right.set_xscale("log")
    right.set_yscale("log")
    right.set_xlabel("cameras")
    right.set_ylabel("ms per instant, one core")
    right.set_title("cost; dashed: 10 FPS", fontsize=10)
    for axes in (left, middle, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    data = Path(os.environ.get("SDIST_DATA", "."))
    parser.add_argument("--part", choices=(*PARTS, "all"), default="all")
    parser.add_argument("--data", type=Path, default=data, help="folder of the data sets")
    parser.add_argument("--drop", type=float, default=0.2, help="share of WILDTRACK's boxes taken away")
    parser.add_argument(
        "--frames", type=int, default=619, help="of scenescape's videos (default: all of x2's)"
    )
    parser.add_argument("--cameras", type=int, nargs="+", default=[100, 300, 1000])
    parser.add_argument("--seconds", type=float, default=20, help="of the simulated networks")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    path = arguments.output / "fusion.json"
    result: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    result["machine"] = machine()
    for part in PARTS if arguments.part == "all" else (arguments.part,):
        if part == "wildtrack":
            folder = arguments.data / "wildtrack"
            result[part] = on_wildtrack(folder, arguments.drop, 0.0, arguments.seed)
            result["wildtrack, unsteady boxes"] = on_wildtrack(folder, arguments.drop, 1.0, arguments.seed)
        elif part == "scenescape":
            model = arguments.data / "models/yolox-nano/yolox_nano.onnx"
            folder = arguments.data / "scenescape"
            result[part] = on_scenescape(folder, model, arguments.frames, 0.3, 0.25)
        else:
            result[part] = []
            for cameras in arguments.cameras:
                result[part].append(on_simulation(cameras, arguments.seconds, arguments.seed))
        print(json.dumps({part: result[part]}), flush=True)
    result["peak_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    arguments.output.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n")
    draw(result, arguments.output / "fusion.png")
    line = headline(result) | {"bars": BARS}
    print(json.dumps(line))


if __name__ == "__main__":
    main()
