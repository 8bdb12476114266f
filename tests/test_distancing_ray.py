"""sdist-ray distancing on Ray: who watches where, and what dies with a worker."""

import subprocess
import sys

import pytest
import ray
from ray.cluster_utils import Cluster

from tests.distancing_runs import distance, four_streets, read, street, write_clip

pytestmark = pytest.mark.ray


@pytest.fixture
def cluster(monkeypatch, own_temporary_folder):
    """A Ray cluster of one node of four CPUs, which says that it has the given GPUs."""
    made = []

    def make(gpus):
        cluster = Cluster(
            initialize_head=True, head_node_args={"num_cpus": 4, "num_gpus": gpus, "include_dashboard": False}
        )
        made.append(cluster)
        monkeypatch.setenv("RAY_ADDRESS", cluster.address)
        return cluster

    yield make
    ray.shutdown()
    for each in made:
        each.shutdown()


@pytest.mark.ray
def test_four_cameras_share_a_gpu(tmp_path, cluster, capsys):
    cluster(1)
    arguments = ["distancing.method=pixel", "runtime.num_gpus=0.25", "runtime.num_cpus=0.5"]
    assert distance(tmp_path / "out", *arguments, paths=four_streets(tmp_path), runtime="ray") == 0
    summary, _ = read(tmp_path / "out")
    assert [place["gpus"] for place in summary["runtime"]["places"]] == [["0"]] * 4
    assert [entry["status"] for entry in summary["cameras"]] == ["ok"] * 4
    # Foreground detection runs on the CPU whatever is there, and the output says so.
    assert summary["detector"]["device"] == "cpu"
    (warning,) = summary["detector"]["warnings"]
    assert warning in capsys.readouterr().err


@pytest.mark.ray
def test_without_a_gpu_it_says_so_and_goes_on_only_if_told(tmp_path, cluster, capsys):
    cluster(0)
    arguments = ["distancing.method=pixel", "runtime.num_gpus=0.25"]
    paths = four_streets(tmp_path)
    assert distance(tmp_path / "out", *arguments, paths=paths, runtime="ray") == 2
    assert "no node of the Ray cluster has a GPU" in capsys.readouterr().err
    assert distance(tmp_path / "out", *arguments, "runtime.cpu_instead=true", paths=paths, runtime="ray") == 0
    assert "has a GPU" in capsys.readouterr().err
    summary, _ = read(tmp_path / "out")
    assert len(summary["runtime"]["places"]) == 4
    assert all(place["gpus"] == [] for place in summary["runtime"]["places"])


@pytest.mark.ray
def test_a_worker_that_dies_takes_only_its_cameras(tmp_path, cluster, own_temporary_folder):
    cluster(0)
    images = [street(n) for n in range(100)]
    paths = [
        write_clip(tmp_path / "a.mp4", images * 30),
        write_clip(tmp_path / "b.mp4", images[:60]),
    ]
    killer = subprocess.Popen([sys.executable, "-c", KILLER, f"{own_temporary_folder}/sdist-ray-*/00000-a"])
    try:
        arguments = ["distancing.method=pixel", "runtime.workers=2"]
        assert distance(tmp_path / "out", *arguments, paths=paths, runtime="ray") == 0
    finally:
        killer.kill()
        killer.wait()
    summary, _ = read(tmp_path / "out")
    problems = {entry["camera"]: entry["problem"] for entry in summary["cameras"]}
    assert problems == {"a": "its worker died", "b": None}


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
