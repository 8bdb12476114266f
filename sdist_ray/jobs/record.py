"""sdist-ray record: detection only, to an occupancy recording."""

from __future__ import annotations

import time
from pathlib import Path

from sdist_ray import __version__
from sdist_ray.errors import InputError
from sdist_ray.folders import make_folder
from sdist_ray.jobs.host import host
from sdist_ray.jobs.live import camera_states, run_live
from sdist_ray.jobs.live_inputs import find_live_inputs, timing_of
from sdist_ray.jobs.network import (
    camera_entries,
    detector_entry,
    find_inputs,
    run_network,
    write_snapshots,
)
from sdist_ray.jobs.outputs import write_json, write_text
from sdist_ray.report.snapshots import write_snapshot
from sdist_ray.runtime.live.control import refuse_if_runs
from sdist_ray.settings import RecordJob

RANGE_S = 2.0


def run(settings: RecordJob, config: str) -> None:
    """Record a network's occupancy."""
    if "/" in settings.file or not settings.file.strip("."):
        raise InputError(f"file={settings.file!r} must be a name within the output folder")
    start = time.time()
    if settings.source.kind == "live":
        refuse_if_runs(Path(settings.output))
    folder = make_folder(settings.output)
    path = folder / settings.file
    if settings.source.kind == "live":
        _run_live(settings, config, folder, path)
        return
    with host(settings.runtime.kind) as where:
        inputs = find_inputs(settings, RANGE_S, folder, where)
        with run_network(settings, inputs, where, None, path) as outcome:
            write_snapshots(folder, outcome)
            seconds = time.time() - start
            rows = outcome.network.tally.rows
            summary = {
                "version": __version__,
                "command": "record",
                "started": start,
                "seconds": seconds,
                "source": {"kind": settings.source.kind},
                "detector": detector_entry(settings, outcome),
                "runtime": {"name": outcome.network.name, "workers": outcome.network.workers},
                "grid": {"columns": inputs.network.grid.columns, "rows": inputs.network.grid.rows},
                "fps": inputs.network.clock.fps,
                "camera_ticks": rows,
                "rates": {"camera_ticks_per_s": rows / seconds},
                "cameras": camera_entries(inputs, outcome),
            }
    write_text(folder / "config.yaml", config)
    write_json(folder / "summary.json", summary)
    print(f"recording: {path} ({rows} camera ticks)")


def _run_live(settings: RecordJob, config: str, folder: Path, path: Path) -> None:
    """Record cameras as they are now, until it is told to stop."""
    write_text(folder / "config.yaml", config)
    with host(settings.runtime.kind) as where:
        inputs = find_live_inputs(settings, RANGE_S)
        clock, grid = inputs.network.clock, inputs.network.grid
        timing = timing_of(settings.live, clock)
        with run_live(settings, inputs, where, None, timing, path, lambda network, health: None) as outcome:
            rows = outcome.network.tally.rows
            summary = {
                "version": __version__,
                "command": "record",
                "started": outcome.began_s,
                "seconds": outcome.seconds,
                "source": {"kind": settings.source.kind},
                "detector": {"kind": settings.detector.kind},
                "runtime": {"name": outcome.network.name, "workers": len(outcome.health.workers)},
                "grid": {"columns": grid.columns, "rows": grid.rows},
                "fps": clock.fps,
                "camera_ticks": rows,
                "rates": {"camera_ticks_per_s": rows / outcome.seconds},
                "cameras": camera_states(outcome.network.tally, outcome.health),
                "health": outcome.health.content(),
            }
    for camera, picture in outcome.pictures.items():
        write_snapshot(folder, camera, picture)
    write_json(folder / "summary.json", summary)
    print(f"recording: {path} ({rows} camera ticks)")
