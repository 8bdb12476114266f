"""sdist-ray cameras resume: cameras that were paused are read again."""

from __future__ import annotations

from typing import Any

from sdist_ray.jobs.remote import names, remote_network, wait_for
from sdist_ray.settings_cameras import MembersJob


def run(settings: MembersJob, config: str) -> None:
    """Have it done, and wait until it is."""
    with remote_network(settings) as network:
        network.pause(settings.ids, False)
        wait_for(
            network,
            settings.ids,
            _is_resumed,
            settings.wait_s,
        )
    print(f"resumed: {names(settings.ids)}")


def _is_resumed(camera: dict[str, Any] | None) -> bool:
    return camera is not None and camera["state"] != "paused"
