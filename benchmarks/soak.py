"""The whole system, live, while everything fails at random: what it counts, and what it takes.

    SDIST_DATA=… python -m benchmarks.soak minutes=60 [cameras=20] [segment=60] [every=45] [fresh=true]

Runs ``sdist-ray topology source=live`` on Ray, as a user would. Most cameras are files that play as if live;
four are HTTP cameras of this program. About every 45 s something fails: a worker, a shard or the coordinator
is killed (``kill -9``) or stopped for a while (SIGSTOP), or an HTTP camera hangs, refuses, breaks off, shows
nothing or sends garbage. At the end, all occupancy that was recorded is counted once more in one process with
nothing happening: links, windows and visits must be the same, number for number. Memory of every process
is read from /proc every two seconds; a slope is that of least squares over the least of every minute, of
processes that lived for five minutes or more, without their first two.

``segment``: minutes of one network. Results are written after each, and added to those that are there
(fresh=true: begin anew); a soak that was ended goes on where that was. ``minutes`` are those of all runs
together. Ended early (Ctrl-C, SIGTERM), a network is ended in order, and what it did is reported.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.machine import machine
from benchmarks.processes import Process, family
from benchmarks.soak_cameras import WAYS, SoakCamera, frames_of

RESULTS = Path(__file__).parent / "results" / "soak.json"
CLIPS = (
    "scenescape/Cam_x1_0_10fps.mp4",
    "scenescape/Cam_x2_0_10fps.mp4",
    "pets2009/View_001_vtest_480x360.mp4",
)
HTTP_CAMERAS = 4
START_S = 30.0
"""Until the first frame: Ray starts, and clips are made JPEG images."""
LOOK_S = 2.0
QUIET_S = 45.0
"""At the end nothing fails any more: what was lost comes back, and is counted."""
STOPPED_S = (3.0, 15.0)
CAMERA_S = (5.0, 40.0)
OURS = {"LiveWorker": "worker", "ExclusionShard": "shard", "LiveCoordinatorActor": "coordinator"}
FAULTS = (
    [("kill", kind) for kind in ("worker", "worker", "shard", "shard", "coordinator")]
    + [("stop", kind) for kind in ("worker", "shard", "coordinator")]
    + [("camera", way) for way in WAYS]
)
SETTINGS = (
    "exclusion.counters=wide", "topology.threshold=0.3", "topology.transit.enabled=false",
    "runtime.shards=2", "runtime.snapshot_ranges=30", "live.transcode=true", "live.publish_s=60",
    "live.recording=occupancy.parquet",
)  # fmt: skip


class Faults:
    """What goes wrong, and when."""

    def __init__(self, cameras: list[SoakCamera], every_s: float, rng: random.Random) -> None:
        self._cameras, self._every_s, self._rng = cameras, every_s, rng
        self._due_s = 0.0
        self._mending: list[tuple[float, Any]] = []
        self.done: Counter[str] = Counter()
        self.log: list[tuple[float, str]] = []

    def step(self, now_s: float, processes: list[Process], calm: bool) -> None:
        """Do what is due, and mend what is over."""
        for due_s, mend in [entry for entry in self._mending if calm or entry[0] <= now_s]:
            mend()
            self._mending.remove((due_s, mend))
        if calm or now_s < self._due_s:
            return
        if self._due_s:
            self._begin(now_s, processes)
        self._due_s = now_s + self._rng.expovariate(1 / self._every_s)

    def _begin(self, now_s: float, processes: list[Process]) -> None:
        what, which = self._rng.choice(FAULTS)
        if what == "camera":
            camera = self._rng.choice(self._cameras)
            camera.failing = which
            self._mend(now_s, CAMERA_S, lambda: setattr(camera, "failing", None))
            self._note(now_s, f"camera {which}")
            return
        there = [process.pid for process in processes if OURS.get(process.name) == which]
        if not there:
            return
        pid = self._rng.choice(there)
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL if what == "kill" else signal.SIGSTOP)
            self._note(now_s, f"{which} {'killed' if what == 'kill' else 'stopped'}")
        if what == "stop":
            self._mend(now_s, STOPPED_S, lambda: _go_on(pid))

    def _mend(self, now_s: float, after_s: tuple[float, float], how: Any) -> None:
        self._mending.append((now_s + self._rng.uniform(*after_s), how))

    def _note(self, now_s: float, what: str) -> None:
        self.done[what] += 1
        self.log.append((round(now_s, 1), what))


def _go_on(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


class Memory:
    """Resident memory of every process over time."""

    def __init__(self) -> None:
        self._of: defaultdict[str, list[tuple[float, int]]] = defaultdict(list)

    def look(self, now_s: float, processes: list[Process]) -> None:
        """Once more."""
        for process in processes:
            self._of[f"{OURS.get(process.name, process.name)} {process.pid}"].append(
                (now_s, process.rss_bytes)
            )

    def slopes(self) -> dict[str, dict[str, float]]:
        """MB a minute of every process of ours that lived for five minutes, and what it had at its end."""
        found = {}
        for name, values in self._of.items():
            kind = name.split()[0]
            time_s, rss = np.array(values, dtype=np.float64).T
            if kind not in (*OURS.values(), "driver", "raylet", "gcs_server") or time_s[-1] - time_s[0] < 300:
                continue
            late = time_s >= time_s[0] + 120
            minute = ((time_s[late] - time_s[late][0]) // 60).astype(int)
            whole = np.unique(minute)[:-1]
            least = [rss[late][minute == number].min() / 1e6 for number in whole]
            if len(whole) >= 2:
                found[name] = {
                    "mb_per_min": round(float(np.polyfit(whole, least, 1)[0]), 3),
                    "mb": round(float(rss[-1]) / 1e6, 1),
                    "minutes": round(float(time_s[-1] - time_s[0]) / 60, 1),
                }
        return found


def run(arguments: argparse.Namespace, minutes: float, seed: int, ending: list[int]) -> dict[str, Any]:
    """One network, for so long."""
    rng = random.Random(f"soak {seed}")
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        output = place / "run"
        files = [arguments.data / clip for clip in CLIPS]
        cameras = [SoakCamera(frames_of(files[n % len(files)]), 50 * n) for n in range(HTTP_CAMERAS)]
        for camera in cameras:
            stack.callback(camera.close)
        described = [{"id": f"http{number}", "url": camera.url} for number, camera in enumerate(cameras)]
        described += [
            {"id": f"file{number:03}", "url": str(files[number % len(files)].absolute())}
            for number in range(arguments.cameras - len(cameras))
        ]
        (place / "cameras.yaml").write_text(json.dumps(described))
        command = [
            sys.executable, "-m", "sdist_ray", "topology", "source=live", f"cameras={place / 'cameras.yaml'}",
            "runtime=ray", f"output={output}", f"live.start_in_s={START_S:g}",
            f"live.duration_s={minutes * 60 + START_S:g}", f"runtime.workers={arguments.workers}", *SETTINGS,
        ]  # fmt: skip
        log = stack.enter_context((place / "log").open("wb"))
        running = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        stack.callback(running.kill)
        faults, memory, late = Faults(cameras, arguments.every, rng), Memory(), 0.0
        began_s = time.monotonic()
        while running.poll() is None:
            now_s = time.monotonic() - began_s
            processes = family(running.pid)
            memory.look(now_s, processes)
            late = max(late, _late(output / "health.json"))
            calm = now_s < START_S + 20 or now_s > minutes * 60 + START_S - QUIET_S or bool(ending)
            faults.step(now_s, processes, calm)
            if ending and now_s > ending[0] + QUIET_S:
                running.terminate()
                ending[0] = 1 << 40
            elif ending and ending[0] == 0:
                ending[0] = int(now_s)
            time.sleep(LOOK_S)
        lived_s = time.monotonic() - began_s
        if running.returncode:
            raise SystemExit(
                f"the network ended with {running.returncode}: {(place / 'log').read_text()[-3000:]}"
            )
        return {
            "minutes": round(lived_s / 60, 1),
            "seed": seed,
            **_of_health(json.loads((output / "summary.json").read_text())),
            # The most that was told at any time: another coordinator counts from its own beginning.
            "late_fraction": max(late, _late(output / "health.json")),
            "faults": dict(sorted(faults.done.items())),
            "log": faults.log,
            "memory": memory.slopes(),
            **recounted(output, place / "again"),
        }


def _late(path: Path) -> float:
    """The share of rows that came too late, as the network tells it now; 0 before it tells anything."""
    try:
        return float(json.loads(path.read_bytes())["health"]["late_fraction"])
    except (OSError, ValueError, TypeError, KeyError):
        return 0.0


def _of_health(summary: dict[str, Any]) -> dict[str, Any]:
    health = summary["health"]
    names = ("rows", "run_delay_p99_s", "ranges_closed", "ranges_counted", "ranges_skipped",
             "dropped")  # fmt: skip
    ticks = len(health["cameras"]) * health["ranges_counted"] * summary["range_ticks"]
    return {
        "cameras": len(health["cameras"]),
        **{name: health[name] for name in names},
        "available_fraction": round(health["rows"] / max(1, ticks), 4),
        "reconnects": sum(camera["reconnects"] for camera in health["cameras"]),
        "links": summary["topology"]["links"],
    }


def recounted(output: Path, again: Path) -> dict[str, Any]:
    """What was recorded, counted once more in one process with nothing happening: whether it is the same."""
    command = [
        sys.executable, "-m", "sdist_ray", "topology", "source=recording",
        f"source.path={output / 'occupancy.parquet'}", "runtime=local", f"output={again}",
        *(word for word in SETTINGS if not word.startswith(("live.", "runtime."))),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"what was recorded cannot be counted: {done.stderr[-2000:]}")
    keys = {
        "links.parquet": ("camera_a", "window_a", "camera_b", "window_b"),
        "windows.parquet": ("camera", "window"),
    }
    tables = {name: (_sorted(output / name, by), _sorted(again / name, by)) for name, by in keys.items()}
    return {
        "pairs_compared": tables["links.parquet"][1].num_rows,
        "rows_compared": pq.read_metadata(output / "occupancy.parquet").num_rows,
        "identical": all(live.equals(once) for live, once in tables.values()),
    }


def _sorted(path: Path, by: tuple[str, ...]) -> pa.Table:
    table = pq.read_table(path).replace_schema_metadata(None)
    # A camera that showed nothing at all is in the network, and in no recording.
    seen = table.filter(pa.compute.greater(table["visits"], 0)) if "visits" in table.column_names else table
    return seen.sort_by([(name, "ascending") for name in by])


def totals(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Over all runs."""
    faults: Counter[str] = Counter()
    for one in runs:
        faults.update(one["faults"])
    slopes = {name: entry for one in runs for name, entry in one["memory"].items()}
    return {
        "hours": round(sum(one["minutes"] for one in runs) / 60, 2),
        "cameras": runs[-1]["cameras"],
        "faults": sum(faults.values()),
        "faults_of": dict(sorted(faults.items())),
        "camera_ticks": sum(one["rows"] for one in runs),
        "available_fraction": min(one["available_fraction"] for one in runs),
        "late_fraction": max(one["late_fraction"] for one in runs),
        "memory_slope_mb_per_min": max((entry["mb_per_min"] for entry in slopes.values()), default=None),
        "ranges_lost": sum(one["ranges_skipped"] for one in runs),
        "identical": all(one["identical"] for one in runs),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--segment", type=float, help="minutes of one network; all of them unless stated")
    parser.add_argument("--cameras", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--every", type=float, default=45.0, help="seconds between two faults, on average")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--fresh", default="false", choices=("true", "false"))
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("SDIST_DATA", ".")))
    parser.add_argument("--results", type=Path, default=RESULTS)
    arguments = parser.parse_args([word if word.startswith("-") else f"--{word}" for word in sys.argv[1:]])
    missing = [str(arguments.data / clip) for clip in CLIPS if not (arguments.data / clip).exists()]
    if missing:
        parser.error(f"no such video: {missing[0]} (set SDIST_DATA)")
    known: list[dict[str, Any]] = []
    if arguments.fresh == "false" and arguments.results.exists():
        known = json.loads(arguments.results.read_text())["runs"]
    ending: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ending.append(0) if not ending else None)
    while (left := arguments.minutes - sum(one["minutes"] for one in known)) > 1 and not ending:
        known.append(
            run(arguments, min(left, arguments.segment or left), arguments.seed + len(known), ending)
        )
        arguments.results.parent.mkdir(exist_ok=True)
        result = {"machine": machine(), **totals(known), "runs": known}
        arguments.results.write_text(json.dumps(result, indent=1) + "\n")
        print(json.dumps({name: value for name, value in result.items() if name not in ("runs", "machine")}))


if __name__ == "__main__":
    main()
