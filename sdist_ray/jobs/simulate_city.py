"""A simulated city's recording, ground truth, and the switches that its cameras hang on."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sdist_ray.jobs.console import progress, say
from sdist_ray.jobs.outputs import write_bytes, write_table, write_text, write_truth
from sdist_ray.occupancy.block import Clock
from sdist_ray.occupancy.grid import Grid
from sdist_ray.occupancy.recording import RecordingWriter
from sdist_ray.report.city_picture import city_picture
from sdist_ray.settings_site import CitySettings
from sdist_ray.simulation.city import City, make_city
from sdist_ray.simulation.city_rows import rows_of_range

RANGE_TICKS = 64


def write_city(folder: Path, settings: CitySettings, fps: float, grid: Grid) -> None:
    """Simulate a city into a folder."""
    spec = settings.spec(grid)
    say(f"simulating {spec.cameras} cameras, {spec.people} people, {spec.minutes:g} minutes")
    city = make_city(spec)
    _write_truth(folder, city)
    _write_cameras(folder, city, settings.wrong_groups)
    write_bytes(folder / "city.png", city_picture(city))
    _write_recording(folder / "occupancy.parquet", city, Clock(fps, RANGE_TICKS))


def _write_truth(folder: Path, city: City) -> None:
    """What is true at the end, and from when until when each two cameras shared ground."""
    end_s = city.spec.minutes * 60
    write_truth(folder, city.camera_ids, city.truth(end_s), None)
    camera_a, camera_b, shared_m2, from_s, until_s = city.shared
    names = np.array(city.camera_ids)
    write_table(
        folder / "truth_history.parquet",
        {
            "camera_a": names[camera_a],
            "camera_b": names[camera_b],
            "shared_m2": shared_m2,
            "from_s": np.maximum(from_s, 0.0),
            "until_s": np.minimum(until_s, end_s),
        },
    )


def _write_cameras(folder: Path, city: City, wrong_groups: float) -> None:
    """groups.csv, what a building's switches would tell; moves.csv, which cameras get another view when."""
    names, cameras = city.camera_ids, city.spec.cameras
    rows = [f"{name},{group}" for name, group in zip(names, city.groups(wrong_groups), strict=True)]
    write_text(folder / "groups.csv", "\n".join(["camera,group", *rows]) + "\n")
    moved = zip(city.views.camera[cameras:].tolist(), city.views.from_s[cameras:].tolist(), strict=True)
    rows = [f"{names[camera]},{time_s:.3f}" for camera, time_s in moved]
    write_text(folder / "moves.csv", "\n".join(["camera,time_s", *sorted(rows)]) + "\n")


def _write_recording(path: Path, city: City, clock: Clock) -> None:
    total = city.spec.ticks(clock)
    with (
        progress("recording", total / clock.fps, "s") as update,
        RecordingWriter(path, city.camera_ids, city.spec.grid, clock.fps) as writer,
    ):
        for entry in city.ranges(clock):
            writer.write(rows_of_range(entry, city.spec.grid, clock))
            update(min((entry.index + 1) * clock.range_ticks, total) / clock.fps, total / clock.fps)
