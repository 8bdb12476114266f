"""A live network that another process runs, as commands find it."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from sdist_ray.errors import InputError
from sdist_ray.runtime.live.commands import RemoteNetwork
from sdist_ray.runtime.live.reach import SocketRemote, running
from sdist_ray.settings_cameras import RemoteSettings

LOOK_S = 0.3
MOST_NAMED = 20
RIGHT = "run=DIR names the folder of a run on this machine, network=NAME with RAY_ADDRESS one on a cluster"


@contextlib.contextmanager
def remote_network(settings: RemoteSettings) -> Iterator[RemoteNetwork]:
    """The network that is meant: at RAY_ADDRESS, or in a run's folder on this machine.

    Raises:
        InputError: there is none, or more than one that could be.
    """
    with contextlib.ExitStack() as stack:
        if settings.run:
            remote: Any = SocketRemote(Path(settings.run))
        else:
            here = _named_here(settings.network)
            remote = None
            if os.environ.get("RAY_ADDRESS"):
                remote = stack.enter_context(_on_cluster(settings.network, bool(here)))
            remote = remote or SocketRemote(_only(here, settings.network))
        stack.callback(remote.close)
        yield RemoteNetwork(remote)


def _named_here(network: str | None) -> dict[Path, str]:
    return {folder: name for folder, name in running().items() if network in (None, name)}


def _only(here: dict[Path, str], network: str | None) -> Path:
    if not here:
        named = f" {network!r}" if network else ""
        raise InputError(f"no live network{named} was found; {RIGHT}")
    if len(here) > 1:
        folders = ", ".join(f"run={folder}" for folder in sorted(here)[:MOST_NAMED])
        raise InputError(f"{len(here)} live networks run here; say which: {folders}")
    return next(iter(here))


@contextlib.contextmanager
def _on_cluster(network: str | None, elsewhere: bool) -> Iterator[Any]:
    """The way to a network of the cluster; None where it has none, but there is one ``elsewhere``."""
    from sdist_ray.runtime.ray.control import RayRemote, networks
    from sdist_ray.runtime.ray.session import ray_session

    with ray_session():
        there = networks()
        if not there and network is None and not elsewhere:
            raise InputError(f"no live network runs on this cluster; {RIGHT}")
        if network is None and len(there) > 1:
            raise InputError(f"{len(there)} live networks run there; say which: network={' or '.join(there)}")
        if elsewhere and (not there or (network is not None and network not in there)):
            yield None
        else:
            yield RayRemote(network or there[0])


def wait_for(
    network: RemoteNetwork, ids: Sequence[str], done: Callable[[dict[str, Any] | None], bool], wait_s: float
) -> dict[str, dict[str, Any] | None]:
    """How cameras are, by id (None: not there), once all are as they should be, or after ``wait_s``.

    Raises:
        InputError: the network ended meanwhile.
    """
    until = time.monotonic() + wait_s
    while True:
        known = {camera["id"]: camera for camera in network.look()["cameras"]}
        found = {camera: known.get(camera) for camera in ids}
        left_s = until - time.monotonic()
        if left_s <= 0 or all(done(camera) for camera in found.values()):
            return found
        time.sleep(min(LOOK_S, left_s))


def names(ids: Sequence[str]) -> str:
    """Ids on one line, not too many of them."""
    more = f" and {len(ids) - MOST_NAMED} more" if len(ids) > MOST_NAMED else ""
    return ", ".join(printable(camera) for camera in ids[:MOST_NAMED]) + more


def printable(text: str) -> str:
    """The text without control characters."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)
