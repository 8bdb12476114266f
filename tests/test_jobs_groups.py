"""Cameras that are counted in groups: the links of one network, less those between groups; and bad lists."""

import json

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from sdist_ray.jobs.groups import read_groups
from sdist_ray.partition.partitioning import Partitioning
from tests import networks
from tests.test_jobs import refused, topology

CAMERAS = 6
NAMES = networks.names(CAMERAS)
GROUPS = {"c00": "x", "c01": "x", "c02": "y", "c03": "y", "c05": "x"}
COMMON = ("exclusion.range_s=0.4", "topology.estimator=corrected", "topology.threshold=0.05")


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    path = tmp_path_factory.mktemp("recording") / "r.parquet"
    return networks.record(path, networks.activity(CAMERAS, 60), CAMERAS)


@pytest.fixture(scope="module")
def groups(tmp_path_factory):
    path = tmp_path_factory.mktemp("groups") / "groups.csv"
    path.write_text("camera,group\n" + "".join(f"{camera},{group}\n" for camera, group in GROUPS.items()))
    return path


@pytest.fixture(scope="module")
def whole(recording, tmp_path_factory):
    """The links of the network whose cameras are all together, less those of cameras in two groups."""
    folder = tmp_path_factory.mktemp("whole")
    topology(folder, "source=recording", f"source.path={recording}", "runtime=local", *COMMON)
    links = pq.read_table(folder / "links.parquet")
    pairs = zip(links["camera_a"].to_pylist(), links["camera_b"].to_pylist(), strict=True)
    in_one = [GROUPS.get(a) == GROUPS.get(b) is not None for a, b in pairs]
    assert 0 < sum(in_one) < len(in_one)
    return links.filter(pc.equal(in_one, True))


RUNS = [("local", shards, store) for shards in (1, 3) for store in ("dense", "rle", "indexed")]
# The other stores are on Ray in other tests, also with groups that change: test_faults_ray, test_planner.
ON_RAY = pytest.param("ray", 3, "rle", marks=pytest.mark.ray)


@pytest.mark.parametrize(("runtime", "shards", "store"), [*RUNS, ON_RAY])
def test_groups_have_the_links_of_the_whole_network(
    recording, groups, whole, tmp_path, monkeypatch, runtime, shards, store
):
    monkeypatch.setattr("sdist_ray.jobs.topology.write_report", lambda folder: folder)
    topology(
        tmp_path, "source=recording", f"source.path={recording}", "partition=groups",
        f"partition.path={groups}", f"runtime={runtime}", f"runtime.shards={shards}",
        f"exclusion.store={store}", *COMMON,
    )  # fmt: skip
    assert pq.read_table(tmp_path / "links.parquet").equals(whole)
    summary = json.loads((tmp_path / "summary.json").read_text())["partition"]
    assert summary == {
        "kind": "groups", "groups": 2, "largest_group": 3, "cameras": 5, "cost_share": (9 + 4) / 36
    }  # fmt: skip


def test_a_list_is_read_whatever_wrote_it(tmp_path):
    path = tmp_path / "g.csv"
    path.write_bytes('\ufeffcamera,group\r\n"c01",north hall\r\n\r\nc00 , north hall\r\nc02,7\r\n'.encode())
    assert read_groups(path, NAMES) == Partitioning((("c00", "c01"), ("c02",)))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "line 1: the header is '', not 'camera,group'"),
        ("c00,x\n", "line 1: the header is 'c00,x', not 'camera,group'"),
        ("camera,group\n", "no camera has a group"),
        ("camera,group\nc00,x\nc01\n", "line 3: 1 values, not a camera and its group"),
        ("camera,group\nc00,x,y\n", "line 2: 3 values"),
        ("camera,group\nc00,\n", "line 2: no group"),
        ("camera,group\n ,x\n", "line 2: no camera"),
        ("camera,group\nc00,x\n\nc00,y\n", "line 4: camera 'c00' has a group in line 2 already"),
        ("camera,group\nnobody,x\n", "line 2: camera 'nobody' is not in the network"),
        ('camera,group\nc00,"x\n', "line 2: unexpected end of data"),
        (b"camera,group\nc\xff,x\n", "not a text file in UTF-8"),
    ],
)
def test_a_bad_list_ends_in_one_line(capsys, recording, tmp_path, text, says):
    path = tmp_path / "groups.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    source = ["source=recording", f"source.path={recording}", "runtime=local", f"output={tmp_path}/run"]
    said = refused(capsys, "topology", *source, "partition=groups", f"partition.path={path}")
    assert says in said
    assert "groups.csv" in said


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["partition=groups"], "partition=groups needs partition.path=FILE"),
        (["partition.path=x.csv"], "partition.path needs partition=groups"),
        (["partition=groups", "partition.path=/nowhere/x.csv"], "No such file"),
        (["partition=groups", "partition.path=/dev/zero"], "a pipe or a device"),
    ],
)
def test_settings_that_make_no_sense_end_in_one_line(capsys, recording, tmp_path, arguments, says):
    source = ["source=recording", f"source.path={recording}", "runtime=local", f"output={tmp_path}/run"]
    assert says in refused(capsys, "topology", *source, *arguments)
