"""A small rendered site that several tests read, and where the data sets are."""

import os
from pathlib import Path

import pytest

from sdist_ray.cli import main


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """Folder of a simulated site of three cameras with video and truth."""
    folder = tmp_path_factory.mktemp("site")
    arguments = ["site.cameras=3", "site.people=6", "site.minutes=0.7", "runtime=local"]
    assert main(["simulate", *arguments, f"output={folder}"]) == 0
    return folder


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
