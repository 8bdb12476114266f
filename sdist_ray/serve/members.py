"""How the interface has cameras join and leave: over the control socket of the run's network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from sdist_ray.cameras.camera import Camera
from sdist_ray.errors import InputError
from sdist_ray.runtime.live.commands import RemoteNetwork
from sdist_ray.runtime.live.reach import SocketRemote


class NoNetwork(Exception):
    """No network runs, or none that can be reached from here."""


class Members(Protocol):
    """Whose cameras come and go."""

    def add(self, cameras: Sequence[Camera]) -> None:
        """Have cameras join.

        Raises:
            InputError: the network refuses one, and then has taken none.
            NoNetwork: there is none.
        """
        ...

    def remove(self, ids: Sequence[str]) -> None:
        """Have cameras leave. Raises as ``add`` does."""
        ...


class SocketMembers:
    """The cameras of the network that runs in a folder. See Members.

    Args:
        folder: the run's.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _remote(self) -> SocketRemote:
        try:
            return SocketRemote(self._folder)
        except InputError as error:
            # Its message names the folder.
            raise NoNetwork("no network runs here now; cameras can be changed while one does") from error

    def add(self, cameras: Sequence[Camera]) -> None:
        """See Members."""
        remote = self._remote()
        try:
            RemoteNetwork(remote).add(cameras)
        finally:
            remote.close()

    def remove(self, ids: Sequence[str]) -> None:
        """See Members."""
        remote = self._remote()
        try:
            RemoteNetwork(remote).remove(ids)
        finally:
            remote.close()
