"""sdist-ray cameras remove: cameras leave a network that runs live; what was counted of them is kept."""

from __future__ import annotations

from sdist_ray.jobs.remote import names, remote_network, wait_for
from sdist_ray.settings_cameras import MembersJob


def run(settings: MembersJob, config: str) -> None:
    """Have it done, and wait until it is."""
    with remote_network(settings) as network:
        network.remove(settings.ids)
        wait_for(network, settings.ids, lambda camera: camera is None, settings.wait_s)
    print(f"removed: {names(settings.ids)}")
