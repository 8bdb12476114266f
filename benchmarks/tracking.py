"""Tracking across cameras: one number for one person in a whole network.

    SDIST_DATA=… python -m benchmarks.tracking [--part site|halls|wildtrack|all] [--seeds 31] [--minutes 3]

Site: 8 simulated cameras in two halls, 6 people, 72 s; six such. Halls: 24 simulated cameras in halls
40 m apart (benchmarks.transit's site), three of four in a hall overlapping, the ground between halls unseen;
20 people. The topology (links and transits) is learnt from an hour of another walk's occupancy. Boxes are as
unsteady as a good detector's, one in twenty is missed, and so is who is mostly covered by somebody nearer.
WILDTRACK: the annotated boxes, a fifth of each camera's removed.

Compared are each camera's own tracks, called as many people (alone); fusion on the ground of the calibrated
cameras (fused); joined across gaps by how people walk (joined) and by the topology as well (joined,
topology); and that with a made-up appearance model, which confuses two people as often as noise of 0.7 of
the spread between people makes it (joined, topology, looks).

IDF1 and switches are over all cameras together; coverage is the share of the time in which any camera has
somebody in view that they have a number, and that they have their most frequent one. Settings were chosen
on other seeds.

Writes results/tracking.json and tracking.png. Parts that were not run keep their last figures.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from benchmarks.machine import machine
from benchmarks.tracking_data import SITES, Scene, halls_apart, made_up_looks, on_wildtrack, small_site
from benchmarks.tracking_score import Identities
from sdist_ray.tracking.gaps import GapSettings
from sdist_ray.tracking.network import NetworkTracker
from sdist_ray.tracking.passages import Passages

RESULTS = Path(__file__).parent / "results"
PARTS = ("site", "halls", "wildtrack")
NEVER = 1e9
LOOK_EVERY = 10
NOISE = 0.7
SHOWN = (("idf1", "IDF1"), ("coverage_by_one_number", "time under one number"))


def tracked(
    scene: Scene, passages: Passages, gaps: GapSettings, alike: float | None = None
) -> tuple[Identities, float]:
    """Numbers by the tracker, and processor seconds that it took.

    Args:
        scene: what is seen.
        passages: what is known of ways between cameras.
        gaps: how gaps are joined.
        alike: noise of a made-up appearance model; None for none.
    """
    tracker = NetworkTracker(scene.views, 1 / scene.fps, passages, gaps)
    look = None if alike is None else made_up_looks(scene.place.shape[1], alike, np.random.default_rng(0))
    found, who = Identities(), {}
    spent = 0.0
    for tick, (sightings, person) in enumerate(scene.instants):
        who[tick] = person
        looks = dict(enumerate(look(person))) if look and tick % LOOK_EVERY == 0 and len(person) else None
        start = time.process_time()
        settled = tracker.update(tick, tick / scene.fps, sightings, looks=looks)
        spent += time.process_time() - start
        for instant in settled:
            found.add(instant.tick, who.pop(instant.tick), instant.person)
    for instant in tracker.finish():
        found.add(instant.tick, who.pop(instant.tick), instant.person)
    return found, spent


def alone(scene: Scene) -> Identities:
    """Each camera's own tracks as numbers."""
    found = Identities()
    for tick, (sightings, person) in enumerate(scene.instants):
        name = sightings.camera * 1_000_000 + sightings.track
        found.add(tick, person, np.where(sightings.track >= 0, name, -1))
    return found


def compare(scene: Scene, passages: Passages) -> dict[str, Any]:
    """All ways, side by side."""
    in_view = sum(int(seen.in_view.sum()) for seen in scene.seen)
    visible = scene.visible
    result = {"alone": alone(scene).figures(in_view, visible)}
    ways: dict[str, tuple[Passages, GapSettings, float | None]] = {
        "fused": (Passages(), GapSettings(least=NEVER), None),
        "joined": (Passages(), GapSettings(), None),
    }
    if passages.between:
        ways["joined, topology"] = (passages, GapSettings(), None)
    ways[f"{list(ways)[-1]}, looks"] = (passages, GapSettings(), NOISE)
    for name, (known, gaps, alike) in ways.items():
        found, spent = tracked(scene, known, gaps, alike)
        result[name] = found.figures(in_view, visible) | {
            "ms_per_instant": spent / len(scene.place) * 1e3
        }  # fmt: skip
        print(json.dumps({name: result[name]}), flush=True)
    return result


def mean(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Means over sites; people, numbers and switches are summed."""
    summed = ("people", "numbers", "switches")
    return {
        way: {
            key: float(np.sum(values) if key in summed else np.mean(values))
            for key in results[0][way]
            for values in [[result[way][key] for result in results]]
        }
        for way in results[0]
    }


def headline(result: dict[str, Any]) -> dict[str, Any]:
    """What matters most, of each part."""
    keys = ("idf1", "switches_per_person", "coverage", "coverage_by_one_number")
    return {
        part: {way: {key: round(of[key], 3) for key in keys} for way, of in result[part].items()}
        for part in PARTS
        if part in result
    }


def draw(result: dict[str, Any], path: Path) -> None:
    """IDF1, time under one number, and switches, of each way."""
    parts = [part for part in PARTS if part in result]
    figure = Figure(figsize=(11, 1.2 + 2.0 * len(parts)), layout="constrained")
    axes = figure.subplots(len(parts), 2, squeeze=False)
    titles = {
        "site": "simulated sites, 8 cameras",
        "halls": "simulated halls, 24 cameras",
        "wildtrack": "WILDTRACK, 7 cameras",
    }
    for row, part in enumerate(parts):
        ways = list(result[part])
        at = np.arange(len(ways))
        left, right = axes[row]
        for shift, ((key, name), colour) in enumerate(zip(SHOWN, ("#1f77b4", "#9ecae1"), strict=True)):
            values = [result[part][way][key] for way in ways]
            left.barh(at + 0.38 * shift - 0.19, values, 0.36, color=colour, label=name)
            for y, value in zip(at + 0.38 * shift - 0.19, values, strict=True):
                left.text(value + 0.01, y, f"{value:.2f}", va="center", fontsize=8)
        left.set_yticks(at, ways)
        left.set_xlim(0, 1.12)
        left.invert_yaxis()
        left.set_title(titles[part], fontsize=10)
        switches = [result[part][way]["switches_per_person"] for way in ways]
        right.barh(at, switches, 0.6, color="#d95f02")
        for y, value in zip(at, switches, strict=True):
            right.text(value, y, f" {value:.1f}", va="center", fontsize=8)
        right.set_yticks(at, [])
        right.margins(x=0.12)
        right.invert_yaxis()
        right.set_title("changes of number per person", fontsize=10)
        for one in (left, right):
            one.spines[["top", "right"]].set_visible(False)
    axes[0][0].legend(fontsize=8, loc="upper right", frameon=False)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--part", choices=(*PARTS, "all"), default="all")
    data = Path(os.environ.get("SDIST_DATA", "."))
    parser.add_argument("--data", type=Path, default=data, help="folder of the data sets")
    parser.add_argument("--site-seeds", type=int, nargs="+", default=[*SITES], help="of small sites")
    parser.add_argument("--seeds", type=int, nargs="+", default=[31], help="of halls")
    parser.add_argument("--minutes", type=float, default=3, help="that are tracked")
    parser.add_argument("--learn-minutes", type=float, default=60, help="that the topology is learnt from")
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--drop", type=float, default=0.2, help="share of WILDTRACK's boxes taken away")
    parser.add_argument("--output", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    path = arguments.output / "tracking.json"
    result: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    result["machine"] = machine()
    if arguments.part in ("site", "all"):
        small = {seed: compare(*small_site(seed)) for seed in arguments.site_seeds}
        result["site"], result["site_by_seed"] = mean(list(small.values())), small
    if arguments.part in ("halls", "all"):
        sites = [
            compare(*halls_apart(seed, arguments.minutes, arguments.learn_minutes, arguments.people))
            for seed in arguments.seeds
        ]
        result["halls"], result["halls_by_seed"] = mean(sites), dict(zip(arguments.seeds, sites, strict=True))
        result["halls_settings"] = {
            key: getattr(arguments, key) for key in ("seeds", "minutes", "learn_minutes", "people")
        }
    if arguments.part in ("wildtrack", "all"):
        result["wildtrack"] = compare(
            on_wildtrack(arguments.data / "wildtrack", arguments.drop, 0), Passages()
        )
    arguments.output.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n")
    draw(result, arguments.output / "tracking.png")
    print(json.dumps(headline(result)))


if __name__ == "__main__":
    main()
