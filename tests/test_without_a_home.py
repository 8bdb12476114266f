"""Services and containers run as somebody who has no home: compiled kernels and Ray's token need none.

And neither is ever where others could put theirs.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sdist_ray.compiled import SETTING, has_a_place, keep_compiled_code
from sdist_ray.private import can_make, private_folder

NOWHERE = Path("/dev/null/nowhere")
KERNEL = """
import sys
from pathlib import Path
import sdist_ray.compiled
sdist_ray.compiled.__file__ = "/dev/null/nowhere/compiled.py"
sdist_ray.compiled.keep_compiled_code()
import numba
print(numba.config.CACHE_DIR)
"""

CLUSTER = """
import os
from sdist_ray.runtime.ray.session import ray_session
with ray_session() as cpus:
    print(cpus, len(os.environ.get("RAY_AUTH_TOKEN", "")))
"""


def test_beside_the_package_or_in_the_users_cache(tmp_path):
    assert has_a_place(tmp_path, {"XDG_CACHE_HOME": str(NOWHERE)})
    assert has_a_place(NOWHERE, {"XDG_CACHE_HOME": str(tmp_path / "not there yet")})
    assert not has_a_place(NOWHERE, {"XDG_CACHE_HOME": str(NOWHERE)})


def test_without_a_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(NOWHERE))
    assert not has_a_place(NOWHERE, {})
    # Nobody knows of one.
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    monkeypatch.chdir(tmp_path)
    assert not has_a_place(NOWHERE, {})


def test_a_folder_that_is_closed_or_cannot_be_is_no_place(tmp_path):
    # Whether there is one is not only unknown, it cannot be asked.
    assert not can_make(tmp_path / (300 * "x") / "numba" / "deeper") or os.access(tmp_path, os.W_OK)
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o000)
    assert can_make(closed / "numba") == (os.geteuid() == 0)


def test_with_a_home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert has_a_place(NOWHERE, {})


def test_who_has_no_place_shares_one_with_later_processes(tmp_path):
    environment = {
        **os.environ,
        "HOME": str(NOWHERE),
        "XDG_CACHE_HOME": str(NOWHERE),
        "TMPDIR": str(tmp_path),
    }
    environment.pop(SETTING, None)
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", KERNEL], env=environment, capture_output=True, text=True, check=True
        )
        place = Path(done.stdout.strip())
        assert place == tmp_path / f"sdist-ray-{os.getuid()}" / "compiled"
        assert place.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("what", ["open to all", "a link", "a file"])
def test_a_place_that_others_may_have_made_is_not_used(tmp_path, monkeypatch, what):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    mine = private_folder()
    assert private_folder() == mine
    if what == "open to all":
        mine.chmod(0o777)
    else:
        mine.rmdir()
        mine.symlink_to("/tmp") if what == "a link" else mine.touch()
    with pytest.raises(PermissionError, match="open to others"):
        private_folder()
    monkeypatch.delenv(SETTING, raising=False)
    monkeypatch.setattr("sdist_ray.compiled.has_a_place", lambda package, environment: False)
    monkeypatch.setattr("sys.modules", {})
    keep_compiled_code()
    other = Path(os.environ.pop(SETTING))
    assert other.parent == tmp_path
    assert other != mine
    assert other.stat().st_mode & 0o777 == 0o700


def test_a_place_that_is_set_stays(monkeypatch):
    monkeypatch.setenv(SETTING, "/mine")
    keep_compiled_code()
    assert os.environ[SETTING] == "/mine"


@pytest.mark.ray
def test_a_cluster_is_started_and_has_a_token(tmp_path):
    # No socket's path may be this long.
    deep = tmp_path / ("deep" * 25)
    deep.mkdir()
    environment = {**os.environ, "HOME": str(NOWHERE), "TMPDIR": str(deep)}
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_AUTH_MODE", "RAY_ADDRESS"):
        environment.pop(name, None)
    done = subprocess.run([sys.executable, "-c", CLUSTER], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    cpus, letters = map(int, done.stdout.split())
    assert cpus >= 1
    assert letters == 64
