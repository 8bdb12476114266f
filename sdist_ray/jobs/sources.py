"""Where a run's videos are: files, or a site that is simulated for it."""

from __future__ import annotations

from pathlib import Path

from sdist_ray.cameras.camera import Camera, check_unique, merge
from sdist_ray.cameras.described import read_cameras
from sdist_ray.errors import InputError
from sdist_ray.jobs.console import say
from sdist_ray.jobs.host import Host
from sdist_ray.jobs.simulate import render_videos, write_site
from sdist_ray.occupancy.grid import Grid
from sdist_ray.settings import SourceSettings
from sdist_ray.simulation.site import make_site, walk
from sdist_ray.video.files import find_cameras


def find_videos(
    source: SourceSettings, described: str | None, fps: float, grid: Grid, folder: Path, where: Host
) -> tuple[list[Camera], Path | None]:
    """The cameras of a run by id; simulates and renders them where the source is a site.

    Args:
        source: sites and files.
        described: a cameras.yaml.
        fps: of a simulated site's videos.
        grid: of its ground truth.
        folder: the run's.
        where: rendering is done.

    Returns:
        The cameras, and the folder with the ground truth where the source is simulated.

    Raises:
        InputError: nothing to read, two cameras with one id, or a file of settings that is wrong.
    """
    known = read_cameras(Path(described)) if described else []
    truth = None
    if source.kind == "site":
        truth = folder / "site"
        truth.mkdir(parents=True, exist_ok=True)
        site = make_site(source.site.spec(fps))
        spec = site.spec
        say(f"simulating {spec.cameras} cameras, {spec.people} people, {spec.minutes:g} minutes")
        write_site(truth, site, walk(site), grid)
        cameras = render_videos(truth, site, where)
    elif source.paths:
        cameras = merge(known, find_cameras(source.paths))
    else:
        cameras = known
    check_unique(cameras)
    if not cameras:
        raise InputError("source.paths names no camera")
    return sorted(cameras, key=lambda camera: camera.id), truth
