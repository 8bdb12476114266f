"""The way to a live network through its coordinator, from any node of the cluster."""

from __future__ import annotations

import time
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayActorError, RayError

from sdist_ray.errors import InputError
from sdist_ray.runtime.hosts import Stale
from sdist_ray.runtime.live.commands import Answer
from sdist_ray.runtime.ray.live_network import find_coordinator, networks

__all__ = ["RayRemote", "networks"]

ANSWER_S = 15.0
BACK_S = 30.0
"""How long a coordinator that is being made anew is waited for."""
PAUSE_S = 0.5


class RayRemote:
    """See Remote. Needs a ray_session around it.

    Args:
        network: its name.

    Raises:
        InputError: there is no such network.
    """

    def __init__(self, network: str) -> None:
        self._name = network
        self._coordinator: Any = find_coordinator(network)

    def ask(self, request: Answer) -> Answer:
        """See Remote. A coordinator that is being made anew is waited for."""
        until = time.monotonic() + BACK_S
        while True:
            try:
                answer: Answer = ray.get(self._coordinator.command.remote(request), timeout=ANSWER_S)
                return answer
            except Stale as error:
                # It is there, but was not told yet what it is to do: nothing was done.
                problem: Exception = error
            except RayActorError as error:
                if request.get("do") != "look":
                    raise InputError(
                        f"network {self._name!r}: its coordinator was lost just now; "
                        "cameras list shows what it did"
                    ) from error
                problem = error
                find_coordinator(self._name)
            except GetTimeoutError as error:
                raise InputError(f"network {self._name!r} did not answer within {ANSWER_S:g} s") from error
            except RayError as error:
                raise InputError(f"network {self._name!r}: {type(error).__name__}") from error
            if time.monotonic() > until:
                raise InputError(f"network {self._name!r}: its coordinator does not come back") from problem
            time.sleep(PAUSE_S)

    def close(self) -> None:
        """See Remote."""
