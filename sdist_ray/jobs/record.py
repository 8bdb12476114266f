"""sdist-ray record: detection only, to an occupancy recording."""

from __future__ import annotations

import time

from sdist_ray import __version__
from sdist_ray.errors import InputError
from sdist_ray.jobs.host import host
from sdist_ray.jobs.network import (
    camera_entries,
    detector_entry,
    find_inputs,
    run_network,
    write_snapshots,
)
from sdist_ray.jobs.outputs import make_folder, write_json, write_text
from sdist_ray.settings import RecordJob

RANGE_S = 2.0


def run(settings: RecordJob, config: str) -> None:
    """Record a network's occupancy."""
    if "/" in settings.file or not settings.file.strip("."):
        raise InputError(f"file={settings.file!r} must be a name within the output folder")
    start = time.time()
    folder = make_folder(settings.output)
    path = folder / settings.file
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
