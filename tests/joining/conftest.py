"""Runs that are found are a test's own; one whose network only keeps its books."""

import pytest

from sdist_ray.occupancy.block import Clock
from sdist_ray.occupancy.grid import Grid
from sdist_ray.runtime.feeds import NetworkSpec
from sdist_ray.runtime.health import CameraHealth, NetworkHealth
from sdist_ray.runtime.live.commands import Commands
from sdist_ray.runtime.live.control import ControlServer
from tests.joining.books import RANGE, Members


@pytest.fixture(autouse=True)
def own_list(own_temporary_folder, monkeypatch):
    """The runs that are found are this test's."""
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


@pytest.fixture
def members():
    return Members("a", "b")


@pytest.fixture
def folder(tmp_path, members):
    """A run's folder with a network behind its control socket."""
    made = tmp_path / "run"
    made.mkdir()
    health = NetworkHealth(time_s=5.0, cameras=(CameraHealth("a", state="live"), CameraHealth("b")))
    commands = Commands(NetworkSpec(("a", "b"), Grid(12, 9), Clock(10, RANGE)), members, lambda: health)
    with ControlServer(made, commands.answer, {"network": "books", "runtime": "local"}):
        yield made
