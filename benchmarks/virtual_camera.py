"""The virtual camera: how often the person is in the picture that it shows, and how often it cuts.

    SDIST_DATA=… python -m benchmarks.virtual_camera [--part site|halls|scenescape|all] [--seeds 31]

Site: 8 cameras in two halls, 6 people, 72 s; six such. Halls: the sites of benchmarks.tracking. Everybody
who is in some camera's view for half a minute or more is followed from when they are first tracked, by their
number then. A frame is right where the camera that is shown truly has the person in view (foot in the image,
not mostly hidden by somebody nearer); of the frames in which any camera does. With who is who given (the
choice of cameras alone), with the tracker's numbers, and with a made-up appearance model; beside it the best
view of every instant, and the one camera that sees the person longest.

scenescape: the videos, YOLOX-nano, sdist-ray distancing, track and follow; measured against the tracks.

Writes results/virtual_camera.json. Parts that were not run keep their last figures.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from benchmarks.machine import machine
from benchmarks.tracking import NOISE, tracked
from benchmarks.tracking_data import SITES, Scene, halls_apart, small_site
from sdist_ray.cli import main as sdist_ray
from sdist_ray.tracking.follow import choose_views, fill_gaps, shots_of, view_worth
from sdist_ray.tracking.gaps import GapSettings
from sdist_ray.tracking.passages import Passages

RESULTS = Path(__file__).parent / "results"
PARTS = ("site", "halls", "scenescape")
LEAST_S = 30.0
BAR = 0.95


def worths(scene: Scene, wanted: dict[int, int], names: list[np.ndarray]) -> dict[int, np.ndarray]:
    """Worth of every view of some people, float64 (ticks, cameras) of each.

    Args:
        scene: what is seen.
        wanted: person to the number that they are followed by.
        names: of each camera's detections, int64 (n,), the number that each has.
    """
    cameras, ticks = len(scene.seen), len(scene.place)
    of = {person: np.zeros((ticks, cameras)) for person in wanted}
    people: dict[int, list[int]] = {}
    for person, name in wanted.items():
        people.setdefault(name, []).append(person)
    for camera, seen in enumerate(scene.seen):
        size = scene.grounds[camera].calibration.image_size
        starts = scene.rows(camera)
        for row in np.flatnonzero(np.isin(names[camera], list(people))).tolist():
            tick = int(seen.tick[row])
            rows = np.arange(starts[tick], starts[tick + 1])
            worth = view_worth(seen.box[row], size, True, seen.box[rows[rows != row]])
            for person in people[int(names[camera][row])]:
                of[person][tick, camera] = max(of[person][tick, camera], worth)
    for views in of.values():
        for camera in range(cameras):
            fill_gaps(views[:, camera], np.zeros((ticks, 4)), scene.fps)
    return of


def shown(scene: Scene, worth: dict[int, np.ndarray], first: dict[int, int]) -> dict[str, dict[str, float]]:
    """Each way to choose cameras: share of frames in view, cuts a minute, seconds of the median picture."""
    truth = np.stack([seen.in_view for seen in scene.seen], axis=2)
    found: dict[str, dict[str, list[float]]] = {}
    for person, views in worth.items():
        part = slice(first[person], int(np.flatnonzero(scene.visible[:, person])[-1]) + 1)
        values, there = views[part], truth[part, person]
        any_sees = there.any(axis=1)
        every = {
            "virtual camera": choose_views(values, scene.fps),
            "best of every instant": _held(values),
            "one camera": np.full(len(values), int((values > 0).sum(axis=0).argmax())),
        }
        for way, chosen in every.items():
            of = found.setdefault(way, {"right": [], "frames": [], "cuts": [], "shots": []})
            right = there[np.arange(len(there)), chosen]
            of["right"].append(float(right[any_sees].sum()))
            of["frames"].append(float(any_sees.sum()))
            shots = shots_of(chosen, values)
            of["cuts"].append(float(len(shots) - 1))
            of["shots"] += [(shot.last - shot.first + 1) / scene.fps for shot in shots]
            of.setdefault("length", []).append(len(values) / scene.fps / 60)
    return {
        way: {
            "in_view": sum(of["right"]) / max(sum(of["frames"]), 1),
            "worst_decile": float(np.quantile(np.array(of["right"]) / np.maximum(of["frames"], 1), 0.1)),
            "people": len(of["right"]),
            "cuts_per_minute": sum(of["cuts"]) / sum(of["length"]),
            "median_picture_s": float(np.median(of["shots"])),
        }
        for way, of in found.items()
    }


def _held(values: np.ndarray) -> np.ndarray:
    """The best view of every instant, the last one while there is none."""
    seen = values.max(axis=1) > 0
    at = np.maximum.accumulate(np.where(seen, np.arange(len(values)), 0))
    return values[at].argmax(axis=1)


def on_scenes(scenes: Iterable[tuple[Scene, Passages]]) -> dict[str, Any]:
    """All sites together."""
    every: dict[str, list[dict[str, dict[str, float]]]] = {}
    for scene, passages in scenes:
        long = np.flatnonzero(scene.visible.sum(axis=0) >= LEAST_S * scene.fps).tolist()
        true = [seen.person for seen in scene.seen]
        begin = {p: int(np.flatnonzero(scene.visible[:, p])[0]) for p in long}
        ways: dict[str, list[np.ndarray]] = {"who is who given": true}
        for name, alike in (("tracked", None), ("tracked, looks", NOISE)):
            found, _ = tracked(scene, passages, GapSettings(), alike)
            ways[name] = _names(scene, found.tick, found.number)
        for name, names in ways.items():
            wanted, first = {}, {}
            for person in long:
                start = _first(scene, person, names)
                if start is not None:
                    wanted[person], first[person] = start[1], begin[person] if names is true else start[0]
            every.setdefault(name, []).append(shown(scene, worths(scene, wanted, names), first))
            print(json.dumps({name: every[name][-1]}), flush=True)
    return {
        name: {
            way: {key: float(np.mean([one[way][key] for one in of])) for key in of[0][way]} for way in of[0]
        }
        for name, of in every.items()
    }


def _names(scene: Scene, ticks: list[np.ndarray], numbers: list[np.ndarray]) -> list[np.ndarray]:
    """Numbers that were given instant by instant, by camera."""
    cameras = len(scene.seen)
    starts = [scene.rows(camera) for camera in range(cameras)]
    names = [np.full(len(seen.tick), -1) for seen in scene.seen]
    for tick, number in zip(ticks, numbers, strict=True):
        if not len(tick):
            continue
        at, first = int(tick[0]), 0
        for camera in range(cameras):
            rows = slice(starts[camera][at], starts[camera][at + 1])
            count = rows.stop - rows.start
            names[camera][rows] = number[first : first + count]
            first += count
    return names


def _first(scene: Scene, person: int, names: list[np.ndarray]) -> tuple[int, int] | None:
    """When somebody is first tracked, and as which number."""
    found = [
        (int(seen.tick[row]), int(name[row]))
        for seen, name in zip(scene.seen, names, strict=True)
        for row in np.flatnonzero((seen.person == person) & (name >= 0))[:1].tolist()
    ]
    return min(found, default=None)


def on_scenescape(data: Path, folder: Path) -> dict[str, Any]:
    """The whole way from two videos to one person's; what it left lies in ``folder``."""
    sensors = json.loads((data / "scenescape/config.json").read_text())["sensors"]
    cameras = [
        {"id": f"{name}_10fps", "url": str((data / f"scenescape/{name}_10fps.mp4").absolute()),
         "calibration": {"kind": "homography", "image_size": [800, 600],
                         "image_points": of["camera points"],
                         "ground_points": [point[:2] for point in of["map points"]]}}
        for name, of in sensors.items()
    ]  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cameras.yaml").write_text(yaml.safe_dump(cameras))
    words = [
        "source=files", f"cameras={folder / 'cameras.yaml'}", f"output={folder}", "runtime=local",
        "detector=yolo", f"detector.model={data / 'models/yolox-nano/yolox_nano.onnx'}",
    ]  # fmt: skip
    if sdist_ray(["track", *words]) or sdist_ray(["follow", str(folder)]):
        raise SystemExit("sdist-ray failed")
    (path,) = folder.glob("follow/*/summary.json")
    summary = json.loads(path.read_text())
    pictures = [of["until_s"] - of["from_s"] + 0.1 for of in summary["pictures"]]
    return {
        "person": summary["person"], "seconds": summary["seconds"], "in_view": summary["in_view"],
        "cuts_per_minute": (len(pictures) - 1) / summary["seconds"] * 60,
        "median_picture_s": float(np.median(pictures)), "pictures": summary["pictures"],
        "people_tracked": json.loads((folder / "summary.json").read_text())["people"],
    }  # fmt: skip


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
    parser.add_argument("--runs", type=Path, default=Path("runs/virtual_camera"), help="where videos go")
    parser.add_argument("--output", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    path = arguments.output / "virtual_camera.json"
    result: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    result["machine"] = machine()
    if arguments.part in ("site", "all"):
        result["site"] = on_scenes(small_site(seed) for seed in arguments.site_seeds)
    if arguments.part in ("halls", "all"):
        result["halls"] = on_scenes(
            halls_apart(seed, arguments.minutes, arguments.learn_minutes, arguments.people)
            for seed in arguments.seeds
        )
        result["halls_settings"] = {
            key: getattr(arguments, key) for key in ("seeds", "minutes", "learn_minutes", "people")
        }
    if arguments.part in ("scenescape", "all"):
        result["scenescape"] = on_scenescape(arguments.data, arguments.runs / "scenescape")
    arguments.output.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n")
    line: dict[str, Any] = {"bar": BAR}
    for part in ("site", "halls"):
        for name, of in result.get(part, {}).items():
            line[f"{part}, {name}"] = {way: round(figures["in_view"], 4) for way, figures in of.items()}
    if "scenescape" in result:
        line["scenescape"] = round(result["scenescape"]["in_view"], 4)
    print(json.dumps(line))


if __name__ == "__main__":
    main()
