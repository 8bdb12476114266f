"""Connecting to Ray, and plain parallel work on it."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import socket
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import ray

from sdist_ray.cameras.camera import without_credentials
from sdist_ray.errors import InputError
from sdist_ray.private import can_make

CONNECT_TIMEOUT_S = 5.0
OBJECT_STORE_BYTES = 512 << 20
LONGEST_TMPDIR = 39
"""Ray's sockets are 68 characters further down, and no socket's path may have more than 107."""


@contextlib.contextmanager
def ray_session() -> Iterator[int]:
    """Connect to the cluster that RAY_ADDRESS names, or start one in this machine; yields its CPUs.

    A cluster that was started here ends with the session.

    Raises:
        InputError: no cluster answers at RAY_ADDRESS.
    """
    options: dict[str, Any] = {
        "log_to_driver": False,
        "logging_level": logging.ERROR,
        "configure_logging": True,
    }
    address = os.environ.get("RAY_ADDRESS")
    if address:
        _check_answers(address)
    else:
        # Nothing here needs accelerators, and Ray would warn of how it hides them in a later version.
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        _have_a_token()
        options |= {
            "address": "local",
            "include_dashboard": False,
            "object_store_memory": OBJECT_STORE_BYTES,
        }
        if "RAY_TMPDIR" not in os.environ and len(os.environ.get("TMPDIR", "")) > LONGEST_TMPDIR:
            options["_temp_dir"] = "/tmp/ray"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ray.init(**options)
        except (OSError, ValueError, RuntimeError) as error:
            where = os.environ.get("RAY_ADDRESS", "this machine")
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise InputError(f"no Ray cluster at {where}: {reason}") from error
    try:
        yield max(1, int(ray.cluster_resources().get("CPU", 1)))
    finally:
        ray.shutdown()


def _have_a_token() -> None:
    """Ray keeps the token of a cluster that it starts in the user's home; who has no home gets one, too."""
    home = Path(os.path.expanduser("~/.ray"))
    said = any(name in os.environ for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"))
    if not said and not os.path.exists(home / "auth_token") and not can_make(home):
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)


def _check_answers(address: str) -> None:
    """Raise InputError when nothing listens at host:port; Ray itself would try for minutes."""
    parts = urlsplit(address if "://" in address else f"ray://{address}")
    try:
        if parts.hostname and parts.port:
            socket.create_connection((parts.hostname, parts.port), CONNECT_TIMEOUT_S).close()
    except (OSError, ValueError) as error:
        raise InputError(
            f"no Ray cluster at RAY_ADDRESS={without_credentials(address)} ({error}); "
            "start one, or unset it to run on this machine"
        ) from error


def parallel_map(
    function: Callable[[Any], Any], items: Sequence[Any], on_done: Callable[[int], None]
) -> list[Any]:
    """``function`` of every item, one CPU each, in any order; results in order."""
    task = ray.remote(num_cpus=1, max_retries=0)(function)
    references = [task.remote(item) for item in items]
    pending = list(references)
    while pending:
        _, pending = ray.wait(pending)
        on_done(len(references) - len(pending))
    results: list[Any] = ray.get(references)
    return results


def node_memory() -> list[int]:
    """Bytes that each node of the cluster has for actors, its object store left out."""
    return [int(node["Resources"].get("memory", 0)) for node in ray.nodes() if node["Alive"]]
