"""What a live network may be asked while it runs, as JSON values: who asks may be anyone who can reach it.

    {"do": "look"}                                       its clock, its grid, how its cameras are
    {"do": "add", "cameras": [{"id": …, "url": …}, …]}   as in cameras.yaml
    {"do": "remove", "ids": ["…", …]}
    {"do": "pause", "ids": ["…", …]}, {"do": "resume", "ids": ["…", …]}

The answer is a mapping; one with an ``error``, a line, says why nothing was done.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from sdist_ray.cameras.camera import Camera
from sdist_ray.cameras.described import describe, described
from sdist_ray.cameras.values import show
from sdist_ray.errors import InputError
from sdist_ray.runtime.feeds import NetworkSpec
from sdist_ray.runtime.health import NetworkHealth
from sdist_ray.video.streams import check_address

log = logging.getLogger(__name__)
Answer = dict[str, Any]
MOST_ERROR = 500
COMMANDS = ("look", "add", "remove", "pause", "resume")


class Members(Protocol):
    """Whose cameras come and go; see LiveNetwork."""

    def add_cameras(self, cameras: Sequence[Camera]) -> None:
        """See LiveNetwork."""
        ...

    def remove_cameras(self, cameras: Sequence[str]) -> None:
        """See LiveNetwork."""
        ...

    def pause_cameras(self, cameras: Sequence[str], paused: bool) -> None:
        """See LiveNetwork."""
        ...


class Commands:
    """Carries out what is asked of a network, and never raises. From any thread.

    Args:
        network: its grid and clock.
        members: of the network.
        health: how the network is now.
    """

    def __init__(
        self, network: NetworkSpec, members: Members, health: Callable[[], NetworkHealth | None]
    ) -> None:
        self._network = network
        self._members = members
        self._health = health

    def answer(self, request: object) -> Answer:
        """What came of a request, of which nothing is taken for granted."""
        try:
            return self._answer(request)
        except InputError as error:
            return failure(str(error))
        except Exception as error:
            # Who asks must not bring down what runs.
            log.exception("a request to the network")
            return failure(f"the network could not do that ({type(error).__name__})")

    def _answer(self, request: object) -> Answer:
        if not isinstance(request, Mapping):
            raise InputError('a request is a mapping, such as {"do": "look"}')
        match request.get("do"):
            case "look":
                return self._look()
            case "add":
                cameras = self._cameras(request.get("cameras"))
                self._members.add_cameras(cameras)
                return {"cameras": [camera.id for camera in cameras]}
            case "remove":
                ids = _ids(request.get("ids"))
                self._members.remove_cameras(ids)
                return {"cameras": ids}
            case "pause" | "resume" as what:
                ids = _ids(request.get("ids"))
                self._members.pause_cameras(ids, what == "pause")
                return {"cameras": ids}
            case other:
                raise InputError(f"there is no {show(other)}: a request does one of {', '.join(COMMANDS)}")

    def _cameras(self, content: object) -> list[Camera]:
        """The cameras that are to join: checked as those of cameras.yaml, and for whether they fit."""
        cameras = described(content, Path.cwd())
        for camera in cameras:
            check_address(camera)
            if camera.grid not in (None, self._network.grid):
                raise InputError(
                    f"camera {camera.id!r} has the grid {camera.grid}, the network {self._network.grid}: "
                    "a network has one grid"
                )
        return cameras

    def _look(self) -> Answer:
        grid, clock = self._network.grid, self._network.clock
        health = self._health()
        return {
            "fps": clock.fps,
            "range_ticks": clock.range_ticks,
            "grid": [grid.columns, grid.rows],
            "time_s": None if health is None else health.time_s,
            "cameras": [] if health is None else [c.content(health.time_s) for c in health.cameras],
        }


def failure(reason: str) -> Answer:
    """The answer to what could not be done: one line."""
    return {"error": " ".join(reason.split())[:MOST_ERROR]}


def _ids(value: object) -> list[str]:
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
        raise InputError("ids must be a list of camera ids")
    return [str(item) for item in value]


class Remote(Protocol):
    """A way to a live network that someone else runs."""

    def ask(self, request: Answer) -> Answer:
        """What a request was answered.

        Raises:
            InputError: the network cannot be reached.
        """
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


class RemoteNetwork:
    """A live network that someone else runs, as commands see it. Errors of the network are InputErrors."""

    def __init__(self, remote: Remote) -> None:
        self._remote = remote

    def _ask(self, what: str, **values: Any) -> Answer:
        answer = self._remote.ask({"do": what, **values})
        if "error" in answer:
            raise InputError(str(answer["error"]))
        return answer

    def look(self) -> Answer:
        """How it is: ``fps, range_ticks, grid, time_s, cameras``; see ``CameraHealth.content``."""
        return self._ask("look")

    def add(self, cameras: Sequence[Camera]) -> None:
        """Have cameras join.

        Raises:
            InputError: it has one of them, or one cannot be.
        """
        self._ask("add", cameras=[describe(camera) for camera in cameras])

    def remove(self, ids: Sequence[str]) -> None:
        """Have cameras leave.

        Raises:
            InputError: it does not have one of them.
        """
        self._ask("remove", ids=list(ids))

    def pause(self, ids: Sequence[str], paused: bool) -> None:
        """Have cameras not be read for a while, or be read again.

        Raises:
            InputError: it does not have one of them.
        """
        self._ask("pause" if paused else "resume", ids=list(ids))
