"""The cameras of a run that is over: where their videos are, and how they are calibrated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sdist_ray.cameras.camera import Camera, merge
from sdist_ray.cameras.described import read_cameras
from sdist_ray.cameras.values import read_yaml
from sdist_ray.errors import InputError
from sdist_ray.video.files import find_cameras


def cameras_of(folder: Path, described: str | None = None) -> list[Camera]:
    """Cameras of a distancing run by their ids, as its config.yaml names them.

    Args:
        folder: the run's.
        described: a cameras.yaml that says more, and where videos are now.

    Raises:
        InputError: the folder says nothing of cameras, or what it names cannot be read.
    """
    config: Any = read_yaml(folder / "config.yaml")
    source = (config.get("source") or {}) if isinstance(config, dict) else None
    if not isinstance(source, dict) or not isinstance(source.get("paths") or [], list):
        raise InputError(f"{folder / 'config.yaml'}: not a run's settings")
    if source.get("kind") == "site":
        cameras = read_cameras(folder / "site" / "cameras.yaml")
    else:
        try:
            cameras = _named(config)
        except InputError as error:
            if described:
                # It says where everything is now.
                return sorted(read_cameras(Path(described)), key=lambda camera: camera.id)
            raise InputError(
                f"{error}; {folder / 'config.yaml'} names it, from where that run was made: go there, or say "
                "cameras=cameras.yaml with the videos' addresses"
            ) from error
    if described:
        more = {camera.id: camera for camera in read_cameras(Path(described))}
        cameras = [
            camera if camera.id not in more else more[camera.id]
            if more[camera.id].url else merge([more[camera.id]], [camera])[0]
            for camera in cameras
        ] + [more[name] for name in sorted(more.keys() - {camera.id for camera in cameras})]  # fmt: skip
    if not cameras:
        raise InputError(f"{folder / 'config.yaml'}: names no cameras; say cameras=cameras.yaml")
    return sorted(cameras, key=lambda camera: camera.id)


def _named(config: dict[str, Any]) -> list[Camera]:
    named = config.get("cameras")
    cameras = read_cameras(Path(str(named))) if named else []
    paths = [str(path) for path in config["source"].get("paths") or []] if config.get("source") else []
    return merge(cameras, find_cameras(paths)) if paths else cameras
