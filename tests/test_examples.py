"""examples/ run, on a small site, and tell what they find."""

import contextlib
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted(path.name for path in ROOT.glob("examples/*.py"))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Run an example in this process, in a folder of its own."""
    folder = tmp_path_factory.mktemp("examples")

    def run(name, monkeypatch, capsys, *arguments):
        monkeypatch.chdir(folder)
        monkeypatch.syspath_prepend(ROOT / "examples")
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        with contextlib.suppress(SystemExit):
            runpy.run_path(str(ROOT / "examples" / name), run_name="__main__")
        return capsys.readouterr().out

    return run


def test_videos_become_a_topology(run, site, monkeypatch, capsys):
    said = run("topology_from_videos.py", monkeypatch, capsys, *sorted(site.glob("videos/*.mp4")))
    assert "cam00 and cam02: " in said
    assert "pairs of windows, overlap" in said
    assert Path("runs/example-topology/report.html").is_file()


def test_tables_are_read_in_pandas(run, monkeypatch, capsys):
    pytest.importorskip("pandas")
    said = run("results_in_pandas.py", monkeypatch, capsys)
    assert "Cameras that see the same place" in said
    assert "cam05" in said.partition("How much of what each camera sees")[2]


def test_distances_are_told(run, site, tmp_path, monkeypatch, capsys):
    folder = tmp_path / "site"
    shutil.copytree(site, folder)
    said = run("distancing.py", monkeypatch, capsys, folder)
    assert "people were seen" in said
    assert Path("runs/example-distancing/report.html").is_file()


def test_a_strategy_of_ones_own_finds_groups(run, monkeypatch, capsys):
    said = run("own_strategy.py", monkeypatch, capsys)
    groups = [line.partition(": ")[2].split(", ") for line in said.splitlines() if line.startswith("group ")]
    assert sorted(camera for group in groups for camera in group) == [f"cam0{n}" for n in range(6)]
    assert 1 < max(map(len, groups)) <= 3


def test_a_detector_of_ones_own_finds_links(run, site, monkeypatch, capsys):
    run("own_detector.py", monkeypatch, capsys, *sorted(site.glob("videos/*.mp4")))
    import pyarrow.parquet as pq

    assert pq.read_table("runs/example-detector/links.parquet").num_rows > 10
    assert pq.read_table("runs/example-detector/edges.parquet").num_rows


def test_all_examples_are_run_here_and_use_what_is_public():
    here = Path(__file__).read_text()
    for name in EXAMPLES:
        assert f'"{name}"' in here, f"{name} is run by no test"
        text = (ROOT / "examples" / name).read_text()
        assert "from sdist_ray." not in text, f"{name} uses what is not public"
        assert f"]({name})" in (ROOT / "examples/README.md").read_text()


def test_an_example_says_how_it_is_used():
    command = [sys.executable, str(ROOT / "examples/topology_from_videos.py"), "--help"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "--output" in said
