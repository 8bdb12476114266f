"""The whole system, live: the paper's figure 5, late data and memory per minute.

    SDIST_DATA=… python -m benchmarks.whole_system [--cameras 300] [--minutes 10] [--source VIDEO …]

Runs ``sdist-ray topology source=live`` on Ray, as a user would: recorded clips stand in for cameras, each
frame is a 320-pixel JPEG image that is decoded, looked at, counted against all other cameras', and the
topology is published on the way. Memory and CPU time of every process that it starts are read from /proc
once a second. ``memory_slope_mb_per_min`` is that of the process that grows fastest, by least squares over
the least of every minute in the second half of the time: what stays, for what is published takes memory for a
moment. Ray's object store counts as one of the processes. By default the clips are those of PETS 2009 and
SceneScape.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from benchmarks.machine import machine
from benchmarks.processes import family

RESULTS = Path(__file__).parent / "results"
CLIPS = (
    "pets2009/View_001_vtest_480x360.mp4",
    "scenescape/Cam_x1_0_10fps.mp4",
    "scenescape/Cam_x2_0_10fps.mp4",
)
START_S = 20.0
"""Until the first frame: Ray starts, and clips are made JPEG images."""
WARMUP_S = 300.0
"""While the topology is being learnt, memory follows the number of its links."""
LEAST_OF_S = 60.0
OBJECT_STORE = "object_store 0"
EVERY_S = 1.0
OURS = ("object_store", "driver", "LiveWorker", "ExclusionShard", "LiveCoordinatorActor")


def command(arguments: argparse.Namespace, output: Path) -> list[str]:
    """The command that is measured."""
    paths = ",".join(f"'{path}'" for path in arguments.source)
    replicas = -(-arguments.cameras // len(arguments.source))
    return [
        sys.executable, "-m", "sdist_ray", "topology", "source=live", f"source.paths=[{paths}]",
        f"runtime={arguments.runtime}", f"runtime.workers={arguments.workers}", f"output={output}",
        f"live.replicas={replicas}", "live.transcode=true", f"live.duration_s={arguments.minutes * 60:g}",
        f"live.start_in_s={START_S:g}",
        f"live.publish_s={arguments.publish_s:g}",
        f"exclusion.counters={arguments.counters}",
        f"exclusion.store={arguments.store}",
    ]  # fmt: skip


def watch(running: subprocess.Popen[bytes], seconds: float) -> list[dict[str, Any]]:
    """Samples of all processes, for as long as cameras are read; then waits until the command ends."""
    samples: list[dict[str, Any]] = []
    began = time.monotonic()
    while running.poll() is None:
        if time.monotonic() - began > seconds:
            time.sleep(EVERY_S)
            continue
        sample: dict[str, Any] = {"s": time.monotonic() - began, "processes": {}}
        shared = 0
        for process in family(running.pid):
            sample["processes"][f"{process.name} {process.pid}"] = (process.rss_bytes, process.cpu_s)
            shared = max(shared, process.shared_bytes)
        # All processes look at the same: it counts once.
        sample["processes"][OBJECT_STORE] = (shared, 0.0)
        samples.append(sample)
        time.sleep(EVERY_S)
    return samples


def by_process(samples: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Of each process that lasted: its memory at the end, how fast that grows, and the CPUs that it used."""
    series: defaultdict[str, list[tuple[float, int, float]]] = defaultdict(list)
    for sample in samples:
        for name, (rss, cpu_s) in sample["processes"].items():
            series[name].append((sample["s"], rss, cpu_s))
    found: dict[str, dict[str, Any]] = {}
    end = samples[-1]["s"]
    for name, values in series.items():
        time_s, rss, cpu_s = np.array(values).T
        warm = time_s >= min(WARMUP_S, end / 2)
        if warm.sum() < 10:
            continue
        minute = (time_s[warm] - time_s[warm][0]) // LEAST_OF_S
        least = [rss[warm][minute == number].min() for number in np.unique(minute)]
        slope = float(np.polyfit(np.unique(minute), least, 1)[0]) * 60 / LEAST_OF_S / 1e6
        cpus = float((cpu_s[warm][-1] - cpu_s[warm][0]) / (time_s[warm][-1] - time_s[warm][0]))
        found[name] = {
            "rss_mb": float(rss[warm][-1]) / 1e6,
            "peak_mb": float(rss.max()) / 1e6,
            "slope_mb_per_min": slope,
            "cpus": cpus,
        }
    return found


def total_bytes(sample: dict[str, Any]) -> int:
    """Resident memory of all processes."""
    return sum(rss for rss, _ in sample["processes"].values())


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run it, and say what came of it."""
    with tempfile.TemporaryDirectory() as place:
        output = Path(place) / "run"
        with (Path(place) / "log").open("wb") as log:
            running = subprocess.Popen(command(arguments, output), stdout=log, stderr=subprocess.STDOUT)
            try:
                samples = watch(running, START_S + arguments.minutes * 60)
            finally:
                running.terminate()
                running.wait(60)
        if running.returncode:
            raise SystemExit((Path(place) / "log").read_text()[-3000:])
        summary = json.loads((output / "summary.json").read_text())
    health = summary["health"]
    processes = by_process(samples)
    ours = {name: values for name, values in processes.items() if name.split()[0] in OURS}
    coordinator = sum(v["cpus"] for n, v in ours.items() if n.startswith("LiveCoordinator"))
    total_mb = [
        float(np.median([total_bytes(s) for s in samples if s["s"] // 60 == minute])) / 1e6
        for minute in sorted({s["s"] // 60 for s in samples})
    ]
    late = health["late_minutes"]
    frames = health["frames_in"]
    return {
        "cameras": health["cameras_total"],
        "minutes": arguments.minutes,
        "late_fraction": health["late_fraction"],
        "delay_p50_s": health["delay_p50_s"],
        "delay_p99_s": health["run_delay_p99_s"],
        "memory_slope_mb_per_min": max(values["slope_mb_per_min"] for values in ours.values()),
        "coordinator_cpus": coordinator,
        "frames_in": frames,
        "processed": health["processed"],
        "dropped": health["dropped"],
        "dropped_fraction": health["dropped"] / max(1, frames),
        "rows": health["rows"],
        "fps_per_camera": health["rows"] / health["cameras_total"] / (arguments.minutes * 60),
        "ranges_closed": health["ranges_closed"],
        "ranges_skipped": health["ranges_skipped"],
        "late_by_minute": {minute: sum(counts.values()) for minute, counts in late.items()},
        "memory_mb_by_minute": total_mb,
        "links": summary["topology"]["links"],
        "processes": processes,
    }


def draw(result: dict[str, Any], path: Path) -> None:
    """Late data and memory, minute by minute."""
    figure = Figure(figsize=(7, 5), layout="constrained")
    late, memory = figure.subplots(2, 1, sharex=True)
    minutes = np.arange(len(result["memory_mb_by_minute"]))
    per_minute = result["rows"] / max(1, result["minutes"])
    shares = list(result["late_by_minute"].values()) + [0] * len(minutes)
    late.bar(minutes, 100 * np.array(shares[: len(minutes)]) / per_minute, color="#b03060", width=0.8)
    late.axhline(1.2, color="#4d4d4d", lw=1, ls="--")
    late.annotate("1.2 %", (0, 1.2), xytext=(0, 3), textcoords="offset points", fontsize=9)
    late.set_ylabel("late rows, %")
    late.set_ylim(0, 1.6)
    late.set_title(
        f"{result['cameras']} cameras at 10 FPS on {result['machine']['cores']} cores",
        loc="left",
        fontsize=11,
    )
    memory.plot(minutes, np.array(result["memory_mb_by_minute"]) / 1000, marker="o", ms=4, color="#1f77b4")
    memory.set_ylabel("memory of all processes, GB")
    memory.set_ylim(0)
    memory.set_xlabel("minute")
    for axes in (late, memory):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.25)
    figure.savefig(path, dpi=130)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    data = Path(os.environ.get("SDIST_DATA", "."))
    parser.add_argument("--cameras", type=int, default=300)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--source", type=Path, nargs="+", default=[data / clip for clip in CLIPS])
    parser.add_argument("--runtime", choices=("ray", "local"), default="ray")
    parser.add_argument("--workers", type=int, default=0, help="0: one a CPU")
    parser.add_argument("--counters", choices=("byte", "wide"), default="byte")
    parser.add_argument("--store", choices=("dense", "rle", "indexed"), default="dense")
    parser.add_argument("--publish-s", type=float, default=30.0)
    parser.add_argument("--no-write", action="store_true", help="leave the committed results as they are")
    arguments = parser.parse_args()
    missing = [str(path) for path in arguments.source if not path.exists()]
    if missing:
        parser.error(f"no such video: {missing[0]} (set SDIST_DATA, or name videos with --source)")
    result = {"machine": machine(), **measure(arguments)}
    if not arguments.no_write:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "whole_system.json").write_text(json.dumps(result, indent=2) + "\n")
        draw(result, RESULTS / "whole_system.png")
    brief = ("cameras", "late_fraction", "delay_p99_s", "memory_slope_mb_per_min", "coordinator_cpus",
             "dropped_fraction", "fps_per_camera", "links")  # fmt: skip
    for name, values in sorted(result["processes"].items()):
        print(name, {key: round(value, 2) for key, value in values.items()})
    print(json.dumps({name: result[name] for name in brief}))


if __name__ == "__main__":
    main()
