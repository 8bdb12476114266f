"""Jobs submitted to a cluster that wants a token: what they count, and what a lost node changes."""

import importlib.util
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from sdist_ray.cli import main
from tests import networks
from tests.ray_nodes import TokenCluster

REPOSITORY = Path(__file__).parents[1]
CAMERAS, RANGES = 8, 1500
PATIENCE_S = 240.0
SETTINGS = (
    "exclusion.range_s=0.4", "topology.threshold=0", "topology.least_links=1",
    "topology.transit.enabled=false", "runtime.shards=2", "runtime.snapshot_ranges=50",
)  # fmt: skip
pytestmark = [
    pytest.mark.ray,
    pytest.mark.skipif(
        importlib.util.find_spec("aiohttp_cors") is None,
        reason="`ray job submit` needs ray[default]: pip install -e '.[dev]'",
    ),
]


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    path = tmp_path_factory.mktemp("recorded") / "occupancy.arrow"
    return networks.record(path, networks.activity(CAMERAS, RANGES), CAMERAS)


def results(folder):
    """All that was counted: pairs of windows with their opportunities and exclusions, and visits."""
    return [pq.read_table(folder / name) for name in ("links.parquet", "windows.parquet", "edges.parquet")]


@pytest.fixture(scope="module")
def undisturbed(recording, tmp_path_factory):
    folder = tmp_path_factory.mktemp("alone") / "run"
    arguments = ["topology", "source=recording", f"source.path={recording}", *SETTINGS]
    assert main([*arguments, "runtime=local", f"output={folder}"]) == 0
    found = results(folder)
    assert found[0].num_rows > 100
    return found


@pytest.fixture(scope="module")
def cluster():
    # Short: Ray has sockets there.
    folder = Path(tempfile.mkdtemp(prefix="t", dir="/tmp"))
    cluster = TokenCluster(folder)
    try:
        cluster.head.wait()
        end_s = time.monotonic() + PATIENCE_S
        while cluster.ask("/api/jobs/", cluster.token) != 200:
            assert time.monotonic() < end_s, cluster.head.log.read_text()
            time.sleep(0.2)
        yield cluster
    finally:
        cluster.close()
        shutil.rmtree(folder, ignore_errors=True)


def topology(recording, output, *more):
    command = (sys.executable, "-m", "sdist_ray", "topology", "source=recording")
    return (*command, f"source.path={recording}", f"output={output}", *SETTINGS, *more)


def test_who_has_not_the_token_submits_nothing(cluster, tmp_path):
    sign = tmp_path / "sign"
    job = {"entrypoint": f"touch {sign}"}
    assert cluster.ask("/api/jobs/", None, job) == 401
    assert cluster.ask("/api/jobs/", "0" * 64, job) == 403
    time.sleep(1.0)
    assert not sign.exists()


def test_a_working_directory_is_what_runs(cluster, tmp_path):
    working = tmp_path / "working"
    for part in ("sdist_ray", "conf"):
        left_out = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / part, working / part, ignore=left_out)
    code = "import os, sys; sys.path[0] = os.getcwd(); import sdist_ray; print('ran', sdist_ray.__file__)"
    job = cluster.submit(sys.executable, "-c", code, words=(f"--working-dir={working}",))
    said, _ = job.communicate(timeout=PATIENCE_S)
    assert job.returncode == 0, said
    assert "runtime_resources/working_dir_files" in said.partition("ran ")[2].split()[0]


def begun(folder, job):
    """Wait until a run has counted a part; its journal grows with every range."""
    end_s = time.monotonic() + PATIENCE_S
    while sum(path.stat().st_size for path in folder.glob(".state-*/journal.arrow")) < 300_000:
        assert job.poll() is None, job.stdout.read()
        assert time.monotonic() < end_s, "it never began"
        time.sleep(0.02)


def test_a_job_on_three_nodes_survives_one_of_them_and_counts_the_same(
    cluster, recording, undisturbed, tmp_path
):
    # Shards live where nodes offer to host them: on two of the three, never on the head.
    seconds = [cluster.add(resources={"sdist_ray_shards": 1}) for _ in range(2)]
    for node in seconds:
        node.wait()
    output = tmp_path / "run"
    job = cluster.submit(*topology(recording, output))
    begun(output, job)
    lost = next(node for node in seconds if node.hosts("ExclusionShard"))
    assert not cluster.head.hosts("ExclusionShard")
    lost.kill()
    # Another one joins while the job runs.
    cluster.add(resources={"sdist_ray_shards": 1})
    said, _ = job.communicate(timeout=PATIENCE_S)
    assert job.returncode == 0, said
    assert results(output) == undisturbed
    summary = json.loads((output / "summary.json").read_text())
    assert any(entry["kind"] == "shard" for entry in summary["runtime"]["recoveries"]), "nothing was lost"
