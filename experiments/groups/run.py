"""Who is together on the ETH and Hotel sequences: precision, recall, and how firm the figures are.

    python -m experiments.groups.run [--data DIR] [--output DIR]

Writes groups.json and groups.png, and prints the figures as its last line.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Iterator
from dataclasses import asdict, fields, replace
from itertools import product
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from experiments.groups.sequences import (
    SPACING,
    Frame,
    Score,
    Sequence,
    broken,
    find,
    halves,
    load,
    noisy,
    resampled,
    score,
)
from sdist_ray.distancing.groups import GroupSettings

SETTINGS = GroupSettings()
FIXED = {"dissolve", "kept"}
VARIED = [field.name for field in fields(GroupSettings) if field.name not in FIXED]
GRID = {"distance_m": (0.7, 0.8, 0.9), "stranger_mps": (0.35, 0.4, 0.45), "recognise": (3.0, 4.0, 5.0)}
SEEDS = range(5)
Sequences = dict[str, Sequence]


def sensitivity(sequences: Sequences) -> dict[str, dict[str, list[float]]]:
    """F1 of each sequence with each setting a quarter lower and a quarter higher."""
    rows = {}
    for name in VARIED:
        pairs = [replace(SETTINGS, **{name: getattr(SETTINGS, name) * by}) for by in (0.75, 1.25)]
        rows[name] = {
            key: [score(sequence, settings).f1 for settings in pairs] for key, sequence in sequences.items()
        }
    dissolve = [replace(SETTINGS, dissolve=value) for value in (-1.0, 1.0)]
    rows["dissolve (-1, +1)"] = {
        key: [score(sequence, settings).f1 for settings in dissolve] for key, sequence in sequences.items()
    }
    return rows


def of_people(frames: list[Frame], person: dict[int, int], sequence: Sequence) -> Score:
    """Verdicts on broken tracks, as verdicts on the people."""
    found = {(person[a], person[b]) for a, b in (verdict.pair for verdict in find(frames, SETTINGS).pairs)}
    return Score.of({(min(pair), max(pair)) for pair in found}, sequence)


def spoilt(sequence: Sequence) -> dict[str, float]:
    """F1 on spoilt positions, medians over seeds."""
    frames = sequence.frames

    def noise(of: list[Frame], sigma_m: float, missed: float) -> float:
        return statistics.median(
            score(replace(sequence, frames=noisy(of, seed, sigma_m, missed)), SETTINGS).f1 for seed in SEEDS
        )

    ten = resampled(frames, 10.0)
    breaks = (broken(frames, seed, 20.0) for seed in SEEDS)
    return {
        "as annotated": score(sequence, SETTINGS).f1,
        "noise 0.1 m": noise(frames, 0.1, 0.0),
        "20 % missed": noise(frames, 0.0, 0.2),
        "noise 0.1 m, 20 % missed": noise(frames, 0.1, 0.2),
        "a new track every 20 s": statistics.median(of_people(*pair, sequence).f1 for pair in breaks),
        "10 FPS": score(replace(sequence, frames=ten), SETTINGS).f1,
        "10 FPS, noise 0.1 m, 20 % missed": noise(ten, 0.1, 0.2),
    }


def leave_one_out(sequences: Sequences) -> dict[str, dict[str, object]]:
    """Settings chosen from a grid on one sequence, tested on the other."""
    grid = [dict(zip(GRID, values, strict=True)) for values in product(*GRID.values())]
    f1 = {
        key: [score(sequence, replace(SETTINGS, **values)).f1 for values in grid]
        for key, sequence in sequences.items()
    }
    result: dict[str, dict[str, object]] = {}
    for chosen_on, tested_on in (tuple(sequences), tuple(sequences)[::-1]):
        best = int(np.argmax(f1[chosen_on]))
        result[tested_on] = {
            "chosen_on": chosen_on,
            "settings": grid[best],
            "f1_there": f1[chosen_on][best],
            "f1": f1[tested_on][best],
        }
    result["grid"] = {key: [min(values), max(values)] for key, values in f1.items()}
    return result


def wildtrack(folder: Path) -> Iterator[Frame]:
    """WILDTRACK's annotated positions, 2 per second, in metres."""
    for at, path in enumerate(sorted(folder.rglob("annotations_positions/*.json"))):
        people = json.loads(path.read_text())
        place = np.array([person["positionID"] for person in people])
        ground = np.stack([-3.0 + 0.025 * (place % 480), -9.0 + 0.025 * (place // 480)], axis=1)
        yield at / 2, np.array([person["personID"] for person in people], np.int64), ground


def plausibility(frames: list[Frame]) -> dict[str, object]:
    """What the finder says where nobody knows: sizes of groups, and time of a frame."""
    start = time.perf_counter()
    finder = find(frames, SETTINGS)
    took = time.perf_counter() - start
    sizes = [len(group.members) for group in finder.records]
    members = {member for group in finder.records for member in group.members}
    people = {name for _, track, _ in frames for name in track.tolist()}
    return {
        "people": len(people),
        "people_per_frame": float(np.mean([len(track) for _, track, _ in frames])),
        "groups": len(sizes),
        "sizes": {str(size): sizes.count(size) for size in sorted(set(sizes))},
        "share_of_people_in_groups": len(members) / max(len(people), 1),
        "milliseconds_per_frame": 1e3 * took / max(len(frames), 1),
        "reasons": [group.reason for group in finder.records[:5]],
    }


def plot(result: dict[str, dict], path: Path) -> None:
    figure = Figure(figsize=(11, 6.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    for at, (key, colour) in enumerate(zip(SPACING, ("#1b6ca8", "#d1495b"), strict=True)):
        names = list(result["sensitivity"])
        rows = np.arange(len(names)) + 0.3 * at
        spread = np.array([result["sensitivity"][name][key] for name in names])
        base = result["scores"][key]["f1"]
        low, high = np.minimum(spread.min(axis=1), base), np.maximum(spread.max(axis=1), base)
        left.hlines(rows, low, high, colors=colour, linewidth=5, label=key)
        left.axvline(base, color=colour, linewidth=0.8, linestyle=":")
        kinds = result["spoilt"][key]
        right.barh(np.arange(len(kinds)) + 0.35 * at, list(kinds.values()), 0.33, color=colour, label=key)
    left.set_yticks(np.arange(len(names)) + 0.15, names)
    left.set_title("Each setting a quarter lower and higher")
    right.set_yticks(np.arange(len(kinds)) + 0.17, list(kinds))
    right.set_title("Positions spoilt")
    for axes in (left, right):
        axes.axvline(0.8, color="black", linewidth=0.8)
        axes.set_xlim(0.6, 1.0)
        axes.set_xlabel("F1 of pairs")
        axes.invert_yaxis()
        axes.legend(loc="lower right")
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("SDIST_DATA", "data")))
    parser.add_argument("--output", type=Path, default=Path(__file__).parent)
    arguments = parser.parse_args()
    sequences = {name: load(arguments.data / "eth" / name) for name in SPACING}
    parts = {
        f"{key}, half {at}": half for key, s in sequences.items() for at, half in enumerate(halves(s), 1)
    }
    result = {
        "settings": asdict(SETTINGS),
        "scores": {key: asdict(score(sequence, SETTINGS)) for key, sequence in (sequences | parts).items()},
        "pairs": {key: [len(s.truth), len(s.judged)] for key, s in sequences.items()},
        "leave_one_out": leave_one_out(sequences),
        "sensitivity": sensitivity(sequences),
        "spoilt": {key: spoilt(sequence) for key, sequence in sequences.items()},
    }
    unknown = list(wildtrack(arguments.data / "wildtrack"))
    if unknown:
        result["wildtrack"] = plausibility(unknown)
    arguments.output.mkdir(parents=True, exist_ok=True)
    (arguments.output / "groups.json").write_text(json.dumps(result, indent=1) + "\n")
    plot(result, arguments.output / "groups.png")
    for name in ("scores", "leave_one_out", "sensitivity", "spoilt", "wildtrack"):
        for key, value in result.get(name, {}).items():
            print(f"{name}  {key}: {value}")
    print(json.dumps({key: round(result["scores"][key]["f1"], 3) for key in sequences}))


if __name__ == "__main__":
    main()
