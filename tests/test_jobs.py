"""Commands from end to end, on real files: the same result everywhere, and bad input."""

import json
import os
import resource
import signal
import subprocess
import sys

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from sdist_ray.cli import main
from tests.live import until
from tests.processes import processes_of


def topology(output, *arguments):
    code = main(["topology", *arguments, f"output={output}"])
    assert code == 0, code
    return (output / "links.parquet").read_bytes()


@pytest.fixture(scope="module")
def video_run(site, tmp_path_factory):
    """A local run on the site's video: its folder."""
    folder = tmp_path_factory.mktemp("run")
    topology(folder, "source=files", f"source.paths=[{site}/videos/*.mp4]", "runtime=local")
    return folder


def test_a_run_leaves_its_results(video_run):
    names = {path.name for path in video_run.iterdir()}
    assert names >= {
        "links.parquet", "edges.parquet", "windows.parquet", "occupancy.parquet", "topology.graphml",
        "topology.json", "topology.png", "report.html", "summary.json", "config.yaml", "snapshots",
    }  # fmt: skip
    assert not [name for name in names if name.startswith(".")]
    links = pq.read_table(video_run / "links.parquet")
    assert links.num_rows > 10
    assert all(
        a < b for a, b in zip(links["camera_a"].to_pylist(), links["camera_b"].to_pylist(), strict=True)
    )
    summary = json.loads((video_run / "summary.json").read_text())
    assert [camera["status"] for camera in summary["cameras"]] == ["ok"] * 3
    assert summary["topology"]["links"] == links.num_rows
    page = (video_run / "report.html").read_text()
    assert "https://" not in page
    assert 'src="http' not in page
    assert "<script" not in page


@pytest.mark.parametrize("range_s", [0.1, 1.3, 6.4])
def test_wide_counts_do_not_depend_on_the_range(site, video_run, tmp_path, range_s):
    files = f"source.paths=[{site}/videos/*.mp4]"
    found = topology(tmp_path, "source=files", files, "runtime=local", f"exclusion.range_s={range_s}")
    assert found == (video_run / "links.parquet").read_bytes()


def test_record_then_topology_is_the_same(site, video_run, tmp_path):
    expected = (video_run / "links.parquet").read_bytes()
    files = f"source.paths=[{site}/videos/*.mp4]"
    for name in ("r.parquet", "r.arrow"):
        code = main(["record", files, "runtime=local", f"file={name}", f"output={tmp_path}/rec"])
        assert code == 0
        source = ["source=recording", f"source.path={tmp_path}/rec/{name}"]
        assert topology(tmp_path / name, *source, "runtime=local") == expected
    own = ["source=recording", f"source.path={video_run}/occupancy.parquet"]
    assert topology(tmp_path / "own", *own, "runtime=local", "runtime.shards=3") == expected


def in_parts(site, output, runtime):
    """A run on the site's video by several workers, with a shard for every camera and more."""
    files = f"source.paths=[{site}/videos/*.mp4]"
    return topology(
        output, "source=files", files, f"runtime={runtime}", "runtime.shards=4", "runtime.workers=2"
    )


def test_shards_and_workers_give_the_same_bytes(site, video_run, tmp_path):
    assert in_parts(site, tmp_path, "local") == (video_run / "links.parquet").read_bytes()


@pytest.mark.ray
def test_ray_gives_the_same_bytes(site, video_run, tmp_path):
    assert in_parts(site, tmp_path, "ray") == (video_run / "links.parquet").read_bytes()


def test_evaluate_agrees_with_truth_and_with_calibration(site, video_run, capsys):
    figures = []
    for truth in (f"truth={site}/truth_links.parquet", f"cameras={site}/cameras.yaml"):
        assert main(["evaluate", f"run={video_run}", truth]) == 0
        figures.append(json.loads(capsys.readouterr().out))
    assert figures[0]["windows"] == figures[1]["windows"]
    assert figures[0]["cameras"]["precision"] == 1.0


@pytest.mark.data
def test_scenescape_reaches_its_figures(scenescape, tmp_path, capsys):
    described = json.loads((scenescape / "config.json").read_text())["sensors"]
    cameras = [
        {
            "id": f"{name}_10fps",
            "calibration": {
                "kind": "homography",
                "image_size": [800, 600],
                "image_points": sensor["camera points"],
                "ground_points": [point[:2] for point in sensor["map points"]],
            },
        }
        for name, sensor in described.items()
    ]
    (tmp_path / "cameras.yaml").write_text(yaml.safe_dump(cameras))
    topology(
        tmp_path / "run", "source=files", f"source.paths=[{scenescape}/*10fps.mp4]",
        "exclusion.tolerance=3", "runtime=local",
    )  # fmt: skip
    capsys.readouterr()
    assert main(["evaluate", f"run={tmp_path}/run", f"cameras={tmp_path}/cameras.yaml"]) == 0
    quality = json.loads(capsys.readouterr().out)["windows"]
    assert quality["precision"] >= 0.65
    assert quality["recall"] >= 0.90


BY_EVIDENCE = ["topology.estimator=corrected", "topology.threshold=0.3"]


@pytest.mark.parametrize(
    ("counting", "reference"),
    [
        (["exclusion.store=rle"], []),
        (["exclusion.store=rle", "runtime.shards=2"], []),
        (["exclusion.store=indexed"], []),
        (["exclusion.store=indexed", "runtime.shards=2"], []),
        (["exclusion.store=indexed", "runtime.shards=9"], []),
        (["exclusion.store=indexed", "exclusion.recent_h=24"], []),
        (["exclusion.store=indexed", "exclusion.thin_after_h=24"], []),
        (["exclusion.store=rle", "exclusion.counters=byte"], ["exclusion.counters=byte"]),
        (["exclusion.store=indexed", "runtime.shards=3", *BY_EVIDENCE], BY_EVIDENCE),
        (["exclusion.store=rle", "runtime.shards=2", *BY_EVIDENCE], BY_EVIDENCE),
    ],
)
def test_every_store_gives_the_same_links(video_run, tmp_path, counting, reference):
    source = ["source=recording", f"source.path={video_run}/occupancy.parquet", "runtime=local"]
    found = [
        topology(tmp_path / name, *source, *arguments)
        for name, arguments in (("found", counting), ("expected", reference))
    ]
    assert found[0] == found[1]
    assert json.loads((tmp_path / "found" / "summary.json").read_text())["topology"]["links"] > 10


def refused(capsys, *arguments):
    """The one line that a command ends with."""
    code = main(list(arguments))
    error = capsys.readouterr().err
    assert "Error executing" not in error
    complaints = [line for line in error.splitlines() if line.startswith("sdist-ray: error: ")]
    assert code == 2
    assert len(complaints) == 1
    assert "Traceback" not in error
    return complaints[0]


@pytest.mark.parametrize("at", [0, 1, 2])
def test_flags_may_be_anywhere(tmp_path, monkeypatch, at):
    monkeypatch.chdir(tmp_path)
    words = ["capacity", "cameras=10,20", "people=0.5"]
    words.insert(1 + at, "-m")
    assert main(words) == 0


@pytest.mark.parametrize("words", [["--info", "people=0.5"], ["people=0.5", "--info", "searchpath"], ["-i"]])
def test_what_a_flag_shows_may_be_said_or_not(words):
    # In a process of its own: Hydra has it log more from then on.
    shown = run_command("capacity", "cameras=10", *words)
    assert "conf" in shown.communicate(timeout=300)[0]
    assert shown.returncode == 0


def test_what_follows_two_dashes_is_no_flag(capsys):
    assert "'--cfg' is no setting" in refused(capsys, "capacity", "--", "cameras=10", "--cfg", "job")
    assert "-x.png: " in refused(capsys, "cameras", "calibrate", "--", "-x.png")


FILES = ("topology", "source=files", "runtime=local")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nonsense"], "no command 'nonsense'"),
        (["topology", "colour=red"], "colour"),
        (["topology", "exclusion.tolerance=many"], "many"),
        (["topology", "exclusion.tolerance=-1"], "exclusion.tolerance is -1"),
        (["topology", "exclusion.counters=nibble"], "byte or wide"),
        (["topology", "exclusion.store=sparse"], "dense or rle or indexed"),
        (["topology", "exclusion.recent_h=2"], "needs exclusion.store=indexed"),
        (["topology", "exclusion.store=indexed", "exclusion.recent_h=0"], "above 0, at most 1000000"),
        (["topology", "exclusion.store=indexed", "exclusion.recent_h=1e308"], "above 0, at most 1000000"),
        (["topology", "exclusion.thin_after_h=2"], "needs exclusion.store=indexed"),
        (["topology", "exclusion.store=indexed", "exclusion.thin_after_h=-1"], "above 0, at most 1000000"),
        (
            ["topology", "exclusion.store=indexed", "exclusion.thin_after_h=2", "exclusion.recent_h=2"],
            "either exclusion.recent_h",
        ),
        (["topology", "runtime.snapshots="], "a folder or a URI would be right"),
        (
            ["topology", "exclusion.store=indexed", "exclusion.counters=byte"],
            "store=indexed counts exactly, never exclusion.counters=byte: either counters=wide, or store",
        ),
        (["topology", "topology.threshold=nan"], "topology.threshold"),
        (["topology", "topology.estimator=guess"], "nonexclusion or raw or corrected"),
        (["topology", "topology.fdr=0.9"], "or null: by the threshold alone"),
        (["topology", "runtime=moon"], "moon"),
        (["topology", "fps=0"], "fps must be above 0"),
        (["topology", "exclusion.range_s=60"], "1 to 64 ticks"),
        (["topology", "source=files"], "needs source.paths"),
        (["topology", "source=recording"], "needs source.path"),
        (["topology", "source.paths=[a.mp4]"], "needs source=files"),
        (["topology", "source=recording", "source.path=gone.parquet", "runtime=local"], "gone.parquet"),
        ([*FILES, "source.paths=[gone.mp4]"], "gone.mp4: No such file"),
        ([*FILES, "source.paths=[gone*.mp4]"], "matches no file"),
        ([*FILES, "cameras=gone.yaml"], "gone.yaml"),
        (["evaluate"], "needs run=DIR"),
        (["evaluate", "run=."], "needs one of truth="),
        (["evaluate", "run=.", "truth=x"], "no links.parquet"),
        (["record", "source.paths=[a]", "file=../x"], "must be a name"),
        (["simulate", "site.cameras=0"], "cameras is 0"),
        (["capacity"], "capacity needs cameras=N"),
        (["capacity", "cameras=-3"], "cameras is -3, but must be 1 to"),
        (["capacity", "cameras=many"], "many"),
        (["capacity", "cameras=3", "people=nan"], "people is nan"),
        (["capacity", "cameras=3", "seconds=0"], "seconds is 0"),
        (["capacity", "cameras=3", "fps=0"], "fps must be above 0"),
        (["capacity", "cameras=3", "range_s=60"], "1 to 64 ticks"),
        (["capacity", "cameras=3", "store=sparse"], "all or dense or rle or indexed"),
        (["capacity", "cameras=3", "store=indexed", "counters=byte"], "store=indexed counts exactly"),
        (["capacity", "cameras=3", "shards=0"], "shards is 0"),
        (["capacity", "cameras=3", "file=gone/figures.json"], "gone/figures.json: cannot be written"),
    ],
)
def test_bad_input_ends_in_one_line(capsys, tmp_path, monkeypatch, arguments, says):
    monkeypatch.chdir(tmp_path)
    assert says in refused(capsys, *arguments)


def test_a_cluster_that_is_not_there_is_said_at_once(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    line = refused(capsys, "topology", f"output={tmp_path}/o")
    assert "no Ray cluster at RAY_ADDRESS=127.0.0.1:1" in line


def test_two_cameras_of_one_id_are_refused(capsys, site, tmp_path):
    (tmp_path / "cam00.mp4").write_bytes((site / "videos" / "cam00.mp4").read_bytes())
    paths = f"source.paths=[{site}/videos/cam00.mp4,{tmp_path}/cam00.mp4]"
    assert "two cameras have the id 'cam00'" in refused(capsys, *FILES, paths, f"output={tmp_path}/o")


def test_a_grid_finer_than_the_image_is_refused(capsys, site, tmp_path):
    paths = f"source.paths=[{site}/videos/cam00.mp4]"
    line = refused(capsys, *FILES, paths, "grid.columns=400", "grid.rows=2", f"output={tmp_path}/o")
    assert "400x2 grid is finer than the image of 320x240" in line


def test_one_bad_camera_is_reported_and_the_rest_goes_on(site, tmp_path, capsys):
    for name in ("cam00.mp4", "cam01.mp4"):
        (tmp_path / name).write_bytes((site / "videos" / name).read_bytes())
    (tmp_path / "text.mp4").write_text("not a video")
    (tmp_path / "empty.mp4").touch()
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(60):
        cv2.imwrite(str(folder / f"{number}.jpg"), np.full((60, 80, 3), 90, np.uint8))
    (folder / "30.jpg").write_bytes(b"broken")
    topology(tmp_path / "run", "source=files", f"source.paths=[{tmp_path}/*.mp4,{folder}]", "runtime=local")
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    status = {camera["id"]: camera for camera in summary["cameras"]}
    assert {name: camera["status"] for name, camera in status.items()} == {
        "cam00": "ok", "cam01": "ok", "empty": "failed", "pictures": "ok", "text": "failed",
    }  # fmt: skip
    assert "30.jpg" in status["pictures"]["warnings"][0]
    assert status["pictures"]["bad_frames"] == 1
    assert "camera text left out" in capsys.readouterr().err


def run_command(*arguments, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "sdist_ray", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options,
    )  # fmt: skip


def test_a_full_disk_ends_in_one_line_and_leaves_nothing_half_written(video_run, tmp_path):
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))

    source = ["source=recording", f"source.path={video_run}/occupancy.parquet", "runtime=local"]
    # Once without the limit: compiled kernels are in Numba's cache then, which is not what is tested.
    assert run_command("topology", *source, f"output={tmp_path}/warm").wait(300) == 0
    process = run_command("topology", *source, f"output={tmp_path}/run", preexec_fn=limit)
    _, error = process.communicate(timeout=300)
    assert process.returncode == 2, error
    lines = [line for line in error.splitlines() if line.startswith("sdist-ray: error")]
    assert len(lines) == 1
    assert "cannot be written" in lines[0]
    assert "Traceback" not in error
    # Of a run that could not write its first file not even the folder is left.
    left = [path.name for path in (tmp_path / "run").glob("*")]
    assert not [name for name in left if "partial" in name or name == "links.parquet"]


@pytest.mark.ray
def test_ctrl_c_ends_soon_says_what_was_kept_and_leaves_no_ray_process(site, tmp_path):
    # The same videos under many names: enough work to be interrupted in the middle of.
    for number in range(30):
        (tmp_path / f"c{number}.mp4").symlink_to(site / "videos" / f"cam0{number % 3}.mp4")
    # No time to warm up: there is something to be kept from the first range on.
    words = [
        "topology", "source=files", f"source.paths=[{tmp_path}/*.mp4]", f"output={tmp_path}/run",
        "detector.warmup_s=0",
    ]  # fmt: skip
    log = tmp_path / "log"
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "sdist_ray", *words], stderr=file, start_new_session=True
        )
    try:
        until(lambda: "time ranges" in log.read_text() or process.poll() is not None)
        assert any("raylet" in command for command in processes_of(process.pid).values()), log.read_text()
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(120) == 130, log.read_text()
        until(lambda: not processes_of(process.pid))
    finally:
        if left := processes_of(process.pid):
            os.killpg(process.pid, signal.SIGKILL)
    assert not left
    error = log.read_text()
    assert "interrupted; kept" in error
    assert "Traceback" not in error
    # What it had, and it did not wait for the rest.
    assert 0 < pq.read_table(tmp_path / "run" / "occupancy.interrupted.parquet").num_rows < 30 * 400
    assert not (tmp_path / "run" / "links.parquet").exists()


def test_ctrl_c_while_modules_load_shows_no_traceback():
    # Python's own way in: whoever is asked for the module is interrupted.
    code = """
import sys
from sdist_ray.__main__ import start
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "cv2":
            raise KeyboardInterrupt
sys.meta_path.insert(0, Interrupting())
sys.argv = ["sdist-ray", "simulate"]
start()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 130
    assert done.stderr == "sdist-ray: interrupted; no results were written\n"


def test_what_hangs_in_a_library_at_the_end_does_not_keep_a_process():
    # C's own way in: what a library's destructor does.
    code = """
import ctypes, sys
from sdist_ray.__main__ import start
libc = ctypes.CDLL(None)
libc.__cxa_atexit(ctypes.cast(libc.pause, ctypes.c_void_p), None, None)
sys.argv = ["sdist-ray", "nothing"]
start()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2
    assert done.stderr.startswith("sdist-ray: error: no command 'nothing'")


@pytest.mark.parametrize("word", ["--version", "--help"])
def test_whoever_asks_what_there_is_does_not_wait_for_modules_to_load(word):
    code = f"""
import sys
from sdist_ray.__main__ import start
sys.argv = ["sdist-ray", "{word}"]
start()
assert not {{"numpy", "hydra", "cv2"}} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "sdist-ray" in done.stdout


def test_help_and_settings_are_shown(capsys):
    assert main(["--help"]) == 0
    assert "topology" in capsys.readouterr().out
    assert main(["topology", "--cfg", "job"]) == 0
    assert "tolerance: 3" in capsys.readouterr().out
