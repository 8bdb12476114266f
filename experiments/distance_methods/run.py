"""Metres from boxes: every method on WILDTRACK and scenescape, in metres and in violations found.

    python -m experiments.distance_methods.run [--every 1] [--data DIR] [--output DIR]

Writes distances.json and plots, prints the README's table, and the figures as its last line.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from experiments.data import SCENESCAPE_CAMERAS, WILDTRACK_CAMERAS, Site, arguments, scenescape, wildtrack
from experiments.distance_methods.methods import methods
from experiments.distance_methods.plots import draw
from experiments.distance_methods.score import as_detected, measure, pair_errors, summary, together

SETS = ("WILDTRACK", "WILDTRACK, as detected", "scenescape")


def sites(data: Path, every: int) -> dict[str, list[Site]]:
    """Cameras by data set; every so many instants."""
    read = {
        "WILDTRACK": [wildtrack(data / "wildtrack", name) for name in WILDTRACK_CAMERAS],
        "scenescape": [scenescape(data / "scenescape", name) for name in SCENESCAPE_CAMERAS],
    }
    return {key: [replace(site, views=site.views[::every]) for site in of] for key, of in read.items()}


def study(cameras: list[Site], detected: bool) -> dict[str, dict[str, Any]]:
    """Method to its figures: of every camera, and of all together."""
    result: dict[str, dict[str, Any]] = {}
    errors: dict[str, list[np.ndarray]] = {}
    apart: dict[str, list[np.ndarray]] = {}
    for site in cameras:
        boxes = as_detected(site) if detected else [view.boxes for view in site.views]
        for method in methods(site):
            found = measure(site, method, boxes)
            of = result.setdefault(method.name, {"cameras": {}})["cameras"]
            of[site.name] = summary(found, method, site.camera.image_size[1])
            if method.ground.unit == "m":
                errors.setdefault(method.name, []).append(found.error_m[np.isfinite(found.error_m)])
                apart.setdefault(method.name, []).append(pair_errors(found.pairs))
    for name, of in result.items():
        of["all"] = pooled(list(of["cameras"].values()))
        if name in errors:
            every = np.concatenate(errors[name])
            of["all"] |= {"median_m": float(np.median(every)), "p90_m": float(np.quantile(every, 0.9))}
            of["all"]["pair_median_m"] = float(np.median(np.concatenate(apart[name])))
    return result


def pooled(cameras: list[dict[str, Any]]) -> dict[str, Any]:
    """Violations of all cameras together."""
    result: dict[str, Any] = {}
    for kind in ("violations", "report_px"):
        result[kind] = {key: together([of[kind][key] for of in cameras]) for key in cameras[0][kind]}
    result["by_distance"] = {
        key: {
            "boxes": sum(of["by_distance"][key]["boxes"] for of in cameras),
            "violations": together([of["by_distance"][key]["violations"] for of in cameras]),
        }
        for key in cameras[0]["by_distance"]
    }
    return result


def table(result: dict[str, dict[str, dict[str, Any]]]) -> str:
    """The README's: a row for each method, three columns for each data set."""
    heads = "".join(
        f" {key}: place, median / 90 % | between two, median | at 2 m: F1 (P / R) |" for key in result
    )
    lines = [f"| method |{heads}", "|---|" + "---|" * (3 * len(result))]
    for name in next(iter(result.values())):
        for kind, label in (("violations", f"`{name}`"), ("report_px", f"`{name}`, 400 px of 720")):
            of_sets = [of[name]["all"] for of in result.values()]
            if all(of[kind] for of in of_sets):
                cells = [cell for of in of_sets for cell in _cells(of, of[kind]["2"])]
                lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cells(of: dict[str, Any], at_2m: dict[str, Any]) -> list[str]:
    metres = f"{of['median_m']:.3f} / {of['p90_m']:.3f}" if "median_m" in of else "–"
    between = f"{of['pair_median_m']:.3f}" if "pair_median_m" in of else "–"
    if at_2m["f1"] is None and "median_m" not in of and not at_2m["said"]:
        # A threshold chosen with the truth finds nobody where there is nobody to be found.
        return [metres, between, "–"]
    if at_2m["f1"] is None:
        return [metres, between, f"{at_2m['said']} of {at_2m['pairs']} pairs, wrongly"]
    return [metres, between, f"{at_2m['f1']:.3f} ({at_2m['precision']:.3f} / {at_2m['recall']:.3f})"]


def limits(of: dict[str, dict[str, Any]]) -> str:
    """F1 at every limit, of one data set."""
    names = list(of["pinhole"]["all"]["violations"])
    lines = ["| F1 at | " + " | ".join(f"{name} m" for name in names) + " |", "|---|" + "---|" * len(names)]
    for method, figures in of.items():
        cells = [f"{figures['all']['violations'][name]['f1']:.3f}" for name in names]
        lines.append(f"| `{method}` | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def by_camera(of: dict[str, dict[str, Any]]) -> str:
    """Median error, and F1 at 2 m, of each camera."""
    names = list(of["pinhole"]["cameras"])
    lines = ["| | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    for method, figures in of.items():
        cells = []
        for camera in figures["cameras"].values():
            f1 = camera["violations"]["2"]["f1"]
            metres = f"{camera['median_m']:.3f}" if "median_m" in camera else "–"
            cells.append(metres if f1 is None else f"{metres}, {f1:.3f}")
        lines.append(f"| `{method}` | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def run(data: Path, output: Path, every: int) -> dict[str, Any]:
    """Measure, and write JSON and plots."""
    read = sites(data, every)
    result = {key: study(read[key.partition(",")[0]], key.endswith("detected")) for key in SETS}
    output.mkdir(parents=True, exist_ok=True)
    (output / "distances.json").write_text(json.dumps({"every": every, "sets": result}) + "\n")
    draw(result, output)
    return result


def main() -> None:
    parser = arguments(__doc__, Path(__file__).parent)
    parser.add_argument("--every", type=int, default=1, help="look at every so many instants")
    options = parser.parse_args()
    result = run(options.data, options.output, options.every)
    print(table(result), end="\n\n")
    for key, of in result.items():
        print(key, by_camera(of), sep="\n\n", end="\n\n")
        if of["pinhole"]["all"]["violations"]["2"]["true"]:
            print(limits(of), end="\n\n")
    best = {
        key: {
            name: [round(camera["median_m"], 3), camera["violations"]["2"]["f1"]]
            for name, camera in of["pinhole"]["cameras"].items()
        }
        for key, of in result.items()
    }
    print(json.dumps(best))


if __name__ == "__main__":
    main()
