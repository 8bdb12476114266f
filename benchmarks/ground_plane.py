"""One ground plane from foot points alone: what is found, how exactly, at what cost.

    python -m benchmarks.ground_plane simulation [--seeds 1 2 3] [--people 20 60 120] [--minutes 2.5 5 10]
    python -m benchmarks.ground_plane spoilt [--seeds 1]
    SDIST_DATA=… python -m benchmarks.ground_plane wildtrack
    SDIST_DATA=… python -m benchmarks.ground_plane scenescape
    python -m benchmarks.ground_plane thousand [--cameras 1000] [--crowd 1500] [--long 10]
    python -m benchmarks.ground_plane growing [--seeds 1]

simulation: 40 cameras, 320x240, 10 FPS, 10 % missed; pairs of cameras that share more than 4 m² of ground
are to be found, a pair that shares any is no error. The paper's rule (at least 3 links by C' > C*) beside it
for many C*. spoilt: the same with what the real world adds. wildtrack: annotated boxes, also with boxes
missing and foot points off. scenescape: from the video. thousand: everything timed, on 2 threads. growing:
100 cameras, 150 people, 10 minutes, looked at once a minute, and all at once.
Every command merges its part into results/ground_plane.json; one default setting throughout.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import ground_plane_data as data
from benchmarks.ground_plane_plots import plot
from benchmarks.machine import machine
from sdist_ray.jobs.ground_plane import learn_here
from sdist_ray.jobs.host import Host
from sdist_ray.occupancy.block import Rows
from sdist_ray.occupancy.grid import Grid
from sdist_ray.runtime.ground_plane import runner_here
from sdist_ray.topology.ground_plane.growing import GrowingPlane
from sdist_ray.topology.ground_plane.learn import learn
from sdist_ray.topology.ground_plane.pair import Fit
from sdist_ray.topology.ground_plane.plane import GroundPlane, LearnSettings
from sdist_ray.topology.ground_plane.search import Runner, Task
from sdist_ray.topology.ground_plane.view import View, make_view
from sdist_ray.topology.quality import average_precision

RESULTS = Path(__file__).parent / "results"
EDGE_M2 = 4.0
HERE = Host("local", 1)
Figures = dict[str, Any]


def views_of(seen: data.Footage) -> list[View]:
    """The views of all cameras."""
    return [make_view(tick, x, y, np.ones(seen.ticks, np.bool_), seen.fps) for tick, x, y in seen.feet]


def pair_quality(pairs: Sequence[tuple[int, int]], shared_m2: np.ndarray) -> Figures:
    """Precision (any shared ground is true) and recall (of what shares more than EDGE_M2)."""
    found = np.zeros(shared_m2.shape, np.bool_)
    for a, b in pairs:
        found[min(a, b), max(a, b)] = True
    upper = np.triu_indices(len(shared_m2), 1)
    found, area = found[upper], shared_m2[upper]
    return {
        "found": int(found.sum()),
        "true": int((area > EDGE_M2).sum()),
        "precision": float((area[found] > 0).mean()) if found.any() else None,
        "precision_4m2": float((area[found] > EDGE_M2).mean()) if found.any() else None,
        "recall": float(found[area > EDGE_M2].mean()),
    }


def placed(seen: data.Footage) -> tuple[GroundPlane, Figures]:
    """The ground plane of some footage, and what it took."""
    start, used = time.perf_counter(), time.process_time()
    views = views_of(seen)
    made = time.perf_counter()
    plane = learn_here(views, LearnSettings(), HERE)
    return plane, {
        "views_s": made - start,
        "learn_s": time.perf_counter() - made,
        "cpu_s": time.process_time() - used,
        "candidates": plane.candidates,
        "chances": plane.chances,
        "threshold": plane.threshold,
        "closed": plane.closed,
    }


def transfer_figures(plane: GroundPlane, seen: data.Footage) -> Figures:
    """How far from the truth, in metres, what is seen by both cameras of placed pairs is transferred."""
    errors = [data.transfer_error_m(seen, pair, fit.homography) for pair, fit in plane.fits.items()]
    known = np.array([error for error in errors if np.isfinite(error)])
    return {
        "pairs": len(errors),
        "median_m": float(np.median(known)) if len(known) else None,
        "p90_m": float(np.quantile(known, 0.9)) if len(known) else None,
        "within_half_m": float((known <= 0.5).mean()) if len(known) else None,
    }


def simulation(arguments: argparse.Namespace) -> Figures:
    """Every number of people, length and seed."""
    rows = []
    for people in arguments.people:
        for minutes in arguments.minutes:
            for seed in arguments.seeds:
                seen = data.simulated(40, people, minutes, seed)
                plane, took = placed(seen)
                row = {"people": people, "minutes": minutes, "seed": seed, **took}
                row |= {"ground_plane": pair_quality(list(plane.fits), seen.shared_m2)}
                row |= {"transfer": transfer_figures(plane, seen)}
                row |= {"nonexclusion": [
                    {"threshold": c, **pair_quality(pairs, seen.shared_m2)} for c, pairs in data.linked(seen)
                ]}  # fmt: skip
                rows.append(row)
                print(_line(row), flush=True)
    return {"rows": rows, "mean": _means(rows)}


def _key(row: Figures) -> tuple[float, ...]:
    return row["people"], row["minutes"], row["seed"]


def _means(rows: list[Figures]) -> list[Figures]:
    """Over seeds."""
    result = []
    for people, minutes in sorted({(row["people"], row["minutes"]) for row in rows}):
        own = [row for row in rows if (row["people"], row["minutes"]) == (people, minutes)]
        result.append({
            "people": people, "minutes": minutes, "seeds": len(own),
            **{name: float(np.mean([row["ground_plane"][name] for row in own]))
               for name in ("precision", "precision_4m2", "recall")},
            "transfer_median_m": float(np.median([row["transfer"]["median_m"] for row in own])),
            "cpu_s": float(np.mean([row["cpu_s"] for row in own])),
        })  # fmt: skip
    return result


def _line(row: Figures) -> str:
    quality, transfer = row["ground_plane"], row["transfer"]
    names = ("kind", "people", "minutes", "seed")
    what = ", ".join(f"{name} {row[name]}" for name in names if name in row)
    return (
        f"{what}: P {quality['precision']:.3f} R {quality['recall']:.3f}, {quality['found']} of "
        f"{quality['true']}, transfer {transfer['median_m']:.2f} m, {row['cpu_s']:.0f} s of CPU"
    )


def spoilt(arguments: argparse.Namespace) -> Figures:
    """60 people, 5 minutes, one thing wrong at a time."""
    rows = []
    for kind in data.SPOILS:
        for seed in arguments.seeds:
            seen = data.simulated(40, 60, 5.0, seed, kind)
            plane, took = placed(seen)
            row = {"kind": kind, "seed": seed, **took}
            row |= {"ground_plane": pair_quality(list(plane.fits), seen.shared_m2)}
            row |= {"transfer": transfer_figures(plane, seen)}
            row |= {"clocks": clock_figures(plane, data.clocks_s(kind, seed, 40, seen.fps))}
            rows.append(row)
            print(_line(row), flush=True)
    return {"people": 60, "minutes": 5.0, "rows": rows}


def clock_figures(plane: GroundPlane, late_s: np.ndarray) -> Figures:
    """How far from the truth placed pairs' clock offsets are, seconds."""
    off = [abs(fit.offset_s - (late_s[b] - late_s[a])) for (a, b), fit in plane.fits.items()]
    return {
        "corrected": int((plane.late != 0).sum()),
        "median_s": float(np.median(off)) if off else None,
        "p90_s": float(np.quantile(off, 0.9)) if off else None,
    }


def real(seen: data.Footage) -> Figures:
    """Pairs placed, their errors, and windows ranked by the share that the homographies imply."""
    plane, took = placed(seen)
    ranked, true, eligible = data.window_ranking(plane, seen, Grid())
    figures = {
        **took,
        "cameras": len(seen.feet),
        "pairs_placed": len(plane.fits),
        "pairs": {
            f"{a}-{b}": {
                "score": plane.score[a, b], "radius": fit.radius, "error": fit.error,
                "transfer_m": data.transfer_error_m(seen, (a, b), fit.homography),
            }
            for (a, b), fit in sorted(plane.fits.items())
        },
        "transfer": transfer_figures(plane, seen),
        "eligible_window_pairs": int(eligible),
        "true_window_pairs": int(true.sum()),
        **average_precision(ranked, true, int(true.sum())),
    }  # fmt: skip
    print(
        f"{len(plane.fits)} pairs placed, transfer {figures['transfer']['median_m']:.2f} m, AP "
        f"{figures['average_precision']:.3f}, precision at recall 0.85 {figures['precision_at_85']}, "
        f"{took['cpu_s']:.0f} s of CPU",
        flush=True,
    )
    return figures


def wildtrack(arguments: argparse.Namespace) -> Figures:
    """Annotated boxes, and the same with a share missing and foot points off by a share of the height."""
    return {
        f"missing {missing:g}, noise {noise:g}": real(data.wildtrack_boxes(missing, noise))
        for missing, noise in ((0.0, 0.0), (0.1, 0.03), (0.3, 0.03))
    }


def scenescape(arguments: argparse.Namespace) -> Figures:
    """From the two 10 FPS videos."""
    return real(data.scenescape_video())


def thousand(arguments: argparse.Namespace) -> Figures:
    """Many cameras, timed from foot points to edges."""
    start = time.perf_counter()
    seen = data.simulated(arguments.cameras, arguments.crowd, arguments.long, arguments.seeds[0])
    print(f"simulated in {time.perf_counter() - start:.0f} s", flush=True)
    plane, took = placed(seen)
    print(took, flush=True)
    quality, transfer = pair_quality(list(plane.fits), seen.shared_m2), transfer_figures(plane, seen)
    row = {"cameras": arguments.cameras, "people": arguments.crowd, "minutes": arguments.long, **took}
    row |= {"footage_s": arguments.long * 60, "total_s": took["views_s"] + took["learn_s"]}
    row |= {"ground_plane": quality, "transfer": transfer}
    print(_line(row | {"seed": arguments.seeds[0]}), flush=True)
    return row


def rows_of(seen: data.Footage, first: int, last: int) -> Rows:
    """What all cameras saw from tick ``first`` up to ``last``, without windows."""
    ticks = np.arange(first, last)
    nothing = np.zeros(len(ticks), np.int64)
    parts = []
    for number, (tick, x, y) in enumerate(seen.feet):
        begin, end = np.searchsorted(tick, [first, last])
        ends = np.searchsorted(tick[begin:end], ticks, side="right")
        camera = np.full(len(ticks), number, np.int32)
        parts.append(Rows(camera, ticks, np.empty(0, np.uint16), nothing, x[begin:end], y[begin:end], ends))
    return Rows.concatenate(parts)


def growing(arguments: argparse.Namespace) -> Figures:
    """A look a minute, in one thread: what is looked at, what it takes, and what comes of it."""
    seen = data.simulated(100, 150, 10.0, arguments.seeds[0])
    names = [f"c{number}" for number in range(len(seen.feet))]
    plane, looks, tasks = GrowingPlane(seen.fps, 30.0, LearnSettings()), [], [0]

    def runner(views: Sequence[View]) -> Runner:
        run = runner_here(views, LearnSettings())

        def counted(wanted: Sequence[Task]) -> list[Fit]:
            tasks[0] += len(wanted)
            return run(wanted)

        return counted

    for first in range(0, seen.ticks, 600):
        rows, before, used = rows_of(seen, first, first + 600), tasks[0], time.process_time()
        plane.add(rows, names, first + 600)
        found = plane.learn(runner)
        looks.append({
            "minutes": (first + 600) / 600, "cpu_s": time.process_time() - used,
            "searched": found.candidates, "refined": found.refined, "chances": found.chances,
            "tasks": tasks[0] - before, "tracklet_bytes": plane.nbytes,
            **pair_quality(list(found.fits), seen.shared_m2),
        })  # fmt: skip
        print(looks[-1], flush=True)
    used = time.process_time()
    whole = learn(views_of(seen), runner(views_of(seen)), LearnSettings())
    at_once = {"cpu_s": time.process_time() - used, "searched": whole.candidates}
    return {
        "cameras": 100, "people": 150, "minutes": 10, "seed": arguments.seeds[0], "looks": looks,
        "transfer": transfer_figures(found, seen), "cpu_s": sum(look["cpu_s"] for look in looks),
        "at_once": at_once | pair_quality(list(whole.fits), seen.shared_m2)
        | {"transfer": transfer_figures(whole, seen)},
    }  # fmt: skip


PARTS: dict[str, Callable[[argparse.Namespace], Figures]] = {
    part.__name__: part for part in (simulation, spoilt, wildtrack, scenescape, thousand, growing)
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=sorted(PARTS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--people", type=int, nargs="+", default=[20, 60, 120])
    parser.add_argument("--minutes", type=float, nargs="+", default=[2.5, 5.0, 10.0])
    parser.add_argument("--cameras", type=int, default=1000, help="of thousand")
    parser.add_argument("--crowd", type=int, default=1500, help="people, of thousand")
    parser.add_argument("--long", type=float, default=10.0, help="minutes, of thousand")
    parser.add_argument("--output", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    figures = PARTS[arguments.part](arguments)
    arguments.output.mkdir(parents=True, exist_ok=True)
    path = arguments.output / "ground_plane.json"
    result = json.loads(path.read_text()) if path.is_file() else {}
    if arguments.part == "simulation" and "simulation" in result:
        # A part of the sweep takes the place of the same part measured before.
        own = [_key(row) for row in figures["rows"]]
        rows = [row for row in result["simulation"]["rows"] if _key(row) not in own] + figures["rows"]
        figures = {"rows": sorted(rows, key=_key), "mean": _means(rows)}
    result |= {"machine": machine(), arguments.part: figures}
    path.write_text(json.dumps(result, indent=1) + "\n")
    if "simulation" in result:
        plot(result).savefig(arguments.output / "ground_plane.png", dpi=130)
    brief = {k: v for k, v in figures.items() if k not in ("rows", "pairs")}
    print(json.dumps({"part": arguments.part, **brief}))


if __name__ == "__main__":
    main()
