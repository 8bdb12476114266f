"""sdist-ray cameras add: cameras join a network that runs live; nobody else notices."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from sdist_ray.cameras.camera import Camera
from sdist_ray.errors import InputError
from sdist_ray.jobs.live_inputs import as_live, named
from sdist_ray.jobs.remote import MOST_NAMED, names, printable, remote_network, wait_for
from sdist_ray.occupancy.block import Clock
from sdist_ray.settings_cameras import AddJob


def run(settings: AddJob, config: str) -> None:
    """Have cameras join, and say how they are as soon as they are live, or after a while."""
    cameras = _wanted(settings)
    with remote_network(settings) as network:
        looked = network.look()
        ready = as_live(cameras, settings.live(), Clock(looked["fps"], looked["range_ticks"]))
        network.add(ready)
        ids = [camera.id for camera in ready]
        print(f"added: {names(ids)}", flush=True)
        found = wait_for(
            network, ids, lambda camera: camera is not None and camera["state"] == "live", settings.wait_s
        )
    states = {camera: "starting" if how is None else str(how["state"]) for camera, how in found.items()}
    print(", ".join(f"{count} {state}" for state, count in Counter(states.values()).most_common()))
    for camera in [camera for camera in ids if states[camera] != "live"][:MOST_NAMED]:
        how = found[camera]
        problem = None if how is None else how["problem"]
        print(f"{printable(camera)}: {states[camera]}{f' ({printable(problem)})' if problem else ''}")


def _wanted(settings: AddJob) -> list[Camera]:
    cameras = named(settings.paths, settings.cameras)
    if settings.id is not None:
        if len(cameras) != 1:
            raise InputError(f"id={settings.id}: there are {len(cameras)} cameras, and an id is one's")
        cameras = [replace(cameras[0], id=settings.id)]
    if settings.fps is not None:
        cameras = [replace(camera, fps=settings.fps) for camera in cameras]
    return cameras
