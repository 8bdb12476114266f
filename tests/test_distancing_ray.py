"""sdist-ray distancing on Ray: who watches where, and what dies with a worker."""

import subprocess
import sys
import tempfile

import pytest
import ray
from ray.cluster_utils import Cluster

from tests.distancing_runs import distance, four_streets, read, street, write_clip

pytestmark = pytest.mark.ray


@pytest.fixture(scope="module")
def cluster():
    """A Ray cluster of one node of four CPUs and no GPU, with a folder of its own for temporary files."""
    # Short: Ray has sockets there.
    with (
        tempfile.TemporaryDirectory(prefix="t", dir="/tmp", ignore_cleanup_errors=True) as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("TMPDIR", folder)
        node = {"num_cpus": 4, "num_gpus": 0, "include_dashboard": False}
        cluster = Cluster(initialize_head=True, head_node_args=node)
        patch.setenv("RAY_ADDRESS", cluster.address)
        yield cluster, folder
        ray.shutdown()
        cluster.shutdown()


@pytest.mark.usefixtures("cluster")
def test_without_a_gpu_it_says_so_and_goes_on_only_if_told(tmp_path, capsys):
    arguments = ["distancing.method=pixel", "runtime.num_gpus=0.25"]
    paths = four_streets(tmp_path)[:2]
    assert distance(tmp_path / "out", *arguments, paths=paths, runtime="ray") == 2
    assert "no node of the Ray cluster has a GPU" in capsys.readouterr().err
    assert distance(tmp_path / "out", *arguments, "runtime.cpu_instead=true", paths=paths, runtime="ray") == 0
    assert "has a GPU" in capsys.readouterr().err
    summary, _ = read(tmp_path / "out")
    assert len(summary["runtime"]["places"]) == 2
    assert all(place["gpus"] == [] for place in summary["runtime"]["places"])


def test_a_worker_that_dies_takes_only_its_cameras(tmp_path, cluster):
    images = [street(n) for n in range(100)]
    paths = [
        write_clip(tmp_path / "a.mp4", images * 30),
        write_clip(tmp_path / "b.mp4", images[:60]),
    ]
    killer = subprocess.Popen([sys.executable, "-c", KILLER, f"{cluster[1]}/sdist-ray-*/00000-a"])
    try:
        arguments = ["distancing.method=pixel", "runtime.workers=2"]
        assert distance(tmp_path / "out", *arguments, paths=paths, runtime="ray") == 0
    finally:
        killer.kill()
        killer.wait()
    summary, _ = read(tmp_path / "out")
    problems = {entry["camera"]: entry["problem"] for entry in summary["cameras"]}
    assert problems == {"a": "its worker died", "b": None}


@pytest.fixture
def node_with_a_gpu(cluster):
    """It says that it has one."""
    node = cluster[0].add_node(num_cpus=2, num_gpus=1)
    yield
    cluster[0].remove_node(node)


@pytest.mark.usefixtures("node_with_a_gpu")
def test_four_cameras_share_a_gpu(tmp_path, capsys):
    arguments = ["distancing.method=pixel", "runtime.num_gpus=0.25", "runtime.num_cpus=0.5"]
    assert distance(tmp_path / "out", *arguments, paths=four_streets(tmp_path), runtime="ray") == 0
    summary, _ = read(tmp_path / "out")
    assert [place["gpus"] for place in summary["runtime"]["places"]] == [["0"]] * 4
    assert [entry["status"] for entry in summary["cameras"]] == ["ok"] * 4
    # Foreground detection runs on the CPU whatever is there, and the output says so.
    assert summary["detector"]["device"] == "cpu"
    (warning,) = summary["detector"]["warnings"]
    assert warning in capsys.readouterr().err


KILLER = """
import glob, os, sys, time
while True:
    time.sleep(0.1)
    # The worker whose camera goes on for longest: its folder has the number of a, and grows last.
    for folder in glob.glob(sys.argv[1]):
        time.sleep(2)
        for pid in os.listdir("/proc"):
            try:
                name = open(f"/proc/{pid}/cmdline").read()
                files = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
            except OSError:
                continue
            if "ray::" in name and any(folder in file for file in files):
                os.kill(int(pid), 9)
                raise SystemExit
"""
