"""sdist-ray cameras pause: cameras are not read for a while; they stay in the network."""

from __future__ import annotations

from typing import Any

from sdist_ray.jobs.remote import names, remote_network, wait_for
from sdist_ray.settings_cameras import MembersJob


def run(settings: MembersJob, config: str) -> None:
    """Have it done, and wait until it is."""
    with remote_network(settings) as network:
        network.pause(settings.ids, True)
        wait_for(
            network,
            settings.ids,
            _is_paused,
            settings.wait_s,
        )
    print(f"paused: {names(settings.ids)}")


def _is_paused(camera: dict[str, Any] | None) -> bool:
    return camera is not None and camera["state"] == "paused"
