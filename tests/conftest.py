"""A small rendered site that several tests read, and where the data sets are."""

import os
import signal
import tempfile
from pathlib import Path

import hypothesis
import pytest
from xdist.scheduler import LoadScopeScheduling

from sdist_ray.cli import main

# How long an example takes says how busy the machine is, nothing else.
hypothesis.settings.register_profile("project", deadline=None)
hypothesis.settings.load_profile("project")

# Watch cameras for as long as they play: one after the other. The first compiles what all others need.
REAL_TIME = (
    "test_warm.py", "test_networks.py", "test_live_ray.py", "test_live_elastic.py", "test_live_faults.py",
    "test_live_plans.py", "test_rtsp.py", "test_ground_plane_live.py",
)  # fmt: skip

# The longest of those on Ray: if one of them began last, one process would wait for the other.
LONG = ("test_faults_ray.py", "test_cluster.py", "test_distancing_ray.py", "test_jobs.py")

# A shell that starts us in the background has us ignore Ctrl-C, and so would all whom we start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Ray's workers would stand back behind all else that is tested at the same time.
os.environ.setdefault("RAY_worker_niceness", "0")


class ByFile(LoadScopeScheduling):
    """Gives each of two processes whole files, and one of them all that runs in real time."""

    def _split_scope(self, nodeid):
        file = nodeid.partition("::")[0]
        return "real time" if file.endswith(REAL_TIME) else file


def pytest_xdist_make_scheduler(config, log):
    return ByFile(config, log)


def pytest_collection_modifyitems(items):
    """First what runs in real time, last what is on Ray, whose processes would each compile the same."""
    ray = {item.path for item in items if item.get_closest_marker("ray")}

    def turn(item):
        name = item.path.name
        if name in REAL_TIME:
            return 0, REAL_TIME.index(name)
        return (2, LONG.index(name) if name in LONG else len(LONG)) if item.path in ray else (1, 0)

    items.sort(key=turn)


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """Folder of a simulated site of three cameras with video and truth."""
    folder = tmp_path_factory.mktemp("site")
    arguments = ["site.cameras=3", "site.people=6", "site.minutes=0.7", "runtime=local"]
    assert main(["simulate", *arguments, f"output={folder}"]) == 0
    return folder


@pytest.fixture
def own_temporary_folder(monkeypatch):
    """The folder for temporary files, of this test's programs only."""
    # Short: Ray has sockets there.
    with tempfile.TemporaryDirectory(prefix="t", dir="/tmp", ignore_cleanup_errors=True) as folder:
        monkeypatch.setenv("TMPDIR", folder)
        monkeypatch.setattr("tempfile.tempdir", None)
        yield folder


def data_folder(name):
    """A data set's folder; skips the test where there is none, fails where there must be one."""
    root = os.environ.get("SDIST_DATA")
    folder = Path(root, name) if root else None
    if folder is None or not folder.is_dir():
        if os.environ.get("SDIST_DATA_REQUIRED"):
            pytest.fail(f"SDIST_DATA must name a folder with {name}")
        pytest.skip(f"SDIST_DATA names no folder with {name}")
    return folder


@pytest.fixture(scope="session")
def scenescape():
    return data_folder("scenescape")
